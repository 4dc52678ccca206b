//! Calls go on after a restart of the gateway: those who talk, who are on hold, who wait and who ring.

mod dialling;
mod gone;
mod hold;
mod probes;
mod stopped;
mod transfers;
mod waiting;

use crate::checks::{nothing_is_left, promises};
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::event::*;
use hotline_gateway::gateway::Input;
use hotline_gateway::id::LegId;
use hotline_gateway::media::{Command, Source};
use hotline_gateway::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

/// The gateway dies, is away for half a second, and goes on.
fn restart(w: &mut World) {
    w.kill();
    w.run(Duration::from_millis(500));
    w.resume();
}

fn count(w: &World, which: impl Fn(&What) -> bool) -> usize {
    w.journal.iter().filter(|e| which(&e.what)).count()
}

fn recovered(w: &World) -> usize {
    count(w, |what| matches!(what, What::CallRecovered { .. }))
}

fn ends(w: &World) -> Vec<CallEnded> {
    let ends = w.journal.iter().filter_map(|e| match &e.what {
        What::CallEnded(end) => Some(end.clone()),
        _ => None,
    });
    ends.collect()
}

fn records(w: &World) -> Vec<CallRecord> {
    let finals = w.journal.iter().filter_map(|e| match &e.what {
        What::CallRecordUpdated(record) if record.is_final => Some((**record).clone()),
        _ => None,
    });
    finals.collect()
}

/// What the leg is told to hear, after all that was told.
fn hears(w: &World, leg: LegId) -> Source {
    let told = w.commands.iter().rev().find_map(|command| match command {
        Command::Hear { leg: of, source } if *of == leg => Some(source.clone()),
        _ => None,
    });
    told.unwrap_or(Source::Silence)
}

/// Whether a leg hears music, from its beginning since the last restart.
fn hears_music(w: &World, leg: LegId) -> bool {
    matches!(hears(w, leg), Source::Prompt { repeat: true, .. })
}

/// The leg of the party that began the call.
fn caller(w: &World) -> LegId {
    let received = w.journal.iter().find_map(|e| match &e.what {
        What::CallReceived(received) => Some(received.leg),
        _ => None,
    });
    received.expect("a call")
}

/// The leg of the seat that was connected last.
fn seat(w: &World) -> LegId {
    let connected = w.journal.iter().rev().find_map(|e| match &e.what {
        What::SeatConnected { leg, .. } => Some(*leg),
        _ => None,
    });
    connected.expect("a seat that talks")
}

/// The leg of the party that joined last.
fn joined(w: &World) -> LegId {
    let joined = w.journal.iter().rev().find_map(|e| match &e.what {
        What::ParticipantChanged { leg, joined: true, .. } => Some(*leg),
        _ => None,
    });
    joined.expect("a party that joined")
}

/// The gap and the legs of each recovery that was told.
fn recoveries(w: &World) -> Vec<(u64, u32)> {
    let told = w.journal.iter().filter_map(|e| match &e.what {
        What::CallRecovered { gap, legs } => Some((gap.as_millis() as u64, *legs)),
        _ => None,
    });
    told.collect()
}

/// How each presentation ended.
fn presentations(w: &World) -> Vec<(String, PresentationResult)> {
    let ends = w.journal.iter().filter_map(|e| match &e.what {
        What::SeatPresentationEnded(ended) => Some((ended.seat.to_string(), ended.result)),
        _ => None,
    });
    ends.collect()
}

/// The record of the only call.
fn one_record(w: &World) -> CallRecord {
    let mut records = records(w);
    assert_eq!(records.len(), 1, "one record{}", crate::town::whole(w));
    records.remove(0)
}

/// Lets everything end, and looks at what always holds.
fn settle(w: &mut World) {
    w.run(S(180));
    promises(&w.journal);
    nothing_is_left(w);
}

#[test]
fn a_talk_goes_on_and_is_one_talk_in_the_record() {
    let mut w = World::new(1, 1, "wrap_up = \"1s\"", "");
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(20)));
    w.run(S(5));
    restart(&mut w);
    w.run(S(5));
    assert_eq!((recovered(&w), ends(&w).len()), (1, 0));
    settle(&mut w);
    let record = &records(&w)[0];
    assert_eq!(ends(&w)[0].reason, EndReason::Completed);
    assert_eq!(ends(&w)[0].by, EndedBy::Caller);
    assert_eq!(record.presentations.len(), 1);
    assert!(record.talked > S(18) && record.talked < S(21), "{:?}", record.talked);
    assert_eq!(record.gap, Duration::from_millis(500));
}

