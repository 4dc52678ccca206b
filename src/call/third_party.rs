//! Asking somebody else into a call: another seat, at all its phones at once, or a department by its numbers, one after
//! the other.
//!
//! Who asked and what for is the [`Purpose`]; what follows from an answer or from silence is in `consult` (the seat
//! asks while the citizen waits), `own_call` (a seat calls by itself) and `transfer` (the citizen is handed on).

use super::fork::{Failed, Fork};
use super::inputs::{Output, Phone, Reason};
use super::machine::{Call, Stage};
use super::seat_leg::{self, Introduction, MAX_SEAT_LEGS, SeatSignalling};
use super::story::Cx;
use super::transfer::Transfer;
use crate::acd;
use crate::event::SeatChoice;
use crate::event::{LegRole, PresentationResult, SeatPresented, What};
use crate::id::{LegId, OperatorId, PresentationId, SeatId, TrunkId};
use crate::redact::Pii;
use crate::sip::Cause;
use crate::time::Duration;
use std::sync::Arc;

/// How long somebody a seat calls may ring while the operator listens: the longest an INVITE may wait (RFC 3261 section
/// 16.6, timer C).
const LISTENING_LIMIT: Duration = Duration::from_secs(180);

/// The least each number of a department rings while a citizen waits: a second of setting up, and two rings. Eight
/// numbers, the most a department has, take forty seconds of his patience.
const LEAST_RING: Duration = Duration::from_secs(5);

/// Whom a call is extended to, and how to get there.
#[derive(Debug, Clone)]
pub struct Destination {
    /// As events name it: a department, a seat, a number.
    pub name: Arc<str>,
    /// The seat, if it is one.
    pub seat: Option<SeatId>,
    /// The person there.
    pub operator: Option<OperatorId>,
    /// The trunk it is reached through.
    pub trunk: Option<TrunkId>,
    /// The number it sees; without one it sees who asks for it.
    pub shown: Option<String>,
    /// Whom to ring: a department's numbers, in order, or a seat's phones, all at once. Each may have several ways to it.
    pub phones: Vec<Phone>,
    /// How long each but the last may ring; less while a citizen waits and there are many.
    pub ring: Duration,
    /// How long all may ring together while a citizen waits, if that gives each [`LEAST_RING`].
    pub recall: Duration,
}

/// What somebody is asked in for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A seat wants to speak with him; this is its leg.
    Consult {
        /// The seat's second leg.
        asker: LegId,
    },
    /// A seat called him; its leg is the caller's.
    Own,
    /// The citizen is handed on to him.
    Transfer(Transfer),
}

/// Whether he has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Ringing,
    Up {
        /// The leg he answered on.
        leg: LegId,
    },
}

/// Somebody who is being asked in, or was. At most one at a time in a call.
#[derive(Debug)]
pub(super) struct Extension {
    pub to: Destination,
    /// Which of the phones is rung next.
    next: usize,
    /// What his legs serve: all the phones of a seat, or one number of a department; of those before, CANCEL is out.
    pub presentation: PresentationId,
    pub reach: Reach,
    pub purpose: Purpose,
}

impl Extension {
    /// From here on a citizen waits for it: every number that is left has its share of the recall, so that the last is
    /// rung too. Gives how long all of them may take.
    pub(super) fn hurry(&mut self) -> Duration {
        let left = match self.to.seat {
            Some(_) => 1,
            None => self.to.phones.len() - self.next.saturating_sub(1).min(self.to.phones.len()),
        };
        let left = u32::try_from(left).unwrap_or(u32::MAX).max(1);
        let share = (self.to.recall / left).max(LEAST_RING.min(self.to.recall));
        self.to.ring = self.to.ring.min(share);
        self.to.recall.max(self.to.ring * left)
    }

    /// Whether a leg of this presentation rings for it.
    pub(super) fn rings(&self, presentation: PresentationId) -> bool {
        self.reach == Reach::Ringing && self.presentation == presentation
    }
}

