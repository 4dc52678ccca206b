//! Trunks in virtual time: peers that are told what to answer, carriers that register us or do not.

use super::*;
use crate::sip::digest::{Algorithm, Challenge, Credentials, Keying, Qop};
use crate::sip::locate::{Kind, Record};
use crate::sip::{Method, Status, Transport};
use crate::time::{Duration, Wall};

const S: fn(u64) -> Duration = Duration::from_secs;

/// What a peer does with our requests.
type Peer = Box<dyn FnMut(Hop, &Outgoing) -> Option<Outgoing>>;

struct Town {
    trunks: Trunks,
    now: Now,
    peer: Peer,
    /// `(seconds since the beginning, reachable, why)`
    told: Vec<(u64, bool, String)>,
    /// `(seconds since the beginning, method and target address)`
    sent: Vec<(u64, String, Outgoing)>,
    /// Our address in each of `sent`.
    left_by: Vec<String>,
    asked: Vec<Query>,
    unanswered: Vec<(Mono, RequestId)>,
}

fn place(host: &str) -> TargetAddress {
    TargetAddress { host: host.into(), port: Some(5060), transport: None }
}

fn profile(targets: &[&str]) -> TrunkProfile {
    TrunkProfile {
        name: "carrier".into(),
        targets: targets.iter().map(|t| place(t)).collect(),
        ping: S(30),
        register: None,
        register_expires: S(3600),
        password: None,
        auth_username: None,
        dial_prefix: None,
        local: None,
    }
}

fn registering() -> TrunkProfile {
    TrunkProfile {
        register: Some(place("198.51.100.1")),
        password: Some(("4930123".into(), "secret".into())),
        ping: S(0),
        ..profile(&[])
    }
}

fn answer(request: &Outgoing, status: Status) -> Outgoing {
    let request = request.clone().first("Via", "SIP/2.0/UDP 192.0.2.100;branch=z9hG4bKx");
    Outgoing::response(&Message::parse(request.encode()).unwrap(), status, Some("t"))
}

fn trunk() -> TrunkId {
    "carrier".into()
}

fn hop(ip: &str) -> Hop {
    Hop { transport: Transport::Udp, remote: format!("{ip}:5060").parse().unwrap() }
}

impl Town {
    fn new(profile: TrunkProfile, peer: impl FnMut(Hop, &Outgoing) -> Option<Outgoing> + 'static) -> Town {
        let now = Now { mono: Mono(1_000_000_000_000), wall: Wall(1) };
        let out = |transport| LocalTransport { transport, local: "192.0.2.100:5060".parse().unwrap() };
        let second = LocalTransport { transport: Transport::Udp, local: "203.0.113.5:5062".parse().unwrap() };
        let reach = vec![out(Transport::Udp), out(Transport::Tcp), second];
        let own = Own { domain: "hotline.example.org".into(), advertised: None, reach };
        let trunks = Trunks::new(vec![profile], own, now.mono, Random::from_number(5));
        Town {
            trunks,
            now,
            peer: Box::new(peer),
            told: Vec::new(),
            sent: Vec::new(),
            left_by: Vec::new(),
            asked: Vec::new(),
            unanswered: Vec::new(),
        }
    }

    fn since(&self) -> u64 {
        self.now.mono.since(Mono(1_000_000_000_000)).as_secs()
    }

    fn run(&mut self, time: Duration) {
        let end = self.now.mono + time;
        loop {
            let lost = self.unanswered.iter().map(|(at, _)| *at).min();
            let next = self.trunks.poll_timeout().map(|(at, _)| at).into_iter().chain(lost).min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.after(at.since(self.now.mono));
            let mut out = Vec::new();
            let now = self.now;
            let lost: Vec<_> = self.unanswered.extract_if(.., |(at, _)| *at <= now.mono).collect();
            for (_, asked) in lost {
                self.trunks.handle(now, Input::Failed { asked }, &mut out);
            }
            self.trunks.handle_timeout(now, &mut out);
            self.said(out);
        }
        self.now = self.now.after(end.since(self.now.mono));
    }

