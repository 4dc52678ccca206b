//! What a leg is sent, as one unbroken RTP stream: one SSRC from its opening to its close, sequence numbers without
//! gaps of our making, timestamps that follow the clock, whatever the audio comes from at the moment.
//!
//! Many phones play a second SSRC late or not at all, and reset their buffers at a jump.

use super::rtp::CLOCK;
use crate::id::Random;
use crate::time::{Duration, Mono};

/// Samples of one packet of 20 ms: the least a timestamp moves on where one source follows another.
pub const FRAME: u32 = 160;
/// Sequence numbers a source may jump ahead and still be the same stream (RFC 3550 appendix A.1, MAX_DROPOUT).
const DROPOUT: i16 = 3_000;
/// Sequence numbers a packet may be late (RFC 3550 appendix A.1, MAX_MISORDER).
const MISORDER: i16 = 100;
/// Samples a source's timestamp may leave the clock: 300 ms, more than the jitter of a usable call, and less than a
/// jitter buffer that follows it would throw away or wait for.
const LEAVES: i32 = 3 * CLOCK as i32 / 10;
/// Samples our timestamps may be ahead of the clock when a source takes over: its first packet does not overlap the last
/// one of the source before, and sources that alternate cannot run away.
const AHEAD: i32 = 2 * FRAME as i32;
/// Samples the clock moves towards the source with each packet: sound cards that are 1,000 ppm off are followed, a jump
/// is not.
const SKEW: i32 = 1;
/// How long late packets must stay late before the source is taken to have held its timestamps in a pause. After a stall
/// of the network they catch up within that time.
const STAYS_LATE: u32 = 3 * FRAME;
/// Sequence numbers left out after a crash, beside those of the time that passed: the last numbers of the process that died
/// are up to two seconds old, and some senders pack 10 ms.
const CRASH_STEP: u16 = 100;
/// Samples left out after a crash: what the last packet of the process that died may have been ahead of its clock.
const CRASH_AHEAD: u32 = AHEAD as u32 + FRAME;
/// How long a stream may be interrupted and keep its SSRC: a jump of 2,600 sequence numbers then, which a receiver accepts
/// (fewer than [`DROPOUT`]).
const SAME_STREAM: Duration = Duration::from_secs(50);

/// The numbers of a stream at a moment, for the process that goes on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentNumbers {
    /// Our synchronisation source.
    pub ssrc: u32,
    /// The last sequence number used.
    pub sequence: u16,
    /// The timestamp of the moment, later than every one used.
    pub timestamp: u32,
    /// Packets sent under this SSRC.
    pub packets: u64,
    /// Packets sent under SSRCs before it.
    pub packets_before: u64,
    /// Payload octets sent, modulo 2^32.
    pub octets: u32,
}

/// What lies between the process that read the numbers and the one that goes on with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// How long ago the numbers were read.
    pub elapsed: Duration,
    /// How the process before ended.
    pub after: Interruption,
}

/// How the process before ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interruption {
    /// Without warning: packets were sent after the numbers were read.
    Crash,
    /// By a stop before the numbers were read: they are exact.
    HandOver,
}

/// The stream towards one leg.
#[derive(Debug, Clone)]
pub struct Egress {
    /// Our synchronisation source on this leg.
    pub ssrc: u32,
    /// Packets sent.
    pub packets: u64,
    /// Payload octets sent, modulo 2^32 as sender reports count them.
    pub octets: u32,
    /// Packets sent under SSRCs before this one.
    before: u64,
    sequence: u16,
    timestamp: u32,
    /// The clock: the timestamp that belongs to a moment. Set by the first packet, moved by the skew of sources alone.
    clock: (u32, Mono),
    feed: Feed,
}

/// Where the audio comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feed {
    /// Nothing yet, or something that ended.
    None,
    /// A prompt.
    Prompt,
    /// Packets of another leg.
    Relayed(Relayed),
}

