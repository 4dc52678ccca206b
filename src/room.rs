//! Room that tables keep after a peak, given back. A table of the standard library never shrinks unasked: one flood
//! would hold its memory until the next start.

use std::collections::HashMap;
use std::hash::Hash;

/// Room that is always kept: tables below it cost nothing worth a copy.
const KEPT: usize = 4_096;

/// Gives back most of the room of a table that is an eighth full. To be called after a removal: what it costs is paid
/// by the removals since the last time.
pub fn give_back<K: Eq + Hash, V>(table: &mut HashMap<K, V>) {
    if table.capacity() > KEPT && table.len() < table.capacity() / 8 {
        table.shrink_to((table.len() * 2).max(KEPT / 2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_little_more_than_it_needs_after_a_peak() {
        let mut table: HashMap<u32, u32> = (0..100_000).map(|n| (n, n)).collect();
        assert!(table.capacity() >= 100_000);
        for n in 0..100_000 {
            table.remove(&n);
            give_back(&mut table);
            assert!(table.capacity() <= KEPT.max(16 * (table.len() + 1)));
        }
        assert!(table.capacity() <= KEPT);
    }
}
