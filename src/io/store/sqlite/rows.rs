//! What one event changes in the tables.

use super::super::{Append, Stored, nanos};
use super::callbacks;
use crate::callback::is_open;
use crate::event::{CallEvent, CallRecord, What, wire};
use crate::id::TrunkId;
use rusqlite::{Transaction, params};

/// Writes the event and what follows from it.
pub(super) fn event(tx: &Transaction<'_>, append: &Append, stored: &Stored) -> rusqlite::Result<()> {
    let event = &append.event;
    let call_id = event.call.as_ref().map(|c| c.id.to_string());
    tx.prepare_cached("INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(params![
        event.position.cast_signed(),
        event.id.to_string(),
        call_id,
        event.call.as_ref().map(|c| c.seq),
        stored.kind,
        nanos(event.at),
        &stored.body[..],
    ])?;
    if let What::CallbackChanged(changed) = &event.what {
        callbacks::changed(tx, changed, append.history)?;
    }
    if let Some(call_id) = &call_id {
        of_call(tx, append, call_id)?;
    }
    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other event is stored and nothing more")]
fn of_call(tx: &Transaction<'_>, append: &Append, call_id: &str) -> rusqlite::Result<()> {
    let event = &append.event;
    let first = event.call.as_ref().is_some_and(|c| c.seq == 1);
    if first {
        tx.prepare_cached("INSERT OR REPLACE INTO open_call VALUES (?1, ?2)")?
            .execute(params![call_id, event.position.cast_signed()])?;
    }
    match &event.what {
        What::CallReceived(_) => history(tx, append, None, None),
        What::SeatConnected { seat, operator, .. } => {
            history(tx, append, Some(seat.as_str()), operator.as_ref().map(|o| o.as_str()))
        }
        What::CallRecordUpdated(r) => {
            if r.is_final {
                tx.prepare_cached("DELETE FROM open_call WHERE call_id = ?1")?.execute([call_id])?;
            }
            record(tx, event, r, call_id)
        }
        _ => Ok(()),
    }
}

fn history(
    tx: &Transaction<'_>,
    append: &Append,
    seat: Option<&str>,
    operator: Option<&str>,
) -> rusqlite::Result<()> {
    let Some(key) = &append.history else { return Ok(()) };
    tx.prepare_cached("INSERT INTO history (key, at_ns, seat, operator) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![&key.as_bytes()[..], nanos(append.event.at), seat, operator])?;
    Ok(())
}

fn record(tx: &Transaction<'_>, event: &CallEvent, r: &CallRecord, call_id: &str) -> rusqlite::Result<()> {
    let ms = |d: crate::time::Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
    let end_reason = match (&r.ended, &r.refused) {
        (Some(e), _) => Some(format!("{:?}", e.reason)),
        (None, Some((reason, _))) => Some(format!("{reason:?}")),
        (None, None) => None,
    };
    tx.prepare_cached(
        "INSERT OR REPLACE INTO call_record VALUES \
         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
    )?
    .execute(params![
        event.position.cast_signed(),
        nanos(event.at),
        call_id,
        r.revision,
        r.is_final,
        format!("{:?}", r.state),
        nanos(r.received_at),
        r.trunk.as_ref().map_or("", TrunkId::as_str),
        r.service_number.as_str(),
        r.caller.raw.reveal(),
        r.caller.e164.as_ref().map(|n| n.reveal()),
        r.queue_visits.last().map(|v| v.queue.as_str()),
        r.seat.as_ref().map(|s| s.as_str()),
        r.operator.as_ref().map(|o| o.as_str()),
        ms(r.waited),
        ms(r.talked),
        end_reason,
        is_owed(r),
        &wire::encode_record(r)[..],
        callbacks::cannot_be_owed(r),
    ])?;
    Ok(())
}

/// Whether the call made or renewed a callback.
fn is_owed(r: &CallRecord) -> bool {
    match &r.callback {
        Some(callback) => is_open(callback.state),
        None => r.ended.as_ref().is_some_and(|e| e.callback_due),
    }
}
