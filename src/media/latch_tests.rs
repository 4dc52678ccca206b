//! The rules of the latch as tables of values, in virtual time.

use super::*;

const PUBLIC: &str = "192.0.2.1:4000";
const PRIVATE: &str = "192.168.1.5:4000";
/// Where the signalling comes from, where nothing else is said.
const SIGNALLED: &str = "198.51.100.7";

use SourceVerdict::{Accepted, Refused};

/// A latch and what its tables say: at this millisecond, from there, that comes of it.
struct Scene {
    latch: Latch,
    began: Mono,
}

type Row = (u64, &'static str, Answer);

/// A verdict as a table says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    No,
    Yes,
    Held,
}
use Answer::{Held, No, Yes};

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn latching(signalled: &str) -> Latching {
    Latching { signalled: signalled.parse().unwrap(), listed: Arc::from([]), towards: Towards::Source }
}

impl Scene {
    fn new(described: &str) -> Scene {
        Scene::with(described, latching(SIGNALLED))
    }

    fn with(described: &str, latching: Latching) -> Scene {
        let mut scene = Scene { latch: Latch::default(), began: Mono(7_000_000_000) };
        scene.latch.describe(scene.began, at(described), latching);
        scene
    }

    fn at(&self, ms: u64) -> Mono {
        self.began + Duration::from_millis(ms)
    }

    fn describe(&mut self, ms: u64, described: &str) -> Described {
        self.latch.describe(self.at(ms), at(described), latching(SIGNALLED))
    }

    fn hear(&mut self, ms: u64, from: &str) -> Answer {
        match self.latch.hear(self.at(ms), at(from)) {
            Refused => No,
            Accepted => Yes,
            SourceVerdict::Held(source) => {
                assert_eq!(source, at(from));
                Held
            }
        }
    }

    /// Packets from `from`, 20 ms apart, from `first` until before `end`: the verdict on the last.
    fn stream(&mut self, first: u64, end: u64, from: &str) -> Answer {
        (first..end).step_by(20).map(|ms| self.hear(ms, from)).last().unwrap()
    }

    fn follow(&mut self, table: &[Row]) {
        for (ms, from, said) in table {
            assert_eq!(self.hear(*ms, from), *said, "{from} at {ms} ms");
        }
    }

    fn target(&self) -> String {
        self.latch.target().map_or_else(String::new, |target| target.to_string())
    }
}

/// `n` packets in one moment: what of them was taken.
fn burst(scene: &mut Scene, ms: u64, from: &str, n: usize) -> usize {
    (0..n).filter(|_| scene.hear(ms, from) != No).count()
}

#[test]
fn without_a_description_no_source_is_heard() {
    assert_eq!(Latch::default().hear(Mono(1), at(PUBLIC)), Refused);
    assert_eq!(Latch::default().target(), None);
    assert!(!Latch::default().knows("192.0.2.1".parse().unwrap()));
}

#[test]
fn the_described_address_is_held_at_its_first_packet() {
    for described in [PUBLIC, PRIVATE, "[2001:db8::1]:4000", "[fd00::1]:4000"] {
        let mut scene = Scene::new(described);
        assert_eq!(scene.target(), described);
        scene.follow(&[
            (0, described, Held),
            (20, "192.0.2.1:4002", No),
            (20, "198.51.100.7:4000", No),
            (9_000, described, Yes),
            (20_000, "198.51.100.7:4000", No),
        ]);
    }
}

#[test]
fn a_third_address_is_never_taken_however_much_and_long_it_sends() {
    for described in [PUBLIC, PRIVATE, "10.0.0.5:4000", "100.64.0.5:4000", "[fe80::5]:4000"] {
        let mut scene = Scene::new(described);
        assert_eq!(burst(&mut scene, 0, "203.0.113.9:4000", 1_000), 0, "{described}");
        assert_eq!(scene.stream(20, 30_000, "203.0.113.9:4000"), No, "{described}");
        assert_eq!(scene.target(), described);
        assert!(!scene.latch.knows("203.0.113.9".parse().unwrap()));
        assert_eq!(scene.hear(30_000, described), Held);
    }
}

