//! Calls a seat makes, consultation and handing citizens on, one sentence each.

use crate::town::*;
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, PhoneEvent, WhenRung};
use hotline_gateway::event::*;
use hotline_gateway::time::Duration;

#[test]
fn a_seat_calls_a_department_by_its_code_and_the_call_is_on_record() {
    let mut w = hotline(1, 1);
    let line = w.seat_dials(1001, "601", HangUp::AfterAnswer(S(10)));
    settle(&mut w);
    assert_eq!(told(&w, line), ["answered"]);
    let record = final_record(&w);
    assert_eq!((record.direction, record.trunk), (Direction::Outbound, Some("pbx".into())));
    assert_eq!(
        (record.caller.raw.reveal().as_str(), record.service_number.as_str()),
        ("1001", "Water Bureau")
    );
    assert_eq!(record.seat.as_ref().unwrap().as_str(), "1001");
    assert!(record.connected_at.is_some() && record.talked >= S(9), "{:?}", record.talked);
    let end = record.ended.unwrap();
    assert_eq!((end.by, end.reason, end.callback_due), (EndedBy::Seat, EndReason::Completed, false));
    let roles: Vec<_> = record.legs.iter().map(|l| l.role).collect();
    assert_eq!(roles, [LegRole::Caller, LegRole::ThirdParty]);
}

#[test]
fn a_seat_that_calls_is_offered_nothing_until_it_has_hung_up() {
    let mut w = hotline(2, 1);
    w.seat_dials(1001, "601", HangUp::AfterAnswer(S(10)));
    w.run(S(3));
    w.citizen_calls("13812341234", HangUp::AfterAnswer(S(20)));
    w.run(S(5));
    assert!(!w.told.iter().any(|(_, t)| matches!(t, PhoneEvent::Rings { seat, .. } if seat == "1001")));
    settle(&mut w);
    assert!(steps(&w).contains(&"connected 1001".to_owned()), "{}", whole(&w));
}

#[test]
fn a_deputy_is_rung_when_the_main_number_is_busy_or_silent() {
    for when in [WhenRung::Refuses(486), WhenRung::Rings, WhenRung::IsDead] {
        let mut w = hotline(3, 1);
        w.in_town("61230001", when, None);
        let line = w.seat_dials(1001, "water%20bureau", HangUp::AfterAnswer(S(10)));
        settle(&mut w);
        assert_eq!(told(&w, line), ["answered"], "{when:?}{}", whole(&w));
    }
}

#[test]
fn nobody_is_reached_and_the_seat_hears_why_without_a_callback_for_it() {
    let mut w = hotline(4, 1);
    w.in_town("61230001", WhenRung::Refuses(486), None);
    w.in_town("61230002", WhenRung::Refuses(486), None);
    let line = w.seat_dials(1001, "601", HangUp::Never);
    settle(&mut w);
    assert_eq!(told(&w, line), ["refused 486"]);
    assert_eq!(steps(&w), ["ended ThirdParty Unanswered"]);
    assert!(!w.journal.iter().any(|e| matches!(e.what, What::CallbackChanged { .. })));
}

#[test]
fn what_a_seat_may_not_or_cannot_dial_is_refused() {
    let mut w = hotline(5, 2);
    for (dials, answer) in [
        ("13800000000", "refused 403"),
        ("nobody", "refused 404"),
        ("12345", "refused 403"),
        ("1009", "refused 403"),
        ("1001", "refused 486"),
    ] {
        let line = w.seat_dials(1001, dials, HangUp::Never);
        w.run(S(1));
        assert_eq!(told(&w, line), [answer], "{dials}");
    }
    settle(&mut w);
    let mut w = World::with(6, 1, ("", ""), "dial_out = true", TOWN);
    w.in_town("13800000000", WhenRung::Answers(S(1)), Some(S(5)));
    let line = w.seat_dials(1001, "13800000000", HangUp::Never);
    settle(&mut w);
    assert_eq!(told(&w, line), ["answered", "hung up on"]);
}

