//! What the own store knows of a number, and the key it knows it by. The number itself is not stored with it:
//! the key is a keyed hash, so that a copy of the store does not list who called.

use crate::event::Caller;
use crate::id::{OperatorId, SeatId};
use crate::redact::Secret;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;

/// The key of the keyed hash: made once at first start, kept in the state directory. Without it the
/// history's connection to numbers, nothing else.
#[derive(Clone)]
pub struct HistorySecret(Secret<[u8; 32]>);

impl HistorySecret {
    /// From 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> HistorySecret {
        HistorySecret(Secret::new(bytes))
    }
}

impl From<[u8; 32]> for HistorySecret {
    fn from(bytes: [u8; 32]) -> HistorySecret {
        HistorySecret::new(bytes)
    }
}

impl fmt::Debug for HistorySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HistorySecret(secret)")
    }
}

/// A number as the history knows it: the first 16 bytes of HMAC-SHA256 (RFC 2104) over its normal form.
///
/// 128 bits: two of a billion numbers share a key with a probability of 10^-21.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HistoryKey([u8; 16]);

impl HistoryKey {
    /// The key of a caller; `None` when the number is withheld or none. A number without an E.164 form (a short
    /// code, an extension of the trunk's PBX) is known by its digits as they came.
    pub fn of(caller: &Caller, secret: &HistorySecret) -> Option<HistoryKey> {
        if caller.withheld {
            return None;
        }
        let number = caller.e164.as_ref().unwrap_or(&caller.raw).reveal();
        (!number.is_empty()).then(|| HistoryKey::of_number(number, secret))
    }

    /// The key of a number in its normal form.
    pub fn of_number(number: &str, secret: &HistorySecret) -> HistoryKey {
        let mut key = [0; 16];
        // HMAC takes a key of any length.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.0.expose()) {
            mac.update(number.as_bytes());
            let digest = mac.finalize().into_bytes();
            key.iter_mut().zip(digest).for_each(|(k, d)| *k = d);
        }
        HistoryKey(key)
    }

    /// From its 16 bytes, as stored.
    pub fn from_bytes(bytes: [u8; 16]) -> HistoryKey {
        HistoryKey(bytes)
    }

    /// The 16 bytes, to be stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// What the own store knows of a number. Windows slide; the present call is not counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Earlier calls in the last 24 hours.
    pub calls_24h: u32,
    /// Earlier calls in the last 7 days.
    pub calls_7d: u32,
    /// Earlier calls in the last 30 days.
    pub calls_30d: u32,
    /// The seat that last spoke with this number.
    pub last_seat: Option<SeatId>,
    /// The person who last spoke with this number.
    pub last_operator: Option<OperatorId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(raw: &str, e164: Option<&str>, withheld: bool) -> Caller {
        Caller { raw: raw.into(), e164: e164.map(Into::into), withheld, ..Caller::default() }
    }

    #[test]
    fn the_key_is_the_first_half_of_hmac_sha256() {
        // Checked with: printf %s +8613812341234 | openssl dgst -sha256 -mac hmac -macopt hexkey:0707…07
        let key = HistoryKey::of_number("+8613812341234", &HistorySecret::new([7; 32]));
        let hex: String = key.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "ad8180fa16b202ba937cc2fa0e18fff1");
        assert_eq!(HistoryKey::from_bytes(*key.as_bytes()), key);
    }

    #[test]
    fn one_number_in_two_spellings_has_one_key() {
        let secret = HistorySecret::new([1; 32]);
        let a = HistoryKey::of(&caller("013812341234", Some("+8613812341234"), false), &secret);
        let b = HistoryKey::of(&caller("+86 138 1234 1234", Some("+8613812341234"), false), &secret);
        assert!(a.is_some());
        assert_eq!(a, b);
        let other = HistorySecret::new([2; 32]);
        assert_ne!(a, HistoryKey::of(&caller("x", Some("+8613812341234"), false), &other));
    }

    #[test]
    fn a_short_code_is_known_by_its_digits() {
        let secret = HistorySecret::new([1; 32]);
        assert_eq!(
            HistoryKey::of(&caller("12345", None, false), &secret),
            Some(HistoryKey::of_number("12345", &secret))
        );
    }

    #[test]
    fn a_caller_who_withholds_the_number_has_no_history() {
        let secret = HistorySecret::new([1; 32]);
        assert_eq!(HistoryKey::of(&caller("13812341234", Some("+8613812341234"), true), &secret), None);
        assert_eq!(HistoryKey::of(&caller("", None, false), &secret), None);
    }

    #[test]
    fn the_secret_never_prints_itself() {
        assert!(!format!("{:?}", HistorySecret::new([7; 32])).contains('7'));
    }
}
