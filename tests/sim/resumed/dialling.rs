//! Seats that dial over a restart: the seat goes on waiting, and the party it wants is rung anew.

use super::{caller, one_record, presentations, recoveries, restart};
use crate::town::*;
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, PhoneEvent, WhenRung};
use hotline_gateway::event::*;

/// How often a number or a seat rang.
fn rang(w: &World, whom: &str) -> usize {
    let rings = |event: &PhoneEvent| matches!(event, PhoneEvent::Rings { seat, .. } if seat == whom);
    w.told.iter().filter(|(_, event)| rings(event)).count()
}

fn taken_back(w: &World, whom: &str) -> usize {
    let taken = |event: &PhoneEvent| matches!(event, PhoneEvent::TakenBack { seat, .. } if seat == whom);
    w.told.iter().filter(|(_, event)| taken(event)).count()
}

#[test]
fn a_seat_that_dials_outside_waits_on_and_the_number_is_rung_anew() {
    let mut w = hotline(1, 1);
    w.in_town("61230001", WhenRung::Answers(S(4)), None);
    let line = w.seat_dials(1001, "601", HangUp::AfterAnswer(S(10)));
    w.run(S(2));
    restart(&mut w);
    w.run(S(1));
    assert_eq!((rang(&w, "61230001"), taken_back(&w, "61230001")), (2, 1));
    assert_eq!((w.channels_in_use(), w.counts().ready_seats), (1, 0));
    settle(&mut w);
    assert_eq!(told(&w, line), ["answered"]);
    assert_eq!(steps(&w), ["Water Bureau joined", "ended Seat Completed"]);
    assert_eq!(recoveries(&w), [(500, 0)]);
    let record = one_record(&w);
    assert!(record.talked > S(9) && record.talked < S(11), "{:?}", record.talked);
    assert_eq!(w.channels_in_use(), 0);
}

#[test]
fn a_seat_that_dials_a_colleague_waits_on() {
    let mut w = hotline(2, 2);
    w.seat_answers(1002, S(4));
    let line = w.seat_dials(1001, "1002", HangUp::AfterAnswer(S(10)));
    w.run(S(2));
    restart(&mut w);
    w.run(S(1));
    assert_eq!((rang(&w, "1002"), taken_back(&w, "1002"), w.counts().ready_seats), (2, 1, 0));
    settle(&mut w);
    assert_eq!(told(&w, line), ["answered"]);
    let (answered, withdrawn) = (PresentationResult::Answered, PresentationResult::Withdrawn);
    assert_eq!(presentations(&w), [("1002".to_owned(), withdrawn), ("1002".to_owned(), answered)]);
    one_record(&w);
}

#[test]
fn a_phone_that_is_gone_when_it_is_rung_anew_leaves_the_seat_its_answer() {
    let mut w = hotline(3, 2);
    w.seat_does(1002, WhenRung::Rings, None);
    let line = w.seat_dials(1001, "1002", HangUp::Never);
    w.run(S(2));
    w.kill();
    w.seat_does(1002, WhenRung::Refuses(486), None);
    w.run(MS(500));
    w.resume();
    settle(&mut w);
    assert_eq!(told(&w, line), ["refused 486"]);
    assert_eq!(steps(&w), ["ended ThirdParty Unanswered"]);
    one_record(&w);
}

#[test]
fn a_seat_that_gives_up_in_the_gap_ends_its_call() {
    let mut w = hotline(4, 1);
    w.in_town("61230001", WhenRung::Rings, None);
    let line = w.seat_dials(1001, "601", HangUp::AfterDialling(MS(2_200)));
    w.run(S(2));
    restart(&mut w);
    settle(&mut w);
    assert_eq!(told(&w, line), ["refused 487"]);
    assert_eq!(steps(&w), ["ended Seat Cancelled"]);
    assert_eq!((rang(&w, "61230001"), taken_back(&w, "61230001")), (2, 2));
    one_record(&w);
}

#[test]
fn a_seat_whose_number_answered_in_the_gap_reaches_it_by_the_second_call() {
    let mut w = hotline(5, 1);
    w.in_town("61230001", WhenRung::Answers(MS(2_200)), None);
    let line = w.seat_dials(1001, "601", HangUp::AfterAnswer(S(10)));
    w.run(S(2));
    restart(&mut w);
    settle(&mut w);
    assert_eq!(told(&w, line), ["answered"]);
    assert_eq!(steps(&w), ["Water Bureau joined", "ended Seat Completed"]);
    one_record(&w);
}

#[test]
fn a_deputy_is_rung_after_the_restart_too() {
    let mut w = hotline(6, 1);
    w.in_town("61230001", WhenRung::Rings, None);
    let line = w.seat_dials(1001, "601", HangUp::AfterAnswer(S(10)));
    w.run(S(2));
    restart(&mut w);
    w.in_town("61230001", WhenRung::Refuses(486), None);
    settle(&mut w);
    assert_eq!((told(&w, line), rang(&w, "61230002")), (vec!["answered".to_owned()], 1));
    let record = one_record(&w);
    assert_eq!(record.legs.first().map(|leg| leg.leg), Some(caller(&w)));
}

#[test]
fn two_restarts_while_a_seat_dials_ring_the_number_three_times() {
    let mut w = hotline(7, 1);
    w.in_town("61230001", WhenRung::Answers(S(4)), None);
    let line = w.seat_dials(1001, "601", HangUp::AfterAnswer(S(10)));
    w.run(S(2));
    restart(&mut w);
    w.run(S(2));
    restart(&mut w);
    settle(&mut w);
    assert_eq!((told(&w, line), rang(&w, "61230001")), (vec!["answered".to_owned()], 3));
    assert_eq!(recoveries(&w), [(500, 0), (500, 0)]);
    one_record(&w);
}
