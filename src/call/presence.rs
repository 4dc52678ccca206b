//! Whether the operator in the talk is still there, and what happens when he is not: his caller goes back to the
//! head of the queue, with an apology.
//!
//! No single sign ends a talk: a phone may be muted, deaf to OPTIONS, or have lost its connection while the voices go
//! on. It takes silence of its media, or a hold, and with it one of: no answer to a question inside the dialog, an
//! answer that it does not know the dialog (its BYE was lost, or it was restarted), or the loss of the way to it.

use super::answering::Wait;
use super::inputs::{Output, Reason, Watch};
use super::machine::{Call, Stage};
use super::reoffer::Parts;
use super::story::Cx;
use crate::acd;
use crate::event::SeatReason;
use crate::event::{EndReason, EndedBy, What};
use crate::id::{LegId, SeatId};
use crate::media;
use crate::sip::{Flow, Inside, Method, Way};
use crate::time::{Duration, Mono};

/// A seat that sent nothing for this long in a talk is asked whether it is there. Shorter than that, a burst of loss
/// would ask; with [`ANSWER_WITHIN`] and the media plane's round of half a second a dead seat is known in 7.5 s.
const QUIET: Duration = Duration::from_secs(3);

/// How long the answer is waited for: four copies of the question go out by UDP in this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// How often a seat that holds its caller is asked.
const ON_HOLD: Duration = Duration::from_secs(5);

/// What is known of a seat's presence.
#[derive(Debug)]
pub struct Presence {
    way: Way,
    watch: Watch,
    /// How it is reached inside a dialog.
    pub inside: Inside,
    path: Path,
    /// When its media was last told to be silent.
    quiet: Option<Mono>,
}

/// The way to a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// As far as is known it is there.
    Open,
    /// It is lost.
    Lost,
}

/// Whether the caller had an operator and lost him: the phone died, or he was handed on, nobody answered, and the seat
/// that let him go has yet to take him back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// No, or he has another since.
    Not,
    /// Yes; he waits again.
    Off,
}

impl Presence {
    /// Of a phone that is about to ring, or calls.
    pub fn new(way: Way, watch: Watch, inside: Inside) -> Presence {
        Presence { way, watch, inside, path: Path::Open, quiet: None }
    }

    /// A moment ago its media was told to be silent, and would have been told again.
    fn is_quiet(&self, now: Mono) -> bool {
        self.quiet.is_some_and(|at| now.since(at) < QUIET + Duration::from_secs(1))
    }
}

/// The seat that made a call by itself.
#[derive(Debug)]
pub(super) struct Owner {
    pub seat: SeatId,
    /// The leg it made the call on.
    pub line: LegId,
    /// Of whoever is on the caller's leg: the seat itself, or whom it called and has begun to hand on.
    pub presence: Presence,
    /// The seat that took the caller's leg, where whom it called is one.
    pub traded: Option<SeatId>,
}

impl Call {
    /// The seat has answered: its media is watched from here on.
    pub(super) fn watch_seat(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        self.broken = Broken::Not;
        self.watch(leg, cx);
    }

    /// Whom a seat called has answered: both are watched, where they are seats.
    pub(super) fn watch_own(&mut self, third: LegId, cx: &mut Cx<'_>) {
        self.watch(self.caller.id, cx);
        self.watch(third, cx);
    }

    fn watch(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if self.presence_on(leg).is_some() {
            cx.out.push(Output::Media(media::Command::Watch { leg, quiet: QUIET }));
            self.deadlines.set(Reason::SeatOnHold, cx.now.mono + ON_HOLD);
        }
    }

    /// The media of a seat fell silent.
    pub(super) fn seat_quiet(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        let Some(presence) = self.presence_on(leg) else { return };
        presence.quiet = Some(cx.now.mono);
        match presence.path {
            Path::Lost => self.give_back(leg, SeatReason::PhoneSilent, cx),
            Path::Open => self.ask_seat(leg, cx),
        }
    }

    /// While the caller is on hold the seat owes no sound.
    pub(super) fn seat_on_hold(&mut self, cx: &mut Cx<'_>) {
        let judged = self.judged();
        if judged.iter().flatten().next().is_none() {
            return;
        }
        self.deadlines.set(Reason::SeatOnHold, cx.now.mono + ON_HOLD);
        if self.owes_no_sound() {
            judged.into_iter().flatten().for_each(|leg| self.ask_seat(leg, cx));
        }
    }

    fn owes_no_sound(&self) -> bool {
        matches!(self.stage, Stage::Connected { hold: Some(_), .. })
    }

    fn ask_seat(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if self.deadlines.contains(Reason::SeatAsked(leg)) || !self.is_up(leg) {
            return;
        }
        let Some(Parts { dialog, .. }) = self.parts_of(leg, None) else { return };
        let (flow, request) = (dialog.flow(), dialog.request(Method::Options));
        cx.out.push(Output::Request { leg, flow, request });
        self.deadlines.set(Reason::SeatAsked(leg), cx.now.mono + ANSWER_WITHIN);
    }

    /// The seat answered the question.
    pub(super) fn seat_told(&mut self, leg: LegId, status: u16, cx: &mut Cx<'_>) {
        self.deadlines.cancel(Reason::SeatAsked(leg));
        match status {
            // It knows no such dialog (RFC 3261 section 12.2.2): for it the talk is over.
            481 => self.missing(leg, SeatReason::CallUnknown, cx),
            // Said by a proxy on the way, or by ourselves for want of an answer.
            408 | 430 | 503 | 504 => self.missing(leg, SeatReason::PhoneSilent, cx),
            _ => {}
        }
    }

