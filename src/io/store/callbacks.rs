//! The recovery list on disk: a row for each number that is owed a call, changed in the commit of the event that says so.

use super::{Reader, StoreError, nanos, wall_now};
use crate::callback::{self, Callback, is_open};
use crate::caller::HistoryKey;
use crate::event::{CallRecord, CallbackChanged, CallbackState, Direction, Listed, Promise, Text};
use crate::id::{CallId, CallbackId};
use crate::redact::Pii;
use crate::time::{Duration, Wall};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// Calls of withheld numbers are counted over this time.
const COUNTED: Duration = Duration::from_secs(24 * 3600);

/// The columns of an entry, in the order [`callback`] reads them.
const COLUMNS: &str = "c.key, c.callback_id, c.reason, c.since_ns, c.calls, c.last_call_id, c.last_called_at_ns, \
                       c.due_at_ns, c.attempts, c.state";

/// An entry as a person works it: with what the record of its newest call says.
#[derive(Debug, Clone, PartialEq)]
pub struct OwedNumber {
    /// The entry.
    pub callback: Callback,
    /// Where it stands.
    pub state: CallbackState,
    /// The number, E.164 or as it came; empty where the record is gone.
    pub number: Pii<String>,
    /// What was dialled.
    pub service_number: String,
    /// The queue of the newest call, where it reached one.
    pub queue: Option<String>,
}

/// How much is owed altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwedTotals {
    /// Numbers that are owed a call.
    pub entries: u64,
    /// Of those, past the time they were to be called by.
    pub overdue: u64,
    /// Calls of the last 24 hours that came to nothing, and whose number is withheld.
    pub withheld: u64,
}

/// Where a page of the list goes on: behind this entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// When it is due.
    pub due_at: Wall,
    /// Which it is.
    pub id: CallbackId,
}

impl Reader {
    /// Every number that is owed a call.
    pub fn callbacks(&self) -> Result<Vec<Callback>, StoreError> {
        self.with(all)
    }

    /// At most `limit` numbers that are owed a call, the one to be called first before the others.
    pub fn owed(&self, behind: Option<Behind>, limit: usize) -> Result<Vec<OwedNumber>, StoreError> {
        let (due_at, id) = match behind {
            Some(behind) => (nanos(behind.due_at), behind.id.to_string()),
            None => (-1, String::new()),
        };
        self.with(|conn| {
            let mut page = conn.prepare_cached(&format!(
                "SELECT {COLUMNS}, coalesce(r.caller_e164, r.caller_raw, ''), coalesce(r.service_number, ''), r.queue \
                 FROM callback c LEFT JOIN call_record r ON r.call_id = c.last_call_id \
                 WHERE (c.due_at_ns, c.callback_id) > (?1, ?2) ORDER BY c.due_at_ns, c.callback_id LIMIT ?3"
            ))?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = page.query_map(params![due_at, id, limit], owed)?.collect::<Result<Vec<_>, _>>()?;
            Ok(rows.into_iter().flatten().collect())
        })
    }

    /// How much is owed altogether.
    pub fn owed_totals(&self) -> Result<OwedTotals, StoreError> {
        let now = wall_now();
        self.with(|conn| {
            let one = |sql: &str, at: Wall| -> rusqlite::Result<u64> {
                conn.prepare_cached(sql)?
                    .query_row([nanos(at)], |r| r.get::<_, i64>(0))
                    .map(i64::unsigned_abs)
            };
            Ok(OwedTotals {
                entries: one("SELECT count(*) FROM callback WHERE ?1 > 0", now)?,
                overdue: one("SELECT count(*) FROM callback WHERE due_at_ns < ?1", now)?,
                withheld: one(
                    "SELECT count(*) FROM call_record WHERE unowed = 1 AND received_at_ns >= ?1",
                    now - COUNTED,
                )?,
            })
        })
    }

    /// The open callback of a number.
    pub fn callback_of(&self, key: HistoryKey) -> Result<Option<CallbackId>, StoreError> {
        self.with(|conn| {
            let id: Option<String> = conn
                .prepare_cached("SELECT callback_id FROM callback WHERE key = ?1")?
                .query_row([&key.as_bytes()[..]], |r| r.get(0))
                .optional()?;
            Ok(id.and_then(|id| id.parse().ok()))
        })
    }

