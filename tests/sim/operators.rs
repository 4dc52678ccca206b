//! Operators: who may sign in, the PIN by keys, the seat that does not answer, and seats that outlive the process.

use crate::checks::{nothing_is_left, promises};
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, PhoneEvent, WhenRung};
use hotline_gateway::config::PinHash;
use hotline_gateway::event::*;
use hotline_gateway::gateway::Input;
use hotline_gateway::id::LegId;
use hotline_gateway::media::{Command, Event, Source};
use hotline_gateway::time::{Duration, Wall};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

/// Operator 8007 has the PIN 4711, operator 8008 none.
fn office(seed: u64, seats: u32, queue: &str) -> World {
    let hash = PinHash::new("4711", [7; 16]).expect("a PIN");
    let operators =
        format!("[[operator]]\nnumber = \"8007\"\npin_hash = \"{hash}\"\n[[operator]]\nnumber = \"8008\"\n");
    World::with(seed, seats, (queue, ""), "sign_in = true", &operators)
}

/// The tones that were played, the newest last, with the leg that heard it.
fn tones(w: &World) -> Vec<(LegId, String)> {
    let tone = |command: &Command| match command {
        Command::Hear { leg, source: Source::Prompt { prompt, .. } } if prompt.starts_with("tone-") => {
            Some((*leg, prompt.to_string()))
        }
        _ => None,
    };
    w.commands.iter().filter_map(tone).collect()
}

fn presses(w: &mut World, keys: &str) {
    let (leg, _) = tones(w).pop().expect("a code was answered");
    for digit in keys.chars() {
        w.input(Input::Media(Event::Digit { leg, digit, held: None }));
        w.run(MS(200));
    }
}

/// `1001: Ready → SignedOut, signed out (8007, by 8007 at 1001)`.
fn decided(w: &World) -> Vec<String> {
    let who =
        |o: &Option<hotline_gateway::id::OperatorId>| o.as_ref().map_or("-".to_owned(), |o| o.to_string());
    let told = w.journal.iter().filter_map(|e| match &e.what {
        What::OperatorStateChanged(c) => {
            let by = match &c.author {
                Author::Gateway => "the gateway".to_owned(),
                Author::Seat { seat, operator } => format!("{} at {seat}", who(operator)),
            };
            Some(format!(
                "{}: {:?} → {:?}, {} ({}, by {by})",
                c.seat,
                c.from,
                c.to,
                c.reason,
                who(&c.operator)
            ))
        }
        _ => None,
    });
    told.collect()
}

fn hang_ups(w: &World) -> usize {
    w.seats_told.iter().filter(|(_, told)| matches!(told, PhoneEvent::HungUpOn { .. })).count()
}

fn last_state(w: &World, seat: &str) -> Option<SeatState> {
    let mut states = w.journal.iter().filter_map(|e| match &e.what {
        What::SeatStateChanged { seat: s, to, .. } if s.as_str() == seat => Some(*to),
        _ => None,
    });
    states.next_back()
}

#[test]
fn an_operator_signs_in_with_the_pin_by_keys_and_hears_that_it_was_taken() {
    let mut w = office(1, 1, "");
    w.seat_dials(1001, "*10*8007", HangUp::Never);
    w.run(S(1));
    assert_eq!(last_state(&w, "1001"), None, "not before the PIN");
    presses(&mut w, "4711#");
    w.run(S(1));
    let heard: Vec<String> = tones(&w).into_iter().map(|(_, tone)| tone).collect();
    assert_eq!(heard, ["tone-pin", "tone-done"]);
    assert_eq!((last_state(&w, "1001"), hang_ups(&w)), (Some(SeatState::Ready), 1));
    assert_eq!(decided(&w), ["1001: SignedOut → Ready, signed in (8007, by 8007 at 1001)"]);
    w.run(S(60));
    nothing_is_left(&w);
    promises(&w.journal);
}

#[test]
fn a_pin_without_its_end_is_taken_after_a_pause_and_a_star_begins_anew() {
    let mut w = office(2, 1, "");
    w.seat_dials(1001, "*10*8007", HangUp::Never);
    w.run(S(1));
    presses(&mut w, "99*4711");
    w.run(S(5));
    assert_eq!(last_state(&w, "1001"), Some(SeatState::Ready));
}

