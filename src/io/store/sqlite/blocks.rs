//! The block list. Expired entries go when another is written.

use super::super::engine::Answer;
use super::super::{StoreError, nanos};
use super::count;
use crate::caller::{BLOCKED, BlockAction, BlockEntry, HistoryKey};
use crate::time::Wall;
use rusqlite::{Connection, Row, params};

/// Puts an entry on the list, and takes those off that have expired.
pub(super) fn insert(tx: &Connection, entry: &BlockEntry, now: Wall) -> Answer {
    tx.execute("DELETE FROM block WHERE until_ns <= ?1", [nanos(now)])?;
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
    Ok(1)
}

/// Takes an entry off the list.
pub(super) fn remove(tx: &Connection, key: HistoryKey) -> Answer {
    Ok(count(tx.execute("DELETE FROM block WHERE key = ?1", [&key.as_bytes()[..]])?))
}

/// What has not expired at `now`, the newest first.
pub(super) fn all(conn: &Connection, now: Wall) -> Result<Vec<BlockEntry>, StoreError> {
    let mut all = conn.prepare_cached(
        "SELECT key, masked, action, until_ns, reason, decided_by, added_at_ns FROM block \
         WHERE until_ns > ?1 ORDER BY added_at_ns DESC, key",
    )?;
    let rows = all.query_map([nanos(now)], entry)?.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().flatten().collect())
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
