//! What is written in a journal, read from its file as anyone may, and what must hold of it whatever happened.

use hotline_gateway::event::{CallEvent, CallRecord, EndReason, What, wire};
use hotline_gateway::id::CallId;
use rusqlite::{Connection, OpenFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Everything in one journal.
pub struct Written {
    /// The events as stored, by position.
    pub bodies: Vec<Vec<u8>>,
    /// The same, decoded.
    pub events: Vec<CallEvent>,
    /// The newest revision of each record as stored.
    pub records: BTreeMap<CallId, Vec<u8>>,
    /// Calls the store counts as open.
    pub open: u64,
}

impl Written {
    /// Reads all of it.
    pub fn read(store: &Path) -> Written {
        let db =
            Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the journal opens");
        let mut all = db
            .prepare("SELECT position, event_id, call_id, call_seq, type, body FROM event ORDER BY position")
            .expect("the events are there");
        let rows = all.query_map([], |row| {
            let of_call: (Option<String>, Option<u32>) = (row.get(2)?, row.get(3)?);
            let kind: String = row.get(4)?;
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, of_call, kind, row.get::<_, Vec<u8>>(5)?))
        });
        let (mut bodies, mut events) = (Vec::new(), Vec::new());
        for row in rows.expect("the events are readable") {
            let (position, id, of_call, kind, body) = row.expect("a whole row");
            let event = wire::decode(&body).unwrap_or_else(|e| panic!("event {position}: {e}"));
            // The columns are for queries: they must say what the event says.
            assert_eq!((event.position as i64, event.id.to_string()), (position, id));
            let part = event.call.as_ref();
            assert_eq!((part.map(|p| p.id.to_string()), part.map(|p| p.seq)), of_call, "at {position}");
            assert!(!kind.is_empty());
            bodies.push(body);
            events.push(event);
        }
        let mut all = db.prepare("SELECT call_id, body FROM call_record").expect("the records are there");
        let records = all
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))
            .expect("the records are readable")
            .map(|row| row.expect("a whole row"))
            .map(|(call, body)| (call.parse().expect("a call id"), body))
            .collect();
        let open: i64 = db.query_row("SELECT count(*) FROM open_call", [], |r| r.get(0)).expect("a count");
        Written { bodies, events, records, open: open.unsigned_abs() }
    }

    /// The events of each call, in order.
    pub fn calls(&self) -> BTreeMap<CallId, Vec<&CallEvent>> {
        let mut calls: BTreeMap<CallId, Vec<&CallEvent>> = BTreeMap::new();
        for event in &self.events {
            if let Some(part) = &event.call {
                calls.entry(part.id).or_default().push(event);
            }
        }
        calls
    }

    /// The stored records by the number that called. A number that dialled again has more than one.
    pub fn records_by_number(&self) -> BTreeMap<String, Vec<CallRecord>> {
        let mut all: BTreeMap<String, Vec<CallRecord>> = BTreeMap::new();
        for body in self.records.values() {
            let record = wire::decode_record(body).expect("a readable record");
            all.entry(record.caller.raw.reveal().clone()).or_default().push(record);
        }
        all
    }

    /// How many calls were closed at a start after a crash.
    pub fn crashed(&self) -> usize {
        let crashed =
            |e: &&CallEvent| matches!(&e.what, What::CallEnded(e) if e.reason == EndReason::Crashed);
        self.events.iter().filter(crashed).count()
    }

    /// Holds of every journal of a gateway that has no live call: positions and numbers without a gap, no id used
    /// twice, one outcome and one final record for each call, and records that say what the events add up to.
    pub fn check(&self) {
        let mut ids = BTreeSet::new();
        for (i, event) in self.events.iter().enumerate() {
            assert_eq!(event.position, i as u64 + 1, "positions have a gap or a repeat");
            assert!(ids.insert(event.id), "an event id was used twice: {}", event.id);
        }
        assert_eq!(self.open, 0, "calls without a final record");
        let calls = self.calls();
        for (call, events) in &calls {
            let story = || story(events);
            let seqs: Vec<u32> = events.iter().filter_map(|e| e.call.as_ref()).map(|p| p.seq).collect();
            let counted: Vec<u32> = (1..=events.len() as u32).collect();
            assert_eq!(seqs, counted, "the numbers of call {call} have a gap: {}", story());
            let count = |which: fn(&What) -> bool| events.iter().filter(|e| which(&e.what)).count();
            let outcomes = count(|w| matches!(w, What::CallEnded(_) | What::CallRefused(_)));
            assert_eq!(outcomes, 1, "call {call} has {outcomes} outcomes: {}", story());
            let finals = count(|w| matches!(w, What::CallRecordUpdated(r) if r.is_final));
            assert_eq!(finals, 1, "call {call} has {finals} final records: {}", story());
            assert!(
                matches!(events.last().map(|e| &e.what), Some(What::CallRecordUpdated(r)) if r.is_final),
                "something follows the final record of call {call}: {}",
                story()
            );
            let folded = CallRecord::from_events(events.iter().copied())
                .unwrap_or_else(|| panic!("call {call} has no beginning: {}", story()));
            let stored =
                self.records.get(call).unwrap_or_else(|| panic!("call {call} has no record: {}", story()));
            assert_eq!(
                wire::decode_record(stored).map(|r| wire::record_message(&r)),
                Ok(wire::record_message(&folded)),
                "the record of call {call} is not what its events add up to: {}",
                story()
            );
        }
        assert_eq!(self.records.len(), calls.len(), "a record without a call");
    }
}

fn story(events: &[&CallEvent]) -> String {
    events.iter().map(|e| format!("\n  {:>5} {}", e.position, e.what)).collect()
}