    /// Whether this callback is open.
    pub fn is_owed(&self, id: CallbackId) -> Result<bool, StoreError> {
        self.with(|conn| {
            let mut one = conn.prepare_cached("SELECT 1 FROM callback WHERE callback_id = ?1")?;
            Ok(one.exists([id.to_string()])?)
        })
    }
}

/// Every entry, in the order of their numbers' keys.
pub(super) fn all(conn: &Connection) -> Result<Vec<Callback>, StoreError> {
    let mut all = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM callback c ORDER BY c.key"))?;
    let rows = all.query_map([], callback)?.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().flatten().map(|(callback, _)| callback).collect())
}

/// What an event of a callback changes. `key` is that of the call that changed it; an event without one finds its entry by id.
pub(super) fn changed(
    tx: &Transaction<'_>,
    changed: &CallbackChanged,
    key: Option<HistoryKey>,
) -> rusqlite::Result<()> {
    let Some(promise) = changed.promise else { return Ok(()) };
    let id = promise.id.to_string();
    if !is_open(changed.state) {
        tx.prepare_cached("DELETE FROM callback WHERE callback_id = ?1")?.execute([id])?;
        return Ok(());
    }
    let renewed = tx
        .prepare_cached(
            "UPDATE callback SET state = ?2, reason = ?3, calls = ?4, last_call_id = ?5, last_called_at_ns = ?6, \
             due_at_ns = ?7, attempts = ?8 WHERE callback_id = ?1",
        )?
        .execute(params![
            id,
            changed.state.word(),
            changed.reason.to_string(),
            promise.calls,
            promise.last_call.to_string(),
            nanos(promise.last_called_at),
            nanos(changed.due_at),
            changed.attempts,
        ])?;
    let Some(key) = key.filter(|_| renewed == 0) else { return Ok(()) };
    tx.prepare_cached("INSERT OR REPLACE INTO callback VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?
        .execute(params![
            id,
            &key.as_bytes()[..],
            changed.state.word(),
            changed.reason.to_string(),
            nanos(promise.since),
            promise.calls,
            promise.last_call.to_string(),
            nanos(promise.last_called_at),
            nanos(changed.due_at),
            changed.attempts,
        ])?;
    Ok(())
}

/// Whether the call came to nothing, and its number is withheld: no number can be dialled.
pub(super) fn cannot_be_owed(r: &CallRecord) -> bool {
    let owes = match (&r.ended, r.refused) {
        (Some(ended), _) => callback::after_end(ended.reason, r.connected_at.is_some()).is_some(),
        (None, Some((reason, _))) => callback::after_refusal(reason).is_some(),
        (None, None) => false,
    };
    owes && r.direction == Direction::Inbound && (r.caller.withheld || r.caller.raw.reveal().is_empty())
}

/// `None` for a row that cannot have been written here: it is passed over.
fn callback(row: &Row<'_>) -> rusqlite::Result<Option<(Callback, CallbackState)>> {
    let wall = |column| row.get::<_, i64>(column).map(|at| Wall(at.unsigned_abs()));
    let text = |column| row.get::<_, String>(column);
    let key = <[u8; 16]>::try_from(row.get::<_, Vec<u8>>(0)?);
    let (id, last_call) = (text(1)?.parse::<CallbackId>(), text(5)?.parse::<CallId>());
    let state = CallbackState::of_text(&text(9)?);
    let (Ok(key), Ok(id), Ok(last_call), Some(state)) = (key, id, last_call, state) else { return Ok(None) };
    let promise = Promise { id, since: wall(3)?, calls: row.get(4)?, last_call, last_called_at: wall(6)? };
    let callback = Callback {
        key: HistoryKey::from_bytes(key),
        promise,
        reason: Listed::read(&text(2)?),
        attempts: row.get(8)?,
        due_at: wall(7)?,
    };
    Ok(Some((callback, state)))
}

fn owed(row: &Row<'_>) -> rusqlite::Result<Option<OwedNumber>> {
    let Some((callback, state)) = callback(row)? else { return Ok(None) };
    Ok(Some(OwedNumber {
        callback,
        state,
        number: Pii::new(row.get(10)?),
        service_number: row.get(11)?,
        queue: row.get(12)?,
    }))
}
