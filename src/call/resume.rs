//! A call goes on after a restart of the gateway: its legs, its place, its talk. What cannot go on falls back to the last
//! stable stage, or ends with its reason.

use super::audio::Audio;
use super::call::{Afterwork, Call, Published};
use super::common::{Common, LookUp, Wait};
use super::inputs::Output;
use super::leg::{Leg, LegContext, LegSnapshot, Party, Purpose};
use super::legs::Legs;
use super::origin::Origin;
use super::outcome::Ending;
use super::ringing::Failed;
use super::rules::ServiceRules;
use super::search::{Asks, Search};
use super::snapshot::{CallSnapshot, OriginSnapshot, Presented, StageSnapshot};
use super::stage::{Arriving, Outbound, Stage};
use super::story::{Cx, Resumption, Story};
use super::talk::Talk;
use super::transfer::Transfer;
use super::waiting::{EarlyMedia, Queued};
use crate::acd;
use crate::caller::{History, HistoryKey};
use crate::event::{
    CallPart, CallRecord, CallState, Caller, CallerIdentified, ClosedBy, EndReason, EndedBy,
    PresentationResult, What,
};
use crate::id::{LegId, SeatId};
use crate::sip::{Cause, Status};
use crate::time::{Duration, Mono};
use std::collections::HashMap;
use std::sync::Arc;

/// A call that goes on, beside its snapshot.
pub struct Resuming<'a> {
    /// What was written of it.
    pub snapshot: CallSnapshot,
    /// What its events add up to; it has not ended.
    pub record: CallRecord,
    /// What its last event says of it.
    pub last: &'a CallPart,
    /// What its service number does, where that is still configured.
    pub service: Option<Arc<ServiceRules>>,
    /// What other parts have kept of each leg.
    pub contexts: HashMap<LegId, LegContext>,
    /// The caller's number, as the history knows it.
    pub number: Option<HistoryKey>,
    /// The number was reached, and the process before ended between that and the change of its callback.
    pub reached: Option<ClosedBy>,
    /// From the last sign of life of the process before until now.
    pub gap: Duration,
}

impl Call {
    /// The call goes on. `None` when no leg of it is left.
    pub fn resume(resuming: Resuming<'_>, cx: &mut Cx<'_>) -> Option<Call> {
        let Resuming { snapshot, record, last, service, contexts, number, reached, gap } = resuming;
        let identity = record.caller.clone();
        let look_up = LookUp::Settled(record.identified.as_ref().map(known_of));
        let summary = last.summary.clone();
        let CallSnapshot {
            call: id,
            caller,
            began,
            wait,
            longest,
            origin,
            stage,
            presented,
            joined,
            legs,
            ..
        } = snapshot;
        let origin = resumed_origin(origin, service);
        let story = Story::resumed(Resumption { record, seq: last.seq, began, summary, joined });
        let ups = legs.iter().filter(|leg| leg.is_up()).count();
        let legs = Legs::resumed(resumed_legs(legs, contexts, cx))?;
        let mut common = Common {
            id,
            story,
            origin,
            identity,
            look_up,
            legs,
            caller,
            wait,
            longest,
            audio: Default::default(),
            number,
        };
        if let Some(by) = reached {
            common.reached(by, cx);
        }
        common.story.tell(cx, What::CallRecovered { gap, legs: u32::try_from(ups).unwrap_or(u32::MAX) });
        // Until its own stage is known the call counts as not answered, and may end so.
        let begun = Arriving { durable: true, answer_at: None, early_media: EarlyMedia::None };
        let mut call = Call { common, stage: Stage::Arriving(begun), afterwork: Afterwork::default() };
        call.resume_stage(stage, cx);
        if let Some(presented) = presented {
            call.tell_withdrawn(presented, cx);
        }
        call.drop_others(cx);
        call.settle(cx);
        for leg in call.common.legs.ids(|leg| !leg.is_terminated()) {
            call.common.command(leg, cx, |leg, lcx| leg.resume_media(lcx));
        }
        Some(call)
    }

    /// A call that is over, or cannot go on: its dialogs are to be ended by [`super::Input::HangUp`], each at its time, and
    /// nothing is told of it.
    pub fn closing(
        snapshot: CallSnapshot,
        contexts: HashMap<LegId, LegContext>,
        cx: &mut Cx<'_>,
    ) -> Option<Call> {
        let CallSnapshot { call: id, caller, origin, legs, .. } = snapshot;
        let mut legs = resumed_legs(legs, contexts, cx);
        for leg in &mut legs {
            cx.with_leg(leg.id, |lcx| {
                // Not 503: it would turn the peer away from the whole gateway (RFC 3261 section 21.5.4).
                leg.reject(Status::SERVER_INTERNAL_ERROR, lcx);
                // A BYE waits for its turn, and nothing is heard until then.
                if leg.is_up() {
                    leg.close_media(lcx);
                } else {
                    leg.hang_up(Cause::NORMAL, lcx);
                }
            });
        }
        let common = Common {
            id,
            story: Story::untold(id, cx.now),
            origin: resumed_origin(origin, None),
            identity: Caller::default(),
            look_up: LookUp::Settled(None),
            legs: Legs::resumed(legs)?,
            caller,
            wait: Wait::Not,
            longest: None,
            audio: Audio::default(),
            number: None,
        };
        let afterwork = Afterwork { published: Published::Final, ..Afterwork::default() };
        let mut call = Call { common, stage: Stage::Over, afterwork };
        call.settle(cx);
        Some(call)
    }

