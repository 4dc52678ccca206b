//! Assignment: the head of the line, and the seat that has been idle longest.
//!
//! Before a step no call waits beside a ready seat that may take it, and a step frees one seat or adds one
//! waiting call; so looking from that one side is enough to hold the promise after the step.

use super::failed_seats::FAILED_SEATS_KEPT;
use super::queue::WaitingState;
use super::seat::{SeatIndex, State};
use super::{Acd, Output};
use crate::event::SeatChoice;
use crate::id::CallId;
use crate::time::{Mono, Now};

/// A seat and why it is the one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    pub(super) seat: SeatIndex,
    pub(super) why: Why,
}

/// Why a seat was chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Why {
    /// The seat has been idle longest.
    LongestIdle,
    /// As above, among those that did not fail this caller before.
    LongestIdleUntried,
    /// The seat failed this caller before, but no other seat is ready.
    NoOtherReady,
    /// The operator took the call.
    PickUp,
    /// The seat transferred the caller, and the target did not answer.
    Recall,
}

impl Why {
    /// As events tell it of a seat that is idle since then.
    pub(super) fn told(self, idle_since: Mono, now: Mono) -> SeatChoice {
        let idle = now.since(idle_since).as_secs();
        match self {
            Why::LongestIdle => SeatChoice::LongestIdle { idle },
            Why::LongestIdleUntried => SeatChoice::LongestIdleUntried { idle },
            Why::NoOtherReady => SeatChoice::NoOtherReady { idle },
            Why::PickUp => SeatChoice::PickUp,
            Why::Recall => SeatChoice::Recall,
        }
    }
}

impl Acd {
    /// A call that waits looks for a seat.
    pub(super) fn seek(&mut self, now: Now, call: CallId, out: &mut Vec<Output>) {
        if let Some(choice) = self.choose(call) {
            self.present(now, call, choice, out);
        }
    }

    /// A seat that became ready takes the best of the heads of its queues.
    pub(super) fn serve(&mut self, now: Now, index: SeatIndex, out: &mut Vec<Output>) {
        let Some(seat) = self.seats.get(index as usize) else { return };
        debug_assert_eq!(seat.state, State::Ready);
        let heads = seat.queues.iter().filter_map(|q| self.queues.get(*q)).filter_map(|q| q.head());
        if let Some((_, call)) = heads.min_by_key(|(key, _)| *key) {
            // Its choice can only be this seat: no other ready seat may take it.
            self.seek(now, call, out);
        }
    }

    /// The longest idle seat that did not fail this caller before, else the longest idle of all.
    fn choose(&self, call: CallId) -> Option<Choice> {
        let waiting = self.waiting.get(&call)?;
        if waiting.place != WaitingState::InLine {
            return None;
        }
        let idle = &self.queues.get(waiting.queue)?.idle;
        let (_, first) = *idle.first()?;
        // At most that many are skipped, so one more is enough to find an untried one.
        let untried =
            idle.iter().take(FAILED_SEATS_KEPT + 1).map(|(_, s)| *s).find(|s| !waiting.failed.contains(*s));
        Some(match untried {
            Some(seat) if seat == first => Choice { seat, why: Why::LongestIdle },
            Some(seat) => Choice { seat, why: Why::LongestIdleUntried },
            None => Choice { seat: first, why: Why::NoOtherReady },
        })
    }
}
