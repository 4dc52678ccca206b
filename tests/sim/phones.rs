//! The seats' phones, each at an address of its own: several for one seat, and phones that die.

use crate::centre::Centre;
use crate::hearing::Hearing;
use crate::offers::Offers;
use bytes::Bytes;
use hotline_gateway::caller::HistorySecret;
use hotline_gateway::cli::phones::{
    CitizenPlan, HangUp, Output as Said, PhoneEvent, Phones, SeatPlan, WhenRung,
};
use hotline_gateway::config::Config;
use hotline_gateway::event::{MediaQuality, PresentationResult, SeatState, What};
use hotline_gateway::gateway::{Gateway, Input, Output, Recovery, Start};
use hotline_gateway::id::{LegId, Random};
use hotline_gateway::media::{Command, Event, LocalMedia, Source};
use hotline_gateway::redact::Secret;
use hotline_gateway::sip::digest::SeatAccount;
use hotline_gateway::sip::{Flow, Transport};
use hotline_gateway::time::{Duration, Mono, Now, Wall};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

const S: fn(u64) -> Duration = Duration::from_secs;
const MS: fn(u64) -> Duration = Duration::from_millis;
const CITIZENS: u16 = 7_000;

enum Delivery {
    Gateway(SocketAddr, Bytes),
    Phone(SocketAddr, Bytes),
    Input(Input),
}

pub struct Office {
    pub now: Now,
    pub gateway: Gateway,
    pub phones: BTreeMap<SocketAddr, Phones>,
    pub dead: BTreeSet<SocketAddr>,
    queue: BTreeMap<(Mono, u64), Delivery>,
    pub told: Vec<(SocketAddr, PhoneEvent)>,
    /// Phones that register through a proxy, which here is the phone itself.
    pub behind: BTreeSet<SocketAddr>,
    /// Phones whose Contact means something in their own network alone.
    natted: BTreeSet<SocketAddr>,
    /// Every INVITE of the gateway.
    pub invites: Vec<Bytes>,
    pub events: Vec<(Mono, What)>,
    /// The legs that are watched, and when each is looked at next.
    watched: BTreeMap<LegId, Mono>,
    hearing: Hearing,
    offers: Offers,
    next: u64,
}

pub fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn office() -> Office {
    office_with("")
}

/// As [`office`], with sections more.
pub fn office_with(sections: &str) -> Office {
    let text = Centre::new(&["udp:127.0.0.1:5060"], "", "unused/journal.db")
        .trunk("pbx", &["udp:127.0.0.1:7000"], "")
        .seats(1001, 1002, "")
        .queue("wrap_up = \"0s\"\nmusic = \"music\"", "")
        .with(sections)
        .text();
    let config = Config::parse("office.toml", &text).unwrap_or_else(|e| panic!("{e}"));
    let now = Now { mono: Mono(1_000_000_000), wall: Wall(1_800_000_000_000_000_000) };
    let account = |seat: &str| SeatAccount {
        seat: seat.into(),
        password: Secret::new("secret".into()),
        algorithms: Vec::new(),
    };
    let start = Start {
        random: Random::from_number(5),
        head: 0,
        open_calls: Vec::new(),
        snapshots: Vec::new(),
        recovery: Recovery::Close { last_sign_of_life: None },
        callbacks: Vec::new(),
        accounts: vec![account("1001"), account("1002")],
        trunk_passwords: Default::default(),
        history_secret: HistorySecret::new([7; 32]),
    };
    let mut out = Vec::new();
    let gateway = Gateway::new(&config, start, now, &mut out);
    let citizens = Phones::new(at(CITIZENS), at(5060), Random::from_number(9));
    let mut office = Office {
        now,
        gateway,
        phones: BTreeMap::from([(at(CITIZENS), citizens)]),
        dead: BTreeSet::new(),
        queue: BTreeMap::new(),
        told: Vec::new(),
        behind: BTreeSet::new(),
        natted: BTreeSet::new(),
        invites: Vec::new(),
        events: Vec::new(),
        watched: BTreeMap::new(),
        hearing: Hearing::new(&config),
        offers: Offers::new(&config),
        next: 0,
    };
    office.carry_out(out);
    office
}

/// A REGISTER as a proxy at `from` passes it on (RFC 3327 section 5.2).
fn through_proxy(from: SocketAddr, bytes: Bytes) -> Bytes {
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    let path = format!("\r\nSupported: path\r\nPath: <sip:{from};lr>\r\nExpires:");
    Bytes::from(text.replacen("\r\nExpires:", &path, 1))
}