    /// Whether it is over, and only its dialogs are left.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Whether it waits in a queue.
    pub fn is_queued(&self) -> bool {
        matches!(self.stage, Stage::Queued(_))
    }

    fn resume_stage(&mut self, stage: StageSnapshot, cx: &mut Cx<'_>) {
        let caller = self.common.caller;
        let is_here = self.common.legs.is_up(caller);
        match stage {
            StageSnapshot::Arriving { answer_at, early_media } => {
                let early_media = if early_media { EarlyMedia::Music } else { EarlyMedia::None };
                let is_invited = self.common.legs.get(caller).is_some_and(Leg::is_invited);
                self.stage = Stage::Arriving(Arriving { durable: true, answer_at, early_media });
                if !is_invited {
                    self.end_crashed(cx);
                }
            }
            StageSnapshot::Queued { notice, recalled } if is_here => {
                let notice = notice.map(|prompt| self.common.audio.notice(Arc::from(prompt)));
                self.stage = Stage::Queued(Queued { notice, ringing: None, recalled });
                self.common.story.back_to_waiting();
            }
            StageSnapshot::Dialling if self.common.legs.get(caller).is_some_and(Leg::is_invited) => {
                self.resume_dialling(cx);
            }
            StageSnapshot::Talk { parties, serving } => self.resume_talk(parties, serving, cx),
            StageSnapshot::Transferring { by, kind, line, to } if is_here => {
                let line = line.filter(|line| self.common.legs.is_up(line.leg));
                let search = Search::silenced(to.into(), by.clone(), Asks::Transfer, cx.now.mono);
                self.stage = Stage::Transferring(Box::new(Transfer { by, kind, line, search }));
            }
            StageSnapshot::LastMessage { reason } if is_here => self.resume_last_message(reason, cx),
            StageSnapshot::Queued { .. }
            | StageSnapshot::Dialling
            | StageSnapshot::Transferring { .. }
            | StageSnapshot::LastMessage { .. }
            | StageSnapshot::Over => self.end_crashed(cx),
        }
    }

    /// The seat that dialled goes on waiting, and the party it wants is rung anew.
    fn resume_dialling(&mut self, cx: &mut Cx<'_>) {
        let Origin::Outbound { seat, dialled, .. } = &self.common.origin else { return self.end_crashed(cx) };
        let search = Search::silenced(dialled.as_str().into(), seat.clone(), Asks::Talk, cx.now.mono);
        self.stage = Stage::Outbound(Outbound { durable: true, search });
    }

    /// The caller hears from its beginning why the call ends.
    fn resume_last_message(&mut self, reason: EndReason, cx: &mut Cx<'_>) {
        let voice = self.common.origin.voice(cx.rules);
        let prompt = match reason {
            EndReason::QueueFull => voice.and_then(|voice| voice.full.clone()),
            EndReason::WaitLimit => voice.and_then(|voice| voice.timeout.clone()),
            EndReason::LengthLimit => cx.rules.call_length_prompt.clone(),
            EndReason::Completed
            | EndReason::Abandoned
            | EndReason::Cancelled
            | EndReason::MediaSilent
            | EndReason::SignallingLost
            | EndReason::Shutdown
            | EndReason::Crashed
            | EndReason::Internal
            | EndReason::Unanswered
            | EndReason::Expired => None,
        };
        self.last_message(reason, prompt, cx);
    }

    /// A seat that rang is told that the call was taken back, and so is the record.
    fn tell_withdrawn(&mut self, Presented { presentation, seat }: Presented, cx: &mut Cx<'_>) {
        let failed = Failed { result: PresentationResult::Withdrawn, status: None };
        self.common.story.tell_presentation_ended(presentation, seat, failed, Duration::ZERO, cx);
    }

    /// The talk goes on between those whose dialogs are up.
    fn resume_talk(&mut self, parties: Vec<(LegId, Option<Mono>)>, serving: Option<SeatId>, cx: &mut Cx<'_>) {
        let parties: Vec<_> = parties.into_iter().filter(|(leg, _)| self.common.legs.is_up(*leg)).collect();
        if parties.len() < 2 {
            self.stage = Stage::Talk(Talk::new(&[self.common.caller], None));
            return self.end_crashed(cx);
        }
        let legs: Vec<LegId> = parties.iter().map(|(leg, _)| *leg).collect();
        let mut talk = Talk::resumed(parties, serving);
        let is_held = talk.holder().is_some();
        self.common.story.summary.state = if is_held { CallState::Held } else { CallState::Connected };
        talk.begin(&legs, &mut self.common, cx);
        self.stage = Stage::Talk(talk);
    }

