//! A seat: one state at a time, and the deadline that state carries.
//!
//! A state that could last for ever without a human has its deadline inside it, so no seat is stuck. The
//! others without one end with something outside: talking and held with the call, whose length the call layer
//! limits; offline and lost with a phone that comes back.

use super::availability::{Availability, OwnCall, OwnRole};
use super::{Acd, Output, Reason, Timer};
use crate::event::{Author, AwayReason, OperatorReason, SeatReason, SeatState};
use crate::id::{CallId, OperatorId, PresentationId, QueueId, SeatId};
use crate::time::{Mono, Now};

/// A seat by its place in the configuration.
pub(super) type SeatIndex = u32;

/// A seat and everything known of it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) id: SeatId,
    /// The queues it serves, by index.
    pub(super) queues: Vec<usize>,
    pub(super) phone: Phone,
    /// What the operator wants; takes effect when the seat is free.
    pub(super) availability: Availability,
    /// Presentations in a row that the ring timeout ended.
    pub(super) misses: u32,
    /// The operator, where they have a name apart from the seat.
    pub(super) operator: Option<OperatorId>,
    /// A call that comes from no queue.
    pub(super) own: Option<OwnCall>,
    /// Since when it has had nothing to do: the end of its last wrap-up or becoming ready. Kept while a
    /// presentation runs, so that a seat does not lose its turn when the caller hangs up, and while a call of its own
    /// comes to nothing.
    pub(super) idle_since: Mono,
    pub(super) state: State,
}

/// Whether there is a phone to ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phone {
    Here,
    /// Registered, but it does not answer.
    Silent,
    /// Not registered.
    Gone,
}

/// Whether the phone has heard that its call is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    NotYet,
    Yes,
}

/// What a seat is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum State {
    Offline,
    Ready,
    Reserved {
        presentation: PresentationId,
        until: Mono,
    },
    Ringing {
        presentation: PresentationId,
        until: Mono,
    },
    /// The presentation was taken back through no fault of the seat; its phone is still being told. Shown
    /// to the outside as what it was before.
    Releasing {
        presentation: PresentationId,
        shown: SeatState,
        until: Mono,
    },
    Talking {
        call: CallId,
        queue: usize,
    },
    Held {
        call: CallId,
        queue: usize,
    },
    WrapUp {
        call: CallId,
        phone: Closed,
        until: Mono,
    },
    /// The seat has nothing to do, but its phone has not confirmed the end of its last call. Shown as what it was before.
    Closing {
        call: CallId,
        shown: SeatState,
        reason: SeatReason,
        until: Mono,
    },
    /// The seat failed to take a call and is left alone for a while.
    NotReady {
        until: Mono,
    },
    /// The operator said so. Shown as not ready.
    Away {
        reason: AwayReason,
    },
    /// The seat left presentations unanswered: offered nothing until its operator comes back. Shown as not ready.
    Absent {
        until: Option<Mono>,
    },
    /// In a call that comes from no queue. Shown as ringing while a colleague rings it, else as talking.
    Occupied {
        own: OwnCall,
    },
    Unreachable {
        until: Mono,
    },
    /// Unreachable until its phone answers again or its registration is gone.
    Lost,
}

impl Seat {
    pub(super) fn new(id: SeatId) -> Seat {
        Seat {
            id,
            queues: Vec::new(),
            phone: Phone::Gone,
            availability: Availability::Ready,
            misses: 0,
            operator: None,
            own: None,
            idle_since: Mono(0),
            state: State::Offline,
        }
    }
}

impl Phone {
    /// The state of a seat that has nothing to do and no phone to ring.
    fn without(self) -> State {
        match self {
            Phone::Silent => State::Lost,
            Phone::Here | Phone::Gone => State::Offline,
        }
    }

    fn reason(self) -> SeatReason {
        match self {
            Phone::Here => SeatReason::PhoneAnswers,
            Phone::Silent => SeatReason::PhoneSilent,
            Phone::Gone => SeatReason::NotRegistered,
        }
    }
}

impl State {
    /// The state as events name it.
    pub(super) fn shown(&self) -> SeatState {
        match *self {
            State::Offline => SeatState::Offline,
            State::Ready => SeatState::Ready,
            State::Reserved { .. } => SeatState::Reserved,
            State::Ringing { .. } => SeatState::Ringing,
            State::Releasing { shown, .. } | State::Closing { shown, .. } => shown,
            State::Occupied { own: OwnCall { role: OwnRole::Rung, .. } } => SeatState::Ringing,
            State::Talking { .. } | State::Occupied { .. } => SeatState::Talking,
            State::Held { .. } => SeatState::Held,
            State::WrapUp { .. } => SeatState::WrapUp,
            State::NotReady { .. } | State::Away { .. } | State::Absent { .. } => SeatState::NotReady,
            State::Unreachable { .. } | State::Lost => SeatState::Unreachable,
        }
    }

