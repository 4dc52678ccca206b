//! From the INVITE to the operator: ringing and answering the caller, the queue and its presentations, and the way back to
//! the queue when the operator is lost.

use super::call::{Call, LookUp, Wait};
use super::inputs::{Input, Output, Reached};
use super::leg::{
    Answering, Arriving as ArrivingLeg, CallerIdentity, GivenUp, Leg, Loss, Party, Purpose, Reliably, Ring,
};
use super::origin::Origin;
use super::ringing::{Failed, Next, Phone, Ringing};
use super::search::Destination;
use super::stage::{Arriving, EarlyMedia, LastMessage, Queued, Stage};
use super::story::Cx;
use super::talk::Talk;
use crate::acd;
use crate::caller;
use crate::event::{
    CallRefused, CallState, EndReason, EndedBy, PresentationResult, QueueExit, RefusalReason, SeatPresented,
    What,
};
use crate::id::{LegId, PresentationId};
use crate::sip::{Cause, Outgoing};
use crate::time::Duration;
use std::sync::Arc;

/// The longest a last message may take before the call is ended anyhow: no prompt of ours is longer.
const LAST_MESSAGE_LIMIT: Duration = Duration::from_secs(60);

impl Call {
    /// Rings the trunk while the answer is delayed; lets the caller hear early media where the trunk's profile says so.
    pub(super) fn ring_caller(&mut self, cx: &mut Cx<'_>) {
        let (Stage::Arriving(arriving), Some(leg)) = (&self.stage, self.legs.get(self.caller)) else {
            return;
        };
        let (delayed, early_media) = (arriving.answer_at.is_some(), leg.peer_rules().early_media);
        if leg.has_rung() || !(delayed || early_media) {
            return;
        }
        let reliably = if delayed { Reliably::IfSupported } else { Reliably::IfRequired };
        self.on(self.caller, cx, |leg, lcx| leg.ring(Ring { early_media, reliably }, lcx));
    }

    /// The caller hears early media: the welcome begins, or the music does.
    pub(super) fn begin_early_media(&mut self, leg: LegId) {
        let Origin::Inbound { service, .. } = &self.origin else { return };
        let wanted = self.legs.get(leg).is_some_and(|leg| leg.peer_rules().early_media);
        if let Stage::Arriving(Arriving { early_media: early_media @ EarlyMedia::None, .. }) = &mut self.stage
            && wanted
        {
            *early_media = match service.welcome.clone() {
                Some(prompt) => EarlyMedia::Welcome(self.audio.notice(prompt)),
                None => EarlyMedia::Music,
            };
        }
    }

    /// Answers once the beginning is on disk, the port is ours, the trunk has heard ringback, and what was said reliably
    /// of the media is acknowledged.
    pub(super) fn try_answer(&mut self, cx: &mut Cx<'_>) {
        let Stage::Arriving(Arriving { durable: true, answer_at: None, .. }) = &self.stage else { return };
        if !self.legs.get(self.caller).is_some_and(Leg::has_media) {
            return;
        }
        match self.on(self.caller, cx, |leg, lcx| leg.answer(Vec::new(), lcx)) {
            Answering::Done => self.answered(cx),
            Answering::NotYet => {}
            Answering::BadMedia => self.refuse(RefusalReason::BadMedia, 488, cx),
            Answering::NoTarget => self.refuse(RefusalReason::BadRequest, 400, cx),
        }
    }

    fn answered(&mut self, cx: &mut Cx<'_>) {
        let delay = cx.now.mono.since(self.story.began());
        self.story.tell_as(cx, CallState::Answered, What::CallAnswered { delay });
        self.longest = Some(cx.now.mono + cx.rules.call_length);
        let Origin::Inbound { service, queue } = &self.origin else { return };
        let queued = Stage::Queued(Queued { notice: None, ringing: None, recalled: false });
        let was = std::mem::replace(&mut self.stage, queued);
        let notice = match (was, service.welcome.clone()) {
            // What the caller hears already goes on.
            (Stage::Arriving(Arriving { early_media: EarlyMedia::Welcome(notice), .. }), _) => Some(notice),
            (Stage::Arriving(Arriving { early_media: EarlyMedia::Music, .. }), _) => None,
            (_, welcome) => welcome.map(|prompt| self.audio.notice(prompt)),
        };
        self.stage = Stage::Queued(Queued { notice, ringing: None, recalled: false });
        self.wait = Wait::Since(cx.now.mono);
        let enter = acd::Input::Enter { call: self.id, queue: queue.clone(), priority: 0, at: cx.now };
        cx.out.push(Output::Acd(enter));
    }

