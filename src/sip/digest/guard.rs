//! Who a request comes from, proved by digest (RFC 7616, RFC 8760; RFC 3261 section 22).
//!
//! A user that does not exist is treated as one whose password nobody knows: it is challenged with the
//! algorithms of some real seat, always the same one, its answers are hashed and compared like any other,
//! and its failures are slowed down and silenced alike. So neither the answers nor the work behind them
//! tell which seats exist.

use super::algorithm::Algorithm;
use super::challenge::Challenge;
use super::credentials::Credentials;
use super::nonce::Nonces;
use super::params::{NotDigest, is_plain};
use super::strikes::{Penalty, Strikes};
use crate::id::{Random, SeatId};
use crate::redact::Secret;
use crate::sip::origin::Origin;
use crate::time::Mono;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::IpAddr;
use subtle::{Choice, ConstantTimeEq};

/// Most answers looked through in one request: one for each algorithm we offer, and as many for other realms.
const ANSWERS: usize = 8;

/// What the registrar knows of a seat that registers.
#[derive(Debug, Clone)]
pub struct SeatAccount {
    /// The seat; its name is the user name of the digest.
    pub seat: SeatId,
    /// Its password.
    pub password: Secret<String>,
    /// The algorithms it is challenged with; empty stands for all. Offered strongest first whatever the order.
    pub algorithms: Vec<Algorithm>,
}

/// What a request proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It comes from this seat.
    Seat(SeatId),
    /// Nothing yet: to be answered with these challenges, strongest first.
    Challenge(Vec<Challenge>),
    /// Nothing, and its password was wrong once too often: the challenges are due at that instant, not before.
    Late(Mono, Vec<Challenge>),
    /// Its answer cannot be read: 400, with this reason.
    Malformed(&'static str),
    /// No answer at all.
    Silence,
}

/// The request to be judged, in plain values.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Where it came from.
    pub source: IpAddr,
    /// Its method, in capitals.
    pub method: &'a [u8],
    /// The user it speaks of (To in a REGISTER, From elsewhere), who is challenged when nobody answers.
    pub named: &'a [u8],
    /// Whether that user is registered from this very source: then the sins of the source's other phones
    /// do not count against it.
    pub known: bool,
}

#[derive(Debug, Clone)]
struct Account {
    seat: Option<SeatId>,
    algorithms: Vec<Algorithm>,
    sha256: Secret<String>,
    md5: Secret<String>,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Guard {
    realm: String,
    accounts: Vec<Account>,
    by_user: HashMap<SeatId, usize>,
    /// Whom those who do not exist are mistaken for: keyed by the accounts themselves, so that the choice
    /// survives a restart.
    decoy_key: [u8; 32],
    /// The account behind which nobody stands.
    nobody: Account,
    nonces: Nonces,
    strikes: Strikes,
}

impl Guard {
    /// A guard for `realm` over these accounts. A realm is plain text: quotes, backslashes and controls are
    /// left out of it. Of two accounts for one seat the later counts.
    pub fn new(realm: String, seats: Vec<SeatAccount>, mut random: Random) -> Guard {
        let realm: String = realm.chars().filter(|c| is_plain(c.to_string().as_bytes())).collect();
        let nobody =
            Account::new(None, &realm, b"", &Secret::new(random.token() + &random.token()), &Algorithm::ALL);
        let mut guard = Guard {
            decoy_key: [0; 32],
            accounts: Vec::new(),
            by_user: HashMap::new(),
            nonces: Nonces::new(random),
            strikes: Strikes::default(),
            realm,
            nobody,
        };
        let mut key = Sha256::new_with_prefix(b"decoy");
        for SeatAccount { seat, password, algorithms } in seats {
            let user = seat.as_str().as_bytes().to_vec();
            let account = Account::new(Some(seat.clone()), &guard.realm, &user, &password, &algorithms);
            key.update(account.sha256.expose());
            guard.by_user.insert(seat, guard.accounts.len());
            guard.accounts.push(account);
        }
        guard.decoy_key = key.finalize().into();
        guard
    }

