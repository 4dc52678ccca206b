//! Keys through the relay: understood once on one leg, said anew on the other.

use super::command::{Command, Event};
use super::relay_tests::{Phone, Sent, TICK, World, audio, music};
use super::rtp::Header;
use crate::sdp::{Codec, PayloadNumbers};
use crate::time::Duration;

const HELD: Duration = Duration::from_millis(100);

/// The keys told of on a leg.
fn digits(w: &mut World, of: Phone) -> String {
    let told = w.events().into_iter().filter_map(|e| match e {
        Event::Digit { leg, digit, .. } if leg == of.leg => Some(digit),
        Event::Opened { .. }
        | Event::OpenFailed { .. }
        | Event::RtpStarted { .. }
        | Event::Played { .. }
        | Event::Digit { .. }
        | Event::Silent { .. }
        | Event::RtpTimeout { .. }
        | Event::Closed { .. } => None,
    });
    told.collect()
}

/// The presses among packets as a strict receiver tells them: each new SSRC and timestamp is one.
fn presses(sent: &[Sent], payload_type: u8) -> Vec<u8> {
    let mut keys: Vec<((u32, u32), u8)> = Vec::new();
    for s in sent.iter().filter(|s| s.header.payload_type == payload_type) {
        let new = (s.header.ssrc, s.header.timestamp);
        if !keys.iter().any(|(known, _)| *known == new) {
            keys.push((new, s.payload[0]));
        }
    }
    keys.into_iter().map(|(_, key)| key).collect()
}

/// DtmfReceiver a key of 80 ms, under this payload type and SSRC, beginning with sequence number and timestamp of packet `n`; while
/// `talking`, audio goes on beside it. Gives what the others heard meanwhile.
fn press(
    w: &mut World,
    a: Phone,
    payload_type: u8,
    ssrc: u32,
    n: u32,
    event: u8,
    talking: bool,
) -> Vec<Sent> {
    let mut heard = Vec::new();
    for i in 0..7_u32 {
        let up = if i < 4 { 0 } else { 0x80 };
        let duration = (160 * (i as u16 + 1)).min(640).to_be_bytes();
        let packet = Header { timestamp: 160 * n, marker: i == 0, ..audio(payload_type, n + i, ssrc) };
        heard.extend(w.rtp(a, a.at, packet, &[event, 10 | up, duration[0], duration[1]]));
        if talking {
            heard.extend(w.speak(a, n + i));
        }
        heard.extend(w.listen(1));
    }
    heard
}

#[test]
fn a_key_press_is_told_once_and_leaves_no_gap_where_it_is_not_taken() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |r| r.telephone_event = None));
    w.bridge(a, b);
    let mut heard: Vec<Sent> = w.speak(a, 1).into_iter().collect();
    assert!(press(&mut w, a, 101, 0xcafe, 2, 3, false).is_empty());
    heard.extend(w.speak(a, 9));
    assert_eq!(heard[1].header.sequence.wrapping_sub(heard[0].header.sequence), 1);
    assert_eq!(digits(&mut w, a), "3");
}

#[test]
fn a_key_is_said_anew_in_the_other_legs_stream_and_the_audio_goes_on() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |r| r.telephone_event = Some(97)));
    w.bridge(a, b);
    let mut heard = vec![w.speak(a, 1).unwrap()];
    heard.extend(press(&mut w, a, 101, 0xcafe, 2, 5, false));
    for n in 9..30 {
        heard.extend(w.speak(a, n));
        heard.extend(w.listen(1));
    }
    let keys: Vec<&Sent> = heard.iter().filter(|s| s.header.payload_type == 97).collect();
    assert_eq!(keys.len(), 4 + 3);
    assert!(keys.iter().all(|s| s.header.timestamp == keys[0].header.timestamp && s.payload[0] == 5));
    assert!(keys[0].header.marker && keys[6].payload[1] & 0x80 != 0);
    assert!(heard.last().unwrap().header.payload_type != 97, "the audio is back");
    assert!(heard.iter().all(|s| s.header.ssrc == heard[0].header.ssrc), "all is one source");
    let steps = heard.windows(2).map(|w| w[1].header.sequence.wrapping_sub(w[0].header.sequence));
    assert!(steps.clone().all(|step| step == 1), "{:?}", steps.collect::<Vec<_>>());
}

#[test]
fn a_long_press_is_said_while_the_key_is_down() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.bridge(a, b);
    let down = Header { timestamp: 7, ..audio(101, 1, 5) };
    w.rtp(a, a.at, down, &[5, 10, 0, 160]);
    let first = w.listen(1);
    assert_eq!(presses(&first, 101), [5]);
    assert_eq!(first[0].payload[1] & 0x80, 0);
}