#[test]
fn after_three_wrong_pins_the_seat_takes_none_and_that_is_an_event() {
    let mut w = office(3, 1, "");
    w.seat_dials(1001, "*10*8007", HangUp::Never);
    w.run(S(1));
    for wrong in ["1111#", "2222#", "3333#"] {
        presses(&mut w, wrong);
        w.run(S(1));
    }
    assert_eq!(hang_ups(&w), 1);
    let refused = "1001: SignedOut → SignedOut, too many wrong PINs (8007, by - at 1001)";
    assert_eq!(decided(&w), [refused]);
    w.seat_dials(1001, "*10*8007", HangUp::Never);
    w.run(S(1));
    assert_eq!(tones(&w).pop().unwrap().1, "tone-refused", "the right PIN is not even asked for");
    w.run(S(300));
    w.seat_dials(1001, "*10*8007", HangUp::Never);
    w.run(S(1));
    presses(&mut w, "4711#");
    assert_eq!(last_state(&w, "1001"), Some(SeatState::Ready));
    w.run(S(60));
    nothing_is_left(&w);
}

#[test]
fn an_unknown_number_and_no_number_are_refused_audibly() {
    let mut w = office(4, 1, "");
    for code in ["*10*8009", "*10"] {
        w.seat_dials(1001, code, HangUp::Never);
        w.run(S(1));
        assert_eq!(tones(&w).pop().unwrap().1, "tone-refused", "{code}");
    }
    assert_eq!((hang_ups(&w), decided(&w).len(), last_state(&w, "1001")), (2, 0, None));
    w.seat_dials(1001, "*10*8008", HangUp::Never);
    w.run(S(1));
    assert_eq!(last_state(&w, "1001"), Some(SeatState::Ready), "8008 has no PIN");
}

#[test]
fn an_operator_who_signs_in_at_another_seat_leaves_the_first() {
    let mut w = office(5, 2, "");
    for seat in [1001, 1002] {
        w.seat_dials(seat, "*10*8008", HangUp::Never);
        w.run(S(1));
    }
    assert_eq!(
        decided(&w),
        [
            "1001: SignedOut → Ready, signed in (8008, by 8008 at 1001)",
            "1001: Ready → SignedOut, signed in at 1002 (8008, by 8008 at 1002)",
            "1002: SignedOut → Ready, signed in (8008, by 8008 at 1002)",
        ]
    );
    assert_eq!(last_state(&w, "1001"), Some(SeatState::Offline));
}

#[test]
fn a_second_code_of_a_seat_ends_the_first_and_leaves_no_port_open() {
    let mut w = office(6, 1, "");
    w.seat_dials(1001, "*10*8007", HangUp::Never);
    w.run(S(1));
    w.seat_dials(1001, "*10*8008", HangUp::Never);
    w.run(S(1));
    assert_eq!(last_state(&w, "1001"), Some(SeatState::Ready));
    assert_eq!((hang_ups(&w), w.open_ports.len()), (2, 0));
}

#[test]
fn without_a_free_port_a_code_is_taken_without_sound_or_refused_by_status() {
    let mut w = World::with(7, 1, ("", ""), "sign_in = true", "");
    w.no_ports = Some(hotline_gateway::media::OpenFailure::NoneFree);
    let denied = w.seat_dials(1001, "*12", HangUp::Never);
    w.run(S(1));
    w.seat_dials(1001, "*10*8007", HangUp::Never);
    w.run(S(1));
    let refused =
        |told: &PhoneEvent| matches!(told, PhoneEvent::Refused { line, status: 403 } if *line == denied);
    assert!(w.seats_told.iter().any(|(_, told)| refused(told)));
    assert_eq!((last_state(&w, "1001"), hang_ups(&w)), (Some(SeatState::Ready), 1));
    w.run(S(60));
    nothing_is_left(&w);
}