/// A message whose sender's Contact is an address nobody else can reach.
fn behind_nat(from: SocketAddr, bytes: Bytes) -> Bytes {
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    let lines = text.split("\r\n").map(|line| match line.starts_with("Contact:") {
        true => line.replace(&from.to_string(), "127.0.0.1:9"),
        false => line.to_owned(),
    });
    Bytes::from(lines.collect::<Vec<_>>().join("\r\n"))
}

impl Office {
    fn after(&mut self, time: Duration, delivery: Delivery) {
        self.next += 1;
        self.queue.insert((self.now.mono + time, self.next), delivery);
    }

    /// A phone of `seat` at this port registers; what it does when it rings.
    pub fn phone(&mut self, seat: &str, port: u16, when_rung: WhenRung) {
        let mut phone = Phones::new(at(port), at(5060), Random::from_number(u64::from(port)));
        phone.seat(seat, SeatPlan { media: at(port + 1_000), when_rung, talks: None });
        let mut said = Vec::new();
        phone.register(self.now, seat, Secret::new("secret".into()), &mut said);
        self.phones.insert(at(port), phone);
        self.phone_said(at(port), said);
        self.run(MS(50));
    }

    pub fn calls(&mut self) {
        let plan = CitizenPlan {
            dials: "12345".into(),
            number: "13800000001".into(),
            media: at(30_000),
            hangs_up: HangUp::Never,
        };
        let mut said = Vec::new();
        self.phones.get_mut(&at(CITIZENS)).unwrap().citizen_calls(self.now, plan, &mut said);
        self.phone_said(at(CITIZENS), said);
    }

    pub fn phone_said(&mut self, from: SocketAddr, said: Vec<Said>) {
        for one in said {
            match one {
                Said::Send { bytes, .. } => {
                    let bytes = if self.behind.contains(&from) { through_proxy(from, bytes) } else { bytes };
                    let bytes = if self.natted.contains(&from) { behind_nat(from, bytes) } else { bytes };
                    self.after(MS(1), Delivery::Gateway(from, bytes));
                }
                Said::Event(told) => self.told.push((from, told)),
            }
        }
    }

