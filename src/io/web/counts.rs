//! How many connections were not taken, or were cut, by reason.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a connection was not taken, or cut. An end by its client is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Not taken: there are as many as there may be.
    Full,
    /// Not taken: its source has as many as clients without a token may have.
    SourceFull,
    /// Not taken: no descriptor was left for it.
    NotTaken,
    /// Cut: it brought no whole request in time.
    Silent,
}

/// The names of one listener's figures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    open: &'static str,
    full: &'static str,
    source_full: &'static str,
    not_taken: &'static str,
    silent: &'static str,
}

impl Names {
    pub(super) const HTTP: Names = Names {
        open: "http_connections",
        full: "http_connections_full_total",
        source_full: "http_connections_source_full_total",
        not_taken: "http_connections_no_descriptor_total",
        silent: "http_connections_silent_total",
    };
    pub(super) const GRPC: Names = Names {
        open: "grpc_connections",
        full: "grpc_connections_full_total",
        source_full: "grpc_connections_source_full_total",
        not_taken: "grpc_connections_no_descriptor_total",
        silent: "grpc_connections_silent_total",
    };
}

#[derive(Debug)]
pub(super) struct Counts {
    names: Names,
    full: AtomicU64,
    source_full: AtomicU64,
    not_taken: AtomicU64,
    silent: AtomicU64,
}

impl Counts {
    pub(super) fn of(names: Names) -> Counts {
        let none = || AtomicU64::new(0);
        Counts { names, full: none(), source_full: none(), not_taken: none(), silent: none() }
    }

    fn counter(&self, why: Ended) -> &AtomicU64 {
        match why {
            Ended::Full => &self.full,
            Ended::SourceFull => &self.source_full,
            Ended::NotTaken => &self.not_taken,
            Ended::Silent => &self.silent,
        }
    }

    /// One more; gives how many there were before.
    pub(super) fn count(&self, why: Ended) -> u64 {
        self.counter(why).fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn ended(&self, why: Ended) -> u64 {
        self.counter(why).load(Ordering::Relaxed)
    }

    pub(super) fn open(&self, open: usize) -> (&'static str, u64, &'static str) {
        (self.names.open, open as u64, "Connections of this listener that are open")
    }

    pub(super) fn counters(&self) -> impl Iterator<Item = (&'static str, u64, &'static str)> {
        let Names { full, source_full, not_taken, silent, .. } = self.names;
        [
            (full, Ended::Full, "Connections not taken: too many at once"),
            (source_full, Ended::SourceFull, "Connections not taken: too many from one source"),
            (not_taken, Ended::NotTaken, "Connections not taken: no descriptor was left"),
            (silent, Ended::Silent, "Connections cut: no whole request in time"),
        ]
        .into_iter()
        .map(|(name, why, help)| (name, self.ended(why), help))
    }
}
