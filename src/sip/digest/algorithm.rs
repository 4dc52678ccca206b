//! The hash functions of digest authentication, and the arithmetic of a response (RFC 7616 section 3.4).

use crate::redact::Secret;
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// A hash function a challenge may name (RFC 8760). A server of ours neither offers nor takes the `-sess` variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `SHA-256`, offered first.
    Sha256,
    /// `MD5`, for the many phones that know nothing else.
    Md5,
}

impl Algorithm {
    /// All of them, in the order they are offered.
    pub const ALL: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

    /// As it stands in a challenge.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Md5 => "MD5",
        }
    }

    /// The algorithm a challenge or an answer names, in any case of letters.
    pub fn from_name(name: &[u8]) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|a| a.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The hash of `parts` joined by colons, in lower-case hex.
    pub(super) fn hex(self, parts: &[&[u8]]) -> String {
        match self {
            Algorithm::Sha256 => hex_of::<Sha256>(parts),
            Algorithm::Md5 => hex_of::<Md5>(parts),
        }
    }

    /// H(A1): what the server needs to keep of a password (RFC 7616 section 3.4.2). As good as the
    /// password within its realm, hence a [`Secret`].
    pub fn ha1(self, user: &[u8], realm: &[u8], password: &Secret<String>) -> Secret<String> {
        Secret::new(self.hex(&[user, realm, password.expose().as_bytes()]))
    }

    /// The response a holder of `ha1` gives (RFC 7616 section 3.4.1; without `qop`, RFC 2617 section
    /// 3.2.2.1), in lower-case hex.
    pub fn response(self, ha1: &Secret<String>, of: &Answered<'_>) -> String {
        self.response_over(ha1, of, None)
    }

    /// As [`Algorithm::response`]; with the hash of the body where that is protected, too (`qop=auth-int`).
    pub(super) fn response_over(self, ha1: &Secret<String>, of: &Answered<'_>, body: Option<&str>) -> String {
        let ha2 = match body {
            Some(body) => self.hex(&[of.method, of.uri, body.as_bytes()]),
            None => self.hex(&[of.method, of.uri]),
        };
        match of.counted {
            Some(Counted { nc, cnonce, qop }) => {
                self.hex(&[ha1.expose().as_bytes(), of.nonce, nc, cnonce, qop, ha2.as_bytes()])
            }
            None => self.hex(&[ha1.expose().as_bytes(), of.nonce, ha2.as_bytes()]),
        }
    }
}

/// What a response is computed over, each part as it stands in the message.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The method, in capitals.
    pub method: &'a [u8],
    /// The `uri` parameter, octet by octet.
    pub uri: &'a [u8],
    /// The nonce of the challenge.
    pub nonce: &'a [u8],
    /// The parts that `qop=auth` adds; `None` for a phone of RFC 2069.
    pub counted: Option<Counted<'a>>,
}

/// The parts of a response that `qop=auth` adds, as they stand in the message.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    /// The count of uses of the nonce: eight hex digits.
    pub nc: &'a [u8],
    /// The client's own random string.
    pub cnonce: &'a [u8],
    /// The quality of protection, `auth`.
    pub qop: &'a [u8],
}

fn hex_of<H: Digest>(parts: &[&[u8]]) -> String {
    let mut hash = H::new();
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no algorithm we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownAlgorithm;

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown digest algorithm: SHA-256 and MD5 are known")
    }
}

impl std::error::Error for UnknownAlgorithm {}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;
    fn from_str(s: &str) -> Result<Algorithm, UnknownAlgorithm> {
        Algorithm::from_name(s.as_bytes()).ok_or(UnknownAlgorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC_7616: Answered<'static> = Answered {
        method: b"GET",
        uri: b"/dir/index.html",
        nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        counted: Some(Counted {
            nc: b"00000001",
            cnonce: b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            qop: b"auth",
        }),
    };

    fn mufasa(algorithm: Algorithm) -> String {
        let ha1 = algorithm.ha1(b"Mufasa", b"http-auth@example.org", &"Circle of Life".into());
        algorithm.response(&ha1, &RFC_7616)
    }

    #[test]
    fn the_answers_of_rfc_7616_section_3_9_1_are_met() {
        assert_eq!(mufasa(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            mufasa(Algorithm::Sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn an_answer_without_qop_is_that_of_rfc_2069() {
        let ha1 = Algorithm::Md5.ha1(b"Mufasa", b"testrealm@host.com", &"CircleOfLife".into());
        let of = Answered {
            method: b"GET",
            uri: b"/dir/index.html",
            nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
            counted: None,
        };
        assert_eq!(Algorithm::Md5.response(&ha1, &of), "1949323746fe6a43ef61f9606e7febea");
    }

    #[test]
    fn algorithms_are_read_in_any_case_and_session_variants_are_unknown() {
        assert_eq!("sha-256".parse(), Ok(Algorithm::Sha256));
        assert_eq!("md5".parse(), Ok(Algorithm::Md5));
        assert_eq!("MD5-sess".parse::<Algorithm>(), Err(UnknownAlgorithm));
    }
}
