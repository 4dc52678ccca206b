//! What a leg is sent, as one unbroken RTP stream: one SSRC from its opening to its close, sequence numbers without
//! gaps of our making, timestamps that follow the clock, whatever the audio comes from at the moment.
//!
//! Many phones play a second SSRC late or not at all, and reset their buffers at a jump.

#[cfg(test)]
mod tests;

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
    fn goes_on(&self, received: &ReceivedPacket) -> bool {
        let step = received.sequence.wrapping_sub(self.last) as i16;
        (self.from, self.ssrc) == (received.from, received.ssrc) && (-MISORDER..=DROPOUT).contains(&step)
    }

    /// The numbers of a packet that comes after its successors.
    fn late_packet(&self, received: &ReceivedPacket) -> Option<Stamp> {
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
pub struct ReceivedPacket {
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
    pub fn relay(&mut self, now: Mono, received: ReceivedPacket) -> Option<Stamp> {
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
    fn leaves_the_clock(&mut self, now: Mono, r: &mut Relayed, received: &ReceivedPacket) -> bool {
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

    fn begin(&mut self, now: Mono, received: &ReceivedPacket) -> Relayed {
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
