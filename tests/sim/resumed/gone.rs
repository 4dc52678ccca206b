//! A restart with a configuration that lacks what calls are in: their talks go on to their end, who waits is let go and owed
//! a call.

use super::{caller, ends, hears, one_record, records, recoveries, seat};
use crate::town::*;
use crate::world::{GATEWAY, SEATS, World};
use hotline_gateway::cli::phones::{HangUp, Phones, WhenRung};
use hotline_gateway::event::*;
use hotline_gateway::id::Random;
use hotline_gateway::media::Source;

const QUEUE: (&str, &str) = ("wrap_up = \"5s\"", "");

/// The gateway dies and goes on by another configuration.
fn restart_by(w: &mut World, text: &str) {
    w.kill();
    w.run(MS(500));
    w.configure(text);
    w.resume();
}

fn talk_each_other(w: &World) -> bool {
    let (caller, seat) = (caller(w), seat(w));
    (hears(w, caller), hears(w, seat)) == (Source::Leg(seat), Source::Leg(caller))
}

fn wrap_ups(w: &World) -> usize {
    w.journal.iter().filter(|e| matches!(e.what, What::WrapUpStarted { .. })).count()
}

fn without_the_queue() -> String {
    World::text(1, QUEUE, "", "")
        .replace("name = \"main\"", "name = \"other\"")
        .replace("queue = \"main\"", "queue = \"other\"")
}

#[test]
fn a_talk_from_a_queue_that_is_gone_goes_on_and_has_no_wrap_up() {
    let mut w = World::new(1, 1, QUEUE.0, "");
    let line = talking(&mut w, HangUp::AfterAnswer(S(20)));
    restart_by(&mut w, &without_the_queue());
    w.run(S(1));
    assert!(talk_each_other(&w));
    holds(&mut w, line, true);
    holds(&mut w, line, false);
    assert!(talk_each_other(&w));
    settle(&mut w);
    assert_eq!(steps(&w), ["connected 1001", "held", "resumed", "ended Caller Completed"]);
    assert_eq!((recoveries(&w), wrap_ups(&w)), (vec![(500, 2)], 0));
    assert_eq!(w.counts().ready_seats, 1, "it takes calls of the other queue");
    one_record(&w);
}

#[test]
fn a_caller_who_loses_the_seat_in_a_queue_that_is_gone_is_owed_a_call() {
    let mut w = World::new(2, 1, QUEUE.0, "");
    talking(&mut w, HangUp::Never);
    // The phone was restarted too, and knows no such dialog.
    let at = |text: &str| text.parse().unwrap();
    w.seats = Phones::new(at(SEATS), at(GATEWAY), Random::from_number(9));
    restart_by(&mut w, &without_the_queue());
    w.run(S(100));
    assert_eq!((ends(&w).len(), records(&w).len()), (1, 1), "{}", whole(&w));
    assert!(ends(&w)[0].callback_due, "{}", whole(&w));
}

#[test]
fn who_waits_in_a_queue_that_is_gone_is_let_go_and_owed_a_call() {
    for notice in ["", "welcome = \"welcome\""] {
        let mut w = World::with(3, 1, (QUEUE.0, notice), "", "");
        w.seat_does(1001, WhenRung::Rings, None);
        for n in 1..=2 {
            w.citizen_calls(&format!("1380000000{n}"), HangUp::Never);
        }
        w.run(S(2));
        restart_by(&mut w, &without_the_queue());
        w.run(S(1));
        assert_eq!(w.citizens.open_calls(), 0, "they are told");
        settle(&mut w);
        let ends = ends(&w);
        assert_eq!(ends.len(), 2);
        for end in ends {
            assert_eq!(
                (end.by, end.reason, end.callback_due),
                (EndedBy::Gateway, EndReason::QueueFull, true)
            );
        }
        let left = |e: &What| matches!(e, What::QueueLeft { exit: QueueExit::Closed, .. });
        assert_eq!(w.journal.iter().filter(|e| left(&e.what)).count(), 2);
        assert_eq!((w.callbacks.len(), records(&w).len()), (2, 2));
    }
}

