//! After a restart calls go on: their transactions, their legs, their places in the queue, their seats.
//!
//! Nothing is read from the network before; what a peer sent meanwhile finds its dialog.

use super::calls::Slot;
use super::owed::{self, Untold};
use super::routes::{Owner, Sent};
use super::{Gateway, Output};
use crate::call::{self, Call, CallSnapshot, LegContext, Resuming};
use crate::caller::HistoryKey;
use crate::event::{CallEvent, CallRecord, ClosedBy};
use crate::id::{LegId, TrunkId};
use crate::media::ResumedStreams;
use crate::sip::{Method, ServerTx};
use crate::time::{Duration, Now};
use std::collections::HashMap;

/// The transactions of a call that go on.
pub(super) struct Kept {
    legs: Vec<(LegId, LegContext)>,
    came: Vec<(LegId, ServerTx)>,
}

impl Gateway {
    /// The transactions of a call go on. Before any request is sent.
    pub(super) fn resume_transactions(
        &mut self,
        now: Now,
        snapshot: &mut CallSnapshot,
        streams: &HashMap<LegId, ResumedStreams>,
    ) -> Kept {
        let mut kept = Kept { legs: Vec::new(), came: Vec::new() };
        for came in std::mem::take(&mut snapshot.came) {
            let tx = self.signalling.resume_server(now, came.transaction);
            kept.of(came.leg).answers = Some(tx);
            kept.came.push((came.leg, tx));
        }
        for went in std::mem::take(&mut snapshot.went) {
            let Some(invite) = went.transaction.invite() else { continue };
            let tx = self.signalling.resume_client(now, went.transaction);
            let owner = Owner { call: snapshot.call, leg: went.leg };
            let cseq = invite.cseq().0;
            self.routes.sent(tx, Sent { owner, method: Method::Invite, cseq, provable: None, instead: None });
            kept.of(went.leg).sent = Some(invite);
        }
        for leg in &snapshot.legs {
            kept.of(leg.leg).streams = streams.get(&leg.leg).copied();
        }
        kept
    }

    /// The call goes on; `false` when it cannot: it is closed then.
    pub(super) fn resume_call(
        &mut self,
        now: Now,
        snapshot: CallSnapshot,
        kept: Kept,
        events: &[CallEvent],
        gap: Duration,
        out: &mut Vec<Output>,
    ) -> bool {
        let (id, caller, place) = (snapshot.call, snapshot.caller, snapshot.place.clone());
        let released = snapshot.presented();
        let trunk = snapshot.caller_trunk().cloned();
        let Some(record) = CallRecord::from_events(events) else { return false };
        let service = self.calls.service(&record.service_number).cloned();
        let history = HistoryKey::of(&record.caller, &self.callers.history_key).filter(|_| trunk.is_some());
        let number = self.number_of(&record);
        let reached = match owed::untold(events, &record) {
            Some(Untold::Answered) => Some(ClosedBy::Answered),
            Some(Untold::CalledBack) => Some(ClosedBy::CalledBack),
            Some(Untold::Owed(_) | Untold::Tried) | None => None,
        };
        let Kept { legs: transactions, came } = kept;
        let resuming = Resuming { snapshot, events, service, transactions, number, reached, gap };
        let Some(call) = Call::resume(resuming, &mut self.context.cx(now)) else { return false };
        if let Some(place) = place.filter(|_| call.is_queued())
            && !self.acd.restore_place(now, id, &place)
        {
            // Its queue is not configured any more.
            self.push_call(id, call::Input::QueueFull);
        }
        if let Some((presentation, seat)) = released {
            self.acd.restore_releasing(now, &seat, presentation);
        }
        self.calls.insert(id, Slot::resumed(call, trunk.clone(), history));
        for (leg, tx) in came {
            self.remember_invite(Owner { call: id, leg }, tx);
        }
        self.act(now, id, out);
        if let Some(trunk) = trunk.filter(|_| self.is_leg_of(id, caller)) {
            self.take_channel(now, &trunk, out);
        }
        true
    }

    /// The seats of calls that go on are in these calls.
    pub(super) fn resume_seats(&mut self, now: Now, out: &mut Vec<Output>) {
        for id in self.calls.ids() {
            let busy = self.calls.get(id).map(|slot| slot.call.busy_seats()).unwrap_or_default();
            for (seat, busy) in busy {
                self.acd.restore_busy(&seat, id, &busy, &mut self.pending.heard);
            }
        }
        self.acd_said(now, out);
    }

    fn is_leg_of(&self, call: crate::id::CallId, leg: LegId) -> bool {
        self.routes.call_of(leg) == Some(call)
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
        let Kept { legs: transactions, came } = kept;
        let Some(call) = Call::closing(snapshot, transactions, &mut self.context.cx(now)) else { return };
        let trunk: Option<TrunkId> = None;
        self.calls.insert(id, Slot::resumed(call, trunk, None));
        for (leg, tx) in came {
            self.remember_invite(Owner { call: id, leg }, tx);
        }
        self.act(now, id, out);
        // It may be over at once: a leg whose transaction is gone.
        self.step(now, id, None, out);
    }
}

impl Kept {
    fn of(&mut self, leg: LegId) -> &mut LegContext {
        let at = self.legs.iter().position(|(kept, _)| *kept == leg).unwrap_or_else(|| {
            self.legs.push((leg, LegContext::default()));
            self.legs.len() - 1
        });
        &mut self.legs[at].1
    }
}
