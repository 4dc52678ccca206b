//! Limits, places and the wait to be expected.

use super::*;
use std::collections::{BTreeSet, VecDeque};

#[test]
fn a_call_that_waited_its_time_leaves_after_its_offer_is_taken_back() {
    let limit = QueueRules { max_wait: secs(10), ..rules(&["1001"]) };
    let mut w = World::of(vec![limit], &["1001"]);
    let (first, out) = w.enters(0);
    let (_, _, presentation) = only_presented(&out);
    w.passes(secs(1));
    let (second, _) = w.enters(0);
    let out = w.passes(secs(9));
    assert_eq!(withdrawn(&out), [(presentation, PresentationResult::Withdrawn)]);
    assert_eq!(left(&out), [(first, QueueExit::Timeout, 1)]);
    assert_eq!(left(&w.passes(secs(1))), [(second, QueueExit::Timeout, 1)]);
}

#[test]
fn a_full_queue_refuses_and_has_room_again_when_someone_leaves() {
    let mut w = World::of(vec![QueueRules { capacity: 2, ..rules(&["1001"]) }], &[]);
    let (first, _) = w.enters(0);
    w.enters(0);
    assert!(w.acd.is_full(&"heat".into()));
    let (third, out) = w.enters(9);
    assert_eq!(out, [Output::Refused { call: third, reason: EntryRefusal::Full }]);
    w.hangs_up(first);
    assert!(!w.acd.is_full(&"heat".into()));
    assert_eq!(entered(&w.enters(0).1).position, 2);
}

#[test]
fn a_draining_gateway_takes_nobody_new_and_serves_those_who_wait() {
    let mut w = World::with(&["1001"]);
    w.talks();
    let (waiting, _) = w.enters(0);
    w.tell(Input::Drain);
    let (late, out) = w.enters(0);
    assert_eq!(out, [Output::Refused { call: late, reason: EntryRefusal::Draining }]);
    w.finishes("1001");
    assert_eq!(only_presented(&w.passes(secs(30))).0, waiting);
}

#[test]
fn a_waiting_call_is_not_counted_twice_and_an_unknown_queue_is_refused() {
    let mut w = World::with(&[]);
    let (call, _) = w.enters(0);
    let at = w.now;
    let out = w.tell(Input::Enter { call, queue: "heat".into(), priority: 3, at });
    assert_eq!(out, [Output::Refused { call, reason: EntryRefusal::AlreadyWaiting }]);
    assert_eq!(w.acd.depth(&"heat".into()), 1);
    let (call, out) = w.enters_queue("water", 0);
    assert_eq!(out, [Output::Refused { call, reason: EntryRefusal::UnknownQueue }]);
}

#[test]
fn a_short_queue_tells_new_positions_in_five_seconds_and_none_twice() {
    let mut w = World::with(&[]);
    let calls: Vec<_> = (0..3).map(|_| w.enters(0).0).collect();
    w.passes(secs(1));
    assert!(positions(&w.hangs_up(calls[0])).is_empty());
    let out = w.passes(POSITION_EVERY);
    assert_eq!(positions(&out).len(), 2);
    assert!(positions(&out).contains(&(calls[1], 1)) && positions(&out).contains(&(calls[2], 2)));
    assert!(positions(&w.passes(secs(60))).is_empty());
}

/// Serves the head of a queue of `waiting` once a second, and lets one caller join for each: the positions told.
fn told_in_ten_minutes(waiting: usize) -> Vec<(CallId, u32)> {
    let mut w = World::of(vec![QueueRules { capacity: 1_100, ..rules(&[]) }], &[]);
    let mut line: VecDeque<CallId> = (0..waiting).map(|_| w.enters(0).0).collect();
    let mut told = Vec::new();
    for _ in 0..600 {
        told.extend(positions(&w.passes(secs(1))));
        assert_eq!(w.acd.depth(&"heat".into()) as usize, waiting);
        w.hangs_up(line.pop_front().unwrap());
        line.push_back(w.enters(0).0);
    }
    told
}

#[test]
fn telling_positions_costs_the_same_for_ten_and_for_a_thousand_waiting() {
    let [short, long] = [10, 1_000].map(|waiting| told_in_ten_minutes(waiting).len());
    assert!(long <= 120 * POSITIONS, "{long} events in 120 intervals");
    assert!(long * 10 <= short * 11, "ten waiting: {short} events, a thousand: {long}");
}

