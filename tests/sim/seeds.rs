//! Random worlds. A failing seed is printed and replays: `SEED=123 cargo test --test sim one_seed -- --nocapture`.

use crate::checks::{nothing_is_left, promises};
use crate::owed::the_store_has_what_is_owed;
use crate::world::{Weather, World};
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::time::Duration;

/// The queue of every world: limits so short that each is reached.
const QUEUE: &str = "ring_timeout = \"3s\"\ncool_down = \"2s\"\nwrap_up = \"1s\"\nmax_wait = \"40s\"";

/// Worlds in one run of the suite; more with `SEEDS`.
const WORLDS: u64 = 200;

#[test]
fn two_hundred_random_worlds_keep_every_promise() {
    let worlds = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(WORLDS);
    for seed in 0..worlds {
        let outcome = std::panic::catch_unwind(|| live(seed));
        assert!(outcome.is_ok(), "seed {seed} broke a promise: SEED={seed} cargo test --test sim one_seed");
    }
}

#[test]
fn random_worlds_keep_their_promises_over_restarts() {
    let worlds = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(WORLDS);
    for seed in 0..worlds {
        let outcome = std::panic::catch_unwind(|| restarted(seed));
        assert!(
            outcome.is_ok(),
            "seed {seed} broke a promise: RESTARTED={seed} cargo test --test sim one_restarted_seed"
        );
    }
}

#[test]
fn one_restarted_seed() {
    if let Some(seed) = std::env::var("RESTARTED").ok().and_then(|s| s.parse().ok()) {
        restarted(seed);
    }
}

/// One world whose gateway dies again and again, at any step, and goes on each time.
fn restarted(seed: u64) {
    let seats = 1 + (seed % 5) as u32;
    let mut w = World::new(seed, seats, QUEUE, "");
    let bad = seed % 3;
    w.weather = Weather { lost: bad * 40, doubled: bad * 40, late: bad * 80 };
    w.disk_delay = Duration::from_millis(w.random.below(20));
    for n in 0..30 {
        temper(&mut w, seats);
        let hangs_up = patience(&mut w);
        w.citizen_calls(&format!("139{n:08}"), hangs_up);
        let pause = w.random.below(2_000_000);
        w.run(Duration::from_micros(pause));
        if w.random.below(4) == 0 {
            w.kill();
            let dark = w.random.below(1_500);
            w.run(Duration::from_millis(dark));
            w.resume();
        }
    }
    w.weather = Weather::default();
    w.disk_delay = Duration::from_millis(1);
    w.run(Duration::from_secs(240));
    promises(&w.journal);
    nothing_is_left(&w);
}

#[test]
fn one_seed() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|s| s.parse().ok()) {
        live(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_journal() {
    assert_eq!(live(42), live(42));
}

/// One world from its seed: bad weather, seats of every temper, citizens who hang up at any instant, and
/// sometimes a crash. Gives the journal as text.
fn live(seed: u64) -> String {
    let seats = 1 + (seed % 5) as u32;
    let mut w = World::new(seed, seats, QUEUE, "");
    let bad = seed % 3;
    w.weather = Weather { lost: bad * 60, doubled: bad * 40, late: bad * 80 };
    w.disk_delay = Duration::from_millis(w.random.below(30));
    let crash_at = (seed % 4 == 3).then(|| w.random.below(30));
    for n in 0..30 {
        temper(&mut w, seats);
        let hangs_up = patience(&mut w);
        // Some call again, and one in ten withholds the number.
        let number = if n % 10 == 9 { "anonymous".to_owned() } else { format!("139{:08}", n % 11) };
        w.citizen_calls(&number, hangs_up);
        let pause = w.random.below(2_000);
        w.run(Duration::from_millis(pause));
        if crash_at == Some(n) {
            w.kill();
            let dark = w.random.below(3_000);
            w.run(Duration::from_millis(dark));
            w.start();
        }
    }
    w.weather = Weather::default();
    w.disk_delay = Duration::from_millis(1);
    // Every limit has passed by then: waiting, transactions, wrap-up.
    w.run(Duration::from_secs(180));
    promises(&w.journal);
    the_store_has_what_is_owed(&w);
    if crash_at.is_none() {
        nothing_is_left(&w);
    }
    w.journal.iter().map(|e| format!("{} {}\n", e.position, e.what)).collect()
}

/// How long one citizen waits or talks: some dial by mistake.
fn patience(w: &mut World) -> HangUp {
    match w.random.below(4) {
        0 => HangUp::AfterDialling(Duration::from_millis(w.random.below(200))),
        1 => HangUp::AfterDialling(Duration::from_millis(w.random.below(10_000))),
        _ => HangUp::AfterAnswer(Duration::from_millis(w.random.below(20_000))),
    }
}

/// One seat changes its ways.
fn temper(w: &mut World, seats: u32) {
    let seat = 1001 + w.random.below(u64::from(seats)) as u32;
    let when_rung = match w.random.below(8) {
        0 => WhenRung::Rings,
        1 => WhenRung::Refuses(486),
        2 => WhenRung::Refuses(603),
        3 => WhenRung::IsDead,
        _ => WhenRung::Answers(Duration::from_millis(w.random.below(2_500))),
    };
    let talks = (w.random.below(2) == 0).then(|| Duration::from_millis(w.random.below(8_000)));
    w.seat_does(seat, when_rung, talks);
}
