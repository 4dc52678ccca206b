//! Octets in snapshots: as they are, or as text where a person reads, each octet the character of its number.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

fn text(octets: &[u8]) -> String {
    octets.iter().map(|&octet| char::from(octet)).collect()
}

fn octets<E: Error>(text: &str) -> Result<Vec<u8>, E> {
    text.chars().map(|c| u8::try_from(u32::from(c)).map_err(|_| E::custom("not octets"))).collect()
}

/// Writes octets.
pub fn serialize<S: Serializer>(from: &[u8], to: S) -> Result<S::Ok, S::Error> {
    if to.is_human_readable() { to.serialize_str(&text(from)) } else { to.serialize_bytes(from) }
}

/// Reads octets.
pub fn deserialize<'de, T: From<Vec<u8>>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    if from.is_human_readable() {
        octets(&String::deserialize(from)?).map(T::from)
    } else {
        from.deserialize_byte_buf(AsTheyAre).map(T::from)
    }
}

struct AsTheyAre;

impl Visitor<'_> for AsTheyAre {
    type Value = Vec<u8>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("octets")
    }

    fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<Vec<u8>, E> {
        Ok(octets.to_vec())
    }

    fn visit_byte_buf<E: Error>(self, octets: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(octets)
    }
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
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize)]
    struct Borrowed<'a>(#[serde(with = "super")] &'a [u8]);

    #[derive(Deserialize)]
    struct Owned(#[serde(with = "super")] Vec<u8>);

    /// Writes each.
    pub fn serialize<S: Serializer>(from: &[Vec<u8>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(from.iter().map(|octets| Borrowed(octets)))
    }

    /// Reads each.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<u8>>, D::Error> {
        let each = Vec::<Owned>::deserialize(from)?;
        Ok(each.into_iter().map(|Owned(octets)| octets).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Held {
        #[serde(with = "super")]
        one: Vec<u8>,
        #[serde(with = "super::list")]
        several: Vec<Vec<u8>>,
    }

    #[test]
    fn every_octet_comes_back_and_sip_can_be_read() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(octets::<serde_json::Error>(&text(&all)).unwrap(), all);
        assert_eq!(text(b"INVITE sip:12345@h"), "INVITE sip:12345@h");
        assert!(octets::<serde_json::Error>("\u{100}").is_err());
        let held = Held { one: all.clone(), several: vec![all, b"v=0\r\n".to_vec()] };
        let bytes = postcard::to_allocvec(&held).unwrap();
        assert_eq!(bytes.len(), 2 + 256 + 1 + 2 + 256 + 1 + 5, "no octet takes more than itself");
        assert_eq!(postcard::from_bytes::<Held>(&bytes).unwrap(), held);
        let text = serde_json::to_string(&held).unwrap();
        assert_eq!(serde_json::from_str::<Held>(&text).unwrap(), held);
    }
}
