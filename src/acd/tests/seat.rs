//! A seat's phone, hold and wrap-up.

use super::*;

#[test]
fn a_ringing_phone_that_goes_ends_the_presentation_and_the_next_rings() {
    let mut w = World::with(&["1001", "1002"]);
    let (call, out) = w.enters(0);
    let (_, _, presentation) = only_presented(&out);
    let out = w.tell(Input::SeatDown { seat: seat("1001") });
    assert_eq!(withdrawn(&out), [(presentation, PresentationResult::Unreachable)]);
    let (again, to, _) = only_presented(&out);
    assert_eq!((again, to.as_str()), (call, "1002"));
    assert_eq!(changes(&out)[0], "1001: Reserved → Offline, not registered");
    assert_eq!(w.answers(presentation), []);
}

#[test]
fn a_phone_that_goes_in_mid_call_is_talking_until_the_call_is_over() {
    let mut w = World::with(&["1001"]);
    w.talks();
    assert_eq!(w.tell(Input::SeatDown { seat: seat("1001") }), []);
    assert_eq!(w.state("1001"), SeatState::Talking);
    w.finishes("1001");
    assert_eq!(w.state("1001"), SeatState::WrapUp);
    let out = w.passes(secs(30));
    assert_eq!(changes(&out), ["1001: WrapUp → Offline, not registered"]);
}

#[test]
fn a_phone_that_comes_back_in_mid_call_is_ready_after_it() {
    let mut w = World::with(&["1001"]);
    w.talks();
    w.tell(Input::SeatDown { seat: seat("1001") });
    assert_eq!(w.tell(Input::SeatUp { seat: seat("1001") }), []);
    w.finishes("1001");
    w.passes(secs(30));
    assert_eq!(w.state("1001"), SeatState::Ready);
}

