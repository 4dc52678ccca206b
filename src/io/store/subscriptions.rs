//! Named subscriptions on disk: how far each is, what it could not deal with. Writes go through the writer
//! thread, in one commit with the events.

use super::reader::signed;
use super::writer::Job;
use super::{Journal, Reader, StoreError, Stored, nanos, wall_now};
use crate::time::Wall;
use bytes::Bytes;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// At most this many subscriptions: a centre has a handful of backends.
pub const SUBSCRIPTIONS: usize = 256;
/// At most this many events of one subscription are parked; past it a nack pauses the stream for ever, which
/// a person will notice.
pub const PARKED: usize = 10_000;

/// One named subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The name.
    pub name: String,
    /// When it was made.
    pub created_at: Wall,
    /// Everything up to this position is dealt with.
    pub acked: u64,
    /// When that last changed.
    pub acked_at: Wall,
    /// The encoded `hotline.v1.EventFilter`.
    pub filter: Vec<u8>,
    /// Events set aside.
    pub parked: u32,
}

/// An event that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The place in the journal.
    pub position: u64,
    /// When it was set aside.
    pub at: Wall,
    /// What the consumer said.
    pub reason: String,
    /// The event is to be sent again.
    pub redriving: bool,
    /// The encoded `hotline.v1.CallEvent`.
    pub body: Bytes,
}

const COLUMNS: &str = "SELECT name, created_at_ns, acked, acked_at_ns, filter, \
     (SELECT count(*) FROM parked_event WHERE subscription = name) FROM subscription";

impl Journal {
    /// Makes a subscription that is dealt with up to `acked`; `false` when there is one of that name, which is
    /// left as it is.
    pub async fn create_subscription(
        &self,
        name: &str,
        filter: Vec<u8>,
        acked: u64,
    ) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.change(move |tx| {
            let count: i64 = tx.query_row("SELECT count(*) FROM subscription", [], |r| r.get(0))?;
            if count >= i64::try_from(SUBSCRIPTIONS).unwrap_or(i64::MAX) {
                return Err(StoreError::Full("there are 256 subscriptions already: delete one"));
            }
            let now = nanos(wall_now());
            let made = tx.execute(
                "INSERT OR IGNORE INTO subscription (name, created_at_ns, acked, acked_at_ns, filter) \
                 VALUES (?1, ?2, ?3, ?2, ?4)",
                params![name, now, signed(acked), filter],
            )?;
            Ok(made == 1)
        })
        .await
    }

    /// Forgets a subscription and what it parked; `false` when there is none.
    pub async fn delete_subscription(&self, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.change(move |tx| {
            tx.execute("DELETE FROM parked_event WHERE subscription = ?1", [&name])?;
            Ok(tx.execute("DELETE FROM subscription WHERE name = ?1", [&name])? == 1)
        })
        .await
    }

    /// Moves a subscription, forwards or back; `false` when there is none.
    pub async fn seek_subscription(&self, name: &str, acked: u64) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.change(move |tx| {
            let moved = tx.execute(
                "UPDATE subscription SET acked = ?2, acked_at_ns = ?3, nack_position = 0, nacks = 0 \
                 WHERE name = ?1",
                params![name, signed(acked), nanos(wall_now())],
            )?;
            Ok(moved == 1)
        })
        .await
    }

    /// Replaces the filter of a subscription.
    pub async fn filter_subscription(&self, name: &str, filter: Vec<u8>) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.change(move |tx| {
            let sql = "UPDATE subscription SET filter = ?2 WHERE name = ?1";
            Ok(tx.execute(sql, params![name, filter])? == 1)
        })
        .await
    }

    /// Everything up to `position` is dealt with. Stored with the next commit; of several only the newest.
    pub fn ack(&self, name: &Arc<str>, position: u64) {
        self.shared.backlog.ack(name.clone(), position);
    }

    /// Counts a nack of the event at `position`; how many that one has had.
    pub async fn nack(&self, name: &str, position: u64) -> Result<u32, StoreError> {
        let name = name.to_owned();
        self.change(move |tx| {
            tx.execute(
                "UPDATE subscription SET nacks = CASE WHEN nack_position = ?2 THEN nacks + 1 ELSE 1 END, \
                 nack_position = ?2 WHERE name = ?1",
                params![name, signed(position)],
            )?;
            let nacks = tx
                .query_row("SELECT nacks FROM subscription WHERE name = ?1", [&name], |r| r.get(0))
                .optional()?;
            Ok(nacks.unwrap_or(0))
        })
        .await
    }

    /// Sets an event aside; `false` when [`PARKED`] are.
    pub async fn park(&self, name: &str, event: Stored, reason: &str) -> Result<bool, StoreError> {
        let (name, reason) = (name.to_owned(), reason.to_owned());
        self.change(move |tx| {
            let sql = "SELECT count(*) FROM parked_event WHERE subscription = ?1";
            let count: i64 = tx.query_row(sql, [&name], |r| r.get(0))?;
            if count >= i64::try_from(PARKED).unwrap_or(i64::MAX) {
                return Ok(false);
            }
            tx.execute(
                "INSERT OR REPLACE INTO parked_event VALUES (?1, ?2, ?3, ?4, 0, ?5)",
                params![name, signed(event.position), nanos(wall_now()), reason, &event.body[..]],
            )?;
            Ok(true)
        })
        .await
    }

    /// Marks parked events to be sent again, all of them when `positions` is empty; how many.
    pub async fn redrive(&self, name: &str, positions: Vec<u64>) -> Result<u32, StoreError> {
        self.mark_redriving(name, positions, true).await
    }

    /// Parked events that were sent again and refused again stay parked.
    pub async fn park_again(&self, name: &str, positions: Vec<u64>) -> Result<u32, StoreError> {
        self.mark_redriving(name, positions, false).await
    }

    async fn mark_redriving(
        &self,
        name: &str,
        positions: Vec<u64>,
        redriving: bool,
    ) -> Result<u32, StoreError> {
        let name = name.to_owned();
        self.change(move |tx| {
            let all = "UPDATE parked_event SET redriving = ?2 WHERE subscription = ?1";
            let mut count = 0;
            if positions.is_empty() {
                count = tx.execute(all, params![name, redriving])?;
            }
            let mut one = tx.prepare(&format!("{all} AND position = ?3"))?;
            for position in &positions {
                count += one.execute(params![name, redriving, signed(*position)])?;
            }
            Ok(u32::try_from(count).unwrap_or(u32::MAX))
        })
        .await
    }

    /// Parked events are dealt with.
    pub async fn unpark(&self, name: &str, positions: Vec<u64>) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.change(move |tx| {
            let sql = "DELETE FROM parked_event WHERE subscription = ?1 AND position = ?2 AND redriving";
            let mut one = tx.prepare(sql)?;
            for position in &positions {
                one.execute(params![name, signed(*position)])?;
            }
            Ok(())
        })
        .await
    }

    /// Done when every ack and every other write brought so far is on disk.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.change(|_| Ok(())).await
    }

    /// Runs `change` in the writer's next transaction, and does not wait for it. One that fails is logged.
    pub(super) fn submit(
        &self,
        mut change: impl FnMut(&Transaction<'_>) -> Result<(), StoreError> + Send + 'static,
    ) {
        let done = Box::new(|answer: Result<(), StoreError>| {
            if let Err(e) = answer {
                tracing::warn!("not stored: {e}");
            }
        });
        let job = Job { run: Box::new(move |tx| change(tx)), done };
        if self.shared.backlog.job(job).is_err() {
            tracing::warn!("not stored: too many writes wait for the disk");
        }
    }

    /// Runs `change` in the writer's next transaction; the answer comes after the commit.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        mut change: impl FnMut(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let value = Arc::new(Mutex::new(None));
        let (tell, told) = oneshot::channel();
        let kept = value.clone();
        let job = Job {
            run: Box::new(move |tx| {
                let made = change(tx)?;
                *super::locked(&kept) = Some(made);
                Ok(())
            }),
            done: Box::new(move |answer| {
                let _ = tell.send(answer);
            }),
        };
        if self.shared.backlog.job(job).is_err() {
            return Err(StoreError::Full("too many writes wait for the disk: try again"));
        }
        told.await.unwrap_or(Err(StoreError::Closed))?;
        super::locked(&value).take().ok_or(StoreError::Closed)
    }
}

