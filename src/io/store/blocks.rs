//! The block list on disk. Expired entries go when another is written.

use super::{Journal, Reader, StoreError, nanos, wall_now};
use crate::caller::{BLOCKED, BlockAction, BlockEntry, HistoryKey};
use crate::time::Wall;
use rusqlite::{Connection, Row, params};

impl Journal {
    /// Puts a number on the list, or changes what stands there of it. Done when it is on disk.
    pub async fn add_block(&self, entry: BlockEntry) -> Result<(), StoreError> {
        self.change(move |tx| insert(tx, &entry)).await
    }

    /// As [`Journal::add_block`], without waiting: the gateway's own decision, which holds already.
    pub fn keep_block(&self, entry: BlockEntry) {
        self.submit(move |tx| insert(tx, &entry));
    }

    /// Takes a number off the list; `false` when it was not on it.
    pub async fn remove_block(&self, key: HistoryKey) -> Result<bool, StoreError> {
        self.change(move |tx| Ok(tx.execute("DELETE FROM block WHERE key = ?1", [&key.as_bytes()[..]])? == 1))
            .await
    }
}

impl Reader {
    /// What has not expired, the newest first.
    pub fn blocks(&self) -> Result<Vec<BlockEntry>, StoreError> {
        self.with(|conn| {
            let mut all = conn.prepare_cached(
                "SELECT key, masked, action, until_ns, reason, decided_by, added_at_ns FROM block \
                 WHERE until_ns > ?1 ORDER BY added_at_ns DESC, key",
            )?;
            let rows = all.query_map([nanos(wall_now())], entry)?.collect::<Result<Vec<_>, _>>()?;
            Ok(rows.into_iter().flatten().collect())
        })
    }
}

fn insert(tx: &Connection, entry: &BlockEntry) -> Result<(), StoreError> {
    tx.execute("DELETE FROM block WHERE until_ns <= ?1", [nanos(wall_now())])?;
    let others = "SELECT count(*) FROM block WHERE key <> ?1";
    let others: i64 = tx.query_row(others, [&entry.key.as_bytes()[..]], |r| r.get(0))?;
    if others >= i64::try_from(BLOCKED).unwrap_or(i64::MAX) {
        return Err(StoreError::Full("there are 10,000 numbers on the block list: remove some"));
    }
    tx.execute(
        "INSERT OR REPLACE INTO block VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            &entry.key.as_bytes()[..],
            &*entry.masked,
            entry.action.name(),
            nanos(entry.until),
            entry.reason.to_string(),
            &*entry.by,
            nanos(entry.added_at),
        ],
    )?;
    Ok(())
}

/// `None` for a row that cannot have been written here: it is passed over.
fn entry(row: &Row<'_>) -> rusqlite::Result<Option<BlockEntry>> {
    let wall = |column| row.get::<_, i64>(column).map(|at| Wall(at.unsigned_abs()));
    let text = |column| row.get::<_, String>(column);
    let (key, action) = (row.get::<_, Vec<u8>>(0)?, BlockAction::of_name(&text(2)?));
    let (Ok(key), Some(action)) = (<[u8; 16]>::try_from(key), action) else { return Ok(None) };
    Ok(Some(BlockEntry {
        key: HistoryKey::from_bytes(key),
        masked: text(1)?.into(),
        action,
        until: wall(3)?,
        reason: text(4)?.as_str().into(),
        by: text(5)?.into(),
        added_at: wall(6)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Place, open};
    use super::*;
    use crate::time::Duration;

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
