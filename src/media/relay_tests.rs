//! The relay in virtual time, without sockets.

use super::Family;
use super::command::{Bound, Command, Event, LocalMedia, Source};
use super::latch::{Latching, Towards};
use super::leg::{Key, Through};
use super::ports::Ports;
use super::prompt::{Prompt, Prompts};
use super::relay::{Datagram, DatagramOut, Output, Reason, Relay};
use super::rtcp::{Block, LONGEST, Report, Sender};
use super::rtp::Header;
use crate::event::MediaQuality;
use crate::id::{LegId, Random};
use crate::sdp::{Codec, Direction, Negotiated, PayloadNumbers};
use crate::time::{Duration, Mono, Wall};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

mod hearing;
mod ports;
mod reports;
mod resume;
mod silence;
mod takeover;

pub(super) const TICK: Duration = Duration::from_millis(20);
const SILENCE: Duration = Duration::from_secs(60);

/// A relay with its peers, at a time.
pub(super) struct World {
    relay: Relay,
    pub(super) now: Mono,
    random: Random,
    out: Vec<Output>,
    /// The port each leg was given.
    ports: HashMap<LegId, u16>,
}

/// A leg and where its peer is.
#[derive(Clone, Copy)]
pub(super) struct Phone {
    pub(super) leg: LegId,
    key: Key,
    pub(super) at: SocketAddr,
}

/// What was sent to a peer.
pub(super) struct Sent {
    to: SocketAddr,
    pub(super) header: Header,
    pub(super) payload: Vec<u8>,
}

impl World {
    pub(super) fn new() -> World {
        World::with(Ports::new(10_000..=10_199, Duration::from_secs(5)))
    }

    fn with(ports: Ports) -> World {
        World::seeded(ports, 1)
    }

    fn seeded(ports: Ports, seed: u64) -> World {
        let mut prompts = Prompts::default();
        for (name, frames) in [("welcome", 3), ("music", 2)] {
            let mut wav =
                b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x06\0\x01\0\x40\x1f\0\0\0\0\0\0\x01\0\x08\0data".to_vec();
            wav.extend((160 * frames as u32).to_le_bytes());
            wav.resize(wav.len() + 160 * frames, 0x5a);
            prompts.insert(name, Prompt::from_wav(wav).unwrap());
        }
        let relay = Relay::new(ports, SILENCE, prompts, Random::from_number(seed));
        World {
            relay,
            now: Mono(1_000_000_000),
            random: Random::from_number(2),
            out: Vec::new(),
            ports: HashMap::new(),
        }
    }

    pub(super) fn order(&mut self, command: Command) {
        self.relay.handle(self.now, command, &mut self.out);
    }

    fn open(&mut self) -> Option<(LegId, Key, u16)> {
        let leg = LegId::new(Wall(0), &mut self.random);
        self.order(Command::Open { leg, family: Family::V4, resume: None });
        let Some(Output::Bind(key, _, port)) = self.out.pop() else {
            return None;
        };
        self.relay.bound(self.now, key, Bound::Ours, &mut self.out);
        assert_eq!(
            self.out.pop(),
            Some(Output::Event(Event::Opened { leg, local: LocalMedia::plain(port) }))
        );
        self.ports.insert(leg, port);
        Some((leg, key, port))
    }

    pub(super) fn phone(&mut self, host: u8, change: impl FnOnce(&mut Negotiated)) -> Phone {
        let (leg, key, _) = self.open().unwrap();
        let at = SocketAddr::from(([192, 0, 2, host], 4_000));
        let phone = Phone { leg, key, at };
        self.describe(phone, change);
        phone
    }

    fn describe(&mut self, phone: Phone, change: impl FnOnce(&mut Negotiated)) {
        let mut remote = remote(phone.at);
        change(&mut remote);
        let signalled = phone.at.ip();
        let latching = Latching { signalled, listed: Arc::from([]), towards: Towards::Source };
        self.order(Command::Remote { leg: phone.leg, remote, latching });
    }

    /// How a leg was heard, by closing it.
    pub(super) fn quality(&mut self, phone: Phone) -> MediaQuality {
        self.order(Command::Close { leg: phone.leg });
        let closed = self.events().into_iter().find_map(|e| match e {
            Event::Closed { quality, .. } => Some(quality),
            Event::Opened { .. }
            | Event::OpenFailed { .. }
            | Event::RtpStarted { .. }
            | Event::Played { .. }
            | Event::Digit { .. }
            | Event::Silent { .. }
            | Event::RtpTimeout { .. } => None,
        });
        closed.unwrap()
    }

    pub(super) fn hear(&mut self, phone: Phone, source: Source) {
        self.order(Command::Hear { leg: phone.leg, source });
    }

