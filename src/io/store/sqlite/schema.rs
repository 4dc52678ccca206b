//! The tables, and opening the file they live in. Anyone may query them while the gateway runs
//! (`sqlite3 hotline.db`): times are nanoseconds since 1970 UTC, `datetime(at_ns / 1000000000, 'unixepoch')`.

use super::super::{OWNER_ONLY, StoreError, nanos};
use crate::id::{LogId, Random};
use crate::time::Wall;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// The version this program writes. A store with a higher one is refused.
pub(super) const VERSION: i64 = 5;

/// `HLGW`: marks the file as ours for `file` and against mistakes.
const APPLICATION: i64 = 0x484c_4757;

/// What the writer, and each reader, may keep of the file in memory, in KiB: the newest pages of the tables and of their
/// indexes, which is what is asked for.
const CACHE_KIB: u32 = 4_096;

/// What SQLite may hold in this process altogether before it gives cached pages back, in bytes: the writer's cache, and
/// as much for all readers together.
const SOFT_LIMIT: u32 = 8 * 1024 * 1024;

/// Each entry brings a store from the version of its index to the next.
const STEPS: [&str; VERSION as usize] = [
    "
CREATE TABLE log (
    log_id        TEXT NOT NULL,
    created_at_ns INTEGER NOT NULL
) STRICT;
-- Every event, `body` being the encoded hotline.v1.CallEvent exactly as it is sent.
CREATE TABLE event (
    position INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    call_id  TEXT,
    call_seq INTEGER,
    type     TEXT NOT NULL,
    at_ns    INTEGER NOT NULL,
    body     BLOB NOT NULL
) STRICT;
CREATE INDEX event_by_call ON event (call_id) WHERE call_id IS NOT NULL;
-- Calls without a final record: what a start after a crash looks at.
CREATE TABLE open_call (
    call_id  TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- The newest revision of each record, in the order of the last update; `body` is a hotline.v1.CallRecord.
CREATE TABLE call_record (
    updated_position INTEGER PRIMARY KEY,
    updated_at_ns    INTEGER NOT NULL,
    call_id          TEXT NOT NULL UNIQUE,
    revision         INTEGER NOT NULL,
    final            INTEGER NOT NULL,
    state            TEXT NOT NULL,
    received_at_ns   INTEGER NOT NULL,
    trunk            TEXT NOT NULL,
    service_number   TEXT NOT NULL,
    caller_raw       TEXT NOT NULL,
    caller_e164      TEXT,
    queue            TEXT,
    seat             TEXT,
    operator         TEXT,
    waited_ms        INTEGER NOT NULL,
    talked_ms        INTEGER NOT NULL,
    end_reason       TEXT,
    callback_due     INTEGER NOT NULL,
    body             BLOB NOT NULL
) STRICT;
CREATE TABLE subscription (
    name          TEXT PRIMARY KEY,
    created_at_ns INTEGER NOT NULL,
    acked         INTEGER NOT NULL,
    acked_at_ns   INTEGER NOT NULL,
    filter        BLOB NOT NULL,
    nack_position INTEGER NOT NULL DEFAULT 0,
    nacks         INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE parked_event (
    subscription TEXT NOT NULL REFERENCES subscription (name) ON DELETE CASCADE,
    position     INTEGER NOT NULL,
    parked_at_ns INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    redriving    INTEGER NOT NULL DEFAULT 0,
    body         BLOB NOT NULL,
    PRIMARY KEY (subscription, position)
) STRICT;
-- Who called when, the number behind a keyed hash. `seat` is set where a human spoke with the caller.
CREATE TABLE history (
    id       INTEGER PRIMARY KEY,
    key      BLOB NOT NULL,
    at_ns    INTEGER NOT NULL,
    seat     TEXT,
    operator TEXT
) STRICT;
CREATE INDEX history_by_key ON history (key, at_ns);
",
    "
-- Nuisance callers: the number behind its keyed hash, with its middle hidden for people.
CREATE TABLE block (
    key         BLOB PRIMARY KEY,
    masked      TEXT NOT NULL,
    action      TEXT NOT NULL,
    until_ns    INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    decided_by  TEXT NOT NULL,
    added_at_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
    "
-- Records that are owed a callback, and those of one caller, are found without reading all the others.
CREATE INDEX record_owed ON call_record (updated_position) WHERE callback_due = 1;
CREATE INDEX record_by_e164 ON call_record (caller_e164) WHERE caller_e164 IS NOT NULL;
CREATE INDEX record_by_raw ON call_record (caller_raw);
",
    "
-- What outlives the process: the newest state of each call and seat. Left out of backups.
CREATE TABLE snapshot (
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    version INTEGER NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
",
    "
-- Numbers that are owed a call, behind their keyed hash: one row each while it is owed. The number in clear stands in the
-- record of its newest call. An entry that is closed leaves; what became of it is in its events.
CREATE TABLE callback (
    callback_id       TEXT PRIMARY KEY,
    key               BLOB NOT NULL UNIQUE,
    state             TEXT NOT NULL,
    reason            TEXT NOT NULL,
    since_ns          INTEGER NOT NULL,
    calls             INTEGER NOT NULL,
    last_call_id      TEXT NOT NULL,
    last_called_at_ns INTEGER NOT NULL,
    due_at_ns         INTEGER NOT NULL,
    attempts          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX callback_by_due ON callback (due_at_ns, callback_id);
-- Calls that came to nothing and whose number is withheld: they are counted, for they leave no number to call.
ALTER TABLE call_record ADD COLUMN unowed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX record_unowed ON call_record (received_at_ns) WHERE unowed = 1;
",
];

/// Whether the file at `path`, if it is there, is one [`open_for_writing`] takes: told from its header (the SQLite file
/// format, section 1.3), so that a gateway that has it open is not disturbed.
///
/// # Errors
/// The file cannot be read and written, or is not a store this program knows.
pub fn examine(path: &Path) -> Result<(), StoreError> {
    let unusable = |why: String| StoreError::Unusable(path.to_owned(), why);
    let mut file = match std::fs::OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        // The state directory is not one, which is an error of its own.
        Err(e) if e.kind() == ErrorKind::NotADirectory => return Ok(()),
        Err(e) => return Err(unusable(e.to_string())),
    };
    let mut header = [0; 72];
    if file.read_exact(&mut header).is_err() {
        // Nothing was moved into it from the write-ahead log yet.
        return Ok(());
    }
    let number = |at: usize| {
        header.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, i32::from_be_bytes)
    };
    let (found, application) = (i64::from(number(60)), i64::from(number(68)));
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(unusable("it is not a database".to_owned()));
    }
    if application != APPLICATION && application != 0 {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    if found > VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: VERSION });
    }
    Ok(())
}

