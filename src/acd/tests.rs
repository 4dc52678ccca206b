//! The rules of queue and seat as sentences, in virtual time.

use super::*;
use crate::event::{PresentationResult, QueueEntered};
use crate::time::Wall;

/// A small hotline: queue `heat` served by the seats named, and a clock.
struct World {
    acd: Acd,
    now: Now,
    ids: Random,
}

fn seat(name: &str) -> SeatId {
    name.into()
}

fn rules(seats: &[&str]) -> QueueRules {
    QueueRules {
        name: "heat".into(),
        capacity: 500,
        max_wait: Duration::from_secs(1800),
        ring_timeout: Duration::from_secs(20),
        cool_down: Duration::from_secs(30),
        wrap_up: Duration::from_secs(30),
        seats: seats.iter().map(|s| seat(s)).collect(),
    }
}

impl World {
    /// Every seat serves `heat` and has its phone.
    fn with(seats: &[&str]) -> World {
        World::of(vec![rules(seats)], seats)
    }

    fn of(queues: Vec<QueueRules>, up: &[&str]) -> World {
        let seats = up.iter().map(|s| seat(s)).collect();
        let now = Now { mono: Mono(1_000_000_000), wall: Wall(1_700_000_000_000_000_000) };
        let acd = Acd::new(AcdConfig { queues, seats }, Random::from_number(1));
        let mut world = World { acd, now, ids: Random::from_number(2) };
        for s in up {
            world.tell(Input::SeatUp { seat: seat(s) });
        }
        world
    }

    fn tell(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.acd.handle(self.now, input, &mut out);
        out
    }

    fn enters(&mut self, priority: u8) -> (CallId, Vec<Output>) {
        self.enters_queue("heat", priority)
    }

    fn enters_queue(&mut self, queue: &str, priority: u8) -> (CallId, Vec<Output>) {
        let call = CallId::new(self.now.wall, &mut self.ids);
        let at = self.now;
        (call, self.tell(Input::Enter { call, queue: queue.into(), priority, at }))
    }

    fn answers(&mut self, presentation: PresentationId) -> Vec<Output> {
        self.tell(Input::Answered { presentation })
    }

    fn ends(&mut self, presentation: PresentationId, result: PresentationResult) -> Vec<Output> {
        self.tell(Input::Ended { presentation, result })
    }

    fn hangs_up(&mut self, call: CallId) -> Vec<Output> {
        self.tell(Input::Leave { call, exit: QueueExit::Abandoned })
    }

    fn finishes(&mut self, name: &str) -> Vec<Output> {
        self.tell(Input::Finished { seat: seat(name) })
    }

    fn state(&self, name: &str) -> SeatState {
        self.acd.seat_state(&seat(name)).expect("a configured seat")
    }

    /// A call that enters, is presented and answered at once: keeps a seat busy.
    fn talks(&mut self) -> String {
        let (_, to, presentation) = only_presented(&self.enters(0).1);
        self.answers(presentation);
        to
    }

    /// Time passes; every deadline is served at its own instant.
    fn passes(&mut self, d: Duration) -> Vec<Output> {
        let end = self.now.mono + d;
        let mut out = Vec::new();
        while let Some((at, _)) = self.acd.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = self.now.after(at.since(self.now.mono));
            self.acd.handle_timeout(self.now, &mut out);
        }
        self.now = self.now.after(end.since(self.now.mono));
        out
    }
}

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn presented(out: &[Output]) -> Vec<(CallId, &str, PresentationId)> {
    out.iter()
        .filter_map(|o| match o {
            Output::Present { call, seat, presentation, .. } => Some((*call, seat.as_str(), *presentation)),
            _ => None,
        })
        .collect()
}

fn only_presented(out: &[Output]) -> (CallId, String, PresentationId) {
    match presented(out).as_slice() {
        [(call, seat, presentation)] => (*call, (*seat).to_owned(), *presentation),
        other => panic!("one presentation expected: {other:?}"),
    }
}

fn left(out: &[Output]) -> Vec<(CallId, QueueExit, u32)> {
    out.iter()
        .filter_map(|o| match o {
            Output::Left { call, exit, position, .. } => Some((*call, *exit, *position)),
            _ => None,
        })
        .collect()
}

fn withdrawn(out: &[Output]) -> Vec<(PresentationId, PresentationResult)> {
    out.iter()
        .filter_map(|o| match o {
            Output::Withdraw { presentation, result, .. } => Some((*presentation, *result)),
            _ => None,
        })
        .collect()
}

/// `seat: from → to, reason` for every change.
fn changes(out: &[Output]) -> Vec<String> {
    out.iter()
        .filter_map(|o| match o {
            Output::SeatChanged { seat, from, to, reason } => {
                Some(format!("{seat}: {from:?} → {to:?}, {reason}"))
            }
            _ => None,
        })
        .collect()
}

fn positions(out: &[Output]) -> Vec<(CallId, u32)> {
    out.iter()
        .filter_map(|o| match o {
            Output::Position { call, position, .. } => Some((*call, *position)),
            _ => None,
        })
        .collect()
}

fn entered(out: &[Output]) -> &QueueEntered {
    out.iter()
        .find_map(|o| match o {
            Output::Entered { entered, .. } => Some(entered),
            _ => None,
        })
        .expect("the call entered")
}

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
fn the_seat_idle_longest_is_asked_first_and_ties_follow_the_configured_order() {
    let mut w = World::with(&["1002", "1001", "1003"]);
    w.tell(Input::SeatDown { seat: seat("1002"), reason: "unregistered" });
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
fn after_the_ring_timeout_the_next_seat_rings_in_the_same_step_and_the_caller_keeps_the_head() {
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
fn a_seat_that_fails_cools_down_and_is_ready_again_by_itself() {
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
fn a_seat_that_rejects_at_once_is_not_asked_at_message_speed_even_without_a_cool_down() {
    let mut w = World::of(vec![QueueRules { cool_down: Duration::ZERO, ..rules(&["1001"]) }], &["1001"]);
    let (_, out) = w.enters(0);
    let (_, _, presentation) = only_presented(&out);
    assert!(presented(&w.ends(presentation, PresentationResult::Busy)).is_empty());
    assert_eq!(presented(&w.passes(RELEASE_LIMIT)).len(), 1);
}

#[test]
fn a_seat_the_caller_has_not_tried_goes_before_one_idle_longer_that_failed_him() {
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
    let nobody_else = |o: &Output| matches!(o, Output::Present { why, .. } if why.contains("nobody else"));
    assert!(out.iter().any(nobody_else));
}

#[test]
fn when_the_caller_hangs_up_while_a_seat_rings_the_offer_is_taken_back_before_he_leaves() {
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
fn when_a_ringing_call_is_moved_the_offer_is_withdrawn_and_the_call_may_enter_elsewhere_at_once() {
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
    assert_eq!(w.tell(Input::Finished { seat: seat("1001") }), []);
    assert_eq!(w.state("1001"), SeatState::Ringing);
}

#[test]
fn a_seat_whose_offer_was_taken_back_gets_the_next_call_when_its_leg_has_ended() {
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
fn a_seat_whose_offer_was_taken_back_gets_the_next_call_after_half_a_second_at_the_latest() {
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
fn an_answer_after_the_ring_timeout_changes_nothing_and_neither_does_its_end() {
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
fn a_seat_of_two_queues_takes_the_one_who_waits_longest_unless_another_is_more_urgent() {
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
        assert_eq!(w.tell(Input::Resumed { seat: seat(s) }), []);
        assert_eq!(w.tell(Input::SeatUp { seat: seat(s) }), []);
    }
}
