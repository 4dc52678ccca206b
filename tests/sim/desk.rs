//! What operators do from a plain desk phone, one sentence each.

use crate::checks::{by_call, nothing_is_left, promises, story};
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, Line, PhoneEvent, WhenRung};
use hotline_gateway::event::*;
use hotline_gateway::media::{Command, Source};
use hotline_gateway::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

fn settle(world: &mut World) {
    world.run(S(300));
    promises(&world.journal);
    nothing_is_left(world);
}

/// `1001 Ready → NotReady, meal (zhang)` for every change of a seat.
fn changes(world: &World) -> Vec<String> {
    let changes = world.journal.iter().filter_map(|e| match &e.what {
        What::SeatStateChanged { seat, operator, from, to, reason } => {
            let who = operator.as_ref().map(|o| format!(" ({o})")).unwrap_or_default();
            Some(format!("{seat} {from:?} → {to:?}, {reason}{who}"))
        }
        _ => None,
    });
    changes.collect()
}

/// What became of a line a seat dialled on: the final status, or 200.
fn status(world: &World, line: Line) -> Option<u16> {
    world.seats_told.iter().find_map(|(_, told)| match told {
        PhoneEvent::Answered { line: l, .. } if *l == line => Some(200),
        PhoneEvent::Refused { line: l, status } if *l == line => Some(*status),
        _ => None,
    })
}

fn hung_up_on(world: &World, line: Line) -> bool {
    world.seats_told.iter().any(|(_, told)| matches!(told, PhoneEvent::HungUpOn { line: l } if *l == line))
}

fn dials(world: &mut World, seat: u32, number: &str) -> Option<u16> {
    let line = world.seat_dials(seat, number, HangUp::Never);
    world.run(S(1));
    status(world, line)
}

/// Whether a code was taken, by the tone that was heard.
fn is_taken(world: &mut World, seat: u32, code: &str) -> bool {
    assert_eq!(dials(world, seat, code), Some(200), "every code is answered");
    let tone = world.commands.iter().rev().find_map(|command| match command {
        Command::Hear { source: Source::Prompt { prompt, .. }, .. } => Some(prompt.to_string()),
        _ => None,
    });
    match tone.as_deref() {
        Some("tone-done") => true,
        Some("tone-refused") => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_operator_signs_in_by_code_takes_a_break_and_signs_out() {
    let mut w = World::with(1, 1, ("", ""), "sign_in = true", "");
    assert!(!is_taken(&mut w, 1001, "*12"), "no operator is signed in");
    let line = w.seat_dials(1001, "*10*8007", HangUp::Never);
    w.run(S(1));
    assert_eq!((status(&w, line), hung_up_on(&w, line)), (Some(200), true));
    assert!(is_taken(&mut w, 1001, "*132"));
    assert!(!is_taken(&mut w, 1001, "*139"), "there is no ninth reason");
    assert!(is_taken(&mut w, 1001, "*12"));
    assert!(is_taken(&mut w, 1001, "*11"));
    assert_eq!(
        changes(&w),
        [
            "1001 Offline → Ready, signed in (8007)",
            "1001 Ready → NotReady, meal (8007)",
            "1001 NotReady → Ready, ready (8007)",
            "1001 Ready → Offline, signed out (8007)",
        ]
    );
    settle(&mut w);
}

#[test]
fn the_operator_stands_in_every_event_of_the_calls_he_takes() {
    let mut w = World::with(2, 1, ("wrap_up = \"0s\"", ""), "sign_in = true", "");
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(30)));
    w.run(S(1));
    assert_eq!(dials(&mut w, 1001, "*10*8007"), Some(200));
    settle(&mut w);
    let who = |o: &Option<hotline_gateway::id::OperatorId>| o.as_ref().map(|o| o.to_string());
    let named: Vec<_> = w
        .journal
        .iter()
        .filter_map(|e| match &e.what {
            What::SeatPresented(p) => Some(who(&p.operator)),
            What::SeatConnected { operator, .. } => Some(who(operator)),
            What::CallEnded(_) => Some(who(&e.call.as_ref().unwrap().summary.operator)),
            What::CallRecordUpdated(r) => Some(who(&r.operator)),
            _ => None,
        })
        .collect();
    assert_eq!(named, vec![Some("8007".to_owned()); 4]);
}

#[test]
fn a_break_asked_for_by_code_in_a_call_begins_after_the_wrap_up() {
    let mut w = World::new(3, 1, "wrap_up = \"5s\"", "");
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(10)));
    w.run(S(2));
    assert_eq!(dials(&mut w, 1001, "*131"), Some(200));
    w.citizen_calls("13800000002", HangUp::AfterDialling(S(60)));
    w.run(S(30));
    assert_eq!(changes(&w).last().unwrap(), "1001 WrapUp → NotReady, break");
    settle(&mut w);
}

