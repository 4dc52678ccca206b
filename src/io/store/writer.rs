//! The one thread that writes: takes everything that waits, one transaction, one fsync, then tells.
//!
//! A commit that fails (disk full, disk gone) is tried again with back-off, for ever while the gateway runs: the
//! events stay in memory within the bound of the backlog.

use super::backlog::{Backlog, Batch};
use super::feed::{Kind, Publisher, Stored};
use super::snapshots::{self, Changes};
use super::{Append, Failure, StoreError, nanos, rest, retention, rows, schema};
use crate::event::totals::Histogram;
use crate::event::wire;
use rusqlite::{Connection, Transaction, TransactionBehavior};
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

/// A write other than an event: runs inside the next transaction. It may run again when the commit fails, and
/// answers through what it captured, after the commit.
pub(super) struct Job {
    pub run: Run,
    pub done: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

/// Called with the newest durable position.
pub(super) type OnDurable = Arc<Mutex<Option<Box<Told>>>>;
type Told = dyn Fn(u64) + Send;

pub(super) struct Writer {
    pub conn: Connection,
    pub backlog: Arc<Backlog>,
    pub publisher: Publisher,
    pub on_durable: OnDurable,
    pub commits: Arc<Mutex<Histogram>>,
    pub retention: retention::Retention,
    pub rest: rest::Rest,
    /// Held while the thread lives: the store is ours until the last write.
    pub lock: Arc<super::lock::Lock>,
}

/// An event with its bytes.
struct Encoded {
    append: Append,
    stored: Stored,
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
            let batch = self.backlog.take();
            gather = if batch.events.len() > LOAD { GATHER_UNDER_LOAD } else { GATHER };
            let closed = batch.closed;
            if !batch.is_empty() {
                self.rest.worked(Instant::now());
            }
            if !self.write(batch) || closed {
                break;
            }
            if self.rest.is_due(Instant::now()) {
                // What is not given back is only memory.
                let _ = schema::give_back(&self.conn);
            }
            if let Err(e) = self.retention.step(&self.conn) {
                self.backlog.failed(Failure::Retention(e.to_string()));
            }
        }
        // Leaves one tidy file behind; should it fail, the log is read at the next start.
        let _ = self.conn.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);");
        drop(self.conn);
        drop(self.lock);
    }

    /// Writes a batch and tells; `false` when it had to be given up at the end.
    fn write(&mut self, batch: Batch) -> bool {
        if batch.is_empty() {
            return true;
        }
        let Batch { events, snapshots, acks, mut jobs, .. } = batch;
        let events: Vec<Encoded> = events.into_iter().map(encode).collect();
        let acks: Vec<(Arc<str>, u64)> = acks.into_iter().collect();
        let mut wait = BACK_OFF;
        let mut last_tries = 0;
        loop {
            let begun = Instant::now();
            let committed = commit(
                &mut self.conn,
                &Written { events: &events, snapshots: &snapshots, acks: &acks },
                &mut jobs,
            );
            super::locked(&self.commits).observe(begun.elapsed());
            match committed {
                Ok(answers) => {
                    if wait > BACK_OFF {
                        self.backlog.failed(Failure::Over);
                    }
                    self.tell(events);
                    for (job, answer) in jobs.into_iter().zip(answers) {
                        (job.done)(answer);
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

    fn tell(&self, events: Vec<Encoded>) {
        self.backlog.written();
        let Some(position) = events.last().map(|e| e.stored.position) else { return };
        self.publisher.publish(events.into_iter().map(|e| e.stored).collect());
        let on_durable = self.on_durable.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(tell) = on_durable.as_ref() {
            tell(position);
        }
    }
}

fn encode(append: Append) -> Encoded {
    let stored = Stored {
        position: append.event.position,
        kind: Kind::Borrowed(wire::kind(&append.event.what)),
        body: wire::encode(&append.event),
    };
    Encoded { append, stored }
}

type Answers = Vec<Result<(), StoreError>>;

/// What a job does inside the writer's transaction.
type Run = Box<dyn FnMut(&Transaction<'_>) -> Result<(), StoreError> + Send>;

/// What one transaction holds beside its jobs.
struct Written<'a> {
    events: &'a [Encoded],
    snapshots: &'a Changes,
    acks: &'a [(Arc<str>, u64)],
}

fn commit(
    conn: &mut Connection,
    Written { events, snapshots, acks }: &Written<'_>,
    jobs: &mut [Job],
) -> Result<Answers, rusqlite::Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for event in *events {
        rows::event(&tx, &event.append, &event.stored)?;
    }
    for (key, snapshot) in *snapshots {
        snapshots::write(&tx, key, snapshot.as_ref())?;
    }
    for (name, position) in *acks {
        rows::ack(&tx, name, *position, nanos(super::wall_now()))?;
    }
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs.iter_mut() {
        let savepoint = tx.prepare_cached("SAVEPOINT job")?.execute([]);
        savepoint?;
        let answer = (job.run)(&tx);
        if answer.is_err() {
            tx.execute_batch("ROLLBACK TO job")?;
        }
        tx.execute_batch("RELEASE job")?;
        answers.push(answer);
    }
    tx.commit()?;
    Ok(answers)
}
