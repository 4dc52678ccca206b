//! Presentations left unanswered, the operators' decisions, seats that outlive the process, and the mending of what does not
//! fit.

use super::*;
use crate::event::{Author, OperatorReason};

/// A seat that is offered nothing after `misses` unanswered presentations.
fn strict(misses: u32, after: Option<Duration>) -> World {
    let rules =
        QueueRules { ring_misses: misses, ring_misses_ready_after: after, ..rules(&["1001", "1002"]) };
    World::of(vec![rules], &["1001", "1002"])
}

fn operator(name: &str) -> Option<crate::id::OperatorId> {
    Some(name.into())
}

#[test]
fn a_seat_that_misses_is_offered_nothing_until_its_operator_is_back() {
    let mut w = strict(1, None);
    let (call, _) = w.enters(0);
    let out = w.passes(secs(20));
    assert_eq!(changes(&out)[0], "1001: Reserved → NotReady, no answer");
    assert_eq!(decided(&out), ["1001: Ready → NotReady, no answer"]);
    assert_eq!(only_presented(&out), (call, "1002".to_owned(), only_presented(&out).2));
    w.answers(only_presented(&out).2);
    w.enters(0);
    assert!(presented(&w.passes(secs(1_000))).is_empty(), "no cool-down ends it");
    let out = w.tell(Input::SetReady { seat: seat("1001") });
    assert_eq!(decided(&out), ["1001: NotReady → Ready, ready"]);
    assert_eq!(only_presented(&out).1, "1001");
}

#[test]
fn a_phone_that_registers_anew_does_not_bring_an_absent_operator_back() {
    let mut w = strict(1, None);
    w.enters(0);
    w.passes(secs(20));
    w.tell(Input::SeatDown { seat: seat("1001") });
    assert_eq!(
        changes(&w.tell(Input::SeatUp { seat: seat("1001") })),
        ["1001: Offline → NotReady, no answer"]
    );
}

#[test]
fn an_operator_who_places_or_answers_a_call_is_back() {
    for rung in [false, true] {
        let mut w = strict(1, None);
        let (gone, _) = w.enters(0);
        w.passes(secs(20));
        w.hangs_up(gone);
        let own = CallId::new(w.now.wall, &mut w.ids);
        let role = if rung { OwnRole::Rung } else { OwnRole::Talks };
        let mut out = w.tell(Input::Occupy { seat: seat("1001"), call: own, role });
        if rung {
            assert!(decided(&out).is_empty(), "ringing says nothing");
            out = w.tell(Input::Joined { seat: seat("1001"), call: own });
        }
        assert_eq!(decided(&out), ["1001: NotReady → Ready, came back"]);
        assert_eq!(w.state("1001"), SeatState::Talking);
        w.tell(Input::Vacate { seat: seat("1001"), call: own, spoke: true });
        assert_eq!(w.state("1001"), SeatState::Ready);
    }
}

#[test]
fn a_key_makes_a_seat_ready_again_after_a_time() {
    let mut w = strict(1, Some(secs(60)));
    let (call, _) = w.enters(0);
    w.passes(secs(20));
    w.hangs_up(call);
    assert_eq!(decided(&w.passes(secs(59))), Vec::<String>::new());
    assert_eq!(decided(&w.passes(secs(1))), ["1001: NotReady → Ready, ready again"]);
    assert_eq!(w.state("1001"), SeatState::Ready);
}

#[test]
fn busy_rejected_and_unreachable_are_no_misses_and_an_answer_begins_anew() {
    let mut w = strict(2, None);
    w.tell(Input::SetNotReady { seat: seat("1002"), reason: AwayReason::Meal });
    let mut states = Vec::new();
    for result in [PresentationResult::Busy, PresentationResult::Rejected, PresentationResult::Unreachable] {
        let (call, out) = w.enters(0);
        w.ends(only_presented(&out).2, result);
        w.hangs_up(call);
        w.passes(secs(30));
        states.push(w.state("1001"));
    }
    let (call, _) = w.enters(0);
    w.passes(secs(20));
    w.hangs_up(call);
    w.passes(secs(30));
    states.push(w.state("1001"));
    assert_eq!(states, [SeatState::Ready; 4], "one miss of two");
    w.talks();
    w.finishes("1001");
    w.tell(Input::WrapUpDone { seat: seat("1001") });
    let (call, _) = w.enters(0);
    w.passes(secs(20));
    w.hangs_up(call);
    w.passes(secs(30));
    assert_eq!(w.state("1001"), SeatState::Ready, "the answer came between");
}

#[test]
fn an_operator_is_at_one_seat_and_a_seat_has_one_operator() {
    let mut w = World::with(&["1001", "1002"]);
    let sign_in = |w: &mut World, at: &str, who: &str| {
        w.tell(Input::SignIn { seat: seat(at), operator: operator(who) })
    };
    assert_eq!(decided(&sign_in(&mut w, "1001", "8007")), ["1001: Ready → Ready, signed in"]);
    let out = sign_in(&mut w, "1002", "8007");
    assert_eq!(
        decided(&out),
        ["1001: Ready → SignedOut, signed in at 1002", "1002: Ready → Ready, signed in"]
    );
    let by = out.iter().find_map(|o| match o {
        Output::OperatorChanged(c) => Some(c.author.clone()),
        _ => None,
    });
    assert_eq!(by, Some(Author::Seat { seat: seat("1002"), operator: operator("8007") }));
    assert_eq!(w.state("1001"), SeatState::Offline);
    assert_eq!(
        decided(&sign_in(&mut w, "1002", "8008")),
        ["1002: Ready → SignedOut, another operator signed in", "1002: SignedOut → Ready, signed in"]
    );
}

