//! Talks over a restart: on hold, with a party outside, with a colleague who is asked.

use super::{caller, hears, hears_music, joined, one_record, presentations, recoveries, restart, seat};
use crate::town::*;
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::event::*;
use hotline_gateway::media::Source;

#[test]
fn a_caller_on_hold_hears_music_again_and_is_taken_back() {
    let mut w = hotline(1, 1);
    let line = talking(&mut w, HangUp::AfterAnswer(S(20)));
    holds(&mut w, line, true);
    let before = w.commands.len();
    restart(&mut w);
    w.run(S(1));
    w.commands.drain(..before);
    assert!(hears_music(&w, caller(&w)), "{:?}", hears(&w, caller(&w)));
    assert_eq!(hears(&w, seat(&w)), Source::Silence, "who holds is sent nothing");
    assert_eq!(steps(&w), ["connected 1001", "held"]);
    holds(&mut w, line, false);
    assert_eq!(
        (hears(&w, caller(&w)), hears(&w, seat(&w))),
        (Source::Leg(seat(&w)), Source::Leg(caller(&w)))
    );
    settle(&mut w);
    assert_eq!(steps(&w), ["connected 1001", "held", "resumed", "ended Caller Completed"]);
    assert_eq!(recoveries(&w), [(500, 2)]);
    let record = one_record(&w);
    assert!(record.talked > S(18) && record.held > S(1), "{:?} {:?}", record.talked, record.held);
}

#[test]
fn a_caller_on_hold_who_hangs_up_after_the_restart_ends_the_hold() {
    let mut w = hotline(2, 1);
    let line = talking(&mut w, HangUp::AfterAnswer(S(8)));
    holds(&mut w, line, true);
    restart(&mut w);
    settle(&mut w);
    assert_eq!(steps(&w), ["connected 1001", "held", "resumed", "ended Caller Completed"]);
    one_record(&w);
}

#[test]
fn a_seat_and_the_party_outside_it_called_talk_on() {
    let mut w = hotline(3, 1);
    let line = w.seat_dials(1001, "601", HangUp::AfterAnswer(S(20)));
    w.run(S(5));
    let before = w.commands.len();
    restart(&mut w);
    w.run(S(1));
    w.commands.drain(..before);
    let (seat, outside) = (caller(&w), joined(&w));
    assert_eq!((hears(&w, seat), hears(&w, outside)), (Source::Leg(outside), Source::Leg(seat)));
    assert_eq!((w.channels_in_use(), w.counts().ready_seats), (1, 0));
    settle(&mut w);
    assert_eq!(told(&w, line), ["answered"]);
    assert_eq!(w.channels_in_use(), 0);
    assert_eq!(recoveries(&w), [(500, 2)]);
    let record = one_record(&w);
    assert_eq!(record.direction, Direction::Outbound);
    assert!(record.talked > S(18) && record.talked < S(21), "{:?}", record.talked);
    assert_eq!(steps(&w), ["Water Bureau joined", "ended Seat Completed"]);
}

#[test]
fn the_party_outside_may_end_the_talk_after_the_restart() {
    let mut w = hotline(4, 1);
    w.in_town("61230001", WhenRung::Answers(S(1)), Some(S(10)));
    let line = w.seat_dials(1001, "601", HangUp::Never);
    w.run(S(5));
    restart(&mut w);
    settle(&mut w);
    assert_eq!(told(&w, line), ["answered", "hung up on"]);
    assert_eq!(steps(&w).last().unwrap(), "ended ThirdParty Completed");
}

#[test]
fn a_colleague_who_is_asked_is_let_go_and_the_caller_stays_on_hold() {
    let mut w = hotline(5, 2);
    let line = talking(&mut w, HangUp::AfterAnswer(S(30)));
    holds(&mut w, line, true);
    w.seat_answers(1002, S(1));
    let second = w.seat_dials(1001, "1002", HangUp::Never);
    w.run(S(3));
    let before = w.commands.len();
    restart(&mut w);
    w.run(S(1));
    w.commands.drain(..before);
    assert_eq!(told(&w, second), ["answered", "hung up on"]);
    assert!(hears_music(&w, caller(&w)));
    assert_eq!(w.counts().ready_seats, 1, "the colleague takes calls again");
    holds(&mut w, line, false);
    settle(&mut w);
    assert_eq!(
        steps(&w),
        ["connected 1001", "held", "1002 joined", "1002 left", "resumed", "ended Caller Completed"]
    );
    let answered = PresentationResult::Answered;
    assert_eq!(presentations(&w), [("1001".to_owned(), answered), ("1002".to_owned(), answered)]);
    assert_eq!(recoveries(&w), [(500, 4)]);
    one_record(&w);
}

#[test]
fn a_colleague_who_rings_is_told_and_may_be_asked_again() {
    let mut w = hotline(6, 2);
    let line = talking(&mut w, HangUp::AfterAnswer(S(30)));
    holds(&mut w, line, true);
    w.seat_does(1002, WhenRung::Rings, None);
    let second = w.seat_dials(1001, "1002", HangUp::Never);
    w.run(S(3));
    restart(&mut w);
    w.run(S(1));
    assert_eq!(told(&w, second), ["refused 480"]);
    assert_eq!(w.counts().ready_seats, 1, "the colleague takes calls again");
    w.seat_answers(1002, S(1));
    let third = w.seat_dials(1001, "1002", HangUp::AfterAnswer(S(3)));
    w.run(S(6));
    assert_eq!(told(&w, third), ["answered"]);
    holds(&mut w, line, false);
    settle(&mut w);
    let (answered, withdrawn) = (PresentationResult::Answered, PresentationResult::Withdrawn);
    let ends: Vec<_> = presentations(&w).into_iter().map(|(_, how)| how).collect();
    assert_eq!(ends, [answered, withdrawn, answered]);
    assert_eq!(steps(&w).last().unwrap(), "ended Caller Completed");
    one_record(&w);
}

#[test]
fn a_department_that_is_asked_is_let_go_with_its_channel() {
    let mut w = hotline(7, 1);
    let line = talking(&mut w, HangUp::AfterAnswer(S(30)));
    holds(&mut w, line, true);
    w.seat_dials(1001, "601", HangUp::Never);
    w.run(S(3));
    assert_eq!(w.channels_in_use(), 2);
    restart(&mut w);
    w.run(S(1));
    assert_eq!(w.channels_in_use(), 1);
    settle(&mut w);
    assert_eq!(
        steps(&w),
        [
            "connected 1001",
            "held",
            "Water Bureau joined",
            "Water Bureau left",
            "resumed",
            "ended Caller Completed"
        ]
    );
    one_record(&w);
}
