//! How long things took, counted by length: the shape of a Prometheus histogram.

use crate::time::Duration;

/// Counts of durations by their length. The bounds are in milliseconds, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    bounds: &'static [u64],
    /// How many are at most as long as the bound of the same index and longer than the one before; the last: longer
    /// than every bound.
    counts: Vec<u64>,
    sum: Duration,
}

impl Histogram {
    /// An empty one.
    pub fn new(bounds: &'static [u64]) -> Histogram {
        Histogram { bounds, counts: vec![0; bounds.len() + 1], sum: Duration::ZERO }
    }

    /// One more.
    pub fn observe(&mut self, took: Duration) {
        let at = self.bounds.partition_point(|bound| Duration::from_millis(*bound) < took);
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(took);
    }

    /// Each bound in milliseconds with how many are at most as long.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        self.bounds.iter().zip(&self.counts).scan(0, |all, (bound, count)| {
            *all += count;
            Some((*bound, *all))
        })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_under_every_bound_that_is_not_shorter() {
        let mut histogram = Histogram::new(&[10, 100]);
        for ms in [0, 10, 11, 100, 101] {
            histogram.observe(Duration::from_millis(ms));
        }
        histogram.observe(Duration::from_micros(10_001));
        assert_eq!(histogram.cumulative().collect::<Vec<_>>(), [(10, 2), (100, 5)]);
        assert_eq!((histogram.count(), histogram.sum()), (6, Duration::from_micros(232_001)));
    }
}
