//! Nonces: made without memory, remembered once a right answer used them.
//!
//! A nonce carries its instant and a salt under an HMAC over both and the source address, so a flood of
//! challenges costs no memory and a nonce is worth nothing at another address. Only a right answer enters
//! it into the table of used nonces, where a window of counts refuses whatever was seen before.

use crate::id::Random;
use crate::time::{Duration, Mono};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// How long a nonce is good. Phones answer within a second; a longer life only spares a phone that keeps
/// its nonce one round trip at each refresh.
pub const NONCE_LIFE: Duration = Duration::from_secs(300);

/// Most used nonces remembered: 500 phones that refresh every 30 s with a new nonce each time fill half of
/// it in [`NONCE_LIFE`]. At the limit the oldest is forgotten and every nonce of its age or older is stale
/// from then on: a phone pays a round trip, a replay never passes.
pub const USED_NONCES: usize = 10_000;

/// How far behind the highest count a late one may be, once. Counts arrive out of order over UDP.
pub const NC_WINDOW: u32 = 64;

const INSTANT: usize = 8;
const SALT: usize = 8;
const MAC: usize = 16;

/// Makes nonces and remembers the used ones. See the module.
#[derive(Debug, Clone)]
pub struct Nonces {
    key: [u8; 32],
    /// Added to every instant on the wire, so that a nonce does not tell how long we have been running.
    shift: u64,
    random: Random,
    used: BTreeMap<Id, Uses>,
    /// Every nonce made at or before this instant is stale.
    floor: Option<Mono>,
    limit: usize,
}

/// How an answer says it uses its nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceUse {
    /// With `qop=auth`: the count `nc`.
    Counted(u32),
    /// Without `qop`: nothing tells a replay from a repeat, so the nonce is good once.
    Once,
}

/// A use that was never seen before; to be spent when the answer is right.
#[derive(Debug)]
pub struct Unspent {
    id: Id,
    this: NonceUse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Id {
    made: Mono,
    salt: [u8; SALT],
}

#[derive(Debug, Clone, Copy)]
enum Uses {
    Once,
    Counted(Window),
}

/// Bit `i` of `seen` stands for the count `highest - i`.
#[derive(Debug, Clone, Copy)]
struct Window {
    highest: u32,
    seen: u64,
}

impl Window {
    fn is_new(self, count: u32) -> bool {
        match self.highest.checked_sub(count) {
            None => true,
            Some(behind) => behind < NC_WINDOW && self.seen & (1 << behind) == 0,
        }
    }

    fn mark(&mut self, count: u32) {
        if let Some(ahead) = count.checked_sub(self.highest).filter(|ahead| *ahead > 0) {
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
        } else if let Some(bit) = 1u64.checked_shl(self.highest - count) {
            self.seen |= bit;
        }
    }
}

impl Nonces {
    /// Nonces under a key drawn from `random`: those of an earlier run are stale.
    pub fn new(mut random: Random) -> Nonces {
        let (key, shift) = (random.bytes(), random.bits());
        Nonces { key, shift, random, used: BTreeMap::new(), floor: None, limit: USED_NONCES }
    }