#[test]
fn one_seat_calls_another_and_neither_is_offered_a_call_meanwhile() {
    let mut w = hotline(7, 2);
    w.seat_answers(1002, S(1));
    let line = w.seat_dials(1001, "1002", HangUp::AfterAnswer(S(10)));
    w.run(S(3));
    w.citizen_calls("13812341234", HangUp::AfterAnswer(S(20)));
    w.run(S(1));
    assert_eq!(w.counts().ready_seats, 0);
    settle(&mut w);
    assert_eq!(told(&w, line), ["answered"]);
    assert!(steps(&w).iter().any(|s| s.starts_with("connected")), "{}", whole(&w));
}

#[test]
fn the_operator_consults_a_department_and_takes_the_citizen_back() {
    let mut w = hotline(8, 1);
    let line = talking(&mut w, HangUp::AfterAnswer(S(40)));
    holds(&mut w, line, true);
    let second = w.seat_dials(1001, "601", HangUp::AfterAnswer(S(5)));
    w.run(S(8));
    holds(&mut w, line, false);
    settle(&mut w);
    assert_eq!(told(&w, second), ["answered"]);
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
    let roles: Vec<_> = final_record(&w).legs.iter().map(|l| l.role).collect();
    assert_eq!(roles, [LegRole::Caller, LegRole::Seat, LegRole::ThirdParty]);
}

#[test]
fn the_department_hangs_up_and_the_operator_still_has_the_citizen() {
    let mut w = hotline(9, 1);
    w.in_town("61230001", WhenRung::Answers(S(1)), Some(S(3)));
    let line = talking(&mut w, HangUp::AfterAnswer(S(40)));
    holds(&mut w, line, true);
    let second = w.seat_dials(1001, "601", HangUp::Never);
    w.run(S(8));
    assert_eq!(told(&w, second), ["answered", "hung up on"]);
    holds(&mut w, line, false);
    settle(&mut w);
    assert_eq!(steps(&w).last().unwrap(), "ended Caller Completed");
}

#[test]
fn a_citizen_who_hangs_up_ends_the_consultation_too() {
    for ringing in [true, false] {
        let mut w = hotline(10, 1);
        let line = talking(&mut w, HangUp::AfterAnswer(S(8)));
        holds(&mut w, line, true);
        if ringing {
            w.in_town("61230001", WhenRung::Rings, None);
        }
        w.seat_dials(1001, "601", HangUp::Never);
        settle(&mut w);
        let department = if ringing { &[][..] } else { &["Water Bureau joined", "Water Bureau left"] };
        let all = [&["connected 1001", "held"], department, &["resumed", "ended Caller Completed"]].concat();
        assert_eq!(steps(&w), all, "{}", whole(&w));
    }
}

#[test]
fn an_operator_who_hangs_up_on_the_citizen_in_consultation_joins_both() {
    let mut w = hotline(11, 1);
    let line = talking(&mut w, HangUp::AfterAnswer(S(40)));
    holds(&mut w, line, true);
    let second = w.seat_dials(1001, "601", HangUp::Never);
    w.run(S(3));
    seat_hangs_up(&mut w, line);
    w.run(S(1));
    assert_eq!(told(&w, second), ["answered", "hung up on"]);
    settle(&mut w);
    assert_eq!(
        steps(&w)[2..],
        [
            "Water Bureau joined",
            "resumed",
            "Attended 1001→Water Bureau Started",
            "Attended 1001→Water Bureau Completed",
            "ended Caller Completed"
        ]
    );
}

#[test]
fn a_citizen_is_handed_on_blindly_and_speaks_with_the_department() {
    let mut w = hotline(12, 1);
    let line = talking(&mut w, HangUp::AfterAnswer(S(40)));
    hands_on(&mut w, line, "<sip:601@hotline>");
    w.run(S(5));
    assert_eq!(told(&w, line), ["referred 202", "notified 100", "notified 200", "free"]);
    // The seat is free for the next one after its wrap-up.
    w.run(S(6));
    assert_eq!(w.counts().ready_seats, 1);
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
    let record = final_record(&w);
    assert_eq!(record.transfers.len(), 2);
    assert!(record.talked >= S(35), "the time with the department counts: {:?}", record.talked);
}

#[test]
fn the_department_may_end_the_call_it_was_handed() {
    let mut w = hotline(13, 1);
    w.in_town("61230001", WhenRung::Answers(S(1)), Some(S(5)));
    let line = talking(&mut w, HangUp::Never);
    hands_on(&mut w, line, "<sip:Water%20Bureau@hotline>");
    settle(&mut w);
    assert_eq!(steps(&w).last().unwrap(), "ended ThirdParty Completed");
}

