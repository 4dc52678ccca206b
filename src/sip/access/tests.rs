//! Who stands behind which flow.

use super::*;
use crate::id::Random;
use crate::redact::Secret;
use crate::sip::digest::{Challenge, SeatAccount};
use crate::sip::{Message, Status, Transport};
use crate::time::{Now, Wall};
use bytes::Bytes;

fn from(remote: &str) -> Flow {
    let (local, remote) = ("192.0.2.100:5060".parse().unwrap(), remote.parse().unwrap());
    Flow { transport: Transport::Udp, local, remote, connection: None }
}

fn source(prefix: &str) -> PeerSource {
    let (address, length) = prefix.split_once('/').unwrap_or((prefix, "32"));
    let prefix = Prefix::new(address.parse().unwrap(), length.parse().unwrap()).unwrap();
    PeerSource { prefix, transport: None, port: None }
}

fn trunk(name: &str) -> PeerId {
    PeerId::Trunk(name.into())
}

fn seat(name: &str) -> PeerId {
    PeerId::Seat(name.into())
}

/// A registrar at which these seats are registered on these flows.
fn registered(seats: &[(&str, Flow)]) -> Registrar {
    let account = |(name, _): &(&str, Flow)| SeatAccount {
        seat: (*name).into(),
        password: Secret::new("p".into()),
        algorithms: Vec::new(),
    };
    let accounts = seats.iter().map(account).collect();
    let mut registrar = Registrar::new("hotline".into(), accounts, Random::from_number(1));
    let now = Now { mono: Mono(1), wall: Wall(1) };
    for (name, flow) in seats {
        let request = |proof: &str| {
            let text = format!(
                "REGISTER sip:g SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:{name}@g>;tag=1\r\n\
                 To: <sip:{name}@g>\r\nCall-ID: c{name}\r\nCSeq: 1 REGISTER\r\nContact: <sip:{name}@h>\r\n\
                 {proof}Content-Length: 0\r\n\r\n"
            );
            Message::parse(Bytes::from(text)).unwrap()
        };
        let asked = registrar.register(now, *flow, &request("")).response.unwrap();
        let challenge = Challenge::choose(asked.all("WWW-Authenticate")).unwrap();
        let proof = challenge.answer(name, &Secret::new("p".into()), "REGISTER", "sip:g", 1, "c");
        let done = registrar.register(now, *flow, &request(&format!("Authorization: {proof}\r\n")));
        assert_eq!(done.response.unwrap().status(), Some(Status::OK));
    }
    registrar
}

#[test]
fn a_trunk_is_known_by_address_and_where_said_by_transport_and_port() {
    let mut d = AccessControl::default();
    d.add("carrier".into(), source("198.51.100.0/24"));
    d.add("pbx".into(), PeerSource { port: Some(5062), ..source("203.0.113.9") });
    d.add("stream".into(), PeerSource { transport: Some(Transport::Tcp), ..source("2001:db8::/32") });
    let empty = registered(&[]);
    let who = |flow: Flow| d.identify(&flow, &empty);
    assert_eq!(who(from("198.51.100.77:1234")), trunk("carrier"));
    assert_eq!(who(from("[::ffff:198.51.100.77]:1234")), trunk("carrier"));
    assert_eq!(who(from("198.51.101.77:1234")), PeerId::Unknown);
    assert_eq!(who(from("203.0.113.9:5062")), trunk("pbx"));
    assert_eq!(who(from("203.0.113.9:5060")), PeerId::Unknown);
    assert_eq!(who(from("[2001:db8::1]:9")), PeerId::Unknown);
    assert_eq!(who(Flow { transport: Transport::Tcp, ..from("[2001:db8::1]:9") }), trunk("stream"));
}

