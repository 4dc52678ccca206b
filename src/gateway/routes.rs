//! The ways from a transaction to a leg, and from a leg to its call: what a message belongs to is looked up here.
//!
//! Our tag in a dialog is the leg's id, so that a request inside a dialog needs no table of dialogs.

use crate::id::{CallId, LegId, TrunkId};
use crate::room::give_back;
use crate::sip::locate::Hop;
use crate::sip::{ClientTx, Flow, Message, Method, Outgoing, ServerTx};
use std::collections::HashMap;

/// How many INVITE transactions are remembered: incoming ones of one call, to tell it when a 200 OK is never
/// acknowledged, and ours of one leg, whose 2xx may come again. A re-INVITE past this pushes the oldest out; only a peer
/// that floods its own dialog gets there.
pub(super) const INVITES_KEPT: usize = 4;

/// Bounded by the legs and the transactions.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// The call of each leg.
    legs: HashMap<LegId, CallId>,
    /// The requests of calls that have no final response yet, and INVITEs as long as their leg lives.
    clients: HashMap<ClientTx, Sent>,
    /// The INVITEs sent on a leg, the newest last; at most [`INVITES_KEPT`].
    invites: HashMap<LegId, Vec<ClientTx>>,
    /// The call and leg of each INVITE that came.
    servers: HashMap<ServerTx, Owner>,
    /// Legs that go out by a trunk.
    outbound: HashMap<LegId, Outbound>,
}

/// The call and the leg that something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) call: CallId,
    pub(super) leg: LegId,
}

/// A request a call sent: whose it is and what it asked for.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) owner: Owner,
    pub(super) method: Method,
    pub(super) cseq: u32,
    /// The request itself, where its trunk may ask for a password.
    pub(super) provable: Option<Box<Provable>>,
    /// What goes by UDP instead, when no stream to the peer can be had.
    pub(super) instead: Option<Box<Instead>>,
}

/// A request that went by a stream for its length, and the flow it would have taken.
#[derive(Debug, Clone)]
pub(super) struct Instead {
    pub(super) flow: Flow,
    pub(super) request: Outgoing,
}

/// A request as it went out, to be sent again with a password.
#[derive(Debug, Clone)]
pub(super) struct Provable {
    pub(super) trunk: TrunkId,
    pub(super) flow: Flow,
    pub(super) request: Outgoing,
}

/// A leg that goes out: the trunk it takes a channel of, and where its INVITE went.
#[derive(Debug)]
struct Outbound {
    trunk: TrunkId,
    hop: Option<Hop>,
}

impl Routes {
    /// A call has a leg.
    pub(super) fn leg_up(&mut self, owner: Owner) {
        self.legs.insert(owner.leg, owner.call);
    }

    /// A leg is gone, with all that leads to it. Gives the trunk whose channel it had.
    pub(super) fn leg_down(&mut self, leg: LegId) -> Option<TrunkId> {
        self.legs.remove(&leg);
        for tx in self.invites.remove(&leg).unwrap_or_default() {
            self.clients.remove(&tx);
        }
        self.outbound.remove(&leg).map(|outbound| outbound.trunk)
    }

