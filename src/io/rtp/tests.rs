//! The worker with real sockets on loopback. Every wait is for something to arrive, with a limit.

use super::{Commander, Config, spawn, spawn_with};
use crate::id::{LegId, Random};
use crate::media::prompt::{Prompt, Prompts};
use crate::media::rtp::Header;
use crate::media::{Command, Event, Family, Latching, LocalMedia, OpenFailure, Shortage, Source, Towards};
use crate::sdp::{Codec, Direction, Negotiated, PayloadNumbers};
use crate::time::{Duration, Wall};
use std::collections::{HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Instant;

mod resume;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How long a test waits for what must come.
const LIMIT: Duration = Duration::from_secs(10);

struct Gateway {
    commander: Commander,
    events: Receiver<Event>,
    thread: Option<JoinHandle<()>>,
    random: Random,
}

/// A peer with a socket, and its leg.
struct Phone {
    leg: LegId,
    socket: UdpSocket,
    gateway: SocketAddr,
    sequence: u16,
}

/// Ports somewhere in the ephemeral range; those that are taken are passed over.
fn config() -> Config {
    let first = UdpSocket::bind((HERE, 0)).unwrap().local_addr().unwrap().port().min(65_000);
    Config { address: Ipv4Addr::LOCALHOST, ports: first..=first + 400, ..Config::default() }
}

fn prompts() -> Prompts {
    let mut prompts = Prompts::default();
    let mut wav =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x06\0\x01\0\x40\x1f\0\0\0\0\0\0\x01\0\x08\0data\x40\x06\0\0"
            .to_vec();
    wav.extend([0x33; 1600]);
    prompts.insert("music", Prompt::from_wav(wav).unwrap());
    prompts
}

impl Gateway {
    fn start(change: impl FnOnce(&mut Config)) -> Gateway {
        Gateway::started(change, Vec::new())
    }

    /// With the sockets of a process before.
    fn started(change: impl FnOnce(&mut Config), sockets: Vec<UdpSocket>) -> Gateway {
        let mut config = config();
        change(&mut config);
        let (told, events) = channel();
        let tell = move |events: &mut VecDeque<Event>| {
            for event in events.drain(..) {
                let _ = told.send(event);
            }
        };
        let (commander, thread) = spawn_with(config, prompts(), Box::new(tell), sockets).unwrap();
        // Two workers after each other have no leg of the same name.
        static STARTED: AtomicU64 = AtomicU64::new(1);
        let random = Random::from_number(STARTED.fetch_add(1, Ordering::Relaxed));
        Gateway { commander, events, thread: Some(thread), random }
    }

    fn phone(&mut self) -> Phone {
        self.phone_at(HERE)
    }

    fn phone_at(&mut self, here: IpAddr) -> Phone {
        let leg = LegId::new(Wall(0), &mut self.random);
        self.commander.send(Command::Open { leg, family: Family::of(here), resume: None });
        let Event::Opened { local: LocalMedia::Plain { rtp: port, .. }, .. } =
            self.until(|e| matches!(e, Event::Opened { leg: l, .. } if *l == leg))
        else {
            unreachable!()
        };
        let socket = UdpSocket::bind((here, 0)).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let phone = Phone { leg, socket, gateway: SocketAddr::new(here, port), sequence: 0 };
        self.describe(&phone, |_| {});
        phone
    }

    fn latching(phone: &Phone) -> Latching {
        Latching { signalled: phone.at().ip(), listed: Arc::from([]), towards: Towards::Source }
    }

    fn describe(&self, phone: &Phone, change: impl FnOnce(&mut Negotiated)) {
        self.describe_with(phone, Gateway::latching(phone), change);
    }

    fn describe_with(&self, phone: &Phone, latching: Latching, change: impl FnOnce(&mut Negotiated)) {
        self.commander.send(Gateway::description(phone, latching, change));
    }

    fn description(phone: &Phone, latching: Latching, change: impl FnOnce(&mut Negotiated)) -> Command {
        let at = phone.at();
        let mut remote = Negotiated {
            rtp: at,
            rtcp: at,
            rtcp_mux: true,
            codec: Codec::Pcma,
            payload_type: 8,
            telephone_event: Some(101),
            receive: PayloadNumbers { audio: 8, telephone_event: Some(101) },
            direction: Direction::SendRecv,
            ptime_ms: 20,
        };
        change(&mut remote);
        Command::Remote { leg: phone.leg, remote, latching }
    }

    /// A leg that was opened and described before this has been obeyed: commands are obeyed in order.
    fn settled(&mut self) {
        let leg = LegId::new(Wall(0), &mut self.random);
        self.commander.send(Command::Open { leg, family: Family::V4, resume: None });
        self.until(|e| matches!(e, Event::Opened { leg: l, .. } if *l == leg));
        self.commander.send(Command::Close { leg });
        self.until(|e| matches!(e, Event::Closed { leg: l, .. } if *l == leg));
    }

    fn bridge(&mut self, a: &Phone, b: &Phone) {
        self.commander.send(Command::Hear { leg: a.leg, source: Source::Leg(b.leg) });
        self.commander.send(Command::Hear { leg: b.leg, source: Source::Leg(a.leg) });
        self.settled();
    }

    fn until(&self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.events.recv_timeout(LIMIT).expect("the event did not come");
            if wanted(&event) {
                return event;
            }
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.commander.stop();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || matches!(ended, Some(Ok(()))));
    }
}

