//! Whether a request inside a dialog comes from that dialog's peer (RFC 3261 section 12.2.2 asks for the tags alone, which
//! a proxy, a log or a trace may have told others).
//!
//! It is taken from the path of the dialog, an address the dialog has named, a source of the leg's trunk, a binding of the
//! leg's seat, and a connection with the certificate of the one before. Anything else must prove to be the leg's seat by
//! password, where that registers; a phone that has changed its network stays in its call by it.

use super::authentication::Verdict;
use super::confirmation::Confirmations;
use super::{Gateway, Outward, Slot};
use crate::call::Peer;
use crate::id::{CallId, LegId, SeatId, TrunkId};
use crate::sip::access::PeerClass;
use crate::sip::{AccessControl, Flow, Message, Outgoing, PeerId, Registrar, ServerTx};
use crate::time::Now;
use std::collections::HashMap;

/// What tells where the peers of our dialogs are.
pub(super) struct Peers<'a> {
    pub(super) access: &'a AccessControl,
    pub(super) registrar: &'a Registrar,
    pub(super) calls: &'a HashMap<CallId, Slot>,
    pub(super) legs: &'a HashMap<LegId, CallId>,
    pub(super) outward: &'a HashMap<LegId, Outward>,
    pub(super) confirmations: &'a Confirmations,
}

/// Where a request inside a dialog of ours comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Comes {
    /// From the peer.
    FromPeer,
    /// From elsewhere, to be proved to be this seat's.
    Unproved(SeatId),
    /// From elsewhere, and no password can prove it.
    FromElsewhere,
}

impl Peers<'_> {
    /// Where a request that came by `flow` comes from; `None` when it names no dialog of ours.
    pub(super) fn inside(&self, flow: &Flow, request: &Message) -> Option<Comes> {
        let leg: LegId = request.to_tag()?.parse().ok()?;
        if let Some((_, dialog)) = self.confirmations.get(&leg) {
            return Some(if dialog.has_peer_at(flow) { Comes::FromPeer } else { Comes::FromElsewhere });
        }
        let slot = self.calls.get(self.legs.get(&leg)?)?;
        let path = match slot.call.peer_of(leg, request.from_tag().unwrap_or_default()) {
            Peer::Dialog(dialog) if dialog.has_peer_at(flow) => return Some(Comes::FromPeer),
            Peer::Dialog(dialog) => dialog.path(),
            Peer::Path(path) if path.ends_where(flow) => return Some(Comes::FromPeer),
            Peer::Path(path) => path,
            Peer::Unknown => return Some(Comes::FromPeer),
        };
        let seat = slot.call.phone_on(leg);
        let trunk = || match self.outward.get(&leg) {
            Some(outward) => Some(&outward.trunk),
            None => Some(&slot.trunk).filter(|_| slot.call.is_caller(leg)),
        };
        let is_theirs = match seat {
            Some(seat) => self.is_seat_at(seat, flow),
            None => trunk().is_some_and(|trunk| self.access.is_of(trunk, flow)),
        };
        Some(match seat {
            _ if is_theirs || self.access.has_same_certificate(path, flow) => Comes::FromPeer,
            Some(seat) if self.registrar.has(seat) => Comes::Unproved(seat.clone()),
            _ => Comes::FromElsewhere,
        })
    }

    /// Whether a flow comes from a phone of this seat, as far as it is registered or has a fixed place.
    fn is_seat_at(&self, seat: &SeatId, flow: &Flow) -> bool {
        let mut bound = self.registrar.bindings(seat).iter();
        bound.any(|binding| binding.flow.ends_where(flow))
            || self.access.identify_user(flow, self.registrar, seat.as_str()) == PeerId::Seat(seat.clone())
    }

    /// Whether a CANCEL that came by `flow` may cancel an INVITE that came by `invited`: it takes the same path, hop by hop
    /// (RFC 3261 section 9.1).
    pub(super) fn may_cancel(&self, flow: &Flow, invited: &Flow) -> bool {
        let trunk = |flow: &Flow| -> Option<TrunkId> {
            match self.access.identify(flow, self.registrar) {
                PeerId::Trunk(trunk) => Some(trunk),
                PeerId::Seat(_) | PeerId::Unknown => None,
            }
        };
        invited.ends_where(flow) || trunk(flow).is_some_and(|of| trunk(invited) == Some(of))
    }
}

impl Gateway {
    pub(super) fn peers(&self) -> Peers<'_> {
        Peers {
            access: &self.access,
            registrar: &self.registrar,
            calls: &self.calls,
            legs: &self.legs,
            outward: &self.outward,
            confirmations: &self.confirmations,
        }
    }

    /// Whether a request inside a dialog is its peer's. Asks for the password where that can prove it, and answers what is
    /// not proved; admission has refused the rest before.
    pub(super) fn is_the_peers(&mut self, now: Now, tx: ServerTx, flow: &Flow, request: &Message) -> bool {
        let seat = match self.peers().inside(flow, request) {
            Some(Comes::FromPeer) | None => return true,
            Some(Comes::Unproved(seat)) => seat,
            Some(Comes::FromElsewhere) => {
                let answer = Outgoing::response(request, 481, Some(&self.random.token()));
                self.endpoint.respond(now, tx, answer, &mut self.wire);
                return false;
            }
        };
        let verdict = self.ask_password(now, flow, request, (PeerClass::Unknown, seat.as_str()));
        let is_asked = matches!(verdict, Verdict::Challenge(_));
        match self.settle(now, tx, verdict) {
            Some(proved) if proved == seat => true,
            Some(_) => {
                let answer = Outgoing::response(request, 403, Some(&self.random.token()));
                self.endpoint.respond(now, tx, answer, &mut self.wire);
                false
            }
            None => {
                // Nothing is kept of what is not proved: a copy is asked anew.
                if is_asked {
                    self.endpoint.forget(tx);
                }
                false
            }
        }
    }
}
