//! Searches in virtual time, with a domain name system that is told what to say.

use super::*;
use crate::sip::Transport;
use std::net::SocketAddr;

const T0: Mono = Mono(1_000_000_000_000);
const S: fn(u64) -> Duration = Duration::from_secs;

/// A locator and the zone its name server knows; what is not in it does not exist.
struct Net {
    locator: Locator,
    zone: Vec<(&'static str, Kind, Record)>,
    life: Duration,
    asked: Vec<Query>,
    now: Mono,
}

fn naptr(order: u16, service: &str, replacement: &str) -> Record {
    Record::Naptr {
        order,
        preference: 10,
        flags: "S".into(),
        service: service.into(),
        regexp: String::new(),
        replacement: replacement.into(),
    }
}

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Record {
    Record::Srv { priority, weight, port, target: target.into() }
}

fn address(text: &str) -> Record {
    Record::Address(text.parse().unwrap())
}

fn reach(ways: &[&str]) -> Vec<LocalTransport> {
    let of = |way: &&str| {
        let (transport, local) = way.split_once(' ').unwrap();
        LocalTransport { transport: Transport::of_param(transport).unwrap(), local: local.parse().unwrap() }
    };
    ways.iter().map(of).collect()
}

impl Net {
    fn new(zone: Vec<(&'static str, Kind, Record)>) -> Net {
        Net::with(zone, &["udp 192.0.2.100:5060", "tcp 192.0.2.100:5060"])
    }

    fn with(zone: Vec<(&'static str, Kind, Record)>, ways: &[&str]) -> Net {
        let locator = Locator::new(reach(ways), Random::from_number(7));
        Net { locator, zone, life: S(60), asked: Vec::new(), now: T0 }
    }

    /// The hops of a place as text, in their order.
    fn find(&mut self, place: &str) -> Vec<String> {
        let mut parts = place.split(' ');
        let host = parts.next().unwrap().to_owned();
        let rest: Vec<&str> = parts.collect();
        let port = rest.iter().find_map(|p| p.parse().ok());
        let transport = rest.iter().find_map(|p| Transport::of_param(p));
        let mut out = Vec::new();
        self.locator.find(self.now, 1, TargetAddress { host, port, transport }, &mut out);
        loop {
            match out.remove(0) {
                Output::Found { found, .. } => {
                    return found
                        .hops
                        .iter()
                        .map(|l| format!("{} {}", l.hop.transport, l.hop.remote))
                        .collect();
                }
                Output::Ask(query) => {
                    let known = self.zone.iter().filter(|(n, k, _)| *n == query.name && *k == query.kind);
                    let records = known.map(|(_, _, r)| r.clone()).collect();
                    self.asked.push(query.clone());
                    self.locator.answered(self.now, query, Answer::Records(records, self.life), &mut out);
                }
            }
        }
    }
}

#[test]
fn what_is_written_in_figures_is_not_asked() {
    let mut net = Net::new(Vec::new());
    assert_eq!(net.find("198.51.100.7"), ["udp 198.51.100.7:5060"]);
    assert_eq!(net.find("198.51.100.7 5070 tcp"), ["tcp 198.51.100.7:5070"]);
    assert!(net.find("198.51.100.7 tls").is_empty(), "no way out by TLS");
    assert!(net.find("2001:db8::1").is_empty(), "no way out by IPv6");
    assert!(net.asked.is_empty());
    let mut wide = Net::with(Vec::new(), &["tls [2001:db8::5]:5061"]);
    assert_eq!(wide.find("2001:db8::1 tls"), ["tls [2001:db8::1]:5061"]);
}

#[test]
fn a_name_with_a_port_is_only_an_address() {
    let mut net = Net::new(vec![("a.example.org", Kind::A, address("198.51.100.7"))]);
    assert_eq!(net.find("a.example.org 5080"), ["udp 198.51.100.7:5080"]);
    assert_eq!(net.asked, [Query { name: "a.example.org".into(), kind: Kind::A }]);
}

#[test]
fn the_domain_chooses_transport_and_hosts_by_naptr_and_srv() {
    let mut net = Net::new(vec![
        ("example.org", Kind::Naptr, naptr(10, "SIPS+D2T", "_sips._tcp.example.org")),
        ("example.org", Kind::Naptr, naptr(30, "SIP+D2U", "_sip._udp.example.org.")),
        ("example.org", Kind::Naptr, naptr(20, "SIP+D2T", "_SIP._tcp.example.org")),
        ("_sip._tcp.example.org", Kind::Srv, srv(2, 0, 5062, "second.example.org")),
        ("_sip._tcp.example.org", Kind::Srv, srv(1, 0, 5061, "First.example.org.")),
        ("_sip._udp.example.org", Kind::Srv, srv(0, 0, 5060, "second.example.org")),
        ("first.example.org", Kind::A, address("198.51.100.1")),
        ("first.example.org", Kind::A, address("198.51.100.2")),
        ("second.example.org", Kind::A, address("198.51.100.3")),
    ]);
    let hops = net.find("example.org");
    assert_eq!(
        hops,
        ["tcp 198.51.100.1:5061", "tcp 198.51.100.2:5061", "tcp 198.51.100.3:5062", "udp 198.51.100.3:5060"]
    );
    let asked = net.asked.len();
    assert_eq!(net.find("example.org"), hops);
    assert_eq!(net.asked.len(), asked, "all is known");
    net.now = net.now + S(61);
    net.find("example.org");
    assert!(net.asked.len() > asked, "what was known has ended");
}

#[test]
fn without_naptr_services_are_tried_in_turn_and_then_the_name_itself() {
    let mut net = Net::new(vec![
        ("_sip._tcp.example.org", Kind::Srv, srv(1, 0, 5070, "a.example.org")),
        ("a.example.org", Kind::A, address("198.51.100.1")),
        ("plain.example.org", Kind::A, address("198.51.100.9")),
    ]);
    assert_eq!(net.find("example.org"), ["tcp 198.51.100.1:5070"]);
    assert_eq!(net.find("plain.example.org"), ["udp 198.51.100.9:5060"]);
    assert_eq!(net.find("plain.example.org tcp"), ["tcp 198.51.100.9:5060"]);
    assert!(net.find("nothing.example.org").is_empty());
}

#[test]
fn a_service_that_is_decidedly_not_there_is_not_guessed() {
    let mut net = Net::new(vec![
        ("_sip._udp.example.org", Kind::Srv, srv(0, 0, 0, ".")),
        ("example.org", Kind::A, address("198.51.100.9")),
    ]);
    assert!(net.find("example.org udp").is_empty());
}

#[test]
fn within_a_priority_the_lot_falls_by_weight() {
    let mut first = 0;
    for seed in 0..400 {
        let mut net = Net::new(vec![
            ("_sip._udp.example.org", Kind::Srv, srv(1, 30, 5060, "a.example.org")),
            ("_sip._udp.example.org", Kind::Srv, srv(1, 10, 5060, "b.example.org")),
            ("_sip._udp.example.org", Kind::Srv, srv(2, 99, 5060, "c.example.org")),
            ("a.example.org", Kind::A, address("198.51.100.1")),
            ("b.example.org", Kind::A, address("198.51.100.2")),
            ("c.example.org", Kind::A, address("198.51.100.3")),
        ]);
        net.locator.random = Random::from_number(seed);
        let hops = net.find("example.org udp");
        assert_eq!(hops[2], "udp 198.51.100.3:5060");
        first += u32::from(hops[0] == "udp 198.51.100.1:5060");
    }
    assert!((250..350).contains(&first), "{first} of 400, about 300 expected");
}

#[test]
fn when_name_servers_fail_what_was_known_stands_in() {
    let mut net = Net::new(vec![("a.example.org", Kind::A, address("198.51.100.7"))]);
    net.find("a.example.org 5060");
    net.now = net.now + S(100);
    let place = TargetAddress { host: "a.example.org".into(), port: Some(5060), transport: None };
    let mut out = Vec::new();
    net.locator.find(net.now, 2, place.clone(), &mut out);
    let Some(Output::Ask(query)) = out.pop() else { panic!() };
    net.locator.answered(net.now, query, Answer::Failed, &mut out);
    let Some(Output::Found { seeker: 2, found }) = out.pop() else { panic!() };
    assert_eq!(found.hops.len(), 1);
    assert!(matches!(found.extent, Extent::Whole(_)));
    net.locator.find(net.now + S(20), 3, place.clone(), &mut out);
    assert!(matches!(out.pop(), Some(Output::Found { seeker: 3, .. })));
    net.locator.find(net.now + S(40), 4, place, &mut out);
    assert!(matches!(out.pop(), Some(Output::Ask(_))), "asked again");
}

#[test]
fn a_silent_name_server_costs_ten_seconds_and_no_more() {
    let mut net = Net::new(Vec::new());
    let mut out = Vec::new();
    let place = TargetAddress { host: "a.example.org".into(), port: Some(5060), transport: None };
    net.locator.find(T0, 1, place, &mut out);
    assert_eq!(net.locator.poll_timeout(), Some((T0 + SEARCH_TIMEOUT, Reason::NameServerSilent)));
    out.clear();
    net.locator.handle_timeout(T0 + SEARCH_TIMEOUT, &mut out);
    let found = Found { hops: Vec::new(), until: Some(T0 + SEARCH_TIMEOUT + SHORTEST), extent: Extent::Part };
    assert_eq!(out, [Output::Found { seeker: 1, found }]);
    assert_eq!((net.locator.poll_timeout(), net.locator.remembered()), (None, (0, 0)));
}

/// A search by a seeker of its own, with name servers that say nothing at all until it is given up.
fn in_silence(net: &mut Net, host: &str) -> Found {
    let place = TargetAddress { host: host.into(), port: None, transport: None };
    let mut out = Vec::new();
    net.locator.find(net.now, 9, place, &mut out);
    net.now = net.now + SEARCH_TIMEOUT;
    net.locator.handle_timeout(net.now, &mut out);
    match out.pop() {
        Some(Output::Found { seeker: 9, found }) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn silent_name_servers_leave_known_answers_for_a_day_missing_naptr_too() {
    let mut net = Net::new(vec![
        ("_sip._udp.example.org", Kind::Srv, srv(1, 0, 5070, "a.example.org")),
        ("a.example.org", Kind::A, address("198.51.100.1")),
    ]);
    net.find("example.org");
    let ends = T0 + net.life;
    for hours in [1, 12, 23] {
        net.now = T0 + S(hours * 3600);
        let found = in_silence(&mut net, "example.org");
        assert_eq!(found.hops.len(), 1, "after {hours} h");
        assert_eq!(found.extent, Extent::Whole(Some(ends + S(24 * 3600))));
        assert!(found.until.is_some_and(|until| until > net.now));
    }
    net.now = ends + S(24 * 3600);
    let found = in_silence(&mut net, "example.org");
    assert_eq!((found.hops.len(), found.extent), (0, Extent::Part));
}

#[test]
fn an_answer_that_comes_too_late_for_one_search_serves_the_next() {
    let mut net = Net::new(Vec::new());
    assert_eq!(in_silence(&mut net, "example.org").extent, Extent::Part);
    let late = Query { name: "example.org".into(), kind: Kind::Naptr };
    let mut out = Vec::new();
    net.locator.answered(net.now, late.clone(), Answer::Records(Vec::new(), S(60)), &mut out);
    net.locator.answered(net.now, late.clone(), Answer::Failed, &mut out);
    assert_eq!(out, []);
    net.find("example.org");
    assert!(!net.asked.contains(&late), "{:?}", net.asked);
}

#[test]
fn a_search_past_a_question_no_server_answers_is_no_whole_one() {
    let mut net = Net::new(vec![("example.org", Kind::A, address("198.51.100.1"))]);
    let place = TargetAddress { host: "example.org".into(), port: None, transport: None };
    let mut out = Vec::new();
    net.locator.find(T0, 1, place, &mut out);
    let found = loop {
        match out.remove(0) {
            Output::Found { found, .. } => break found,
            Output::Ask(query) if query.kind == Kind::A => {
                let answer = Answer::Records(vec![address("198.51.100.1")], S(60));
                net.locator.answered(T0, query, answer, &mut out);
            }
            Output::Ask(query) => net.locator.answered(T0, query, Answer::Failed, &mut out),
        }
    };
    assert_eq!((found.hops.len(), found.extent), (1, Extent::Part));
}

#[test]
fn neither_searches_nor_answers_nor_hops_grow_without_end() {
    let mut net = Net::new(Vec::new());
    let mut out = Vec::new();
    for n in 0..2 * SEARCHES as u64 {
        let place = TargetAddress { host: format!("h{n}.example.org"), port: Some(5060), transport: None };
        net.locator.find(T0, n, place, &mut out);
    }
    assert_eq!(net.locator.remembered().0, SEARCHES);
    net.locator.handle_timeout(T0 + SEARCH_TIMEOUT, &mut out);
    assert_eq!(net.locator.remembered().0, 0);
    for n in 0..2 * KNOWN {
        net.zone.clear();
        net.now = T0 + S(n as u64);
        let _ = net.find(&format!("x{n}.example.org 5060"));
    }
    assert!(net.locator.remembered().1 <= KNOWN);
    let mut wide = Net::new(Vec::new());
    for n in 0..40u8 {
        let host: &'static str = "many.example.org";
        let at: SocketAddr = format!("198.51.100.{}:1", n + 1).parse().unwrap();
        wide.zone.push((host, Kind::A, Record::Address(at.ip())));
    }
    assert_eq!(wide.find("many.example.org 5060").len(), HOPS);
}
