//! What an engine of the store must do. The journal stands on these traits alone: an engine brings its own tables, and
//! [`super::conformance`] says by tests what must hold of it.
//!
//! Typed writes, not closures over a transaction: a batch can be tried again, looked at, and carried out by any engine.

use super::{
    Append, Behind, OwedNumber, OwedTotals, Page, Parked, Recovered, StoreError, Stored, StoredRecord,
    Subscription, Wanted,
};
use crate::callback::Callback;
use crate::caller::{BlockEntry, History, HistoryKey};
use crate::event::{CallEvent, CallRecord};
use crate::id::{CallId, CallbackId};
use crate::snapshot::{Snapshot, SnapshotKey};
use crate::time::Wall;
use std::collections::HashMap;
use std::sync::Arc;

/// A store that was opened.
pub(super) struct Opened {
    pub engine: Box<dyn Engine>,
    pub reads: Reader,
    pub found: Recovered,
}

/// Writes. One thread owns it.
pub(super) trait Engine: Send {
    /// Writes the batch whole or not at all. When it returns, what it wrote is durable, and readers see it.
    fn commit(&mut self, batch: &Batch) -> Result<Answers, StoreError>;

    /// Removes a little of what is too old, from the oldest on; whether there is more. The newest event stays: its
    /// position is where the journal goes on.
    fn purge(&mut self, purge: &Purge) -> Result<bool, StoreError>;

    /// Nothing was written for a while: gives back the memory that it costs to be quick.
    fn rest(&mut self);

    /// The last call: leaves the store tidy.
    fn end(self: Box<Self>);
}

/// What one commit writes, in this order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// When it was begun.
    pub at: Wall,
    pub events: Vec<Entry>,
    pub snapshots: Changes,
    /// Everything up to this position is dealt with; a position behind the stored one changes nothing.
    pub acks: HashMap<Arc<str>, u64>,
    pub writes: Vec<Write>,
}

impl Batch {
    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.snapshots.is_empty() && self.acks.is_empty() && self.writes.is_empty()
    }
}

/// An event and its octets.
#[derive(Debug)]
pub(super) struct Entry {
    pub append: Append,
    pub stored: Stored,
}

/// What is to be written of snapshots: the newest of each; `None` where nothing is left to resume. Bounded by the calls and
/// seats there are.
pub(super) type Changes = HashMap<SnapshotKey, Option<Snapshot>>;

/// A write other than an event. One that is refused leaves nothing behind, and nothing else of its batch is touched.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Write {
    /// Nothing: its answer says that everything brought before it is on disk.
    Nothing,
    /// Puts a number on the block list, or changes what stands there of it; expired entries go.
    Block(BlockEntry),
    /// Takes a number off the block list.
    Unblock(HistoryKey),
    /// Changes what is stored of a subscription.
    Subscription { name: Arc<str>, change: SubscriptionChange },
}

/// A change of a named subscription. Where there is none of that name nothing is changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SubscriptionChange {
    /// Makes it, dealt with up to `acked`; one that is there is left as it is.
    Create { filter: Vec<u8>, acked: u64 },
    /// Forgets it and what it parked.
    Delete,
    /// Moves it, forwards or back.
    Seek { acked: u64 },
    /// Replaces its filter.
    Filter(Vec<u8>),
    /// Counts a nack of the event at this position; the answer is how many that one has had.
    Nack(u64),
    /// Sets an event aside, unless as many are as may be.
    Park { event: Stored, reason: String },
    /// Parked events are to be sent again: all of them, where none is named.
    Redrive(Vec<u64>),
    /// Parked events that were sent again and refused again stay parked.
    ParkAgain(Vec<u64>),
    /// Parked events that were sent again are dealt with.
    Unpark(Vec<u64>),
}

/// What became of a write: how many rows it made, changed or removed, or the count it asked for.
pub(super) type Answer = Result<u32, StoreError>;

/// One for each write of a batch, in their order.
pub(super) type Answers = Vec<Answer>;

