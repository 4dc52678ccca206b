//! Reading call records: one, or a page of them.

use super::super::{StoreError, StoredRecord, Wanted, nanos};
use super::signed;
use crate::event::{CallRecord, wire};
use crate::id::CallId;
use bytes::Bytes;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

/// The record as it was published last.
pub(super) fn published(conn: &Connection, call: CallId) -> Result<Option<CallRecord>, StoreError> {
    let id = call.to_string();
    let mut one = conn.prepare_cached("SELECT body FROM call_record WHERE call_id = ?1")?;
    let body: Option<Vec<u8>> = one.query_row([&id], |r| r.get(0)).optional()?;
    let record = body.map(|body| wire::decode_record(&body)).transpose();
    record.map_err(|e| StoreError::Damaged(format!("record {id}: {e}")))
}

/// At most `limit` records behind the position `begin`, in the order of their last change.
pub(super) fn page(
    conn: &Connection,
    wanted: &Wanted,
    begin: u64,
    limit: usize,
) -> Result<Vec<StoredRecord>, StoreError> {
    let (sql, values) = query(wanted, begin, limit);
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |r| {
        let body: Vec<u8> = r.get(1)?;
        Ok(StoredRecord { place: r.get::<_, i64>(0)?.unsigned_abs(), body: Bytes::from(body) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The query and its values. Only fixed text goes into the query. That a callback is due stands there as text, for an
/// index that holds those records alone is not used for a value that is only known later.
fn query(wanted: &Wanted, begin: u64, limit: usize) -> (String, Vec<Value>) {
    let mut sql = "SELECT updated_position, body FROM call_record WHERE updated_position > ?1".to_owned();
    let mut values = vec![Value::Integer(signed(begin))];
    let and = |sql: &mut String, values: &mut Vec<Value>, condition: &str, value: Value| {
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&condition.replace('?', &format!("?{}", values.len())));
    };
    let texts = [
        ("queue = ?", &wanted.queue),
        ("service_number = ?", &wanted.service_number),
        ("seat = ?", &wanted.seat),
        ("(caller_e164 = ? OR caller_raw = ?)", &wanted.caller),
    ];
    for (condition, text) in texts {
        if let Some(text) = text {
            and(&mut sql, &mut values, condition, Value::Text(text.clone()));
        }
    }
    if let Some(state) = wanted.state {
        and(&mut sql, &mut values, "state = ?", Value::Text(format!("{state:?}")));
    }
    if wanted.callback_due {
        sql.push_str(" AND callback_due = 1");
    }
    let times = [
        ("received_at_ns >= ?", wanted.received_from),
        ("received_at_ns < ?", wanted.received_before),
        ("updated_at_ns >= ?", wanted.updated_since),
    ];
    for (condition, at) in times {
        if let Some(at) = at {
            and(&mut sql, &mut values, condition, Value::Integer(nanos(at)));
        }
    }
    if let Some(place) = wanted.behind {
        let condition = if wanted.newest_first { "updated_position < ?" } else { "updated_position > ?" };
        and(&mut sql, &mut values, condition, Value::Integer(signed(place)));
    }
    let order = if wanted.newest_first { "DESC" } else { "ASC" };
    sql.push_str(&format!(" ORDER BY updated_position {order} LIMIT {limit}"));
    (sql, values)
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::Place;
    use super::super::schema;
    use super::*;
    use crate::id::Random;
    use crate::time::Wall;
    use rusqlite::{Connection, StatementStatus, params};

    const RECORDS: i64 = 5_000;

    /// A store of many records, each of another caller; one in a hundred is owed a callback.
    fn filled(place: &Place) -> Connection {
        let conn = schema::open_for_writing(&place.store(), Wall(1), &mut Random::from_number(1)).unwrap();
        let tx = conn.unchecked_transaction().unwrap();
        for n in 1..=RECORDS {
            let (raw, e164) = (format!("0{n}"), (n % 2 == 0).then(|| format!("+86{n}")));
            tx.prepare_cached(
                "INSERT INTO call_record VALUES (?1, 1, ?1, 1, 1, 'Ended', 1, 'pbx', '12345', ?2, ?3, NULL, NULL, NULL, \
                 0, 0, NULL, ?4, x'00', 0)",
            )
            .unwrap()
            .execute(params![n, raw, e164, i64::from(n % 100 == 0)])
            .unwrap();
        }
        tx.commit().unwrap();
        conn
    }

    /// The places found, and how SQLite says it looks for them.
    fn found(conn: &Connection, wanted: &Wanted) -> (Vec<i64>, String) {
        let (sql, values) = query(wanted, 0, 3);
        let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = plan.query_map(params_from_iter(values.clone()), |r| r.get::<_, String>(3)).unwrap();
        let plan = steps.collect::<Result<Vec<_>, _>>().unwrap().join("; ");
        let mut statement = conn.prepare(&sql).unwrap();
        let places = statement.query_map(params_from_iter(values), |r| r.get(0)).unwrap();
        let places = places.collect::<Result<Vec<i64>, _>>().unwrap();
        assert_eq!(statement.get_status(StatementStatus::FullscanStep), 0, "{plan}");
        let steps = statement.get_status(StatementStatus::VmStep);
        assert!(i64::from(steps) < RECORDS / 10, "{steps} steps: {plan}");
        (places, plan)
    }

    #[test]
    fn records_owed_a_callback_are_found_by_their_own_index() {
        let place = Place::new();
        let conn = filled(&place);
        for (newest_first, expected) in [(false, [100, 200, 300]), (true, [5_000, 4_900, 4_800])] {
            let wanted = Wanted { callback_due: true, newest_first, ..Wanted::default() };
            let (places, plan) = found(&conn, &wanted);
            assert_eq!(places, expected);
            assert!(plan.contains("record_owed"), "{plan}");
        }
    }

    #[test]
    fn a_callers_records_are_found_by_either_form_of_the_number() {
        let place = Place::new();
        let conn = filled(&place);
        for (number, expected) in [("04321", 4_321), ("+864320", 4_320)] {
            let wanted = Wanted { caller: Some(number.into()), newest_first: true, ..Wanted::default() };
            let (places, plan) = found(&conn, &wanted);
            assert_eq!(places, [expected]);
            assert!(plan.contains("record_by_e164") && plan.contains("record_by_raw"), "{plan}");
            let owed = Wanted { callback_due: true, received_from: Some(Wall(1)), ..wanted };
            assert!(found(&conn, &owed).0.is_empty());
        }
    }
}
