//! The recovery list at work where no call is: what a refusal or a crash leaves owed, what people settle, what lapses.

use super::alarm::{Alarm, Cleared};
use super::shedding::Outcome;
use super::{Gateway, Output};
use crate::call::{Cx, Story};
use crate::callback::{self, CallbackSettled, Owed, Settlement};
use crate::caller::{HistoryKey, identify};
use crate::event::{
    CallEvent, CallRecord, CallbackReason, CallbackState, ClosedBy, Direction, EndReason, What,
};
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

/// Tells the callback that a call leaves that is no more than a story: one that was refused, or found ended at the start.
pub(super) fn owe_for(
    story: &mut Story,
    call: CallId,
    key: Option<HistoryKey>,
    reason: Option<CallbackReason>,
    cx: &mut Cx<'_>,
) {
    let owed = key.zip(reason).map(|(key, reason)| Owed { key, call, reason });
    let changed = owed.and_then(|owed| cx.owed.owe(cx.now, owed, cx.random).ok());
    story.tell_callback(changed, cx);
}

/// What the last event of a call changes on the list, and was not told: the gateway was stopped between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untold {
    /// The number is owed a call.
    Owed(CallbackReason),
    /// An operator called the number, and it was not answered.
    Tried,
    /// An operator answered the number.
    Answered,
    /// The number answered an operator.
    CalledBack,
}

/// A change is told right after what changes it, in one step: it is missing where that is the call's last event.
pub(super) fn untold(events: &[CallEvent], record: &CallRecord) -> Option<Untold> {
    match (&events.last()?.what, record.direction) {
        // Whether the end owes one, its event says; for what, its reason.
        (What::CallEnded(ended), Direction::Inbound) if ended.callback_due => {
            callback::after_end(ended.reason, false).map(Untold::Owed)
        }
        (What::CallRefused(refused), Direction::Inbound) => {
            callback::after_refusal(refused.reason).map(Untold::Owed)
        }
        (What::SeatConnected { .. }, Direction::Inbound) => Some(Untold::Answered),
        (What::CallAnswered { .. }, Direction::Outbound) => Some(Untold::CalledBack),
        // The end after a crash was told by a start, and says nothing of an answer.
        (What::CallEnded(ended), Direction::Outbound) if ended.reason != EndReason::Crashed => {
            (!ended.answered_by_operator).then_some(Untold::Tried)
        }
        _ => None,
    }
}

/// Tells what the last life did not.
pub(super) fn tell_untold(
    story: &mut Story,
    call: CallId,
    key: Option<HistoryKey>,
    untold: Option<Untold>,
    cx: &mut Cx<'_>,
) {
    let (Some(key), Some(untold)) = (key, untold) else { return };
    let changed = match untold {
        Untold::Owed(reason) => return owe_for(story, call, Some(key), Some(reason), cx),
        Untold::Tried => cx.owed.tried(&key),
        Untold::Answered => cx.owed.reached(&key, ClosedBy::Answered),
        Untold::CalledBack => cx.owed.reached(&key, ClosedBy::CalledBack),
    };
    story.tell_callback(changed, cx);
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
