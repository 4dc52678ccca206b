//! Parallel ringing: one presentation to all the phones of a target at once, each phone a leg of its own. The first answer
//! wins, the others are told that the call was completed elsewhere. The queue sees one presentation with one end.
//!
//! A phone with several flows (RFC 5626) rings by one; the next is tried when that one fails. What the phones say
//! adds up to the result: one that is busy does not stop the others, a 6xx does (RFC 3261 section 16.7), and a phone
//! that is not reached has no say while another was.

use super::leg::Target;
use super::outcome::presentation_result;
use crate::event::PresentationResult;
use crate::id::{LegId, PresentationId, SeatId};
use crate::sip::Status;
use crate::time::{Duration, Mono};

/// An INVITE of ours says that it lives this much longer than we let it ring: our CANCEL comes first, and a phone that
/// never hears of one stops all the same.
const BEYOND_RINGING: Duration = Duration::from_secs(5);

/// One phone: of a seat, or behind a number outside.
#[derive(Debug, Clone)]
pub struct Phone {
    /// The target that is tried first.
    pub target: Target,
    /// Further targets of the same phone: a seat's other flows (RFC 5626), the newest first; a trunk's other addresses (RFC
    /// 3263 section 4.3).
    pub others: Vec<Target>,
}

/// A presentation that runs.
#[derive(Debug)]
pub(super) struct Ringing {
    /// Its name.
    pub presentation: PresentationId,
    /// The seat that is rung; `None` for a number outside.
    pub seat: Option<SeatId>,
    /// How long its phones may ring.
    limit: Duration,
    /// The first of its phones rang then.
    rang: Option<Mono>,
    /// The leg whose early media is heard.
    pub early_media: Option<LegId>,
    /// The best of the phones that failed: what is said of the target when the last has.
    best: Option<Failed>,
    phones: Vec<Rung>,
}

/// A phone that rings, with its other targets.
#[derive(Debug)]
struct Rung {
    leg: LegId,
    others: Vec<Target>,
}

/// How a phone failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// For the queue.
    pub result: PresentationResult,
    /// What it answered.
    pub status: Option<Status>,
}

impl From<Option<Status>> for Failed {
    /// By its final status; `None` where it said nothing.
    fn from(status: Option<Status>) -> Failed {
        Failed { result: status.map_or(PresentationResult::Unreachable, presentation_result), status }
    }
}

impl Failed {
    /// The phone took the call and hung up, and its answer never came.
    pub const HUNG_UP: Failed = Failed { result: PresentationResult::Rejected, status: None };

    /// A refusal says more of the operator than a phone in use, and that more than one that is not there.
    fn weight(self) -> u8 {
        match self.result {
            PresentationResult::Unreachable => 0,
            PresentationResult::Busy => 1,
            PresentationResult::Answered
            | PresentationResult::NoAnswer
            | PresentationResult::Rejected
            | PresentationResult::CallerGone
            | PresentationResult::Withdrawn => 2,
        }
    }
}

/// What follows from the failure of one phone.
#[derive(Debug)]
pub(super) enum Next {
    /// Another target of the same phone is tried.
    Another(Phone),
    /// The others go on ringing.
    RingOn,
    /// The presentation has failed. Phones that still ring are cancelled.
    Failed(Failed),
}

impl Ringing {
    /// Begins.
    pub(super) fn new(presentation: PresentationId, seat: Option<SeatId>, limit: Duration) -> Ringing {
        Ringing { presentation, seat, limit, rang: None, early_media: None, best: None, phones: Vec::new() }
    }

    /// One of its phones has this leg.
    pub(super) fn add(&mut self, leg: LegId, others: Vec<Target>) {
        self.phones.push(Rung { leg, others });
    }

    /// Whether `leg` is one of its phones.
    pub(super) fn has(&self, leg: LegId) -> bool {
        self.phones.iter().any(|phone| phone.leg == leg)
    }

    /// How long its INVITEs live (RFC 3261 section 13.2.1).
    pub(super) fn expires(&self) -> Duration {
        self.limit + BEYOND_RINGING
    }

    /// One of its phones rings; whether it is the first.
    pub(super) fn begins_to_ring(&mut self, now: Mono) -> bool {
        let first = self.rang.is_none();
        self.rang.get_or_insert(now);
        first
    }

    /// Since when it rings.
    pub(super) fn rang_for(&self, now: Mono) -> Duration {
        self.rang.map_or(Duration::ZERO, |at| now.since(at))
    }

    /// The phone of `leg` was reached: it is not rung again by another target.
    pub(super) fn was_reached(&mut self, leg: LegId) {
        if let Some(phone) = self.phones.iter_mut().find(|phone| phone.leg == leg) {
            phone.others.clear();
        }
    }

    /// The phone of `leg` has failed. `others_ring`: another of its phones may still answer; `is_full`: no further leg may
    /// begin.
    pub(super) fn failed(&mut self, leg: LegId, own: Failed, others_ring: bool, is_full: bool) -> Next {
        self.early_media.take_if(|early| *early == leg);
        if let Some(phone) = self.another_way(leg, own.status).filter(|_| !is_full) {
            return Next::Another(phone);
        }
        let best = self.best.filter(|best| best.weight() > own.weight()).unwrap_or(own);
        self.best = Some(best);
        match own.status {
            Some(status) if status >= Status::BUSY_EVERYWHERE => Next::Failed(own),
            _ if others_ring => Next::RingOn,
            _ => Next::Failed(best),
        }
    }

    /// The next target of the phone of `leg`, when that failed without the phone having a say.
    fn another_way(&mut self, leg: LegId, status: Option<Status>) -> Option<Phone> {
        if !matches!(
            status,
            None | Some(Status::REQUEST_TIMEOUT | Status::FLOW_FAILED | Status::SERVICE_UNAVAILABLE)
        ) {
            return None;
        }
        let phone = self.phones.iter_mut().find(|phone| phone.leg == leg)?;
        let mut targets = std::mem::take(&mut phone.others).into_iter();
        Some(Phone { target: targets.next()?, others: targets.collect() })
    }
}
