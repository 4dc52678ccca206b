//! The call: what it owns, what each input and each word of a leg means, and when it is over.

use super::arrival::Arrival;
use super::common::{Beginning, Common, LookUp};
use super::inputs::{IncomingLeg, Input, Output, Reason};
use super::leg::{self, IncomingInvite, Leg, Party, Probing, Purpose};
use super::legs::Legs;
use super::origin::{Dialled, Origin, placed};
use super::outcome::{Ending, exit_of};
use super::ringing::Failed;
use super::rules::ServiceRules;
use super::search::{Asks, Search, Silent};
use super::stage::{Arriving, Leaving, Outbound, Stage};
use super::story::Cx;
use super::waiting::EarlyMedia;
use crate::acd;
use crate::caller::History;
use crate::event::{EndReason, EndedBy, QueueExit, RefusalReason, What};
use crate::id::{LegId, SeatId, ServiceNumber};
use crate::media;
use crate::sip::{Cause, Inside, KeyPress, Status};
use crate::time::{Duration, Mono};
use std::sync::Arc;

/// One citizen's request, or one call that a seat placed.
#[derive(Debug)]
pub struct Call {
    pub(super) common: Common,
    pub(super) stage: Stage,
    pub(super) afterwork: Afterwork,
}

/// What the record of a call that is over still waits for.
#[derive(Debug, Default)]
pub(super) struct Afterwork {
    /// The seats whose wrap-up it waits for.
    pub(super) wrapping: Vec<SeatId>,
    pub(super) published: Published,
}

impl Afterwork {
    /// A seat has wrapped up: the record is put out once more.
    fn wrapped_up(&mut self, seat: &SeatId) {
        self.wrapping.retain(|wrapping| wrapping != seat);
        self.published = Published::No;
    }

    /// Waits for nothing any more: the record is final as it stands.
    fn abandon(&mut self) {
        self.wrapping.clear();
        if self.published == Published::Ended {
            self.published = Published::No;
        }
    }
}

/// How far the record has been put out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Published {
    /// Not since the end.
    #[default]
    No,
    /// The call is over; the wrap-up may still add to it.
    Ended,
    /// Nothing more will come.
    Final,
}

impl Call {
    /// A citizen's call begins: its first event, its media port, its deadlines.
    pub fn begin(arrival: Arrival, service: Arc<ServiceRules>, cx: &mut Cx<'_>) -> Call {
        let Arrival { call, trunk, tx, flow, invite, offer, received, history, marks } = arrival;
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
        let peer = cx.rules.trunk(&trunk);
        let offer = offer.map(Box::new);
        let (probing, inside) = (Probing::InDialog, Inside::ToContact);
        let incoming = IncomingInvite { tx, flow, invite, offer, probing, inside };
        let origin = Origin::Inbound { service, queue };
        let party = Party::Caller { trunk };
        let mut begun = Call {
            common: Common::begin(
                Beginning { id: call, received, origin, look_up, number: history, party, peer },
                incoming,
                cx,
            ),
            stage,
            afterwork: Afterwork::default(),
        };
        begun.ring_caller(cx);
        begun
    }

    /// A call that a seat places begins: its first event, its media port and that of the other end, whose seat or channel is
    /// taken from here on. The other end is rung once the beginning is on disk.
    pub fn dial(dialled: Dialled, cx: &mut Cx<'_>) -> Call {
        let Dialled { call, seat, operator, line, to } = dialled;
        let IncomingLeg { leg, incoming } = line;
        let received = placed(&seat, to.trunk.clone(), &to.name, leg, &incoming.invite, incoming.flow);
        let party = Party::Seat { seat: seat.clone(), operator };
        let peer = cx.rules.seat.clone();
        let dialled = received.service_number.clone();
        let origin = Origin::Outbound { seat: seat.clone(), line: leg, dialled };
        let number = to.citizen;
        let search = Search::new(to, seat.clone(), Asks::Talk, cx.now.mono);
        let stage = Stage::Outbound(Outbound { durable: false, search });
        let look_up = LookUp::Settled(None);
        let mut begun = Call {
            common: Common::begin(
                Beginning { id: call, received, origin, look_up, number, party, peer },
                incoming,
                cx,
            ),
            stage,
            afterwork: Afterwork::default(),
        };
        let role = acd::OwnRole::Talks;
        cx.out.push(Output::Acd(acd::Input::Occupy { seat, call, role }));
        if let Stage::Outbound(outbound) = &mut begun.stage
            && !begun.common.begin_search(&mut outbound.search, cx)
        {
            begun.search_failed(None, cx);
        }
        begun.settle(cx);
        begun
    }

