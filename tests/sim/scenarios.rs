//! One sentence each: what a citizen, a seat or the gateway does, and the exact events that follow.

use crate::checks::{by_call, nothing_is_left, promises, story};
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, PhoneEvent, WhenRung};
use hotline_gateway::event::totals::{Counter, Timing};
use hotline_gateway::event::*;
use hotline_gateway::gateway::Input;
use hotline_gateway::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

/// The names of a call's events, in order.
fn names(world: &World) -> Vec<&'static str> {
    let calls = by_call(&world.journal);
    let events = calls.into_values().next().unwrap_or_default();
    events.iter().map(|e| name(&e.what)).collect()
}

fn name(what: &What) -> &'static str {
    match what {
        What::CallReceived(_) => "received",
        What::CallRefused(_) => "refused",
        What::CallAnswered { .. } => "answered",
        What::NoticePlayed { .. } => "notice",
        What::CallerIdentified(_) => "identified",
        What::QueueEntered(_) => "entered",
        What::QueuePositionChanged { .. } => "position",
        What::SeatPresented(_) => "presented",
        What::SeatPresentationEnded(_) => "presentation-ended",
        What::SeatConnected { .. } => "connected",
        What::QueueLeft { .. } => "left",
        What::CallHeld { .. } => "held",
        What::CallResumed { .. } => "resumed",
        What::CallEnded(_) => "ended",
        What::WrapUpStarted { .. } => "wrap-up",
        What::WrapUpCompleted { .. } => "wrapped-up",
        What::CallbackChanged { .. } => "callback",
        What::CallRecordUpdated(_) => "record",
        _ => "other",
    }
}

fn ended(world: &World) -> Vec<CallEnded> {
    let ends = world.journal.iter().filter_map(|e| match &e.what {
        What::CallEnded(e) => Some(e.clone()),
        _ => None,
    });
    ends.collect()
}

fn results(world: &World) -> Vec<(String, PresentationResult)> {
    let ends = world.journal.iter().filter_map(|e| match &e.what {
        What::SeatPresentationEnded(e) => Some((e.seat.to_string(), e.result)),
        _ => None,
    });
    ends.collect()
}

fn settle(world: &mut World) {
    world.run(S(200));
    promises(&world.journal);
    nothing_is_left(world);
}

#[test]
fn a_citizen_reaches_an_operator_and_the_record_proves_it() {
    let mut w = World::new(1, 1, "wrap_up = \"0s\"", "");
    w.seat_answers(1001, S(2));
    w.citizen_calls("13812341234", HangUp::AfterAnswer(S(60)));
    settle(&mut w);
    assert_eq!(
        names(&w),
        [
            "received",
            "identified",
            "answered",
            "entered",
            "presented",
            "presentation-ended",
            "connected",
            "left",
            "ended",
            "record"
        ]
    );
    let end = &ended(&w)[0];
    assert_eq!((end.by, end.reason, end.answered_by_operator), (EndedBy::Caller, EndReason::Completed, true));
    let What::CallRecordUpdated(record) =
        &w.journal.iter().rev().find(|e| name(&e.what) == "record").unwrap().what
    else {
        unreachable!()
    };
    assert!(record.is_final && record.talked >= S(57), "{record:?}");
    assert_eq!(record.seat.as_ref().unwrap().as_str(), "1001");
    assert_eq!(record.caller.e164.as_ref().unwrap().reveal(), "+8613812341234");
}

#[test]
fn the_seat_sees_number_and_call_id_before_it_answers() {
    let mut w = World::new(2, 1, "", "");
    w.seat_does(1001, WhenRung::Rings, None);
    w.citizen_calls("13812341234", HangUp::AfterDialling(S(5)));
    w.run(S(1));
    let Some((_, PhoneEvent::Rings { number, call, display, .. })) =
        w.told.iter().find(|(_, t)| matches!(t, PhoneEvent::Rings { .. })).cloned()
    else {
        panic!("the seat never rang")
    };
    assert_eq!(number, "13812341234");
    assert!(display.contains("12345"), "{display}");
    assert_eq!(call, w.journal.iter().find_map(|e| e.call.as_ref()).unwrap().id.to_string());
    settle(&mut w);
}