impl Phone {
    fn at(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn packet(&mut self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        self.sequence += 1;
        let n = self.sequence;
        let mut bytes = vec![0; 12];
        bytes.extend(payload);
        let header = Header {
            payload_type,
            marker: false,
            sequence: n,
            timestamp: u32::from(n) * 160,
            ssrc: 0xcafe,
            payload: 12..bytes.len(),
        };
        header.write(&mut bytes);
        bytes
    }

    fn speak(&mut self, octet: u8) {
        let packet = self.packet(8, &[octet; 160]);
        self.socket.send_to(&packet, self.gateway).unwrap();
    }

    fn hear(&self) -> (Header, Vec<u8>) {
        let mut buffer = [0; 2_048];
        let (length, from) = self.socket.recv_from(&mut buffer).expect("nothing was heard");
        assert_eq!(from, self.gateway);
        let header = Header::read(&buffer[..length]).unwrap();
        let payload = buffer[header.payload.clone()].to_vec();
        (header, payload)
    }
}

#[test]
fn two_phones_hear_each_other_and_the_first_word_comes_at_once() {
    let mut gateway = Gateway::start(|_| {});
    let (mut a, mut b) = (gateway.phone(), gateway.phone());
    gateway.bridge(&a, &b);
    a.speak(1);
    let since = Instant::now();
    assert_eq!(b.hear().1, [1; 160]);
    assert!(since.elapsed() < LIMIT / 2);
    b.speak(2);
    assert_eq!(a.hear().1, [2; 160]);
    for n in 3..200 {
        a.speak(n);
        assert_eq!(b.hear().1[0], n);
    }
    assert_eq!(gateway.commander.counts().legs, 2);
}

#[test]
fn an_ipv6_and_an_ipv4_phone_hear_each_other_also_after_one_has_moved() {
    let mut gateway = Gateway::start(|c| {
        (c.address, c.address6) = (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED);
    });
    let (mut a, mut b) = (gateway.phone_at(Ipv6Addr::LOCALHOST.into()), gateway.phone());
    gateway.bridge(&a, &b);
    for n in 1..4 {
        a.speak(n);
        assert_eq!(b.hear().1[0], n);
        b.speak(n + 100);
        assert_eq!(a.hear().1[0], n + 100);
        a.socket = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
        a.socket.set_read_timeout(Some(LIMIT)).unwrap();
        gateway.describe(&a, |_| {});
        gateway.settled();
    }
}

#[test]
fn the_caller_hears_music_and_then_the_operator_as_one_stream() {
    let mut gateway = Gateway::start(|_| {});
    let (a, mut b) = (gateway.phone(), gateway.phone());
    let source = Source::Prompt { prompt: Arc::from("music"), repeat: true, play: 1 };
    gateway.commander.send(Command::Hear { leg: a.leg, source });
    let mut heard: Vec<(Header, Vec<u8>)> = (0..3).map(|_| a.hear()).collect();
    gateway.bridge(&a, &b);
    for _ in 0..3 {
        b.speak(7);
    }
    while heard.iter().filter(|h| h.1[0] == 7).count() < 3 {
        heard.push(a.hear());
    }
    for pair in heard.windows(2) {
        assert_eq!(pair[1].0.ssrc, pair[0].0.ssrc);
        assert_eq!(pair[1].0.sequence.wrapping_sub(pair[0].0.sequence), 1);
        let step = pair[1].0.timestamp.wrapping_sub(pair[0].0.timestamp);
        assert!((160..80_000).contains(&step), "{step}");
    }
    let first_word = heard.iter().position(|h| h.1[0] == 7).unwrap();
    assert!(first_word >= 3 && heard[first_word].0.marker);
}

#[test]
fn prompts_keep_the_beat_of_twenty_milliseconds() {
    let mut gateway = Gateway::start(|_| {});
    let a = gateway.phone();
    let source = Source::Prompt { prompt: Arc::from("music"), repeat: false, play: 4 };
    gateway.commander.send(Command::Hear { leg: a.leg, source });
    let since = Instant::now();
    for _ in 0..10 {
        assert_eq!(a.hear().1, [0x33; 160]);
    }
    assert!(since.elapsed() >= Duration::from_millis(140), "ten packets came in {:?}", since.elapsed());
    gateway.until(|e| *e == Event::Played { leg: a.leg, play: 4, complete: true });
}

#[test]
fn a_third_party_is_not_heard() {
    let mut gateway = Gateway::start(|_| {});
    let (mut a, b) = (gateway.phone(), gateway.phone());
    gateway.bridge(&a, &b);
    a.speak(1);
    assert_eq!(b.hear().1[0], 1);
    let elsewhere = UdpSocket::bind((HERE, 0)).unwrap();
    let forged = a.packet(8, &[66; 160]);
    for _ in 0..5 {
        elsewhere.send_to(&forged, a.gateway).unwrap();
        elsewhere.send_to(b"noise", a.gateway).unwrap();
    }
    a.socket.send_to(b"noise", a.gateway).unwrap();
    a.speak(2);
    assert_eq!(b.hear().1[0], 2, "the forged packets came first and were not passed on");
}

/// An attacker: at an address of its own, and what it tries.
struct Attacker(UdpSocket);

impl Attacker {
    fn at(address: &str) -> Attacker {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        Attacker(socket)
    }

