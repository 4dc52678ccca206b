//! When the writer has had nothing to write for a while: what SQLite keeps of the file in memory is given back.

use std::time::{Duration, Instant};

/// So long without a write. Reading some pages again afterwards costs a millisecond; holding them through the night
/// costs memory for nothing.
const REST: Duration = Duration::from_secs(20);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// When it is time to give back; `None` after that was done.
    due: Option<Instant>,
}

impl Rest {
    /// Something was written.
    pub(super) fn worked(&mut self, now: Instant) {
        self.due = Some(now + REST);
    }

    /// How long the writer may sleep, at most `patience`.
    pub(super) fn patience(&self, now: Instant, patience: Duration) -> Duration {
        self.due.map_or(patience, |due| patience.min(due.saturating_duration_since(now)))
    }

    /// Whether it is time; once after each work.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_that_rests_gives_back_once_and_one_that_works_does_not() {
        let (start, hour) = (Instant::now(), Duration::from_secs(3600));
        let mut rest = Rest::default();
        assert!(!rest.is_due(start + hour), "nothing was written yet");
        assert_eq!(rest.patience(start, hour), hour);
        (0..100).for_each(|n| {
            let now = start + REST / 2 * n;
            assert!(!rest.is_due(now));
            rest.worked(now);
        });
        let last = start + REST / 2 * 99;
        assert_eq!(rest.patience(last, hour), REST);
        assert_eq!(rest.patience(last, Duration::from_secs(1)), Duration::from_secs(1));
        assert!(rest.is_due(last + REST));
        assert!(!rest.is_due(last + hour), "once");
    }
}
