//! A challenge, as a server writes it and as a phone reads and answers it.

use super::algorithm::{Algorithm, Answered, Counted};
use super::params::{NotDigest, Params, is_quotable, unescaped};
use crate::redact::Secret;

/// One value of `WWW-Authenticate` or `Proxy-Authenticate`. Its texts keep their escapes: they go back octet by octet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The side whose passwords are asked for.
    pub realm: String,
    /// What to answer.
    pub nonce: String,
    /// With which hash function.
    pub algorithm: Algorithm,
    /// What is hashed with it as the key.
    pub keying: Keying,
    /// What the answer protects.
    pub qop: Qop,
    /// Only the nonce was too old or used up; the password was not judged.
    pub stale: bool,
    /// To be returned as it came.
    pub opaque: Option<String>,
}

/// The key of an answer, H(A1) (RFC 7616 section 3.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keying {
    /// Of user, realm and password.
    Password,
    /// Of that, the nonce and the client's random string: an algorithm whose name ends in `-sess`. A client answers it and
    /// a server of ours never asks for it.
    Session,
}

/// The quality of protection that is answered with, the best a challenge offers (RFC 7616 section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qop {
    /// `auth`: method and URI.
    Auth,
    /// `auth-int`: the body, too.
    AuthInt,
    /// None is offered: an answer is that of RFC 2069.
    Unsaid,
}

/// The request an answer is computed over.
#[derive(Debug, Clone, Copy)]
pub struct Proved<'a> {
    /// The method.
    pub method: &'a str,
    /// The Request-URI.
    pub uri: &'a str,
    /// The body.
    pub body: &'a [u8],
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
        text.push_str(&format!(", algorithm={}{}", self.algorithm, self.keying.suffix()));
        if let Some(qop) = self.qop.name() {
            text.push_str(&format!(", qop=\"{qop}\""));
        }
        text
    }

    /// Reads a header's value. An unknown algorithm is malformed to us: pass it over and try the next.
    pub fn parse(value: &[u8]) -> Result<Challenge, NotDigest> {
        let params = Params::parse(value)?;
        let text = |name| match params.get(name) {
            None => Ok(None),
            Some(v) if is_quotable(v) => {
                String::from_utf8(v.to_vec()).map(Some).map_err(|_| NotDigest::Malformed("not UTF-8"))
            }
            Some(_) => Err(NotDigest::Malformed("a text that cannot stand between quotes")),
        };
        let (algorithm, keying) = match params.get("algorithm") {
            None => (Algorithm::Md5, Keying::Password),
            Some(name) => read_algorithm(name).ok_or(NotDigest::Malformed("unknown algorithm"))?,
        };
        let qop = match params.get("qop") {
            None => Qop::Unsaid,
            Some(list) if offers(list, b"auth") => Qop::Auth,
            Some(list) if offers(list, b"auth-int") => Qop::AuthInt,
            Some(_) => return Err(NotDigest::Malformed("an unknown qop")),
        };
        // The key of a session needs the cnonce, and without qop none may be sent (RFC 2617 section 3.2.2).
        if (keying, qop) == (Keying::Session, Qop::Unsaid) {
            return Err(NotDigest::Malformed("a session without qop"));
        }
        Ok(Challenge {
            realm: text("realm")?.ok_or(NotDigest::Malformed("no realm"))?,
            nonce: text("nonce")?.ok_or(NotDigest::Malformed("no nonce"))?,
            algorithm,
            keying,
            qop,
            stale: params.get("stale").is_some_and(|v| v.eq_ignore_ascii_case(b"true")),
            opaque: text("opaque")?,
        })
    }

    /// The strongest challenge among header values; the one a phone answers (RFC 8760 section 2.4 leaves
    /// the choice to the order of the server; ours is the same order).
    pub fn choose<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Challenge> {
        values.into_iter().filter_map(|v| Challenge::parse(v).ok()).min_by_key(|c| c.algorithm)
    }

    /// The value of `Authorization` that answers this challenge for a request of `method` to `uri` without a body, as its
    /// `count`th use (from 1) with the random string `cnonce`.
    pub fn answer(
        &self,
        user: &str,
        password: &Secret<String>,
        method: &str,
        uri: &str,
        count: u32,
        cnonce: &str,
    ) -> String {
        self.answer_for(user, password, Proved { method, uri, body: &[] }, count, cnonce)
    }

    /// As [`Challenge::answer`], for a request with its body.
    pub fn answer_for(
        &self,
        user: &str,
        password: &Secret<String>,
        request: Proved<'_>,
        count: u32,
        cnonce: &str,
    ) -> String {
        let nc = format!("{count:08x}");
        // Escapes belong to the header: what is hashed is the text they stand for (RFC 3261 section 25.1).
        let (realm, nonce) = (unescaped(self.realm.as_bytes()), unescaped(self.nonce.as_bytes()));
        let of = Answered {
            method: request.method.as_bytes(),
            uri: request.uri.as_bytes(),
            nonce: &nonce,
            counted: self.qop.name().map(|qop| Counted {
                nc: nc.as_bytes(),
                cnonce: cnonce.as_bytes(),
                qop: qop.as_bytes(),
            }),
        };
        let mut ha1 = self.algorithm.ha1(user.as_bytes(), &realm, password);
        if self.keying == Keying::Session {
            ha1 = Secret::new(self.algorithm.hex(&[ha1.expose().as_bytes(), &nonce, cnonce.as_bytes()]));
        }
        let body = (self.qop == Qop::AuthInt).then(|| self.algorithm.hex(&[request.body]));
        let response = self.algorithm.response_over(&ha1, &of, body.as_deref());
        let mut text = format!(
            "Digest username=\"{user}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\", \
             algorithm={}{}",
            self.realm,
            self.nonce,
            request.uri,
            self.algorithm,
            self.keying.suffix()
        );
        if let Some(opaque) = &self.opaque {
            text.push_str(&format!(", opaque=\"{opaque}\""));
        }
        if let Some(qop) = self.qop.name() {
            text.push_str(&format!(", qop={qop}, nc={nc}, cnonce=\"{cnonce}\""));
        }
        text
    }
}

