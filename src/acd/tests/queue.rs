//! Limits, places and the wait to be expected.

use super::*;

#[test]
fn a_call_that_waited_its_time_leaves_and_a_ringing_seat_is_taken_back_first() {
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
    assert_eq!(out, [Output::Refused { call: third, reason: Refusal::Full }]);
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
    assert_eq!(out, [Output::Refused { call: late, reason: Refusal::Draining }]);
    w.finishes("1001");
    assert_eq!(only_presented(&w.passes(secs(30))).0, waiting);
}

#[test]
fn a_call_that_waits_already_is_not_counted_twice_and_an_unknown_queue_is_refused() {
    let mut w = World::with(&[]);
    let (call, _) = w.enters(0);
    let at = w.now;
    let out = w.tell(Input::Enter { call, queue: "heat".into(), priority: 3, at });
    assert_eq!(out, [Output::Refused { call, reason: Refusal::AlreadyWaiting }]);
    assert_eq!(w.acd.depth(&"heat".into()), 1);
    let (call, out) = w.enters_queue("water", 0);
    assert_eq!(out, [Output::Refused { call, reason: Refusal::UnknownQueue }]);
}

#[test]
fn a_caller_is_told_a_new_place_within_five_seconds_and_never_the_same_one_twice() {
    let mut w = World::with(&[]);
    let calls: Vec<_> = (0..3).map(|_| w.enters(0).0).collect();
    w.passes(secs(1));
    assert!(positions(&w.hangs_up(calls[0])).is_empty());
    let out = w.passes(POSITION_EVERY);
    assert_eq!(positions(&out).len(), 2);
    assert!(positions(&out).contains(&(calls[1], 1)) && positions(&out).contains(&(calls[2], 2)));
    assert!(positions(&w.passes(secs(60))).is_empty());
}

#[test]
fn one_step_tells_at_most_so_many_callers_their_place_and_the_rest_is_still_due() {
    let mut w = World::with(&[]);
    let head = w.enters(0).0;
    for _ in 0..300 {
        w.enters(0);
    }
    w.hangs_up(head);
    w.now = w.now.after(POSITION_EVERY);
    let mut out = Vec::new();
    w.acd.handle_timeout(w.now, &mut out);
    assert_eq!(positions(&out).len(), TIMERS_PER_STEP);
    assert!(w.acd.poll_timeout().is_some_and(|(at, r)| at <= w.now.mono && r == Reason::Position));
    w.acd.handle_timeout(w.now, &mut out);
    w.acd.handle_timeout(w.now, &mut out);
    assert_eq!(positions(&out).len(), 300);
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
    assert_eq!(w.acd.counts(), Counts { ready: 2, ..Counts::default() });
}

#[test]
fn what_does_not_fit_is_ignored() {
    let mut w = World::with(&["1001"]);
    let stranger = PresentationId::new(w.now.wall, &mut w.ids);
    let call = CallId::new(w.now.wall, &mut w.ids);
    assert_eq!(w.answers(stranger), []);
    assert_eq!(w.ends(stranger, PresentationResult::Busy), []);
    assert_eq!(w.hangs_up(call), []);
    assert_eq!(w.finishes("1001"), []);
    for s in ["1001", "9999"] {
        assert_eq!(w.tell(Input::WrapUpDone { seat: seat(s) }), []);
        assert_eq!(w.tell(Input::Resumed { seat: seat(s), call }), []);
        assert_eq!(w.tell(Input::SeatUp { seat: seat(s) }), []);
    }
}
