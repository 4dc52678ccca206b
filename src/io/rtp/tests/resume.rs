//! Two workers after each other, as before and after a restart, and a peer that hears both.

use super::*;
use crate::io::rtp::HandedOver;
use crate::media::receiver::{Judgement, Receiver};
use crate::media::{Gap, Interruption, Numbers, OpenFailure, Resumed, ResumedStreams, RtpNumbers};

fn of(numbers: &Numbers, phone: &Phone) -> RtpNumbers {
    numbers.legs.iter().find(|numbers| numbers.leg == phone.leg).expect("the leg").rtp
}

impl Gateway {
    fn opening_again(phone: &Phone, streams: Option<ResumedStreams>) -> Command {
        let resume = Some(Resumed { port: phone.gateway.port(), streams });
        Command::Open { leg: phone.leg, family: Family::V4, resume }
    }

    fn open_again(&self, phone: &Phone, streams: Option<ResumedStreams>) {
        self.commander.send(Gateway::opening_again(phone, streams));
    }

    fn resume(&self, phone: &Phone, streams: Option<ResumedStreams>) {
        self.open_again(phone, streams);
        let local = LocalMedia::plain(phone.gateway.port());
        self.until(|e| *e == Event::Opened { leg: phone.leg, local });
        self.describe(phone, |_| {});
    }

    fn music(&self, phone: &Phone, play: u32) {
        let source = Source::Prompt { prompt: Arc::from("music"), repeat: true, play };
        self.commander.send(Command::Hear { leg: phone.leg, source });
    }

    fn hand_over(&self) -> HandedOver {
        self.commander.hand_over(LIMIT).expect("the worker answers")
    }
}

#[test]
fn a_receiver_accepts_one_stream_of_two_workers_after_a_crash() {
    let mut gateway = Gateway::start(|_| {});
    let phone = gateway.phone();
    gateway.music(&phone, 1);
    let mut receiver = Receiver::default();
    let mut judged = Vec::new();
    let numbers = loop {
        judged.push(receiver.take(&phone.hear().0));
        if let Some(numbers) = gateway.commander.numbers().filter(|numbers| !numbers.legs.is_empty()) {
            break numbers;
        }
    };
    let read = Instant::now();
    judged.extend((0..10).map(|_| receiver.take(&phone.hear().0)));
    drop(gateway);
    let next = Gateway::start(|_| {});
    let gap = Gap { elapsed: numbers.age + read.elapsed(), after: Interruption::Crash };
    next.resume(&phone, Some(ResumedStreams { numbers: of(&numbers, &phone), gap }));
    next.music(&phone, 2);
    let mut marked = 0;
    judged.extend((0..30).map(|_| {
        let header = phone.hear().0;
        marked += usize::from(header.marker);
        receiver.take(&header)
    }));
    assert_eq!(judged.remove(0), Judgement::Invalid, "one packet proves no source");
    assert!(judged.len() >= 40 && judged.iter().all(|j| *j == Judgement::Newest), "{judged:?}");
    assert_eq!(marked, 1, "the first one of the second worker");
}

#[test]
fn what_a_peer_says_during_a_hand_over_is_heard_after_it() {
    let mut gateway = Gateway::start(|_| {});
    let (mut a, b) = (gateway.phone(), gateway.phone());
    gateway.bridge(&a, &b);
    a.speak(1);
    let before = b.hear().0;
    let HandedOver { numbers, sockets } = gateway.hand_over();
    drop(gateway);
    a.speak(2);
    let mut next = Gateway::started(|_| {}, sockets);
    for phone in [&a, &b] {
        let gap = Gap { elapsed: Duration::ZERO, after: Interruption::HandOver };
        next.open_again(phone, Some(ResumedStreams { numbers: of(&numbers, phone), gap }));
    }
    for phone in [&b, &a] {
        let (hearer, leg) = if phone.leg == a.leg { (&a, b.leg) } else { (&b, a.leg) };
        next.commander.send(Command::Hear { leg: hearer.leg, source: Source::Leg(leg) });
    }
    next.describe(&b, |_| {});
    next.describe(&a, |_| {});
    let (header, payload) = b.hear();
    assert_eq!(payload, [2; 160], "it waited in the socket");
    assert_eq!((header.ssrc, header.sequence), (before.ssrc, before.sequence.wrapping_add(1)));
    a.speak(3);
    assert_eq!(b.hear().1, [3; 160]);
    a.socket = UdpSocket::bind((HERE, 0)).unwrap();
    next.describe(&a, |_| {});
    next.settled();
    a.speak(4);
    assert_eq!(b.hear().1, [4; 160], "the socket hears another source once its leg has moved");
}

