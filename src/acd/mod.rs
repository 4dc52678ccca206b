//! Queues and seats (automatic call distribution): who waits, who is free, who gets whom, and when to stop
//! trying. It knows calls and seats by their ids only: no signalling, no media, no clock.
//!
//! What holds after every step, whatever came in:
//! - no call waits beside a ready seat that may take it;
//! - no seat is offered two calls, no call is offered to two seats;
//! - the order is by priority, then arrival; a caller keeps the place when a presentation fails;
//! - every `Entered` is followed by exactly one `Left`;
//! - whatever can be stuck has a deadline in [`Acd::poll_timeout`].
//!
//! A step costs O(log n) in callers and seats; nothing ever walks the queue. Positions are told by one timer of
//! each queue, to at most [`POSITIONS`] callers at a time: what that costs does not grow with the queue.

mod absence;
mod availability;
mod direct;
mod estimate;
mod failed_seats;
mod input;
mod mend;
mod output;
mod presence;
mod presentation;
mod queue;
mod restore;
mod restore_seat;
mod rules;
mod seat;
mod strategy;
mod wrap_up;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use crate::event::AwayReason;
pub use availability::OwnRole;
pub use input::Input;
pub use mend::Engaged;
pub use output::{EntryRefusal, Output};
pub use presence::Denied;
pub use restore::{Busy, Place};
pub use restore_seat::{SeatPhone, SeatWork};
pub use rules::{AcdConfig, QueueRules};
pub use seat::may_follow;

use crate::event::{QueueExit, SeatReason, SeatState};
use crate::id::{CallId, PresentationId, QueueId, Random, SeatId};
use crate::time::{Duration, Mono, Now, Timers};
use availability::{Availability, OwnCall};
use presentation::Presentation;
use queue::{Queue, Waiting};
use seat::{Seat, SeatIndex, State};
use std::collections::HashMap;

/// How often each queue tells some of its callers' positions; so often, too, one call is told its own at most.
pub const POSITION_EVERY: Duration = Duration::from_secs(5);

/// Callers whose positions one queue tells at a time, in turn. Each is an event on disk, and in a queue that moves all
/// positions change: without this bound a served call would cost an event for every caller behind it.
pub const POSITIONS: usize = 8;

/// How long a seat is offered nothing after a presentation was taken back, unless `Ended` comes sooner: its
/// phone may still be ringing and would say busy. Half a second covers one lost message and its retransmission.
pub const RELEASE_LIMIT: Duration = Duration::from_millis(500);

/// How long a seat that has nothing else to do is offered nothing because its phone has not confirmed the end of its last
/// call, unless `Vacate` comes sooner: it would answer 486. 64*T1, after which no retransmission of a BYE goes out (RFC 3261 section
/// 17.1.2.2, timer F).
pub const CLOSE_LIMIT: Duration = Duration::from_secs(32);

/// Deadlines served in one [`Acd::handle_timeout`], so that a thousand callers who entered together do not
/// make one long step. What is left over is still due in [`Acd::poll_timeout`].
pub const TIMERS_PER_STEP: usize = 128;

/// Why the machine wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A seat has not answered.
    RingTimeout,
    /// A seat whose presentation was taken back is free again.
    Release,
    /// The phone of a seat has not confirmed the end of its call.
    Close,
    /// A seat that failed to take a call is ready again.
    CoolDown,
    /// A seat that left presentations unanswered is ready again.
    Absence,
    /// A seat's work after the call has had its time.
    WrapUp,
    /// A call has waited as long as it may.
    MaxWait,
    /// A queue tells some of its callers' positions.
    Position,
}

/// The owner of a deadline. A seat has one at a time, that of its state. At the same instant seats come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Timer {
    Seat(SeatIndex),
    MaxWait(CallId),
    Positions(usize),
}

/// Whether new calls are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intake {
    Open,
    Draining,
}

/// How much of everything there is at this moment. When all calls are gone, all but the seats are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AcdCounts {
    /// Calls in queues, those being presented included.
    pub waiting: usize,
    /// Presentations that run, or were taken back a moment ago.
    pub presentations: usize,
    /// Deadlines that are set.
    pub timers: usize,
    /// Seats without a phone.
    pub offline: usize,
    /// Seats that may be offered a call.
    pub ready: usize,
    /// Seats that are reserved or ring.
    pub presented: usize,
    /// Seats with a caller, on hold or not.
    pub talking: usize,
    /// Seats in wrap-up.
    pub wrap_up: usize,
    /// Seats that cool down.
    pub not_ready: usize,
    /// Seats whose phone does not answer.
    pub unreachable: usize,
}

