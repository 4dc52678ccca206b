//! The stream towards a leg, number by number.

use super::*;
use crate::time::Duration;

const TICK: Duration = Duration::from_millis(20);

fn egress() -> Egress {
    Egress::new(&mut Random::from_number(1))
}

fn came(ssrc: u32, sequence: u16, timestamp: u32) -> ReceivedPacket {
    ReceivedPacket { from: 1, ssrc, sequence, timestamp, samples: Some(FRAME) }
}

/// Passes a packet on that is not too late.
fn relay(e: &mut Egress, now: Mono, received: ReceivedPacket) -> Stamp {
    let stamp = e.relay(now, received).expect("it has a number");
    e.sent(160);
    stamp
}

/// A source that sends every 20 ms, and what is made of it.
struct Talk {
    egress: Egress,
    start: Stamp,
    began: Mono,
    now: Mono,
    sequence: u16,
    timestamp: u32,
    last: Stamp,
}

impl Talk {
    /// Sequence numbers and timestamps wrap within the first second.
    fn begin() -> Talk {
        let (mut egress, now) = (egress(), Mono(7_000_000_000));
        egress.timestamp = u32::MAX - 8_000;
        let (sequence, timestamp) = (65_520, u32::MAX - 4_000);
        let start = relay(&mut egress, now, came(5, sequence, timestamp));
        Talk { egress, start, began: now, now, sequence, timestamp, last: start }
    }

    fn next(&mut self) -> Stamp {
        self.now = self.now + TICK;
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME);
        self.hear()
    }

    fn hear(&mut self) -> Stamp {
        let stamp = relay(&mut self.egress, self.now, came(5, self.sequence, self.timestamp));
        assert!(distance(stamp.timestamp, self.last.timestamp) > 0, "{:?} after {:?}", stamp, self.last);
        assert_eq!(stamp.sequence, self.last.sequence.wrapping_add(1));
        self.last = stamp;
        stamp
    }

    /// So many packets, and how often the audio began anew in them.
    fn run(&mut self, packets: usize) -> usize {
        (0..packets).filter(|_| self.next().begins).count()
    }

    /// Samples the last packet is ahead of the clock.
    fn ahead(&self) -> i32 {
        let clock = self.start.timestamp.wrapping_add(samples(self.began, self.now));
        distance(self.last.timestamp, clock)
    }
}

fn step(a: Stamp, b: Stamp) -> (u16, u32) {
    (b.sequence.wrapping_sub(a.sequence), b.timestamp.wrapping_sub(a.timestamp))
}

#[test]
fn prompt_then_operator_then_prompt_is_one_stream() {
    let mut e = egress();
    let mut now = Mono(1_000_000_000);
    let mut stamps = Vec::new();
    for _ in 0..3 {
        stamps.push(e.prompt(now));
        e.sent(160);
        now = now + TICK;
    }
    for i in 0..3 {
        stamps.push(relay(
            &mut e,
            now,
            came(77, 65_534u16.wrapping_add(i), 4_000_000_000u32.wrapping_add(160 * u32::from(i))),
        ));
        e.sent(160);
        now = now + TICK;
    }
    stamps.push(e.prompt(now));
    for pair in stamps.windows(2) {
        assert_eq!(step(pair[0], pair[1]), (1, 160));
    }
    let begins: Vec<bool> = stamps.iter().map(|s| s.begins).collect();
    assert_eq!(begins, [true, false, false, true, false, false, true]);
}

#[test]
fn a_pause_moves_the_timestamp_by_its_length_and_the_sequence_by_one() {
    let mut e = egress();
    let a = relay(&mut e, Mono(0), came(1, 10, 0));
    e.sent(160);
    e.detach();
    let b = relay(&mut e, Mono(0) + Duration::from_secs(3), came(1, 160, 24_000));
    assert_eq!(step(a, b), (1, 24_000));
    assert!(b.begins);
}

#[test]
fn a_new_ssrc_goes_on_where_the_old_one_stopped() {
    let mut e = egress();
    let a = relay(&mut e, Mono(0), came(1, 500, 9_000));
    e.sent(160);
    let b = relay(&mut e, Mono(0) + TICK, came(2, 3, 70));
    assert_eq!(step(a, b), (1, 160));
    assert!(b.begins);
}

#[test]
fn loss_and_reordering_of_the_source_are_passed_on_as_they_are() {
    let mut e = egress();
    let a = relay(&mut e, Mono(0), came(1, 10, 1_600));
    e.sent(160);
    let c = relay(&mut e, Mono(0) + 2 * TICK, came(1, 12, 1_920));
    let b = relay(&mut e, Mono(0) + 2 * TICK, came(1, 11, 1_760));
    let d = relay(&mut e, Mono(0) + 3 * TICK, came(1, 13, 2_080));
    assert_eq!([step(a, b), step(a, c), step(a, d)], [(1, 160), (2, 320), (3, 480)]);
    assert!(!b.begins && !c.begins && !d.begins);
}

#[test]
fn a_source_that_restarts_its_numbers_is_joined_on() {
    let mut e = egress();
    let a = relay(&mut e, Mono(0), came(1, 10, 1_600));
    e.sent(160);
    let b = relay(&mut e, Mono(0) + TICK, came(1, 40_000, 5));
    assert_eq!(step(a, b), (1, 160));
    let c = relay(&mut e, Mono(0) + 2 * TICK, came(1, 40_001, 3_000_000));
    assert_eq!(step(b, c), (1, 160));
}

#[test]
fn a_packet_left_out_leaves_no_gap() {
    let mut e = egress();
    let a = relay(&mut e, Mono(0), came(1, 10, 0));
    e.sent(160);
    e.skip(1, 11);
    e.skip(1, 12);
    let b = relay(&mut e, Mono(0) + TICK, came(1, 13, 160));
    assert_eq!(step(a, b), (1, 160));
}

