//! Keep-alives over UDP that look like STUN (RFC 5626 section 4.4.2): a Binding Request on the SIP port, answered with
//! the address it was seen from (RFC 8489), so that a phone behind NAT notices when its mapping changes. Nothing else of
//! STUN is spoken here.

use std::net::{IpAddr, SocketAddr};

const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_RESPONSE: [u8; 2] = [0x01, 0x01];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];

/// Attributes below this must be understood (RFC 8489 section 14); we understand none.
const OPTIONAL_FROM: u16 = 0x8000;

/// Whether a datagram is STUN and no SIP: no SIP message begins with two zero bits and the magic cookie.
pub fn is_stun(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|b| b & 0xc0 == 0) && bytes.get(4..8) == Some(&MAGIC)
}

/// The answer to a Binding Request that was seen from `source`. `None` for everything else: responses, other methods,
/// requests that are cut off, run over, or ask for what we do not know.
pub fn answer(bytes: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    let (header, mut attributes) = bytes.split_at_checked(20)?;
    let length = u16::from_be_bytes([*header.get(2)?, *header.get(3)?]);
    if header.get(..2)? != BINDING_REQUEST
        || header.get(4..8)? != MAGIC
        || usize::from(length) != attributes.len()
    {
        return None;
    }
    while let Some((head, rest)) = attributes.split_first_chunk::<4>() {
        let [t0, t1, l0, l1] = *head;
        // Values are padded to whole words.
        let padded = usize::from(u16::from_be_bytes([l0, l1])).next_multiple_of(4);
        attributes = rest.get(padded..)?;
        if u16::from_be_bytes([t0, t1]) < OPTIONAL_FROM {
            return None;
        }
    }
    if !attributes.is_empty() {
        return None;
    }
    Some(response(header.get(8..20)?, source))
}

fn response(transaction: &[u8], source: SocketAddr) -> Vec<u8> {
    let (family, address) = match source.ip().to_canonical() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let value = 4 + address.len() as u16;
    let mask = MAGIC.iter().chain(transaction);
    let mut out = Vec::with_capacity(44);
    out.extend(BINDING_RESPONSE);
    out.extend((4 + value).to_be_bytes());
    out.extend(MAGIC);
    out.extend(transaction);
    out.extend(XOR_MAPPED_ADDRESS);
    out.extend(value.to_be_bytes());
    out.extend([0, family]);
    out.extend((source.port() ^ 0x2112).to_be_bytes());
    out.extend(address.iter().zip(mask).map(|(octet, mask)| octet ^ mask));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Random;

    const ID: [u8; 12] = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn request(attributes: &[u8]) -> Vec<u8> {
        let length = (attributes.len() as u16).to_be_bytes();
        [&BINDING_REQUEST[..], &length, &MAGIC, &ID, attributes].concat()
    }

    fn source() -> SocketAddr {
        "192.0.2.1:32853".parse().unwrap()
    }

    #[test]
    fn a_binding_request_is_told_where_it_came_from() {
        let answered = answer(&request(&[]), source()).unwrap();
        // RFC 5769 section 2.2 has this address and transaction: 0xa147 and 0xe112a643 on the wire.
        assert_eq!(answered[20..], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        assert_eq!((&answered[..2], &answered[2..4], &answered[8..20]), (&[1, 1][..], &[0, 12][..], &ID[..]));
        let v6 =
            answer(&request(&[]), "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap()).unwrap();
        // RFC 5769 section 2.3.
        assert_eq!(v6[24..32], [0, 2, 0xa1, 0x47, 1, 0x13, 0xa9, 0xfa]);
    }

    #[test]
    fn what_is_optional_is_passed_over_and_everything_else_gets_no_answer() {
        assert!(answer(&request(&[0x80, 0x28, 0, 3, 1, 2, 3, 0]), source()).is_some());
        for attributes in [&[0, 6, 0, 0][..], &[0x80, 0x28, 0, 8, 1, 2, 3, 4], &[0x80, 0x28]] {
            assert_eq!(answer(&request(attributes), source()), None, "{attributes:?}");
        }
        let mut indication = request(&[]);
        indication[1] = 0x11;
        assert_eq!(answer(&indication, source()), None);
        assert_eq!(answer(&request(&[])[..19], source()), None);
        assert!(is_stun(&request(&[])) && !is_stun(b"OPTIONS sip:a SIP/2.0") && !is_stun(b"\r\n\r\n"));
    }

    #[test]
    fn any_bytes_get_a_small_answer_or_none() {
        let mut random = Random::from_number(7);
        for n in 0..20_000 {
            let mut bytes = request(&[0x80, 0x28, 0, 4, 1, 2, 3, 4]);
            for _ in 0..n % 4 {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] = random.below(256) as u8;
            }
            bytes.truncate(random.below(40) as usize);
            let answered = answer(&bytes, source());
            assert!(answered.is_none_or(|a| a.len() == 32 && a.len() <= 3 * bytes.len()));
        }
    }
}
