//! The call: what it owns, what each input and each word of a leg means, and when it is over.

use super::arrival::Arrival;
use super::audio::Audio;
use super::inputs::{Input, Output, Reason, SeatAsked};
use super::leg::{self, Arriving as ArrivingLeg, Leg, Party, Purpose, Watch};
use super::legs::Legs;
use super::origin::{Dialled, Origin, placed};
use super::ringing::Failed;
use super::rules::{PeerRules, ServiceRules};
use super::search::{Search, Silent};
use super::stage::{Arriving, EarlyMedia, Outbound, Queued, Stage};
use super::story::{Cx, Story};
use crate::acd;
use crate::caller::History;
use crate::event::{
    self, CallState, CallerIdentified, EndReason, EndedBy, LookUpSource, RefusalReason, Summary, What,
};
use crate::id::{CallId, LegId, SeatId, ServiceNumber, TrunkId};
use crate::media;
use crate::redact::Pii;
use crate::sip::{Inside, KeyPress};
use crate::time::{Duration, Mono, Now};
use std::sync::Arc;

/// One citizen's request, or one call that a seat placed.
#[derive(Debug)]
pub struct Call {
    pub(super) id: CallId,
    pub(super) story: Story,
    pub(super) origin: Origin,
    pub(super) identity: event::Caller,
    pub(super) look_up: LookUp,
    pub(super) legs: Legs,
    /// The leg of the party that is served: only its end ends the call whatever the others do.
    pub(super) caller: LegId,
    pub(super) stage: Stage,
    pub(super) wait: Wait,
    /// The longest the call may last, from its 200 OK.
    pub(super) longest: Option<Mono>,
    pub(super) afterwork: Afterwork,
    pub(super) audio: Audio,
}

/// The look-up in the own store.
#[derive(Debug)]
pub(super) enum LookUp {
    /// Not answered yet.
    Asked {
        /// What is known without it.
        marks: Vec<(Arc<str>, Pii<String>)>,
        /// The call goes on without it then.
        until: Mono,
    },
    /// Answered, given up, or never asked.
    Settled(Option<History>),
}

/// The wait for an operator: that of the newest visit to the queue, as the visit's events have it. It ends with the first
/// word an operator speaks, and a caller who comes back waits anew.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wait {
    /// None yet, or never.
    Not,
    /// It goes on since then.
    Since(Mono),
    /// It took so long.
    Over(Duration),
}

impl Wait {
    /// The time in the queue, so far or in all.
    pub(super) fn until(self, now: Now) -> Duration {
        match self {
            Wait::Not => Duration::ZERO,
            Wait::Since(entered) => now.mono.since(entered),
            Wait::Over(took) => took,
        }
    }
}

/// What the record of a call that is over still waits for.
#[derive(Debug)]
pub(super) struct Afterwork {
    /// The seats whose wrap-up it waits for.
    pub(super) wrapping: Vec<SeatId>,
    pub(super) published: Published,
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

impl Call {
    /// A citizen's call begins: its first event, its media port, its deadlines.
    pub fn begin(arrival: Arrival, service: Arc<ServiceRules>, cx: &mut Cx<'_>) -> Call {
        let Arrival { call, leg: _, tx, flow, invite, offer, received, history, marks } = arrival;
        let queue = service.queue.clone();
        let stage = Stage::Arriving(Arriving {
            durable: false,
            answer_at: Some(service.answer_delay).filter(|d| *d > Duration::ZERO).map(|d| cx.now.mono + d),
            early_media: EarlyMedia::None,
        });
        let look_up = match history {
            Some(_) => LookUp::Asked { marks, until: cx.now.mono + cx.rules.look_up_deadline },
            None => LookUp::Settled(None),
        };
        let trunk = received.trunk.clone();
        let peer = cx.rules.trunk(&trunk);
        let offer = offer.map(Box::new);
        let (watch, inside) = (Watch::LeftAlone, Inside::ToContact);
        let arriving = ArrivingLeg { tx, flow, invite, offer, watch, inside };
        let origin = Origin::Inbound { service, queue };
        let party = Party::Caller { trunk };
        let mut begun = Call::with((call, received), (origin, stage, look_up), (party, peer, arriving), cx);
        begun.ring_caller(cx);
        begun
    }

