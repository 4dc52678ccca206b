//! Which call records are wanted, and how they come from the store.

use crate::event::CallState;
use crate::time::Wall;
use bytes::Bytes;

/// Which records; every field that is set must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The queue of the last visit.
    pub queue: Option<String>,
    /// What was dialled.
    pub service_number: Option<String>,
    /// The seat that spoke with the caller last.
    pub seat: Option<String>,
    /// The caller's number, E.164 or as it came.
    pub caller: Option<String>,
    /// Where the call stands.
    pub state: Option<CallState>,
    /// Only calls that are owed a callback.
    pub callback_due: bool,
    /// Received at or after.
    pub received_from: Option<Wall>,
    /// Received before.
    pub received_before: Option<Wall>,
    /// Changed at or after.
    pub updated_since: Option<Wall>,
    /// Newest change first.
    pub newest_first: bool,
    /// Behind this record in the order asked for: its place from the page before.
    pub behind: Option<u64>,
}

/// A stored record and its place in the order of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Where the next page goes on.
    pub place: u64,
    /// The encoded `hotline.v1.CallRecord`.
    pub body: Bytes,
}
