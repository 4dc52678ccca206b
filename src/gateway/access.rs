//! Access control at work: which peer a flow belongs to, whether its packets are read, and what may be answered to it.

use super::pressure::Pressure;
use super::refusals::{RefusalCause, Refusals};
use super::registrations::Failed;
use super::trunking::Trunking;
use crate::id::{SeatId, TrunkId};
use crate::sip::access::{
    AccessControl, Allowance, Class, Names, PeerClass, class, is_register, nonces_of_register,
};
use crate::sip::{Flow, Message, PeerId, Registrar, Transport};
use crate::time::Mono;
use crate::token_bucket::{Rate, TokenBucket};

/// REGISTERs a second of all sources together that are read although their own source has no tokens left: a fleet of 200
/// phones that comes back within a second during a flood in its name. Each costs a parsing and one challenge.
const RESERVE: Rate = Rate::per_second(200);

/// Who is known, what an unknown source may send and be sent, and what was turned away.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) control: AccessControl,
    pub(super) registrar: Registrar,
    pub(super) names: Names,
    /// What unknown sources may be answered.
    allowance: Allowance,
    /// For REGISTERs of sources that have no tokens left.
    reserve: TokenBucket,
    pub(super) pressure: Pressure,
    pub(super) refusals: Refusals,
    pub(super) registrations: Failed,
    /// Packets that were not read.
    pub(super) unread: u64,
    /// Calls of unknown sources turned away.
    pub(super) unknown_total: u64,
}

impl Access {
    pub(super) fn new(control: AccessControl, registrar: Registrar, names: Names) -> Access {
        Access {
            control,
            registrar,
            names,
            allowance: Allowance::default(),
            reserve: TokenBucket::default(),
            pressure: Pressure::default(),
            refusals: Refusals::default(),
            registrations: Failed::default(),
            unread: 0,
            unknown_total: 0,
        }
    }

    /// Which peer is behind a flow: see [`AccessControl::identify`].
    pub(super) fn identify(&self, flow: &Flow) -> PeerId {
        self.control.identify(flow, &self.registrar)
    }

    /// Which peer sent a request, by its flow and the user of its From: see [`AccessControl::identify_user`].
    pub(super) fn sender(&self, flow: &Flow, request: &Message) -> PeerId {
        self.named(flow, &user_of(request))
    }

    /// Which peer is behind a flow, given this user: see [`AccessControl::identify_user`].
    pub(super) fn named(&self, flow: &Flow, user: &str) -> PeerId {
        self.control.identify_user(flow, &self.registrar, user)
    }

    /// Whether a trunk or a registered seat is behind a flow.
    pub(super) fn knows(&self, flow: &Flow) -> bool {
        self.control.knows(flow, &self.registrar)
    }

    /// Whether a flow comes from a phone of this seat, as far as it is registered or has a configured address.
    pub(super) fn is_of_seat(&self, seat: &SeatId, flow: &Flow) -> bool {
        let mut bound = self.registrar.bindings(seat).iter();
        bound.any(|binding| binding.flow.ends_where(flow))
            || self.named(flow, seat.as_str()) == PeerId::Seat(seat.clone())
    }

    /// Whether a CANCEL that came by `flow` may cancel an INVITE that came by `invited`: it takes the same path, hop by hop
    /// (RFC 3261 section 9.1).
    pub(super) fn may_cancel(&self, flow: &Flow, invited: &Flow) -> bool {
        let trunk = |flow: &Flow| -> Option<TrunkId> {
            match self.identify(flow) {
                PeerId::Trunk(trunk) => Some(trunk),
                PeerId::Seat(_) | PeerId::Unknown => None,
            }
        };
        invited.ends_where(flow) || trunk(flow).is_some_and(|of| trunk(invited) == Some(of))
    }

    /// Whether a new connection is to be taken.
    pub(super) fn admits(&mut self, now: Mono, flow: &Flow) -> bool {
        self.control.admit(now, flow, &self.registrar)
    }

    /// Whether a packet is to be read at all. Asked before parsing; of its bytes only the first are looked at.
    pub(super) fn is_read(&mut self, now: Mono, flow: &Flow, bytes: &[u8], trunking: &mut Trunking) -> bool {
        let class = class(bytes);
        let (at, cause) = match self.identify(flow) {
            PeerId::Trunk(trunk) if class == Class::NewCall => {
                let is_readable = trunking.is_readable(&trunk, now);
                (PeerClass::Trunk, (!is_readable).then_some(RefusalCause::Rate))
            }
            PeerId::Trunk(_) => (PeerClass::Trunk, None),
            PeerId::Seat(_) | PeerId::Unknown if trunking.peers.reaches(flow) => (PeerClass::Trunk, None),
            // Several seats may share a flow: then no one of them is named, and yet it is known.
            PeerId::Seat(_) | PeerId::Unknown if self.knows(flow) => {
                let is_read = matches!(class, Class::InProgress | Class::Cancel)
                    || self.control.admit_seat(now, flow.remote.ip());
                (PeerClass::Seat, (!is_read).then_some(RefusalCause::Rate))
            }
            PeerId::Seat(_) | PeerId::Unknown => {
                (PeerClass::Unknown, self.objects_to_unknown(now, flow, class, bytes))
            }
        };
        if let Some(cause) = cause {
            self.unread += 1;
            self.refusals.count(at, cause);
            return false;
        }
        // A known peer earns too: its Via may have the answer go to another port, which is not known.
        if flow.transport == Transport::Udp {
            self.allowance.earn(now, flow.remote.ip(), bytes.len());
        }
        true
    }

    fn objects_to_unknown(
        &mut self,
        now: Mono,
        flow: &Flow,
        class: Class,
        bytes: &[u8],
    ) -> Option<RefusalCause> {
        if (self.pressure.overloaded || self.pressure.flooded) && class == Class::NewCall {
            return Some(RefusalCause::Overload);
        }
        let is_read = self.control.admit(now, flow, &self.registrar) || self.may_register(now, flow, bytes);
        (!is_read).then_some(RefusalCause::Rate)
    }

    /// Whether these bytes are a REGISTER that is read although its source has no tokens left: false datagrams with an
    /// office's address must not keep its phones out. A phone's first REGISTER has the reserve of all sources; its second
    /// has a nonce of ours for its source, which the sender of a false address does not hear.
    fn may_register(&mut self, now: Mono, flow: &Flow, bytes: &[u8]) -> bool {
        if !is_register(bytes) {
            return false;
        }
        let mut nonces = nonces_of_register(bytes);
        match nonces.any(|nonce| self.registrar.made(now, flow, nonce)) {
            true => self.control.admit_answer(now, flow.remote.ip()),
            false => self.reserve.take(now, RESERVE),
        }
    }

    /// Whether an answer may leave: to a known peer always, to an unknown source within its allowance.
    pub(super) fn may_answer(&mut self, now: Mono, flow: &Flow, bytes: &[u8], trunking: &Trunking) -> bool {
        let is_answer = bytes.starts_with(b"SIP/2.0 ");
        if flow.transport != Transport::Udp || !is_answer || self.knows(flow) || trunking.peers.reaches(flow)
        {
            return true;
        }
        let enough = self.allowance.spend(now, flow.remote.ip(), bytes.len());
        if !enough {
            self.refusals.count(PeerClass::Unknown, RefusalCause::Amplification);
        }
        enough
    }
}

/// The user a request says it comes from.
pub(super) fn user_of(request: &Message) -> String {
    request.from().parsed_uri().ok().and_then(|uri| uri.user_text()).unwrap_or_default()
}
