//! `[limits]`: what holds for all calls together.

use super::name;
use super::problem::Problems;
use super::table::Table;
use crate::time::Duration;
use std::sync::Arc;

pub(super) const KEYS: &[&str] = &["calls", "call_length", "call_length_prompt", "drain"];

/// What holds for all calls together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Calls at one time; above it a new one is refused with 503 and recorded as overload.
    pub calls: u32,
    /// A call is ended after this long.
    pub call_length: Duration,
    /// What the caller hears before that end.
    pub call_length_prompt: Option<Arc<str>>,
    /// How long a stop waits for live calls.
    pub drain: Duration,
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Limits {
    let mut limits = Limits {
        calls: 2_000,
        call_length: Duration::from_secs(4 * 3600),
        call_length_prompt: None,
        drain: Duration::from_secs(120),
    };
    let Some(t) = table else {
        return limits;
    };
    limits.calls = t.number("calls", 1..=100_000, limits.calls, problems);
    let length = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
    limits.call_length = t.duration("call_length", length, limits.call_length, problems);
    limits.call_length_prompt = t.text("call_length_prompt", problems, name::prompt);
    limits.drain = t.duration("drain", Duration::ZERO..=Duration::from_secs(3600), limits.drain, problems);
    limits
}
