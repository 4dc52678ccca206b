//! The operator at a seat, and whether they take calls: signing in and out, ready and not ready, a call of their own.
//!
//! What is asked for while the seat is at work is kept and takes effect when that work is done, wrap-up included:
//! it is never lost. [`Acd::free`](super::Acd) is the one place that looks at it.

use super::availability::{Availability, OwnCall, OwnRole};
use super::seat::{Phone, SeatIndex, State};
use super::{Acd, Output};
use crate::event::{Author, AwayReason, OperatorReason, OperatorState, SeatReason};
use crate::id::{CallId, OperatorId, QueueId, SeatId};
use crate::time::Now;

/// Why a seat's wish is not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// There is no such seat.
    UnknownSeat,
    /// No operator is signed in there.
    SignedOut,
    /// Another operator is signed in there and has a call.
    InUse,
    /// The seat has a call.
    Busy,
    /// No call waits.
    NobodyWaits,
}

impl Acd {
    /// Whether a seat may be given to `operator` now: not while another operator there has a call or its wrap-up.
    pub fn may_sign_in(&self, id: &SeatId, operator: Option<&OperatorId>) -> Result<(), Denied> {
        let index = self.seat_index(id).ok_or(Denied::UnknownSeat)?;
        let seat = self.seats.get(index as usize).ok_or(Denied::UnknownSeat)?;
        let idle = matches!(
            seat.state,
            State::Offline
                | State::Ready
                | State::NotReady { .. }
                | State::Unreachable { .. }
                | State::Lost
                | State::Away { .. }
                | State::Absent { .. }
        );
        let same = seat.availability == Availability::SignedOut && seat.operator.is_none()
            || seat.operator.as_ref() == operator;
        if idle || same { Ok(()) } else { Err(Denied::InUse) }
    }

    /// Whether an operator is signed in at a seat, or need not be.
    pub fn may_set_state(&self, id: &SeatId) -> Result<(), Denied> {
        let index = self.seat_index(id).ok_or(Denied::UnknownSeat)?;
        match self.seats.get(index as usize).map(|s| s.availability) {
            Some(Availability::SignedOut) | None => Err(Denied::SignedOut),
            Some(Availability::Ready | Availability::Away(_) | Availability::Absent { .. }) => Ok(()),
        }
    }

    /// The operator at a seat.
    pub fn operator(&self, id: &SeatId) -> Option<OperatorId> {
        self.seats.get(self.seat_index(id)? as usize)?.operator.clone()
    }

    /// Whether the operator at a seat takes calls.
    pub fn operator_state(&self, id: &SeatId) -> Option<OperatorState> {
        Some(self.seats.get(self.seat_index(id)? as usize)?.availability.shown())
    }

    /// The call a seat is in, out of a queue or its own.
    pub fn call_of(&self, id: &SeatId) -> Option<CallId> {
        let seat = self.seats.get(self.seat_index(id)? as usize)?;
        if let State::Talking { call, .. } | State::Held { call, .. } = seat.state {
            return Some(call);
        }
        seat.own.map(|own| own.call)
    }

    /// Whether a seat's phone has a call, rings or is about to.
    pub fn is_engaged(&self, id: &SeatId) -> bool {
        let seat = self.seat_index(id).and_then(|i| self.seats.get(i as usize));
        seat.is_some_and(|s| {
            s.own.is_some()
                || matches!(
                    s.state,
                    State::Reserved { .. }
                        | State::Ringing { .. }
                        | State::Releasing { .. }
                        | State::Talking { .. }
                        | State::Held { .. }
                        | State::Occupied { .. }
                )
        })
    }

    pub(super) fn sign_in(
        &mut self,
        now: Now,
        id: &SeatId,
        operator: Option<OperatorId>,
        out: &mut Vec<Output>,
    ) {
        let Some(index) = self.seat_index(id) else { return };
        if self.may_sign_in(id, operator.as_ref()).is_err() {
            return;
        }
        if let Some(operator) = &operator {
            self.ends_elsewhere(now, index, operator, out);
        }
        self.takes_seat(index, operator, out);
        if matches!(self.state_of(index), Some(State::Offline | State::Away { .. } | State::Absent { .. })) {
            self.free(now, index, now.mono, SeatReason::SignedIn, out);
        }
    }