    /// 26 small packets and 26 whole ones in one burst.
    fn bursts(&self, at: SocketAddr) {
        let mut packet = vec![0; 172];
        for n in 0..52 {
            let length = if n < 26 { 13 } else { 172 };
            let (payload_type, marker) = (8, false);
            let header =
                Header { payload_type, marker, sequence: n, timestamp: 0, ssrc: 0xbad, payload: 12..length };
            packet[12..].fill(66);
            header.write(&mut packet);
            self.0.send_to(&packet[..length], at).unwrap();
        }
    }

    fn heard_nothing(&self) -> bool {
        self.0.recv(&mut [0; 2_048]).is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock)
    }
}

/// The gateway on all of loopback, so that peers may be at addresses of their own.
fn on_all_loopback() -> Gateway {
    Gateway::start(|c| c.address = Ipv4Addr::UNSPECIFIED)
}

#[test]
fn a_burst_from_elsewhere_before_the_first_packet_gets_nothing() {
    let mut gateway = on_all_loopback();
    for _ in 0..20 {
        let (mut a, mut b) = (gateway.phone(), gateway.phone());
        gateway.bridge(&a, &b);
        let attacker = Attacker::at("127.0.0.66");
        attacker.bursts(a.gateway);
        b.speak(9);
        assert_eq!(a.hear().1, [9; 160], "the way back goes to the peer");
        for n in 1..30 {
            a.speak(n);
            assert_eq!(b.hear().1, [n; 160]);
            attacker.bursts(a.gateway);
            b.speak(n);
            assert_eq!(a.hear().1, [n; 160]);
        }
        assert!(attacker.heard_nothing());
    }
}

