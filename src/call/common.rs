//! What every stage of a call works with: its legs, its story, and what is known of the caller.

use super::audio::Audio;
use super::inputs::Output;
use super::leg::{self, AnswerOutcome, CallerIdentity, IncomingInvite, Leg, Party, Purpose};
use super::legs::Legs;
use super::origin::Origin;
use super::outcome::cause_of;
use super::ringing::{Failed, Phone, Ringing};
use super::rules::PeerRules;
use super::search::{Asks, Search};
use super::story::{Cx, Story};
use super::transfer::Refer;
use super::waiting::{EarlyMedia, Queued};
use crate::acd;
use crate::callback::Owed;
use crate::caller::{self, History, HistoryKey};
use crate::event::{
    self, CallState, CallbackChanged, CallbackReason, CallerIdentified, ClosedBy, EndReason, LookUpSource,
    PresentationResult, SeatPresented, Summary, What,
};
use crate::id::{CallId, LegId, PresentationId, SeatId};
use crate::redact::Pii;
use crate::sip::{Cause, Status};
use crate::time::{Duration, Mono, Now};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What every stage of a call works with.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) id: CallId,
    pub(super) story: Story,
    pub(super) origin: Origin,
    pub(super) identity: event::Caller,
    /// The number outside that the call is with: the caller's, or the one a seat called. `None` where it is withheld or none.
    pub(super) number: Option<HistoryKey>,
    pub(super) look_up: LookUp,
    pub(super) legs: Legs,
    /// The leg of the party that is served: only its end ends the call whatever the others do.
    pub(super) caller: LegId,
    pub(super) wait: Wait,
    /// The longest the call may last, from its 200 OK.
    pub(super) longest: Option<Mono>,
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
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Wait {
    /// None yet, or never.
    Not,
    /// The wait goes on since then.
    Since(Mono),
    /// The wait took so long.
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

/// What a call begins with, whichever party placed it.
pub(super) struct Beginning {
    pub(super) id: CallId,
    /// Its first event.
    pub(super) received: event::CallReceived,
    pub(super) origin: Origin,
    pub(super) look_up: LookUp,
    /// The key of the number in the store.
    pub(super) number: Option<HistoryKey>,
    /// The party that began it, and its rules.
    pub(super) party: Party,
    pub(super) peer: Arc<PeerRules>,
}

impl Common {
    /// Commands a leg. What a command makes a leg send goes out; it tells the call nothing that its commander does not know.
    pub(super) fn command<T: Default>(
        &mut self,
        id: LegId,
        cx: &mut Cx<'_>,
        command: impl FnOnce(&mut Leg, &mut leg::Cx<'_>) -> T,
    ) -> T {
        let Some(leg) = self.legs.get_mut(id) else { return T::default() };
        cx.with_leg(id, |lcx| command(leg, lcx))
    }

    /// Begins a leg to each phone, the first with the leg that was told of. Past the most a call may have the rest of the
    /// phones stay quiet.
    pub(super) fn ring_phones(
        &mut self,
        ringing: &mut Ringing,
        first: LegId,
        phones: Vec<Phone>,
        party: &Party,
        purpose: Purpose,
        cx: &mut Cx<'_>,
    ) {
        let mut id = first;
        for Phone { target, others } in phones {
            if self.legs.is_full() {
                return;
            }
            let peer = match party {
                Party::Outside { trunk, .. } => cx.rules.trunk(trunk),
                Party::Seat { .. } | Party::Caller { .. } => cx.rules.seat.clone(),
            };
            let leg = cx.leg(id, |lcx| Leg::calling(id, party.clone(), purpose, peer, target, lcx));
            if let Party::Outside { trunk, .. } = party {
                cx.out.push(Output::ChannelTaken { leg: id, trunk: trunk.clone() });
            }
            self.legs.push(leg);
            ringing.add(id, others);
            id = LegId::new(cx.now.wall, cx.random);
        }
    }

    /// Begins to ring the party of a search. The queue offers a seat that is rung nothing meanwhile. Gives whether a phone
    /// rings.
    pub(super) fn begin_search(&mut self, search: &mut Search, cx: &mut Cx<'_>) -> bool {
        if let Some(seat) = search.to.seat.clone() {
            let occupied = acd::Input::Occupy { seat, call: self.id, role: acd::OwnRole::Rung };
            cx.out.push(Output::Acd(occupied));
        }
        self.ring_next(search, cx)
    }

    /// Rings all the phones of a seat, or the next number of a department. Gives whether there was one.
    pub(super) fn ring_next(&mut self, search: &mut Search, cx: &mut Cx<'_>) -> bool {
        let presentation = PresentationId::new(cx.now.wall, cx.random);
        let phones = search.ring_next(presentation, cx.now.mono);
        let (Some(phones), Some(party), false) = (phones, search.party(), self.legs.is_full()) else {
            return false;
        };
        let leg = LegId::new(cx.now.wall, cx.random);
        if let Party::Seat { seat, operator } = &party {
            let (seat, operator, why) = (seat.clone(), operator.clone(), search.why().into());
            let (attempt, waited) = (1, Duration::ZERO);
            let presented = SeatPresented { presentation, attempt, seat, operator, leg, waited, why };
            self.story.tell(cx, What::SeatPresented(presented));
        }
        if let Some(ringing) = search.ringing_mut() {
            self.ring_phones(ringing, leg, phones, &party, Purpose::Sought(presentation), cx);
        }
        true
    }

    /// Tells how a seat that rings by the search took it; told once.
    pub(super) fn search_ends(&mut self, search: &mut Search, result: PresentationResult, cx: &mut Cx<'_>) {
        if let Some(ringing) = search.take_ringing() {
            self.tell_rung(ringing, Failed { result, status: None }, cx);
        }
    }

    /// What the seat that serves the caller is told of them.
    pub(super) fn identity_for_seat(&self, recalled: bool, cx: &Cx<'_>) -> CallerIdentity {
        let display = match recalled {
            false => self.caller_shown(cx),
            true => format!("[Recall] {}", self.caller_shown(cx)),
        };
        CallerIdentity { call: Some(self.id), number: self.number_shown(), display }
    }

    /// A party outside is shown a number of ours and no more. A seat is told which seat asks for it and why, and of a citizen
    /// what the queue would have told.
    pub(super) fn identity_for(&self, search: &Search, cx: &Cx<'_>) -> CallerIdentity {
        if let Some(number) = &search.to.shown {
            return CallerIdentity { call: None, number: number.clone(), display: String::new() };
        }
        let by = search.by.to_string();
        let (number, display) = match (search.asks, self.origin.seat()) {
            // The party that a seat called is known by what the seat dialled, and has waited for no one.
            (Asks::Transfer, Some(_)) => (by.clone(), format!("[From {by}] {}", self.origin.dialled())),
            (Asks::Transfer, None) => (self.number_shown(), format!("[From {by}] {}", self.caller_shown(cx))),
            (Asks::Consult, _) => (by.clone(), format!("[{by} asks] {}", self.caller_shown(cx))),
            (Asks::Talk, _) => (by.clone(), by),
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

    /// After a presentation was taken back: when none of its phones rings any more the seat may be offered another call.
    pub(super) fn release(&self, presentation: PresentationId, cx: &mut Cx<'_>) {
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
            self.command(leg, cx, |leg, lcx| leg.hang_up(cause, lcx));
        }
    }

    /// Tells how a seat that was rung took it.
    pub(super) fn tell_rung(&mut self, ringing: Ringing, failed: Failed, cx: &mut Cx<'_>) {
        let rang = ringing.rang_for(cx.now.mono);
        if let Some(seat) = ringing.seat {
            self.story.tell_presentation_ended(ringing.presentation, seat, failed, rang, cx);
        }
    }

    /// Ends the caller's leg, if it is not ending already.
    pub(super) fn hang_up_caller(&mut self, reason: EndReason, cx: &mut Cx<'_>) {
        self.command(self.caller, cx, |leg, lcx| {
            leg.reject(Status::SERVICE_UNAVAILABLE, lcx);
            leg.hang_up(cause_of(reason), lcx);
        });
    }

    /// The seat has nothing more to do with the caller. It may be presented another call once its phone has heard so: at
    /// once where the phone itself hung up, else with the end of its last leg.
    pub(super) fn finish_seat(&self, seat: SeatId, cx: &mut Cx<'_>) {
        let call = self.id;
        let is_theirs = |leg: &&Leg| leg.party.seat() == Some(&seat);
        let has_heard = self.legs.iter().filter(is_theirs).all(Leg::is_terminated);
        cx.out.push(Output::Acd(acd::Input::Finished { seat: seat.clone(), call }));
        if has_heard {
            cx.out.push(Output::Acd(acd::Input::Vacate { seat, call, spoke: true }));
        }
    }

    /// 200 OK to the INVITE of a seat that asked for another party.
    pub(super) fn answer_seat(&mut self, leg: LegId, cx: &mut Cx<'_>) -> AnswerOutcome {
        let headers = vec![("X-Hotline-Call-Id", self.id.to_string())];
        self.command(leg, cx, |leg, lcx| leg.answer(headers, lcx))
    }

    /// Tells the phone what became of its REFER.
    pub(super) fn notify(&mut self, refer: Option<Refer>, status: Status, cx: &mut Cx<'_>) {
        if let Some(Refer { leg, id }) = refer {
            self.command(leg, cx, |leg, lcx| leg.notify(id, status, lcx));
        }
    }

    /// The seat on `leg` is the one that serves the caller from here on.
    pub(super) fn serves_from_here(&mut self, leg: LegId) -> Option<PresentationId> {
        let leg = self.legs.get_mut(leg)?;
        let presentation = leg.purpose.presentation()?;
        leg.purpose = Purpose::Serves(presentation);
        Some(presentation)
    }

    /// What a leg was begun for.
    pub(super) fn purpose(&self, leg: LegId) -> Option<Purpose> {
        self.legs.get(leg).map(|leg| leg.purpose)
    }

    /// Whether `leg` rings, or rang, for a party that is asked in.
    pub(super) fn is_sought(&self, leg: LegId) -> bool {
        matches!(self.purpose(leg), Some(Purpose::Sought(_)))
    }

    /// The look-up is answered, or given up.
    pub(super) fn look_up_settled(&mut self, history: Option<History>, cx: &mut Cx<'_>) {
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
        self.story.tell(cx, What::CallerIdentified(identified));
    }

    /// Of a call that begins: its first event, and the leg of the party that began it.
    pub(super) fn begin(beginning: Beginning, incoming: IncomingInvite, cx: &mut Cx<'_>) -> Common {
        let Beginning { id, received, origin, look_up, number, party, peer } = beginning;
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
        let first = cx.leg(caller, |lcx| Leg::arriving(caller, party, peer, incoming, lcx));
        Common {
            id,
            story,
            origin,
            identity,
            number,
            look_up,
            caller,
            legs: Legs::new(first),
            wait: Wait::Not,
            longest: None,
            audio: Audio::default(),
        }
    }

    /// The call is answered and enters its queue. What the caller hears already goes on.
    pub(super) fn enter_queue(&mut self, early_media: EarlyMedia, cx: &mut Cx<'_>) -> Queued {
        let delay = cx.now.mono.since(self.story.began());
        self.story.tell_as(cx, CallState::Answered, What::CallAnswered { delay });
        self.longest = Some(cx.now.mono + cx.rules.call_length);
        self.wait = Wait::Since(cx.now.mono);
        let mut welcome = None;
        if let Origin::Inbound { service, queue } = &self.origin {
            welcome = service.welcome.clone();
            let enter = acd::Input::Enter { call: self.id, queue: queue.clone(), priority: 0, at: cx.now };
            cx.out.push(Output::Acd(enter));
        }
        let notice = match early_media {
            EarlyMedia::Welcome(notice) => Some(notice),
            EarlyMedia::Music => None,
            EarlyMedia::None => welcome.map(|prompt| self.audio.notice(prompt)),
        };
        Queued { notice, ringing: None, recalled: false }
    }

    /// A citizen's call came to nothing. Gives what that changes on the recovery list; `None` where nothing is owed for it, the
    /// number is withheld, or the list is full.
    pub(super) fn owe(&self, reason: Option<CallbackReason>, cx: &mut Cx<'_>) -> Option<CallbackChanged> {
        let (reason, key) = (reason?, self.number.filter(|_| self.origin.seat().is_none())?);
        cx.owed.owe(cx.now, Owed { key, call: self.id, reason }, cx.random).ok()
    }

    /// An operator and the number outside speak: what it was owed is done.
    pub(super) fn reached(&mut self, by: ClosedBy, cx: &mut Cx<'_>) {
        let changed = self.number.and_then(|key| cx.owed.reached(&key, by));
        self.story.tell_callback(changed, cx);
    }

    /// Waits for nothing any more.
    pub(super) fn abandon(&mut self, cx: &mut Cx<'_>) {
        for leg in self.legs.ids(|_| true) {
            self.command(leg, cx, |leg, _| leg.abandon());
        }
    }
}