    fn carry_out(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Send { flow, bytes } => {
                    self.hearing.sent(&bytes);
                    if bytes.starts_with(b"INVITE") {
                        self.invites.push(bytes.clone());
                    }
                    self.after(MS(1), Delivery::Phone(flow.remote, bytes));
                }
                Output::Media(command) => self.media(command),
                Output::Append { event, .. } => {
                    self.hearing.happened(&event);
                    self.offers.happened(&event).unwrap_or_else(|broken| panic!("{broken}"));
                    self.events.push((self.now.mono, event.what));
                    self.after(MS(1), Delivery::Input(Input::Durable { position: event.position }));
                }
                Output::LookUp { call, .. } => {
                    self.after(MS(1), Delivery::Input(Input::History { call, history: Default::default() }));
                }
                _ => {}
            }
        }
    }

    fn media(&mut self, command: Command) {
        self.hearing.told(&command);
        let event = match command {
            Command::Open { leg, .. } => Event::Opened { leg, local: LocalMedia::plain(20_000) },
            Command::Hear { leg, source: Source::Prompt { play, repeat: false, .. } } => {
                Event::Played { leg, play, complete: true }
            }
            Command::Close { leg } => {
                self.watched.remove(&leg);
                Event::Closed { leg, quality: MediaQuality { leg: Some(leg), ..MediaQuality::default() } }
            }
            Command::RtpTimeout { leg, after } => {
                self.watched.insert(leg, self.now.mono + after);
                return;
            }
            _ => return,
        };
        self.after(MS(1), Delivery::Input(Input::Media(event)));
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now.mono + time;
        loop {
            let next = [
                self.queue.keys().next().map(|(at, _)| *at),
                self.gateway.poll_timeout().map(|(at, _)| at),
                self.watched.values().min().copied(),
            ];
            let phones = self.phones.values().filter_map(Phones::poll_timeout);
            let Some(next) = next.into_iter().flatten().chain(phones).min().filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.after(next.since(self.now.mono));
            self.step();
        }
        self.now = self.now.after(end.since(self.now.mono));
    }

    fn step(&mut self) {
        while let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= self.now.mono) {
            match entry.remove() {
                Delivery::Gateway(from, bytes) if !self.dead.contains(&from) => {
                    let (transport, local) = (Transport::Udp, at(5060));
                    let flow = Flow { transport, local, remote: from, connection: None };
                    self.input(Input::Sip { flow, bytes });
                }
                Delivery::Phone(to, bytes) if !self.dead.contains(&to) => {
                    let mut said = Vec::new();
                    if let Some(phone) = self.phones.get_mut(&to) {
                        phone.receive(self.now, at(5060), bytes, &mut said);
                    }
                    self.phone_said(to, said);
                }
                Delivery::Input(input) => {
                    if let Input::Media(Event::Played { leg, play, .. }) = input {
                        self.hearing.played(leg, play);
                    }
                    self.input(input);
                }
                _ => {}
            }
        }
        // The media of a phone that died is silent; nobody else's is.
        let now = self.now.mono;
        let due: Vec<LegId> =
            self.watched.iter().filter(|(_, at)| **at <= now).map(|(leg, _)| *leg).collect();
        for leg in due {
            self.watched.insert(leg, now + S(3));
            if !self.dead.is_empty() {
                self.input(Input::Media(Event::RtpTimeout { leg }));
            }
        }
        let mut out = Vec::new();
        self.gateway.handle_timeout(self.now, &mut out);
        self.carry_out(out);
        for from in self.phones.keys().copied().collect::<Vec<_>>() {
            let mut said = Vec::new();
            self.phones.get_mut(&from).unwrap().handle_timeout(self.now, &mut said);
            self.phone_said(from, said);
        }
        let kept = self.hearing.check().and_then(|()| self.offers.check());
        kept.unwrap_or_else(|broken| panic!("{broken}"));
    }

    pub fn input(&mut self, input: Input) {
        let mut out = Vec::new();
        self.gateway.handle(self.now, input, &mut out);
        self.carry_out(out);
    }

    /// When a seat came to be unreachable, since `from`.
    fn unreachable_after(&self, seat: &str, from: Mono) -> Option<Duration> {
        let found = self.events.iter().find(|(at, what)| {
            *at >= from
                && matches!(what, What::SeatStateChanged { seat: s, to: SeatState::Unreachable, .. } if s.as_str() == seat)
        });
        found.map(|(at, _)| at.since(from))
    }

    pub fn results(&self) -> Vec<(String, PresentationResult)> {
        let result = |w: &What| match w {
            What::SeatPresentationEnded(e) => Some((e.seat.to_string(), e.result)),
            _ => None,
        };
        self.events.iter().filter_map(|(_, w)| result(w)).collect()
    }

    pub fn connected(&self) -> Vec<String> {
        let seat = |w: &What| match w {
            What::SeatConnected { seat, .. } => Some(seat.to_string()),
            _ => None,
        };
        self.events.iter().filter_map(|(_, w)| seat(w)).collect()
    }

    /// The ports of the phones that rang, and of those that had their call taken back.
    pub fn rang(&self) -> (Vec<u16>, Vec<u16>) {
        let ports = |of: fn(&PhoneEvent) -> bool| {
            self.told.iter().filter(|(_, t)| of(t)).map(|(from, _)| from.port()).collect()
        };
        (
            ports(|t| matches!(t, PhoneEvent::Rings { .. })),
            ports(|t| matches!(t, PhoneEvent::TakenBack { .. })),
        )
    }
}

#[test]
fn a_phone_that_dies_while_idle_is_unreachable_in_ten_seconds_until_back() {
    let mut o = office();
    o.phone("1001", 6_001, WhenRung::Answers(S(1)));
    o.run(S(30));
    assert_eq!(o.unreachable_after("1001", Mono(0)), None, "a phone that answers is there");
    let died = o.now.mono;
    o.dead.insert(at(6_001));
    o.run(S(11));
    assert!(o.unreachable_after("1001", died).is_some_and(|d| d <= S(10)));
    assert_eq!(o.gateway.counts().unreachable_seats, 1);
    o.dead.clear();
    o.run(S(7));
    assert_eq!(o.gateway.counts().ready_seats, 1);
}

#[test]
fn who_loses_his_operator_hears_an_apology_and_is_with_another_soon() {
    let mut o = office();
    o.phone("1001", 6_001, WhenRung::Answers(S(1)));
    o.calls();
    o.run(S(20));
    assert_eq!(o.connected(), ["1001"]);
    let died = o.now.mono;
    o.dead.insert(at(6_001));
    o.phone("1002", 6_002, WhenRung::Answers(S(1)));
    o.run(S(12));
    assert!(o.unreachable_after("1001", died).is_some_and(|d| d <= S(10)));
    assert_eq!(o.connected(), ["1001", "1002"]);
    let entered = o.events.iter().filter(|(_, w)| matches!(w, What::QueueEntered(q) if q.position == 1));
    assert_eq!(entered.count(), 2);
    assert!(!o.events.iter().any(|(_, w)| matches!(w, What::CallEnded(_))));
}

