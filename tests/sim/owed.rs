//! Who is owed a call: a model that follows every journal, and the scenarios of the list, one sentence each.

use crate::checks::{by_call, promises, story};
use crate::house::{House, OTHER_TRUNK, TRUNK};
use crate::town::TOWN;
use crate::world::World;
use hotline_gateway::callback::{Callback, CallbackSettled, ENTRIES, Settlement};
use hotline_gateway::caller::{HistoryKey, HistorySecret, normalise};
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::event::*;
use hotline_gateway::gateway::Input;
use hotline_gateway::id::{CallId, CallbackId};
use hotline_gateway::media;
use hotline_gateway::time::{Duration, Wall};
use std::collections::BTreeMap;

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

/// An entry as the model has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub id: CallbackId,
    pub calls: u32,
    pub attempts: u32,
}

/// What the next event of a call must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Due,
    Attempt,
    Done,
}

/// A call as far as it matters here: its number outside, and whether a seat placed it.
struct Known {
    number: Option<String>,
    by_seat: bool,
}

/// Follows a journal, and gives the numbers that are owed a call after it.
#[derive(Default)]
struct Model {
    calls: BTreeMap<CallId, Known>,
    next: BTreeMap<CallId, Next>,
    entries: BTreeMap<String, Entry>,
}

/// Whether a call that ended so is owed one where no human ever spoke.
fn comes_to_nothing(reason: EndReason) -> bool {
    !matches!(reason, EndReason::Completed | EndReason::LengthLimit | EndReason::Unanswered)
}

fn is_ours_to_mend(reason: RefusalReason) -> bool {
    use RefusalReason::*;
    matches!(reason, NoChannel | QueueFull | Overload | Draining | Internal)
}

impl Model {
    fn begins(&mut self, call: CallId, received: &CallReceived) {
        let by_seat = received.direction == Direction::Outbound;
        let number = match by_seat {
            true => normalise(received.service_number.as_str(), "86", None).map(|n| n.as_str().to_owned()),
            false => Some(received.caller.shown().reveal().clone()).filter(|number| !number.is_empty()),
        };
        self.calls.insert(call, Known { number, by_seat });
    }

    fn entry_of(&self, call: CallId) -> Option<&Entry> {
        self.entries.get(self.calls.get(&call)?.number.as_ref()?)
    }

    fn follows(&mut self, event: &CallEvent) -> Result<(), String> {
        let Some(call) = event.call.as_ref().map(|part| part.id) else {
            return self.settled(&event.what);
        };
        match (self.next.remove(&call), &event.what) {
            (Some(next), What::CallbackChanged(changed)) => return self.changed(call, next, changed),
            (None, What::CallbackChanged(_)) => return Err("a callback changed without a cause".into()),
            (Some(next), _) => return Err(format!("{next:?} was to be told first")),
            (None, _) => {}
        }
        match &event.what {
            What::CallReceived(received) => self.begins(call, received),
            What::CallRefused(refused) => {
                if let Some(received) = &refused.received {
                    self.begins(call, received);
                }
                let known = &self.calls[&call];
                if known.number.is_some() && !known.by_seat && is_ours_to_mend(refused.reason) {
                    self.next.insert(call, Next::Due);
                }
            }
            What::SeatConnected { .. } if self.entry_of(call).is_some() => {
                self.next.insert(call, Next::Done);
            }
            What::CallAnswered { .. } if self.calls[&call].by_seat && self.entry_of(call).is_some() => {
                self.next.insert(call, Next::Done);
            }
            What::CallEnded(ended) => return self.ended(call, ended),
            _ => {}
        }
        Ok(())
    }

    fn ended(&mut self, call: CallId, ended: &CallEnded) -> Result<(), String> {
        let known = &self.calls[&call];
        let is_callers = known.number.is_some() && !known.by_seat;
        let must = is_callers
            && (matches!(ended.reason, EndReason::Crashed | EndReason::Shutdown)
                || comes_to_nothing(ended.reason) && !ended.answered_by_operator);
        let may = is_callers && comes_to_nothing(ended.reason);
        if must && !ended.callback_due || ended.callback_due && !may {
            return Err(format!("callback due is {} after {:?}", ended.callback_due, ended.reason));
        }
        let tried = known.by_seat && !ended.answered_by_operator && ended.reason != EndReason::Crashed;
        if ended.callback_due {
            self.next.insert(call, Next::Due);
        } else if tried && self.entry_of(call).is_some() {
            self.next.insert(call, Next::Attempt);
        }
        Ok(())
    }

