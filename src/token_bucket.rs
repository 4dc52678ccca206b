//! A token bucket: so many at once, then so many a second.
//!
//! The bucket is the moment at which it is full again (the generic cell rate algorithm of ITU-T I.371), eight bytes without
//! a rounding error that grows. Its owner keeps the rate, so that a table of buckets keeps it once.

use crate::time::{Duration, Mono};

/// How fast a bucket fills and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come back in a second; 0 counts as 1.
    pub per_second: u32,
    /// Tokens in a full bucket; 0 counts as 1.
    pub burst: u32,
}

impl Rate {
    /// So many a second, and as many at once.
    pub const fn per_second(tokens: u32) -> Rate {
        Rate { per_second: tokens, burst: tokens }
    }

    /// The time one token takes to come back.
    pub fn token(self) -> Duration {
        Duration::from_secs(1) / self.per_second.max(1)
    }

    /// The time an empty bucket takes to fill. A bucket left alone for as long is full.
    pub fn fill(self) -> Duration {
        self.token().saturating_mul(self.burst.max(1))
    }
}

/// See the module. Full at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenBucket {
    full_at: Mono,
}

impl TokenBucket {
    /// Takes one token; `false` when there is none.
    pub fn take(&mut self, now: Mono, rate: Rate) -> bool {
        self.take_many(now, rate, 1)
    }

    /// Takes one token, in advance where there is none. Gives how long it is until that one has come back.
    pub fn take_in_advance(&mut self, now: Mono, rate: Rate) -> Duration {
        self.full_at = self.full_at.max(now) + rate.token();
        self.full_at.since(now + rate.fill())
    }

    /// Takes `tokens`, or none and `false` when there are fewer.
    pub fn take_many(&mut self, now: Mono, rate: Rate, tokens: u32) -> bool {
        let full_at = self.full_at.max(now) + rate.token().saturating_mul(tokens);
        let enough = full_at.since(now) <= rate.fill();
        if enough {
            self.full_at = full_at;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 5 };
    const T0: Mono = Mono(1_000_000_000_000);

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = TokenBucket::default();
        assert_eq!((0..100).filter(|_| bucket.take(T0, RATE)).count(), 5);
        let each = Duration::from_millis(10);
        let rate = (1..=1000).filter(|i| bucket.take(T0 + each * *i, RATE)).count();
        assert_eq!(rate, 100, "10 s at 10 a second");
    }

    #[test]
    fn what_is_refused_costs_nothing_and_a_bucket_never_overflows() {
        let mut bucket = TokenBucket::default();
        assert!(!bucket.take_many(T0, RATE, 6));
        assert!(bucket.take_many(T0, RATE, 5));
        let later = T0 + Duration::from_secs(3600);
        assert!(bucket.take_many(later, RATE, 5));
        assert!(!bucket.take(later, RATE));
        assert!(!bucket.take_many(later, RATE, u32::MAX));
    }

    #[test]
    fn a_token_comes_back_after_its_share_of_a_second() {
        let (mut bucket, rate) = (TokenBucket::default(), Rate::per_second(3));
        assert_eq!((0..5).filter(|_| bucket.take(T0, rate)).count(), 3);
        assert!(!bucket.take(T0 + Duration::from_millis(300), rate));
        assert!(bucket.take(T0 + Duration::from_millis(700), rate));
    }

    #[test]
    fn what_is_taken_in_advance_is_waited_for() {
        let mut bucket = TokenBucket::default();
        let waits: Vec<u64> = (0..8).map(|_| bucket.take_in_advance(T0, RATE).as_millis() as u64).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 100, 200, 300]);
        assert!(!bucket.take(T0 + Duration::from_millis(300), RATE), "what was taken is paid first");
        assert!(bucket.take(T0 + Duration::from_millis(400), RATE));
    }

    #[test]
    fn a_rate_of_zero_counts_as_one() {
        let (mut bucket, rate) = (TokenBucket::default(), Rate::per_second(0));
        assert!(bucket.take(T0, rate));
        assert!(!bucket.take(T0, rate));
        assert!(bucket.take(T0 + rate.fill(), rate));
    }
}
