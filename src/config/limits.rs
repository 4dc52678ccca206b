//! `[limits]`: what holds for all calls together.

use super::name;
use super::problem::Problems;
use super::table::Table;
use crate::time::Duration;
use std::sync::Arc;

pub(super) const KEYS: &[&str] = &[
    "calls",
    "call_length",
    "call_length_prompt",
    "drain",
    "connections",
    "connections_per_source",
    "message_time",
    "unknown_source_silence",
    SILENCE_BEFORE,
    "slow_after",
];

/// The name of `unknown_source_silence` until this release.
const SILENCE_BEFORE: &str = "stranger_silence";

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
    /// Streams of SIP at one time, all transports together.
    pub connections: u32,
    /// Of those, from one address, of unknown sources.
    pub connections_per_source: u32,
    /// What a peer has for a whole message from its first byte on, and for its TLS and WebSocket handshakes.
    pub message_time: Duration,
    /// How long a stream of an unknown source stays open without a message.
    pub unknown_source_silence: Duration,
    /// Calls of one number in ten minutes after which it is slowed for an hour; 0 for never.
    pub slow_after: u32,
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Limits {
    let mut limits = Limits {
        calls: 2_000,
        call_length: Duration::from_secs(4 * 3600),
        call_length_prompt: None,
        drain: Duration::from_secs(120),
        connections: 4_096,
        connections_per_source: 64,
        message_time: Duration::from_secs(10),
        unknown_source_silence: Duration::from_secs(20),
        slow_after: 0,
    };
    let Some(t) = table else {
        return limits;
    };
    limits.calls = t.number("calls", 1..=100_000, limits.calls, problems);
    let length = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
    limits.call_length = t.duration("call_length", length, limits.call_length, problems);
    limits.call_length_prompt = t.text("call_length_prompt", problems, name::prompt);
    limits.drain = t.duration("drain", Duration::ZERO..=Duration::from_secs(3600), limits.drain, problems);
    limits.connections = t.number("connections", 1..=60_000, limits.connections, problems);
    limits.connections_per_source =
        t.number("connections_per_source", 1..=60_000, limits.connections_per_source, problems);
    limits.slow_after = t.number("slow_after", 0..=10_000, limits.slow_after, problems);
    let patience = Duration::from_millis(100)..=Duration::from_secs(60);
    limits.message_time = t.duration("message_time", patience.clone(), limits.message_time, problems);
    let silence = t.renamed("unknown_source_silence", SILENCE_BEFORE, problems);
    limits.unknown_source_silence = t.duration(silence, patience, limits.unknown_source_silence, problems);
    limits
}
