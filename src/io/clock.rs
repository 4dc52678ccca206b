//! The two clocks, read for the core.

use crate::time::{Mono, Now, Wall};
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Reads both clocks. Its moments are nanoseconds since boot: a deadline that a process has stored holds in the next process of
/// the same boot.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// When it was made.
    made: Instant,
    /// How long the machine had run at that moment, the time it slept included.
    booted_before: Duration,
}

impl Clock {
    /// A clock of this machine.
    #[expect(clippy::new_without_default)]
    pub fn new() -> Clock {
        Clock { made: Instant::now(), booted_before: since_boot() }
    }

    /// The time.
    pub fn now(&self) -> Now {
        Now { mono: Mono(0) + (self.booted_before + self.made.elapsed()), wall: wall() }
    }

    /// The instant a deadline of the core stands for; one before this clock was made is due at its making.
    pub fn instant(&self, at: Mono) -> Instant {
        self.made + at.since(Mono(0) + self.booted_before)
    }
}

/// How long this machine runs, the time it slept included.
pub(super) fn since_boot() -> Duration {
    let at = clock_gettime(ClockId::Boottime);
    let nanos = u32::try_from(at.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(at.tv_sec).unwrap_or_default(), nanos)
}

/// The date.
pub(super) fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(0) + since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clocks_of_one_boot_tell_the_same_time() {
        let (one, other) = (Clock::new(), Clock::new());
        let (a, b, c) = (one.now().mono, other.now().mono, one.now().mono);
        let apart = Duration::from_millis(500);
        assert!(b.since(a) < apart && c.since(b) < apart && a.since(b) < apart, "{a:?} {b:?} {c:?}");
    }

    #[test]
    fn a_deadline_is_the_instant_it_stands_for_and_a_past_one_is_due() {
        let clock = Clock::new();
        let now = clock.now().mono;
        let later = clock.instant(now + Duration::from_secs(9));
        let left = later.saturating_duration_since(Instant::now());
        assert!(left > Duration::from_secs(8) && left <= Duration::from_secs(9), "{left:?}");
        assert!(clock.instant(Mono(1)) <= Instant::now());
    }
}