    /// The deadline, and why it has one.
    pub(super) fn deadline(&self) -> Option<(Mono, Reason)> {
        match *self {
            State::Reserved { until, .. } | State::Ringing { until, .. } => {
                Some((until, Reason::RingTimeout))
            }
            State::Releasing { until, .. } => Some((until, Reason::Release)),
            State::Closing { until, .. } => Some((until, Reason::Close)),
            State::WrapUp { until, .. } => Some((until, Reason::WrapUp)),
            State::NotReady { until } | State::Unreachable { until } => Some((until, Reason::CoolDown)),
            State::Absent { until } => until.map(|until| (until, Reason::Absence)),
            State::Offline
            | State::Ready
            | State::Away { .. }
            | State::Talking { .. }
            | State::Held { .. }
            | State::Occupied { .. }
            | State::Lost => None,
        }
    }
}

/// Whether a seat may go from one state to another. Every change is checked against it in debug builds.
pub fn may_follow(from: SeatState, to: SeatState) -> bool {
    use SeatState::*;
    match from {
        // To a hold: of a call that goes on after a restart.
        Offline => matches!(to, Ready | NotReady | Ringing | Talking | Held | WrapUp | Unreachable),
        Ready => matches!(to, Reserved | Offline | NotReady | Ringing | Talking | Unreachable),
        Reserved => matches!(to, Ringing | Talking | Ready | NotReady | Unreachable | Offline),
        Ringing => matches!(to, Talking | Ready | NotReady | Unreachable | Offline),
        Talking => matches!(to, Held | WrapUp | Ready | Ringing | NotReady | Unreachable | Offline),
        Held => matches!(to, Talking | WrapUp | Ready | Ringing | NotReady | Unreachable | Offline),
        WrapUp | NotReady | Unreachable => {
            matches!(to, Ready | NotReady | Reserved | Ringing | Talking | Unreachable | Offline)
        }
    }
}

impl Acd {
    /// The one place where a seat changes state: keeps the idle order and the deadline in step with it.
    pub(super) fn turn(&mut self, index: SeatIndex, to: State, reason: SeatReason, out: &mut Vec<Output>) {
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        let was = std::mem::replace(&mut seat.state, to);
        let idle = (seat.idle_since, index);
        for queue in &seat.queues {
            let Some(queue) = self.queues.get_mut(*queue) else { continue };
            if was == State::Ready {
                queue.idle.remove(&idle);
            }
            if to == State::Ready {
                queue.idle.insert(idle);
            }
        }
        match to.deadline() {
            Some((at, _)) => self.timers.set(Timer::Seat(index), at),
            None => self.timers.cancel(Timer::Seat(index)),
        }
        let another_reason = matches!(to, State::Away { .. } | State::Absent { .. }) && was != to;
        let (from, to) = (was.shown(), to.shown());
        if from != to || another_reason {
            debug_assert!(may_follow(from, to), "{from:?} to {to:?}");
            let operator = seat.operator.clone();
            out.push(Output::SeatChanged { seat: seat.id.clone(), operator, from, to, reason });
        }
    }

    /// The seat has nothing to do since `idle_since`: it takes the next call, or goes if its phone is gone.
    pub(super) fn free(
        &mut self,
        now: Now,
        index: SeatIndex,
        idle_since: Mono,
        reason: SeatReason,
        out: &mut Vec<Output>,
    ) {
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        match (seat.phone, seat.availability, seat.own) {
            (_, Availability::SignedOut, _) => {
                self.turn(index, State::Offline, SeatReason::SignedOut, out);
                if let Some(seat) = self.seats.get_mut(index as usize) {
                    seat.operator = None;
                }
            }
            (phone @ (Phone::Gone | Phone::Silent), ..) => {
                self.turn(index, phone.without(), phone.reason(), out);
            }
            (Phone::Here, _, Some(own)) => {
                seat.idle_since = idle_since;
                self.turn(index, State::Occupied { own }, reason, out);
            }
            (Phone::Here, Availability::Away(reason), None) => {
                self.turn(index, State::Away { reason }, SeatReason::Away { reason }, out);
            }
            (Phone::Here, Availability::Absent { until }, None) if until.is_none_or(|at| at > now.mono) => {
                self.turn(index, State::Absent { until }, SeatReason::NoAnswer, out);
            }
            (Phone::Here, Availability::Absent { .. }, None) => {
                self.back_at_work(index, OperatorReason::ReadyAgain, Author::Gateway, out);
                self.free(now, index, idle_since, reason, out);
            }
            (Phone::Here, Availability::Ready, None) => {
                debug_assert!(seat.state != State::Ready, "the idle order is keyed by idle_since");
                seat.idle_since = idle_since;
                self.turn(index, State::Ready, reason, out);
                self.serve(now, index, out);
            }
        }
    }