/// What is to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Purge {
    /// Events and records before this time; `None` keeps them for ever.
    pub events_before: Option<Wall>,
    /// Rows of the callers' history before this time.
    pub history_before: Wall,
}

/// Reads of the store, beside its writer. Cheap to clone.
pub type Reader = Arc<dyn Reads>;

/// Reads of the store, beside its writer. Every read blocks on the disk: from async code go through `spawn_blocking`.
pub trait Reads: Send + Sync {
    /// At most `limit` events and about `bytes` bytes after `position`.
    ///
    /// # Errors
    /// The disk fails, as for every read here.
    fn events_after(&self, position: u64, limit: usize, bytes: usize) -> Result<Page, StoreError>;

    /// One event.
    fn event(&self, position: u64) -> Result<Option<Stored>, StoreError>;

    /// Position of the oldest event kept; `None` for an empty journal.
    fn earliest(&self) -> Result<Option<u64>, StoreError>;

    /// The position after which the events at or after `at` come. Should the clock have been set back, the
    /// search may begin somewhat early or late, by as much as it was set.
    fn position_before(&self, at: Wall) -> Result<u64, StoreError>;

    /// The events of one call, in order; empty when it is not known (any more).
    fn events_of(&self, call: CallId) -> Result<Vec<CallEvent>, StoreError>;

    /// The record of one call as it was published last.
    fn published_record(&self, call: CallId) -> Result<Option<CallRecord>, StoreError>;

    /// The record of one call: as published when it is final, else what its events add up to. `None` when the call
    /// is not known (any more).
    fn record(&self, call: CallId) -> Result<Option<CallRecord>, StoreError> {
        let published = self.published_record(call)?;
        if published.as_ref().is_some_and(|record| record.is_final) {
            return Ok(published);
        }
        Ok(CallRecord::from_events(&self.events_of(call)?).or(published))
    }

    /// At most `limit` stored records, in the order of their last change.
    fn records(&self, wanted: &Wanted, limit: usize) -> Result<Vec<StoredRecord>, StoreError>;

    /// What is known of a caller before `at`.
    fn history(&self, key: HistoryKey, at: Wall) -> Result<History, StoreError>;

    /// The block list at `now`: what has not expired, the newest first.
    fn blocks_at(&self, now: Wall) -> Result<Vec<BlockEntry>, StoreError>;

    /// The block list as it is now.
    fn blocks(&self) -> Result<Vec<BlockEntry>, StoreError> {
        self.blocks_at(super::wall_now())
    }

    /// One subscription.
    fn subscription(&self, name: &str) -> Result<Option<Subscription>, StoreError>;

    /// All subscriptions, by name.
    fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError>;

    /// At most `limit` parked events of a subscription after `position`, in order.
    fn parked(
        &self,
        name: &str,
        after: u64,
        only_redriving: bool,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError>;

    /// Positions after `after` that are parked: a stream skips them.
    fn parked_positions(&self, name: &str, after: u64) -> Result<Vec<u64>, StoreError>;

    /// Every number that is owed a call, in the order of their keys.
    fn callbacks(&self) -> Result<Vec<Callback>, StoreError>;

    /// At most `limit` numbers that are owed a call, the one to be called first before the others.
    fn owed(&self, behind: Option<Behind>, limit: usize) -> Result<Vec<OwedNumber>, StoreError>;

    /// How much is owed altogether at `now`.
    fn owed_totals_at(&self, now: Wall) -> Result<OwedTotals, StoreError>;

    /// How much is owed altogether.
    fn owed_totals(&self) -> Result<OwedTotals, StoreError> {
        self.owed_totals_at(super::wall_now())
    }

    /// The open callback of a number.
    fn callback_of(&self, key: HistoryKey) -> Result<Option<CallbackId>, StoreError>;

    /// Whether this callback is open.
    fn is_owed(&self, id: CallbackId) -> Result<bool, StoreError>;

    /// How much it holds in bytes, as far as that can be told.
    fn size(&self) -> u64;
}