#[test]
fn events_under_an_ssrc_of_their_own_between_the_audio_are_one_press_each() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.bridge(a, b);
    let mut heard = Vec::new();
    for (at, event) in [(100, 5), (120, 5), (140, 7)] {
        heard.extend(press(&mut w, a, 101, 0xbeef, at, event, true));
        heard.extend(w.listen(10));
    }
    assert_eq!(presses(&heard, 101), [5, 5, 7]);
    assert_eq!(digits(&mut w, a), "557");
    let quality = w.quality(a);
    assert_eq!(quality.lost, 2 * 13, "the events count in no audio; the audio paused twice for 13 packets");
}

#[test]
fn keys_are_understood_under_our_number_and_theirs_and_said_under_theirs() {
    let mut w = World::new();
    let a = w.phone(1, |_| {});
    // We offered 101 and PCMA as 8; the answer names 96, and PCMA as 97 (RFC 3264 section 6.1).
    let b = w.phone(2, |r| {
        (r.payload_type, r.telephone_event) = (97, Some(96));
        r.receive = PayloadNumbers { audio: 8, telephone_event: Some(101) };
    });
    w.bridge(a, b);
    for (n, payload_type) in [(1, 101), (101, 96)] {
        let heard = press(&mut w, b, payload_type, 5, n, 4, false);
        assert_eq!(presses(&heard, 101), [4], "as {payload_type}");
        w.listen(10);
    }
    let heard = press(&mut w, a, 101, 5, 1, 9, false);
    assert_eq!((presses(&heard, 96), presses(&heard, 101)), (vec![9], vec![]));
    w.listen(10);
    for payload_type in [8, 97] {
        assert!(w.rtp(b, b.at, audio(payload_type, 300, 9), &[1; 160]).is_some(), "{payload_type}");
    }
    assert_eq!(w.speak(a, 50).unwrap().header.payload_type, 97);
}

#[test]
fn our_number_counts_where_the_peer_gives_it_another_meaning() {
    let mut w = World::new();
    let (a, b) = (
        w.phone(1, |_| {}),
        w.phone(2, |r| {
            (r.codec, r.payload_type, r.telephone_event) = (Codec::Pcma, 101, Some(96));
            r.receive = PayloadNumbers { audio: 8, telephone_event: Some(101) };
        }),
    );
    w.bridge(a, b);
    assert_eq!(presses(&press(&mut w, b, 101, 5, 1, 4, false), 101), [4]);
    w.listen(10);
    assert_eq!(w.speak(a, 1).unwrap().header.payload_type, 101);
}

#[test]
fn one_press_by_info_and_by_events_is_said_once() {
    for info_first in [true, false] {
        let mut w = World::new();
        let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
        w.bridge(a, b);
        let mut heard = Vec::new();
        for (at, event) in [(1, 1), (21, 1), (41, 2)] {
            let key = char::from(b'0' + event);
            let info = Command::Pressed { leg: a.leg, key, held: HELD };
            if info_first {
                w.order(info.clone());
            }
            heard.extend(press(&mut w, a, 101, 0xcafe, at, event, false));
            if !info_first {
                w.order(info);
            }
            heard.extend(w.listen(10));
        }
        assert_eq!(presses(&heard, 101), [1, 1, 2], "INFO first: {info_first}");
        assert_eq!(digits(&mut w, a), "112", "INFO first: {info_first}");
    }
}

#[test]
fn a_key_by_info_is_told_back_with_its_length_for_a_peer_that_takes_info() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |r| r.telephone_event = None));
    w.bridge(a, b);
    w.order(Command::Pressed { leg: a.leg, key: '#', held: HELD });
    assert_eq!(w.events().last(), Some(&Event::Digit { leg: a.leg, digit: '#', held: Some(HELD) }));
    assert!(w.listen(20).is_empty());
}

#[test]
fn a_leg_that_hears_a_prompt_or_nobody_is_said_no_key() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |r| r.telephone_event = Some(97)));
    w.order(Command::Pressed { leg: a.leg, key: '5', held: HELD });
    w.bridge(a, b);
    w.order(Command::Pressed { leg: a.leg, key: '6', held: HELD });
    w.hear(b, music(1));
    w.order(Command::Pressed { leg: a.leg, key: '7', held: HELD });
    let sent = w.listen(10);
    assert!(sent.len() >= 9 && sent.iter().all(|s| s.header.payload_type != 97), "{}", sent.len());
    assert_eq!(digits(&mut w, a), "567", "each is told of");
}

#[test]
fn keys_by_info_at_once_are_said_one_after_the_other() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.bridge(a, b);
    for key in "0012".chars() {
        w.order(Command::Pressed { leg: a.leg, key, held: HELD });
    }
    w.now = w.now + TICK;
    assert_eq!(presses(&w.listen(60), 101), [0, 0, 1, 2]);
}
