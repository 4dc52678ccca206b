//! Reading the store beside its writer.

use super::super::engine::Reads;
use super::super::{
    Behind, Kind, OwedNumber, OwedTotals, Page, Parked, StoreError, Stored, StoredRecord, Subscription,
    Wanted, nanos,
};
use super::{blocks, callbacks, history, records, schema, signed, subscriptions};
use crate::callback::Callback;
use crate::caller::{BlockEntry, History, HistoryKey};
use crate::event::{CallEvent, CallRecord, wire};
use crate::id::{CallId, CallbackId};
use crate::time::Wall;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// At most this many connections are kept open for the next reader.
const KEPT: usize = 8;

/// Reads of one call stop here: a call of four hours with an offer every few seconds stays below.
const EVENTS_OF_A_CALL: usize = 20_000;

/// Lends a connection to each read.
pub(super) struct SqliteReads {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl SqliteReads {
    pub(super) fn new(path: &Path) -> SqliteReads {
        SqliteReads { path: path.to_owned(), idle: Mutex::default() }
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
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
}

impl Reads for SqliteReads {
    fn events_after(&self, position: u64, limit: usize, bytes: usize) -> Result<Page, StoreError> {
        self.with(|conn| events_after(conn, position, limit, bytes))
    }

    fn event(&self, position: u64) -> Result<Option<Stored>, StoreError> {
        self.with(|conn| {
            Ok(conn
                .prepare_cached("SELECT position, type, body FROM event WHERE position = ?1")?
                .query_row([signed(position)], stored)
                .optional()?)
        })
    }

    fn earliest(&self) -> Result<Option<u64>, StoreError> {
        self.with(|conn| {
            let first: Option<i64> = conn.query_row("SELECT min(position) FROM event", [], |r| r.get(0))?;
            Ok(first.map(i64::unsigned_abs))
        })
    }

    fn position_before(&self, at: Wall) -> Result<u64, StoreError> {
        self.with(|conn| position_before(conn, at))
    }

    fn events_of(&self, call: CallId) -> Result<Vec<CallEvent>, StoreError> {
        self.with(|conn| events_of(conn, &call.to_string()))
    }

    fn published_record(&self, call: CallId) -> Result<Option<CallRecord>, StoreError> {
        self.with(|conn| records::published(conn, call))
    }

    fn records(&self, wanted: &Wanted, limit: usize) -> Result<Vec<StoredRecord>, StoreError> {
        self.with(|conn| {
            let begin = match wanted.updated_since {
                Some(since) => position_before(conn, since)?,
                None => 0,
            };
            records::page(conn, wanted, begin, limit)
        })
    }

    fn history(&self, key: HistoryKey, at: Wall) -> Result<History, StoreError> {
        self.with(|conn| Ok(history::look_up(conn, &key, at)?))
    }

    fn blocks_at(&self, now: Wall) -> Result<Vec<BlockEntry>, StoreError> {
        self.with(|conn| blocks::all(conn, now))
    }

    fn subscription(&self, name: &str) -> Result<Option<Subscription>, StoreError> {
        self.with(|conn| subscriptions::one(conn, name))
    }

    fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError> {
        self.with(subscriptions::all)
    }

    fn parked(
        &self,
        name: &str,
        after: u64,
        only_redriving: bool,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError> {
        self.with(|conn| subscriptions::parked(conn, name, after, only_redriving, limit))
    }

    fn parked_positions(&self, name: &str, after: u64) -> Result<Vec<u64>, StoreError> {
        self.with(|conn| subscriptions::parked_positions(conn, name, after))
    }

    fn callbacks(&self) -> Result<Vec<Callback>, StoreError> {
        self.with(callbacks::all)
    }

    fn owed(&self, behind: Option<Behind>, limit: usize) -> Result<Vec<OwedNumber>, StoreError> {
        self.with(|conn| callbacks::page(conn, behind, limit))
    }

    fn owed_totals_at(&self, now: Wall) -> Result<OwedTotals, StoreError> {
        self.with(|conn| callbacks::totals(conn, now))
    }

    fn callback_of(&self, key: HistoryKey) -> Result<Option<CallbackId>, StoreError> {
        self.with(|conn| callbacks::of_number(conn, key))
    }

    fn is_owed(&self, id: CallbackId) -> Result<bool, StoreError> {
        self.with(|conn| callbacks::is_owed(conn, id))
    }

    fn size(&self) -> u64 {
        let sizes = ["", "-wal", "-shm"].into_iter().filter_map(|end| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(end);
            std::fs::metadata(name).ok()
        });
        sizes.map(|file| file.len()).sum()
    }
}

fn events_after(conn: &Connection, position: u64, limit: usize, bytes: usize) -> Result<Page, StoreError> {
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
}

fn position_before(conn: &Connection, at: Wall) -> Result<u64, StoreError> {
    let (first, last): (Option<i64>, Option<i64>) =
        conn.query_row("SELECT min(position), max(position) FROM event", [], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let (Some(mut low), Some(mut high)) = (first, last) else { return Ok(0) };
    high += 1;
    let mut probe = conn
        .prepare_cached("SELECT position, at_ns FROM event WHERE position >= ?1 ORDER BY position LIMIT 1")?;
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

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let position: i64 = row.get(0)?;
    let kind: String = row.get(1)?;
    let body: Vec<u8> = row.get(2)?;
    Ok(Stored { position: position.unsigned_abs(), kind: Kind::Owned(kind), body: Bytes::from(body) })
}
