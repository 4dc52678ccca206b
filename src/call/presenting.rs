//! Offering the call to a seat: from the queue's choice to the seat's answer, refusal or silence.

use super::answering::Wait;
use super::caller_leg::Agreement;
use super::conduct::Conduct;
use super::early::{self, EarlyDialogs};
use super::fork::Fork;
use super::inputs::{Output, Phone, Reached, Reason};
use super::machine::{Call, LookUp, Stage};
use super::pick_up;
use super::presence::Presence;
use super::seat_leg::{self, Introduction, MAX_SEAT_LEGS, Part, SeatLeg, SeatSignalling};
use super::story::Cx;
use crate::acd;
use crate::caller;
use crate::event::SeatChoice;
use crate::event::{CallState, PresentationResult, SeatPresentationEnded, SeatPresented, What};
use crate::id::{LegId, PresentationId, SeatId};
use crate::media;
use crate::sip::{Cause, Dialog, Failure, Flow, Message, Method, Outgoing, Way};
use crate::time::{Duration, Mono};

/// At most this many INVITEs for one presentation: a phone that raises its bound (422) each time is no phone.
const INVITES: u32 = 3;

impl Call {
    /// A seat was chosen: its leg begins with a media port.
    pub(super) fn present(
        &mut self,
        presentation: PresentationId,
        seat: SeatId,
        (attempt, waited, why, limit): (u32, Duration, SeatChoice, Duration),
        reached: Option<Reached>,
        cx: &mut Cx<'_>,
    ) {
        let unreachable = acd::Input::Ended { presentation, result: PresentationResult::Unreachable };
        let leg = match &reached {
            Some(Reached::Asked(asked)) => asked.leg,
            _ => LegId::new(cx.now.wall, cx.random),
        };
        if !matches!(self.stage, Stage::Waiting { .. }) {
            if let Some(Reached::Asked(asked)) = &reached {
                pick_up::refuse(asked, leg, 480, cx);
            }
            cx.out.push(Output::Acd(unreachable));
            return;
        }
        self.story.summary.seat = Some(seat.clone());
        let operator = self.story.summary.operator.clone();
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
        let reachable = |r: &Reached| !matches!(r, Reached::At(phones) if phones.is_empty());
        let Some(reached) = reached.filter(reachable).filter(|_| self.seats.len() < MAX_SEAT_LEGS) else {
            self.tell_presentation_ended(
                presentation,
                seat,
                PresentationResult::Unreachable,
                Duration::ZERO,
                None,
                cx,
            );
            cx.out.push(Output::Acd(unreachable));
            return;
        };
        self.fork = Some(Fork::new(presentation, limit));
        match reached {
            Reached::At(phones) => self.ring_phones(leg, presentation, &seat, phones, cx),
            asked @ Reached::Asked(_) => self.begin_leg(leg, presentation, &seat, asked, cx),
        }
    }

    /// Begins the leg to one phone with a media port.
    pub(super) fn begin_leg(
        &mut self,
        leg: LegId,
        presentation: PresentationId,
        seat: &SeatId,
        reached: Reached,
        cx: &mut Cx<'_>,
    ) {
        let path = match &reached {
            Reached::At(phones) => phones.first().map(|phone| (phone.way.flow, None)),
            Reached::Asked(asked) => Some((asked.flow, Some(&*asked.offer))),
        };
        let Some((flow, offer)) = path else { return };
        let family = cx.rules.media.family(offer, &flow);
        let (presence, signalling, others) = match reached {
            Reached::At(phones) => {
                let Some(Phone { way, others }) = phones.into_iter().next() else { return };
                (
                    Presence::new(way.way(), way.watch, way.inside),
                    SeatSignalling::Preparing { target: way },
                    others,
                )
            }
            Reached::Asked(asked) => {
                self.deadlines.extend(Reason::expires(leg, &asked.invite, cx.now.mono));
                let way = Way { flow: asked.flow, behind: None };
                (
                    Presence::new(way, asked.watch, asked.inside),
                    SeatSignalling::Answering { asked },
                    Vec::new(),
                )
            }
        };
        let third = self.extension.as_ref().filter(|e| e.rings(presentation));
        let part = if third.is_some() { Part::Third } else { Part::Offered };
        let trunk = third.and_then(|e| e.to.trunk.clone());
        let peer = trunk.as_ref().map_or_else(|| cx.rules.seat.clone(), |trunk| cx.rules.trunk(trunk));
        cx.out.push(Output::LegUp(leg));
        let media = Agreement::new(leg, family, cx.random.bits(), (peer.clone(), &flow));
        cx.out.extend(trunk.map(|trunk| Output::ChannelTaken { leg, trunk }));
        cx.out.push(Output::Media(media.opening()));
        self.seats.push(SeatLeg {
            id: leg,
            part,
            presentation,
            seat: seat.clone(),
            presence,
            signalling,
            others,
            media,
            conduct: Conduct::new(peer, cx.random.bits()),
            early: EarlyDialogs::default(),
        });
    }

