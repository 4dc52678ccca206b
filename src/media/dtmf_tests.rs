use super::*;

/// A peer that presses keys: its numbers, the time, and what is understood.
struct Phone {
    dtmf_receiver: DtmfReceiver,
    now: Mono,
    ssrc: u32,
    sequence: u16,
    keys: String,
    told: Vec<KeyPress>,
}

/// How a press goes out.
#[derive(Clone, Copy)]
struct Manner {
    packets: u16,
    ends: u16,
    /// How far the timestamp moves with each packet while the key is down, and with each repeated end.
    steps: (u32, u32),
    marker: bool,
}

const USUAL: Manner = Manner { packets: 4, ends: 3, steps: (0, 0), marker: true };

fn phone() -> Phone {
    let (now, keys, told) = (Mono(1_000_000_000), String::new(), Vec::new());
    Phone { dtmf_receiver: DtmfReceiver::default(), now, ssrc: 7, sequence: 65_530, keys, told }
}

impl Phone {
    fn hears(&mut self, told: Option<KeyPress>) {
        if let Some(KeyPress::Begins(event, _)) = told {
            self.keys.extend(key_of(event));
        }
        self.told.extend(told);
    }

    fn packet(&mut self, timestamp: u32, payload: [u8; 4], marker: bool) {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        self.raw(sequence, timestamp, payload, marker);
    }

    fn raw(&mut self, sequence: u16, timestamp: u32, payload: [u8; 4], marker: bool) {
        let header =
            Header { payload_type: 101, marker, sequence, timestamp, ssrc: self.ssrc, payload: 12..16 };
        let told = self.dtmf_receiver.on_packet(self.now, &header, &payload);
        self.hears(told);
        self.now = self.now + Duration::from_millis(20);
    }

    /// DtmfReceiver a key whose first timestamp is `start`, all or some of its packets arriving.
    fn presses(&mut self, start: u32, event: u8, manner: Manner, arrives: impl Fn(u16) -> bool) {
        let mut n = 0;
        let mut send = |phone: &mut Phone, timestamp, payload, marker| {
            n += 1;
            if arrives(n - 1) {
                phone.packet(timestamp, payload, marker);
            } else {
                phone.sequence = phone.sequence.wrapping_add(1);
                phone.now = phone.now + Duration::from_millis(20);
            }
        };
        let (down, again) = manner.steps;
        for i in 1..=manner.packets {
            let at = start.wrapping_add(down * u32::from(i - 1));
            send(self, at, packet(event, false, 160 * i), manner.marker && i == 1);
        }
        let last = start.wrapping_add(down * u32::from(manner.packets - 1));
        for i in 0..manner.ends {
            let at = last.wrapping_add(again * u32::from(i));
            send(self, at, packet(event, true, 160 * manner.packets), false);
        }
    }

    fn informs(&mut self, key: char) {
        let told = self.dtmf_receiver.on_signalled(self.now, key, Duration::from_millis(140));
        self.hears(told);
    }
}

fn packet(event: u8, end: bool, duration: u16) -> [u8; 4] {
    let [high, low] = duration.to_be_bytes();
    [event, u8::from(end) << 7 | 10, high, low]
}

fn all(_: u16) -> bool {
    true
}

#[test]
fn a_press_begins_goes_on_and_ends_once() {
    let mut p = phone();
    p.presses(u32::MAX - 100, 5, USUAL, all);
    let goes = KeyPress::Continues(Held::Down);
    assert_eq!(
        p.told,
        [KeyPress::Begins(5, Held::Down), goes, goes, goes, KeyPress::Continues(Held::For(640))]
    );
}

#[test]
fn each_press_is_one_whatever_its_sender_does_to_ends_and_timestamps() {
    let manners = [
        USUAL,
        Manner { marker: false, ..USUAL },
        Manner { ends: 1, ..USUAL },
        Manner { ends: 5, ..USUAL },
        Manner { ends: 0, ..USUAL },
        Manner { ends: 0, marker: false, ..USUAL },
        Manner { steps: (0, 160), ..USUAL },
        Manner { steps: (0, 320), ..USUAL },
        Manner { packets: 1, steps: (0, 320), ..USUAL },
        Manner { steps: (160, 160), ..USUAL },
        Manner { steps: (160, 160), marker: false, ..USUAL },
    ];
    for (i, manner) in manners.into_iter().enumerate() {
        let mut p = phone();
        let mut at = 4_000_000_000_u32;
        for event in [1, 1, 2, 2, 2, 11, 1] {
            p.presses(at, event, manner, all);
            // A pause of 60 ms, or of nothing but the lost ends.
            at = at.wrapping_add(160 * u32::from(manner.packets + manner.ends.max(3)));
            at = at.wrapping_add(manner.steps.0 * 4 + manner.steps.1 * 3);
        }
        assert_eq!(p.keys, "11222#1", "manner {i}");
    }
}