impl Call {
    /// Begins to ring `to`.
    pub(super) fn extend(&mut self, to: Destination, purpose: Purpose, cx: &mut Cx<'_>) {
        // The queue offers that seat nothing meanwhile.
        let call = self.id;
        let occupy = |seat| Output::Acd(acd::Input::Occupy { seat, call, role: acd::OwnRole::Rung });
        cx.out.extend(to.seat.clone().map(occupy));
        let presentation = PresentationId::new(cx.now.wall, cx.random);
        let mut extension = Extension { to, next: 0, presentation, reach: Reach::Ringing, purpose };
        let limit = match extension.purpose {
            Purpose::Transfer(_) => extension.hurry(),
            Purpose::Consult { .. } | Purpose::Own => LISTENING_LIMIT,
        };
        self.deadlines.set(Reason::Recall, cx.now.mono + limit);
        self.extension = Some(extension);
        self.ring_next(None, cx);
    }

    /// Rings all the phones of a seat, or the next number of a department. `status` is what became of the one before;
    /// with none left it is what became of all.
    fn ring_next(&mut self, status: Option<u16>, cx: &mut Cx<'_>) {
        self.deadlines.cancel(Reason::Hop);
        let full = self.seats.len() >= MAX_SEAT_LEGS;
        let Some(extension) = &mut self.extension else { return };
        let left = extension.to.phones.get(extension.next..).unwrap_or_default();
        let at_once = if extension.to.seat.is_some() { left.len() } else { 1 };
        let phones: Vec<Phone> = left.iter().take(at_once).cloned().collect();
        if phones.is_empty() || full {
            return self.extension_failed(status, cx);
        }
        extension.next += phones.len();
        if extension.next < extension.to.phones.len() {
            self.deadlines.set(Reason::Hop, cx.now.mono + extension.to.ring);
        }
        let presentation = PresentationId::new(cx.now.wall, cx.random);
        extension.presentation = presentation;
        let (seat, operator) = (extension.to.seat.clone(), extension.to.operator.clone());
        let leg = LegId::new(cx.now.wall, cx.random);
        let is_last = extension.next == extension.to.phones.len();
        let limit = if is_last { LISTENING_LIMIT } else { extension.to.ring };
        self.fork = Some(Fork::new(presentation, limit));
        if let Some(seat) = seat.clone() {
            let (attempt, waited, why) = (1, Duration::ZERO, self.why_asked().into());
            let presented = SeatPresented { presentation, attempt, seat, operator, leg, waited, why };
            self.story.tell(cx, What::SeatPresented(presented));
        }
        let seat = seat.unwrap_or_else(|| SeatId::from(""));
        self.ring_phones(leg, presentation, &seat, phones, cx);
    }

    /// Why a seat is rung that no queue chose.
    fn why_asked(&self) -> SeatChoice {
        let by = self.asking_seat().cloned().unwrap_or_else(|| SeatId::from(""));
        match self.extension.as_ref().map(|e| &e.purpose) {
            Some(Purpose::Consult { .. }) => SeatChoice::Consulted { by },
            Some(Purpose::Transfer(_)) => SeatChoice::Transferred { by },
            Some(Purpose::Own) | None => SeatChoice::Called { by },
        }
    }

    /// Whether `leg` rings for whoever is asked in.
    pub(super) fn is_rung(&self, leg: LegId) -> bool {
        let Some(extension) = &self.extension else { return false };
        self.seats.iter().any(|s| s.id == leg && extension.rings(s.presentation))
    }

    /// Sends the INVITE to him once his leg has its port.
    pub(super) fn ring_third(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        let Some(extension) = self.extension.as_ref().filter(|_| self.is_rung(leg)) else { return };
        if matches!(self.stage, Stage::Dialling { durable: false }) {
            return;
        }
        let speaks_with = match extension.purpose {
            Purpose::Consult { asker } => asker,
            Purpose::Own | Purpose::Transfer(_) => self.caller.id,
        };
        let mut intro = match &extension.to.shown {
            Some(number) => self.introduced_outside(number),
            None => self.introduced_to_seat(extension, cx),
        };
        let liked = self.media_of(speaks_with).and_then(|m| m.agreed).map(|agreed| agreed.codec);
        let Some(third) = self.seats.iter_mut().find(|s| s.id == leg) else { return };
        let SeatSignalling::Preparing { target } = &third.signalling else { return };
        let target = target.clone();
        if third.seat.as_str().is_empty() {
            let own = || crate::sip::host(cx.rules.advertised.as_ref(), &target.flow);
            intro.host = Some(third.conduct.peer.domain.as_deref().map_or_else(own, str::to_owned));
        }
        let mut codecs = third.conduct.peer.codecs.clone();
        codecs.sort_by_key(|c| Some(*c) != liked);
        let Some((mut invite, offered)) = seat_leg::invite(third, &target, &intro, &codecs, cx.rules) else {
            return;
        };
        if let Some(fork) = &self.fork {
            invite = invite.with("Expires", fork.expires());
        }
        cx.out.push(Output::Request { leg, flow: target.flow, request: invite.clone() });
        third.signalling = SeatSignalling::Inviting { invite: Box::new(invite), target, offered, rang: None };
        self.await_word(leg, cx);
    }

