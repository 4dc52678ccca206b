//! How fast an unknown source is read on its connection.

use crate::time::Mono;
use crate::token_bucket::{Rate, TokenBucket};
use std::time::Instant;

/// So many messages of an unknown source are taken at once: thirty phones behind a proxy that all register in the same moment
/// are known before it is used up; more of them wait a moment, and lose nothing. Then as many a second as the gateway
/// hears of one unknown source (`sip::access::UNKNOWN_SOURCES`): what comes faster it would throw away, and would have to
/// be handed the message for it.
const RATE: Rate = Rate { per_second: 20, burst: 64 };

/// So many messages may have had to wait before the connection is cut: three seconds of more than may be said, and by
/// then a peer that can prove itself has.
const WAITED: u32 = 60;

/// See the module.
#[derive(Debug)]
pub(super) struct Pace {
    began: Instant,
    bucket: TokenBucket,
    waited: u32,
}

/// When a message may be handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// At once.
    Now,
    /// Then, and nothing further is to be read before.
    At(Instant),
    /// The source has sent too much.
    Never,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Pace {
        Pace { began: now, bucket: TokenBucket::default(), waited: 0 }
    }

    /// A message of an unknown source came.
    pub(super) fn message(&mut self, now: Instant) -> May {
        let since_began = now.saturating_duration_since(self.began);
        let wait = self.bucket.take_in_advance(Mono(0) + since_began, RATE);
        if wait.is_zero() {
            return May::Now;
        }
        self.waited += 1;
        if self.waited > WAITED { May::Never } else { May::At(now + wait) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_at_once_and_then_twenty_a_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert!((0..RATE.burst).all(|_| pace.message(start) == May::Now));
        let mut now = start;
        for n in 1..=WAITED {
            assert_eq!(pace.message(now), May::At(start + RATE.token() * n));
            now = start + RATE.token() * n;
        }
        assert_eq!(pace.message(now), May::Never, "three seconds of it are enough");
    }

    #[test]
    fn who_says_no_more_than_he_may_is_never_cut() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..10_000 {
            assert_eq!(pace.message(now), May::Now);
            now += RATE.token();
        }
    }
}
