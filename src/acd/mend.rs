//! What the seats are said to be doing, to be compared with the calls there are; and the end of what does not fit.

use super::availability::OwnRole;
use super::presentation::Presentation;
use super::seat::{Phone, State};
use super::{Acd, Output};
use crate::event::{QueueExit, SeatReason};
use crate::id::{CallId, SeatId};
use crate::time::Now;

/// What a seat is said to have to do with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engaged {
    /// The call is offered to the seat, or a colleague rings the seat for it.
    Rung(CallId),
    /// The seat is in that call.
    InCall(CallId),
}

impl Engaged {
    /// The call.
    pub fn call(self) -> CallId {
        match self {
            Engaged::Rung(call) | Engaged::InCall(call) => call,
        }
    }
}

impl Acd {
    /// The seats that have to do with a call, in the configured order.
    pub fn engaged(&self) -> impl Iterator<Item = (&SeatId, Engaged)> {
        self.seats.iter().filter_map(|seat| {
            let of_its_own = seat.own.map(|own| match own.role {
                OwnRole::Rung => Engaged::Rung(own.call),
                OwnRole::Talks => Engaged::InCall(own.call),
            });
            let engaged = match seat.state {
                State::Talking { call, .. } | State::Held { call, .. } => Some(Engaged::InCall(call)),
                State::Reserved { presentation, .. } | State::Ringing { presentation, .. } => {
                    match self.presentations.get(&presentation) {
                        Some(Presentation::Running { call, .. }) => Some(Engaged::Rung(*call)),
                        Some(Presentation::Withdrawn { .. }) | None => None,
                    }
                }
                State::Occupied { .. }
                | State::Offline
                | State::Ready
                | State::Releasing { .. }
                | State::WrapUp { .. }
                | State::Closing { .. }
                | State::NotReady { .. }
                | State::Away { .. }
                | State::Absent { .. }
                | State::Unreachable { .. }
                | State::Lost => None,
            };
            Some((&seat.id, engaged.or(of_its_own)?))
        })
    }

    /// The seat has nothing to do, whatever it was said to be doing.
    pub(super) fn mend(&mut self, now: Now, id: &SeatId, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id) else { return };
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        seat.own = None;
        match seat.state {
            State::Reserved { presentation, .. } | State::Ringing { presentation, .. } => {
                let call = match self.presentations.remove(&presentation) {
                    Some(Presentation::Running { call, .. }) => Some(call),
                    Some(Presentation::Withdrawn { .. }) | None => None,
                };
                self.free(now, index, now.mono, SeatReason::Mended, out);
                if let Some(call) = call {
                    self.remove(now, call, QueueExit::Closed, out);
                }
            }
            State::Talking { .. } | State::Held { .. } | State::Occupied { .. } => {
                self.free(now, index, now.mono, SeatReason::Mended, out);
            }
            State::Releasing { .. }
            | State::WrapUp { .. }
            | State::Closing { .. }
            | State::Offline
            | State::Ready
            | State::NotReady { .. }
            | State::Away { .. }
            | State::Absent { .. }
            | State::Unreachable { .. }
            | State::Lost => {}
        }
    }

    /// Whether the seat has a phone that answers.
    pub fn has_phone(&self, id: &SeatId) -> bool {
        let seat = self.seat_index(id).and_then(|i| self.seats.get(i as usize));
        seat.is_some_and(|seat| seat.phone == Phone::Here)
    }
}