#[test]
fn nothing_is_answered_before_its_beginning_is_on_disk() {
    let mut w = World::new(3, 1, "", "");
    w.disk_delay = MS(15);
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(1)));
    w.run(MS(14));
    assert!(!w.told.iter().any(|(_, t)| matches!(t, PhoneEvent::Answered { .. })));
    w.run(MS(5));
    assert!(w.told.iter().any(|(_, t)| matches!(t, PhoneEvent::Answered { .. })));
    assert_eq!(name(&w.journal.iter().find(|e| e.call.is_some()).unwrap().what), "received");
    settle(&mut w);
}

#[test]
fn a_disk_that_hangs_keeps_no_citizen_waiting_and_raises_an_alarm() {
    let mut w = World::new(4, 1, "", "");
    w.disk_delay = S(3);
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(10)));
    w.run(MS(30));
    assert!(w.told.iter().any(|(_, t)| matches!(t, PhoneEvent::Answered { .. })));
    w.disk_delay = MS(1);
    settle(&mut w);
    let alarms: Vec<bool> = w
        .journal
        .iter()
        .filter_map(|e| match &e.what {
            What::AlarmRaised { raised, .. } => Some(*raised),
            _ => None,
        })
        .collect();
    assert_eq!(alarms, [true, false]);
}

#[test]
fn an_alarm_stands_in_the_figures_until_it_is_over() {
    let mut w = World::new(4, 1, "", "");
    w.disk_delay = S(3);
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(10)));
    w.run(MS(30));
    let standing = |w: &World| w.counts().totals.alarms().map(|a| a.name.to_string()).collect::<Vec<_>>();
    assert_eq!(standing(&w), ["journal_slow"]);
    w.disk_delay = MS(1);
    settle(&mut w);
    assert!(standing(&w).is_empty());
}

#[test]
fn what_a_call_took_is_in_the_figures_of_its_queue() {
    let mut w = World::new(5, 1, "", "");
    w.seat_does(1001, WhenRung::Answers(S(4)), Some(S(30)));
    w.citizen_calls("13800000001", HangUp::Never);
    settle(&mut w);
    let totals = w.counts().totals;
    for (timing, labels, seconds) in [
        (Timing::Wait, vec!["main", "connected"], 4),
        (Timing::Ring, vec!["main"], 4),
        (Timing::Talk, vec!["main", "12345"], 30),
    ] {
        let (_, histogram) = totals.timings_of(timing).find(|(values, _)| *values == labels).unwrap();
        // The messages of each travel for some milliseconds.
        let rounded = (histogram.sum() + MS(500)).as_secs();
        assert_eq!((histogram.count(), rounded), (1, seconds), "{timing:?}");
    }
    let ended: Vec<_> = totals.counts_of(Counter::Ended).filter(|(_, n)| *n > 0).collect();
    assert_eq!(ended, [(vec!["main", "12345", "completed"], 1)]);
    let seats: usize = w.counts().seats.iter().map(|(_, n)| n).sum();
    assert_eq!((seats, w.counts().queues[0].ready_seats), (1, 1));
}

