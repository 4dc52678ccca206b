//! What becomes of each new request before anything is kept of it, and what may be answered to whom.
//!
//! The rules are elsewhere: which peer a source is in `sip::access`, which methods are heard from it in the table of methods,
//! how many calls a trunk may bring in its profile. Here they are asked in order.

use super::inside::{Comes, Peers};
use super::refusals::{Cause, Refusals};
use super::trunking::Trunking;
use super::{Duty, Gateway, Output, Trunk};
use crate::id::TrunkId;
use crate::sip::access::{
    Class, Names, PeerClass, Rule, allowed, class, is_register, nonces_of_register, option_tags,
    outside_a_dialog,
};
use crate::sip::registrar::named_by;
use crate::sip::{
    Flow, Holding, Message, Method, NewRequest, PeerId, Rejection, RequestKind, Shedding, Transport, demands,
};
use crate::time::{Mono, Now};
use crate::token_bucket::Rate;
use std::borrow::Cow;
use std::collections::HashMap;

/// How much there is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pressure {
    /// More comes than can be read.
    pub(super) flooded: bool,
    /// The event loop is behind with what those we know bring.
    pub(super) overloaded: bool,
    /// The journal is behind.
    pub(super) journal_backed_up: bool,
}

impl Pressure {
    /// What speaks against one more call of a trunk that is, or is no more, within its rate.
    pub(super) fn objects(self, within_rate: bool) -> Option<Cause> {
        match within_rate {
            false => Some(Cause::CallRate),
            true if self.overloaded || self.journal_backed_up => Some(Cause::Overload),
            true => None,
        }
    }
}

/// The parts of the gateway that judge a request.
pub(super) struct Admission<'a> {
    pub(super) now: Now,
    pub(super) peers: Peers<'a>,
    pub(super) names: &'a Names,
    pub(super) trunks: &'a mut HashMap<TrunkId, Trunk>,
    pub(super) trunking: &'a Trunking,
    pub(super) refusals: &'a mut Refusals,
    pub(super) pressure: Pressure,
    pub(super) duty: Duty,
    /// The user of a REGISTER that named a host which is not ours.
    pub(super) misnamed: Option<String>,
}

/// Live transactions the seats behind one address may hold: those of some hundred phones that register and call in one
/// half-minute.
const SEATS_SHARE: usize = 8_192;

/// Live transactions one unknown source may hold: the registrations of an office of phones that come back at once.
const UNKNOWN_SHARE: usize = 1_024;

/// REGISTERs a second of all sources together that are read although their own source has no tokens left: a fleet of 200
/// phones that comes back within a second during a flood in its name. Each costs a parsing and one challenge.
const RESERVE: Rate = Rate::per_second(200);

/// Octets a transaction of theirs may have been begun by, on average.
const OCTETS_EACH: usize = 4_096;

/// Live transactions one address of a trunk may hold: an INVITE, a BYE and two more for each call of the half-minute a
/// transaction is kept. Never fewer than what costs little, never more than three quarters of all there may be.
fn trunks_share(calls_per_second: u32) -> usize {
    (calls_per_second as usize).saturating_mul(4 * 32).clamp(4_096, 98_304)
}