    /// A new nonce for the peer at `source`: 43 characters of base64url.
    pub fn issue(&mut self, now: Mono, source: IpAddr) -> String {
        let id = Id { made: now, salt: self.random.bytes() };
        let mut text = Vec::with_capacity(INSTANT + SALT + MAC);
        text.extend(now.0.wrapping_add(self.shift).to_be_bytes());
        text.extend(id.salt);
        text.extend(self.mac(id, source));
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Whether `nonce` was made here for `source`, is young enough, and was not used this way before.
    /// `None` means stale: the peer deserves a new nonce and no verdict about its password.
    pub fn judge(&self, now: Mono, source: IpAddr, nonce: &[u8], this: NonceUse) -> Option<Unspent> {
        let id = self.young(now, source, nonce)?;
        let new = match (self.used.get(&id), this) {
            (_, NonceUse::Counted(0)) => false,
            (None, _) => true,
            (Some(Uses::Counted(window)), NonceUse::Counted(count)) => window.is_new(count),
            (Some(_), _) => false,
        };
        new.then_some(Unspent { id, this })
    }

    /// Whether `nonce` was made here for `source` and is young enough, used or not.
    pub fn made(&self, now: Mono, source: IpAddr, nonce: &[u8]) -> bool {
        self.young(now, source, nonce).is_some()
    }

    fn young(&self, now: Mono, source: IpAddr, nonce: &[u8]) -> Option<Id> {
        let id = self.read(source, nonce)?;
        let young = id.made <= now && now.since(id.made) < NONCE_LIFE;
        (young && self.floor.is_none_or(|floor| id.made > floor)).then_some(id)
    }

    /// Remembers a use, so that it is never accepted again.
    pub fn spend(&mut self, now: Mono, unspent: Unspent) {
        let Unspent { id, this } = unspent;
        match (self.used.get_mut(&id), this) {
            (Some(Uses::Counted(window)), NonceUse::Counted(count)) => window.mark(count),
            (_, NonceUse::Counted(count)) => {
                self.used.insert(id, Uses::Counted(Window { highest: count, seen: 1 }));
            }
            (_, NonceUse::Once) => {
                self.used.insert(id, Uses::Once);
            }
        }
        self.forget(now);
    }

    /// How many used nonces are remembered.
    pub fn used(&self) -> usize {
        self.used.len()
    }

    fn forget(&mut self, now: Mono) {
        while let Some((id, _)) = self.used.first_key_value() {
            if now.since(id.made) >= NONCE_LIFE {
                self.used.pop_first();
            } else if self.used.len() > self.limit {
                self.floor = Some(id.made);
                self.used.pop_first();
            } else {
                return;
            }
        }
    }

    fn read(&self, source: IpAddr, nonce: &[u8]) -> Option<Id> {
        let mut raw = [0; INSTANT + SALT + MAC];
        let length = URL_SAFE_NO_PAD.decode_slice(nonce, &mut raw).ok()?;
        let (instant, rest) = raw.get(..length)?.split_first_chunk::<INSTANT>()?;
        let (salt, mac) = rest.split_first_chunk::<SALT>()?;
        let id = Id { made: Mono(u64::from_be_bytes(*instant).wrapping_sub(self.shift)), salt: *salt };
        bool::from(self.mac(id, source).ct_eq(mac)).then_some(id)
    }

    fn mac(&self, id: Id, source: IpAddr) -> [u8; MAC] {
        let address = match source.to_canonical() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let mut out = [0; MAC];
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) {
            mac.update(&id.made.0.to_be_bytes());
            mac.update(&id.salt);
            mac.update(&address.octets());
            let whole = mac.finalize().into_bytes();
            for (to, from) in out.iter_mut().zip(whole) {
                *to = from;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: &str = "192.0.2.7";

    fn ip(s: &str) -> IpAddr {
        s.parse().unwrap()
    }

    fn nonces() -> Nonces {
        Nonces::new(Random::from_number(1))
    }

    fn accepts(n: &mut Nonces, now: Mono, nonce: &str, this: NonceUse) -> bool {
        match n.judge(now, ip(PHONE), nonce.as_bytes(), this) {
            Some(unspent) => {
                n.spend(now, unspent);
                true
            }
            None => false,
        }
    }

    #[test]
    fn a_nonce_count_is_good_once_and_may_come_out_of_order_in_the_window() {
        let mut n = nonces();
        let nonce = n.issue(Mono(5), ip(PHONE));
        let mut counted = |count| accepts(&mut n, Mono(6), &nonce, NonceUse::Counted(count));
        assert!(!counted(0), "counts begin at 1");
        assert!(counted(1));
        assert!(!counted(1), "a replay");
        assert!(counted(3));
        assert!(counted(2), "late, but never seen");
        assert!(!counted(2));
        assert!(counted(100));
        assert!(counted(37), "the last inside the window of 64");
        assert!(!counted(37));
        assert!(!counted(36), "the first outside");
        assert!(counted(u32::MAX), "a leap costs only the leaper");
        assert!(!counted(100));
    }

    #[test]
    fn a_nonce_answered_without_qop_is_good_once() {
        let mut n = nonces();
        let nonce = n.issue(Mono(5), ip(PHONE));
        assert!(accepts(&mut n, Mono(6), &nonce, NonceUse::Once));
        assert!(!accepts(&mut n, Mono(6), &nonce, NonceUse::Once));
        assert!(!accepts(&mut n, Mono(6), &nonce, NonceUse::Counted(1)));
        let other = n.issue(Mono(5), ip(PHONE));
        assert!(accepts(&mut n, Mono(6), &other, NonceUse::Counted(1)));
        assert!(!accepts(&mut n, Mono(6), &other, NonceUse::Once));
    }

    #[test]
    fn a_nonce_is_worth_nothing_at_another_address_or_to_another_run() {
        let mut n = nonces();
        let nonce = n.issue(Mono(5), ip(PHONE));
        let judge = |n: &Nonces, from: &str| {
            n.judge(Mono(6), ip(from), nonce.as_bytes(), NonceUse::Counted(1)).is_some()
        };
        assert!(judge(&n, PHONE));
        assert!(judge(&n, "::ffff:192.0.2.7"));
        assert!(!judge(&n, "192.0.2.8"));
        assert!(!judge(&Nonces::new(Random::from_number(2)), PHONE));
    }

    #[test]
    fn a_nonce_expires() {
        let mut n = nonces();
        let nonce = n.issue(Mono(5), ip(PHONE));
        let last = Mono(4) + NONCE_LIFE;
        assert!(accepts(&mut n, last, &nonce, NonceUse::Counted(1)));
        assert!(!accepts(&mut n, Mono(5) + NONCE_LIFE, &nonce, NonceUse::Counted(2)));
        assert!(!accepts(&mut n, Mono(4), &nonce, NonceUse::Counted(2)), "from the future");
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_calls_it_stale() {
        let mut n = nonces();
        n.limit = 3;
        let made: Vec<String> = (0..4).map(|i| n.issue(Mono(i), ip(PHONE))).collect();
        let unused = n.issue(Mono(0), ip(PHONE));
        for nonce in &made {
            assert!(accepts(&mut n, Mono(9), nonce, NonceUse::Counted(1)));
        }
        assert_eq!(n.used(), 3);
        assert!(!accepts(&mut n, Mono(9), &made[0], NonceUse::Counted(1)), "a replay of the forgotten one");
        assert!(!accepts(&mut n, Mono(9), &made[0], NonceUse::Counted(2)));
        assert!(!accepts(&mut n, Mono(9), &unused, NonceUse::Counted(1)), "as old as the forgotten one");
        assert!(accepts(&mut n, Mono(9), &made[1], NonceUse::Counted(2)));
        let late = Mono(9) + NONCE_LIFE;
        let fresh = n.issue(late, ip(PHONE));
        assert!(accepts(&mut n, late, &fresh, NonceUse::Counted(1)));
        assert_eq!(n.used(), 1, "expired ones are forgotten");
    }

    #[test]
    fn no_altered_nonce_is_taken_for_ours() {
        let mut n = nonces();
        let nonce = n.issue(Mono(5), ip(PHONE)).into_bytes();
        for i in 0..nonce.len() {
            let mut altered = nonce.clone();
            altered[i] = if altered[i] == b'A' { b'g' } else { b'A' };
            assert!(n.judge(Mono(6), ip(PHONE), &altered, NonceUse::Counted(1)).is_none(), "octet {i}");
            assert!(n.judge(Mono(6), ip(PHONE), &nonce[..i], NonceUse::Counted(1)).is_none());
        }
        let longer = [&nonce[..], b"AAAAAAAAAAAAAAAA"].concat();
        assert!(n.judge(Mono(6), ip(PHONE), &longer, NonceUse::Counted(1)).is_none());
    }
}
