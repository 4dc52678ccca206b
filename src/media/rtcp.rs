//! RTCP (RFC 3550 section 6) between the two legs of a bridge: reports are read, put into the words of the other
//! side and passed on.
//!
//! A peer knows only our SSRC, so its report about us becomes a report about the far peer's own stream, and the far
//! peer's sender report is given our SSRC, timestamps and counts. NTP times and their echoes go through untouched, so
//! that round trips are measured end to end. BYE is not passed on: our stream to the other leg goes on. Source
//! descriptions are not passed on either, since they name the peer's user and host; ours is sent instead.

use std::ops::Range;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
/// Parts of one compound packet that are looked at; real ones have two or three.
const PARTS: usize = 8;
/// Octets the longest report we write has: sender report with one block, and a source description.
pub const LONGEST: usize = 72;

/// What a compound packet said, as far as the gateway cares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// From the sender report, when there is one.
    pub sender: Option<Sender>,
    /// The reception report about the stream we send, when there is one.
    pub reception: Option<Block>,
    /// Whether the peer's source said goodbye.
    pub goodbye: bool,
}

/// The sender's part of a sender report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// Whose report it is.
    pub ssrc: u32,
    /// NTP time, passed on as it is.
    pub ntp: u64,
    /// The same instant in RTP timestamp units.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Octets sent.
    pub octets: u32,
}

/// A reception report block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Whose stream it is about.
    pub ssrc: u32,
    /// Fraction lost (8 bits) and packets lost (24 bits), passed on as they are.
    pub loss: u32,
    /// Extended highest sequence number.
    pub highest: u32,
    /// Jitter in samples.
    pub jitter: u32,
    /// The middle of the NTP time of the last sender report; 0 when none came.
    pub last_report: u32,
    /// Since then, in 1/65536 s.
    pub delay: u32,
}

impl Report {
    /// Reads a compound packet. `ours` is the SSRC of our stream to this peer: only the block about it is kept. `None` when the
    /// packet does not begin with a report (RFC 3550 section 6.1) or does not hold what it says.
    pub fn read(packet: &[u8], ours: u32) -> Option<Report> {
        let mut report = Report::default();
        let mut rest = packet;
        for n in 0..PARTS {
            let Some((kind, count, part, further)) = part(rest)? else { break };
            match kind {
                SENDER_REPORT => {
                    report.sender = Some(Sender {
                        ssrc: word(part, 0)?,
                        ntp: u64::from(word(part, 4)?) << 32 | u64::from(word(part, 8)?),
                        timestamp: word(part, 12)?,
                        packets: word(part, 16)?,
                        octets: word(part, 20)?,
                    });
                    report.reception = report.reception.or(block(part, 24, count, ours));
                }
                RECEIVER_REPORT => {
                    word(part, 0)?;
                    report.reception = report.reception.or(block(part, 4, count, ours));
                }
                GOODBYE => report.goodbye = true,
                _ if n == 0 => return None,
                _ => {}
            }
            rest = further;
        }
        (!packet.is_empty()).then_some(report)
    }

    /// Writes the report as `ssrc`, with a source description. Gives its length, at most [`LONGEST`].
    pub fn write(&self, ssrc: u32, out: &mut [u8; LONGEST]) -> usize {
        let mut w = Writer { out, at: 0 };
        let blocks = u8::from(self.reception.is_some());
        match self.sender {
            Some(s) => {
                w.head(blocks, SENDER_REPORT, 6 + 6 * u16::from(blocks));
                w.words(&[ssrc, (s.ntp >> 32) as u32, s.ntp as u32, s.timestamp, s.packets, s.octets]);
            }
            None => {
                w.head(blocks, RECEIVER_REPORT, 1 + 6 * u16::from(blocks));
                w.words(&[ssrc]);
            }
        }
        if let Some(b) = self.reception {
            w.words(&[b.ssrc, b.loss, b.highest, b.jitter, b.last_report, b.delay]);
        }
        w.head(1, SOURCE_DESCRIPTION, 4);
        w.words(&[ssrc]);
        let [a, b, c, d] = ssrc.to_be_bytes();
        let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 0x0f)];
        w.octets(&[
            1,
            8,
            hex(a >> 4),
            hex(a),
            hex(b >> 4),
            hex(b),
            hex(c >> 4),
            hex(c),
            hex(d >> 4),
            hex(d),
            0,
            0,
        ]);
        w.at
    }
}