#[test]
fn a_certificate_is_its_trunk_and_nothing_else_stands_in_for_it() {
    let mut d = AccessControl::default();
    let names = || vec!["PBX.example.org".to_owned(), "second.example.org".to_owned()];
    d.add_certified("pbx".into(), names(), Vec::new());
    d.add_certified("bound".into(), vec!["bound.example.org".into()], vec![source("198.51.100.0/24")]);
    d.add("wide".into(), source("0.0.0.0/0"));
    let empty = registered(&[]);
    let tls = |connection, remote: &str| Flow {
        transport: Transport::Tls,
        connection: Some(connection),
        ..from(remote)
    };
    let shows = |d: &mut AccessControl, flow, name: &str| {
        d.connected(flow, vec![name.to_owned()]);
        let who = d.identify(&flow, &empty);
        d.disconnected(&flow);
        who
    };
    assert_eq!(shows(&mut d, tls(1, "203.0.113.9:4000"), "pbx.example.org"), trunk("pbx"));
    assert_eq!(shows(&mut d, tls(2, "203.0.113.9:4000"), "sip:Second.example.org"), trunk("pbx"));
    assert_eq!(shows(&mut d, tls(3, "203.0.113.9:4000"), "evil.pbx.example.org"), trunk("wide"));
    assert_eq!(shows(&mut d, tls(4, "203.0.113.9:4000"), "bound.example.org"), trunk("wide"));
    assert_eq!(shows(&mut d, tls(5, "198.51.100.9:4000"), "bound.example.org"), trunk("bound"));
    assert_eq!(d.identify(&tls(1, "203.0.113.9:4000"), &empty), trunk("wide"), "gone with its connection");
    let mut alone = AccessControl::default();
    alone.add_certified("pbx".into(), names(), vec![source("203.0.113.9")]);
    assert_eq!(
        alone.identify(&from("203.0.113.9:5060"), &empty),
        PeerId::Unknown,
        "an address is no certificate"
    );
    assert!(!alone.knows(&from("203.0.113.9:5060"), &empty));
}

#[test]
fn the_narrowest_source_decides_between_trunks() {
    let mut d = AccessControl::default();
    d.add("wide".into(), source("198.51.100.0/24"));
    d.add("one".into(), source("198.51.100.7"));
    d.add("half".into(), source("198.51.100.0/25"));
    d.add("port".into(), PeerSource { port: Some(5070), ..source("198.51.100.7") });
    d.add("late".into(), source("198.51.100.7"));
    let empty = registered(&[]);
    let who = |remote| d.identify(&from(remote), &empty);
    assert_eq!(who("198.51.100.7:5070"), trunk("port"));
    assert_eq!(who("198.51.100.7:5060"), trunk("one"));
    assert_eq!(who("198.51.100.8:5060"), trunk("half"));
    assert_eq!(who("198.51.100.200:5060"), trunk("wide"));
}

#[test]
fn a_seat_is_behind_the_flow_it_registered_on_and_no_other() {
    let d = AccessControl::default();
    let (desk, other) = (from("203.0.113.5:40001"), from("203.0.113.5:40002"));
    let mut registrar = registered(&[("1001", desk)]);
    assert_eq!(d.identify(&desk, &registrar), seat("1001"));
    assert_eq!(d.identify_user(&desk, &registrar, "boss"), seat("1001"), "whatever it says of itself");
    assert_eq!(d.identify(&other, &registrar), PeerId::Unknown);
    assert_eq!(d.identify_user(&other, &registrar, "1001"), PeerId::Unknown, "a name is no proof");
    registrar.flow_closed(desk);
    assert_eq!(d.identify(&desk, &registrar), PeerId::Unknown);
}

#[test]
fn a_name_chooses_among_the_seats_of_one_flow() {
    let mut d = AccessControl::default();
    let shared = from("203.0.113.5:40001");
    let registrar = registered(&[("1001", shared), ("1002", shared)]);
    assert_eq!(d.identify(&shared, &registrar), PeerId::Unknown);
    assert_eq!(d.identify_user(&shared, &registrar, "1002"), seat("1002"));
    assert_eq!(d.identify_user(&shared, &registrar, "1003"), PeerId::Unknown);
    for name in ["2001", "2002"] {
        d.add_seat(name.into(), PeerSource { port: Some(6000), ..source("127.0.0.1") });
    }
    let fixed = from("127.0.0.1:6000");
    assert_eq!(d.identify_user(&fixed, &registrar, "2002"), seat("2002"));
    assert_eq!(d.identify_user(&fixed, &registrar, "1002"), PeerId::Unknown, "registered elsewhere");
}

