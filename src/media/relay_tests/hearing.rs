//! What a leg hears, and what becomes of it at each change.

use super::*;
use Source::Silence;

fn leg(phone: Phone) -> Source {
    Source::Leg(phone.leg)
}

fn cut(phone: Phone, play: u32) -> Event {
    Event::Played { leg: phone.leg, play, complete: false }
}

/// A talks with B, and C hears A.
fn supervised() -> (World, [Phone; 3]) {
    let mut w = World::new();
    let phones = [1, 2, 3].map(|host| w.phone(host, |_| {}));
    let [a, b, c] = phones;
    w.bridge(a, b);
    w.hear(c, leg(a));
    (w, phones)
}

/// A packet of A-law of the phone, and who is sent it.
fn says(w: &mut World, phone: Phone, n: u32) -> Vec<SocketAddr> {
    let mut hearers: Vec<_> =
        w.heard(phone, phone.at, audio(8, n, 0xcafe), &[0x11; 160]).iter().map(|s| s.to).collect();
    hearers.sort();
    hearers
}

#[test]
fn the_same_source_again_changes_nothing() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.hear(a, music(1));
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.extend(w.listen(1));
        w.hear(a, music(1));
    }
    assert_eq!(heard.iter().map(|s| s.header.marker).collect::<Vec<_>>(), [true, false, false]);
    w.bridge(a, b);
    w.out.clear();
    heard.clear();
    for n in 0..3 {
        heard.extend(w.speak(b, n));
        w.bridge(a, b);
        w.now = w.now + TICK;
    }
    assert_eq!(heard.iter().map(|s| s.header.marker).collect::<Vec<_>>(), [true, false, false]);
    one_stream(&heard);
    w.hear(a, welcome(2));
    assert_eq!(w.listen(5).len(), 3);
    w.out.clear();
    w.hear(a, welcome(2));
    assert!(w.listen(5).is_empty(), "it was played to its end");
    w.hear(a, welcome(3));
    assert_eq!(w.listen(5).len(), 3, "a new number is a new prompt");
    assert_eq!(w.events(), [Event::Played { leg: a.leg, play: 3, complete: true }]);
    for _ in 0..2 {
        w.hear(a, Silence);
    }
    assert_eq!(w.out, []);
}

#[test]
fn a_silence_that_was_told_is_not_told_again_for_the_same_talk() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.bridge(a, b);
    w.rounds(SILENCE * 2);
    w.bridge(a, b);
    w.rounds(SILENCE * 2);
    assert_eq!(w.events(), [Event::Silent { a: a.leg, b: b.leg }]);
    w.hear(a, Silence);
    w.hear(a, leg(b));
    w.rounds(SILENCE * 2);
    assert_eq!(w.events(), [Event::Silent { a: a.leg, b: b.leg }], "it is a new talk");
}

