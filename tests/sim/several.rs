//! A seat with several phones that another seat calls, asks or hands a citizen to, one sentence each.

use crate::phones::{Office, at, office_with};
use hotline_gateway::cli::phones::{CitizenPlan, HangUp, Line, PhoneEvent, Phones, SeatPlan, WhenRung};
use hotline_gateway::event::{EndReason, PresentationResult, SeatState, What};
use hotline_gateway::id::Random;
use hotline_gateway::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

/// The phone of seat 1003, which is always there and is believed without a password.
const DESK: u16 = 6_003;

fn office() -> Office {
    let desk = "[[seat]]\nid = \"1003\"\ncontact = \"sip:1003@127.0.0.1:6003\"\nping = true\n";
    let mut o = office_with(desk);
    let mut phones = Phones::new(at(DESK), at(5060), Random::from_number(3));
    let plan = SeatPlan { media: at(DESK + 1_000), when_rung: WhenRung::Answers(S(1)), talks: None };
    phones.seat("1003", plan);
    o.phones.insert(at(DESK), phones);
    o
}

/// Seat 1003 dials.
fn dials(o: &mut Office, number: &str, hangs_up: HangUp) -> Line {
    let plan = CitizenPlan { dials: number.into(), number: "1003".into(), media: at(31_000), hangs_up };
    let mut said = Vec::new();
    let line = o.phones.get_mut(&at(DESK)).unwrap().citizen_calls(o.now, plan, &mut said);
    o.phone_said(at(DESK), said);
    line
}

fn was_ready_again(o: &Office, seat: &str) -> bool {
    o.events.iter().any(|(_, what)| {
        matches!(what, What::SeatStateChanged { seat: s, from: SeatState::Talking, to: SeatState::Ready, .. }
            if s.as_str() == seat)
    })
}

#[test]
fn a_seat_is_not_free_while_the_second_of_its_phones_still_rings_or_talks() {
    let mut o = office();
    o.phone("1002", 6_002, WhenRung::Answers(S(2)));
    o.phone("1002", 6_012, WhenRung::Refuses(486));
    dials(&mut o, "1002", HangUp::AfterAnswer(S(5)));
    o.run(S(1));
    assert_eq!(o.gateway.counts().ready_seats, 0, "it rings");
    o.run(S(4));
    assert_eq!(o.gateway.counts().ready_seats, 0, "it talks");
    assert!(!was_ready_again(&o, "1002"));
    o.run(S(5));
    assert_eq!(o.gateway.counts().ready_seats, 2, "both have hung up");
}

#[test]
fn a_seat_with_a_citizen_on_its_second_phone_is_offered_no_other() {
    let mut o = office();
    hands_on_to_two_phones(&mut o);
    assert!(!was_ready_again(&o, "1002"));
    o.calls();
    o.run(S(3));
    assert_eq!(o.connected(), ["1003", "1002", "1003"], "the next citizen goes to the seat that is free");
}

fn hands_on_to_two_phones(o: &mut Office) {
    // Until the citizen is with seat 1003 there is no other.
    o.calls();
    o.run(S(3));
    o.phone("1002", 6_002, WhenRung::Answers(S(2)));
    o.phone("1002", 6_012, WhenRung::Refuses(486));
    refers(o, "1002");
    o.run(S(5));
}

/// Seat 1003 hands the citizen it talks with on.
fn refers(o: &mut Office, to: &str) {
    let line = o.told.iter().rev().find_map(|(_, t)| match t {
        PhoneEvent::Talks { line, seat, .. } if seat == "1003" => Some(*line),
        _ => None,
    });
    let mut said = Vec::new();
    let desk = o.phones.get_mut(&at(DESK)).unwrap();
    desk.hands_on(o.now, line.expect("the desk talks"), &format!("<sip:{to}@hotline>"), &mut said);
    o.phone_said(at(DESK), said);
}

