//! Attempts to put oneself into a leg, and what a peer hears meanwhile.

use super::*;

/// A peer behind address translation: what it describes, and where its packets come from.
const INSIDE: &str = "10.0.0.5:4000";
const OUTSIDE: &str = "198.51.100.7:9000";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl World {
    /// A leg whose peer describes one address and signals from another.
    fn described(&mut self, said: &str, signalled: &str) -> Phone {
        let (leg, key, _) = self.open().unwrap();
        self.describe_from(leg, said, signalled);
        Phone { leg, key, at: at(said) }
    }

    fn describe_from(&mut self, leg: LegId, said: &str, signalled: &str) {
        let latching = Latching {
            signalled: signalled.parse().unwrap(),
            listed: Arc::from([]),
            towards: Towards::Source,
        };
        self.order(Command::Remote { leg, remote: remote(at(said)), latching });
    }

    /// `n` small packets in one moment; how many were passed on.
    fn burst(&mut self, to: Phone, from: SocketAddr, n: u32) -> usize {
        (0..n).filter(|n| self.rtp(to, from, audio(8, 5_000 + n, 0xbad), &[0x66; 1]).is_some()).count()
    }

    /// The peer speaks for so long; how many packets were passed on, and the last place its leg was answered at.
    fn talk(
        &mut self,
        a: Phone,
        from: SocketAddr,
        b: Phone,
        first: u32,
        packets: u32,
    ) -> (usize, SocketAddr) {
        let mut passed = 0;
        let mut answered = a.at;
        for n in first..first + packets {
            passed += usize::from(self.rtp(a, from, audio(8, n, 0xcafe), &[0x11; 160]).is_some());
            answered = self.speak(b, n).expect("there is always a place to send to").to;
            self.now = self.now + TICK;
        }
        (passed, answered)
    }
}

#[test]
fn a_burst_before_the_first_packet_takes_no_leg_over() {
    for (said, signalled, peer, thieves) in [
        (INSIDE, "198.51.100.7", OUTSIDE, ["203.0.113.66:5000", "10.0.0.66:4000"]),
        ("192.0.2.9:4000", "192.0.2.9", "192.0.2.9:4000", ["203.0.113.66:5000", "192.0.2.9:6666"]),
        ("192.0.2.9:4000", "192.0.2.8", "192.0.2.9:4000", ["192.0.2.8:4000", "192.0.2.9:6666"]),
    ] {
        for thief in thieves {
            let mut w = World::new();
            let (a, b) = (w.described(said, signalled), w.phone(2, |_| {}));
            w.bridge(a, b);
            for _ in 0..10 {
                w.burst(a, at(thief), 26);
                w.now = w.now + Duration::from_millis(1);
            }
            let (passed, answered) = w.talk(a, at(peer), b, 1, 100);
            assert_eq!((passed, answered), (100, at(peer)), "{said} {thief}");
            assert_eq!(w.burst(a, at(thief), 26), 0, "{said} {thief}");
        }
    }
}

#[test]
fn a_burst_after_a_re_invite_that_moves_the_port_takes_no_leg_over() {
    for (said, moved, signalled, peer, peer_moved) in [
        (INSIDE, "10.0.0.5:4010", "198.51.100.7", OUTSIDE, "198.51.100.7:9010"),
        ("192.0.2.9:4000", "192.0.2.9:4010", "192.0.2.9", "192.0.2.9:4000", "192.0.2.9:4010"),
        ("192.0.2.9:4000", "192.0.2.10:4010", "192.0.2.8", "192.0.2.9:4000", "192.0.2.10:4010"),
    ] {
        let mut w = World::new();
        let (a, b) = (w.described(said, signalled), w.phone(2, |_| {}));
        w.bridge(a, b);
        w.talk(a, at(peer), b, 1, 300);
        w.describe_from(a.leg, moved, signalled);
        assert_eq!(w.burst(a, at("203.0.113.66:5000"), 26), 0, "{moved}");
        let (passed, answered) = w.talk(a, at(peer_moved), b, 301, 300);
        assert_eq!((passed, answered), (300, at(peer_moved)), "{moved}");
        assert_eq!(w.burst(a, at("203.0.113.66:5000"), 26), 0, "{moved}");
        assert_eq!(w.burst(a, at(peer), 26), 0, "{moved}: nor does its own old place");
    }
}

#[test]
fn a_phone_behind_translation_hears_and_is_heard_from_its_first_packet() {
    let mut w = World::new();
    let (a, b) = (w.described(INSIDE, "198.51.100.7"), w.phone(2, |_| {}));
    w.bridge(a, b);
    assert_eq!(w.talk(a, at(OUTSIDE), b, 1, 1), (1, at(OUTSIDE)));
    assert_eq!(w.talk(a, at(OUTSIDE), b, 2, 400), (400, at(OUTSIDE)));
    // Hold and back, and a refresh that says the same: not a packet is lost either way.
    for said in ["10.0.0.5:4000", "10.0.0.5:4000"] {
        w.describe_from(a.leg, said, "198.51.100.7");
        assert_eq!(w.talk(a, at(OUTSIDE), b, 500, 1), (1, at(OUTSIDE)));
    }
}

#[test]
fn reports_follow_the_source_that_is_certain() {
    let mut w = World::new();
    let (a, b) = (w.described("192.0.2.9:4000", "192.0.2.8"), w.phone(2, |r| r.rtcp_mux = true));
    w.bridge(a, b);
    let report = [0x80, 201, 0, 1, 0, 0, 0, 1];
    let other = at("192.0.2.8:4000");
    w.rtp(a, other, audio(8, 1, 7), &[1; 160]);
    w.datagram(a, Through::Rtcp, at("192.0.2.8:4001"), &report).unwrap();
    w.speak(a, 1).unwrap();
    w.speak(b, 1).unwrap();
    let (send, _) = w.datagram(b, Through::Rtp, b.at, &report).unwrap();
    assert_eq!(send.to, at("192.0.2.9:4001"), "where the description says");
    assert!(w.datagram(a, Through::Rtcp, at("192.0.2.8:4001"), &report).is_none());
}