#[test]
fn behind_a_private_description_signalling_counts_at_its_first_packet() {
    for described in ["10.0.0.5:4000", "172.16.0.5:4000", PRIVATE, "100.64.0.5:4000", "169.254.0.5:4000"] {
        let mut scene = Scene::new(described);
        assert_eq!(scene.hear(0, "198.51.100.7:9000"), Yes, "{described}");
        assert_eq!(scene.target(), "198.51.100.7:9000", "no dead air on the way back");
        scene.follow(&[(20, "198.51.100.7:9002", No), (20, "203.0.113.9:9000", No)]);
        assert_eq!(scene.stream(20, 5_000, "198.51.100.7:9000"), Yes);
        assert_eq!(scene.hear(5_000, "198.51.100.7:9000"), Held);
        assert_eq!(scene.hear(5_020, described), No, "from here on the source is strict");
    }
    // IPv6: unique local, link-local, loopback.
    for described in ["[fd00::5]:4000", "[fe80::5]:4000", "[::1]:4000"] {
        let mut scene = Scene::with(described, latching("2001:db8::7"));
        assert_eq!(scene.hear(0, "[2001:db8::7]:9000"), Yes);
        assert_eq!(scene.target(), "[2001:db8::7]:9000", "{described}");
    }
}

#[test]
fn beside_a_public_description_another_source_waits_for_half_a_second() {
    let mut scene = Scene::new(PUBLIC);
    assert_eq!(burst(&mut scene, 100, "198.51.100.7:9000", 26), 26, "it is heard meanwhile");
    assert_eq!(scene.target(), PUBLIC, "a burst proves nothing");
    assert_eq!(scene.stream(120, 600, "198.51.100.7:9000"), Yes);
    assert_eq!(scene.target(), PUBLIC, "not before half a second");
    scene.hear(600, "198.51.100.7:9000");
    assert_eq!(scene.target(), "198.51.100.7:9000");
}

#[test]
fn the_described_address_takes_the_leg_back_at_any_time_in_the_first_5_s() {
    for (described, other) in [
        (PUBLIC, "198.51.100.7:9000"),
        (PUBLIC, "192.0.2.1:9000"),
        (PRIVATE, "198.51.100.7:9000"),
        (PRIVATE, "192.168.1.5:9000"),
    ] {
        for came in [1, 20, 499, 501, 2_000, 4_999] {
            let mut scene = Scene::new(described);
            scene.stream(0, came, other);
            assert_eq!(scene.hear(came, described), Held, "{described} after {came} ms of {other}");
            assert_eq!(scene.target(), described);
            assert_eq!(scene.hear(came + 20, other), No);
        }
        let mut scene = Scene::new(described);
        assert_eq!(scene.stream(0, 5_020, other), Held, "{other} went on for 5 s");
        assert_eq!(scene.hear(5_020, described), No);
    }
}

#[test]
fn the_first_5_s_are_those_of_the_stream_and_not_of_the_description() {
    let mut scene = Scene::new(PUBLIC);
    // The leg rings for a minute; a burst comes before the peer's first packet.
    assert_eq!(burst(&mut scene, 60_000, "192.0.2.1:9000", 26), 26);
    assert_eq!(scene.hear(60_100, PUBLIC), Held);
    // Two packets five seconds apart are no stream of five seconds.
    let mut scene = Scene::new(PRIVATE);
    burst(&mut scene, 0, "198.51.100.7:9000", 26);
    scene.follow(&[(5_500, "198.51.100.7:9000", Yes), (6_100, "198.51.100.7:9002", Yes)]);
    assert_eq!(scene.target(), "198.51.100.7:9002");
}

#[test]
fn a_burst_from_an_allowed_address_locks_the_peer_out_half_a_second() {
    for (described, burst_from, peer) in
        [(PRIVATE, "198.51.100.7:6666", "198.51.100.7:9000"), (PUBLIC, "192.0.2.1:6666", "192.0.2.1:9000")]
    {
        let mut scene = Scene::new(described);
        burst(&mut scene, 0, burst_from, 1_000);
        assert_eq!(scene.stream(20, 500, peer), No);
        assert_eq!(scene.stream(500, 1_020, peer), Yes);
        assert_eq!(scene.target(), peer);
        assert_eq!(scene.hear(1_020, burst_from), No);
    }
}

#[test]
fn another_port_of_the_described_host_is_answered_at_once() {
    // A symmetric translation, or a phone that sends from another port than it listens on (RFC 4961 is not for all).
    let mut scene = Scene::with(PUBLIC, latching("192.0.2.1"));
    assert_eq!(scene.hear(0, "192.0.2.1:5000"), Yes);
    assert_eq!(scene.target(), "192.0.2.1:5000");
    scene.follow(&[(20, "192.0.2.1:6000", No), (40, "192.0.2.1:5000", Yes)]);
    assert_eq!(scene.stream(60, 5_020, "192.0.2.1:5000"), Held);
    scene.follow(&[(5_020, "192.0.2.1:5000", Yes), (5_040, PUBLIC, No)]);
}

