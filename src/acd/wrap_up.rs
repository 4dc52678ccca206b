//! Wrap-up: the seat's work on the case after the call. Its limit comes from the call's queue; the state
//! belongs to the seat, which takes no call of any queue meanwhile.

use super::seat::{SeatIndex, State};
use super::{Acd, Output};
use crate::id::{CallId, SeatId};
use crate::time::{Duration, Now};

impl Acd {
    /// The call the seat was in is over.
    pub(super) fn finished(&mut self, now: Now, id: &SeatId, of: CallId, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id) else { return };
        let (call, queue) = match self.state_of(index) {
            Some(State::Talking { call, queue } | State::Held { call, queue }) if call == of => (call, queue),
            _ => return,
        };
        let limit = self.queues.get(queue).map_or(Duration::ZERO, |q| q.rules.wrap_up);
        if limit.is_zero() {
            return self.free(now, index, now.mono, "call over", out);
        }
        self.turn(index, State::WrapUp { call, until: now.mono + limit }, "call over", out);
        out.push(Output::WrapUpStarted { seat: id.clone(), call, limit });
    }

    /// The operator said so.
    pub(super) fn wrap_up_done(&mut self, now: Now, id: &SeatId, out: &mut Vec<Output>) {
        if let Some(index) = self.seat_index(id) {
            self.complete_wrap_up(now, index, false, out);
        }
    }

    /// By word or by limit.
    pub(super) fn complete_wrap_up(
        &mut self,
        now: Now,
        index: SeatIndex,
        timed_out: bool,
        out: &mut Vec<Output>,
    ) {
        let Some(seat) = self.seats.get(index as usize) else { return };
        let State::WrapUp { call, .. } = seat.state else { return };
        out.push(Output::WrapUpCompleted { seat: seat.id.clone(), call, timed_out });
        let reason = if timed_out { "wrap-up limit" } else { "wrap-up done" };
        self.free(now, index, now.mono, reason, out);
    }
}
