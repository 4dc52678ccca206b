//! kill -9 in the middle of calls: whatever a citizen was told is on the disk, and what the crash left open is
//! closed at the next start where nothing is resumed.

use crate::programme::{Plan, Programme};
use crate::town::{self, Town};
use crate::written::Written;
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::event::{NodeState, What};
use hotline_gateway::id::Random;
use tokio::time::Duration;

/// How often the gateway is killed.
const KILLS: usize = 5;

/// Where the disk takes longer, the citizen's answer wins and the record follows: the one exception to "on disk
/// before the answer". A kill in that moment loses the record.
const DISK_HANGS: Duration = Duration::from_millis(20);

#[test]
fn a_gateway_killed_five_times_in_calls_loses_no_record_and_repeats_no_id() {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(9);
    eprintln!("seed {seed}: SEED={seed} cargo test --test it kill gives the same moments again");
    town::run(story(seed));
}

async fn story(seed: u64) {
    let mut random = Random::from_number(seed);
    let (phones, seats_at) = Town::seats(&mut random).await;
    let mut gateway = Programme::start(Plan {
        name: "kill",
        seats: 40,
        seats_at,
        trunk: "channels = 1000",
        queue: "ring_timeout = \"2s\"\ncool_down = \"1s\"",
        // What goes on with the next process is tested in `tests/survive`.
        limits: "[recovery]\nwindow = \"0s\"",
    });
    let mut town = Town::new(phones, gateway.sip, random.fork()).await;
    for seat in 1001..=1040 {
        let when_rung = match seat % 10 {
            0 => WhenRung::Refuses(486),
            1 => WhenRung::Rings,
            _ => WhenRung::Answers(Duration::from_millis(u64::from(seat % 7) * 20)),
        };
        town.seat(seat, when_rung, Some(Duration::from_millis(400)));
    }
    let habits = |random: &mut Random| match random.below(8) {
        0 => ("99999", HangUp::Never),
        1 => ("12345", HangUp::AfterDialling(Duration::from_millis(random.below(60)))),
        2 => ("12345", HangUp::AfterAnswer(Duration::from_millis(random.below(300)))),
        _ => ("12345", HangUp::AfterAnswer(Duration::from_secs(2))),
    };
    for _ in 0..KILLS {
        let moment = Duration::from_micros(400_000 + random.below(1_000_000));
        town.calls(moment, 80.0, habits).await;
        gateway.kill();
        gateway.start_again();
    }
    let last_life = town.made();
    town.calls(Duration::from_millis(500), 80.0, habits).await;
    assert!(town.settle(last_life, Duration::from_secs(15)).await, "calls of the last life do not end");
    assert!(gateway.stop().success(), "a stop after crashes is as clean as any");
    gateway.check_log();

    let written = Written::read(&gateway.store());
    written.check();
    let recovered = |e: &&_| {
        let hotline_gateway::event::CallEvent { what, .. } = *e;
        matches!(what, What::NodeStateChanged { state: NodeState::Recovered, .. })
    };
    assert_eq!(written.events.iter().filter(recovered).count(), KILLS, "every kill hit calls that were live");
    assert!(written.crashed() >= KILLS, "only {} calls were hit", written.crashed());
    let records = written.records_by_number();
    let (mut answered, mut hung) = (0, 0);
    for (number, seen) in &town.seen {
        let records = records.get(number).map(Vec::as_slice).unwrap_or_default();
        if seen.answered {
            answered += 1;
            let excused = seen.answered_after >= DISK_HANGS;
            hung += u32::from(records.is_empty());
            assert!(
                !records.is_empty() || excused,
                "a citizen heard the gateway answer and has no record: {seen:?}"
            );
        }
        // A human was recorded only where one answered. The reverse need not be: the phone knows of its call before the disk does.
        for record in records.iter().filter(|r| r.connected_at.is_some()) {
            assert!(
                seen.rang.iter().any(|seat| record.seat.as_ref().is_some_and(|s| s.as_str() == seat)),
                "the record tells of a seat that never rang: {seen:?}"
            );
        }
    }
    eprintln!("{answered} answered, {} cut short, {hung} lost while the disk hung", written.crashed());
    assert!(hung * 10 < answered, "{hung} of {answered} calls were lost: the disk of this machine hangs");
    assert!(answered > 100, "only {answered} calls were answered: nothing was tested");
}