    fn changed(&mut self, call: CallId, next: Next, changed: &CallbackChanged) -> Result<(), String> {
        let promise = changed.promise.ok_or("a callback without its promise")?;
        let number = self.calls[&call].number.clone().ok_or("a callback without a number")?;
        let before = self.entries.get(&number).copied();
        let wrong = || Err(format!("{next:?} after {before:?} is told as {changed:?}"));
        let fits_before = before.is_none_or(|entry| entry.id == promise.id);
        let entry = match next {
            Next::Due => Entry {
                id: promise.id,
                calls: before.map_or(0, |entry| entry.calls) + 1,
                attempts: before.map_or(0, |entry| entry.attempts),
            },
            Next::Attempt | Next::Done => {
                let Some(before) = before else { return wrong() };
                Entry { attempts: before.attempts + u32::from(next == Next::Attempt), ..before }
            }
        };
        let state = if next == Next::Done { CallbackState::Done } else { CallbackState::Due };
        let told = Entry { id: promise.id, calls: promise.calls, attempts: changed.attempts };
        let last_call_fits = next != Next::Due || promise.last_call == call;
        if !fits_before || told != entry || changed.state != state || !last_call_fits {
            return wrong();
        }
        match next {
            Next::Due | Next::Attempt => drop(self.entries.insert(number, entry)),
            Next::Done => drop(self.entries.remove(&number)),
        }
        Ok(())
    }

    /// A change that no call made.
    fn settled(&mut self, what: &What) -> Result<(), String> {
        let What::CallbackChanged(changed) = what else { return Ok(()) };
        let id = changed.promise.ok_or("a callback without its promise")?.id;
        let before = self.entries.len();
        self.entries.retain(|_, entry| entry.id != id);
        match (self.entries.len() < before, &changed.closed_by) {
            (true, Some(ClosedBy::Author { .. } | ClosedBy::Retention)) => Ok(()),
            _ => Err(format!("what no call made closes an open entry and says by whom: {changed:?}")),
        }
    }
}

/// Every call that came to nothing has its number on the list or a later answer; each change is exactly one event, at its
/// place. Gives the numbers that are owed a call.
pub fn owed_after(events: &[CallEvent]) -> BTreeMap<String, Entry> {
    let mut model = Model::default();
    for event in events {
        model.follows(event).unwrap_or_else(|broken| {
            let call = event.call.as_ref().map(|part| part.id);
            let calls = by_call(events);
            let told = call.and_then(|call| calls.get(&call)).map(|events| story(events)).unwrap_or_default();
            panic!("{broken}, at {}{told}", event.position);
        });
    }
    assert!(model.next.is_empty(), "never told: {:?}", model.next);
    model.entries
}

/// The list in the store is that of the journal.
pub fn the_store_has_what_is_owed(w: &World) {
    let owed: BTreeMap<CallbackId, Entry> =
        owed_after(&w.journal).into_values().map(|entry| (entry.id, entry)).collect();
    let stored = |c: &Callback| Entry { id: c.promise.id, calls: c.promise.calls, attempts: c.attempts };
    let stored: BTreeMap<CallbackId, Entry> = w.callbacks.iter().map(|(id, c)| (*id, stored(c))).collect();
    assert_eq!(stored, owed);
    assert_eq!(w.counts().callbacks_due, owed.len(), "and so has the gateway");
}

/// Lets every call end, and checks all that must hold.
fn settle(w: &mut World) {
    w.run(S(300));
    promises(&w.journal);
    the_store_has_what_is_owed(w);
}

fn changes(w: &World) -> Vec<CallbackChanged> {
    let of = |e: &CallEvent| match &e.what {
        What::CallbackChanged(changed) => Some(changed.clone()),
        _ => None,
    };
    w.journal.iter().filter_map(of).collect()
}

