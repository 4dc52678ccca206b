//! How a stream is secured, as its description says: not at all, or by DTLS-SRTP over ICE. Values alone: checks of
//! connectivity, handshakes and keys are the media plane's.

use super::SdpError;
use super::attributes::{first, values};
use crate::redact::Secret;
use sdp_types::{Attribute, Media, Session};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// At most this many fingerprints of one stream are read. A peer has one for each of its certificates.
const FINGERPRINTS_READ: usize = 4;

/// How a stream is secured. A sealed stream outlives no process: its keys would be used again (RFC 3711 section 9.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Security {
    /// Not at all.
    Plain,
    /// By DTLS-SRTP over ICE.
    #[serde(skip)]
    Dtls(Arc<Dtls>),
}

/// What one side says of its ICE agent and its DTLS endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dtls {
    /// Its ICE agent.
    pub ice: Ice,
    /// Its certificates; never empty.
    pub fingerprints: Vec<Fingerprint>,
    /// Which side of the handshake it takes. Our own answers say [`Setup::Passive`] whatever stands here.
    pub setup: Setup,
}

/// The credentials of an ICE agent (RFC 8839 section 5.4). New ones are an ICE restart.
#[derive(Debug, Clone)]
pub struct Ice {
    /// The user name fragment.
    pub ufrag: Box<str>,
    /// The password.
    pub password: Secret<Box<str>>,
}

/// Both come from the same peer, so that no guess is to be hidden from it.
impl PartialEq for Ice {
    fn eq(&self, other: &Ice) -> bool {
        (&self.ufrag, self.password.expose()) == (&other.ufrag, other.password.expose())
    }
}

impl Eq for Ice {}

/// The hash of a certificate (RFC 8122 section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// The function.
    pub hash: Hash,
    /// Its value, as long as [`Hash::octets`] says.
    pub value: Box<[u8]>,
}

/// A hash function that certificates are told by. Weaker ones are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Which side of the handshake a peer takes (RFC 4145 section 4, RFC 8842).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// The side that begins: the DTLS client.
    Active,
    /// The side that waits: the DTLS server.
    Passive,
    /// Either, as the answer says.
    ActPass,
    /// Neither for now.
    HoldConn,
}

impl Hash {
    const ALL: [Hash; 3] = [Hash::Sha256, Hash::Sha384, Hash::Sha512];

    /// The name in `a=fingerprint`.
    pub fn name(self) -> &'static str {
        match self {
            Hash::Sha256 => "sha-256",
            Hash::Sha384 => "sha-384",
            Hash::Sha512 => "sha-512",
        }
    }

    /// Octets of its value.
    pub fn octets(self) -> usize {
        match self {
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }
}

impl Fingerprint {
    /// The value of `a=fingerprint`. `None` for a hash that is not known or a value of another length.
    fn read(text: &str) -> Option<Fingerprint> {
        let (name, value) = text.split_once(char::is_whitespace)?;
        let hash = Hash::ALL.into_iter().find(|h| h.name().eq_ignore_ascii_case(name))?;
        let is_octet = |pair: &&str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
        let octet = |pair: &str| u8::from_str_radix(Some(pair).filter(is_octet)?, 16).ok();
        let value: Option<Box<[u8]>> = value.trim().split(':').take(hash.octets() + 1).map(octet).collect();
        Some(Fingerprint { hash, value: value.filter(|v| v.len() == hash.octets())? })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.name())?;
        for (n, octet) in self.value.iter().enumerate() {
            write!(f, "{}{octet:02X}", if n == 0 { ' ' } else { ':' })?;
        }
        Ok(())
    }
}

impl Setup {
    const ALL: [Setup; 4] = [Setup::Active, Setup::Passive, Setup::ActPass, Setup::HoldConn];

    /// The value of `a=setup`.
    pub fn name(self) -> &'static str {
        match self {
            Setup::Active => "active",
            Setup::Passive => "passive",
            Setup::ActPass => "actpass",
            Setup::HoldConn => "holdconn",
        }
    }

    fn of_name(name: &str) -> Option<Setup> {
        Setup::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(name))
    }

    /// Whether the peer takes the client's side when we take the server's.
    pub fn begins(self) -> bool {
        match self {
            Setup::Active | Setup::ActPass => true,
            Setup::Passive | Setup::HoldConn => false,
        }
    }
}

/// Reads what secures an encrypted stream. Each attribute may stand at the stream or for all streams of the session.
pub(super) fn read(session: &Session, media: &Media) -> Result<Security, SdpError> {
    let missing = |what| SdpError::Unacceptable(what);
    let all = |name| values(&media.attributes, name).chain(values(&session.attributes, name));
    let fingerprints: Vec<Fingerprint> =
        all("fingerprint").filter_map(Fingerprint::read).take(FINGERPRINTS_READ).collect();
    if fingerprints.is_empty() {
        return Err(missing("encrypted audio without a fingerprint"));
    }
    let setup = all("setup").next().and_then(Setup::of_name);
    let setup = setup.ok_or(missing("encrypted audio that does not say who begins the handshake"))?;
    let ufrag = all("ice-ufrag").next().filter(|ufrag| is_ice(ufrag, 4));
    let password = all("ice-pwd").next().filter(|password| is_ice(password, 22));
    let (Some(ufrag), Some(password)) = (ufrag, password) else {
        return Err(missing("encrypted audio without ICE"));
    };
    if first(&media.attributes, "rtcp-mux").is_none() {
        return Err(missing("encrypted audio whose reports want a port of their own"));
    }
    let ice = Ice { ufrag: ufrag.into(), password: Secret::new(password.into()) };
    Ok(Security::Dtls(Arc::new(Dtls { ice, fingerprints, setup })))
}

/// Whether it is so many `ice-char` at least, and 256 at most (RFC 8839 section 5.4).
fn is_ice(text: &str, least: usize) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    (least..=256).contains(&text.len()) && text.bytes().all(fits)
}

/// Writes what secures a stream of ours.
pub(super) fn write(attributes: &mut Vec<Attribute>, dtls: &Dtls, setup: Setup) {
    let mut say = |name: &str, value: String| attributes.push(Attribute::with_value(name, value));
    say("ice-ufrag", dtls.ice.ufrag.to_string());
    say("ice-pwd", dtls.ice.password.expose().to_string());
    for fingerprint in &dtls.fingerprints {
        say("fingerprint", fingerprint.to_string());
    }
    say("setup", setup.name().to_owned());
}
