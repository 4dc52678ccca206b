//! One address of a target, and whether anybody lives there.

use crate::sip::locate::{Hop, Share};
use crate::time::{Duration, Mono};

/// A ping is waited for at most this long, and never longer than its interval. A peer that takes longer is no peer to
/// send a citizen to, whatever it answers in the end.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Unanswered pings in a row that make a peer dead: one may be lost on the way, with all its repetitions.
pub const MISSES: u32 = 2;

/// The second ping follows the first that was missed at least this long after it.
const SECOND_CHANCE: Duration = Duration::from_secs(1);

/// Where nobody is pinged, a peer that failed is tried again after this long.
pub const REST: Duration = Duration::from_secs(60);

/// Whether somebody lives at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// Nothing is known yet: it is tried like one that lives.
    Unknown,
    /// It answered last time, or so many pings in a row were missed since, fewer than [`MISSES`].
    Alive {
        /// Missed since.
        missed: u32,
    },
    /// It does not answer, or a call to it failed.
    Dead,
}

/// When a peer is asked whether it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ping {
    /// Never.
    Never,
    /// At this moment.
    Due(Mono),
    /// It was asked then, and has until [`PATIENCE`] is over.
    Out(Mono),
    /// It is never asked; what failed there is forgotten then.
    Resting(Mono),
}

/// What a way wants done at its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Ask it.
    Ping,
    /// Nothing: only its availability may be another one.
    Nothing,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub hop: Hop,
    pub share: Share,
    availability: Availability,
    /// Missed before anything was known.
    missed: u32,
    ping: Ping,
    interval: Duration,
}

impl Way {
    /// A way that is asked for the first time at `first`, then every `interval`; never with an interval of zero.
    pub fn new(hop: Hop, interval: Duration, first: Mono) -> Way {
        let ping = if interval == Duration::ZERO { Ping::Never } else { Ping::Due(first) };
        let share = Share::default();
        Way { hop, share, availability: Availability::Unknown, missed: 0, ping, interval }
    }

    pub fn availability(&self) -> Availability {
        self.availability
    }

    pub fn is_dead(&self) -> bool {
        self.availability == Availability::Dead
    }

    /// A response came: 503 and 408 speak of somebody who cannot serve, any other one of somebody who lives.
    pub fn answered(&mut self, now: Mono, status: u16) {
        if matches!(status, 408 | 503) {
            return self.missed(now);
        }
        self.availability = Availability::Alive { missed: 0 };
        self.missed = 0;
        match self.ping {
            Ping::Out(_) => self.ping = Ping::Due(now + self.interval),
            Ping::Resting(_) => self.ping = Ping::Never,
            Ping::Never | Ping::Due(_) => {}
        }
    }

    /// The ping that is out is lost; one that is not out cannot be.
    pub fn missed(&mut self, now: Mono) {
        let Ping::Out(sent) = self.ping else { return };
        self.missed += 1;
        // The second chance comes soon, so that a dead peer is known within seconds.
        let wait = if self.missed < MISSES { SECOND_CHANCE } else { self.interval };
        self.ping = Ping::Due(now.max(sent + wait));
        if self.missed >= MISSES {
            self.availability = Availability::Dead;
        } else if let Availability::Alive { missed } = &mut self.availability {
            *missed = self.missed;
        }
    }

    /// A call to it failed (RFC 3263 section 4.3).
    pub fn failed(&mut self, now: Mono) {
        self.availability = Availability::Dead;
        self.missed = MISSES;
        if matches!(self.ping, Ping::Never | Ping::Resting(_)) {
            self.ping = Ping::Resting(now + REST);
        }
    }

    pub fn poll_timeout(&self) -> Option<Mono> {
        match self.ping {
            Ping::Never => None,
            Ping::Out(sent) => Some(sent + self.interval.min(PATIENCE)),
            Ping::Due(at) | Ping::Resting(at) => Some(at),
        }
    }

    /// Its moment has come.
    pub fn handle_timeout(&mut self, now: Mono) -> Due {
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
                self.availability = Availability::Alive { missed: 0 };
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

    fn way(interval: u64) -> Way {
        let hop = Hop { transport: Transport::Udp, remote: "192.0.2.1:5060".parse().unwrap() };
        Way::new(hop, S(interval), Mono(0))
    }

    #[test]
    fn two_missed_pings_are_death_and_one_answer_is_life() {
        let mut w = way(30);
        assert_eq!(w.handle_timeout(Mono(0)), Due::Ping);
        w.answered(Mono(1), 200);
        assert_eq!(w.poll_timeout(), Some(Mono(1) + S(30)));
        let t = Mono(1) + S(30);
        assert_eq!(w.handle_timeout(t), Due::Ping);
        assert_eq!(w.handle_timeout(t + PATIENCE), Due::Nothing);
        assert_eq!(w.availability(), Availability::Alive { missed: 1 });
        assert_eq!(w.handle_timeout(t + PATIENCE), Due::Ping, "the second chance comes at once");
        w.handle_timeout(t + PATIENCE * 2);
        assert!(w.is_dead());
        assert_eq!(w.poll_timeout(), Some(t + PATIENCE + S(30)));
        assert_eq!(w.handle_timeout(t + PATIENCE + S(30)), Due::Ping, "the dead are asked on");
        w.answered(t + S(50), 404);
        assert_eq!(w.availability(), Availability::Alive { missed: 0 });
    }

    #[test]
    fn a_503_to_a_ping_is_as_bad_as_silence_and_a_late_answer_still_counts() {
        let mut w = way(1);
        for _ in 0..2 {
            w.handle_timeout(Mono(0));
            w.answered(Mono(5), 503);
        }
        assert!(w.is_dead());
        assert_eq!(w.poll_timeout(), Some(Mono(0) + S(1)), "a 503 does not quicken the pings");
        w.answered(Mono(9), 503);
        assert!(w.is_dead());
        w.answered(Mono(10), 200);
        assert!(!w.is_dead());
    }

    #[test]
    fn a_failed_call_is_death_at_once_and_where_nobody_pings_it_is_forgotten() {
        let mut w = way(30);
        w.failed(Mono(0));
        assert!(w.is_dead());
        let mut unasked = way(0);
        assert_eq!(unasked.poll_timeout(), None);
        unasked.failed(Mono(0));
        assert_eq!(unasked.poll_timeout(), Some(Mono(0) + REST));
        unasked.handle_timeout(Mono(0) + REST);
        assert!(!unasked.is_dead());
        assert_eq!(unasked.poll_timeout(), None);
    }
}
