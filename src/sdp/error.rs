//! Why a description cannot be used, and the SIP status that says so.

use std::fmt;

/// Why a description cannot be used. Quotes nothing of what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SdpError {
    /// The body is longer than [`super::BODY_LIMIT`].
    TooLarge,
    /// The text is not a session description; the text says what is wrong.
    Malformed(&'static str),
    /// A description, but there is nothing in it that we can speak; the text says why.
    Unacceptable(&'static str),
}

impl SdpError {
    /// The status of the answer to the request that carried it: 400, 413 or 488 (RFC 3261 section 21.4).
    pub fn status(self) -> u16 {
        match self {
            SdpError::TooLarge => 413,
            SdpError::Malformed(_) => 400,
            SdpError::Unacceptable(_) => 488,
        }
    }

    /// What is wrong, in plain words.
    pub fn reason(self) -> &'static str {
        match self {
            SdpError::TooLarge => "a session description that is too long",
            SdpError::Malformed(reason) | SdpError::Unacceptable(reason) => reason,
        }
    }
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for SdpError {}

/// Both sides have audio, and cannot speak it with each other. The status is 488.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incompatible {
    /// No codec that both speak.
    Codec,
    /// No security that both have: one side is plain RTP and the other DTLS-SRTP, or both want to be the DTLS server.
    Security,
}

impl Incompatible {
    /// The status of the answer to the request that carried the offer.
    pub fn status(self) -> u16 {
        488
    }
}

impl fmt::Display for Incompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Incompatible::Codec => "no codec in common",
            Incompatible::Security => "no encryption in common",
        })
    }
}

impl std::error::Error for Incompatible {}