/// State and reason of each change.
fn told(w: &World) -> Vec<String> {
    changes(w).iter().map(|c| format!("{} {}", c.state, c.reason)).collect()
}

/// Seats that ring for ever.
fn unanswered(seed: u64, queue_keys: &str) -> World {
    let mut w = World::new(seed, 1, &format!("ring_timeout = \"60s\"\nwrap_up = \"0s\"\n{queue_keys}"), "");
    w.seat_does(1001, WhenRung::Rings, None);
    w
}

const ONE: &str = "13800000001";
const TWO: &str = "13800000002";

#[test]
fn a_caller_who_gives_up_twice_is_owed_one_call_and_an_answer_closes_it() {
    let mut w = unanswered(1, "");
    for _ in 0..2 {
        w.citizen_calls(ONE, HangUp::AfterAnswer(S(5)));
        w.run(S(60));
    }
    assert_eq!(told(&w), ["due abandoned", "due abandoned"]);
    let [first, second] = &changes(&w)[..] else { panic!("two changes") };
    let (one, two) = (first.promise.unwrap(), second.promise.unwrap());
    assert_eq!((one.id, one.since, two.calls), (two.id, two.since, 2));
    assert_eq!(second.due_at, two.last_called_at + S(3600));
    assert!(two.last_called_at >= one.last_called_at + S(50));
    w.seat_answers(1001, MS(200));
    w.citizen_calls(ONE, HangUp::AfterAnswer(S(20)));
    settle(&mut w);
    assert_eq!(told(&w)[2..], ["done abandoned"]);
    let done = changes(&w).pop().unwrap();
    assert_eq!((done.closed_by, done.promise.unwrap().id), (Some(ClosedBy::Answered), one.id));
    assert!(w.callbacks.is_empty());
}

#[test]
fn a_caller_who_gives_up_again_after_an_answer_is_owed_a_new_call() {
    let mut w = unanswered(2, "");
    w.citizen_calls(ONE, HangUp::AfterAnswer(S(5)));
    w.run(S(60));
    w.seat_answers(1001, MS(200));
    w.citizen_calls(ONE, HangUp::AfterAnswer(S(10)));
    w.run(S(60));
    w.seat_does(1001, WhenRung::Rings, None);
    w.citizen_calls(ONE, HangUp::AfterAnswer(S(5)));
    settle(&mut w);
    assert_eq!(told(&w), ["due abandoned", "done abandoned", "due abandoned"]);
    let ids: Vec<_> = changes(&w).iter().map(|c| c.promise.unwrap().id).collect();
    assert!(ids[0] == ids[1] && ids[1] != ids[2]);
}

#[test]
fn each_refusal_that_is_ours_to_mend_is_owed_a_call() {
    type Refuses = fn(&mut World);
    let cases: [(&str, &str, Refuses); 4] = [
        ("queue_full", "capacity = 1", |w| _ = w.citizen_calls(TWO, HangUp::AfterAnswer(S(20)))),
        ("overload", "", |w| w.input(Input::Overloaded(true))),
        ("draining", "", |w| w.input(Input::Drain)),
        ("internal", "", |w| w.no_ports = Some(media::OpenFailure::NoneFree)),
    ];
    for (reason, keys, refuses) in cases {
        let mut w = unanswered(3, keys);
        refuses(&mut w);
        w.run(S(1));
        w.citizen_calls(ONE, HangUp::Never);
        w.run(S(2));
        assert_eq!(told(&w), [format!("due {reason}")]);
        let record = w.journal.iter().rev().find_map(|e| match &e.what {
            What::CallRecordUpdated(record) => Some(record.clone()),
            _ => None,
        });
        let callback = record.unwrap().callback.expect("the record has what it left");
        assert_eq!((callback.state, callback.id.is_some()), (CallbackState::Due, true));
        settle(&mut w);
    }
}

