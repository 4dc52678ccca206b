//! A small town for calls between seats and departments: what operators do there, and what is read off afterwards.

use crate::checks::{by_call, nothing_is_left, promises, story};
use crate::owed::the_store_has_what_is_owed;
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, Line, PhoneEvent, WhenRung};
use hotline_gateway::event::*;
use hotline_gateway::time::Duration;

pub const S: fn(u64) -> Duration = Duration::from_secs;
pub const MS: fn(u64) -> Duration = Duration::from_millis;

pub const TOWN: &str = "[dial]\ntrunk = \"pbx\"\n\
    [[department]]\nname = \"Water Bureau\"\ncode = \"601\"\nnumbers = [\"61230001\", \"61230002\"]\n";

/// Two or more seats and a department whose main number answers after a second.
pub fn hotline(seed: u64, seats: u32) -> World {
    let mut w = World::with(seed, seats, ("wrap_up = \"5s\"", ""), "", TOWN);
    w.in_town("61230001", WhenRung::Answers(S(1)), None);
    w.in_town("61230002", WhenRung::Answers(S(1)), None);
    w
}

pub fn settle(w: &mut World) {
    w.run(S(300));
    promises(&w.journal);
    the_store_has_what_is_owed(w);
    nothing_is_left(w);
}

/// A citizen who talks with a seat; the seat's line.
pub fn talking(w: &mut World, hangs_up: HangUp) -> Line {
    w.citizen_calls("13812341234", hangs_up);
    w.run(S(2));
    line_of(w, 1001)
}

/// The newest line on which a seat talks.
pub fn line_of(w: &World, seat: u32) -> Line {
    let talks = w.seats_told.iter().rev().find_map(|(_, t)| match t {
        PhoneEvent::Talks { line, seat: s, .. } if *s == seat.to_string() => Some(*line),
        _ => None,
    });
    talks.expect("the seat talks")
}

pub fn holds(w: &mut World, line: Line, hold: bool) {
    w.at_desk(|phones, now, out| phones.seat_holds(now, line, hold, out));
    w.run(MS(100));
}

pub fn hands_on(w: &mut World, line: Line, to: &str) {
    w.at_desk(|phones, now, out| phones.hands_on(now, line, to, out));
}

pub fn seat_hangs_up(w: &mut World, line: Line) {
    w.at_desk(|phones, now, out| phones.seat_hangs_up(now, line, out));
}

/// What the seats' phones were told of this line.
pub fn told(w: &World, line: Line) -> Vec<String> {
    let of = |t: &PhoneEvent| match t {
        PhoneEvent::Answered { line: l, .. } if *l == line => Some("answered".to_owned()),
        PhoneEvent::Refused { line: l, status } if *l == line => Some(format!("refused {status}")),
        PhoneEvent::HandedOn { line: l, status } if *l == line => Some(format!("referred {status}")),
        PhoneEvent::Notified { line: l, status } if *l == line => Some(format!("notified {status}")),
        PhoneEvent::HungUpOn { line: l } if *l == line => Some("hung up on".to_owned()),
        PhoneEvent::SeatFree { line: l, .. } if *l == line => Some("free".to_owned()),
        _ => None,
    };
    let mut all: Vec<String> = w.seats_told.iter().filter_map(|(_, t)| of(t)).collect();
    // The first NOTIFY may overtake the 202 (RFC 3515 section 2.4.4).
    for i in 1..all.len() {
        if all[i] == "referred 202" && all[i - 1] == "notified 100" {
            all.swap(i - 1, i);
        }
    }
    all
}

/// Transfers, participants, connections and ends, in order.
pub fn steps(w: &World) -> Vec<String> {
    let step = |what: &What| match what {
        What::CallTransferred(t) => {
            Some(format!("{:?} {}→{} {:?}", t.kind, t.from.reveal(), t.to.reveal(), t.result))
        }
        What::ParticipantChanged { party, joined, .. } => {
            Some(format!("{} {}", party.reveal(), if *joined { "joined" } else { "left" }))
        }
        What::SeatPresented(p) if p.why.to_string().contains("recall") => Some(format!("recall {}", p.seat)),
        What::SeatConnected { seat, .. } => Some(format!("connected {seat}")),
        What::CallHeld { .. } => Some("held".to_owned()),
        What::CallResumed { .. } => Some("resumed".to_owned()),
        What::CallEnded(e) => Some(format!("ended {:?} {:?}", e.by, e.reason)),
        _ => None,
    };
    w.journal.iter().filter_map(|e| step(&e.what)).collect()
}

pub fn final_record(w: &World) -> CallRecord {
    let mut records = w.journal.iter().rev().filter_map(|e| match &e.what {
        What::CallRecordUpdated(r) if r.is_final => Some(r.as_ref().clone()),
        _ => None,
    });
    records.next().expect("a final record")
}

pub fn whole(w: &World) -> String {
    by_call(&w.journal).values().map(|events| story(events)).collect()
}