#[test]
fn nobody_answers_for_20_s_and_the_citizen_is_back_on_the_seats_line() {
    let mut w = hotline(14, 1);
    w.in_town("61230001", WhenRung::Rings, None);
    w.in_town("61230002", WhenRung::Rings, None);
    let line = talking(&mut w, HangUp::AfterAnswer(S(60)));
    holds(&mut w, line, true);
    hands_on(&mut w, line, "<sip:601@hotline>");
    w.run(S(19));
    assert_eq!(told(&w, line), ["referred 202", "notified 100"]);
    w.run(S(2));
    assert_eq!(told(&w, line), ["referred 202", "notified 100", "notified 480"]);
    holds(&mut w, line, false);
    settle(&mut w);
    assert_eq!(
        steps(&w),
        [
            "connected 1001",
            "held",
            "resumed",
            "Blind 1001→Water Bureau Started",
            "Blind 1001→Water Bureau Failed",
            "held",
            "resumed",
            "ended Caller Completed"
        ]
    );
}

#[test]
fn a_seat_that_has_let_go_is_rung_again_with_recall_on_its_screen() {
    let mut w = hotline(15, 2);
    w.in_town("61230001", WhenRung::Rings, None);
    w.in_town("61230002", WhenRung::Rings, None);
    let line = talking(&mut w, HangUp::AfterAnswer(S(60)));
    hands_on(&mut w, line, "<sip:601@hotline>");
    w.run(MS(100));
    seat_hangs_up(&mut w, line);
    w.run(S(21));
    let recalled = w.seats_told.iter().any(|(_, t)| {
        matches!(t, PhoneEvent::Rings { seat, display, .. } if seat == "1001" && display.starts_with("[Recall] "))
    });
    assert!(recalled, "{}", whole(&w));
    settle(&mut w);
    assert_eq!(
        steps(&w),
        [
            "connected 1001",
            "Blind 1001→Water Bureau Started",
            "Blind 1001→Water Bureau Failed",
            "recall 1001",
            "connected 1001",
            "ended Caller Completed"
        ]
    );
}

#[test]
fn a_phone_that_ends_at_a_failed_transfer_is_rung_again_unless_hung_up() {
    for (after, then) in [(MS(300), "recall 1001"), (MS(1_500), "ended Seat Completed")] {
        let mut w = hotline(24, 1);
        w.in_town("61230001", WhenRung::Rings, None);
        w.in_town("61230002", WhenRung::Rings, None);
        let line = talking(&mut w, HangUp::AfterAnswer(S(60)));
        hands_on(&mut w, line, "<sip:601@hotline>");
        w.run(S(20) + after);
        assert_eq!(told(&w, line), ["referred 202", "notified 100", "notified 480"]);
        seat_hangs_up(&mut w, line);
        w.run(S(1));
        assert_eq!(steps(&w).get(3).map(String::as_str), Some(then), "{after:?}");
        settle(&mut w);
        assert!(steps(&w).last().is_some_and(|s| s.starts_with("ended")), "{}", whole(&w));
    }
}

#[test]
fn a_seat_that_is_gone_or_busy_leaves_the_recall_to_the_head_of_the_queue() {
    let mut w = hotline(16, 2);
    w.in_town("61230001", WhenRung::Rings, None);
    w.in_town("61230002", WhenRung::Rings, None);
    let line = talking(&mut w, HangUp::AfterAnswer(S(60)));
    hands_on(&mut w, line, "<sip:601@hotline>");
    w.run(MS(100));
    seat_hangs_up(&mut w, line);
    w.run(S(1));
    w.seat_dials(1001, "*11", HangUp::Never);
    settle(&mut w);
    assert_eq!(
        steps(&w)[2..],
        ["Blind 1001→Water Bureau Failed", "connected 1002", "ended Caller Completed"],
        "{}",
        whole(&w)
    );
}

