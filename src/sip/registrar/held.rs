//! Answers that wait for their moment: what a wrong password is slowed down with.

use crate::sip::{Outgoing, ServerTx};
use crate::time::{Mono, Timers};
use std::collections::HashMap;

/// Most answers held at once. Past it a wrong password gets none: only a flood of guesses comes here.
pub const HELD: usize = 1024;

/// The longest answer that is held, in octets: the challenge to a real phone's REGISTER has a fifth of it. A source that sends
/// headers that make it longer, and a wrong password, gets none.
pub(super) const LONGEST: usize = 4_096;

/// See the module.
#[derive(Debug, Default)]
pub struct Held {
    answers: HashMap<ServerTx, Outgoing>,
    due: Timers<ServerTx>,
}

impl Held {
    /// Holds the answer to `tx` until `due`. Given back when there is no room: leave the request unanswered.
    pub fn hold(&mut self, due: Mono, tx: ServerTx, answer: Outgoing) -> Result<(), Outgoing> {
        if self.answers.len() >= HELD || answer.encode().len() > LONGEST {
            return Err(answer);
        }
        self.answers.insert(tx, answer);
        self.due.set(tx, due);
        Ok(())
    }

    /// When the next answer is due.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.due.next().map(|(at, _)| at)
    }

    /// One answer that is due. Call until `None`.
    pub fn pop_due(&mut self, now: Mono) -> Option<(ServerTx, Outgoing)> {
        while let Some(tx) = self.due.pop_due(now) {
            if let Some(answer) = self.answers.remove(&tx) {
                return Some((tx, answer));
            }
        }
        None
    }
}