#[test]
fn a_seat_that_does_not_answer_passes_the_caller_on_within_200_ms() {
    let mut w = World::new(5, 2, "ring_timeout = \"5s\"", "");
    w.seat_does(1001, WhenRung::Rings, None);
    w.seat_answers(1002, MS(500));
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(20)));
    w.run(S(8));
    let rang: Vec<_> = w
        .told
        .iter()
        .filter_map(|(at, t)| match t {
            PhoneEvent::Rings { seat, .. } => Some((*at, seat.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(rang.iter().map(|(_, s)| s.as_str()).collect::<Vec<_>>(), ["1001", "1002"]);
    let gap = rang[1].0.since(rang[0].0);
    assert!(gap >= S(5) && gap < S(5) + MS(200), "the next seat rang after {gap:?}");
    settle(&mut w);
    assert_eq!(
        results(&w),
        [("1001".into(), PresentationResult::NoAnswer), ("1002".into(), PresentationResult::Answered)]
    );
}

#[test]
fn a_seat_that_refuses_or_is_dead_costs_the_caller_nothing_but_time() {
    let mut w = World::new(6, 3, "ring_timeout = \"4s\"", "");
    w.seat_does(1001, WhenRung::Refuses(486), None);
    w.seat_does(1002, WhenRung::IsDead, None);
    w.seat_answers(1003, MS(100));
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(20)));
    settle(&mut w);
    let results = results(&w);
    assert_eq!(results[0], ("1001".into(), PresentationResult::Busy));
    assert_eq!(results[1], ("1002".into(), PresentationResult::NoAnswer));
    assert_eq!(results[2], ("1003".into(), PresentationResult::Answered));
}

#[test]
fn who_hangs_up_while_waiting_is_abandoned_and_owed_a_call() {
    let mut w = World::new(7, 1, "ring_timeout = \"60s\"", "");
    w.seat_does(1001, WhenRung::Rings, None);
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(10)));
    settle(&mut w);
    let end = &ended(&w)[0];
    assert_eq!((end.reason, end.callback_due), (EndReason::Abandoned, true));
    assert_eq!(results(&w), [("1001".into(), PresentationResult::CallerGone)]);
    let names = names(&w);
    let order: Vec<_> =
        names.iter().filter(|n| ["presentation-ended", "left", "ended", "callback"].contains(n)).collect();
    assert_eq!(order, [&"presentation-ended", &"left", &"ended", &"callback"]);
}

#[test]
fn who_hangs_up_before_the_answer_is_cancelled() {
    let mut w = World::new(8, 1, "", "answer_delay_ms = 3000");
    w.citizen_calls("13800000001", HangUp::AfterDialling(S(1)));
    settle(&mut w);
    assert_eq!(ended(&w)[0].reason, EndReason::Cancelled);
    assert!(w.told.iter().any(|(_, t)| matches!(t, PhoneEvent::Refused { status: 487, .. })));
}

#[test]
fn a_trunk_hears_ringback_as_long_as_the_service_number_says() {
    let mut w = World::new(9, 1, "", "answer_delay_ms = 3000");
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(1)));
    w.run(MS(2_990));
    assert!(!w.told.iter().any(|(_, t)| matches!(t, PhoneEvent::Answered { .. })));
    w.run(MS(20));
    assert!(w.told.iter().any(|(_, t)| matches!(t, PhoneEvent::Answered { .. })));
    settle(&mut w);
}

#[test]
fn the_seat_hangs_up_first_and_wraps_up() {
    let mut w = World::new(10, 1, "wrap_up = \"10s\"", "");
    w.seat_does(1001, WhenRung::Answers(MS(100)), Some(S(30)));
    w.citizen_calls("13800000001", HangUp::Never);
    settle(&mut w);
    assert_eq!(ended(&w)[0].by, EndedBy::Seat);
    let n = names(&w);
    assert_eq!(n[n.len() - 5..], ["ended", "wrap-up", "record", "wrapped-up", "record"], "{n:?}");
}

#[test]
fn a_number_nobody_serves_is_refused_and_recorded() {
    let mut w = World::new(11, 1, "", "");
    w.citizen_dials("13800000001", "99999", HangUp::Never);
    settle(&mut w);
    assert_eq!(names(&w), ["refused", "record"]);
    assert!(w.told.iter().any(|(_, t)| matches!(t, PhoneEvent::Refused { status: 404, .. })));
}

#[test]
fn a_full_queue_says_so_or_refuses_before_the_answer() {
    for (prompt, refused) in [("", true), ("full_prompt = \"queue-full\"", false)] {
        let mut w = World::new(12, 1, &format!("capacity = 1\nring_timeout = \"60s\"\n{prompt}"), "");
        w.seat_does(1001, WhenRung::Rings, None);
        w.citizen_calls("13800000001", HangUp::AfterAnswer(S(20)));
        w.run(S(1));
        w.citizen_calls("13800000002", HangUp::AfterAnswer(S(20)));
        settle(&mut w);
        let said_so = ended(&w).iter().any(|e| e.reason == EndReason::QueueFull && e.callback_due);
        let was_refused = w.journal.iter().any(
            |e| matches!(&e.what, What::CallRefused(r) if r.reason == RefusalReason::QueueFull && r.sip_code == 503),
        );
        assert_eq!((was_refused, said_so), (refused, !refused));
    }
}