    /// Sends the INVITE of every prepared seat leg that has its port, once the look-up is settled.
    pub(super) fn ring_prepared_seats(&mut self, cx: &mut Cx<'_>) {
        if !matches!(self.look_up, LookUp::Settled(_)) {
            return;
        }
        let intro = self.introduction(cx);
        let codecs = self.caller.media.codecs_like(&cx.rules.seat);
        let mut rung = Vec::new();
        for leg in self.seats.iter_mut().filter(|s| s.part == Part::Offered) {
            let SeatSignalling::Preparing { target } = &leg.signalling else { continue };
            let target = target.clone();
            let Some((mut invite, offered)) = seat_leg::invite(leg, &target, &intro, &codecs, cx.rules)
            else {
                continue;
            };
            if let Some(fork) = &self.fork {
                invite = invite.with("Expires", fork.expires());
            }
            cx.out.push(Output::Request { leg: leg.id, flow: target.flow, request: invite.clone() });
            leg.signalling =
                SeatSignalling::Inviting { invite: Box::new(invite), target, offered, rang: None };
            rung.push(leg.id);
        }
        rung.into_iter().for_each(|leg| self.await_word(leg, cx));
    }

    /// What the seat that serves the citizen is told of them.
    pub(super) fn introduction(&self, cx: &Cx<'_>) -> Introduction {
        let display = match self.recalled {
            false => self.citizen_shown(cx),
            true => format!("[Recall] {}", self.citizen_shown(cx)),
        };
        Introduction { call: Some(self.id), number: self.number_shown(), display, host: None }
    }

    /// The citizen's number for a phone, as the trunk gave it; empty when he withholds it.
    pub(super) fn number_shown(&self) -> String {
        if self.identity.withheld { String::new() } else { caller::unmarked(self.identity.raw.reveal()) }
    }

    /// What a seat's screen says of the citizen.
    pub(super) fn citizen_shown(&self, cx: &Cx<'_>) -> String {
        let earlier = match &self.look_up {
            LookUp::Settled(Some(history)) => history.calls_24h,
            LookUp::Settled(None) | LookUp::Asked(_) => 0,
        };
        caller::display_name(earlier + 1, &self.service.number, &self.identity, self.waited(cx.now))
    }

    /// The queue took the offer back and has moved on.
    pub(super) fn withdraw(
        &mut self,
        presentation: PresentationId,
        result: PresentationResult,
        cx: &mut Cx<'_>,
    ) {
        let Some(leg) = self.seats.iter().find(|s| s.presentation == presentation) else { return };
        let seat = leg.seat.clone();
        let rang = self.fork.take().map_or(Duration::ZERO, |f| f.rang_for(cx.now.mono));
        self.hush(presentation, None, Cause::q850(16, ""), cx);
        if let Some(leg) = self.early_sound {
            self.hear_early_no_more(leg, cx);
        }
        self.phones_free(presentation, cx);
        self.back_to_waiting();
        self.tell_presentation_ended(presentation, seat, result, rang, None, cx);
    }

    /// A seat leg ended before it was answered.
    pub(super) fn seat_lost(&mut self, leg: LegId, status: Option<u16>, cx: &mut Cx<'_>) {
        self.hear_early_no_more(leg, cx);
        let Some(lost) = self.seats.iter_mut().find(|s| s.id == leg) else { return };
        let was_offered = matches!(
            lost.signalling,
            SeatSignalling::Preparing { .. }
                | SeatSignalling::Answering { .. }
                | SeatSignalling::Inviting { .. }
        );
        let was_cancelled = matches!(lost.signalling, SeatSignalling::Cancelling { .. });
        let (part, presentation) = (lost.part, lost.presentation);
        let rang = matches!(lost.signalling, SeatSignalling::Inviting { rang: Some(_), .. });
        if rang && part == Part::Third {
            // Whoever was heard to ring was reached: he is not rung again by another way.
            lost.others.clear();
        }
        lost.signalling = SeatSignalling::Down;
        cx.out.extend(lost.media.close().map(Output::Media));
        match part {
            Part::Offered => {}
            Part::Third if was_offered => return self.third_lost(leg, status, cx),
            Part::Third => return,
            Part::Asking => return self.end_consult(cx),
        }
        if was_offered {
            self.phone_failed(leg, status, cx);
        } else if was_cancelled {
            self.phones_free(presentation, cx);
        }
    }

