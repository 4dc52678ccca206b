use super::list::is_open;
use super::*;
use crate::caller::HistoryKey;
use crate::event::{CallbackChanged, CallbackReason, CallbackState, ClosedBy, EndReason, RefusalReason};
use crate::id::{CallId, CallbackId, Random};
use crate::time::{Duration, Mono, Now, Wall};

const HOUR: Duration = Duration::from_secs(3600);
const TERMS: Terms = Terms { within: HOUR, keep: Duration::from_secs(30 * 24 * 3600) };

/// A list, its clock and its lots.
struct Bench {
    list: RecoveryList,
    now: Now,
    random: Random,
    calls: u64,
}

impl Bench {
    fn with_limit(limit: usize) -> Bench {
        Bench {
            list: RecoveryList::with_limit(TERMS, limit),
            now: Now { mono: Mono(1_000_000_000_000), wall: Wall(1_800_000_000_000_000_000) },
            random: Random::from_number(1),
            calls: 0,
        }
    }

    fn waits(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    fn owes(&mut self, number: u8, reason: CallbackReason) -> Result<CallbackChanged, RecoveryListFull> {
        self.calls += 1;
        let owed = Owed { key: key(number), call: call(self.calls), reason };
        self.list.owe(self.now, owed, &mut self.random)
    }
}

fn key(number: u8) -> HistoryKey {
    HistoryKey::from_bytes([number; 16])
}

fn call(n: u64) -> CallId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    CallId::from_bytes(bytes)
}

fn id(changed: &CallbackChanged) -> CallbackId {
    changed.promise.unwrap().id
}

#[test]
fn a_second_call_of_a_number_renews_its_one_entry() {
    let mut bench = Bench::with_limit(10);
    let first = bench.owes(1, CallbackReason::Abandoned).unwrap();
    let begun = bench.now.wall;
    assert_eq!((first.state, first.due_at, first.attempts), (CallbackState::Due, begun + HOUR, 0));
    assert_eq!((first.closed_by.clone(), first.promise.unwrap().calls), (None, 1));
    bench.waits(Duration::from_secs(60));
    let second = bench.owes(1, CallbackReason::QueueFull).unwrap();
    let promise = second.promise.unwrap();
    assert_eq!((id(&second), promise.since, promise.calls), (id(&first), begun, 2));
    assert_eq!((promise.last_call, promise.last_called_at), (call(2), bench.now.wall));
    assert_eq!((second.reason, second.due_at), (CallbackReason::QueueFull.into(), bench.now.wall + HOUR));
    assert_eq!(bench.list.len(), 1);
    let other = bench.owes(2, CallbackReason::Abandoned).unwrap();
    assert_ne!(id(&other), id(&first));
    assert_eq!(bench.list.len(), 2, "one a number");
}

#[test]
fn an_answer_closes_the_entry_once_and_the_next_call_begins_another() {
    let mut bench = Bench::with_limit(10);
    let first = bench.owes(1, CallbackReason::Abandoned).unwrap();
    assert!(bench.list.reached(&key(2), ClosedBy::Answered).is_none(), "another number");
    let done = bench.list.reached(&key(1), ClosedBy::Answered).unwrap();
    assert_eq!((done.state, done.closed_by.clone()), (CallbackState::Done, Some(ClosedBy::Answered)));
    assert_eq!((id(&done), done.reason), (id(&first), CallbackReason::Abandoned.into()));
    assert!(bench.list.reached(&key(1), ClosedBy::Answered).is_none(), "once");
    assert!(bench.list.is_empty() && bench.list.poll_timeout().is_none());
    let next = bench.owes(1, CallbackReason::Abandoned).unwrap();
    assert_ne!(id(&next), id(&first));
    assert_eq!(next.promise.unwrap().calls, 1);
}

#[test]
fn a_call_out_that_is_not_answered_is_an_attempt_and_renews_nothing() {
    let mut bench = Bench::with_limit(10);
    let first = bench.owes(1, CallbackReason::Abandoned).unwrap();
    bench.waits(Duration::from_secs(600));
    let tried = bench.list.tried(&key(1)).unwrap();
    assert_eq!((tried.state, tried.attempts, tried.promise), (CallbackState::Due, 1, first.promise));
    assert_eq!(tried.due_at, first.due_at);
    assert_eq!(bench.list.tried(&key(1)).unwrap().attempts, 2);
    assert!(bench.list.tried(&key(2)).is_none());
}

#[test]
fn a_person_closes_an_entry_by_its_id_and_is_named() {
    let mut bench = Bench::with_limit(10);
    let first = bench.owes(1, CallbackReason::Crashed).unwrap();
    bench.owes(2, CallbackReason::Crashed).unwrap();
    let by = ClosedBy::from("desk 3");
    let closed = bench.list.settle(id(&first), CallbackState::Cancelled, by.clone()).unwrap();
    assert_eq!((closed.state, closed.closed_by), (CallbackState::Cancelled, Some(by.clone())));
    assert!(bench.list.settle(id(&first), CallbackState::Cancelled, by).is_none(), "once");
    assert!(!bench.list.owes(&key(1)) && bench.list.owes(&key(2)));
}

