//! How well a leg's audio arrived: loss and jitter (RFC 3550), and what a listener would make of them (ITU-T G.107).

use super::rtp::CLOCK;
use crate::time::{Duration, Mono};

/// Sequence numbers a source may jump ahead before it counts as a new one (RFC 3550 appendix A.1).
const DROPOUT: i16 = 3_000;
/// Sequence numbers a packet may be late before it counts as a new one (RFC 3550 appendix A.1).
const MISORDER: i16 = 100;
/// A change of transit time, in samples, past which a source has set its timestamps anew: one second.
const RESET: u32 = CLOCK as u32;

/// What was received on one leg, over all SSRCs its peer used.
#[derive(Debug, Clone, Default)]
pub struct Reception {
    source: Option<Source>,
    received: u64,
    lost: u64,
    /// Sixteen times the jitter in samples, as in RFC 3550 appendix A.8.
    jitter: u32,
}

#[derive(Debug, Clone, Copy)]
struct Source {
    ssrc: u32,
    /// Sequence numbers passed since the first one, itself included.
    expected: u32,
    received: u32,
    last: u16,
    /// Arrival minus timestamp of the last audio packet, in samples.
    transit: Option<u32>,
}

/// What was received on one leg, for the process that goes on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedNumbers {
    /// The source heard last.
    pub last: Option<LastReceived>,
    /// Packets received.
    pub received: u64,
    /// Packets missing from the sequence.
    pub lost: u64,
    /// Sixteen times the jitter in samples.
    pub jitter: u32,
}

/// The highest packet of the source heard last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastReceived {
    /// The source's SSRC.
    pub ssrc: u32,
    /// Its highest sequence number.
    pub sequence: u16,
}

/// Whether a packet belongs to the source before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// The packet continues the stream.
    Same,
    /// A new source, or the old one with new numbers.
    New,
}

impl Reception {
    /// What another process received, from here on. What the source sent in between counts as lost.
    pub fn resumed(numbers: ReceivedNumbers) -> Reception {
        let ReceivedNumbers { last, received, lost, jitter } = numbers;
        let source = last.map(|LastReceived { ssrc, sequence }| Source {
            ssrc,
            expected: 0,
            received: 0,
            last: sequence,
            transit: None,
        });
        Reception { source, received, lost, jitter }
    }

    /// The numbers at this moment.
    pub fn numbers(&self) -> ReceivedNumbers {
        let last = self.source.map(|s| LastReceived { ssrc: s.ssrc, sequence: s.last });
        ReceivedNumbers { last, received: self.received, lost: self.lost(), jitter: self.jitter }
    }

    /// Counts a packet. `audio` is false for telephone-events, whose timestamps do not move with the clock.
    pub fn hear(&mut self, now: Mono, ssrc: u32, sequence: u16, timestamp: u32, audio: bool) -> Continuity {
        self.received += 1;
        let arrival = (u128::from(now.0) * u128::from(CLOCK) / 1_000_000_000) as u32;
        let transit = audio.then(|| arrival.wrapping_sub(timestamp));
        if let Some(source) = &mut self.source
            && source.ssrc == ssrc
        {
            let step = sequence.wrapping_sub(source.last) as i16;
            if (-MISORDER..=DROPOUT).contains(&step) {
                source.received = source.received.wrapping_add(1);
                if step > 0 {
                    source.expected = source.expected.wrapping_add(step as u32);
                    source.last = sequence;
                }
                if let (Some(before), Some(now)) = (source.transit, transit) {
                    let change = (now.wrapping_sub(before) as i32).unsigned_abs();
                    if change < RESET {
                        self.jitter = self.jitter + change - ((self.jitter + 8) >> 4);
                    }
                }
                source.transit = transit.or(source.transit);
                return Continuity::Same;
            }
        }
        self.lost = self.lost();
        self.source = Some(Source { ssrc, expected: 1, received: 1, last: sequence, transit });
        Continuity::New
    }

    /// The SSRC last heard.
    pub fn ssrc(&self) -> Option<u32> {
        self.source.map(|s| s.ssrc)
    }

    /// Packets received.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets missing from the sequence.
    pub fn lost(&self) -> u64 {
        let now = self.source.map_or(0, |s| s.expected.saturating_sub(s.received));
        self.lost + u64::from(now)
    }

    /// Interarrival jitter (RFC 3550 section 6.4.1).
    pub fn jitter(&self) -> Duration {
        Duration::from_nanos(u64::from(self.jitter >> 4) * 1_000_000_000 / CLOCK)
    }

    /// The estimated listening quality; `None` when nothing was received.
    pub fn mos(&self, round_trip: Option<Duration>) -> Option<f32> {
        let lost = self.lost() as f32;
        let all = lost + self.received as f32;
        (self.received > 0).then(|| mos(lost / all, self.jitter(), round_trip))
    }
}

/// ITU-T G.107 with default values, G.711 with loss concealment (G.113: Ie 0, Bpl 25.1), random loss. One-way delay is half
/// the round trip, a packet, and a jitter buffer of twice the jitter. `loss` is a share from 0 to 1.
pub fn mos(loss: f32, jitter: Duration, round_trip: Option<Duration>) -> f32 {
    let delay =
        20.0 + 2.0 * jitter.as_secs_f32() * 1e3 + round_trip.unwrap_or_default().as_secs_f32() * 500.0;
    let late = (delay - 177.3).max(0.0);
    let percent = loss * 100.0;
    let impairment = 95.0 * percent / (percent + 25.1);
    let r = (93.2 - 0.024 * delay - 0.11 * late - impairment).clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(20);

    #[test]
    fn missing_sequence_numbers_are_loss_also_across_the_wrap_and_a_new_ssrc() {
        let mut r = Reception::default();
        for sequence in [65_533u16, 65_535, 0, 2, 1] {
            r.hear(Mono(0), 1, sequence, 0, true);
        }
        assert_eq!((r.received(), r.lost()), (5, 1));
        assert_eq!(r.hear(Mono(0), 2, 100, 0, true), Continuity::New);
        assert_eq!(r.hear(Mono(0), 2, 103, 0, true), Continuity::Same);
        assert_eq!((r.received(), r.lost()), (7, 3));
    }

    #[test]
    fn even_packets_have_no_jitter_and_uneven_ones_have_theirs() {
        let mut even = Reception::default();
        let mut uneven = Reception::default();
        for i in 0..500u16 {
            let at = Mono(0) + TICK * u32::from(i);
            let late = Duration::from_millis(if i % 2 == 0 { 0 } else { 10 });
            even.hear(at, 1, i, 160 * u32::from(i), true);
            uneven.hear(at + late, 1, i, 160 * u32::from(i), true);
        }
        assert_eq!(even.jitter(), Duration::ZERO);
        let jitter = uneven.jitter().as_millis();
        assert!((9..=10).contains(&jitter), "{jitter} ms");
    }

    #[test]
    fn quality_falls_with_loss_and_delay() {
        let clean = mos(0.0, Duration::ZERO, None);
        assert!((4.3..=4.5).contains(&clean), "{clean}");
        let lossy = mos(0.05, Duration::ZERO, None);
        let late = mos(0.0, Duration::ZERO, Some(Duration::from_millis(800)));
        assert!(lossy < clean - 0.3 && late < clean - 0.5, "{clean} {lossy} {late}");
        assert!(mos(1.0, TICK, None) < 1.8);
        assert_eq!(Reception::default().mos(None), None);
    }
}