#[test]
fn a_seat_that_is_gone_talks_on_until_either_side_hangs_up() {
    for by_seat in [true, false] {
        let mut w = World::new(4, 2, QUEUE.0, "");
        w.seat_does(1002, WhenRung::Refuses(486), None);
        let line = talking(&mut w, if by_seat { HangUp::Never } else { HangUp::AfterAnswer(S(20)) });
        // The only seat that is left is the other one.
        let text = World::text(1, QUEUE, "", "").replace("1001-1001", "1002-1002");
        restart_by(&mut w, &text);
        w.run(S(1));
        assert!(talk_each_other(&w));
        holds(&mut w, line, true);
        holds(&mut w, line, false);
        if by_seat {
            seat_hangs_up(&mut w, line);
        }
        settle(&mut w);
        let end = if by_seat { "ended Seat Completed" } else { "ended Caller Completed" };
        assert_eq!(steps(&w), ["connected 1001", "held", "resumed", end], "{}", whole(&w));
        one_record(&w);
    }
}

#[test]
fn a_seat_that_is_gone_while_it_rings_is_told_and_another_is_rung() {
    let mut w = World::new(5, 2, QUEUE.0, "");
    w.seat_does(1001, WhenRung::Rings, None);
    w.seat_does(1002, WhenRung::Rings, None);
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(20)));
    w.run(S(2));
    w.seat_answers(1002, S(1));
    restart_by(&mut w, &World::text(1, QUEUE, "", "").replace("1001-1001", "1002-1002"));
    w.run(S(3));
    assert_eq!(steps(&w), ["connected 1002"]);
    settle(&mut w);
    one_record(&w);
}

#[test]
fn a_trunk_that_is_gone_talks_on_until_either_side_hangs_up() {
    let other = "[[trunk]]\nname = \"other\"\nsources = [\"192.0.2.0/28\"]\ntargets = [\"sip:192.0.2.1:5060\"]\nping = \"0s\"\n";
    for by_seat in [true, false] {
        let mut w = World::with(6, 1, QUEUE, "", other);
        let line = talking(&mut w, if by_seat { HangUp::Never } else { HangUp::AfterAnswer(S(20)) });
        let text = World::text(1, QUEUE, "", "");
        let (head, tail) = (text.find("[[trunk]]").unwrap(), text.find("[[seat]]").unwrap());
        restart_by(&mut w, &format!("{}{other}{}", &text[..head], &text[tail..]));
        w.run(S(1));
        assert!(talk_each_other(&w));
        if by_seat {
            seat_hangs_up(&mut w, line);
        }
        settle(&mut w);
        let end = if by_seat { "ended Seat Completed" } else { "ended Caller Completed" };
        assert_eq!(steps(&w), ["connected 1001", end], "{}", whole(&w));
        one_record(&w);
    }
}

#[test]
fn a_trunk_that_is_gone_still_has_its_callers_in_the_queue() {
    let other = "[[trunk]]\nname = \"other\"\nsources = [\"192.0.2.0/28\"]\ntargets = [\"sip:192.0.2.1:5060\"]\nping = \"0s\"\n";
    let mut w = World::with(7, 1, QUEUE, "", other);
    w.seat_does(1001, WhenRung::Rings, None);
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(20)));
    w.run(S(2));
    let text = World::text(1, QUEUE, "", "");
    let (head, tail) = (text.find("[[trunk]]").unwrap(), text.find("[[seat]]").unwrap());
    w.seat_answers(1001, S(1));
    restart_by(&mut w, &format!("{}{other}{}", &text[..head], &text[tail..]));
    settle(&mut w);
    assert_eq!(steps(&w), ["connected 1001", "ended Caller Completed"]);
    one_record(&w);
}

#[test]
fn a_service_number_that_is_gone_keeps_the_calls_it_brought() {
    let mut w = World::new(8, 1, QUEUE.0, "");
    talking(&mut w, HangUp::AfterAnswer(S(20)));
    let text = World::text(1, QUEUE, "", "").replace("number = \"12345\"", "number = \"54321\"");
    restart_by(&mut w, &text);
    settle(&mut w);
    assert_eq!(
        (steps(&w), wrap_ups(&w)),
        (vec!["connected 1001".to_owned(), "ended Caller Completed".to_owned()], 1)
    );
    one_record(&w);
}
