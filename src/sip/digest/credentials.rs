//! What a peer answers a challenge with: the value of `Authorization` or `Proxy-Authorization`.

use super::algorithm::{Algorithm, Answered, Counted};
use super::nonce::NonceUse;
use super::params::{NotDigest, Params, unescaped};

/// One answer, its parts octet by octet as they stand in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The user the peer claims to be, escapes resolved.
    pub username: Vec<u8>,
    /// The realm it answers for.
    pub realm: &'a [u8],
    /// The nonce it answers.
    pub nonce: &'a [u8],
    /// The request it answers for; hashed as it stands, never re-written.
    pub uri: &'a [u8],
    /// The answer, in hex of any case.
    pub response: &'a [u8],
    /// Which hash function; `None` when it names one we do not know. MD5 when it names none.
    pub algorithm: Option<Algorithm>,
    /// The count and what goes with it.
    pub protection: Protection<'a>,
}

/// How an answer protects its nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection<'a> {
    /// `qop=auth`.
    Auth {
        /// The count, as written.
        nc: &'a [u8],
        /// The count.
        count: u32,
        /// The client's random string.
        cnonce: &'a [u8],
        /// `auth`, as written.
        qop: &'a [u8],
    },
    /// None: a client of RFC 2069.
    Legacy,
}

impl<'a> Credentials<'a> {
    /// Reads one header value. An error of [`NotDigest::Malformed`] deserves a 400.
    pub fn parse(value: &'a [u8]) -> Result<Credentials<'a>, NotDigest> {
        let params = Params::parse(value)?;
        let need = |name| params.get(name).ok_or(NotDigest::Malformed("a parameter is missing"));
        let algorithm = match params.get("algorithm") {
            None => Some(Algorithm::Md5),
            Some(name) => Algorithm::from_name(name),
        };
        Ok(Credentials {
            username: unescaped(need("username")?),
            realm: need("realm")?,
            nonce: need("nonce")?,
            uri: need("uri")?,
            response: need("response")?,
            algorithm,
            protection: Protection::read(&params)?,
        })
    }

    /// What its response is computed over, for a request of `method`.
    pub fn answered<'b>(&'b self, method: &'b [u8]) -> Answered<'b> {
        let counted = match self.protection {
            Protection::Auth { nc, cnonce, qop, .. } => Some(Counted { nc, cnonce, qop }),
            Protection::Legacy => None,
        };
        Answered { method, uri: self.uri, nonce: self.nonce, counted }
    }

    /// How it uses its nonce.
    pub fn nonce_use(&self) -> NonceUse {
        match self.protection {
            Protection::Auth { count, .. } => NonceUse::Counted(count),
            Protection::Legacy => NonceUse::Once,
        }
    }
}

impl<'a> Protection<'a> {
    fn read(params: &Params<'a>) -> Result<Protection<'a>, NotDigest> {
        let Some(qop) = params.get("qop").filter(|q| !q.is_empty()) else {
            return Ok(Protection::Legacy);
        };
        if !qop.eq_ignore_ascii_case(b"auth") {
            return Err(NotDigest::Malformed("a qop that was not offered"));
        }
        let (Some(nc), Some(cnonce)) = (params.get("nc"), params.get("cnonce")) else {
            return Err(NotDigest::Malformed("qop without nc or cnonce"));
        };
        let count = count(nc).ok_or(NotDigest::Malformed("nc is not eight hex digits"))?;
        Ok(Protection::Auth { nc, count, cnonce, qop })
    }
}

/// Reads `nc`: 8LHEX (RFC 7616 section 3.4); capitals and fewer digits are forgiven.
fn count(nc: &[u8]) -> Option<u32> {
    if nc.is_empty() || nc.len() > 8 || !nc.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(nc).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Random;

    const GOOD: &str = "Digest username=\"1001\", realm=\"hotline\", nonce=\"n\", uri=\"sip:Gateway.Example;x=%41\", \
        response=\"00\", algorithm=SHA-256, qop=auth, nc=000000fF, cnonce=\"c\"";

    #[test]
    fn nc_is_hex_and_the_uri_stays_raw() {
        let c = Credentials::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(c.nonce_use(), NonceUse::Counted(255));
        assert_eq!(c.uri, b"sip:Gateway.Example;x=%41");
        assert_eq!(c.algorithm, Some(Algorithm::Sha256));
        assert_eq!(c.answered(b"REGISTER").counted.unwrap().nc, b"000000fF");
    }

    #[test]
    fn quoted_qop_algorithm_and_nc_are_forgiven_because_phones_send_them() {
        let quoted = GOOD
            .replace("SHA-256", "\"sha-256\"")
            .replace("qop=auth", "qop=\"auth\"")
            .replace("000000fF", "\"000000fF\"");
        let c = Credentials::parse(quoted.as_bytes()).unwrap();
        assert_eq!(c, Credentials::parse(quoted.as_bytes()).unwrap());
        assert_eq!((c.algorithm, c.nonce_use()), (Some(Algorithm::Sha256), NonceUse::Counted(255)));
    }

    #[test]
    fn no_algorithm_means_md5_and_no_qop_means_legacy() {
        let old = GOOD.replace("algorithm=SHA-256, qop=auth, nc=000000fF, cnonce=\"c\"", "opaque=\"\"");
        let c = Credentials::parse(old.as_bytes()).unwrap();
        assert_eq!((c.algorithm, c.nonce_use()), (Some(Algorithm::Md5), NonceUse::Once));
    }

    #[test]
    fn what_is_missing_or_was_not_offered_is_malformed() {
        for (from, to) in [
            ("username", "user"),
            ("realm", "r"),
            ("nonce=\"n\"", ""),
            ("uri", "u"),
            ("response", "r"),
            ("qop=auth", "qop=auth-int"),
            ("nc=000000fF", ""),
            ("nc=000000fF", "nc=0000000ff"),
            ("nc=000000fF", "nc=+1"),
            ("nc=000000fF", "nc=g"),
            ("cnonce=\"c\"", ""),
        ] {
            let broken = GOOD.replacen(from, to, 1);
            assert!(
                matches!(Credentials::parse(broken.as_bytes()), Err(NotDigest::Malformed(_))),
                "{from} -> {to}: {broken}"
            );
        }
    }

    #[test]
    fn no_octets_make_the_reader_panic() {
        let mut random = Random::from_number(0x5EED);
        let alphabet = b"Digest ,=\"\\\r\n\tusernamcqopx0fF\x00\xff\xe4";
        for round in 0..20_000 {
            let mut text = GOOD.as_bytes().to_vec();
            for _ in 0..=random.below(6) {
                let at = random.below(text.len() as u64 + 1) as usize;
                let octet = alphabet[random.below(alphabet.len() as u64) as usize];
                match random.below(4) {
                    0 => text.insert(at, octet),
                    1 => text.truncate(at.max(1)),
                    2 if at < text.len() => text[at] = octet,
                    _ if at < text.len() => drop(text.remove(at)),
                    _ => text.extend_from_slice(b", nc=\""),
                }
            }
            if let Ok(c) = Credentials::parse(&text) {
                let inside = |part: &[u8]| part.is_empty() || text.windows(part.len()).any(|w| w == part);
                assert!(inside(c.uri) && inside(c.nonce) && inside(c.response), "round {round}");
                assert!(c.username.len() <= text.len());
            }
        }
    }
}
