//! A receiver of RTP for tests: what RFC 3550 appendix A.1 makes of sequence numbers.

use super::rtp::Header;

const DROPOUT: u16 = 3_000;
const MISORDER: u16 = 100;

/// What a receiver makes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// The newest of its source.
    Newest,
    /// One that came twice or too late.
    Late,
    /// Its number is too far from the last one, or the source is not proven yet.
    Invalid,
}

/// One receiver and the source it hears.
#[derive(Debug, Default)]
pub(crate) struct Receiver(Option<Stream>);

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    newest: u16,
    timestamp: u32,
    /// Packets in sequence that a new source still needs.
    probation: u8,
    /// The number that would prove a jump.
    bad: Option<u16>,
}

impl Receiver {
    pub(crate) fn take(&mut self, header: &Header) -> Judgement {
        let (sequence, timestamp) = (header.sequence, header.timestamp);
        let Some(heard) = self.0.as_mut().filter(|heard| heard.ssrc == header.ssrc) else {
            let (ssrc, newest) = (header.ssrc, sequence);
            self.0 = Some(Stream { ssrc, newest, timestamp, probation: 1, bad: None });
            return Judgement::Invalid;
        };
        let step = sequence.wrapping_sub(heard.newest);
        if heard.probation > 0 {
            heard.probation = if step == 1 { heard.probation - 1 } else { 1 };
        } else if step >= DROPOUT && step <= MISORDER.wrapping_neg() {
            if heard.bad.replace(sequence.wrapping_add(1)) != Some(sequence) {
                return Judgement::Invalid;
            }
        } else if step >= DROPOUT || step == 0 {
            return Judgement::Late;
        }
        let back = timestamp.wrapping_sub(heard.timestamp) as i32 <= 0;
        (heard.newest, heard.timestamp, heard.bad) = (sequence, timestamp, None);
        // Not of the appendix: a jitter buffer plays nothing that is older than what it played.
        if back { Judgement::Late } else { Judgement::Newest }
    }
}

#[test]
fn a_receiver_takes_a_jump_of_fewer_than_3_000_and_no_other() {
    let packet = |sequence: u16| Header {
        payload_type: 8,
        marker: false,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc: 1,
        payload: 12..12,
    };
    let mut receiver = Receiver::default();
    let mut judged = |sequence| receiver.take(&packet(sequence));
    assert_eq!([1, 2, 3].map(&mut judged), [Judgement::Invalid, Judgement::Newest, Judgement::Newest]);
    assert_eq!([3_002, 3_002, 2_990].map(&mut judged), [Judgement::Newest, Judgement::Late, Judgement::Late]);
    assert_eq!([6_002, 6_003].map(&mut judged), [Judgement::Invalid, Judgement::Newest], "two prove a jump");
}
