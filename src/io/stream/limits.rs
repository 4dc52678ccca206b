//! How many connections there are, and how long a peer may take.

use crate::config;
use std::time::Duration;

/// How long a connection of a registered seat, or one we made, lives without any sign while there is no call on it: the longest interval between
/// keep-alives on a stream, 120 s (RFC 5626 section 4.4.1), and half of it again as grace.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(180);

/// How often a WebSocket peer is asked for a sign: a browser sends none, and the tables of NAT
/// boxes and proxies forget a silent connection after a minute (RFC 5626 section 4.4 has 30 s for the worst).
pub(super) const PING_EVERY: Duration = Duration::from_secs(30);

/// How long a connection to a peer may take to open, its handshake included: half of timer B, so that the request
/// can still go another way.
pub(super) const OPEN_WITHIN: Duration = Duration::from_secs(16);

/// A stream that cannot be framed any more is still written to for this long: the answers to what came before on it,
/// and the one that says why it is closed, find their way out.
pub(super) const LAST_ANSWERS: Duration = Duration::from_millis(300);

/// What saying goodbye to a peer may take: the end of TLS, the closing frame of a WebSocket.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

/// What may change from one gateway to the next: see `[limits]` in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at one time.
    pub connections: usize,
    /// Of those, from one source where no peer is known.
    pub per_source: usize,
    /// For a whole message from its first byte on, for the handshakes together, and for a peer to take what is
    /// sent to it.
    pub message_time: Duration,
    /// Without a message from an unknown source.
    pub unknown_source_silence: Duration,
}

impl Limits {
    /// How many of the connections unknown sources may have together: a quarter stays for those we know.
    pub(super) fn unknown_sources(&self) -> usize {
        (self.connections - self.connections / 4).max(1)
    }
}

impl From<&config::Limits> for Limits {
    fn from(l: &config::Limits) -> Limits {
        Limits {
            connections: l.connections as usize,
            per_source: l.connections_per_source as usize,
            message_time: l.message_time,
            unknown_source_silence: l.unknown_source_silence,
        }
    }
}
