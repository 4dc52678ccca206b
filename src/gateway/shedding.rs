//! Calls of trunks that are refused by number: beyond its rate, one record a second says how many there were. A few of them
//! are read and get a record of their own, so that their callers are owed a call like any other (`owed`).

use super::{Gateway, Output};
use crate::event::{RefusalReason, What};
use crate::id::TrunkId;
use crate::time::{Duration, Mono, Now};
use crate::token_bucket::{Rate, TokenBucket};
use std::collections::BTreeMap;

/// How long calls are counted before their record is written.
const SPAN: Duration = Duration::from_secs(1);

/// Of calls beyond a trunk's rate so many a second are read, twice as many at once: each may cost a record and an entry, and
/// what a trunk brings beyond its rate, or a sender in its name, must fill neither the disk nor the list. Ten a second are
/// thirty times the calls of the busiest hour on record.
const READ: Rate = Rate { per_second: 10, burst: 20 };

/// What is read of calls beyond a trunk's rate.
#[derive(Debug, Default)]
pub(super) struct Reading(TokenBucket);

/// What becomes of a call beyond a trunk's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A record of its own, and an entry for its number.
    Recorded,
    /// Counted; its number is owed a call already.
    Owed,
    /// Counted, and no call is owed for it.
    NotOwed,
}

impl Reading {
    pub(super) fn may_read(&mut self, now: Mono) -> bool {
        self.0.take(now, READ)
    }
}

/// What was shed since the last record. One entry for each trunk at most.
#[derive(Debug, Default)]
pub(super) struct Shed {
    since: Mono,
    calls: BTreeMap<TrunkId, Tally>,
}

/// Calls of one trunk.
#[derive(Debug, Default)]
struct Tally {
    count: u32,
    not_owed: u32,
}

impl Shed {
    fn note(&mut self, now: Mono, trunk: &TrunkId, shed: Outcome) {
        if self.calls.is_empty() {
            self.since = now;
        }
        if !self.calls.contains_key(trunk) {
            self.calls.insert(trunk.clone(), Tally::default());
        }
        let Some(tally) = self.calls.get_mut(trunk) else { return };
        tally.count = tally.count.saturating_add(1);
        match shed {
            Outcome::NotOwed => tally.not_owed = tally.not_owed.saturating_add(1),
            Outcome::Owed | Outcome::Recorded => {}
        }
    }

    /// When the record is due.
    pub(super) fn deadline(&self) -> Option<Mono> {
        (!self.calls.is_empty()).then(|| self.since + SPAN)
    }
}

impl Gateway {
    /// One more call of a trunk was shed. Its answer does not wait for the record: retransmissions of a second would be more
    /// than the calls themselves.
    pub(super) fn count_shed(&mut self, now: Now, trunk: &TrunkId, shed: Outcome) {
        self.trunking.count_refusal(trunk, RefusalReason::Overload);
        self.trunking.shed.note(now.mono, trunk, shed);
        self.journal.tallies.refused += 1;
    }

    /// Writes the records that are due.
    pub(super) fn shed_due(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.trunking.shed.deadline().is_some_and(|at| at <= now.mono) {
            self.tell_shed(now, out);
        }
    }

    /// Writes down what was shed since the last record.
    pub(super) fn tell_shed(&mut self, now: Now, out: &mut Vec<Output>) {
        let span = now.mono.since(self.trunking.shed.since);
        for (trunk, Tally { count, not_owed }) in std::mem::take(&mut self.trunking.shed.calls) {
            let (reason, sip_code) = (RefusalReason::Overload, 503);
            let what = What::CallsShed { trunk, reason, sip_code, count, span, not_owed };
            self.tell(now, what, out);
        }
    }
}