    /// What the citizen dialled; `None` for a call a seat places.
    pub fn service_dialled(&self) -> Option<&ServiceNumber> {
        self.common.origin.seat().is_none().then(|| self.common.origin.dialled())
    }

    /// Whether `leg` is the caller's.
    pub fn is_caller(&self, leg: LegId) -> bool {
        self.common.caller == leg
    }

    /// Its legs.
    pub fn legs(&self) -> &Legs {
        &self.common.legs
    }

    /// One of its legs, to be changed.
    pub fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        self.common.legs.get_mut(leg)
    }

    /// Whether it is over, and only its dialogs are left.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Whether it waits in a queue.
    pub fn is_queued(&self) -> bool {
        matches!(self.stage, Stage::Queued(_))
    }

    /// The seats that are in it, and how.
    pub fn busy_seats(&self) -> Vec<(SeatId, acd::Busy)> {
        self.stage.busy_seats(&self.common)
    }

    /// Whether nothing is left to do or to tell.
    pub fn is_finished(&self) -> bool {
        self.afterwork.published == Published::Final && self.common.legs.is_empty()
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
            Silent::Silenced => (at, Reason::Silenced),
        });
        let look_up = match &self.common.look_up {
            LookUp::Asked { until, .. } => Some((*until, Reason::LookUpDeadline)),
            LookUp::Settled(_) => None,
        };
        let longest = self.common.longest.map(|at| (at, Reason::CallLength));
        let legs = self.common.legs.iter().filter_map(|leg| Some((leg.poll_timeout()?, Reason::Leg(leg.id))));
        [stage, search, look_up, longest].into_iter().flatten().chain(legs).min()
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, cx: &mut Cx<'_>) {
        match input {
            Input::Durable => {
                self.stage.is_durable();
                self.try_answer(cx);
                self.stage.invite_prepared(&mut self.common, cx);
            }
            Input::History(history) => self.identified(Some(history), cx),
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
            Input::Consult { seat, line, to } => self.consult(seat, *line, *to, cx),
            Input::Probe { leg } => self.on(leg, cx, Leg::probe),
            Input::HangUp { leg } => {
                self.common.command(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
            }
            Input::PartyFound(to) => self.party_found(to, cx),
            Input::Entered(entered) => self.common.story.tell_entered(entered, cx),
            Input::QueueFull => {
                let prompt = self.common.origin.voice(cx.rules).and_then(|voice| voice.full.clone());
                self.last_message(EndReason::QueueFull, prompt, cx);
            }
            Input::Present { .. } => self.stage.present(input, &mut self.common, cx),
            Input::Withdraw { presentation, result } => {
                self.stage.withdraw(presentation, result, &mut self.common, cx)
            }
            Input::Position { queue, position, depth, estimated_wait } => {
                self.common
                    .story
                    .tell(cx, What::QueuePositionChanged { queue, position, depth, estimated_wait });
            }
            Input::Left { queue, exit, position, waited } => {
                self.common.story.tell(cx, What::QueueLeft { queue, exit, position, waited });
                if let Stage::Leaving(leaving) = &self.stage {
                    let ending = leaving.ending.clone();
                    let stage = std::mem::replace(&mut self.stage, Stage::Over);
                    self.common.finish(&ending, stage, cx);
                } else if exit == QueueExit::Timeout {
                    let voice = self.common.origin.voice(cx.rules);
                    self.last_message(EndReason::WaitLimit, voice.and_then(|v| v.timeout.clone()), cx);
                }
            }
            Input::WrapUpStarted { seat, limit } => {
                self.afterwork.wrapping.push(seat.clone());
                self.common.story.tell(cx, What::WrapUpStarted { seat, limit });
            }
            Input::WrapUpCompleted { seat, timed_out } => {
                self.afterwork.wrapped_up(&seat);
                self.common.story.tell(cx, What::WrapUpCompleted { seat, timed_out });
            }
            Input::PathLost(path) => {
                let watched = self.stage.watched(&self.common);
                watched.into_iter().for_each(|leg| self.on(leg, cx, |leg, lcx| leg.path_lost(&path, lcx)));
            }
            Input::PathRestored(path) => {
                let watched = self.stage.watched(&self.common);
                watched.into_iter().for_each(|leg| self.on(leg, cx, |leg, _| leg.path_restored(&path)));
            }
            Input::Shutdown => self.end(Ending::new(EndedBy::Gateway, EndReason::Shutdown), cx),
            Input::Stop => {
                self.end(Ending::new(EndedBy::Gateway, EndReason::Shutdown), cx);
                self.common.abandon(cx);
                self.afterwork.abandon();
            }
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
                Reason::LookUpDeadline => self.identified(None, cx),
                Reason::CallLength => self.too_long(cx),
                Reason::LastMessage => self.last_message_over(cx),
                Reason::Hop => self.number_failed(Failed::from(Some(Status::REQUEST_TIMEOUT)), cx),
                Reason::Recall => self.search_failed(Some(Status::REQUEST_TIMEOUT), cx),
                Reason::Silenced => self.stage.look_up_party(cx),
                Reason::Leg(leg) => self.on(leg, cx, Leg::handle_timeout),
                Reason::HoldProbe => {
                    if let Stage::Talk(talk) = &mut self.stage {
                        talk.probe_on_hold(&mut self.common, cx);
                    }
                }
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
        let Some(leg) = self.common.legs.get_mut(id) else { return T::default() };
        let mut said = Vec::new();
        let mut lcx = leg::Cx { now: cx.now, random: cx.random, rules: cx.rules, out: &mut said };
        let done = does(leg, &mut lcx);
        for output in said {
            self.leg_says(id, output, cx);
        }
        done
    }

    /// What is known of the caller is known: it is told, and what waited for it goes on.
    fn identified(&mut self, history: Option<History>, cx: &mut Cx<'_>) {
        if matches!(self.stage, Stage::Over) {
            self.common.look_up = LookUp::Settled(history);
        } else {
            self.common.look_up_settled(history, cx);
            self.stage.invite_prepared(&mut self.common, cx);
        }
    }

    fn leg_says(&mut self, leg: LegId, output: leg::Output, cx: &mut Cx<'_>) {
        match output {
            leg::Output::Send(send) => cx.out.push(Output::of(leg, send)),
            leg::Output::Progress { rings, early_media } => {
                self.stage.progressed(leg, rings, early_media, &mut self.common, cx)
            }
            leg::Output::Answered { rang } => self.phone_answered(leg, rang, cx),
            leg::Output::AnsweredUnusably => {
                let status = self.common.is_sought(leg).then_some(Status::NOT_ACCEPTABLE_HERE);
                self.stage.was_reached(leg);
                self.phone_failed(leg, Failed::from(status), cx);
            }
            leg::Output::Rejected { status, rang } if rang && self.common.is_sought(leg) => {
                self.stage.was_reached(leg);
                self.phone_failed(leg, Failed::from(status), cx);
            }
            leg::Output::Rejected { status, .. } => self.phone_failed(leg, Failed::from(status), cx),
            leg::Output::HungUpEarly { was_ringing } => self.hung_up_early(leg, was_ringing, cx),
            // When it was the last the seat may be offered another call.
            leg::Output::Released => {
                if let Some(Purpose::Serves(presentation)) = self.common.purpose(leg) {
                    self.common.release(presentation, cx);
                }
            }
            leg::Output::GivenUp { how, cause } => self.given_up(leg, how, cause, cx),
            leg::Output::EarlyMediaAgreed => self.stage.begin_early_media(leg, &mut self.common),
            leg::Output::MayBeAnswered => self.try_answer(cx),
            leg::Output::Unanswerable => {
                self.refuse(RefusalReason::BadMedia, Status::NOT_ACCEPTABLE_HERE, cx)
            }
            leg::Output::HungUp { cause } => self.hung_up(leg, cause, cx),
            leg::Output::Lost { status, .. } if leg == self.common.caller => {
                self.end(Ending::new(EndedBy::Gateway, EndReason::SignallingLost).with_sip(status), cx);
            }
            leg::Output::Lost { loss, .. } => self.leg_lost(leg, loss, cx),
            leg::Output::Missing(loss) => {
                if !self.stage.is_gone(leg, &self.common, cx.now.mono) {
                    return;
                }
                if leg == self.common.caller {
                    self.end(Ending::new(EndedBy::Gateway, EndReason::SignallingLost), cx);
                } else {
                    self.leg_lost(leg, loss, cx);
                }
            }
            leg::Output::DirectionChanged(direction) => {
                if let Stage::Talk(talk) = &mut self.stage {
                    talk.follow_direction(leg, direction, &mut self.common, cx);
                }
            }
            leg::Output::KeyByInfo { key, held } => {
                // The media plane hears what comes in the audio, and tells one press from two.
                if self.common.audio.hearers(leg).next().is_some() {
                    cx.out.push(Output::Media(media::Command::Pressed { leg, key, held }));
                }
            }
            leg::Output::NotifyAnswered { status } => {
                // A line that is of no more use is hung up.
                if !self.stage.uses_after_notify(leg, status) && leg != self.common.caller {
                    self.common.command(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
                }
            }
        }
    }

    fn media_event(&mut self, event: media::Event, cx: &mut Cx<'_>) {
        match event {
            media::Event::Opened { leg, local: media::LocalMedia::Plain { rtp, .. } } => {
                if let Some(opened) = self.common.legs.get_mut(leg) {
                    opened.media_opened(rtp);
                }
                self.on(leg, cx, Leg::send_pending);
                self.ring_caller(cx);
                self.try_answer(cx);
                self.stage.invite_prepared(&mut self.common, cx);
                self.answer_pick_up(leg, cx);
            }
            media::Event::OpenFailed { leg, .. } => {
                self.on(leg, cx, Leg::media_failed);
                self.without_media(leg, cx);
            }
            media::Event::Played { play, complete, .. } => {
                if matches!(&self.stage, Stage::LastMessage(message) if message.notice.play == play) {
                    self.last_message_over(cx);
                } else if let Some(notice) = self.stage.played(play) {
                    self.common.story.tell(cx, What::NoticePlayed { prompt: notice.prompt, complete });
                }
            }
            media::Event::Silent { a, b } => {
                let of_caller = [a, b].contains(&self.common.caller);
                if of_caller && self.stage.talk().is_some_and(|talk| talk.holder().is_none()) {
                    self.end(Ending::new(EndedBy::Gateway, EndReason::MediaSilent), cx);
                }
            }
            media::Event::Closed { leg, quality } => {
                if let Some(closed) = self.common.legs.get_mut(leg) {
                    closed.media_closed();
                }
                if quality.sent > 0 || quality.received > 0 {
                    self.common.story.tell(cx, What::MediaQuality(quality));
                }
            }
            media::Event::Digit { leg, digit, held } => {
                let usual = KeyPress::of(digit);
                let press = KeyPress { held: held.unwrap_or(usual.held), ..usual };
                let hearers: Vec<LegId> = self.common.audio.hearers(leg).collect();
                for hearer in hearers {
                    self.on(hearer, cx, |leg, lcx| leg.press(press, lcx));
                }
            }
            media::Event::RtpTimeout { leg } => {
                if self.stage.watched(&self.common).contains(&leg) {
                    self.on(leg, cx, Leg::rtp_timed_out);
                }
                if self.stage.is_one_way(leg, &self.common, cx.now.mono) {
                    cx.out.push(Output::OneWayAudio { leg });
                }
            }
            media::Event::RtpStarted { .. } => {}
        }
    }

    /// Ends the call, whatever it is doing. A second end is ignored: exactly one outcome.
    pub(super) fn end(&mut self, ending: Ending, cx: &mut Cx<'_>) {
        let reason = ending.reason;
        match std::mem::replace(&mut self.stage, Stage::Over) {
            ended @ (Stage::Over | Stage::Leaving(_)) => self.stage = ended,
            Stage::Queued(queued) => {
                let exit = exit_of(&ending);
                self.stage = Stage::Leaving(Leaving { ending, ringing: queued.ringing });
                // The caller's leg goes first: nothing the queue says may delay its BYE.
                self.common.hang_up_caller(reason, cx);
                cx.out.push(Output::Acd(acd::Input::Leave { call: self.common.id, exit }));
            }
            stage @ (Stage::Arriving(_)
            | Stage::Outbound(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)) => {
                self.common.finish(&ending, stage, cx);
            }
        }
    }

    /// Drops legs that are gone, says what each party hears, and puts the record out when nothing more is to come.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>) {
        let (call, caller, is_over) = (self.common.id, self.common.caller, matches!(self.stage, Stage::Over));
        let on_caller = self.common.legs.get(caller).filter(|leg| is_over && leg.is_terminated());
        let vacated = on_caller.and_then(|leg| leg.party.seat()).cloned();
        let gone = self.common.legs.take(|leg| leg.is_gone() && (leg.id != caller || is_over));
        gone.iter().for_each(|leg| cx.out.push(Output::LegDown(leg.id)));
        // The phone has let go, whatever its port still waits for. Said again until that is closed, which changes nothing.
        if let Some(seat) = vacated {
            let spoke = self.common.story.record().is_some_and(|record| record.connected_at.is_some());
            cx.out.push(Output::Acd(acd::Input::Vacate { seat, call, spoke }));
        }
        // A seat may have several phones here: it is free when the last of them is.
        for leg in gone.iter().filter(|leg| leg.id != caller) {
            if let Some(seat) = leg.party.seat().filter(|seat| !self.common.legs.has(seat)).cloned() {
                let answered =
                    |presentation| self.common.story.record().is_some_and(|r| r.was_answered(presentation));
                let spoke = self.common.origin.seat() == Some(&seat)
                    || leg.purpose.presentation().is_some_and(answered);
                cx.out.push(Output::Acd(acd::Input::Vacate { seat, call, spoke }));
            }
        }
        let is_silent = !self.common.legs.iter().any(|leg| leg.is_cancelling() || leg.is_ending());
        if is_silent && self.stage.search().is_some_and(Search::is_silenced) {
            self.stage.look_up_party(cx);
        }
        let changes = self.common.audio.changes(
            self.stage.hears(caller),
            self.common.origin.voice(cx.rules),
            &self.common.legs,
        );
        cx.out.extend(changes.into_iter().map(Output::Media));
        if !is_over || !self.common.legs.is_empty() {
            return;
        }
        let next = if self.afterwork.wrapping.is_empty() { Published::Final } else { Published::Ended };
        if self.afterwork.published == Published::No {
            self.afterwork.published = next;
            self.common.story.publish_record(cx, next == Published::Final);
        }
    }
}