/// Opens the store for writing, makes it if need be and brings it to [`VERSION`].
pub(super) fn open_for_writing(
    path: &Path,
    now: Wall,
    random: &mut Random,
) -> Result<Connection, StoreError> {
    let unusable = |e: rusqlite::Error| StoreError::Unusable(path.to_owned(), e.to_string());
    // SQLite gives its own files beside the store the same mode.
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(OWNER_ONLY)
        .open(path)
        .map_err(|e| StoreError::Unusable(path.to_owned(), e.to_string()))?;
    let mut conn = Connection::open(path).map_err(unusable)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.set_prepared_statement_cache_capacity(64);
    let found: i64 = conn.query_row("PRAGMA user_version", [], |r| r.get(0)).map_err(unusable)?;
    let application: i64 = conn.query_row("PRAGMA application_id", [], |r| r.get(0)).map_err(unusable)?;
    let tables: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).map_err(unusable)?;
    if application != APPLICATION && (tables > 0 || found > 0) {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    if found > VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: VERSION });
    }
    conn.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA cache_size = -{CACHE_KIB}; PRAGMA soft_heap_limit = {SOFT_LIMIT}; PRAGMA temp_store = MEMORY;",
    ))
    .map_err(unusable)?;
    let tx = conn.transaction()?;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        tx.execute_batch(step).map_err(unusable)?;
    }
    if found == 0 {
        tx.execute("INSERT INTO log VALUES (?1, ?2)", (LogId::new(now, random).to_string(), nanos(now)))?;
    }
    tx.execute_batch(&format!("PRAGMA user_version = {VERSION}; PRAGMA application_id = {APPLICATION};"))?;
    tx.commit().map_err(unusable)?;
    Ok(conn)
}

/// Opens the store for reading beside the writer.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.set_prepared_statement_cache_capacity(32);
    conn.execute_batch(&format!("PRAGMA cache_size = -{CACHE_KIB};"))?;
    Ok(conn)
}

/// The journal's identity.
pub(super) fn log_id(conn: &Connection) -> Result<LogId, StoreError> {
    let text: Option<String> = conn.query_row("SELECT log_id FROM log", [], |r| r.get(0)).optional()?;
    text.and_then(|t| t.parse().ok()).ok_or_else(|| StoreError::Damaged("it has no log_id".into()))
}

/// Position of the newest event, 0 for none.
pub(super) fn head(conn: &Connection) -> Result<u64, StoreError> {
    let head: i64 = conn.query_row("SELECT coalesce(max(position), 0) FROM event", [], |r| r.get(0))?;
    Ok(head.unsigned_abs())
}

/// Gives back the cached pages that are not used: those of every connection, for they have one pool.
pub(super) fn give_back(conn: &Connection) -> Result<(), rusqlite::Error> {
    conn.execute_batch("PRAGMA shrink_memory;")
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::Place;
    use super::*;

    #[test]
    fn a_store_of_each_older_version_is_brought_to_this_one() {
        for old in 1..VERSION {
            let place = Place::new();
            let conn = Connection::open(place.store()).unwrap();
            STEPS.iter().take(old as usize).for_each(|step| conn.execute_batch(step).unwrap());
            let id = LogId::new(Wall(1), &mut Random::from_number(1)).to_string();
            conn.execute("INSERT INTO log VALUES (?1, 1)", [&id]).unwrap();
            conn.execute_batch("INSERT INTO history (key, at_ns) VALUES (x'07', 1)").unwrap();
            conn.execute_batch(&format!(
                "PRAGMA user_version = {old}; PRAGMA application_id = {APPLICATION};"
            ))
            .unwrap();
            drop(conn);
            let conn = open_for_writing(&place.store(), Wall(2), &mut Random::from_number(2)).unwrap();
            let number = |sql: &str| conn.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
            assert_eq!(number("PRAGMA user_version"), VERSION);
            assert_eq!(log_id(&conn).unwrap().to_string(), id, "the same journal");
            assert_eq!(number("SELECT count(*) FROM history"), 1, "with what was in it");
            assert_eq!(number("SELECT count(*) FROM block"), 0, "and the tables that came later");
            let indexes = "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name LIKE 'record_%'";
            assert_eq!(number(indexes), 4);
            assert_eq!(number("SELECT count(*) FROM callback"), 0);
        }
    }
}
