//! From the INVITE to the operator: ringing and answering the caller, the queue and its presentations, and the way back to
//! the queue when the operator is lost.

use super::call::Call;
use super::common::{Common, LookUp, Wait};
use super::inputs::{Delivery, IncomingLeg, Input, Output};
use super::leg::{AnswerOutcome, GivenUp, Leg, Loss, Party, Purpose, Reliably, Ring};
use super::outcome::Ending;
use super::ringing::{Failed, Next, Ringing};
use super::search::SoughtProgress;
use super::stage::{Arriving, LastMessage, Stage};
use super::story::Cx;
use super::talk::Talk;
use super::waiting::{EarlyMedia, Queued};
use crate::acd;
use crate::callback;
use crate::event::{
    CallRefused, CallState, ClosedBy, EndReason, EndedBy, PresentationResult, RefusalReason, SeatPresented,
    What,
};
use crate::id::{LegId, PresentationId};
use crate::sip::{Cause, Outgoing, Status};
use crate::time::Duration;
use std::sync::Arc;

/// The longest a last message may take before the call is ended anyhow: no prompt of ours is longer.
const LAST_MESSAGE_LIMIT: Duration = Duration::from_secs(60);

/// The call is not the seat's: its INVITE is refused.
fn refuse_pick_up(line: IncomingLeg, cx: &mut Cx<'_>) {
    let IncomingLeg { leg, incoming } = line;
    let status = Status::TEMPORARILY_UNAVAILABLE;
    let response = Outgoing::response(&incoming.invite, status, Some(&leg.to_string()));
    cx.out.push(Output::Respond { tx: incoming.tx, response });
}

impl Call {
    /// Rings the trunk while the answer is delayed; lets the caller hear early media where the trunk's profile says so.
    pub(super) fn ring_caller(&mut self, cx: &mut Cx<'_>) {
        let (Stage::Arriving(arriving), Some(leg)) = (&self.stage, self.common.legs.get(self.common.caller))
        else {
            return;
        };
        let (delayed, early_media) = (arriving.answer_at.is_some(), leg.peer_rules().early_media);
        if leg.has_rung() || !(delayed || early_media) {
            return;
        }
        // PRACK costs a round trip: worth it while the answer waits anyway, and else only where the peer insists.
        let reliably = if delayed { Reliably::IfSupported } else { Reliably::IfRequired };
        self.on(self.common.caller, cx, |leg, lcx| leg.ring(Ring { early_media, reliably }, lcx));
    }

    /// Answers once the beginning is on disk, the port is ours, the trunk has heard ringback, and what was said reliably
    /// of the media is acknowledged.
    pub(super) fn try_answer(&mut self, cx: &mut Cx<'_>) {
        let Stage::Arriving(arriving @ Arriving { durable: true, answer_at: None, .. }) = &mut self.stage
        else {
            return;
        };
        // The 200 OK names the port: without one there is nothing to answer with.
        if !self.common.legs.get(self.common.caller).is_some_and(Leg::has_media) {
            return;
        }
        match self.common.command(self.common.caller, cx, |leg, lcx| leg.answer(Vec::new(), lcx)) {
            AnswerOutcome::Done => {
                let early_media = std::mem::replace(&mut arriving.early_media, EarlyMedia::None);
                self.stage = Stage::Queued(self.common.enter_queue(early_media, cx));
            }
            AnswerOutcome::NotYet => {}
            AnswerOutcome::BadMedia => self.refuse(RefusalReason::BadMedia, Status::NOT_ACCEPTABLE_HERE, cx),
            AnswerOutcome::NoTarget => self.refuse(RefusalReason::BadRequest, Status::BAD_REQUEST, cx),
        }
    }

    /// Turns the call away before an answer; the beginning was told already.
    pub(super) fn refuse(&mut self, reason: RefusalReason, status: Status, cx: &mut Cx<'_>) {
        self.common.command(self.common.caller, cx, |leg, lcx| leg.reject(status, lcx));
        let refused = CallRefused { received: None, reason, sip_code: status.code() };
        self.common.story.tell_as(cx, CallState::Refused, What::CallRefused(refused));
        let changed = self.common.owe(callback::after_refusal(reason), cx);
        self.common.story.tell_callback(changed, cx);
        self.stage = Stage::Over;
    }

