//! The timers by their letters (RFC 3261 table 4, RFC 6026 section 8.11).

use crate::time::Duration;

/// A timer of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// INVITE is sent again (unreliable transport only).
    A,
    /// INVITE got no answer at all; or a cancelled one got no final response.
    B,
    /// A client INVITE transaction absorbs repeated final responses.
    D,
    /// A request is sent again (unreliable transport only).
    E,
    /// A request got no final response.
    F,
    /// A final response to INVITE is sent again: non-2xx over UDP, and 2xx over anything (RFC 3261 section
    /// 13.3.1.4), until the ACK.
    G,
    /// The ACK did not come.
    H,
    /// A server INVITE transaction absorbs repeated ACKs.
    I,
    /// A server transaction absorbs repeated requests.
    J,
    /// A client transaction absorbs repeated responses.
    K,
    /// An accepted server INVITE transaction absorbs repeated INVITEs.
    L,
    /// An accepted client INVITE transaction takes further 2xx.
    M,
}

/// The base durations; all others follow (RFC 3261 section 17.1.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durations {
    /// Round-trip estimate.
    pub t1: Duration,
    /// The longest interval between repeats.
    pub t2: Duration,
    /// How long a message may stay in the network.
    pub t4: Duration,
}

impl Default for Durations {
    fn default() -> Durations {
        Durations { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl Durations {
    /// 64*T1: when a transaction gives up.
    pub fn give_up(&self) -> Duration {
        self.t1 * 64
    }

    /// The interval after `interval`: twice as long, at most T2.
    pub fn longer(&self, interval: Duration) -> Duration {
        (interval * 2).min(self.t2)
    }
}