/// All queues and seats of the gateway. One owner, no locks.
#[derive(Debug)]
pub struct Acd {
    queues: Vec<Queue>,
    queue_names: HashMap<QueueId, usize>,
    seats: Vec<Seat>,
    seat_names: HashMap<SeatId, SeatIndex>,
    /// Every call in a queue. Bounded by the queues' capacities together. Never iterated: its order differs
    /// from run to run.
    waiting: HashMap<CallId, Waiting>,
    /// At most one a seat. Never iterated either.
    presentations: HashMap<PresentationId, Presentation>,
    timers: Timers<Timer>,
    intake: Intake,
    /// Calls that got a place so far: decides between arrivals at the same instant.
    ticket: u64,
    random: Random,
}

impl Acd {
    /// Empty queues, every seat offline.
    pub fn new(config: AcdConfig, random: Random) -> Acd {
        let mut acd = Acd {
            queues: Vec::new(),
            queue_names: HashMap::new(),
            seats: Vec::new(),
            seat_names: HashMap::new(),
            waiting: HashMap::new(),
            presentations: HashMap::new(),
            timers: Timers::default(),
            intake: Intake::Open,
            ticket: 0,
            random,
        };
        for seat in config.seats {
            acd.add_seat(seat);
        }
        for rules in config.queues {
            acd.add_queue(rules);
        }
        for seat in config.signing_in {
            let index = acd.add_seat(seat) as usize;
            if let Some(seat) = acd.seats.get_mut(index) {
                seat.availability = Availability::SignedOut;
            }
        }
        acd
    }

