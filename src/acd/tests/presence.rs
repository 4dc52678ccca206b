//! Signing in and out, breaks, calls of one's own, pick-up and recall.

use super::*;

fn sign_in(w: &mut World, name: &str, operator: &str) -> Vec<Output> {
    w.tell(Input::SignIn { seat: seat(name), operator: Some(operator.into()) })
}

fn away(w: &mut World, name: &str, reason: AwayReason) -> Vec<Output> {
    w.tell(Input::SetNotReady { seat: seat(name), reason })
}

#[test]
fn a_seat_that_must_sign_in_is_offered_nothing_before() {
    let config = AcdConfig {
        queues: vec![rules(&["1001"])],
        seats: vec![seat("1001")],
        signing_in: vec![seat("1001")],
    };
    let mut w = World::with(&["1001"]);
    w.acd = Acd::new(config, Random::from_number(3));
    assert_eq!(w.tell(Input::SeatUp { seat: seat("1001") }), []);
    assert!(presented(&w.enters(0).1).is_empty());
    assert_eq!(w.acd.may_set_state(&seat("1001")), Err(Denied::SignedOut));
    let out = sign_in(&mut w, "1001", "zhang");
    assert_eq!(changes(&out)[0], "1001: Offline → Ready, signed in");
    let operators = out.iter().filter_map(|o| match o {
        Output::SeatChanged { operator, .. } | Output::Present { operator, .. } => operator.clone(),
        _ => None,
    });
    assert_eq!(operators.map(|o| o.to_string()).collect::<Vec<_>>(), ["zhang"; 3]);
}

#[test]
fn a_break_asked_for_in_a_call_begins_after_the_wrap_up() {
    let mut w = World::with(&["1001"]);
    w.talks();
    assert_eq!(decided(&away(&mut w, "1001", AwayReason::Meal)), ["1001: Ready → NotReady, meal"]);
    w.finishes("1001");
    assert_eq!(w.state("1001"), SeatState::WrapUp);
    assert_eq!(changes(&w.passes(secs(30))), ["1001: WrapUp → NotReady, meal"]);
    assert!(presented(&w.enters(0).1).is_empty());
    assert!(w.passes(secs(600)).iter().all(|o| presented(std::slice::from_ref(o)).is_empty()));
    let out = w.tell(Input::SetReady { seat: seat("1001") });
    assert_eq!(only_presented(&out).1, "1001");
}

#[test]
fn another_reason_is_told_and_the_same_one_is_not() {
    let mut w = World::with(&["1001"]);
    assert_eq!(changes(&away(&mut w, "1001", AwayReason::Break)), ["1001: Ready → NotReady, break"]);
    assert_eq!(away(&mut w, "1001", AwayReason::Break), []);
    assert_eq!(changes(&away(&mut w, "1001", AwayReason::Tech)), ["1001: NotReady → NotReady, tech"]);
}

#[test]
fn a_seat_that_signs_out_in_a_call_finishes_it_first_and_gets_no_other() {
    let mut w = World::with(&["1001"]);
    sign_in(&mut w, "1001", "zhang");
    w.talks();
    assert!(changes(&w.tell(Input::SignOut { seat: seat("1001") })).is_empty());
    assert_eq!(w.acd.may_sign_in(&seat("1001"), Some(&"li".into())), Err(Denied::InUse));
    w.finishes("1001");
    assert_eq!(changes(&w.passes(secs(30))), ["1001: WrapUp → Offline, signed out"]);
    assert_eq!(changes(&sign_in(&mut w, "1001", "li")), ["1001: Offline → Ready, signed in"]);
    assert_eq!(w.acd.operator(&seat("1001")), Some("li".into()));
}

#[test]
fn ready_ends_a_wrap_up_and_a_cool_down() {
    let mut w = World::with(&["1001"]);
    w.talks();
    w.finishes("1001");
    let out = w.tell(Input::SetReady { seat: seat("1001") });
    assert!(out.iter().any(|o| matches!(o, Output::WrapUpCompleted { timed_out: false, .. })));
    let (_, out) = w.enters(0);
    w.ends(only_presented(&out).2, PresentationResult::Rejected);
    assert_eq!(w.state("1001"), SeatState::NotReady);
    assert_eq!(presented(&w.tell(Input::SetReady { seat: seat("1001") })).len(), 1);
}

#[test]
fn a_seat_on_a_call_of_its_own_is_offered_nothing() {
    let mut w = World::with(&["1001"]);
    let own = CallId::new(w.now.wall, &mut w.ids);
    let out = w.tell(Input::Occupy { seat: seat("1001"), call: own, role: OwnRole::Talks });
    assert_eq!(changes(&out), ["1001: Ready → Talking, a call of its own"]);
    assert!(presented(&w.enters(0).1).is_empty());
    let out = w.tell(Input::Vacate { seat: seat("1001"), call: own, spoke: true });
    assert_eq!(only_presented(&out).1, "1001");
}