    /// The last phone of a seat has failed.
    pub(super) fn presentation_failed(
        &mut self,
        presentation: PresentationId,
        seat: SeatId,
        (result, status): (PresentationResult, Option<u16>),
        rang: Duration,
        cx: &mut Cx<'_>,
    ) {
        if self.extension.as_ref().is_some_and(|e| e.rings(presentation)) {
            return self.third_failed((result, status), cx);
        }
        self.fork = None;
        self.back_to_waiting();
        self.tell_presentation_ended(presentation, seat, result, rang, status, cx);
        cx.out.push(Output::Acd(acd::Input::Ended { presentation, result }));
    }

    fn back_to_waiting(&mut self) {
        if matches!(self.stage, Stage::Waiting { .. }) {
            self.story.summary.state = CallState::Waiting;
            self.story.summary.seat = None;
            self.story.summary.operator = None;
        }
    }

    pub(super) fn tell_presentation_ended(
        &mut self,
        presentation: PresentationId,
        seat: SeatId,
        result: PresentationResult,
        rang: Duration,
        sip_code: Option<u16>,
        cx: &mut Cx<'_>,
    ) {
        let ended = SeatPresentationEnded { presentation, seat, result, rang, sip_code };
        self.story.tell(cx, What::SeatPresentationEnded(ended));
    }

    /// A response to a request of ours: an INVITE or a BYE to a seat, a BYE to the caller.
    pub(super) fn seat_response(&mut self, leg: LegId, flow: Flow, response: &Message, cx: &mut Cx<'_>) {
        let Some(status) = response.status() else { return };
        let (_, method) = response.cseq();
        if *method == Method::Invite {
            self.deadlines.cancel(Reason::Unheard(leg));
        }
        match method {
            Method::Invite if status < 200 => self.seat_progress(leg, flow, response, cx),
            Method::Invite if status < 300 => self.seat_answered(leg, flow, response, cx),
            Method::Invite if status == 422 && self.seat_asked_again(leg, response, cx) => {}
            Method::Invite => self.seat_lost(leg, Some(status), cx),
            Method::Bye if status >= 200 => self.leg_failed(leg, cx),
            Method::Notify if status >= 200 => self.notify_over(leg, status, cx),
            Method::Options if status >= 200 => self.seat_told(leg, status, cx),
            _ => {}
        }
    }

