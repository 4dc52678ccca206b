//! What one leg asks its peer inside the dialog: one request out, at most one more waiting.

use crate::sdp::Offered;
use crate::sip::Method;
use crate::time::Mono;

/// What waits to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub(super) change: Change,
    /// Headers that go with it, for instance a changed P-Asserted-Identity. They replace those of the same name.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) tries: u8,
}

/// What a renegotiation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// The question whether the peer is there; everything stays as it is, and it is not asked again.
    Probe,
    /// A sign of life, or new headers; the media stays as it is.
    Refresh,
    /// A new description of our side, with the direction the leg wishes for.
    Offer,
}

impl Pending {
    /// A probe.
    pub(super) fn probe() -> Pending {
        Pending { change: Change::Probe, headers: Vec::new(), tries: 0 }
    }

    /// A refresh.
    pub fn refresh() -> Pending {
        Pending { change: Change::Refresh, headers: Vec::new(), tries: 0 }
    }

    /// A new offer.
    pub fn offer() -> Pending {
        Pending { change: Change::Offer, headers: Vec::new(), tries: 0 }
    }

    /// The same with a header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Pending {
        self.headers.push((name, value));
        self
    }

    /// One request for two that wait; the newer one's headers count.
    fn and(self, newer: Pending) -> Pending {
        let mut headers = self.headers;
        headers.retain(|(name, _)| newer.headers.iter().all(|(n, _)| n != name));
        headers.extend(newer.headers);
        Pending { change: self.change.max(newer.change), headers, tries: self.tries.min(newer.tries) }
    }
}

/// What is being renegotiated on one leg.
#[derive(Debug, Default)]
pub(super) struct Renegotiation {
    pub(super) out: Out,
    pub(super) pending: Option<Pending>,
}

#[derive(Debug, Default)]
pub(super) enum Out {
    /// Nothing.
    #[default]
    Idle,
    /// A request is out.
    Sent { asked: Pending, method: Method, cseq: u32, offered: Option<Offered> },
    /// After a glare.
    BackOff { until: Mono },
}

impl Renegotiation {
    pub(super) fn queue(&mut self, newer: Pending) {
        self.pending = Some(match self.pending.take() {
            Some(older) => older.and(newer),
            None => newer,
        });
    }

    pub(super) fn take(&mut self) -> Option<Pending> {
        if matches!(self.out, Out::Idle) { self.pending.take() } else { None }
    }

    /// Whether nothing is out and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.out, Out::Idle) && self.pending.is_none()
    }

    /// Whether an INVITE of ours waits for its answer.
    pub(super) fn is_inviting(&self) -> bool {
        matches!(self.out, Out::Sent { method: Method::Invite, .. })
    }

    /// Whether an offer of ours waits for its answer.
    pub(super) fn has_offered(&self) -> bool {
        matches!(self.out, Out::Sent { offered: Some(_), .. })
    }

    /// Whether a probe is out.
    pub(super) fn is_probing(&self) -> bool {
        matches!(self.out, Out::Sent { asked: Pending { change: Change::Probe, .. }, .. })
    }

    /// Whether the request with this CSeq number is out.
    pub(super) fn is_out(&self, cseq: u32) -> bool {
        matches!(self.out, Out::Sent { cseq: out, .. } if out == cseq)
    }

    /// The request with this CSeq number goes by another one.
    pub(super) fn renumber(&mut self, from: u32, to: u32) {
        if let Out::Sent { cseq, .. } = &mut self.out
            && *cseq == from
        {
            *cseq = to;
        }
    }

    /// To be asked again after `wait`; what was wanted meanwhile goes with it.
    pub(super) fn back_off(&mut self, until: Option<Mono>, asked: Pending) {
        self.out = until.map_or(Out::Idle, |until| Out::BackOff { until });
        self.pending = Some(match self.pending.take() {
            Some(newer) => asked.and(newer),
            None => asked,
        });
    }

    /// When the back-off is over.
    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        match self.out {
            Out::BackOff { until } => Some(until),
            Out::Idle | Out::Sent { .. } => None,
        }
    }

    /// Whether the back-off is over now; said once.
    pub(super) fn handle_timeout(&mut self, now: Mono) -> bool {
        let over = matches!(self.out, Out::BackOff { until } if until <= now);
        if over {
            self.out = Out::Idle;
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_requests_that_wait_become_one_with_the_newer_headers() {
        let mut renegotiation = Renegotiation::default();
        renegotiation.queue(Pending::offer().with("Subject", "old".into()).with("Priority", "kept".into()));
        renegotiation.queue(Pending::refresh().with("Subject", "new".into()));
        let ask = renegotiation.take().unwrap();
        assert_eq!(ask.change, Change::Offer);
        assert_eq!(ask.headers, [("Priority", "kept".to_owned()), ("Subject", "new".to_owned())]);
        assert!(renegotiation.take().is_none());
    }
}
