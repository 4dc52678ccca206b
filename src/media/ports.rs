//! The range of UDP ports for media: pairs of an even port for RTP and the next one for RTCP.
//!
//! A port given back rests before it is taken again: the former peer may still be sending to it, and its
//! voice must not be heard in another call. Nothing is bound here.

use crate::id::Random;
use crate::time::{Duration, Mono};
use std::collections::VecDeque;
use std::ops::{Range, RangeInclusive};

/// The pairs of a range, drawn by lot: a party that knows the ports of some calls cannot tell that of the next.
#[derive(Debug)]
pub struct Ports {
    /// The even ports that may be taken; at most 32,767.
    free: Vec<u16>,
    /// Given back, the earliest first, with the time from which each may be taken again.
    resting: VecDeque<(Mono, u16)>,
    rest: Duration,
    /// The even ports there are.
    pairs: Range<u16>,
    total: usize,
}

impl Ports {
    /// The pairs wholly inside `range`.
    pub fn new(range: RangeInclusive<u16>, rest: Duration) -> Ports {
        // Port 0 would mean any port.
        let first = range.start().checked_add(range.start() % 2).unwrap_or(u16::MAX).max(2);
        let free: Vec<u16> = (first..*range.end()).step_by(2).collect();
        Ports { total: free.len(), free, resting: VecDeque::new(), rest, pairs: first..*range.end() }
    }

    /// Takes a pair and gives its even port; `None` when every pair is taken or still rests.
    pub fn take(&mut self, now: Mono, random: &mut Random) -> Option<u16> {
        while let Some((_, port)) = self.resting.pop_front_if(|(from, _)| *from <= now) {
            self.free.push(port);
        }
        let lot = random.below(self.free.len() as u64) as usize;
        (lot < self.free.len()).then(|| self.free.swap_remove(lot))
    }

    /// Takes this very pair, also while it rests or when it is of another range: a leg that goes on has its former one. False
    /// when the pair is taken, or is none.
    pub fn take_again(&mut self, port: u16) -> bool {
        if let Some(at) = self.free.iter().position(|free| *free == port) {
            self.free.swap_remove(at);
            return true;
        }
        let before = self.resting.len();
        self.resting.retain(|(_, resting)| *resting != port);
        before > self.resting.len() || !self.is_of_the_range(port) && port != 0 && port.is_multiple_of(2)
    }

    fn is_of_the_range(&self, port: u16) -> bool {
        port.is_multiple_of(2) && self.pairs.contains(&port)
    }

    /// Gives a pair back to rest. Only ports that were taken may be given back, once. A pair of another range is forgotten.
    pub fn give(&mut self, now: Mono, port: u16) {
        if self.is_of_the_range(port) {
            self.resting.push_back((now + self.rest, port));
        }
    }

    /// Gives a pair back that was never bound: it needs no rest.
    pub fn untake(&mut self, port: u16) {
        if self.is_of_the_range(port) {
            self.free.push(port);
        }
    }

    /// How many pairs are taken.
    pub fn taken(&self) -> usize {
        self.total - self.free.len() - self.resting.len()
    }

    /// How many pairs there are.
    pub fn total(&self) -> usize {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(5);

    fn drawn(ports: &mut Ports, seed: u64) -> Vec<u16> {
        let mut random = Random::from_number(seed);
        std::iter::from_fn(|| ports.take(Mono(0), &mut random)).collect()
    }

    #[test]
    fn pairs_are_even_and_inside_the_range() {
        let mut ports = Ports::new(10_001..=10_007, REST);
        let mut all = drawn(&mut ports, 1);
        all.sort_unstable();
        assert_eq!(all, [10_002, 10_004, 10_006]);
        assert_eq!(ports.taken(), 3);
        for (range, pairs) in [
            (10_000..=10_000, 0),
            (10_001..=10_001, 0),
            (65_534..=65_535, 1),
            (65_535..=65_535, 0),
            (0..=65_535, 32_767),
        ] {
            assert_eq!(Ports::new(range.clone(), REST).total(), pairs, "{range:?}");
        }
    }

    #[test]
    fn the_next_port_cannot_be_told_from_the_last() {
        let draw = |seed| drawn(&mut Ports::new(10_000..=19_999, REST), seed);
        let ports = draw(1);
        assert_ne!(ports, draw(2));
        let foretold = ports.windows(2).filter(|pair| pair[0] + 2 == pair[1]).count();
        assert!(foretold < 10, "{foretold} of 5,000 were the last one and 2");
    }

    #[test]
    fn a_port_rests_before_it_is_taken_again() {
        let mut random = Random::from_number(1);
        let mut ports = Ports::new(10_000..=10_003, REST);
        let (a, b) = (ports.take(Mono(0), &mut random).unwrap(), ports.take(Mono(0), &mut random).unwrap());
        assert_ne!(a, b);
        ports.give(Mono(10), b);
        ports.give(Mono(20), a);
        assert_eq!(ports.taken(), 0);
        assert_eq!(ports.take(Mono(10) + REST - Duration::from_nanos(1), &mut random), None);
        assert_eq!(ports.take(Mono(10) + REST, &mut random), Some(b));
        assert_eq!(ports.take(Mono(10) + REST, &mut random), None);
        assert_eq!(ports.take(Mono(20) + REST, &mut random), Some(a));
    }

    #[test]
    fn a_port_that_was_never_bound_needs_no_rest() {
        let mut random = Random::from_number(1);
        let mut ports = Ports::new(10_000..=10_001, REST);
        let port = ports.take(Mono(0), &mut random).unwrap();
        ports.untake(port);
        assert_eq!((ports.taken(), ports.take(Mono(0), &mut random)), (0, Some(port)));
    }
}