#[test]
fn a_call_that_finds_no_channel_is_owed_a_call() {
    let narrow = "192.0.2.30:5060";
    let mut house =
        House::with("", "[[trunk]]\nname = \"narrow\"\nsources = [\"192.0.2.30\"]\nchannels = 1\n");
    let (first, second) = (house.invite(ONE, ""), house.invite(TWO, ""));
    assert_eq!(house.statuses(narrow, &first), [100, 200]);
    assert_eq!(house.statuses(narrow, &second), [100, 503]);
    assert_eq!(house.refusals(), [(RefusalReason::NoChannel, 503)]);
    let owed: Vec<_> = owed_after(&house.events).into_keys().collect();
    assert_eq!(owed, [format!("+86{TWO}")]);
}

#[test]
fn what_is_not_ours_to_mend_is_owed_nothing() {
    let mut w = unanswered(4, "");
    w.citizen_dials(ONE, "99999", HangUp::Never);
    settle(&mut w);
    assert!(w.journal.iter().any(|e| matches!(e.what, What::CallRefused(_))));
    assert_eq!(changes(&w), []);
}

#[test]
fn a_withheld_number_is_owed_no_call_and_its_record_says_so() {
    let mut w = unanswered(5, "");
    w.citizen_calls("anonymous", HangUp::AfterAnswer(S(5)));
    settle(&mut w);
    let due: Vec<bool> = w
        .journal
        .iter()
        .filter_map(|e| match &e.what {
            What::CallEnded(ended) => Some(ended.callback_due),
            _ => None,
        })
        .collect();
    assert_eq!((due, changes(&w)), (vec![false], vec![]));
}

#[test]
fn a_crash_owes_each_open_call_and_forgets_nothing_that_was_owed() {
    let mut w = unanswered(6, "");
    w.citizen_calls(ONE, HangUp::AfterAnswer(S(5)));
    w.run(S(30));
    w.citizen_calls(ONE, HangUp::Never);
    w.citizen_calls(TWO, HangUp::Never);
    w.run(S(5));
    w.kill();
    w.start();
    settle(&mut w);
    assert_eq!(told(&w), ["due abandoned", "due crashed", "due crashed"]);
    let calls: Vec<u32> = w.callbacks.values().map(|c| c.promise.calls).collect();
    assert_eq!(calls.iter().sum::<u32>(), 3, "{calls:?}");
    w.seat_answers(1001, MS(200));
    w.citizen_calls(ONE, HangUp::AfterAnswer(S(5)));
    settle(&mut w);
    assert_eq!(w.callbacks.len(), 1, "the other still waits for its call");
}

/// A morning: calls that are given up, refused, answered, called back without an answer and with one.
fn morning() -> World {
    let mut w = World::with(7, 1, ("wrap_up = \"0s\"\ncapacity = 1", ""), "dial_out = true", TOWN);
    w.seat_does(1001, WhenRung::Rings, None);
    for number in [ONE, TWO, "anonymous", ONE] {
        w.citizen_calls(number, HangUp::AfterAnswer(S(5)));
        w.run(S(2));
    }
    w.run(S(60));
    w.seat_answers(1001, MS(100));
    w.citizen_calls(ONE, HangUp::AfterAnswer(S(3)));
    w.run(S(60));
    for answers in [false, true] {
        let when_rung = if answers { WhenRung::Answers(S(1)) } else { WhenRung::Refuses(486) };
        w.in_town(TWO, when_rung, Some(S(2)));
        w.seat_dials(1001, TWO, HangUp::AfterAnswer(S(10)));
        w.run(S(60));
    }
    w
}

/// The rows of the store after these events.
fn stored_after(events: &[CallEvent]) -> BTreeMap<CallbackId, Callback> {
    let mut rows: BTreeMap<CallbackId, Callback> = BTreeMap::new();
    for event in events {
        let What::CallbackChanged(changed) = &event.what else { continue };
        let id = changed.promise.unwrap().id;
        let caller = event.call.as_ref().map(|part| part.summary.caller.reveal().as_str());
        let key = rows.remove(&id).map(|row| row.key);
        let key = key.or(caller.map(|caller| HistoryKey::of_number(caller, &HistorySecret::new([7; 32]))));
        rows.extend(key.and_then(|key| Callback::after(changed, key)).map(|row| (id, row)));
    }
    rows
}

