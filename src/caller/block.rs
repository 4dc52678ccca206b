//! Nuisance callers: who is marked, slowed down or turned away, until when, and why. Pure: the shell stores the
//! entries, the gateway asks here at each call.
//!
//! Everything goes by the caller's own number. A flood against one service number from many numbers, or from callers
//! who withhold theirs, puts no caller on the list: that is what limits of trunks are for.

use super::HistoryKey;
use crate::event::{BlockListChange, BlockReason};
use crate::sip::recent::Recent;
use crate::time::{Duration, Mono, Now, Wall};
use std::collections::HashMap;
use std::sync::Arc;

/// Most numbers on the list. A centre has dozens; at the limit a further one is refused until one expires.
pub const BLOCKED: usize = 10_000;

/// The longest a number may be on the list: a year. A number that should stay is added again.
pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Within this time the calls of one number are counted. Who calls too often may still be a person in need, whence
/// slowed and not turned away.
pub const WINDOW: Duration = Duration::from_secs(600);

/// How long a number stays slowed down that called too often.
pub const SLOWED: Duration = Duration::from_secs(3600);

/// How long a slowed call rings before it is answered and queued: no other call waits for it meanwhile.
pub const SLOW_ANSWER: Duration = Duration::from_secs(10);

/// Most numbers whose calls are counted, in each of two generations; past it further ones are not counted until the
/// older are forgotten.
const COUNTED: usize = 65_536;

/// What is done with a caller's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockAction {
    /// The call is marked for the operator.
    Warn,
    /// The call rings for [`SLOW_ANSWER`] before it is answered.
    Slow,
    /// The call is refused with 603, with a record.
    Block,
}

impl BlockAction {
    /// The name in events, on the command line and on disk.
    pub fn name(self) -> &'static str {
        match self {
            BlockAction::Warn => "warn",
            BlockAction::Slow => "slow",
            BlockAction::Block => "block",
        }
    }

    /// The action of that name.
    pub fn of_name(name: &str) -> Option<BlockAction> {
        [BlockAction::Warn, BlockAction::Slow, BlockAction::Block].into_iter().find(|a| a.name() == name)
    }
}

impl From<BlockAction> for BlockListChange {
    fn from(action: BlockAction) -> BlockListChange {
        match action {
            BlockAction::Warn => BlockListChange::Warn,
            BlockAction::Slow => BlockListChange::Slow,
            BlockAction::Block => BlockListChange::Block,
        }
    }
}

/// One number on the list. The number itself is not kept: its key finds it, and its ends are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockEntry {
    /// The number.
    pub key: HistoryKey,
    /// The number with its middle hidden, for people.
    pub masked: Arc<str>,
    /// What is done.
    pub action: BlockAction,
    /// Until then.
    pub until: Wall,
    /// Why.
    pub reason: BlockReason,
    /// The one who decided it; `automatic` for the gateway itself.
    pub by: Arc<str>,
    /// When.
    pub added_at: Wall,
}

/// The list is full of entries that have not expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockListFull;

/// The list, and how often each number called lately.
#[derive(Debug)]
pub struct BlockList {
    entries: HashMap<HistoryKey, BlockEntry>,
    limit: usize,
    /// Calls of one number within [`WINDOW`] past which it is slowed; 0 for never.
    often: u32,
    calls: Recent<HistoryKey, Calls>,
}

/// Calls that leak away evenly: `often` of them in each [`WINDOW`].
#[derive(Debug, Clone, Copy, Default)]
struct Calls {
    count: u32,
    leaked: Mono,
}

impl BlockList {
    /// An empty list. A number that calls more than `often` times within [`WINDOW`] should be slowed; 0 for never.
    pub fn new(often: u32) -> BlockList {
        BlockList::with_limits(often, BLOCKED, COUNTED)
    }

    fn with_limits(often: u32, limit: usize, counted: usize) -> BlockList {
        BlockList { entries: HashMap::new(), limit, often, calls: Recent::new(WINDOW, counted) }
    }

    /// Puts a number on the list, or changes what stands there of it.
    pub fn add(&mut self, now: Wall, entry: BlockEntry) -> Result<(), BlockListFull> {
        if self.entries.len() >= self.limit && !self.entries.contains_key(&entry.key) {
            self.entries.retain(|_, e| e.until > now);
            if self.entries.len() >= self.limit {
                return Err(BlockListFull);
            }
        }
        self.entries.insert(entry.key, entry);
        Ok(())
    }