    /// Lets two phones hear each other.
    pub(super) fn bridge(&mut self, a: Phone, b: Phone) {
        self.hear(a, Source::Leg(b.leg));
        self.hear(b, Source::Leg(a.leg));
    }

    fn datagram(
        &mut self,
        to: Phone,
        through: Through,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Option<(DatagramOut, Vec<u8>)> {
        self.datagrams(to, through, from, bytes).pop()
    }

    /// What is sent for one datagram of a phone.
    fn datagrams(
        &mut self,
        to: Phone,
        through: Through,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Vec<(DatagramOut, Vec<u8>)> {
        let mut buffer = [0; 2_048];
        buffer[..bytes.len()].copy_from_slice(bytes);
        let datagram = Datagram { key: to.key, through, from, length: bytes.len() };
        let mut all = Vec::new();
        self.relay.receive(self.now, datagram, &mut buffer, &mut self.out, |send, packet| {
            all.push((send, packet[..send.length].to_vec()));
        });
        all
    }

    pub(super) fn rtp(
        &mut self,
        phone: Phone,
        from: SocketAddr,
        header: Header,
        payload: &[u8],
    ) -> Option<Sent> {
        self.heard(phone, from, header, payload).pop()
    }

    /// What is sent for one RTP packet of a phone.
    fn heard(&mut self, phone: Phone, from: SocketAddr, header: Header, payload: &[u8]) -> Vec<Sent> {
        let mut bytes = vec![0; 12];
        bytes.extend(payload);
        Header { payload: 12..bytes.len(), ..header }.write(&mut bytes);
        let all = self.datagrams(phone, Through::Rtp, from, &bytes);
        all.iter().map(|(send, bytes)| sent(*send, bytes)).collect()
    }

    /// One packet of A-law from where the phone is.
    pub(super) fn speak(&mut self, phone: Phone, n: u32) -> Option<Sent> {
        self.rtp(phone, phone.at, audio(8, n, 0xcafe), &[0x11; 160])
    }

    fn prompts(&mut self) -> Vec<Sent> {
        let mut all = Vec::new();
        self.relay.prompts_due(self.now, &mut self.out, |send, packet| all.push(sent(send, packet)));
        all
    }

    /// Lets prompts run for `beats` of 20 ms.
    pub(super) fn listen(&mut self, beats: u32) -> Vec<Sent> {
        let mut all = Vec::new();
        for _ in 0..beats {
            all.extend(self.prompts());
            self.now = self.now + TICK;
        }
        all
    }

    fn rounds(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((at, _)) = self.relay.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.relay.handle_timeout(self.now, &mut self.out);
        }
        self.now = end;
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        let told = std::mem::take(&mut self.out).into_iter();
        told.filter_map(|o| if let Output::Event(e) = o { Some(e) } else { None }).collect()
    }
}

fn remote(rtp: SocketAddr) -> Negotiated {
    Negotiated {
        rtp,
        rtcp: SocketAddr::new(rtp.ip(), rtp.port() + 1),
        rtcp_mux: false,
        codec: Codec::Pcma,
        payload_type: 8,
        telephone_event: Some(101),
        receive: PayloadNumbers { audio: 8, telephone_event: Some(101) },
        direction: Direction::SendRecv,
        ptime_ms: 20,
    }
}

/// Music without end.
pub(super) fn music(play: u32) -> Source {
    Source::Prompt { prompt: Arc::from("music"), repeat: true, play }
}

/// A prompt of 60 ms, once.
pub(super) fn welcome(play: u32) -> Source {
    Source::Prompt { prompt: Arc::from("welcome"), repeat: false, play }
}

fn sent(send: DatagramOut, bytes: &[u8]) -> Sent {
    let header = Header::read(bytes).unwrap();
    Sent { to: send.to, payload: bytes[header.payload.clone()].to_vec(), header }
}

pub(super) fn audio(payload_type: u8, n: u32, ssrc: u32) -> Header {
    Header { payload_type, marker: false, sequence: n as u16, timestamp: n * 160, ssrc, payload: 0..0 }
}

fn one_stream(packets: &[Sent]) {
    for pair in packets.windows(2) {
        let [a, b] = [&pair[0].header, &pair[1].header];
        assert_eq!(a.ssrc, b.ssrc);
        assert_eq!(b.sequence.wrapping_sub(a.sequence), 1);
        let step = b.timestamp.wrapping_sub(a.timestamp);
        assert!((160..=340).contains(&step), "timestamp moved by {step}");
    }
}

#[test]
fn a_bridge_carries_audio_both_ways_at_once() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    assert!(w.speak(a, 1).is_none());
    w.bridge(a, b);
    let to_b = w.speak(a, 2).unwrap();
    assert_eq!((to_b.to, to_b.payload), (b.at, vec![0x11; 160]));
    assert_ne!(to_b.header.ssrc, 0xcafe);
    assert!(to_b.header.marker);
    assert_eq!(w.speak(b, 1).unwrap().to, a.at);
    assert_eq!(w.relay.counts().relayed, 2);
}

