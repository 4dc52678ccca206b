//! What people and backends say of a callback.

use crate::id::CallbackId;
use std::sync::Arc;

/// What is said of a callback from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackSettled {
    /// Which.
    pub id: CallbackId,
    /// How it is closed.
    pub how: Settlement,
    /// By whom.
    pub by: Arc<str>,
}

/// How a callback is closed by a person or a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The citizen was reached.
    Done,
    /// No call is owed any more.
    Cancelled,
}