    fn input(&mut self, input: Input) {
        let mut out = Vec::new();
        self.trunks.handle(self.now, input, &mut out);
        self.said(out);
    }

    fn said(&mut self, mut out: Vec<Output>) {
        while !out.is_empty() {
            match out.remove(0) {
                Output::Ask(query) => self.asked.push(query),
                Output::Changed { reachable, reason, .. } => {
                    self.told.push((self.since(), reachable, reason.to_string()))
                }
                Output::Request { asked, flow, request } => {
                    let hop = Hop::from(flow);
                    let name = format!("{} {}", request.method().unwrap().as_str(), hop.remote.ip());
                    self.sent.push((self.since(), name, request.clone()));
                    self.left_by.push(flow.local.to_string());
                    match (self.peer)(hop, &request) {
                        Some(response) => {
                            let response = Message::parse(response.encode()).unwrap();
                            self.trunks.handle(self.now, Input::Response { asked, response }, &mut out);
                        }
                        None => self.unanswered.push((self.now.mono + S(32), asked)),
                    }
                }
            }
        }
    }

    fn states(&self) -> Vec<bool> {
        self.told.iter().map(|(_, reachable, _)| *reachable).collect()
    }

    fn times(&self, name: &str) -> Vec<u64> {
        self.sent.iter().filter(|(_, n, _)| n == name).map(|(at, ..)| *at).collect()
    }

    fn dials(&mut self) -> Vec<String> {
        let routes = self.trunks.routes(&trunk(), "12345", 8);
        routes.iter().map(|route| route.flow.remote.ip().to_string()).collect()
    }
}

/// A peer that answers OPTIONS at the addresses whose last figure is among `alive`.
fn alive(alive: impl Fn(u8) -> bool + 'static) -> impl FnMut(Hop, &Outgoing) -> Option<Outgoing> {
    move |hop, request| {
        let std::net::IpAddr::V4(ip) = hop.remote.ip() else { return None };
        alive(ip.octets()[3]).then(|| answer(request, Status::OK))
    }
}

#[test]
fn a_trunk_that_answers_is_pinged_every_thirty_seconds_and_told_once() {
    let mut t = Town::new(profile(&["198.51.100.1"]), alive(|_| true));
    t.run(S(100));
    assert_eq!(t.told, [(0, true, "answers".to_owned())]);
    assert_eq!(t.times("OPTIONS 198.51.100.1"), [0, 30, 60, 90]);
    let (_, _, request) = &t.sent[0];
    assert_eq!(request.uri(), b"sip:198.51.100.1:5060");
    assert!(t.trunks.status(&trunk()).unwrap().reachable.unwrap());
}

#[test]
fn a_silent_trunk_is_unreachable_in_11_s_and_back_with_one_answer() {
    use std::{cell::Cell, rc::Rc};
    let reachable = Rc::new(Cell::new(true));
    let seen = reachable.clone();
    let mut t = Town::new(profile(&["198.51.100.1"]), alive(move |_| seen.get()));
    t.run(S(25));
    reachable.set(false);
    t.run(S(16));
    assert_eq!(t.states(), [true, false], "{:?}", t.told);
    assert!(t.told[1].0 <= 41 && t.told[1].2.contains("no target answers"));
    t.run(S(100));
    reachable.set(true);
    t.run(S(31));
    assert_eq!(t.states(), [true, false, true], "{:?} {:?}", t.told, t.times("OPTIONS 198.51.100.1"));
}

#[test]
fn any_response_but_503_and_408_is_a_sign_of_life() {
    for (status, reachable) in
        [(200, true), (401, true), (404, true), (405, true), (503, false), (408, false)]
    {
        let mut t = Town::new(profile(&["198.51.100.1"]), move |_, r| Some(answer(r, status.into())));
        t.run(S(20));
        assert_eq!(t.states(), [reachable], "{status}");
    }
}

