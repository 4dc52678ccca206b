//! A queue: who is in it and in which order, and which of its seats are idle.
//!
//! A call keeps its place in the queue until it leaves, also while it is being presented. A place is
//! found by binary search in a sorted deque: joining at the tail and leaving at the head cost the search,
//! leaving from the middle moves the keys of the shorter side (24 bytes each; under a microsecond at 1,000).

use super::estimate::Estimate;
use super::failed_seats::FailedSeats;
use super::rules::QueueRules;
use super::seat::SeatIndex;
use super::{Acd, EntryRefusal, Output, POSITION_EVERY, POSITIONS, Timer};
use crate::event::{PresentationResult, QueueEntered, QueueExit};
use crate::id::{CallId, PresentationId, QueueId};
use crate::time::{Duration, Mono, Now};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

/// A place in the order: priority first, then arrival, then the order of entering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) priority: Reverse<u8>,
    pub(super) arrival: Mono,
    pub(super) ticket: u64,
}

/// A queue with its callers and its idle seats.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) rules: QueueRules,
    /// Everyone in it, in order. At most `rules.capacity`.
    line: VecDeque<Key>,
    /// The calls among them that are not being presented.
    unoffered: BTreeMap<Key, CallId>,
    /// The ready seats, the longest idle first.
    pub(super) idle: BTreeSet<(Mono, SeatIndex)>,
    estimate: Estimate,
    /// The caller whose position was looked at last: the next ones have their turn.
    last_told: Option<Key>,
}

/// A call in a queue.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) queue: usize,
    pub(super) key: Key,
    pub(super) entered: Mono,
    pub(super) place: WaitingState,
    /// Presentations so far.
    pub(super) attempts: u32,
    pub(super) failed: FailedSeats,
    /// The position it was last told.
    pub(super) told: u32,
}

/// Whether a call is being offered to a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitingState {
    InLine,
    Presented(PresentationId),
}

impl Queue {
    pub(super) fn new(rules: QueueRules) -> Queue {
        Queue {
            rules,
            line: VecDeque::new(),
            unoffered: BTreeMap::new(),
            idle: BTreeSet::new(),
            estimate: Estimate::default(),
            last_told: None,
        }
    }

    pub(super) fn depth(&self) -> u32 {
        self.line.len() as u32
    }

    pub(super) fn is_full(&self) -> bool {
        self.line.len() >= self.rules.capacity
    }

    /// The first caller that is not being presented.
    pub(super) fn head(&self) -> Option<(Key, CallId)> {
        self.unoffered.first_key_value().map(|(k, c)| (*k, *c))
    }

    /// 1 for the head; for a key that is not in the line, the place it would get.
    pub(super) fn position(&self, key: Key) -> u32 {
        self.line.partition_point(|k| *k < key) as u32 + 1
    }

    pub(super) fn join(&mut self, key: Key) {
        let at = self.line.partition_point(|k| *k < key);
        self.line.insert(at, key);
    }

    fn leave(&mut self, key: Key) {
        if let Ok(at) = self.line.binary_search(&key) {
            self.line.remove(at);
        }
    }

    /// The call waits for a seat.
    pub(super) fn wait(&mut self, now: Mono, key: Key, call: CallId) {
        self.unoffered.insert(key, call);
        self.estimate.backlog(now, true);
    }

    /// The call no longer waits for a seat: it is being presented, or gone.
    pub(super) fn stop_waiting(&mut self, now: Mono, key: Key) {
        self.unoffered.remove(&key);
        self.estimate.backlog(now, !self.unoffered.is_empty());
    }

    /// The callers whose turn it is to be told their positions: those behind the last one, then from the head on.
    fn next_in_turn(&mut self) -> Vec<(Key, CallId)> {
        let behind = self.last_told.map_or(Bound::Unbounded, Bound::Excluded);
        let ahead = self.last_told.into_iter().flat_map(|last| self.unoffered.range(..=last));
        let in_turn = self.unoffered.range((behind, Bound::Unbounded)).chain(ahead);
        let next: Vec<_> = in_turn.take(POSITIONS).map(|(key, call)| (*key, *call)).collect();
        self.last_told = next.last().map(|(key, _)| *key);
        next
    }

    /// The wait a caller at `position` can expect: nothing when a seat is idle; otherwise those ahead who
    /// are already being presented no longer count.
    fn estimated_wait(&self, now: Mono, position: u32) -> Option<Duration> {
        if !self.idle.is_empty() {
            return Some(Duration::ZERO);
        }
        let presented = self.line.len() - self.unoffered.len().min(self.line.len());
        self.estimate.wait(now, position.saturating_sub(presented as u32).max(1))
    }
}

impl Acd {
    pub(super) fn enter(
        &mut self,
        now: Now,
        call: CallId,
        name: &QueueId,
        priority: u8,
        at: Now,
        out: &mut Vec<Output>,
    ) {
        let (index, key) = match self.admit(now, call, name, priority, at) {
            Ok(place) => place,
            Err(reason) => return out.push(Output::Refused { call, reason }),
        };
        self.join(now, call, index, key, out);
        self.seek(now, call, out);
    }

