//! Asking a colleague or a department while a citizen waits, and what whoever is asked is told, one sentence each.

use crate::transfers::*;
use hotline_gateway::cli::phones::HangUp;
use hotline_gateway::event::*;
use hotline_gateway::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

#[test]
fn wrap_ups_of_two_seats_at_the_same_time_both_count() {
    let mut w = hotline(9, 2);
    w.seat_answers(1002, S(1));
    let line = talking(&mut w, HangUp::AfterAnswer(S(5)));
    hands_on(&mut w, line, "<sip:1002@hotline>");
    settle(&mut w);
    let (took, timed_out) = final_record(&w).wrap_up.unwrap();
    assert!(timed_out && took >= S(10) && took < S(11), "{took:?}");
}

#[test]
fn nobody_is_owed_a_call_because_a_seats_own_was_cut_by_a_crash() {
    let mut w = hotline(10, 1);
    w.seat_dials(1001, "601", HangUp::Never);
    w.run(S(3));
    w.kill();
    w.start();
    w.run(S(1));
    let record = final_record(&w);
    let end = record.ended.clone().unwrap();
    assert_eq!((end.reason, end.callback_due, record.callback), (EndReason::Crashed, false, None));
    assert_eq!(record.seat.unwrap().as_str(), "1001");
}
