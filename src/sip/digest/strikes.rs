//! Wrong passwords: first forgiven, then slowed down, then met with silence.
//!
//! Counted twice: for a source together with the user it claims, so that one phone with an old password
//! does not shut out its office, and for the source alone, so that going through the users does not help.
//! Both counts leak with time. A request that is met with silence is not counted: a phone left alone with
//! a wrong password never closes its whole office.

use crate::sip::rate_limit_key::RateLimitKey;
use crate::sip::recent::Recent;
use crate::time::{Duration, Mono};

/// Most (source, user) pairs and most sources remembered, in each of two generations. Past it the older
/// generation is forgotten early: who commands thousands of addresses gets a few free tries on each anyway.
pub const STRUCK: usize = 4096;

/// Longest part of a claimed user name that tells pairs apart, in octets: bounds the table's memory.
const USER_OCTETS: usize = 64;

/// The wait after the first wrong password that is not forgiven; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The longest wait: below what makes a phone give up on its request (RFC 3261 timer F, 32 s).
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// How long silence lasts.
pub const SILENCE: Duration = Duration::from_secs(300);

/// How long an untouched count is kept: both have leaked to nothing by then.
const FORGET: Duration = Duration::from_secs(900);

struct Steps {
    /// Wrong passwords answered at once.
    free: u32,
    /// The wrong password that begins the silence.
    silent: u32,
    /// One wrong password is forgotten in each such time.
    leak: Duration,
}

/// A source and one user: a person mistypes twice, a phone with an old password is heard no more at the tenth.
const PAIR: Steps = Steps { free: 3, silent: 10, leak: Duration::from_secs(60) };

/// A source: an office of 20 phones behind one address may be wrong three times each.
const SOURCE: Steps = Steps { free: 20, silent: 60, leak: Duration::from_secs(10) };

/// What a wrong password deserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Penalty {
    /// An answer at once.
    Forgiven,
    /// An answer, but not before then.
    Wait(Mono),
    /// No answer.
    Silence,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    wrong: u32,
    leaked: Mono,
    /// Until then the next answer is held back.
    waits: Mono,
    /// Until then nothing is answered.
    silent: Mono,
}

/// A source and the user it claims.
pub(super) type Pair = (RateLimitKey, Box<[u8]>);

/// The counts. See the module.
#[derive(Debug, Clone)]
pub struct Strikes {
    pairs: Recent<Pair, Count>,
    sources: Recent<RateLimitKey, Count>,
}

impl Default for Strikes {
    fn default() -> Strikes {
        Strikes::with_limit(STRUCK)
    }
}

impl Strikes {
    fn with_limit(limit: usize) -> Strikes {
        Strikes { pairs: Recent::new(FORGET, limit), sources: Recent::new(FORGET, limit) }
    }

    /// Whether this source hears nothing at present, whomever it claims to be.
    pub fn is_source_silenced(&self, now: Mono, key: RateLimitKey) -> bool {
        self.sources.peek(&key).is_some_and(|c| c.silent > now)
    }

    /// Whether an attempt on `user` from this source is not even looked at: it is silenced, or the answer
    /// to an earlier attempt is still held back, so that trying in parallel gains nothing.
    pub fn is_pair_closed(&self, now: Mono, key: RateLimitKey, user: &[u8]) -> bool {
        self.pairs.peek(&pair(key, user)).is_some_and(|c| c.silent > now || c.waits > now)
    }

    /// A wrong password from `key` for `user`.
    pub fn wrong(&mut self, now: Mono, key: RateLimitKey, user: &[u8]) -> Penalty {
        let one = strike(&mut self.pairs, now, pair(key, user), &PAIR);
        let all = strike(&mut self.sources, now, key, &SOURCE);
        match (one, all) {
            (Penalty::Silence, _) | (_, Penalty::Silence) => Penalty::Silence,
            (Penalty::Wait(a), Penalty::Wait(b)) => Penalty::Wait(a.max(b)),
            (Penalty::Wait(at), _) | (_, Penalty::Wait(at)) => Penalty::Wait(at),
            (Penalty::Forgiven, Penalty::Forgiven) => Penalty::Forgiven,
        }
    }

    /// The right password: the pair starts anew. The source does not, or one valid account would buy it
    /// free tries at the others.
    pub fn right(&mut self, key: RateLimitKey, user: &[u8]) {
        self.pairs.remove(&pair(key, user));
    }

    /// How many counts are kept.
    pub fn len(&self) -> usize {
        self.pairs.len() + self.sources.len()
    }