    /// Legs that belong to nothing that goes on: a consultation, a second phone.
    fn drop_others(&mut self, cx: &mut Cx<'_>) {
        let caller = self.common.caller;
        let dropped = match &self.stage {
            Stage::Talk(talk) => self.common.legs.ids(|leg| leg.id != caller && !talk.has(leg.id)),
            Stage::Transferring(transfer) => {
                self.common.legs.ids(|leg| leg.id != caller && !transfer.uses(leg.id))
            }
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::Outbound(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => return,
        };
        for leg in dropped {
            self.common.story.tell_left(leg, cx);
            self.common.command(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
        }
    }

    fn end_crashed(&mut self, cx: &mut Cx<'_>) {
        self.end(Ending::new(EndedBy::Gateway, EndReason::Crashed), cx);
    }
}

/// A service number that is not configured any more does what it did for the calls it brought.
fn resumed_origin(origin: OriginSnapshot, service: Option<Arc<ServiceRules>>) -> Origin {
    match origin {
        OriginSnapshot::Inbound { service: number, queue } => {
            let gone =
                || ServiceRules { number, queue: queue.clone(), welcome: None, answer_delay: Duration::ZERO };
            Origin::Inbound { service: service.unwrap_or_else(|| Arc::new(gone())), queue }
        }
        OriginSnapshot::Outbound { seat, line, dialled } => Origin::Outbound { seat, line, dialled },
    }
}

fn known_of(known: &CallerIdentified) -> History {
    History {
        calls_24h: known.calls_24h,
        calls_7d: known.calls_7d,
        calls_30d: known.calls_30d,
        last_seat: known.last_seat.clone(),
        last_operator: known.last_operator.clone(),
    }
}

fn resumed_legs(
    legs: Vec<LegSnapshot>,
    mut contexts: HashMap<LegId, LegContext>,
    cx: &mut Cx<'_>,
) -> Vec<Leg> {
    let goes_on = |leg: LegSnapshot| {
        let context = contexts.remove(&leg.leg).unwrap_or_default();
        resumed_leg(leg, context, cx)
    };
    legs.into_iter().map(goes_on).collect()
}

fn resumed_leg(snapshot: LegSnapshot, kept: LegContext, cx: &mut Cx<'_>) -> Leg {
    let (id, party, purpose) = (snapshot.leg, snapshot.party.clone(), snapshot.purpose);
    let peer = match &party {
        Party::Caller { trunk } | Party::Outside { trunk, .. } => cx.rules.trunk(trunk),
        Party::Seat { .. } => cx.rules.seat.clone(),
    };
    let leg = cx.leg(id, |lcx| Leg::resume(snapshot, kept, peer, lcx));
    if let (Party::Outside { trunk, .. }, Purpose::Serves(_) | Purpose::Sought(_)) = (party, purpose) {
        cx.out.push(Output::ChannelTaken { leg: id, trunk });
    }
    leg
}

/// What each seat of a call that goes on is doing.
impl Call {
    /// The seats that are in the call, and how. What the queue presented it takes back in its own way.
    pub fn busy_seats(&self) -> Vec<(SeatId, acd::Busy)> {
        let mut busy: Vec<(SeatId, acd::Busy)> = Vec::new();
        for leg in self.common.legs.iter() {
            let Some(seat) = leg.party.seat() else { continue };
            let Some(how) = self.busy_by(leg, seat) else { continue };
            match busy.iter_mut().find(|(other, _)| other == seat) {
                // A seat with two lines is in the call by the one that does more.
                Some((_, other)) => {
                    if matches!(other, acd::Busy::Closes) {
                        *other = how;
                    }
                }
                None => busy.push((seat.clone(), how)),
            }
        }
        busy
    }

    /// What a leg of it means for a seat.
    fn busy_by(&self, leg: &Leg, seat: &SeatId) -> Option<acd::Busy> {
        let (serving, goes_on) = match &self.stage {
            Stage::Talk(talk) => (talk.serving.as_ref(), talk.has(leg.id)),
            Stage::Transferring(transfer) => (transfer.line.map(|_| &transfer.by), transfer.uses(leg.id)),
            Stage::Outbound(_) => (None, leg.id == self.common.caller),
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => (None, false),
        };
        if !goes_on {
            let is_presented = matches!(self.stage, Stage::Queued(_)) && leg.is_cancelling();
            return (!is_presented && !leg.is_terminated()).then_some(acd::Busy::Closes);
        }
        let queue = self.common.origin.queue().filter(|_| serving == Some(seat));
        let holder = self.stage.talk().and_then(Talk::holder).map(|(leg, _)| leg);
        let busy = |queue| acd::Busy::Serves { queue, holds: holder == Some(leg.id) };
        Some(queue.map_or(acd::Busy::Own, busy))
    }
}