#[test]
fn either_side_ends_the_talk_after_the_restart() {
    let mut w = World::new(2, 1, "wrap_up = \"1s\"", "");
    w.seat_does(1001, WhenRung::Answers(S(1)), Some(S(10)));
    w.citizen_calls("13800000001", HangUp::Never);
    w.run(S(5));
    restart(&mut w);
    settle(&mut w);
    assert_eq!(ends(&w)[0].by, EndedBy::Seat);
}

#[test]
fn callers_who_wait_keep_their_order() {
    let mut w = World::new(3, 1, "wrap_up = \"0s\"", "");
    w.seat_does(1001, WhenRung::Answers(S(1)), Some(S(4)));
    for n in 1..=4 {
        w.citizen_calls(&format!("1380000000{n}"), HangUp::Never);
        w.run(Duration::from_millis(300));
    }
    w.run(S(2));
    restart(&mut w);
    settle(&mut w);
    let entered: Vec<_> = w.journal.iter().filter(|e| matches!(e.what, What::QueueEntered(_))).collect();
    assert_eq!(entered.len(), 4, "nobody enters twice");
    let in_order = |which: fn(&What) -> bool| -> Vec<_> {
        w.journal.iter().filter(|e| which(&e.what)).map(|e| e.call.as_ref().unwrap().id).collect()
    };
    let came = in_order(|what| matches!(what, What::QueueEntered(_)));
    let served = in_order(|what| matches!(what, What::SeatConnected { .. }));
    assert_eq!(came, served);
    assert_eq!(recovered(&w), 4);
}

#[test]
fn a_caller_who_is_presented_is_presented_anew() {
    let mut w = World::new(4, 1, "", "");
    w.seat_does(1001, WhenRung::Answers(S(3)), Some(S(4)));
    w.citizen_calls("13800000001", HangUp::Never);
    w.run(S(2));
    restart(&mut w);
    settle(&mut w);
    let results: Vec<_> = w
        .journal
        .iter()
        .filter_map(|e| match &e.what {
            What::SeatPresentationEnded(ended) => Some(ended.result),
            _ => None,
        })
        .collect();
    assert_eq!(results, [PresentationResult::Withdrawn, PresentationResult::Answered]);
}

#[test]
fn an_invite_that_is_not_answered_goes_on_as_the_same_call() {
    let mut w = World::new(5, 1, "", "answer_delay_ms = 3000");
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(8)));
    w.run(S(1));
    restart(&mut w);
    settle(&mut w);
    let received = count(&w, |what| matches!(what, What::CallReceived(_)));
    let answered = count(&w, |what| matches!(what, What::CallAnswered { .. }));
    assert_eq!((received, answered), (1, 1));
    assert_eq!(ends(&w)[0].reason, EndReason::Completed);
}

#[test]
fn a_caller_who_hangs_up_while_the_gateway_is_away_is_heard() {
    let mut w = World::new(6, 1, "wrap_up = \"0s\"", "");
    w.citizen_calls("13800000001", HangUp::AfterAnswer(Duration::from_millis(4_200)));
    w.run(S(4));
    restart(&mut w);
    w.run(S(3));
    assert_eq!(ends(&w).len(), 1, "its BYE came again");
    assert_eq!(ends(&w)[0].by, EndedBy::Caller);
    settle(&mut w);
}

#[test]
fn the_same_call_outlives_two_restarts() {
    let mut w = World::new(7, 1, "", "");
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(30)));
    w.run(S(5));
    restart(&mut w);
    w.run(S(5));
    restart(&mut w);
    settle(&mut w);
    assert_eq!(recovered(&w), 2);
    assert_eq!(records(&w)[0].gap, S(1));
    assert_eq!(ends(&w)[0].reason, EndReason::Completed);
}

#[test]
fn past_the_window_every_dialog_gets_its_bye_and_the_talk_its_time() {
    let mut w = World::new(8, 1, "", "");
    for n in 1..=2 {
        w.citizen_calls(&format!("1380000000{n}"), HangUp::Never);
    }
    w.run(S(10));
    w.kill();
    w.run(S(100));
    w.start();
    w.run(S(2));
    assert_eq!(ends(&w).len(), 2);
    assert!(ends(&w).iter().all(|end| end.reason == EndReason::Crashed && end.callback_due));
    assert!(records(&w).iter().any(|record| record.talked > S(7)), "it has talk time");
    assert_eq!(w.citizens.open_calls(), 0, "the callers are told");
    assert_eq!(w.seats.open_calls(), 0, "the seats are told");
    promises(&w.journal);
}

#[test]
fn a_suspended_gateway_leaves_everything_to_the_next() {
    let mut w = World::new(9, 1, "", "");
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(20)));
    w.citizen_calls("13800000002", HangUp::AfterAnswer(S(60)));
    w.run(S(5));
    w.input(Input::Suspend);
    w.run(Duration::from_millis(10));
    restart(&mut w);
    settle(&mut w);
    assert_eq!(recovered(&w), 2);
}
