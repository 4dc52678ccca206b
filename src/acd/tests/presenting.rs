//! How a presentation ends, and what crosses its end.

use super::*;

#[test]
fn after_the_ring_timeout_the_next_seat_rings_at_once_for_the_same_caller() {
    let mut w = World::with(&["1001", "1002"]);
    let (call, out) = w.enters(0);
    let (_, _, first) = only_presented(&out);
    w.tell(Input::Rang { presentation: first });
    assert_eq!(w.acd.poll_timeout().map(|(_, r)| r), Some(Reason::Position));
    assert!(presented(&w.passes(Duration::from_millis(19_999))).is_empty());
    let out = w.passes(Duration::from_millis(1));
    assert_eq!(withdrawn(&out), [(first, PresentationResult::NoAnswer)]);
    let (again, to, second) = only_presented(&out);
    assert_eq!((again, to.as_str()), (call, "1002"));
    assert!(out.iter().any(|o| matches!(o, Output::Present { attempt: 2, .. })));
    let seat_changes = ["1001: Ringing → NotReady, no answer", "1002: Ready → Reserved, chosen for a call"];
    assert_eq!(changes(&out), seat_changes);
    assert_eq!(left(&w.answers(second)), [(call, QueueExit::Connected, 1)]);
}

#[test]
fn a_caller_whose_presentation_failed_is_served_before_those_behind_him() {
    let mut w = World::with(&["1001"]);
    let (first, out) = w.enters(0);
    let (_, _, presentation) = only_presented(&out);
    let (second, _) = w.enters(0);
    assert!(presented(&w.ends(presentation, PresentationResult::Rejected)).is_empty());
    let (call, _, presentation) = only_presented(&w.passes(secs(30)));
    assert_eq!(call, first);
    w.answers(presentation);
    w.finishes("1001");
    assert_eq!(only_presented(&w.passes(secs(30))).0, second);
}

#[test]
fn a_seat_that_fails_cools_down_and_is_ready_again_unasked() {
    for (result, state) in [
        (PresentationResult::Rejected, SeatState::NotReady),
        (PresentationResult::Busy, SeatState::NotReady),
        (PresentationResult::Unreachable, SeatState::Unreachable),
    ] {
        let mut w = World::with(&["1001"]);
        let (call, out) = w.enters(0);
        let (_, _, presentation) = only_presented(&out);
        w.ends(presentation, result);
        assert_eq!(w.state("1001"), state);
        w.hangs_up(call);
        assert_eq!(w.acd.poll_timeout().map(|(_, r)| r), Some(Reason::CoolDown));
        w.passes(Duration::from_millis(29_999));
        assert_eq!(w.state("1001"), state);
        w.passes(Duration::from_millis(1));
        assert_eq!(w.state("1001"), SeatState::Ready);
    }
}

#[test]
fn a_seat_that_rejects_at_once_is_not_offered_again_at_message_speed() {
    let mut w = World::of(vec![QueueRules { cool_down: Duration::ZERO, ..rules(&["1001"]) }], &["1001"]);
    let (_, out) = w.enters(0);
    let (_, _, presentation) = only_presented(&out);
    assert!(presented(&w.ends(presentation, PresentationResult::Busy)).is_empty());
    assert_eq!(presented(&w.passes(RELEASE_LIMIT)).len(), 1);
}

#[test]
fn a_caller_who_hangs_up_while_a_seat_rings_leaves_after_the_offer() {
    let mut w = World::with(&["1001"]);
    let (call, out) = w.enters(0);
    let (_, _, presentation) = only_presented(&out);
    let out = w.hangs_up(call);
    let gone = Output::Withdraw { call, presentation, result: PresentationResult::CallerGone };
    assert_eq!(out.first(), Some(&gone));
    assert_eq!(left(&out), [(call, QueueExit::Abandoned, 1)]);
    assert_eq!(out.len(), 2);
}

