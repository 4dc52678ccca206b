//! The client's side of digest: one user name and password, and the nonces they were asked to answer.
//!
//! One value serves every request to one peer: REGISTER, INVITE, BYE and the rest share the nonces and their counts
//! (RFC 7616 section 3.4), so that a peer that remembers its nonce is not asked for a new one every time.

use super::algorithm::Algorithm;
use super::challenge::{Challenge, Keying, Proved, Qop};
use super::params::Params;
use crate::id::Random;
use crate::redact::Secret;
use crate::sip::{Message, Outgoing};
use std::fmt;

/// Most realms answered at once: the peer's own, and the proxies before it.
pub const REALMS: usize = 4;

/// How often one request is sent with an answer before it counts as refused: a nonce may be stale at most this often.
pub const ATTEMPTS: u32 = 3;

/// A nonce is used this often before its peer is left to give a new one, well before eight hex digits run out.
const USES: u32 = 1_000_000;

/// Credentials, and the challenges they answer at present.
pub struct Answering {
    username: String,
    password: Secret<String>,
    known: Vec<Known>,
    random: Random,
}

/// One realm's newest challenge.
struct Known {
    asked_by: Asker,
    challenge: Challenge,
    used: u32,
}

/// The asking side, which decides the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    /// 401: the peer itself.
    Peer,
    /// 407: a proxy on the way.
    Proxy,
}

impl Asker {
    const ALL: [Asker; 2] = [Asker::Peer, Asker::Proxy];

    fn challenges(self) -> &'static str {
        match self {
            Asker::Peer => "WWW-Authenticate",
            Asker::Proxy => "Proxy-Authenticate",
        }
    }

    fn answers(self) -> &'static str {
        match self {
            Asker::Peer => "Authorization",
            Asker::Proxy => "Proxy-Authorization",
        }
    }
}

impl Answering {
    /// Answers as this user. Quotes, backslashes and controls cannot stand in a user name and are left out of it.
    pub fn new(username: &str, password: Secret<String>, random: Random) -> Answering {
        let plain = |c: &char| !c.is_control() && !matches!(c, '"' | '\\');
        Answering { username: username.chars().filter(plain).collect(), password, known: Vec::new(), random }
    }

    /// The request to send after a 401 or 407 to `request`: the same with the next CSeq and an answer to every
    /// challenge (RFC 3261 section 22.2). `None` when it is to be given up: no challenge we can answer, the answer
    /// was wrong, or too many nonces were stale. A wrong password is never tried twice.
    pub fn answer(&mut self, response: &Message, request: &Outgoing) -> Option<Outgoing> {
        let before = attempts(request);
        if before >= ATTEMPTS {
            return None;
        }
        let mut news = false;
        for asked_by in Asker::ALL {
            for challenge in strongest(response, asked_by) {
                // What was answered in advance was answered with an old nonce, whether the peer says so or not.
                if before > 0 && answered_realm(request, asked_by, &challenge.realm) && !challenge.stale {
                    return None;
                }
                // Without a count of attempts a stale nonce could be renewed for ever.
                if before > 0 && challenge.qop == Qop::Unsaid {
                    return None;
                }
                self.learn(asked_by, challenge);
                news = true;
            }
        }
        if !news {
            return None;
        }
        let again = next_cseq(request.clone())?;
        Some(self.with_answers(again, before + 1))
    }

    /// The request with answers to the challenges known from before, so that it need not be refused first. Unchanged
    /// where none is known. For an ACK of a 2xx use the headers of its INVITE (RFC 3261 section 22.1).
    pub fn authorised(&mut self, request: Outgoing) -> Outgoing {
        self.with_answers(request, 0)
    }

