//! One presentation to all the phones of a seat at once: each phone a leg of its own, the first answer wins, the others
//! are told that the call was completed elsewhere. The queue sees one presentation with one end.
//!
//! A phone with several ways to it (RFC 5626) rings by one; the next is tried when that one fails. What the phones say
//! adds up to the result: one that is busy does not stop the others, a 6xx does (RFC 3261 section 16.7), and a phone
//! that is not reached has no say while another was.

use super::inputs::{Output, Phone, Reached, Reason};
use super::machine::Call;
use super::outcome::presentation_result;
use super::seat_leg::{MAX_SEAT_LEGS, Part, SeatLeg, SeatSignalling};
use super::story::Cx;
use crate::acd;
use crate::event::PresentationResult;
use crate::id::{LegId, PresentationId, SeatId};
use crate::sip::Cause;
use crate::time::{Duration, Mono};

/// An INVITE that nobody confirmed for this long goes nowhere: four copies of it went out by UDP in this time. Any
/// answer, 100 too, ends the wait.
const UNHEARD: Duration = Duration::from_secs(4);

/// An INVITE of ours says that it lives this much longer than we let it ring: our CANCEL comes first, and a phone that
/// never hears of one stops all the same.
const BEYOND_RINGING: Duration = Duration::from_secs(5);

/// A presentation that runs.
#[derive(Debug)]
pub(super) struct Fork {
    presentation: PresentationId,
    /// How long its phones may ring.
    limit: Duration,
    /// The first of its phones rang then.
    rang: Option<Mono>,
    /// The best of the phones that failed: what is said of the seat when the last has.
    best: Option<Failed>,
}

/// How a phone failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed {
    result: PresentationResult,
    status: Option<u16>,
}

impl From<Option<u16>> for Failed {
    /// By its final status; `None` where it said nothing.
    fn from(status: Option<u16>) -> Failed {
        Failed { result: status.map_or(PresentationResult::Unreachable, presentation_result), status }
    }
}

impl Failed {
    /// It took the call and hung up, and its answer never came.
    const HUNG_UP: Failed = Failed { result: PresentationResult::Rejected, status: None };

    /// A refusal says more of the operator than a phone in use, and that more than one that is not there.
    fn weight(self) -> u8 {
        match self.result {
            PresentationResult::Unreachable => 0,
            PresentationResult::Busy => 1,
            _ => 2,
        }
    }
}

impl Fork {
    pub(super) fn new(presentation: PresentationId, limit: Duration) -> Fork {
        Fork { presentation, limit, rang: None, best: None }
    }

    /// Expires of its INVITEs, in seconds (RFC 3261 section 13.2.1).
    pub(super) fn expires(&self) -> String {
        (self.limit + BEYOND_RINGING).as_secs().to_string()
    }

    /// Whether it is this one.
    pub(super) fn is_of(&self, presentation: PresentationId) -> bool {
        self.presentation == presentation
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
}

impl Call {
    /// Begins a leg to each phone of a seat, the first with the leg that was told of. Past [`MAX_SEAT_LEGS`] the rest
    /// of the phones stay quiet.
    pub(super) fn ring_phones(
        &mut self,
        first: LegId,
        presentation: PresentationId,
        seat: &SeatId,
        phones: Vec<Phone>,
        cx: &mut Cx<'_>,
    ) {
        for (n, phone) in phones.into_iter().enumerate() {
            if self.seats.len() >= MAX_SEAT_LEGS {
                return;
            }
            let leg = if n == 0 { first } else { LegId::new(cx.now.wall, cx.random) };
            self.begin_leg(leg, presentation, seat, Reached::At(vec![phone]), cx);
        }
    }

    /// A phone rings.
    pub(super) fn phone_rings(&mut self, presentation: PresentationId, cx: &mut Cx<'_>) {
        if let Some(fork) = self.fork.as_mut().filter(|f| f.presentation == presentation) {
            fork.begins_to_ring(cx.now.mono);
        }
        cx.out.push(Output::Acd(acd::Input::Rang { presentation }));
    }

    /// An INVITE is out: somebody must say something.
    pub(super) fn await_word(&mut self, leg: LegId, cx: &Cx<'_>) {
        self.deadlines.set(Reason::Unheard(leg), cx.now.mono + UNHEARD);
    }

    /// Nobody did.
    pub(super) fn unheard(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg) else { return };
        if matches!(seat.signalling, SeatSignalling::Inviting { .. }) {
            // Should it arrive all the same, its CANCEL follows.
            seat.hang_up(cx);
            cx.out.push(Output::Unheard { leg });
            match seat.part {
                Part::Third => self.third_lost(leg, None, cx),
                Part::Offered | Part::Asking => self.phone_failed(leg, None, cx),
            }
        }
    }