#[test]
fn a_journal_that_breaks_off_at_any_event_loses_no_callback() {
    let whole = morning();
    the_store_has_what_is_owed(&whole);
    assert_eq!(stored_after(&whole.journal), whole.callbacks);
    let mut mended = 0;
    for end in 1..whole.journal.len() {
        let mut w = World::with(8, 1, ("", ""), "dial_out = true", TOWN);
        w.kill();
        w.now = whole.now;
        w.journal = whole.journal[..end].to_vec();
        w.callbacks = stored_after(&w.journal);
        w.start();
        w.run(S(1));
        promises(&w.journal);
        the_store_has_what_is_owed(&w);
        let missing = &whole.journal[end];
        if let What::CallbackChanged(missing_change) = &missing.what {
            let call = |e: &CallEvent| e.call.as_ref().map(|part| part.id);
            let told = w.journal[end..].iter().find(|e| call(e) == call(missing)).map(|e| &e.what);
            mended += usize::from(
                matches!(told, Some(What::CallbackChanged(told)) if told.state == missing_change.state),
            );
        }
    }
    assert_eq!(mended, changes(&whole).len(), "each is told at the start where it was not before");
    let expected = [
        "due queue_full",
        "due abandoned",
        "due abandoned",
        "done abandoned",
        "due queue_full",
        "done queue_full",
    ];
    assert_eq!(told(&whole), expected, "refused, given up twice, answered, tried, called back");
}

#[test]
fn an_operator_who_calls_back_closes_the_entry_and_a_try_counts() {
    let mut w = World::with(8, 1, ("ring_timeout = \"60s\"\nwrap_up = \"0s\"", ""), "dial_out = true", TOWN);
    w.seat_does(1001, WhenRung::Rings, None);
    w.citizen_calls(ONE, HangUp::AfterAnswer(S(5)));
    w.run(S(60));
    w.in_town(ONE, WhenRung::Refuses(486), None);
    w.seat_dials(1001, ONE, HangUp::AfterAnswer(S(10)));
    w.run(S(60));
    w.in_town(ONE, WhenRung::Answers(S(1)), Some(S(5)));
    w.seat_dials(1001, ONE, HangUp::AfterAnswer(S(10)));
    settle(&mut w);
    assert_eq!(told(&w), ["due abandoned", "due abandoned", "done abandoned"]);
    let [_, tried, done] = &changes(&w)[..] else { panic!("three changes") };
    assert_eq!((tried.attempts, tried.promise.unwrap().calls), (1, 1));
    assert_eq!((done.attempts, done.closed_by.clone()), (1, Some(ClosedBy::CalledBack)));
    assert!(w.callbacks.is_empty());
}

#[test]
fn a_person_closes_an_entry_once_and_is_named_in_its_event() {
    let mut w = unanswered(9, "");
    w.citizen_calls(ONE, HangUp::AfterAnswer(S(5)));
    w.citizen_calls(TWO, HangUp::AfterAnswer(S(5)));
    w.run(S(60));
    for (id, how) in w.callbacks.clone().into_keys().zip([Settlement::Done, Settlement::Cancelled]) {
        for _ in 0..2 {
            w.input(Input::Callback(CallbackSettled { id, how, by: "desk 3".into() }));
        }
    }
    settle(&mut w);
    assert_eq!(told(&w)[2..], ["done abandoned", "cancelled abandoned"]);
    assert_eq!(changes(&w)[3].closed_by, Some(ClosedBy::from("desk 3")));
    let last = w.journal.iter().rev().find(|e| matches!(e.what, What::CallbackChanged(_)));
    assert!(last.unwrap().call.is_none(), "no call made it");
}

#[test]
fn an_entry_leaves_the_list_when_the_record_of_its_newest_call_does() {
    let mut w = unanswered(10, "");
    w.citizen_calls(ONE, HangUp::AfterAnswer(S(5)));
    w.run(S(364 * 24 * 3600));
    assert_eq!(w.callbacks.len(), 1);
    w.kill();
    w.start();
    w.run(S(2 * 24 * 3600));
    settle(&mut w);
    assert_eq!(changes(&w).pop().unwrap().closed_by, Some(ClosedBy::Retention));
    assert!(w.callbacks.is_empty());
}

