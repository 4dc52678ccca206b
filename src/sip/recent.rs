//! A bounded map that forgets what was not touched for a time.
//!
//! Two generations stand in for a clock per entry: what is touched moves to the young one, and when a
//! period has passed the old one is dropped whole. So an entry lives at least one period and at most two
//! after its last touch, every step costs O(1), and nothing grows past its limit.

use crate::time::{Duration, Mono};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// The map is full of younger entries; the caller says what that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    turned: Mono,
    period: Duration,
    limit: usize,
}

impl<K: Hash + Eq, V: Default> Recent<K, V> {
    /// A map that keeps an entry for at least `period`, and at most `limit` entries in each generation.
    pub(crate) fn new(period: Duration, limit: usize) -> Recent<K, V> {
        Recent { young: HashMap::new(), old: HashMap::new(), turned: Mono(0), period, limit }
    }

    /// The value of `key`, not touched.
    pub(crate) fn peek(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// The value of `key`, touched; a new one when there was none and there is room.
    pub(crate) fn touch(&mut self, now: Mono, key: K) -> Result<&mut V, Full> {
        self.turn(now);
        let room = self.young.len() < self.limit;
        match self.young.entry(key) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(_) if !room => Err(Full),
            Entry::Vacant(entry) => {
                let value = self.old.remove(entry.key()).unwrap_or_default();
                Ok(entry.insert(value))
            }
        }
    }

    /// As [`Recent::touch`]; where there is no room, the older generation is forgotten before its time.
    pub(crate) fn touch_or_turn(&mut self, now: Mono, key: K) -> &mut V {
        self.turn(now);
        if self.young.len() >= self.limit && !self.young.contains_key(&key) {
            self.turn_early(now);
        }
        match self.young.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let value = self.old.remove(entry.key()).unwrap_or_default();
                entry.insert(value)
            }
        }
    }

    /// Forgets `key`.
    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Forgets the older generation before its time, to make room.
    pub(crate) fn turn_early(&mut self, now: Mono) {
        self.old = std::mem::take(&mut self.young);
        self.turned = now;
    }

    /// How many entries are kept.
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    fn turn(&mut self, now: Mono) {
        let passed = now.since(self.turned);
        if passed >= self.period {
            if passed >= self.period.saturating_mul(2) {
                self.young = HashMap::new();
            }
            self.turn_early(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(10);

    fn at(s: u64) -> Mono {
        Mono(s * 1_000_000_000)
    }

    #[test]
    fn what_is_touched_stays_and_what_is_not_is_forgotten() {
        let mut r: Recent<&str, u32> = Recent::new(PERIOD, 8);
        *r.touch(at(100), "kept").unwrap() = 1;
        *r.touch(at(100), "left").unwrap() = 1;
        *r.touch(at(111), "kept").unwrap() += 1;
        *r.touch(at(122), "kept").unwrap() += 1;
        assert_eq!(r.peek(&"kept"), Some(&3));
        assert_eq!(r.peek(&"left"), None);
        r.touch(at(150), "other").unwrap();
        assert_eq!(r.peek(&"kept"), None, "two periods without a touch forget everything");
        assert_eq!(r.len(), 1);
    }

    #[test]
    fn a_full_map_says_so_and_keeps_what_it_has() {
        let mut r: Recent<u32, u32> = Recent::new(PERIOD, 2);
        *r.touch(at(1), 1).unwrap() = 7;
        r.touch(at(1), 2).unwrap();
        assert_eq!(r.touch(at(1), 3), Err(Full));
        assert_eq!(r.touch(at(1), 1), Ok(&mut 7));
        *r.touch_or_turn(at(1), 3) = 8;
        assert_eq!(r.peek(&3), Some(&8));
        assert_eq!(r.peek(&1), Some(&7));
    }
}
