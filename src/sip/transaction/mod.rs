//! The four transaction machines of RFC 3261 section 17, with the Accepted states of RFC 6026 and what
//! RFC 4320 leaves unanswered.
//!
//! Pure: they know statuses, bytes and deadlines. What a message looks like is the endpoint's matter, and
//! which machine a message belongs to is [`key`]'s.

pub(crate) mod client_invite;
pub(crate) mod client_other;
pub(crate) mod key;
pub(crate) mod server_invite;
pub(crate) mod server_other;
mod timer;

pub use timer::{Durations, Reason};

use super::Flow;
use crate::time::{Duration, Mono};
use bytes::Bytes;

/// A server transaction: a request that came, and its answers. The number is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerTx(pub(crate) u64);

/// A client transaction: a request we sent, and its answers. The number is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientTx(pub(crate) u64);

/// What the endpoint wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Bytes to be sent.
    Send {
        /// The path. A TCP flow without a connection asks for one to be opened.
        flow: Flow,
        /// One whole message.
        bytes: Bytes,
    },
}

/// What a machine found in what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A retransmission, or nothing the transaction's user must see.
    Absorbed,
    /// The transaction's user must see it.
    Deliver,
}

/// What a deadline that came meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// The machine goes on, or ended as it should.
    Quiet,
    /// A client transaction had no response in time: timer B, F, or the end of a cancelled INVITE.
    TimedOut,
    /// Timer C: an INVITE rang too long and is to be cancelled.
    RangTooLong,
    /// A 2xx was not acknowledged in 64*T1.
    Unacknowledged,
    /// Timer H: a non-2xx final response was not acknowledged.
    UnacknowledgedFailure,
    /// RFC 4320: a request other than INVITE waits for its answer too long without a 100.
    OwesTrying,
}

/// A message that is sent again until something happens, the time between doubling up to `cap`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retransmission {
    pub at: Mono,
    interval: Duration,
}

impl Retransmission {
    /// First after `t1`.
    pub(crate) fn starting(now: Mono, t1: Duration) -> Retransmission {
        Retransmission { at: now + t1, interval: t1 }
    }

    /// The next one, counted from the deadline that came, so that lateness does not add up. After a long
    /// stall the missed ones are not made up for.
    pub(crate) fn next(self, now: Mono, cap: Option<Duration>) -> Retransmission {
        let doubled = self.interval.saturating_mul(2);
        let interval = cap.map_or(doubled, |cap| doubled.min(cap));
        let at = self.at + interval;
        Retransmission { at: if at > now { at } else { now + interval }, interval }
    }

    /// Every `interval` from here on: timer E in Proceeding.
    pub(crate) fn every(self, now: Mono, interval: Duration) -> Retransmission {
        Retransmission { at: now + interval, interval }
    }
}

/// The earlier of two deadlines.
pub(crate) fn earlier(a: Option<(Mono, Reason)>, b: Option<(Mono, Reason)>) -> Option<(Mono, Reason)> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.0 < a.0 { b } else { a }),
        (a, b) => a.or(b),
    }
}
