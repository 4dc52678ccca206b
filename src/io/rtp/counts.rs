//! The worker's counters where other threads may read them.

use crate::media::relay::RelayCounts;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The fields of [`RelayCounts`]. Each is exact; together they may be of two neighbouring moments.
#[derive(Debug, Default)]
pub(super) struct Published {
    relayed: AtomicU64,
    played: AtomicU64,
    reports: AtomicU64,
    bad: AtomicU64,
    strays: AtomicU64,
    refused: AtomicU64,
    unsent: AtomicU64,
    legs: AtomicU64,
    playing: AtomicU64,
    ports: AtomicU64,
}

impl Published {
    pub(super) fn publish(&self, c: RelayCounts) {
        for (to, value) in [
            (&self.relayed, c.relayed),
            (&self.played, c.played),
            (&self.reports, c.reports),
            (&self.bad, c.bad),
            (&self.strays, c.strays),
            (&self.refused, c.refused),
            (&self.unsent, c.unsent),
            (&self.legs, c.legs),
            (&self.playing, c.playing),
            (&self.ports, c.ports),
        ] {
            to.store(value, Relaxed);
        }
    }

    pub(super) fn read(&self) -> RelayCounts {
        RelayCounts {
            relayed: self.relayed.load(Relaxed),
            played: self.played.load(Relaxed),
            reports: self.reports.load(Relaxed),
            bad: self.bad.load(Relaxed),
            strays: self.strays.load(Relaxed),
            refused: self.refused.load(Relaxed),
            unsent: self.unsent.load(Relaxed),
            legs: self.legs.load(Relaxed),
            playing: self.playing.load(Relaxed),
            ports: self.ports.load(Relaxed),
        }
    }
}
