//! Named subscriptions: how far each is, what it could not deal with.

use super::super::engine::{Answer, SubscriptionChange};
use super::super::{PARKED, Parked, SUBSCRIPTIONS, StoreError, Stored, Subscription, nanos};
use super::{count, signed};
use crate::time::Wall;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

const COLUMNS: &str = "SELECT name, created_at_ns, acked, acked_at_ns, filter, \
     (SELECT count(*) FROM parked_event WHERE subscription = name) FROM subscription";

/// Carries out a change of the subscription `name`.
pub(super) fn change(tx: &Transaction<'_>, name: &str, change: &SubscriptionChange, now: Wall) -> Answer {
    match change {
        SubscriptionChange::Create { filter, acked } => create(tx, name, filter, *acked, now),
        SubscriptionChange::Delete => {
            tx.execute("DELETE FROM parked_event WHERE subscription = ?1", [name])?;
            Ok(count(tx.execute("DELETE FROM subscription WHERE name = ?1", [name])?))
        }
        SubscriptionChange::Seek { acked } => Ok(count(tx.execute(
            "UPDATE subscription SET acked = ?2, acked_at_ns = ?3, nack_position = 0, nacks = 0 WHERE name = ?1",
            params![name, signed(*acked), nanos(now)],
        )?)),
        SubscriptionChange::Filter(filter) => {
            let sql = "UPDATE subscription SET filter = ?2 WHERE name = ?1";
            Ok(count(tx.execute(sql, params![name, filter])?))
        }
        SubscriptionChange::Nack(position) => nack(tx, name, *position),
        SubscriptionChange::Park { event, reason } => park(tx, name, event, reason, now),
        SubscriptionChange::Redrive(positions) => mark_redriving(tx, name, positions, true),
        SubscriptionChange::ParkAgain(positions) => mark_redriving(tx, name, positions, false),
        SubscriptionChange::Unpark(positions) => {
            let sql = "DELETE FROM parked_event WHERE subscription = ?1 AND position = ?2 AND redriving";
            let mut one = tx.prepare(sql)?;
            let mut gone = 0;
            for position in positions {
                gone += one.execute(params![name, signed(*position)])?;
            }
            Ok(count(gone))
        }
    }
}

fn create(tx: &Transaction<'_>, name: &str, filter: &[u8], acked: u64, now: Wall) -> Answer {
    let there: i64 = tx.query_row("SELECT count(*) FROM subscription", [], |r| r.get(0))?;
    if there >= i64::try_from(SUBSCRIPTIONS).unwrap_or(i64::MAX) {
        return Err(StoreError::Full("there are 256 subscriptions already: delete one"));
    }
    Ok(count(tx.execute(
        "INSERT OR IGNORE INTO subscription (name, created_at_ns, acked, acked_at_ns, filter) \
         VALUES (?1, ?2, ?3, ?2, ?4)",
        params![name, nanos(now), signed(acked), filter],
    )?))
}

fn nack(tx: &Transaction<'_>, name: &str, position: u64) -> Answer {
    tx.execute(
        "UPDATE subscription SET nacks = CASE WHEN nack_position = ?2 THEN nacks + 1 ELSE 1 END, \
         nack_position = ?2 WHERE name = ?1",
        params![name, signed(position)],
    )?;
    let nacks = tx.query_row("SELECT nacks FROM subscription WHERE name = ?1", [name], |r| r.get(0));
    Ok(nacks.optional()?.unwrap_or(0))
}

fn park(tx: &Transaction<'_>, name: &str, event: &Stored, reason: &str, now: Wall) -> Answer {
    let sql = "SELECT count(*) FROM parked_event WHERE subscription = ?1";
    let parked: i64 = tx.query_row(sql, [name], |r| r.get(0))?;
    if parked >= i64::try_from(PARKED).unwrap_or(i64::MAX) {
        return Ok(0);
    }
    tx.execute(
        "INSERT OR REPLACE INTO parked_event VALUES (?1, ?2, ?3, ?4, 0, ?5)",
        params![name, signed(event.position), nanos(now), reason, &event.body[..]],
    )?;
    Ok(1)
}

fn mark_redriving(tx: &Transaction<'_>, name: &str, positions: &[u64], redriving: bool) -> Answer {
    let all = "UPDATE parked_event SET redriving = ?2 WHERE subscription = ?1";
    if positions.is_empty() {
        return Ok(count(tx.execute(all, params![name, redriving])?));
    }
    let mut one = tx.prepare(&format!("{all} AND position = ?3"))?;
    let mut marked = 0;
    for position in positions {
        marked += one.execute(params![name, redriving, signed(*position)])?;
    }
    Ok(count(marked))
}

/// Stores how far a subscription is. A subscription that is gone is passed over.
pub(super) fn ack(tx: &Transaction<'_>, name: &str, position: u64, now_ns: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE subscription SET acked = ?2, acked_at_ns = ?3 WHERE name = ?1 AND acked < ?2")?
        .execute(params![name, signed(position), now_ns])?;
    Ok(())
}

/// One subscription.
pub(super) fn one(conn: &Connection, name: &str) -> Result<Option<Subscription>, StoreError> {
    let mut one = conn.prepare_cached(&format!("{COLUMNS} WHERE name = ?1"))?;
    Ok(one.query_row([name], subscription).optional()?)
}

/// All subscriptions, by name.
pub(super) fn all(conn: &Connection) -> Result<Vec<Subscription>, StoreError> {
    let mut all = conn.prepare_cached(&format!("{COLUMNS} ORDER BY name"))?;
    Ok(all.query_map([], subscription)?.collect::<Result<_, _>>()?)
}

/// At most `limit` parked events of a subscription after `position`, in order.
pub(super) fn parked(
    conn: &Connection,
    name: &str,
    after: u64,
    only_redriving: bool,
    limit: usize,
) -> Result<Vec<Parked>, StoreError> {
    let mut rows = conn.prepare_cached(
        "SELECT position, parked_at_ns, reason, redriving, body FROM parked_event \
         WHERE subscription = ?1 AND position > ?2 AND (redriving OR NOT ?3) ORDER BY position LIMIT ?4",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = rows.query_map(params![name, signed(after), only_redriving, limit], parked_event)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Positions after `after` that are parked.
pub(super) fn parked_positions(conn: &Connection, name: &str, after: u64) -> Result<Vec<u64>, StoreError> {
    let sql = "SELECT position FROM parked_event WHERE subscription = ?1 AND position > ?2";
    let mut rows = conn.prepare_cached(sql)?;
    let rows = rows.query_map(params![name, signed(after)], |r| Ok(r.get::<_, i64>(0)?.unsigned_abs()))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn wall(row: &Row<'_>, column: usize) -> rusqlite::Result<Wall> {
    Ok(Wall(row.get::<_, i64>(column)?.unsigned_abs()))
}

fn subscription(row: &Row<'_>) -> rusqlite::Result<Subscription> {
    Ok(Subscription {
        name: row.get(0)?,
        created_at: wall(row, 1)?,
        acked: row.get::<_, i64>(2)?.unsigned_abs(),
        acked_at: wall(row, 3)?,
        filter: row.get(4)?,
        parked: row.get(5)?,
    })
}

fn parked_event(row: &Row<'_>) -> rusqlite::Result<Parked> {
    Ok(Parked {
        position: row.get::<_, i64>(0)?.unsigned_abs(),
        at: wall(row, 1)?,
        reason: row.get(2)?,
        redriving: row.get(3)?,
        body: Bytes::from(row.get::<_, Vec<u8>>(4)?),
    })
}
