//! The keys a leg's peer presses, each understood once however it is said: as telephone-events in the leg's RTP (RFC 4733
//! section 2), by INFO, or both ways for one press.
//!
//! Tones inside the audio are not listened for here.

use super::command::Event;
use super::rtp::Header;
use crate::id::LegId;
use crate::time::{Duration, Mono};
use std::collections::VecDeque;

/// How long the second carriage of a press may come after the first: an INFO that was lost three times is sent again until
/// 3.5 s (RFC 3261 section 17.1.2.2).
const PAIRED: Duration = Duration::from_secs(4);
/// DtmfReceiver that may wait for their second carriage; past it the oldest counts as said one way only. Eight keys a second
/// is as fast as dialling by machine gets.
const UNPAIRED: usize = 32;
/// How long packets may be late, and the numbers of a source tell which press one belongs to.
const MEMORY: Duration = Duration::from_secs(2);
/// Sequence numbers a packet may be late (RFC 3550 appendix A.1, MAX_MISORDER).
const MISORDER: i16 = 100;
/// Sequence numbers between two packets that end one press, when one between them is lost.
const REPEATED: i16 = 2;
/// How far, in samples, the next segment of a long press may begin past the end we know of. One packet may be lost.
const SLACK: u32 = 400;
/// Samples a press lasts at least before a new timestamp may be its next segment: one second. Senders begin another segment
/// after 65,535 (section 2.5.1.3).
const SEGMENT: u16 = 8_000;
/// The number of the last key, `D`; events past it are no keys (section 3.2).
const LAST_KEY: u8 = 15;

/// How long a key is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// The key is still down.
    Down,
    /// The key was down for so many samples.
    For(u16),
}

impl Held {
    /// How long, when it is known.
    fn length(self) -> Option<Duration> {
        match self {
            Held::Down => None,
            Held::For(samples) => Some(Duration::from_millis(u64::from(samples) / 8)),
        }
    }
}

/// What is learned of a press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyPress {
    /// A press begins: its number (RFC 4733 section 3.2), `0` to `15`.
    Begins(u8, Held),
    /// The press told last goes on, or ends.
    Continues(Held),
}

impl KeyPress {
    /// What the control plane hears of it: that it begins.
    pub(super) fn event(self, leg: LegId) -> Option<Event> {
        match self {
            KeyPress::Begins(event, held) => {
                key_of(event).map(|digit| Event::Digit { leg, digit, held: held.length() })
            }
            KeyPress::Continues(_) => None,
        }
    }
}

/// The carriage a press came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carriage {
    Events,
    Info,
}

/// A press heard by one carriage alone so far.
#[derive(Debug, Clone, Copy)]
struct Unpaired {
    event: u8,
    carriage: Carriage,
    /// When it was heard last.
    at: Mono,
}

/// The presses of one leg's peer.
#[derive(Debug, Default)]
pub(super) struct DtmfReceiver {
    last: Option<Press>,
    unpaired: VecDeque<Unpaired>,
}

/// The press of the latest telephone-event.
#[derive(Debug, Clone, Copy)]
struct Press {
    ssrc: u32,
    sequence: u16,
    event: u8,
    /// The timestamp it began with.
    start: u32,
    /// The latest timestamp known to belong to it.
    end: u32,
    duration: u16,
    key: KeyState,
    reported: Reported,
    at: Mono,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyState {
    Down,
    Up,
}

/// Whether what becomes of the press is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reported {
    On,
    /// An INFO told of it before, or it is no key.
    Off,
}

/// A telephone-event payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Payload {
    event: u8,
    key: KeyState,
    duration: u16,
}

impl Payload {
    fn read(payload: &[u8]) -> Option<Payload> {
        let &[event, flags, high, low, ..] = payload else { return None };
        let key = if flags & 0x80 == 0 { KeyState::Down } else { KeyState::Up };
        Some(Payload { event, key, duration: u16::from_be_bytes([high, low]) })
    }
}

/// What a packet is to the press before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Late, or sent twice.
    Old,
    /// The event goes on, or is ended once more.
    Next,
    /// Another press.
    Other,
}

impl Press {
    fn part(&self, now: Mono, header: &Header, payload: Payload) -> Part {
        // Events may come under an SSRC of their own: the numbers of the audio between them say nothing here.
        if header.ssrc != self.ssrc {
            return Part::Other;
        }
        let step = header.sequence.wrapping_sub(self.sequence) as i16;
        let recent = now.since(self.at) <= MEMORY;
        let after = header.timestamp.wrapping_sub(self.end) as i32 > 0;
        if recent && (-MISORDER..=0).contains(&step) && !after {
            return Part::Old;
        }
        let same = payload.event == self.event
            && match self.key {
                KeyState::Down => self.goes_on(recent, header, payload),
                KeyState::Up => self.is_ended_again(recent, step, header, payload),
            };
        if same { Part::Next } else { Part::Other }
    }

