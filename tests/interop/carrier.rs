//! Carriers: one we sign in at, and one that falls silent.

use crate::kamailio::Kamailio;
use crate::matrix::scenario::{Script, sdp};
use crate::place::{Place, free_port, poll};
use crate::program::{Program, text};
use crate::sipp::Plan;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// For a state to be told, on a machine that is busy.
const TOLD: Duration = Duration::from_secs(20);

const PASSWORD: &str = "open-sesame";

const SEAT: &str = "[[seat]]\nid = \"2001\"\ncontact = \"sip:2001@127.0.0.1:9\"";

/// A file with the password, readable by its owner only.
fn password_file(place: &Place) -> String {
    let path = place.write("password", format!("{PASSWORD}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a file of ours");
    path.display().to_string()
}

fn states(gateway: &Program) -> Vec<(bool, String)> {
    let of = |e: &Value| {
        let changed = &e["trunk_state_changed"];
        let reachable = changed["reachable"].as_bool().unwrap_or(false);
        (reachable, text(changed, "/reason").to_owned())
    };
    gateway.events("TrunkStateChanged").iter().map(of).collect()
}

/// Waits until the trunk has had so many states.
fn told(gateway: &Program, states_told: usize) -> Vec<(bool, String)> {
    let mut last = Vec::new();
    poll(TOLD, || {
        last = states(gateway);
        (last.len() >= states_told).then_some(())
    });
    last
}

fn registers(algorithm: &str) {
    let place = Place::new("registrar");
    let carrier = Kamailio::registrar(&place, "127.0.0.7", algorithm, PASSWORD);
    let trunk = format!(
        "[[trunk]]\nname = \"carrier\"\nsources = [\"127.0.0.7\"]\nregister = \"sip:{}\"\nusername = \"4930123\"\n\
         password_file = \"{}\"\nping = \"1s\"\n",
        carrier.address,
        password_file(&place)
    );
    let gateway = Program::with_trunks("registers", &["udp:127.0.0.1:0"], &trunk, SEAT, "");
    let states = told(&gateway, 1);
    assert_eq!(states, [(true, "registered".to_owned())], "{algorithm}");
}

#[test]
fn we_register_with_kamailio_by_sha_256() {
    registers("SHA-256");
}

#[test]
fn we_register_with_kamailio_by_md5() {
    registers("MD5");
}

#[test]
fn a_wrong_password_at_a_registrar_is_told_and_not_tried_again_at_once() {
    let place = Place::new("registrar-wrong");
    let carrier = Kamailio::registrar(&place, "127.0.0.7", "MD5", "another one");
    let trunk = format!(
        "[[trunk]]\nname = \"carrier\"\nsources = [\"127.0.0.7\"]\nregister = \"sip:{}\"\nusername = \"4930123\"\n\
         password_file = \"{}\"\nping = \"0s\"\n",
        carrier.address,
        password_file(&place)
    );
    let gateway = Program::with_trunks("registers-wrong", &["udp:127.0.0.1:0"], &trunk, SEAT, "");
    let states = told(&gateway, 1);
    assert!(matches!(&states[..], [(false, why)] if why.contains("password")), "{states:?}");
    let alarms = gateway.events("AlarmRaised");
    assert!(alarms.iter().any(|a| text(a, "/alarm_raised/alarm") == "trunk_down"), "{alarms:?}");
}

#[test]
fn a_pinged_trunk_that_falls_silent_is_told_of() {
    let place = Place::new("silent");
    let port = free_port();
    let scenario = include_str!("scenarios/pinged.xml");
    let peer = Plan { name: "pinged", scenario, fill: &[], calls: 3, rate: 0 }.serve(&place, port);
    let trunk = format!(
        "[[trunk]]\nname = \"sipp\"\nsources = [\"127.0.0.1\"]\ntargets = [\"sip:127.0.0.1:{port}\"]\nping = \"1s\"\n"
    );
    let gateway = Program::with_trunks("silent", &["udp:127.0.0.1:0"], &trunk, SEAT, "");
    peer.succeed(&place);
    let states: Vec<bool> = told(&gateway, 2).into_iter().map(|(reachable, _)| reachable).collect();
    assert_eq!(states, [true, false]);
}

#[test]
fn a_carrier_that_asks_by_407_passes_our_call_on_and_its_route_is_kept() {
    let place = Place::new("charging");
    let (seat, behind) = (free_port(), free_port());
    let next = format!("127.0.0.1:{behind}").parse().expect("an address");
    let carrier = Kamailio::charging(&place, "127.0.0.8", PASSWORD, next);
    let trunks = format!(
        "[[trunk]]\nname = \"carrier\"\nsources = [\"127.0.0.8\"]\ntargets = [\"sip:{}\"]\nping = \"0s\"\n\
         username = \"4930123\"\npassword_file = \"{}\"\n[dial]\ntrunk = \"carrier\"\n\
         [[department]]\nname = \"Water\"\ncode = \"601\"\nnumbers = [\"61230001\"]\n",
        carrier.address,
        password_file(&place)
    );
    let seats = format!("[[seat]]\nid = \"2001\"\ncontact = \"sip:2001@127.0.0.1:{seat}\"");
    let gateway = Program::with_trunks("charging-calls", &["udp:127.0.0.1:0"], &trunks, &seats, "");
    let fill = [("media", "9"), ("host", "127.0.0.1")];
    let called = Plan {
        name: "department",
        scenario: include_str!("scenarios/seat.xml"),
        fill: &fill,
        calls: 1,
        rate: 0,
    };
    let called = called.serve(&place, behind);
    let dials =
        Script::new().from("<sip:2001@[local_ip]:[local_port]>").to("sip:601@[remote_ip]:[remote_port]");
    let dials = dials.invite("", &sdp(1, "8 101", "")).answered().waits(300).bye().xml();
    let dials = Plan { name: "seat", scenario: &dials, fill: &fill, calls: 1, rate: 1 };
    dials.dial_from(&place, seat, gateway.sip).succeed(&place);
    called.succeed(&place);
    let record = &gateway.final_records(1)[0];
    assert_eq!(text(record, "/ended/reason"), "END_REASON_COMPLETED", "{record:#}");
    // The ACK of the 407 is Kamailio's own matter. A busy machine repeats itself.
    let passed = ["INVITE", "ACK", "BYE"].map(|method| carrier.passed(method));
    assert!(passed[0] >= 2 && passed[1] > 0 && passed[2] > 0, "by the route that was recorded: {passed:?}");
}