    /// Outside, a number of ours is all that is shown.
    fn introduced_outside(&self, number: &str) -> Introduction {
        Introduction { call: None, number: number.to_owned(), display: String::new(), host: None }
    }

    /// A seat is told who asks for it and why; of a citizen what the queue would have told.
    fn introduced_to_seat(&self, extension: &Extension, cx: &Cx<'_>) -> Introduction {
        let by = self.asking_seat().map_or_else(String::new, |seat| seat.to_string());
        let (number, display) = match extension.purpose {
            // Whom a seat called is known by what it dialled; he waited for nobody.
            Purpose::Transfer(_) if self.owner.is_some() => {
                (by.clone(), format!("[From {by}] {}", self.service.number))
            }
            Purpose::Transfer(_) => (self.number_shown(), format!("[From {by}] {}", self.citizen_shown(cx))),
            Purpose::Consult { .. } => (by.clone(), format!("[{by} asks] {}", self.citizen_shown(cx))),
            Purpose::Own => (by.clone(), by),
        };
        Introduction { call: Some(self.id), number, display, host: None }
    }

    /// He rings, or is heard already (`described`).
    pub(super) fn third_progress(&mut self, leg: LegId, described: bool, cx: &mut Cx<'_>) {
        if !self.is_rung(leg) {
            return;
        }
        let Some(extension) = &self.extension else { return };
        // Which of a seat's phones will answer nobody knows: what one says before that is not passed on.
        let heard = (described && extension.to.seat.is_none()).then_some(leg);
        let first = self.fork.as_mut().is_some_and(|fork| fork.begins_to_ring(cx.now.mono));
        if !first && heard.is_none() {
            return;
        }
        match extension.purpose {
            Purpose::Consult { asker } => self.ring_asker(asker, heard, cx),
            Purpose::Own => self.ring_own(heard, cx),
            Purpose::Transfer(_) => {}
        }
    }

    /// He answered.
    pub(super) fn third_answered(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        self.deadlines.cancel(Reason::Hop);
        self.deadlines.cancel(Reason::Recall);
        self.deadlines.cancel(Reason::Unheard(leg));
        let Some(presentation) = self.extension.as_ref().map(|e| e.presentation) else { return };
        self.hush(presentation, Some(leg), Cause::ELSEWHERE, cx);
        self.tell_offer_ended(PresentationResult::Answered, Some(200), cx);
        let Some(extension) = &mut self.extension else { return };
        extension.reach = Reach::Up { leg };
        let call = self.id;
        cx.out.extend(extension.to.seat.clone().map(|seat| Output::Acd(acd::Input::Joined { seat, call })));
        let asker = match extension.purpose {
            Purpose::Consult { asker } => Some(asker),
            Purpose::Own => None,
            Purpose::Transfer(_) => {
                self.tell_joined(leg, cx);
                return self.join(cx);
            }
        };
        self.tell_joined(leg, cx);
        match asker {
            Some(asker) => self.consult_answered(asker, leg, cx),
            None => self.own_answered(leg, cx),
        }
    }

    /// His leg ended before he answered.
    pub(super) fn third_lost(&mut self, leg: LegId, failed: impl Into<Failed>, cx: &mut Cx<'_>) {
        self.deadlines.cancel(Reason::Unheard(leg));
        if self.is_rung(leg) {
            self.phone_failed(leg, failed, cx);
        }
    }