#[test]
fn an_unreachable_phone_is_ready_once_registered_but_a_silent_one_cools() {
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

/// A seat without wrap-up whose call is over, and a caller who waits.
fn closing() -> (World, CallId, CallId) {
    let mut w = World::of(vec![QueueRules { wrap_up: Duration::ZERO, ..rules(&["1001"]) }], &["1001"]);
    w.talks();
    let (next, _) = w.enters(0);
    let call = w.call_of("1001");
    assert_eq!(w.tell(Input::Finished { seat: seat("1001"), call }), [], "its phone has not heard so");
    (w, call, next)
}

#[test]
fn a_seat_is_offered_no_caller_before_its_phone_confirms_the_end() {
    let (mut w, call, next) = closing();
    assert_eq!(w.passes(secs(31)), []);
    let out = w.tell(Input::Vacate { seat: seat("1001"), call, spoke: true });
    assert_eq!(changes(&out)[0], "1001: Talking → Ready, call over");
    assert_eq!(only_presented(&out).0, next);
}

#[test]
fn a_phone_that_never_confirms_the_end_of_its_call_keeps_its_seat_32_s() {
    let (mut w, _, next) = closing();
    assert_eq!(w.acd.poll_timeout().map(|(_, why)| why), Some(Reason::Position));
    assert_eq!(only_presented(&w.passes(CLOSE_LIMIT)).0, next);
}

#[test]
fn a_seat_whose_phone_has_not_heard_may_go_on_a_break_or_dial() {
    let (mut w, ..) = closing();
    let out = w.tell(Input::SetNotReady { seat: seat("1001"), reason: AwayReason::Break });
    assert_eq!(changes(&out), ["1001: Talking → NotReady, break"]);
    let (mut w, call, _) = closing();
    let own = CallId::new(w.now.wall, &mut w.ids);
    assert_eq!(w.tell(Input::Occupy { seat: seat("1001"), call: own, role: OwnRole::Talks }), []);
    assert_eq!(w.tell(Input::Vacate { seat: seat("1001"), call, spoke: true }), [], "the end of the old one");
    assert_eq!(w.state("1001"), SeatState::Talking);
}

#[test]
fn a_wrap_up_that_ends_before_the_phone_has_heard_goes_on_to_be_shown() {
    let mut w = World::with(&["1001"]);
    w.talks();
    let call = w.call_of("1001");
    w.tell(Input::Finished { seat: seat("1001"), call });
    let out = w.tell(Input::WrapUpDone { seat: seat("1001") });
    assert_eq!((changes(&out).len(), out.len()), (0, 1), "{out:?}");
    assert!(presented(&w.enters(0).1).is_empty());
    let out = w.tell(Input::Vacate { seat: seat("1001"), call, spoke: true });
    assert_eq!(changes(&out)[0], "1001: WrapUp → Ready, wrap-up done");
}

#[test]
fn without_wrap_up_the_seat_takes_the_next_call_in_the_ending_step() {
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
    let call = w.call_of("1001");
    let held = || Input::Held { seat: seat("1001"), call };
    assert_eq!(changes(&w.tell(held())), ["1001: Talking → Held, caller on hold"]);
    let resumed = Input::Resumed { seat: seat("1001"), call };
    assert_eq!(changes(&w.tell(resumed)), ["1001: Held → Talking, hold over"]);
    w.tell(held());
    assert_eq!(changes(&w.finishes("1001")), ["1001: Held → WrapUp, call over"]);
}

#[test]
fn what_is_said_of_another_call_than_the_seats_changes_nothing() {
    let mut w = World::with(&["1001"]);
    w.talks();
    let (call, other) = (w.call_of("1001"), CallId::new(w.now.wall, &mut w.ids));
    for (call, changed) in [(other, false), (call, true)] {
        for input in [
            Input::Held { seat: seat("1001"), call },
            Input::Resumed { seat: seat("1001"), call },
            Input::Finished { seat: seat("1001"), call },
        ] {
            assert_eq!(!w.tell(input).is_empty(), changed);
        }
    }
}

#[test]
fn a_silent_phone_is_unreachable_until_it_answers_again() {
    let mut w = World::with(&["1001"]);
    let out = w.tell(Input::SeatLost { seat: seat("1001") });
    assert_eq!(changes(&out), ["1001: Ready → Unreachable, phone does not answer"]);
    let (call, out) = w.enters(0);
    assert_eq!((presented(&out), w.passes(secs(60)).len()), (vec![], 0), "no cool-down ends it");
    let (offered, to, _) = only_presented(&w.tell(Input::SeatUp { seat: seat("1001") }));
    assert_eq!((offered, to.as_str()), (call, "1001"));
}

#[test]
fn a_phone_that_falls_silent_while_it_rings_passes_the_call_on() {
    let mut w = World::with(&["1001", "1002"]);
    let (call, _) = w.enters(0);
    let out = w.tell(Input::SeatLost { seat: seat("1001") });
    assert_eq!(withdrawn(&out).len(), 1);
    let (again, to, _) = only_presented(&out);
    assert_eq!((again, to.as_str(), w.state("1001")), (call, "1002", SeatState::Unreachable));
    w.tell(Input::SeatDown { seat: seat("1001") });
    assert_eq!(w.state("1001"), SeatState::Offline);
}

#[test]
fn a_caller_who_loses_the_operator_is_first_in_line_even_in_a_full_queue() {
    let mut w = World::of(vec![QueueRules { capacity: 1, ..rules(&["1001", "1002"]) }], &["1001"]);
    let (call, out) = w.enters(0);
    w.answers(only_presented(&out).2);
    w.passes(secs(10));
    let (waiting, _) = w.enters(0);
    w.tell(Input::SeatLost { seat: seat("1001") });
    assert_eq!(w.state("1001"), SeatState::Talking, "the call has not said so");
    w.tell(Input::Drain);
    let (queue, reason) = ("heat".into(), SeatReason::PhoneSilent);
    let out = w.tell(Input::Returned { call, seat: seat("1001"), queue, reason });
    assert_eq!(changes(&out), ["1001: Talking → Unreachable, phone does not answer"]);
    assert!(matches!(&out[1], Output::Entered { entered, .. } if entered.position == 1), "{out:?}");
    let (first, to, presentation) = only_presented(&w.tell(Input::SeatUp { seat: seat("1002") }));
    assert_eq!((first, to.as_str()), (call, "1002"));
    w.answers(presentation);
    let (next, to, _) = only_presented(&w.tell(Input::SeatUp { seat: seat("1001") }));
    assert_eq!((next, to.as_str()), (waiting, "1001"));
}

#[test]
fn a_seat_that_broke_off_a_call_though_its_phone_is_there_cools_down() {
    let mut w = World::with(&["1001"]);
    let (call, out) = w.enters(0);
    w.answers(only_presented(&out).2);
    let (queue, reason) = ("heat".into(), SeatReason::CallUnknown);
    let out = w.tell(Input::Returned { call, seat: seat("1001"), queue, reason });
    assert_eq!(w.state("1001"), SeatState::Unreachable);
    assert_eq!(presented(&out), []);
    let (again, to, _) = only_presented(&w.passes(secs(30)));
    assert_eq!((again, to.as_str()), (call, "1001"), "nobody else is there");
}
