//! How much may be answered to a source that has not shown that it is where its datagrams say.
//!
//! A sender that writes a false source address could have us answer a third party. So every byte that came from
//! an unknown UDP source allows three bytes to it, whatever they are: challenges, refusals, repetitions of
//! either, answers to what is no message. What would go beyond is not sent.

use crate::sip::RateLimitKey;
use crate::sip::recent::Recent;
use crate::time::{Duration, Mono};
use std::net::IpAddr;

/// Bytes that may be answered for each that came: an attacker gains no more than from a name
/// server, and the challenge to the smallest REGISTER of a real phone (two algorithms, 300 bytes) still fits.
pub const FACTOR: usize = 3;

/// The most that is saved up for one source, in bytes: one answer of the largest size. No source collects an
/// allowance slowly to spend it at once.
pub(super) const SAVED: usize = 64 * 1024;

/// How long an allowance is kept: longer than the longest delayed answer (64*T1 = 32 s).
const KEPT: Duration = Duration::from_secs(60);

/// Most sources told apart, in each of two generations; past it the sources not yet seen share one allowance.
const SOURCES: usize = 16_384;

/// What each source may still be answered, in bytes.
#[derive(Debug, Clone)]
pub struct Allowance {
    sources: Recent<RateLimitKey, usize>,
    shared: usize,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance::with_limit(SOURCES)
    }
}

impl Allowance {
    fn with_limit(sources: usize) -> Allowance {
        Allowance { sources: Recent::new(KEPT, sources), shared: 0 }
    }

    /// So many bytes came from there.
    pub fn earn(&mut self, now: Mono, source: IpAddr, bytes: usize) {
        let left = self.of(now, source);
        *left = left.saturating_add(bytes.saturating_mul(FACTOR)).min(SAVED);
    }

    /// Whether so many bytes may go there; they are taken off then.
    pub fn spend(&mut self, now: Mono, source: IpAddr, bytes: usize) -> bool {
        let left = self.of(now, source);
        match left.checked_sub(bytes) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }

    /// How many sources are told apart at present.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    fn of(&mut self, now: Mono, source: IpAddr) -> &mut usize {
        match self.sources.touch(now, RateLimitKey::from(source)) {
            Ok(left) => left,
            Err(_) => &mut self.shared,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Mono = Mono(1_000_000_000_000);

    fn from(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn three_bytes_go_for_each_that_came_and_no_more() {
        let mut a = Allowance::default();
        assert!(!a.spend(T0, from(1), 1), "nothing came");
        a.earn(T0, from(1), 100);
        assert!(a.spend(T0, from(1), 200));
        assert!(!a.spend(T0, from(1), 101));
        assert!(a.spend(T0, from(1), 100));
        assert!(!a.spend(T0, from(1), 1));
        a.earn(T0, from(1), 1);
        assert!(!a.spend(T0, from(2), 1), "each source has its own");
    }

    #[test]
    fn a_source_saves_no_more_than_one_large_answer() {
        let mut a = Allowance::default();
        (0..1000).for_each(|_| a.earn(T0, from(1), 1000));
        assert!(a.spend(T0, from(1), SAVED));
        assert!(!a.spend(T0, from(1), 1));
    }

    #[test]
    fn what_is_saved_is_forgotten_and_a_flood_keeps_memory_flat() {
        let mut a = Allowance::with_limit(100);
        a.earn(T0, from(1_000_000), 100);
        for n in 0..10_000 {
            a.earn(T0, from(n), 10);
            assert!(a.sources() <= 200);
        }
        assert!(a.spend(T0, from(1_000_000), 300), "who was there before keeps its own");
        a.earn(T0, from(1_000_000), 100);
        assert!(!a.spend(T0 + Duration::from_secs(3600), from(1_000_000), 1));
    }
}
