//! Positions and per-call numbers: who is next, without a gap.

use super::call_event::{CallEvent, CallPart, Summary, What};
use crate::id::{CallId, EventId, Random};
use crate::time::{Duration, Now};

/// Numbers every event of this node. One owner, so the order is total.
#[derive(Debug)]
pub struct Sequence {
    next_position: u64,
    random: Random,
}

/// The call an event belongs to, before it is numbered.
#[derive(Debug)]
pub struct Of<'a> {
    /// The call.
    pub call: CallId,
    /// The last number given in this call; counted up here.
    pub seq: &'a mut u32,
    /// Since the call began.
    pub since_start: Duration,
    /// The call as it stands after the event.
    pub summary: Summary,
}

impl Sequence {
    /// A sequence that goes on after `last_position`, 0 for a new journal.
    pub fn new(last_position: u64, random: Random) -> Sequence {
        Sequence { next_position: last_position + 1, random }
    }

    /// Gives `what` its identity and place. `of` is `None` for events that belong to no call.
    pub fn stamp(&mut self, now: Now, of: Option<Of<'_>>, what: What) -> CallEvent {
        let position = self.next_position;
        self.next_position += 1;
        let call = of.map(|of| {
            *of.seq += 1;
            CallPart { id: of.call, seq: *of.seq, since_start: of.since_start, summary: of.summary }
        });
        CallEvent { id: EventId::new(now.wall, &mut self.random), position, at: now.wall, call, what }
    }

    /// The position of the newest event, 0 before the first.
    pub fn head(&self) -> u64 {
        self.next_position - 1
    }
}
