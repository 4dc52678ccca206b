//! What the own store knows of a caller, by keyed hash, on a thread of its own: a look-up never waits behind a
//! commit, and a flood of them is refused, not queued without end.

use super::{HistoryKey, schema};
use crate::caller::History;
use crate::time::{Duration, Wall};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// At most this many look-ups wait; past it they are dropped and the caller's deadline takes over.
const WAITING: usize = 4_096;

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) struct LookUp {
    pub key: HistoryKey,
    pub at: Wall,
    pub reply: Box<dyn FnOnce(History) + Send>,
}

pub(super) fn spawn(path: &Path) -> Result<(SyncSender<LookUp>, JoinHandle<()>), super::StoreError> {
    let conn = schema::open_for_reading(path)?;
    let (sender, receiver) = sync_channel(WAITING);
    let thread = thread::Builder::new()
        .name("history".into())
        .spawn(move || run(&conn, &receiver))
        .map_err(|e| super::StoreError::Unusable(path.to_owned(), e.to_string()))?;
    Ok((sender, thread))
}

fn run(conn: &Connection, look_ups: &Receiver<LookUp>) {
    while let Ok(LookUp { key, at, reply }) = look_ups.recv() {
        // A read that fails is as if nothing were known: the call goes on.
        if let Ok(history) = look_up(conn, &key, at) {
            reply(history);
        }
    }
}

/// What is known of the caller before `at`.
pub(super) fn look_up(conn: &Connection, key: &HistoryKey, at: Wall) -> Result<History, rusqlite::Error> {
    let key = &key.as_bytes()[..];
    let since = |days: u32| super::nanos(at - DAY * days);
    let (calls_24h, calls_7d, calls_30d) = conn
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE at_ns >= ?3), count(*) FILTER (WHERE at_ns >= ?4), count(*) \
             FROM history WHERE key = ?1 AND at_ns >= ?5 AND at_ns < ?2 AND seat IS NULL",
        )?
        .query_row(params![key, super::nanos(at), since(1), since(7), since(30)], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?))
        })?;
    let last: Option<(String, Option<String>)> = conn
        .prepare_cached(
            "SELECT seat, operator FROM history WHERE key = ?1 AND at_ns < ?2 AND seat IS NOT NULL \
             ORDER BY at_ns DESC LIMIT 1",
        )?
        .query_row(params![key, super::nanos(at)], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    let (last_seat, last_operator) = last.map_or((None, None), |(s, o)| (Some(s), o));
    Ok(History {
        calls_24h,
        calls_7d,
        calls_30d,
        last_seat: last_seat.map(|s| s.as_str().into()),
        last_operator: last_operator.map(|o| o.as_str().into()),
    })
}
