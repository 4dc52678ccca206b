//! The space that is left on the disk of the journal. A full disk takes no event, and then no call is taken.

use std::path::Path;
use std::time::Duration;

/// How often is looked: a trunk's whole rate of refused calls fills less than the smallest threshold in this time.
pub const LOOK_EVERY: Duration = Duration::from_secs(10);

const MIB: u64 = 1024 * 1024;

/// Whether too little space is free. Raised below the threshold, cleared a quarter above it: a journal that removes and writes
/// around the threshold does not raise it time and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeSpace {
    threshold_mib: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Enough,
    Low,
}

/// What changed, with a text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Too little is free.
    Low(String),
    /// Enough is free again.
    Enough(String),
}

impl FreeSpace {
    /// Low is less than so many MiB; 0 for never.
    pub fn below(threshold_mib: u32) -> FreeSpace {
        FreeSpace { threshold_mib: u64::from(threshold_mib), state: State::Enough }
    }

    /// So many bytes are free.
    pub fn sampled(&mut self, free: u64) -> Option<Change> {
        let (free, threshold) = (free / MIB, self.threshold_mib);
        match self.state {
            State::Enough if free < threshold => {
                self.state = State::Low;
                Some(Change::Low(format!(
                    "{free} MiB are free on the disk of store.path, less than store.free_space_mib = {threshold}: make room or \
                     lower store.retention_days, for on a full disk no event is written and no call is taken"
                )))
            }
            State::Low if free >= threshold + threshold / 4 => {
                self.state = State::Enough;
                Some(Change::Enough(format!("{free} MiB are free on the disk of store.path again")))
            }
            State::Enough | State::Low => None,
        }
    }
}

/// Bytes that are free for us on the disk of `directory`; `None` where the system does not say.
pub fn free(directory: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_space_is_told_once_and_cleared_a_quarter_above_the_threshold() {
        let mut space = FreeSpace::below(1_000);
        assert_eq!(space.sampled(1_000 * MIB), None);
        let Some(Change::Low(text)) = space.sampled(1_000 * MIB - 1) else { panic!("not told") };
        assert!(text.starts_with("999 MiB are free") && text.contains("store.retention_days"), "{text}");
        for free in [0, 999, 1_000, 1_249] {
            assert_eq!(space.sampled(free * MIB), None, "{free}");
        }
        assert!(matches!(space.sampled(1_250 * MIB), Some(Change::Enough(_))));
        assert!(matches!(space.sampled(0), Some(Change::Low(_))));
    }

    #[test]
    fn a_threshold_of_nothing_is_never_reached() {
        assert_eq!(FreeSpace::below(0).sampled(0), None);
    }

    #[test]
    fn the_system_says_how_much_is_free() {
        assert!(free(&std::env::temp_dir()).is_some_and(|bytes| bytes > 0));
        assert_eq!(free(Path::new("/nowhere/at/all")), None);
    }
}
