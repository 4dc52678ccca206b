//! When a certificate runs out: `notAfter` of RFC 5280 section 4.1.2.5, found by walking the few fields before it. rustls
//! verifies certificates and does not tell this date.

use crate::time::Wall;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// `None` for what is no certificate.
pub(super) fn expires(certificate: &[u8]) -> Option<Wall> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (to_be_signed, _) = expect(certificate, SEQUENCE)?;
    let (tag, _, behind) = element(to_be_signed)?;
    // A certificate of version 1 does not name its version.
    let rest = if tag == VERSION { behind } else { to_be_signed };
    let (_serial, rest) = expect(rest, INTEGER)?;
    let (_algorithm, rest) = expect(rest, SEQUENCE)?;
    let (_issuer, rest) = expect(rest, SEQUENCE)?;
    let (validity, _) = expect(rest, SEQUENCE)?;
    let (_, _, rest) = element(validity)?;
    let (tag, not_after, _) = element(rest)?;
    let text = std::str::from_utf8(not_after).ok()?.strip_suffix('Z')?;
    match tag {
        UTC_TIME => {
            // Years below 50 are of this century (RFC 5280 section 4.1.2.5.1).
            let century = if text.get(..2)? < "50" { "20" } else { "19" };
            seconds(&format!("{century}{text}"))
        }
        GENERALIZED_TIME => seconds(text),
        _ => None,
    }
}

/// The content of an element of this kind, and what is behind it.
fn expect(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(der)?;
    (tag == wanted).then_some((content, rest))
}

/// One element: its tag, its content, and what is behind it. Lengths have at most three octets: 16 MiB.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (octets.iter().fold(0, |all, octet| all << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYYYMMDDHHMMSS`, UTC, in the Gregorian calendar; the days of the years before count from March, so that the leap day
/// is the last of its year.
fn seconds(text: &str) -> Option<Wall> {
    if text.len() != 14 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let of_day = part(8, 10)? * 3600 + part(10, 12)? * 60 + part(12, 14)?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1970 {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let secs = days.checked_sub(719_468)?.checked_mul(86_400)?.checked_add(of_day)?;
    secs.checked_mul(1_000_000_000).map(Wall)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(year: i32, month: u8, day: u8) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["hotline.example.org".into()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, month, day);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_notations() {
        for ((year, month, day), secs) in [
            ((2000, 2, 29), 951_782_400),
            ((2027, 1, 1), 1_798_761_600),
            ((2049, 12, 31), 2_524_521_600),
            // From 2050 on the other notation.
            ((2100, 3, 1), 4_107_542_400),
        ] {
            assert_eq!(expires(&certificate(year, month, day)).map(Wall::secs), Some(secs), "{year}");
        }
    }

    #[test]
    fn no_part_of_a_certificate_and_no_octet_changed_ends_badly() {
        let whole = certificate(2030, 6, 1);
        for end in 0..whole.len().min(300) {
            assert_eq!(expires(&whole[..end]), None, "{end}");
        }
        for at in 0..whole.len() {
            for octet in [0, 0x7f, 0x80, 0x83, 0xff] {
                let mut changed = whole.clone();
                changed[at] = octet;
                let _ = expires(&changed);
            }
        }
    }
}
