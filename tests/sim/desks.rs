//! Random desks: operators who dial, ask, hold, hand on and hang up in any order, over a network that loses and doubles.
//! Whatever they do, every promise is kept and nothing is left.

use crate::checks::{nothing_is_left, promises};
use crate::town::TOWN;
use crate::world::{Weather, World};
use hotline_gateway::cli::phones::{HangUp, Line, PhoneEvent, WhenRung};
use hotline_gateway::event::{CallEvent, TransferResult, What};
use hotline_gateway::id::Random;
use hotline_gateway::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

const S: fn(u64) -> Duration = Duration::from_secs;
const MS: fn(u64) -> Duration = Duration::from_millis;

const SEATS: u64 = 4;
const STEPS: u32 = 60;
const WORLDS: u64 = 200;

fn mood(random: &mut Random) -> WhenRung {
    match random.below(6) {
        0 => WhenRung::Rings,
        1 => WhenRung::Refuses([486, 603, 503, 480][random.below(4) as usize]),
        2 => WhenRung::IsDead,
        _ => WhenRung::Answers(MS(random.below(4_000))),
    }
}

/// Lines on which an operator could do something: those that were rung and talked, and those that were dialled.
fn lines(w: &World, dialled: &[Line]) -> Vec<Line> {
    let talk = w.seats_told.iter().filter_map(|(_, t)| match t {
        PhoneEvent::Talks { line, .. } => Some(*line),
        _ => None,
    });
    talk.chain(dialled.iter().copied()).collect()
}

fn hangs_up(w: &mut World, line: Line) {
    w.at_desk(|phones, now, out| {
        phones.seat_hangs_up(now, line, out);
        phones.citizen_hangs_up(now, line, out);
    });
}

fn whom(random: &mut Random) -> String {
    match random.below(8) {
        0..4 => (1001 + random.below(SEATS)).to_string(),
        4..7 => "601".to_owned(),
        _ => "*8".to_owned(),
    }
}

/// One world. Gives how many transfers were completed and failed, and how many consultations there were.
fn run(seed: u64) -> [usize; 3] {
    let mut random = Random::from_number(seed);
    let mut w = World::with(seed, SEATS as u32, ("wrap_up = \"3s\"\ncool_down = \"1s\"", ""), "", TOWN);
    w.weather = Weather { lost: random.below(3) * 20, doubled: 30, late: 50 };
    let mut dialled = Vec::new();
    for _ in 0..STEPS {
        w.run(MS(random.below(3_000)));
        let known: Vec<Line> = lines(&w, &dialled).into_iter().rev().take(4).collect();
        let line = (!known.is_empty()).then(|| known[random.below(known.len() as u64) as usize]);
        match (random.below(14), line) {
            (0 | 1, _) => {
                w.citizen_calls("13812341234", HangUp::AfterDialling(S(5 + random.below(60))));
            }
            (2, _) => {
                let (seat, when) = (1001 + random.below(SEATS), mood(&mut random));
                w.seat_does(seat as u32, when, Some(S(1 + random.below(40))));
            }
            (3, _) => {
                let number = ["61230001", "61230002"][random.below(2) as usize];
                w.in_town(number, mood(&mut random), Some(S(1 + random.below(40))));
            }
            (4..7, _) => {
                let (seat, to) = (1001 + random.below(SEATS), whom(&mut random));
                dialled.push(w.seat_dials(seat as u32, &to, HangUp::AfterDialling(S(1 + random.below(60)))));
            }
            (7, Some(line)) => {
                let hold = random.below(2) == 0;
                w.at_desk(|phones, now, out| phones.seat_holds(now, line, hold, out));
            }
            (8..12, Some(line)) => {
                let replaces = known[random.below(known.len() as u64) as usize];
                let replaces = w.at_desk(|phones, _, _| phones.replaces(replaces));
                let to = match replaces.filter(|_| random.below(3) == 0) {
                    Some(replaces) => format!("<sip:601@hotline?{replaces}>"),
                    None => format!("<sip:{}@hotline>", whom(&mut random)),
                };
                w.at_desk(|phones, now, out| phones.hands_on(now, line, &to, out));
            }
            (_, Some(line)) => hangs_up(&mut w, line),
            (_, None) => {}
        }
    }
    w.weather = Weather::default();
    for seat in 1001..1001 + SEATS {
        w.seat_does(seat as u32, WhenRung::Answers(S(1)), Some(S(5)));
    }
    w.run(S(200));
    for line in lines(&w, &dialled) {
        hangs_up(&mut w, line);
    }
    w.run(S(400));
    // Operators who left calls unanswered come back.
    for seat in 1001..1001 + SEATS {
        w.seat_dials(seat as u32, "*12", HangUp::Never);
    }
    w.run(S(60));
    promises(&w.journal);
    nothing_is_left(&w);
    assert_eq!(
        (w.counts().ready_seats, w.channels_in_use()),
        (SEATS as usize, 0),
        "everybody is back at work"
    );
    let ended = |result: TransferResult| {
        let is = |e: &&CallEvent| matches!(&e.what, What::CallTransferred(t) if t.result == result);
        w.journal.iter().filter(is).count()
    };
    let joined = |e: &&CallEvent| matches!(e.what, What::ParticipantChanged { joined: true, .. });
    [ended(TransferResult::Completed), ended(TransferResult::Failed), w.journal.iter().filter(joined).count()]
}

#[test]
fn whatever_operators_do_at_their_phones_is_survived() {
    let mut tally = [0; 3];
    for seed in 0..WORLDS {
        match catch_unwind(AssertUnwindSafe(|| run(seed))) {
            Ok(counts) => tally.iter_mut().zip(counts).for_each(|(all, n)| *all += n),
            Err(_) => panic!("seed {seed} fails: run it alone"),
        }
    }
    assert!(tally.iter().all(|n| *n > 50), "something hardly ever happens: {tally:?}");
}
