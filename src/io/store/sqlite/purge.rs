//! Removing what is too old, a little at a time.

use super::super::engine::Purge;
use super::super::nanos;
use rusqlite::{Connection, params};

/// One step removes at most this many rows of a table: a few milliseconds of the disk.
const STEP: i64 = 500;

/// Removes what is too old, one step; whether there is more.
pub(super) fn remove(conn: &Connection, purge: &Purge) -> Result<bool, rusqlite::Error> {
    let mut more = false;
    if let Some(before) = purge.events_before.map(nanos) {
        // The newest event stays: its position is where the journal goes on.
        more |= remove_oldest(conn, "event", "position", "at_ns", before)?;
        more |= remove_oldest(conn, "call_record", "updated_position", "updated_at_ns", before)?;
    }
    more |= remove_oldest(conn, "history", "id", "at_ns", nanos(purge.history_before))?;
    Ok(more)
}

/// Removes from the oldest row on, up to the first that is young enough: never from the middle.
fn remove_oldest(
    conn: &Connection,
    table: &str,
    key: &str,
    at: &str,
    before: i64,
) -> Result<bool, rusqlite::Error> {
    let mut oldest = conn.prepare_cached(&format!(
        "SELECT {key}, {at} FROM {table} WHERE {key} < (SELECT max({key}) FROM {table}) ORDER BY {key} LIMIT {STEP}"
    ))?;
    let mut last: Option<i64> = None;
    let mut count = 0;
    let mut rows = oldest.query([])?;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= before {
            break;
        }
        last = Some(row.get(0)?);
        count += 1;
    }
    drop(rows);
    if let Some(last) = last {
        conn.prepare_cached(&format!("DELETE FROM {table} WHERE {key} <= ?1"))?.execute(params![last])?;
    }
    Ok(count == STEP)
}