#[test]
fn of_200_who_give_up_and_60_who_are_answered_then_140_are_owed_a_call() {
    let mut w = unanswered(11, "capacity = 1000\nmax_wait = \"1h\"");
    for n in 0..200 {
        w.citizen_calls(&format!("139{n:08}"), HangUp::AfterAnswer(S(20)));
        w.run(MS(250));
    }
    w.run(S(60));
    assert_eq!(owed_after(&w.journal).len(), 200);
    w.seat_answers(1001, MS(100));
    for n in 0..60 {
        w.citizen_calls(&format!("139{:08}", n * 3), HangUp::AfterAnswer(S(5)));
        w.run(S(6));
    }
    settle(&mut w);
    let owed: Vec<String> = owed_after(&w.journal).into_keys().collect();
    let expected: Vec<String> =
        (0..200).filter(|n| n % 3 != 0 || *n >= 180).map(|n| format!("+86139{n:08}")).collect();
    assert_eq!((owed.len(), owed), (140, expected));
}

#[test]
fn of_calls_beyond_a_trunks_rate_each_number_that_is_read_is_owed_a_call() {
    let mut house = House::new();
    // Forty numbers call 400 times in two seconds, of which the trunk may bring 15.
    for n in 0..400 {
        house.now = house.now.after(MS(5));
        let invite = house.invite(&format!("139{:08}", n % 40), "");
        house.statuses(TRUNK, &invite);
    }
    house.waits(S(1));
    let singly = house.refusals().len();
    let owed = owed_after(&house.events);
    assert!((20..=40).contains(&owed.len()), "20 at once and ten a second: {}", owed.len());
    assert!(owed.len() <= singly && singly <= 42, "{singly}");
    let (shed, not_owed) = house.events.iter().fold((0, 0), |(all, not), e| match e.what {
        What::CallsShed { count, not_owed, .. } => (all + count, not + not_owed),
        _ => (all, not),
    });
    assert!(not_owed > 200 && not_owed < shed, "{not_owed} of {shed} were not read");
}

#[test]
fn a_list_that_fills_up_raises_an_alarm_and_keeps_what_it_has() {
    let mut house = House::owing((0..ENTRIES - 2).map(from_before).collect());
    assert_eq!(alarms(&house, true).len(), 1, "from the start on");
    house.takes(Input::Overloaded(true));
    for n in 0..5 {
        house.now = house.now.after(S(1));
        let invite = house.invite(&format!("1390000000{n}"), "");
        assert_eq!(house.statuses(OTHER_TRUNK, &invite), [503]);
    }
    let counts = house.gateway.counts();
    assert_eq!((counts.callbacks_due, counts.callbacks_full_total), (ENTRIES, 3));
    let told = house.events.iter().filter(|e| matches!(e.what, What::CallbackChanged(_))).count();
    assert_eq!((told, house.refusals().len()), (2, 5), "the last three have none");
    for n in 0..ENTRIES / 4 {
        let (id, how) = (from_before(n).promise.id, Settlement::Cancelled);
        house.takes(Input::Callback(CallbackSettled { id, how, by: "desk".into() }));
    }
    assert_eq!((alarms(&house, true).len(), alarms(&house, false).len()), (1, 1));
}

/// An entry of an earlier life.
fn from_before(n: usize) -> Callback {
    let mut bytes = [1; 16];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    let at = Wall(1_799_999_000_000_000_000);
    Callback {
        key: HistoryKey::from_bytes(bytes),
        promise: Promise {
            id: CallbackId::from_bytes(bytes),
            since: at,
            calls: 1,
            last_call: CallId::from_bytes(bytes),
            last_called_at: at,
        },
        reason: CallbackReason::Abandoned.into(),
        attempts: 0,
        due_at: at + S(3600),
    }
}

/// The alarms of a crowded list that were raised, or cleared.
fn alarms(house: &House, wanted: bool) -> Vec<&CallEvent> {
    let of_list = |e: &&CallEvent| matches!(&e.what, What::AlarmRaised { alarm, raised, .. } if &**alarm == "callbacks_crowded" && *raised == wanted);
    house.events.iter().filter(of_list).collect()
}