    /// The call of a leg.
    pub(super) fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.legs.get(&leg).copied()
    }

    /// The call and leg a request names by its To tag.
    pub(super) fn named_by(&self, request: &Message) -> Option<Owner> {
        let leg: LegId = request.to_tag()?.parse().ok()?;
        self.call_of(leg).map(|call| Owner { call, leg })
    }

    /// How many legs there are.
    pub(super) fn legs(&self) -> usize {
        self.legs.len()
    }

    /// A call sent a request. An INVITE is remembered as long as its leg lives: its 2xx may come again.
    pub(super) fn sent(&mut self, tx: ClientTx, sent: Sent) {
        if sent.method == Method::Invite {
            let invites = self.invites.entry(sent.owner.leg).or_default();
            if invites.len() == INVITES_KEPT {
                self.clients.remove(&invites.remove(0));
            }
            invites.push(tx);
        }
        self.clients.insert(tx, sent);
    }

    /// The request of a call that went out in this transaction.
    pub(super) fn request(&self, tx: ClientTx) -> Option<&Sent> {
        self.clients.get(&tx)
    }

    /// The same, forgotten from here on.
    pub(super) fn take_request(&mut self, tx: ClientTx) -> Option<Sent> {
        self.clients.remove(&tx)
    }

    /// The datagram that may still go in place of a request by a stream, with the request; both are forgotten then.
    pub(super) fn take_instead(&mut self, tx: ClientTx) -> Option<(Sent, Instead)> {
        let instead = self.clients.get_mut(&tx)?.instead.take()?;
        Some((self.clients.remove(&tx)?, *instead))
    }

    /// A request went its way: the peer was heard, or no answer is wanted any more.
    pub(super) fn never_instead(&mut self, tx: ClientTx) {
        if let Some(sent) = self.clients.get_mut(&tx) {
            sent.instead = None;
        }
    }

    /// The newest INVITE sent on a leg.
    pub(super) fn newest_invite(&self, leg: LegId) -> Option<ClientTx> {
        self.invites.get(&leg)?.last().copied()
    }

    /// The INVITE sent on a leg with this CSeq number.
    pub(super) fn invite(&self, leg: LegId, cseq: u32) -> Option<&Sent> {
        let invites = self.invites.get(&leg)?.iter().rev().filter_map(|tx| self.clients.get(tx));
        { invites }.find(|sent| sent.cseq == cseq)
    }

    /// An INVITE came for a leg.
    pub(super) fn received(&mut self, tx: ServerTx, owner: Owner) {
        self.servers.insert(tx, owner);
    }

    /// An INVITE that came is not answered or acknowledged any more.
    pub(super) fn forget_received(&mut self, tx: ServerTx) {
        self.servers.remove(&tx);
    }

    /// Whose an INVITE is that came.
    pub(super) fn owner(&self, tx: ServerTx) -> Option<Owner> {
        self.servers.get(&tx).copied()
    }

    /// A leg goes out by a trunk.
    pub(super) fn goes_out(&mut self, leg: LegId, trunk: TrunkId) {
        self.outbound.insert(leg, Outbound { trunk, hop: None });
    }

    /// The trunk a leg goes out by.
    pub(super) fn trunk_of(&self, leg: LegId) -> Option<&TrunkId> {
        self.outbound.get(&leg).map(|outbound| &outbound.trunk)
    }

    /// The trunk a leg goes out by, and where its first INVITE went.
    pub(super) fn hop_of(&self, leg: LegId) -> Option<(&TrunkId, Hop)> {
        let outbound = self.outbound.get(&leg)?;
        Some((&outbound.trunk, outbound.hop?))
    }

    /// An INVITE on a leg goes there. The first counts.
    pub(super) fn first_hop(&mut self, leg: LegId, flow: Flow) {
        if let Some(outbound) = self.outbound.get_mut(&leg) {
            outbound.hop.get_or_insert(flow.into());
        }
    }

    /// A call's INVITE takes another flow than it was to: what is learnt of its hop is learnt of that.
    pub(super) fn rerouted(&mut self, sent: &Sent, from: Flow, to: Flow) {
        if let Some(outbound) = self.outbound.get_mut(&sent.owner.leg)
            && sent.method == Method::Invite
            && outbound.hop == Some(from.into())
        {
            outbound.hop = Some(to.into());
        }
    }

    /// How much is kept beside the legs.
    pub(super) fn len(&self) -> usize {
        self.outbound.len() + self.clients.len() + self.invites.len() + self.servers.len()
    }

    /// Gives room back after a peak.
    pub(super) fn give_back(&mut self) {
        give_back(&mut self.legs);
        give_back(&mut self.clients);
        give_back(&mut self.invites);
        give_back(&mut self.servers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Random;
    use crate::sip::{Endpoint, EndpointConfig, Transport};
    use crate::time::{Mono, Now, Wall};

    const NOW: Now = Now { mono: Mono(1), wall: Wall(1) };

    fn flow(transport: Transport) -> Flow {
        let (local, remote) = ("192.0.2.1:5060".parse().unwrap(), "192.0.2.9:5060".parse().unwrap());
        Flow { transport, local, remote, connection: None }
    }

    /// One leg of one call, and numbers of transactions as an endpoint gives them.
    struct Scene {
        routes: Routes,
        owner: Owner,
        endpoint: Endpoint,
    }

    impl Scene {
        fn new() -> Scene {
            let mut random = Random::from_number(7);
            let owner =
                Owner { call: CallId::new(NOW.wall, &mut random), leg: LegId::new(NOW.wall, &mut random) };
            let mut routes = Routes::default();
            routes.leg_up(owner);
            Scene { routes, owner, endpoint: Endpoint::new(EndpointConfig::default(), random) }
        }

        fn sends(&mut self, method: Method, cseq: u32) -> ClientTx {
            let request = Outgoing::request(method.clone(), b"sip:a@192.0.2.9")
                .with("Call-ID", "c")
                .with("CSeq", format!("{cseq} {method}"));
            let tx = self.endpoint.request(NOW, flow(Transport::Udp), request, &mut Vec::new());
            let sent = Sent { owner: self.owner, method, cseq, provable: None, instead: None };
            self.routes.sent(tx, sent);
            tx
        }
    }

    #[test]
    fn a_leg_that_is_gone_leaves_nothing_behind() {
        let mut s = Scene::new();
        let tx = s.sends(Method::Invite, 1);
        s.routes.goes_out(s.owner.leg, "city".into());
        assert_eq!(s.routes.request(tx).map(|sent| sent.owner), Some(s.owner));
        assert_eq!(s.routes.call_of(s.owner.leg), Some(s.owner.call));
        assert_eq!(s.routes.leg_down(s.owner.leg), Some("city".into()));
        assert_eq!((s.routes.len(), s.routes.legs(), s.routes.call_of(s.owner.leg)), (0, 0, None));
    }

    #[test]
    fn of_many_invites_of_a_leg_the_newest_are_kept() {
        let mut s = Scene::new();
        let all: Vec<ClientTx> = (1..=6).map(|cseq| s.sends(Method::Invite, cseq)).collect();
        let kept: Vec<bool> = all.iter().map(|tx| s.routes.request(*tx).is_some()).collect();
        assert_eq!(kept, [false, false, true, true, true, true]);
        assert_eq!(s.routes.newest_invite(s.owner.leg), all.last().copied());
        assert_eq!(s.routes.invite(s.owner.leg, 4).map(|sent| sent.cseq), Some(4));
        assert!(s.routes.invite(s.owner.leg, 1).is_none());
    }

    #[test]
    fn the_hop_of_a_leg_is_where_its_first_invite_really_went() {
        let mut s = Scene::new();
        let (leg, udp, tcp) = (s.owner.leg, flow(Transport::Udp), flow(Transport::Tcp));
        s.routes.first_hop(leg, udp);
        assert_eq!(s.routes.hop_of(leg), None, "it goes out by no trunk");
        s.routes.goes_out(leg, "city".into());
        s.routes.first_hop(leg, udp);
        s.routes.first_hop(leg, tcp);
        assert_eq!(s.routes.hop_of(leg), Some((&"city".into(), Hop::from(udp))));
        let sent = Sent { owner: s.owner, method: Method::Invite, cseq: 1, provable: None, instead: None };
        s.routes.rerouted(&sent, udp, tcp);
        assert_eq!(s.routes.hop_of(leg), Some((&"city".into(), Hop::from(tcp))));
        s.routes.rerouted(&Sent { method: Method::Bye, ..sent }, tcp, udp);
        assert_eq!(s.routes.hop_of(leg), Some((&"city".into(), Hop::from(tcp))), "a BYE says nothing of it");
    }

    #[test]
    fn a_datagram_goes_in_place_of_a_stream_once_and_never_after_a_response() {
        let mut s = Scene::new();
        let instead = || {
            let request = Outgoing::request(Method::Bye, b"sip:a@192.0.2.9");
            Some(Box::new(Instead { flow: flow(Transport::Udp), request }))
        };
        let (one, two) = (s.sends(Method::Bye, 1), s.sends(Method::Bye, 2));
        for tx in [one, two] {
            s.routes.clients.get_mut(&tx).unwrap().instead = instead();
        }
        s.routes.never_instead(two);
        assert!(s.routes.take_instead(one).is_some_and(|(sent, _)| sent.cseq == 1));
        assert!(s.routes.take_instead(one).is_none() && s.routes.take_instead(two).is_none());
        assert!(s.routes.request(one).is_none() && s.routes.request(two).is_some());
    }
}
