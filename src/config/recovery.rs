//! `[recovery]`: what becomes of calls when the process ends before they do.

use super::problem::Problems;
use super::table::Table;
use crate::time::Duration;

pub(super) const KEYS: &[&str] = &["window"];

/// What becomes of calls when the process ends before they do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Calls go on when the next process starts within this time; zero for never.
    pub window: Duration,
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Recovery {
    let window = Duration::from_secs(60);
    let range = Duration::ZERO..=Duration::from_secs(600);
    Recovery { window: table.map_or(window, |t| t.duration("window", range, window, problems)) }
}