    /// The realm the passwords are for.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Judges a request by its `Authorization` values.
    pub fn judge<'m>(
        &mut self,
        now: Mono,
        claim: Claim<'_>,
        authorization: impl IntoIterator<Item = &'m [u8]>,
    ) -> Proof {
        let origin = Origin::from(claim.source);
        if !claim.known && self.strikes.is_source_silenced(now, origin) {
            return Proof::Silence;
        }
        match self.pick(authorization) {
            Ok(Some(answer)) => self.weigh(now, claim, origin, &answer),
            Ok(None) => Proof::Challenge(self.challenges(now, claim.source, claim.named, false)),
            Err(reason) => Proof::Malformed(reason),
        }
    }

    /// How many used nonces and how many counts of wrong passwords are remembered.
    pub fn remembered(&self) -> (usize, usize) {
        (self.nonces.used(), self.strikes.len())
    }

    /// The first answer for our realm; else the first breakage among those we cannot read.
    fn pick<'m>(
        &self,
        authorization: impl IntoIterator<Item = &'m [u8]>,
    ) -> Result<Option<Credentials<'m>>, &'static str> {
        let mut broken = None;
        for value in authorization.into_iter().take(ANSWERS) {
            match Credentials::parse(value) {
                Ok(answer) if answer.realm == self.realm.as_bytes() => return Ok(Some(answer)),
                Ok(_) | Err(NotDigest::OtherScheme) => {}
                Err(NotDigest::Malformed(reason)) => {
                    broken.get_or_insert(reason);
                }
            }
        }
        broken.map_or(Ok(None), Err)
    }

    fn weigh(&mut self, now: Mono, claim: Claim<'_>, origin: Origin, answer: &Credentials<'_>) -> Proof {
        let user = answer.username.as_slice();
        // Only the user that is known here escapes the silence of the source, not whoever else it names.
        let source_closed = user != claim.named && self.strikes.is_source_silenced(now, origin);
        if source_closed || self.strikes.is_pair_closed(now, origin, user) {
            return Proof::Silence;
        }
        let right = self.is_right(user, claim.method, answer);
        let Some(unspent) = self.nonces.judge(now, claim.source, answer.nonce, answer.nonce_use()) else {
            return Proof::Challenge(self.challenges(now, claim.source, user, true));
        };
        if let Some(seat) = right {
            self.nonces.spend(now, unspent);
            self.strikes.right(origin, user);
            return Proof::Seat(seat);
        }
        match self.strikes.wrong(now, origin, user) {
            Penalty::Forgiven => Proof::Challenge(self.challenges(now, claim.source, user, false)),
            Penalty::Wait(at) => Proof::Late(at, self.challenges(at, claim.source, user, false)),
            Penalty::Silence => Proof::Silence,
        }
    }

    /// The seat, if its password made this answer. Hashes and compares as much for a user that is not there.
    fn is_right(&self, user: &[u8], method: &[u8], answer: &Credentials<'_>) -> Option<SeatId> {
        let stand_in = self.stand_in(user);
        let account = self.account(user).unwrap_or(&self.nobody);
        let allowed = if account.seat.is_some() { &account.algorithms } else { stand_in };
        let algorithm = answer.algorithm.unwrap_or(Algorithm::Sha256);
        let offered = answer.algorithm.is_some_and(|a| allowed.contains(&a));
        let ha1 = match algorithm {
            Algorithm::Sha256 => &account.sha256,
            Algorithm::Md5 => &account.md5,
        };
        let expected = algorithm.response(ha1, &answer.answered(method));
        let equal = expected.as_bytes().ct_eq(&answer.response.to_ascii_lowercase());
        if bool::from(equal & Choice::from(u8::from(offered))) { account.seat.clone() } else { None }
    }

    fn challenges(&mut self, now: Mono, source: IpAddr, user: &[u8], stale: bool) -> Vec<Challenge> {
        let nonce = self.nonces.issue(now, source);
        let stand_in = self.stand_in(user);
        let algorithms = self.account(user).map_or(stand_in, |a| &a.algorithms);
        let challenge = |algorithm: &Algorithm| Challenge {
            realm: self.realm.clone(),
            nonce: nonce.clone(),
            algorithm: *algorithm,
            auth: true,
            stale,
            opaque: None,
        };
        algorithms.iter().map(challenge).collect()
    }

    fn account(&self, user: &[u8]) -> Option<&Account> {
        let user = std::str::from_utf8(user).ok()?;
        self.accounts.get(*self.by_user.get(&SeatId::from(user))?)
    }

    /// The algorithms a user is offered if it is not there.
    fn stand_in(&self, user: &[u8]) -> &[Algorithm] {
        let mut pick = 0;
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.decoy_key) {
            mac.update(user);
            for byte in mac.finalize().into_bytes().iter().take(4) {
                pick = pick << 8 | usize::from(*byte);
            }
        }
        let account = pick.checked_rem(self.accounts.len()).and_then(|i| self.accounts.get(i));
        &account.unwrap_or(&self.nobody).algorithms
    }
}

