//! A token bucket for each source: unknown sources, and the seats at one address.

use crate::sip::RateLimitKey;
use crate::sip::recent::Recent;
use crate::time::Mono;
use crate::token_bucket::{Rate, TokenBucket};
use std::net::IpAddr;

/// Most sources told apart at once, in each of two generations. Past it the sources not yet seen share one
/// bucket until a generation has passed: a flood from everywhere costs unknown sources their turn, and no known peer.
pub const SOURCES: usize = 16_384;

/// What an unknown source may send: an office of 40 phones that all start at once behind one address gets in without
/// a retransmission, and a flood is cut to what costs nothing.
pub const UNKNOWN_SOURCES: Rate = Rate { per_second: 20, burst: 200 };

/// What the seats at one address may begin: a hundred phones behind one address that all register in the same second
/// get in, and a phone gone mad, or a sender that writes its address on datagrams, is cut to what costs little.
/// What belongs to calls already in is not counted.
pub(super) const SEATS: Rate = Rate { per_second: 100, burst: 400 };

/// Token buckets by source; a source not in the table has a full one.
#[derive(Debug, Clone)]
pub struct Buckets {
    rate: Rate,
    sources: Recent<RateLimitKey, TokenBucket>,
    shared: TokenBucket,
}

impl Buckets {
    /// Full buckets for every source.
    pub fn new(rate: Rate) -> Buckets {
        Buckets::with_limit(rate, SOURCES)
    }

    fn with_limit(rate: Rate, sources: usize) -> Buckets {
        // A bucket left alone for so long is full, and a full one need not be remembered.
        Buckets { rate, sources: Recent::new(rate.fill(), sources), shared: TokenBucket::default() }
    }

    /// Takes one token of `source`; `false` when it has none.
    pub fn take(&mut self, now: Mono, source: IpAddr) -> bool {
        let bucket = match self.sources.touch(now, RateLimitKey::from(source)) {
            Ok(bucket) => bucket,
            Err(_) => &mut self.shared,
        };
        bucket.take(now, self.rate)
    }

    /// How many sources are told apart at present.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }
}

impl Default for Buckets {
    fn default() -> Buckets {
        Buckets::new(UNKNOWN_SOURCES)
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
        let mut b = Buckets::new(RATE);
        let burst = (0..100).filter(|_| b.take(T0, from(1))).count();
        assert_eq!(burst, 5);
        let second: u64 = 1_000_000_000;
        let rate = (1..=1000).filter(|i| b.take(Mono(T0.0 + i * second / 100), from(1))).count();
        assert_eq!(rate, 100, "10 s at 10 a second");
        assert!(b.take(T0, from(2)), "another source has its own");
    }

    #[test]
    fn a_flood_from_everywhere_keeps_memory_flat_and_shares_one_bucket() {
        let mut b = Buckets::with_limit(RATE, 100);
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