    fn seat_progress(&mut self, leg: LegId, flow: Flow, response: &Message, cx: &mut Cx<'_>) {
        let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg) else { return };
        let SeatSignalling::Inviting { invite, offered, rang, .. } = &mut seat.signalling else { return };
        if response.status() == Some(100) {
            return;
        }
        seat.conduct.learn(response);
        let progress = seat.early.hear(invite, offered, (flow, seat.presence.inside), response);
        if let Some((flow, request)) = progress.prack {
            cx.out.push(Output::Request { leg, flow, request });
        }
        let news = progress.is_new && rang.is_none();
        if news {
            *rang = Some(cx.now.mono);
        }
        if seat.part == Part::Third {
            let described = progress.described.map(|described| seat.media.agree(described));
            let heard = described.is_some();
            cx.out.extend(described.map(Output::Media));
            if news || heard {
                self.third_progress(leg, heard, cx);
            }
            return;
        }
        if news {
            let presentation = seat.presentation;
            self.phone_rings(presentation, cx);
        }
        let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg) else { return };
        if let Some(described) = progress.described {
            cx.out.push(Output::Media(seat.media.agree(described)));
            if seat.conduct.peer.early_media {
                self.hear_early(leg, cx);
            }
        }
    }

    /// The caller hears what a leg says before it answers, in place of the music. A welcome is not cut short.
    pub(super) fn hear_early(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if matches!(self.stage, Stage::Waiting { welcome: None }) {
            self.early_sound = Some(leg);
            cx.out.push(Output::Media(media::Command::Bridge { a: self.caller.id, b: leg }));
        }
    }

    /// That leg will not answer: back to the music.
    pub(super) fn hear_early_no_more(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if self.early_sound.take_if(|l| *l == leg).is_some() && matches!(self.stage, Stage::Waiting { .. }) {
            cx.out.push(Output::Media(media::Command::Unbridge { a: self.caller.id }));
            self.play_music(self.caller.id, cx);
        }
    }

    /// The phone wants a longer session timer (422): it is asked again, with its own bound.
    fn seat_asked_again(&mut self, leg: LegId, response: &Message, cx: &mut Cx<'_>) -> bool {
        let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg) else { return false };
        let SeatSignalling::Inviting { invite, target, .. } = &mut seat.signalling else { return false };
        if invite.cseq() > INVITES || !seat.conduct.timer.too_small(response) {
            return false;
        }
        let again = invite.as_ref().clone().set("CSeq", format!("{} INVITE", invite.cseq() + 1));
        **invite = seat.conduct.ask(again);
        seat.early.clear();
        cx.out.push(Output::Request { leg, flow: target.flow, request: invite.as_ref().clone() });
        true
    }

    fn seat_answered(&mut self, leg: LegId, flow: Flow, response: &Message, cx: &mut Cx<'_>) {
        let ringing = self.is_rung(leg);
        let offered = matches!(self.stage, Stage::Waiting { .. });
        let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg) else { return };
        let waiting = if seat.part == Part::Third { ringing } else { offered };
        match std::mem::replace(&mut seat.signalling, SeatSignalling::Down) {
            SeatSignalling::Inviting { invite, target, offered, rang } if waiting => {
                let Some((dialog, settled)) =
                    seat.early.confirm(&invite, (flow, seat.presence.inside), response)
                else {
                    hang_up_unwanted(leg, flow, response, cx);
                    return self.unusable_answer(
                        leg,
                        SeatSignalling::Inviting { invite, target, offered, rang },
                        cx,
                    );
                };
                send_ack(leg, &dialog, response, cx);
                let agreed = early::answer_of(settled, &offered, (flow, response));
                seat.conduct.learn(response);
                seat.conduct.timer.answered(cx.now.mono, response);
                let rang = rang.map_or(Duration::ZERO, |r| cx.now.mono.since(r));
                seat.signalling = SeatSignalling::Up { invite: Some(invite), dialog: Box::new(dialog) };
                let third = seat.part == Part::Third;
                match agreed {
                    Some(agreed) => {
                        cx.out.push(Output::Media(seat.media.agree(agreed)));
                        if third { self.third_answered(leg, cx) } else { self.connect(leg, rang, cx) }
                    }
                    None if third => {
                        seat.hang_up(cx);
                        self.third_lost(leg, Some(488), cx);
                    }
                    None => {
                        seat.hang_up(cx);
                        seat.others.clear();
                        self.phone_failed(leg, None, cx);
                    }
                }
            }
            // The answer crossed our CANCEL, or the call is over: acknowledge and hang up.
            SeatSignalling::Inviting { invite, .. } | SeatSignalling::Cancelling { invite, .. } => {
                if let Some((mut dialog, _)) =
                    seat.early.confirm(&invite, (flow, seat.presence.inside), response)
                {
                    send_ack(leg, &dialog, response, cx);
                    let (flow, request) = (dialog.flow(), dialog.request(Method::Bye));
                    cx.out.push(Output::Request { leg, flow, request });
                    seat.signalling = SeatSignalling::Closing { dialog: Box::new(dialog) };
                } else {
                    hang_up_unwanted(leg, flow, response, cx);
                }
                cx.out.extend(seat.media.close().map(Output::Media));
                let presentation = seat.presentation;
                self.phones_free(presentation, cx);
            }
            SeatSignalling::Up { invite, dialog } => {
                if response.to_tag().unwrap_or_default() == dialog.remote_tag() {
                    send_ack(leg, &dialog, response, cx);
                } else {
                    // A second phone behind the same address answered too.
                    hang_up_unwanted(leg, flow, response, cx);
                }
                seat.signalling = SeatSignalling::Up { invite, dialog };
            }
            SeatSignalling::Closing { dialog } => {
                if response.to_tag().unwrap_or_default() == dialog.remote_tag() {
                    send_ack(leg, &dialog, response, cx);
                } else {
                    hang_up_unwanted(leg, flow, response, cx);
                }
                seat.signalling = SeatSignalling::Closing { dialog };
            }
            other @ (SeatSignalling::Preparing { .. }
            | SeatSignalling::Answering { .. }
            | SeatSignalling::HangingUp { .. }
            | SeatSignalling::Down) => {
                hang_up_unwanted(leg, flow, response, cx);
                seat.signalling = other;
            }
        }
    }

    /// A 200 OK without a To tag or a Contact: there is no dialog to speak in.
    fn unusable_answer(&mut self, leg: LegId, was: SeatSignalling, cx: &mut Cx<'_>) {
        if let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg) {
            seat.signalling = was;
        }
        self.seat_lost(leg, None, cx);
    }

    /// Caller and seat hear each other from here on.
    pub(super) fn connect(&mut self, leg: LegId, rang: Duration, cx: &mut Cx<'_>) {
        let Some(answered) = self.seats.iter().find(|s| s.id == leg) else { return };
        let (presentation, seat) = (answered.presentation, answered.seat.clone());
        self.early_sound = None;
        self.recalled = false;
        self.fork = None;
        self.hush(presentation, Some(leg), Cause::ELSEWHERE, cx);
        cx.out.push(Output::Media(media::Command::Bridge { a: self.caller.id, b: leg }));
        let was = std::mem::replace(
            &mut self.stage,
            Stage::Connected { leg, seat: Some(seat.clone()), hold: None },
        );
        if let Stage::Waiting { welcome: Some((_, prompt)) } = was {
            self.story.tell(cx, What::NoticePlayed { prompt, complete: false });
        }
        self.tell_presentation_ended(
            presentation,
            seat.clone(),
            PresentationResult::Answered,
            rang,
            Some(200),
            cx,
        );
        let waited = self.waited(cx.now);
        self.wait = Wait::Over(waited);
        let operator = self.story.summary.operator.clone();
        self.story.tell_as(
            cx,
            CallState::Connected,
            What::SeatConnected { presentation, seat, operator, waited, leg },
        );
        cx.out.push(Output::Acd(acd::Input::Answered { presentation }));
        self.watch_seat(leg, cx);
        self.hold_again(leg, cx);
    }

    /// A request of ours on `leg` came to nothing.
    pub(super) fn request_failed(
        &mut self,
        leg: LegId,
        method: &Method,
        (cseq, cause): (u32, Failure),
        cx: &mut Cx<'_>,
    ) {
        if self.parts_of(leg, None).is_some_and(|parts| parts.conduct.reoffer.is_asked(cseq)) {
            return match cause {
                Failure::Timeout => self.peer_gone(leg, None, cx),
                Failure::Transport | Failure::Full => self.unasked(leg, cx),
            };
        }
        match method {
            Method::Invite | Method::Bye => self.leg_failed(leg, cx),
            Method::Notify => self.notify_over(leg, 408, cx),
            Method::Info => self.keys_lost(leg),
            Method::Options => self.seat_untold(leg, cx),
            _ => {}
        }
    }

    /// An INVITE or a BYE of ours on `leg` came to nothing, or its leg's BYE was answered: that leg is down.
    pub(super) fn leg_failed(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if leg == self.caller.id {
            self.caller_closed();
            return;
        }
        let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg) else { return };
        match seat.signalling {
            SeatSignalling::Inviting { .. } => self.seat_lost(leg, None, cx),
            SeatSignalling::Cancelling { .. } => {
                seat.signalling = SeatSignalling::Down;
                let presentation = seat.presentation;
                self.phones_free(presentation, cx);
            }
            SeatSignalling::Closing { .. } => seat.signalling = SeatSignalling::Down,
            SeatSignalling::Preparing { .. }
            | SeatSignalling::Answering { .. }
            | SeatSignalling::Up { .. }
            | SeatSignalling::HangingUp { .. }
            | SeatSignalling::Down => {}
        }
    }
}

impl SeatLeg {
    pub(super) fn rang_for(&self, now: Mono) -> Duration {
        match &self.signalling {
            SeatSignalling::Inviting { rang: Some(rang), .. } => now.since(*rang),
            _ => Duration::ZERO,
        }
    }
}

/// Acknowledges an answer nobody waits for, and hangs up (RFC 3261 section 13.2.2.4).
fn hang_up_unwanted(leg: LegId, flow: Flow, response: &Message, cx: &mut Cx<'_>) {
    let Some(mut dialog) = Dialog::unwanted(flow, response) else { return };
    send_ack(leg, &dialog, response, cx);
    let (flow, request) = (dialog.flow(), dialog.request(Method::Bye));
    cx.out.push(Output::Request { leg, flow, request });
}

/// The ACK for a 2xx to an INVITE of ours on `leg`.
pub(super) fn send_ack(leg: LegId, dialog: &Dialog, response: &Message, cx: &mut Cx<'_>) {
    let request: Outgoing = dialog.ack(response.cseq().0);
    cx.out.push(Output::Ack { leg, flow: dialog.flow(), request });
}