#[test]
fn a_call_that_waits_is_picked_up_by_code_and_connected_at_once() {
    let mut w = World::new(4, 2, "wrap_up = \"0s\"", "");
    w.seat_does(1001, WhenRung::Rings, None);
    assert_eq!(dials(&mut w, 1002, "*131"), Some(200));
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(30)));
    w.run(S(2));
    let line = w.seat_dials(1002, "*8", HangUp::Never);
    w.run(S(1));
    assert_eq!(status(&w, line), Some(200));
    settle(&mut w);
    let offers: Vec<_> = w
        .journal
        .iter()
        .filter_map(|e| match &e.what {
            What::SeatPresented(p) => Some(format!("{} {}", p.seat, p.why.to_string().contains("pick-up"))),
            What::SeatPresentationEnded(e) => Some(format!("{} {:?}", e.seat, e.result)),
            What::SeatConnected { seat, .. } => Some(format!("{seat} connected")),
            _ => None,
        })
        .collect();
    assert_eq!(
        offers,
        ["1001 false", "1001 Withdrawn", "1002 true", "1002 Answered", "1002 connected"],
        "{}",
        story(&by_call(&w.journal).into_values().next().unwrap())
    );
    assert!(
        w.seats_told.iter().any(|(_, t)| matches!(t, PhoneEvent::TakenBack { seat, .. } if seat == "1001"))
    );
    assert_eq!(changes(&w).last().unwrap(), "1002 Talking → NotReady, break", "the break goes on after it");
}

#[test]
fn seats_that_pick_up_at_once_get_different_calls_and_a_third_gets_none() {
    let mut w = World::new(5, 3, "wrap_up = \"0s\"", "");
    for seat in 1001..=1003 {
        dials(&mut w, seat, "*13");
    }
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(30)));
    w.citizen_calls("13800000002", HangUp::AfterAnswer(S(30)));
    w.run(S(2));
    let lines: Vec<Line> = (1001..=1003).map(|seat| w.seat_dials(seat, "*8", HangUp::Never)).collect();
    w.run(S(1));
    let statuses: Vec<_> = lines.iter().map(|l| status(&w, *l)).collect();
    assert!(statuses.iter().all(Option::is_some), "every one is answered: {statuses:?}");
    let speaks = |line: &&Line| status(&w, **line) == Some(200) && !hung_up_on(&w, **line);
    assert_eq!(lines.iter().filter(speaks).count(), 2, "the third is refused: {statuses:?}");
    settle(&mut w);
}

#[test]
fn a_citizen_who_hangs_up_while_he_is_picked_up_leaves_nothing_behind() {
    for after in 0..20 {
        let mut w = World::new(6, 1, "wrap_up = \"0s\"", "");
        dials(&mut w, 1001, "*13");
        w.citizen_calls("13800000001", HangUp::AfterDialling(Duration::from_micros(2_000_000)));
        w.run(Duration::from_micros(1_999_000 + after * 100));
        let line = w.seat_dials(1001, "*8", HangUp::AfterDialling(S(60)));
        w.run(S(1));
        assert!(status(&w, line).is_some(), "a picking seat is always answered");
        settle(&mut w);
    }
}

#[test]
fn a_seat_that_takes_its_pick_up_back_leaves_nothing_behind() {
    let mut w = World::new(7, 1, "wrap_up = \"0s\"\ncool_down = \"1s\"", "");
    dials(&mut w, 1001, "*13");
    w.citizen_calls("13800000001", HangUp::AfterDialling(S(60)));
    w.run(S(2));
    w.seat_dials(1001, "*8", HangUp::AfterDialling(MS(0)));
    settle(&mut w);
}

#[test]
fn a_pick_up_of_a_call_that_has_no_room_for_a_leg_is_refused() {
    let silent = "192.0.2.77:5060";
    let seats =
        format!("[[seat]]\nrange = \"3001-3060\"\ncontact = \"sip:{{seat}}@{silent}\"\nping = false\n");
    let queue = "ring_timeout = \"1s\"\ncool_down = \"600s\"\nseats = [\"1001\", \"3001-3060\"]";
    let mut w = World::with(8, 1, (queue, ""), "", &seats);
    // Phones that ring, and confirm no CANCEL: each leg goes on for 32 s.
    w.peers.insert(silent.parse().unwrap(), Some(180));
    dials(&mut w, 1001, "*13");
    w.citizen_calls("13800000001", HangUp::AfterDialling(S(90)));
    let is_full = |w: &World| w.counts().legs == 33;
    for _ in 0..600 {
        if !is_full(&w) {
            w.run(MS(100));
        }
    }
    assert!(is_full(&w), "the caller's and 32 that ring or are taken back: {}", w.counts().legs);
    let line = w.seat_dials(1001, "*8", HangUp::Never);
    w.run(MS(50));
    assert_eq!(status(&w, line), Some(480), "refused at once, and the seat may try again");
    w.run(S(400));
    promises(&w.journal);
    nothing_is_left(&w);
}