#[test]
fn who_waits_longer_than_the_limit_hears_so_and_is_owed_a_call() {
    let mut w =
        World::new(13, 1, "max_wait = \"30s\"\nring_timeout = \"25s\"\ntimeout_prompt = \"wait-limit\"", "");
    w.seat_does(1001, WhenRung::Rings, None);
    w.citizen_calls("13800000001", HangUp::Never);
    settle(&mut w);
    let end = &ended(&w)[0];
    assert_eq!((end.by, end.reason, end.callback_due), (EndedBy::Gateway, EndReason::WaitLimit, true));
    assert!(w.told.iter().any(|(_, t)| matches!(t, PhoneEvent::HungUpOn { .. })));
}

#[test]
fn a_call_that_lasts_too_long_frees_the_operator_and_tells_the_caller() {
    let limits = "wrap_up = \"0s\"\n[limits]\ncall_length = \"60s\"\ncall_length_prompt = \"wait-limit\"";
    let mut w = World::new(21, 1, limits, "");
    w.citizen_calls("13800000001", HangUp::Never);
    w.run(S(61));
    assert!(
        w.told.iter().any(|(_, t)| matches!(t, PhoneEvent::SeatFree { .. })),
        "the seat is still in the call"
    );
    assert!(
        !w.told.iter().any(|(_, t)| matches!(t, PhoneEvent::HungUpOn { .. })),
        "the caller heard nothing"
    );
    settle(&mut w);
    let end = &ended(&w)[0];
    assert_eq!((end.by, end.reason, end.callback_due), (EndedBy::Gateway, EndReason::LengthLimit, false));
}

#[test]
fn the_welcome_yields_to_the_operator() {
    let mut w = World::new(14, 1, "", "welcome = \"welcome\"");
    w.seat_answers(1001, S(1));
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(20)));
    settle(&mut w);
    let notice = w.journal.iter().find_map(|e| match &e.what {
        What::NoticePlayed { complete, .. } => Some(*complete),
        _ => None,
    });
    assert_eq!(notice, Some(false));
}

#[test]
fn first_come_first_served() {
    let mut w = World::new(15, 1, "wrap_up = \"0s\"", "");
    w.seat_does(1001, WhenRung::Answers(Duration::ZERO), Some(S(5)));
    for n in 0..20 {
        w.citizen_calls(&format!("138000000{n:02}"), HangUp::Never);
        w.run(MS(10));
    }
    settle(&mut w);
    let served: Vec<String> = w
        .journal
        .iter()
        .filter(|e| matches!(e.what, What::SeatConnected { .. }))
        .map(|e| e.call.as_ref().unwrap().summary.caller.reveal().clone())
        .collect();
    let mut sorted = served.clone();
    sorted.sort();
    assert_eq!(served.len(), 20);
    assert_eq!(served, sorted);
}

#[test]
fn the_seat_idle_longest_is_offered_the_next_call() {
    let mut w = World::new(16, 3, "wrap_up = \"0s\"", "");
    for (n, talk) in [(1, 30), (2, 10), (3, 20)] {
        w.citizen_calls(&format!("1380000000{n}"), HangUp::AfterAnswer(S(talk)));
        w.run(MS(100));
    }
    w.run(S(40));
    w.citizen_calls("13800000009", HangUp::AfterAnswer(S(1)));
    settle(&mut w);
    let last = w.journal.iter().rev().find_map(|e| match &e.what {
        What::SeatConnected { seat, .. } => Some(seat.to_string()),
        _ => None,
    });
    // 1001 talked 30 s, 1002 10 s, 1003 20 s: 1002 has been idle longest.
    assert_eq!(last.as_deref(), Some("1002"));
}