impl Admission<'_> {
    /// What becomes of a request.
    pub(super) fn judge(&mut self, new: &NewRequest) -> Result<(), Rejection> {
        let (flow, request) = (new.flow(), new.request());
        let Some(method) = request.method() else { return Ok(()) };
        let peer = self.peers.access.identify_user(flow, self.peers.registrar, &user_of(request));
        let at = PeerClass::from(&peer);
        match new.kind() {
            RequestKind::New(holding) => {
                self.judge_for(&peer, flow, method, request)?;
                self.within_share(&peer, request, holding)
            }
            // An ACK cannot be asked for a password, nor answered; what it acknowledges is retransmitted until the peer's comes.
            RequestKind::Ack => match self.peers.inside(flow, request) {
                Some(Comes::FromPeer) | None => Ok(()),
                Some(Comes::Unproved(_) | Comes::FromElsewhere) => {
                    self.refusals.count(at, Cause::Source);
                    Err(Rejection::Drop)
                }
            },
            RequestKind::Cancel(invited) if self.peers.may_cancel(flow, &invited) => Ok(()),
            RequestKind::Cancel(_) => self.refuse(at, Cause::Source, 481, Vec::new()),
        }
    }

    /// A source that holds its share already gets no further transaction; what belongs to its calls has a quarter more.
    fn within_share(&mut self, peer: &PeerId, request: &Message, holding: Holding) -> Result<(), Rejection> {
        let share = match peer {
            PeerId::Trunk(trunk) => {
                self.trunks.get(trunk).map_or(UNKNOWN_SHARE, |t| trunks_share(t.capacity.calls_per_second()))
            }
            PeerId::Seat(_) => SEATS_SHARE,
            PeerId::Unknown => UNKNOWN_SHARE,
        };
        let begins = request.to_tag().is_none();
        let share = if begins { share } else { share + share / 4 };
        if holding.transactions < share && holding.octets < share * OCTETS_EACH {
            return Ok(());
        }
        self.refusals.count(PeerClass::from(peer), Cause::Share);
        match request.method() {
            Some(Method::Invite) if begins => Err(Rejection::Shed(Shedding::Singly)),
            _ => Err(Rejection::Drop),
        }
    }

    fn judge_for(
        &mut self,
        peer: &PeerId,
        flow: &Flow,
        method: &Method,
        request: &Message,
    ) -> Result<(), Rejection> {
        let at = PeerClass::from(peer);
        if request.to_tag().is_some() {
            return match self.peers.inside(flow, request) {
                Some(Comes::FromPeer | Comes::Unproved(_)) => Ok(()),
                Some(Comes::FromElsewhere) => self.refuse(at, Cause::Source, 481, Vec::new()),
                // Nothing is kept of a question about a dialog that is not ours, whoever asks.
                None => self.refuse(at, Cause::Dialog, 481, Vec::new()),
            };
        }
        if let Rule::Refuse(status) = outside_a_dialog(at, method) {
            let cause = if status == 481 { Cause::Dialog } else { Cause::Method };
            return self.refuse(at, cause, status, listed(at, status));
        }
        // A trunk calls its service numbers under what host it likes. Who registers is asked alike wherever it comes from:
        // once it has, it is a seat, and would be refused what it was granted.
        let any_host = at == PeerClass::Trunk && *method != Method::Register;
        if !any_host && !self.names.are_asked(flow, request) {
            self.misnamed = (*method == Method::Register).then(|| named_by(request));
            return self.refuse(at, Cause::Host, 404, Vec::new());
        }
        // Whoever asks for what nobody here can do hears so before anything is looked up or kept.
        if matches!(method, Method::Register | Method::Options)
            && let Some((status, header)) = demands::unmet(request)
        {
            let header = header.into_iter().map(|(name, value)| (name, Cow::Owned(value)));
            return Err(Rejection::Answer(status, header.collect()));
        }
        match (peer, method) {
            // Until its password is proved it is no call, and spends nothing of what the trunk may bring.
            (PeerId::Trunk(trunk), Method::Invite) if self.trunking.asks_password(trunk) => Ok(()),
            (PeerId::Trunk(trunk), Method::Invite) => self.judge_call(trunk),
            // Nor is anything kept of the question whether we are there.
            (_, Method::Options) if self.duty == Duty::Serving => Err(Rejection::Answer(200, told(at))),
            (_, Method::Options) => Err(Rejection::Answer(503, Vec::new())),
            _ => Ok(()),
        }
    }

    /// A new call of a trunk: within its rate it is served, above it is shed.
    fn judge_call(&mut self, trunk: &TrunkId) -> Result<(), Rejection> {
        let within = self.trunks.get_mut(trunk).is_none_or(|t| t.capacity.is_within_rate(self.now.mono));
        let Some(cause) = self.pressure.objects(within) else { return Ok(()) };
        self.refusals.count(PeerClass::Trunk, cause);
        // What a trunk brings beyond its rate, or a sender in its name, must not fill the disk.
        Err(Rejection::Shed(if within { Shedding::Singly } else { Shedding::InBulk }))
    }

    fn refuse(
        &mut self,
        at: PeerClass,
        cause: Cause,
        status: u16,
        headers: Vec<(&'static str, Cow<'static, str>)>,
    ) -> Result<(), Rejection> {
        self.refusals.count(at, cause);
        Err(Rejection::Answer(status, headers))
    }
}