#[test]
fn a_mute_seat_costs_one_caller_the_ring_timeout_alone() {
    let mut w = World::new(8, 2, "ring_timeout = \"20s\"", "");
    w.seat_does(1001, WhenRung::Rings, None);
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(120)));
    w.run(S(30));
    w.citizen_calls("13800000002", HangUp::AfterAnswer(S(30)));
    w.run(S(300));
    let at = |which: &dyn Fn(&What) -> bool| -> Vec<Wall> {
        w.journal.iter().filter(|e| which(&e.what)).map(|e| e.at).collect()
    };
    let missed = at(
        &|what| matches!(what, What::SeatPresentationEnded(e) if e.result == PresentationResult::NoAnswer),
    );
    assert_eq!(missed.len(), 1, "one caller alone");
    let next = at(&|what| matches!(what, What::SeatPresented(p) if p.seat.as_str() == "1002"));
    let pause = next[0].0.saturating_sub(missed[0].0);
    assert!(pause <= MS(200).as_nanos() as u64, "{pause} ns");
    let moved = w.journal.iter().any(|e| matches!(e.what, What::QueuePositionChanged { .. }));
    assert!(!moved, "the caller kept the place");
    assert_eq!(decided(&w), ["1001: Ready → NotReady, no answer (-, by the gateway)"]);
    assert_eq!(last_state(&w, "1001"), Some(SeatState::NotReady));
    w.seat_dials(1001, "*12", HangUp::Never);
    w.run(S(2));
    assert_eq!(last_state(&w, "1001"), Some(SeatState::Ready));
    promises(&w.journal);
}

#[test]
fn a_busy_seat_and_one_that_rejects_only_cool_down() {
    let mut w = World::new(9, 1, "cool_down = \"5s\"", "");
    w.seat_does(1001, WhenRung::Refuses(486), None);
    w.citizen_calls("13800000001", HangUp::AfterDialling(S(2)));
    w.run(S(30));
    assert_eq!((last_state(&w, "1001"), decided(&w).len()), (Some(SeatState::Ready), 0));
}

#[test]
fn twenty_registered_seats_are_ready_at_once_after_a_restart() {
    let mut w = World::with(
        10,
        2,
        ("seats = [\"2001-2020\"]\nwrap_up = \"0s\"", ""),
        "",
        "[[seat]]\nrange = \"2001-2020\"\n",
    );
    for seat in 2001..=2020 {
        w.seat_answers(seat, MS(500));
        w.seat_registers(seat);
    }
    w.run(S(2));
    w.seat_dials(1001, "*132", HangUp::Never);
    w.seat_dials(1002, "*10*8007", HangUp::Never);
    w.run(S(2));
    w.kill();
    w.run(S(10));
    let told = w.journal.len();
    let started = w.now.wall;
    w.resume();
    w.run(MS(900));
    let restored = |what: &What, to: SeatState| matches!(what, What::SeatStateChanged { from: SeatState::Offline, to: t, .. } if *t == to);
    let ready: Vec<_> = w.journal[told..].iter().filter(|e| restored(&e.what, SeatState::Ready)).collect();
    assert_eq!(ready.len(), 20 + 1, "all of them, and the one with a fixed place that takes calls");
    assert!(ready.iter().all(|e| e.at.0 - started.0 < S(1).as_nanos() as u64));
    let registered = |what: &What| {
        matches!(what, What::SeatStateChanged { reason: Listed::Is(SeatReason::PhoneRegistered), .. })
    };
    assert!(!w.journal[told..].iter().any(|e| registered(&e.what)), "without a new REGISTER");
    assert_eq!(last_state(&w, "1001"), Some(SeatState::NotReady), "the break goes on");
    let operator = w.journal.iter().rev().find_map(|e| match &e.what {
        What::SeatStateChanged { seat, operator, .. } if seat.as_str() == "1002" => operator.clone(),
        _ => None,
    });
    assert_eq!(operator, Some("8007".into()));
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(5)));
    w.run(S(2));
    assert!(w.journal.iter().any(|e| matches!(e.what, What::SeatConnected { .. })), "and it is reached");
}

#[test]
fn a_registration_that_lapsed_while_the_process_was_stopped_is_gone() {
    let mut w = World::with(
        11,
        1,
        ("seats = [\"2001\"]", ""),
        "",
        "[[seat]]\nid = \"2001\"\n[registrar]\nexpires_max = \"60s\"\n",
    );
    w.seat_answers(2001, MS(500));
    w.seat_registers(2001);
    w.run(S(2));
    assert_eq!(last_state(&w, "2001"), Some(SeatState::Ready));
    w.kill();
    w.run(S(61));
    let told = w.journal.len();
    w.resume();
    w.run(S(1));
    let of_it =
        |e: &&CallEvent| matches!(&e.what, What::SeatStateChanged { seat, .. } if seat.as_str() == "2001");
    assert_eq!(w.journal[told..].iter().filter(of_it).count(), 0, "it is offline, as at a first start");
}
