//! After many calls nothing is left behind in the process: no call, leg, transaction or timer, no socket, no thread.

use crate::programme::{Plan, Programme};
use crate::town::{self, Town};
use crate::written::Written;
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::event::{CallEvent, RefusalReason, What};
use hotline_gateway::id::Random;
use tokio::time::{Duration, Instant};

/// Calls in one run of the suite; more with `HOTLINE_SOAK_CALLS`. tests/sim has the same in virtual time.
const CALLS: u32 = 2_000;
/// New calls a second: what two cores carry in an unoptimised build beside the other tests.
const RATE: f64 = 150.0;
/// The last transactions end 32 s after their calls (RFC 3261, timers H, J and B); a little more for the health
/// page to say so.
const QUIET_WITHIN: Duration = Duration::from_secs(45);

#[test]
fn thousands_of_calls_leave_nothing_behind() {
    town::run(story());
}

async fn story() {
    let calls: u32 = std::env::var("HOTLINE_SOAK_CALLS").ok().and_then(|n| n.parse().ok()).unwrap_or(CALLS);
    let mut random = Random::from_number(2);
    let (phones, seats_at) = Town::seats(&mut random).await;
    let mut gateway = Programme::start(Plan {
        name: "soak",
        seats: 100,
        seats_at,
        trunk: "channels = 2000",
        queue: "ring_timeout = \"1s\"\ncool_down = \"1s\"",
        limits: "",
    });
    let mut town = Town::new(phones, gateway.sip, random.fork()).await;
    for seat in 1001..=1100 {
        let when_rung = match seat % 20 {
            0 => WhenRung::Refuses(486),
            1 => WhenRung::Rings,
            _ => WhenRung::Answers(Duration::from_millis(u64::from(seat % 5) * 10)),
        };
        town.seat(seat, when_rung, (seat % 4 == 0).then_some(Duration::from_millis(150)));
    }
    let habits = |random: &mut Random| match random.below(20) {
        0 => ("99999", HangUp::Never),
        1 => ("12345", HangUp::AfterDialling(Duration::from_millis(random.below(30)))),
        2 => ("12345", HangUp::AfterAnswer(Duration::from_millis(random.below(60)))),
        _ => ("12345", HangUp::AfterAnswer(Duration::from_millis(250 + random.below(100)))),
    };
    // A first few calls, so that what is made once and kept is not counted as left behind.
    town.calls(Duration::from_millis(500), 40.0, habits).await;
    assert!(town.settle(0, Duration::from_secs(10)).await, "the first calls do not end");
    let rested = rest(&mut town, &gateway).await;
    let warm = town.made();
    town.calls(Duration::from_secs_f64(f64::from(calls) / RATE), RATE, habits).await;
    assert!(town.settle(0, Duration::from_secs(20)).await, "calls do not end");
    let made = town.made();
    assert!(made - warm >= calls);

    let limit = Instant::now() + QUIET_WITHIN;
    let gauges = ["calls", "legs", "waiting", "transactions", "call_timers", "awaiting_disk"];
    while gauges.iter().any(|gauge| gateway.figure(gauge) > 0) {
        assert!(Instant::now() < limit, "something was left behind: {}", gateway.health());
        town.live(Duration::from_millis(250)).await;
    }
    let now = rest(&mut town, &gateway).await;
    assert_eq!(now, rested, "sockets and files, threads: as before {made} calls");
    let total = gateway.figure("received_total") + gateway.figure("refused_total");
    assert_eq!(total, u64::from(made), "every call is counted: {}", gateway.health());
    assert_eq!(gateway.figure("ended_total"), gateway.figure("received_total"));
    // Every seat that cooled down is ready again.
    assert_eq!(gateway.figure("ready_seats"), 100);
    assert!(gateway.stop().success());
    gateway.check_log();
    let written = Written::read(&gateway.store());
    written.check();
    assert_eq!(written.records.len() as u32, made, "a record for every call");
    let wrongly =
        |e: &&CallEvent| matches!(&e.what, What::CallRefused(r) if r.reason != RefusalReason::UnknownService);
    assert_eq!(
        written.events.iter().filter(wrongly).count(),
        0,
        "calls were refused for want of ports or places"
    );
}

/// Sockets and files, and threads, when they no longer change.
async fn rest(town: &mut Town, gateway: &Programme) -> (usize, usize) {
    let held = || (gateway.descriptors(), gateway.threads());
    let (mut last, mut since) = (held(), Instant::now());
    let limit = since + Duration::from_secs(20);
    while since.elapsed() < Duration::from_secs(1) && Instant::now() < limit {
        town.live(Duration::from_millis(100)).await;
        if held() != last {
            (last, since) = (held(), Instant::now());
        }
    }
    last
}