#[test]
fn each_change_of_source_ends_the_old_one_and_begins_the_new_one() {
    // What is heard before and after; the prompts that are cut; the packets heard of either source.
    let mut seen = Vec::new();
    for from in 0..4 {
        for to in 0..4 {
            let mut w = World::new();
            let [a, b, c] = [1, 2, 3].map(|host| w.phone(host, |_| {}));
            let sources = [Silence, music(1), leg(b), leg(c)];
            w.hear(a, sources[from].clone());
            let mut heard = w.listen(2);
            heard.extend(w.speak(b, 1));
            heard.extend(w.speak(c, 1));
            w.events();
            let before = heard.len();
            w.hear(a, sources[to].clone());
            let cuts = w.events();
            assert_eq!(cuts, if from == 1 && to != 1 { vec![cut(a, 1)] } else { vec![] });
            let after = w.listen(1).len();
            let (of_b, of_c) = (w.speak(b, 2), w.speak(c, 2));
            let expected = [(0, false, false), (1, false, false), (0, true, false), (0, false, true)][to];
            assert_eq!((after, of_b.is_some(), of_c.is_some()), expected, "{from} to {to}");
            let begins = of_b.iter().chain(&of_c).any(|s| s.header.marker);
            assert_eq!(begins, to > 1 && from != to, "{from} to {to}");
            seen.push(before);
        }
    }
    assert_eq!(seen, [0, 0, 0, 0, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn a_leg_may_hear_one_that_does_not_hear_it() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.hear(b, leg(a));
    assert_eq!(says(&mut w, a, 1), [b.at]);
    assert_eq!(says(&mut w, b, 1), []);
    w.hear(a, music(1));
    let to_a = w.listen(2);
    assert!(to_a.len() == 2 && to_a.iter().all(|s| s.to == a.at), "it hears its own source");
    assert_eq!(says(&mut w, a, 2), [b.at]);
}

#[test]
fn a_leg_that_hears_a_talk_hears_it_beside_the_other_one() {
    let mut w = World::new();
    let a = w.phone(1, |_| {});
    let b = w.phone(2, |r| (r.codec, r.payload_type) = (Codec::Pcmu, 0));
    let c = w.phone(3, |_| {});
    w.bridge(a, b);
    w.hear(c, leg(a));
    let mut heard = Vec::new();
    for n in 1..=3 {
        w.now = w.now + TICK;
        heard.extend(w.heard(a, a.at, audio(8, n, 5), &[0xd5, 0x2a]));
    }
    let payloads: Vec<_> = heard.iter().map(|s| (s.to, s.header.payload_type, &s.payload[..])).collect();
    let both = [(c.at, 8, &[0xd5, 0x2a][..]), (b.at, 0, &[0xfe, 0x00])];
    assert_eq!(payloads, [both, both, both].concat(), "each in its own law");
    let (to_b, to_c): (Vec<Sent>, Vec<Sent>) = heard.into_iter().partition(|s| s.to == b.at);
    one_stream(&to_b);
    one_stream(&to_c);
    assert_ne!(to_b[0].header.ssrc, to_c[0].header.ssrc);
    assert_eq!((says(&mut w, b, 1), says(&mut w, c, 1)), (vec![a.at], vec![]));
    assert_eq!(w.relay.counts().relayed, 7);
}

#[test]
fn legs_that_leave_are_left_out_and_the_others_go_on() {
    for leaves in 0..3 {
        let mut w = World::new();
        let [a, b, c, d] = [1, 2, 3, 4].map(|host| w.phone(host, |_| {}));
        for hearer in [b, c, d] {
            w.hear(hearer, leg(a));
        }
        let gone = [b, c, d][leaves];
        w.hear(gone, leg(b));
        let left: Vec<_> = [b, c, d].iter().map(|p| p.at).filter(|at| *at != gone.at).collect();
        assert_eq!(says(&mut w, a, 1), left);
        w.hear(gone, leg(a));
        assert_eq!(says(&mut w, a, 2), [b.at, c.at, d.at]);
        w.order(Command::Close { leg: gone.leg });
        assert_eq!(says(&mut w, a, 3), left);
        w.order(Command::Close { leg: a.leg });
        assert_eq!(says(&mut w, a, 4), []);
        assert!(w.phone(5, |_| {}).key == a.key, "its place serves again");
        assert_eq!(says(&mut w, Phone { at: SocketAddr::from(([192, 0, 2, 5], 4_000)), ..a }, 5), []);
    }
}

#[test]
fn a_leg_that_is_not_open_and_the_leg_itself_are_silence() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.hear(a, music(1));
    w.hear(a, leg(a));
    assert_eq!(w.events().last(), Some(&cut(a, 1)));
    assert_eq!(says(&mut w, a, 1), []);
    w.hear(b, music(2));
    let later = LegId::new(Wall(0), &mut w.random);
    w.hear(b, Source::Leg(later));
    assert_eq!(w.events().last(), Some(&cut(b, 2)));
    w.order(Command::Open { leg: later, family: Family::V4, resume: None });
    let Some(Output::Bind(key, ..)) = w.out.pop() else { panic!("no port") };
    w.relay.bound(w.now, key, Bound::Ours, &mut w.out);
    let c = Phone { leg: later, key, at: SocketAddr::from(([192, 0, 2, 3], 4_000)) };
    w.describe(c, |_| {});
    assert_eq!(says(&mut w, c, 1), []);
    w.hear(b, leg(c));
    assert_eq!(says(&mut w, c, 2), [b.at]);
}

#[test]
fn a_prompt_that_no_one_knows_is_told_of_once() {
    let mut w = World::new();
    let a = w.phone(1, |_| {});
    w.hear(a, music(1));
    w.events();
    let unknown = Source::Prompt { prompt: Arc::from("nothing"), repeat: true, play: 2 };
    w.hear(a, unknown.clone());
    w.hear(a, unknown);
    assert_eq!(w.events(), [cut(a, 1), cut(a, 2)]);
    assert!(w.listen(3).is_empty());
    assert_eq!(w.relay.counts().playing, 0);
}

#[test]
fn a_key_reaches_every_leg_that_hears_it() {
    let (mut w, [a, b, c]) = supervised();
    w.order(Command::Pressed { leg: a.leg, key: '7', held: Duration::from_millis(80) });
    let sent = w.listen(10);
    for phone in [b, c] {
        let keys: Vec<u8> =
            sent.iter().filter(|s| s.to == phone.at && s.header.marker).map(|s| s.payload[0]).collect();
        assert_eq!(keys, [7]);
    }
    assert_eq!(w.events().iter().filter(|e| matches!(e, Event::Digit { digit: '7', .. })).count(), 1);
    w.order(Command::Pressed { leg: b.leg, key: '8', held: Duration::from_millis(80) });
    assert!(w.listen(10).iter().all(|s| s.to == a.at));
    w.order(Command::Pressed { leg: c.leg, key: '9', held: Duration::from_millis(80) });
    assert!(w.listen(10).is_empty(), "no leg hears it");
}

#[test]
fn a_key_is_let_go_when_its_leg_hears_another_source() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    for source in [Silence, music(1)] {
        w.bridge(a, b);
        w.order(Command::Pressed { leg: a.leg, key: '7', held: Duration::from_secs(2) });
        assert!(w.listen(3).iter().all(|s| s.header.payload_type == 101));
        w.hear(b, source);
        assert!(w.listen(5).iter().all(|s| s.header.payload_type == 8));
    }
    w.hear(b, Silence);
    assert_eq!(w.relay.counts().playing, 0);
}

