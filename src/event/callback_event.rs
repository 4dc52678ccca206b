//! What an event says of a callback: a promise to call a number, and where it stands.

use super::reasons::{ClosedBy, Listed};
use super::words::{CallbackReason, CallbackState};
use crate::id::{CallId, CallbackId};
use crate::time::Wall;

/// A number is owed a call, or that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct CallbackChanged {
    /// Where the promise stands.
    pub state: CallbackState,
    /// Why it is owed: how the newest of its calls ended.
    pub reason: Listed<CallbackReason>,
    /// Calls out to the number that were not answered.
    pub attempts: u32,
    /// How late it may be.
    pub due_at: Wall,
    /// Which promise, and what it is for; `None` in events of versions that knew none.
    pub promise: Option<Promise>,
    /// What closed it; `None` while it is open.
    pub closed_by: Option<ClosedBy>,
}

/// A promise to call a number, by the calls it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// Its own identifier.
    pub id: CallbackId,
    /// The end of the first of its calls.
    pub since: Wall,
    /// How many of the number's calls it stands for.
    pub calls: u32,
    /// The newest of them.
    pub last_call: CallId,
    /// The end of the newest.
    pub last_called_at: Wall,
}
