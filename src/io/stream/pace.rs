//! How fast an unknown source is read on its connection.

use std::time::{Duration, Instant};

/// So many messages of an unknown source are taken at once. Thirty phones behind a proxy that all register in the same moment
/// are known before it is used up; more of them wait a moment, and lose nothing.
const BURST: u32 = 64;

/// One more is taken so often: as fast as the gateway hears unknown sources at one address (`sip::access::UNKNOWN_SOURCES`). What
/// comes faster it would throw away, and would have to be handed the message for it.
const EACH: Duration = Duration::from_millis(50);

/// So many messages may have had to wait before the connection is cut: three seconds of more than may be said, and by
/// then a peer that can prove itself has.
const WAITED: u32 = 60;

/// See the module.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the burst may be used whole again.
    rested: Instant,
    waited: u32,
}

/// When a message may be handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// At once.
    Now,
    /// Then, and nothing further is to be read before.
    At(Instant),
    /// It has sent too much.
    Never,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Pace {
        Pace { rested: now, waited: 0 }
    }

    /// A message of an unknown source came.
    pub(super) fn message(&mut self, now: Instant) -> May {
        self.rested = self.rested.max(now) + EACH;
        let at = self.rested.checked_sub(EACH * BURST).unwrap_or(now);
        if at <= now {
            return May::Now;
        }
        self.waited += 1;
        if self.waited > WAITED { May::Never } else { May::At(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_at_once_and_then_twenty_a_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert!((0..BURST).all(|_| pace.message(start) == May::Now));
        let mut now = start;
        for n in 1..=WAITED {
            assert_eq!(pace.message(now), May::At(start + EACH * n));
            now = start + EACH * n;
        }
        assert_eq!(pace.message(now), May::Never, "three seconds of it are enough");
    }

    #[test]
    fn who_says_no_more_than_he_may_is_never_cut() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..10_000 {
            assert_eq!(pace.message(now), May::Now);
            now += EACH;
        }
    }
}
