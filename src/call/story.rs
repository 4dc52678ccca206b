//! The events of one call, in order, and the record they add up to.

use super::inputs::Output;
use super::rules::Rules;
use crate::event::{CallEvent, CallRecord, CallState, Of, Sequence, Summary, What};
use crate::id::{CallId, Random};
use crate::time::{Mono, Now};

/// What a call is given for the length of one step.
pub struct Cx<'a> {
    /// The time.
    pub now: Now,
    /// Who numbers events.
    pub sequence: &'a mut Sequence,
    /// For identifiers and tags.
    pub random: &'a mut Random,
    /// What every call goes by.
    pub rules: &'a Rules,
    /// What is to be done, in order.
    pub out: &'a mut Vec<Output>,
}

/// Tells the events of one call and keeps its record.
#[derive(Debug)]
pub struct Story {
    call: CallId,
    began: Mono,
    seq: u32,
    record: Option<Box<CallRecord>>,
    /// The call as it stands. Changed by the machine before it tells the event.
    pub summary: Summary,
}

impl Story {
    /// The story of a call that began now.
    pub fn new(call: CallId, now: Now, summary: Summary) -> Story {
        Story { call, began: now.mono, seq: 0, record: None, summary }
    }

    /// The story of a call found open in the journal at start; `began` is unknown on this clock, so that
    /// `since_start` counts from the recovery.
    pub fn resume(record: CallRecord, last_seq: u32, now: Now, summary: Summary) -> Story {
        Story { call: record.call, began: now.mono, seq: last_seq, record: Some(Box::new(record)), summary }
    }

    /// When the call began.
    pub fn began(&self) -> Mono {
        self.began
    }

    /// The record so far.
    pub fn record(&self) -> Option<&CallRecord> {
        self.record.as_deref()
    }

    /// Moves the call to `state` and tells `what`.
    pub fn tell_as(&mut self, cx: &mut Cx<'_>, state: CallState, what: What) {
        self.summary.state = state;
        self.tell(cx, what);
    }

    /// Tells `what`: numbers it, folds it into the record, puts it out.
    pub fn tell(&mut self, cx: &mut Cx<'_>, what: What) {
        let event = self.stamp(cx, what);
        match &mut self.record {
            Some(record) => record.apply(&event),
            None => self.record = CallRecord::open(&event).map(Box::new),
        }
        cx.out.push(Output::Event(event));
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
            since_start: cx.now.mono.since(self.began),
            summary: self.summary.clone(),
        };
        cx.sequence.stamp(cx.now, Some(of), what)
    }
}
