//! The outgoing half of the matrix: one gateway, many carriers that differ in how they take a call for a department.
//! Each department has a trunk of its own and a seat of its own that dials it; all call at the same time, and every
//! call must go as its carrier says, with a record that says the same.

mod profiles;

use crate::place::{Place, free_port};
use crate::program::{Program, text};
use crate::sipp::{Plan, Sipp};
use profiles::{Carrier, Profile, profiles, refreshed};
use serde_json::Value;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;

/// Where one profile's peers are: its seat's port, and its carriers' addresses.
struct Spot {
    seat: u16,
    carriers: Vec<(String, u16)>,
}

impl Spot {
    fn of(i: usize, profile: &Profile) -> Spot {
        let host = |n| format!("127.0.{}.{}", 4 + n, 10 + i);
        let carriers = (0..profile.carriers.len()).map(|n| (host(n), free_port())).collect();
        Spot { seat: free_port(), carriers }
    }
}

/// Its part of the configuration.
fn section(i: usize, profile: &Profile, spot: &Spot) -> String {
    let sources: Vec<&str> = spot.carriers.iter().map(|(host, _)| host.as_str()).collect();
    let targets: Vec<String> =
        spot.carriers.iter().map(|(host, port)| format!("sip:{host}:{port}")).collect();
    let numbers: Vec<String> = (1..=profile.numbers).map(|n| format!("6123{i:02}0{n}")).collect();
    format!(
        "[[trunk]]\nname = \"{name}\"\nsources = {sources:?}\ntargets = {targets:?}\nping = \"0s\"\n{keys}\n\
         [[seat]]\nid = \"30{i:02}\"\ncontact = \"sip:30{i:02}@127.0.0.1:{seat}\"\n\
         [[department]]\nname = \"{name}\"\ncode = \"7{i:02}\"\nnumbers = {numbers:?}\ntrunk = \"{name}\"\n",
        name = profile.name,
        keys = profile.keys,
        seat = spot.seat,
    )
}

fn carriers(i: usize, profile: &Profile, spot: &Spot, place: &Place, fill: &[(&str, &str)]) -> Vec<Sipp> {
    let serve = |(n, carrier): (usize, &Carrier)| {
        let (host, port) = &spot.carriers[n];
        let (scenario, calls) = match carrier {
            Carrier::Called(callee) => (callee.xml(), 1),
            Carrier::Main(callee, deputy) => (callee.xml_at(&format!("6123{i:02}01"), deputy), 2),
            Carrier::Silent => return None,
        };
        let name = format!("{}-{n}", profile.name);
        let plan = Plan { name: &name, scenario: &scenario, fill, calls, rate: 0 };
        Some(plan.serve_at(place, host, *port))
    };
    profile.carriers.iter().enumerate().filter_map(serve).collect()
}

/// A place that is looked at only in the end.
fn hole(host: &str, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind((host, port)).expect("a port on loopback");
    socket.set_nonblocking(true).expect("no waiting");
    socket
}

/// The record of its call says what it must.
fn check(profile: &Profile, records: &[Value]) {
    let mut of = records.iter().filter(|r| text(r, "/service_number") == profile.name);
    let record = of.next().unwrap_or_else(|| panic!("{} has no record", profile.name));
    for (path, value) in &profile.record {
        let shown = record.pointer(path).map_or_else(String::new, |v| match v {
            Value::String(s) => s.clone(),
            other => other.to_string(),
        });
        assert_eq!(shown, *value, "{}: {path} in {record:#}", profile.name);
    }
}

#[test]
fn a_department_is_reached_through_every_carrier_of_the_matrix() {
    every_call_goes("outgoing", &profiles(), Program::with_trunks);
}

#[test]
fn we_refresh_a_call_after_half_the_time_the_carrier_gave_and_again() {
    every_call_goes("refreshed", &refreshed(), Program::hurried);
}

/// Starts a gateway with [`Program::with_trunks`] or what takes the same.
type Start = fn(&str, &[&str], &str, &str, &str) -> Program;

fn every_call_goes(name: &str, profiles: &[Profile], start: Start) {
    let spots: Vec<Spot> = profiles.iter().enumerate().map(|(i, p)| Spot::of(i, p)).collect();
    let secrets = Place::new("outgoing-secrets");
    let password = secrets.write("password", "open-sesame\n");
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).expect("its owner's alone");
    let all = profiles.iter().zip(&spots).enumerate();
    let sections: String = all.map(|(i, (profile, spot))| section(i, profile, spot)).collect();
    let sections = sections.replace("{password}", &password.display().to_string());
    // A trunk for this machine, so that a seat is known by more than being no trunk.
    let trunks =
        format!("[[trunk]]\nname = \"sipp\"\nsources = [\"127.0.0.1\"]\n{sections}[dial]\nring = \"1s\"\n");
    let gateway = start(name, &["udp:127.0.0.1:0"], &trunks, "", "");
    let (media, elsewhere) = (hole("127.0.0.1", 0), hole("127.0.0.1", 0));
    let [media, decoy] =
        [&media, &elsewhere].map(|s| s.local_addr().expect("its address").port().to_string());
    let fill = [("media", media.as_str()), ("host", "127.0.0.1"), ("decoy", decoy.as_str())];

    let (mut peers, mut behind, mut holes) = (Vec::new(), Vec::new(), Vec::new());
    for (i, (profile, spot)) in profiles.iter().zip(&spots).enumerate() {
        for ((host, port), carrier) in spot.carriers.iter().zip(&profile.carriers) {
            holes.extend(matches!(carrier, Carrier::Silent).then(|| hole(host, *port)));
        }
        behind.extend(carriers(i, profile, spot, &gateway.place, &fill));
    }
    for (i, (profile, spot)) in profiles.iter().zip(&spots).enumerate() {
        let scenario = profile.seat(&format!("30{i:02}"), &format!("7{i:02}")).xml();
        let plan = Plan { name: profile.name, scenario: &scenario, fill: &fill, calls: 1, rate: 1 };
        peers.push(plan.dial_from(&gateway.place, spot.seat, gateway.sip));
    }
    for peer in peers.into_iter().chain(behind) {
        peer.succeed(&gateway.place);
    }
    assert_eq!(gateway.told("CallEnded", profiles.len()).len(), profiles.len());
    // An INVITE to a silent target is on the wire for half a minute, and there is no record of its call before.
    let with_record = || profiles.iter().filter(|p| !p.carriers.iter().any(|c| matches!(c, Carrier::Silent)));
    let records = gateway.final_records(with_record().count());
    for profile in with_record() {
        check(profile, &records);
    }
    assert!(holes.iter().all(|h| h.recv(&mut [0; 2_048]).is_ok()), "the silent target was called");
    assert!(elsewhere.recv(&mut [0; 2_048]).is_err(), "nobody follows a 302 to where it points");
    println!("{} carriers", profiles.len());
}