#[test]
fn calls_go_to_the_first_reachable_target_and_to_others_only_without_one() {
    let mut t = Town::new(profile(&["198.51.100.1", "198.51.100.2", "198.51.100.3"]), alive(|n| n != 1));
    t.run(S(20));
    assert_eq!(t.dials(), ["198.51.100.2", "198.51.100.3", "198.51.100.1"]);
    assert_eq!(t.states(), [true], "two of three live");
    let mut out = Vec::new();
    t.trunks.failed(t.now, &trunk(), hop("198.51.100.2"), &mut out);
    assert_eq!(t.dials()[0], "198.51.100.3");
    t.trunks.failed(t.now, &trunk(), hop("198.51.100.3"), &mut out);
    t.said(out);
    assert_eq!(t.states(), [true, false]);
    t.run(S(31));
    assert_eq!((t.states(), t.dials()[0].as_str()), (vec![true, false, true], "198.51.100.2"));
}

#[test]
fn the_number_is_dialled_with_its_prefix_and_cannot_break_out_of_the_uri() {
    let mut dialled = TrunkProfile { dial_prefix: Some("0".into()), ..profile(&["198.51.100.1"]) };
    dialled.targets.push(TargetAddress {
        host: "2001:db8::1".into(),
        port: None,
        transport: Some(Transport::Tcp),
    });
    let mut t = Town::new(dialled, |_, _| None);
    t.run(S(1));
    let mut uri = |number: &str| t.trunks.routes(&trunk(), number, 1).remove(0).uri;
    assert_eq!(uri("13800138000"), "sip:013800138000@198.51.100.1:5060");
    assert_eq!(uri("*55#1@evil.example;x=<"), "sip:0*55%231%40evil.example%3Bx%3D%3C@198.51.100.1:5060");
    assert!(t.trunks.routes(&"nobody".into(), "1", 1).is_empty());
}

#[test]
fn a_name_is_looked_up_and_its_second_host_takes_over() {
    let mut named = profile(&[]);
    named.targets =
        vec![TargetAddress { host: "example.org".into(), port: None, transport: Some(Transport::Udp) }];
    let mut t = Town::new(named, alive(|n| n == 2));
    let zone = |query: &Query| -> Vec<Record> {
        let srv = |priority, host: &str| Record::Srv { priority, weight: 0, port: 5060, target: host.into() };
        match (query.name.as_str(), query.kind) {
            ("_sip._udp.example.org", Kind::Srv) => vec![srv(1, "a.example.org"), srv(2, "b.example.org")],
            ("a.example.org", Kind::A) => vec![Record::Address("198.51.100.1".parse().unwrap())],
            ("b.example.org", Kind::A) => vec![Record::Address("198.51.100.2".parse().unwrap())],
            _ => Vec::new(),
        }
    };
    for _ in 0..25 {
        t.run(S(1));
        for query in std::mem::take(&mut t.asked) {
            let answer = Answer::Records(zone(&query), S(3600));
            t.input(Input::Located { query, answer });
        }
    }
    assert_eq!(t.dials(), ["198.51.100.2", "198.51.100.1"]);
    let mut flow = t.trunks.routes(&trunk(), "1", 1).remove(0).flow;
    assert!(t.trunks.reaches(&flow));
    flow.remote.set_port(5061);
    assert!(!t.trunks.reaches(&flow));
    assert_eq!(t.states(), [true]);
    assert_eq!(t.trunks.routes(&trunk(), "1", 1).remove(0).uri, "sip:1@example.org;transport=udp");
}

#[test]
fn a_name_without_an_address_makes_its_trunk_unreachable() {
    let mut t = Town::new(profile(&["nowhere.example.org"]), |_, _| None);
    t.run(S(11));
    assert_eq!(t.states(), [false]);
    assert!(t.told[0].2.contains("no address"), "{:?}", t.told);
}

