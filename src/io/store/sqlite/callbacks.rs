//! The recovery list: a row for each number that is owed a call, changed in the commit of the event that says so.

use super::super::owed::COUNTED;
use super::super::{Behind, OwedNumber, OwedTotals, StoreError, nanos};
use crate::callback::{self, Callback, is_open};
use crate::caller::HistoryKey;
use crate::event::{CallRecord, CallbackChanged, CallbackState, Direction, Listed, Promise, Text};
use crate::id::{CallId, CallbackId};
use crate::redact::Pii;
use crate::time::Wall;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// The columns of an entry, in the order [`callback`] reads them.
const COLUMNS: &str = "c.key, c.callback_id, c.reason, c.since_ns, c.calls, c.last_call_id, c.last_called_at_ns, \
                       c.due_at_ns, c.attempts, c.state";

/// A page of the list, the one to be called first before the others.
pub(super) fn page(
    conn: &Connection,
    behind: Option<Behind>,
    limit: usize,
) -> Result<Vec<OwedNumber>, StoreError> {
    let (due_at, id) = match behind {
        Some(behind) => (nanos(behind.due_at), behind.id.to_string()),
        None => (-1, String::new()),
    };
    let mut page = conn.prepare_cached(&format!(
        "SELECT {COLUMNS}, coalesce(r.caller_e164, r.caller_raw, ''), coalesce(r.service_number, ''), r.queue \
         FROM callback c LEFT JOIN call_record r ON r.call_id = c.last_call_id \
         WHERE (c.due_at_ns, c.callback_id) > (?1, ?2) ORDER BY c.due_at_ns, c.callback_id LIMIT ?3"
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = page.query_map(params![due_at, id, limit], owed)?.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().flatten().collect())
}

/// How much is owed altogether at `now`.
pub(super) fn totals(conn: &Connection, now: Wall) -> Result<OwedTotals, StoreError> {
    let one = |sql: &str, at: Wall| -> rusqlite::Result<u64> {
        conn.prepare_cached(sql)?.query_row([nanos(at)], |r| r.get::<_, i64>(0)).map(i64::unsigned_abs)
    };
    Ok(OwedTotals {
        entries: one("SELECT count(*) FROM callback WHERE ?1 > 0", now)?,
        overdue: one("SELECT count(*) FROM callback WHERE due_at_ns < ?1", now)?,
        withheld: one(
            "SELECT count(*) FROM call_record WHERE unowed = 1 AND received_at_ns >= ?1",
            now - COUNTED,
        )?,
    })
}

/// The open callback of a number.
pub(super) fn of_number(conn: &Connection, key: HistoryKey) -> Result<Option<CallbackId>, StoreError> {
    let id: Option<String> = conn
        .prepare_cached("SELECT callback_id FROM callback WHERE key = ?1")?
        .query_row([&key.as_bytes()[..]], |r| r.get(0))
        .optional()?;
    Ok(id.and_then(|id| id.parse().ok()))
}

/// Whether this callback is open.
pub(super) fn is_owed(conn: &Connection, id: CallbackId) -> Result<bool, StoreError> {
    let mut one = conn.prepare_cached("SELECT 1 FROM callback WHERE callback_id = ?1")?;
    Ok(one.exists([id.to_string()])?)
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

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Place, open};
    use super::super::super::{Append, Journal, wall_now};
    use super::*;
    use crate::event::wire::samples;
    use crate::event::{CallEvent, CallbackReason, ClosedBy, EndReason, What};
    use crate::time::Duration;
    use std::sync::mpsc;

    const AT: Wall = samples::AT;

    fn key(n: u8) -> HistoryKey {
        HistoryKey::from_bytes([n; 16])
    }

    fn id(n: u8) -> CallbackId {
        CallbackId::from_bytes([n; 16])
    }

    /// Number `n` is owed a call, `calls` times over; its newest call is call `n`.
    fn due(n: u8, calls: u32, due_at: Wall) -> CallbackChanged {
        let last_call = samples::call_id(u64::from(n));
        CallbackChanged {
            promise: Some(Promise { id: id(n), since: AT, calls, last_call, last_called_at: AT }),
            attempts: 0,
            due_at,
            ..samples::callback()
        }
    }

    fn done(n: u8) -> CallbackChanged {
        let closed_by = Some(ClosedBy::Answered);
        CallbackChanged { state: CallbackState::Done, closed_by, ..due(n, 1, AT) }
    }

    /// Writes events, and waits until they are on disk.
    fn write(journal: &Journal, events: Vec<(CallEvent, Option<HistoryKey>)>) {
        let last = events.last().unwrap().0.position;
        let (tell, told) = mpsc::channel();
        journal.on_durable(Box::new(move |position| {
            let _ = tell.send(position);
        }));
        journal.append(events.into_iter().map(|(event, history)| Append { event, history }).collect());
        while told.recv().unwrap() < last {}
    }

    fn of_call(position: u64, n: u8, changed: CallbackChanged) -> (CallEvent, Option<HistoryKey>) {
        let part = samples::part(u64::from(n), 1, crate::event::CallState::Ended);
        (samples::event(position, AT, Some(part), What::CallbackChanged(changed)), Some(key(n)))
    }

    fn of_none(position: u64, changed: CallbackChanged) -> (CallEvent, Option<HistoryKey>) {
        (samples::event(position, AT, None, What::CallbackChanged(changed)), None)
    }

    fn numbers(journal: &Journal) -> Vec<(HistoryKey, u32, u32)> {
        let stored = journal.reader().callbacks().unwrap();
        stored.iter().map(|c| (c.key, c.promise.calls, c.attempts)).collect()
    }

    #[test]
    fn the_list_on_disk_is_what_its_events_say_also_after_a_crash() {
        let place = Place::new();
        let (journal, recovered) = open(&place);
        assert_eq!(recovered.callbacks, []);
        write(&journal, vec![of_call(1, 1, due(1, 1, AT)), of_call(2, 2, due(2, 1, AT))]);
        let tried = CallbackChanged { attempts: 1, ..due(2, 1, AT) };
        write(&journal, vec![of_call(3, 1, due(1, 2, AT)), of_none(4, tried)]);
        assert_eq!(numbers(&journal), [(key(1), 2, 0), (key(2), 1, 1)]);
        let crashed = place.crash();
        let (after, recovered) = open(&crashed);
        let expected = Callback::after(&due(1, 2, AT), key(1)).unwrap();
        assert_eq!(recovered.callbacks.len(), 2);
        assert_eq!(recovered.callbacks[0], expected);
        // One is closed by a call of its number, the other by a person.
        write(&after, vec![of_call(5, 1, done(1)), of_none(6, done(2))]);
        assert_eq!(numbers(&after), []);
        assert!(!after.reader().is_owed(id(1)).unwrap());
    }

    #[test]
    fn an_event_of_an_older_version_changes_no_row() {
        let place = Place::new();
        let (journal, _) = open(&place);
        write(&journal, vec![of_call(1, 1, CallbackChanged { promise: None, ..due(1, 1, AT) })]);
        assert_eq!(numbers(&journal), []);
    }

    #[test]
    fn the_list_is_read_page_by_page_the_most_urgent_first_with_its_numbers() {
        let place = Place::new();
        let (journal, _) = open(&place);
        let now = wall_now();
        let hour = Duration::from_secs(3600);
        // The record of the call of number 1 is there.
        let call = samples::whole_call(1, 1);
        let n = call.len() as u64;
        write(&journal, call.into_iter().map(|event| (event, None)).collect());
        let times = [now + hour * 3, now - hour, now + hour, now + hour];
        for (i, due_at) in (0..4).zip(times) {
            write(&journal, vec![of_call(n + 1 + u64::from(i), i + 1, due(i + 1, 1, due_at))]);
        }
        let reader = journal.reader();
        let first = reader.owed(None, 2).unwrap();
        let ids = |page: &[OwedNumber]| page.iter().map(|o| o.callback.promise.id).collect::<Vec<_>>();
        assert_eq!(ids(&first), [id(2), id(3)]);
        let last = &first[1].callback;
        let behind = Behind { due_at: last.due_at, id: last.promise.id };
        let second = reader.owed(Some(behind), 2).unwrap();
        assert_eq!(ids(&second), [id(4), id(1)], "equally due in the order of their ids");
        assert_eq!(
            (second[1].number.reveal().as_str(), &*second[1].service_number),
            ("+8613812341234", "12345")
        );
        assert_eq!(second[1].queue.as_deref(), Some("heating"));
        assert_eq!((second[0].number.reveal().as_str(), second[0].state), ("", CallbackState::Due));
        assert_eq!(reader.owed_totals().unwrap(), OwedTotals { entries: 4, overdue: 1, withheld: 0 });
        assert_eq!(reader.callback_of(key(3)).unwrap(), Some(id(3)));
        assert_eq!(reader.callback_of(key(9)).unwrap(), None);
    }

    #[test]
    fn calls_of_withheld_numbers_that_came_to_nothing_are_counted_for_a_day() {
        let place = Place::new();
        let (journal, _) = open(&place);
        let now = wall_now();
        let mut position = 0;
        let mut abandoned = |age: Duration, withheld: bool, reason: EndReason| {
            position += 1;
            let mut record = CallRecord::from_events(&samples::started_call(position, 1)).unwrap();
            record.caller.withheld = withheld;
            record.received_at = now - age;
            record.ended = Some(crate::event::CallEnded { reason, callback_due: false, ..samples::ended() });
            let part = samples::part(position, 3, crate::event::CallState::Ended);
            let what = What::CallRecordUpdated(Box::new(record));
            write(&journal, vec![(samples::event(position, now, Some(part), what), None)]);
        };
        let hour = Duration::from_secs(3600);
        abandoned(hour, true, EndReason::Abandoned);
        abandoned(hour * 23, true, EndReason::Crashed);
        abandoned(hour * 25, true, EndReason::Abandoned);
        abandoned(hour, false, EndReason::Abandoned);
        abandoned(hour, true, EndReason::Completed);
        assert_eq!(journal.reader().owed_totals().unwrap().withheld, 2);
    }

    #[test]
    fn a_state_or_a_reason_of_another_version_is_read_as_far_as_it_can_be() {
        let place = Place::new();
        let (journal, _) = open(&place);
        write(&journal, vec![of_call(1, 1, due(1, 1, AT)), of_call(2, 2, due(2, 1, AT))]);
        let other = Connection::open(place.store()).unwrap();
        other
            .execute("UPDATE callback SET reason = 'asked for' WHERE callback_id = ?1", [id(1).to_string()])
            .unwrap();
        other
            .execute("UPDATE callback SET state = 'promised' WHERE callback_id = ?1", [id(2).to_string()])
            .unwrap();
        let stored = journal.reader().callbacks().unwrap();
        assert_eq!(stored.len(), 1, "a state that is not known is passed over");
        assert_eq!(stored[0].reason.to_string(), "asked for");
        assert_ne!(stored[0].reason, CallbackReason::Abandoned.into());
    }
}
