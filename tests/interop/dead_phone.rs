//! A real phone dies: idle, and with a citizen in its ear.

use crate::baresip::Baresip;
use crate::place::{Place, poll};
use crate::program::{Program, text};
use crate::sipp::Plan;
use crate::voice::Voice;
use std::time::{Duration, Instant};

/// As in `operator_phone`: baresip needs MD5 alone.
const SEATS: &str = "[[seat]]\nrange = \"1001-1002\"";

/// Ten seconds are promised; a machine that does ten other things at once takes its time to look.
const NOTICED: Duration = Duration::from_secs(25);

fn is_unreachable(gateway: &Program, seat: &str) -> bool {
    let events = gateway.events("SeatStateChanged");
    let change = |e: &serde_json::Value, key: &str| text(e, &format!("/seat_state_changed/{key}")).to_owned();
    events.iter().any(|e| change(e, "seat") == seat && change(e, "to_state") == "SEAT_STATE_UNREACHABLE")
}

#[test]
fn a_phone_killed_while_idle_is_unreachable() {
    let gateway = Program::start("dead-idle", SEATS, "");
    let phone =
        Baresip::register(&gateway.place, gateway.sip, ("1001", &gateway.password("1001")), "PCMA", 620);
    drop(phone);
    let killed = Instant::now();
    let noticed = poll(NOTICED, || is_unreachable(&gateway, "1001").then_some(()));
    println!("killed while idle: unreachable after {:?}", killed.elapsed());
    assert!(noticed.is_some(), "{:#?}", gateway.events("SeatStateChanged"));
}

#[test]
fn a_citizen_whose_operators_phone_is_killed_speaks_with_another() {
    let gateway = Program::start("dead-talking", SEATS, "");
    let first =
        Baresip::register(&gateway.place, gateway.sip, ("1001", &gateway.password("1001")), "PCMA", 620);
    let citizen = Voice::start(1_000);
    let media = citizen.port.to_string();
    let fill = [("media", media.as_str()), ("hold", "22000")];
    let scenario = include_str!("scenarios/caller.xml");
    let trunk = Plan { name: "trunk", scenario, fill: &fill, calls: 1, rate: 1 };
    let trunk = trunk.call(&gateway.place, gateway.sip);
    let talks = poll(NOTICED, || (gateway.events("SeatConnected").len() == 1).then_some(()));
    assert!(talks.is_some(), "nobody answered");
    drop(first);
    let killed = Instant::now();
    let other = Place::new("dead-talking-other");
    let _second = Baresip::register(&other, gateway.sip, ("1002", &gateway.password("1002")), "PCMA", 700);
    let again = poll(NOTICED, || (gateway.events("SeatConnected").len() == 2).then_some(()));
    println!("killed in a talk: with another operator after {:?}", killed.elapsed());
    assert!(again.is_some(), "{:#?}", gateway.events("SeatStateChanged"));
    assert!(is_unreachable(&gateway, "1001"));
    trunk.succeed(&gateway.place);
    drop(citizen.heard());
    let record = &gateway.final_records(1)[0];
    assert_eq!(text(record, "/seat"), "1002", "{record:#}");
    assert_eq!(text(record, "/ended/reason"), "END_REASON_COMPLETED", "{record:#}");
}
