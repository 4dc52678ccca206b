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
use super::rules::{Rules, ServiceRules};
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

impl Resuming<'_> {
    /// The call goes on. `None` when no leg of it is left.
    pub fn resume(self, cx: &mut Cx<'_>) -> Option<Call> {
        let Resuming { snapshot, record, last, service, contexts, number, reached, gap } = self;
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
        let (stage, goes_on) = match resumed_stage(stage, &mut common, cx) {
            Resumed::Stage(stage) => (stage, GoesOn::InStage),
            Resumed::LastMessage(reason) => (not_answered(), GoesOn::ToItsEnd(reason)),
            Resumed::Crashed(stage) => (stage, GoesOn::Not),
        };
        let mut call = Call { common, stage, afterwork: Afterwork::default() };
        match goes_on {
            GoesOn::InStage => {}
            GoesOn::ToItsEnd(reason) => {
                let prompt = last_prompt(reason, &call.common.origin, cx.rules);
                call.last_message(reason, prompt, cx);
            }
            GoesOn::Not => call.end(Ending::new(EndedBy::Gateway, EndReason::Crashed), cx),
        }
        if let Some(presented) = presented {
            tell_withdrawn(presented, &mut call.common, cx);
        }
        drop_others(&call.stage, &mut call.common, cx);
        call.settle(cx);
        for leg in call.common.legs.ids(|leg| !leg.is_terminated()) {
            call.common.command(leg, cx, |leg, lcx| leg.resume_media(lcx));
        }
        Some(call)
    }
}