#[test]
fn music_then_operator_then_music_is_one_stream_to_the_caller() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.hear(a, music(1));
    let mut heard = w.listen(5);
    w.bridge(a, b);
    for n in 0..5 {
        heard.extend(w.speak(b, 60_000 + n));
        w.now = w.now + TICK;
    }
    w.hear(a, music(2));
    heard.extend(w.listen(5));
    assert_eq!(heard.len(), 15);
    one_stream(&heard);
    let marked: Vec<usize> =
        heard.iter().enumerate().filter(|(_, s)| s.header.marker).map(|(i, _)| i).collect();
    assert_eq!(marked, [0, 5, 10]);
    assert!(w.events().contains(&Event::Played { leg: a.leg, play: 1, complete: false }));
}

#[test]
fn the_operator_may_change_ssrc_and_the_caller_hears_one_stream() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.bridge(a, b);
    let mut heard = Vec::new();
    for (n, ssrc) in [(1, 7), (2, 7), (900, 8), (901, 8), (3, 7)] {
        w.now = w.now + TICK;
        heard.extend(w.rtp(b, b.at, audio(8, n, ssrc), &[1; 160]));
    }
    assert_eq!(heard.len(), 5);
    one_stream(&heard);
}

#[test]
fn a_third_address_is_never_relayed() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.bridge(a, b);
    let elsewhere = "203.0.113.9:4000".parse().unwrap();
    assert!(w.rtp(a, elsewhere, audio(8, 1, 5), &[1; 160]).is_none());
    w.speak(a, 1).unwrap();
    assert_eq!(w.out.iter().filter(|o| **o == Output::Hold(a.key, a.at)).count(), 1);
    for from in [elsewhere, b.at, SocketAddr::new(a.at.ip(), 9)] {
        assert!(w.rtp(a, from, audio(8, 2, 5), &[1; 160]).is_none());
        assert!(w.datagram(a, Through::Rtp, from, b"hello").is_none());
    }
    let counts = w.relay.counts();
    assert_eq!((counts.strays, counts.bad, counts.relayed), (4, 3, 1));
}

#[test]
fn a_leg_is_sent_to_where_its_peer_really_is() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |r| r.rtp = "10.0.0.5:4000".parse().unwrap()), w.phone(2, |_| {}));
    w.bridge(a, b);
    assert_eq!(w.speak(b, 1).unwrap().to, "10.0.0.5:4000".parse().unwrap());
    let outside = SocketAddr::new(a.at.ip(), 33_000);
    assert!(w.rtp(a, outside, audio(8, 1, 5), &[1; 160]).is_some());
    assert_eq!(w.speak(b, 2).unwrap().to, outside);
}

#[test]
fn unlike_legs_hear_their_own_law_and_payload_types() {
    let mut w = World::new();
    let a = w.phone(1, |_| {});
    let b = w.phone(2, |r| {
        (r.codec, r.payload_type, r.telephone_event) = (Codec::Pcmu, 0, Some(96));
    });
    w.bridge(a, b);
    let to_b = w.rtp(a, a.at, audio(8, 1, 5), &[0xd5, 0x2a]).unwrap();
    assert_eq!((to_b.header.payload_type, to_b.payload), (0, vec![0xfe, 0x00]));
    let to_a = w.rtp(b, b.at, audio(0, 1, 5), &[0xff, 0x00]).unwrap();
    assert_eq!((to_a.header.payload_type, to_a.payload), (8, vec![0xd5, 0x2a]));
    assert!(w.rtp(a, a.at, audio(101, 2, 5), &[7, 10, 0, 160]).is_none(), "it is said anew");
    let key = w.listen(1).remove(0);
    assert_eq!((key.header.payload_type, key.payload), (96, vec![7, 10, 0, 160]));
    assert!(w.rtp(a, a.at, audio(77, 3, 5), &[1]).is_none());
}

#[test]
fn directions_are_respected() {
    let directions = [
        (Direction::SendRecv, true, true),
        (Direction::SendOnly, true, false),
        (Direction::RecvOnly, false, true),
        (Direction::Inactive, false, false),
    ];
    for (direction, may_hear, may_speak) in directions {
        let mut w = World::new();
        let (a, b) = (w.phone(1, |r| r.direction = direction), w.phone(2, |_| {}));
        w.bridge(a, b);
        assert_eq!(w.speak(b, 1).is_some(), may_hear, "{direction:?}");
        assert_eq!(w.speak(a, 1).is_some(), may_speak, "{direction:?}");
    }
}