#[test]
fn both_directions_wait_for_both_ends_of_a_talk() {
    let mut gateway = Gateway::start(|_| {});
    let (mut a, mut b) = (gateway.phone(), gateway.phone());
    gateway.bridge(&a, &b);
    a.speak(1);
    b.speak(1);
    assert_eq!((a.hear().1, b.hear().1), (vec![1; 160], vec![1; 160]));
    let HandedOver { numbers, sockets } = gateway.hand_over();
    drop(gateway);
    for word in 2..6 {
        a.speak(word);
        b.speak(word);
    }
    let next = Gateway::started(|_| {}, sockets);
    let mut commands = Vec::new();
    for phone in [&a, &b] {
        let gap = Gap { elapsed: Duration::ZERO, after: Interruption::HandOver };
        commands
            .push(Gateway::opening_again(phone, Some(ResumedStreams { numbers: of(&numbers, phone), gap })));
    }
    commands.push(Command::Hear { leg: a.leg, source: Source::Leg(b.leg) });
    commands.push(Command::Hear { leg: b.leg, source: Source::Leg(a.leg) });
    commands.extend([&a, &b].map(|phone| Gateway::description(phone, Gateway::latching(phone), |_| {})));
    next.commander.send_all(commands);
    for word in 2..6 {
        assert_eq!((a.hear().1, b.hear().1), (vec![word; 160], vec![word; 160]));
    }
}

#[test]
fn a_socket_of_another_leg_is_not_taken_by_a_new_call() {
    let mut gateway = Gateway::start(|_| {});
    let (mut a, b) = (gateway.phone(), gateway.phone());
    gateway.bridge(&a, &b);
    a.speak(1);
    assert_eq!(b.hear().1, [1; 160]);
    let HandedOver { sockets, .. } = gateway.hand_over();
    drop(gateway);
    a.speak(2);
    let port = a.gateway.port();
    let mut next = Gateway::started(|c| c.ports = port..=port + 1, sockets);
    let c = next.phone();
    assert_eq!(c.gateway.port(), port);
    assert_eq!(next.commander.counts().strays, 0, "the packet of the call before is gone");
}

#[test]
fn a_leg_whose_port_another_program_took_is_refused() {
    let mut gateway = Gateway::start(|_| {});
    let phone = gateway.phone();
    let HandedOver { sockets, .. } = gateway.hand_over();
    drop((gateway, sockets));
    let program = UdpSocket::bind(phone.gateway).unwrap();
    let next = Gateway::start(|_| {});
    next.open_again(&phone, None);
    next.until(|e| *e == Event::OpenFailed { leg: phone.leg, why: OpenFailure::AllTaken });
    drop(program);
    next.resume(&phone, None);
}

#[test]
fn commands_before_a_hand_over_are_obeyed_first() {
    let mut gateway = Gateway::start(|_| {});
    let phones: Vec<Phone> = (0..3).map(|_| gateway.phone()).collect();
    gateway.commander.send(Command::Close { leg: phones[1].leg });
    let HandedOver { numbers, sockets } = gateway.hand_over();
    assert_eq!((numbers.legs.len(), sockets.len()), (2, 2));
    assert!(numbers.legs.iter().all(|numbers| numbers.leg != phones[1].leg));
    assert!(gateway.commander.hand_over(Duration::from_millis(1)).is_none(), "a worker ends once");
}