#[test]
fn any_packet_of_a_press_tells_it_and_the_ends_that_arrive_end_it() {
    for arrives in 1_u16..128 {
        let mut p = phone();
        p.presses(1_000, 3, USUAL, |n| arrives >> n & 1 == 1);
        p.presses(2_600, 3, USUAL, |n| arrives >> n & 1 == 1);
        assert_eq!(p.keys, "33", "{arrives:07b}");
        let ended = p
            .told
            .iter()
            .any(|t| matches!(t, KeyPress::Begins(_, Held::For(640)) | KeyPress::Continues(Held::For(640))));
        assert_eq!(ended, arrives & 0b111_0000 != 0, "{arrives:07b}");
    }
}

#[test]
fn late_and_doubled_packets_tell_nothing() {
    let mut p = phone();
    p.raw(10, 1_000, packet(1, false, 160), true);
    p.raw(12, 1_000, packet(1, true, 480), false);
    p.raw(11, 1_000, packet(1, false, 320), false);
    p.raw(12, 1_000, packet(1, true, 480), false);
    p.raw(30, 4_000, packet(2, false, 160), true);
    p.raw(13, 1_000, packet(1, true, 480), false);
    assert_eq!(
        p.told,
        [
            KeyPress::Begins(1, Held::Down),
            KeyPress::Continues(Held::For(480)),
            KeyPress::Begins(2, Held::Down)
        ]
    );
}

#[test]
fn a_press_longer_than_its_counter_is_one() {
    let mut p = phone();
    p.packet(0, packet(3, false, 160), true);
    p.packet(0, packet(3, false, 65_535), false);
    p.packet(65_535, packet(3, false, 160), false);
    p.packet(65_535, packet(3, true, 800), false);
    assert_eq!(p.keys, "3");
    assert_eq!(p.told.last(), Some(&KeyPress::Continues(Held::For(65_535))));
}

#[test]
fn presses_minutes_apart_are_told_whatever_their_sequence_numbers() {
    let mut p = phone();
    for n in 0..200_u32 {
        p.sequence = p.sequence.wrapping_add(32_768 + 7 - 50 * (n % 2) as u16);
        p.presses(n * 5_000_000, 4, USUAL, all);
        p.now = p.now + Duration::from_secs(600);
    }
    assert_eq!(p.keys.len(), 200);
}

#[test]
fn a_new_source_presses_anew() {
    let mut p = phone();
    for ssrc in [7, 8, 9] {
        p.ssrc = ssrc;
        p.presses(1_000, 6, USUAL, all);
    }
    assert_eq!(p.keys, "666");
}

#[test]
fn one_press_by_both_carriages_is_one_in_either_order() {
    for late in [0, 600, 3_600] {
        let mut p = phone();
        for (n, key) in "1122".chars().enumerate() {
            p.informs(key);
            p.now = p.now + Duration::from_millis(late);
            p.presses(n as u32 * 50_000, key as u8 - b'0', USUAL, all);
        }
        assert_eq!(p.keys, "1122", "INFO first by {late} ms");
        let mut p = phone();
        for (n, key) in "1122".chars().enumerate() {
            p.presses(n as u32 * 50_000, key as u8 - b'0', USUAL, all);
            p.now = p.now + Duration::from_millis(late);
            p.informs(key);
        }
        assert_eq!(p.keys, "1122", "events first by {late} ms");
    }
}

#[test]
fn both_carriages_of_a_number_pair_up_when_one_is_behind_by_some_keys() {
    let mut p = phone();
    for (n, event) in [1, 2, 1, 1].into_iter().enumerate() {
        p.presses(n as u32 * 1_600, event, USUAL, all);
    }
    "1211".chars().for_each(|key| p.informs(key));
    assert_eq!(p.keys, "1211");
}

#[test]
fn a_long_press_that_is_told_again_at_its_end_is_one() {
    let mut p = phone();
    p.presses(0, 9, Manner { packets: 400, ..USUAL }, all);
    p.informs('9');
    assert_eq!(p.keys, "9");
}

#[test]
fn two_presses_of_a_key_by_one_carriage_are_two() {
    let mut p = phone();
    p.informs('5');
    p.informs('5');
    p.now = p.now + Duration::from_secs(10);
    p.presses(1_000, 5, USUAL, all);
    p.presses(2_600, 5, USUAL, all);
    assert_eq!(p.keys, "5555");
}

#[test]
fn presses_that_wait_for_their_second_carriage_are_bounded() {
    let mut p = phone();
    for _ in 0..1_000 {
        p.informs('8');
    }
    assert_eq!(p.dtmf_receiver.unpaired.len(), UNPAIRED);
    assert_eq!(p.keys.len(), 1_000);
}

#[test]
fn what_is_no_key_tells_nothing() {
    let mut p = phone();
    p.presses(1_000, 16, USUAL, all);
    p.informs('x');
    let header =
        Header { payload_type: 101, marker: true, sequence: 1, timestamp: 2, ssrc: 3, payload: 12..14 };
    assert_eq!(p.dtmf_receiver.on_packet(p.now, &header, &[1, 2]), None);
    assert!(p.told.is_empty());
}