    /// A request to the seat came to nothing.
    pub(super) fn seat_untold(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if self.deadlines.contains(Reason::SeatAsked(leg)) {
            self.deadlines.cancel(Reason::SeatAsked(leg));
            self.missing(leg, SeatReason::PhoneSilent, cx);
        }
    }

    /// The question has had its time.
    pub(super) fn seat_overdue(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        self.missing(leg, SeatReason::PhoneSilent, cx);
    }

    /// The phone at the end of this way no longer answers, or the way itself is gone.
    pub(super) fn way_lost(&mut self, way: &Way, cx: &mut Cx<'_>) {
        for leg in self.judged().into_iter().flatten() {
            let Some(presence) = self.presence_on(leg).filter(|p| p.way == *way) else { continue };
            presence.path = Path::Lost;
            self.missing(leg, SeatReason::PhoneSilent, cx);
        }
    }

    /// The seat that talks on `leg` was heard by this path: where it is reached by the path it is heard by, its liveness is
    /// that of this one from here on.
    pub(super) fn phone_moved(&mut self, leg: LegId, flow: Flow) {
        if let Some(presence) = self.presence_on(leg)
            && presence.inside == Inside::ByFlow
            && presence.way.flow != flow
        {
            presence.way = Way { flow, behind: None };
            presence.path = Path::Open;
        }
    }

    /// It answers again.
    pub(super) fn way_back(&mut self, way: &Way) {
        for leg in self.judged().into_iter().flatten() {
            if let Some(presence) = self.presence_on(leg).filter(|p| p.way == *way) {
                presence.path = Path::Open;
            }
        }
    }

    /// One sign that the seat is gone. With the silence of its media it is enough.
    fn missing(&mut self, leg: LegId, why: SeatReason, cx: &mut Cx<'_>) {
        let now = cx.now.mono;
        let Some(quiet) = self.presence_on(leg).map(|presence| presence.is_quiet(now)) else { return };
        if quiet || self.owes_no_sound() {
            self.give_back(leg, why, cx);
        }
    }

    /// The legs of the seats that talk, where they may be judged: the one beside the caller, and the caller's own in a
    /// call a seat made.
    fn judged(&mut self) -> [Option<LegId>; 2] {
        let Stage::Connected { leg, .. } = self.stage else { return [None; 2] };
        [leg, self.caller.id].map(|leg| self.presence_on(leg).map(|_| leg))
    }

    /// A leg beside the caller's has proved to be dead. Its loss is the call's only when that was with somebody outside.
    pub(super) fn leg_lost(&mut self, leg: LegId, why: SeatReason, cx: &mut Cx<'_>) {
        if self.carries_call(leg) {
            return self.give_back(leg, why, cx);
        }
        if self.is_consulting(leg) {
            return self.end_consult(cx);
        }
        self.line_gone(leg, cx);
        if let Some(lost) = self.seats.iter_mut().find(|s| s.id == leg) {
            lost.hang_up(cx);
        }
    }

    /// The presence of the seat that talks on `leg`, if it may be judged.
    fn presence_on(&mut self, leg: LegId) -> Option<&mut Presence> {
        let Stage::Connected { leg: talks, .. } = self.stage else { return None };
        let presence = if leg == self.caller.id {
            &mut self.owner.as_mut()?.presence
        } else {
            let seat = self.seats.iter_mut().find(|s| s.id == leg && s.id == talks)?;
            &mut seat.presence
        };
        Some(presence).filter(|presence| presence.watch == Watch::Asked)
    }

    /// The seat on `leg` is gone. The operator of a caller who is not: that one hears an apology and is first in line
    /// again. A call of the seat's own is over.
    fn give_back(&mut self, leg: LegId, reason: SeatReason, cx: &mut Cx<'_>) {
        let Stage::Connected { seat, hold, .. } = &self.stage else { return };
        let hold = *hold;
        let Some(seat) = seat.clone().filter(|_| self.owner.is_none()) else {
            return self.end(EndedBy::Gateway, EndReason::SignallingLost, None, cx);
        };
        self.end_consult(cx);
        self.tell_left(leg, cx);
        cx.out.push(Output::Media(media::Command::Unbridge { a: self.caller.id }));
        if let Some(gone) = self.seats.iter_mut().find(|s| s.id == leg) {
            gone.hang_up(cx);
        }
        if let Some((holder, since)) = hold {
            let held = cx.now.mono.since(since);
            self.story.tell(cx, What::CallResumed { leg: holder, held });
            cx.out.push(Output::Media(media::Command::Stop { leg: self.caller.id }));
        }
        self.deadlines.cancel(Reason::SeatAsked(leg));
        self.deadlines.cancel(Reason::SeatOnHold);
        self.broken = Broken::Off;
        self.stage = Stage::Waiting { welcome: None };
        match self.voice(cx).apology {
            Some(prompt) => {
                let play = self.play(prompt.clone(), false, cx);
                self.stage = Stage::Waiting { welcome: Some((play, prompt)) };
            }
            None => self.play_music(self.caller.id, cx),
        }
        self.story.summary.seat = None;
        self.wait = Wait::Since(cx.now.mono);
        let (call, queue) = (self.id, self.service.queue.clone());
        cx.out.push(Output::Acd(acd::Input::Returned { call, seat, queue, reason }));
    }
}