#[test]
fn a_seat_a_colleague_rings_shows_ringing_until_it_answers_or_is_let_go() {
    for answers in [false, true] {
        let mut w = World::with(&["1001"]);
        let call = CallId::new(w.now.wall, &mut w.ids);
        let mut out = w.tell(Input::Occupy { seat: seat("1001"), call, role: OwnRole::Rung });
        assert_eq!(w.acd.counts().presented, 1);
        assert!(presented(&w.enters(0).1).is_empty(), "the queue offers it nothing");
        if answers {
            out.extend(w.tell(Input::Joined { seat: seat("1001"), call }));
            out.extend(w.tell(Input::Joined { seat: seat("1001"), call }));
        }
        out.extend(w.tell(Input::Vacate { seat: seat("1001"), call, spoke: answers }));
        let seen = changes(&out);
        assert_eq!(seen[0], "1001: Ready → Ringing, rung by a colleague");
        let after: &[&str] = match answers {
            true => {
                &["1001: Ringing → Talking, answered a colleague", "1001: Talking → Ready, own call over"]
            }
            false => &["1001: Ringing → Ready, own call over"],
        };
        assert_eq!(seen[1..=after.len()], *after);
        assert_eq!(only_presented(&out).1, "1001");
    }
}

#[test]
fn a_seat_keeps_its_turn_when_a_call_of_its_own_came_to_nothing() {
    for (spoke, next) in [(false, "1001"), (true, "1002")] {
        let mut w = World::with(&["1001", "1002"]);
        w.passes(secs(5));
        let own = CallId::new(w.now.wall, &mut w.ids);
        w.tell(Input::Occupy { seat: seat("1001"), call: own, role: OwnRole::Talks });
        w.passes(secs(5));
        w.tell(Input::Vacate { seat: seat("1001"), call: own, spoke });
        assert_eq!(only_presented(&w.enters(0).1).1, next);
    }
}

#[test]
fn a_caller_handed_over_is_the_seats_own_with_its_wrap_up() {
    let mut w = World::with(&["1001"]);
    let call = CallId::new(w.now.wall, &mut w.ids);
    w.tell(Input::Occupy { seat: seat("1001"), call, role: OwnRole::Talks });
    assert_eq!(w.tell(Input::TakeOver { seat: seat("1001"), call, queue: "heat".into() }), []);
    assert!(w.finishes("1001").contains(&Output::WrapUpStarted {
        seat: seat("1001"),
        call,
        limit: secs(30)
    }));
}

#[test]
fn who_picks_up_gets_the_head_of_the_line_and_only_one_does() {
    let mut w = World::with(&["1001", "1002"]);
    away(&mut w, "1001", AwayReason::Break);
    away(&mut w, "1002", AwayReason::Break);
    let (first, _) = w.enters(0);
    let (second, _) = w.enters(0);
    assert_eq!(w.acd.to_pick_up(&seat("1001"), None), Ok(first));
    let out = w.tell(Input::PickUp { seat: seat("1001"), call: first });
    assert_eq!(only_presented(&out).0, first);
    assert_eq!(w.acd.to_pick_up(&seat("1002"), None), Ok(second));
    assert_eq!(w.acd.to_pick_up(&seat("1001"), None), Err(Denied::Busy));
    w.answers(only_presented(&out).2);
    assert_eq!(w.state("1001"), SeatState::Talking);
    w.tell(Input::PickUp { seat: seat("1002"), call: second });
    away(&mut w, "1001", AwayReason::Break);
    w.finishes("1001");
    assert_eq!(w.acd.to_pick_up(&seat("1001"), None), Ok(second), "it rings at 1002");
    w.answers(w.acd.presentations.keys().copied().next().unwrap());
    assert_eq!(w.acd.to_pick_up(&seat("1001"), None), Err(Denied::NobodyWaits));
}

#[test]
fn a_ringing_call_can_be_picked_up_and_the_rung_seat_keeps_its_turn() {
    let mut w = World::with(&["1001", "1002"]);
    w.talks();
    let (call, out) = w.enters(0);
    let (_, ringing, there) = only_presented(&out);
    assert_eq!(ringing, "1002");
    w.finishes("1001");
    let out = w.tell(Input::PickUp { seat: seat("1001"), call });
    assert_eq!(withdrawn(&out), [(there, PresentationResult::Withdrawn)]);
    assert!(out.iter().any(|o| matches!(o, Output::WrapUpCompleted { timed_out: false, .. })));
    let (again, to, here) = only_presented(&out);
    assert_eq!((again, to.as_str()), (call, "1001"));
    assert_eq!(w.answers(there), [], "the other seat was too late");
    assert_eq!(left(&w.answers(here)), [(call, QueueExit::Connected, 1)]);
    w.ends(there, PresentationResult::NoAnswer);
    assert_eq!(w.state("1002"), SeatState::Ready);
}

#[test]
fn a_returning_caller_goes_to_the_transferring_seat_or_is_first_in_line() {
    let mut w = World::with(&["1001"]);
    w.talks();
    w.finishes("1001");
    let (waits, _) = w.enters(9);
    let back = CallId::new(w.now.wall, &mut w.ids);
    let recall = |call, seat| Input::Recall { call, queue: "heat".into(), seat };
    let out = w.tell(recall(back, Some(seat("1001"))));
    assert_eq!(only_presented(&out).0, back);
    assert_eq!(w.acd.depth(&"heat".into()), 2);
    w.ends(only_presented(&out).2, PresentationResult::Busy);
    let second = CallId::new(w.now.wall, &mut w.ids);
    w.tell(recall(second, None));
    let out = w.passes(secs(30));
    assert_eq!(only_presented(&out).0, back, "before {waits} and {second}");
}
