//! The audio codecs of the gateway. Encoding and decoding are the media plane's.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A codec that can be negotiated. What a description says of it is its [`Encoding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Codec {
    /// G.711 A-law: China, Europe, most of the world.
    Pcma,
    /// G.711 µ-law: North America, Japan.
    Pcmu,
}

/// How a codec is written in descriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// The name of `a=rtpmap`.
    pub name: &'static str,
    /// Ticks per second of its RTP timestamps.
    pub clock_rate: u32,
    /// Audio channels.
    pub channels: u8,
    /// The payload type that needs no `a=rtpmap` (RFC 3551 section 6), when there is one.
    pub payload_type: Option<u8>,
}

impl Codec {
    /// Every codec, A-law first: the network this is made for speaks it, so nothing needs converting.
    pub const ALL: [Codec; 2] = [Codec::Pcma, Codec::Pcmu];

    /// How descriptions write it.
    pub fn encoding(self) -> Encoding {
        let telephone = |name, payload_type| Encoding {
            name,
            clock_rate: 8_000,
            channels: 1,
            payload_type: Some(payload_type),
        };
        match self {
            Codec::Pcma => telephone("PCMA", 8),
            Codec::Pcmu => telephone("PCMU", 0),
        }
    }

    /// The name in descriptions.
    pub fn name(self) -> &'static str {
        self.encoding().name
    }

    /// The codec of a payload type that came without `a=rtpmap`.
    pub fn of_static(payload_type: u8) -> Option<Codec> {
        Codec::ALL.into_iter().find(|c| c.encoding().payload_type == Some(payload_type))
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.clock_rate)?;
        if self.channels == 1 { Ok(()) } else { write!(f, "/{}", self.channels) }
    }
}

/// What `a=rtpmap` says of a payload type (RFC 8866 section 6.6): `PCMA/8000`, `PCMA/8000/1`, `opus/48000/2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mapped<'a> {
    pub name: &'a str,
    pub clock_rate: u32,
    pub channels: u8,
}

impl<'a> Mapped<'a> {
    pub(super) fn read(text: &'a str) -> Option<Mapped<'a>> {
        let mut parts = text.split('/').map(str::trim);
        let name = parts.next()?;
        let clock_rate = parts.next()?.parse().ok()?;
        let channels = match parts.next() {
            None | Some("") => 1,
            Some(channels) => channels.parse().ok()?,
        };
        Some(Mapped { name, clock_rate, channels })
    }

    /// Whether it is that encoding; a name counts in any case.
    pub(super) fn is(&self, encoding: &Encoding) -> bool {
        self.name.eq_ignore_ascii_case(encoding.name)
            && (self.clock_rate, self.channels) == (encoding.clock_rate, encoding.channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPUS: Encoding = Encoding { name: "opus", clock_rate: 48_000, channels: 2, payload_type: None };
    const G722: Encoding = Encoding { name: "G722", clock_rate: 8_000, channels: 1, payload_type: Some(9) };

    #[test]
    fn an_encoding_is_read_as_it_is_written() {
        for encoding in [OPUS, G722, Codec::Pcma.encoding(), Codec::Pcmu.encoding()] {
            assert!(Mapped::read(&encoding.to_string()).unwrap().is(&encoding), "{encoding}");
        }
        assert_eq!((OPUS.to_string(), G722.to_string()), ("opus/48000/2".into(), "G722/8000".into()));
    }

    #[test]
    fn name_clock_rate_and_channels_must_all_be_right() {
        let is = |text: &str, encoding: &Encoding| Mapped::read(text).is_some_and(|m| m.is(encoding));
        assert!(is("OPUS/48000/2", &OPUS) && is("g722/8000/1", &G722) && is("g722 / 8000 /", &G722));
        for other in
            ["opus/48000", "opus/48000/1", "opus/8000/2", "opus", "opus/", "opus/48000/x", "g722/8000"]
        {
            assert!(!is(other, &OPUS), "{other}");
        }
    }
}
