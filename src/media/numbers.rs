//! The numbers of all legs' streams at a moment, and the octets they are kept as for the next process.

use super::egress::SentNumbers;
use super::latch::Latched;
use super::quality::{LastReceived, ReceivedNumbers};
use crate::id::LegId;
use crate::time::Duration;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The form of the octets. Another number is not read.
const FORM: u8 = 1;
/// Legs that are read: as many as there are port pairs.
const MOST: u32 = 32_767;

/// What a process that goes on with a leg must know of its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpNumbers {
    /// What the leg is sent.
    pub sent: SentNumbers,
    /// What was received of its peer.
    pub received: ReceivedNumbers,
    /// Where its peer's media comes from, as far as that is known.
    pub source: Option<Latched>,
    /// Where its peer's reports (RTCP) come from, when one received by a port of their own.
    pub reports_source: Option<SocketAddr>,
}

/// The numbers of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegNumbers {
    /// The leg.
    pub leg: LegId,
    /// Its streams.
    pub rtp: RtpNumbers,
}

/// The numbers of all legs, read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// How long ago that moment was.
    pub age: Duration,
    /// One for each leg that has its port.
    pub legs: Vec<LegNumbers>,
}

impl Numbers {
    /// The octets, about 90 a leg.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + 100 * self.legs.len());
        out.push(FORM);
        out.extend(u64::try_from(self.age.as_nanos()).unwrap_or(u64::MAX).to_be_bytes());
        out.extend((self.legs.len() as u32).to_be_bytes());
        for LegNumbers { leg, rtp } in &self.legs {
            out.extend(leg.as_bytes());
            rtp.write(&mut out);
        }
        out
    }

    /// Reads the octets of [`Numbers::encode`]; `None` when they are of another form, cut off or longer.
    pub fn decode(octets: &[u8]) -> Option<Numbers> {
        let mut from = Octets(octets);
        if from.take::<1>()? != [FORM] {
            return None;
        }
        let age = Duration::from_nanos(from.u64()?);
        let count = from.u32().filter(|count| *count <= MOST)?;
        let legs: Option<Vec<LegNumbers>> = (0..count).map(|_| LegNumbers::read(&mut from)).collect();
        Some(Numbers { age, legs: legs.filter(|_| from.0.is_empty())? })
    }
}

impl LegNumbers {
    fn read(from: &mut Octets<'_>) -> Option<LegNumbers> {
        Some(LegNumbers { leg: LegId::from_bytes(from.take()?), rtp: RtpNumbers::read(from)? })
    }
}

impl RtpNumbers {
    fn write(&self, out: &mut Vec<u8>) {
        let SentNumbers { ssrc, sequence, timestamp, packets, packets_before, octets } = self.sent;
        out.extend(ssrc.to_be_bytes());
        out.extend(sequence.to_be_bytes());
        out.extend(timestamp.to_be_bytes());
        out.extend(packets.to_be_bytes());
        out.extend(packets_before.to_be_bytes());
        out.extend(octets.to_be_bytes());
        let ReceivedNumbers { last, received, lost, jitter } = self.received;
        out.push(u8::from(last.is_some()));
        if let Some(LastReceived { ssrc, sequence }) = last {
            out.extend(ssrc.to_be_bytes());
            out.extend(sequence.to_be_bytes());
        }
        out.extend(received.to_be_bytes());
        out.extend(lost.to_be_bytes());
        out.extend(jitter.to_be_bytes());
        let (kind, source) = match self.source {
            None => (0, None),
            Some(Latched::Held(source)) => (1, Some(source)),
            Some(Latched::Likely(source)) => (2, Some(source)),
        };
        out.push(kind);
        write_address(source, out);
        write_address(self.reports_source, out);
    }