    /// Turns the call away before an answer; the beginning was told already.
    pub(super) fn refuse(&mut self, reason: RefusalReason, status: u16, cx: &mut Cx<'_>) {
        self.on(self.caller, cx, |leg, lcx| leg.reject(status, lcx));
        let refused = CallRefused { received: None, reason, sip_code: status };
        self.story.tell_as(cx, CallState::Refused, What::CallRefused(refused));
        self.stage = Stage::Over;
    }

    /// A leg got no port.
    pub(super) fn without_media(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if !self.legs.get(leg).is_some_and(Leg::is_invited) {
            return;
        }
        match &self.stage {
            Stage::Arriving(_) => self.refuse(RefusalReason::Internal, 503, cx),
            Stage::Outbound(_) => self.outbound_failed(503, cx),
            _ => {
                self.on(leg, cx, |leg, lcx| leg.reject(503, lcx));
                self.invited_in_vain(leg, None, cx);
            }
        }
    }

    /// A seat was chosen: a leg to each of its phones begins with a media port.
    pub(super) fn present(&mut self, input: Input, cx: &mut Cx<'_>) {
        let Input::Present { presentation, seat, operator, attempt, waited, why, limit, reached } = input
        else {
            return;
        };
        self.story.summary.operator = operator.clone();
        let unreachable = acd::Input::Ended { presentation, result: PresentationResult::Unreachable };
        let leg = match &reached {
            Some(Reached::Asked(asked)) => asked.leg,
            Some(Reached::At(_)) | None => LegId::new(cx.now.wall, cx.random),
        };
        if !matches!(self.stage, Stage::Queued(_)) {
            if let Some(Reached::Asked(asked)) = reached {
                let refusal = Outgoing::response(&asked.invite, 480, Some(&leg.to_string()));
                cx.out.push(Output::Respond { tx: asked.tx, response: refusal });
            }
            return cx.out.push(Output::Acd(unreachable));
        }
        self.story.summary.seat = Some(seat.clone());
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
        self.story.tell_as(cx, CallState::Presented, What::SeatPresented(presented));
        let mut ringing = Ringing::new(presentation, Some(seat.clone()), limit);
        match reached.filter(|_| !self.legs.is_full()) {
            Some(Reached::At(phones)) if !phones.is_empty() => {
                self.stage_ringing(ringing);
                self.ring_phones(leg, phones, (&party, Purpose::Serves(presentation)), cx);
            }
            Some(Reached::Asked(asked)) => {
                ringing.add(leg, Vec::new());
                self.stage_ringing(ringing);
                let arriving = ArrivingLeg {
                    tx: asked.tx,
                    flow: asked.flow,
                    invite: asked.invite,
                    offer: Some(asked.offer),
                    watch: asked.watch,
                    inside: asked.inside,
                };
                let peer = cx.rules.seat.clone();
                let mut picks_up = cx.leg(leg, |lcx| Leg::arriving(leg, party, peer, arriving, lcx));
                picks_up.purpose = Purpose::Serves(presentation);
                self.legs.push(picks_up);
            }
            Some(Reached::At(_)) | None => {
                let failed = Failed::from(None);
                self.story.tell_presentation_ended((presentation, seat), failed, Duration::ZERO, cx);
                cx.out.push(Output::Acd(unreachable));
            }
        }
    }

    fn stage_ringing(&mut self, ringing: Ringing) {
        if let Some(presented) = self.stage.presented_mut() {
            *presented = Some(ringing);
        }
    }

