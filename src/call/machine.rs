//! The stages of a call, and what each input means in each of them.

use super::answering::Wait;
use super::arrival::Arrival;
use super::caller_leg::{Agreement, CallerLeg, CallerSignalling, MediaSide};
use super::conduct::Conduct;
use super::ending::{self, Ending};
use super::fork::Fork;
use super::inputs::{Input, Output, Reason};
use super::presence::{Broken, Owner};
use super::rules::{QueueVoice, ServiceRules};
use super::seat_leg::{SeatLeg, SeatSignalling};
use super::story::{Cx, Story};
use super::third_party::Extension;
use crate::acd;
use crate::caller::History;
use crate::event::LookUpSource;
use crate::event::{
    CallRefused, CallState, CallerIdentified, EndReason, EndedBy, QueueExit, RefusalReason, Summary, What,
};
use crate::id::{CallId, LegId, SeatId, ServiceNumber};
use crate::media;
use crate::sip::{KeyPress, Outgoing};
use crate::time::{Duration, Mono, Timers};
use std::sync::Arc;

/// The longest a last message may take before the call is ended anyhow: no prompt of ours is longer.
const LAST_MESSAGE_LIMIT: Duration = Duration::from_secs(60);

/// One citizen's request.
#[derive(Debug)]
pub struct Call {
    pub(super) id: CallId,
    pub(super) story: Story,
    pub(super) service: Arc<ServiceRules>,
    pub(super) identity: crate::event::Caller,
    pub(super) look_up: LookUp,
    pub(super) caller: CallerLeg,
    pub(super) seats: Vec<SeatLeg>,
    pub(super) stage: Stage,
    pub(super) wait: Wait,
    /// The presentation that runs.
    pub(super) fork: Option<Fork>,
    /// How the last talk went that did not end the call.
    pub(super) broken: Broken,
    /// The seats whose wrap-up this call's record still waits for.
    pub(super) wrapping: Vec<SeatId>,
    pub(super) published: Published,
    pub(super) deadlines: Timers<Reason>,
    /// The leg the caller hears although it has not answered.
    pub(super) early_sound: Option<LegId>,
    /// Whom the call is being extended to.
    pub(super) extension: Option<Extension>,
    /// Who joined beside caller and queue, as events name them, until they leave; at most one a leg.
    pub(super) guests: Vec<(LegId, Arc<str>)>,
    /// The seat that made the call by itself.
    pub(super) owner: Option<Owner>,
    /// The caller came back from somebody who did not answer.
    pub(super) recalled: bool,
    pub(super) plays: u32,
}

/// The look-up in the own store.
#[derive(Debug)]
pub(super) enum LookUp {
    /// Not answered yet; this is known without it.
    Asked(Vec<(Arc<str>, crate::redact::Pii<String>)>),
    /// Answered, given up, or never asked.
    Settled(Option<History>),
}

/// How far the record has been put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Published {
    /// Not since the end.
    No,
    /// The call is over; the wrap-up may still add to it.
    Ended,
    /// Nothing more will come.
    Final,
}

/// Where a call stands.
#[derive(Debug)]
pub(super) enum Stage {
    /// The INVITE is here; our answer waits for disk, port and answer delay.
    Arriving {
        /// The beginning is on disk.
        durable: bool,
        /// What the caller hears already.
        sound: Sound,
    },
    /// Answered and in the queue, presented or not.
    Waiting {
        /// The welcome that still plays.
        welcome: Option<(u32, Arc<str>)>,
    },
    /// A seat's own call: who it wants is being rung.
    Dialling {
        /// The beginning is on disk; nobody is rung before.
        durable: bool,
    },
    /// The caller hears music until somebody else answers for whom the seat lets him go.
    HandingOn,
    /// A human speaks with the caller.
    Connected {
        /// That human's leg.
        leg: LegId,
        /// The seat; `None` for somebody outside.
        seat: Option<SeatId>,
        /// Who put whom on hold, and since when.
        hold: Option<(LegId, Mono)>,
    },
    /// The caller hears why he must go.
    LastMessage {
        /// Why.
        reason: EndReason,
        /// The prompt.
        play: u32,
    },
    /// Asked to leave the queue; ends when the queue has let go.
    Leaving(Ending),
    /// Ended. Legs may still be closing, the seat may still wrap up.
    Over,
}

