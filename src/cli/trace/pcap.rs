//! A capture file of traced messages, for tshark and Wireshark: each message as one UDP datagram, its Ethernet, IP and
//! UDP headers made up around the addresses it really travelled between. A message of a stream is one datagram too:
//! what was framed is shown, not how it came in pieces.

use std::net::{IpAddr, SocketAddr};

/// The most a datagram of either IP version carries here; a longer message is cut.
const PAYLOAD: usize = 65_507;

/// The head of the file: microseconds, Ethernet.
pub(super) fn head() -> [u8; 24] {
    let mut out = [0; 24];
    out[..4].copy_from_slice(&0xa1b2_c3d4_u32.to_le_bytes());
    out[4..6].copy_from_slice(&2u16.to_le_bytes());
    out[6..8].copy_from_slice(&4u16.to_le_bytes());
    out[16..20].copy_from_slice(&262_144_u32.to_le_bytes());
    out[20..24].copy_from_slice(&1u32.to_le_bytes());
    out
}

/// One message at a time in microseconds since 1970.
pub(super) fn packet(at_micros: u64, from: SocketAddr, to: SocketAddr, message: &[u8]) -> Vec<u8> {
    let message = &message[..message.len().min(PAYLOAD)];
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            frame.extend([0x08, 0x00]);
            let length = (20 + 8 + message.len()) as u16;
            let mut ip = vec![0x45, 0];
            ip.extend(length.to_be_bytes());
            // Not to be fragmented, 64 hops, UDP; its checksum follows.
            ip.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
            ip.extend(a.octets());
            ip.extend(b.octets());
            let sum = checksum(&[&ip]);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            frame.extend(ip);
        }
        (a, b) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(((8 + message.len()) as u16).to_be_bytes());
            frame.extend([17, 64]);
            frame.extend(v6(a));
            frame.extend(v6(b));
        }
    }
    frame.extend(udp(from, to, message));
    let mut out = Vec::with_capacity(frame.len() + 16);
    out.extend(((at_micros / 1_000_000) as u32).to_le_bytes());
    out.extend(((at_micros % 1_000_000) as u32).to_le_bytes());
    out.extend((frame.len() as u32).to_le_bytes());
    out.extend((frame.len() as u32).to_le_bytes());
    out.extend(frame);
    out
}

fn udp(from: SocketAddr, to: SocketAddr, message: &[u8]) -> Vec<u8> {
    let length = (8 + message.len()) as u16;
    let mut head = Vec::with_capacity(8 + message.len());
    head.extend(from.port().to_be_bytes());
    head.extend(to.port().to_be_bytes());
    head.extend(length.to_be_bytes());
    head.extend([0, 0]);
    // Over the addresses too: the pseudo header of either version adds up to the same form.
    let (a, b) = (from.ip().to_canonical(), to.ip().to_canonical());
    let addresses: Vec<u8> = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => [a.octets(), b.octets()].concat(),
        (a, b) => [v6(a), v6(b)].concat(),
    };
    let protocol = [0, 17];
    let sum = checksum(&[&addresses, &protocol, &length.to_be_bytes(), &head, message]);
    let sum = if sum == 0 { 0xffff } else { sum };
    head[6..8].copy_from_slice(&sum.to_be_bytes());
    head.extend_from_slice(message);
    head
}

fn v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// The Internet checksum (RFC 1071) of parts, all but the last of even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        sum += u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_of_both_ip_versions_add_up() {
        for (from, to, head) in [
            ("192.0.2.1:5060", "192.0.2.9:5070", 14 + 20),
            ("[2001:db8::1]:5060", "[2001:db8::9]:5070", 14 + 40),
            ("192.0.2.1:5060", "[2001:db8::9]:5070", 14 + 40),
        ] {
            let packet = packet(1_700_000_000_000_001, from.parse().unwrap(), to.parse().unwrap(), b"odd");
            let frame = &packet[16..];
            assert_eq!(frame.len(), head + 8 + 3);
            assert_eq!(packet[8..12], (frame.len() as u32).to_le_bytes());
            if head == 34 {
                assert_eq!(checksum(&[&frame[14..34]]), 0, "of a header with its checksum in it");
            }
            assert_eq!(&frame[head + 8..], b"odd");
            let addresses = if head == 34 { &frame[26..34] } else { &frame[22..54] };
            let whole = checksum(&[addresses, &[0, 17], &[0, 11], &frame[head..]]);
            assert_eq!(whole, 0, "of a datagram with its checksum in it");
        }
    }

    #[test]
    fn a_message_too_long_for_a_datagram_is_cut() {
        let long = vec![b'x'; 70_000];
        let packet = packet(0, "192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap(), &long);
        assert_eq!(packet.len(), 16 + 14 + 20 + 8 + PAYLOAD);
    }
}