#[test]
fn a_full_list_keeps_what_it_has_and_counts_what_it_cannot_take() {
    let mut bench = Bench::with_limit(2);
    bench.owes(1, CallbackReason::Abandoned).unwrap();
    bench.owes(2, CallbackReason::Abandoned).unwrap();
    assert_eq!(bench.owes(3, CallbackReason::Abandoned), Err(RecoveryListFull));
    assert_eq!(bench.list.turned_away(), 1);
    assert_eq!(bench.owes(1, CallbackReason::Abandoned).unwrap().promise.unwrap().calls, 2, "renewed");
    bench.list.reached(&key(2), ClosedBy::CalledBack).unwrap();
    assert!(bench.owes(3, CallbackReason::Abandoned).is_ok(), "there is room again");
}

#[test]
fn an_entry_lapses_when_the_record_of_its_newest_call_does() {
    let mut bench = Bench::with_limit(10);
    bench.owes(1, CallbackReason::Abandoned).unwrap();
    bench.waits(TERMS.keep - HOUR);
    bench.owes(1, CallbackReason::Abandoned).unwrap();
    bench.waits(HOUR);
    assert!(bench.list.lapsed(bench.now.mono).is_none(), "it was renewed");
    bench.waits(TERMS.keep - HOUR);
    assert_eq!(bench.list.poll_timeout(), Some(bench.now.mono));
    let lapsed = bench.list.lapsed(bench.now.mono).unwrap();
    assert_eq!((lapsed.state, lapsed.closed_by), (CallbackState::Cancelled, Some(ClosedBy::Retention)));
    assert!(bench.list.lapsed(bench.now.mono).is_none() && bench.list.is_empty());
}

#[test]
fn a_list_that_is_loaded_goes_on_as_the_one_that_was_stored() {
    let mut before = Bench::with_limit(10);
    let mut stored = Vec::new();
    for number in [1, 2, 1, 3] {
        let changed = before.owes(number, CallbackReason::Abandoned).unwrap();
        stored.retain(|callback: &Callback| callback.key != key(number));
        stored.extend(Callback::after(&changed, key(number)));
        before.waits(HOUR);
    }
    // Written by another life: its monotonic clock began anew.
    let mut after = Bench::with_limit(2);
    after.now = Now { mono: Mono(5), wall: before.now.wall };
    stored.into_iter().for_each(|callback| after.list.load(after.now, callback));
    assert_eq!(after.list.len(), 3, "what is owed stays whatever the limit");
    let renewed = after.owes(1, CallbackReason::Draining).unwrap();
    let promise = renewed.promise.unwrap();
    assert_eq!((promise.calls, promise.since), (3, Wall(1_800_000_000_000_000_000)));
    // The one that was called longest ago lapses first, at its own time.
    after.waits(TERMS.keep - HOUR * 3);
    assert_eq!(
        id(&after.list.lapsed(after.now.mono).unwrap()),
        id(&before.list.reached(&key(2), ClosedBy::Answered).unwrap())
    );
}

#[test]
fn a_closed_entry_and_an_event_of_an_older_version_leave_no_row() {
    let mut bench = Bench::with_limit(10);
    let due = bench.owes(1, CallbackReason::Abandoned).unwrap();
    assert!(Callback::after(&due, key(1)).is_some());
    assert!(Callback::after(&CallbackChanged { promise: None, ..due }, key(1)).is_none());
    let done = bench.list.reached(&key(1), ClosedBy::Answered).unwrap();
    assert!(Callback::after(&done, key(1)).is_none());
    let open = CallbackState::ALL.into_iter().filter(|state| is_open(*state));
    assert_eq!(
        open.collect::<Vec<_>>(),
        [CallbackState::Requested, CallbackState::Due, CallbackState::Dialling]
    );
}

#[test]
fn a_caller_who_never_reached_a_human_is_owed_a_call() {
    assert_eq!(after_end(EndReason::Abandoned, false), Some(CallbackReason::Abandoned));
    assert_eq!(after_end(EndReason::WaitLimit, false), Some(CallbackReason::WaitLimit));
    assert_eq!(after_end(EndReason::Crashed, true), Some(CallbackReason::Crashed));
    assert_eq!(after_end(EndReason::Completed, true), None);
    assert_eq!(after_end(EndReason::MediaSilent, true), None);
}

#[test]
fn what_the_gateway_could_not_take_is_owed_and_what_it_should_not_is_not() {
    let owed = RefusalReason::ALL.into_iter().filter(|reason| after_refusal(*reason).is_some());
    let expected = [
        RefusalReason::NoChannel,
        RefusalReason::QueueFull,
        RefusalReason::Overload,
        RefusalReason::Draining,
        RefusalReason::Internal,
    ];
    assert_eq!(owed.collect::<Vec<_>>(), expected);
}
