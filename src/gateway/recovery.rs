//! What a start makes of the calls that the process before left open: they go on, or each is closed with its reason, and its
//! citizen is owed a call. No call is owed for one that a seat made.

use super::resume::{Kept, OpenCall};
use super::{Gateway, Output, Recovery, owed};
use crate::call::{self, CallSnapshot, Cx, Story};
use crate::callback::Owed;
use crate::caller::HistoryKey;
use crate::event::{
    CallEnded, CallEvent, CallState, CallbackReason, Direction, EndReason, EndedBy, NodeReason, NodeState,
    QueueExit, Summary, What,
};
use crate::id::{CallId, LegId};
use crate::media::{self, LegNumbers, ResumedStreams};
use crate::snapshot::{Snapshot, SnapshotKey};
use crate::time::{Duration, Now, Wall};
use std::collections::{BTreeMap, HashMap};

/// What the process before left.
pub(super) struct Left {
    /// The events of every call that has no final record, oldest first.
    pub open_calls: Vec<Vec<CallEvent>>,
    /// What it had written to go on with.
    pub snapshots: Vec<Snapshot>,
    /// Whether calls go on.
    pub recovery: Recovery,
}

impl Gateway {
    /// Goes on with what is open, or closes it; then says that the gateway serves.
    pub(super) fn recover(&mut self, now: Now, left: Left, out: &mut Vec<Output>) {
        let Left { open_calls, snapshots, recovery } = left;
        let streams = recovery.streams();
        let mut calls: BTreeMap<CallId, (CallSnapshot, Kept)> = BTreeMap::new();
        for snapshot in snapshots {
            match snapshot {
                Snapshot::Call(mut call) => {
                    let kept = self.resume_transactions(now, &mut call, &streams);
                    calls.insert(call.call, (*call, kept));
                }
                // Restored once the calls are, for a seat may be in one.
                Snapshot::Seat(_) => {}
            }
        }
        let mut closed = 0;
        for events in &open_calls {
            let Some(open) = OpenCall::of(events) else { continue };
            let call = open.record.call;
            let gap = recovery.gap_of(call).filter(|_| !open.is_over());
            let kept = gap.and_then(|gap| Some((gap, calls.remove(&call)?)));
            let goes_on = kept.is_some_and(|(gap, (snapshot, kept))| {
                self.resume_call(now, snapshot, kept, &open, gap, out)
            });
            if !goes_on {
                closed += u64::from(self.close_open_call(now, recovery.last_sign_of_life(now), open, out));
            }
        }
        // Ended calls whose last BYE was not answered, and those that cannot go on.
        for (call, (snapshot, kept)) in calls {
            self.end_dialogs(now, snapshot, kept, out);
            if self.calls.get(call).is_none() {
                out.push(Output::Forget(SnapshotKey::Call(call)));
            }
        }
        let (state, reason) = if closed > 0 {
            (NodeState::Recovered, NodeReason::ClosedCalls { calls: closed })
        } else {
            (NodeState::Started, NodeReason::Started)
        };
        self.tell(now, What::NodeStateChanged { state, reason: reason.into() }, out);
        self.resume_seats(now, out);
        self.plan_paced(now.mono);
    }

    /// Whether the call was open; one that had ended only gets the final record it lacks.
    fn close_open_call(
        &mut self,
        now: Now,
        last_sign_of_life: Option<Wall>,
        open: OpenCall<'_>,
        out: &mut Vec<Output>,
    ) -> bool {
        let was_open = !open.is_over();
        let OpenCall { record, events, at, part } = open;
        let summary = Summary { state: record.state, ..part.summary.clone() };
        let key = self.number_of(&record);
        let (call, untold) = (record.call, owed::untold(events, &record));
        let caller = key.filter(|_| record.direction == Direction::Inbound);
        // The process was there until then: so long the parties spoke.
        let lived = last_sign_of_life.unwrap_or(at).max(at);
        let before = part.since_start + Duration::from_nanos(lived.0.saturating_sub(at.0));
        let mut cx = self.context.cx(now);
        let mut story = Story::resume(record, part.seq, now, before, summary);
        owed::tell_untold(&mut story, call, key, untold, &mut cx);
        if was_open {
            end_as_crashed(&mut story, caller, &mut cx);
        }
        story.publish_record(&mut cx, true);
        self.append_said(key, out);
        was_open
    }
}

impl Recovery {
    /// How long the call was without a gateway, if it goes on.
    fn gap_of(&self, call: CallId) -> Option<Duration> {
        match self {
            Recovery::Resume { gap, given_up, .. } => (!given_up.contains(&call)).then_some(*gap),
            Recovery::Close { .. } => None,
        }
    }

    /// The streams of the legs.
    fn streams(&self) -> HashMap<LegId, ResumedStreams> {
        let Recovery::Resume { after, numbers: Some(numbers), .. } = self else { return HashMap::new() };
        let gap = media::Gap { elapsed: numbers.age, after: *after };
        let streams = |leg: &LegNumbers| (leg.leg, ResumedStreams { numbers: leg.rtp, gap });
        numbers.legs.iter().map(streams).collect()
    }

    /// The end of the process before, as far as it is known.
    fn last_sign_of_life(&self, now: Now) -> Option<Wall> {
        match self {
            Recovery::Resume { gap, .. } => Some(now.wall - *gap),
            Recovery::Close { last_sign_of_life } => *last_sign_of_life,
        }
    }
}

/// `caller` is the number of a citizen's call.
fn end_as_crashed(story: &mut Story, caller: Option<HistoryKey>, cx: &mut Cx<'_>) {
    let Some(record) = story.record() else { return };
    let answered_by_operator = record.connected_at.is_some();
    let owed = caller.map(|key| Owed { key, call: record.call, reason: CallbackReason::Crashed });
    if let Some(visit) = record.open_visit() {
        let (queue, position, waited) =
            (visit.queue.clone(), visit.entry_position, visit.waited(cx.now.wall));
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
