//! The block list on disk.

use super::engine::Write;
use super::{Journal, StoreError};
use crate::caller::{BlockEntry, HistoryKey};

impl Journal {
    /// Puts a number on the list, or changes what stands there of it. Done when it is on disk.
    pub async fn add_block(&self, entry: BlockEntry) -> Result<(), StoreError> {
        self.change(Write::Block(entry)).await.map(drop)
    }

    /// As [`Journal::add_block`], without waiting: the gateway's own decision, which holds already.
    pub fn keep_block(&self, entry: BlockEntry) {
        self.submit(Write::Block(entry));
    }

    /// Takes a number off the list; `false` when it was not on it.
    pub async fn remove_block(&self, key: HistoryKey) -> Result<bool, StoreError> {
        Ok(self.change(Write::Unblock(key)).await? == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Place, open};
    use super::super::wall_now;
    use super::*;
    use crate::caller::BlockAction;
    use crate::time::{Duration, Wall};

    const HOUR: Duration = Duration::from_secs(3600);

    fn block(n: u8, lasts: Duration) -> BlockEntry {
        BlockEntry {
            key: HistoryKey::from_bytes([n; 16]),
            masked: "+86*******1234".into(),
            action: BlockAction::Slow,
            until: wall_now() + lasts,
            reason: "shouts".into(),
            by: "desk".into(),
            added_at: Wall(u64::from(n)),
        }
    }

    #[tokio::test]
    async fn what_is_on_the_list_outlives_a_restart_and_what_expired_does_not() {
        let place = Place::new();
        let (journal, _) = open(&place);
        let (one, two) = (block(1, HOUR), block(2, HOUR));
        journal.add_block(one.clone()).await.unwrap();
        journal.add_block(BlockEntry { action: BlockAction::Block, ..two.clone() }).await.unwrap();
        journal.add_block(two.clone()).await.unwrap();
        journal.add_block(block(3, Duration::ZERO)).await.unwrap();
        assert!(journal.remove_block(one.key).await.unwrap());
        assert!(!journal.remove_block(one.key).await.unwrap(), "once");
        journal.keep_block(block(4, HOUR));
        journal.flush().await.unwrap();
        journal.close();
        drop(journal);
        let (journal, _) = open(&place);
        let kept = journal.reader().blocks().unwrap();
        assert_eq!(kept.iter().map(|e| e.added_at).collect::<Vec<_>>(), [Wall(4), Wall(2)]);
        assert_eq!(kept[1], two, "the newest of two counts");
    }
}
