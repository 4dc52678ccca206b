//! One RTP packet (RFC 3550 section 5.1): its header read, and its header rewritten in place.
//!
//! What the gateway sends always has the plain twelve-octet header: it is the synchronisation source
//! itself, so contributing sources, header extensions and padding of the packet that came in are left out.

use std::ops::Range;

/// Octets of the header the gateway writes.
pub const HEADER: usize = 12;
/// Samples a second of every codec here, which is also the RTP clock.
pub const CLOCK: u64 = 8_000;

/// What was read from a packet's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// The marker bit: for audio, the first packet after silence.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in samples.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Where in the packet the payload is, padding left out.
    pub payload: Range<usize>,
}

impl Header {
    /// Reads a packet; `None` when it is not RTP version 2 or does not hold what its header says.
    pub fn read(packet: &[u8]) -> Option<Header> {
        let reader = rtp_rs::RtpReader::new(packet).ok()?;
        let start = reader.payload_offset();
        Some(Header {
            payload_type: reader.payload_type(),
            marker: reader.mark(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
            payload: start..start + reader.payload().len(),
        })
    }

    /// Moves the payload behind a plain header and writes that header. Gives the packet's new length.
    ///
    /// `self.payload` must be a range of `packet` that begins at [`HEADER`] or later, as after
    /// [`Header::read`]; otherwise nothing is written and the answer is 0.
    pub fn write(&self, packet: &mut [u8]) -> usize {
        let length = self.payload.len();
        if self.payload.start < HEADER || self.payload.end > packet.len() || packet.len() < HEADER {
            return 0;
        }
        if self.payload.start != HEADER {
            packet.copy_within(self.payload.clone(), HEADER);
        }
        packet[0] = 0x80;
        packet[1] = self.payload_type & 0x7f | u8::from(self.marker) << 7;
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        HEADER + length
    }
}

/// Whether a packet on a port shared by RTP and RTCP is RTCP (RFC 5761 section 4).
pub fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet, [first, 192..=223, ..] if first >> 6 == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header { payload_type: 8, marker: true, sequence: 7, timestamp: 9, ssrc: 0xfeed, payload: 12..14 }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let mut packet = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2];
        assert_eq!(header().write(&mut packet), 14);
        assert_eq!(Header::read(&packet), Some(header()));
    }

    #[test]
    fn csrc_extension_and_padding_are_left_out() {
        let mut packet = vec![0xb1, 8, 0, 7, 0, 0, 0, 9, 0, 0, 0xfe, 0xed];
        packet.extend([0, 0, 0, 5]);
        packet.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        packet.extend([0xaa, 0xbb, 0, 2]);
        let read = Header::read(&packet).unwrap();
        assert_eq!(packet[read.payload.clone()], [0xaa, 0xbb]);
        let length = read.write(&mut packet);
        assert_eq!(packet[..length], [0x80, 8, 0, 7, 0, 0, 0, 9, 0, 0, 0xfe, 0xed, 0xaa, 0xbb]);
    }

    #[test]
    fn broken_packets_are_not_read() {
        let broken: [&[u8]; 6] = [
            b"",
            &[0x80; 11],
            &[0x00; 20],                                                // version 0: STUN
            &[0x8f, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],                   // fifteen CSRC that are not there
            &[0x90, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], // an extension longer than the packet
            &[0xa0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9],                // more padding than packet
        ];
        for packet in broken {
            assert_eq!(Header::read(packet), None, "{packet:?}");
        }
    }

    #[test]
    fn rtcp_is_told_from_rtp_by_its_second_octet() {
        assert!(is_rtcp(&[0x80, 200, 0, 6]));
        assert!(is_rtcp(&[0x81, 201, 0, 6]));
        assert!(!is_rtcp(&[0x80, 8 | 0x80, 0, 6]));
        assert!(!is_rtcp(&[0x00, 200, 0, 6]));
    }
}