    pub(super) fn seat_up(&mut self, now: Now, id: &SeatId, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id) else { return };
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        seat.phone = Phone::Here;
        // A phone that registers is alive; one that merely failed to answer goes on cooling down.
        let reason = match seat.state {
            State::Lost => SeatReason::PhoneAnswers,
            State::Offline | State::Unreachable { .. } => SeatReason::PhoneRegistered,
            State::Ready
            | State::Reserved { .. }
            | State::Ringing { .. }
            | State::Releasing { .. }
            | State::Talking { .. }
            | State::Held { .. }
            | State::WrapUp { .. }
            | State::Closing { .. }
            | State::NotReady { .. }
            | State::Away { .. }
            | State::Absent { .. }
            | State::Occupied { .. } => return,
        };
        self.free(now, index, now.mono, reason, out);
    }

    pub(super) fn seat_down(&mut self, now: Now, id: &SeatId, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id) else { return };
        self.without_phone(now, index, Phone::Gone, out);
    }

    pub(super) fn seat_lost(&mut self, now: Now, id: &SeatId, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id) else { return };
        if self.seats.get(index as usize).is_some_and(|s| s.phone == Phone::Here) {
            self.without_phone(now, index, Phone::Silent, out);
        }
    }

    /// What the end of the phone means for what the seat is doing.
    fn without_phone(&mut self, now: Now, index: SeatIndex, phone: Phone, out: &mut Vec<Output>) {
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        seat.phone = phone;
        match seat.state {
            // The work in hand is finished first; its end sees that the phone is gone.
            State::Offline
            | State::Talking { .. }
            | State::Held { .. }
            | State::Occupied { .. }
            | State::WrapUp { .. } => {}
            State::Reserved { presentation, .. } | State::Ringing { presentation, .. } => {
                self.phone_lost(now, index, presentation, phone.reason(), out);
            }
            State::Releasing { presentation, .. } => {
                self.presentations.remove(&presentation);
                self.free(now, index, now.mono, phone.reason(), out);
            }
            State::Ready
            | State::Closing { .. }
            | State::Away { .. }
            | State::Absent { .. }
            | State::NotReady { .. }
            | State::Unreachable { .. }
            | State::Lost => {
                self.free(now, index, now.mono, phone.reason(), out);
            }
        }
    }

    /// The seat broke off; its caller waits again.
    pub(super) fn returned(
        &mut self,
        now: Now,
        call: CallId,
        id: &SeatId,
        queue: &QueueId,
        reason: SeatReason,
        out: &mut Vec<Output>,
    ) {
        let seat = self.seat_index(id);
        if let Some(index) = seat
            && let Some(State::Talking { call: with, queue } | State::Held { call: with, queue }) =
                self.state_of(index)
            && with == call
            && let Some((phone, standing)) = self.seats.get(index as usize).map(|s| (s.phone, s.availability))
        {
            if phone == Phone::Here && standing != Availability::SignedOut {
                let until = now.mono + self.cool_down_of(queue);
                self.turn(index, State::Unreachable { until }, reason, out);
            } else {
                self.free(now, index, now.mono, reason, out);
            }
        }
        if self.return_to_head(now, call, queue, out) {
            if let (Some(seat), Some(waiting)) = (seat, self.waiting.get_mut(&call)) {
                waiting.failed.add(seat);
            }
            self.seek(now, call, out);
        }
    }

    pub(super) fn held(&mut self, id: &SeatId, of: CallId, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id) else { return };
        if let Some(State::Talking { call, queue }) = self.state_of(index)
            && call == of
        {
            self.turn(index, State::Held { call, queue }, SeatReason::CallerOnHold, out);
        }
    }

    pub(super) fn resumed(&mut self, id: &SeatId, of: CallId, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id) else { return };
        if let Some(State::Held { call, queue }) = self.state_of(index)
            && call == of
        {
            self.turn(index, State::Talking { call, queue }, SeatReason::HoldOver, out);
        }
    }

    pub(super) fn state_of(&self, index: SeatIndex) -> Option<State> {
        self.seats.get(index as usize).map(|s| s.state)
    }

    pub(super) fn seat_index(&self, id: &SeatId) -> Option<SeatIndex> {
        self.seat_names.get(id).copied()
    }
}
