//! How connections ended, counted by reason: shared between their tasks and the health page.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a connection is over, or never was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By its peer, or with the gateway.
    Closed,
    /// Not taken: there are as many as there may be.
    Full,
    /// Not taken: this source has as many as an unknown one may have.
    SourceFull,
    /// Not taken: this source opens more than an unknown one may.
    TooOften,
    /// The peer spoke no TLS or no WebSocket, or showed a certificate we do not believe.
    NoHandshake,
    /// A page opened it that may not.
    OriginRefused,
    /// A WebSocket for something else than SIP.
    NotForSip,
    /// A message or a handshake was begun and not ended in time.
    TooSlow,
    /// Nothing came for too long.
    Silent,
    /// An unknown source went on sending more than it may.
    TooMuch,
    /// What came could not be cut into messages, or was too long.
    Broken,
    /// The peer does not take what is sent to it.
    SlowReader,
    /// The gateway could not open it.
    Unreachable,
}

/// Every reason that is counted, its name in the metrics, and what it means.
const REASONS: &[(Ended, &str, &str)] = &[
    (Ended::Full, "connections_full_total", "Connections not taken: too many at once"),
    (Ended::SourceFull, "connections_source_full_total", "Connections not taken: too many from one source"),
    (Ended::TooOften, "connections_too_often_total", "Connections not taken: opened too fast by one source"),
    (
        Ended::NoHandshake,
        "connections_no_handshake_total",
        "Connections whose TLS or WebSocket handshake failed",
    ),
    (Ended::OriginRefused, "connections_origin_refused_total", "WebSockets of pages that may not open one"),
    (Ended::NotForSip, "connections_not_sip_total", "WebSockets without the sub-protocol sip"),
    (Ended::TooSlow, "connections_too_slow_total", "Connections cut in an unfinished message or handshake"),
    (Ended::Silent, "connections_silent_total", "Connections cut after silence"),
    (
        Ended::TooMuch,
        "connections_too_much_total",
        "Connections of unknown sources cut for too many messages",
    ),
    (Ended::Broken, "connections_broken_total", "Connections cut for what could not be framed"),
    (Ended::SlowReader, "connections_slow_reader_total", "Connections cut because the peer did not read"),
    (Ended::Unreachable, "connections_unreachable_total", "Connections that could not be opened"),
];

/// How many connections are open, and how many were over for each reason since the start.
#[derive(Debug, Default)]
pub struct Counts {
    open: AtomicU64,
    ended: [AtomicU64; REASONS.len()],
}

impl Counts {
    pub(super) fn ended(&self, why: Ended) {
        let place = REASONS.iter().position(|(reason, ..)| *reason == why);
        if let Some(count) = place.and_then(|i| self.ended.get(i)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn open(&self, open: usize) {
        self.open.store(open as u64, Ordering::Relaxed);
    }

    /// Connections open at present.
    pub fn now_open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// How many ended for this reason; an end by the peer is not counted.
    pub fn of(&self, why: Ended) -> u64 {
        let place = REASONS.iter().position(|(reason, ..)| *reason == why);
        place.and_then(|i| self.ended.get(i)).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Every counter with its name and its meaning.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64, &'static str)> {
        REASONS.iter().map(|(why, name, help)| (*name, self.of(*why), *help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_but_an_ordinary_one_is_counted_under_its_own_name() {
        let counts = Counts::default();
        REASONS.iter().enumerate().for_each(|(i, (why, ..))| (0..=i).for_each(|_| counts.ended(*why)));
        counts.ended(Ended::Closed);
        let seen: Vec<u64> = counts.counters().map(|(_, n, _)| n).collect();
        assert_eq!(seen, (1..=REASONS.len() as u64).collect::<Vec<_>>());
        assert_eq!(counts.of(Ended::Closed), 0);
    }
}
