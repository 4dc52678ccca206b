//! Where the reader of a WebSocket is among the frames (RFC 6455 section 5.2): whether a message was begun and is not
//! whole yet, and since when. The library that cuts them does not say, and a peer may not take for ever over one.

use std::time::Instant;

/// Opcodes from here on are control frames: they may stand between the fragments of a message, and end none.
const CONTROL: u8 = 0x8;

/// The longest header there is: two octets, eight of length, four of mask.
const HEADER: usize = 14;

/// See the module. What is no frame at all is the library's to refuse.
#[derive(Debug, Default)]
pub(super) struct Frames {
    frame: Frame,
    /// When the message was begun whose fragments so far are whole, and that has more of them.
    fragments: Option<Instant>,
}

#[derive(Debug, Default)]
enum Frame {
    #[default]
    Between,
    /// Some octets of its header are there.
    Header { begun: Instant, octets: [u8; HEADER], have: usize },
    /// The header is there, and so many octets of it are to come.
    Body { begun: Instant, first: u8, left: u64 },
}

impl Frames {
    /// Since when the message or frame is being read that is not whole; `None` between two.
    pub(super) fn begun(&self) -> Option<Instant> {
        let frame = match self.frame {
            Frame::Between => None,
            Frame::Header { begun, .. } | Frame::Body { begun, .. } => Some(begun),
        };
        self.fragments.or(frame)
    }

    /// Octets came at `now`.
    pub(super) fn read(&mut self, now: Instant, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            match &mut self.frame {
                Frame::Between => {
                    let mut octets = [0; HEADER];
                    octets[0] = *first;
                    self.frame = Frame::Header { begun: now, octets, have: 1 };
                    bytes = rest;
                }
                Frame::Header { begun, octets, have } => {
                    if let Some(place) = octets.get_mut(*have) {
                        *place = *first;
                    }
                    *have += 1;
                    bytes = rest;
                    if let Some(left) = body(octets, *have) {
                        self.frame = Frame::Body { begun: *begun, first: octets[0], left };
                        self.settle();
                    }
                }
                Frame::Body { left, .. } => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= taken as u64;
                    bytes = bytes.get(taken..).unwrap_or_default();
                    self.settle();
                }
            }
        }
    }

    /// A frame of which nothing is left is whole.
    fn settle(&mut self) {
        let Frame::Body { begun, first, left: 0 } = self.frame else { return };
        self.frame = Frame::Between;
        let (is_last, opcode) = (first & 0x80 != 0, first & 0x0F);
        match (opcode >= CONTROL, is_last) {
            (true, _) => {}
            (false, true) => self.fragments = None,
            (false, false) => self.fragments = self.fragments.or(Some(begun)),
        }
    }
}

/// The length of the body, when so many octets of the header are enough to know it and are all there are.
fn body(octets: &[u8; HEADER], have: usize) -> Option<u64> {
    let [_, second, rest @ ..] = octets;
    let (extended, length) = match second & 0x7F {
        126 => (2, u64::from(u16::from_be_bytes([rest[0], rest[1]]))),
        127 => {
            (8, u64::from_be_bytes([rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], rest[6], rest[7]]))
        }
        short => (0, u64::from(short)),
    };
    let mask = if second & 0x80 != 0 { 4 } else { 0 };
    (have >= 2 + extended + mask).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LAST: u8 = 0x80;
    const TEXT: u8 = 1;
    const PING: u8 = 9;

    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match length {
            0..126 => bytes.push(0x80 | length as u8),
            126..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend([0; 4]);
        bytes.resize(bytes.len() + length, b'x');
        bytes
    }

    /// The octets come one a second; the second in which the unfinished message was begun, after each.
    fn seconds(bytes: &[u8]) -> Vec<Option<u64>> {
        let (start, mut frames) = (Instant::now(), Frames::default());
        let mut at = start;
        let mut came = |octet: &u8| {
            frames.read(at, std::slice::from_ref(octet));
            at += Duration::from_secs(1);
            frames.begun().map(|begun| begun.duration_since(start).as_secs())
        };
        bytes.iter().map(&mut came).collect()
    }

    #[test]
    fn a_frame_counts_from_its_first_octet_until_it_is_whole() {
        for length in [0, 1, 125, 126, 300, 65_535, 65_536] {
            let bytes = frame(LAST | TEXT, length);
            let seen = seconds(&[bytes.clone(), bytes.clone()].concat());
            let (one, two) = seen.split_at(bytes.len());
            assert!(one[..bytes.len() - 1].iter().all(|begun| *begun == Some(0)), "{length}");
            assert_eq!(one.last(), Some(&None), "{length}");
            assert!(two[..bytes.len() - 1].iter().all(|begun| *begun == Some(bytes.len() as u64)));
        }
    }

    #[test]
    fn fragments_count_from_the_first_and_pings_between_them_change_nothing() {
        let parts =
            [frame(TEXT, 3), frame(LAST | PING, 0), frame(0, 3), frame(LAST | PING, 2), frame(LAST, 1)];
        let seen = seconds(&parts.concat());
        let (last, before) = seen.split_last().unwrap();
        assert!(before.iter().all(|begun| *begun == Some(0)), "{before:?}");
        assert_eq!(*last, None);
    }

    #[test]
    fn a_lone_ping_leaves_nothing_unfinished() {
        assert_eq!(seconds(&frame(LAST | PING, 0)).last(), Some(&None));
    }

    #[test]
    fn a_piece_across_two_messages_is_unfinished_and_any_cut_gives_the_same() {
        let stream =
            [frame(LAST | TEXT, 200), frame(TEXT, 5), frame(LAST, 130), frame(LAST | TEXT, 9)].concat();
        let now = Instant::now();
        for cut in 0..stream.len() {
            let mut in_pieces = Frames::default();
            in_pieces.read(now, &stream[..cut]);
            let whole = seconds(&stream[..cut]).last().copied().flatten();
            assert_eq!(in_pieces.begun().is_some(), whole.is_some(), "{cut}");
            in_pieces.read(now, &stream[cut..]);
            assert_eq!(in_pieces.begun(), None);
        }
    }

    #[test]
    fn nothing_a_peer_sends_is_too_much() {
        let mut frames = Frames::default();
        let now = Instant::now();
        frames.read(now, &[0xFF; 100]);
        assert!(frames.begun().is_some());
        frames.read(now, &[]);
    }
}
