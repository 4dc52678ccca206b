//! A PIN as the configuration holds it: a salted hash, so that a copy of the file signs no operator in.
//!
//! `pbkdf2-sha256$ROUNDS$SALT$HASH`: PBKDF2 (RFC 8018 section 5.2) with HMAC-SHA-256, one block, salt and hash in hexadecimal
//! digits. A PIN is short, so that all of them can be tried by a holder of the file: it is for its owner alone.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;

/// The rounds of a new hash: a millisecond of the control thread for each attempt, at most three of which a seat has in
/// five minutes.
const ROUNDS: u32 = 2_000;

/// Most rounds taken: a hash made elsewhere must not hold the calls up.
const MOST_ROUNDS: u32 = 10_000;

/// Digits of a PIN: fewer are guessed, more are no PIN.
pub const PIN_DIGITS: std::ops::RangeInclusive<usize> = 4..=12;

const SALT: usize = 16;
const HASH: usize = 32;

/// A salted hash of a PIN.
#[derive(Clone, PartialEq, Eq)]
pub struct PinHash {
    rounds: u32,
    salt: [u8; SALT],
    hash: [u8; HASH],
}

impl fmt::Debug for PinHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinHash(***)")
    }
}

/// As the configuration has it.
impl fmt::Display for PinHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pbkdf2-sha256${}$", self.rounds)?;
        self.salt.iter().try_for_each(|b| write!(f, "{b:02x}"))?;
        f.write_str("$")?;
        self.hash.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl PinHash {
    /// The hash of a PIN with this salt, which is drawn at random; `None` for what is no PIN.
    pub fn new(pin: &str, salt: [u8; SALT]) -> Option<PinHash> {
        let digits = PIN_DIGITS.contains(&pin.len()) && pin.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| PinHash { rounds: ROUNDS, salt, hash: derive(pin.as_bytes(), &salt, ROUNDS) })
    }

    /// Reads a hash as it stands in the configuration.
    pub fn parse(text: &str) -> Option<PinHash> {
        let mut parts = text.split('$');
        let (kind, rounds, salt, hash) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let rounds: u32 = rounds.parse().ok()?;
        if kind != "pbkdf2-sha256" || parts.next().is_some() || !(1..=MOST_ROUNDS).contains(&rounds) {
            return None;
        }
        Some(PinHash { rounds, salt: octets(salt)?, hash: octets(hash)? })
    }

    /// Whether that is the PIN, compared in constant time.
    pub fn is_of(&self, pin: &str) -> bool {
        derive(pin.as_bytes(), &self.salt, self.rounds).ct_eq(&self.hash).into()
    }
}

fn octets<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut octets = [0; N];
    for (octet, at) in octets.iter_mut().zip((0..text.len()).step_by(2)) {
        *octet = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(octets)
}

/// The first block of PBKDF2, which is as long as the hash.
fn derive(pin: &[u8], salt: &[u8], rounds: u32) -> [u8; HASH] {
    let Ok(keyed) = Hmac::<Sha256>::new_from_slice(pin) else { return [0; HASH] };
    let mut first = keyed.clone();
    first.update(salt);
    first.update(&1u32.to_be_bytes());
    let mut round: [u8; HASH] = first.finalize().into_bytes().into();
    let mut sum = round;
    for _ in 1..rounds {
        let mut next = keyed.clone();
        next.update(&round);
        round = next.finalize().into_bytes().into();
        sum.iter_mut().zip(round).for_each(|(s, r)| *s ^= r);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_is_that_of_pbkdf2_as_published() {
        // RFC 7914 section 11: P = "passwd", S = "salt", c = 1.
        let first = derive(b"passwd", b"salt", 1);
        assert_eq!(first[..8], [0x55, 0xac, 0x04, 0x6e, 0x56, 0xe3, 0x08, 0x9f]);
        // P = "Password", S = "NaCl", c = 80000, of which a short run is enough to see that rounds matter.
        assert_ne!(derive(b"passwd", b"salt", 2), first);
    }

    #[test]
    fn a_hash_comes_back_from_its_text_and_knows_its_pin_alone() {
        let hash = PinHash::new("4711", [7; SALT]).unwrap();
        let read = PinHash::parse(&hash.to_string()).unwrap();
        assert_eq!(read, hash);
        assert!(read.is_of("4711") && !read.is_of("4712") && !read.is_of(""));
        assert_ne!(PinHash::new("4711", [8; SALT]).unwrap().hash, hash.hash, "the salt matters");
        assert!(!format!("{hash:?}").contains(&hash.to_string()));
    }

    #[test]
    fn what_is_no_pin_and_no_hash_is_refused() {
        for pin in ["", "123", "12a4", "1234567890123"] {
            assert!(PinHash::new(pin, [7; SALT]).is_none(), "{pin}");
        }
        let good = PinHash::new("4711", [7; SALT]).unwrap().to_string();
        let many = good.replace("$2000$", "$99999999$");
        let short = good.get(..good.len() - 2).unwrap().to_owned();
        for text in [
            "",
            "4711",
            "pbkdf2-sha256$1$00$00",
            &many,
            &short,
            &format!("{good}$"),
            &good.replace("sha256", "sha1"),
        ] {
            assert!(PinHash::parse(text).is_none(), "{text}");
        }
    }
}
