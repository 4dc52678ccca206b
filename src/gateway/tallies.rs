//! Counters that each event moves.

use crate::config::Config;
use crate::event::{CallEvent, Totals, What};
use std::sync::Arc;

/// Counters since the start.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    pub(super) received: u64,
    pub(super) refused: u64,
    pub(super) connected: u64,
    pub(super) ended: u64,
    /// Shared with the figures given out last, and copied when the next event comes.
    pub(super) totals: Arc<Totals>,
}

impl Tallies {
    pub(super) fn new(config: &Config) -> Tallies {
        Tallies { totals: Arc::new(Totals::new(config)), ..Tallies::default() }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what has a counter of its own here")]
    pub(super) fn count(&mut self, event: &CallEvent) {
        Arc::make_mut(&mut self.totals).count(event);
        match event.what {
            What::CallReceived(_) => self.received += 1,
            What::CallRefused(_) => self.refused += 1,
            What::SeatConnected { .. } => self.connected += 1,
            What::CallEnded(_) => self.ended += 1,
            _ => {}
        }
    }
}