/// The user a request says it comes from.
pub(super) fn user_of(request: &Message) -> String {
    request.from().parsed_uri().ok().and_then(|uri| uri.user_text()).unwrap_or_default()
}

fn listed(at: PeerClass, status: u16) -> Vec<(&'static str, Cow<'static, str>)> {
    match status {
        405 | 501 => told(at),
        _ => Vec::new(),
    }
}

/// What we can do, for whoever asks by OPTIONS (RFC 3261 section 11.2) or uses a method we do not hear.
fn told(at: PeerClass) -> Vec<(&'static str, Cow<'static, str>)> {
    let supported = option_tags(at).join(", ");
    vec![("Allow", allowed(at).into()), ("Accept", "application/sdp".into()), ("Supported", supported.into())]
}

impl Gateway {
    /// Whether a packet is to be read at all. Asked before parsing; of its bytes only the first are looked at.
    pub(super) fn is_heard(&mut self, now: Mono, flow: &Flow, bytes: &[u8]) -> bool {
        let class = class(bytes);
        let (at, cause) = match self.access.identify(flow, &self.registrar) {
            PeerId::Trunk(trunk) if class == Class::NewCall => {
                let heard = self.trunks.get_mut(&trunk).is_none_or(|t| t.capacity.is_readable(now));
                (PeerClass::Trunk, (!heard).then_some(Cause::Rate))
            }
            PeerId::Trunk(_) => (PeerClass::Trunk, None),
            _ if self.trunking.trunks.reaches(flow) => (PeerClass::Trunk, None),
            _ if self.access.knows(flow, &self.registrar) => {
                let heard = matches!(class, Class::InProgress | Class::Cancel)
                    || self.access.admit_seat(now, flow.remote.ip());
                (PeerClass::Seat, (!heard).then_some(Cause::Rate))
            }
            _ if (self.pressure.overloaded || self.pressure.flooded) && class == Class::NewCall => {
                (PeerClass::Unknown, Some(Cause::Overload))
            }
            _ => {
                let heard =
                    self.access.admit(now, flow, &self.registrar) || self.may_register(now, flow, bytes);
                (PeerClass::Unknown, (!heard).then_some(Cause::Rate))
            }
        };
        if let Some(cause) = cause {
            self.tallies.shed_before_parsing += 1;
            self.tallies.refusals.count(at, cause);
            return false;
        }
        // One we know earns too: his Via may have the answer go to another port of his, which nobody knows.
        if flow.transport == Transport::Udp {
            self.allowance.earn(now, flow.remote.ip(), bytes.len());
        }
        true
    }

    /// Whether these bytes are a REGISTER that is read although its source has no tokens left: false datagrams with an
    /// office's address must not keep its phones out. A phone's first REGISTER has the reserve of all sources; its second
    /// has a nonce of ours for its source, which who writes a false address does not hear.
    fn may_register(&mut self, now: Mono, flow: &Flow, bytes: &[u8]) -> bool {
        if !is_register(bytes) {
            return false;
        }
        let mut nonces = nonces_of_register(bytes);
        match nonces.any(|nonce| self.registrar.made(now, flow, nonce)) {
            true => self.access.admit_answer(now, flow.remote.ip()),
            false => self.reserve.take(now, RESERVE),
        }
    }

    /// Whether an answer may leave: to one we know always, to an unproved source within its allowance.
    pub(super) fn may_answer(&mut self, now: Mono, flow: &Flow, bytes: &[u8]) -> bool {
        let is_answer = bytes.starts_with(b"SIP/2.0 ");
        if flow.transport != Transport::Udp || !is_answer || self.knows(flow) {
            return true;
        }
        let enough = self.allowance.spend(now, flow.remote.ip(), bytes.len());
        if !enough {
            self.tallies.refusals.count(PeerClass::Unknown, Cause::Amplification);
        }
        enough
    }

    /// Hands out what the endpoint wants sent, in order with everything else.
    pub(super) fn flush(&mut self, now: Now, out: &mut Vec<Output>) {
        let mut wire = std::mem::take(&mut self.wire);
        for crate::sip::Output::Send { flow, bytes } in wire.drain(..) {
            if self.may_answer(now.mono, &flow, &bytes) {
                self.tap(now, true, &flow, &bytes, out);
                out.push(Output::Send { flow, bytes });
            }
        }
        self.wire = wire;
    }
}