#[test]
fn silence_is_told_of_a_talk_and_quiet_of_each_leg() {
    let (mut w, [a, b, c]) = supervised();
    for phone in [a, b, c] {
        w.order(Command::RtpTimeout { leg: phone.leg, after: SILENCE });
    }
    w.rounds(SILENCE + Duration::from_secs(1));
    let mut told = w.events();
    told.sort_by_key(|e| matches!(e, Event::Silent { .. }));
    let timed_out = |phone: Phone| Event::RtpTimeout { leg: phone.leg };
    assert_eq!(told, [timed_out(a), timed_out(b), timed_out(c), Event::Silent { a: a.leg, b: b.leg }]);
    w.hear(b, Silence);
    w.rounds(SILENCE * 3 + Duration::from_secs(1));
    let told = w.events();
    for phone in [a, b, c] {
        assert_eq!(told.iter().filter(|e| **e == timed_out(phone)).count(), 3);
    }
    assert_eq!(told.len(), 9, "they no longer talk");
}

#[test]
fn quiet_is_told_of_a_leg_on_hold_and_of_one_that_hears_a_prompt() {
    for direction in [Direction::SendRecv, Direction::SendOnly, Direction::Inactive] {
        let mut w = World::new();
        let a = w.phone(1, |r| r.direction = direction);
        w.order(Command::RtpTimeout { leg: a.leg, after: Duration::from_secs(3) });
        w.hear(a, music(1));
        let plays = |w: &mut World, seconds: u32| {
            for _ in 0..2 * seconds {
                w.listen(25);
                w.relay.handle_timeout(w.now, &mut w.out);
            }
        };
        plays(&mut w, 4);
        let told = w.events();
        assert_eq!(told, [Event::RtpTimeout { leg: a.leg }], "{direction:?}");
        says(&mut w, a, 1);
        plays(&mut w, 2);
        assert!(!w.events().contains(&Event::RtpTimeout { leg: a.leg }), "{direction:?}");
    }
}

#[test]
fn a_refresh_that_says_the_same_again_is_no_sound() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.bridge(a, b);
    let mut silent = 0;
    for _ in 0..8 {
        w.rounds(SILENCE / 6);
        w.describe(a, |_| {});
        silent += w.events().iter().filter(|e| matches!(e, Event::Silent { .. })).count();
    }
    assert_eq!(silent, 1, "the silence of a talk is told although it is refreshed");
}

/// Sends a report of the phone's, and gives the hosts it goes to with what they read in it about the stream `of`.
fn reports(
    w: &mut World,
    from: Phone,
    sender: Option<Sender>,
    block: Block,
    of: u32,
) -> Vec<(SocketAddr, Report)> {
    let mut bytes = [0; LONGEST];
    let report = Report { sender, reception: Some(block), goodbye: false };
    let length = report.write(0xcafe, &mut bytes);
    let at = SocketAddr::new(from.at.ip(), 4_001);
    let mut sent: Vec<_> = w
        .datagrams(from, Through::Rtcp, at, &bytes[..length])
        .iter()
        .map(|(send, bytes)| (send.to, Report::read(bytes, of).unwrap()))
        .collect();
    sent.sort_by_key(|(to, _)| *to);
    sent
}

#[test]
fn a_report_goes_to_all_that_hear_and_to_the_one_that_is_heard() {
    let (mut w, [a, b, c]) = supervised();
    let of_a = w.heard(a, a.at, audio(8, 10, 0xcafe), &[1; 160]);
    let to_c = &of_a.iter().find(|s| s.to == c.at).unwrap().header;
    let to_a = w.rtp(b, b.at, audio(8, 500, 0xbeef), &[1; 160]).unwrap().header;
    let block = |of: &Header| Block {
        ssrc: of.ssrc,
        loss: 9,
        highest: u32::from(of.sequence),
        jitter: 2,
        last_report: 3,
        delay: 4,
    };
    let reports_at = |phone: Phone| SocketAddr::new(phone.at.ip(), 4_001);
    let sender = Sender { ssrc: 0xcafe, ntp: 77 << 16, timestamp: 1_600, packets: 1, octets: 160 };
    let sent = reports(&mut w, a, Some(sender), block(&to_a), 0xbeef);
    let read: Vec<_> = sent.iter().map(|(to, r)| (*to, r.sender.map(|s| s.ntp), r.reception)).collect();
    let about_b = Block { ssrc: 0xbeef, highest: 500, ..block(&to_a) };
    let ntp = Some(77 << 16);
    assert_eq!(read, [(reports_at(b), ntp, Some(about_b)), (reports_at(c), ntp, None)]);
    // No leg hears C: its sender report is for none, its block for A whose stream it is about.
    let sent = reports(&mut w, c, Some(sender), block(to_c), 0xcafe);
    let about_a = Block { ssrc: 0xcafe, highest: 10, ..block(to_c) };
    assert_eq!(sent, [(reports_at(a), Report { sender: None, reception: Some(about_a), goodbye: false })]);
}
