//! Transfers under way over a restart: the caller goes on waiting, and the target is rung anew.

use super::{caller, hears, hears_music, joined, one_record, presentations, recoveries, restart};
use crate::town::*;
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::event::*;
use hotline_gateway::media::Source;

#[test]
fn a_blind_transfer_goes_on_and_the_phone_is_told_how_it_ended() {
    let mut w = hotline(1, 1);
    w.in_town("61230001", WhenRung::Answers(S(4)), None);
    let line = talking(&mut w, HangUp::AfterAnswer(S(40)));
    hands_on(&mut w, line, "<sip:601@hotline>");
    w.run(S(2));
    let before = w.commands.len();
    restart(&mut w);
    w.run(S(1));
    w.commands.drain(..before);
    assert!(hears_music(&w, caller(&w)), "{:?}", hears(&w, caller(&w)));
    w.run(S(6));
    assert_eq!(told(&w, line), ["referred 202", "notified 100", "notified 200", "free"]);
    assert_eq!(
        (hears(&w, caller(&w)), hears(&w, joined(&w))),
        (Source::Leg(joined(&w)), Source::Leg(caller(&w)))
    );
    assert_eq!(w.channels_in_use(), 2);
    settle(&mut w);
    assert_eq!(
        steps(&w),
        [
            "connected 1001",
            "Blind 1001→Water Bureau Started",
            "Water Bureau joined",
            "Blind 1001→Water Bureau Completed",
            "ended Caller Completed"
        ]
    );
    assert_eq!(recoveries(&w), [(500, 2)]);
    one_record(&w);
}

#[test]
fn a_transfer_whose_seat_has_hung_up_goes_on_to_its_target() {
    let mut w = hotline(2, 1);
    w.in_town("61230001", WhenRung::Answers(S(4)), None);
    let line = talking(&mut w, HangUp::AfterAnswer(S(40)));
    hands_on(&mut w, line, "<sip:601@hotline>");
    w.run(S(1));
    seat_hangs_up(&mut w, line);
    w.run(S(1));
    restart(&mut w);
    settle(&mut w);
    assert_eq!(
        steps(&w),
        [
            "connected 1001",
            "Blind 1001→Water Bureau Started",
            "Water Bureau joined",
            "Blind 1001→Water Bureau Completed",
            "ended Caller Completed"
        ]
    );
    assert_eq!(recoveries(&w), [(500, 1)]);
    one_record(&w);
}

#[test]
fn a_colleague_who_rings_for_a_transfer_is_rung_anew_and_serves() {
    let mut w = hotline(3, 2);
    w.seat_answers(1002, S(4));
    let line = talking(&mut w, HangUp::AfterAnswer(S(40)));
    hands_on(&mut w, line, "<sip:1002@hotline>");
    w.run(S(2));
    restart(&mut w);
    settle(&mut w);
    let ends: Vec<_> = presentations(&w).into_iter().map(|(_, how)| how).collect();
    let (answered, withdrawn) = (PresentationResult::Answered, PresentationResult::Withdrawn);
    assert_eq!(ends, [answered, withdrawn, answered]);
    assert_eq!(
        steps(&w),
        [
            "connected 1001",
            "Blind 1001→1002 Started",
            "1002 joined",
            "Blind 1001→1002 Completed",
            "connected 1002",
            "ended Caller Completed"
        ]
    );
    one_record(&w);
}

#[test]
fn an_attended_transfer_whose_target_rings_goes_on() {
    let mut w = hotline(4, 1);
    w.in_town("61230001", WhenRung::Answers(S(6)), None);
    let line = talking(&mut w, HangUp::AfterAnswer(S(40)));
    holds(&mut w, line, true);
    w.seat_dials(1001, "601", HangUp::Never);
    w.run(S(2));
    seat_hangs_up(&mut w, line);
    w.run(S(1));
    restart(&mut w);
    settle(&mut w);
    assert_eq!(
        steps(&w)[2..],
        [
            "resumed",
            "Attended 1001→Water Bureau Started",
            "Water Bureau joined",
            "Attended 1001→Water Bureau Completed",
            "ended Caller Completed"
        ],
        "{}",
        whole(&w)
    );
    one_record(&w);
}

#[test]
fn a_target_that_cannot_be_had_any_more_gives_the_caller_back() {
    let mut w = hotline(5, 1);
    w.in_town("61230001", WhenRung::Rings, None);
    w.in_town("61230002", WhenRung::Refuses(486), None);
    let line = talking(&mut w, HangUp::AfterAnswer(S(60)));
    hands_on(&mut w, line, "<sip:601@hotline>");
    w.run(S(2));
    restart(&mut w);
    w.in_town("61230001", WhenRung::Refuses(486), None);
    w.run(S(5));
    assert_eq!(told(&w, line), ["referred 202", "notified 100", "notified 486"]);
    settle(&mut w);
    assert_eq!(
        steps(&w),
        [
            "connected 1001",
            "Blind 1001→Water Bureau Started",
            "Blind 1001→Water Bureau Failed",
            "ended Caller Completed"
        ]
    );
    one_record(&w);
}

#[test]
fn a_caller_who_hangs_up_in_the_gap_ends_the_transfer() {
    let mut w = hotline(6, 1);
    w.in_town("61230001", WhenRung::Rings, None);
    let line = talking(&mut w, HangUp::AfterDialling(MS(4_200)));
    hands_on(&mut w, line, "<sip:601@hotline>");
    w.run(S(2));
    restart(&mut w);
    settle(&mut w);
    assert_eq!(
        steps(&w),
        [
            "connected 1001",
            "Blind 1001→Water Bureau Started",
            "Blind 1001→Water Bureau Cancelled",
            "ended Caller Completed"
        ]
    );
    one_record(&w);
}
