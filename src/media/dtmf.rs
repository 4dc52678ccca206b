//! Key presses from telephone-event packets (RFC 4733 section 2.3), each told once.
//!
//! Tones inside the audio are not listened for here.

/// A telephone-event payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Payload {
    event: u8,
    end: bool,
    duration: u16,
}

/// The presses of one RTP source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presses {
    last: Option<Press>,
}

#[derive(Debug, Clone, Copy)]
struct Press {
    timestamp: u32,
    event: u8,
    ended: bool,
    duration: u16,
}

impl Presses {
    /// Takes one telephone-event packet; the digit when a press begins.
    ///
    /// A press is told by the first packet of it that arrives, whichever that is. Its further packets, the
    /// repeats of its end, late packets of an earlier press and the segments of a press longer than
    /// 65,535 samples (section 2.5.1.3) tell nothing new.
    pub fn hear(&mut self, timestamp: u32, payload: &[u8]) -> Option<char> {
        let now = read(payload)?;
        let begun = match self.last {
            None => true,
            Some(last) if timestamp == last.timestamp => false,
            Some(last) => {
                let later = timestamp.wrapping_sub(last.timestamp);
                if later > u32::MAX / 2 {
                    return None;
                }
                let segment =
                    !last.ended && now.event == last.event && later <= u32::from(last.duration) + SLACK;
                !segment
            }
        };
        let ended = now.end || !begun && self.last.is_some_and(|l| l.timestamp == timestamp && l.ended);
        self.last = Some(Press { timestamp, event: now.event, ended, duration: now.duration });
        if begun { digit(now.event) } else { None }
    }

    /// Forgets the last press: the source is a new one with timestamps of its own.
    pub fn restart(&mut self) {
        self.last = None;
    }
}

/// How far, in samples, the next segment of a long press may begin past the end we know of. One packet may be lost.
const SLACK: u32 = 400;

fn read(payload: &[u8]) -> Option<Payload> {
    let &[event, flags, high, low, ..] = payload else { return None };
    Some(Payload { event, end: flags & 0x80 != 0, duration: u16::from_be_bytes([high, low]) })
}

fn digit(event: u8) -> Option<char> {
    const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];
    KEYS.get(usize::from(event)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(event: u8, end: bool, duration: u16) -> [u8; 4] {
        let [high, low] = duration.to_be_bytes();
        [event, u8::from(end) << 7 | 10, high, low]
    }

    #[test]
    fn a_press_of_many_packets_is_one_digit() {
        let mut presses = Presses::default();
        let mut told = Vec::new();
        for duration in (160..=800).step_by(160) {
            told.extend(presses.hear(1000, &packet(5, false, duration)));
        }
        for _ in 0..3 {
            told.extend(presses.hear(1000, &packet(5, true, 800)));
        }
        told.extend(presses.hear(3000, &packet(11, false, 160)));
        assert_eq!(told, ['5', '#']);
    }

    #[test]
    fn a_press_is_told_when_only_its_last_packet_arrives() {
        assert_eq!(Presses::default().hear(1, &packet(10, true, 800)), Some('*'));
    }

    #[test]
    fn the_same_key_twice_is_two_digits() {
        let mut presses = Presses::default();
        assert_eq!(presses.hear(1000, &packet(1, true, 800)), Some('1'));
        assert_eq!(presses.hear(2600, &packet(1, false, 160)), Some('1'));
    }

    #[test]
    fn a_late_packet_of_an_earlier_press_tells_nothing() {
        let mut presses = Presses::default();
        presses.hear(1000, &packet(1, true, 800));
        presses.hear(2600, &packet(2, false, 160));
        assert_eq!(presses.hear(1000, &packet(1, true, 800)), None);
    }

    #[test]
    fn a_press_longer_than_its_counter_is_one_digit() {
        let mut presses = Presses::default();
        assert_eq!(presses.hear(0, &packet(3, false, 65_535)), Some('3'));
        assert_eq!(presses.hear(65_535, &packet(3, false, 160)), None);
        assert_eq!(presses.hear(65_535, &packet(3, true, 800)), None);
    }

    #[test]
    fn what_is_no_key_is_no_digit() {
        let mut presses = Presses::default();
        assert_eq!(presses.hear(1, &packet(16, false, 160)), None);
        assert_eq!(presses.hear(2, &[1, 2]), None);
    }
}
