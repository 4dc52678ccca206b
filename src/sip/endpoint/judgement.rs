//! What becomes of a request before anything is kept of it, and the memory that a shed INVITE is shed once.

use super::held::Holding;
use crate::sip::Flow;
use crate::sip::recent::Recent;
use crate::time::{Duration, Mono};
use std::borrow::Cow;

/// What is to become of a request that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It gets a transaction and goes to its user.
    Admit,
    /// It is answered at once with this status and these headers, and nothing is kept of it: each copy of it is
    /// judged and answered alone, so that one datagram never brings two answers.
    Answer(u16, Vec<(&'static str, Cow<'static, str>)>),
    /// There is too much to do: an INVITE gets 503 with Retry-After and its user hears that it was shed; of any
    /// other request nothing more is heard.
    Shed(Shedding),
    /// It is passed over in silence, as if it had been lost: its sender will repeat it.
    PassOver,
}

/// What is to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// A request that is new, from a source that holds so much already.
    New(Holding),
    /// An ACK: it may be passed over.
    Ack,
    /// A CANCEL of an INVITE that came by this path: it may be answered.
    Cancel(Flow),
}

/// How an INVITE that was shed is told to its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shedding {
    /// As a call that was refused.
    Singly,
    /// As one of many, to be counted: there may be more of them than can be written down.
    InBulk,
}

/// How long a copy of a shed INVITE may still come: 64*T1, until timer B of its sender.
const COPIES: Duration = Duration::from_secs(32);

/// Most shed INVITEs remembered, in each of two generations, at about 10 bytes each. Past it the older ones are
/// forgotten early: a late copy of one of them would count as a new call.
const REMEMBERED: usize = 131_072;

/// Which INVITEs were shed lately: a copy gets the same answer and is not told again.
#[derive(Debug)]
pub(super) struct ShedLately(Recent<u64, ()>);

impl Default for ShedLately {
    fn default() -> ShedLately {
        ShedLately(Recent::new(COPIES, REMEMBERED))
    }
}

impl ShedLately {
    pub(super) fn holds(&self, mark: u64) -> bool {
        self.0.peek(&mark).is_some()
    }

    pub(super) fn note(&mut self, now: Mono, mark: u64) {
        self.0.touch_or_turn(now, mark);
    }
}