#[test]
fn a_moved_ringing_call_has_its_offer_withdrawn_and_may_enter_elsewhere() {
    let water = QueueRules { name: "water".into(), ..rules(&["1002"]) };
    let mut w = World::of(vec![rules(&["1001"]), water], &["1001", "1002"]);
    let (call, out) = w.enters(0);
    let (_, _, presentation) = only_presented(&out);
    let out = w.tell(Input::Leave { call, exit: QueueExit::Moved });
    assert_eq!(withdrawn(&out), [(presentation, PresentationResult::Withdrawn)]);
    assert_eq!(left(&out), [(call, QueueExit::Moved, 1)]);
    let at = w.now;
    let out = w.tell(Input::Enter { call, queue: "water".into(), priority: 0, at });
    assert_eq!(only_presented(&out).1, "1002");
}

#[test]
fn an_answer_that_crosses_the_withdrawal_changes_nothing() {
    let mut w = World::with(&["1001"]);
    let (call, out) = w.enters(0);
    let (_, _, presentation) = only_presented(&out);
    w.tell(Input::Rang { presentation });
    w.hangs_up(call);
    assert_eq!(w.answers(presentation), []);
    assert_eq!(w.tell(Input::Rang { presentation }), []);
    assert_eq!(w.tell(Input::Finished { seat: seat("1001"), call }), []);
    assert_eq!(w.state("1001"), SeatState::Ringing);
}

#[test]
fn a_seat_whose_offer_was_taken_back_is_offered_calls_when_its_leg_ended() {
    let mut w = World::with(&["1001"]);
    let (first, out) = w.enters(0);
    let (_, _, presentation) = only_presented(&out);
    let (second, _) = w.enters(0);
    assert!(presented(&w.hangs_up(first)).is_empty(), "its phone may still ring");
    let out = w.ends(presentation, PresentationResult::CallerGone);
    assert_eq!(only_presented(&out).0, second);
    assert_eq!(changes(&out)[0], "1001: Reserved → Ready, presentation withdrawn");
    assert_eq!(w.ends(presentation, PresentationResult::CallerGone), []);
}

#[test]
fn a_seat_whose_offer_was_taken_back_is_offered_calls_after_half_a_second() {
    let mut w = World::with(&["1001"]);
    let (first, _) = w.enters(0);
    w.hangs_up(first);
    let (second, out) = w.enters(0);
    assert!(presented(&out).is_empty());
    assert_eq!(w.acd.poll_timeout(), Some((w.now.mono + RELEASE_LIMIT, Reason::Release)));
    assert_eq!(only_presented(&w.passes(RELEASE_LIMIT)).0, second);
}

#[test]
fn a_seat_keeps_its_turn_when_the_caller_hangs_up_on_it() {
    let mut w = World::with(&["1001", "1002"]);
    let (call, out) = w.enters(0);
    let (_, to, presentation) = only_presented(&out);
    assert_eq!(to, "1001");
    w.passes(secs(3));
    w.hangs_up(call);
    w.ends(presentation, PresentationResult::CallerGone);
    assert_eq!(only_presented(&w.enters(0).1).1, "1001");
}

#[test]
fn an_answer_after_the_ring_timeout_changes_nothing_nor_does_its_end() {
    let mut w = World::with(&["1001"]);
    let (call, out) = w.enters(0);
    let (_, _, presentation) = only_presented(&out);
    w.passes(secs(20));
    assert_eq!(w.answers(presentation), []);
    assert_eq!(w.ends(presentation, PresentationResult::NoAnswer), []);
    assert_eq!(w.state("1001"), SeatState::NotReady);
    assert_eq!(left(&w.hangs_up(call)), [(call, QueueExit::Abandoned, 1)]);
}

#[test]
fn a_hang_up_after_the_answer_is_not_the_queues_business() {
    let mut w = World::with(&["1001"]);
    let (call, out) = w.enters(0);
    let (_, _, presentation) = only_presented(&out);
    assert_eq!(left(&w.answers(presentation)), [(call, QueueExit::Connected, 1)]);
    assert_eq!(w.hangs_up(call), []);
    assert_eq!(w.ends(presentation, PresentationResult::Rejected), []);
    assert_eq!(w.state("1001"), SeatState::Talking);
}
