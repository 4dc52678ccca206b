//! What is older than it may be leaves the store, a little at a time between commits.

use super::nanos;
use crate::time::Wall;
use rusqlite::{Connection, params};
use std::time::{Duration, Instant};

/// One step removes at most this many rows of a table: a few milliseconds of the disk.
const STEP: i64 = 500;
/// While there is more to remove, steps are this far apart.
const BETWEEN_STEPS: Duration = Duration::from_millis(50);
/// When all is removed, the next look comes after this.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(60);
/// The caller history looks back 30 days; a day more is kept for clocks that were set.
const HISTORY: Duration = Duration::from_secs(31 * 24 * 3600);

/// When to remove what.
pub(super) struct Retention {
    keep: Duration,
    next: Instant,
}

impl Retention {
    /// Keeps events and records for `keep`; zero keeps them for ever.
    pub(super) fn new(keep: Duration) -> Retention {
        Retention { keep, next: Instant::now() }
    }

    /// How long until the next step.
    pub(super) fn patience(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// Does one step when it is time.
    pub(super) fn step(&mut self, conn: &Connection) -> Result<(), rusqlite::Error> {
        if Instant::now() < self.next {
            return Ok(());
        }
        self.next = Instant::now() + BETWEEN_ROUNDS;
        let more = remove(conn, self.keep, super::wall_now())?;
        if more {
            self.next = Instant::now() + BETWEEN_STEPS;
        }
        Ok(())
    }
}

/// Removes what is too old at `now`, one step; whether there is more.
pub(super) fn remove(conn: &Connection, keep: Duration, now: Wall) -> Result<bool, rusqlite::Error> {
    let mut more = false;
    if !keep.is_zero() {
        let before = nanos(now - keep);
        // The newest event stays: its position is where the journal goes on.
        more |= remove_oldest(conn, "event", "position", "at_ns", before)?;
        more |= remove_oldest(conn, "call_record", "updated_position", "updated_at_ns", before)?;
    }
    more |= remove_oldest(conn, "history", "id", "at_ns", nanos(now - HISTORY))?;
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
