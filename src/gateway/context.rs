//! What every step of a call works with, and the buffer of what it says.

use crate::call::{self, Cx, Rules};
use crate::callback::RecoveryList;
use crate::event::Sequence;
use crate::id::Random;
use crate::time::Now;

/// See the module.
pub(super) struct CallContext {
    pub(super) rules: Rules,
    pub(super) sequence: Sequence,
    pub(super) random: Random,
    pub(super) owed: RecoveryList,
    /// Kept between steps so that a step allocates nothing of its own.
    said: Vec<call::Output>,
}

impl CallContext {
    pub(super) fn new(rules: Rules, sequence: Sequence, random: Random, owed: RecoveryList) -> CallContext {
        CallContext { rules, sequence, random, owed, said: Vec::new() }
    }

    /// For one step at this moment.
    pub(super) fn cx(&mut self, now: Now) -> Cx<'_> {
        Cx {
            now,
            sequence: &mut self.sequence,
            random: &mut self.random,
            owed: &mut self.owed,
            rules: &self.rules,
            out: &mut self.said,
        }
    }

    /// What the step said. Brought back by [`CallContext::done`].
    pub(super) fn take_said(&mut self) -> Vec<call::Output> {
        std::mem::take(&mut self.said)
    }

    /// What was said is carried out.
    pub(super) fn done(&mut self, mut said: Vec<call::Output>) {
        said.clear();
        self.said = said;
    }
}