#[test]
fn a_burst_in_mid_call_after_the_port_has_moved_gets_nothing() {
    let mut gateway = on_all_loopback();
    for _ in 0..8 {
        let (mut a, mut b) = (gateway.phone(), gateway.phone());
        gateway.bridge(&a, &b);
        a.speak(1);
        assert_eq!(b.hear().1, [1; 160]);
        a.socket = UdpSocket::bind((HERE, 0)).unwrap();
        a.socket.set_read_timeout(Some(LIMIT)).unwrap();
        gateway.describe(&a, |_| {});
        gateway.settled();
        // One elsewhere, one at the peer's own host: the described port takes the leg back from either.
        let attackers = [Attacker::at("127.0.0.66"), Attacker::at("127.0.0.1")];
        attackers.iter().for_each(|attacker| attacker.bursts(a.gateway));
        a.speak(2);
        while b.hear().1 != [2; 160] {}
        for n in 3..30 {
            attackers.iter().for_each(|attacker| attacker.bursts(a.gateway));
            a.speak(n);
            assert_eq!(b.hear().1, [n; 160]);
            b.speak(n);
            assert_eq!(a.hear().1, [n; 160]);
        }
        assert!(attackers.iter().all(Attacker::heard_nothing));
    }
}

#[test]
fn a_phone_behind_translation_has_no_dead_air_and_no_other_host_gets_in() {
    let mut gateway = on_all_loopback();
    let (mut a, mut b) = (gateway.phone(), gateway.phone());
    // It describes its address inside; its signalling comes from where its translation puts it.
    a.socket = UdpSocket::bind(("127.0.0.2", 0)).unwrap();
    a.socket.set_read_timeout(Some(LIMIT)).unwrap();
    gateway.describe(&a, |r| r.rtp = "10.255.255.5:4000".parse().unwrap());
    gateway.bridge(&a, &b);
    let attacker = Attacker::at("127.0.0.66");
    attacker.bursts(a.gateway);
    a.speak(1);
    assert_eq!(b.hear().1, [1; 160], "heard from the first packet");
    b.speak(1);
    assert_eq!(a.hear().1, [1; 160], "and hears from then on");
    for n in 2..30 {
        attacker.bursts(a.gateway);
        a.speak(n);
        assert_eq!(b.hear().1, [n; 160]);
        b.speak(n);
        assert_eq!(a.hear().1, [n; 160]);
    }
    assert!(attacker.heard_nothing());
}

#[test]
fn a_peer_without_symmetric_rtp_is_sent_to_where_it_describes() {
    let mut gateway = on_all_loopback();
    let (mut a, mut b) = (gateway.phone(), gateway.phone());
    let sender = UdpSocket::bind((HERE, 0)).unwrap();
    let latching = Latching { signalled: HERE, listed: Arc::from([]), towards: Towards::Description };
    gateway.describe_with(&a, latching, |_| {});
    gateway.bridge(&a, &b);
    for n in 1..5 {
        let packet = a.packet(8, &[n; 160]);
        sender.send_to(&packet, a.gateway).unwrap();
        assert_eq!(b.hear().1, [n; 160]);
        b.speak(n);
        assert_eq!(a.hear().1, [n; 160]);
    }
}

#[test]
fn an_address_this_machine_has_not_refuses_at_once_and_is_named() {
    let mut gateway = Gateway::start(|c| c.address = Ipv4Addr::new(192, 0, 2, 99));
    for _ in 0..3 {
        let leg = LegId::new(Wall(0), &mut gateway.random);
        gateway.commander.send(Command::Open { leg, family: Family::V4, resume: None });
        let failed = gateway.until(|e| matches!(e, Event::OpenFailed { .. }));
        assert_eq!(failed, Event::OpenFailed { leg, why: OpenFailure::Short(Shortage::Address) });
    }
}

#[test]
fn unlike_legs_are_converted_and_keys_are_told() {
    let mut gateway = Gateway::start(|_| {});
    let (mut a, mut b) = (gateway.phone(), gateway.phone());
    gateway.describe(&b, |r| (r.codec, r.payload_type, r.telephone_event) = (Codec::Pcmu, 0, Some(96)));
    gateway.bridge(&a, &b);
    a.speak(0xd5);
    let (header, payload) = b.hear();
    assert_eq!((header.payload_type, payload), (0, vec![0xfe; 160]));
    let packet = b.packet(0, &[0xff; 160]);
    b.socket.send_to(&packet, b.gateway).unwrap();
    assert_eq!(a.hear().1, [0xd5; 160]);
    let key = a.packet(101, &[11, 10, 0, 160]);
    a.socket.send_to(&key, a.gateway).unwrap();
    assert_eq!(b.hear().0.payload_type, 96);
    gateway.until(|e| *e == Event::Digit { leg: a.leg, digit: '#', held: None });
}

