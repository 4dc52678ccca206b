//! `[log]`: how much is told.

use super::problem::{Problems, fault};
use super::table::{Table, suggestion};

pub(super) const KEYS: &[&str] = &["level"];

const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// How much is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`. Numbers of callers appear from `debug` on.
    pub level: String,
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Log {
    let level = table.and_then(|t| {
        t.text("level", problems, |l| {
            if LEVELS.contains(&l) {
                return Ok(l.to_owned());
            }
            Err(fault(format!("`{l}` is not a level"), suggestion(l, LEVELS.iter().copied())))
        })
    });
    Log { level: level.unwrap_or_else(|| "info".to_owned()) }
}
