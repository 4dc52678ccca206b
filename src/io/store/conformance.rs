//! What must hold of every engine, written against the traits alone. An engine brings a [`Ground`] and runs all of it by
//! [`conforms!`].

use super::engine::{Answer, Answers, Batch, Opened, SubscriptionChange, Write};
use super::feed::{Kind, Stored};
use super::tests::{appends, seat_snapshot as seat};
use super::writer::encode;
use super::{Append, Behind, PARKED, SUBSCRIPTIONS, StoreError, Wanted, retention};
use crate::caller::{BlockAction, BlockEntry, HistoryKey};
use crate::event::wire::{self, samples};
use crate::event::{CallEvent, CallRecord, CallState, What};
use crate::snapshot::{Snapshot, SnapshotKey};
use crate::time::{Duration, Wall};

/// Where stores of one engine are made.
pub(super) trait Ground {
    /// A new place without a store.
    fn new() -> Self;
    /// Opens the store of this place, and makes it if need be.
    fn open(&self) -> Opened;
    /// What a power cut at this moment leaves of it.
    fn crash(&self) -> Self;
}

/// Every test of this file for an engine.
macro_rules! conforms {
    ($ground:ty: $($test:ident),+ $(,)?) => {
        $(#[test] fn $test() { super::super::conformance::$test::<$ground>() })+
    };
}
pub(super) use conforms;

const AT: Wall = samples::AT;
const HOUR: Duration = Duration::from_secs(3600);

fn events(events: Vec<CallEvent>) -> Batch {
    Batch { at: AT, events: appends(events).into_iter().map(encode).collect(), ..Batch::default() }
}

fn writes(writes: Vec<Write>) -> Batch {
    Batch { at: AT, writes, ..Batch::default() }
}

fn commit(store: &mut Opened, batch: &Batch) -> Answers {
    store.engine.commit(batch).unwrap()
}

/// One write in a commit of its own.
fn written(store: &mut Opened, write: Write) -> Answer {
    commit(store, &writes(vec![write])).remove(0)
}

fn of_subscription(store: &mut Opened, name: &str, change: SubscriptionChange) -> u32 {
    written(store, Write::Subscription { name: name.into(), change }).unwrap()
}

fn bodies(store: &Opened) -> Vec<Stored> {
    store.reads.events_after(0, 10_000, usize::MAX).unwrap().events
}

pub(super) fn a_committed_batch_is_whole_after_a_crash<G: Ground>() {
    let ground = G::new();
    let mut store = ground.open();
    assert_eq!((store.found.head, store.found.open_calls.len()), (0, 0));
    let call = samples::whole_call(1, 1);
    let n = call.len() as u64;
    commit(&mut store, &events(call.clone()));
    commit(&mut store, &events(samples::started_call(2, n + 1)));
    let crashed = ground.crash();
    let after = crashed.open();
    assert_eq!((after.found.head, after.found.log_id), (n + 2, store.found.log_id));
    assert_eq!(after.found.open_calls, [samples::started_call(2, n + 1)]);
    assert_eq!(bodies(&after), bodies(&store), "byte by byte");
    assert_eq!(after.reads.events_of(samples::call_id(1)).unwrap(), call);
    assert_eq!(after.reads.event(2).unwrap().unwrap().body, wire::encode(&call[1]));
    assert_eq!(after.reads.event(n + 9).unwrap(), None);
}

pub(super) fn a_batch_that_fails_leaves_nothing_and_may_come_again<G: Ground>() {
    let ground = G::new();
    let mut store = ground.open();
    commit(&mut store, &events(samples::started_call(1, 1)));
    // Position 2 is taken: an event that was told durable is never written over.
    let mut second = events(samples::started_call(2, 2));
    second.acks.insert("a".into(), 1);
    second.snapshots.insert(SnapshotKey::Seat("1001".into()), Some(seat("1001")));
    assert!(store.engine.commit(&second).is_err());
    assert_eq!(bodies(&store).len(), 2);
    commit(&mut store, &events(samples::started_call(2, 3)));
    let crashed = ground.crash();
    let after = crashed.open();
    assert_eq!((after.found.head, after.found.snapshots.len()), (4, 0));
    assert_eq!(after.found.open_calls.len(), 2);
}

pub(super) fn a_refused_write_leaves_the_rest_of_its_batch_alone<G: Ground>() {
    let ground = G::new();
    let mut store = ground.open();
    let create = |n: usize| Write::Subscription {
        name: format!("s{n}").into(),
        change: SubscriptionChange::Create { filter: Vec::new(), acked: 0 },
    };
    let answers = commit(&mut store, &writes((0..SUBSCRIPTIONS).map(create).collect()));
    assert!(answers.iter().all(|answer| matches!(answer, Ok(1))));
    let mut batch = events(samples::started_call(1, 1));
    batch.writes = vec![Write::Nothing, create(SUBSCRIPTIONS), Write::Block(block(1, HOUR))];
    let answers = commit(&mut store, &batch);
    assert!(matches!(&answers[..], [Ok(0), Err(StoreError::Full(_)), Ok(1)]), "{answers:?}");
    assert_eq!(store.reads.subscriptions().unwrap().len(), SUBSCRIPTIONS);
    assert_eq!((bodies(&store).len(), store.reads.blocks_at(AT).unwrap().len()), (2, 1));
}

pub(super) fn a_subscription_is_made_moved_and_forgotten<G: Ground>() {
    let ground = G::new();
    let mut store = ground.open();
    let create = || SubscriptionChange::Create { filter: vec![7], acked: 5 };
    assert_eq!(of_subscription(&mut store, "a", create()), 1);
    assert_eq!(of_subscription(&mut store, "a", create()), 0, "it is there");
    let ack = |position| Batch { acks: [("a".into(), position)].into(), at: AT + HOUR, ..Batch::default() };
    commit(&mut store, &ack(9));
    commit(&mut store, &ack(3));
    let stored = store.reads.subscription("a").unwrap().unwrap();
    assert_eq!((stored.acked, stored.acked_at, stored.created_at), (9, AT + HOUR, AT), "never back");
    assert_eq!(of_subscription(&mut store, "a", SubscriptionChange::Nack(10)), 1);
    assert_eq!(of_subscription(&mut store, "a", SubscriptionChange::Nack(10)), 2);
    assert_eq!(of_subscription(&mut store, "a", SubscriptionChange::Nack(11)), 1, "of another event");
    assert_eq!(of_subscription(&mut store, "a", SubscriptionChange::Seek { acked: 2 }), 1);
    assert_eq!(of_subscription(&mut store, "a", SubscriptionChange::Filter(vec![8])), 1);
    let crashed = ground.crash();
    let after = crashed.open();
    let stored = after.reads.subscription("a").unwrap().unwrap();
    assert_eq!((stored.acked, &stored.filter[..]), (2, &[8][..]));
    assert_eq!(of_subscription(&mut store, "a", SubscriptionChange::Delete), 1);
    for change in
        [SubscriptionChange::Delete, SubscriptionChange::Seek { acked: 1 }, SubscriptionChange::Nack(1)]
    {
        assert_eq!(of_subscription(&mut store, "a", change), 0, "there is none");
    }
}

pub(super) fn events_are_parked_sent_again_and_dealt_with<G: Ground>() {
    let ground = G::new();
    let mut store = ground.open();
    of_subscription(&mut store, "a", SubscriptionChange::Create { filter: Vec::new(), acked: 0 });
    let event = |position: usize| Stored {
        position: position as u64,
        kind: Kind::Borrowed("call_received"),
        body: vec![1].into(),
    };
    let park = |position: usize| SubscriptionChange::Park { event: event(position), reason: "bad".into() };
    let all = (1..=PARKED).map(|n| Write::Subscription { name: "a".into(), change: park(n) });
    assert!(commit(&mut store, &writes(all.collect())).iter().all(|answer| matches!(answer, Ok(1))));
    assert_eq!(of_subscription(&mut store, "a", park(PARKED + 1)), 0, "as many as may be");
    assert_eq!(
        of_subscription(&mut store, "a", SubscriptionChange::Redrive(vec![3, 5, PARKED as u64 + 1])),
        2
    );
    assert_eq!(of_subscription(&mut store, "a", SubscriptionChange::ParkAgain(vec![5])), 1);
    of_subscription(&mut store, "a", SubscriptionChange::Unpark(vec![3, 4]));
    let parked = store.reads.parked("a", 1, false, 3).unwrap();
    let positions: Vec<u64> = parked.iter().map(|p| p.position).collect();
    assert_eq!(positions, [2, 4, 5], "what is not sent again is not dealt with");
    assert_eq!((parked[0].at, &*parked[0].reason), (AT, "bad"));
    assert!(store.reads.parked("a", 0, true, 9).unwrap().is_empty());
    assert_eq!(store.reads.parked_positions("a", PARKED as u64 - 2).unwrap().len(), 2);
    assert_eq!(of_subscription(&mut store, "a", SubscriptionChange::Redrive(Vec::new())), PARKED as u32 - 1);
    assert_eq!(store.reads.subscriptions().unwrap()[0].parked, PARKED as u32 - 1);
}

fn block(n: u8, lasts: Duration) -> BlockEntry {
    BlockEntry {
        key: HistoryKey::from_bytes([n; 16]),
        masked: "+86*******1234".into(),
        action: BlockAction::Slow,
        until: AT + lasts,
        reason: "shouts".into(),
        by: "desk".into(),
        added_at: Wall(u64::from(n)),
    }
}

pub(super) fn the_block_list_is_kept_and_expires<G: Ground>() {
    let ground = G::new();
    let mut store = ground.open();
    written(&mut store, Write::Block(block(1, HOUR))).unwrap();
    written(&mut store, Write::Block(block(2, HOUR * 2))).unwrap();
    let sharper = BlockEntry { action: BlockAction::Block, ..block(1, HOUR) };
    written(&mut store, Write::Block(sharper.clone())).unwrap();
    assert_eq!(store.reads.blocks_at(AT).unwrap(), [block(2, HOUR * 2), sharper]);
    assert_eq!(store.reads.blocks_at(AT + HOUR).unwrap(), [block(2, HOUR * 2)]);
    assert_eq!(written(&mut store, Write::Unblock(block(2, HOUR).key)).unwrap(), 1);
    assert_eq!(written(&mut store, Write::Unblock(block(2, HOUR).key)).unwrap(), 0);
}

pub(super) fn records_are_read_in_the_order_of_their_last_change<G: Ground>() {
    let ground = G::new();
    let mut store = ground.open();
    let (one, two) = (samples::whole_call(1, 1), samples::whole_call(2, 11));
    commit(&mut store, &events(one));
    commit(&mut store, &events(two));
    commit(&mut store, &events(samples::started_call(3, 21)));
    let places = |wanted: &Wanted| -> Vec<u64> {
        store.reads.records(wanted, 10).unwrap().iter().map(|r| r.place).collect()
    };
    assert_eq!(places(&Wanted::default()), [10, 20]);
    assert_eq!(places(&Wanted { newest_first: true, ..Wanted::default() }), [20, 10]);
    assert_eq!(places(&Wanted { behind: Some(10), ..Wanted::default() }), [20]);
    assert_eq!(places(&Wanted { queue: Some("none".into()), ..Wanted::default() }), [0; 0]);
    assert_eq!(places(&Wanted { received_before: Some(Wall(1)), ..Wanted::default() }), [0; 0]);
    let record = store.reads.record(samples::call_id(1)).unwrap().unwrap();
    assert!(record.is_final);
    let begun = store.reads.record(samples::call_id(3)).unwrap().unwrap();
    assert_eq!(begun, CallRecord::from_events(&samples::started_call(3, 21)).unwrap(), "from its events");
    assert!(store.reads.record(samples::call_id(4)).unwrap().is_none());
}

pub(super) fn a_callers_history_counts_the_calls_before_this_one<G: Ground>() {
    let ground = G::new();
    let mut store = ground.open();
    let key = HistoryKey::from_bytes([7; 16]);
    let now = AT + HOUR * 24 * 60;
    let mut all = Vec::new();
    for (n, age) in [40, 29, 6, 3, 0].into_iter().enumerate() {
        let at = now - HOUR * 24 * age;
        let call = Some(samples::part(n as u64, 1, CallState::Received));
        let what = What::CallReceived(samples::received());
        all.push(Append { event: samples::event(1 + n as u64, at, call, what), history: Some(key) });
    }
    let batch = Batch { at: now, events: all.into_iter().map(encode).collect(), ..Batch::default() };
    commit(&mut store, &batch);
    let history = store.reads.history(key, now).unwrap();
    assert_eq!((history.calls_24h, history.calls_7d, history.calls_30d), (0, 2, 3));
    assert_eq!(store.reads.history(key, now + HOUR).unwrap().calls_24h, 1);
    assert_eq!(store.reads.history(HistoryKey::from_bytes([8; 16]), now).unwrap().calls_30d, 0);
}

pub(super) fn a_callback_stands_on_the_list_until_its_event_closes_it<G: Ground>() {
    use crate::event::{CallbackChanged, CallbackState, Promise};
    use crate::id::CallbackId;
    let ground = G::new();
    let mut store = ground.open();
    let (id, key) = (CallbackId::from_bytes([1; 16]), HistoryKey::from_bytes([1; 16]));
    let last_call = samples::call_id(1);
    let promise = Promise { id, since: AT, calls: 2, last_call, last_called_at: AT };
    let due = CallbackChanged { promise: Some(promise), due_at: AT + HOUR, ..samples::callback() };
    let append = |position, changed| {
        let event = samples::event(position, AT, None, What::CallbackChanged(changed));
        Batch { at: AT, events: vec![encode(Append { event, history: Some(key) })], ..Batch::default() }
    };
    commit(&mut store, &append(1, due.clone()));
    let found = ground.crash().open().found.callbacks;
    assert_eq!(found.len(), 1);
    assert_eq!(found, store.reads.callbacks().unwrap());
    let owed = store.reads.owed(None, 9).unwrap();
    assert_eq!(owed.iter().map(|o| o.callback.promise).collect::<Vec<_>>(), [promise]);
    let behind = Behind { due_at: owed[0].callback.due_at, id };
    assert!(store.reads.owed(Some(behind), 9).unwrap().is_empty());
    assert_eq!(store.reads.owed_totals_at(AT).unwrap().overdue, 0);
    assert_eq!(store.reads.owed_totals_at(AT + HOUR * 2).unwrap().overdue, 1);
    assert_eq!(store.reads.callback_of(key).unwrap(), Some(id));
    commit(&mut store, &append(2, CallbackChanged { state: CallbackState::Done, ..due }));
    assert!(!store.reads.is_owed(id).unwrap());
}

pub(super) fn the_newest_snapshot_of_each_is_found<G: Ground>() {
    let ground = G::new();
    let mut store = ground.open();
    let keep = |name: &str, kept: bool| Batch {
        snapshots: [(seat(name).key(), kept.then(|| seat(name)))].into(),
        ..Batch::default()
    };
    for batch in [keep("1001", true), keep("1002", true), keep("1001", true), keep("1002", false)] {
        commit(&mut store, &batch);
    }
    let found: Vec<_> = ground.crash().open().found.snapshots.iter().map(Snapshot::key).collect();
    assert_eq!(found, [SnapshotKey::Seat("1001".into())]);
}

pub(super) fn what_is_too_old_goes_from_the_oldest_on<G: Ground>() {
    let ground = G::new();
    let mut store = ground.open();
    commit(&mut store, &events(samples::whole_call(1, 1)));
    commit(&mut store, &events(samples::whole_call(2, 11)));
    let mut purge = |now| while store.engine.purge(&retention::older_than(HOUR, now)).unwrap() {};
    purge(AT + HOUR + Duration::from_secs(5));
    let reads = ground.open().reads;
    assert_eq!(reads.earliest().unwrap(), Some(6), "and never from the middle");
    purge(AT + HOUR * 10);
    assert_eq!(reads.earliest().unwrap(), Some(20), "the newest event stays");
    assert_eq!(ground.crash().open().found.head, 20);
}

pub(super) fn a_time_is_found_among_the_positions<G: Ground>() {
    let ground = G::new();
    let mut store = ground.open();
    assert_eq!(store.reads.position_before(AT).unwrap(), 0);
    let call = samples::whole_call(1, 1);
    let third = call[2].at;
    commit(&mut store, &events(call));
    assert_eq!(store.reads.position_before(Wall(0)).unwrap(), 0);
    assert_eq!(store.reads.position_before(third).unwrap(), 2);
    assert_eq!(store.reads.position_before(AT + HOUR * 9).unwrap(), 10);
}

pub(super) fn a_page_ends_at_its_events_or_its_octets<G: Ground>() {
    let ground = G::new();
    let mut store = ground.open();
    commit(&mut store, &events(samples::whole_call(1, 1)));
    let page = |after, limit, bytes| {
        let page = store.reads.events_after(after, limit, bytes).unwrap();
        page.events.iter().map(|e| e.position).collect::<Vec<_>>()
    };
    assert_eq!(page(2, 3, usize::MAX), [3, 4, 5]);
    assert_eq!(page(2, 3, 1), [3], "one at least");
    assert!(page(10, 3, usize::MAX).is_empty());
}