    /// All the phones of a seat have failed, or one number and every way to it (RFC 3263 section 4.3): the next number,
    /// while anybody waits for it.
    pub(super) fn third_failed(
        &mut self,
        (result, status): (PresentationResult, Option<u16>),
        cx: &mut Cx<'_>,
    ) {
        self.tell_offer_ended(result, status, cx);
        self.ring_next(status, cx);
    }

    /// Says how a seat that was rung took it; told once.
    fn tell_offer_ended(&mut self, result: PresentationResult, status: Option<u16>, cx: &mut Cx<'_>) {
        let Some(extension) = &self.extension else { return };
        let (presentation, seat) = (extension.presentation, extension.to.seat.clone());
        let Some(fork) = self.fork.take_if(|fork| fork.is_of(presentation)) else { return };
        if let Some(seat) = seat {
            let rang = fork.rang_for(cx.now.mono);
            self.tell_presentation_ended(presentation, seat, result, rang, status, cx);
        }
    }

    /// One number has rung long enough.
    pub(super) fn hop_silent(&mut self, cx: &mut Cx<'_>) {
        self.cancel_third(cx);
        self.ring_next(Some(408), cx);
    }

    /// All of it has rung long enough.
    pub(super) fn extension_silent(&mut self, cx: &mut Cx<'_>) {
        self.cancel_third(cx);
        self.extension_failed(Some(408), cx);
    }

    fn cancel_third(&mut self, cx: &mut Cx<'_>) {
        if let Some(presentation) = self.extension.as_ref().map(|e| e.presentation) {
            self.hush(presentation, None, Cause::q850(16, ""), cx);
        }
    }

    /// Nobody answered anywhere.
    fn extension_failed(&mut self, status: Option<u16>, cx: &mut Cx<'_>) {
        let Some(extension) = self.take_extension(PresentationResult::NoAnswer, cx) else { return };
        let status = match status {
            Some(status @ (480 | 486 | 600 | 603)) => status,
            Some(404 | 410 | 484 | 604) => 404,
            _ => 480,
        };
        match extension.purpose {
            Purpose::Consult { asker } => self.refuse_asker(asker, status, cx),
            Purpose::Own => self.own_failed(status, cx),
            Purpose::Transfer(transfer) => self.transfer_failed(transfer, &extension.to, status, cx),
        }
    }

    /// Forgets whom the call was extended to, with the deadlines of it. `result` is what became of a seat that still
    /// rings.
    pub(super) fn take_extension(
        &mut self,
        result: PresentationResult,
        cx: &mut Cx<'_>,
    ) -> Option<Extension> {
        self.tell_offer_ended(result, None, cx);
        self.deadlines.cancel(Reason::Hop);
        self.deadlines.cancel(Reason::Recall);
        self.extension.take()
    }

    /// Says that whoever was asked in has joined.
    fn tell_joined(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        let Some(name) = self.extension.as_ref().map(|e| e.to.name.clone()) else { return };
        self.guests.push((leg, name.clone()));
        self.tell_participant(leg, &name, true, cx);
    }

    /// Says that whoever joined on `leg` has left, if somebody did. The end of the call says it of all who are left.
    pub(super) fn tell_left(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if let Some(at) = self.guests.iter().position(|(l, _)| *l == leg) {
            let (_, name) = self.guests.swap_remove(at);
            self.tell_participant(leg, &name, false, cx);
        }
    }

    fn tell_participant(&mut self, leg: LegId, name: &str, joined: bool, cx: &mut Cx<'_>) {
        let (role, party) = (LegRole::ThirdParty, Pii::new(name.to_owned()));
        self.story.tell(cx, What::ParticipantChanged { leg, role, party, joined });
    }

    /// The seat that asks somebody in.
    fn asking_seat(&self) -> Option<&SeatId> {
        match &self.extension.as_ref()?.purpose {
            Purpose::Consult { asker } => self.seats.iter().find(|s| s.id == *asker).map(|s| &s.seat),
            Purpose::Own => self.owner.as_ref().map(|owner| &owner.seat),
            Purpose::Transfer(transfer) => Some(&transfer.by),
        }
    }
}
