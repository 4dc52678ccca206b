//! The journal: every event on disk before it leaves, written by one thread with group commit. Not a queue between parts
//! of the gateway, and not a place for decisions.
//!
//! [`Journal`] appends and never blocks, [`Feed`] reads the newest events from memory and older ones from disk,
//! [`Reader`] reads calls, records and subscriptions. Beneath them is an engine (`engine.rs`): SQLite, in `sqlite/`.

mod backlog;
mod blocks;
mod engine;
mod error;
mod feed;
mod history;
mod lock;
mod owed;
mod records;
mod rest;
mod retention;
pub mod space;
mod sqlite;
mod subscriptions;
mod writer;

#[cfg(test)]
mod conformance;
#[cfg(test)]
pub(crate) mod tests;

pub use backlog::{BACKED_UP, LIMIT, Pressure};
pub use engine::{Reader, Reads};
pub use error::StoreError;
pub use feed::{Feed, Kind, Page, Stored};
pub use owed::{Behind, OwedNumber, OwedTotals};
pub use records::{StoredRecord, Wanted};
pub use sqlite::{examine, examine_snapshots};
pub use subscriptions::{PARKED, Parked, SUBSCRIPTIONS, Subscription};

use crate::callback::Callback;
use crate::caller::{History, HistoryKey};
use crate::event::CallEvent;
use crate::event::totals::Histogram;
use crate::id::{LogId, Random};
use crate::snapshot::{Snapshot, SnapshotKey};
use crate::time::{Duration, Wall};
use backlog::{Backlog, Notice};
use engine::Opened;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use writer::{OnDurable, Writer};

/// The store holds callers' numbers: it is its owner's alone.
const OWNER_ONLY: u32 = 0o600;

/// An event to be written.
#[derive(Debug, Clone)]
pub struct Append {
    /// The event.
    pub event: CallEvent,
    /// The caller's key, where the event is one the history is made of (CallReceived, SeatConnected).
    pub history: Option<HistoryKey>,
}

/// What a start found.
#[derive(Debug)]
pub struct Recovered {
    /// The journal's identity.
    pub log_id: LogId,
    /// Position of the newest event, 0 for none.
    pub head: u64,
    /// The events of every call without a final record, oldest call first: those that a crash left open, and
    /// those that ended but whose last record was not written.
    pub open_calls: Vec<Vec<CallEvent>>,
    /// What outlived the process before.
    pub snapshots: Vec<Snapshot>,
    /// The numbers that are owed a call.
    pub callbacks: Vec<Callback>,
}

/// Something the writer could not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A commit failed and is being tried again; told once until it is over.
    Commit(String),
    /// Commits succeed again.
    Over,
    /// The backlog was full: these events are not in the journal.
    Lost {
        /// The first position.
        from: u64,
        /// The last position.
        to: u64,
    },
    /// Old rows could not be removed.
    Retention(String),
}

type OnBackedUp = Mutex<Option<Box<dyn Fn(bool) + Send>>>;
type OnFailed = Mutex<Option<Box<dyn Fn(Failure) + Send>>>;

/// The journal. Cheap to clone; when the last clone goes, or at [`Journal::close`], what waits is written.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

struct Shared {
    backlog: Arc<Backlog>,
    feed: Feed,
    log_id: LogId,
    look_ups: Mutex<Option<SyncSender<history::LookUp>>>,
    on_durable: OnDurable,
    commits: Arc<Mutex<Histogram>>,
    on_backed_up: Arc<OnBackedUp>,
    on_failed: Arc<OnFailed>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The writer's.
    lock: Weak<lock::Lock>,
}

impl Journal {
    /// Opens the store at `path`, makes it if need be, and starts its threads. Events and records are kept for
    /// `retention`, zero for ever.
    pub fn open(path: &Path, retention: Duration) -> Result<(Journal, Recovered), StoreError> {
        Journal::open_with(path, retention, None)
    }

