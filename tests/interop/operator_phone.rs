//! A citizen and an operator hear each other: baresip at the seat, SIPp and a voice of A-law at the trunk.

use crate::baresip::Baresip;
use crate::certificates::Authority;
use crate::place::Place;
use crate::program::{Program, text};
use crate::sipp::Plan;
use crate::tone::{milliseconds_of, most_of};
use crate::voice::Voice;

/// What the citizen and the operator sound like.
const CITIZEN: u32 = 1_000;
const OPERATOR: u32 = 620;

/// The seat. baresip 1 gives up at a challenge it does not know, although RFC 8760 section 2.4 has it go on to the
/// next one: it needs a seat with MD5 alone.
const SEAT: &str = "[[seat]]\nid = \"1001\"";

/// How long the citizen stays, and how much of it each must have heard of the other: baresip takes its time to begin.
const HOLD: &str = "3000";
const ENOUGH: usize = 1_500;

fn talk(name: &str, codec: &str) {
    let gateway = Program::start(name, SEAT, "");
    let password = gateway.password("1001");
    let phone = Baresip::register(&gateway.place, gateway.sip, ("1001", &password), codec, OPERATOR);
    talk_with(&gateway, &phone, codec);
}

fn talk_with(gateway: &Program, phone: &Baresip, codec: &str) {
    let citizen = Voice::start(CITIZEN);
    let media = citizen.port.to_string();
    let fill = [("media", media.as_str()), ("hold", HOLD)];
    let scenario = include_str!("scenarios/caller.xml");
    let trunk = Plan { name: "trunk", scenario, fill: &fill, calls: 1, rate: 1 };
    trunk.call(&gateway.place, gateway.sip).succeed(&gateway.place);
    let (at_citizen, at_operator) = (citizen.heard(), phone.heard(&gateway.place, ENOUGH));

    let heard = [milliseconds_of(&at_citizen, OPERATOR), milliseconds_of(&at_operator, CITIZEN)];
    let own = [most_of(&at_citizen, CITIZEN), most_of(&at_operator, OPERATOR)];
    println!(
        "{codec}: the citizen heard {} ms, the operator {} ms; of themselves {own:.4?}",
        heard[0], heard[1]
    );
    assert!(
        heard.iter().all(|ms| *ms >= ENOUGH),
        "ms of the other's tone at citizen and operator: {heard:?}"
    );
    assert!(own.iter().all(|share| *share < 0.01), "share of the own tone at citizen and operator: {own:?}");

    let record = &gateway.final_records(1)[0];
    assert_eq!(text(record, "/seat"), "1001", "{record:#}");
    assert_eq!(text(record, "/ended/reason"), "END_REASON_COMPLETED", "{record:#}");
}

#[test]
fn a_tone_goes_each_way_between_a_trunk_and_a_registered_phone() {
    talk("alaw", "PCMA");
}

#[test]
fn a_tone_goes_each_way_when_the_phone_speaks_another_law_than_the_trunk() {
    talk("ulaw", "PCMU");
}

#[test]
fn a_tone_goes_each_way_when_the_phone_is_registered_over_tls() {
    let (authority, files) = (Authority::new(), Place::new("tls-files"));
    authority.signs(&["127.0.0.1"]).write(files.path());
    let tls =
        format!("tls_certificate = {:?}\ntls_key = {:?}", files.file("cert.pem"), files.file("key.pem"));
    let trunk = "[[trunk]]\nname = \"sipp\"\nsources = [\"udp:127.0.0.1\"]\ntrusted = true\n";
    let listen = ["udp:127.0.0.1:0", "tls:127.0.0.1:0"];
    let gateway = Program::with_certificate("tls", &listen, &tls, trunk, SEAT, "");
    let password = gateway.password("1001");
    let trusts = format!("sip_cafile {}", authority.write(files.path(), "ca.pem").display());
    let (at, account) = (gateway.listens("tls:127."), ("1001", password.as_str()));
    let phone = Baresip::register_over(&gateway.place, ("tls", &trusts), at, account, "PCMA", OPERATOR);
    talk_with(&gateway, &phone, "PCMA");
}
