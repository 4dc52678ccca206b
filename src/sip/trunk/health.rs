//! The health check of one address of a target: when it is pinged, and whether it is reachable.

use crate::sip::Status;
use crate::sip::locate::{Hop, Share};
use crate::time::{Duration, Mono};

/// A ping is waited for at most this long, and never longer than its interval. A peer that takes longer is no peer to
/// send a citizen to, whatever it answers in the end.
pub const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Unanswered pings in a row that make a peer unreachable: one may be lost in transit, with all its retransmissions.
pub const MISSES: u32 = 2;

/// The second ping follows the first that was missed at least this long after it.
const SECOND_CHANCE: Duration = Duration::from_secs(1);

/// Where no ping is configured, a peer that failed is tried again after this long.
pub const RETRY_PAUSE: Duration = Duration::from_secs(60);

/// Whether an address is reachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reachability {
    /// Nothing is known yet: it is tried like a reachable one.
    Unknown,
    /// The target answered last time, or so many pings in a row were missed since, fewer than [`MISSES`].
    Reachable {
        /// Missed since.
        missed: u32,
    },
    /// The target does not answer, or a call to it failed.
    Unreachable,
}

/// When a peer is pinged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ping {
    /// Never.
    Never,
    /// At this moment.
    Due(Mono),
    /// The target was asked then, and has until [`PING_TIMEOUT`] is over.
    Out(Mono),
    /// The target is never asked; what failed there is forgotten then.
    Resting(Mono),
}

/// What a health check wants done at its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Ask it.
    Ping,
    /// Nothing: only its reachability may be another one.
    Nothing,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct HopHealth {
    pub hop: Hop,
    pub share: Share,
    reachability: Reachability,
    /// Missed before anything was known.
    missed: u32,
    ping: Ping,
    interval: Duration,
}

impl HopHealth {
    /// An address that is asked for the first time at `first`, then every `interval`; never with an interval of zero.
    pub(super) fn new(hop: Hop, interval: Duration, first: Mono) -> HopHealth {
        let ping = if interval == Duration::ZERO { Ping::Never } else { Ping::Due(first) };
        let share = Share::default();
        HopHealth { hop, share, reachability: Reachability::Unknown, missed: 0, ping, interval }
    }

    pub(super) fn reachability(&self) -> Reachability {
        self.reachability
    }

    pub(super) fn is_unreachable(&self) -> bool {
        self.reachability == Reachability::Unreachable
    }

    /// A response came: 503 and 408 say that the peer cannot serve, any other one that it is reachable.
    pub(super) fn answered(&mut self, now: Mono, status: Status) {
        if matches!(status, Status::REQUEST_TIMEOUT | Status::SERVICE_UNAVAILABLE) {
            return self.missed(now);
        }
        self.reachability = Reachability::Reachable { missed: 0 };
        self.missed = 0;
        match self.ping {
            Ping::Out(_) => self.ping = Ping::Due(now + self.interval),
            Ping::Resting(_) => self.ping = Ping::Never,
            Ping::Never | Ping::Due(_) => {}
        }
    }

    /// The ping that is out is lost; one that is not out cannot be.
    pub(super) fn missed(&mut self, now: Mono) {
        let Ping::Out(sent) = self.ping else { return };
        self.missed += 1;
        // The second chance comes soon, so that an unreachable peer is known within seconds.
        let wait = if self.missed < MISSES { SECOND_CHANCE } else { self.interval };
        self.ping = Ping::Due(now.max(sent + wait));
        if self.missed >= MISSES {
            self.reachability = Reachability::Unreachable;
        } else if let Reachability::Reachable { missed } = &mut self.reachability {
            *missed = self.missed;
        }
    }

    /// A call to it failed (RFC 3263 section 4.3).
    pub(super) fn failed(&mut self, now: Mono) {
        self.reachability = Reachability::Unreachable;
        self.missed = MISSES;
        if matches!(self.ping, Ping::Never | Ping::Resting(_)) {
            self.ping = Ping::Resting(now + RETRY_PAUSE);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        match self.ping {
            Ping::Never => None,
            Ping::Out(sent) => Some(sent + self.interval.min(PING_TIMEOUT)),
            Ping::Due(at) | Ping::Resting(at) => Some(at),
        }
    }

    /// The deadline has come.
    pub(super) fn handle_timeout(&mut self, now: Mono) -> Due {
        match self.ping {
            Ping::Due(_) => {
                self.ping = Ping::Out(now);
                Due::Ping
            }
            Ping::Out(_) => {
                self.missed(now);
                Due::Nothing
            }
            Ping::Resting(_) => {
                self.reachability = Reachability::Reachable { missed: 0 };
                self.missed = 0;
                self.ping = Ping::Never;
                Due::Nothing
            }
            Ping::Never => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn checked(interval: u64) -> HopHealth {
        let hop = Hop { transport: Transport::Udp, remote: "192.0.2.1:5060".parse().unwrap() };
        HopHealth::new(hop, S(interval), Mono(0))
    }

    #[test]
    fn two_missed_pings_are_unreachable_and_one_answer_is_reachable() {
        let mut w = checked(30);
        assert_eq!(w.handle_timeout(Mono(0)), Due::Ping);
        w.answered(Mono(1), Status::OK);
        assert_eq!(w.poll_timeout(), Some(Mono(1) + S(30)));
        let t = Mono(1) + S(30);
        assert_eq!(w.handle_timeout(t), Due::Ping);
        assert_eq!(w.handle_timeout(t + PING_TIMEOUT), Due::Nothing);
        assert_eq!(w.reachability(), Reachability::Reachable { missed: 1 });
        assert_eq!(w.handle_timeout(t + PING_TIMEOUT), Due::Ping, "the second chance comes at once");
        w.handle_timeout(t + PING_TIMEOUT * 2);
        assert!(w.is_unreachable());
        assert_eq!(w.poll_timeout(), Some(t + PING_TIMEOUT + S(30)));
        assert_eq!(
            w.handle_timeout(t + PING_TIMEOUT + S(30)),
            Due::Ping,
            "an unreachable peer is still pinged"
        );
        w.answered(t + S(50), Status::NOT_FOUND);
        assert_eq!(w.reachability(), Reachability::Reachable { missed: 0 });
    }

    #[test]
    fn a_503_to_a_ping_is_as_bad_as_silence_and_a_late_answer_counts() {
        let mut w = checked(1);
        for _ in 0..2 {
            w.handle_timeout(Mono(0));
            w.answered(Mono(5), Status::SERVICE_UNAVAILABLE);
        }
        assert!(w.is_unreachable());
        assert_eq!(w.poll_timeout(), Some(Mono(0) + S(1)), "a 503 does not quicken the pings");
        w.answered(Mono(9), Status::SERVICE_UNAVAILABLE);
        assert!(w.is_unreachable());
        w.answered(Mono(10), Status::OK);
        assert!(!w.is_unreachable());
    }

    #[test]
    fn a_failed_call_is_unreachable_at_once_and_without_pings_forgotten() {
        let mut w = checked(30);
        w.failed(Mono(0));
        assert!(w.is_unreachable());
        let mut unasked = checked(0);
        assert_eq!(unasked.poll_timeout(), None);
        unasked.failed(Mono(0));
        assert_eq!(unasked.poll_timeout(), Some(Mono(0) + RETRY_PAUSE));
        unasked.handle_timeout(Mono(0) + RETRY_PAUSE);
        assert!(!unasked.is_unreachable());
        assert_eq!(unasked.poll_timeout(), None);
    }
}
