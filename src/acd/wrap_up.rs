//! Wrap-up: the seat's work on the case after the call. Its limit comes from the call's queue; the state
//! belongs to the seat, which takes no call of any queue meanwhile.

use super::availability::Availability;
use super::seat::{Closed, Phone, SeatIndex, State};
use super::{Acd, CLOSE_LIMIT, Output};
use crate::event::SeatReason;
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
            return self.close(now, index, call, SeatReason::CallOver, out);
        }
        let wrap_up = State::WrapUp { call, phone: Closed::NotYet, until: now.mono + limit };
        self.turn(index, wrap_up, SeatReason::CallOver, out);
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
        let State::WrapUp { call, phone, .. } = seat.state else { return };
        out.push(Output::WrapUpCompleted { seat: seat.id.clone(), call, timed_out });
        let reason = if timed_out { SeatReason::WrapUpLimit } else { SeatReason::WrapUpDone };
        match phone {
            Closed::NotYet => self.close(now, index, call, reason, out),
            Closed::Yes => self.free(now, index, now.mono, reason, out),
        }
    }

    /// The seat is done with a call, and its phone has yet to confirm that. What it does next is its own matter, unless
    /// that would be to wait for the next call.
    fn close(&mut self, now: Now, index: SeatIndex, call: CallId, reason: SeatReason, out: &mut Vec<Output>) {
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        if (seat.phone, seat.availability, seat.own) != (Phone::Here, Availability::Ready, None) {
            return self.free(now, index, now.mono, reason, out);
        }
        seat.idle_since = now.mono;
        let (shown, until) = (seat.state.shown(), now.mono + CLOSE_LIMIT);
        self.turn(index, State::Closing { call, shown, reason, until }, reason, out);
    }

    /// The phone has confirmed that `call` is over, or never will.
    pub(super) fn phone_closed(&mut self, now: Now, index: SeatIndex, of: CallId, out: &mut Vec<Output>) {
        match self.seats.get_mut(index as usize).map(|s| &mut s.state) {
            Some(State::WrapUp { call, phone, .. }) if *call == of => *phone = Closed::Yes,
            Some(State::Closing { call, .. }) if *call == of => self.closed(now, index, out),
            _ => {}
        }
    }

    pub(super) fn closed(&mut self, now: Now, index: SeatIndex, out: &mut Vec<Output>) {
        let Some(seat) = self.seats.get(index as usize) else { return };
        let State::Closing { reason, .. } = seat.state else { return };
        self.free(now, index, seat.idle_since, reason, out);
    }
}