#[test]
fn the_described_host_goes_before_the_signalling() {
    let mut scene = Scene::new(PUBLIC);
    scene.stream(0, 1_000, "198.51.100.7:9000");
    assert_eq!(scene.target(), "198.51.100.7:9000");
    scene.stream(1_000, 1_520, "192.0.2.1:5000");
    assert_eq!(scene.target(), "192.0.2.1:5000");
    assert_eq!(scene.hear(1_520, "198.51.100.7:9000"), No);
}

#[test]
fn a_gateway_apart_from_its_signalling_is_heard_where_it_is_described() {
    // A trunk whose signalling node sends a stray packet of its own first.
    let mut scene = Scene::with("10.0.0.2:4000", latching("10.0.0.1"));
    assert_eq!(scene.hear(0, "10.0.0.1:4000"), Yes);
    assert_eq!(scene.hear(40, "10.0.0.2:4000"), Held);
    // One that sends from another port than it describes: half a second, and heard from the first packet.
    let mut scene = Scene::with("10.0.0.2:4000", latching("10.0.0.1"));
    assert_eq!(scene.hear(0, "10.0.0.2:4002"), Yes);
    assert_eq!(scene.target(), "10.0.0.2:4002");
}

#[test]
fn a_listed_address_counts_as_signalling_does_and_its_neighbour_does_not() {
    let listed = |described| {
        let listed = Arc::from([Prefix::new("203.0.113.0".parse().unwrap(), 29).unwrap()]);
        Scene::with(described, Latching { listed, ..latching(SIGNALLED) })
    };
    let mut scene = listed(PRIVATE);
    scene.follow(&[(0, "203.0.113.8:9000", No), (0, "203.0.113.7:9000", Yes)]);
    assert_eq!(scene.target(), "203.0.113.7:9000");
    let mut scene = listed(PUBLIC);
    assert_eq!(scene.stream(0, 480, "203.0.113.7:9000"), Yes);
    assert_eq!(scene.target(), PUBLIC);
    scene.stream(480, 520, "203.0.113.7:9000");
    assert_eq!(scene.target(), "203.0.113.7:9000");
}

#[test]
fn a_new_description_opens_the_learning_once_and_the_rules_stay() {
    let mut scene = Scene::new(PUBLIC);
    scene.hear(0, PUBLIC);
    assert_eq!(scene.describe(1_000, "192.0.2.1:4010"), Described::Relearn);
    assert_eq!(scene.target(), "192.0.2.1:4010");
    assert_eq!(burst(&mut scene, 1_001, "203.0.113.9:4000", 26), 0);
    assert_eq!(scene.hear(1_010, PUBLIC), Yes, "its last packets are on the way");
    assert_eq!(burst(&mut scene, 1_010, "192.0.2.1:6666", 26), 26);
    scene.follow(&[
        (1_040, "192.0.2.1:4010", Held),
        (1_060, "192.0.2.1:6666", No),
        (1_060, PUBLIC, No),
        (1_060, "192.0.2.1:4010", Yes),
    ]);
}

#[test]
fn a_former_address_without_proof_is_heard_for_5_s_and_never_taken() {
    let mut scene = Scene::new(PUBLIC);
    scene.hear(0, PUBLIC);
    scene.describe(1_000, "192.0.2.200:4000");
    assert_eq!(scene.stream(1_000, 5_980, PUBLIC), Yes);
    assert_eq!(scene.target(), "192.0.2.200:4000");
    assert_eq!(scene.hear(6_000, PUBLIC), No);
    assert_eq!(scene.hear(90_000, "192.0.2.200:4000"), Held);
}

#[test]
fn a_former_source_with_proof_that_goes_on_is_taken_again_after_5_s() {
    let mut scene = Scene::new(PUBLIC);
    scene.hear(0, PUBLIC);
    scene.describe(1_000, "192.0.2.1:4010");
    assert_eq!(scene.stream(1_000, 6_000, PUBLIC), Yes);
    assert_eq!(scene.hear(6_000, PUBLIC), Held);
    assert_eq!(scene.target(), PUBLIC);
}

