//! Challenges that are left unanswered: the phone has no password, does not know the algorithms, or does not hear the gateway. Kept for
//! users that exist and that do not alike.

use super::strikes::{Pair, STRUCK, pair};
use crate::sip::rate_limit_key::RateLimitKey;
use crate::sip::recent::Recent;
use crate::time::{Duration, Mono};

/// A challenge that was not answered for so long is not going to be: every retransmission of its REGISTER has come by
/// then (timer F, 64*T1).
pub const UNANSWERED: Duration = Duration::from_secs(32);

/// How long a challenge is remembered: twice the longest registration.
const KEPT: Duration = Duration::from_secs(7_200);

/// When each user was first challenged at a source without an answer since, at most [`STRUCK`] in each of two
/// generations. Past it the older are forgotten early, and a challenge left unanswered is noticed one REGISTER later.
#[derive(Debug, Clone)]
pub(super) struct Unanswered(Recent<Pair, Option<Mono>>);

impl Default for Unanswered {
    fn default() -> Unanswered {
        Unanswered(Recent::new(KEPT, STRUCK))
    }
}

impl Unanswered {
    /// A REGISTER came without an answer. Gives whether a challenge before it was never answered.
    pub(super) fn asked(&mut self, now: Mono, key: RateLimitKey, user: &[u8]) -> bool {
        let first = self.0.touch_or_turn(now, pair(key, user));
        let left = first.is_some_and(|at| now.since(at) >= UNANSWERED);
        if left || first.is_none() {
            *first = Some(now);
        }
        left
    }

    /// A challenge was answered.
    pub(super) fn answered(&mut self, now: Mono, key: RateLimitKey, user: &[u8]) {
        *self.0.touch_or_turn(now, pair(key, user)) = None;
    }
}