/// A part of a compound packet: its type, count and body, and what comes after it.
type Part<'a> = (u8, u8, &'a [u8], &'a [u8]);

/// The next part; `Some(None)` at the end and `None` when it is broken.
fn part(packet: &[u8]) -> Option<Option<Part<'_>>> {
    let (first, kind) = match packet {
        [] => return Some(None),
        [first, kind, _, _, ..] if first >> 6 == 2 => (*first, *kind),
        _ => return None,
    };
    let body: Range<usize> = 4..4 + 4 * usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    Some(Some((kind, first & 0x1f, packet.get(body.clone())?, packet.get(body.end..)?)))
}

fn block(part: &[u8], from: usize, count: u8, ours: u32) -> Option<Block> {
    part.get(from..)?.chunks_exact(24).take(usize::from(count)).find_map(|b| {
        let ssrc = word(b, 0)?;
        (ssrc == ours).then_some(Block {
            ssrc,
            loss: word(b, 4)?,
            highest: word(b, 8)?,
            jitter: word(b, 12)?,
            last_report: word(b, 16)?,
            delay: word(b, 20)?,
        })
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

struct Writer<'a> {
    out: &'a mut [u8; LONGEST],
    at: usize,
}

impl Writer<'_> {
    fn head(&mut self, count: u8, kind: u8, words: u16) {
        let [high, low] = words.to_be_bytes();
        self.octets(&[0x80 | count, kind, high, low]);
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.octets(&word.to_be_bytes());
        }
    }

    fn octets(&mut self, octets: &[u8]) {
        self.out[self.at..self.at + octets.len()].copy_from_slice(octets);
        self.at += octets.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let block = Block {
            ssrc: 0xaaaa,
            loss: 0x0500_0007,
            highest: 0x0001_0002,
            jitter: 3,
            last_report: 4,
            delay: 5,
        };
        let sender =
            Sender { ssrc: 0xbbbb, ntp: 0x0102_0304_0506_0708, timestamp: 9, packets: 10, octets: 11 };
        Report { sender: Some(sender), reception: Some(block), goodbye: false }
    }

    #[test]
    fn a_report_written_is_the_report_read() {
        let mut out = [0; LONGEST];
        let length = report().write(0xbbbb, &mut out);
        assert_eq!(length, LONGEST);
        assert_eq!(Report::read(&out[..length], 0xaaaa), Some(report()));
        assert_eq!(Report::read(&out[..length], 0xcccc), Some(Report { reception: None, ..report() }));
        let receiver = Report { sender: None, ..report() };
        let length = receiver.write(0xbbbb, &mut out);
        assert_eq!(Report::read(&out[..length], 0xaaaa), Some(receiver));
    }

    #[test]
    fn goodbye_is_read_and_unknown_parts_are_passed_over() {
        let mut out = [0; LONGEST];
        let length = report().write(1, &mut out);
        let mut packet = out[..length].to_vec();
        packet.extend([0x80, 207, 0, 1, 0, 0, 0, 1]);
        packet.extend([0x81, 203, 0, 1, 0, 0, 0, 1]);
        assert!(Report::read(&packet, 0xaaaa).unwrap().goodbye);
    }

    #[test]
    fn what_is_broken_is_not_read() {
        let broken: [&[u8]; 5] =
            [b"", &[0x80], &[0x80, 200, 0, 6, 1, 2], &[0x80, 200, 0, 0], &[0x81, 202, 0, 1, 0, 0, 0, 1]];
        for packet in broken {
            assert_eq!(Report::read(packet, 1), None, "{packet:?}");
        }
        let many: Vec<u8> = [0x80, 201, 0, 1, 0, 0, 0, 1].repeat(300);
        assert!(Report::read(&many, 1).is_some());
    }
}