    pub(super) fn sign_out(&mut self, now: Now, id: &SeatId, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id) else { return };
        let Some(author) = self.at_seat(index) else { return };
        self.end_sign_in(now, index, OperatorReason::SignedOut, author, out);
    }

    /// The operator's sign-in ends: at once, or with the work in hand.
    pub(super) fn end_sign_in(
        &mut self,
        now: Now,
        index: SeatIndex,
        why: OperatorReason,
        author: Author,
        out: &mut Vec<Output>,
    ) {
        self.decide(index, Availability::SignedOut, why, author, out);
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        match seat.state {
            State::Offline => seat.operator = None,
            State::Ready
            | State::Closing { .. }
            | State::Away { .. }
            | State::Absent { .. }
            | State::NotReady { .. }
            | State::Unreachable { .. }
            | State::Lost => {
                self.free(now, index, now.mono, SeatReason::SignedOut, out);
            }
            State::Reserved { .. }
            | State::Ringing { .. }
            | State::Releasing { .. }
            | State::Talking { .. }
            | State::Held { .. }
            | State::WrapUp { .. }
            | State::Occupied { .. } => {}
        }
    }

    pub(super) fn set_ready(&mut self, now: Now, id: &SeatId, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id).filter(|_| self.may_set_state(id).is_ok()) else { return };
        let Some(author) = self.at_seat(index) else { return };
        self.back_at_work(index, OperatorReason::Ready, author, out);
        match self.state_of(index) {
            // The operator says so, so nothing needs to cool down.
            Some(
                State::Away { .. }
                | State::Absent { .. }
                | State::NotReady { .. }
                | State::Unreachable { .. },
            ) => {
                self.free(now, index, now.mono, SeatReason::Ready, out);
            }
            Some(State::WrapUp { .. }) => self.complete_wrap_up(now, index, false, out),
            Some(
                State::Offline
                | State::Ready
                | State::Reserved { .. }
                | State::Ringing { .. }
                | State::Releasing { .. }
                | State::Talking { .. }
                | State::Held { .. }
                | State::Closing { .. }
                | State::Occupied { .. }
                | State::Lost,
            )
            | None => {}
        }
    }

    pub(super) fn set_not_ready(&mut self, now: Now, id: &SeatId, reason: AwayReason, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id).filter(|_| self.may_set_state(id).is_ok()) else { return };
        let Some(author) = self.at_seat(index) else { return };
        self.decide(index, Availability::Away(reason), OperatorReason::Away { reason }, author, out);
        if matches!(
            self.state_of(index),
            Some(
                State::Ready
                    | State::Closing { .. }
                    | State::Away { .. }
                    | State::Absent { .. }
                    | State::NotReady { .. }
                    | State::Unreachable { .. }
            )
        ) {
            self.free(now, index, now.mono, SeatReason::Away { reason }, out);
        }
    }

    /// The seat has a call that comes from no queue: it is offered nothing until that is over.
    pub(super) fn occupy(&mut self, id: &SeatId, own: OwnCall, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id) else { return };
        if self.is_engaged(id) {
            return;
        }
        if own.role == OwnRole::Talks {
            self.came_back(index, out);
        }
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        seat.own = Some(own);
        // Who places a call is not absent.
        let is_back = matches!(seat.state, State::Absent { .. }) && seat.availability == Availability::Ready;
        if is_back || matches!(seat.state, State::Ready | State::Closing { .. }) {
            let reason = match own.role {
                OwnRole::Rung => SeatReason::RungByColleague,
                OwnRole::Talks => SeatReason::OwnCall,
            };
            self.turn(index, State::Occupied { own }, reason, out);
        }
    }

    /// The seat that a colleague rang has answered.
    pub(super) fn joined(&mut self, id: &SeatId, call: CallId, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id) else { return };
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        let Some(own) = seat.own.as_mut().filter(|own| own.call == call) else { return };
        own.role = OwnRole::Talks;
        let own = *own;
        let was_absent = matches!(seat.state, State::Absent { .. });
        self.came_back(index, out);
        if was_absent || matches!(self.state_of(index), Some(State::Occupied { .. })) {
            self.turn(index, State::Occupied { own }, SeatReason::AnsweredColleague, out);
        }
    }

    /// The phones have nothing more to do with that call. When the parties did not speak the seat has been idle meanwhile.
    pub(super) fn vacate(&mut self, now: Now, id: &SeatId, call: CallId, spoke: bool, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id) else { return };
        self.phone_closed(now, index, call, out);
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        if seat.own.is_none_or(|own| own.call != call) {
            return;
        }
        seat.own = None;
        let idle_since = if spoke { now.mono } else { seat.idle_since };
        if matches!(seat.state, State::Occupied { .. }) {
            self.free(now, index, idle_since, SeatReason::OwnCallOver, out);
        }
    }

    /// The seat takes over a call transferred to it: from here on it is a call of that queue.
    pub(super) fn take_over(&mut self, id: &SeatId, call: CallId, queue: &QueueId, out: &mut Vec<Output>) {
        let (Some(index), Some(queue)) = (self.seat_index(id), self.queue_names.get(queue).copied()) else {
            return;
        };
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        if seat.own.is_none_or(|own| own.call != call) {
            return;
        }
        seat.own = None;
        self.drop_wrap_up(index, out);
        self.turn(index, State::Talking { call, queue }, SeatReason::TookOver, out);
    }

    /// Says that a wrap-up is over, without a state to follow yet.
    pub(super) fn drop_wrap_up(&mut self, index: SeatIndex, out: &mut Vec<Output>) {
        let Some(seat) = self.seats.get(index as usize) else { return };
        if let State::WrapUp { call, .. } = seat.state {
            out.push(Output::WrapUpCompleted { seat: seat.id.clone(), call, timed_out: false });
        }
    }

    /// Whether a call may be put to a seat that did not wait for one: its phone is there, an operator is signed in, and
    /// it has no call.
    pub(super) fn can_take(&self, index: SeatIndex) -> Result<(), Denied> {
        let seat = self.seats.get(index as usize).ok_or(Denied::UnknownSeat)?;
        if seat.availability == Availability::SignedOut || seat.phone != Phone::Here {
            return Err(Denied::SignedOut);
        }
        let idle = matches!(
            seat.state,
            State::Ready
                | State::WrapUp { .. }
                | State::NotReady { .. }
                | State::Unreachable { .. }
                | State::Away { .. }
                | State::Absent { .. }
        );
        if idle && seat.own.is_none() { Ok(()) } else { Err(Denied::Busy) }
    }
}