/// What name servers do.
#[derive(Clone, Copy, PartialEq)]
enum Servers {
    Answer,
    /// Targets that say that they cannot.
    Fail,
    Silent,
}

impl Town {
    /// Lets time pass with name servers that do this; those that answer know one host of `example.org`.
    fn run_named(&mut self, time: u64, servers: Servers) {
        for _ in 0..time {
            self.run(S(1));
            for query in std::mem::take(&mut self.asked) {
                let records = match (query.name.as_str(), query.kind) {
                    ("_sip._udp.example.org", Kind::Srv) => {
                        vec![Record::Srv {
                            priority: 1,
                            weight: 0,
                            port: 5060,
                            target: "a.example.org".into(),
                        }]
                    }
                    ("a.example.org", Kind::A) => vec![Record::Address("198.51.100.1".parse().unwrap())],
                    _ => Vec::new(),
                };
                let answer = match servers {
                    Servers::Answer => Answer::Records(records, S(600)),
                    Servers::Fail => Answer::Failed,
                    Servers::Silent => continue,
                };
                self.input(Input::Located { query, answer });
            }
        }
    }
}

fn by_name() -> TargetAddress {
    TargetAddress { host: "example.org".into(), port: None, transport: None }
}

#[test]
fn a_trunk_without_name_servers_is_dialable_for_a_day_then_unreachable() {
    for servers in [Servers::Silent, Servers::Fail] {
        let mut t = Town::new(TrunkProfile { targets: vec![by_name()], ..profile(&[]) }, alive(|_| true));
        t.run_named(5, Servers::Answer);
        assert_eq!(t.dials(), ["198.51.100.1"]);
        for hour in 0..23 {
            t.run_named(3600, servers);
            assert_eq!(t.dials(), ["198.51.100.1"], "after {hour} h");
        }
        assert_eq!(t.states(), [true], "{:?}", t.told);
        t.run_named(3 * 3600, servers);
        assert_eq!(t.states(), [true, false], "{:?}", t.told);
        assert!(t.told[1].0 > 24 * 3600 && t.told[1].2.contains("no address"), "{:?}", t.told);
        t.run_named(60, Servers::Answer);
        assert_eq!(t.states(), [true, false, true]);
    }
}

#[test]
fn hosts_of_one_priority_share_calls_by_weight_while_they_are_reachable() {
    let mut t = Town::new(TrunkProfile { targets: vec![by_name()], ..profile(&[]) }, alive(|n| n != 4));
    let srv =
        |priority, weight, host: &str| Record::Srv { priority, weight, port: 5060, target: host.into() };
    let zone = |query: &Query| match (query.name.as_str(), query.kind) {
        ("_sip._udp.example.org", Kind::Srv) => {
            vec![srv(1, 30, "h1"), srv(1, 10, "h2"), srv(2, 99, "h3"), srv(1, 60, "h4")]
        }
        (host, Kind::A) if host.len() == 2 => {
            vec![Record::Address(host.replace('h', "198.51.100.").parse().unwrap())]
        }
        _ => Vec::new(),
    };
    for _ in 0..20 {
        t.run(S(1));
        for query in std::mem::take(&mut t.asked) {
            let answer = Answer::Records(zone(&query), S(3600));
            t.input(Input::Located { query, answer });
        }
    }
    let mut first = 0;
    for _ in 0..400 {
        let dials = t.dials();
        assert_eq!(dials[2..], ["198.51.100.3", "198.51.100.4"]);
        first += u32::from(dials[0] == "198.51.100.1");
    }
    assert!((250..350).contains(&first), "{first} of 400, about 300 expected");
}

