//! What the demo knows of its gateway: seats, calls and the newest events, all from the events alone.

use super::MUTE_SEAT;
use crate::event::{CallEvent, CallState, EndReason, PresentationResult, SeatState, What};
use crate::id::CallId;
use crate::time::Wall;
use std::collections::{BTreeMap, VecDeque};

/// Newest events kept: more than the tallest window shows.
const NEWEST: usize = 200;

/// Seats, calls, newest events.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Each seat's state, and since when.
    pub seats: BTreeMap<String, (SeatState, Wall)>,
    /// The newest events, the newest last.
    pub newest: VecDeque<String>,
    /// What became of the calls that ended.
    pub tally: Tally,
    calls: BTreeMap<CallId, Row>,
}

/// One call that is not over.
#[derive(Debug)]
pub(super) struct Row {
    /// The caller's number as the gateway shows it.
    pub caller: String,
    /// Where the call stands.
    pub state: CallState,
    /// Since when it stands there.
    pub since: Wall,
    seat: Option<String>,
}

/// Calls by their end, and what the silent seat did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    /// Calls that came.
    pub calls: u32,
    /// A human spoke with the caller.
    pub served: u32,
    /// The caller hung up before that.
    pub gave_up: u32,
    /// Turned away.
    pub refused: u32,
    /// Calls offered to the silent seat.
    pub offered: u32,
    /// Of those, the ones it did not answer.
    pub unanswered: u32,
}

impl Board {
    /// Something happened. Gives the line to print, where it is news.
    pub(super) fn event(&mut self, event: &CallEvent) -> Option<&str> {
        self.count(&event.what);
        if let What::SeatStateChanged { seat, to, .. } = &event.what {
            self.seats.insert(seat.to_string(), (*to, event.at));
        }
        if let Some(part) = &event.call {
            let summary = &part.summary;
            if matches!(summary.state, CallState::Ended | CallState::Refused) {
                self.calls.remove(&part.id);
            } else {
                let number = summary.caller.reveal();
                let before = self.calls.get(&part.id).filter(|row| row.state == summary.state);
                let row = Row {
                    caller: if number.is_empty() { "withheld".to_owned() } else { number.clone() },
                    state: summary.state,
                    since: before.map_or(event.at, |row| row.since),
                    seat: summary.seat.as_ref().map(ToString::to_string),
                };
                self.calls.insert(part.id, row);
            }
        }
        if !is_news(&event.what) {
            return None;
        }
        // The random end of a UUIDv7 tells calls of the same minute apart.
        let call = event.call.as_ref().map(|c| c.id.to_string());
        let call = call.as_deref().and_then(|c| c.rsplit('-').next()).unwrap_or("gateway");
        if self.newest.len() == NEWEST {
            self.newest.pop_front();
        }
        self.newest.push_back(format!("{:>6}  {call:<12}  {}", event.position, event.what));
        self.newest.back().map(String::as_str)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what the table shows, of all that happens")]
    fn count(&mut self, what: &What) {
        let tally = &mut self.tally;
        let silent = MUTE_SEAT.to_string();
        match what {
            What::CallReceived(_) => tally.calls += 1,
            What::CallRefused(refused) => {
                tally.refused += 1;
                // One that was turned away at once has no event of its own before.
                tally.calls += u32::from(refused.received.is_some());
            }
            What::CallEnded(ended) => match ended.reason {
                EndReason::Completed => tally.served += 1,
                EndReason::Abandoned | EndReason::Cancelled => tally.gave_up += 1,
                _ => {}
            },
            What::SeatPresented(p) if p.seat.as_str() == silent => tally.offered += 1,
            What::SeatPresentationEnded(e) if e.seat.as_str() == silent => {
                tally.unanswered += u32::from(e.result == PresentationResult::NoAnswer);
            }
            _ => {}
        }
    }

    /// Calls that wait and ring nowhere, the oldest first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Row> {
        // Identifiers begin with the time they were made at.
        self.calls.values().filter(|row| row.state == CallState::Waiting)
    }

    /// Whether the queue is empty and a seat could take the next call.
    pub(super) fn is_drained(&self) -> bool {
        self.waiting().next().is_none() && self.seats.values().any(|(state, _)| *state == SeatState::Ready)
    }

    /// The call a seat has or is offered.
    pub(super) fn call_of(&self, seat: &str) -> Option<&Row> {
        let at_a_seat =
            |row: &&Row| !matches!(row.state, CallState::Waiting | CallState::Received | CallState::Answered);
        self.calls.values().filter(at_a_seat).find(|row| row.seat.as_deref() == Some(seat))
    }
}

/// Whether an event is worth a line of its own.
fn is_news(what: &What) -> bool {
    !matches!(
        what,
        What::CallRecordUpdated(_)
            | What::QueuePositionChanged { .. }
            | What::MediaQuality(_)
            | What::SeatStateChanged { .. }
    )
}
