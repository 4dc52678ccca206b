//! Keys said anew towards a leg, as telephone-events in its stream (RFC 4733 section 2.5.1): one after the other, each of
//! packets with one timestamp and a growing duration, its end said three times. A key that is down is said to be while it
//! is, not only once it is up.

use super::dtmf::Held;
use super::egress::{Egress, FRAME, Stamp};
use crate::time::{Duration, Mono};
use std::collections::VecDeque;

/// At most this many keys wait for a leg; more are dropped. A number with its area code has twelve.
const WAITING: usize = 32;

/// How often the end of a press is said (section 2.5.1.4). The 60 ms it takes are the pause before the next key, for receivers
/// that watch the tone and not the timestamp.
const ENDS: u8 = 3;

/// 10 dBm0 below full, as telephones have it.
const VOLUME: u8 = 10;

/// The longest press, in samples: six seconds. Audio waits for its end, and a key held longer means nothing more.
const LONGEST: u16 = 48_000;

/// How long a key is taken to be down without a packet that says so: then its end was lost. Senders say it every 20 to 50 ms.
const LOST: Duration = Duration::from_millis(200);

/// The keys said to one leg. Gone when the last is done.
#[derive(Debug)]
pub(super) struct DtmfSender {
    now: Key,
    duration: u16,
    /// Packets of the end that are still to be sent.
    ends: u8,
    waiting: VecDeque<Key>,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    event: u8,
    down: Down,
}

/// How long it is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Down {
    /// Still, when it was heard last.
    Still(Mono),
    /// For so many samples.
    For(u16),
}

impl Key {
    fn new(now: Mono, event: u8, held: Held) -> Key {
        let mut key = Key { event, down: Down::Still(now) };
        key.goes(now, held);
        key
    }

    fn goes(&mut self, now: Mono, held: Held) {
        self.down = match (held, self.down) {
            (Held::Down, Down::Still(_)) => Down::Still(now),
            (Held::For(samples), Down::Still(_)) => Down::For(samples.min(LONGEST)),
            (_, Down::For(samples)) => Down::For(samples),
        };
    }
}

/// What a beat brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A packet with this payload.
    Packet(Stamp, [u8; 4]),
    /// Nothing any more.
    Done,
}

impl DtmfSender {
    pub(super) fn begin(now: Mono, event: u8, held: Held) -> DtmfSender {
        let key = Key::new(now, event, held);
        DtmfSender { now: key, duration: 0, ends: ENDS, waiting: VecDeque::new() }
    }

    /// One more key after those that wait. The one before it is up.
    pub(super) fn add(&mut self, now: Mono, event: u8, held: Held) {
        let so_far = if self.waiting.is_empty() { self.duration } else { 0 };
        self.goes(now, Held::For(so_far));
        if self.waiting.len() < WAITING {
            self.waiting.push_back(Key::new(now, event, held));
        }
    }

    /// The key pressed last goes on, or is up.
    pub(super) fn goes(&mut self, now: Mono, held: Held) {
        self.waiting.back_mut().unwrap_or(&mut self.now).goes(now, held);
    }

