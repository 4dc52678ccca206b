//! A presentation: one call offered to one seat, with exactly one end.
//!
//! Glare: once this machine has said `Withdraw`, the presentation is over for the caller, whatever the
//! seat does. An `Answered` that crosses it is ignored; an `Ended` frees the seat. Between the two the
//! seat is offered nothing, because its phone may still be ringing, for [`super::RELEASE_LIMIT`] at most.

use super::queue::WaitingState;
use super::seat::{SeatIndex, State};
use super::strategy::Choice;
use super::{Acd, Output, RELEASE_LIMIT};
use crate::event::{PresentationResult, QueueExit, SeatReason};
use crate::id::{CallId, PresentationId};
use crate::time::{Duration, Now};

/// An offer of a call to a seat.
#[derive(Debug, Clone, Copy)]
pub(super) enum Presentation {
    /// The seat may answer.
    Running { call: CallId, seat: SeatIndex },
    /// Taken back; the seat's phone is still being told.
    Withdrawn { seat: SeatIndex },
}

impl Acd {
    /// Offers a call that waits to a seat that is ready.
    pub(super) fn present(&mut self, now: Now, call: CallId, choice: Choice, out: &mut Vec<Output>) {
        let Some(waiting) = self.waiting.get_mut(&call) else { return };
        let Some(queue) = self.queues.get_mut(waiting.queue) else { return };
        let Some(seat) = self.seats.get(choice.seat as usize) else { return };
        debug_assert!(waiting.place == WaitingState::InLine);
        let presentation = PresentationId::new(now.wall, &mut self.random);
        queue.stop_waiting(now.mono, waiting.key);
        waiting.place = WaitingState::Presented(presentation);
        waiting.attempts += 1;
        let ring_timeout = queue.rules.ring_timeout;
        let offer = Output::Present {
            call,
            presentation,
            seat: seat.id.clone(),
            operator: seat.operator.clone(),
            queue: queue.rules.name.clone(),
            attempt: waiting.attempts,
            waited: now.mono.since(waiting.entered),
            why: choice.why.told(seat.idle_since, now.mono),
            ring_timeout,
        };
        self.presentations.insert(presentation, Presentation::Running { call, seat: choice.seat });
        let reserved = State::Reserved { presentation, until: now.mono + ring_timeout };
        self.turn(choice.seat, reserved, SeatReason::Chosen, out);
        out.push(offer);
    }

    pub(super) fn rang(&mut self, presentation: PresentationId, out: &mut Vec<Output>) {
        let Some(&Presentation::Running { seat, .. }) = self.presentations.get(&presentation) else { return };
        if let Some(State::Reserved { until, .. }) = self.state_of(seat) {
            self.turn(seat, State::Ringing { presentation, until }, SeatReason::PhoneRings, out);
        }
    }

    pub(super) fn answered(&mut self, now: Now, presentation: PresentationId, out: &mut Vec<Output>) {
        let Some(&Presentation::Running { call, seat }) = self.presentations.get(&presentation) else {
            return;
        };
        let Some(waiting) = self.waiting.get(&call) else { return };
        let queue = waiting.queue;
        self.presentations.remove(&presentation);
        self.came_back(seat, out);
        self.turn(seat, State::Talking { call, queue }, SeatReason::Answered, out);
        self.remove(now, call, QueueExit::Connected, out);
    }

    /// The seat's leg ended without an answer.
    pub(super) fn ended(
        &mut self,
        now: Now,
        presentation: PresentationId,
        result: PresentationResult,
        out: &mut Vec<Output>,
    ) {
        match self.presentations.get(&presentation) {
            Some(&Presentation::Running { call, seat }) => {
                self.failed(now, presentation, call, seat, result, out)
            }
            Some(&Presentation::Withdrawn { seat }) => self.released(now, seat, out),
            None => {}
        }
    }

    /// The ring timeout ran out.
    pub(super) fn ring_timed_out(&mut self, now: Now, presentation: PresentationId, out: &mut Vec<Output>) {
        let Some(&Presentation::Running { call, seat }) = self.presentations.get(&presentation) else {
            return;
        };
        let result = PresentationResult::NoAnswer;
        out.push(Output::Withdraw { call, presentation, result });
        self.failed(now, presentation, call, seat, result, out);
    }

