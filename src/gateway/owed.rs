//! The recovery list at work where no call is: what a refusal or a crash leaves owed, what people settle, what lapses.

use super::alarm::{Alarm, Cleared};
use super::shedding::Outcome;
use super::{Gateway, Output};
use crate::call::{Cx, Story};
use crate::callback::{self, CallbackSettled, Owed, Settlement};
use crate::caller::{HistoryKey, identify};
use crate::event::{CallEvent, CallRecord, CallbackReason, CallbackState, ClosedBy, Direction, What};
use crate::id::{CallId, TrunkId};
use crate::sip::Message;
use crate::time::{Mono, Now};

/// From this share of the list on, in parts of ten, an alarm stands; it is over below [`EASED`].
const CROWDED: usize = 9;
const EASED: usize = 8;

/// What the list holds, and could not take.
pub(super) struct CallbackCounts {
    pub(super) due: usize,
    pub(super) full: u64,
}

/// Tells the callback that a call leaves that is no more than a story: one that was refused, or found at the start.
pub(super) fn owe_for(
    story: &mut Story,
    (call, key): (CallId, Option<HistoryKey>),
    reason: Option<CallbackReason>,
    cx: &mut Cx<'_>,
) {
    let owed = key.zip(reason).map(|(key, reason)| Owed { key, call, reason });
    let changed = owed.and_then(|owed| cx.owed.owe(cx.now, owed, cx.random).ok());
    story.tell_callback(changed, cx);
}

/// Why a call whose outcome is on disk still lacks its entry: the gateway was stopped between the two.
pub(super) fn lacking(events: &[CallEvent], record: &CallRecord) -> Option<CallbackReason> {
    let outcome = events.iter().rposition(|e| matches!(e.what, What::CallEnded(_) | What::CallRefused(_)))?;
    let told = |e: &CallEvent| matches!(e.what, What::CallbackChanged(_));
    if events.iter().skip(outcome).any(told) {
        return None;
    }
    match (&record.ended, &record.refused) {
        // Whether the end owes one, its event says; for what, its reason.
        (Some(ended), _) if ended.callback_due => callback::after_end(ended.reason, false),
        (Some(_), _) | (None, None) => None,
        (None, Some((reason, _))) => callback::after_refusal(*reason),
    }
}

/// What closes a callback by the last event of a call: the gateway was stopped before it said so.
pub(super) fn answered_last(events: &[CallEvent], record: &CallRecord) -> Option<ClosedBy> {
    match (&events.last()?.what, record.direction) {
        (What::SeatConnected { .. }, Direction::Inbound) => Some(ClosedBy::Answered),
        (What::CallAnswered { .. }, Direction::Outbound) => Some(ClosedBy::CalledBack),
        _ => None,
    }
}

impl Gateway {
    /// The number outside that a call was with.
    pub(super) fn number_of(&self, record: &CallRecord) -> Option<HistoryKey> {
        match (record.direction, &record.trunk) {
            (Direction::Inbound, _) => HistoryKey::of(&record.caller, &self.callers.history_key),
            (Direction::Outbound, Some(trunk)) => {
                let dialled = record.service_number.as_str();
                self.citizen_at(trunk, dialled, &[dialled.to_owned()])
            }
            (Direction::Outbound, None) => None,
        }
    }

    /// What becomes of a call that is beyond its trunk's rate.
    pub(super) fn shed_one(&mut self, now: Now, trunk: &TrunkId, invite: &Message) -> Outcome {
        if !self.trunking.reading.may_read(now.mono) {
            return Outcome::NotOwed;
        }
        let Some(identity) = self.trunking.kept.get(trunk).map(|t| &t.identity) else {
            return Outcome::NotOwed;
        };
        match HistoryKey::of(&identify(invite, identity), &self.callers.history_key) {
            None => Outcome::NotOwed,
            Some(key) if self.context.owed.owes(&key) => Outcome::Owed,
            Some(_) => Outcome::Recorded,
        }
    }

    /// When an entry leaves the list.
    pub(super) fn callback_lapses(&self) -> Option<Mono> {
        self.context.owed.poll_timeout()
    }

    /// How many numbers are owed a call, and how many calls found the list full.
    pub(super) fn callback_counts(&self) -> CallbackCounts {
        CallbackCounts { due: self.context.owed.len(), full: self.context.owed.turned_away() }
    }

    /// A person or a backend settled a callback. One that is closed already stays as it is.
    pub(super) fn callback_settled(&mut self, now: Now, settled: CallbackSettled, out: &mut Vec<Output>) {
        let state = match settled.how {
            Settlement::Done => CallbackState::Done,
            Settlement::Cancelled => CallbackState::Cancelled,
        };
        if let Some(changed) = self.context.owed.settle(settled.id, state, ClosedBy::from(&*settled.by)) {
            self.tell(now, What::CallbackChanged(changed), out);
        }
    }

    /// Entries past the retention time leave the list.
    pub(super) fn callbacks_lapse(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(changed) = self.context.owed.lapsed(now.mono) {
            self.tell(now, What::CallbackChanged(changed), out);
        }
    }

    /// Says that the list is nearly full, or no longer. Asked at the end of each step, when every event of the step is out.
    pub(super) fn callbacks_crowd(&mut self, now: Now, out: &mut Vec<Output>) {
        let (entries, limit) = (self.context.owed.len(), self.context.owed.limit());
        if entries * 10 >= limit * CROWDED {
            self.raise(now, &Alarm::CallbacksCrowded { entries, limit }, out);
        } else if entries * 10 < limit * EASED {
            self.clear(now, &Cleared::CallbacksCrowded { entries, limit }, out);
        }
    }
}
