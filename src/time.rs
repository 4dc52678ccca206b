//! Time as the core sees it: told, never asked for.
//!
//! [`Mono`] orders and measures, [`Wall`] dates events. Both are our own types because replay needs
//! constructible time and `std::time::Instant` cannot be made from a number. [`Timers`] is the one
//! shape every machine keeps its deadlines in: a deadline without a named reason cannot be debugged.

use crate::room::give_back;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::Hash;
use std::ops::{Add, Sub};
pub use std::time::Duration;

/// Nanoseconds on a clock that never steps back. The zero is arbitrary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Mono(pub u64);

/// Nanoseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Wall(pub u64);

/// One reading of both clocks, taken by the shell before it calls the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For deadlines and durations.
    pub mono: Mono,
    /// For dates in events and identifiers.
    pub wall: Wall,
}

/// A duration for people: two digits below a minute, above it two units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brief(pub Duration);

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (micros, seconds) = (self.0.as_micros(), self.0.as_secs());
        match micros {
            0 => f.write_str("0 s"),
            1..100 => write!(f, "{micros} µs"),
            100..9_950 => write!(f, "{:.1} ms", micros as f64 / 1e3),
            9_950..99_500 => write!(f, "{:.0} ms", micros as f64 / 1e3),
            // The third digit of a millisecond is beside the point.
            99_500..995_000 => write!(f, "{:.0} ms", (micros as f64 / 1e4).round() * 10.0),
            995_000..9_950_000 => write!(f, "{:.1} s", micros as f64 / 1e6),
            9_950_000..59_500_000 => write!(f, "{:.0} s", micros as f64 / 1e6),
            59_500_000..3_600_000_000 => write!(f, "{} min {} s", seconds.max(60) / 60, seconds.max(60) % 60),
            _ => write!(f, "{} h {} min", seconds / 3600, seconds / 60 % 60),
        }
    }
}

impl Mono {
    /// The time since `earlier`, zero when `earlier` is later.
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Mono {
    type Output = Mono;
    fn add(self, d: Duration) -> Mono {
        Mono(self.0.saturating_add(nanos(d)))
    }
}

impl Sub<Duration> for Mono {
    type Output = Mono;
    fn sub(self, d: Duration) -> Mono {
        Mono(self.0.saturating_sub(nanos(d)))
    }
}

impl Add<Duration> for Wall {
    type Output = Wall;
    fn add(self, d: Duration) -> Wall {
        Wall(self.0.saturating_add(nanos(d)))
    }
}

impl Sub<Duration> for Wall {
    type Output = Wall;
    fn sub(self, d: Duration) -> Wall {
        Wall(self.0.saturating_sub(nanos(d)))
    }
}

impl Wall {
    /// Whole milliseconds since the epoch.
    pub fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Whole seconds since the epoch.
    pub fn secs(self) -> u64 {
        self.0 / 1_000_000_000
    }
}

impl Now {
    /// Both clocks moved on by `d`.
    pub fn after(self, d: Duration) -> Now {
        Now { mono: self.mono + d, wall: self.wall + d }
    }
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

/// Deadlines by key, the earliest first; a key has at most one deadline.
///
/// Bounded by its owner: there are as many timers as the owner has keys.
#[derive(Debug, Clone)]
pub struct Timers<K> {
    at: HashMap<K, Mono>,
    order: BTreeSet<(Mono, K)>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Timers { at: HashMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Copy + Ord + Hash> Extend<(K, Mono)> for Timers<K> {
    fn extend<T: IntoIterator<Item = (K, Mono)>>(&mut self, deadlines: T) {
        deadlines.into_iter().for_each(|(key, at)| self.set(key, at));
    }
}

impl<K: Copy + Ord + Hash> Timers<K> {
    /// Sets or moves the deadline of `key`.
    pub fn set(&mut self, key: K, at: Mono) {
        if let Some(old) = self.at.insert(key, at) {
            self.order.remove(&(old, key));
        }
        self.order.insert((at, key));
    }

    /// Forgets the deadline of `key`, if it has one.
    pub fn cancel(&mut self, key: K) {
        if let Some(old) = self.at.remove(&key) {
            self.order.remove(&(old, key));
            give_back(&mut self.at);
        }
    }

    /// Whether `key` has a deadline.
    pub fn contains(&self, key: K) -> bool {
        self.at.contains_key(&key)
    }

    /// The earliest deadline and whose it is.
    pub fn next(&self) -> Option<(Mono, K)> {
        self.order.first().copied()
    }

    /// Takes one key whose deadline has come. Call until `None`.
    pub fn pop_due(&mut self, now: Mono) -> Option<K> {
        let (at, key) = self.next()?;
        if at > now {
            return None;
        }
        self.order.pop_first();
        self.at.remove(&key);
        give_back(&mut self.at);
        Some(key)
    }

    /// How many deadlines are set.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether no deadline is set.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_for_people_has_two_digits_or_two_units() {
        for (micros, text) in [
            (0, "0 s"),
            (99, "99 µs"),
            (1_234, "1.2 ms"),
            (12_345, "12 ms"),
            (123_456, "120 ms"),
            (999_999, "1.0 s"),
            (1_234_567, "1.2 s"),
            (9_960_000, "10 s"),
            (59_400_000, "59 s"),
            (59_900_000, "1 min 0 s"),
            (65_000_000, "1 min 5 s"),
            (3_599_000_000, "59 min 59 s"),
            (5_430_000_000, "1 h 30 min"),
        ] {
            assert_eq!(Brief(Duration::from_micros(micros)).to_string(), text);
        }
    }

    #[test]
    fn timers_fire_in_order_of_their_deadlines_and_once() {
        let mut t = Timers::default();
        t.set("b", Mono(20));
        t.set("a", Mono(10));
        t.set("b", Mono(5));
        assert_eq!(t.next(), Some((Mono(5), "b")));
        assert_eq!(t.pop_due(Mono(4)), None);
        assert_eq!(t.pop_due(Mono(10)), Some("b"));
        assert_eq!(t.pop_due(Mono(10)), Some("a"));
        assert_eq!(t.pop_due(Mono(10)), None);
        assert!(t.is_empty());
    }

    #[test]
    fn a_cancelled_timer_never_fires() {
        let mut t = Timers::default();
        t.set(1, Mono(1));
        t.cancel(1);
        assert_eq!(t.pop_due(Mono(100)), None);
    }
}
