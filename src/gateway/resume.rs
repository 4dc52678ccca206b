//! After a restart calls go on: their transactions, their legs, their places in the queue, their seats.
//!
//! Nothing is read from the network before; what a peer sent meanwhile finds its dialog.

use super::calls::Slot;
use super::owed::{self, Untold};
use super::routes::{Owner, Sent};
use super::{Gateway, Output};
use crate::call::{self, CallSnapshot, LegContext, Resuming};
use crate::caller::HistoryKey;
use crate::event::{CallEvent, CallPart, CallRecord, ClosedBy, QueueExit};
use crate::id::{CallId, LegId};
use crate::media::ResumedStreams;
use crate::sip::{Method, ServerTx};
use crate::time::{Duration, Now, Wall};
use std::collections::HashMap;

/// The transactions of a call that go on.
pub(super) struct Kept {
    legs: HashMap<LegId, LegContext>,
    came: Vec<(LegId, ServerTx)>,
}

/// A call without a final record.
pub(super) struct OpenCall<'a> {
    /// What its events add up to.
    pub record: CallRecord,
    /// Its events, oldest first.
    pub events: &'a [CallEvent],
    /// When the last of them was.
    pub at: Wall,
    /// What that says of the call.
    pub part: &'a CallPart,
}

impl<'a> OpenCall<'a> {
    pub(super) fn of(events: &'a [CallEvent]) -> Option<OpenCall<'a>> {
        let last = events.last()?;
        let (record, part) = (CallRecord::from_events(events)?, last.call.as_ref()?);
        Some(OpenCall { record, events, at: last.at, part })
    }

    /// Whether it has ended, and lacks its final record alone.
    pub(super) fn is_over(&self) -> bool {
        self.record.ended.is_some() || self.record.refused.is_some()
    }
}

impl Gateway {
    /// The transactions of a call go on. Before any request is sent.
    pub(super) fn resume_transactions(
        &mut self,
        now: Now,
        snapshot: &mut CallSnapshot,
        streams: &HashMap<LegId, ResumedStreams>,
    ) -> Kept {
        let mut kept = Kept { legs: HashMap::new(), came: Vec::new() };
        for came in std::mem::take(&mut snapshot.came) {
            let tx = self.signalling.resume_server(now, came.transaction);
            kept.legs.entry(came.leg).or_default().answers = Some(tx);
            kept.came.push((came.leg, tx));
        }
        for went in std::mem::take(&mut snapshot.went) {
            let Some(invite) = went.transaction.invite() else { continue };
            let tx = self.signalling.resume_client(now, went.transaction);
            let owner = Owner { call: snapshot.call, leg: went.leg };
            let cseq = invite.cseq().0;
            self.routes.sent(tx, Sent { owner, method: Method::Invite, cseq, provable: None, instead: None });
            kept.legs.entry(went.leg).or_default().sent = Some(invite);
        }
        for leg in &snapshot.legs {
            kept.legs.entry(leg.leg).or_default().streams = streams.get(&leg.leg).copied();
        }
        kept
    }

    /// The call goes on; `false` when it cannot: it is closed then.
    pub(super) fn resume_call(
        &mut self,
        now: Now,
        snapshot: CallSnapshot,
        kept: Kept,
        open: &OpenCall<'_>,
        gap: Duration,
        out: &mut Vec<Output>,
    ) -> bool {
        let OpenCall { record, events, part: last, .. } = open;
        let (id, caller, place) = (snapshot.call, snapshot.caller, snapshot.place.clone());
        let released = snapshot.presented();
        let trunk = snapshot.caller_trunk().cloned();
        let service = self.calls.service(&record.service_number).cloned();
        let history = HistoryKey::of(&record.caller, &self.callers.history_key).filter(|_| trunk.is_some());
        let number = self.number_of(record);
        let reached = match owed::untold(events, record) {
            Some(Untold::Answered) => Some(ClosedBy::Answered),
            Some(Untold::CalledBack) => Some(ClosedBy::CalledBack),
            Some(Untold::Owed(_) | Untold::Tried) | None => None,
        };
        let Kept { legs: contexts, came } = kept;
        let resuming =
            Resuming { snapshot, record: record.clone(), last, service, contexts, number, reached, gap };
        let Some(call) = resuming.resume(&mut self.context.cx(now)) else { return false };
        if let Some(place) = place.filter(|_| call.is_queued())
            && !self.acd.restore_place(now, id, &place)
        {
            self.leave_gone_queue(now, id, record);
        }
        if let Some((presentation, seat)) = released {
            self.acd.restore_releasing(now, &seat, presentation);
        }
        self.calls.insert(id, Slot::resumed(call, trunk.clone(), history));
        for (leg, tx) in came {
            self.remember_invite(Owner { call: id, leg }, tx);
        }
        self.act(now, id, out);
        self.pace_call(id);
        if let Some(trunk) = trunk.filter(|_| self.routes.call_of(caller) == Some(id)) {
            self.take_channel(now, &trunk, out);
        }
        true
    }

    /// The queue that the call waits in is not configured any more: its caller hears so, and is owed a call.
    fn leave_gone_queue(&mut self, now: Now, id: CallId, record: &CallRecord) {
        if let Some(visit) = record.open_visit() {
            let (queue, position, waited) =
                (visit.queue.clone(), visit.entry_position, visit.waited(now.wall));
            self.push_call(id, call::Input::Left { queue, exit: QueueExit::Closed, position, waited });
        }
        self.push_call(id, call::Input::QueueFull);
    }

    /// The seats of calls that go on are in these calls, and so are those whose phones are yet to hear of an end.
    pub(super) fn resume_seats(&mut self, now: Now, out: &mut Vec<Output>) {
        for id in self.calls.ids() {
            let busy = self.calls.get(id).map(|slot| slot.call.busy_seats()).unwrap_or_default();
            for (seat, busy) in busy {
                self.acd.restore_busy(now, &seat, id, &busy, &mut self.pending.heard);
            }
        }
        self.acd_said(now, out);
    }

    /// The call cannot go on: its dialogs are ended.
    pub(super) fn end_dialogs(
        &mut self,
        now: Now,
        snapshot: CallSnapshot,
        kept: Kept,
        out: &mut Vec<Output>,
    ) {
        let id = snapshot.call;
        let Kept { legs: contexts, came } = kept;
        let Some(call) = snapshot.closing(contexts, &mut self.context.cx(now)) else { return };
        self.calls.insert(id, Slot::resumed(call, None, None));
        for (leg, tx) in came {
            self.remember_invite(Owner { call: id, leg }, tx);
        }
        self.act(now, id, out);
        self.pace_call(id);
        // It may be over at once: a leg whose transaction is gone.
        self.step(now, id, None, out);
    }
}