    fn read(from: &mut Octets<'_>) -> Option<RtpNumbers> {
        let sent = SentNumbers {
            ssrc: from.u32()?,
            sequence: from.u16()?,
            timestamp: from.u32()?,
            packets: from.u64()?,
            packets_before: from.u64()?,
            octets: from.u32()?,
        };
        let last = match from.take()? {
            [0] => None,
            [1] => Some(LastReceived { ssrc: from.u32()?, sequence: from.u16()? }),
            [_] => return None,
        };
        let received =
            ReceivedNumbers { last, received: from.u64()?, lost: from.u64()?, jitter: from.u32()? };
        let [kind] = from.take()?;
        let source = match (kind, read_address(from)?) {
            (0, None) => None,
            (1, Some(source)) => Some(Latched::Held(source)),
            (2, Some(source)) => Some(Latched::Likely(source)),
            (_, _) => return None,
        };
        Some(RtpNumbers { sent, received, source, reports_source: read_address(from)? })
    }
}

/// An address behind the number of its family; 0 is none. The scope of a link-local one is kept, its flow label is not.
fn write_address(address: Option<SocketAddr>, out: &mut Vec<u8>) {
    let Some(address) = address else { return out.push(0) };
    match address.ip() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend(ip.octets());
        }
    }
    out.extend(address.port().to_be_bytes());
    if let SocketAddr::V6(v6) = address {
        out.extend(v6.scope_id().to_be_bytes());
    }
}

/// The outer `None`: these octets are no address.
fn read_address(from: &mut Octets<'_>) -> Option<Option<SocketAddr>> {
    match from.take()? {
        [0] => Some(None),
        [4] => {
            let ip = Ipv4Addr::from(from.take::<4>()?);
            Some(Some(SocketAddr::from((ip, from.u16()?))))
        }
        [6] => {
            let ip = Ipv6Addr::from(from.take::<16>()?);
            let (port, scope) = (from.u16()?, from.u32()?);
            Some(Some(SocketAddrV6::new(ip, port, 0, scope).into()))
        }
        [_] => None,
    }
}

/// Octets that are still to be read.
struct Octets<'a>(&'a [u8]);

impl Octets<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Random;
    use crate::time::Wall;

    fn numbers() -> Numbers {
        let mut random = Random::from_number(1);
        let at = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let rtp = |source, reports_source, last| RtpNumbers {
            sent: SentNumbers {
                ssrc: 0xdead_beef,
                sequence: 65_535,
                timestamp: u32::MAX - 1,
                packets: 1 << 40,
                packets_before: 3,
                octets: 9,
            },
            received: ReceivedNumbers { last, received: 77, lost: 5, jitter: 1_234 },
            source,
            reports_source,
        };
        let last = Some(LastReceived { ssrc: 1, sequence: 2 });
        let legs = [
            rtp(None, None, None),
            rtp(Some(Latched::Held(at("198.51.100.7:9000"))), Some(at("198.51.100.7:9001")), last),
            rtp(Some(Latched::Likely(at("[2001:db8::7]:9000"))), None, last),
            rtp(
                Some(Latched::Held(SocketAddrV6::new("fe80::1".parse().unwrap(), 5, 0, 3).into())),
                None,
                None,
            ),
        ];
        let legs = legs.map(|rtp| LegNumbers { leg: LegId::new(Wall(5), &mut random), rtp });
        Numbers { age: Duration::from_millis(730), legs: legs.into() }
    }

    #[test]
    fn numbers_are_read_as_they_were_written() {
        for numbers in [numbers(), Numbers { age: Duration::ZERO, legs: Vec::new() }] {
            assert_eq!(Numbers::decode(&numbers.encode()), Some(numbers));
        }
    }

    #[test]
    fn octets_that_are_cut_off_or_longer_or_of_another_form_are_not_read() {
        let octets = numbers().encode();
        for length in 0..octets.len() {
            assert_eq!(Numbers::decode(&octets[..length]), None, "{length} octets");
        }
        assert_eq!(Numbers::decode(&[&octets[..], &[0]].concat()), None);
        assert_eq!(Numbers::decode(&[&[FORM + 1], &octets[1..]].concat()), None);
        let many = [&octets[..9], &(MOST + 1).to_be_bytes(), &octets[13..]].concat();
        assert_eq!(Numbers::decode(&many), None);
    }
}
