//! The watch over one leg: whether its peer goes on sending. Silence of both sides, which ends a call, is the relay's own; this
//! only tells, and the control plane asks the peer.

use crate::time::{Duration, Mono};

/// A leg that is watched.
#[derive(Debug, Clone, Copy)]
pub(super) struct RtpTimeout {
    after: Duration,
    /// Counted from here when nothing was heard later.
    from: Mono,
}

impl RtpTimeout {
    /// Watched from now on.
    pub(super) fn new(after: Duration, now: Mono) -> RtpTimeout {
        RtpTimeout { after, from: now }
    }

    /// What was not heard so far says nothing.
    pub(super) fn restart(&mut self, now: Mono) {
        self.from = now;
    }

    /// Whether it is to be told now that nothing came; `heard` is when something did.
    pub(super) fn is_due(&mut self, now: Mono, heard: Option<Mono>) -> bool {
        let last = heard.map_or(self.from, |at| at.max(self.from));
        let told = now.since(last) >= self.after;
        if told {
            self.from = now;
        }
        told
    }
}