    /// Takes a number off the list; gives what stood there. Its calls are counted anew.
    pub fn remove(&mut self, key: &HistoryKey) -> Option<BlockEntry> {
        self.calls.remove(key);
        self.entries.remove(key)
    }

    /// What is to be done with a call of this number.
    pub fn of(&self, now: Wall, key: &HistoryKey) -> Option<&BlockEntry> {
        self.entries.get(key).filter(|e| e.until > now)
    }

    /// A number calls. `true`, once, when that was too often and it is not on the list yet: it should be slowed.
    pub fn called(&mut self, now: Now, key: HistoryKey) -> bool {
        if self.often == 0 {
            return false;
        }
        let listed = self.of(now.wall, &key).is_some();
        let Ok(calls) = self.calls.touch(now.mono, key) else { return false };
        let step = WINDOW / self.often;
        let leak = now.mono.since(calls.leaked).as_nanos() / step.as_nanos();
        calls.count = calls.count.saturating_sub(u32::try_from(leak).unwrap_or(u32::MAX));
        if leak > 0 || calls.count == 0 {
            calls.leaked = now.mono;
        }
        calls.count = calls.count.saturating_add(1);
        calls.count > self.often && !listed
    }

    /// How many numbers are on the list, expired ones that were not swept yet included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no number is on the list.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::HistorySecret;

    const NOW: Wall = Wall(1_800_000_000_000_000_000);

    fn key(n: u32) -> HistoryKey {
        HistoryKey::of_number(&format!("+86138{n:08}"), &HistorySecret::new([7; 32]))
    }

    fn entry(n: u32, action: BlockAction, lasts: Duration) -> BlockEntry {
        BlockEntry {
            key: key(n),
            masked: "+86****00".into(),
            action,
            until: NOW + lasts,
            reason: "shouts".into(),
            by: "desk".into(),
            added_at: NOW,
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn an_entry_counts_until_it_expires_and_the_newest_counts() {
        let mut list = BlockList::new(20);
        list.add(NOW, entry(1, BlockAction::Warn, HOUR)).unwrap();
        list.add(NOW, entry(1, BlockAction::Block, HOUR)).unwrap();
        assert_eq!(list.of(NOW, &key(1)).map(|e| e.action), Some(BlockAction::Block));
        assert_eq!(list.of(NOW, &key(2)), None);
        assert_eq!(list.of(NOW + HOUR, &key(1)), None);
        assert!(list.remove(&key(1)).is_some());
        assert_eq!(list.of(NOW, &key(1)), None);
    }

    #[test]
    fn a_full_list_refuses_until_one_expires() {
        let mut list = BlockList::with_limits(20, 2, 10);
        list.add(NOW, entry(1, BlockAction::Slow, HOUR)).unwrap();
        list.add(NOW, entry(2, BlockAction::Slow, HOUR * 2)).unwrap();
        assert_eq!(list.add(NOW, entry(3, BlockAction::Slow, HOUR)), Err(BlockListFull));
        assert_eq!(list.add(NOW, entry(2, BlockAction::Block, HOUR)), Ok(()), "a change needs no room");
        assert_eq!(list.add(NOW + HOUR, entry(3, BlockAction::Slow, HOUR)), Ok(()));
        assert_eq!(list.len(), 1);
    }

    #[test]
    fn one_number_that_calls_too_often_is_named_and_a_patient_one_never() {
        let mut list = BlockList::new(20);
        let at = |s: u64| Now { mono: Mono(1_000_000_000_000 + s * 1_000_000_000), wall: NOW };
        let named: Vec<u64> = (0..25).filter(|n| list.called(at(n * 3), key(1))).collect();
        // Two leaked away within the first minute.
        assert_eq!(named.first(), Some(&22), "{named:?}");
        assert!((0..1000).all(|n| !list.called(at(1000 + n * 31), key(2))), "one in half a minute");
        list.add(NOW, entry(1, BlockAction::Slow, HOUR)).unwrap();
        assert!(!list.called(at(80), key(1)), "it is on the list already");
    }

    #[test]
    fn a_flood_from_many_numbers_lists_none_of_them_and_keeps_memory_flat() {
        let mut list = BlockList::with_limits(20, 10, 100);
        let now = Now { mono: Mono(1_000_000_000_000), wall: NOW };
        assert!((0..100_000).all(|n| !list.called(now, key(n % 5_000))), "one call, 20 at most, of each");
        assert!(list.calls.len() <= 200);
        assert!(list.is_empty());
    }
}
