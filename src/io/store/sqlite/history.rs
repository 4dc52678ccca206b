//! What the own store knows of a caller, by keyed hash.

use super::super::{HistoryKey, nanos};
use crate::caller::History;
use crate::time::{Duration, Wall};
use rusqlite::{Connection, OptionalExtension, params};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What is known of the caller before `at`.
pub(super) fn look_up(conn: &Connection, key: &HistoryKey, at: Wall) -> Result<History, rusqlite::Error> {
    let key = &key.as_bytes()[..];
    let since = |days: u32| nanos(at - DAY * days);
    let (calls_24h, calls_7d, calls_30d) = conn
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE at_ns >= ?3), count(*) FILTER (WHERE at_ns >= ?4), count(*) \
             FROM history WHERE key = ?1 AND at_ns >= ?5 AND at_ns < ?2 AND seat IS NULL",
        )?
        .query_row(params![key, nanos(at), since(1), since(7), since(30)], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?))
        })?;
    let last: Option<(String, Option<String>)> = conn
        .prepare_cached(
            "SELECT seat, operator FROM history WHERE key = ?1 AND at_ns < ?2 AND seat IS NOT NULL \
             ORDER BY at_ns DESC LIMIT 1",
        )?
        .query_row(params![key, nanos(at)], |r| Ok((r.get(0)?, r.get(1)?)))
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
