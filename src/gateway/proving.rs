//! Requests of calls to trunks: sent with the trunk's password where it asks for one (RFC 3261 section 22), by a stream
//! where they are too long for a datagram (section 18.1.1), and what their answers say of the way they went.
//!
//! The nonces are the trunk's and serve all its calls. A dialog's numbers are its call's: what is sent again goes by
//! the number the call gives it.

use super::alarm::{Alarm, Cleared};
use super::routes::{Instead, Owner, Provable, Sent};
use super::{Gateway, Output};
use crate::id::{LegId, TrunkId};
use crate::sip::locate::Hop;
use crate::sip::{ClientTx, Flow, Message, Method, Outgoing, Status, Transport};
use crate::time::Now;

/// Longest request sent in a datagram, in octets, where the peer is known to take streams: a longer one may be cut up on
/// the way and lost with any of its pieces (RFC 3261 section 18.1.1).
const LONGEST_DATAGRAM: usize = 1300;

/// What the endpoint adds before a request leaves: our Via with a name of usual length, in octets.
const VIA: usize = 110;

impl Gateway {
    /// Sends a request of a call.
    pub(super) fn request_on(&mut self, now: Now, owner: Owner, flow: Flow, request: Outgoing) {
        let Some(method) = request.method().cloned() else { return };
        // The target that is tried first is the one a later failure is counted against.
        if method == Method::Invite {
            self.routes.first_hop(owner.leg, flow);
        }
        let (provable, request) = match self.password_for(owner) {
            Some(trunk) => {
                let request = self.trunking.peers.authorised(&trunk, request);
                (Some(Provable { trunk, flow, request: request.clone() }), request)
            }
            None => (None, request),
        };
        let (cseq, provable) = (request.cseq(), provable.map(Box::new));
        self.send(now, flow, request, Sent { owner, method, cseq, provable, instead: None });
    }

    fn send(&mut self, now: Now, mut flow: Flow, request: Outgoing, mut sent: Sent) {
        // The datagram is kept until the stream has answered: not every TCP port is one of SIP.
        if let Some(stream) = self.stream_for(&sent, &flow, &request) {
            self.routes.rerouted(&sent, flow, stream);
            sent.instead = Some(Box::new(Instead { flow, request: request.clone() }));
            flow = stream;
        }
        self.send_by(now, flow, request, sent);
    }

    fn send_by(&mut self, now: Now, flow: Flow, request: Outgoing, sent: Sent) {
        let tx = self.signalling.request(now, flow, request);
        self.routes.sent(tx, sent);
    }

    /// The TCP path to the same address, for a request that is too long for a datagram: where the search for its trunk
    /// found TCP there too, and it is not known to be dead.
    fn stream_for(&self, sent: &Sent, flow: &Flow, request: &Outgoing) -> Option<Flow> {
        if flow.transport != Transport::Udp {
            return None;
        }
        let trunk = self.trunk_of_owner(sent.owner)?;
        let hop = Hop { transport: Transport::Tcp, remote: flow.remote };
        let stream = self.trunking.peers.reachable_flow(trunk, hop)?;
        (request.encode().len() + VIA > LONGEST_DATAGRAM).then_some(stream)
    }

    /// A request that went by a stream for its length found none: it goes in a datagram all the same, and so do others
    /// until a response comes from there. Gives whether it did.
    pub(super) fn sent_instead(&mut self, now: Now, tx: ClientTx, out: &mut Vec<Output>) -> bool {
        let Some((sent, Instead { flow, request })) = self.routes.take_instead(tx) else { return false };
        if sent.method == Method::Invite {
            self.trunk_call_failed(now, sent.owner.leg, out);
            self.routes.rerouted(&sent, Flow { transport: Transport::Tcp, ..flow }, flow);
        }
        self.send_by(now, flow, request, sent);
        true
    }

