//! The paths of a call's dialogs.

use super::caller_leg::CallerSignalling;
use super::machine::Call;
use super::seat_leg::SeatSignalling;
use crate::id::{LegId, SeatId};
use crate::sip::{Dialog, Flow};

/// What is known of where the peer of a leg is.
pub enum Peer<'a> {
    /// There is a dialog with it.
    Dialog(&'a Dialog),
    /// Its INVITE came by this path, or ours went there.
    Path(&'a Flow),
    /// Nothing any more: what comes changes nothing.
    Unknown,
}

impl Call {
    /// Where the peer of `leg` is known to be that has this tag.
    pub fn peer_of(&self, leg: LegId, tag: &str) -> Peer<'_> {
        if leg == self.caller.id {
            return match &self.caller.signalling {
                CallerSignalling::Unanswered { early: Some(early), .. } => Peer::Dialog(&early.dialog),
                CallerSignalling::Unanswered { flow, .. } => Peer::Path(flow),
                CallerSignalling::Up { dialog } | CallerSignalling::HangingUp { dialog, .. } => {
                    Peer::Dialog(dialog)
                }
                CallerSignalling::Closing | CallerSignalling::Down | CallerSignalling::Gone => Peer::Unknown,
            };
        }
        let Some(seat) = self.seats.iter().find(|s| s.id == leg) else { return Peer::Unknown };
        match &seat.signalling {
            SeatSignalling::Preparing { target } => Peer::Path(&target.flow),
            SeatSignalling::Inviting { target, .. } => {
                seat.early.get(tag).map_or(Peer::Path(&target.flow), Peer::Dialog)
            }
            SeatSignalling::Answering { asked } => Peer::Path(&asked.flow),
            SeatSignalling::Up { dialog, .. }
            | SeatSignalling::HangingUp { dialog, .. }
            | SeatSignalling::Closing { dialog } => Peer::Dialog(dialog),
            SeatSignalling::Cancelling { .. } | SeatSignalling::Down => Peer::Unknown,
        }
    }

    /// The seat whose phone is on `leg`: one that is rung or serves the citizen, that made the call, or that was called.
    pub fn phone_on(&self, leg: LegId) -> Option<&SeatId> {
        let owner = self.owner.as_ref().filter(|_| leg == self.caller.id);
        let on_line = owner.and_then(|o| if o.line == leg { Some(&o.seat) } else { o.traded.as_ref() });
        let beside = || self.seats.iter().find(|s| s.id == leg).map(|s| &s.seat);
        on_line.or_else(beside).filter(|seat| !seat.as_str().is_empty())
    }

    /// The path to each peer we have a dialog with, or are about to.
    pub fn paths(&self) -> impl Iterator<Item = Flow> {
        let caller = match &self.caller.signalling {
            CallerSignalling::Unanswered { flow, .. } => Some(*flow),
            CallerSignalling::Up { dialog } | CallerSignalling::HangingUp { dialog, .. } => {
                Some(dialog.flow())
            }
            CallerSignalling::Closing | CallerSignalling::Down | CallerSignalling::Gone => None,
        };
        let seats = self.seats.iter().filter_map(|leg| match &leg.signalling {
            SeatSignalling::Inviting { target, .. } => Some(target.flow),
            SeatSignalling::Answering { asked } => Some(asked.flow),
            SeatSignalling::Up { dialog, .. }
            | SeatSignalling::HangingUp { dialog, .. }
            | SeatSignalling::Closing { dialog } => Some(dialog.flow()),
            SeatSignalling::Preparing { .. } | SeatSignalling::Cancelling { .. } | SeatSignalling::Down => {
                None
            }
        });
        caller.into_iter().chain(seats)
    }
}
