//! The gateway is killed and started again: a real phone stays registered.

use crate::baresip::Baresip;
use crate::place::{free_port, poll};
use crate::program::{Program, text};
use crate::sipp::Plan;
use crate::voice::Voice;
use std::time::{Duration, Instant};

const TRUNK: &str = "[[trunk]]\nname = \"sipp\"\nsources = [\"127.0.0.1\"]\ntrusted = true\n";

/// As in `operator_phone`: baresip needs MD5 alone.
const SEAT: &str = "[[seat]]\nid = \"1001\"";

/// For a state to be told, on a machine that is busy.
const TOLD: Duration = Duration::from_secs(20);

#[test]
fn a_phone_registered_by_udp_is_ready_at_once_after_kill_9() {
    let listen = format!("udp:127.0.0.1:{}", free_port());
    let mut gateway = Program::with_trunks("restart-seat", &[&listen], TRUNK, SEAT, "");
    let account = ("1001", &*gateway.password("1001"));
    let _phone = Baresip::register_for(&gateway.place, gateway.sip, account, 3_600, 620);
    let ready = poll(TOLD, || (gateway.seat_state("1001")[0] == "READY").then_some(()));
    assert!(ready.is_some(), "{:?}", gateway.seat_state("1001"));
    let killed = Instant::now();
    gateway.kill_and_start();
    println!("kill -9 to the ready line: {:?}", killed.elapsed());
    let restored = ["READY", "restored after a restart", ""];
    let again = poll(TOLD, || (gateway.seat_state("1001") == restored).then_some(()));
    println!("kill -9 to the seat that is told ready: {:?}", killed.elapsed());
    assert!(again.is_some(), "{:?}", gateway.seat_state("1001"));
    let position = |event: &serde_json::Value| event["position"].as_u64().expect("a position");
    let started = position(gateway.events("NodeStateChanged").last().expect("a start"));
    let told = position(gateway.events("SeatStateChanged").last().expect("a seat"));
    assert!(told > started && told - started <= 3, "in the step of the start: {started} and {told}");
    let registered = gateway.events("SeatStateChanged");
    let registered =
        registered.iter().filter(|e| text(e, "/seat_state_changed/reason") == "phone registered").count();
    assert_eq!(registered, 1, "without a new REGISTER");
    let citizen = Voice::start(1_000);
    let media = citizen.port.to_string();
    let fill = [("media", media.as_str()), ("hold", "3000")];
    let scenario = include_str!("scenarios/caller.xml");
    let call = Plan { name: "trunk", scenario, fill: &fill, calls: 1, rate: 1 };
    call.call(&gateway.place, gateway.sip).succeed(&gateway.place);
    drop(citizen.heard());
    assert_eq!(text(&gateway.final_records(1)[0], "/seat"), "1001", "its phone is reached");
}
