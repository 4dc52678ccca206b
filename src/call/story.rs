//! The events of one call, in order, and the record they add up to.

use super::inputs::Output;
use super::leg::{self, Leg};
use super::ringing::Failed;
use super::rules::Rules;
use crate::callback::RecoveryList;
use crate::event::{
    CallEvent, CallRecord, CallState, CallTransferred, CallbackChanged, LegRole, Of, QueueEntered,
    SeatPresentationEnded, Sequence, Summary, TransferKind, TransferResult, What,
};
use crate::id::{CallId, LegId, PresentationId, Random, SeatId};
use crate::redact::Pii;
use crate::sip::Status;
use crate::time::{Duration, Mono, Now};
use std::sync::Arc;

/// What a call is given for the length of one step.
pub struct Cx<'a> {
    /// The time.
    pub now: Now,
    /// Who numbers events.
    pub sequence: &'a mut Sequence,
    /// For identifiers and tags.
    pub random: &'a mut Random,
    /// Which numbers are owed a call.
    pub owed: &'a mut RecoveryList,
    /// What every call goes by.
    pub rules: &'a Rules,
    /// What is to be done, in order.
    pub out: &'a mut Vec<Output>,
}

impl Cx<'_> {
    /// Begins a leg, with what that sends.
    pub fn leg(&mut self, id: LegId, begins: impl FnOnce(&mut leg::Cx<'_>) -> Leg) -> Leg {
        self.out.push(Output::LegUp(id));
        self.with_leg(id, begins)
    }

    /// Lets a leg do something, and sends what it sends.
    pub fn with_leg<T>(&mut self, id: LegId, does: impl FnOnce(&mut leg::Cx<'_>) -> T) -> T {
        let mut said = Vec::new();
        let mut cx = leg::Cx { now: self.now, random: self.random, rules: self.rules, out: &mut said };
        let done = does(&mut cx);
        for output in said {
            if let leg::Output::Send(send) = output {
                self.out.push(Output::of(id, send));
            }
        }
        done
    }
}

/// Tells the events of one call and keeps its record.
#[derive(Debug)]
pub struct Story {
    call: CallId,
    began: Mono,
    telling: Telling,
    /// How long the call had lasted then: more than nothing where it began before a restart.
    before: Duration,
    seq: u32,
    record: Option<Box<CallRecord>>,
    /// The call as it stands. Changed by the machine before it tells the event.
    pub summary: Summary,
    /// Who joined beside caller and queue, as events name them, until they leave; at most one a leg.
    joined: Vec<(LegId, Arc<str>)>,
}

/// Whether a story goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// Events are told.
    Goes,
    /// The record is final, or was never begun: only dialogs are left.
    Over,
}

/// What the story of a call that goes on is made of.
pub(super) struct Resumption {
    /// Its record so far.
    pub record: CallRecord,
    /// The number of its last event.
    pub seq: u32,
    /// When it began.
    pub began: Mono,
    /// The call as it stood.
    pub summary: Summary,
    /// Who joined beside caller and queue.
    pub joined: Vec<(LegId, String)>,
}

impl Story {
    /// The story of a call that began now.
    pub fn new(call: CallId, now: Now, summary: Summary) -> Story {
        Story {
            call,
            began: now.mono,
            telling: Telling::Goes,
            before: Duration::ZERO,
            seq: 0,
            record: None,
            summary,
            joined: Vec::new(),
        }
    }

    /// The story of a call found open in the journal at start, which had lasted so long `before` the process ended.
    pub fn resume(record: CallRecord, last_seq: u32, now: Now, before: Duration, summary: Summary) -> Story {
        Story {
            call: record.call,
            began: now.mono,
            telling: Telling::Goes,
            before,
            seq: last_seq,
            record: Some(Box::new(record)),
            summary,
            joined: Vec::new(),
        }
    }

    /// The story of a call of which nothing is told any more.
    pub(super) fn untold(call: CallId, now: Now) -> Story {
        let summary = Summary {
            state: CallState::Ended,
            caller: Pii::new(String::new()),
            service_number: "".into(),
            queue: None,
            seat: None,
            operator: None,
            received_at: now.wall,
            ticket: None,
        };
        Story { telling: Telling::Over, ..Story::new(call, now, summary) }
    }

    /// The story of a call that goes on after a restart.
    pub(super) fn resumed(from: Resumption) -> Story {
        let Resumption { record, seq, began, summary, joined } = from;
        let joined = joined.into_iter().map(|(leg, name)| (leg, Arc::from(name))).collect();
        let before = Duration::ZERO;
        Story {
            call: record.call,
            began,
            telling: Telling::Goes,
            before,
            seq,
            record: Some(Box::new(record)),
            summary,
            joined,
        }
    }

