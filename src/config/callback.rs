//! `[callback]`: calls that are owed.

use super::problem::Problems;
use super::table::Table;
use crate::time::Duration;

pub(super) const KEYS: &[&str] = &["within"];

/// Calls that are owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// How late a callback may be, from the newest call of its number on.
    pub within: Duration,
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Callback {
    let mut callback = Callback { within: Duration::from_secs(3600) };
    let Some(t) = table else {
        return callback;
    };
    let range = Duration::from_secs(60)..=Duration::from_secs(30 * 24 * 3600);
    callback.within = t.duration("within", range, callback.within, problems);
    callback
}
