//! What is older than it may be leaves the store, a little at a time between commits.

use super::StoreError;
use super::engine::{Engine, Purge};
use crate::time::Wall;
use std::time::{Duration, Instant};

/// While there is more to remove, steps are this far apart.
const BETWEEN_STEPS: Duration = Duration::from_millis(50);
/// When all is removed, the next look comes after this.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(60);
/// The caller history looks back 30 days; a day more is kept for clocks that were set.
const HISTORY: Duration = Duration::from_secs(31 * 24 * 3600);

/// When to remove what.
pub(super) struct Retention {
    keep: Duration,
    next: Instant,
}

impl Retention {
    /// Keeps events and records for `keep`; zero keeps them for ever.
    pub(super) fn new(keep: Duration) -> Retention {
        Retention { keep, next: Instant::now() }
    }

    /// How long until the next step.
    pub(super) fn patience(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// Does one step when it is time.
    pub(super) fn step(&mut self, engine: &mut dyn Engine) -> Result<(), StoreError> {
        if Instant::now() < self.next {
            return Ok(());
        }
        self.next = Instant::now() + BETWEEN_ROUNDS;
        if engine.purge(&older_than(self.keep, super::wall_now()))? {
            self.next = Instant::now() + BETWEEN_STEPS;
        }
        Ok(())
    }
}

/// What is too old at `now`, where events and records are kept for `keep`; zero keeps them for ever.
pub(super) fn older_than(keep: Duration, now: Wall) -> Purge {
    let events_before = (!keep.is_zero()).then(|| now - keep);
    Purge { events_before, history_before: now - HISTORY }
}