/// How calls ended, in order.
fn ends(o: &Office) -> Vec<EndReason> {
    let end = |what: &What| match what {
        What::CallEnded(e) => Some(e.reason),
        _ => None,
    };
    o.events.iter().filter_map(|(_, what)| end(what)).collect()
}

#[test]
fn all_phones_of_a_seat_ring_for_a_colleague_and_the_first_answer_wins() {
    let mut o = office();
    o.phone("1002", 6_002, WhenRung::Answers(S(2)));
    o.phone("1002", 6_012, WhenRung::Rings);
    dials(&mut o, "1002", HangUp::AfterAnswer(S(5)));
    o.run(S(4));
    let (mut rang, taken_back) = o.rang();
    rang.sort();
    assert_eq!((rang, taken_back), (vec![6_002, 6_012], vec![6_012]));
    assert_eq!(o.results(), [("1002".into(), PresentationResult::Answered)]);
    o.run(S(10));
    assert_eq!((ends(&o), o.gateway.counts().ready_seats), (vec![EndReason::Completed], 2));
}

#[test]
fn a_colleague_reaches_a_phone_behind_a_proxy_by_its_registered_path() {
    let mut o = office();
    o.behind.insert(at(6_002));
    o.phone("1002", 6_002, WhenRung::Answers(S(1)));
    dials(&mut o, "1002", HangUp::AfterAnswer(S(5)));
    o.run(S(3));
    let invite = String::from_utf8(o.invites[0].to_vec()).unwrap();
    assert!(invite.contains("\r\nRoute: <sip:127.0.0.1:6002;lr>\r\n"), "{invite}");
    assert_eq!(o.results(), [("1002".into(), PresentationResult::Answered)]);
}

#[test]
fn a_transferred_citizen_speaks_with_the_first_phone_that_answers() {
    let mut o = office();
    o.calls();
    o.run(S(3));
    o.phone("1002", 6_002, WhenRung::Answers(S(2)));
    o.phone("1002", 6_012, WhenRung::Rings);
    refers(&mut o, "1002");
    o.run(S(5));
    assert_eq!(o.connected(), ["1003", "1002"]);
    assert_eq!(o.rang().1, [6_012]);
}

#[test]
fn a_phone_that_dies_in_a_call_between_seats_ends_it() {
    for died in [6_002, DESK] {
        let mut o = office();
        o.phone("1002", 6_002, WhenRung::Answers(S(1)));
        dials(&mut o, "1002", HangUp::Never);
        o.run(S(10));
        assert_eq!(ends(&o), []);
        o.dead.insert(at(died));
        o.run(S(12));
        assert_eq!(ends(&o), [EndReason::SignallingLost], "{died}");
    }
}

#[test]
fn a_citizen_who_came_back_and_loses_his_operator_is_no_recall_any_more() {
    let mut o = office();
    o.phone("1001", 6_001, WhenRung::Rings);
    o.calls();
    o.run(S(3));
    refers(&mut o, "1001");
    o.run(S(1));
    let line = o.told.iter().rev().find_map(|(_, t)| match t {
        PhoneEvent::Talks { line, .. } => Some(*line),
        _ => None,
    });
    let mut said = Vec::new();
    o.phones.get_mut(&at(DESK)).unwrap().seat_hangs_up(o.now, line.unwrap(), &mut said);
    o.phone_said(at(DESK), said);
    o.run(S(25));
    assert_eq!(o.connected(), ["1003", "1003"], "he came back");
    o.dead.insert(at(DESK));
    o.run(S(20));
    let screens: Vec<(u16, bool)> = o
        .told
        .iter()
        .filter_map(|(from, t)| match t {
            PhoneEvent::Rings { display, .. } => Some((from.port(), display.starts_with("[Recall]"))),
            _ => None,
        })
        .collect();
    assert_eq!(screens, [(DESK, false), (6_001, false), (DESK, true), (6_001, false)]);
}
