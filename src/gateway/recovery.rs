//! What a crash left open: every such call is closed with its reason, and its citizen is owed a call. No call is owed
//! for one that a seat made.

use super::{Gateway, Output};
use crate::call::{self, Cx, Story};
use crate::event::{
    CallEnded, CallEvent, CallRecord, CallState, CallbackState, Direction, EndReason, EndedBy, NodeReason,
    NodeState, QueueExit, Summary, What,
};
use crate::time::{Duration, Now};

/// A callback after a crash is due at once; this is how late it may be.
const DUE_WITHIN: Duration = Duration::from_secs(3600);

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
    pub(super) fn suspend(&mut self, _now: Now, _out: &mut Vec<Output>) {}

    /// Whether the call was open; one that had ended only gets the final record it lacks.
    fn close_open_call(&mut self, now: Now, events: &[CallEvent], out: &mut Vec<Output>) -> bool {
        let Some(record) = CallRecord::from_events(events) else { return false };
        let Some(part) = events.last().and_then(|e| e.call.as_ref()) else { return false };
        let was_open = record.ended.is_none() && record.refused.is_none();
        let summary = Summary { state: record.state, ..part.summary.clone() };
        let mut cx = self.context.cx(now);
        if was_open {
            let mut story = Story::resume(record, part.seq, now, summary);
            end_as_crashed(&mut story, &mut cx);
            story.publish_record(&mut cx, true);
        } else {
            Story::resume(record, part.seq, now, summary).publish_record(&mut cx, true);
        }
        self.append_said(None, out);
        was_open
    }
}

fn end_as_crashed(story: &mut Story, cx: &mut Cx<'_>) {
    let Some(record) = story.record() else { return };
    let answered_by_operator = record.connected_at.is_some();
    let callback_due = record.direction == Direction::Inbound;
    let withheld = record.caller.withheld;
    let open_visit = record.queue_visits.iter().rev().find(|v| v.left.is_none());
    if let Some(visit) = open_visit {
        let (queue, position) = (visit.queue.clone(), visit.entry_position);
        let waited = Duration::from_nanos(cx.now.wall.0.saturating_sub(visit.entered_at.0));
        story.tell(cx, What::QueueLeft { queue, exit: QueueExit::Closed, position, waited });
    }
    let ended = CallEnded {
        by: EndedBy::Gateway,
        reason: EndReason::Crashed,
        sip_code: None,
        q850: call::q850(EndReason::Crashed),
        answered_by_operator,
        callback_due,
    };
    story.tell_as(cx, CallState::Ended, What::CallEnded(ended));
    if callback_due && !withheld {
        let due_at = cx.now.wall + DUE_WITHIN;
        let reason = EndReason::Crashed.into();
        story.tell(cx, What::CallbackChanged { state: CallbackState::Due, reason, attempts: 0, due_at });
    }
}