#[test]
fn a_search_that_came_to_no_end_takes_no_way_away() {
    // The host of the service has a new name, and no record says where that is.
    let mut t = Town::new(TrunkProfile { targets: vec![by_name()], ..profile(&[]) }, alive(|_| true));
    t.run_named(5, Servers::Answer);
    for _ in 0..3600 {
        t.run(S(1));
        for query in std::mem::take(&mut t.asked) {
            let moved = Record::Srv { priority: 1, weight: 0, port: 5060, target: "b.example.org".into() };
            let answer = match query.kind {
                Kind::Srv => Answer::Records(vec![moved], S(600)),
                Kind::A => Answer::Failed,
                Kind::Naptr | Kind::Aaaa => Answer::Records(Vec::new(), S(600)),
            };
            t.input(Input::Located { query, answer });
        }
    }
    assert_eq!((t.dials(), t.states()), (vec!["198.51.100.1".to_owned()], vec![true]));
}

#[test]
fn a_registrar_that_was_found_once_is_asked_without_name_servers_too() {
    let wish = TrunkProfile { register: Some(by_name()), ..registering() };
    let mut t = Town::new(wish, registrar(600, Vec::new()));
    t.run_named(5, Servers::Answer);
    assert_eq!(t.states(), [true]);
    t.run_named(6 * 3600, Servers::Silent);
    assert_eq!(t.states(), [true], "{:?}", t.told);
    assert!(t.times("REGISTER 198.51.100.1").len() > 30);
}

#[test]
fn a_carrier_may_want_another_name_in_proofs_than_the_one_we_sign_in_as() {
    let wish = TrunkProfile { auth_username: Some("line-7".into()), ..registering() };
    let mut t = Town::new(wish, |_, _| None);
    t.run(S(1));
    let register = t.sent.iter().find(|(_, n, _)| n.starts_with("REGISTER")).unwrap().2.clone();
    assert!(String::from_utf8_lossy(register.get("To").unwrap()).contains("sip:4930123@"));
    let asks = Challenge::parse(b"Digest realm=\"r\", nonce=\"n\", algorithm=MD5, qop=\"auth\"").unwrap();
    let asked = answer(&register, Status::UNAUTHORIZED).with("WWW-Authenticate", asks.render());
    let asked = Message::parse(asked.encode()).unwrap();
    let again = t.trunks.challenged(&trunk(), &asked, &register).unwrap();
    let proof = String::from_utf8_lossy(again.get("Authorization").unwrap()).into_owned();
    assert!(proof.contains("username=\"line-7\""), "{proof}");
}

#[test]
fn a_request_of_the_call_side_is_answered_for_with_the_trunks_password() {
    let mut t = Town::new(registering(), |_, _| None);
    let invite = Outgoing::request(Method::Invite, "sip:1@198.51.100.1")
        .with("From", "<sip:a@b>;tag=1")
        .with("To", "<sip:c@d>")
        .with("Call-ID", "x")
        .with("CSeq", "1 INVITE");
    let asked = Challenge {
        realm: "carrier".into(),
        nonce: "n".into(),
        algorithm: Algorithm::Sha256,
        keying: Keying::Password,
        qop: Qop::Auth,
        stale: false,
        opaque: None,
    };
    let refused =
        answer(&invite, Status::PROXY_AUTHENTICATION_REQUIRED).with("Proxy-Authenticate", asked.render());
    let refused = Message::parse(refused.encode()).unwrap();
    let again = t.trunks.challenged(&trunk(), &refused, &invite).unwrap();
    assert!(Credentials::parse(again.get("Proxy-Authorization").unwrap()).is_ok());
    assert!(t.trunks.challenged(&trunk(), &refused, &again).is_none());
    let bye = t.trunks.authorised(&trunk(), Outgoing::request(Method::Bye, "sip:1@198.51.100.1"));
    assert!(bye.get("Proxy-Authorization").is_some());
}