#[test]
fn a_long_key_press_holds_its_timestamp() {
    let mut e = egress();
    let a = relay(&mut e, Mono(0), came(1, 10, 0));
    e.sent(160);
    let key = |sequence| ReceivedPacket { samples: None, ..came(1, sequence, 160) };
    relay(&mut e, Mono(0) + TICK, key(11));
    let b = relay(&mut e, Mono(0) + Duration::from_secs(8), key(12));
    assert_eq!((step(a, b), b.begins), ((2, 160), false));
}

#[test]
fn timestamps_follow_the_clock_whatever_the_source_makes_of_its_own() {
    let jumps = [-16_000, -4_000, -800, 8_000, 32_000, 28_800_000, -28_800_000, i32::MAX, i32::MIN];
    for jump in jumps {
        let mut talk = Talk::begin();
        assert_eq!(talk.run(40), 0);
        talk.timestamp = talk.timestamp.wrapping_add_signed(jump);
        assert!(talk.next().begins, "{jump}");
        assert_eq!((talk.run(40), talk.ahead()), (0, 0), "{jump}");
    }
}

#[test]
fn a_source_that_jumps_again_and_again_never_leaves_the_clock_by_a_second() {
    for jump in [-4_000, -100, 100, 2_000, 4_000] {
        let mut talk = Talk::begin();
        for _ in 0..500 {
            talk.timestamp = talk.timestamp.wrapping_add_signed(jump);
            talk.next();
            assert!(talk.ahead().abs() < 5_000, "{jump}: {}", talk.ahead());
        }
    }
}

#[test]
fn a_pause_with_the_clock_is_kept_and_nothing_begins_anew() {
    let mut talk = Talk::begin();
    for pause in [1u32, 10, 400, 30_000] {
        talk.run(50);
        talk.now = talk.now + TICK * pause;
        talk.timestamp = talk.timestamp.wrapping_add(FRAME * pause);
        let before = talk.last;
        let after = talk.next();
        assert_eq!((step(before, after), after.begins), ((1, FRAME * (pause + 1)), false));
    }
    assert_eq!(talk.ahead(), 0);
}

#[test]
fn a_pause_in_which_the_source_held_its_timestamps_is_made_up_for() {
    let mut talk = Talk::begin();
    talk.run(50);
    talk.now = talk.now + Duration::from_secs(2);
    assert_eq!((talk.run(10), talk.ahead()), (1, 0));
}

#[test]
fn packets_that_a_stalled_network_brings_late_keep_their_times() {
    for stall in [20u16, 60] {
        let mut talk = Talk::begin();
        talk.run(50);
        talk.now = talk.now + TICK * u32::from(stall);
        for _ in 0..stall {
            // A slow way lets its queue out at five times the pace.
            talk.now = talk.now + Duration::from_millis(4);
            (talk.sequence, talk.timestamp) =
                (talk.sequence.wrapping_add(1), talk.timestamp.wrapping_add(FRAME));
            assert!(!talk.hear().begins);
        }
        talk.now = talk.began + TICK * (50 + u32::from(stall));
        assert_eq!(talk.run(50), 0);
        assert_eq!(talk.ahead(), 0, "after a stall of {stall} packets");
    }
}

#[test]
fn two_sources_at_once_leave_no_offset_behind() {
    let mut talk = Talk::begin();
    for n in 0..500u16 {
        let at = talk.now + TICK / 2;
        talk.last = relay(&mut talk.egress, at, came(6, 9_000 + n, 160 * u32::from(n)));
        talk.next();
        assert!((0..=FRAME as i32 * 2).contains(&talk.ahead()), "{}", talk.ahead());
    }
    talk.run(200);
    assert!((0..=FRAME as i32 * 2).contains(&talk.ahead()), "{}", talk.ahead());
}

#[test]
fn the_skew_of_a_sound_card_is_followed() {
    for (tick, name) in [(19_996, "fast"), (20_004, "slow")] {
        let mut talk = Talk::begin();
        // An hour of a card that is 200 ppm off.
        for _ in 0..180_000 {
            talk.now = talk.now + Duration::from_micros(tick) - TICK;
            assert!(!talk.next().begins, "{name}");
        }
    }
}

#[test]
fn a_packet_from_before_a_beginning_is_too_late_for_a_number() {
    let mut e = egress();
    relay(&mut e, Mono(0), came(1, 10, 1_600));
    relay(&mut e, Mono(0) + TICK, came(2, 700, 0));
    assert_eq!(e.relay(Mono(0) + TICK, came(2, 699, u32::MAX - 159)), None);
    relay(&mut e, Mono(0) + 2 * TICK, came(2, 701, 90_000));
    assert_eq!(e.relay(Mono(0) + 2 * TICK, came(2, 700, 160)), None);
    e.skip(2, 703);
    assert_eq!(e.relay(Mono(0) + 3 * TICK, came(2, 702, 90_160)), None);
    let after = relay(&mut e, Mono(0) + 4 * TICK, came(2, 704, 90_480));
    assert!(!after.begins);
}

#[test]
fn a_prompt_that_was_held_up_goes_on_where_the_clock_is() {
    let (mut e, now) = (egress(), Mono(1_000_000_000));
    let first = e.prompt(now);
    e.sent(160);
    let late = e.prompt(now + Duration::from_secs(30));
    assert_eq!((step(first, late), late.begins), ((1, 240_000), true));
    assert_eq!(step(late, e.prompt(now + Duration::from_secs(30))), (1, FRAME));
}
