//! Keys pressed by us towards a leg, as telephone-events in its stream (RFC 4733 section 2.5.1): one after the other,
//! each of packets with one timestamp and a growing duration, its end said three times.

use super::egress::{Egress, FRAME, Stamp};
use super::leg::{Doing, Leg};
use super::rtp::{HEADER, Header};
use crate::time::{Duration, Mono};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// At most this many keys wait for a leg; more are dropped. A number with its area code has twelve.
const WAITING: usize = 32;

/// Packets between two keys, so that receivers that watch the tone and not the timestamp tell them apart.
const PAUSE: u8 = 3;

/// How often the end of a press is said (section 2.5.1.4).
const ENDS: u8 = 3;

/// 10 dBm0 below full, as telephones have it.
const VOLUME: u8 = 10;

/// The keys being pressed towards one leg. Gone when the last is done.
#[derive(Debug)]
pub(super) struct Pressing {
    event: u8,
    held: u16,
    duration: u16,
    /// Packets of the end that are still to be sent.
    ends: u8,
    /// Packets of the pause that are still to be left out.
    pause: u8,
    waiting: VecDeque<(u8, u16)>,
}

/// What a beat brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    /// A packet with this payload.
    Packet(Stamp, [u8; 4]),
    /// Nothing, in a pause.
    Pause,
    /// Nothing any more.
    Done,
}

/// The number of a key (RFC 4733 section 3.2) and its length in samples.
fn event(key: char, held: Duration) -> Option<(u8, u16)> {
    let event = match key {
        '0'..='9' => key as u8 - b'0',
        '*' => 10,
        '#' => 11,
        'A'..='D' => key as u8 - b'A' + 12,
        _ => return None,
    };
    let samples = held.as_millis().saturating_mul(8).min(u128::from(u16::MAX - FRAME as u16));
    Some((event, samples as u16))
}

impl Pressing {
    /// Begins with this key; `None` when it is none.
    pub(super) fn begin(key: char, held: Duration) -> Option<Pressing> {
        let (event, held) = event(key, held)?;
        Some(Pressing { event, held, duration: 0, ends: ENDS, pause: 0, waiting: VecDeque::new() })
    }

    /// One more key after those that wait.
    pub(super) fn add(&mut self, key: char, held: Duration) {
        if self.waiting.len() < WAITING {
            self.waiting.extend(event(key, held));
        }
    }

    /// The next packet, one for each 20 ms.
    pub(super) fn beat(&mut self, now: Mono, egress: &mut Egress) -> Beat {
        if self.pause > 0 {
            self.pause -= 1;
            return Beat::Pause;
        }
        if self.ends == 0 {
            let Some((event, held)) = self.waiting.pop_front() else { return Beat::Done };
            *self = Pressing {
                event,
                held,
                duration: 0,
                ends: ENDS,
                pause: 0,
                waiting: std::mem::take(&mut self.waiting),
            };
        }
        let stamp = egress.press(now, self.duration == 0);
        let ended = self.duration >= self.held;
        if ended {
            self.ends -= 1;
            self.pause = if self.ends == 0 { PAUSE } else { 0 };
        } else {
            self.duration = self.duration.saturating_add(FRAME as u16).min(self.held.max(FRAME as u16));
        }
        let [high, low] = self.duration.to_be_bytes();
        Beat::Packet(stamp, [self.event, u8::from(ended) << 7 | VOLUME, high, low])
    }
}

impl Leg {
    /// Presses a key towards the leg if it takes telephone-events and hears no prompt. Gives whether a beat of 20 ms must
    /// begin for it.
    pub(super) fn press(&mut self, key: char, held: Duration) -> bool {
        let takes = self.target().is_some_and(|(_, remote)| remote.telephone_event.is_some());
        if !takes || matches!(self.doing, Doing::Playing(_) | Doing::Binding { .. }) {
            return false;
        }
        if let Some(pressing) = &mut self.pressing {
            pressing.add(key, held);
            return false;
        }
        self.pressing = Pressing::begin(key, held).map(Box::new);
        self.pressing.is_some()
    }

    /// The packet of this beat and where it goes.
    pub(super) fn press_packet(&mut self, now: Mono) -> Option<(SocketAddr, [u8; HEADER + 4])> {
        let (stamp, payload) = match self.pressing.as_mut()?.beat(now, &mut self.egress) {
            Beat::Packet(stamp, payload) => (stamp, payload),
            Beat::Pause => return None,
            Beat::Done => {
                self.pressing = None;
                return None;
            }
        };
        let (to, remote) = self.target()?;
        let payload_type = remote.telephone_event?;
        self.egress.sent(payload.len());
        let header = Header {
            payload_type,
            marker: stamp.begins,
            sequence: stamp.sequence,
            timestamp: stamp.timestamp,
            ssrc: self.egress.ssrc,
            payload: HEADER..HEADER + payload.len(),
        };
        let mut packet = [0; HEADER + 4];
        packet[HEADER..].copy_from_slice(&payload);
        header.write(&mut packet);
        Some((to, packet))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Random;
    use crate::media::dtmf::Presses;

    fn packets(pressing: &mut Pressing) -> Vec<(Stamp, [u8; 4])> {
        let mut egress = Egress::new(&mut Random::from_number(1));
        let mut all = Vec::new();
        for n in 0..1_000_u64 {
            match pressing.beat(Mono(1_000_000_000 + n * 20_000_000), &mut egress) {
                Beat::Packet(stamp, payload) => {
                    egress.sent(payload.len());
                    all.push((stamp, payload));
                }
                Beat::Pause => {}
                Beat::Done => return all,
            }
        }
        panic!("it never ends");
    }

    #[test]
    fn a_press_is_packets_of_one_timestamp_that_grow_and_end_three_times() {
        let all = packets(&mut Pressing::begin('#', Duration::from_millis(80)).unwrap());
        let durations: Vec<u16> = all.iter().map(|(_, p)| u16::from_be_bytes([p[2], p[3]])).collect();
        assert_eq!(durations, [160, 320, 480, 640, 640, 640, 640]);
        let ends: Vec<bool> = all.iter().map(|(_, p)| p[1] & 0x80 != 0).collect();
        assert_eq!(ends, [false, false, false, false, true, true, true]);
        assert!(all.iter().all(|(s, p)| s.timestamp == all[0].0.timestamp && p[0] == 11));
        assert!(all.iter().enumerate().all(|(i, (s, _))| s.begins == (i == 0)));
        assert!(all.windows(2).all(|w| w[1].0.sequence == w[0].0.sequence.wrapping_add(1)));
    }

    #[test]
    fn keys_that_wait_come_one_after_the_other_and_are_heard_as_themselves() {
        let mut pressing = Pressing::begin('1', Duration::from_millis(40)).unwrap();
        for key in ['1', 'D', '*'] {
            pressing.add(key, Duration::from_millis(100));
        }
        let mut heard = Presses::default();
        let told: String =
            packets(&mut pressing).iter().filter_map(|(s, p)| heard.hear(s.timestamp, p)).collect();
        assert_eq!(told, "11D*");
    }

    #[test]
    fn what_is_no_key_is_not_pressed_and_too_many_are_dropped() {
        assert!(Pressing::begin('x', Duration::ZERO).is_none());
        let mut pressing = Pressing::begin('1', Duration::ZERO).unwrap();
        for _ in 0..100 {
            pressing.add('2', Duration::ZERO);
        }
        assert_eq!(pressing.waiting.len(), WAITING);
        let all = packets(&mut pressing);
        assert!(all.iter().all(|(_, p)| u16::from_be_bytes([p[2], p[3]]) <= 160));
    }
}