#[test]
fn what_goes_to_a_trunk_leaves_by_its_own_address_here_and_names_it() {
    for (local, leaves_by) in
        [(None, "192.0.2.100:5060"), (Some("203.0.113.5".parse().unwrap()), "203.0.113.5:5062")]
    {
        let mut wish = TrunkProfile { ping: S(30), local, ..registering() };
        wish.targets = vec![place("198.51.100.2")];
        let mut t = Town::new(wish, registrar(600, Vec::new()));
        t.run(S(40));
        assert!(t.times("REGISTER 198.51.100.1").len() == 2 && t.times("OPTIONS 198.51.100.2").len() > 1);
        assert!(t.left_by.iter().all(|by| by == leaves_by), "{leaves_by}: {:?}", t.left_by);
        for (_, name, request) in &t.sent {
            let contact = String::from_utf8_lossy(request.get("Contact").unwrap());
            assert!(contact.contains(&format!("@{leaves_by}")), "{name}: {contact}");
        }
        let route = t.trunks.routes(&trunk(), "12345", 1).remove(0);
        assert_eq!(route.flow.local.to_string(), leaves_by);
    }
}

#[test]
fn a_target_that_the_trunks_own_address_does_not_reach_is_no_target() {
    let mut wish = TrunkProfile { local: Some("203.0.113.5".parse().unwrap()), ..profile(&[]) };
    wish.targets = vec![TargetAddress { transport: Some(Transport::Tcp), ..place("198.51.100.1") }];
    let mut t = Town::new(wish, alive(|_| true));
    t.run(S(11));
    assert!(t.sent.is_empty() && t.dials().is_empty(), "{:?}", t.left_by);
    assert!(t.told[0].2.contains("no address that is reached"), "{:?}", t.told);
}

/// A registrar that wants a password and grants so many seconds, refusing with `refuse` first as often as it says.
fn registrar(grants: u32, mut refuse: Vec<Status>) -> impl FnMut(Hop, &Outgoing) -> Option<Outgoing> {
    move |_, request| {
        if request.get("Authorization").is_none() {
            let asked = "Digest realm=\"carrier\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"";
            return Some(answer(request, Status::UNAUTHORIZED).with("WWW-Authenticate", asked));
        }
        if !refuse.is_empty() {
            let response = answer(request, refuse.remove(0));
            return Some(if response.status() == Some(Status::INTERVAL_TOO_BRIEF) {
                response.with("Min-Expires", "7200")
            } else {
                response
            });
        }
        let contact = String::from_utf8(request.get("Contact").unwrap().to_vec()).unwrap();
        let other = "<sip:other@192.0.2.7>;expires=20";
        Some(answer(request, Status::OK).with("Contact", format!("{other}, {contact};expires={grants}")))
    }
}

fn expires(request: &Outgoing) -> u32 {
    std::str::from_utf8(request.get("Expires").unwrap()).unwrap().parse().unwrap()
}

#[test]
fn a_registration_answers_the_challenge_is_refreshed_and_taken_back() {
    let mut t = Town::new(registering(), registrar(600, Vec::new()));
    t.run(S(1700));
    assert_eq!(t.told, [(0, true, "registered".to_owned())]);
    let times = t.times("REGISTER 198.51.100.1");
    assert_eq!(times.len(), 2 + 3, "one refused, then answered in advance: {times:?}");
    let gaps: Vec<u64> = times.windows(2).map(|w| w[1] - w[0]).skip(1).collect();
    assert!(gaps.iter().all(|gap| (520..=540).contains(gap)), "{gaps:?}");
    let cseqs: Vec<&[u8]> = t.sent.iter().map(|(_, _, r)| r.get("CSeq").unwrap()).collect();
    assert_eq!(cseqs, [&b"1 REGISTER"[..], b"2 REGISTER", b"3 REGISTER", b"4 REGISTER", b"5 REGISTER"]);
    t.input(Input::Drain);
    let (_, _, last) = t.sent.last().unwrap();
    assert_eq!(expires(last), 0);
    t.run(S(4000));
    assert_eq!(t.times("REGISTER 198.51.100.1").len(), 6, "gone for good");
}

