//! The recovery list as it is read from the store.

use crate::callback::Callback;
use crate::event::CallbackState;
use crate::id::CallbackId;
use crate::redact::Pii;
use crate::time::{Duration, Wall};

/// Calls of withheld numbers are counted over this time.
pub(super) const COUNTED: Duration = Duration::from_secs(24 * 3600);

/// An entry as a person works it: with what the record of its newest call says.
#[derive(Debug, Clone, PartialEq)]
pub struct OwedNumber {
    /// The entry.
    pub callback: Callback,
    /// Where it stands.
    pub state: CallbackState,
    /// The number, E.164 or as it came; empty where the record is gone.
    pub number: Pii<String>,
    /// What was dialled.
    pub service_number: String,
    /// The queue of the newest call, where it reached one.
    pub queue: Option<String>,
}

/// How much is owed altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwedTotals {
    /// Numbers that are owed a call.
    pub entries: u64,
    /// Of those, past the time they were to be called by.
    pub overdue: u64,
    /// Calls of the last 24 hours that came to nothing, and whose number is withheld.
    pub withheld: u64,
}

/// Where a page of the list goes on: behind this entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// When it is due.
    pub due_at: Wall,
    /// Which it is.
    pub id: CallbackId,
}
