//! The wait to be expected, from how fast the queue was served of late.
//!
//! What counts is the time between two answers while a call waited: answers on a quiet day say nothing
//! about how fast a full queue moves. Callers who give up ahead make the true wait shorter, never longer.

use crate::time::{Duration, Mono};
use std::collections::VecDeque;

/// Intervals kept: the newest. Enough to be steady, few enough to follow a burst.
const KEPT: usize = 32;

/// Fewer intervals than this are no basis.
const BASIS: usize = 3;

/// An estimate is given for this long after the newest interval; then the basis is too old.
const FRESH: Duration = Duration::from_secs(30 * 60);

/// How fast a queue is served while a call waits.
#[derive(Debug, Default)]
pub(super) struct Estimate {
    intervals: VecDeque<Duration>,
    sum: Duration,
    newest: Mono,
    /// Since when a call has been waiting, or the last answer if that was later.
    since: Option<Mono>,
}

impl Estimate {
    /// Whether a call waits for a seat.
    pub(super) fn backlog(&mut self, now: Mono, any: bool) {
        match any {
            true => self.since = self.since.or(Some(now)),
            false => self.since = None,
        }
    }

    /// A seat answered.
    pub(super) fn answered(&mut self, now: Mono) {
        let Some(since) = self.since.replace(now) else {
            self.since = None;
            return;
        };
        if self.intervals.len() == KEPT
            && let Some(oldest) = self.intervals.pop_front()
        {
            self.sum -= oldest;
        }
        let interval = now.since(since);
        self.intervals.push_back(interval);
        self.sum += interval;
        self.newest = now;
    }

    /// The wait at `position`, 1 for the head; `None` without a basis.
    pub(super) fn wait(&self, now: Mono, position: u32) -> Option<Duration> {
        if self.intervals.len() < BASIS || now.since(self.newest) > FRESH {
            return None;
        }
        Some(self.sum.saturating_mul(position) / self.intervals.len() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono(seconds * 1_000_000_000)
    }

    #[test]
    fn without_answers_there_is_no_estimate() {
        let mut e = Estimate::default();
        e.backlog(at(0), true);
        assert_eq!(e.wait(at(10), 1), None);
    }

    #[test]
    fn the_wait_is_the_place_times_the_interval_of_a_busy_queue() {
        let mut e = Estimate::default();
        e.backlog(at(0), true);
        for s in [10, 20, 30] {
            e.answered(at(s));
        }
        assert_eq!(e.wait(at(30), 1), Some(Duration::from_secs(10)));
        assert_eq!(e.wait(at(30), 7), Some(Duration::from_secs(70)));
    }

    #[test]
    fn answers_while_nobody_waits_are_no_basis() {
        let mut e = Estimate::default();
        for s in [10, 20, 30, 40] {
            e.backlog(at(s - 1), true);
            e.backlog(at(s - 1), false);
            e.answered(at(s));
        }
        assert_eq!(e.wait(at(40), 1), None);
    }

    #[test]
    fn an_old_basis_is_no_basis_and_old_intervals_are_forgotten() {
        let mut e = Estimate::default();
        e.backlog(at(0), true);
        e.answered(at(1000));
        for s in 0..KEPT as u64 {
            e.answered(at(1002 + 2 * s));
        }
        let last = 1000 + 2 * KEPT as u64;
        assert_eq!(e.wait(at(last), 1), Some(Duration::from_secs(2)));
        assert_eq!(e.wait(at(last + 1801), 1), None);
    }
}
