//! The paths of a call's dialogs.

use super::caller_leg::CallerSignalling;
use super::machine::Call;
use super::seat_leg::SeatSignalling;
use crate::sip::Flow;

impl Call {
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
