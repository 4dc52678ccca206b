//! What waits for the writer: bounded by count, never blocks who brings it.
//!
//! Up to [`LIMIT`] events wait. From [`BACKED_UP`] on the gateway is told to shed new calls, so that the rest
//! is room for the calls already in; past the limit a batch is given up, counted and reported, and
//! subscribers see a gap: memory is not traded for a disk that never comes back.

use super::engine::{Answer, Changes, Write};
use super::{Append, Failure};
use crate::snapshot::{Snapshot, SnapshotKey};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// At most this many events wait, about 100 MB of them.
pub const LIMIT: usize = 200_000;
/// From here on new calls should be shed: some seconds of the heaviest load.
pub const BACKED_UP: usize = 20_000;
/// Below this the journal has caught up.
const CAUGHT_UP: usize = 5_000;
/// At most this many other writes wait (subscriptions, parked events): past it they are refused.
const WRITES: usize = 1_024;
/// One commit takes at most this many events, so that a backlog does not hold the disk for long.
const BATCH: usize = 8_192;
/// Failures not yet told; past it the oldest is forgotten.
const FAILURES: usize = 16;

/// How full the backlog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// Room enough.
    Easy,
    /// Shed new calls.
    BackedUp,
    /// Full: this batch was given up.
    Lost,
}

/// A write other than an event, and who hears what became of it, after the commit.
pub(super) struct Asked {
    pub write: Write,
    pub done: Box<dyn FnOnce(Answer) + Send>,
}

/// What the writer takes for one commit.
#[derive(Default)]
pub(super) struct Taken {
    pub events: Vec<Append>,
    pub snapshots: Changes,
    pub acks: HashMap<Arc<str>, u64>,
    pub asked: Vec<Asked>,
    /// Nothing more will come.
    pub closed: bool,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Append>,
    /// Events taken by the writer and not yet on disk.
    writing: usize,
    snapshots: Changes,
    acks: HashMap<Arc<str>, u64>,
    asked: VecDeque<Asked>,
    closed: bool,
    writer_sleeps: bool,
    backed_up: bool,
    told_backed_up: bool,
    failures: VecDeque<Failure>,
}

impl Waiting {
    fn held(&self) -> usize {
        self.events.len() + self.writing
    }

    fn has_work(&self) -> bool {
        !(self.events.is_empty()
            && self.snapshots.is_empty()
            && self.acks.is_empty()
            && self.asked.is_empty())
    }
}

/// What is to be told outside the writer, which a hanging disk would hold up.
pub(super) enum Notice {
    BackedUp(bool),
    Failed(Failure),
}

/// Shared by the journal, its writer and its watch.
#[derive(Default)]
pub(super) struct Backlog {
    waiting: Mutex<Waiting>,
    work: Condvar,
    notice: Condvar,
}

impl Backlog {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn push(&self, events: Vec<Append>) -> Pressure {
        let mut w = self.lock();
        if w.closed || w.held() + events.len() > LIMIT {
            let (Some(first), Some(last)) = (events.first(), events.last()) else { return Pressure::Easy };
            let failure = Failure::Lost { from: first.event.position, to: last.event.position };
            w.fail(failure);
            self.notice.notify_one();
            return Pressure::Lost;
        }
        w.events.extend(events);
        if w.held() >= BACKED_UP && !w.backed_up {
            w.backed_up = true;
            self.notice.notify_one();
        }
        let pressure = if w.backed_up { Pressure::BackedUp } else { Pressure::Easy };
        self.wake(w);
        pressure
    }

    /// A snapshot, or that there is none any more. One that waits for a hanging disk is replaced by the next.
    pub(super) fn keep(&self, key: SnapshotKey, snapshot: Option<Snapshot>) {
        let mut w = self.lock();
        w.snapshots.insert(key, snapshot);
        self.wake(w);
    }

    pub(super) fn ack(&self, subscription: Arc<str>, position: u64) {
        let mut w = self.lock();
        w.acks.insert(subscription, position);
        self.wake(w);
    }

    pub(super) fn ask(&self, asked: Asked) -> Result<(), Asked> {
        let mut w = self.lock();
        if w.closed || w.asked.len() >= WRITES {
            return Err(asked);
        }
        w.asked.push_back(asked);
        self.wake(w);
        Ok(())
    }

    pub(super) fn close(&self) {
        let mut w = self.lock();
        w.closed = true;
        self.notice.notify_all();
        w.writer_sleeps = true;
        self.wake(w);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// A condition variable costs a system call: only a sleeping writer is woken.
    fn wake(&self, mut w: MutexGuard<'_, Waiting>) {
        if w.writer_sleeps {
            w.writer_sleeps = false;
            drop(w);
            self.work.notify_one();
        }
    }

    /// Waits for something to write, at most `patience`; whether the journal is being closed.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let mut w = self.lock();
        if !w.has_work() && !w.closed {
            w.writer_sleeps = true;
            w = self.work.wait_timeout(w, patience).map_or_else(|e| e.into_inner().0, |(guard, _)| guard);
            w.writer_sleeps = false;
        }
        w.closed
    }

    /// Takes all there is, up to [`BATCH`] events.
    pub(super) fn take(&self) -> Taken {
        let mut w = self.lock();
        let n = w.events.len().min(BATCH);
        w.writing = n;
        let events = w.events.drain(..n).collect();
        // No snapshot stands before its events: it would resume a call as the journal does not know it.
        let snapshots = if w.events.is_empty() { std::mem::take(&mut w.snapshots) } else { Changes::new() };
        Taken {
            events,
            snapshots,
            acks: std::mem::take(&mut w.acks),
            asked: w.asked.drain(..).collect(),
            closed: w.closed && w.events.is_empty(),
        }
    }

    /// What was taken last is on disk.
    pub(super) fn written(&self) {
        let mut w = self.lock();
        w.writing = 0;
        if w.backed_up && w.held() <= CAUGHT_UP {
            w.backed_up = false;
            self.notice.notify_one();
        }
    }

    pub(super) fn failed(&self, failure: Failure) {
        self.lock().fail(failure);
        self.notice.notify_one();
    }

    /// Waits for something to tell; `None` when closed.
    pub(super) fn notice(&self) -> Option<Notice> {
        let mut w = self.lock();
        loop {
            if let Some(failure) = w.failures.pop_front() {
                return Some(Notice::Failed(failure));
            }
            if w.backed_up != w.told_backed_up {
                w.told_backed_up = w.backed_up;
                return Some(Notice::BackedUp(w.backed_up));
            }
            if w.closed {
                return None;
            }
            w = self.notice.wait(w).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

impl Waiting {
    /// Losses in a row are told as one.
    fn fail(&mut self, failure: Failure) {
        if let (Some(Failure::Lost { to, .. }), Failure::Lost { to: newest, .. }) =
            (self.failures.back_mut(), &failure)
        {
            *to = *newest;
            return;
        }
        if self.failures.len() == FAILURES {
            self.failures.pop_front();
        }
        self.failures.push_back(failure);
    }
}
