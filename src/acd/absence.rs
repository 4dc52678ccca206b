//! What is decided of an operator, told once with its author; and the seat whose operator is not there: after presentations
//! that the ring timeout ended it is offered nothing, so that an absent operator does not cost every caller that timeout.

use super::availability::Availability;
use super::seat::{SeatIndex, State};
use super::{Acd, Output};
use crate::event::{Author, OperatorReason, OperatorState, OperatorStateChanged, SeatReason};
use crate::id::{CallId, OperatorId};
use crate::time::Now;

impl Availability {
    /// As events name it.
    pub(super) fn shown(self) -> OperatorState {
        match self {
            Availability::SignedOut => OperatorState::SignedOut,
            Availability::Ready => OperatorState::Ready,
            Availability::Away(_) | Availability::Absent { .. } => OperatorState::NotReady,
        }
    }
}

impl Acd {
    /// The person at a seat, as the author of a decision.
    pub(super) fn at_seat(&self, index: SeatIndex) -> Option<Author> {
        let seat = self.seats.get(index as usize)?;
        Some(Author::Seat { seat: seat.id.clone(), operator: seat.operator.clone() })
    }

    /// What is wished of a seat changes. Told where it does.
    pub(super) fn decide(
        &mut self,
        index: SeatIndex,
        to: Availability,
        why: OperatorReason,
        author: Author,
        out: &mut Vec<Output>,
    ) {
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        let was = std::mem::replace(&mut seat.availability, to);
        seat.misses = 0;
        if was == to && why != OperatorReason::SignedIn {
            return;
        }
        out.push(Output::OperatorChanged(OperatorStateChanged {
            seat: seat.id.clone(),
            operator: seat.operator.clone(),
            from: was.shown(),
            to: to.shown(),
            reason: why.into(),
            author,
        }));
    }

    /// An operator takes the seat, in place of the one who was signed in there.
    pub(super) fn takes_seat(
        &mut self,
        index: SeatIndex,
        operator: Option<OperatorId>,
        out: &mut Vec<Output>,
    ) {
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        let author = Author::Seat { seat: seat.id.clone(), operator: operator.clone() };
        if seat.operator.is_some()
            && seat.operator != operator
            && seat.availability != Availability::SignedOut
        {
            self.decide(index, Availability::SignedOut, OperatorReason::Replaced, author.clone(), out);
        }
        if let Some(seat) = self.seats.get_mut(index as usize) {
            seat.operator = operator;
        }
        self.decide(index, Availability::Ready, OperatorReason::SignedIn, author, out);
    }

    /// An operator is at one seat at a time: the sign-in at any other ends, with the work in hand there. Walks the seats: for
    /// one sign-in.
    pub(super) fn ends_elsewhere(
        &mut self,
        now: Now,
        here: SeatIndex,
        operator: &OperatorId,
        out: &mut Vec<Output>,
    ) {
        let Some(seat) = self.seats.get(here as usize).map(|seat| seat.id.clone()) else { return };
        let others = self.seats.iter().zip(0..).filter(|(seat, index)| {
            *index != here
                && seat.operator.as_ref() == Some(operator)
                && seat.availability != Availability::SignedOut
        });
        let others: Vec<SeatIndex> = others.map(|(_, index)| index).collect();
        for other in others {
            let why = OperatorReason::SignedInElsewhere { seat: seat.clone() };
            let author = Author::Seat { seat: seat.clone(), operator: Some(operator.clone()) };
            self.end_sign_in(now, other, why, author, out);
        }
    }

    /// The ring timeout ended a presentation. Whether the seat is offered nothing more for it.
    pub(super) fn missed(&mut self, now: Now, index: SeatIndex, call: CallId, out: &mut Vec<Output>) -> bool {
        let rules = self.waiting.get(&call).and_then(|w| self.queues.get(w.queue)).map(|q| &q.rules);
        let Some((most, after)) = rules.map(|r| (r.ring_misses, r.ring_misses_ready_after)) else {
            return false;
        };
        let Some(seat) = self.seats.get_mut(index as usize) else { return false };
        seat.misses = seat.misses.saturating_add(1);
        if most == 0 || seat.misses < most || seat.availability != Availability::Ready {
            return false;
        }
        let until = after.map(|after| now.mono + after);
        self.decide(index, Availability::Absent { until }, OperatorReason::NoAnswer, Author::Gateway, out);
        self.turn(index, State::Absent { until }, SeatReason::NoAnswer, out);
        true
    }

    /// A call was answered or placed at the seat: its operator is there.
    pub(super) fn came_back(&mut self, index: SeatIndex, out: &mut Vec<Output>) {
        let Some(author) = self.at_seat(index) else { return };
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        seat.misses = 0;
        if matches!(seat.availability, Availability::Absent { .. }) {
            self.back_at_work(index, OperatorReason::CameBack, author, out);
        }
    }

    /// The seat takes calls from here on, once it is free.
    pub(super) fn back_at_work(
        &mut self,
        index: SeatIndex,
        why: OperatorReason,
        author: Author,
        out: &mut Vec<Output>,
    ) {
        self.decide(index, Availability::Ready, why, author, out);
    }

    /// The time after unanswered presentations is over.
    pub(super) fn ready_again(&mut self, now: Now, index: SeatIndex, out: &mut Vec<Output>) {
        self.back_at_work(index, OperatorReason::ReadyAgain, Author::Gateway, out);
        self.free(now, index, now.mono, SeatReason::CooledDown, out);
    }
}