#[test]
fn the_same_description_again_changes_nothing_while_its_source_is_heard() {
    let mut scene = Scene::new(PUBLIC);
    scene.hear(0, PUBLIC);
    assert_eq!(scene.describe(100, PUBLIC), Described::AsBefore);
    assert_eq!(scene.hear(120, "192.0.2.1:4002"), No);
    // Learned from elsewhere: the source that has it keeps it while it goes on.
    let mut scene = Scene::new(PRIVATE);
    scene.stream(0, 5_020, "198.51.100.7:9000");
    assert_eq!(scene.describe(6_000, PRIVATE), Described::Relearn);
    assert_eq!(scene.target(), "198.51.100.7:9000");
    scene.follow(&[
        (6_010, "198.51.100.7:6666", No),
        (6_020, "198.51.100.7:9000", Yes),
        (6_200, "198.51.100.7:6666", No),
    ]);
    // Its translation has changed: the new one is heard as soon as the old one is silent for half a second.
    scene.follow(&[(6_520, "198.51.100.7:9100", Yes), (6_540, "198.51.100.7:9000", No)]);
    assert_eq!(scene.target(), "198.51.100.7:9100");
}

#[test]
fn a_description_that_comes_again_before_any_packet_starts_no_time_anew() {
    let mut scene = Scene::new(PUBLIC);
    scene.stream(0, 400, "198.51.100.7:9000");
    assert_eq!(scene.describe(400, PUBLIC), Described::AsBefore);
    scene.stream(400, 520, "198.51.100.7:9000");
    assert_eq!(scene.target(), "198.51.100.7:9000");
}

#[test]
fn a_translated_peer_keeps_its_way_over_a_new_private_description() {
    let mut scene = Scene::new(PRIVATE);
    scene.stream(0, 5_020, "198.51.100.7:9000");
    scene.describe(6_000, "192.168.1.5:4010");
    assert_eq!(scene.target(), "198.51.100.7:9000");
    assert_eq!(scene.hear(6_020, "198.51.100.7:9010"), Yes);
    assert_eq!(scene.target(), "198.51.100.7:9010");
}

#[test]
fn a_phone_that_changed_its_network_is_learned_anew_by_its_new_signalling() {
    let mut scene = Scene::new(PRIVATE);
    scene.stream(0, 5_020, "198.51.100.7:9000");
    let moved = scene.latch.describe(scene.at(6_000), at(PRIVATE), latching("203.0.113.50"));
    assert_eq!(moved, Described::Relearn);
    assert_eq!(scene.hear(6_020, "203.0.113.50:9000"), Yes);
    assert_eq!(scene.target(), "203.0.113.50:9000");
}

#[test]
fn hold_by_an_unreachable_address_sends_nothing_and_forgets_nothing() {
    for hold in ["0.0.0.0:4000", "192.168.1.5:0", "[::]:4000"] {
        let mut scene = Scene::new(PRIVATE);
        scene.stream(0, 5_020, "198.51.100.7:9000");
        scene.describe(6_000, hold);
        assert_eq!(scene.target(), "", "{hold}");
        scene.follow(&[(6_020, "198.51.100.7:9000", Yes), (6_020, "198.51.100.7:6666", No)]);
        assert_eq!(scene.target(), "", "{hold}");
        scene.describe(20_000, PRIVATE);
        assert_eq!(scene.target(), "198.51.100.7:9000", "no dead air after {hold}");
        assert_eq!(scene.hear(20_020, "198.51.100.7:9000"), Yes);
    }
    let mut scene = Scene::new("0.0.0.0:4000");
    assert_eq!(scene.target(), "");
    scene.describe(1_000, PUBLIC);
    assert_eq!((scene.hear(1_020, PUBLIC), scene.target()), (Held, PUBLIC.to_owned()));
}

#[test]
fn a_peer_that_is_sent_to_its_description_is_still_heard_from_elsewhere() {
    let towards = Towards::Description;
    let mut scene = Scene::with(PUBLIC, Latching { towards, ..latching("192.0.2.1") });
    assert_eq!(scene.stream(0, 5_020, "192.0.2.1:5000"), Held);
    assert_eq!(scene.target(), PUBLIC);
    let mut scene = Scene::with(PRIVATE, Latching { towards, ..latching(SIGNALLED) });
    assert_eq!(scene.hear(0, "198.51.100.7:9000"), Yes);
    assert_eq!(scene.target(), PRIVATE);
}

#[test]
fn reports_are_taken_from_the_hosts_that_are_heard() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let mut scene = Scene::new(PRIVATE);
    assert!(scene.latch.knows(ip("192.168.1.5")) && !scene.latch.knows(ip("198.51.100.7")));
    scene.stream(0, 5_020, "198.51.100.7:9000");
    assert!(scene.latch.knows(ip("198.51.100.7")) && !scene.latch.knows(ip("192.168.1.5")));
    assert!(!scene.latch.knows(ip("203.0.113.9")));
}
