//! What a leg is sent, as one unbroken RTP stream: one SSRC from its opening to its close, sequence numbers without
//! gaps of our making, timestamps that follow the clock, whatever the audio comes from at the moment.
//!
//! Many phones play a second SSRC late or not at all, and reset their buffers at a jump.

use super::rtp::CLOCK;
use crate::id::Random;
use crate::time::Mono;

/// Samples of one packet of 20 ms: the least a timestamp moves on where one source follows another.
pub const FRAME: u32 = 160;
/// Sequence numbers a source may jump ahead and still be the same stream (RFC 3550 appendix A.1, MAX_DROPOUT).
const DROPOUT: i16 = 3_000;
/// Sequence numbers a packet may be late (RFC 3550 appendix A.1, MAX_MISORDER).
const MISORDER: i16 = 100;
/// Samples a source's timestamp may leave the clock before it is taken as a new stream: five seconds, more than any
/// jitter or pause of a sender that stops in silence and keeps time.
const DRIFT: u32 = 5 * CLOCK as u32;

/// The stream towards one leg.
#[derive(Debug, Clone)]
pub struct Egress {
    /// Our synchronisation source on this leg.
    pub ssrc: u32,
    /// Packets sent.
    pub packets: u64,
    /// Payload octets sent, modulo 2^32 as sender reports count them.
    pub octets: u32,
    sequence: u16,
    timestamp: u32,
    at: Mono,
    source: Source,
}

/// Where the audio comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
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
}

impl Relayed {
    /// Whether it comes from that leg.
    pub fn comes_from(&self, leg: u32) -> bool {
        self.from == leg
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
pub struct Came {
    /// The leg it came from.
    pub from: u32,
    /// Its SSRC.
    pub ssrc: u32,
    /// Its sequence number.
    pub sequence: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// Whether it is audio: only audio keeps the clock, a telephone-event holds its timestamp while a key is down.
    pub audio: bool,
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
            sequence: u16::from_be_bytes([a, b]),
            timestamp: (bits >> 32) as u32,
            at: Mono(0),
            source: Source::None,
        }
    }

    /// Numbers for the next packet of a prompt.
    pub fn prompt(&mut self, now: Mono) -> Stamp {
        let begins = self.source != Source::Prompt;
        self.timestamp = if begins { self.resume(now) } else { self.timestamp.wrapping_add(FRAME) };
        self.sequence = self.sequence.wrapping_add(1);
        self.source = Source::Prompt;
        self.at = now;
        Stamp { sequence: self.sequence, timestamp: self.timestamp, begins }
    }

