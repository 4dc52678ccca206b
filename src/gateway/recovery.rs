//! What a crash left open: every such call is closed with its reason, and its citizen is owed a call. No call is owed
//! for one that a seat made.

use super::{Gateway, Output, owed};
use crate::call::{self, Cx, Story};
use crate::callback::Owed;
use crate::caller::HistoryKey;
use crate::event::{
    CallEnded, CallEvent, CallRecord, CallState, CallbackReason, Direction, EndReason, EndedBy, NodeReason,
    NodeState, QueueExit, Summary, What,
};
use crate::time::{Duration, Now};

impl Gateway {
    /// Closes what is open in the journal, then says that the gateway serves.
    pub(super) fn recover(&mut self, now: Now, open_calls: &[Vec<CallEvent>], out: &mut Vec<Output>) {
        let mut closed = 0;
        for events in open_calls {
            closed += u64::from(self.close_open_call(now, events, out));
        }
        let (state, reason) = if closed > 0 {
            (NodeState::Recovered, NodeReason::ClosedCalls { calls: closed })
        } else {
            (NodeState::Started, NodeReason::Started)
        };
        self.tell(now, What::NodeStateChanged { state, reason: reason.into() }, out);
    }

    /// Says the last snapshot of everything.
    pub(super) fn suspend(&mut self, _now: Now, _out: &mut Vec<Output>) {
        self.seats.write_all();
    }

    /// Whether the call was open; one that had ended only gets the final record it lacks.
    fn close_open_call(&mut self, now: Now, events: &[CallEvent], out: &mut Vec<Output>) -> bool {
        let Some(record) = CallRecord::from_events(events) else { return false };
        let Some(part) = events.last().and_then(|e| e.call.as_ref()) else { return false };
        let was_open = record.ended.is_none() && record.refused.is_none();
        let summary = Summary { state: record.state, ..part.summary.clone() };
        let key = self.number_of(&record);
        let (call, untold) = (record.call, owed::untold(events, &record));
        let caller = key.filter(|_| record.direction == Direction::Inbound);
        let mut cx = self.context.cx(now);
        let mut story = Story::resume(record, part.seq, now, summary);
        owed::tell_untold(&mut story, (call, key), untold, &mut cx);
        if was_open {
            end_as_crashed(&mut story, caller, &mut cx);
        }
        story.publish_record(&mut cx, true);
        self.append_said(key, out);
        was_open
    }
}

/// `caller` is the number of a citizen's call.
fn end_as_crashed(story: &mut Story, caller: Option<HistoryKey>, cx: &mut Cx<'_>) {
    let Some(record) = story.record() else { return };
    let answered_by_operator = record.connected_at.is_some();
    let owed = caller.map(|key| Owed { key, call: record.call, reason: CallbackReason::Crashed });
    let open_visit = record.queue_visits.iter().rev().find(|v| v.left.is_none());
    if let Some(visit) = open_visit {
        let (queue, position) = (visit.queue.clone(), visit.entry_position);
        let waited = Duration::from_nanos(cx.now.wall.0.saturating_sub(visit.entered_at.0));
        story.tell(cx, What::QueueLeft { queue, exit: QueueExit::Closed, position, waited });
    }
    let changed = owed.and_then(|owed| cx.owed.owe(cx.now, owed, cx.random).ok());
    let ended = CallEnded {
        by: EndedBy::Gateway,
        reason: EndReason::Crashed,
        sip_code: None,
        q850: call::q850(EndReason::Crashed),
        answered_by_operator,
        callback_due: changed.is_some(),
    };
    story.tell_as(cx, CallState::Ended, What::CallEnded(ended));
    story.tell_callback(changed, cx);
}