#[test]
fn hanging_up_within_milliseconds_of_the_seats_answer_has_one_outcome() {
    for offset in -20_i64..=20 {
        let mut w = World::new((100 + offset) as u64, 1, "wrap_up = \"0s\"", "");
        w.seat_answers(1001, S(1));
        let at = Duration::from_micros((1_004_000 + offset * 300) as u64);
        w.citizen_calls("13800000001", HangUp::AfterDialling(at));
        w.run(S(3));
        let ready = w.counts().ready_seats;
        assert_eq!(ready, 1, "offset {offset}: the seat is not ready again");
        settle(&mut w);
        let end = &ended(&w)[0];
        assert!(matches!(end.reason, EndReason::Completed | EndReason::Abandoned), "{offset}: {end:?}");
    }
}

#[test]
fn a_crash_closes_every_open_call_and_owes_its_citizen_a_call() {
    let mut w = World::new(17, 1, "", "");
    w.citizen_calls("13800000001", HangUp::Never);
    w.citizen_calls("13800000002", HangUp::Never);
    w.run(S(5));
    w.kill();
    w.start();
    w.run(S(1));
    let ends = ended(&w);
    assert_eq!(ends.len(), 2);
    assert!(ends.iter().all(|e| e.reason == EndReason::Crashed && e.callback_due));
    promises(&w.journal);
    assert!(w.open_calls().is_empty());
}

#[test]
fn draining_refuses_new_calls_and_lets_the_others_end() {
    let mut w = World::new(18, 1, "wrap_up = \"0s\"", "");
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(30)));
    w.run(S(2));
    w.input(Input::Drain);
    w.citizen_calls("13800000002", HangUp::Never);
    w.run(S(5));
    assert!(!w.drained);
    settle(&mut w);
    assert!(w.drained);
    assert_eq!(ended(&w)[0].reason, EndReason::Completed);
    let reason = w.journal.iter().find_map(|e| match &e.what {
        What::CallRefused(r) => Some((r.reason, r.sip_code)),
        _ => None,
    });
    assert_eq!(reason, Some((RefusalReason::Draining, 503)));
}

#[test]
fn a_stop_that_cannot_wait_leaves_every_record_final() {
    let mut w = World::new(21, 3, "", "");
    w.seat_does(1001, WhenRung::IsDead, None);
    // One talks, one has hung up and its dead seat never confirms, one waits.
    for (number, hangs_up) in [
        ("13800000001", HangUp::AfterDialling(S(1))),
        ("13800000002", HangUp::Never),
        ("13800000003", HangUp::AfterAnswer(S(2))),
        ("13800000004", HangUp::Never),
    ] {
        w.citizen_calls(number, hangs_up);
    }
    w.run(S(3));
    w.input(Input::Drain);
    w.input(Input::Shutdown);
    w.run(S(1));
    assert!(!w.drained, "a leg is not confirmed");
    w.input(Input::Stop);
    w.run(S(1));
    assert!(w.drained);
    assert_eq!(w.open_calls().len(), 0);
    assert_eq!(ended(&w).len(), 4);
}

#[test]
fn a_bridge_without_sound_from_either_side_is_ended_and_recorded_so() {
    let mut w = World::new(19, 1, "", "");
    w.citizen_calls("13800000001", HangUp::Never);
    w.run(S(2));
    let legs: Vec<_> = w.open_ports.keys().copied().collect();
    w.input(Input::Media(hotline_gateway::media::Event::Silent { a: legs[0], b: legs[1] }));
    settle(&mut w);
    assert_eq!(ended(&w)[0].reason, EndReason::MediaSilent);
}

#[test]
fn every_story_of_a_call_can_be_told_in_lines() {
    let mut w = World::new(20, 1, "", "");
    w.citizen_calls("13812341234", HangUp::AfterAnswer(S(5)));
    settle(&mut w);
    for events in by_call(&w.journal).values() {
        let text = story(events);
        assert!(text.contains("connected to seat 1001"), "{text}");
        assert!(!text.contains("13812341234"), "a number stands in the log: {text}");
    }
}
