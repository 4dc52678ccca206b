use super::super::conformance::{Ground, conforms};
use super::super::tests::{Place, appends, bodies, open};
use super::super::{Failure, Journal, wall_now};
use super::*;
use crate::event::wire::samples;
use crate::time::Duration;
use std::sync::mpsc;
use std::thread;

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let place = Place::new();
    open(&place).0.close();
    let conn = Connection::open(place.store()).unwrap();
    conn.execute_batch("PRAGMA user_version = 99").unwrap();
    let refused = Journal::open(&place.store(), Duration::ZERO).err().unwrap();
    assert!(matches!(refused, StoreError::Newer { found: 99, .. }), "{refused}");
    let version: i64 = conn.query_row("PRAGMA user_version", [], |r| r.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[test]
fn what_is_not_our_store_is_refused_with_a_cure() {
    let place = Place::new();
    Connection::open(place.store()).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let refused = Journal::open(&place.store(), Duration::ZERO).err().unwrap();
    assert!(matches!(refused, StoreError::Foreign(_)), "{refused}");
    let place = Place::new();
    std::fs::write(place.store(), "not a database, but long enough to look like one".repeat(40)).unwrap();
    let refused = Journal::open(&place.store(), Duration::ZERO).err().unwrap();
    assert!(matches!(refused, StoreError::Unusable(..)), "{refused}");
    let refused = Journal::open(Path::new("/proc/none/hotline.db"), Duration::ZERO).err().unwrap();
    assert!(matches!(refused, StoreError::Unusable(..)), "{refused}");
}

#[test]
fn a_commit_that_fails_is_tried_again_and_loses_nothing() {
    let place = Place::new();
    let (journal, _) = open(&place);
    let (tell, told) = mpsc::channel();
    journal.on_failed(Box::new(move |failure| tell.send(failure).unwrap()));
    // A disk that refuses: the table the events go to is gone for a while.
    let other = Connection::open(place.store()).unwrap();
    other.execute_batch("ALTER TABLE event RENAME TO away").unwrap();
    journal.append(appends(samples::whole_call(1, 1)));
    assert!(matches!(told.recv().unwrap(), Failure::Commit(_)));
    journal.append(appends(samples::whole_call(2, 11)));
    other.execute_batch("ALTER TABLE away RENAME TO event").unwrap();
    assert_eq!(told.recv().unwrap(), Failure::Over);
    let mut head = journal.feed().watch();
    while *head.borrow_and_update() < 20 {
        thread::yield_now();
    }
    assert_eq!(bodies(&journal).len(), 20);
}

#[test]
fn what_sqlite_keeps_in_memory_is_bounded_for_all_connections_together() {
    let place = Place::new();
    let mut random = Random::from_number(1);
    let writer = schema::open_for_writing(&place.store(), wall_now(), &mut random).unwrap();
    let says = |pragma: &str| writer.query_row(pragma, [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!(says("PRAGMA cache_size"), -4096);
    assert_eq!(says("PRAGMA soft_heap_limit"), 8 << 20);
    schema::give_back(&writer).unwrap();
}

impl Ground for Place {
    fn new() -> Place {
        Place::new()
    }

    fn open(&self) -> Opened {
        super::open(&self.store(), wall_now(), &mut Random::from_number(1)).unwrap()
    }

    fn crash(&self) -> Place {
        self.crash()
    }
}

conforms!(Place:
    a_committed_batch_is_whole_after_a_crash,
    a_batch_that_fails_leaves_nothing_and_may_come_again,
    a_refused_write_leaves_the_rest_of_its_batch_alone,
    a_subscription_is_made_moved_and_forgotten,
    events_are_parked_sent_again_and_dealt_with,
    the_block_list_is_kept_and_expires,
    records_are_read_in_the_order_of_their_last_change,
    a_callers_history_counts_the_calls_before_this_one,
    a_callback_stands_on_the_list_until_its_event_closes_it,
    the_newest_snapshot_of_each_is_found,
    what_is_too_old_goes_from_the_oldest_on,
    a_time_is_found_among_the_positions,
    a_page_ends_at_its_events_or_its_octets,
);
