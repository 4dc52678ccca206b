//! `[log]`: how much is told.

use super::problem::{Problems, fault};
use super::table::{Table, suggestion};

pub(super) const KEYS: &[&str] = &["level", "format"];

const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// How much is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`. Numbers of callers appear from `debug` on.
    pub level: String,
    /// How a line is written.
    pub format: LogFormat,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line, for programs that collect logs.
    Json,
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
    let format = table.and_then(|t| {
        t.text("format", problems, |f| match f {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err(fault(format!("`{f}` is not a format"), suggestion(f, ["text", "json"]))),
        })
    });
    let format = format.unwrap_or(LogFormat::Text);
    Log { format, level: level.unwrap_or_else(|| "info".to_owned()) }
}