/// How the numbers of a relayed source become ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relayed {
    /// The leg it comes from.
    from: u32,
    /// The source's own SSRC.
    pub ssrc: u32,
    /// Ours minus theirs.
    pub sequence_offset: u16,
    /// Ours minus theirs.
    pub timestamp_offset: u32,
    last: u16,
    /// The first sequence number that has one of ours; packets before it came too late.
    first: u16,
    /// Since when by the clock, and by how many samples, its packets are late; while they are by more than [`LEAVES`].
    late: Option<(u32, i32)>,
}

impl Relayed {
    /// Whether it comes from that leg.
    pub fn comes_from(&self, leg: u32) -> bool {
        self.from == leg
    }

    /// Whether the packet is of this source, by its numbers.
    fn goes_on(&self, received: &Received) -> bool {
        let step = received.sequence.wrapping_sub(self.last) as i16;
        (self.from, self.ssrc) == (received.from, received.ssrc) && (-MISORDER..=DROPOUT).contains(&step)
    }

    /// The numbers of a packet that comes after its successors.
    fn late_packet(&self, received: &Received) -> Option<Stamp> {
        let has_number = received.sequence.wrapping_sub(self.first) as i16 >= 0;
        has_number.then(|| Stamp {
            sequence: received.sequence.wrapping_add(self.sequence_offset),
            timestamp: received.timestamp.wrapping_add(self.timestamp_offset),
            begins: false,
        })
    }

    /// Moves on to that packet, `first` with it: nothing older than [`MISORDER`] is passed on anyway.
    fn take(&mut self, sequence: u16) {
        self.last = sequence;
        if sequence.wrapping_sub(self.first) as i16 > MISORDER {
            self.first = sequence.wrapping_sub(MISORDER as u16);
        }
    }

    /// Whether the source held its timestamps in a pause: its packets are late and come at their own pace. After a stall of
    /// the network they come faster, and the listener's jitter buffer knows best what to do with them.
    fn stays_late(&mut self, clock: u32, off: i32) -> bool {
        if off >= -LEAVES {
            self.late = None;
            return false;
        }
        let (since, before) = *self.late.get_or_insert((clock, off));
        let passed = clock.wrapping_sub(since);
        if passed < STAYS_LATE {
            return false;
        }
        self.late = Some((clock, off));
        off.wrapping_sub(before) < (passed / 4) as i32
    }
}

/// The numbers of a packet as the leg shall see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp.
    pub timestamp: u32,
    /// Whether the audio begins anew here: the marker bit must be set.
    pub begins: bool,
}

/// The numbers of a packet as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Received {
    /// The leg it came from.
    pub from: u32,
    /// Its SSRC.
    pub ssrc: u32,
    /// Its sequence number.
    pub sequence: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// Samples of audio in it. None in a telephone-event, which holds its timestamp while a key is down.
    pub samples: Option<u32>,
}

impl Egress {
    /// A stream with random beginnings (RFC 3550 section 5.1).
    pub fn new(random: &mut Random) -> Egress {
        let bits = random.bits();
        let [a, b, ..] = random.bytes::<2>();
        Egress {
            ssrc: bits as u32,
            packets: 0,
            octets: 0,
            before: 0,
            sequence: u16::from_be_bytes([a, b]),
            timestamp: (bits >> 32) as u32,
            clock: (0, Mono(0)),
            feed: Feed::None,
        }
    }

    /// The stream whose numbers another process read, from here on. Its next packet begins anew, later than any of that process
    /// by sequence number and timestamp. After more than 50 s receivers take no jump so wide, and it has another SSRC.
    pub fn resumed(now: Mono, numbers: SentNumbers, gap: Gap, random: &mut Random) -> Egress {
        let fresh = Egress::new(random);
        let sent = numbers.packets_before.saturating_add(numbers.packets);
        if gap.elapsed > SAME_STREAM {
            return Egress { before: sent, ..fresh };
        }
        let (step, ahead) = match gap.after {
            Interruption::Crash => (CRASH_STEP, CRASH_AHEAD),
            Interruption::HandOver => (0, 0),
        };
        let passed = samples(Mono(0), Mono(0) + gap.elapsed);
        let packets = u64::from(passed).div_ceil(u64::from(FRAME)) as u16;
        let timestamp = numbers.timestamp.wrapping_add(passed).wrapping_add(ahead);
        Egress {
            ssrc: numbers.ssrc,
            packets: numbers.packets,
            octets: numbers.octets,
            before: numbers.packets_before,
            sequence: numbers.sequence.wrapping_add(packets).wrapping_add(step),
            timestamp: timestamp.wrapping_sub(FRAME),
            clock: (timestamp, now),
            feed: Feed::None,
        }
    }