    /// A leg got no port.
    pub(super) fn without_media(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if !self.common.legs.get(leg).is_some_and(Leg::is_invited) {
            return;
        }
        match &self.stage {
            Stage::Arriving(_) => self.refuse(RefusalReason::Internal, Status::SERVICE_UNAVAILABLE, cx),
            Stage::Outbound(_) => self.outbound_failed(Status::SERVICE_UNAVAILABLE, cx),
            Stage::Queued(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => {
                self.common.command(leg, cx, |leg, lcx| leg.reject(Status::SERVICE_UNAVAILABLE, lcx));
                self.invite_failed(leg, None, cx);
            }
        }
    }

    /// Answers the INVITE of a seat that dialled for the waiting call, once its leg has a port: caller and seat are connected
    /// at once.
    pub(super) fn answer_pick_up(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        let is_pick_up =
            self.common.legs.get(leg).is_some_and(|leg| leg.is_invited() && leg.purpose != Purpose::Calls);
        if !is_pick_up {
            return;
        }
        let answering = match &self.stage {
            Stage::Queued(queued) => {
                let identity = self.common.identity_for_seat(queued.recalled, cx);
                let headers = identity.on_answer(&cx.rules.domain);
                self.common.command(leg, cx, |leg, lcx| leg.answer(headers, lcx))
            }
            Stage::Arriving(_)
            | Stage::Outbound(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => AnswerOutcome::BadMedia,
        };
        match answering {
            AnswerOutcome::Done => self.connect(leg, Duration::ZERO, cx),
            AnswerOutcome::NotYet => {}
            AnswerOutcome::BadMedia | AnswerOutcome::NoTarget => {
                self.common.command(leg, cx, |leg, lcx| leg.reject(Status::NOT_ACCEPTABLE_HERE, lcx));
                self.phone_failed(leg, Failed::from(Some(Status::NOT_ACCEPTABLE_HERE)), cx);
            }
        }
    }

    /// The INVITE of a party beside the caller is over before our answer.
    pub(super) fn invite_failed(&mut self, leg: LegId, status: Option<Status>, cx: &mut Cx<'_>) {
        match self.common.legs.get(leg).map(|leg| leg.purpose) {
            // The second line of a seat: without it there is no consultation.
            Some(Purpose::Calls) => self.beside_gone(leg, cx),
            Some(Purpose::Serves(_) | Purpose::Sought(_)) => self.phone_failed(leg, Failed::from(status), cx),
            None => {}
        }
    }

    /// A party took its INVITE back, or it expired.
    pub(super) fn given_up(&mut self, leg: LegId, how: GivenUp, cause: Cause, cx: &mut Cx<'_>) {
        // A seat that asked for another party takes back its question, and not the call.
        if leg != self.common.caller {
            return self.invite_failed(leg, Some(Status::REQUEST_TERMINATED), cx);
        }
        let reason = match how {
            GivenUp::Cancelled => EndReason::Cancelled,
            GivenUp::Expired => EndReason::Expired,
        };
        let cause = Cause { sip: cause.sip.or(Some(Status::REQUEST_TERMINATED)), ..cause };
        let by = if self.common.origin.seat().is_some() { EndedBy::Seat } else { EndedBy::Caller };
        self.end(Ending { by, reason, cause }, cx);
    }

    /// A phone answered. One that no presentation waits for is hung up.
    pub(super) fn phone_answered(&mut self, leg: LegId, rang: Duration, cx: &mut Cx<'_>) {
        // An answer that crossed our CANCEL, or came after another phone took the call, is of no presentation.
        let is_awaited = self.stage.ringing_mut(leg).is_some();
        match &self.stage {
            Stage::Queued(_) if is_awaited => self.connect(leg, rang, cx),
            Stage::Outbound(_) | Stage::Talk(_) | Stage::Transferring(_) if is_awaited => {
                self.search_answered(leg, cx);
            }
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::Outbound(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => self.common.command(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx)),
        }
    }

    /// A phone that was to ring will not answer; its leg is ending or down.
    pub(super) fn phone_failed(&mut self, leg: LegId, failed: Failed, cx: &mut Cx<'_>) {
        let is_full = self.common.legs.is_full();
        let Some((party, purpose)) = self.common.legs.get(leg).map(|leg| (leg.party.clone(), leg.purpose))
        else {
            return;
        };
        let others_ring = purpose.presentation().is_some_and(|p| self.common.legs.any_may_answer(p));
        let Some(ringing) = self.stage.ringing_mut(leg) else { return };
        let presentation = ringing.presentation;
        match ringing.failed(leg, failed, others_ring, is_full) {
            Next::Another(phone) => {
                let next = LegId::new(cx.now.wall, cx.random);
                self.common.ring_phones(ringing, next, vec![phone], &party, purpose, cx);
            }
            Next::RingOn => {}
            Next::Failed(failed) => {
                self.common.hush(presentation, None, Cause::NORMAL, cx);
                let Some(ringing) = self.stage.presented_mut().and_then(Option::take) else {
                    return self.number_failed(failed, cx);
                };
                if matches!(self.stage, Stage::Queued(_)) {
                    self.common.story.back_to_waiting();
                }
                self.common.tell_rung(ringing, failed, cx);
                cx.out.push(Output::Acd(acd::Input::Ended { presentation, result: failed.result }));
            }
        }
    }

    /// A BYE came from a phone that was to ring, or is being told that the call was taken back. The next phone rings at once.
    pub(super) fn hung_up_early(&mut self, leg: LegId, was_ringing: bool, cx: &mut Cx<'_>) {
        if was_ringing {
            // An operator who hung up is not rung again by another target of the same phone.
            self.stage.was_reached(leg);
            self.phone_failed(leg, Failed::HUNG_UP, cx);
        }
        // The seat a colleague rang is free, whatever becomes of the CANCEL.
        let Some(seat) =
            self.common.legs.get(leg).filter(|_| self.common.is_sought(leg)).and_then(|leg| leg.party.seat())
        else {
            return;
        };
        if self.common.legs.iter().all(|other| other.id == leg || other.party.seat() != Some(seat)) {
            let (seat, call) = (seat.clone(), self.common.id);
            cx.out.push(Output::Acd(acd::Input::Vacate { seat, call, spoke: false }));
        }
    }

    /// Caller and seat hear each other from here on.
    fn connect(&mut self, leg: LegId, rang: Duration, cx: &mut Cx<'_>) {
        let Some((Some(seat), Purpose::Serves(presentation))) =
            self.common.legs.get(leg).map(|leg| (leg.party.seat().cloned(), leg.purpose))
        else {
            return;
        };
        // First: the other phones of the seat must not ring on into the talk.
        self.common.hush(presentation, Some(leg), Cause::ELSEWHERE, cx);
        let mut talk = Talk::new(&[self.common.caller, leg], Some(seat.clone()));
        // A human comes before the rest of the welcome.
        if let Stage::Queued(Queued { notice: Some(notice), .. }) =
            std::mem::replace(&mut self.stage, Stage::Over)
        {
            self.common.story.tell(cx, What::NoticePlayed { prompt: notice.prompt, complete: false });
        }
        let answered = Failed { result: PresentationResult::Answered, status: Some(Status::OK) };
        self.common.story.tell_presentation_ended(presentation, seat.clone(), answered, rang, cx);
        let waited = self.common.wait.until(cx.now);
        self.common.wait = Wait::Over(waited);
        let operator = self.common.story.summary.operator.clone();
        let connected = What::SeatConnected { presentation, seat, operator, waited, leg };
        self.common.story.tell_as(cx, CallState::Connected, connected);
        self.common.reached(ClosedBy::Answered, cx);
        cx.out.push(Output::Acd(acd::Input::Answered { presentation }));
        talk.begin(&[leg], &mut self.common, cx);
        self.stage = Stage::Talk(talk);
    }

    /// The caller hears why the call ends, where there is a prompt for it.
    pub(super) fn last_message(&mut self, reason: EndReason, prompt: Option<Arc<str>>, cx: &mut Cx<'_>) {
        let is_silent = prompt.is_none();
        let notice = self.common.audio.notice(prompt.unwrap_or_else(|| Arc::from("")));
        let until = cx.now.mono + LAST_MESSAGE_LIMIT;
        self.stage = Stage::LastMessage(LastMessage { reason, notice, until });
        if is_silent {
            self.last_message_over(cx);
        }
    }

    /// The last message is over.
    pub(super) fn last_message_over(&mut self, cx: &mut Cx<'_>) {
        if let Stage::LastMessage(LastMessage { reason, .. }) = self.stage {
            self.end(Ending::new(EndedBy::Gateway, reason), cx);
        }
    }

    /// The seat on `leg` is gone. The operator of a caller who is not: the caller hears an apology and is first in line
    /// again. A call that a seat placed is over.
    pub(super) fn return_to_queue(&mut self, leg: LegId, loss: Loss, cx: &mut Cx<'_>) {
        let Stage::Talk(talk) = &mut self.stage else { return };
        let (Some(seat), Some(queue)) = (talk.serving.clone(), self.common.origin.queue()) else {
            return self.end(Ending::new(EndedBy::Gateway, EndReason::SignallingLost), cx);
        };
        // What the lost seat had begun beside the caller ends with it.
        talk.end_consultation(&mut self.common, cx);
        self.common.story.tell_left(leg, cx);
        self.common.command(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
        talk.tell_resumed(&mut self.common, cx);
        let apology = self.common.origin.voice(cx.rules).and_then(|voice| voice.apology.clone());
        let notice = apology.map(|prompt| self.common.audio.notice(prompt));
        self.stage = Stage::Queued(Queued { notice, ringing: None, recalled: false });
        self.common.story.summary.seat = None;
        // A second wait begins; the record keeps both.
        self.common.wait = Wait::Since(cx.now.mono);
        let (call, reason) = (self.common.id, loss.into());
        cx.out.push(Output::Acd(acd::Input::Returned { call, seat, queue, reason }));
    }

    /// The call has lasted as long as it may: the operator is let go, the caller hears why.
    pub(super) fn too_long(&mut self, cx: &mut Cx<'_>) {
        self.common.longest = None;
        let prompt = cx.rules.call_length_prompt.clone();
        // Without a talk to break off, or a prompt, the BYE alone says it.
        let (Stage::Talk(talk), Some(prompt)) = (&mut self.stage, prompt) else {
            return self.end(Ending::new(EndedBy::Gateway, EndReason::LengthLimit), cx);
        };
        let (leg, seat) = (talk.other(self.common.caller), talk.serving.clone());
        talk.end_consultation(&mut self.common, cx);
        if let Some(leg) = leg {
            self.common.command(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
        }
        talk.tell_resumed(&mut self.common, cx);
        if let Some(seat) = seat {
            self.common.finish_seat(seat, cx);
        }
        self.last_message(EndReason::LengthLimit, Some(prompt), cx);
    }
}

/// What a stage does with the legs of its call.
impl Stage {
    /// A seat was chosen: a leg to each of its phones begins with a media port.
    pub(super) fn present(&mut self, input: Input, common: &mut Common, cx: &mut Cx<'_>) {
        let Input::Present { presentation, seat, operator, attempt, waited, why, limit, delivery } = input
        else {
            return;
        };
        common.story.summary.operator = operator.clone();
        let unreachable = acd::Input::Ended { presentation, result: PresentationResult::Unreachable };
        let leg = match &delivery {
            Delivery::PickUp(line) => line.leg,
            Delivery::Ring(_) => LegId::new(cx.now.wall, cx.random),
        };
        let Stage::Queued(queued) = self else {
            if let Delivery::PickUp(line) = delivery {
                refuse_pick_up(*line, cx);
            }
            return cx.out.push(Output::Acd(unreachable));
        };
        common.story.summary.seat = Some(seat.clone());
        let party = Party::Seat { seat: seat.clone(), operator: operator.clone() };
        let presented = SeatPresented {
            presentation,
            attempt,
            seat: seat.clone(),
            operator,
            leg,
            waited,
            why: why.into(),
        };
        common.story.tell_as(cx, CallState::Presented, What::SeatPresented(presented));
        let mut ringing = Ringing::new(presentation, Some(seat.clone()), limit);
        let has_room = !common.legs.is_full();
        match delivery {
            Delivery::Ring(phones) if has_room && !phones.is_empty() => {
                let purpose = Purpose::Serves(presentation);
                common.ring_phones(&mut ringing, leg, phones, &party, purpose, cx);
                queued.ringing = Some(ringing);
            }
            Delivery::PickUp(line) if has_room => {
                ringing.add(leg, Vec::new());
                queued.ringing = Some(ringing);
                let incoming = line.incoming;
                let peer = cx.rules.seat.clone();
                let mut picks_up = cx.leg(leg, |lcx| Leg::arriving(leg, party, peer, incoming, lcx));
                picks_up.purpose = Purpose::Serves(presentation);
                common.legs.push(picks_up);
            }
            unheard @ (Delivery::Ring(_) | Delivery::PickUp(_)) => {
                if let Delivery::PickUp(line) = unheard {
                    refuse_pick_up(*line, cx);
                }
                let failed = Failed::from(None);
                common.story.back_to_waiting();
                common.story.tell_presentation_ended(presentation, seat, failed, Duration::ZERO, cx);
                cx.out.push(Output::Acd(unreachable));
            }
        }
    }

    /// Sends the INVITE of every leg that has its port, once what it must tell is known: to a seat that the queue chose, the
    /// look-up; to a party that a seat wants, the beginning on disk.
    pub(super) fn invite_prepared(&self, common: &mut Common, cx: &mut Cx<'_>) {
        for id in common.legs.ids(Leg::may_be_invited) {
            let Some(leg) = common.legs.get(id) else { continue };
            let (ringing, identity, speaks_with) = match (leg.purpose, self) {
                (Purpose::Serves(_), stage) if matches!(common.look_up, LookUp::Settled(_)) => {
                    let recalled = matches!(stage, Stage::Queued(queued) if queued.recalled);
                    (stage.presented(), common.identity_for_seat(recalled, cx), common.caller)
                }
                (Purpose::Sought(_), Stage::Outbound(outbound)) if !outbound.durable => continue,
                (Purpose::Sought(_), stage) => {
                    let Some(search) = stage.search() else { continue };
                    let consultation = stage.talk().and_then(|talk| talk.consultation.as_ref());
                    let speaks_with = consultation.map_or(common.caller, |consultation| consultation.asker);
                    (search.ringing(), common.identity_for(search, cx), speaks_with)
                }
                (Purpose::Serves(_) | Purpose::Calls, _) => continue,
            };
            let Some(expires) = ringing.filter(|ringing| ringing.has(id)).map(Ringing::expires) else {
                continue;
            };
            let liked = common.legs.get(speaks_with).and_then(Leg::codec);
            common.command(id, cx, |leg, lcx| leg.invite(&identity, liked, expires, lcx));
        }
    }

    /// A phone rings, or is heard before it answers.
    pub(super) fn progressed(
        &mut self,
        leg: LegId,
        rings: bool,
        early_media: bool,
        common: &mut Common,
        cx: &mut Cx<'_>,
    ) {
        if let Some(search) = self.search_mut() {
            let heard = search.progressed(leg, early_media, cx.now.mono);
            let asker = match &*self {
                Stage::Talk(talk) => talk.consultation.as_ref().map(|consultation| consultation.asker),
                Stage::Outbound(_) => Some(common.caller),
                Stage::Arriving(_)
                | Stage::Queued(_)
                | Stage::Transferring(_)
                | Stage::LastMessage(_)
                | Stage::Leaving(_)
                | Stage::Over => None,
            };
            if let (Some(SoughtProgress { early_media }), Some(asker)) = (heard, asker) {
                let ring = Ring { early_media, reliably: Reliably::Never };
                common.command(asker, cx, |leg, lcx| leg.ring(ring, lcx));
            }
            return;
        }
        let is_heard = early_media && common.legs.get(leg).is_some_and(|leg| leg.peer_rules().early_media);
        let Some(ringing) = self.ringing_mut(leg) else { return };
        if is_heard {
            ringing.early_media = Some(leg);
        }
        if rings {
            ringing.begins_to_ring(cx.now.mono);
            let presentation = ringing.presentation;
            cx.out.push(Output::Acd(acd::Input::Rang { presentation }));
        }
    }

    /// The queue took the presentation back and has moved on.
    pub(super) fn withdraw(
        &mut self,
        presentation: PresentationId,
        result: PresentationResult,
        common: &mut Common,
        cx: &mut Cx<'_>,
    ) {
        let Some(presented) = self.presented_mut() else { return };
        let Some(ringing) = presented.take_if(|ringing| ringing.presentation == presentation) else { return };
        common.hush(presentation, None, Cause::NORMAL, cx);
        common.release(presentation, cx);
        // A call that its caller has ended waits no more; one that we end has waited until its end.
        if result != PresentationResult::CallerGone {
            common.story.back_to_waiting();
        }
        common.tell_rung(ringing, Failed { result, status: None }, cx);
    }

    /// The phones that a restart has silenced have heard so, or had their time: the party is looked up, and rung anew.
    pub(super) fn look_up_party(&mut self, cx: &mut Cx<'_>) {
        let Some(search) = self.search_mut() else { return };
        search.wakes();
        cx.out.push(Output::Seek { by: search.by.clone(), dialled: search.to.name.clone() });
    }
}