    /// Whether a packet in order belongs to the press, whose key is down.
    fn goes_on(&self, recent: bool, header: &Header, payload: Payload) -> bool {
        if header.timestamp == self.start {
            return true;
        }
        let reach = self.end.wrapping_sub(self.start).saturating_add(SLACK);
        let near = header.timestamp.wrapping_sub(self.start) <= reach;
        // A duration that falls begins a press, whose forerunner's end was lost, or the next segment of a long one, which
        // has no marker (section 2.5.1.3). One that grows while the timestamp moves is a sender that moves both.
        let falls = payload.duration < self.duration || header.marker && payload.duration == self.duration;
        let segment = self.duration >= SEGMENT && !header.marker;
        recent && near && (!falls || segment)
    }

    /// Whether a packet in order says the end of the press once more.
    fn is_ended_again(&self, recent: bool, step: i16, header: &Header, payload: Payload) -> bool {
        if payload.key == KeyState::Down {
            return header.timestamp == self.start && !header.marker;
        }
        // Some senders move the timestamp while they repeat the end (against section 2.5.1.4): it lies within the press,
        // or the packet follows at once and tells the same duration.
        let within = header.timestamp.wrapping_sub(self.start) <= self.end.wrapping_sub(self.start);
        let follows = step <= REPEATED && payload.duration == self.duration;
        header.timestamp == self.start || recent && (within || follows)
    }
}

impl DtmfReceiver {
    /// Takes one telephone-event packet. A press is told by the first packet of it that arrives, whichever that is.
    pub(super) fn on_packet(&mut self, now: Mono, header: &Header, payload: &[u8]) -> Option<KeyPress> {
        let payload = Payload::read(payload)?;
        let end = header.timestamp.wrapping_add(u32::from(payload.duration));
        let part = self.last.as_ref().map_or(Part::Other, |last| last.part(now, header, payload));
        match (part, &mut self.last) {
            (Part::Next, Some(last)) => {
                let was = last.key;
                last.sequence = header.sequence;
                last.at = now;
                if end.wrapping_sub(last.end) as i32 > 0 {
                    last.end = end;
                }
                if was == KeyState::Up {
                    return None;
                }
                last.key = payload.key;
                last.duration = last.duration.max(payload.duration);
                let (event, reported, duration) = (last.event, last.reported, last.duration);
                if reported == Reported::Off {
                    return None;
                }
                self.still_unpaired(now, event);
                Some(KeyPress::Continues(held(payload.key, duration)))
            }
            (Part::Old, Some(_)) => None,
            _ => {
                let is_news = payload.event <= LAST_KEY && self.is_news(now, payload.event, Carriage::Events);
                self.last = Some(Press {
                    ssrc: header.ssrc,
                    sequence: header.sequence,
                    event: payload.event,
                    start: header.timestamp,
                    end,
                    duration: payload.duration,
                    key: payload.key,
                    reported: if is_news { Reported::On } else { Reported::Off },
                    at: now,
                });
                is_news.then(|| KeyPress::Begins(payload.event, held(payload.key, payload.duration)))
            }
        }
    }

    /// Takes a press told by INFO.
    pub(super) fn on_signalled(&mut self, now: Mono, key: char, length: Duration) -> Option<KeyPress> {
        let event = event(key)?;
        let samples = length.as_millis().saturating_mul(8).min(u128::from(u16::MAX));
        self.is_news(now, event, Carriage::Info).then_some(KeyPress::Begins(event, Held::For(samples as u16)))
    }

    /// Whether the other carriage has not told of this press. Two presses of one key by one carriage stay two.
    fn is_news(&mut self, now: Mono, event: u8, carriage: Carriage) -> bool {
        self.unpaired.retain(|u| now.since(u.at) <= PAIRED);
        if let Some(at) = self.unpaired.iter().position(|u| u.event == event && u.carriage != carriage) {
            self.unpaired.remove(at);
            return false;
        }
        if self.unpaired.len() >= UNPAIRED {
            self.unpaired.pop_front();
        }
        self.unpaired.push_back(Unpaired { event, carriage, at: now });
        true
    }

    /// The press is held still: its INFO may come at its end.
    fn still_unpaired(&mut self, now: Mono, event: u8) {
        let latest = self.unpaired.iter_mut().rev().find(|u| u.carriage == Carriage::Events);
        if let Some(latest) = latest.filter(|u| u.event == event) {
            latest.at = now;
        }
    }
}

fn held(key: KeyState, duration: u16) -> Held {
    match key {
        KeyState::Down => Held::Down,
        KeyState::Up => Held::For(duration),
    }
}

const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// The sign of a key's event.
pub(super) fn key_of(event: u8) -> Option<char> {
    KEYS.get(usize::from(event)).copied()
}

fn event(key: char) -> Option<u8> {
    KEYS.iter().position(|k| *k == key).map(|at| at as u8)
}

#[cfg(test)]
#[path = "dtmf_tests.rs"]
mod tests;
