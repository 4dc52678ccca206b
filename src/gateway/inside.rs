//! Whether a request inside a dialog comes from that dialog's peer (RFC 3261 section 12.2.2 asks for the tags alone, which
//! a proxy, a log or a trace may have told others).
//!
//! A request is taken from the path of the dialog, an address the dialog has named, a source of the leg's trunk, a binding of the
//! leg's seat, and a connection with the certificate of the one before. Anything else must prove to be the leg's seat by
//! password, where that registers; a phone that has changed its network stays in its call by it.

use super::Gateway;
use super::authentication::Verdict;
use super::calls::Slot;
use crate::call::Peer;
use crate::id::{LegId, SeatId, TrunkId};
use crate::sip::access::PeerClass;
use crate::sip::{Flow, Message, Outgoing, ServerTx, Status};
use crate::time::Now;

/// Where a request inside a dialog of ours comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Provenance {
    /// From the peer.
    Peer,
    /// From elsewhere, to be proved to be this seat's.
    Unproved(SeatId),
    /// From elsewhere, and no password can prove it.
    Elsewhere,
}

impl Gateway {
    /// Where a request that came by `flow` comes from; `None` when it names no dialog of ours.
    pub(super) fn provenance(&self, flow: &Flow, request: &Message) -> Option<Provenance> {
        let leg: LegId = request.to_tag()?.parse().ok()?;
        // A feature code lives for seconds on one path: no password is asked for its BYE.
        if let Some(dialog) = self.confirmations.dialog(leg) {
            let is_peer = dialog.has_peer_at(flow);
            return Some(if is_peer { Provenance::Peer } else { Provenance::Elsewhere });
        }
        let slot = self.calls.get(self.routes.call_of(leg)?)?;
        let path = match slot.call.legs().get(leg)?.peer(request.from_tag().unwrap_or_default()) {
            Peer::Dialog(dialog) if dialog.has_peer_at(flow) => return Some(Provenance::Peer),
            Peer::Dialog(dialog) => dialog.path(),
            Peer::Path(path) if path.ends_where(flow) => return Some(Provenance::Peer),
            Peer::Path(path) => path,
            // The leg is over, and answers 481 to anything: nothing can be gained.
            Peer::Unknown => return Some(Provenance::Peer),
        };
        let seat = slot.call.legs().get(leg)?.party.seat();
        let is_theirs = match seat {
            Some(seat) => self.access.is_of_seat(seat, flow),
            None => self.trunk_at(slot, leg).is_some_and(|trunk| self.access.control.is_of(trunk, flow)),
        };
        Some(match seat {
            _ if is_theirs || self.access.control.has_same_certificate(path, flow) => Provenance::Peer,
            Some(seat) if self.access.registrar.has(seat) => Provenance::Unproved(seat.clone()),
            Some(_) | None => Provenance::Elsewhere,
        })
    }

    /// The trunk at the other end of a leg: the one it goes out by, or the one that brought the call.
    pub(super) fn trunk_at<'a>(&'a self, slot: &'a Slot, leg: LegId) -> Option<&'a TrunkId> {
        let brought = || slot.trunk.as_ref().filter(|_| slot.call.is_caller(leg));
        self.routes.trunk_of(leg).or_else(brought)
    }

    /// Whether a request inside a dialog is its peer's. Asks for the password where that can prove it, and answers what is
    /// not proved; admission has refused the rest before.
    pub(super) fn is_the_peers(&mut self, now: Now, tx: ServerTx, flow: &Flow, request: &Message) -> bool {
        let seat = match self.provenance(flow, request) {
            Some(Provenance::Peer) | None => return true,
            Some(Provenance::Unproved(seat)) => seat,
            Some(Provenance::Elsewhere) => {
                let answer =
                    Outgoing::response(request, Status::NO_SUCH_CALL, Some(&self.context.random.token()));
                self.signalling.respond(now, tx, answer);
                return false;
            }
        };
        let verdict = self.ask_password(now, flow, request, PeerClass::Unknown, seat.as_str());
        let is_asked = matches!(verdict, Verdict::Challenge(_));
        match self.settle(now, tx, verdict) {
            // The password of another seat proves the wrong party.
            Some(proved) if proved == seat => true,
            Some(_) => {
                let answer =
                    Outgoing::response(request, Status::FORBIDDEN, Some(&self.context.random.token()));
                self.signalling.respond(now, tx, answer);
                false
            }
            None => {
                // Nothing is kept of what is not proved: a retransmission is challenged anew.
                if is_asked {
                    self.signalling.forget(tx);
                }
                false
            }
        }
    }
}
