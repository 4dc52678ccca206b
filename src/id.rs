//! Identifiers, and the random numbers they are made from.
//!
//! Every identifier the gateway makes is a UUIDv7 (RFC 9562 section 5.7): it sorts by time and needs
//! no coordination. The core draws from [`Random`], a generator seeded once from outside, so that a
//! run is replayed from its seed.

use crate::time::Wall;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use uuid::Uuid;

/// The core's source of random numbers: cryptographic, seeded by the shell or by a test. Identifiers have a stream of
/// their own: one identifier more or less changes no back-off and no lot, so that runs of two versions can be compared.
#[derive(Debug, Clone)]
pub struct Random {
    lots: ChaCha12Rng,
    ids: ChaCha12Rng,
}

impl Random {
    /// A generator whose whole sequence follows from `seed`.
    pub fn from_seed(seed: [u8; 32]) -> Random {
        Random::of(ChaCha12Rng::from_seed(seed))
    }

    /// As [`Random::from_seed`], for tests that print one number.
    pub fn from_number(seed: u64) -> Random {
        Random::of(ChaCha12Rng::seed_from_u64(seed))
    }

    fn of(mut lots: ChaCha12Rng) -> Random {
        let ids = ChaCha12Rng::from_rng(&mut lots);
        Random { lots, ids }
    }

    /// 64 random bits of an identifier.
    pub fn bits(&mut self) -> u64 {
        self.ids.next_u64()
    }

    /// A lot: a number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.lots.next_u64() % end }
    }

    /// `N` random bytes of an identifier.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut b = [0; N];
        self.ids.fill_bytes(&mut b);
        b
    }

    /// A token of 16 characters `[0-9a-f]`, 64 random bits: tags, branches (RFC 3261 section 19.3 asks for 32).
    pub fn token(&mut self) -> String {
        format!("{:016x}", self.bits())
    }

    /// A generator of its own for another machine, drawn from this one.
    pub fn fork(&mut self) -> Random {
        Random::from_seed(self.bytes())
    }

    fn uuid(&mut self, at: Wall) -> Uuid {
        let ms = at.millis();
        let r = self.bytes::<10>();
        let mut b = [0u8; 16];
        b[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
        b[6..].copy_from_slice(&r);
        b[6] = 0x70 | (b[6] & 0x0f);
        b[8] = 0x80 | (b[8] & 0x3f);
        Uuid::from_bytes(b)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier dated `at`.
            pub fn new(at: Wall, random: &mut Random) -> $name {
                $name(random.uuid(at))
            }

            /// From its 16 bytes, as stored.
            pub const fn from_bytes(b: [u8; 16]) -> $name {
                $name(Uuid::from_bytes(b))
            }

            /// When it was made, to the millisecond (RFC 9562 section 5.7).
            pub fn made_at(&self) -> Wall {
                let (ms, _) = self.0.as_u64_pair();
                Wall((ms >> 16).saturating_mul(1_000_000))
            }

            /// Its 16 bytes, to be stored.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(s).map($name)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                if to.is_human_readable() { to.collect_str(self) } else { self.as_bytes().serialize(to) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<$name, D::Error> {
                if from.is_human_readable() {
                    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(from).map($name::from_bytes)
                }
            }
        }
    };
}

uuid_id!(
    /// A promise to call a number: from its first unanswered call until it is closed.
    CallbackId
);
uuid_id!(
    /// One citizen's request, from its INVITE to its end. Not the SIP Call-ID, which belongs to a leg.
    CallId
);
uuid_id!(
    /// One event, the same on every redelivery and in every transport.
    EventId
);
uuid_id!(
    /// One leg of a call: a dialog with a caller, a seat or a third party.
    LegId
);
uuid_id!(
    /// One offer of a call to a seat.
    PresentationId
);
uuid_id!(
    /// One journal: changes when the store is new, imported or restored.
    LogId
);

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as configured.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<$name, D::Error> {
                String::deserialize(from).map(|name| $name(Arc::from(name)))
            }
        }

        impl From<&str> for $name {
            fn from(s: &str) -> $name {
                $name(Arc::from(s))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_id!(
    /// A seat: the position with its extension, not the person (for instance `1001`).
    SeatId
);
name_id!(
    /// A queue by its configured name.
    QueueId
);
name_id!(
    /// A trunk by its configured name.
    TrunkId
);
name_id!(
    /// A service number (DNIS): what the citizen dialled.
    ServiceNumber
);
name_id!(
    /// An operator: the person at a seat.
    OperatorId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_v7_carries_its_time_version_and_variant() {
        let mut r = Random::from_number(1);
        let id = CallId::new(Wall(0x0123_4567_89ab * 1_000_000), &mut r);
        let b = id.as_bytes();
        assert_eq!(b[..6], [0x01, 0x23, 0x45, 0x67, 0x89, 0xab]);
        assert_eq!(b[6] >> 4, 7);
        assert_eq!(b[8] >> 6, 0b10);
        assert_eq!(id.to_string().parse::<CallId>().unwrap(), id);
    }

    #[test]
    fn the_same_seed_gives_the_same_run() {
        let (mut a, mut b) = (Random::from_number(7), Random::from_number(7));
        assert_eq!(a.token(), b.token());
        assert_ne!(a.token(), Random::from_number(8).token());
    }
}