    /// Numbers for the next packet of a key pressed by us; all of one press have the time of its first (RFC 4733
    /// section 2.1). What was heard before begins anew after it.
    pub fn press(&mut self, now: Mono, first: bool) -> Stamp {
        if first {
            self.timestamp = self.resume(now);
            self.at = now;
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.source = Source::None;
        Stamp { sequence: self.sequence, timestamp: self.timestamp, begins: first }
    }

    /// Numbers for a packet that is passed on.
    pub fn relay(&mut self, now: Mono, came: Came) -> Stamp {
        let (relayed, begins) = match self.source {
            Source::Relayed(r) if self.follows(now, &r, &came) => (r, false),
            _ => (self.begin(now, &came), true),
        };
        let sequence = came.sequence.wrapping_add(relayed.sequence_offset);
        let timestamp = came.timestamp.wrapping_add(relayed.timestamp_offset);
        let mut last = relayed.last;
        if begins || came.sequence.wrapping_sub(last) as i16 > 0 {
            last = came.sequence;
            self.sequence = sequence;
            if begins || timestamp.wrapping_sub(self.timestamp) as i32 > 0 {
                self.timestamp = timestamp;
                self.at = now;
            }
        }
        self.source = Source::Relayed(Relayed { last, ..relayed });
        Stamp { sequence, timestamp, begins }
    }

    /// A packet of the relayed source is not passed on: the numbers close over it.
    pub fn skip(&mut self, ssrc: u32, sequence: u16) {
        if let Source::Relayed(r) = &mut self.source
            && r.ssrc == ssrc
            && sequence.wrapping_sub(r.last) as i16 > 0
        {
            r.sequence_offset = r.sequence_offset.wrapping_sub(1);
            r.last = sequence;
        }
    }

    /// The source ended or pauses: whatever comes next begins anew.
    pub fn detach(&mut self) {
        self.source = Source::None;
    }

    /// Counts a packet that was sent with `octets` of payload.
    pub fn sent(&mut self, octets: usize) {
        self.packets += 1;
        self.octets = self.octets.wrapping_add(octets as u32);
    }

    /// How the present source's numbers become ours, when it is a relayed one.
    pub fn relayed(&self) -> Option<Relayed> {
        match self.source {
            Source::Relayed(r) => Some(r),
            Source::None | Source::Prompt => None,
        }
    }

    fn follows(&self, now: Mono, r: &Relayed, came: &Came) -> bool {
        let step = came.sequence.wrapping_sub(r.last) as i16;
        let same = (r.from, r.ssrc) == (came.from, came.ssrc) && (-MISORDER..=DROPOUT).contains(&step);
        if !same || !came.audio {
            return same;
        }
        let expected = self.timestamp.wrapping_add(samples(self.at, now));
        let off = came.timestamp.wrapping_add(r.timestamp_offset).wrapping_sub(expected);
        off.wrapping_add(DRIFT) <= 2 * DRIFT
    }

    fn begin(&self, now: Mono, came: &Came) -> Relayed {
        Relayed {
            from: came.from,
            ssrc: came.ssrc,
            sequence_offset: self.sequence.wrapping_add(1).wrapping_sub(came.sequence),
            timestamp_offset: self.resume(now).wrapping_sub(came.timestamp),
            last: came.sequence,
        }
    }

    fn resume(&self, now: Mono) -> u32 {
        match self.packets {
            0 => self.timestamp,
            _ => self.timestamp.wrapping_add(samples(self.at, now).max(FRAME)),
        }
    }
}

fn samples(from: Mono, to: Mono) -> u32 {
    (to.since(from).as_nanos() * u128::from(CLOCK) / 1_000_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    const TICK: Duration = Duration::from_millis(20);

    fn egress() -> Egress {
        Egress::new(&mut Random::from_number(1))
    }

    fn came(ssrc: u32, sequence: u16, timestamp: u32) -> Came {
        Came { from: 1, ssrc, sequence, timestamp, audio: true }
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
            stamps.push(e.relay(
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
    fn a_pause_moves_the_timestamp_by_the_time_it_took_and_the_sequence_by_one() {
        let mut e = egress();
        let a = e.relay(Mono(0), came(1, 10, 0));
        e.sent(160);
        e.detach();
        let b = e.relay(Mono(0) + Duration::from_secs(3), came(1, 160, 24_000));
        assert_eq!(step(a, b), (1, 24_000));
        assert!(b.begins);
    }

    #[test]
    fn a_new_ssrc_goes_on_where_the_old_one_stopped() {
        let mut e = egress();
        let a = e.relay(Mono(0), came(1, 500, 9_000));
        e.sent(160);
        let b = e.relay(Mono(0) + TICK, came(2, 3, 70));
        assert_eq!(step(a, b), (1, 160));
        assert!(b.begins);
    }

    #[test]
    fn loss_and_reordering_of_the_source_are_passed_on_as_they_are() {
        let mut e = egress();
        let a = e.relay(Mono(0), came(1, 10, 1_600));
        e.sent(160);
        let c = e.relay(Mono(0) + 2 * TICK, came(1, 12, 1_920));
        let b = e.relay(Mono(0) + 2 * TICK, came(1, 11, 1_760));
        let d = e.relay(Mono(0) + 3 * TICK, came(1, 13, 2_080));
        assert_eq!([step(a, b), step(a, c), step(a, d)], [(1, 160), (2, 320), (3, 480)]);
        assert!(!b.begins && !c.begins && !d.begins);
    }

    #[test]
    fn a_source_that_restarts_its_numbers_is_joined_on() {
        let mut e = egress();
        let a = e.relay(Mono(0), came(1, 10, 1_600));
        e.sent(160);
        let b = e.relay(Mono(0) + TICK, came(1, 40_000, 5));
        assert_eq!(step(a, b), (1, 160));
        let c = e.relay(Mono(0) + 2 * TICK, came(1, 40_001, 3_000_000));
        assert_eq!(step(b, c), (1, 160));
    }

    #[test]
    fn a_packet_left_out_leaves_no_gap() {
        let mut e = egress();
        let a = e.relay(Mono(0), came(1, 10, 0));
        e.sent(160);
        e.skip(1, 11);
        e.skip(1, 12);
        let b = e.relay(Mono(0) + TICK, came(1, 13, 160));
        assert_eq!(step(a, b), (1, 160));
    }

    #[test]
    fn a_long_key_press_holds_its_timestamp() {
        let mut e = egress();
        let a = e.relay(Mono(0), came(1, 10, 0));
        e.sent(160);
        let key = |sequence| Came { audio: false, ..came(1, sequence, 160) };
        e.relay(Mono(0) + TICK, key(11));
        let b = e.relay(Mono(0) + Duration::from_secs(8), key(12));
        assert_eq!((step(a, b), b.begins), ((2, 160), false));
    }
}