#[test]
fn a_phone_that_died_unnoticed_costs_the_caller_four_seconds() {
    let mut o = office();
    o.phone("1001", 6_001, WhenRung::Answers(S(1)));
    o.dead.insert(at(6_001));
    o.calls();
    o.run(S(2));
    o.phone("1002", 6_002, WhenRung::Answers(S(1)));
    o.run(S(5));
    assert_eq!(o.results()[0], ("1001".into(), PresentationResult::Unreachable));
    assert_eq!(o.connected(), ["1002"]);
}

#[test]
fn both_phones_of_a_seat_ring_and_the_unanswered_one_is_taken_back() {
    let mut o = office();
    o.phone("1001", 6_001, WhenRung::Rings);
    o.phone("1001", 6_002, WhenRung::Answers(S(2)));
    o.calls();
    o.run(S(5));
    assert_eq!(o.connected(), ["1001"]);
    let (mut rang, taken_back) = o.rang();
    rang.sort();
    assert_eq!((rang, taken_back), (vec![6_001, 6_002], vec![6_001]));
    assert_eq!(o.results(), [("1001".into(), PresentationResult::Answered)]);
}

#[test]
fn two_phones_that_answer_at_once_have_one_winner() {
    let mut o = office();
    o.phone("1001", 6_001, WhenRung::Answers(S(2)));
    o.phone("1001", 6_002, WhenRung::Answers(S(2)));
    o.calls();
    o.run(S(10));
    assert_eq!(o.results(), [("1001".into(), PresentationResult::Answered)]);
    assert_eq!(o.connected(), ["1001"]);
    assert_eq!(
        o.told.iter().filter(|(_, t)| matches!(t, PhoneEvent::SeatFree { .. })).count(),
        1,
        "the loser is free"
    );
}

#[test]
fn one_busy_phone_does_not_stop_the_other_and_two_make_the_seat_busy() {
    let mut o = office();
    o.phone("1001", 6_001, WhenRung::Refuses(486));
    o.phone("1001", 6_002, WhenRung::Answers(S(1)));
    o.calls();
    o.run(S(4));
    assert_eq!(o.results(), [("1001".into(), PresentationResult::Answered)]);
    let mut o = office();
    o.phone("1001", 6_001, WhenRung::Refuses(486));
    o.phone("1001", 6_002, WhenRung::Refuses(486));
    o.calls();
    o.run(S(4));
    assert_eq!(o.results()[0], ("1001".into(), PresentationResult::Busy));
}

#[test]
fn a_603_of_one_phone_is_the_word_of_the_operator() {
    let mut o = office();
    o.phone("1001", 6_001, WhenRung::Rings);
    o.phone("1001", 6_002, WhenRung::Refuses(603));
    o.calls();
    o.run(S(2));
    assert_eq!(o.results(), [("1001".into(), PresentationResult::Rejected)]);
    assert_eq!(o.rang().1, [6_001]);
}

#[test]
fn a_phone_behind_nat_talks_and_is_hung_up_on_by_its_registered_path() {
    let mut o = office();
    o.natted.insert(at(6_001));
    o.phone("1001", 6_001, WhenRung::Answers(S(1)));
    o.calls();
    o.run(S(5));
    assert_eq!(o.connected(), ["1001"]);
    let told =
        |o: &Office, of: fn(&PhoneEvent) -> bool| o.told.iter().any(|(from, t)| *from == at(6_001) && of(t));
    assert!(told(&o, |t| matches!(t, PhoneEvent::Talks { .. })), "our ACK reaches it");
    o.run(S(60));
    assert!(!told(&o, |t| matches!(t, PhoneEvent::SeatFree { .. })));
    let line = o.told.iter().rev().find_map(|(_, t)| match t {
        PhoneEvent::Answered { line, .. } => Some(*line),
        _ => None,
    });
    let mut said = Vec::new();
    let citizens = o.phones.get_mut(&at(CITIZENS)).unwrap();
    citizens.citizen_hangs_up(o.now, line.unwrap(), &mut said);
    o.phone_said(at(CITIZENS), said);
    o.run(S(2));
    assert!(told(&o, |t| matches!(t, PhoneEvent::SeatFree { .. })), "and so does our BYE");
}
