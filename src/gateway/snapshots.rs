//! What is written of each call so that it outlives the process, and when.
//!
//! A step that tells events is written with them; any other change of a call within [`LATER`]: a CSeq number, a contact that
//! moves. The next process leaves a gap that is wider than what happens in that time.

use super::{Gateway, Output};
use crate::call::{self, Came, Went};
use crate::event::What;
use crate::id::CallId;
use crate::snapshot::{CallSnapshot, Snapshot, SnapshotKey};
use crate::time::{Duration, Mono, Now};
use std::collections::BTreeSet;

/// How long a change without an event waits to be written.
const LATER: Duration = Duration::from_secs(1);

/// The calls whose snapshots are behind. Bounded by the calls.
#[derive(Debug, Default)]
pub(super) struct Touched {
    with_events: BTreeSet<CallId>,
    later: BTreeSet<CallId>,
    due: Option<Mono>,
}

impl Touched {
    /// A step of a call is done.
    pub(super) fn touch(&mut self, now: Mono, call: CallId, told: Told) {
        match told {
            Told::Events => {
                self.with_events.insert(call);
            }
            Told::Nothing => {
                self.later.insert(call);
                self.due.get_or_insert(now + LATER);
            }
        }
    }

    /// When the snapshots that may wait are due.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.due
    }

    /// The calls to be written now.
    fn take(&mut self, now: Mono) -> BTreeSet<CallId> {
        let mut due = std::mem::take(&mut self.with_events);
        if self.due.is_some_and(|at| at <= now) {
            self.due = None;
            due.append(&mut self.later);
        }
        due.iter().for_each(|call| {
            self.later.remove(call);
        });
        due
    }
}

/// What a step of a call told that a start must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Events.
    Events,
    /// None.
    Nothing,
}

impl Told {
    /// Whether what a step said is to be written with its events. What follows the end of a call is not: its events alone
    /// say that nothing is to be resumed.
    pub(super) fn by(said: &[call::Output]) -> Told {
        let is_told = |output: &call::Output| {
            let call::Output::Event(event) = output else { return false };
            !matches!(
                event.what,
                What::CallerIdentified(_)
                    | What::QueuePositionChanged { .. }
                    | What::NoticePlayed { .. }
                    | What::MediaQuality(_)
                    | What::CallEnded(_)
                    | What::CallbackChanged(_)
                    | What::CallRecordUpdated(_)
                    | What::WrapUpStarted { .. }
                    | What::WrapUpCompleted { .. }
            )
        };
        if said.iter().any(is_told) { Told::Events } else { Told::Nothing }
    }
}

impl Gateway {
    /// Writes the snapshots that are due.
    pub(super) fn keep_calls(&mut self, now: Now, out: &mut Vec<Output>) {
        for call in self.journal.touched.take(now.mono) {
            self.keep_call(call, out);
        }
    }

    fn keep_call(&mut self, call: CallId, out: &mut Vec<Output>) {
        match self.call_snapshot(call) {
            Some(snapshot) => {
                self.calls.kept(call);
                out.push(Output::Keep(Snapshot::Call(Box::new(snapshot))));
            }
            None if self.calls.forgotten(call) => out.push(Output::Forget(SnapshotKey::Call(call))),
            None => {}
        }
    }

    /// Says the last snapshot of everything.
    pub(super) fn suspend(&mut self, now: Now, out: &mut Vec<Output>) {
        for call in self.calls.ids() {
            self.keep_call(call, out);
        }
        self.seats.write_all();
        self.keep_seats(now, out);
    }

    fn call_snapshot(&self, id: CallId) -> Option<CallSnapshot> {
        let slot = self.calls.get(id)?;
        let mut snapshot = CallSnapshot::of(&slot.call)?;
        snapshot.place = self.acd.place_of(id);
        snapshot.came = slot
            .invites()
            .filter_map(|tx| {
                let leg = self.routes.owner(tx)?.leg;
                Some(Came { leg, transaction: self.signalling.server_snapshot(tx)? })
            })
            .collect();
        let inviting = snapshot.legs.iter().filter(|leg| leg.is_inviting());
        snapshot.went = inviting
            .filter_map(|leg| {
                let tx = self.routes.newest_invite(leg.leg)?;
                Some(Went { leg: leg.leg, transaction: self.signalling.client_snapshot(tx)? })
            })
            .collect();
        Some(snapshot)
    }
}