#[test]
fn a_refused_registration_is_retried_after_30_s_doubling_to_half_an_hour() {
    let mut t = Town::new(registering(), |_, request| Some(answer(request, Status::FORBIDDEN)));
    t.run(S(4 * 3600));
    assert_eq!(t.states(), [false]);
    assert!(t.told[0].2.contains("403"), "{:?}", t.told);
    let times = t.times("REGISTER 198.51.100.1");
    let gaps: Vec<u64> = times.windows(2).map(|w| w[1] - w[0]).collect();
    for (n, gap) in gaps.iter().enumerate() {
        let most = (30 << n.min(10)).min(1800);
        assert!((most / 2 - 1..=most + 1).contains(gap), "pause {n} is {gap} s: {gaps:?}");
    }
    assert!(gaps.len() > 10 && gaps.windows(2).any(|w| w[0] != w[1]), "{gaps:?}");
}

#[test]
fn a_wrong_password_is_not_tried_twice_in_a_row() {
    let mut t = Town::new(registering(), |_, request| {
        let asked = "Digest realm=\"carrier\", nonce=\"n\", algorithm=MD5, qop=\"auth\"";
        Some(answer(request, Status::UNAUTHORIZED).with("WWW-Authenticate", asked))
    });
    t.run(S(10));
    assert_eq!(t.times("REGISTER 198.51.100.1").len(), 2);
    assert!(t.told[0].2.contains("password"), "{:?}", t.told);
    assert!(!t.told[0].1);
}

#[test]
fn min_expires_is_honoured() {
    let mut t = Town::new(registering(), registrar(7200, vec![Status::INTERVAL_TOO_BRIEF]));
    t.run(S(10));
    let asked: Vec<u32> = t.sent.iter().map(|(_, _, r)| expires(r)).collect();
    assert_eq!(asked, [3600, 3600, 7200]);
    assert_eq!(t.states(), [true]);
}

#[test]
fn a_registration_there_was_no_room_to_send_is_tried_again_after_a_pause() {
    let mut t = Town::new(registering(), registrar(600, Vec::new()));
    let asked = RequestId { line: 0, about: About::Registration };
    let now = t.now.after(S(1));
    t.now = now;
    let mut out = Vec::new();
    t.trunks.handle_timeout(now, &mut out);
    assert!(matches!(out.last(), Some(Output::Request { .. })), "{out:?}");
    // It finds no room, and never comes to the registrar.
    t.input(Input::NotSent { asked });
    assert_eq!(t.states(), [false], "{:?}", t.told);
    t.run(S(31));
    assert_eq!(t.states(), [false, true], "{:?}", t.told);
}

#[test]
fn a_lost_connection_is_registered_anew_and_a_lost_datagram_path_is_not() {
    for (transport, again) in [(Transport::Tcp, 1), (Transport::Udp, 0)] {
        let registrar_at = TargetAddress { transport: Some(transport), ..place("198.51.100.1") };
        let wish = TrunkProfile { register: Some(registrar_at), ..registering() };
        let mut t = Town::new(wish, registrar(600, Vec::new()));
        t.run(S(10));
        let before = t.times("REGISTER 198.51.100.1").len();
        let (local, remote) = ("192.0.2.100:5060".parse().unwrap(), "198.51.100.1:5060".parse().unwrap());
        let connection = transport.is_reliable().then_some(7);
        t.input(Input::PathLost { flow: Flow { transport, local, remote, connection } });
        t.run(S(10));
        assert_eq!(t.times("REGISTER 198.51.100.1").len(), before + again, "{transport}");
    }
}

#[test]
fn a_silent_registrar_is_noticed_and_the_registration_runs_out() {
    let mut granted = registrar(300, Vec::new());
    let mut answers = 0;
    let mut t = Town::new(registering(), move |hop, request| {
        answers += 1;
        if answers > 2 { None } else { granted(hop, request) }
    });
    t.run(S(299));
    assert_eq!(t.states(), [true], "still registered while no response comes");
    t.run(S(3));
    assert_eq!(t.states(), [true, false], "{:?}", t.told);
    assert_eq!(t.trunks.status(&trunk()).unwrap().registered, Some(false));
}