#[test]
fn a_trunk_precedes_a_seat_at_its_address_unless_the_seat_is_narrower() {
    let mut d = AccessControl::default();
    d.add("carrier".into(), source("203.0.113.5"));
    let phone = from("203.0.113.5:40001");
    let registrar = registered(&[("1001", phone)]);
    assert_eq!(d.identify(&phone, &registrar), trunk("carrier"));
    assert_eq!(d.identify_user(&phone, &registrar, "13800138000"), trunk("carrier"));
    assert_eq!(d.identify_user(&phone, &registrar, "1001"), seat("1001"));
    assert_eq!(d.identify_user(&from("203.0.113.5:5060"), &registrar, "1001"), trunk("carrier"));
    d.add("proxy".into(), PeerSource { port: Some(40001), ..source("203.0.113.5") });
    assert_eq!(d.identify_user(&phone, &registrar, "1001"), trunk("proxy"), "as narrow: the trunk");
}

#[test]
fn a_flood_of_unknown_sources_is_cut_and_the_known_are_always_admitted() {
    let mut d = AccessControl::default();
    d.add("carrier".into(), source("198.51.100.0/24"));
    let phone = from("203.0.113.5:40001");
    let registrar = registered(&[("1001", phone)]);
    let now = Mono(1_000_000_000);
    let mut passed = |remote: &str| (0..1000).filter(|_| d.admit(now, &from(remote), &registrar)).count();
    assert_eq!(passed("198.51.100.7:5060"), 1000);
    assert_eq!(passed("203.0.113.5:40001"), 1000);
    assert_eq!(passed("203.0.113.66:5060"), UNKNOWN_SOURCES.burst as usize);
    assert_eq!(passed("203.0.113.66:9999"), 0, "another port of the same source");
    assert_eq!(passed("203.0.113.67:5060"), UNKNOWN_SOURCES.burst as usize);
}

#[test]
fn a_fixed_phone_is_known_at_its_contact_and_a_stream_from_any_port() {
    let mut d = AccessControl::default();
    let empty = registered(&[]);
    let contact = |transport| config::Contact {
        uri: "sip:1001@[::ffff:203.0.113.9]:5062".into(),
        transport,
        address: "[::ffff:203.0.113.9]:5062".parse().unwrap(),
    };
    d.add_contact("1001".into(), &contact(config::Transport::Udp));
    assert_eq!(d.identify(&from("203.0.113.9:5062"), &empty), seat("1001"));
    assert_eq!(d.identify(&from("203.0.113.9:5063"), &empty), PeerId::Unknown);
    let stream = Flow { transport: Transport::Tcp, ..from("203.0.113.9:50000") };
    assert_eq!(d.identify(&stream, &empty), PeerId::Unknown);
    d.add_contact("1002".into(), &contact(config::Transport::Tcp));
    assert_eq!(d.identify(&stream, &empty), seat("1002"));
    assert!(d.knows(&stream, &empty));
}

#[test]
fn a_lost_connection_is_known_by_what_it_proved_and_its_other_sources() {
    let mut d = AccessControl::default();
    let empty = registered(&[]);
    d.add("pbx".into(), source("203.0.113.0/30"));
    let names = vec!["sbc.carrier.example".into()];
    d.add_certified("carrier".into(), names.clone(), vec![source("198.51.100.0/30")]);
    let lost = Flow { transport: Transport::Tls, connection: Some(7), ..from("198.51.100.1:40000") };
    d.connected(lost, names.clone());
    d.disconnected(&lost);
    assert_eq!(d.identify(&lost, &empty), PeerId::Unknown, "what is lost gives no right");
    assert_eq!((d.trunk_behind(&lost), d.names_proved(&lost)), (Some(&"carrier".into()), &names[..]));
    let without = Flow { connection: Some(8), ..lost };
    assert_eq!((d.trunk_behind(&without), d.names_proved(&without)), (None, &[][..]));
    assert_eq!(d.trunk_behind(&from("203.0.113.1:5060")), Some(&"pbx".into()));
    for (trunk, at, is_there) in [
        ("carrier", "198.51.100.2:5061", true),
        ("carrier", "198.51.100.9:5061", false),
        ("carrier", "203.0.113.2:5061", false),
        ("pbx", "203.0.113.2:5060", true),
        ("pbx", "198.51.100.2:5060", false),
    ] {
        assert_eq!(d.comes_from(&trunk.into(), &from(at)), is_there, "{trunk} at {at}");
    }
}
