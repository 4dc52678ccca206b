//! What each source holds of the server transactions, so that none can take them all.

use crate::room::give_back;
use crate::sip::RateLimitKey;
use std::collections::HashMap;

/// Live server transactions of one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holding {
    /// How many.
    pub transactions: usize,
    /// Octets of the requests that began them.
    pub octets: usize,
}

/// By source. Bounded by the transactions themselves.
#[derive(Debug, Default)]
pub(super) struct Holdings(HashMap<RateLimitKey, Holding>);

impl Holdings {
    pub(super) fn of(&self, key: RateLimitKey) -> Holding {
        self.0.get(&key).copied().unwrap_or_default()
    }

    pub(super) fn take(&mut self, key: RateLimitKey, octets: usize) {
        let holding = self.0.entry(key).or_default();
        holding.transactions += 1;
        holding.octets += octets;
    }

    pub(super) fn release(&mut self, key: RateLimitKey, octets: usize) {
        let Some(holding) = self.0.get_mut(&key) else { return };
        holding.transactions = holding.transactions.saturating_sub(1);
        holding.octets = holding.octets.saturating_sub(octets);
        if holding.transactions == 0 {
            self.0.remove(&key);
            give_back(&mut self.0);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
