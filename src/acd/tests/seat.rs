//! A seat's phone, hold and wrap-up.

use super::*;

#[test]
fn a_phone_that_goes_while_it_rings_ends_the_presentation_and_the_next_seat_rings() {
    let mut w = World::with(&["1001", "1002"]);
    let (call, out) = w.enters(0);
    let (_, _, presentation) = only_presented(&out);
    let out = w.tell(Input::SeatDown { seat: seat("1001"), reason: "registration expired" });
    assert_eq!(withdrawn(&out), [(presentation, PresentationResult::Unreachable)]);
    let (again, to, _) = only_presented(&out);
    assert_eq!((again, to.as_str()), (call, "1002"));
    assert_eq!(changes(&out)[0], "1001: Reserved → Offline, registration expired");
    assert_eq!(w.answers(presentation), []);
}

#[test]
fn a_phone_that_goes_in_mid_call_is_talking_until_the_call_is_over() {
    let mut w = World::with(&["1001"]);
    w.talks();
    assert_eq!(w.tell(Input::SeatDown { seat: seat("1001"), reason: "registration expired" }), []);
    assert_eq!(w.state("1001"), SeatState::Talking);
    w.finishes("1001");
    assert_eq!(w.state("1001"), SeatState::WrapUp);
    let out = w.passes(secs(30));
    assert_eq!(changes(&out), ["1001: WrapUp → Offline, registration expired"]);
}

#[test]
fn a_phone_that_comes_back_in_mid_call_is_ready_after_it() {
    let mut w = World::with(&["1001"]);
    w.talks();
    w.tell(Input::SeatDown { seat: seat("1001"), reason: "connection lost" });
    assert_eq!(w.tell(Input::SeatUp { seat: seat("1001") }), []);
    w.finishes("1001");
    w.passes(secs(30));
    assert_eq!(w.state("1001"), SeatState::Ready);
}

#[test]
fn an_unreachable_phone_that_registers_is_ready_at_once_but_a_silent_one_cools_down() {
    let mut w = World::with(&["1001", "1002"]);
    let (call, out) = w.enters(0);
    w.ends(only_presented(&out).2, PresentationResult::Unreachable);
    let out = w.passes(secs(20));
    assert_eq!(withdrawn(&out).len(), 1, "1002 did not answer");
    w.tell(Input::SeatUp { seat: seat("1002") });
    assert_eq!(w.state("1002"), SeatState::NotReady);
    let (again, to, _) = only_presented(&w.tell(Input::SeatUp { seat: seat("1001") }));
    assert_eq!((again, to.as_str()), (call, "1001"));
}

#[test]
fn wrap_up_runs_to_its_limit_or_until_the_operator_is_done() {
    let mut w = World::with(&["1001"]);
    let (call, out) = w.enters(0);
    w.answers(only_presented(&out).2);
    let out = w.finishes("1001");
    let started = Output::WrapUpStarted { seat: seat("1001"), call, limit: secs(30) };
    assert!(out.contains(&started));
    assert_eq!(w.acd.poll_timeout(), Some((w.now.mono + secs(30), Reason::WrapUp)));
    let out = w.passes(secs(30));
    assert!(out.contains(&Output::WrapUpCompleted { seat: seat("1001"), call, timed_out: true }));
    let (call, out) = w.enters(0);
    w.answers(only_presented(&out).2);
    w.finishes("1001");
    let out = w.tell(Input::WrapUpDone { seat: seat("1001") });
    assert!(out.contains(&Output::WrapUpCompleted { seat: seat("1001"), call, timed_out: false }));
    assert_eq!(w.acd.poll_timeout(), None);
}

#[test]
fn without_wrap_up_the_seat_takes_the_next_call_in_the_step_that_ends_the_last() {
    let mut w = World::of(vec![QueueRules { wrap_up: Duration::ZERO, ..rules(&["1001"]) }], &["1001"]);
    w.talks();
    let (next, _) = w.enters(0);
    let out = w.finishes("1001");
    assert_eq!(only_presented(&out).0, next);
    assert!(!out.iter().any(|o| matches!(o, Output::WrapUpStarted { .. } | Output::WrapUpCompleted { .. })));
}

#[test]
fn a_hold_is_seen_and_the_call_may_end_in_it() {
    let mut w = World::with(&["1001"]);
    w.talks();
    assert_eq!(
        changes(&w.tell(Input::Held { seat: seat("1001") })),
        ["1001: Talking → Held, caller on hold"]
    );
    assert_eq!(changes(&w.tell(Input::Resumed { seat: seat("1001") })), ["1001: Held → Talking, hold over"]);
    w.tell(Input::Held { seat: seat("1001") });
    assert_eq!(changes(&w.finishes("1001")), ["1001: Held → WrapUp, call over"]);
}