#[test]
fn a_citizen_who_hangs_up_while_the_target_rings_leaves_nothing_behind() {
    for lets_go in [true, false] {
        let mut w = hotline(17, 1);
        w.in_town("61230001", WhenRung::Rings, None);
        let line = talking(&mut w, HangUp::AfterAnswer(S(6)));
        hands_on(&mut w, line, "<sip:601@hotline>");
        w.run(MS(100));
        if lets_go {
            seat_hangs_up(&mut w, line);
        }
        settle(&mut w);
        assert_eq!(
            steps(&w)[1..],
            [
                "Blind 1001→Water Bureau Started",
                "Blind 1001→Water Bureau Cancelled",
                "ended Caller Completed"
            ],
            "{}",
            whole(&w)
        );
    }
}

#[test]
fn an_answer_that_crosses_the_recall_leaves_one_of_the_two() {
    for after in 0..24 {
        let mut w = hotline(18 + after, 1);
        w.in_town("61230001", WhenRung::Refuses(486), None);
        // The deputy answers within a millisecond of the moment the recall is due.
        let moment = Duration::from_micros(19_998_500 + after * 100);
        w.in_town("61230002", WhenRung::Answers(moment), None);
        let line = talking(&mut w, HangUp::AfterAnswer(S(60)));
        hands_on(&mut w, line, "<sip:601@hotline>");
        settle(&mut w);
        let results: Vec<_> = steps(&w).into_iter().filter(|s| s.starts_with("Blind")).collect();
        assert_eq!(results.len(), 2, "{results:?}");
        assert_eq!(steps(&w).last().unwrap(), "ended Caller Completed");
    }
}

#[test]
fn a_second_refer_waits_for_the_first_and_one_to_nobody_changes_nothing() {
    let mut w = hotline(50, 1);
    let line = talking(&mut w, HangUp::AfterAnswer(S(40)));
    for (to, status) in [
        ("<sip:nobody@hotline>", 404),
        ("<sip:13800000000@hotline>", 403),
        ("nonsense", 400),
        ("<sip:1001@h>", 486),
    ] {
        hands_on(&mut w, line, to);
        w.run(MS(200));
        assert_eq!(told(&w, line).last().unwrap(), &format!("referred {status}"), "{to}");
    }
    w.in_town("61230001", WhenRung::Rings, None);
    hands_on(&mut w, line, "<sip:601@hotline>");
    w.run(MS(200));
    hands_on(&mut w, line, "<sip:601@hotline>");
    w.run(MS(200));
    assert_eq!(told(&w, line)[4..], ["referred 202", "notified 100", "referred 491"]);
    settle(&mut w);
}

#[test]
fn a_citizen_cannot_have_himself_handed_on() {
    let mut w = hotline(51, 1);
    let citizen = w.citizen_calls("13812341234", HangUp::AfterAnswer(S(10)));
    w.run(S(2));
    w.in_hall(|phones, now, out| phones.hands_on(now, citizen, "<sip:601@hotline>", out));
    w.run(S(1));
    assert!(
        w.told.iter().any(|(_, t)| matches!(t, PhoneEvent::HandedOn { status: 403 | 405, .. })),
        "{:?}",
        w.told
    );
    settle(&mut w);
    assert_eq!(steps(&w), ["connected 1001", "ended Caller Completed"]);
}

#[test]
fn after_a_consultation_the_two_are_joined_by_replaces() {
    for from_second in [false, true] {
        let mut w = hotline(52, 1);
        let line = talking(&mut w, HangUp::AfterAnswer(S(40)));
        holds(&mut w, line, true);
        let second = w.seat_dials(1001, "601", HangUp::Never);
        w.run(S(3));
        let (on, other) = if from_second { (second, line) } else { (line, second) };
        let replaces = w.at_desk(|phones, _, _| phones.replaces(other)).expect("a dialog");
        hands_on(&mut w, on, &format!("<sip:601@hotline?{replaces}>"));
        w.run(S(1));
        assert_eq!(told(&w, on).iter().filter(|t| *t == "notified 200").count(), 1, "{:?}", told(&w, on));
        assert!(told(&w, second).contains(&"hung up on".to_owned()));
        assert!(told(&w, line).contains(&"free".to_owned()));
        settle(&mut w);
        assert_eq!(
            steps(&w)[2..],
            [
                "Water Bureau joined",
                "resumed",
                "Attended 1001→Water Bureau Started",
                "Attended 1001→Water Bureau Completed",
                "ended Caller Completed"
            ]
        );
    }
}

