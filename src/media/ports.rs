//! The range of UDP ports for media: pairs of an even port for RTP and the next one for RTCP.
//!
//! A port given back rests before it is taken again: the former peer may still be sending to it, and its
//! voice must not be heard in another call. Nothing is bound here.

use crate::time::{Duration, Mono};
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// The pairs of a range, used in turn.
#[derive(Debug)]
pub struct Ports {
    /// Never used so far: `count` pairs beginning at `next`, going round inside the range.
    fresh: Fresh,
    /// Given back, the earliest first, with the time from which each may be taken again.
    resting: VecDeque<(Mono, u16)>,
    rest: Duration,
    taken: usize,
}

#[derive(Debug)]
struct Fresh {
    first: u16,
    pairs: u16,
    next: u16,
    left: u16,
}

impl Ports {
    /// The pairs wholly inside `range`, taken from the one numbered `start` (modulo their count) on. A start that
    /// differs from run to run keeps peers of a gateway that crashed out of the next one's first calls.
    pub fn new(range: RangeInclusive<u16>, rest: Duration, start: u64) -> Ports {
        // Port 0 would mean any port.
        let first = range.start().checked_add(range.start() % 2).unwrap_or(u16::MAX).max(2);
        let pairs = (u32::from(*range.end()) + 1).saturating_sub(u32::from(first)) / 2;
        let pairs = u16::try_from(pairs).unwrap_or(u16::MAX / 2);
        let next = if pairs == 0 { 0 } else { (start % u64::from(pairs)) as u16 };
        let fresh = Fresh { first, pairs, next, left: pairs };
        Ports { fresh, resting: VecDeque::new(), rest, taken: 0 }
    }

    /// Takes a pair and gives its even port; `None` when every pair is taken or still rests.
    pub fn take(&mut self, now: Mono) -> Option<u16> {
        let port = match self.fresh.take() {
            Some(port) => port,
            None => {
                let &(from, port) = self.resting.front()?;
                if from > now {
                    return None;
                }
                self.resting.pop_front();
                port
            }
        };
        self.taken += 1;
        Some(port)
    }

    /// Gives a pair back to rest. Only ports that were taken may be given back, once.
    pub fn give(&mut self, now: Mono, port: u16) {
        self.taken = self.taken.saturating_sub(1);
        self.resting.push_back((now + self.rest, port));
    }

    /// How many pairs are taken.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// How many pairs there are.
    pub fn total(&self) -> usize {
        usize::from(self.fresh.pairs)
    }
}

impl Fresh {
    fn take(&mut self) -> Option<u16> {
        self.left = self.left.checked_sub(1)?;
        let port = self.first + 2 * self.next;
        self.next = (self.next + 1) % self.pairs;
        Some(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(5);

    #[test]
    fn pairs_are_even_and_inside_the_range() {
        let mut ports = Ports::new(10_001..=10_007, REST, 0);
        let all: Vec<u16> = std::iter::from_fn(|| ports.take(Mono(0))).collect();
        assert_eq!(all, [10_002, 10_004, 10_006]);
        assert_eq!(ports.taken(), 3);
        for (range, pairs) in [
            (10_000..=10_000, 0),
            (10_001..=10_001, 0),
            (65_534..=65_535, 1),
            (65_535..=65_535, 0),
            (0..=65_535, 32_767),
        ] {
            assert_eq!(Ports::new(range.clone(), REST, 3).total(), pairs, "{range:?}");
        }
    }

    #[test]
    fn a_port_rests_before_it_is_taken_again() {
        let mut ports = Ports::new(10_000..=10_003, REST, 1);
        let (a, b) = (ports.take(Mono(0)).unwrap(), ports.take(Mono(0)).unwrap());
        assert_eq!((a, b), (10_002, 10_000));
        ports.give(Mono(10), b);
        ports.give(Mono(20), a);
        assert_eq!(ports.take(Mono(10) + REST - Duration::from_nanos(1)), None);
        assert_eq!(ports.take(Mono(10) + REST), Some(b));
        assert_eq!(ports.take(Mono(10) + REST), None);
        assert_eq!(ports.take(Mono(20) + REST), Some(a));
    }
}