    /// The next packet, one for each 20 ms.
    pub(super) fn next_packet(&mut self, now: Mono, egress: &mut Egress) -> Next {
        if self.ends == 0 {
            let Some(key) = self.waiting.pop_front() else { return Next::Done };
            (self.now, self.duration, self.ends) = (key, 0, ENDS);
        }
        let begins = self.duration == 0;
        let held = match self.now.down {
            Down::Still(heard) if now.since(heard) <= LOST => LONGEST,
            Down::Still(_) => {
                self.now.down = Down::For(self.duration);
                self.duration
            }
            Down::For(samples) => samples,
        };
        let up = !begins && self.duration >= held;
        if up {
            self.ends -= 1;
        } else {
            self.duration = self.duration.saturating_add(FRAME as u16).min(held.max(FRAME as u16));
        }
        let stamp = egress.telephone_event(now, begins);
        let [high, low] = self.duration.to_be_bytes();
        Next::Packet(stamp, [self.now.event, u8::from(up) << 7 | VOLUME, high, low])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Random;
    use crate::media::dtmf::{DtmfReceiver, KeyPress, key_of};
    use crate::media::rtp::Header;

    const START: Mono = Mono(1_000_000_000);
    const FRAMES: Duration = Duration::from_millis(20);

    fn samples(ms: u16) -> Held {
        Held::For(ms * 8)
    }

    /// What is sent until it is done; before each beat `does` may say more.
    fn packets(
        dtmf: &mut DtmfSender,
        mut does: impl FnMut(u32, Mono, &mut DtmfSender),
    ) -> Vec<(Stamp, [u8; 4])> {
        let mut egress = Egress::new(&mut Random::from_number(1));
        let mut all = Vec::new();
        for n in 0..10_000 {
            let now = START + FRAMES * n;
            does(n, now, dtmf);
            match dtmf.next_packet(now, &mut egress) {
                Next::Packet(stamp, payload) => {
                    egress.sent(payload.len());
                    all.push((stamp, payload));
                }
                Next::Done => return all,
            }
        }
        panic!("it never ends");
    }

    fn durations(all: &[(Stamp, [u8; 4])]) -> Vec<u16> {
        all.iter().map(|(_, p)| u16::from_be_bytes([p[2], p[3]])).collect()
    }

    #[test]
    fn a_press_is_packets_of_one_timestamp_that_grow_and_end_three_times() {
        let all = packets(&mut DtmfSender::begin(START, 11, samples(80)), |_, _, _| {});
        assert_eq!(durations(&all), [160, 320, 480, 640, 640, 640, 640]);
        let ends: Vec<bool> = all.iter().map(|(_, p)| p[1] & 0x80 != 0).collect();
        assert_eq!(ends, [false, false, false, false, true, true, true]);
        assert!(all.iter().all(|(s, p)| s.timestamp == all[0].0.timestamp && p[0] == 11));
        assert!(all.iter().enumerate().all(|(i, (s, _))| s.begins == (i == 0)));
        assert!(all.windows(2).all(|w| w[1].0.sequence == w[0].0.sequence.wrapping_add(1)));
    }

    #[test]
    fn a_key_that_is_down_is_said_to_be_until_it_is_up() {
        let all = packets(&mut DtmfSender::begin(START, 5, Held::Down), |n, now, dtmf| match n {
            0..40 => dtmf.goes(now, Held::Down),
            40 => dtmf.goes(now, Held::For(6_480)),
            _ => {}
        });
        assert_eq!(durations(&all[..3]), [160, 320, 480], "it is told while it is down");
        assert_eq!(durations(&all[38..]), [6_240, 6_400, 6_480, 6_480, 6_480, 6_480]);
    }

    #[test]
    fn a_key_whose_end_is_lost_is_up_after_200_ms_and_none_lasts_past_six_s() {
        let lost = packets(&mut DtmfSender::begin(START, 5, Held::Down), |_, _, _| {});
        assert_eq!(durations(&lost)[lost.len() - 3..], [1_760; 3]);
        let held = packets(&mut DtmfSender::begin(START, 5, Held::Down), |_, now, p| p.goes(now, Held::Down));
        assert_eq!(durations(&held)[held.len() - 3..], [LONGEST; 3]);
        let claimed = packets(&mut DtmfSender::begin(START, 5, Held::For(u16::MAX)), |_, _, _| {});
        assert_eq!(durations(&claimed)[claimed.len() - 3..], [LONGEST; 3]);
    }

    #[test]
    fn keys_that_wait_come_one_after_the_other_and_are_heard_as_themselves() {
        let mut dtmf = DtmfSender::begin(START, 1, Held::Down);
        for event in [1, 15, 10] {
            dtmf.add(START, event, samples(100));
        }
        let (mut heard, mut told) = (DtmfReceiver::default(), String::new());
        for (n, (stamp, payload)) in packets(&mut dtmf, |_, _, _| {}).into_iter().enumerate() {
            let Stamp { sequence, timestamp, begins } = stamp;
            let header =
                Header { payload_type: 101, marker: begins, sequence, timestamp, ssrc: 1, payload: 12..16 };
            if let Some(KeyPress::Begins(event, _)) =
                heard.on_packet(START + FRAMES * n as u32, &header, &payload)
            {
                told.extend(key_of(event));
            }
        }
        assert_eq!(told, "11D*");
    }

    #[test]
    fn too_many_keys_are_dropped_and_the_shortest_has_a_packet() {
        let mut dtmf = DtmfSender::begin(START, 1, Held::For(0));
        for _ in 0..100 {
            dtmf.add(START, 2, Held::For(0));
        }
        assert_eq!(dtmf.waiting.len(), WAITING);
        let all = packets(&mut dtmf, |_, _, _| {});
        assert_eq!(all.len(), (1 + WAITING) * 4);
        assert!(durations(&all).iter().all(|d| *d == 160));
    }
}
