//! The order of presentations.

use super::*;
use crate::event::SeatChoice;

#[test]
fn a_call_goes_to_the_ready_seat_in_the_step_it_enters() {
    let mut w = World::with(&["1001"]);
    let (call, out) = w.enters(0);
    assert_eq!(entered(&out).position, 1);
    assert_eq!(entered(&out).ready_seats, 1);
    assert_eq!(entered(&out).estimated_wait, Some(Duration::ZERO));
    let (offered, to, _) = only_presented(&out);
    assert_eq!((offered, to.as_str()), (call, "1001"));
    assert_eq!(w.acd.seat_state(&seat("1001")), Some(SeatState::Reserved));
}

#[test]
fn the_seat_idle_longest_is_offered_first_and_ties_follow_configuration() {
    let mut w = World::with(&["1002", "1001", "1003"]);
    w.tell(Input::SeatDown { seat: seat("1002") });
    w.passes(secs(5));
    w.tell(Input::SeatUp { seat: seat("1002") });
    let order: Vec<_> = (0..3).map(|_| only_presented(&w.enters(0).1).1).collect();
    assert_eq!(order, ["1001", "1003", "1002"]);
}

#[test]
fn a_seat_that_wrapped_up_last_is_asked_last() {
    let mut w = World::with(&["1001", "1002"]);
    assert_eq!(w.talks(), "1001");
    w.finishes("1001");
    w.passes(secs(5));
    w.tell(Input::WrapUpDone { seat: seat("1001") });
    assert_eq!(w.talks(), "1002");
    assert_eq!(w.talks(), "1001");
}

#[test]
fn callers_are_served_by_priority_and_then_in_the_order_they_came() {
    let mut w = World::with(&["1001"]);
    w.talks();
    let ordinary: Vec<_> = (0..3).map(|_| w.enters(0).0).collect();
    let (urgent, out) = w.enters(5);
    assert_eq!(entered(&out).position, 1);
    let mut served = Vec::new();
    for _ in 0..4 {
        w.finishes("1001");
        let (call, _, presentation) = only_presented(&w.passes(secs(30)));
        served.push(call);
        w.answers(presentation);
    }
    assert_eq!(served, [urgent, ordinary[0], ordinary[1], ordinary[2]]);
}

#[test]
fn a_caller_who_keeps_an_earlier_place_goes_before_those_who_came_later() {
    let mut w = World::with(&["1001"]);
    w.talks();
    let early = w.now;
    w.passes(secs(60));
    let (first, _) = w.enters(0);
    let call = CallId::new(w.now.wall, &mut w.ids);
    let out = w.tell(Input::Enter { call, queue: "heat".into(), priority: 0, at: early });
    assert_eq!(entered(&out).position, 1);
    w.finishes("1001");
    assert_eq!(only_presented(&w.passes(secs(30))).0, call);
    assert_eq!(left(&w.hangs_up(first)), [(first, QueueExit::Abandoned, 2)]);
}

#[test]
fn a_seat_of_two_queues_takes_the_longest_wait_unless_one_is_more_urgent() {
    let water = QueueRules { name: "water".into(), ..rules(&["1001"]) };
    let mut w = World::of(vec![rules(&["1001"]), water], &["1001"]);
    w.talks();
    let (heat, _) = w.enters_queue("heat", 0);
    let (water, _) = w.enters_queue("water", 0);
    let (urgent, _) = w.enters_queue("water", 1);
    let mut served = Vec::new();
    for _ in 0..3 {
        w.finishes("1001");
        let (call, _, presentation) = only_presented(&w.passes(secs(30)));
        served.push(call);
        w.answers(presentation);
    }
    assert_eq!(served, [urgent, heat, water]);
}

#[test]
fn a_seat_of_two_queues_is_offered_one_call_only() {
    let water = QueueRules { name: "water".into(), ..rules(&["1001"]) };
    let mut w = World::of(vec![rules(&["1001"]), water], &["1001"]);
    assert_eq!(presented(&w.enters_queue("heat", 0).1).len(), 1);
    assert_eq!(presented(&w.enters_queue("water", 0).1).len(), 0);
    assert_eq!(w.acd.ready_seats(&"water".into()), 0);
}

#[test]
fn a_seat_the_caller_has_not_tried_precedes_one_that_failed_the_caller() {
    let patient = QueueRules { ring_timeout: secs(60), ..rules(&["1001", "1002", "1003"]) };
    let mut w = World::of(vec![patient], &["1001", "1002"]);
    let (call, out) = w.enters(0);
    let (_, to, rings) = only_presented(&w.ends(only_presented(&out).2, PresentationResult::Rejected));
    assert_eq!(to, "1002");
    w.passes(secs(35));
    assert_eq!(w.state("1001"), SeatState::Ready, "it has cooled down");
    w.tell(Input::SeatUp { seat: seat("1003") });
    let (again, to, _) = only_presented(&w.ends(rings, PresentationResult::Rejected));
    assert_eq!((again, to.as_str()), (call, "1003"));
}

#[test]
fn a_seat_that_failed_the_caller_is_asked_again_when_nobody_else_is_ready() {
    let mut w = World::with(&["1001"]);
    let (call, out) = w.enters(0);
    w.ends(only_presented(&out).2, PresentationResult::Rejected);
    let out = w.passes(secs(30));
    assert_eq!(only_presented(&out).0, call);
    let nobody_else = |o: &Output| matches!(o, Output::Present { why, .. } if matches!(why, SeatChoice::NoOtherReady { .. }));
    assert!(out.iter().any(nobody_else));
}
