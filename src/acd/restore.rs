//! What of queues and seats outlives the process: the places of those who wait, and the seats that are in a call. Restored
//! before any seat takes a call; nothing is told, for nothing has changed.

use super::availability::{OwnCall, OwnRole};
use super::failed_seats::FailedSeats;
use super::presentation::Presentation;
use super::queue::{Key, Waiting, WaitingState};
use super::seat::State;
use super::{Acd, CLOSE_LIMIT, Output, POSITION_EVERY, RELEASE_LIMIT, Timer};
use crate::event::{SeatReason, SeatState};
use crate::id::{CallId, PresentationId, QueueId, SeatId};
use crate::time::{Mono, Now};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// The place of a call in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The queue.
    pub queue: QueueId,
    priority: u8,
    arrival: Mono,
    ticket: u64,
    entered: Mono,
    attempts: u32,
    failed: Vec<SeatId>,
}

/// What a seat is doing in a call that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Busy {
    /// The seat serves a caller of this queue.
    Serves {
        /// The queue.
        queue: QueueId,
        /// The caller is on hold.
        holds: bool,
    },
    /// The seat is in a call that comes from no queue.
    Own,
    /// The phone of the seat is yet to hear that the call is over, or was taken back.
    Closes,
}

impl Acd {
    /// The place of a call that waits, presented or not.
    pub fn place_of(&self, call: CallId) -> Option<Place> {
        let waiting = self.waiting.get(&call)?;
        let queue = self.queues.get(waiting.queue)?;
        let failed = waiting.failed.iter().filter_map(|seat| self.seats.get(*seat as usize));
        Some(Place {
            queue: queue.rules.name.clone(),
            priority: waiting.key.priority.0,
            arrival: waiting.key.arrival,
            ticket: waiting.key.ticket,
            entered: waiting.entered,
            attempts: waiting.attempts,
            failed: failed.map(|seat| seat.id.clone()).collect(),
        })
    }

    /// A call has its place again, in a full queue too; `false` when there is no such queue any more.
    pub fn restore_place(&mut self, now: Now, call: CallId, place: &Place) -> bool {
        let Some(index) = self.queue_names.get(&place.queue).copied() else { return false };
        let mut failed = FailedSeats::default();
        place.failed.iter().filter_map(|seat| self.seat_index(seat)).for_each(|seat| failed.add(seat));
        let Some(queue) = self.queues.get_mut(index) else { return false };
        let key = Key { priority: Reverse(place.priority), arrival: place.arrival, ticket: place.ticket };
        self.ticket = self.ticket.max(place.ticket);
        queue.join(key);
        queue.wait(now.mono, key, call);
        let told = queue.position(key);
        let until = (place.entered + queue.rules.max_wait).max(now.mono);
        self.timers.set(Timer::MaxWait(call), until);
        if queue.depth() == 1 {
            self.timers.set(Timer::Positions(index), now.mono + POSITION_EVERY);
        }
        let (entered, attempts) = (place.entered, place.attempts);
        let place = WaitingState::InLine;
        self.waiting.insert(call, Waiting { queue: index, key, entered, place, attempts, failed, told });
        true
    }

    /// A phone of the seat is told that a presentation is taken back: the seat is offered nothing until it has stopped
    /// ringing.
    pub fn restore_releasing(&mut self, now: Now, id: &SeatId, presentation: PresentationId) {
        let Some(index) = self.seat_index(id) else { return };
        let until = now.mono + RELEASE_LIMIT;
        self.presentations.insert(presentation, Presentation::Withdrawn { seat: index });
        self.timers.set(Timer::Seat(index), until);
        if let Some(seat) = self.seats.get_mut(index as usize) {
            seat.state = State::Releasing { presentation, shown: SeatState::Offline, until };
        }
    }

    /// A seat is in a call that goes on, or its phone is yet to hear that it does not. Where the queue of the call is not
    /// configured any more, no rules of a queue say what follows: the call ends as one of the seat's own, without wrap-up.
    pub fn restore_busy(&mut self, now: Now, id: &SeatId, call: CallId, busy: &Busy, out: &mut Vec<Output>) {
        let Some(index) = self.seat_index(id) else { return };
        let own = State::Occupied { own: OwnCall { call, role: OwnRole::Talks } };
        let state = match busy {
            Busy::Serves { queue, holds } => match self.queue_names.get(queue).copied() {
                Some(queue) if *holds => State::Held { call, queue },
                Some(queue) => State::Talking { call, queue },
                None => own,
            },
            Busy::Own => own,
            Busy::Closes => {
                let (shown, until) = (SeatState::Offline, now.mono + CLOSE_LIMIT);
                State::Closing { call, shown, reason: SeatReason::Restored, until }
            }
        };
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        // A seat that is in another call, or is let go by it, is so whatever else its phone has yet to hear.
        if *busy == Busy::Closes && seat.state != State::Offline {
            return;
        }
        if let State::Occupied { own } = state {
            seat.own = Some(own);
        }
        self.turn(index, state, SeatReason::CallGoesOn, out);
    }
}
