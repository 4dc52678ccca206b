//! A challenge, as a server writes it and as a phone reads and answers it.

use super::algorithm::{Algorithm, Answered, Counted};
use super::params::{NotDigest, Params, is_plain};
use crate::redact::Secret;

/// One value of `WWW-Authenticate` or `Proxy-Authenticate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Whose passwords are asked for.
    pub realm: String,
    /// What to answer.
    pub nonce: String,
    /// With which hash function.
    pub algorithm: Algorithm,
    /// Whether `qop=auth` is offered: without it, an answer is that of RFC 2069.
    pub auth: bool,
    /// Only the nonce was too old or used up; the password was not judged.
    pub stale: bool,
    /// To be returned as it came.
    pub opaque: Option<String>,
}

impl Challenge {
    /// The header's value.
    pub fn render(&self) -> String {
        let mut text = format!("Digest realm=\"{}\", nonce=\"{}\"", self.realm, self.nonce);
        if let Some(opaque) = &self.opaque {
            text.push_str(&format!(", opaque=\"{opaque}\""));
        }
        if self.stale {
            text.push_str(", stale=true");
        }
        text.push_str(&format!(", algorithm={}", self.algorithm));
        if self.auth {
            text.push_str(", qop=\"auth\"");
        }
        text
    }

    /// Reads a header's value. An unknown algorithm is malformed to us: pass it over and try the next.
    pub fn parse(value: &[u8]) -> Result<Challenge, NotDigest> {
        let params = Params::parse(value)?;
        let text = |name| match params.get(name) {
            None => Ok(None),
            Some(v) if is_plain(v) => {
                String::from_utf8(v.to_vec()).map(Some).map_err(|_| NotDigest::Malformed("not UTF-8"))
            }
            Some(_) => Err(NotDigest::Malformed("an escape where none is usual")),
        };
        let algorithm = match params.get("algorithm") {
            None => Algorithm::Md5,
            Some(name) => Algorithm::from_name(name).ok_or(NotDigest::Malformed("unknown algorithm"))?,
        };
        let auth = match params.get("qop") {
            None => false,
            Some(list) if offers_auth(list) => true,
            Some(_) => return Err(NotDigest::Malformed("qop without auth")),
        };
        Ok(Challenge {
            realm: text("realm")?.ok_or(NotDigest::Malformed("no realm"))?,
            nonce: text("nonce")?.ok_or(NotDigest::Malformed("no nonce"))?,
            algorithm,
            auth,
            stale: params.get("stale").is_some_and(|v| v.eq_ignore_ascii_case(b"true")),
            opaque: text("opaque")?,
        })
    }

    /// The strongest challenge among header values; the one a phone answers (RFC 8760 section 2.4 leaves
    /// the choice to the order of the server; ours is the same order).
    pub fn choose<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Challenge> {
        values.into_iter().filter_map(|v| Challenge::parse(v).ok()).min_by_key(|c| c.algorithm)
    }

    /// The value of `Authorization` that answers this challenge for a request of `method` to `uri`, as its
    /// `count`th use (from 1) with the random string `cnonce`.
    pub fn answer(
        &self,
        user: &str,
        password: &Secret<String>,
        method: &str,
        uri: &str,
        (count, cnonce): (u32, &str),
    ) -> String {
        let nc = format!("{count:08x}");
        let counted =
            self.auth.then_some(Counted { nc: nc.as_bytes(), cnonce: cnonce.as_bytes(), qop: b"auth" });
        let of = Answered {
            method: method.as_bytes(),
            uri: uri.as_bytes(),
            nonce: self.nonce.as_bytes(),
            counted,
        };
        let ha1 = self.algorithm.ha1(user.as_bytes(), self.realm.as_bytes(), password);
        let response = self.algorithm.response(&ha1, &of);
        let mut text = format!(
            "Digest username=\"{user}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", \
             algorithm={}",
            self.realm, self.nonce, self.algorithm
        );
        if let Some(opaque) = &self.opaque {
            text.push_str(&format!(", opaque=\"{opaque}\""));
        }
        if self.auth {
            text.push_str(&format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\""));
        }
        text
    }
}

fn offers_auth(list: &[u8]) -> bool {
    list.split(|b| *b == b',').any(|q| q.trim_ascii().eq_ignore_ascii_case(b"auth"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(algorithm: Algorithm) -> Challenge {
        Challenge {
            realm: "http-auth@example.org".into(),
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".into(),
            algorithm,
            auth: true,
            stale: false,
            opaque: Some("FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS".into()),
        }
    }

    #[test]
    fn a_challenge_reads_back_as_it_was_written() {
        for c in [
            challenge(Algorithm::Sha256),
            Challenge { stale: true, opaque: None, ..challenge(Algorithm::Md5) },
            Challenge { auth: false, ..challenge(Algorithm::Md5) },
        ] {
            assert_eq!(Challenge::parse(c.render().as_bytes()), Ok(c));
        }
    }

    #[test]
    fn qop_lists_are_read_and_the_strongest_challenge_is_chosen() {
        let md5 = b"Digest realm=\"a\",nonce=\"b\",qop=\"auth-int, auth\"";
        let sha = b"Digest realm=\"a\",nonce=\"b\",algorithm=SHA-256,qop=\"auth\"";
        let odd = b"Digest realm=\"a\",nonce=\"b\",algorithm=SHA-512-256,qop=\"auth\"";
        assert!(Challenge::parse(md5).unwrap().auth);
        let chosen = Challenge::choose([&md5[..], &odd[..], &sha[..]]).unwrap();
        assert_eq!(chosen.algorithm, Algorithm::Sha256);
        assert!(Challenge::choose([&odd[..], b"Basic realm=\"x\""]).is_none());
    }

    #[test]
    fn the_example_of_rfc_7616_is_answered_as_printed_there() {
        let answer = challenge(Algorithm::Sha256).answer(
            "Mufasa",
            &"Circle of Life".into(),
            "GET",
            "/dir/index.html",
            (1, "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
        );
        assert!(
            answer.contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"")
        );
        assert!(answer.contains("nc=00000001") && answer.contains("opaque=\"FQhe/"));
    }
}