    /// Begins a leg to each phone, the first with the leg that was told of. Past the most a call may have the rest of the
    /// phones stay quiet.
    pub(super) fn ring_phones(
        &mut self,
        first: LegId,
        phones: Vec<Phone>,
        (party, purpose): (&Party, Purpose),
        cx: &mut Cx<'_>,
    ) {
        let mut id = first;
        for Phone { way, others } in phones {
            if self.legs.is_full() {
                return;
            }
            let peer = match party {
                Party::Outside { trunk, .. } => cx.rules.trunk(trunk),
                Party::Seat { .. } | Party::Caller { .. } => cx.rules.seat.clone(),
            };
            let leg = cx.leg(id, |lcx| Leg::calling(id, party.clone(), purpose, peer, way, lcx));
            if let Party::Outside { trunk, .. } = party {
                cx.out.push(Output::ChannelTaken { leg: id, trunk: trunk.clone() });
            }
            self.legs.push(leg);
            let ringing = match purpose {
                Purpose::Sought(_) => self.stage.search_mut().and_then(|search| search.ringing_mut()),
                Purpose::Serves(_) | Purpose::Calls => self.stage.presented_mut().and_then(Option::as_mut),
            };
            if let Some(ringing) = ringing {
                ringing.add(id, others);
            }
            id = LegId::new(cx.now.wall, cx.random);
        }
    }

    /// Sends the INVITE of every leg that has its port, once what it must tell is known: to a seat that the queue chose, the
    /// look-up; to a party that a seat wants, the beginning on disk.
    pub(super) fn invite_prepared(&mut self, cx: &mut Cx<'_>) {
        for id in self.legs.ids(Leg::may_be_invited) {
            let Some(leg) = self.legs.get(id) else { continue };
            let (ringing, identity, speaks_with) = match (leg.purpose, &self.stage) {
                (Purpose::Serves(_), stage) if matches!(self.look_up, LookUp::Settled(_)) => {
                    (stage.presented(), self.identity_for_seat(cx), self.caller)
                }
                (Purpose::Sought(_), Stage::Outbound(outbound)) if !outbound.durable => continue,
                (Purpose::Sought(_), stage) => {
                    let Some(search) = stage.search() else { continue };
                    let consultation = stage.talk().and_then(|talk| talk.consultation.as_ref());
                    let speaks_with = consultation.map_or(self.caller, |consultation| consultation.asker);
                    (search.ringing(), self.identity_for(&search.to, cx), speaks_with)
                }
                (Purpose::Serves(_) | Purpose::Calls, _) => continue,
            };
            let Some(expires) = ringing.filter(|ringing| ringing.has(id)).map(Ringing::expires) else {
                continue;
            };
            let liked = self.legs.get(speaks_with).and_then(Leg::codec);
            self.on(id, cx, |leg, lcx| leg.invite(&identity, liked, expires, lcx));
        }
    }

    /// What the seat that serves the caller is told of them.
    fn identity_for_seat(&self, cx: &Cx<'_>) -> CallerIdentity {
        let recalled = matches!(&self.stage, Stage::Queued(queued) if queued.recalled);
        let display = match recalled {
            false => self.caller_shown(cx),
            true => format!("[Recall] {}", self.caller_shown(cx)),
        };
        CallerIdentity { call: Some(self.id), number: self.number_shown(), display }
    }

    /// A party outside is shown a number of ours and no more. A seat is told who asks for it and why, and of a citizen what the
    /// queue would have told.
    fn identity_for(&self, to: &Destination, cx: &Cx<'_>) -> CallerIdentity {
        if let Some(number) = &to.shown {
            return CallerIdentity { call: None, number: number.clone(), display: String::new() };
        }
        let by = self.asking_seat().map_or_else(String::new, |seat| seat.to_string());
        let (number, display) = match (&self.stage, self.origin.seat()) {
            // The party that a seat called is known by what the seat dialled, and has waited for no one.
            (Stage::Transferring(_), Some(_)) => {
                (by.clone(), format!("[From {by}] {}", self.origin.dialled()))
            }
            (Stage::Transferring(_), None) => {
                (self.number_shown(), format!("[From {by}] {}", self.caller_shown(cx)))
            }
            (Stage::Talk(_), _) => (by.clone(), format!("[{by} asks] {}", self.caller_shown(cx))),
            (_, _) => (by.clone(), by),
        };
        CallerIdentity { call: Some(self.id), number, display }
    }

    /// The caller's number for a phone, as the trunk gave it; empty when it is withheld.
    fn number_shown(&self) -> String {
        if self.identity.withheld { String::new() } else { caller::unmarked(self.identity.raw.reveal()) }
    }

    /// What a seat's screen says of the caller.
    fn caller_shown(&self, cx: &Cx<'_>) -> String {
        let earlier = match &self.look_up {
            LookUp::Settled(Some(history)) => history.calls_24h,
            LookUp::Settled(None) | LookUp::Asked { .. } => 0,
        };
        caller::display_name(earlier + 1, self.origin.dialled(), &self.identity, self.wait.until(cx.now))
    }

