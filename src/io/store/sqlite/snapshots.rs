//! Snapshots on disk: the newest of each call and seat, written with the events of the step that changed it.

use super::super::StoreError;
use super::schema;
use crate::snapshot::{Snapshot, SnapshotKey, VERSION};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// Writes one change.
pub(super) fn write(
    conn: &Connection,
    key: &SnapshotKey,
    snapshot: Option<&Snapshot>,
) -> Result<(), rusqlite::Error> {
    let body = snapshot.map(Snapshot::encode);
    match body {
        Some(Ok(body)) => {
            let insert = "INSERT OR REPLACE INTO snapshot VALUES (?1, ?2, ?3, ?4)";
            conn.prepare_cached(insert)?.execute(params![key.kind(), key.name(), VERSION, body])?;
        }
        // What outlives no process is not resumed; one from before it must not be either.
        Some(Err(_)) | None => {
            let delete = "DELETE FROM snapshot WHERE kind = ?1 AND name = ?2";
            conn.prepare_cached(delete)?.execute(params![key.kind(), key.name()])?;
        }
    }
    Ok(())
}

/// Every snapshot of this version that can be read. What cannot be is forgotten: it must not fail a start.
pub(super) fn all(conn: &Connection) -> Result<Vec<Snapshot>, StoreError> {
    let rows: Vec<Vec<u8>> = conn
        .prepare("SELECT body FROM snapshot WHERE version = ?1 ORDER BY kind, name")?
        .query_map([VERSION], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut snapshots = Vec::with_capacity(rows.len());
    for body in rows {
        match Snapshot::decode(&body) {
            Ok(snapshot) => snapshots.push(snapshot),
            Err(e) => tracing::warn!("a snapshot cannot be read: {e}"),
        }
    }
    Ok(snapshots)
}

/// Forgets the snapshots of another version: nothing will ever resume them.
pub(super) fn forget_others(conn: &Connection) -> Result<(), rusqlite::Error> {
    conn.execute("DELETE FROM snapshot WHERE version <> ?1", [VERSION]).map(drop)
}

/// Whether this build reads every snapshot that stands in the store at `path`, written by the gateway that runs.
///
/// # Errors
/// A snapshot has another version, or the store cannot be read.
pub fn examine_snapshots(path: &Path) -> Result<(), StoreError> {
    if !path.exists() {
        return Ok(());
    }
    let conn = schema::open_for_reading(path)?;
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'snapshot'";
    if conn.query_row(tables, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(());
    }
    let other = "SELECT version FROM snapshot WHERE kind = 'call' AND version <> ?1 LIMIT 1";
    let found: Option<u32> = conn.query_row(other, [VERSION], |row| row.get(0)).optional()?;
    match found {
        None => Ok(()),
        Some(found) => Err(StoreError::OtherSnapshots { found, known: VERSION }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Journal;
    use super::super::super::tests::{Place, seat_snapshot as seat};
    use super::*;
    use crate::time::Duration;

    #[test]
    fn the_newest_snapshot_of_each_is_there_at_the_next_start() {
        let place = Place::new();
        let (journal, recovered) = Journal::open(&place.store(), Duration::ZERO).unwrap();
        assert!(recovered.snapshots.is_empty());
        for name in ["1001", "1002", "1001"] {
            journal.keep(seat(name).key(), Some(seat(name)));
        }
        journal.keep(seat("1002").key(), None);
        journal.close();
        let (journal, recovered) = Journal::open(&place.store(), Duration::ZERO).unwrap();
        let kept: Vec<SnapshotKey> = recovered.snapshots.iter().map(Snapshot::key).collect();
        assert_eq!(kept, [SnapshotKey::Seat("1001".into())]);
        journal.close();
    }

    #[test]
    fn a_snapshot_of_another_version_or_no_snapshot_fails_no_start() {
        let place = Place::new();
        let (journal, _) = Journal::open(&place.store(), Duration::ZERO).unwrap();
        journal.close();
        let conn = Connection::open(place.store()).unwrap();
        let insert = "INSERT INTO snapshot VALUES ('seat', ?1, ?2, ?3)";
        conn.execute(insert, params!["1001", VERSION + 1, b"{}".to_vec()]).unwrap();
        conn.execute(insert, params!["1002", VERSION, b"\xff{".to_vec()]).unwrap();
        drop(conn);
        let (journal, recovered) = Journal::open(&place.store(), Duration::ZERO).unwrap();
        assert!(recovered.snapshots.is_empty());
        journal.close();
        let conn = Connection::open(place.store()).unwrap();
        let left: i64 =
            conn.query_row("SELECT count(*) FROM snapshot WHERE name = '1001'", [], |r| r.get(0)).unwrap();
        assert_eq!(left, 0);
    }
}
