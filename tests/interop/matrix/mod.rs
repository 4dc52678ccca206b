//! The matrix of trunks: one gateway, and many trunks that differ in transport, in what they write and in what they
//! ask for. Each is a SIPp of its own at an address of its own; all call at the same time, and every call must go
//! as its trunk says, with a record that says the same.

mod profiles;
pub mod scenario;

use crate::place::{Place, free_port};
use crate::program::{Program, text};
use crate::sipp::{Plan, Sipp};
use profiles::{Profile, Wire, profiles};
use serde_json::Value;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;

/// What the seats' side of the configuration is: phones at one address that take every call.
fn seats(port: u16) -> String {
    format!("[[seat]]\nrange = \"2001-2040\"\ncontact = \"sip:{{seat}}@127.0.0.1:{port}\"")
}

/// A second service number, which lets the caller hear ringback before it answers.
const RINGS_FIRST: &str =
    "[[service]]\nnumber = \"12346\"\nqueue = \"main\"\nwelcome = \"welcome\"\nanswer_delay_ms = 400";

/// The section of a trunk in the gateway's configuration.
fn section(profile: &Profile) -> String {
    let source = match profile.wire {
        Wire::Udp6 => "udp:::1".to_owned(),
        Wire::Tcp6 => "tcp:::1".to_owned(),
        Wire::Udp | Wire::Tcp => profile.address(),
    };
    format!(
        "[[trunk]]\nname = \"{}\"\nsources = [\"{source}\"]\nchannels = 10\n{}\n",
        profile.name, profile.keys
    )
}

fn start(profile: &Profile, place: &Place, gateway: &Program, media: u16) -> Sipp {
    let (media, host) = (media.to_string(), profile.address());
    let fill = [("media", media.as_str()), ("host", host.as_str())];
    let scenario = profile.script.xml();
    let plan = Plan { name: profile.name, scenario: &scenario, fill: &fill, calls: 1, rate: 1 };
    plan.call_from(place, &host, profile.wire.sipp(), gateway.listens(profile.wire.listener()))
}

#[test]
fn every_trunk_of_the_matrix_gets_its_call_through() {
    let profiles = profiles();
    let port = free_port();
    let secrets = Place::new("matrix-secrets");
    let password = secrets.write("password", "open-sesame\n");
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).expect("its owner's alone");
    let sections: String = profiles.iter().map(section).collect();
    let sections = sections.replace("{password}", &password.display().to_string());
    let listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0", "udp:[::1]:0", "tcp:[::1]:0"];
    let gateway = Program::with_trunks("matrix", &listen, &sections, &seats(port), RINGS_FIRST);
    let media = UdpSocket::bind("127.0.0.1:0").expect("a port on loopback");
    let media = media.local_addr().expect("its address").port();

    let connected = profiles.iter().filter(|p| p.connects()).count();
    let fill = [("media", media.to_string()), ("hold", "400".to_owned())];
    let fill: Vec<(&str, &str)> = fill.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let scenario = include_str!("../scenarios/seat.xml");
    let phones = Plan { name: "seats", scenario, fill: &fill, calls: connected, rate: 0 };
    let phones = phones.serve(&gateway.place, port);
    let trunks: Vec<Sipp> = profiles.iter().map(|p| start(p, &gateway.place, &gateway, media)).collect();
    for trunk in trunks {
        trunk.succeed(&gateway.place);
    }
    phones.succeed(&gateway.place);

    let refused = profiles.iter().filter(|p| p.refused_before.is_some()).count();
    let records = gateway.final_records(profiles.len() + refused);
    for profile in &profiles {
        let of = records.iter().filter(|r| text(r, "/trunk") == profile.name);
        let status = profile.refused_before.map(u64::from);
        let (before, of): (Vec<&Value>, Vec<&Value>) =
            of.partition(|r| status.is_some() && r["refused"]["sip_code"].as_u64() == status);
        assert_eq!(before.len(), usize::from(profile.refused_before.is_some()), "{}", profile.name);
        let [record] = of[..] else { panic!("{} has {} records", profile.name, of.len()) };
        for (path, value) in &profile.record {
            let shown = record.pointer(path).map_or_else(String::new, |v| match v {
                Value::String(s) => s.clone(),
                other => other.to_string(),
            });
            assert_eq!(shown, *value, "{}: {path} in {record:#}", profile.name);
        }
    }
    println!("{} trunks, {connected} calls connected", profiles.len());
}
