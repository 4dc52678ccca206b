//! Legs that go on in another relay, as after a restart.

use super::super::command::{OpenFailure, Resumed, ResumedStreams};
use super::super::egress::{Gap, Interruption};
use super::super::numbers::Numbers;
use super::super::receiver::{Judgement, Receiver};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn crash(elapsed: Duration) -> Gap {
    Gap { elapsed, after: Interruption::Crash }
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl World {
    /// The relay of the process that comes next: its clock and its random numbers are its own.
    fn next(seed: u64) -> World {
        let ports = Ports::new(10_000..=10_199, Duration::from_secs(5));
        World {
            now: Mono(3_000_000),
            random: Random::from_number(seed + 1_000),
            ..World::seeded(ports, seed)
        }
    }

    /// What a process writes beside itself, through the octets.
    fn streams(&self, phone: Phone, gap: Gap) -> ResumedStreams {
        let numbers = Numbers { age: Duration::ZERO, legs: self.relay.numbers(self.now) };
        let read = Numbers::decode(&numbers.encode()).expect("the octets are whole");
        let of = |leg| read.legs.iter().find(|numbers| numbers.leg == leg).expect("the leg").rtp;
        ResumedStreams { numbers: of(phone.leg), gap }
    }

    fn resume(&mut self, phone: Phone, port: u16, streams: Option<ResumedStreams>) -> Phone {
        let resume = Some(Resumed { port, streams });
        self.order(Command::Open { leg: phone.leg, family: Family::V4, resume });
        let Some(Output::BindAgain(key, Family::V4, asked)) = self.out.pop() else {
            panic!("no port was asked for")
        };
        assert_eq!(asked, port);
        self.relay.bound(self.now, key, Bound::Ours, &mut self.out);
        assert_eq!(self.events(), [Event::Opened { leg: phone.leg, local: LocalMedia::plain(port) }]);
        Phone { key, ..phone }
    }

    /// A caller that hears an operator for so many packets, and the last packet it was sent.
    fn talked(&mut self, packets: u32) -> (Phone, Phone, Sent) {
        let (caller, seat) = (self.phone(1, |r| r.rtp = at("10.0.0.5:4000")), self.phone(2, |_| {}));
        self.bridge(caller, seat);
        let mut last = None;
        for n in 1..=packets {
            let from = SocketAddr::new(caller.at.ip(), 33_000);
            self.rtp(caller, from, audio(8, n, 5), &[1; 160]);
            last = self.speak(seat, n);
            self.now = self.now + TICK;
        }
        (caller, seat, last.expect("the caller heard the seat"))
    }
}

#[test]
fn a_leg_goes_on_with_its_ssrc_later_numbers_and_a_marker() {
    for (after, packets, samples) in
        [(Interruption::Crash, 100 + 50 + 100, 480), (Interruption::HandOver, 100, 0)]
    {
        let mut w = World::new();
        let (caller, seat, last) = w.talked(50);
        let elapsed =
            Duration::from_secs(2) + if after == Interruption::Crash { SECOND } else { Duration::ZERO };
        let streams = w.streams(caller, Gap { elapsed, after });
        let port = w.ports[&caller.leg];
        let mut next = World::next(7);
        let caller = next.resume(caller, port, Some(streams));
        next.describe(caller, |r| r.rtp = at("10.0.0.5:4000"));
        let (seat_leg, seat_key, _) = next.open().unwrap();
        let seat = Phone { leg: seat_leg, key: seat_key, ..seat };
        next.describe(seat, |_| {});
        next.bridge(caller, seat);
        let first = next.speak(seat, 9_000).unwrap().header;
        assert_eq!(first.ssrc, last.header.ssrc);
        assert!(first.marker, "{after:?}");
        assert_eq!(first.sequence.wrapping_sub(last.header.sequence), packets + 1, "{after:?}");
        let passed = first.timestamp.wrapping_sub(last.header.timestamp);
        let expected = 160 + samples + 8 * elapsed.as_millis() as u32;
        assert_eq!(passed, expected, "{after:?}");
    }
}

#[test]
fn a_leg_behind_translation_is_sent_to_before_its_peer_sends_anything() {
    let mut w = World::new();
    let (caller, _, last) = w.talked(3);
    assert_eq!(last.to, SocketAddr::new(caller.at.ip(), 33_000));
    for after in [Interruption::Crash, Interruption::HandOver] {
        let port = w.ports[&caller.leg];
        let streams = w.streams(caller, Gap { elapsed: SECOND, after });
        let mut next = World::next(7);
        let caller = next.resume(caller, port, Some(streams));
        next.hear(caller, music(1));
        assert!(next.listen(2).is_empty(), "nothing is sent before its peer is described");
        next.describe(caller, |r| r.rtp = at("10.0.0.5:4000"));
        let heard = next.listen(2);
        assert_eq!(heard.iter().map(|s| s.to).collect::<Vec<_>>(), [last.to; 2]);
    }
}

#[test]
fn a_source_that_was_certain_is_the_only_one_heard() {
    let mut w = World::new();
    let (caller, seat) = (w.phone(1, |r| r.rtp = at("10.0.0.5:4000")), w.phone(2, |_| {}));
    w.bridge(caller, seat);
    let outside = SocketAddr::new(caller.at.ip(), 33_000);
    for n in 0..300 {
        w.rtp(caller, outside, audio(8, n, 5), &[1; 160]);
        w.now = w.now + TICK;
    }
    let (port, streams) = (w.ports[&caller.leg], w.streams(caller, crash(SECOND)));
    let mut next = World::next(7);
    let caller = next.resume(caller, port, Some(streams));
    next.describe(caller, |r| r.rtp = at("10.0.0.5:4000"));
    assert_eq!(next.out, [Output::Hold(caller.key, outside)]);
    let seat = next.phone(2, |_| {});
    next.bridge(caller, seat);
    let elsewhere = SocketAddr::new(caller.at.ip(), 33_002);
    assert!(next.rtp(caller, elsewhere, audio(8, 400, 5), &[1; 160]).is_none());
    assert!(next.rtp(caller, outside, audio(8, 400, 5), &[1; 160]).is_some());
}

#[test]
fn a_likely_source_gives_way_to_another_when_it_is_silent() {
    let mut w = World::new();
    let (caller, _, last) = w.talked(3);
    let (port, streams) = (w.ports[&caller.leg], w.streams(caller, crash(SECOND)));
    let mut next = World::next(7);
    let caller = next.resume(caller, port, Some(streams));
    next.describe(caller, |r| r.rtp = at("10.0.0.5:4000"));
    let seat = next.phone(2, |_| {});
    next.bridge(caller, seat);
    let moved = SocketAddr::new(caller.at.ip(), 33_002);
    assert!(next.rtp(caller, moved, audio(8, 400, 5), &[1; 160]).is_none());
    assert_eq!(next.speak(seat, 1).unwrap().to, last.to);
    next.now = next.now + SECOND;
    assert!(next.rtp(caller, moved, audio(8, 450, 5), &[1; 160]).is_some());
    assert_eq!(next.speak(seat, 2).unwrap().to, moved);
}

#[test]
fn after_more_than_fifty_seconds_a_new_stream_begins() {
    let mut w = World::new();
    let (caller, _, last) = w.talked(50);
    for (seconds, same) in [(50, true), (51, false)] {
        let (port, streams) = (w.ports[&caller.leg], w.streams(caller, crash(SECOND * seconds)));
        let mut next = World::next(7);
        let caller = next.resume(caller, port, Some(streams));
        next.describe(caller, |r| r.rtp = at("10.0.0.5:4000"));
        next.hear(caller, music(1));
        let heard = next.listen(2);
        let first = &heard[0];
        assert_eq!(first.header.ssrc == last.header.ssrc, same, "{seconds} s");
        assert!(first.header.marker && first.to == last.to, "{seconds} s");
        let quality = next.quality(caller);
        assert_eq!(
            (quality.sent, quality.received),
            (50 + heard.len() as u64, 50),
            "the record counts all of the call"
        );
    }
}

#[test]
fn what_the_peer_sent_while_no_process_ran_counts_as_lost() {
    let mut w = World::new();
    let (caller, _, _) = w.talked(50);
    let (port, streams) = (w.ports[&caller.leg], w.streams(caller, crash(SECOND)));
    let mut next = World::next(7);
    let caller = next.resume(caller, port, Some(streams));
    next.describe(caller, |r| r.rtp = at("10.0.0.5:4000"));
    let from = SocketAddr::new(caller.at.ip(), 33_000);
    for n in 91..=100 {
        next.rtp(caller, from, audio(8, n, 5), &[1; 160]);
    }
    let quality = next.quality(caller);
    assert_eq!((quality.received, quality.lost), (60, 40));
}

#[test]
fn a_leg_takes_its_port_also_while_it_rests_or_is_of_another_range() {
    let mut w = World::new();
    let phone = w.phone(1, |_| {});
    let port = w.ports[&phone.leg];
    w.order(Command::Close { leg: phone.leg });
    w.out.clear();
    let again = w.resume(phone, port, None);
    assert_eq!(w.relay.counts().ports, 1);
    w.order(Command::Close { leg: again.leg });
    w.out.clear();
    w.now = w.now + Duration::from_secs(5);
    let other = w.resume(phone, 40_000, None);
    w.order(Command::Close { leg: other.leg });
    w.out.clear();
    w.now = w.now + Duration::from_secs(5);
    let mut all: Vec<u16> = std::iter::from_fn(|| w.open().map(|(_, _, port)| port)).collect();
    all.sort_unstable();
    assert_eq!(all, (10_000..10_199).step_by(2).collect::<Vec<u16>>(), "the range is whole, and no more");
}

#[test]
fn a_leg_whose_port_another_program_or_leg_has_is_refused() {
    let mut w = World::new();
    let phone = w.phone(1, |_| {});
    let port = w.ports[&phone.leg];
    let leg = LegId::new(Wall(0), &mut w.random);
    let open =
        |leg, port| Command::Open { leg, family: Family::V4, resume: Some(Resumed { port, streams: None }) };
    for taken in [port, 10_001, 0] {
        w.order(open(leg, taken));
        assert_eq!(w.events(), [Event::OpenFailed { leg, why: OpenFailure::AllTaken }], "{taken}");
    }
    w.order(open(leg, port ^ 64));
    let Some(Output::BindAgain(key, ..)) = w.out.pop() else { panic!("no port was asked for") };
    w.relay.bound(w.now, key, Bound::Taken, &mut w.out);
    assert_eq!(w.events(), [Event::OpenFailed { leg, why: OpenFailure::AllTaken }], "no other port is tried");
    assert_eq!(w.relay.counts().legs, 1);
}

/// Plays a leg at random, reads its numbers somewhere, goes on for two seconds at most, and dies.
struct Life {
    world: World,
    caller: Phone,
    seat: Phone,
    n: u32,
}

impl Life {
    fn begin(mut world: World, caller: Phone) -> Life {
        world.describe(caller, |_| {});
        let seat = world.phone(2, |_| {});
        Life { world, caller, seat, n: 1 }
    }

    /// So many steps of 20 ms: music, a talk whose packets are late or come in bursts, or both in turn.
    fn live(&mut self, steps: u64, lots: &mut Random, receiver: &mut Receiver) -> Vec<Judgement> {
        let mut judged = Vec::new();
        for _ in 0..steps {
            if lots.below(40) == 0 {
                let source =
                    if lots.below(2) == 0 { music(lots.below(9) as u32) } else { Source::Leg(self.seat.leg) };
                self.world.hear(self.caller, source);
            }
            self.n += 1;
            let late = Duration::from_millis(lots.below(19));
            self.world.now = self.world.now + late;
            let mut heard: Vec<Sent> = self.world.prompts();
            heard.extend(self.world.speak(self.seat, self.n));
            judged.extend(heard.iter().map(|s| receiver.take(&s.header)));
            self.world.now = self.world.now + TICK - late;
        }
        judged
    }
}

#[test]
fn a_receiver_accepts_every_packet_of_a_leg_over_several_lives() {
    for seed in 0..60 {
        let mut lots = Random::from_number(seed);
        let mut receiver = Receiver::default();
        let mut world = World::new();
        let caller = world.phone(1, |_| {});
        let port = world.ports[&caller.leg];
        let mut life = Life::begin(world, caller);
        life.world.hear(caller, music(1));
        let first = life.live(50 + lots.below(100), &mut lots, &mut receiver);
        assert_eq!(first.iter().filter(|j| **j == Judgement::Invalid).count(), 1, "the first one of all");
        for process in 0..4 {
            let read = life.world.now;
            let after = if lots.below(2) == 0 { Interruption::Crash } else { Interruption::HandOver };
            let numbers = life.world.streams(life.caller, crash(Duration::ZERO)).numbers;
            if after == Interruption::Crash {
                life.live(lots.below(100), &mut lots, &mut receiver);
            }
            let dead = Duration::from_millis(20 + lots.below(47_000));
            let elapsed = life.world.now.since(read) + dead;
            let gap = Gap { elapsed, after };
            let mut next = World::next(seed * 10 + process);
            let caller = next.resume(life.caller, port, Some(ResumedStreams { numbers, gap }));
            life = Life::begin(next, caller);
            life.world.hear(caller, music(1));
            let judged = life.live(100, &mut lots, &mut receiver);
            assert!(
                judged.len() > 50 && judged.iter().all(|j| *j == Judgement::Newest),
                "seed {seed}: {judged:?}"
            );
        }
    }
}
