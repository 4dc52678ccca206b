//! The list itself: entries by number, what changes them, and when they lapse.

use crate::caller::HistoryKey;
use crate::event::{CallbackChanged, CallbackReason, CallbackState, ClosedBy, Listed, Promise};
use crate::id::{CallId, CallbackId, Random};
use crate::room::give_back;
use crate::time::{Duration, Mono, Now, Timers, Wall};
use std::collections::HashMap;

/// Most numbers on the list, some 15 MB of them: half a month of the heaviest days on record without one call back. At the
/// limit the entries that stand are kept, a further number gets none, and its call says so (`callback_due` is false): the
/// oldest promise is not broken for the newest, and a flood under false numbers removes no entry.
pub const ENTRIES: usize = 50_000;

/// What the list goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How late a callback may be, from the newest call on.
    pub within: Duration,
    /// How long an entry stays after its newest call; zero for ever. Records of calls are kept as long: without that of its
    /// newest call an entry has no number that could be dialled.
    pub keep: Duration,
}

/// A number that is owed a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Callback {
    /// The number.
    pub key: HistoryKey,
    /// Which promise, and the calls it stands for.
    pub promise: Promise,
    /// What became of the newest of them.
    pub reason: Listed<CallbackReason>,
    /// Calls out to the number that were not answered.
    pub attempts: u32,
    /// How late it may be.
    pub due_at: Wall,
}

impl Callback {
    /// The entry as it stands after an event; `None` where the event closes it, or is of a version that knew no entries.
    pub fn after(event: &CallbackChanged, key: HistoryKey) -> Option<Callback> {
        let promise = event.promise?;
        is_open(event.state).then(|| Callback {
            key,
            promise,
            reason: event.reason.clone(),
            attempts: event.attempts,
            due_at: event.due_at,
        })
    }

    fn changed(&self, state: CallbackState, closed_by: Option<ClosedBy>) -> CallbackChanged {
        CallbackChanged {
            state,
            reason: self.reason.clone(),
            attempts: self.attempts,
            due_at: self.due_at,
            promise: Some(self.promise),
            closed_by,
        }
    }
}

/// Whether a callback in this state is still owed.
pub fn is_open(state: CallbackState) -> bool {
    match state {
        CallbackState::Requested | CallbackState::Due | CallbackState::Dialling => true,
        CallbackState::Done | CallbackState::Failed | CallbackState::Cancelled => false,
    }
}

/// A call that came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    /// Whose.
    pub key: HistoryKey,
    /// The call.
    pub call: CallId,
    /// What became of it.
    pub reason: CallbackReason,
}

/// There is no room for a further number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryListFull;

/// See the module. An entry is open as long as it is here.
#[derive(Debug)]
pub struct RecoveryList {
    entries: HashMap<HistoryKey, Callback>,
    /// Whose a promise is.
    numbers: HashMap<CallbackId, HistoryKey>,
    lapses: Timers<HistoryKey>,
    terms: Terms,
    limit: usize,
    turned_away: u64,
}

impl RecoveryList {
    /// An empty list.
    pub fn new(terms: Terms) -> RecoveryList {
        RecoveryList::with_limit(terms, ENTRIES)
    }

    pub(super) fn with_limit(terms: Terms, limit: usize) -> RecoveryList {
        RecoveryList {
            entries: HashMap::new(),
            numbers: HashMap::new(),
            lapses: Timers::default(),
            terms,
            limit,
            turned_away: 0,
        }
    }

    /// An entry that the store kept. It stays whatever the limit: it is owed.
    pub fn load(&mut self, now: Now, callback: Callback) {
        self.lapse_after(now, callback.key, callback.promise.last_called_at);
        self.numbers.insert(callback.promise.id, callback.key);
        self.entries.insert(callback.key, callback);
    }

    /// A call came to nothing: its number gets an entry, or the one it has is renewed. The reason is the newest, and the time
    /// for it begins anew.
    ///
    /// # Errors
    /// The list is full, and the number is not on it.
    pub fn owe(
        &mut self,
        now: Now,
        owed: Owed,
        random: &mut Random,
    ) -> Result<CallbackChanged, RecoveryListFull> {
        let Owed { key, call, reason } = owed;
        if !self.entries.contains_key(&key) && self.entries.len() >= self.limit {
            self.turned_away += 1;
            return Err(RecoveryListFull);
        }
        let due_at = now.wall + self.terms.within;
        let entry = self.entries.entry(key).or_insert_with(|| {
            let id = CallbackId::new(now.wall, random);
            let promise =
                Promise { id, since: now.wall, calls: 0, last_call: call, last_called_at: now.wall };
            Callback { key, promise, reason: reason.into(), attempts: 0, due_at }
        });
        entry.promise.calls = entry.promise.calls.saturating_add(1);
        entry.promise.last_call = call;
        entry.promise.last_called_at = now.wall;
        entry.reason = reason.into();
        entry.due_at = due_at;
        self.numbers.insert(entry.promise.id, key);
        let changed = entry.changed(CallbackState::Due, None);
        self.lapse_after(now, key, now.wall);
        Ok(changed)
    }

    /// A call out to the number was not answered. `None` when the number is owed nothing.
    pub fn tried(&mut self, key: &HistoryKey) -> Option<CallbackChanged> {
        let entry = self.entries.get_mut(key)?;
        entry.attempts = entry.attempts.saturating_add(1);
        Some(entry.changed(CallbackState::Due, None))
    }

    /// A human and the number's caller speak: the promise is kept. `None` when the number is owed nothing.
    pub fn reached(&mut self, key: &HistoryKey, by: ClosedBy) -> Option<CallbackChanged> {
        self.close(key, CallbackState::Done, by)
    }

    /// A person or a backend says that a promise is kept, or no longer owed. `None` when there is no such promise.
    pub fn settle(&mut self, id: CallbackId, state: CallbackState, by: ClosedBy) -> Option<CallbackChanged> {
        let key = *self.numbers.get(&id)?;
        self.close(&key, state, by)
    }

    fn close(&mut self, key: &HistoryKey, state: CallbackState, by: ClosedBy) -> Option<CallbackChanged> {
        self.lapses.cancel(*key);
        let entry = self.entries.remove(key)?;
        self.numbers.remove(&entry.promise.id);
        give_back(&mut self.entries);
        give_back(&mut self.numbers);
        Some(entry.changed(state, Some(by)))
    }

    /// Takes one entry whose time is up. Call until `None`.
    pub fn lapsed(&mut self, now: Mono) -> Option<CallbackChanged> {
        let key = self.lapses.pop_due(now)?;
        self.close(&key, CallbackState::Cancelled, ClosedBy::Retention)
    }

    /// When the next entry lapses.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.lapses.next().map(|(at, _)| at)
    }

    fn lapse_after(&mut self, now: Now, key: HistoryKey, last_called_at: Wall) {
        if self.terms.keep.is_zero() {
            return;
        }
        let age = Duration::from_nanos(now.wall.0.saturating_sub(last_called_at.0));
        self.lapses.set(key, now.mono + self.terms.keep.saturating_sub(age));
    }

    /// Whether the number is owed a call.
    pub fn owes(&self, key: &HistoryKey) -> bool {
        self.entries.contains_key(key)
    }

    /// How many numbers are owed a call.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no number is owed a call.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Most numbers it has room for.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Calls that got no entry because the list was full.
    pub fn turned_away(&self) -> u64 {
        self.turned_away
    }
}
