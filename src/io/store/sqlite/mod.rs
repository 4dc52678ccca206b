//! The store in SQLite: write-ahead log, synchronous=FULL, one connection that writes and a few that read beside it.
//! The only place that names rusqlite.

mod blocks;
mod callbacks;
mod history;
mod purge;
mod reads;
mod records;
mod recover;
mod rows;
mod schema;
mod snapshots;
mod subscriptions;

#[cfg(test)]
mod tests;

pub use schema::examine;
pub use snapshots::examine_snapshots;

use super::engine::{Answer, Answers, Batch, Engine, Opened, Purge, Write};
use super::{StoreError, nanos};
use crate::id::Random;
use crate::time::Wall;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::Path;
use std::sync::Arc;

/// Opens the store at `path` for its one writer and for readers, and makes it if need be.
pub(super) fn open(path: &Path, now: Wall, random: &mut Random) -> Result<Opened, StoreError> {
    let conn = schema::open_for_writing(path, now, random)?;
    let found = recover::recover(&conn)?;
    let reads = Arc::new(reads::SqliteReads::new(path));
    Ok(Opened { engine: Box::new(Sqlite { conn }), reads, found })
}

/// The connection that writes.
struct Sqlite {
    conn: Connection,
}

impl Engine for Sqlite {
    fn commit(&mut self, batch: &Batch) -> Result<Answers, StoreError> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for entry in &batch.events {
            rows::event(&tx, &entry.append, &entry.stored)?;
        }
        for (key, snapshot) in &batch.snapshots {
            snapshots::write(&tx, key, snapshot.as_ref())?;
        }
        for (name, position) in &batch.acks {
            subscriptions::ack(&tx, name, *position, nanos(batch.at))?;
        }
        let mut answers = Vec::with_capacity(batch.writes.len());
        for write in &batch.writes {
            answers.push(apart(&tx, write, batch.at)?);
        }
        tx.commit()?;
        Ok(answers)
    }

    fn purge(&mut self, purge: &Purge) -> Result<bool, StoreError> {
        Ok(purge::remove(&self.conn, purge)?)
    }

    fn rest(&mut self) {
        // What is not given back is only memory.
        let _ = schema::give_back(&self.conn);
    }

    fn end(self: Box<Self>) {
        // Leaves one tidy file behind; should it fail, the log is read at the next start.
        let _ = self.conn.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);");
    }
}

/// Does one write so that it leaves nothing behind where it is refused.
fn apart(tx: &Transaction<'_>, write: &Write, now: Wall) -> Result<Answer, rusqlite::Error> {
    let savepoint = tx.prepare_cached("SAVEPOINT write")?.execute([]);
    savepoint?;
    let answer = carry_out(tx, write, now);
    if answer.is_err() {
        tx.execute_batch("ROLLBACK TO write")?;
    }
    tx.execute_batch("RELEASE write")?;
    Ok(answer)
}

fn carry_out(tx: &Transaction<'_>, write: &Write, now: Wall) -> Answer {
    match write {
        Write::Nothing => Ok(0),
        Write::Block(entry) => blocks::insert(tx, entry, now),
        Write::Unblock(key) => blocks::remove(tx, *key),
        Write::Subscription { name, change } => subscriptions::change(tx, name, change, now),
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(e: rusqlite::Error) -> StoreError {
        StoreError::Database(e.to_string())
    }
}

/// SQLite counts in signed 64 bits.
fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Rows that a statement changed.
fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