#[test]
fn every_caller_of_a_long_queue_has_a_turn_to_be_told_its_position() {
    let mut w = World::with(&[]);
    let head = w.enters(0).0;
    let others: BTreeSet<CallId> = (0..100).map(|_| w.enters(0).0).collect();
    w.hangs_up(head);
    let mut told = Vec::new();
    for _ in 0..100usize.div_ceil(POSITIONS) {
        let out = positions(&w.passes(POSITION_EVERY));
        assert!(out.len() <= POSITIONS, "{} at a time", out.len());
        told.extend(out);
    }
    assert_eq!(told.iter().map(|(call, _)| *call).collect::<BTreeSet<_>>(), others);
    assert_eq!(told.iter().map(|(_, position)| *position).collect::<BTreeSet<_>>(), (1..=100).collect());
}

#[test]
fn a_queue_that_is_empty_has_no_timer() {
    let mut w = World::with(&[]);
    let (first, second) = (w.enters(0).0, w.enters(0).0);
    w.hangs_up(first);
    assert_eq!(w.acd.counts().timers, 2, "the time that is left to wait, and the queue's positions");
    w.hangs_up(second);
    assert_eq!(w.acd.counts().timers, 0);
}

#[test]
fn one_step_serves_so_many_deadlines_and_the_rest_is_still_due() {
    let mut w = World::of(vec![QueueRules { max_wait: secs(10), ..rules(&[]) }], &[]);
    for _ in 0..300 {
        w.enters(0);
    }
    w.now = w.now.after(secs(10));
    let mut out = Vec::new();
    w.acd.handle_timeout(w.now, &mut out);
    let in_one_step = left(&out).len();
    assert!(in_one_step <= TIMERS_PER_STEP && in_one_step + 3 >= TIMERS_PER_STEP, "{in_one_step}");
    assert!(w.acd.poll_timeout().is_some_and(|(at, r)| at <= w.now.mono && r == Reason::MaxWait));
    w.acd.handle_timeout(w.now, &mut out);
    w.acd.handle_timeout(w.now, &mut out);
    assert_eq!(left(&out).len(), 300);
}

#[test]
fn the_wait_to_be_expected_follows_the_pace_of_the_queue() {
    let mut w = World::of(vec![QueueRules { wrap_up: Duration::ZERO, ..rules(&["1001"]) }], &["1001"]);
    w.talks();
    assert_eq!(entered(&w.enters(0).1).estimated_wait, None);
    for _ in 0..5 {
        w.enters(0);
    }
    for _ in 0..4 {
        w.passes(secs(60));
        let out = w.finishes("1001");
        w.answers(only_presented(&out).2);
    }
    // Two are still waiting; a third can expect three times a minute.
    assert_eq!(entered(&w.enters(0).1).estimated_wait, Some(secs(180)));
}

#[test]
fn when_all_calls_are_gone_nothing_is_left_of_them() {
    let mut w = World::with(&["1001", "1002"]);
    let calls: Vec<_> = (0..20).map(|_| w.enters(0).0).collect();
    w.passes(secs(100));
    for call in calls {
        w.hangs_up(call);
    }
    w.passes(secs(60));
    assert_eq!(w.acd.counts(), AcdCounts { ready: 2, ..AcdCounts::default() });
}

#[test]
fn what_does_not_fit_is_ignored() {
    let mut w = World::with(&["1001"]);
    let unknown = PresentationId::new(w.now.wall, &mut w.ids);
    let call = CallId::new(w.now.wall, &mut w.ids);
    assert_eq!(w.answers(unknown), []);
    assert_eq!(w.ends(unknown, PresentationResult::Busy), []);
    assert_eq!(w.hangs_up(call), []);
    assert_eq!(w.finishes("1001"), []);
    for s in ["1001", "9999"] {
        assert_eq!(w.tell(Input::WrapUpDone { seat: seat(s) }), []);
        assert_eq!(w.tell(Input::Resumed { seat: seat(s), call }), []);
        assert_eq!(w.tell(Input::SeatUp { seat: seat(s) }), []);
    }
}
