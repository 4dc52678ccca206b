//! The audio codecs of the gateway, and the number telephone keys travel under. Encoding and decoding are the
//! media plane's.

use std::fmt;

/// A codec that can be negotiated (RFC 3551 section 4.5.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// G.711 A-law: China, Europe, most of the world.
    Pcma,
    /// G.711 µ-law: North America, Japan.
    Pcmu,
}

impl Codec {
    /// Every codec, A-law first: the network this is made for speaks it, so nothing needs converting.
    pub const ALL: [Codec; 2] = [Codec::Pcma, Codec::Pcmu];

    /// Samples per second, and so the rate of RTP timestamps.
    pub const CLOCK_RATE: u32 = 8000;

    /// The encoding name as `a=rtpmap` carries it.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcma => "PCMA",
            Codec::Pcmu => "PCMU",
        }
    }

    /// The payload type that needs no `a=rtpmap` (RFC 3551 section 6).
    pub fn static_payload_type(self) -> u8 {
        match self {
            Codec::Pcma => 8,
            Codec::Pcmu => 0,
        }
    }

    /// The codec of a payload type that came without `a=rtpmap`.
    pub fn of_static(payload_type: u8) -> Option<Codec> {
        Codec::ALL.into_iter().find(|c| c.static_payload_type() == payload_type)
    }

    /// The codec of an encoding name in any case.
    pub fn of_name(name: &str) -> Option<Codec> {
        Codec::ALL.into_iter().find(|c| c.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