/// The same seats in the next process, each with its phone.
fn restarted(w: &World, passed: Duration) -> (World, Vec<Output>) {
    let mut next = World::of(vec![rules(&["1001", "1002"])], &[]);
    next.now = w.now.after(passed);
    let mut out = Vec::new();
    for name in ["1001", "1002"] {
        let saved = w.acd.seat_snapshot(&seat(name)).expect("a seat");
        let text = serde_json::to_string(&saved).expect("JSON");
        let saved = serde_json::from_str(&text).expect("a snapshot");
        next.acd.restore_seat(next.now, &seat(name), &saved, SeatPhone::Here, &mut out);
    }
    (next, out)
}

#[test]
fn a_restarted_seat_is_what_it_was_and_keeps_its_turn() {
    let mut w = World::with(&["1001", "1002"]);
    w.passes(secs(5));
    w.talks();
    w.finishes("1001");
    w.tell(Input::WrapUpDone { seat: seat("1001") });
    w.tell(Input::SignIn { seat: seat("1002"), operator: operator("8007") });
    let (mut next, out) = restarted(&w, secs(1));
    assert_eq!(
        changes(&out),
        [
            "1001: Offline → Ready, restored after a restart",
            "1002: Offline → Ready, restored after a restart"
        ]
    );
    assert!(decided(&out).is_empty(), "nothing was decided anew");
    assert_eq!(next.acd.operator(&seat("1002")), operator("8007"));
    assert_eq!(only_presented(&next.enters(0).1).1, "1002", "idle longest");
}

#[test]
fn a_restarted_seat_goes_on_resting_for_what_is_left_of_its_time() {
    let mut w = World::with(&["1001", "1002"]);
    w.talks();
    w.finishes("1001");
    w.tell(Input::SetNotReady { seat: seat("1002"), reason: AwayReason::Meal });
    w.passes(secs(10));
    let (mut next, out) = restarted(&w, secs(5));
    assert_eq!(
        changes(&out),
        ["1001: Offline → WrapUp, restored after a restart", "1002: Offline → NotReady, meal"]
    );
    assert!(changes(&next.passes(secs(14))).is_empty());
    assert_eq!(changes(&next.passes(secs(1))), ["1001: WrapUp → Ready, wrap-up limit"]);
    let (_, out) = restarted(&w, secs(60));
    assert_eq!(changes(&out)[0], "1001: Offline → Ready, restored after a restart", "its time is over");
}

#[test]
fn a_break_asked_for_in_a_call_outlives_the_process() {
    let mut w = World::with(&["1001", "1002"]);
    w.talks();
    w.tell(Input::SetNotReady { seat: seat("1001"), reason: AwayReason::Break });
    let (next, _) = restarted(&w, secs(1));
    assert_eq!((next.state("1001"), next.state("1002")), (SeatState::NotReady, SeatState::Ready));
}

#[test]
fn a_restored_phone_without_a_connection_is_unreachable_until_it_is_back() {
    let w = World::with(&["1001"]);
    let saved = w.acd.seat_snapshot(&seat("1001")).expect("a seat");
    let mut next = World::of(vec![rules(&["1001"])], &[]);
    let mut out = Vec::new();
    next.acd.restore_seat(next.now, &seat("1001"), &saved, SeatPhone::NoConnection, &mut out);
    assert_eq!(next.state("1001"), SeatState::Unreachable);
    assert_eq!(
        changes(&next.tell(Input::SeatUp { seat: seat("1001") })),
        ["1001: Unreachable → Ready, phone answers again"]
    );
}

#[test]
fn who_is_not_configured_any_more_is_signed_out_at_the_restart() {
    let mut w = World::with(&["1001", "1002"]);
    w.tell(Input::SignIn { seat: seat("1001"), operator: operator("8007") });
    let (mut next, mut out) = restarted(&w, secs(1));
    out.clear();
    next.acd.forget_operator(next.now, &seat("1001"), &mut out);
    assert_eq!(decided(&out), [format!("1001: Ready → SignedOut, {}", OperatorReason::NotConfigured)]);
    assert_eq!(next.state("1001"), SeatState::Offline);
}

#[test]
fn a_seat_in_a_call_that_there_is_not_is_mended() {
    let mut w = World::with(&["1001"]);
    w.talks();
    let (call, out) = w.enters(0);
    assert!(presented(&out).is_empty());
    let engaged: Vec<_> = w.acd.engaged().map(|(_, engaged)| engaged).collect();
    assert!(matches!(engaged[..], [Engaged::InCall(with)] if with != call));
    let out = w.tell(Input::Mend { seat: seat("1001") });
    assert_eq!(changes(&out)[0], "1001: Talking → Ready, state mended");
    assert_eq!(only_presented(&out).0, call, "the next caller is served");
    let out = w.tell(Input::Mend { seat: seat("1001") });
    assert_eq!(
        left(&out),
        [(call, QueueExit::Closed, 1)],
        "a call that rings and is not there leaves its queue"
    );
    assert_eq!(w.state("1001"), SeatState::Ready);
}
