//! Reading the store beside the writer. Every call blocks on the disk: from async code go through
//! `spawn_blocking`.

use super::feed::{Kind, Page, Stored};
use super::{StoreError, nanos, schema};
use crate::event::{CallEvent, wire};
use crate::id::CallId;
use crate::time::Wall;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// At most this many connections are kept open for the next reader.
const KEPT: usize = 8;

/// Reads of one call stop here: a call of four hours with an offer every few seconds stays below.
const EVENTS_OF_A_CALL: usize = 20_000;

/// A reader of the store. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Reader {
    pub(super) fn new(path: &Path) -> Reader {
        Reader { path: Arc::new(path.to_owned()), idle: Arc::default() }
    }

    /// The store's file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Lends a connection to `read`.
    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let lock = || self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let kept = lock().pop();
        let conn = match kept {
            Some(conn) => conn,
            None => schema::open_for_reading(&self.path)?,
        };
        let result = read(&conn);
        let mut idle = lock();
        if idle.len() < KEPT {
            idle.push(conn);
        }
        result
    }

    /// At most `limit` events and about `bytes` bytes after `position`.
    pub fn events_after(&self, position: u64, limit: usize, bytes: usize) -> Result<Page, StoreError> {
        self.with(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT position, type, body FROM event WHERE position > ?1 ORDER BY position LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut rows = statement.query(params![signed(position), limit])?;
            let mut events = Vec::new();
            let mut size = 0;
            while let Some(row) = rows.next()? {
                let event = stored(row)?;
                size += event.body.len();
                if size > bytes && !events.is_empty() {
                    break;
                }
                events.push(event);
            }
            Ok(Page { events })
        })
    }

    /// One event.
    pub fn event(&self, position: u64) -> Result<Option<Stored>, StoreError> {
        self.with(|conn| {
            Ok(conn
                .prepare_cached("SELECT position, type, body FROM event WHERE position = ?1")?
                .query_row([signed(position)], stored)
                .optional()?)
        })
    }

    /// Position of the oldest event kept; `None` for an empty journal.
    pub fn earliest(&self) -> Result<Option<u64>, StoreError> {
        self.with(|conn| {
            let first: Option<i64> = conn.query_row("SELECT min(position) FROM event", [], |r| r.get(0))?;
            Ok(first.map(i64::unsigned_abs))
        })
    }

    /// The position after which the events at or after `at` come. Should the clock have been set back, the
    /// search may begin somewhat early or late, by as much as it was set.
    pub fn position_before(&self, at: Wall) -> Result<u64, StoreError> {
        self.with(|conn| {
            let (first, last): (Option<i64>, Option<i64>) =
                conn.query_row("SELECT min(position), max(position) FROM event", [], |r| {
                    Ok((r.get(0)?, r.get(1)?))
                })?;
            let (Some(mut low), Some(mut high)) = (first, last) else { return Ok(0) };
            high += 1;
            let mut probe = conn.prepare_cached(
                "SELECT position, at_ns FROM event WHERE position >= ?1 ORDER BY position LIMIT 1",
            )?;
            while low < high {
                let middle = low + (high - low) / 2;
                let found: Option<(i64, i64)> =
                    probe.query_row([middle], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
                match found {
                    Some((position, at_ns)) if at_ns < nanos(at) => low = position + 1,
                    _ => high = middle,
                }
            }
            Ok((low - 1).unsigned_abs())
        })
    }

    /// The events of one call, in order; empty when it is not known (any more).
    pub fn events_of(&self, call: CallId) -> Result<Vec<CallEvent>, StoreError> {
        self.with(|conn| events_of(conn, &call.to_string()))
    }
}

/// The events of one call, in order.
pub(super) fn events_of(conn: &Connection, call_id: &str) -> Result<Vec<CallEvent>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT body FROM event WHERE call_id = ?1 ORDER BY position LIMIT ?2")?;
    let mut rows = statement.query(params![call_id, i64::try_from(EVENTS_OF_A_CALL).unwrap_or(i64::MAX)])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let body = row.get_ref(0)?.as_blob().map_err(|e| StoreError::Damaged(e.to_string()))?;
        let event = wire::decode(body)
            .map_err(|e| StoreError::Damaged(format!("an event of call {call_id} is {e}")))?;
        events.push(event);
    }
    Ok(events)
}

pub(super) fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let position: i64 = row.get(0)?;
    let kind: String = row.get(1)?;
    let body: Vec<u8> = row.get(2)?;
    Ok(Stored { position: position.unsigned_abs(), kind: Kind::Owned(kind), body: Bytes::from(body) })
}