    /// The trunk at the other end of a leg, when there is a password for it.
    fn password_for(&self, owner: Owner) -> Option<TrunkId> {
        let trunk = self.trunk_of_owner(owner)?;
        self.trunking.peers.has_password(trunk).then(|| trunk.clone())
    }

    fn trunk_of_owner(&self, owner: Owner) -> Option<&TrunkId> {
        match self.calls.get(owner.call) {
            Some(slot) => self.trunk_at(slot, owner.leg),
            None => self.routes.trunk_of(owner.leg),
        }
    }

    /// The ACK of a 2xx carries what its INVITE proved (RFC 3261 section 13.2.2.4).
    pub(super) fn proved_ack(&self, leg: LegId, mut ack: Outgoing) -> Outgoing {
        let invite = self.routes.invite(leg, ack.cseq()).and_then(|sent| sent.provable.as_ref());
        let Some(invite) = invite else { return ack };
        for name in ["Authorization", "Proxy-Authorization"] {
            for value in invite.request.all(name) {
                ack = ack.with(name, value);
            }
        }
        ack
    }

    /// A response to a request of a call. Gives whether it was dealt with here: the trunk asked for the password, and
    /// the request went out again with it.
    pub(super) fn trunk_answered(
        &mut self,
        now: Now,
        tx: ClientTx,
        response: &Message,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(status) = response.status().filter(|status| *status > Status::TRYING) else { return false };
        let Some(sent) = self.routes.request(tx) else { return false };
        let leg = sent.owner.leg;
        let invites = sent.method == Method::Invite && self.routes.trunk_of(leg).is_some();
        // 503 says of the target that it takes no call now (RFC 3263 section 4.3); any other answer that it lives.
        if invites && status == Status::SERVICE_UNAVAILABLE {
            self.trunk_call_failed(now, leg, out);
        } else if invites {
            self.trunk_call_answered(now, leg, out);
        }
        if status.asks_for_proof() {
            return self.proves(now, tx, response, out);
        }
        if invites && status.is_success() {
            self.let_in(now, leg, out);
        }
        false
    }

    fn proves(&mut self, now: Now, tx: ClientTx, response: &Message, out: &mut Vec<Output>) -> bool {
        let Some(Sent { owner, method, cseq, provable, .. }) = self.routes.request(tx).cloned() else {
            return false;
        };
        let Owner { call, leg } = owner;
        let again =
            provable.as_ref().and_then(|p| self.trunking.peers.challenged(&p.trunk, response, &p.request));
        let (Some(again), Some(was)) = (again, provable) else {
            self.locked_out(now, leg, out);
            return false;
        };
        let number =
            self.calls.get_mut(call).and_then(|slot| slot.call.leg_mut(leg)?.renumbered(response, cseq));
        let Some(number) = number else { return false };
        // The challenged transaction is over; the request goes out by a new one (RFC 3261 section 22.2).
        self.routes.take_request(tx);
        let request = again.set("CSeq", format!("{number} {}", method.as_str()));
        let provable = Some(Box::new(Provable { request: request.clone(), ..*was }));
        self.send(now, was.flow, request, Sent { owner, method, cseq: number, provable, instead: None });
        true
    }

    /// A trunk asks for a password, and has none of us or does not accept the one it got.
    fn locked_out(&mut self, now: Now, leg: LegId, out: &mut Vec<Output>) {
        let Some(trunk) = self.routes.trunk_of(leg).cloned() else { return };
        let alarm = match self.trunking.peers.has_password(&trunk) {
            true => Alarm::TrunkPasswordRejected { trunk },
            false => Alarm::TrunkPasswordMissing { trunk },
        };
        self.raise(now, &alarm, out);
    }

    fn let_in(&mut self, now: Now, leg: LegId, out: &mut Vec<Output>) {
        let Some(trunk) = self.routes.trunk_of(leg).cloned() else { return };
        self.clear(now, &Cleared::TrunkPassword { trunk }, out);
    }
}