    /// Answers the INVITE of a seat that dialled for the waiting call, once its leg has a port: caller and seat are connected
    /// at once.
    pub(super) fn answer_pick_up(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        let is_pick_up =
            self.legs.get(leg).is_some_and(|leg| leg.is_invited() && leg.purpose != Purpose::Calls);
        if !is_pick_up {
            return;
        }
        let headers = self.identity_for_seat(cx).on_answer(&cx.rules.domain);
        let is_waiting = matches!(self.stage, Stage::Queued(_));
        let answering = match is_waiting {
            true => self.on(leg, cx, |leg, lcx| leg.answer(headers, lcx)),
            false => Answering::BadMedia,
        };
        match answering {
            Answering::Done => self.connect(leg, Duration::ZERO, cx),
            Answering::NotYet => {}
            Answering::BadMedia | Answering::NoTarget => {
                self.on(leg, cx, |leg, lcx| leg.reject(488, lcx));
                self.phone_failed(leg, Failed::from(Some(488)), cx);
            }
        }
    }

    /// The INVITE of a party beside the caller is over before our answer.
    pub(super) fn invited_in_vain(&mut self, leg: LegId, status: Option<u16>, cx: &mut Cx<'_>) {
        match self.legs.get(leg).map(|leg| leg.purpose) {
            // The second line of a seat: without it there is no consultation.
            Some(Purpose::Calls) => self.end_consultation(cx),
            Some(Purpose::Serves(_) | Purpose::Sought(_)) => self.phone_failed(leg, Failed::from(status), cx),
            None => {}
        }
    }

    /// A party took its INVITE back, or it expired.
    pub(super) fn given_up(&mut self, leg: LegId, how: GivenUp, cause: Cause, cx: &mut Cx<'_>) {
        if leg != self.caller {
            return self.invited_in_vain(leg, Some(487), cx);
        }
        let reason = match how {
            GivenUp::Cancelled => EndReason::Cancelled,
            GivenUp::Expired => EndReason::Expired,
        };
        let cause = Cause { sip: cause.sip.or(Some(487)), ..cause };
        let by = if self.origin.seat().is_some() { EndedBy::Seat } else { EndedBy::Caller };
        self.end_because(by, reason, cause, cx);
    }

    /// A phone rings, or is heard before it answers.
    pub(super) fn progressed(&mut self, leg: LegId, rings: bool, early_media: bool, cx: &mut Cx<'_>) {
        if self.is_sought(leg) {
            return self.search_progressed(leg, early_media, cx);
        }
        let is_heard = early_media && self.legs.get(leg).is_some_and(|leg| leg.peer_rules().early_media);
        let Some(ringing) = self.stage.ringing_mut(leg) else { return };
        if is_heard {
            ringing.early_media = Some(leg);
        }
        if rings {
            ringing.begins_to_ring(cx.now.mono);
            let presentation = ringing.presentation;
            cx.out.push(Output::Acd(acd::Input::Rang { presentation }));
        }
    }