    /// The call has its place from here on.
    fn join(&mut self, now: Now, call: CallId, index: usize, key: Key, out: &mut Vec<Output>) {
        let Some(queue) = self.queues.get_mut(index) else { return };
        queue.join(key);
        queue.wait(now.mono, key, call);
        let position = queue.position(key);
        let entered = QueueEntered {
            queue: queue.rules.name.clone(),
            priority: key.priority.0,
            skills: Vec::new(),
            position,
            depth: queue.depth(),
            estimated_wait: queue.estimated_wait(now.mono, position),
            ready_seats: queue.idle.len() as u32,
        };
        out.push(Output::Entered { call, entered });
        self.timers.set(Timer::MaxWait(call), now.mono + queue.rules.max_wait);
        if queue.depth() == 1 {
            self.timers.set(Timer::Positions(index), now.mono + POSITION_EVERY);
        }
        let waiting = Waiting {
            queue: index,
            key,
            entered: now.mono,
            place: WaitingState::InLine,
            attempts: 0,
            failed: FailedSeats::default(),
            told: position,
        };
        self.waiting.insert(call, waiting);
    }

    /// The call takes the head of the line; `false` when it has a place already or the queue is none.
    pub(super) fn return_to_head(
        &mut self,
        now: Now,
        call: CallId,
        name: &QueueId,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(index) = self.queue_names.get(name).copied() else {
            // A call that went on after a restart, and came from a queue that is configured no more.
            out.push(Output::Refused { call, reason: EntryRefusal::UnknownQueue });
            return false;
        };
        if self.waiting.contains_key(&call) {
            return false;
        }
        self.ticket += 1;
        // Behind those who came back before, ahead of all others.
        let key = Key { priority: Reverse(u8::MAX), arrival: Mono(0), ticket: self.ticket };
        self.join(now, call, index, key, out);
        true
    }

    /// Whether the call gets a place, and which.
    fn admit(
        &mut self,
        now: Now,
        call: CallId,
        name: &QueueId,
        priority: u8,
        at: Now,
    ) -> Result<(usize, Key), EntryRefusal> {
        if self.waiting.contains_key(&call) {
            return Err(EntryRefusal::AlreadyWaiting);
        }
        if self.intake == super::Intake::Draining {
            return Err(EntryRefusal::Draining);
        }
        let index = *self.queue_names.get(name).ok_or(EntryRefusal::UnknownQueue)?;
        let queue = self.queues.get(index).ok_or(EntryRefusal::UnknownQueue)?;
        if queue.is_full() {
            return Err(EntryRefusal::Full);
        }
        self.ticket += 1;
        let arrival = at.mono.min(now.mono);
        Ok((index, Key { priority: Reverse(priority), arrival, ticket: self.ticket }))
    }

    /// The call leaves without a seat; a presentation that runs is taken back first.
    pub(super) fn leave(&mut self, now: Now, call: CallId, exit: QueueExit, out: &mut Vec<Output>) {
        let Some(waiting) = self.waiting.get(&call) else { return };
        if let WaitingState::Presented(presentation) = waiting.place {
            let result = if exit == QueueExit::Abandoned {
                PresentationResult::CallerGone
            } else {
                PresentationResult::Withdrawn
            };
            self.withdraw(now, presentation, result, out);
        }
        self.remove(now, call, exit, out);
    }

    /// The one place where a call leaves its queue.
    pub(super) fn remove(&mut self, now: Now, call: CallId, exit: QueueExit, out: &mut Vec<Output>) {
        let Some(waiting) = self.waiting.remove(&call) else { return };
        self.timers.cancel(Timer::MaxWait(call));
        let Some(queue) = self.queues.get_mut(waiting.queue) else { return };
        let position = queue.position(waiting.key);
        if exit == QueueExit::Connected {
            queue.estimate.answered(now.mono);
        }
        queue.leave(waiting.key);
        if queue.depth() == 0 {
            self.timers.cancel(Timer::Positions(waiting.queue));
        }
        if waiting.place == WaitingState::InLine {
            queue.stop_waiting(now.mono, waiting.key);
        }
        let waited = now.mono.since(waiting.entered);
        out.push(Output::Left { call, queue: queue.rules.name.clone(), exit, position, waited });
    }

    /// Tells the next callers of a queue their positions where these changed, and goes on later.
    pub(super) fn tell_positions(&mut self, now: Now, index: usize, out: &mut Vec<Output>) {
        let Some(queue) = self.queues.get_mut(index) else { return };
        self.timers.set(Timer::Positions(index), now.mono + POSITION_EVERY);
        for (key, call) in queue.next_in_turn() {
            let Some(waiting) = self.waiting.get_mut(&call) else { continue };
            let position = queue.position(key);
            if position == waiting.told {
                continue;
            }
            waiting.told = position;
            out.push(Output::Position {
                call,
                queue: queue.rules.name.clone(),
                position,
                depth: queue.depth(),
                estimated_wait: queue.estimated_wait(now.mono, position),
            });
        }
    }
}
