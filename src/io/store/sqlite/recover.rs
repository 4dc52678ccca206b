//! What a start finds in the store.

use super::super::{Recovered, StoreError};
use super::{callbacks, reads, schema, snapshots};
use crate::event::CallEvent;
use rusqlite::Connection;

/// Reads where the journal stands and which calls have no final record.
pub(super) fn recover(conn: &Connection) -> Result<Recovered, StoreError> {
    let log_id = schema::log_id(conn)?;
    let head = schema::head(conn)?;
    let ids: Vec<String> = conn
        .prepare("SELECT call_id FROM open_call ORDER BY position")?
        .query_map([], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    let mut open_calls: Vec<Vec<CallEvent>> = Vec::with_capacity(ids.len());
    for id in ids {
        let events = match reads::events_of(conn, &id) {
            Ok(events) => events,
            // One call that cannot be read must not keep every other citizen from being answered.
            Err(StoreError::Damaged(what)) => {
                tracing::error!("a call left open stays so: {what}");
                continue;
            }
            Err(e) => return Err(e),
        };
        if events.is_empty() {
            // Its events are past the retention time.
            conn.execute("DELETE FROM open_call WHERE call_id = ?1", [&id])?;
        } else {
            open_calls.push(events);
        }
    }
    snapshots::forget_others(conn)?;
    let snapshots = snapshots::all(conn)?;
    Ok(Recovered { log_id, head, open_calls, snapshots, callbacks: callbacks::all(conn)? })
}
