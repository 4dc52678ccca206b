//! The two clocks, read for the core.

use crate::time::{Mono, Now, Wall};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Reads both clocks; its zero is the moment it was made.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    zero: Instant,
}

impl Clock {
    /// A clock that begins now.
    #[expect(clippy::new_without_default)]
    pub fn new() -> Clock {
        Clock { zero: Instant::now() }
    }

    /// The time.
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            mono: Mono(u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX)),
            wall: Wall(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX)),
        }
    }

    /// The instant a deadline of the core stands for.
    pub fn instant(&self, at: Mono) -> Instant {
        self.zero + std::time::Duration::from_nanos(at.0)
    }
}
