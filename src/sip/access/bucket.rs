//! A token bucket for each source, for those nobody knows.

use crate::sip::RateLimitKey;
use crate::sip::recent::Recent;
use crate::time::{Duration, Mono};
use std::net::IpAddr;

/// Most sources told apart at once, in each of two generations. Past it the sources not yet seen share one
/// bucket until a generation has passed: a flood from everywhere costs strangers their turn, and nobody else.
pub const SOURCES: usize = 16_384;

/// How fast a bucket fills and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come back in a second; at least 1.
    pub per_second: u32,
    /// Tokens in a full bucket; at least 1.
    pub burst: u32,
}

/// What strangers may send: an office of 40 phones that all start at once behind one address gets in without
/// a retransmission, and a flood is cut to what costs nothing.
pub const UNKNOWN_SOURCES: Rate = Rate { per_second: 20, burst: 200 };

/// What the seats at one address may begin: a hundred phones behind one address that all register in the same second
/// get in, and a phone gone mad, or somebody who writes its address on datagrams, is cut to what costs little.
/// What belongs to calls already in is not counted.
pub const SEATS: Rate = Rate { per_second: 100, burst: 400 };

/// When the bucket of a source is full again; a source not in the table has a full one.
#[derive(Debug, Clone, Copy, Default)]
struct FullAt(Mono);

/// Token buckets by source. A token is whatever its owner counts: a datagram, a byte of an answer.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The time one token takes to come back.
    token: Duration,
    /// The time an empty bucket takes to fill.
    fill: Duration,
    sources: Recent<RateLimitKey, FullAt>,
    shared: FullAt,
}

impl Bucket {
    /// Full buckets for everyone.
    pub fn new(rate: Rate) -> Bucket {
        Bucket::with_limit(rate, SOURCES)
    }

    fn with_limit(rate: Rate, sources: usize) -> Bucket {
        let token = Duration::from_secs(1) / rate.per_second.max(1);
        let fill = token.saturating_mul(rate.burst.max(1));
        // A bucket left alone for `fill` is full, and a full one need not be remembered.
        Bucket { token, fill, sources: Recent::new(fill, sources), shared: FullAt::default() }
    }

    /// Takes one token of `source`; `false` when it has none.
    pub fn take(&mut self, now: Mono, source: IpAddr) -> bool {
        self.take_many(now, source, 1)
    }

    /// Takes `tokens` of `source`, or none and `false` when it has fewer.
    pub fn take_many(&mut self, now: Mono, source: IpAddr, tokens: u32) -> bool {
        let (token, fill) = (self.token, self.fill);
        let bucket = match self.sources.touch(now, RateLimitKey::from(source)) {
            Ok(bucket) => bucket,
            Err(_) => &mut self.shared,
        };
        let full_at = bucket.0.max(now) + token.saturating_mul(tokens);
        let enough = full_at.since(now) <= fill;
        if enough {
            bucket.0 = full_at;
        }
        enough
    }

    /// How many sources are told apart at present.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }
}

impl Default for Bucket {
    fn default() -> Bucket {
        Bucket::new(UNKNOWN_SOURCES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const T0: Mono = Mono(1_000_000_000_000);
    const RATE: Rate = Rate { per_second: 10, burst: 5 };

    fn from(n: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(n))
    }

    #[test]
    fn a_source_has_its_burst_and_then_its_rate() {
        let mut b = Bucket::new(RATE);
        let burst = (0..100).filter(|_| b.take(T0, from(1))).count();
        assert_eq!(burst, 5);
        let second: u64 = 1_000_000_000;
        let rate = (1..=1000).filter(|i| b.take(Mono(T0.0 + i * second / 100), from(1))).count();
        assert_eq!(rate, 100, "10 s at 10 a second");
        assert!(b.take(T0, from(2)), "another source has its own");
    }

    #[test]
    fn what_is_refused_costs_nothing_and_a_bucket_never_overflows() {
        let mut b = Bucket::new(RATE);
        assert!(!b.take_many(T0, from(1), 6));
        assert!(b.take_many(T0, from(1), 5));
        let later = T0 + Duration::from_secs(3600);
        assert!(b.take_many(later, from(1), 5));
        assert!(!b.take(later, from(1)));
        assert!(!b.take_many(later, from(1), u32::MAX));
    }

    #[test]
    fn a_flood_from_everywhere_keeps_memory_flat_and_shares_one_bucket() {
        let mut b = Bucket::with_limit(RATE, 100);
        assert!(b.take(T0, from(1_000_000)));
        let passed = (0..10_000).filter(|n| b.take(T0, from(*n))).count();
        assert_eq!(passed, 99 + 5, "99 places, then the shared bucket");
        assert!(b.take(T0, from(1_000_000)), "who was there before keeps its own");
        for n in 0..100_000u32 {
            b.take(Mono(T0.0 + u64::from(n) * 1_000_000), from(n));
            assert!(b.sources() <= 200);
        }
    }
}
