//! The recovery list at work where no call is: what a refusal or a crash leaves owed, what people settle, what lapses.

use super::alarm::{Alarm, Cleared};
use super::{Gateway, Output};
use crate::call::{Cx, Story};
use crate::callback::{self, Owed};
use crate::caller::{HistoryKey, identify};
use crate::event::{CallEvent, CallRecord, CallbackReason, CallbackState, ClosedBy, Direction, What};
use crate::id::{CallId, CallbackId, TrunkId};
use crate::sip::Message;
use crate::time::{Mono, Now};
use crate::token_bucket::{Rate, TokenBucket};
use std::sync::Arc;

/// Of calls beyond a trunk's rate so many a second are read, twice as many at once: each may cost a record and an entry, and
/// what a trunk brings beyond its rate, or a sender in its name, must fill neither the disk nor the list. Ten a second are
/// thirty times the calls of the busiest hour on record.
const READ: Rate = Rate { per_second: 10, burst: 20 };

/// From this share of the list on, in parts of ten, an alarm stands; it is over below [`EASED`].
const CROWDED: usize = 9;
const EASED: usize = 8;

/// What is said of a callback from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackSettled {
    /// Which.
    pub id: CallbackId,
    /// How it is closed.
    pub how: Settlement,
    /// By whom.
    pub by: Arc<str>,
}

/// How a callback is closed by a person or a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The citizen was reached.
    Done,
    /// No call is owed any more.
    Cancelled,
}

/// What is read of calls beyond a trunk's rate.
#[derive(Debug, Default)]
pub(super) struct Reading(TokenBucket);

/// What becomes of a call beyond a trunk's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shed {
    /// It gets a record of its own and its number an entry.
    Recorded,
    /// It is counted; its number is owed a call already.
    Owed,
    /// It is counted, and no call is owed for it.
    NotOwed,
}

impl Reading {
    fn may_read(&mut self, now: Mono) -> bool {
        self.0.take(now, READ)
    }
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
        // That it owes one was said by the end itself.
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
    pub(super) fn shed_one(&mut self, now: Now, trunk: &TrunkId, invite: &Message) -> Shed {
        if !self.trunking.reading.may_read(now.mono) {
            return Shed::NotOwed;
        }
        let Some(identity) = self.trunking.kept.get(trunk).map(|t| &t.identity) else { return Shed::NotOwed };
        match HistoryKey::of(&identify(invite, identity), &self.callers.history_key) {
            None => Shed::NotOwed,
            Some(key) if self.context.owed.owes(&key) => Shed::Owed,
            Some(_) => Shed::Recorded,
        }
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