    /// A call that a seat places begins: its first event, its media port and that of the other end, whose seat or channel is
    /// taken from here on. The other end is rung once the beginning is on disk.
    pub fn dial(dialled: Dialled, cx: &mut Cx<'_>) -> Call {
        let Dialled { call, seat, operator, asked, to } = dialled;
        let SeatAsked { leg, tx, flow, invite, offer, watch, inside } = asked;
        let trunk = to.trunk.clone().unwrap_or_else(|| TrunkId::from(""));
        let received = placed(&seat, trunk, &to.name, leg, (&invite, flow));
        let party = Party::Seat { seat: seat.clone(), operator };
        let peer = cx.rules.seat.clone();
        let arriving = ArrivingLeg { tx, flow, invite, offer: Some(offer), watch, inside };
        let dialled = received.service_number.clone();
        let origin = Origin::Outbound { seat: seat.clone(), line: leg, dialled };
        let search = Search::listened_to(to, cx.now.mono);
        let stage = Stage::Outbound(Outbound { durable: false, search });
        let look_up = LookUp::Settled(None);
        let mut begun = Call::with((call, received), (origin, stage, look_up), (party, peer, arriving), cx);
        let role = acd::OwnRole::Talks;
        cx.out.push(Output::Acd(acd::Input::Occupy { seat, call, role }));
        begun.begin_search(cx);
        begun.settle(cx);
        begun
    }

    fn with(
        (id, received): (CallId, event::CallReceived),
        (origin, stage, look_up): (Origin, Stage, LookUp),
        (party, peer, arriving): (Party, Arc<PeerRules>, ArrivingLeg),
        cx: &mut Cx<'_>,
    ) -> Call {
        let caller = received.leg;
        let identity = received.caller.clone();
        let summary = Summary {
            state: CallState::Received,
            caller: identity.shown(),
            service_number: received.service_number.clone(),
            queue: None,
            seat: origin.seat().cloned(),
            operator: party.operator().cloned(),
            received_at: cx.now.wall,
            ticket: None,
        };
        let mut story = Story::new(id, cx.now, summary);
        story.tell(cx, What::CallReceived(received));
        let first = cx.leg(caller, |lcx| Leg::arriving(caller, party, peer, arriving, lcx));
        Call {
            id,
            story,
            origin,
            identity,
            look_up,
            caller,
            legs: Legs::new(first),
            stage,
            wait: Wait::Not,
            longest: None,
            afterwork: Afterwork { wrapping: Vec::new(), published: Published::No },
            audio: Audio::default(),
        }
    }

    /// The call's id.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// What the citizen dialled; `None` for a call a seat places.
    pub fn service_dialled(&self) -> Option<&ServiceNumber> {
        self.origin.seat().is_none().then(|| self.origin.dialled())
    }

    /// Whether `leg` is the caller's.
    pub fn is_caller(&self, leg: LegId) -> bool {
        self.caller == leg
    }

    /// Its legs.
    pub fn legs(&self) -> &Legs {
        &self.legs
    }

    /// One of its legs, to be changed.
    pub fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(leg)
    }

    /// Whether nothing is left to do or to tell.
    pub fn is_finished(&self) -> bool {
        self.afterwork.published == Published::Final && self.legs.is_empty()
    }