impl Account {
    fn new(
        seat: Option<SeatId>,
        realm: &str,
        user: &[u8],
        password: &Secret<String>,
        algorithms: &[Algorithm],
    ) -> Account {
        let wanted = |a: &Algorithm| algorithms.is_empty() || algorithms.contains(a);
        Account {
            seat,
            algorithms: Algorithm::ALL.into_iter().filter(wanted).collect(),
            sha256: Algorithm::Sha256.ha1(user, realm.as_bytes(), password),
            md5: Algorithm::Md5.ha1(user, realm.as_bytes(), password),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::nonce::NONCE_LIFE;
    use super::super::strikes::SILENCE;
    use super::*;
    use crate::time::Duration;

    const T0: Mono = Mono(1_000_000_000_000);
    const URI: &str = "sip:Gateway.example;transport=UDP";

    struct Office {
        guard: Guard,
        now: Mono,
        source: IpAddr,
        known: bool,
    }

    impl Office {
        fn new() -> Office {
            let seat = |name: &str, algorithms: &[Algorithm]| SeatAccount {
                seat: name.into(),
                password: format!("password of {name}").as_str().into(),
                algorithms: algorithms.to_vec(),
            };
            let seats = vec![seat("1001", &[]), seat("1002", &[Algorithm::Md5])];
            let guard = Guard::new("hotline".into(), seats, Random::from_number(3));
            Office { guard, now: T0, source: "192.0.2.1".parse().unwrap(), known: false }
        }

        fn ask(&mut self, named: &str, authorization: &[&str]) -> Proof {
            let claim = Claim {
                source: self.source,
                method: b"REGISTER",
                named: named.as_bytes(),
                known: self.known,
            };
            self.guard.judge(self.now, claim, authorization.iter().map(|a| a.as_bytes()))
        }

        fn challenges(&mut self, user: &str) -> Vec<Challenge> {
            match self.ask(user, &[]) {
                Proof::Challenge(list) => list,
                other => panic!("expected a challenge, got {other:?}"),
            }
        }

        fn try_password(&mut self, user: &str, password: &str) -> Proof {
            let challenge = self.challenges(user).remove(0);
            self.ask(user, &[&answer(&challenge, user, password, 1)])
        }
    }

    fn answer(challenge: &Challenge, user: &str, password: &str, count: u32) -> String {
        challenge.answer(user, &password.into(), "REGISTER", URI, (count, "c"))
    }

    fn names(challenges: &[Challenge]) -> Vec<&'static str> {
        challenges.iter().map(|c| c.algorithm.name()).collect()
    }

    fn is_stale(proof: &Proof) -> bool {
        matches!(proof, Proof::Challenge(list) if list.iter().all(|c| c.stale))
    }

    #[test]
    fn sha_256_is_offered_first_and_a_seat_has_its_own_list() {
        let mut o = Office::new();
        assert_eq!(names(&o.challenges("1001")), ["SHA-256", "MD5"]);
        assert_eq!(names(&o.challenges("1002")), ["MD5"]);
    }

    #[test]
    fn the_right_password_opens_with_either_algorithm_and_without_qop() {
        let mut o = Office::new();
        for challenge in o.challenges("1001") {
            let proof = o.ask("1001", &[&answer(&challenge, "1001", "password of 1001", 1)]);
            // Both algorithms share one nonce, so the second needs the next count.
            let proof = match proof {
                Proof::Seat(_) => proof,
                _ => o.ask("1001", &[&answer(&challenge, "1001", "password of 1001", 2)]),
            };
            assert_eq!(proof, Proof::Seat("1001".into()));
        }
        let legacy = Challenge { auth: false, ..o.challenges("1002").remove(0) };
        let text = answer(&legacy, "1002", "password of 1002", 1);
        assert_eq!(o.ask("1002", &[&text]), Proof::Seat("1002".into()));
        assert!(is_stale(&o.ask("1002", &[&text])), "good once");
    }

    #[test]
    fn an_algorithm_that_was_not_offered_is_a_wrong_answer() {
        let mut o = Office::new();
        let mut challenge = o.challenges("1002").remove(0);
        challenge.algorithm = Algorithm::Sha256;
        let proof = o.ask("1002", &[&answer(&challenge, "1002", "password of 1002", 1)]);
        assert!(matches!(&proof, Proof::Challenge(list) if names(list) == ["MD5"]), "{proof:?}");
    }

    #[test]
    fn a_replay_is_refused_as_stale_and_the_next_count_passes() {
        let mut o = Office::new();
        let challenge = o.challenges("1001").remove(0);
        let first = answer(&challenge, "1001", "password of 1001", 1);
        assert_eq!(o.ask("1001", &[&first]), Proof::Seat("1001".into()));
        assert!(is_stale(&o.ask("1001", &[&first])));
        assert_eq!(
            o.ask("1001", &[&answer(&challenge, "1001", "password of 1001", 2)]),
            Proof::Seat("1001".into())
        );
    }

    #[test]
    fn an_old_nonce_and_one_given_to_another_address_are_stale() {
        let mut o = Office::new();
        let challenge = o.challenges("1001").remove(0);
        let right = answer(&challenge, "1001", "password of 1001", 1);
        o.source = "192.0.2.99".parse().unwrap();
        assert!(is_stale(&o.ask("1001", &[&right])));
        o.source = "192.0.2.1".parse().unwrap();
        o.now = T0 + NONCE_LIFE;
        assert!(is_stale(&o.ask("1001", &[&right])));
    }

    #[test]
    fn a_nonce_that_is_not_ours_tells_nothing_about_the_password() {
        let mut o = Office::new();
        let foreign = Challenge { nonce: "chosen".into(), ..o.challenges("1001").remove(0) };
        for password in ["password of 1001", "wrong"] {
            for _ in 0..50 {
                assert!(is_stale(&o.ask("1001", &[&answer(&foreign, "1001", password, 1)])));
            }
        }
        assert_eq!(o.guard.remembered(), (0, 0), "and nothing is remembered of it");
    }

    #[test]
    fn an_answer_is_found_among_other_realms_and_schemes() {
        let mut o = Office::new();
        let ours = o.challenges("1001").remove(0);
        let other = Challenge { realm: "elsewhere".into(), ..ours.clone() };
        let values = [
            "Bearer x".to_owned(),
            answer(&other, "1001", "password of 1001", 1),
            answer(&ours, "1001", "password of 1001", 1),
        ];
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        assert_eq!(o.ask("1001", &values), Proof::Seat("1001".into()));
        assert!(matches!(o.ask("1001", &values[..2]), Proof::Challenge(_)));
        assert!(matches!(o.ask("1001", &["Digest nonsense"]), Proof::Malformed(_)));
    }

    /// The shape of a proof with what must differ (nonces) taken out.
    fn shape(proof: Proof) -> Proof {
        let blank = |list: Vec<Challenge>| {
            list.into_iter().map(|c| Challenge { nonce: String::new(), ..c }).collect::<Vec<_>>()
        };
        match proof {
            Proof::Challenge(list) => Proof::Challenge(blank(list)),
            Proof::Late(at, list) => Proof::Late(at, blank(list)),
            other => other,
        }
    }

    #[test]
    fn an_unknown_user_gets_the_answers_of_a_known_one_from_the_first_to_the_last() {
        // One world in which 1001 exists, one in which it does not: from outside they are the same.
        let run = |user: &str| {
            let mut o = Office::new();
            let mut shapes = vec![shape(o.ask(user, &[]))];
            for n in 0..12 {
                let nonce = o.guard.nonces.issue(o.now, o.source);
                let challenge = Challenge {
                    realm: "hotline".into(),
                    nonce,
                    algorithm: Algorithm::ALL[n % 2],
                    auth: n % 3 != 0,
                    stale: false,
                    opaque: None,
                };
                let proof = shape(o.ask(user, &[&answer(&challenge, user, "guess", 1)]));
                if let Proof::Late(at, _) = &proof {
                    o.now = *at;
                }
                shapes.push(proof);
                shapes.push(shape(o.ask(user, &["Digest broken"])));
            }
            shapes
        };
        let guard = Office::new().guard;
        let both_lists = |n: &u32| guard.stand_in(n.to_string().as_bytes()).len() == 2;
        let unknown = (5000..6000).find(both_lists).unwrap();
        assert_eq!(run("1001"), run(&unknown.to_string()));
    }

    #[test]
    fn the_list_offered_to_an_unknown_user_is_that_of_some_seat_and_survives_a_restart() {
        let (mut o, mut again) = (Office::new(), Office::new());
        again.guard = {
            let fresh = Office::new().guard;
            Guard { nonces: Nonces::new(Random::from_number(99)), ..fresh }
        };
        let mut lists = Vec::new();
        for user in 5000..5100 {
            let list = o.challenges(&user.to_string());
            assert_eq!(names(&list), names(&again.challenges(&user.to_string())));
            lists.push(list.len());
        }
        assert!(lists.contains(&1) && lists.contains(&2), "both lists in use are met");
    }

    #[test]
    fn a_brute_force_is_slowed_and_then_silent_even_for_the_right_password() {
        let mut o = Office::new();
        let mut seen = Vec::new();
        for _ in 0..60 {
            let proof = o.try_password("1001", "guess");
            if let Proof::Late(at, _) = proof {
                assert!(matches!(o.try_password("1001", "parallel"), Proof::Silence), "none in parallel");
                o.now = at;
            }
            seen.push(matches!(proof, Proof::Silence));
        }
        assert_eq!(seen.iter().filter(|silent| !**silent).count(), 9);
        assert_eq!(o.try_password("1001", "password of 1001"), Proof::Silence);
        o.now = o.now + SILENCE;
        assert_eq!(o.try_password("1001", "password of 1001"), Proof::Seat("1001".into()));
    }

    #[test]
    fn going_through_users_silences_the_source_but_not_a_seat_registered_there() {
        let mut o = Office::new();
        for n in 0..60 {
            o.now = o.now + Duration::from_millis(1);
            o.try_password(&format!("user{n}"), "guess");
        }
        assert_eq!(o.ask("1001", &[]), Proof::Silence);
        o.known = true;
        assert_eq!(o.try_password("1001", "password of 1001"), Proof::Seat("1001".into()));
        let md5 = o.challenges("1001").remove(1);
        let other = answer(&md5, "1002", "password of 1002", 1);
        assert_eq!(o.ask("1001", &[&other]), Proof::Silence, "naming a known one helps no other");
    }

    #[test]
    fn a_realm_cannot_break_out_of_its_quotes() {
        let g = Guard::new("hot\"line\r\\".into(), Vec::new(), Random::from_number(1));
        assert_eq!(g.realm(), "hotline");
    }
}