#[test]
fn a_prompt_is_played_to_its_end_and_told() {
    let mut w = World::new();
    let a = w.phone(1, |r| (r.codec, r.payload_type) = (Codec::Pcmu, 0));
    w.hear(a, welcome(9));
    let heard = w.listen(6);
    assert_eq!(heard.len(), 3);
    one_stream(&heard);
    assert!(heard.iter().all(|s| s.to == a.at && s.header.payload_type == 0 && s.payload.len() == 160));
    assert_eq!(w.events(), [Event::Played { leg: a.leg, play: 9, complete: true }]);
    assert_eq!(w.relay.counts().playing, 0);
}

#[test]
fn a_prompt_waits_for_its_listener_and_its_first_packet_comes_at_once() {
    let mut w = World::new();
    let (leg, key, _) = w.open().unwrap();
    let a = Phone { leg, key, at: "192.0.2.1:4000".parse().unwrap() };
    w.hear(a, welcome(1));
    assert!(w.listen(10).is_empty());
    w.describe(a, |_| {});
    assert_eq!(w.listen(10).len(), 3);
    w.hear(a, welcome(2));
    let (at, reason) = w.relay.poll_timeout().unwrap();
    assert_eq!(reason, Reason::Prompt);
    assert!(at.since(w.now) <= Duration::from_micros(2_500));
}

#[test]
fn every_play_is_answered() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    let prompt = |prompt: &str, play| Source::Prompt { prompt: Arc::from(prompt), repeat: true, play };
    for source in [prompt("nothing", 1), prompt("music", 2), prompt("welcome", 3), Source::Silence] {
        w.hear(a, source);
    }
    w.bridge(a, b);
    w.hear(a, prompt("music", 4));
    w.bridge(a, b);
    let told: Vec<u32> = w
        .events()
        .iter()
        .filter_map(|e| if let Event::Played { play, complete: false, .. } = e { Some(*play) } else { None })
        .collect();
    assert_eq!(told, [1, 2, 3, 4]);
    assert!(w.listen(3).is_empty());
}

#[test]
fn closing_tells_the_quality_and_ends_the_bridge() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.bridge(a, b);
    for n in [1, 2, 4] {
        w.speak(a, n);
    }
    w.out.clear();
    w.order(Command::Close { leg: a.leg });
    assert_eq!(w.out[0], Output::Release(a.key));
    let [Event::Closed { leg, quality }] = &w.events()[..] else { panic!("not closed") };
    assert_eq!((*leg, quality.received, quality.lost, quality.sent), (a.leg, 3, 1, 0));
    assert_eq!((&*quality.codec, quality.mos.is_some()), ("PCMA", true));
    assert!(w.speak(b, 1).is_none() && w.speak(a, 5).is_none());
    w.order(Command::Close { leg: a.leg });
    w.order(Command::Close { leg: b.leg });
    let counts = w.relay.counts();
    assert_eq!((counts.legs, counts.ports), (0, 0));
    assert_eq!(w.relay.poll_timeout(), None);
}

#[test]
fn a_moved_peer_is_sent_to_and_heard_at_its_new_address() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.bridge(a, b);
    w.speak(a, 1).unwrap();
    let moved = Phone { at: "192.0.2.77:5000".parse().unwrap(), ..a };
    w.out.clear();
    w.describe(moved, |_| {});
    assert_eq!(w.out, [Output::Relearn(a.key)]);
    assert_eq!(w.speak(b, 1).unwrap().to, moved.at);
    w.out.clear();
    assert!(w.speak(moved, 2).is_some());
    assert_eq!(w.out, [Output::Hold(a.key, moved.at), Output::Event(Event::RtpStarted { leg: a.leg })]);
    assert!(w.speak(a, 3).is_none());
}

#[test]
fn arbitrary_datagrams_harm_nothing() {
    let mut w = World::new();
    let (a, b) =
        (w.phone(1, |r| r.rtcp_mux = true), w.phone(2, |r| (r.codec, r.payload_type) = (Codec::Pcmu, 0)));
    w.bridge(a, b);
    let mut random = Random::from_number(3);
    for _ in 0..20_000 {
        let length = random.below(120) as usize;
        let mut bytes: Vec<u8> = (0..length).map(|_| random.bits() as u8).collect();
        if let [first, second, ..] = &mut bytes[..] {
            *first = 0x80 | *first & 0x3f;
            *second = [8, 0, 101, 200, 201, 203, *second][random.below(7) as usize];
        }
        let through = if random.below(2) == 0 { Through::Rtp } else { Through::Rtcp };
        w.datagram(a, through, a.at, &bytes);
        w.out.clear();
    }
    // Some were presses, which come to an end: 33 of six seconds at most.
    w.listen(33 * 303);
    assert!(w.speak(a, 1).is_some());
}