    /// Who joined beside caller and queue.
    pub(super) fn joined(&self) -> impl Iterator<Item = (LegId, &str)> {
        self.joined.iter().map(|(leg, name)| (*leg, &**name))
    }

    /// When the call began.
    pub fn began(&self) -> Mono {
        self.began
    }

    /// The record so far.
    pub fn record(&self) -> Option<&CallRecord> {
        self.record.as_deref()
    }

    /// The call waits in a queue.
    pub(super) fn tell_entered(&mut self, entered: QueueEntered, cx: &mut Cx<'_>) {
        self.summary.queue = Some(entered.queue.clone());
        self.tell_as(cx, CallState::Waiting, What::QueueEntered(entered));
    }

    /// Moves the call to `state` and tells `what`.
    pub fn tell_as(&mut self, cx: &mut Cx<'_>, state: CallState, what: What) {
        self.summary.state = state;
        self.tell(cx, what);
    }

    /// Tells `what`: numbers it, folds it into the record, puts it out.
    pub fn tell(&mut self, cx: &mut Cx<'_>, what: What) {
        if self.telling == Telling::Over {
            return;
        }
        let event = self.stamp(cx, what);
        match &mut self.record {
            Some(record) => record.apply(&event),
            None => self.record = CallRecord::open(&event).map(Box::new),
        }
        cx.out.push(Output::Event(event));
    }

    /// Tells what became of the callback of the call's number, if anything did.
    pub fn tell_callback(&mut self, changed: Option<CallbackChanged>, cx: &mut Cx<'_>) {
        if let Some(changed) = changed {
            self.tell(cx, What::CallbackChanged(changed));
        }
    }

    /// Tells how a presentation to a seat ended.
    pub fn tell_presentation_ended(
        &mut self,
        presentation: PresentationId,
        seat: SeatId,
        Failed { result, status }: Failed,
        rang: Duration,
        cx: &mut Cx<'_>,
    ) {
        let ended =
            SeatPresentationEnded { presentation, seat, result, rang, sip_code: status.map(Status::code) };
        self.tell(cx, What::SeatPresentationEnded(ended));
    }

    /// The call is presented no more, and waits.
    pub fn back_to_waiting(&mut self) {
        self.summary.state = CallState::Waiting;
        self.summary.seat = None;
        self.summary.operator = None;
    }

    /// Tells how a transfer stands.
    pub fn tell_transfer(
        &mut self,
        kind: TransferKind,
        by: &SeatId,
        to: &str,
        result: TransferResult,
        cx: &mut Cx<'_>,
    ) {
        let (from, to) = (Pii::new(by.to_string()), Pii::new(to.to_owned()));
        self.tell(cx, What::CallTransferred(CallTransferred { kind, from, to, result }));
    }

    /// Tells that a party has joined beside caller and queue.
    pub fn tell_joined(&mut self, leg: LegId, name: Arc<str>, cx: &mut Cx<'_>) {
        self.joined.push((leg, name.clone()));
        self.tell_participant(leg, &name, true, cx);
    }

    /// Tells that the party that joined on `leg` has left, if one did. The end of the call tells it of all that are left.
    pub fn tell_left(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if let Some(at) = self.joined.iter().position(|(joined, _)| *joined == leg) {
            let (_, name) = self.joined.swap_remove(at);
            self.tell_participant(leg, &name, false, cx);
        }
    }

    fn tell_participant(&mut self, leg: LegId, name: &str, joined: bool, cx: &mut Cx<'_>) {
        let (role, party) = (LegRole::ThirdParty, Pii::new(name.to_owned()));
        self.tell(cx, What::ParticipantChanged { leg, role, party, joined });
    }

    /// Puts out the whole record as it stands, at its next revision.
    pub fn publish_record(&mut self, cx: &mut Cx<'_>, is_final: bool) {
        let Some(record) = &mut self.record else { return };
        record.revision += 1;
        record.is_final = is_final;
        let copy = record.clone();
        let event = self.stamp(cx, What::CallRecordUpdated(copy));
        cx.out.push(Output::Event(event));
    }

    fn stamp(&mut self, cx: &mut Cx<'_>, what: What) -> CallEvent {
        let of = Of {
            call: self.call,
            seq: &mut self.seq,
            since_start: self.before + cx.now.mono.since(self.began),
            summary: self.summary.clone(),
        };
        cx.sequence.stamp(cx.now, Some(of), what)
    }
}