#[test]
fn a_consultation_that_still_rings_can_be_handed_over_and_comes_back() {
    let mut w = hotline(53, 1);
    w.in_town("61230001", WhenRung::Rings, None);
    w.in_town("61230002", WhenRung::Rings, None);
    let line = talking(&mut w, HangUp::AfterAnswer(S(60)));
    holds(&mut w, line, true);
    let second = w.seat_dials(1001, "601", HangUp::Never);
    w.run(S(3));
    seat_hangs_up(&mut w, line);
    w.run(S(1));
    assert_eq!(told(&w, second), ["refused 487"]);
    settle(&mut w);
    assert_eq!(
        steps(&w)[2..],
        [
            "resumed",
            "Attended 1001→Water Bureau Started",
            "Attended 1001→Water Bureau Failed",
            "recall 1001",
            "connected 1001",
            "ended Caller Completed"
        ],
        "{}",
        whole(&w)
    );
}

#[test]
fn a_replaces_that_names_no_dialog_or_that_of_another_is_refused() {
    let mut w = hotline(54, 2);
    let line = talking(&mut w, HangUp::AfterAnswer(S(40)));
    w.citizen_calls("13899999999", HangUp::AfterAnswer(S(40)));
    w.run(S(2));
    let others = line_of(&w, 1002);
    let theirs = w.at_desk(|phones, _, _| phones.replaces(others)).expect("a dialog");
    hands_on(&mut w, line, &format!("<sip:1002@hotline?{theirs}>"));
    w.run(MS(200));
    hands_on(&mut w, line, "<sip:1002@hotline?Replaces=x%3Bto-tag%3Dy%3Bfrom-tag%3Dz>");
    w.run(MS(200));
    assert_eq!(told(&w, line), ["referred 403", "referred 481"]);
    settle(&mut w);
}

#[test]
fn a_seat_given_a_citizen_serves_from_there_and_may_transfer_again() {
    let mut w = hotline(55, 2);
    w.seat_answers(1002, S(1));
    let line = talking(&mut w, HangUp::AfterAnswer(S(60)));
    hands_on(&mut w, line, "<sip:1002@hotline>");
    w.run(S(4));
    assert_eq!(told(&w, line), ["referred 202", "notified 100", "notified 200", "free"]);
    let there = line_of(&w, 1002);
    holds(&mut w, there, true);
    holds(&mut w, there, false);
    hands_on(&mut w, there, "<sip:601@hotline>");
    settle(&mut w);
    assert_eq!(
        steps(&w),
        [
            "connected 1001",
            "Blind 1001→1002 Started",
            "1002 joined",
            "Blind 1001→1002 Completed",
            "connected 1002",
            "held",
            "resumed",
            "Blind 1002→Water Bureau Started",
            "Water Bureau joined",
            "Blind 1002→Water Bureau Completed",
            "1002 left",
            "ended Caller Completed"
        ],
        "{}",
        whole(&w)
    );
    let wraps = w.journal.iter().filter(|e| matches!(e.what, What::WrapUpCompleted { .. })).count();
    assert_eq!(wraps, 2, "each seat has its wrap-up");
}

#[test]
fn the_gateway_stops_in_the_middle_of_a_transfer_and_leaves_nothing() {
    for at in [0, 100, 900, 1_100, 3_000] {
        let mut w = hotline(57, 1);
        let line = talking(&mut w, HangUp::Never);
        hands_on(&mut w, line, "<sip:601@hotline>");
        w.run(MS(at));
        w.input(hotline_gateway::gateway::Input::Shutdown);
        settle(&mut w);
    }
}

#[test]
fn who_is_held_in_a_consultation_hears_the_queues_music() {
    let mut w = hotline(77, 3);
    let line = talking(&mut w, HangUp::AfterAnswer(S(60)));
    holds(&mut w, line, true);
    w.seat_does(1002, WhenRung::Answers(S(1)), None);
    w.seat_dials(1001, "1002", HangUp::AfterAnswer(S(30)));
    w.run(S(3));
    let there = line_of(&w, 1002);
    holds(&mut w, there, true);
    w.run(S(3));
    holds(&mut w, there, false);
    settle(&mut w);
}