impl Reader {
    /// One subscription.
    pub fn subscription(&self, name: &str) -> Result<Option<Subscription>, StoreError> {
        self.with(|conn| {
            let mut one = conn.prepare_cached(&format!("{COLUMNS} WHERE name = ?1"))?;
            Ok(one.query_row([name], subscription).optional()?)
        })
    }

    /// All subscriptions, by name.
    pub fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError> {
        self.with(|conn| {
            let mut all = conn.prepare_cached(&format!("{COLUMNS} ORDER BY name"))?;
            Ok(all.query_map([], subscription)?.collect::<Result<_, _>>()?)
        })
    }

    /// At most `limit` parked events of a subscription after `position`, in order.
    pub fn parked(
        &self,
        name: &str,
        after: u64,
        only_redriving: bool,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError> {
        self.with(|conn| {
            let mut rows = conn.prepare_cached(
                "SELECT position, parked_at_ns, reason, redriving, body FROM parked_event \
                 WHERE subscription = ?1 AND position > ?2 AND (redriving OR NOT ?3) ORDER BY position LIMIT ?4",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = rows.query_map(params![name, signed(after), only_redriving, limit], parked)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Positions after `after` that are parked: a stream skips them.
    pub fn parked_positions(&self, name: &str, after: u64) -> Result<Vec<u64>, StoreError> {
        self.with(|conn| {
            let mut rows = conn.prepare_cached(
                "SELECT position FROM parked_event WHERE subscription = ?1 AND position > ?2",
            )?;
            let rows =
                rows.query_map(params![name, signed(after)], |r| Ok(r.get::<_, i64>(0)?.unsigned_abs()))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
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

fn parked(row: &Row<'_>) -> rusqlite::Result<Parked> {
    Ok(Parked {
        position: row.get::<_, i64>(0)?.unsigned_abs(),
        at: wall(row, 1)?,
        reason: row.get(2)?,
        redriving: row.get(3)?,
        body: Bytes::from(row.get::<_, Vec<u8>>(4)?),
    })
}