    /// One thing happened.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Enter { call, queue, priority, at } => self.enter(now, call, &queue, priority, at, out),
            Input::Leave { call, exit } => self.leave(now, call, exit, out),
            Input::SeatUp { seat } => self.seat_up(now, &seat, out),
            Input::SeatDown { seat } => self.seat_down(now, &seat, out),
            Input::SeatLost { seat } => self.seat_lost(now, &seat, out),
            Input::Returned { call, seat, queue, reason } => {
                self.returned(now, call, &seat, &queue, reason, out);
            }
            Input::Rang { presentation } => self.rang(presentation, out),
            Input::Answered { presentation } => self.answered(now, presentation, out),
            Input::Ended { presentation, result } => self.ended(now, presentation, result, out),
            Input::Held { seat, call } => self.held(&seat, call, out),
            Input::Resumed { seat, call } => self.resumed(&seat, call, out),
            Input::Finished { seat, call } => self.finished(now, &seat, call, out),
            Input::WrapUpDone { seat } => self.wrap_up_done(now, &seat, out),
            Input::SignIn { seat, operator } => self.sign_in(now, &seat, operator, out),
            Input::SignOut { seat } => self.sign_out(now, &seat, out),
            Input::SetReady { seat } => self.set_ready(now, &seat, out),
            Input::SetNotReady { seat, reason } => self.set_not_ready(now, &seat, reason, out),
            Input::Occupy { seat, call, role } => self.occupy(&seat, OwnCall { call, role }, out),
            Input::Joined { seat, call } => self.joined(&seat, call, out),
            Input::Mend { seat } => self.mend(now, &seat, out),
            Input::Vacate { seat, call, spoke } => self.vacate(now, &seat, call, spoke, out),
            Input::TakeOver { seat, call, queue } => self.take_over(&seat, call, &queue, out),
            Input::PickUp { seat, call } => self.pick_up(now, &seat, call, out),
            Input::Recall { call, queue, seat } => self.recall(now, call, &queue, seat.as_ref(), out),
            Input::Drain => self.intake = Intake::Draining,
        }
    }

    /// When [`Acd::handle_timeout`] is next due, and why. In the past only when a step left deadlines over.
    pub fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        let (at, timer) = self.timers.next()?;
        let reason = match timer {
            Timer::Seat(seat) => self.state_of(seat)?.deadline()?.1,
            Timer::MaxWait(_) => Reason::MaxWait,
            Timer::Positions(_) => Reason::Position,
        };
        Some((at, reason))
    }

    /// Serves what is due, at most [`TIMERS_PER_STEP`].
    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        for _ in 0..TIMERS_PER_STEP {
            let Some(timer) = self.timers.pop_due(now.mono) else { return };
            match timer {
                Timer::Seat(seat) => self.seat_timeout(now, seat, out),
                Timer::MaxWait(call) => self.leave(now, call, QueueExit::Timeout, out),
                Timer::Positions(queue) => self.tell_positions(now, queue, out),
            }
        }
    }

    fn seat_timeout(&mut self, now: Now, index: SeatIndex, out: &mut Vec<Output>) {
        match self.state_of(index) {
            Some(State::Reserved { presentation, .. } | State::Ringing { presentation, .. }) => {
                self.ring_timed_out(now, presentation, out);
            }
            Some(State::Releasing { .. }) => self.released(now, index, out),
            Some(State::Closing { .. }) => self.closed(now, index, out),
            Some(State::WrapUp { .. }) => self.complete_wrap_up(now, index, true, out),
            Some(State::NotReady { .. } | State::Unreachable { .. }) => {
                self.free(now, index, now.mono, SeatReason::CooledDown, out);
            }
            Some(State::Absent { .. }) => self.ready_again(now, index, out),
            Some(
                State::Offline
                | State::Ready
                | State::Away { .. }
                | State::Talking { .. }
                | State::Held { .. }
                | State::Occupied { .. }
                | State::Lost,
            )
            | None => {}
        }
    }

    /// Calls in a queue, those being presented included; 0 for a queue there is not.
    pub fn depth(&self, queue: &QueueId) -> u32 {
        self.queue(queue).map_or(0, |q| q.depth())
    }

    /// Whether a call that enters now would be refused as `Full`; a queue there is not has no room either.
    pub fn is_full(&self, queue: &QueueId) -> bool {
        self.queue(queue).is_none_or(Queue::is_full)
    }

    /// Seats of a queue that are ready.
    pub fn ready_seats(&self, queue: &QueueId) -> u32 {
        self.queue(queue).map_or(0, |q| q.idle.len() as u32)
    }

    /// What a seat is doing; `None` for a seat there is not.
    pub fn seat_state(&self, seat: &SeatId) -> Option<SeatState> {
        Some(self.state_of(self.seat_index(seat)?)?.shown())
    }

    /// Every seat and what it is doing, in the configured order.
    pub fn seats(&self) -> impl Iterator<Item = (&SeatId, SeatState)> {
        self.seats.iter().map(|s| (&s.id, s.state.shown()))
    }

    /// Every queue, in the configured order.
    pub fn queues(&self) -> impl Iterator<Item = &QueueId> {
        self.queues.iter().map(|q| &q.rules.name)
    }

    /// How much of everything there is. Walks the seats: for a health page, not for every step.
    pub fn counts(&self) -> AcdCounts {
        let mut counts = AcdCounts {
            waiting: self.waiting.len(),
            presentations: self.presentations.len(),
            timers: self.timers.len(),
            ..AcdCounts::default()
        };
        for seat in &self.seats {
            *match seat.state.shown() {
                SeatState::Offline => &mut counts.offline,
                SeatState::Ready => &mut counts.ready,
                SeatState::Reserved | SeatState::Ringing => &mut counts.presented,
                SeatState::Talking | SeatState::Held => &mut counts.talking,
                SeatState::WrapUp => &mut counts.wrap_up,
                SeatState::NotReady => &mut counts.not_ready,
                SeatState::Unreachable => &mut counts.unreachable,
            } += 1;
        }
        counts
    }

    fn queue(&self, name: &QueueId) -> Option<&Queue> {
        self.queues.get(*self.queue_names.get(name)?)
    }

    fn add_seat(&mut self, id: SeatId) -> SeatIndex {
        if let Some(index) = self.seat_index(&id) {
            return index;
        }
        let index = self.seats.len() as SeatIndex;
        self.seat_names.insert(id.clone(), index);
        self.seats.push(Seat::new(id));
        index
    }

    fn add_queue(&mut self, rules: QueueRules) {
        if self.queue_names.contains_key(&rules.name) {
            return;
        }
        let queue = self.queues.len();
        for id in &rules.seats {
            let index = self.add_seat(id.clone());
            if let Some(seat) = self.seats.get_mut(index as usize)
                && !seat.queues.contains(&queue)
            {
                seat.queues.push(queue);
            }
        }
        self.queue_names.insert(rules.name.clone(), queue);
        self.queues.push(Queue::new(rules));
    }
}