/// What the caller hears before our answer.
#[derive(Debug)]
pub(super) enum Sound {
    /// What his own network plays.
    None,
    /// The welcome, under this number.
    Welcome(u32, Arc<str>),
    /// The queue's music.
    Music,
}

impl Call {
    /// A call begins: its first event, its media port, its deadlines.
    pub fn begin(arrival: Arrival, service: Arc<ServiceRules>, cx: &mut Cx<'_>) -> Call {
        let Arrival { call, leg, tx, flow, invite, offer, received, history, marks } = arrival;
        let identity = received.caller.clone();
        let peer = cx.rules.trunk(&received.trunk);
        let summary = Summary {
            state: CallState::Received,
            caller: identity.shown(),
            service_number: received.service_number.clone(),
            queue: None,
            seat: None,
            operator: None,
            received_at: cx.now.wall,
            ticket: None,
        };
        let mut story = Story::new(call, cx.now, summary);
        cx.out.push(Output::LegUp(leg));
        story.tell(cx, What::CallReceived(received));
        let family = cx.rules.media.family(offer.as_ref(), &flow);
        let media = Agreement::new(leg, family, cx.random.bits(), (peer.clone(), &flow));
        cx.out.push(Output::Media(media.opening()));
        let mut deadlines = Timers::default();
        let look_up = if history.is_some() {
            deadlines.set(Reason::LookUpDeadline, cx.now.mono + cx.rules.look_up_deadline);
            LookUp::Asked(marks)
        } else {
            LookUp::Settled(None)
        };
        if service.answer_delay > Duration::ZERO {
            deadlines.set(Reason::AnswerDelay, cx.now.mono + service.answer_delay);
        }
        deadlines.extend(Reason::expires(leg, &invite, cx.now.mono));
        let mut conduct = Conduct::new(peer, cx.random.bits());
        conduct.learn(&invite);
        let mut call = Call {
            id: call,
            story,
            service,
            identity,
            look_up,
            caller: CallerLeg {
                id: leg,
                signalling: CallerSignalling::Unanswered {
                    tx,
                    invite,
                    flow,
                    offer: offer.map(Box::new),
                    early: None,
                },
                media,
                conduct,
            },
            seats: Vec::new(),
            stage: Stage::Arriving { durable: false, sound: Sound::None },
            wait: Wait::Not,
            fork: None,
            broken: Broken::Not,
            wrapping: Vec::new(),
            published: Published::No,
            deadlines,
            early_sound: None,
            extension: None,
            guests: Vec::new(),
            owner: None,
            recalled: false,
            plays: 0,
        };
        call.ring(cx);
        call
    }

    /// The call's id.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// What the citizen dialled; `None` for a call a seat makes.
    pub fn service_dialled(&self) -> Option<&ServiceNumber> {
        self.owner.is_none().then_some(&self.service.number)
    }

    /// Whether `leg` is the caller's.
    pub fn is_caller(&self, leg: LegId) -> bool {
        self.caller.id == leg
    }

    /// Whether nothing is left to do or to say.
    pub fn is_finished(&self) -> bool {
        self.published == Published::Final && self.caller.is_gone() && self.seats.is_empty()
    }