    /// As [`Journal::open`], where the process before has handed its lock over.
    pub fn open_with(
        path: &Path,
        retention: Duration,
        lock: Option<std::fs::File>,
    ) -> Result<(Journal, Recovered), StoreError> {
        if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory)
                .map_err(|e| StoreError::Unusable(path.to_owned(), e.to_string()))?;
        }
        let lock = Arc::new(lock::Lock::take_with(path, lock::PATIENCE, lock)?);
        let mut random = Random::from_seed(seed(path)?);
        let opened = sqlite::open(path, wall_now(), &mut random)?;
        Journal::over(opened, lock, retention)
            .map_err(|e| StoreError::Unusable(path.to_owned(), e.to_string()))
    }

    /// A journal over a store that is open.
    fn over(opened: Opened, lock: Arc<lock::Lock>, retention: Duration) -> io::Result<(Journal, Recovered)> {
        let Opened { engine, reads, found: recovered } = opened;
        let (publisher, feed) = feed::feed(recovered.head, reads.clone());
        let (look_ups, history_thread) = history::spawn(reads)?;
        let shared = Shared {
            backlog: Arc::default(),
            feed,
            log_id: recovered.log_id,
            look_ups: Mutex::new(Some(look_ups)),
            on_durable: Arc::default(),
            commits: Arc::new(Mutex::new(Histogram::new(writer::COMMIT_BOUNDS))),
            on_backed_up: Arc::default(),
            on_failed: Arc::default(),
            threads: Mutex::new(vec![history_thread]),
            lock: Arc::downgrade(&lock),
        };
        let writer = Writer {
            engine,
            backlog: shared.backlog.clone(),
            publisher,
            on_durable: shared.on_durable.clone(),
            commits: shared.commits.clone(),
            retention: retention::Retention::new(retention),
            rest: rest::Rest::default(),
            lock,
        };
        shared.spawn("journal", move || writer.run())?;
        let watch = Watch {
            backlog: shared.backlog.clone(),
            on_backed_up: shared.on_backed_up.clone(),
            on_failed: shared.on_failed.clone(),
        };
        shared.spawn("journal-watch", move || watch.run())?;
        Ok((Journal { shared: Arc::new(shared) }, recovered))
    }

    /// Takes events to be written, in the order of their positions. Never blocks; see [`Pressure`].
    pub fn append(&self, events: Vec<Append>) -> Pressure {
        self.shared.backlog.push(events)
    }

    /// Writes this snapshot in place of the one before, or forgets that; not before the events that were appended before.
    pub fn keep(&self, key: SnapshotKey, snapshot: Option<Snapshot>) {
        self.shared.backlog.keep(key, snapshot);
    }

    /// `tell` is called on the writer's thread with the newest durable position, after every commit.
    pub fn on_durable(&self, tell: Box<dyn Fn(u64) + Send>) {
        *locked(&self.shared.on_durable) = Some(tell);
    }

    /// `tell` is called with `true` when the journal falls behind and new calls should be shed, and with `false`
    /// when it has caught up. On a thread of its own, which a hanging disk does not hold up.
    pub fn on_backed_up(&self, tell: Box<dyn Fn(bool) + Send>) {
        *locked(&self.shared.on_backed_up) = Some(tell);
    }

    /// `tell` is called with what the writer could not do, on the same thread as [`Journal::on_backed_up`].
    pub fn on_failed(&self, tell: Box<dyn Fn(Failure) + Send>) {
        *locked(&self.shared.on_failed) = Some(tell);
    }

    /// Asks what is known of a caller before `at`. When too many ask at once, or the disk fails, there is no
    /// reply: the caller has a deadline.
    pub fn history(&self, key: HistoryKey, at: Wall, reply: Box<dyn FnOnce(History) + Send>) {
        if let Some(look_ups) = locked(&self.shared.look_ups).as_ref() {
            let _ = look_ups.try_send(history::LookUp { key, at, reply });
        }
    }

    /// The events as subscribers read them.
    pub fn feed(&self) -> Feed {
        self.shared.feed.clone()
    }

    /// Calls, records, subscriptions.
    pub fn reader(&self) -> Reader {
        self.shared.feed.reader().clone()
    }

    /// How long commits took.
    pub fn commits(&self) -> Histogram {
        locked(&self.shared.commits).clone()
    }

    /// How much the store holds in bytes, as far as that can be told.
    pub fn size(&self) -> u64 {
        self.shared.feed.reader().size()
    }

    /// The journal's identity.
    pub fn log_id(&self) -> LogId {
        self.shared.log_id
    }

    /// A thread of the journal that has ended although it was not closed, by its name.
    pub fn lost_thread(&self) -> Option<String> {
        let threads = locked(&self.shared.threads);
        let lost = threads.iter().find(|thread| thread.is_finished())?;
        Some(lost.thread().name().unwrap_or_default().to_owned())
    }

    /// A second descriptor of the lock: while it is open, here or in the next process, no other one takes the store.
    pub fn lock(&self) -> Option<OwnedFd> {
        self.shared.lock.upgrade()?.share().ok()
    }

    /// Writes what waits and ends the threads. Later appends are lost, and said to be.
    pub fn close(&self) {
        self.shared.close();
    }
}

impl Shared {
    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = thread::Builder::new().name(name.into()).spawn(run)?;
        locked(&self.threads).push(thread);
        Ok(())
    }

    fn close(&self) {
        self.backlog.close();
        locked(&self.look_ups).take();
        let threads: Vec<_> = locked(&self.threads).drain(..).collect();
        for thread in threads {
            // A callback may hold the last clone: a thread does not wait for itself.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

/// Tells what happens to the journal, apart from the writer.
struct Watch {
    backlog: Arc<Backlog>,
    on_backed_up: Arc<OnBackedUp>,
    on_failed: Arc<OnFailed>,
}

impl Watch {
    fn run(&self) {
        while let Some(notice) = self.backlog.notice() {
            match notice {
                Notice::BackedUp(backed_up) => {
                    if let Some(tell) = locked(&self.on_backed_up).as_ref() {
                        tell(backed_up);
                    }
                }
                Notice::Failed(failure) => {
                    tracing::error!(?failure, "journal");
                    if let Some(tell) = locked(&self.on_failed).as_ref() {
                        tell(failure);
                    }
                }
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// SQLite counts in signed 64 bits: enough until the year 2262.
fn nanos(at: Wall) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

fn wall_now() -> Wall {
    super::clock::wall()
}

fn seed(path: &Path) -> Result<[u8; 32], StoreError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|e| StoreError::Unusable(path.to_owned(), format!("no random numbers: {e}")))?;
    Ok(seed)
}
