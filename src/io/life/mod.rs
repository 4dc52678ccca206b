//! The sign of life: a small file beside the store, written each second, that tells the next process how long nothing ran,
//! and what only memory held.
//!
//! All snapshots are as old as the last sign, whenever each was written: what did not change did not have to be written
//! again. The file also counts the starts that died while they resumed, so that a call which ends the process is not
//! resumed without end. Without fsync: the file outlives the process, and after a loss of power nothing is resumed anyway.

mod file;
mod keeper;
mod verdict;

pub use keeper::{Keeper, Said};
pub use verdict::{Calls, Verdict, Why, judge};

use super::clock::{since_boot, wall};
use crate::id::CallId;
use crate::media::Numbers;
use crate::time::{Duration, Wall};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// A process that lived this long has resumed what it could: no phone is asked longer whether it is there.
pub(super) const SETTLED: Duration = Duration::from_secs(10);

/// Which run of which machine. Moments since boot are compared within one alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The run of the kernel; empty where the system does not tell, which is no place at all.
    boot: String,
    /// The machine; empty where it has no name, as in most containers.
    machine: String,
}

impl Place {
    /// The place this process runs at.
    pub fn here() -> Place {
        let line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        Place { boot: line("/proc/sys/kernel/random/boot_id"), machine: line("/etc/machine-id") }
    }
}

/// How far a process has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// The process lives for less than [`SETTLED`]. A process whose last sign says so died while it resumed.
    Resuming {
        /// How many starts in a row died before it in this stage.
        died_before: u32,
        /// How many starts, this one included, began to resume the call since one settled. Bounded by the calls there are.
        attempts: BTreeMap<CallId, u32>,
    },
    /// The process lives longer than that.
    Settled,
    /// The process ended as it was told to.
    Ended,
}

/// One sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// Where it lived.
    pub place: Place,
    /// When, since boot.
    pub since_boot: Duration,
    /// When, by the date.
    pub wall: Wall,
    /// Its process, for a person who looks.
    pub pid: u32,
    /// How far it had come.
    pub stage: Stage,
    /// What the media plane knew of its streams.
    pub streams: Streams,
}

/// What the media plane knew of its streams, in its own octets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Streams {
    /// When it was asked, since boot.
    pub read_at: Duration,
    /// What it said; empty for nothing.
    pub octets: Vec<u8>,
}

impl Streams {
    /// What it says now.
    pub fn now(octets: Vec<u8>) -> Streams {
        Streams { read_at: since_boot(), octets }
    }

    /// The numbers in it, with their age at the sign `here`; `None` where there are none, or of another form.
    pub fn numbers(&self, here: &Sign) -> Option<Numbers> {
        let Numbers { age, legs } = Numbers::decode(&self.octets)?;
        Some(Numbers { age: age + here.since_boot.saturating_sub(self.read_at), legs })
    }
}

impl Sign {
    /// A sign of this process, now.
    pub fn now(place: &Place, stage: &Stage, streams: &Streams) -> Sign {
        let (place, stage, streams) = (place.clone(), stage.clone(), streams.clone());
        Sign { place, since_boot: since_boot(), wall: wall(), pid: std::process::id(), stage, streams }
    }

    /// The last sign of the process before; `None` when it left none, or one that cannot be read.
    pub fn last(store: &Path) -> Option<Sign> {
        file::read(store)
    }

    /// Puts this sign in the place of the last one.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn leave(&self, store: &Path) -> io::Result<()> {
        file::write(store, self)
    }
}