impl CallSnapshot {
    /// A call that is over, or cannot go on: its dialogs are to be ended by [`super::Input::HangUp`], each at its time, and
    /// nothing is told of it.
    pub fn closing(self, contexts: HashMap<LegId, LegContext>, cx: &mut Cx<'_>) -> Option<Call> {
        let CallSnapshot { call: id, caller, origin, legs, .. } = self;
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
}

/// How a call goes on.
enum Resumed {
    /// In this stage.
    Stage(Stage),
    /// Its caller hears from the beginning why it ends.
    LastMessage(EndReason),
    /// Not at all: it ends from this stage.
    Crashed(Stage),
}

/// The same, once its stage stands.
enum GoesOn {
    InStage,
    ToItsEnd(EndReason),
    Not,
}

/// A call that ends before its own stage is known ends as one that was not answered.
fn not_answered() -> Stage {
    Stage::Arriving(Arriving { durable: true, answer_at: None, early_media: EarlyMedia::None })
}

fn resumed_stage(stage: StageSnapshot, common: &mut Common, cx: &mut Cx<'_>) -> Resumed {
    let is_here = common.legs.is_up(common.caller);
    let is_invited = common.legs.get(common.caller).is_some_and(Leg::is_invited);
    match stage {
        StageSnapshot::Arriving { answer_at, early_media } if is_invited => {
            let early_media = if early_media { EarlyMedia::Music } else { EarlyMedia::None };
            Resumed::Stage(Stage::Arriving(Arriving { durable: true, answer_at, early_media }))
        }
        StageSnapshot::Queued { notice, recalled } if is_here => {
            let notice = notice.map(|prompt| common.audio.notice(Arc::from(prompt)));
            common.story.back_to_waiting();
            Resumed::Stage(Stage::Queued(Queued { notice, ringing: None, recalled }))
        }
        StageSnapshot::Dialling if is_invited => resumed_dialling(&common.origin, cx),
        StageSnapshot::Talk { parties, serving } => resumed_talk(parties, serving, common, cx),
        StageSnapshot::Transferring { by, kind, line, to } if is_here => {
            let line = line.filter(|line| common.legs.is_up(line.leg));
            let search = Search::silenced(to.into(), by.clone(), Asks::Transfer, cx.now.mono);
            Resumed::Stage(Stage::Transferring(Box::new(Transfer { by, kind, line, search })))
        }
        StageSnapshot::LastMessage { reason } if is_here => Resumed::LastMessage(reason),
        StageSnapshot::Arriving { .. }
        | StageSnapshot::Queued { .. }
        | StageSnapshot::Dialling
        | StageSnapshot::Transferring { .. }
        | StageSnapshot::LastMessage { .. }
        | StageSnapshot::Over => Resumed::Crashed(not_answered()),
    }
}

/// The seat that dialled goes on waiting, and the party it wants is rung anew.
fn resumed_dialling(origin: &Origin, cx: &Cx<'_>) -> Resumed {
    let Origin::Outbound { seat, dialled, .. } = origin else { return Resumed::Crashed(not_answered()) };
    let search = Search::silenced(dialled.as_str().into(), seat.clone(), Asks::Talk, cx.now.mono);
    Resumed::Stage(Stage::Outbound(Outbound { durable: true, search }))
}

/// The talk goes on between those whose dialogs are up.
fn resumed_talk(
    parties: Vec<(LegId, Option<Mono>)>,
    serving: Option<SeatId>,
    common: &mut Common,
    cx: &mut Cx<'_>,
) -> Resumed {
    let parties: Vec<_> = parties.into_iter().filter(|(leg, _)| common.legs.is_up(*leg)).collect();
    if parties.len() < 2 {
        return Resumed::Crashed(Stage::Talk(Talk::new(&[common.caller], None)));
    }
    let legs: Vec<LegId> = parties.iter().map(|(leg, _)| *leg).collect();
    let mut talk = Talk::resumed(parties, serving);
    let is_held = talk.holder().is_some();
    common.story.summary.state = if is_held { CallState::Held } else { CallState::Connected };
    talk.begin(&legs, common, cx);
    Resumed::Stage(Stage::Talk(talk))
}

/// What the caller of a call that ends hears.
fn last_prompt(reason: EndReason, origin: &Origin, rules: &Rules) -> Option<Arc<str>> {
    let voice = origin.voice(rules);
    match reason {
        EndReason::QueueFull => voice.and_then(|voice| voice.full.clone()),
        EndReason::WaitLimit => voice.and_then(|voice| voice.timeout.clone()),
        EndReason::LengthLimit => rules.call_length_prompt.clone(),
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
    }
}

/// A seat that rang is told that the call was taken back, and so is the record.
fn tell_withdrawn(Presented { presentation, seat }: Presented, common: &mut Common, cx: &mut Cx<'_>) {
    let failed = Failed { result: PresentationResult::Withdrawn, status: None };
    common.story.tell_presentation_ended(presentation, seat, failed, Duration::ZERO, cx);
}

/// Legs that belong to nothing that goes on: a consultation, a second phone.
fn drop_others(stage: &Stage, common: &mut Common, cx: &mut Cx<'_>) {
    let caller = common.caller;
    let dropped = match stage {
        Stage::Talk(talk) => common.legs.ids(|leg| leg.id != caller && !talk.has(leg.id)),
        Stage::Transferring(transfer) => common.legs.ids(|leg| leg.id != caller && !transfer.uses(leg.id)),
        Stage::Arriving(_)
        | Stage::Queued(_)
        | Stage::Outbound(_)
        | Stage::LastMessage(_)
        | Stage::Leaving(_)
        | Stage::Over => return,
    };
    for leg in dropped {
        common.story.tell_left(leg, cx);
        common.command(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
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
impl Stage {
    /// The seats that are in the call, and how. What the queue presented it takes back in its own way.
    pub(super) fn busy_seats(&self, common: &Common) -> Vec<(SeatId, acd::Busy)> {
        let mut busy: Vec<(SeatId, acd::Busy)> = Vec::new();
        for leg in common.legs.iter() {
            let Some(seat) = leg.party.seat() else { continue };
            let Some(how) = self.busy_by(leg, seat, common) else { continue };
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
    fn busy_by(&self, leg: &Leg, seat: &SeatId, common: &Common) -> Option<acd::Busy> {
        let (serving, goes_on) = match self {
            Stage::Talk(talk) => (talk.serving.as_ref(), talk.has(leg.id)),
            Stage::Transferring(transfer) => (transfer.line.map(|_| &transfer.by), transfer.uses(leg.id)),
            Stage::Outbound(_) => (None, leg.id == common.caller),
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => (None, false),
        };
        if !goes_on {
            let is_presented = matches!(self, Stage::Queued(_)) && leg.is_cancelling();
            return (!is_presented && !leg.is_terminated()).then_some(acd::Busy::Closes);
        }
        let queue = common.origin.queue().filter(|_| serving == Some(seat));
        let holder = self.talk().and_then(Talk::holder).map(|(leg, _)| leg);
        let busy = |queue| acd::Busy::Serves { queue, holds: holder == Some(leg.id) };
        Some(queue.map_or(acd::Busy::Own, busy))
    }
}