    /// The numbers at this moment.
    pub fn numbers(&self, now: Mono) -> SentNumbers {
        let next = self.timestamp.wrapping_add(FRAME);
        let clock = self.expected(now);
        let is_behind = self.packets > 0 && distance(clock, next) > 0;
        SentNumbers {
            ssrc: self.ssrc,
            sequence: self.sequence,
            timestamp: if is_behind { clock } else { next },
            packets: self.packets,
            packets_before: self.before,
            octets: self.octets,
        }
    }

    /// Packets sent under whichever SSRC.
    pub fn total(&self) -> u64 {
        self.before.saturating_add(self.packets)
    }

    /// Numbers for the next packet of a prompt. One that was held up for long goes on where the clock is.
    pub fn prompt(&mut self, now: Mono) -> Stamp {
        let next = self.timestamp.wrapping_add(FRAME);
        let begins = self.feed != Feed::Prompt || distance(next, self.expected(now)) < -LEAVES;
        self.timestamp = if begins { self.resume(now) } else { next };
        self.sequence = self.sequence.wrapping_add(1);
        self.feed = Feed::Prompt;
        Stamp { sequence: self.sequence, timestamp: self.timestamp, begins }
    }

    /// Numbers for the next packet of a key pressed by us; all of one press have the time of its first (RFC 4733
    /// section 2.1). What was heard before begins anew after it.
    pub fn telephone_event(&mut self, now: Mono, first: bool) -> Stamp {
        if first {
            self.timestamp = self.resume(now);
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.feed = Feed::None;
        Stamp { sequence: self.sequence, timestamp: self.timestamp, begins: first }
    }

    /// Numbers for a packet that is passed on; `None` for one so late that its sequence number is given away.
    pub fn relay(&mut self, now: Mono, received: Received) -> Option<Stamp> {
        let known = match self.feed {
            Feed::Relayed(r) if r.goes_on(&received) => Some(r),
            Feed::None | Feed::Prompt | Feed::Relayed(_) => None,
        };
        let mut begins = known.is_none();
        let mut relayed = known.unwrap_or_else(|| self.begin(now, &received));
        if !begins && received.sequence.wrapping_sub(relayed.last) as i16 <= 0 {
            return relayed.late_packet(&received);
        }
        if !begins && self.leaves_the_clock(now, &mut relayed, &received) {
            // The sequence goes on: what the source lost before stays visible to the listener's reports.
            relayed.timestamp_offset = self.resume(now).wrapping_sub(received.timestamp);
            (relayed.first, relayed.late, begins) = (received.sequence, None, true);
        }
        relayed.take(received.sequence);
        let sequence = received.sequence.wrapping_add(relayed.sequence_offset);
        let timestamp = received.timestamp.wrapping_add(relayed.timestamp_offset);
        self.sequence = sequence;
        if begins || distance(timestamp, self.timestamp) > 0 {
            self.timestamp = timestamp;
        }
        self.feed = Feed::Relayed(relayed);
        Some(Stamp { sequence, timestamp, begins })
    }

    /// A packet of the relayed source is not passed on: the numbers close over it.
    pub fn skip(&mut self, ssrc: u32, sequence: u16) {
        if let Feed::Relayed(r) = &mut self.feed
            && r.ssrc == ssrc
            && sequence.wrapping_sub(r.last) as i16 > 0
        {
            r.sequence_offset = r.sequence_offset.wrapping_sub(1);
            (r.last, r.first) = (sequence, sequence.wrapping_add(1));
        }
    }

    /// The source ended or pauses: whatever comes next begins anew.
    pub fn detach(&mut self) {
        self.feed = Feed::None;
    }

    /// Counts a packet that was sent with `octets` of payload.
    pub fn sent(&mut self, octets: usize) {
        self.packets += 1;
        self.octets = self.octets.wrapping_add(octets as u32);
    }

    /// How the present source's numbers become ours, when it is a relayed one.
    pub fn relayed(&self) -> Option<Relayed> {
        match self.feed {
            Feed::Relayed(r) => Some(r),
            Feed::None | Feed::Prompt => None,
        }
    }

    /// Whether audio that goes on by its sequence numbers does not by its timestamps (RFC 3550 section 5.1): they go back, or
    /// are off the clock. A pause whose timestamps moved with the clock is none of both.
    fn leaves_the_clock(&mut self, now: Mono, r: &mut Relayed, received: &Received) -> bool {
        let Some(length) = received.samples else { return false };
        let timestamp = received.timestamp.wrapping_add(r.timestamp_offset);
        let step = distance(timestamp, self.timestamp);
        let clock = self.expected(now);
        let off = distance(timestamp, clock);
        let packets = u32::from(received.sequence.wrapping_sub(r.last));
        // Timestamps that move by the audio that was sent are right, whenever the network brings the packets.
        let leaves = if step > 0 && step.unsigned_abs() <= packets.saturating_mul(length) {
            r.stays_late(clock, off)
        } else {
            r.late = None;
            step < 0 || off.abs() > LEAVES
        };
        if !leaves && off > -LEAVES {
            self.clock.0 = self.clock.0.wrapping_add_signed(off.clamp(-SKEW, SKEW));
        }
        leaves
    }

    fn begin(&mut self, now: Mono, received: &Received) -> Relayed {
        Relayed {
            from: received.from,
            ssrc: received.ssrc,
            sequence_offset: self.sequence.wrapping_add(1).wrapping_sub(received.sequence),
            timestamp_offset: self.resume(now).wrapping_sub(received.timestamp),
            last: received.sequence,
            first: received.sequence,
            late: None,
        }
    }

    /// The timestamp of this moment.
    fn expected(&self, now: Mono) -> u32 {
        let (timestamp, at) = self.clock;
        timestamp.wrapping_add(samples(at, now))
    }

    /// The first timestamp of what comes next: that of the clock, and never one that was used.
    fn resume(&mut self, now: Mono) -> u32 {
        if self.packets == 0 {
            self.clock = (self.timestamp, now);
            return self.timestamp;
        }
        let clock = self.expected(now);
        let whole = self.timestamp.wrapping_add(FRAME);
        // Past the limit it overlaps what was sent last: two sources at once are no sound, but cost no time.
        let least = if distance(whole, clock) <= AHEAD { whole } else { self.timestamp.wrapping_add(1) };
        if distance(clock, least) > 0 { clock } else { least }
    }
}

/// How far a timestamp is past another, across the wrap (RFC 3550 section 5.1).
fn distance(timestamp: u32, from: u32) -> i32 {
    timestamp.wrapping_sub(from) as i32
}

/// Samples between two moments, modulo 2^32 as timestamps are.
fn samples(from: Mono, to: Mono) -> u32 {
    const NANOSECONDS: u64 = 1_000_000_000 / CLOCK;
    (to.0.saturating_sub(from.0) / NANOSECONDS) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    const TICK: Duration = Duration::from_millis(20);

    fn egress() -> Egress {
        Egress::new(&mut Random::from_number(1))
    }

    fn came(ssrc: u32, sequence: u16, timestamp: u32) -> Received {
        Received { from: 1, ssrc, sequence, timestamp, samples: Some(FRAME) }
    }

    /// Passes a packet on that is not too late.
    fn relay(e: &mut Egress, now: Mono, received: Received) -> Stamp {
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
        let key = |sequence| Received { samples: None, ..came(1, sequence, 160) };
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
}