    /// The next deadline and its reason.
    pub fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        self.deadlines.next()
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, cx: &mut Cx<'_>) {
        match input {
            Input::Durable => self.durable(cx),
            Input::History(history) => self.look_up_settled(Some(history), cx),
            Input::Media(event) => self.media_event(event, cx),
            Input::Cancelled { leg, cause } if leg == self.caller.id => self.cancelled(cause, cx),
            Input::Cancelled { leg, .. } => self.seat_gave_up(leg, cx),
            Input::Acked { leg, ack } => self.acked(leg, &ack, cx),
            Input::Unacknowledged { leg } => self.unacknowledged(leg, cx),
            Input::Request { leg, tx, flow, request } => self.request(leg, (tx, flow), &request, cx),
            Input::Response { leg, flow, response } => self.response(leg, flow, &response, cx),
            Input::Failed { leg, method, cseq, cause } => {
                self.request_failed(leg, &method, (cseq, cause), cx)
            }
            Input::Refer { leg, tx, request, to } => self.referred(leg, tx, &request, to, cx),
            Input::Consult { seat, asked, to } => self.consult(seat, asked, *to, cx),
            Input::Entered(entered) => {
                self.story.summary.queue = Some(entered.queue.clone());
                self.story.tell_as(cx, CallState::Waiting, What::QueueEntered(entered));
            }
            Input::QueueFull => self.queue_full(cx),
            Input::Present { presentation, seat, operator, attempt, waited, why, limit, reached } => {
                self.story.summary.operator = operator;
                self.present(presentation, seat, (attempt, waited, why, limit), reached, cx);
            }
            Input::Withdraw { presentation, result } => self.withdraw(presentation, result, cx),
            Input::Position { queue, position, depth, estimated_wait } => {
                self.story.tell(cx, What::QueuePositionChanged { queue, position, depth, estimated_wait });
            }
            Input::Left { queue, exit, position, waited } => {
                self.story.tell(cx, What::QueueLeft { queue, exit, position, waited });
                self.left(exit, cx);
            }
            Input::WrapUpStarted { seat, limit } => {
                self.wrapping.push(seat.clone());
                self.story.tell(cx, What::WrapUpStarted { seat, limit });
            }
            Input::WrapUpCompleted { seat, timed_out } => {
                self.wrapping.retain(|s| *s != seat);
                self.story.tell(cx, What::WrapUpCompleted { seat, timed_out });
                self.published = Published::No;
            }
            Input::WayLost(way) => self.way_lost(&way, cx),
            Input::WayBack(way) => self.way_back(&way),
            Input::Shutdown => self.end(EndedBy::Gateway, EndReason::Shutdown, None, cx),
            Input::Stop => self.stop(cx),
        }
        self.settle(cx);
    }

    /// Acts on every deadline that has come.
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        while let Some(reason) = self.deadlines.pop_due(cx.now.mono) {
            match reason {
                Reason::AnswerDelay => self.try_answer(cx),
                Reason::LookUpDeadline => self.look_up_settled(None, cx),
                Reason::CallLength => self.too_long(cx),
                Reason::LastMessage => self.last_message_over(cx),
                Reason::Hop => self.hop_silent(cx),
                Reason::Recall => self.extension_silent(cx),
                Reason::Returned(_) => {}
                Reason::Expires(leg) => self.invite_expired(leg, cx),
                Reason::Leg(leg) => self.leg_due(leg, cx),
                Reason::Unheard(leg) => self.unheard(leg, cx),
                Reason::SeatAsked(leg) => self.seat_overdue(leg, cx),
                Reason::SeatOnHold => self.seat_on_hold(cx),
            }
        }
        self.settle(cx);
    }

    fn durable(&mut self, cx: &mut Cx<'_>) {
        if let Stage::Arriving { durable, .. } = &mut self.stage {
            *durable = true;
            self.try_answer(cx);
        }
        self.dial_now(cx);
    }

    /// Turns the call away before an answer; the beginning was told already.
    pub(super) fn refuse(&mut self, reason: RefusalReason, status: u16, cx: &mut Cx<'_>) {
        if let CallerSignalling::Unanswered { tx, invite, .. } = &self.caller.signalling {
            let mut response = Outgoing::response(invite, status, Some(&self.caller.id.to_string()));
            if status == 503 {
                response = response.with("Retry-After", super::RETRY_AFTER);
            }
            cx.out.push(Output::Respond { tx: *tx, response });
        }
        self.caller.signalling = CallerSignalling::Down;
        let refused = CallRefused { received: None, reason, sip_code: status };
        self.story.tell_as(cx, CallState::Refused, What::CallRefused(refused));
        self.stage = Stage::Over;
        ending::close_media(self, cx);
    }

    fn look_up_settled(&mut self, history: Option<History>, cx: &mut Cx<'_>) {
        let LookUp::Asked(marks) = &mut self.look_up else { return };
        let attributes = std::mem::take(marks);
        self.deadlines.cancel(Reason::LookUpDeadline);
        let known = history.clone().unwrap_or_default();
        let identified = CallerIdentified {
            source: LookUpSource::History,
            calls_24h: known.calls_24h,
            calls_7d: known.calls_7d,
            calls_30d: known.calls_30d,
            last_seat: known.last_seat,
            last_operator: known.last_operator,
            attributes,
            took: cx.now.mono.since(self.story.began()),
            timed_out: history.is_none(),
        };
        self.look_up = LookUp::Settled(history);
        if !matches!(self.stage, Stage::Over) {
            self.story.tell(cx, What::CallerIdentified(identified));
            self.ring_prepared_seats(cx);
        }
    }

    fn media_event(&mut self, event: media::Event, cx: &mut Cx<'_>) {
        match event {
            media::Event::Opened { leg, local: media::LocalMedia::Plain { rtp, .. } } => {
                self.media_opened(leg, rtp, cx);
            }
            media::Event::OpenFailed { leg, .. } => self.media_failed(leg, cx),
            media::Event::Played { play, complete, .. } => self.played(play, complete, cx),
            media::Event::Silent { a, b } => {
                let of_caller = [a, b].contains(&self.caller.id);
                if of_caller && matches!(self.stage, Stage::Connected { hold: None, .. }) {
                    self.end(EndedBy::Gateway, EndReason::MediaSilent, None, cx);
                }
            }
            media::Event::Closed { leg, quality } => {
                if let Some(side) = self.media_of(leg) {
                    side.side = MediaSide::Closed;
                }
                if quality.sent > 0 || quality.received > 0 {
                    self.story.tell(cx, What::MediaQuality(quality));
                }
            }
            media::Event::Digit { leg, digit, held } => {
                let usual = KeyPress::of(digit);
                self.key_pressed(leg, KeyPress { held: held.unwrap_or(usual.held), ..usual }, cx);
            }
            media::Event::Quiet { leg } => self.seat_quiet(leg, cx),
            media::Event::Heard { .. } => {}
        }
    }

    fn media_opened(&mut self, leg: LegId, port: u16, cx: &mut Cx<'_>) {
        if let Some(side) = self.media_of(leg)
            && side.side == MediaSide::Opening
        {
            side.side = MediaSide::Open { port };
        }
        if leg == self.caller.id {
            self.ring(cx);
            return self.try_answer(cx);
        }
        self.ring_prepared_seats(cx);
        self.ring_third(leg, cx);
        self.answer_seat(leg, cx);
    }

    fn media_failed(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if let Some(side) = self.media_of(leg) {
            side.side = MediaSide::Closed;
        }
        if leg != self.caller.id {
            let lost = self.seats.iter().find(|s| s.id == leg);
            if let Some(SeatSignalling::Answering { asked }) = lost.map(|s| &s.signalling) {
                super::pick_up::refuse(asked, leg, 503, cx);
            }
            return self.seat_lost(leg, None, cx);
        }
        if matches!(self.stage, Stage::Arriving { .. }) {
            self.refuse(RefusalReason::Internal, 503, cx);
        }
        self.own_media_failed(cx);
    }

    /// Sets the deadline of every leg that still speaks with its peer.
    fn arm_legs(&mut self) {
        let due = |live: bool, conduct: &Conduct| conduct.poll_timeout().filter(|_| live);
        let caller = (self.caller.id, due(self.caller.is_live(), &self.caller.conduct));
        let seats = self.seats.iter().map(|seat| (seat.id, due(seat.is_live(), &seat.conduct)));
        for (leg, at) in seats.chain([caller]) {
            match at {
                Some(at) => self.deadlines.set(Reason::Leg(leg), at),
                None => self.deadlines.cancel(Reason::Leg(leg)),
            }
        }
    }

    pub(super) fn media_of(&mut self, leg: LegId) -> Option<&mut Agreement> {
        if leg == self.caller.id {
            return Some(&mut self.caller.media);
        }
        self.seats.iter_mut().find(|s| s.id == leg).map(|s| &mut s.media)
    }

    fn played(&mut self, play: u32, complete: bool, cx: &mut Cx<'_>) {
        match &mut self.stage {
            Stage::Waiting { welcome } if welcome.as_ref().is_some_and(|(w, _)| *w == play) => {
                let Some((_, prompt)) = welcome.take() else { return };
                self.story.tell(cx, What::NoticePlayed { prompt, complete });
                self.play_music(self.caller.id, cx);
            }
            Stage::Arriving { sound: sound @ Sound::Welcome(..), .. } => {
                let Sound::Welcome(welcome, prompt) = std::mem::replace(sound, Sound::Music) else { return };
                if welcome != play {
                    *sound = Sound::Welcome(welcome, prompt);
                    return;
                }
                self.story.tell(cx, What::NoticePlayed { prompt, complete });
                self.play_music(self.caller.id, cx);
            }
            Stage::LastMessage { play: last, .. } if *last == play => self.last_message_over(cx),
            _ => {}
        }
    }

    pub(super) fn voice(&self, cx: &Cx<'_>) -> QueueVoice {
        cx.rules.voices.get(&self.service.queue).cloned().unwrap_or_default()
    }

    /// Starts a prompt towards the caller; its number comes back when it is over.
    pub(super) fn play(&mut self, prompt: Arc<str>, repeat: bool, cx: &mut Cx<'_>) -> u32 {
        let leg = self.caller.id;
        self.plays += 1;
        cx.out.push(Output::Media(media::Command::Play { leg, prompt, repeat, play: self.plays }));
        self.plays
    }

    /// Starts the queue's music towards `leg`, if it has any.
    pub(super) fn play_music(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if let Some(prompt) = self.voice(cx).music {
            self.plays += 1;
            cx.out.push(Output::Media(media::Command::Play { leg, prompt, repeat: true, play: self.plays }));
        }
    }

    fn queue_full(&mut self, cx: &mut Cx<'_>) {
        let prompt = self.voice(cx).full;
        self.last_message(EndReason::QueueFull, prompt, cx);
    }

    /// The queue has let go of the call.
    fn left(&mut self, exit: QueueExit, cx: &mut Cx<'_>) {
        if let Stage::Leaving(ending) = &self.stage {
            let ending = ending.clone();
            return ending::finish(self, &ending, cx);
        }
        if exit == QueueExit::Timeout {
            let prompt = self.voice(cx).timeout;
            self.last_message(EndReason::WaitLimit, prompt, cx);
        }
    }

    fn last_message(&mut self, reason: EndReason, prompt: Option<Arc<str>>, cx: &mut Cx<'_>) {
        match prompt {
            Some(prompt) => {
                let play = self.play(prompt, false, cx);
                self.stage = Stage::LastMessage { reason, play };
                self.deadlines.set(Reason::LastMessage, cx.now.mono + LAST_MESSAGE_LIMIT);
            }
            None => {
                self.stage = Stage::LastMessage { reason, play: 0 };
                self.last_message_over(cx);
            }
        }
    }

    /// The call has lasted as long as it may: the operator is let go, the caller hears why.
    fn too_long(&mut self, cx: &mut Cx<'_>) {
        let prompt = cx.rules.call_length_prompt.clone();
        let Stage::Connected { leg, seat, hold } = &self.stage else {
            return self.end(EndedBy::Gateway, EndReason::LengthLimit, None, cx);
        };
        let (leg, seat, hold) = (*leg, seat.clone(), *hold);
        if prompt.is_none() {
            return self.end(EndedBy::Gateway, EndReason::LengthLimit, None, cx);
        }
        self.end_consult(cx);
        cx.out.push(Output::Media(media::Command::Unbridge { a: self.caller.id }));
        if let Some(talking) = self.seats.iter_mut().find(|s| s.id == leg) {
            talking.hang_up(cx);
        }
        if let Some((holder, since)) = hold {
            let held = cx.now.mono.since(since);
            self.story.tell(cx, What::CallResumed { leg: holder, held });
        }
        seat.into_iter().for_each(|seat| self.finish_seat(seat, cx));
        self.last_message(EndReason::LengthLimit, prompt, cx);
    }

    fn last_message_over(&mut self, cx: &mut Cx<'_>) {
        if let Stage::LastMessage { reason, .. } = self.stage {
            self.end(EndedBy::Gateway, reason, None, cx);
        }
    }

    /// Drops legs that are gone, and puts the record out when nothing more is to come.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        let mut left = Vec::new();
        self.seats.retain(|seat| {
            let gone = seat.is_gone();
            if gone && !seat.seat.as_str().is_empty() {
                left.push((seat.seat.clone(), seat.presentation));
            }
            if gone {
                self.deadlines.cancel(Reason::Leg(seat.id));
                self.deadlines.cancel(Reason::Expires(seat.id));
                cx.out.push(Output::LegDown(seat.id));
            }
            !gone
        });
        // What the caller's leg took is not kept for a wrap-up that may follow.
        let caller = self.caller.id;
        // The phone has let go, whatever its port still waits for. Said again until that is closed, which changes nothing.
        if matches!((&self.stage, &self.caller.signalling), (Stage::Over, CallerSignalling::Down))
            && let Some(seat) = self.owner.as_ref().and_then(|owner| owner.on_caller_leg(caller))
        {
            let (seat, call) = (seat.clone(), self.id);
            let spoke = self.story.record().is_some_and(|record| record.connected_at.is_some());
            cx.out.push(Output::Acd(acd::Input::Vacate { seat, call, spoke }));
        }
        if matches!(self.stage, Stage::Over) && self.caller.ends() {
            cx.out.push(Output::LegDown(caller));
        }
        let on_caller_leg = self.owner.as_ref().filter(|_| !self.caller.is_gone());
        let on_caller_leg = on_caller_leg.and_then(|owner| owner.on_caller_leg(caller));
        // A seat may have several phones here: it is free when the last of them is. One that is in the call by its queue
        // is none the wiser.
        left.retain(|(seat, _)| {
            self.seats.iter().all(|s| s.seat != *seat) && on_caller_leg.is_none_or(|on| on != seat)
        });
        let call = self.id;
        for (seat, presentation) in left {
            let made = self.owner.as_ref().is_some_and(|owner| owner.seat == seat);
            let spoke = made || self.story.record().is_some_and(|record| record.was_answered(presentation));
            cx.out.push(Output::Acd(acd::Input::Vacate { seat, call, spoke }));
        }
        self.arm_legs();
        if !matches!(self.stage, Stage::Over) || !self.caller.is_gone() || !self.seats.is_empty() {
            return;
        }
        let next = if self.wrapping.is_empty() { Published::Final } else { Published::Ended };
        if self.published == Published::No {
            self.published = next;
            self.story.publish_record(cx, next == Published::Final);
        }
    }
}