#[test]
fn a_phone_that_moves_by_a_new_description_is_heard_only_there() {
    let mut gateway = Gateway::start(|_| {});
    let (mut a, mut b) = (gateway.phone(), gateway.phone());
    gateway.bridge(&a, &b);
    a.speak(1);
    b.hear();
    let old = std::mem::replace(&mut a.socket, UdpSocket::bind((HERE, 0)).unwrap());
    a.socket.set_read_timeout(Some(LIMIT)).unwrap();
    gateway.describe(&a, |_| {});
    gateway.settled();
    a.speak(2);
    assert_eq!(b.hear().1[0], 2);
    let late = a.packet(8, &[3; 160]);
    old.send_to(&late, a.gateway).unwrap();
    a.speak(4);
    assert_eq!(b.hear().1[0], 4);
    b.speak(5);
    assert_eq!(a.hear().1[0], 5);
}

#[test]
fn a_silent_bridge_is_told_and_a_closed_leg_tells_its_quality() {
    let mut gateway = Gateway::start(|c| c.silence = Duration::from_millis(100));
    let (mut a, b) = (gateway.phone(), gateway.phone());
    gateway.bridge(&a, &b);
    a.speak(1);
    b.hear();
    gateway.until(|e| *e == Event::Silent { a: a.leg, b: b.leg });
    gateway.commander.send(Command::Close { leg: a.leg });
    let Event::Closed { quality, .. } = gateway.until(|e| matches!(e, Event::Closed { .. })) else {
        unreachable!()
    };
    assert_eq!((quality.leg, quality.received, quality.sent), (Some(a.leg), 1, 0));
}

#[test]
fn ports_rest_and_an_exhausted_range_refuses() {
    let mut gateway = Gateway::start(|c| c.rest = Duration::from_secs(3_600));
    let mut seen = HashSet::new();
    loop {
        let leg = LegId::new(Wall(0), &mut gateway.random);
        gateway.commander.send(Command::Open { leg, family: Family::V4, resume: None });
        match gateway.until(|e| matches!(e, Event::Opened { .. } | Event::OpenFailed { .. })) {
            Event::Opened { local: LocalMedia::Plain { rtp: port, .. }, .. } => {
                assert!(port % 2 == 0 && seen.insert(port), "{port} was taken again without rest");
                gateway.commander.send(Command::Close { leg });
            }
            Event::OpenFailed { .. }
            | Event::RtpStarted { .. }
            | Event::Played { .. }
            | Event::Digit { .. }
            | Event::Silent { .. }
            | Event::RtpTimeout { .. }
            | Event::Closed { .. } => break,
        }
    }
    assert!(seen.len() > 100, "only {} ports", seen.len());
}

#[test]
fn events_the_control_plane_has_no_room_for_are_kept_in_order() {
    let (gate, closed) = channel::<()>();
    let (told, events) = channel();
    let take_when_open = move |events: &mut VecDeque<Event>| {
        if closed.try_recv() == Err(TryRecvError::Disconnected) {
            events.drain(..).for_each(|e| drop(told.send(e)));
        }
    };
    let (commander, thread) = spawn(config(), Prompts::default(), Box::new(take_when_open)).unwrap();
    let mut random = Random::from_number(1);
    let legs: Vec<LegId> = (0..3).map(|_| LegId::new(Wall(0), &mut random)).collect();
    for leg in &legs {
        commander.send(Command::Open { leg: *leg, family: Family::V4, resume: None });
    }
    assert!(events.try_recv().is_err());
    drop(gate);
    for wanted in legs {
        let event = events.recv_timeout(LIMIT).unwrap();
        assert!(matches!(event, Event::Opened { leg, .. } if leg == wanted), "{event:?}");
    }
    drop(commander);
    thread.join().unwrap();
}