    /// Forgets every nonce: the peer is another one now.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    fn learn(&mut self, asked_by: Asker, challenge: Challenge) {
        let same = |k: &Known| k.asked_by == asked_by && k.challenge.realm == challenge.realm;
        match self.known.iter_mut().find(|k| same(k)) {
            Some(known) if known.challenge.nonce == challenge.nonce => known.challenge = challenge,
            Some(known) => *known = Known { asked_by, challenge, used: 0 },
            None => {
                if self.known.len() == REALMS {
                    self.known.remove(0);
                }
                self.known.push(Known { asked_by, challenge, used: 0 });
            }
        }
    }

    fn with_answers(&mut self, request: Outgoing, attempt: u32) -> Outgoing {
        let method = request.method().map(|m| m.as_str().to_owned()).unwrap_or_default();
        let uri = String::from_utf8_lossy(request.uri()).into_owned();
        let (user, password) = (self.username.as_str(), &self.password);
        self.known.retain(|k| k.used < uses(&k.challenge));
        let mut answered = request.without("Authorization").without("Proxy-Authorization");
        for known in &mut self.known {
            known.used += 1;
            let cnonce = format!("{}{attempt}", self.random.token());
            let proved = Proved { method: &method, uri: &uri, body: answered.content() };
            let value = known.challenge.answer_for(user, password, proved, known.used, &cnonce);
            answered = answered.with(known.asked_by.answers(), value);
        }
        answered
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answering({} realms)", self.known.len())
    }
}

/// How often the nonce of a challenge is used: once where it has no count (RFC 2069), and once where the key holds the
/// client's random string, which then would have to stay (RFC 7616 section 3.4.2) and counts our attempts.
fn uses(challenge: &Challenge) -> u32 {
    match (challenge.qop, challenge.keying) {
        (Qop::Unsaid, _) | (_, Keying::Session) => 1,
        (Qop::Auth | Qop::AuthInt, Keying::Password) => USES,
    }
}

/// The challenges of one kind, the strongest of each realm (RFC 8760 section 2.4: our order is that of the strength).
fn strongest(response: &Message, asked_by: Asker) -> Vec<Challenge> {
    let mut chosen: Vec<Challenge> =
        response.headers(asked_by.challenges()).filter_map(|value| Challenge::parse(value).ok()).collect();
    chosen.sort_by_key(rank);
    let mut realms: Vec<String> = Vec::new();
    chosen.retain(|c| {
        let news = !realms.contains(&c.realm) && realms.len() < REALMS;
        realms.extend(news.then(|| c.realm.clone()));
        news
    });
    chosen
}

/// By hash function; of two with the same one, the one every peer knows how to check.
fn rank(challenge: &Challenge) -> (usize, Keying, Qop) {
    let place = Algorithm::ALL.iter().position(|a| *a == challenge.algorithm).unwrap_or(usize::MAX);
    (place, challenge.keying, challenge.qop)
}

/// How often `request` was answered for already. It stands in our own cnonce, so that nothing need be kept for a
/// request that is on its way.
fn attempts(request: &Outgoing) -> u32 {
    let of = |asked_by: Asker| {
        let values = request.all(asked_by.answers()).filter_map(|v| {
            let last = Params::parse(v).ok()?.get("cnonce").and_then(|c| c.last().copied());
            // An answer without a cnonce is one all the same.
            Some(last.and_then(|d| char::from(d).to_digit(10)).unwrap_or(1))
        });
        values.max().unwrap_or(0)
    };
    of(Asker::Peer).max(of(Asker::Proxy))
}

fn answered_realm(request: &Outgoing, asked_by: Asker, realm: &str) -> bool {
    request
        .all(asked_by.answers())
        .any(|v| Params::parse(v).is_ok_and(|p| p.get("realm") == Some(realm.as_bytes())))
}

fn next_cseq(request: Outgoing) -> Option<Outgoing> {
    let text = std::str::from_utf8(request.get("CSeq")?).ok()?;
    let (number, method) = text.split_once(' ')?;
    let next = number.parse::<u32>().ok()?.checked_add(1).filter(|n| *n < 1 << 31)?;
    let value = format!("{next} {method}");
    Some(request.set("CSeq", value))
}

