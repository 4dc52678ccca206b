//! The user a request comes from, proved by digest (RFC 7616, RFC 8760; RFC 3261 section 22).
//!
//! A user that does not exist is treated as one whose password no peer knows: it is challenged with the
//! algorithms of some real seat, always the same one, its answers are hashed and compared like any other,
//! and its failures are slowed down and silenced alike. So neither the answers nor the work behind them
//! tell which seats exist.

use super::algorithm::Algorithm;
use super::challenge::{Challenge, Keying, Qop};
use super::credentials::Credentials;
use super::nonce::Nonces;
use super::params::{NotDigest, is_quotable};
use super::strikes::{Penalty, Strikes};
use super::unanswered::Unanswered;
use crate::id::{Random, SeatId};
use crate::redact::Secret;
use crate::sip::rate_limit_key::RateLimitKey;
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
    /// The password.
    pub password: Secret<String>,
    /// The algorithms it is challenged with; empty stands for all. The strongest comes first whatever the order.
    pub algorithms: Vec<Algorithm>,
}

/// What a request proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The request comes from this seat.
    Seat(SeatId),
    /// Nothing yet: to be answered with these challenges, strongest first (RFC 8760 section 2.4).
    Challenge(Vec<Challenge>),
    /// Nothing, and its password was wrong once too often: the challenges are due at that instant, not before.
    Late(Mono, Vec<Challenge>),
    /// The answer cannot be read: 400, with this reason.
    Malformed(&'static str),
    /// No answer at all.
    Silence,
}

/// Why a peer that means to prove something did not, for the people who look after its phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthFault {
    /// The password is wrong.
    WrongPassword,
    /// The answer uses an algorithm that was not asked for.
    Algorithm,
    /// The challenges are not answered: the phone has no password, does not know the algorithm, or does not hear the gateway.
    Unanswered,
    /// The `uri` of the answer names another host than the request.
    Uri,
    /// The answer cannot be read.
    Malformed,
    /// There were too many wrong passwords: nothing is answered for [`super::SILENCE`].
    Silenced,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What it proves.
    pub proof: Proof,
    /// What is wrong, where it proves nothing and a first challenge does not mend it.
    pub fault: Option<AuthFault>,
}

/// The request to be judged, in plain values.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// Where it came from.
    pub source: IpAddr,
    /// Whether the `uri` of an answer, as it stands there, names what the request asks for (RFC 7616 section 3.4.6).
    pub names_it: &'a dyn Fn(&[u8]) -> bool,
    /// The method, in capitals.
    pub method: &'a [u8],
    /// The user it speaks of (To in a REGISTER, From elsewhere), who is challenged when no proof comes.
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
    /// The accounts that users who do not exist are mistaken for: keyed by the accounts themselves, so that the choice
    /// survives a restart.
    decoy_key: [u8; 32],
    /// The account of no seat.
    unknown: Account,
    nonces: Nonces,
    strikes: Strikes,
    learned: Learned,
}

/// What the guard learns of those it challenges.
#[derive(Debug, Clone)]
enum Learned {
    /// Of seats: which challenges find no answer, and which seats answer by the strongest of their algorithms.
    OfSeats(Unanswered),
    /// Of trunks nothing: the machines behind one may differ.
    Nothing,
}