    /// A phone answered. One that no presentation waits for is hung up.
    pub(super) fn phone_answered(&mut self, leg: LegId, rang: Duration, cx: &mut Cx<'_>) {
        let is_awaited = self.stage.ringing_mut(leg).is_some();
        match &self.stage {
            Stage::Queued(_) if is_awaited => self.connect(leg, rang, cx),
            Stage::Outbound(_) | Stage::Talk(_) | Stage::Transferring(_) if is_awaited => {
                self.search_answered(leg, cx);
            }
            _ => self.on(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx)),
        }
    }

    /// A phone has failed after the person there was reached: no other way to it is tried.
    pub(super) fn phone_has_its_say(&mut self, leg: LegId, failed: Failed, cx: &mut Cx<'_>) {
        if let Some(ringing) = self.stage.ringing_mut(leg) {
            ringing.was_reached(leg);
        }
        self.phone_failed(leg, failed, cx);
    }

    /// A phone that was to ring will not answer; its leg is ending or down.
    pub(super) fn phone_failed(&mut self, leg: LegId, failed: Failed, cx: &mut Cx<'_>) {
        let is_full = self.legs.is_full();
        let Some((party, purpose)) = self.legs.get(leg).map(|leg| (leg.party.clone(), leg.purpose)) else {
            return;
        };
        let others_ring = purpose.presentation().is_some_and(|p| self.legs.any_may_answer(p));
        let Some(ringing) = self.stage.ringing_mut(leg) else { return };
        let presentation = ringing.presentation;
        match ringing.failed(leg, failed, others_ring, is_full) {
            Next::Another(phone) => {
                let next = LegId::new(cx.now.wall, cx.random);
                self.ring_phones(next, vec![phone], (&party, purpose), cx);
            }
            Next::RingOn => {}
            Next::Failed(failed) => {
                self.hush(presentation, None, Cause::NORMAL, cx);
                self.presentation_failed(failed, cx);
            }
        }
    }

    /// The last phone of a presentation has failed.
    fn presentation_failed(&mut self, failed: Failed, cx: &mut Cx<'_>) {
        let Some(ringing) = self.stage.presented_mut().and_then(Option::take) else {
            return self.number_failed(failed, cx);
        };
        let presentation = ringing.presentation;
        self.back_to_waiting();
        self.tell_rung(ringing, failed, cx);
        cx.out.push(Output::Acd(acd::Input::Ended { presentation, result: failed.result }));
    }

    /// A BYE came from a phone that was to ring, or is being told that the call was taken back. The next phone rings at once.
    pub(super) fn hung_up_early(&mut self, leg: LegId, was_ringing: bool, cx: &mut Cx<'_>) {
        if was_ringing {
            // An operator who hung up is not rung again by another way to the same phone.
            self.phone_has_its_say(leg, Failed::HUNG_UP, cx);
        }
        // The seat a colleague rang is free, whatever becomes of the CANCEL.
        let Some(seat) = self.legs.get(leg).filter(|_| self.is_sought(leg)).and_then(|leg| leg.party.seat())
        else {
            return;
        };
        if self.legs.iter().all(|other| other.id == leg || other.party.seat() != Some(seat)) {
            let (seat, call) = (seat.clone(), self.id);
            cx.out.push(Output::Acd(acd::Input::Vacate { seat, call, spoke: false }));
        }
    }

    /// A cancelled phone has stopped ringing: when it was the last the seat may be offered another call.
    pub(super) fn phone_released(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if let Some(Purpose::Serves(presentation)) = self.legs.get(leg).map(|leg| leg.purpose) {
            self.release(presentation, cx);
        }
    }

    fn release(&self, presentation: PresentationId, cx: &mut Cx<'_>) {
        if self.legs.are_released(presentation) {
            let result = PresentationResult::NoAnswer;
            cx.out.push(Output::Acd(acd::Input::Ended { presentation, result }));
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
        let rings = |leg: &Leg| {
            leg.purpose.presentation() == Some(presentation) && Some(leg.id) != but && leg.may_be_answered()
        };
        for leg in self.legs.ids(rings) {
            self.on(leg, cx, |leg, lcx| leg.hang_up(cause, lcx));
        }
    }

    /// The queue took the presentation back and has moved on.
    pub(super) fn withdraw(
        &mut self,
        presentation: PresentationId,
        result: PresentationResult,
        cx: &mut Cx<'_>,
    ) {
        let Some(presented) = self.stage.presented_mut() else { return };
        let Some(ringing) = presented.take_if(|ringing| ringing.presentation == presentation) else { return };
        self.hush(presentation, None, Cause::NORMAL, cx);
        self.release(presentation, cx);
        self.back_to_waiting();
        self.tell_rung(ringing, Failed { result, status: None }, cx);
    }

    fn back_to_waiting(&mut self) {
        if matches!(self.stage, Stage::Queued(_)) {
            self.story.summary.state = CallState::Waiting;
            self.story.summary.seat = None;
            self.story.summary.operator = None;
        }
    }

    /// Tells how a seat that was rung took it.
    pub(super) fn tell_rung(&mut self, ringing: Ringing, failed: Failed, cx: &mut Cx<'_>) {
        let rang = ringing.rang_for(cx.now.mono);
        if let Some(seat) = ringing.seat {
            self.story.tell_presentation_ended((ringing.presentation, seat), failed, rang, cx);
        }
    }

    /// Caller and seat hear each other from here on.
    fn connect(&mut self, leg: LegId, rang: Duration, cx: &mut Cx<'_>) {
        let Some((Some(seat), Purpose::Serves(presentation))) =
            self.legs.get(leg).map(|leg| (leg.party.seat().cloned(), leg.purpose))
        else {
            return;
        };
        self.hush(presentation, Some(leg), Cause::ELSEWHERE, cx);
        let talk = Stage::Talk(Talk::new(&[self.caller, leg], Some(seat.clone())));
        let was = std::mem::replace(&mut self.stage, talk);
        if let Stage::Queued(Queued { notice: Some(notice), .. }) = was {
            self.story.tell(cx, What::NoticePlayed { prompt: notice.prompt, complete: false });
        }
        let answered = Failed { result: PresentationResult::Answered, status: Some(200) };
        self.story.tell_presentation_ended((presentation, seat.clone()), answered, rang, cx);
        let waited = self.wait.until(cx.now);
        self.wait = Wait::Over(waited);
        let operator = self.story.summary.operator.clone();
        let connected = What::SeatConnected { presentation, seat, operator, waited, leg };
        self.story.tell_as(cx, CallState::Connected, connected);
        cx.out.push(Output::Acd(acd::Input::Answered { presentation }));
        self.watch(&[leg], cx);
        self.hold_again(leg, cx);
    }

    /// The queue has let go of the call.
    pub(super) fn left(&mut self, exit: QueueExit, cx: &mut Cx<'_>) {
        if let Stage::Leaving(leaving) = &self.stage {
            let ending = leaving.ending.clone();
            return self.finish(&ending, cx);
        }
        if exit == QueueExit::Timeout {
            let prompt = self.origin.voice(cx.rules).and_then(|voice| voice.timeout.clone());
            self.last_message(EndReason::WaitLimit, prompt, cx);
        }
    }

    /// The caller hears why the call ends, where there is a prompt for it.
    pub(super) fn last_message(&mut self, reason: EndReason, prompt: Option<Arc<str>>, cx: &mut Cx<'_>) {
        let is_silent = prompt.is_none();
        let notice = self.audio.notice(prompt.unwrap_or_else(|| Arc::from("")));
        let until = cx.now.mono + LAST_MESSAGE_LIMIT;
        self.stage = Stage::LastMessage(LastMessage { reason, notice, until });
        if is_silent {
            self.last_message_over(cx);
        }
    }

    /// The last message is over.
    pub(super) fn last_message_over(&mut self, cx: &mut Cx<'_>) {
        if let Stage::LastMessage(LastMessage { reason, .. }) = self.stage {
            self.end(EndedBy::Gateway, reason, None, cx);
        }
    }

    /// The seat on `leg` is gone. The operator of a caller who is not: the caller hears an apology and is first in line
    /// again. A call that a seat placed is over.
    pub(super) fn return_to_queue(&mut self, leg: LegId, loss: Loss, cx: &mut Cx<'_>) {
        let Stage::Talk(Talk { serving, .. }) = &self.stage else { return };
        let (Some(seat), Origin::Inbound { queue, .. }) = (serving.clone(), &self.origin) else {
            return self.end(EndedBy::Gateway, EndReason::SignallingLost, None, cx);
        };
        let queue = queue.clone();
        self.end_consultation(cx);
        self.story.tell_left(leg, cx);
        self.on(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
        self.tell_resumed(cx);
        let apology = self.origin.voice(cx.rules).and_then(|voice| voice.apology.clone());
        let notice = apology.map(|prompt| self.audio.notice(prompt));
        self.stage = Stage::Queued(Queued { notice, ringing: None, recalled: false });
        self.story.summary.seat = None;
        self.wait = Wait::Since(cx.now.mono);
        let (call, reason) = (self.id, loss.into());
        cx.out.push(Output::Acd(acd::Input::Returned { call, seat, queue, reason }));
    }

    /// The call has lasted as long as it may: the operator is let go, the caller hears why.
    pub(super) fn too_long(&mut self, cx: &mut Cx<'_>) {
        self.longest = None;
        let prompt = cx.rules.call_length_prompt.clone();
        let (Stage::Talk(talk), Some(prompt)) = (&self.stage, prompt) else {
            return self.end(EndedBy::Gateway, EndReason::LengthLimit, None, cx);
        };
        let (leg, seat) = (talk.other(self.caller), talk.serving.clone());
        self.end_consultation(cx);
        if let Some(leg) = leg {
            self.on(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
        }
        self.tell_resumed(cx);
        if let Some(seat) = seat {
            self.finish_seat(seat, cx);
        }
        self.last_message(EndReason::LengthLimit, Some(prompt), cx);
    }
}