#[cfg(test)]
mod tests {
    use super::super::guard::{Claim, Guard, Proof, SeatAccount};
    use super::*;
    use crate::sip::Method;
    use crate::sip::Status;
    use crate::time::Mono;

    fn request() -> Outgoing {
        Outgoing::request(Method::Register, "sip:carrier.example.org")
            .with("Via", "SIP/2.0/UDP h;branch=z9hG4bK1")
            .with("From", "<sip:u@carrier.example.org>;tag=1")
            .with("To", "<sip:u@carrier.example.org>")
            .with("Call-ID", "c")
            .with("CSeq", "7 REGISTER")
    }

    fn response(request: &Outgoing, status: Status, challenges: &[(&'static str, String)]) -> Message {
        let asked = Message::parse(request.encode()).unwrap();
        let mut response = Outgoing::response(&asked, status, Some("t"));
        for (name, value) in challenges {
            response = response.with(name, value);
        }
        Message::parse(response.encode()).unwrap()
    }

    fn challenge(nonce: &str, algorithm: Algorithm, stale: bool) -> String {
        let realm = "carrier".to_owned();
        let (nonce, keying) = (nonce.to_owned(), Keying::Password);
        Challenge { realm, nonce, algorithm, keying, qop: Qop::Auth, stale, opaque: None }.render()
    }

    fn answering() -> Answering {
        Answering::new("u", "secret".into(), Random::from_number(1))
    }

    fn answer_of(request: &Outgoing) -> String {
        String::from_utf8(request.get("Authorization").unwrap().to_vec()).unwrap()
    }

    #[test]
    fn the_strongest_challenge_is_answered_and_our_own_guard_accepts_it() {
        for algorithms in [vec![Algorithm::Md5], vec![Algorithm::Sha256], vec![]] {
            let account = SeatAccount { seat: "u".into(), password: "secret".into(), algorithms };
            let mut guard = Guard::new("carrier".into(), vec![account], Random::from_number(2));
            let source = "192.0.2.1".parse().unwrap();
            let names_it = &|_: &[u8]| true;
            let claim = Claim { source, names_it, method: b"REGISTER", named: b"u", known: false };
            let Proof::Challenge(asked) = guard.judge(Mono(1), claim, []).proof else { panic!() };
            let headers: Vec<_> = asked.iter().map(|c| ("WWW-Authenticate", c.render())).collect();
            let (mut a, first) = (answering(), request());
            let again = a.answer(&response(&first, Status::UNAUTHORIZED, &headers), &first).unwrap();
            assert_eq!(again.get("CSeq"), Some(&b"8 REGISTER"[..]));
            assert!(answer_of(&again).contains(asked[0].algorithm.name()));
            let proof = guard.judge(Mono(2), claim, again.all("Authorization")).proof;
            assert_eq!(proof, Proof::Seat("u".into()));
            // The next request counts on with the same nonce, and is not asked again.
            let next = a.authorised(request());
            assert!(answer_of(&next).contains("nc=00000002"));
            let proof = guard.judge(Mono(3), claim, next.all("Authorization")).proof;
            assert_eq!(proof, Proof::Seat("u".into()));
        }
    }

    #[test]
    fn counts_are_hex_and_a_new_nonce_begins_at_one() {
        let (mut a, first) = (answering(), request());
        let asked = response(
            &first,
            Status::UNAUTHORIZED,
            &[("WWW-Authenticate", challenge("n1", Algorithm::Md5, false))],
        );
        let mut again = a.answer(&asked, &first).unwrap();
        for _ in 0..25 {
            again = a.authorised(request());
        }
        assert!(answer_of(&again).contains("nc=0000001a"), "{}", answer_of(&again));
        for (nonce, stale) in [("n2", true), ("n3", false)] {
            let asked = [("WWW-Authenticate", challenge(nonce, Algorithm::Md5, stale))];
            let renewed = a.answer(&response(&again, Status::UNAUTHORIZED, &asked), &again).unwrap();
            assert!(answer_of(&renewed).contains(nonce) && answer_of(&renewed).contains("nc=00000001"));
        }
    }

    #[test]
    fn a_wrong_password_is_given_up_at_once_and_stale_nonces_after_three() {
        let (mut a, first) = (answering(), request());
        let ask = |nonce: &str, stale| [("WWW-Authenticate", challenge(nonce, Algorithm::Sha256, stale))];
        let mut again = a.answer(&response(&first, Status::UNAUTHORIZED, &ask("n1", false)), &first).unwrap();
        assert!(a.answer(&response(&again, Status::UNAUTHORIZED, &ask("n2", false)), &again).is_none());
        let mut answers = 1;
        while let Some(next) =
            a.answer(&response(&again, Status::UNAUTHORIZED, &ask(&format!("s{answers}"), true)), &again)
        {
            again = next;
            answers += 1;
            assert!(answers <= ATTEMPTS);
        }
        assert_eq!(answers, ATTEMPTS);
    }

    #[test]
    fn a_proxy_and_the_peer_behind_it_are_both_answered() {
        let (mut a, first) = (answering(), request());
        let of_proxy = challenge("p1", Algorithm::Md5, false).replace("carrier", "proxy");
        let again = a
            .answer(
                &response(&first, Status::PROXY_AUTHENTICATION_REQUIRED, &[("Proxy-Authenticate", of_proxy)]),
                &first,
            )
            .unwrap();
        let of_peer = [("WWW-Authenticate", challenge("n1", Algorithm::Md5, false))];
        let again = a.answer(&response(&again, Status::UNAUTHORIZED, &of_peer), &again).unwrap();
        let proxy = String::from_utf8(again.get("Proxy-Authorization").unwrap().to_vec()).unwrap();
        assert!(proxy.contains("nonce=\"p1\"") && proxy.contains("nc=00000002"), "{proxy}");
        assert!(answer_of(&again).contains("nonce=\"n1\""));
        assert_eq!(again.get("CSeq"), Some(&b"9 REGISTER"[..]));
    }

    #[test]
    fn a_body_that_is_protected_and_a_session_are_answered_each_time_anew() {
        let (mut a, first) = (answering(), request().body("application/sdp", "v=0"));
        let asked = |nonce: &str, more: &str| {
            vec![("WWW-Authenticate", format!("Digest realm=\"a \\\"b\\\"\", nonce=\"{nonce}\", {more}"))]
        };
        let whole = asked("n1", "qop=\"auth-int\"");
        let again = a.answer(&response(&first, Status::UNAUTHORIZED, &whole), &first).unwrap();
        assert!(answer_of(&again).contains("qop=auth-int, nc=00000001"), "{}", answer_of(&again));
        assert!(
            a.answer(&response(&again, Status::UNAUTHORIZED, &whole), &again).is_none(),
            "the realm is known again"
        );
        let session = asked("n2", "qop=\"auth\", algorithm=SHA-256-sess");
        let again = a.answer(&response(&first, Status::UNAUTHORIZED, &session), &first).unwrap();
        assert!(answer_of(&again).contains("algorithm=SHA-256-sess, qop=auth, nc=00000001"));
        assert!(a.authorised(request()).get("Authorization").is_none(), "its nonce is used up");
        assert!(
            a.answer(&response(&first, Status::UNAUTHORIZED, &session), &first).is_some(),
            "and may come again"
        );
    }

    #[test]
    fn what_cannot_be_answered_is_given_up_and_nothing_shows_the_password() {
        let (mut a, first) = (answering(), request());
        let odd = "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256, qop=\"auth\"".to_owned();
        assert!(
            a.answer(&response(&first, Status::UNAUTHORIZED, &[("WWW-Authenticate", odd)]), &first).is_none()
        );
        assert!(a.answer(&response(&first, Status::UNAUTHORIZED, &[]), &first).is_none());
        assert!(!format!("{a:?}").contains("secret"));
    }
}