    /// Whether no password was wrong of late.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

pub(super) fn pair(key: RateLimitKey, user: &[u8]) -> Pair {
    (key, user.iter().copied().take(USER_OCTETS).collect())
}

fn strike<K: std::hash::Hash + Eq>(
    counts: &mut Recent<K, Count>,
    now: Mono,
    key: K,
    steps: &Steps,
) -> Penalty {
    counts.touch_or_turn(now, key).strike(now, steps)
}

impl Count {
    fn strike(&mut self, now: Mono, steps: &Steps) -> Penalty {
        let leaks = now.since(self.leaked).as_nanos() / steps.leak.as_nanos();
        self.wrong = self.wrong.saturating_sub(u32::try_from(leaks).unwrap_or(u32::MAX)) + 1;
        if leaks > 0 || self.wrong == 1 {
            self.leaked = now;
        }
        if self.wrong >= steps.silent {
            // Held at the brink: silence is not paid for twice, but the next wrong one after it is slow.
            self.wrong = steps.silent;
            self.silent = now + SILENCE;
            return Penalty::Silence;
        }
        match self.wrong.checked_sub(steps.free + 1) {
            None => Penalty::Forgiven,
            Some(doublings) => {
                let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
                self.waits = now + FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT);
                Penalty::Wait(self.waits)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const T0: Mono = Mono(1_000_000_000_000);

    fn from(n: u32) -> RateLimitKey {
        RateLimitKey::from(IpAddr::V4(Ipv4Addr::from_bits(n)))
    }

    /// Tries one after the other, each as soon as the last was answered; how many were looked at in `span`.
    fn tries_in(strikes: &mut Strikes, span: Duration, mut user: impl FnMut(u32) -> String) -> u32 {
        let (mut now, mut looked_at, mut n) = (T0, 0, 0);
        while now < T0 + span {
            n += 1;
            let user = user(n);
            let user = user.as_bytes();
            if strikes.is_source_silenced(now, from(1)) || strikes.is_pair_closed(now, from(1), user) {
                now = now + Duration::from_millis(10);
                continue;
            }
            looked_at += 1;
            match strikes.wrong(now, from(1), user) {
                Penalty::Wait(until) => now = until,
                Penalty::Forgiven | Penalty::Silence => now = now + Duration::from_millis(5),
            }
        }
        looked_at
    }

    #[test]
    fn wrong_passwords_are_slowed_down_and_then_meet_silence() {
        let mut s = Strikes::default();
        let penalties: Vec<Penalty> = (0..10).map(|_| s.wrong(T0, from(1), b"1001")).collect();
        assert_eq!(penalties[..3], [Penalty::Forgiven; 3]);
        let wait = |ms| Penalty::Wait(T0 + Duration::from_millis(ms));
        assert_eq!(penalties[3..9], [wait(250), wait(500), wait(1000), wait(2000), wait(4000), wait(4000)]);
        assert_eq!(penalties[9], Penalty::Silence);
        assert!(s.is_pair_closed(T0, from(1), b"1001"));
        assert!(!s.is_pair_closed(T0, from(1), b"1002"), "another phone of the office is heard");
        assert!(!s.is_pair_closed(T0, from(2), b"1001"), "the phone itself, elsewhere, is heard");
        assert!(!s.is_pair_closed(T0 + SILENCE, from(1), b"1001"));
        let after = T0 + SILENCE;
        assert!(matches!(s.wrong(after, from(1), b"1001"), Penalty::Wait(_)), "slow again, not free");
    }

    #[test]
    fn a_guesser_gets_about_two_tries_a_minute() {
        let tries = tries_in(&mut Strikes::default(), Duration::from_secs(3600), |_| "1001".into());
        assert!((30..120).contains(&tries), "{tries} in an hour");
    }

    #[test]
    fn going_through_the_users_silences_the_source() {
        let mut s = Strikes::default();
        let at_once: Vec<Penalty> =
            (1..100).map(|n: u32| s.wrong(T0, from(1), n.to_string().as_bytes())).collect();
        assert_eq!(at_once.iter().position(|p| *p == Penalty::Silence), Some(59));
        assert!(s.is_source_silenced(T0, from(1)));
        assert!(!s.is_source_silenced(T0, from(2)));
        let patient =
            tries_in(&mut Strikes::default(), Duration::from_secs(3600), |n| (1000 + n).to_string());
        assert!((60..600).contains(&patient), "{patient} in an hour");
    }

    #[test]
    fn one_phone_with_an_old_password_never_silences_its_office() {
        let mut s = Strikes::default();
        for i in 0..2_880 {
            let now = T0 + Duration::from_secs(i * 30);
            if !s.is_pair_closed(now, from(1), b"1001") {
                s.wrong(now, from(1), b"1001");
            }
            assert!(!s.is_source_silenced(now, from(1)), "after {i} tries");
        }
    }

    #[test]
    fn the_right_password_clears_the_pair_and_not_the_source() {
        let mut s = Strikes::default();
        for _ in 0..SOURCE.silent - 1 {
            s.wrong(T0, from(1), b"1001");
            s.right(from(1), b"1001");
        }
        assert!(!s.is_pair_closed(T0, from(1), b"1001"));
        assert_eq!(s.wrong(T0, from(1), b"1001"), Penalty::Silence);
        assert!(s.is_source_silenced(T0, from(1)));
    }

    #[test]
    fn memory_stays_flat_under_attempts_from_everywhere() {
        let mut s = Strikes::with_limit(16);
        for n in 0..10_000 {
            s.wrong(T0 + Duration::from_millis(u64::from(n)), from(n), &[b'x'; 4096]);
        }
        assert!(s.len() <= 4 * 16, "{}", s.len());
    }
}
