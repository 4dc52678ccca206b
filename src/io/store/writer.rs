//! The one thread that writes: takes everything that waits, one transaction, one fsync, then tells.
//!
//! A commit that fails (disk full, disk gone) is tried again with back-off, for ever while the gateway runs: the
//! events stay in memory within the bound of the backlog.

use super::backlog::{Asked, Backlog, Taken};
use super::engine::{Answer, Batch, Engine, Entry};
use super::feed::{Kind, Publisher, Stored};
use super::{Append, Failure, rest, retention};
use crate::event::totals::Histogram;
use crate::event::wire;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Two commits begin at least this far apart, so that one fsync carries what comes together. The first event after
/// a quiet moment is written at once.
const GATHER: Duration = Duration::from_millis(2);
/// The same under load: a commit costs as much as a dozen events, so fewer and larger ones leave more of the
/// processor to calls. Still far from the 20 ms at which the gateway calls the disk hung.
const GATHER_UNDER_LOAD: Duration = Duration::from_millis(5);
/// A commit of more events than this means load.
const LOAD: usize = 12;
/// How long a failed commit waits before the second try; doubled up to [`BACK_OFF_MOST`].
const BACK_OFF: Duration = Duration::from_millis(10);
const BACK_OFF_MOST: Duration = Duration::from_secs(2);
/// When the gateway stops while the disk refuses, this many further tries are made.
const LAST_TRIES: u32 = 5;
/// Bounds of the commit times told, in milliseconds: from a fast disk to one that hangs.
pub(super) const COMMIT_BOUNDS: &[u64] = &[1, 2, 5, 10, 20, 50, 100, 250, 500, 1000, 2500, 5000];

/// Called with the newest durable position.
pub(super) type OnDurable = Arc<Mutex<Option<Box<Told>>>>;
type Told = dyn Fn(u64) + Send;

pub(super) struct Writer {
    pub engine: Box<dyn Engine>,
    pub backlog: Arc<Backlog>,
    pub publisher: Publisher,
    pub on_durable: OnDurable,
    pub commits: Arc<Mutex<Histogram>>,
    pub retention: retention::Retention,
    pub rest: rest::Rest,
    /// Held while the thread lives: the store is ours until the last write.
    pub lock: Arc<super::lock::Lock>,
}

impl Writer {
    pub(super) fn run(mut self) {
        let mut begun: Option<Instant> = None;
        let mut gather = GATHER;
        loop {
            let closing = self.backlog.wait(self.rest.patience(Instant::now(), self.retention.patience()));
            if let Some(rest) = begun.and_then(|b| gather.checked_sub(b.elapsed()))
                && !closing
            {
                thread::sleep(rest);
            }
            begun = Some(Instant::now());
            let taken = self.backlog.take();
            gather = if taken.events.len() > LOAD { GATHER_UNDER_LOAD } else { GATHER };
            let closed = taken.closed;
            let (batch, waiting) = batch(taken);
            if !batch.is_empty() {
                self.rest.worked(Instant::now());
                if !self.write(batch, waiting) {
                    break;
                }
            }
            if closed {
                break;
            }
            if self.rest.is_due(Instant::now()) {
                self.engine.rest();
            }
            if let Err(e) = self.retention.step(&mut *self.engine) {
                self.backlog.failed(Failure::Retention(e.to_string()));
            }
        }
        self.engine.end();
        drop(self.lock);
    }

    /// Writes a batch and tells; `false` when it had to be given up at the end.
    fn write(&mut self, batch: Batch, waiting: Vec<Done>) -> bool {
        let mut wait = BACK_OFF;
        let mut last_tries = 0;
        loop {
            let begun = Instant::now();
            let committed = self.engine.commit(&batch);
            super::locked(&self.commits).observe(begun.elapsed());
            match committed {
                Ok(answers) => {
                    if wait > BACK_OFF {
                        self.backlog.failed(Failure::Over);
                    }
                    self.tell(batch.events);
                    for (done, answer) in waiting.into_iter().zip(answers) {
                        done(answer);
                    }
                    return true;
                }
                Err(e) => {
                    if wait == BACK_OFF {
                        self.backlog.failed(Failure::Commit(e.to_string()));
                    }
                    if self.backlog.is_closed() {
                        last_tries += 1;
                        if last_tries > LAST_TRIES {
                            return false;
                        }
                    }
                    thread::sleep(wait);
                    wait = (wait * 2).min(BACK_OFF_MOST);
                }
            }
        }
    }

    fn tell(&self, events: Vec<Entry>) {
        self.backlog.written();
        let Some(position) = events.last().map(|e| e.stored.position) else { return };
        self.publisher.publish(events.into_iter().map(|e| e.stored).collect());
        let on_durable = super::locked(&self.on_durable);
        if let Some(tell) = on_durable.as_ref() {
            tell(position);
        }
    }
}

type Done = Box<dyn FnOnce(Answer) + Send>;

/// What is to be written, and who waits for the answers to its writes.
fn batch(taken: Taken) -> (Batch, Vec<Done>) {
    let Taken { events, snapshots, acks, asked, closed: _ } = taken;
    let (writes, waiting) = asked.into_iter().map(|Asked { write, done }| (write, done)).unzip();
    let events = events.into_iter().map(encode).collect();
    (Batch { at: super::wall_now(), events, snapshots, acks, writes }, waiting)
}

/// An event with its octets.
pub(super) fn encode(append: Append) -> Entry {
    let stored = Stored {
        position: append.event.position,
        kind: Kind::Borrowed(wire::kind(&append.event.what)),
        body: wire::encode(&append.event),
    };
    Entry { append, stored }
}
