//! Which algorithm a user is asked for: one challenge names one, because some phones give up when one they do not know
//! stands beside one they know.
//!
//! A seat with two algorithms is asked for the first. A phone that leaves that challenge unanswered and registers anew is
//! asked for the next; what it answers it is asked for from then on. Kept for users that exist and that do not alike.

use super::strikes::{Pair, STRUCK, pair};
use crate::sip::origin::Origin;
use crate::sip::recent::Recent;
use crate::time::{Duration, Mono};

/// A challenge that was not answered for so long is not going to be: every retransmission of its REGISTER has come by
/// then (timer F, 64*T1).
pub const UNANSWERED: Duration = Duration::from_secs(32);

/// How long a turn is kept after its last use: twice the longest registration, so that a phone is asked at its refresh for
/// what it answered before.
const KEPT: Duration = Duration::from_secs(7_200);

#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    /// Which of its user's algorithms is asked for.
    nth: usize,
    /// When it was first asked for without an answer.
    asked: Option<Mono>,
}

/// The turns by source and user, at most [`STRUCK`] in each of two generations. Past it the older are forgotten early:
/// such a phone is asked for the first algorithm again.
#[derive(Debug, Clone)]
pub struct Turns(Recent<Pair, Turn>);

impl Default for Turns {
    fn default() -> Turns {
        Turns(Recent::new(KEPT, STRUCK))
    }
}

impl Turns {
    /// Which of so many algorithms is asked for.
    pub fn of(&self, origin: Origin, user: &[u8], algorithms: usize) -> usize {
        let nth = self.0.peek(&pair(origin, user)).map_or(0, |turn| turn.nth);
        nth.checked_rem(algorithms).unwrap_or(0)
    }

    /// A REGISTER came without an answer. Gives whether a challenge before it was never answered; the next algorithm has
    /// its turn then.
    pub fn unanswered(&mut self, now: Mono, origin: Origin, user: &[u8]) -> bool {
        let turn = self.touch(now, origin, user);
        let given_up = turn.asked.is_some_and(|at| now.since(at) >= UNANSWERED);
        if given_up {
            turn.nth = turn.nth.wrapping_add(1);
        }
        if given_up || turn.asked.is_none() {
            turn.asked = Some(now);
        }
        given_up
    }

    /// A challenge was answered by the algorithm with this place in the list.
    pub fn answered(&mut self, now: Mono, origin: Origin, user: &[u8], nth: usize) {
        *self.touch(now, origin, user) = Turn { nth, asked: None };
    }

    fn touch(&mut self, now: Mono, origin: Origin, user: &[u8]) -> &mut Turn {
        self.0.touch_or_turn(now, pair(origin, user))
    }
}