impl Guard {
    /// A guard for `realm` over these accounts. A realm is plain text: quotes, backslashes and controls are
    /// left out of it. Of two accounts for one seat the later counts.
    pub fn new(realm: String, seats: Vec<SeatAccount>, mut random: Random) -> Guard {
        let realm: String = realm.chars().filter(|c| is_quotable(c.to_string().as_bytes())).collect();
        let secret = Secret::new(random.token() + &random.token());
        let unknown = Account::new(None, &realm, b"", &secret, &[Algorithm::Md5]);
        let mut guard = Guard {
            decoy_key: [0; 32],
            accounts: Vec::new(),
            by_user: HashMap::new(),
            nonces: Nonces::new(random),
            strikes: Strikes::default(),
            learned: Learned::OfSeats(Unanswered::default()),
            realm,
            unknown,
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

    /// The same guard for the password of a trunk: every algorithm of its list is asked for each time.
    #[must_use]
    pub fn of_a_trunk(self) -> Guard {
        Guard { learned: Learned::Nothing, ..self }
    }

    /// The realm the passwords are for.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Whether a nonce was made here for this source and is young enough. Costs one HMAC and keeps nothing.
    pub fn made(&self, now: Mono, source: IpAddr, nonce: &[u8]) -> bool {
        self.nonces.made(now, source, nonce)
    }

    /// Judges a request by its `Authorization` values.
    pub fn judge<'m>(
        &mut self,
        now: Mono,
        claim: Claim<'_>,
        authorization: impl IntoIterator<Item = &'m [u8]>,
    ) -> Judged {
        let key = RateLimitKey::from(claim.source);
        if !claim.known && self.strikes.is_source_silenced(now, key) {
            return Judged::fault(Proof::Silence, AuthFault::Silenced);
        }
        match self.pick(authorization) {
            Ok(Some(answer)) if !(claim.names_it)(answer.uri) => {
                // Asked before the password: the answer is the same for users that do not exist.
                Judged::fault(Proof::Malformed("the uri of the answer names another host"), AuthFault::Uri)
            }
            Ok(Some(answer)) => self.weigh(now, claim, key, &answer),
            Ok(None) => {
                let left = claim.method == b"REGISTER" && self.is_left_unanswered(now, key, claim.named);
                let asked = self.challenges(now, claim.source, claim.named, false);
                Judged { proof: Proof::Challenge(asked), fault: left.then_some(AuthFault::Unanswered) }
            }
            Err(reason) => Judged::fault(Proof::Malformed(reason), AuthFault::Malformed),
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

    fn weigh(&mut self, now: Mono, claim: Claim<'_>, key: RateLimitKey, answer: &Credentials<'_>) -> Judged {
        let user = answer.username.as_slice();
        // Only the user that is known here escapes the silence of the source, not others it names.
        let source_closed = user != claim.named && self.strikes.is_source_silenced(now, key);
        if source_closed || self.strikes.is_pair_closed(now, key, user) {
            return Judged::fault(Proof::Silence, AuthFault::Silenced);
        }
        let right = self.is_right(user, claim.method, answer);
        let asked_for = self.is_asked_for(user, answer.algorithm);
        if let (Learned::OfSeats(unanswered), true) = (&mut self.learned, asked_for) {
            unanswered.answered(now, key, user);
        }
        let Some(unspent) = self.nonces.judge(now, claim.source, answer.nonce, answer.nonce_use()) else {
            let asked = self.challenges(now, claim.source, user, true);
            return Judged { proof: Proof::Challenge(asked), fault: None };
        };
        if let Some(seat) = right {
            self.nonces.spend(now, unspent);
            self.strikes.right(key, user);
            self.keep_the_stronger(&seat, answer.algorithm);
            return Judged { proof: Proof::Seat(seat), fault: None };
        }
        let fault = if asked_for { AuthFault::WrongPassword } else { AuthFault::Algorithm };
        match self.strikes.wrong(now, key, user) {
            Penalty::Forgiven => {
                let asked = self.challenges(now, claim.source, user, false);
                Judged::fault(Proof::Challenge(asked), fault)
            }
            Penalty::Wait(at) => {
                let asked = self.challenges(at, claim.source, user, false);
                Judged::fault(Proof::Late(at, asked), fault)
            }
            Penalty::Silence => Judged::fault(Proof::Silence, fault),
        }
    }

    /// The seat, if its password made this answer. Hashes and compares as much for a user that is not there.
    fn is_right(&self, user: &[u8], method: &[u8], answer: &Credentials<'_>) -> Option<SeatId> {
        let account = self.account(user).unwrap_or(&self.unknown);
        let algorithm = answer.algorithm.unwrap_or(Algorithm::Sha256);
        let offered = self.is_asked_for(user, answer.algorithm);
        let ha1 = match algorithm {
            Algorithm::Sha256 => &account.sha256,
            Algorithm::Md5 => &account.md5,
        };
        let expected = algorithm.response(ha1, &answer.answered(method));
        let equal = expected.as_bytes().ct_eq(&answer.response.to_ascii_lowercase());
        if bool::from(equal & Choice::from(u8::from(offered))) { account.seat.clone() } else { None }
    }

    /// A seat that has answered the strongest of its algorithms is not asked for a weaker one again: an attacker between it
    /// and us cannot talk it down. Whom those who do not exist are mistaken for changes with it.
    fn keep_the_stronger(&mut self, seat: &SeatId, answered: Option<Algorithm>) {
        if matches!(self.learned, Learned::OfSeats(_))
            && answered == Some(Algorithm::Sha256)
            && let Some(account) = self.by_user.get(seat).and_then(|i| self.accounts.get_mut(*i))
        {
            account.algorithms.retain(|a| *a == Algorithm::Sha256);
        }
    }

    /// Whether a REGISTER without an answer follows a challenge that was never answered.
    fn is_left_unanswered(&mut self, now: Mono, key: RateLimitKey, user: &[u8]) -> bool {
        match &mut self.learned {
            Learned::OfSeats(unanswered) => unanswered.asked(now, key, user),
            Learned::Nothing => false,
        }
    }

    /// Whether a user is asked for that algorithm.
    fn is_asked_for(&self, user: &[u8], algorithm: Option<Algorithm>) -> bool {
        self.algorithms(user).iter().any(|a| Some(*a) == algorithm)
    }

    fn challenges(&mut self, now: Mono, source: IpAddr, user: &[u8], stale: bool) -> Vec<Challenge> {
        let nonce = self.nonces.issue(now, source);
        let challenge = |algorithm: &Algorithm| Challenge {
            realm: self.realm.clone(),
            nonce: nonce.clone(),
            algorithm: *algorithm,
            keying: Keying::Password,
            qop: Qop::Auth,
            stale,
            opaque: None,
        };
        self.algorithms(user).iter().map(challenge).collect()
    }

    /// The algorithms of a user, whether it is there or not. Both are looked for each time.
    fn algorithms(&self, user: &[u8]) -> &[Algorithm] {
        let stand_in = self.stand_in(user);
        self.account(user).map_or(stand_in, |account| &account.algorithms)
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
        &account.unwrap_or(&self.unknown).algorithms
    }
}

impl Judged {
    fn fault(proof: Proof, fault: AuthFault) -> Judged {
        Judged { proof, fault: Some(fault) }
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
mod tests;