    /// The next way to the phone that a leg was to reach, when that one failed without the phone having a say.
    pub(super) fn another_way(&mut self, leg: LegId, status: Option<u16>) -> Option<Phone> {
        if !matches!(status, None | Some(408 | 430 | 503)) {
            return None;
        }
        let lost = self.seats.iter_mut().find(|s| s.id == leg)?;
        let mut ways = std::mem::take(&mut lost.others).into_iter();
        Some(Phone { way: ways.next()?, others: ways.collect() })
    }

    /// A phone that was to ring will not answer; its leg is ending or down.
    pub(super) fn phone_failed(&mut self, leg: LegId, failed: impl Into<Failed>, cx: &mut Cx<'_>) {
        let own: Failed = failed.into();
        self.deadlines.cancel(Reason::Unheard(leg));
        let Some(lost) = self.seats.iter().find(|s| s.id == leg) else { return };
        let (presentation, seat) = (lost.presentation, lost.seat.clone());
        let rang = lost.rang_for(cx.now.mono);
        if let Some(phone) = self.another_way(leg, own.status)
            && self.seats.len() < MAX_SEAT_LEGS
        {
            let next = LegId::new(cx.now.wall, cx.random);
            return self.begin_leg(next, presentation, &seat, Reached::At(vec![phone]), cx);
        }
        let (mut failed, mut rang) = (own, rang);
        if let Some(fork) = self.fork.as_mut().filter(|f| f.presentation == presentation) {
            if let Some(best) = fork.best.filter(|b| b.weight() > failed.weight()) {
                failed = best;
            }
            fork.best = Some(failed);
            rang = rang.max(fork.rang_for(cx.now.mono));
        }
        if own.status.is_some_and(|s| s >= 600) {
            self.hush(presentation, None, Cause::q850(16, ""), cx);
            failed = own;
        } else if self.rings(presentation) {
            return;
        }
        self.presentation_failed(presentation, seat, (failed.result, failed.status), rang, cx);
    }

    /// A BYE came from a phone that we take to be ringing, or to be told that the call was taken back: its 200 was lost,
    /// and for it the call is over (RFC 3261 section 15.1.2). The next phone rings at once. What else may ring by the same
    /// INVITE is cancelled, and a 200 that comes yet is acknowledged and hung up (section 13.2.2.4).
    pub(super) fn hung_up_early(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        self.hear_early_no_more(leg, cx);
        let Some(phone) = self.seats.iter_mut().find(|s| s.id == leg) else { return };
        let (part, seat) = (phone.part, phone.seat.clone());
        if phone.is_ringing() {
            // An operator who hung up is not rung again by another way to the same phone.
            phone.others.clear();
            phone.hang_up(cx);
            match part {
                Part::Third => self.third_lost(leg, Failed::HUNG_UP, cx),
                Part::Offered | Part::Asking => self.phone_failed(leg, Failed::HUNG_UP, cx),
            }
        }
        // The seat a colleague rang is free, whatever becomes of the CANCEL.
        if part == Part::Third && self.seats.iter().all(|s| s.seat != seat || s.id == leg) {
            let call = self.id;
            cx.out.push(Output::Acd(acd::Input::Vacate { seat, call, spoke: false }));
        }
    }

    /// Takes the call back from the phones of a presentation, but from the one that answered.
    pub(super) fn hush(
        &mut self,
        presentation: PresentationId,
        but: Option<LegId>,
        cause: Cause,
        cx: &mut Cx<'_>,
    ) {
        for seat in self.seats.iter_mut().filter(|s| s.presentation == presentation && Some(s.id) != but) {
            if seat.is_offered() {
                self.deadlines.cancel(Reason::Unheard(seat.id));
                seat.hang_up_because(cause, cx);
            }
        }
    }

    fn rings(&self, presentation: PresentationId) -> bool {
        self.seats.iter().any(|s| s.presentation == presentation && s.is_offered())
    }

    /// After an offer was taken back: when no phone rings any more the seat may be offered another call.
    pub(super) fn phones_free(&self, presentation: PresentationId, cx: &mut Cx<'_>) {
        let cancelling = |s: &SeatLeg| matches!(s.signalling, SeatSignalling::Cancelling { .. });
        if !self.seats.iter().any(|s| s.presentation == presentation && (s.is_offered() || cancelling(s))) {
            let result = PresentationResult::NoAnswer;
            cx.out.push(Output::Acd(acd::Input::Ended { presentation, result }));
        }
    }
}

impl SeatLeg {
    /// Whether it may still be answered.
    fn is_offered(&self) -> bool {
        matches!(
            self.signalling,
            SeatSignalling::Preparing { .. }
                | SeatSignalling::Answering { .. }
                | SeatSignalling::Inviting { .. }
        )
    }
}