impl Keying {
    /// What an algorithm's name has at its end.
    fn suffix(self) -> &'static str {
        match self {
            Keying::Password => "",
            Keying::Session => "-sess",
        }
    }
}

impl Qop {
    /// As it stands in an answer.
    fn name(self) -> Option<&'static str> {
        match self {
            Qop::Auth => Some("auth"),
            Qop::AuthInt => Some("auth-int"),
            Qop::Unsaid => None,
        }
    }
}

/// The algorithm a challenge names, in any case of letters, and what it keys with.
fn read_algorithm(name: &[u8]) -> Option<(Algorithm, Keying)> {
    let (base, suffix) = name.split_at(name.len().saturating_sub(Keying::Session.suffix().len()));
    match suffix.eq_ignore_ascii_case(Keying::Session.suffix().as_bytes()) {
        true => Some((Algorithm::from_name(base)?, Keying::Session)),
        false => Some((Algorithm::from_name(name)?, Keying::Password)),
    }
}

fn offers(list: &[u8], qop: &[u8]) -> bool {
    list.split(|b| *b == b',').any(|q| q.trim_ascii().eq_ignore_ascii_case(qop))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(algorithm: Algorithm) -> Challenge {
        Challenge {
            realm: "http-auth@example.org".into(),
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".into(),
            algorithm,
            keying: Keying::Password,
            qop: Qop::Auth,
            stale: false,
            opaque: Some("FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS".into()),
        }
    }

    #[test]
    fn a_challenge_reads_back_as_it_was_written() {
        for c in [
            challenge(Algorithm::Sha256),
            Challenge { stale: true, opaque: None, ..challenge(Algorithm::Md5) },
            Challenge { qop: Qop::Unsaid, ..challenge(Algorithm::Md5) },
            Challenge { qop: Qop::AuthInt, keying: Keying::Session, ..challenge(Algorithm::Sha256) },
            Challenge { realm: r#"say \"hi\" \\"#.into(), ..challenge(Algorithm::Md5) },
        ] {
            assert_eq!(Challenge::parse(c.render().as_bytes()), Ok(c));
        }
    }

    #[test]
    fn qop_lists_are_read_and_the_strongest_challenge_is_chosen() {
        let md5 = b"Digest realm=\"a\",nonce=\"b\",qop=\"auth-int, auth\"";
        let sha = b"Digest realm=\"a\",nonce=\"b\",algorithm=SHA-256,qop=\"auth\"";
        let odd = b"Digest realm=\"a\",nonce=\"b\",algorithm=SHA-512-256,qop=\"auth\"";
        assert_eq!(Challenge::parse(md5).unwrap().qop, Qop::Auth);
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
            1,
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        );
        assert!(
            answer.contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"")
        );
        assert!(answer.contains("nc=00000001") && answer.contains("opaque=\"FQhe/"));
    }

    /// The answer to `challenge` and the response expected in it, over these hashed parts.
    fn met(challenge: &str, ha1: String, ha2: String, hash: fn(&[&[u8]]) -> String) {
        let challenge = Challenge::parse(challenge.as_bytes()).unwrap();
        let request = Proved { method: "INVITE", uri: "sip:1@c", body: b"v=0" };
        let answer = challenge.answer_for("u", &"p".into(), request, 1, "c");
        let qop = challenge.qop.name().unwrap();
        let parts = [ha1.as_bytes(), b"n\"1", b"00000001", b"c", qop.as_bytes(), ha2.as_bytes()];
        let expected = format!("response=\"{}\"", hash(&parts));
        assert!(answer.contains(&expected), "{answer}");
        assert!(answer.contains(r#"realm="say \"hi\"", nonce="n\"1""#), "as it came: {answer}");
    }

    #[test]
    fn a_session_a_body_and_escapes_are_hashed_as_rfc_7616_has_it() {
        let md5 = |parts: &[&[u8]]| Algorithm::Md5.hex(parts);
        let sha = |parts: &[&[u8]]| Algorithm::Sha256.hex(parts);
        let head = r#"Digest realm="say \"hi\"", nonce="n\"1""#;
        let (user, body) = ([&b"u"[..], b"say \"hi\"", b"p"], md5(&[b"v=0"]));
        met(&format!("{head}, qop=auth"), md5(&user), md5(&[b"INVITE", b"sip:1@c"]), md5);
        let whole = md5(&[b"INVITE", b"sip:1@c", body.as_bytes()]);
        met(&format!("{head}, qop=\"auth-int\""), md5(&user), whole, md5);
        for (name, hash) in [("md5-SESS", md5 as fn(&[&[u8]]) -> String), ("SHA-256-sess", sha)] {
            let ha1 = hash(&[hash(&user).as_bytes(), b"n\"1", b"c"]);
            met(
                &format!("{head}, qop=\"auth\", algorithm={name}"),
                ha1,
                hash(&[b"INVITE", b"sip:1@c"]),
                hash,
            );
        }
    }

    #[test]
    fn what_cannot_be_given_back_or_hashed_is_passed_over() {
        for broken in [
            r#"Digest realm=r\, nonce="n""#,
            "Digest realm=\"a\u{1}b\", nonce=\"n\"",
            r#"Digest realm="r", nonce="n", algorithm=MD5-sess"#,
            r#"Digest realm="r", nonce="n", qop="auth", algorithm=-sess"#,
            r#"Digest realm="r", nonce="n", qop="token""#,
        ] {
            assert!(Challenge::parse(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