    /// The next deadline and its reason.
    pub fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        let (stage, search) = match &self.stage {
            Stage::Arriving(arriving) => (arriving.answer_at.map(|at| (at, Reason::AnswerDelay)), None),
            Stage::LastMessage(message) => (Some((message.until, Reason::LastMessage)), None),
            Stage::Talk(talk) => (talk.probe_at.map(|at| (at, Reason::HoldProbe)), self.stage.search()),
            Stage::Outbound(_) | Stage::Transferring(_) => (None, self.stage.search()),
            Stage::Queued(_) | Stage::Leaving(_) | Stage::Over => (None, None),
        };
        let search = search.and_then(Search::poll_timeout).map(|(at, silent)| match silent {
            Silent::Hop => (at, Reason::Hop),
            Silent::All => (at, Reason::Recall),
        });
        let look_up = match &self.look_up {
            LookUp::Asked { until, .. } => Some((*until, Reason::LookUpDeadline)),
            LookUp::Settled(_) => None,
        };
        let longest = self.longest.map(|at| (at, Reason::CallLength));
        let legs = self.legs.iter().filter_map(|leg| Some((leg.poll_timeout()?, Reason::Leg(leg.id))));
        [stage, search, look_up, longest].into_iter().flatten().chain(legs).min()
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, cx: &mut Cx<'_>) {
        match input {
            Input::Durable => self.durable(cx),
            Input::History(history) => self.look_up_settled(Some(history), cx),
            Input::Media(event) => self.media_event(event, cx),
            Input::Cancelled { leg, cause } => self.on(leg, cx, |leg, lcx| leg.cancelled(cause, lcx)),
            Input::Acked { leg, ack } => self.on(leg, cx, |leg, lcx| leg.acked(&ack, lcx)),
            Input::Unacknowledged { leg } => self.on(leg, cx, Leg::unacknowledged),
            Input::Request { leg, tx, flow, request } => {
                self.on(leg, cx, |leg, lcx| leg.request(tx, flow, &request, lcx));
            }
            Input::Response { leg, flow, response } => {
                self.on(leg, cx, |leg, lcx| leg.response(flow, &response, lcx));
            }
            Input::Failed { leg, method, cseq, cause } => {
                self.on(leg, cx, |leg, lcx| leg.request_failed(&method, cseq, cause, lcx));
            }
            Input::Refer { leg, tx, request, to } => self.referred(leg, tx, &request, to, cx),
            Input::Consult { seat, asked, to } => self.consult(seat, *asked, *to, cx),
            Input::Entered(entered) => {
                self.story.summary.queue = Some(entered.queue.clone());
                self.story.tell_as(cx, CallState::Waiting, What::QueueEntered(entered));
            }
            Input::QueueFull => {
                let prompt = self.origin.voice(cx.rules).and_then(|voice| voice.full.clone());
                self.last_message(EndReason::QueueFull, prompt, cx);
            }
            Input::Present { .. } => self.present(input, cx),
            Input::Withdraw { presentation, result } => self.withdraw(presentation, result, cx),
            Input::Position { queue, position, depth, estimated_wait } => {
                self.story.tell(cx, What::QueuePositionChanged { queue, position, depth, estimated_wait });
            }
            Input::Left { queue, exit, position, waited } => {
                self.story.tell(cx, What::QueueLeft { queue, exit, position, waited });
                self.left(exit, cx);
            }
            Input::WrapUpStarted { seat, limit } => {
                self.afterwork.wrapping.push(seat.clone());
                self.story.tell(cx, What::WrapUpStarted { seat, limit });
            }
            Input::WrapUpCompleted { seat, timed_out } => {
                self.afterwork.wrapping.retain(|s| *s != seat);
                self.story.tell(cx, What::WrapUpCompleted { seat, timed_out });
                self.afterwork.published = Published::No;
            }
            Input::WayLost(way) => {
                for leg in self.watched() {
                    self.on(leg, cx, |leg, lcx| leg.way_lost(&way, lcx));
                }
            }
            Input::WayBack(way) => {
                for leg in self.watched() {
                    self.on(leg, cx, |leg, _| leg.way_back(&way));
                }
            }
            Input::Shutdown => self.end(EndedBy::Gateway, EndReason::Shutdown, None, cx),
            Input::Stop => self.stop(cx),
        }
        self.settle(cx);
    }

    /// Acts on every deadline that has come.
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        while let Some((_, reason)) = self.poll_timeout().filter(|(at, _)| *at <= cx.now.mono) {
            match reason {
                Reason::AnswerDelay => {
                    if let Stage::Arriving(arriving) = &mut self.stage {
                        arriving.answer_at = None;
                    }
                    self.try_answer(cx);
                }
                Reason::LookUpDeadline => self.look_up_settled(None, cx),
                Reason::CallLength => self.too_long(cx),
                Reason::LastMessage => self.last_message_over(cx),
                Reason::Hop => self.searched_in_vain(Silent::Hop, cx),
                Reason::Recall => self.searched_in_vain(Silent::All, cx),
                Reason::Leg(leg) => self.on(leg, cx, Leg::handle_timeout),
                Reason::HoldProbe => self.probe_on_hold(cx),
            }
        }
        self.settle(cx);
    }

    /// Does something with a leg, and acts on what the leg says of it.
    pub(super) fn on<T: Default>(
        &mut self,
        id: LegId,
        cx: &mut Cx<'_>,
        does: impl FnOnce(&mut Leg, &mut leg::Cx<'_>) -> T,
    ) -> T {
        let Some(leg) = self.legs.get_mut(id) else { return T::default() };
        let mut said = Vec::new();
        let mut lcx = leg::Cx { now: cx.now, random: cx.random, rules: cx.rules, out: &mut said };
        let done = does(leg, &mut lcx);
        for output in said {
            self.leg_says(id, output, cx);
        }
        done
    }

    fn leg_says(&mut self, leg: LegId, output: leg::Output, cx: &mut Cx<'_>) {
        match output {
            leg::Output::Send(send) => cx.out.push(Output::of(leg, send)),
            leg::Output::Progress { rings, early_media } => self.progressed(leg, rings, early_media, cx),
            leg::Output::Answered { rang } => self.phone_answered(leg, rang, cx),
            leg::Output::AnsweredUnusably => {
                let status = self.is_sought(leg).then_some(488);
                self.phone_has_its_say(leg, Failed::from(status), cx);
            }
            leg::Output::Rejected { status, rang } if rang && self.is_sought(leg) => {
                self.phone_has_its_say(leg, Failed::from(status), cx);
            }
            leg::Output::Rejected { status, .. } => self.phone_failed(leg, Failed::from(status), cx),
            leg::Output::HungUpEarly { was_ringing } => self.hung_up_early(leg, was_ringing, cx),
            leg::Output::Released => self.phone_released(leg, cx),
            leg::Output::GivenUp { how, cause } => self.given_up(leg, how, cause, cx),
            leg::Output::EarlyMediaAgreed => self.begin_early_media(leg),
            leg::Output::MayBeAnswered => self.try_answer(cx),
            leg::Output::Unanswerable => self.refuse(RefusalReason::BadMedia, 488, cx),
            leg::Output::HungUp { cause } => self.hung_up(leg, cause, cx),
            leg::Output::Lost { status, .. } if leg == self.caller => {
                self.end(EndedBy::Gateway, EndReason::SignallingLost, status, cx);
            }
            leg::Output::Lost { loss, .. } => self.leg_lost(leg, loss, cx),
            leg::Output::Missing(loss) => self.missing(leg, loss, cx),
            leg::Output::DirectionChanged(direction) => self.follow_direction(leg, direction, cx),
            leg::Output::KeyByInfo { key, held } => {
                // The media plane hears what comes in the audio, and tells one press from two.
                if self.audio.hearers(leg).next().is_some() {
                    cx.out.push(Output::Media(media::Command::Pressed { leg, key, held }));
                }
            }
            leg::Output::NotifyAnswered { status } => self.notify_answered(leg, status, cx),
        }
    }

    fn durable(&mut self, cx: &mut Cx<'_>) {
        match &mut self.stage {
            Stage::Arriving(arriving) => {
                arriving.durable = true;
                self.try_answer(cx);
            }
            Stage::Outbound(outbound) => {
                outbound.durable = true;
                self.invite_prepared(cx);
            }
            Stage::Queued(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => {}
        }
    }

    fn look_up_settled(&mut self, history: Option<History>, cx: &mut Cx<'_>) {
        let LookUp::Asked { marks, .. } = &mut self.look_up else { return };
        let attributes = std::mem::take(marks);
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
            self.invite_prepared(cx);
        }
    }

    fn media_event(&mut self, event: media::Event, cx: &mut Cx<'_>) {
        match event {
            media::Event::Opened { leg, local: media::LocalMedia::Plain { rtp, .. } } => {
                if let Some(opened) = self.legs.get_mut(leg) {
                    opened.media_opened(rtp);
                }
                self.ring_caller(cx);
                self.try_answer(cx);
                self.invite_prepared(cx);
                self.answer_pick_up(leg, cx);
            }
            media::Event::OpenFailed { leg, .. } => {
                self.on(leg, cx, Leg::media_failed);
                self.without_media(leg, cx);
            }
            media::Event::Played { play, complete, .. } => self.played(play, complete, cx),
            media::Event::Silent { a, b } => {
                let of_caller = [a, b].contains(&self.caller);
                if of_caller && self.stage.talk().is_some_and(|talk| talk.holder().is_none()) {
                    self.end(EndedBy::Gateway, EndReason::MediaSilent, None, cx);
                }
            }
            media::Event::Closed { leg, quality } => {
                if let Some(closed) = self.legs.get_mut(leg) {
                    closed.media_closed();
                }
                if quality.sent > 0 || quality.received > 0 {
                    self.story.tell(cx, What::MediaQuality(quality));
                }
            }
            media::Event::Digit { leg, digit, held } => {
                let usual = KeyPress::of(digit);
                let press = KeyPress { held: held.unwrap_or(usual.held), ..usual };
                let hearers: Vec<LegId> = self.audio.hearers(leg).collect();
                for hearer in hearers {
                    self.on(hearer, cx, |leg, lcx| leg.press(press, lcx));
                }
            }
            media::Event::Quiet { leg } => {
                if self.watched().contains(&leg) {
                    self.on(leg, cx, Leg::quieted);
                }
            }
            media::Event::Heard { .. } => {}
        }
    }

    fn played(&mut self, play: u32, complete: bool, cx: &mut Cx<'_>) {
        let ended = match &mut self.stage {
            Stage::Queued(Queued { notice, .. }) => notice.take_if(|notice| notice.play == play),
            Stage::Arriving(Arriving { early_media, .. }) => match early_media {
                EarlyMedia::Welcome(notice) if notice.play == play => {
                    let notice = notice.clone();
                    *early_media = EarlyMedia::Music;
                    Some(notice)
                }
                EarlyMedia::None | EarlyMedia::Welcome(_) | EarlyMedia::Music => None,
            },
            Stage::LastMessage(message) if message.notice.play == play => {
                return self.last_message_over(cx);
            }
            Stage::LastMessage(_)
            | Stage::Outbound(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::Leaving(_)
            | Stage::Over => None,
        };
        if let Some(notice) = ended {
            self.story.tell(cx, What::NoticePlayed { prompt: notice.prompt, complete });
        }
    }

    /// Drops legs that are gone, says what each party hears, and puts the record out when nothing more is to come.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>) {
        let (call, caller, is_over) = (self.id, self.caller, matches!(self.stage, Stage::Over));
        let on_caller = self.legs.get(caller).filter(|leg| is_over && leg.is_terminated());
        let vacated = on_caller.and_then(|leg| leg.party.seat()).cloned();
        let gone = self.legs.take(|leg| leg.is_gone() && (leg.id != caller || is_over));
        gone.iter().for_each(|leg| cx.out.push(Output::LegDown(leg.id)));
        // The phone has let go, whatever its port still waits for. Said again until that is closed, which changes nothing.
        if let Some(seat) = vacated {
            let spoke = self.story.record().is_some_and(|record| record.connected_at.is_some());
            cx.out.push(Output::Acd(acd::Input::Vacate { seat, call, spoke }));
        }
        // A seat may have several phones here: it is free when the last of them is.
        for leg in gone.iter().filter(|leg| leg.id != caller) {
            if let Some(seat) = leg.party.seat().filter(|seat| !self.legs.has(seat)).cloned() {
                let answered =
                    |presentation| self.story.record().is_some_and(|r| r.was_answered(presentation));
                let spoke =
                    self.origin.seat() == Some(&seat) || leg.purpose.presentation().is_some_and(answered);
                cx.out.push(Output::Acd(acd::Input::Vacate { seat, call, spoke }));
            }
        }
        let changes = self.audio.changes(self.stage.hears(caller), self.origin.voice(cx.rules), &self.legs);
        cx.out.extend(changes.into_iter().map(Output::Media));
        if !is_over || !self.legs.is_empty() {
            return;
        }
        let next = if self.afterwork.wrapping.is_empty() { Published::Final } else { Published::Ended };
        if self.afterwork.published == Published::No {
            self.afterwork.published = next;
            self.story.publish_record(cx, next == Published::Final);
        }
    }

    /// Whether `leg` rings for a party that is asked in.
    pub(super) fn is_sought(&self, leg: LegId) -> bool {
        self.legs.get(leg).is_some_and(|leg| matches!(leg.purpose, Purpose::Sought(_)))
    }
}
