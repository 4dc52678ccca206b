//! RTCP between two legs.

use super::*;

#[test]
fn reports_are_told_in_the_words_of_the_other_side() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |r| r.rtcp_mux = true), w.phone(2, |_| {}));
    w.bridge(a, b);
    let to_b = w.speak(a, 10).unwrap().header;
    let to_a = w.rtp(b, b.at, audio(8, 500, 0xbeef), &[1; 160]).unwrap().header;
    let block = Block {
        ssrc: to_a.ssrc,
        loss: 9,
        highest: 0x3_0000 | u32::from(to_a.sequence),
        jitter: 2,
        last_report: 3,
        delay: 4,
    };
    let sender = Sender { ssrc: 0xcafe, ntp: 77 << 16, timestamp: 1_600, packets: 1, octets: 160 };
    let mut bytes = [0; LONGEST];
    let length =
        Report { sender: Some(sender), reception: Some(block), goodbye: false }.write(0xcafe, &mut bytes);
    let (send, bytes) = w.datagram(a, Through::Rtp, a.at, &bytes[..length]).unwrap();
    assert_eq!((send.to, send.through), (SocketAddr::new(b.at.ip(), 4_001), Through::Rtcp));
    let report = Report::read(&bytes, 0xbeef).unwrap();
    let told = report.sender.unwrap();
    assert_eq!((told.ssrc, told.ntp, told.timestamp), (to_b.ssrc, 77 << 16, to_b.timestamp));
    assert_eq!((told.packets, told.octets), (1, 160));
    assert_eq!(report.reception, Some(Block { ssrc: 0xbeef, highest: 0x3_0000 | 500, ..block }));

    // The far peer echoes it after holding it for half a second: 40 ms of round trip are left.
    w.now = w.now + Duration::from_millis(540);
    let echo = Block { ssrc: to_b.ssrc, last_report: 77, delay: 32_768, ..block };
    let mut bytes = [0; LONGEST];
    let length = Report { sender: None, reception: Some(echo), goodbye: false }.write(0xbeef, &mut bytes);
    let from = SocketAddr::new(b.at.ip(), 4_001);
    let (send, _) = w.datagram(b, Through::Rtcp, from, &bytes[..length]).unwrap();
    assert_eq!((send.to, send.through), (a.at, Through::Rtp));
    w.order(Command::Close { leg: b.leg });
    let quality = w
        .events()
        .into_iter()
        .find_map(|e| if let Event::Closed { quality, .. } = e { Some(quality) } else { None });
    assert_eq!(quality.unwrap().round_trip, Some(Duration::from_millis(40)));
}

#[test]
fn reports_from_unknown_sources_and_broken_ones_are_dropped() {
    let mut w = World::new();
    let (a, b) = (w.phone(1, |_| {}), w.phone(2, |_| {}));
    w.bridge(a, b);
    let elsewhere = "203.0.113.9:4001".parse().unwrap();
    assert!(w.datagram(a, Through::Rtcp, elsewhere, &[0x80, 201, 0, 1, 0, 0, 0, 1]).is_none());
    assert!(w.datagram(a, Through::Rtcp, a.at, &[0x80, 201, 0, 9]).is_none());
    assert!(w.speak(a, 1).is_some());
    assert_eq!((w.relay.counts().strays, w.relay.counts().bad), (1, 1));
}
