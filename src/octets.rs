//! Octets as text, for snapshots: each octet is the character of its number, so that what is SIP stays readable and what is
//! not UTF-8 is kept as it came.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

fn text(octets: &[u8]) -> String {
    octets.iter().map(|&octet| char::from(octet)).collect()
}

fn octets<E: Error>(text: &str) -> Result<Vec<u8>, E> {
    text.chars().map(|c| u8::try_from(u32::from(c)).map_err(|_| E::custom("not octets"))).collect()
}

/// Writes octets.
pub fn serialize<S: Serializer>(from: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&text(from))
}

/// Reads octets.
pub fn deserialize<'de, T: From<Vec<u8>>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    octets(&String::deserialize(from)?).map(T::from)
}

/// A name that is shared.
pub mod name {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::sync::Arc;

    /// Writes it.
    pub fn serialize<S: Serializer>(from: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(from)
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
        String::deserialize(from).map(Arc::from)
    }
}

/// Several of them.
pub mod list {
    use super::{octets, text};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes each.
    pub fn serialize<S: Serializer>(from: &[Vec<u8>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(from.iter().map(|octets| text(octets)))
    }

    /// Reads each.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<u8>>, D::Error> {
        Vec::<String>::deserialize(from)?.iter().map(|text| octets(text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_comes_back_and_sip_can_be_read() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(octets::<serde_json::Error>(&text(&all)).unwrap(), all);
        assert_eq!(text(b"INVITE sip:12345@h"), "INVITE sip:12345@h");
        assert!(octets::<serde_json::Error>("\u{100}").is_err());
    }
}
