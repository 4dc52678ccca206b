//! Many calls in virtual time, then every timer runs out: what is left is counted exactly. More of them with
//! `HOTLINE_SOAK_CALLS=50000 cargo test --test sim soak`; tests/it has the same with the real program.

use crate::checks::nothing_is_left;
use crate::world::{Weather, World, has_final_record};
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::event::{CallEvent, What};
use hotline_gateway::time::Duration;

/// Calls in one run of the suite.
const CALLS: u32 = 2_000;
/// Calls between two looks: the world's own notes are forgotten then.
const ROUND: u32 = 500;

#[test]
fn however_many_calls_nothing_is_left_of_them() {
    let calls: u32 = std::env::var("HOTLINE_SOAK_CALLS").ok().and_then(|n| n.parse().ok()).unwrap_or(CALLS);
    let mut w = World::new(3, 40, "ring_timeout = \"2s\"\ncool_down = \"2s\"\nwrap_up = \"1s\"", "");
    w.weather = Weather { lost: 10, doubled: 10, late: 10 };
    for seat in 1001..=1040 {
        let when_rung = match seat % 10 {
            0 => WhenRung::Refuses(486),
            1 => WhenRung::Rings,
            2 => WhenRung::IsDead,
            n => WhenRung::Answers(Duration::from_millis(u64::from(n) * 100)),
        };
        w.seat_does(seat, when_rung, (seat % 3 == 0).then_some(Duration::from_secs(3)));
    }
    let (mut made, mut ended, mut refused, mut finals) = (0, 0, 0, 0);
    while made < calls {
        for _ in 0..ROUND.min(calls - made) {
            call(&mut w, made);
            made += 1;
            let pause = w.random.below(400);
            w.run(Duration::from_millis(pause));
        }
        // Every limit of calls and transactions has passed by then.
        w.run(Duration::from_secs(180));
        assert_eq!(w.open_calls().len(), 0, "a call without a final record after {made} calls");
        nothing_is_left(&w);
        let count = |which: fn(&CallEvent) -> bool| w.journal.iter().filter(|e| which(e)).count() as u32;
        ended += count(|e| matches!(e.what, What::CallEnded(_)));
        refused += count(|e| matches!(e.what, What::CallRefused(_)));
        finals += count(|e| has_final_record(std::slice::from_ref(e)));
        w.journal.clear();
        w.told.clear();
    }
    // An INVITE of which every copy was lost is no call.
    let counts = w.counts();
    assert_eq!((u64::from(ended), u64::from(refused)), (counts.ended_total, counts.refused_total));
    assert_eq!(ended + refused, finals, "one final record for each outcome");
    assert!(finals <= made && finals * 100 >= made * 99, "{finals} outcomes of {made} calls");
}

fn call(w: &mut World, n: u32) {
    let number = format!("139{n:08}");
    let hangs_up = match w.random.below(6) {
        0 => HangUp::AfterDialling(Duration::from_millis(w.random.below(20))),
        1 => HangUp::AfterDialling(Duration::from_millis(w.random.below(3_000))),
        _ => HangUp::AfterAnswer(Duration::from_millis(500 + w.random.below(6_000))),
    };
    let dials = if w.random.below(20) == 0 { "99999" } else { "12345" };
    w.citizen_dials(&number, dials, hangs_up);
}
