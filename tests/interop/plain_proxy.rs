//! A phone behind a proxy that adds no Path: what comes for it takes the way its registration came (Net::SIP, Perl).

use crate::baresip::Baresip;
use crate::place::{Place, Process, free_port, poll};
use crate::program::{Program, text};
use crate::sipp::Plan;
use crate::tone::milliseconds_of;
use crate::voice::Voice;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

/// Until Perl has read its modules, on a machine that is busy.
const START: Duration = Duration::from_secs(20);

const OPERATOR: u32 = 620;

/// A proxy that runs. Killed when its owner goes.
struct Proxy {
    address: SocketAddr,
    _process: Process,
}

impl Proxy {
    fn start(place: &Place, host: &str) -> Proxy {
        let port = free_port();
        let mut command = Command::new("perl");
        let script = place.write("proxy.pl", include_str!("scenarios/proxy.pl"));
        command.arg(script).args([host, &port.to_string()]);
        let process = Process::start(command, place, "proxy.log");
        let ready = poll(START, || said(place).contains("ready\n").then_some(()));
        assert!(ready.is_some(), "the proxy does not start: {}", said(place));
        Proxy { address: format!("{host}:{port}").parse().expect("an address"), _process: process }
    }
}

fn said(place: &Place) -> String {
    std::fs::read_to_string(place.file("proxy.log")).unwrap_or_default()
}

#[test]
fn a_phone_behind_a_proxy_without_path_is_called_by_its_flow() {
    let seat = "[[seat]]\nid = \"1001\"";
    let trunk = "[[trunk]]\nname = \"sipp\"\nsources = [\"127.0.0.1\"]\n";
    let gateway = Program::with_trunks("plain-proxy", &["udp:127.0.0.1:0"], trunk, seat, "");
    let place = &gateway.place;
    let proxy = Proxy::start(place, "127.0.0.9");
    let password = gateway.password("1001");
    let _phone = Baresip::register_by(place, proxy.address, gateway.sip, ("1001", &password), OPERATOR);
    let citizen = Voice::start(1_000);
    let media = citizen.port.to_string();
    let fill = [("media", media.as_str()), ("hold", "2000")];
    let scenario = include_str!("scenarios/caller.xml");
    let trunk = Plan { name: "trunk", scenario, fill: &fill, calls: 1, rate: 1 };
    trunk.call(place, gateway.sip).succeed(place);
    let heard = milliseconds_of(&citizen.heard(), OPERATOR);
    assert!(heard >= 1_000, "the citizen heard {heard} ms of the operator");
    let record = &gateway.final_records(1)[0];
    assert_eq!(text(record, "/seat"), "1001", "{record:#}");
    assert_eq!(text(record, "/ended/reason"), "END_REASON_COMPLETED", "{record:#}");
    for method in ["REGISTER", "INVITE", "ACK", "BYE"] {
        assert!(said(place).contains(&format!("passes: {method}\n")), "{method}: {}", said(place));
    }
}