    /// The seat's phone went away while it was to ring.
    pub(super) fn phone_lost(
        &mut self,
        now: Now,
        seat: SeatIndex,
        presentation: PresentationId,
        reason: SeatReason,
        out: &mut Vec<Output>,
    ) {
        let running = self.presentations.remove(&presentation);
        let Some(Presentation::Running { call, .. }) = running else { return };
        out.push(Output::Withdraw { call, presentation, result: PresentationResult::Unreachable });
        self.free(now, seat, now.mono, reason, out);
        self.back_in_line(now, call, seat, out);
    }

    /// The seat failed the caller: it cools down, the call keeps its place and the next seat rings.
    fn failed(
        &mut self,
        now: Now,
        presentation: PresentationId,
        call: CallId,
        seat: SeatIndex,
        result: PresentationResult,
        out: &mut Vec<Output>,
    ) {
        self.presentations.remove(&presentation);
        if result == PresentationResult::NoAnswer && self.missed(now, seat, call, out) {
            return self.back_in_line(now, call, seat, out);
        }
        let until = now.mono + self.waiting.get(&call).map_or(RELEASE_LIMIT, |w| self.cool_down_of(w.queue));
        let (state, reason) = match result {
            PresentationResult::Unreachable => (State::Unreachable { until }, SeatReason::Unreachable),
            PresentationResult::Rejected => (State::NotReady { until }, SeatReason::Rejected),
            PresentationResult::Busy => (State::NotReady { until }, SeatReason::Busy),
            PresentationResult::Answered
            | PresentationResult::NoAnswer
            | PresentationResult::CallerGone
            | PresentationResult::Withdrawn => (State::NotReady { until }, SeatReason::NoAnswer),
        };
        self.turn(seat, state, reason, out);
        self.back_in_line(now, call, seat, out);
    }

    /// How long a seat that failed a caller of this queue is left in peace.
    pub(super) fn cool_down_of(&self, queue: usize) -> Duration {
        // Never shorter, or a seat that rejects at once would be asked as fast as messages travel.
        self.queues.get(queue).map_or(RELEASE_LIMIT, |q| q.rules.cool_down.max(RELEASE_LIMIT))
    }

    /// The call waits again, at its place, and is offered the next seat at once.
    fn back_in_line(&mut self, now: Now, call: CallId, failed: SeatIndex, out: &mut Vec<Output>) {
        let Some(waiting) = self.waiting.get_mut(&call) else { return };
        waiting.place = WaitingState::InLine;
        waiting.failed.add(failed);
        if let Some(queue) = self.queues.get_mut(waiting.queue) {
            queue.wait(now.mono, waiting.key, call);
        }
        self.seek(now, call, out);
    }

    /// Takes an offer back through no fault of the seat. The caller is about to leave.
    pub(super) fn withdraw(
        &mut self,
        now: Now,
        presentation: PresentationId,
        result: PresentationResult,
        out: &mut Vec<Output>,
    ) {
        let Some(&Presentation::Running { call, seat }) = self.presentations.get(&presentation) else {
            return;
        };
        let Some(state) = self.state_of(seat) else { return };
        self.presentations.insert(presentation, Presentation::Withdrawn { seat });
        out.push(Output::Withdraw { call, presentation, result });
        let until = now.mono + RELEASE_LIMIT;
        self.turn(
            seat,
            State::Releasing { presentation, shown: state.shown(), until },
            SeatReason::Withdrawn,
            out,
        );
    }

    /// The phone is free again, or had its time: the seat keeps the turn it had.
    pub(super) fn released(&mut self, now: Now, index: SeatIndex, out: &mut Vec<Output>) {
        let Some(seat) = self.seats.get(index as usize) else { return };
        let State::Releasing { presentation, .. } = seat.state else { return };
        let idle_since = seat.idle_since;
        self.presentations.remove(&presentation);
        self.free(now, index, idle_since, SeatReason::Withdrawn, out);
    }
}
