//! Whether the demo's calls became what they had to: judged by what was seen, call by call.

use super::board::Tally;
use crate::event::{CallRecord, CallState, EndReason};
use std::fmt;

/// What a citizen means to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Waits until a human has spoken.
    IsServed,
    /// Waits, and not for long.
    GivesUp,
    /// Dials a number that leads to no queue.
    DialsWrong,
}

/// How a citizen's call ended at that end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saw {
    Refused,
    HungUp,
    WasHungUpOn,
    Lost,
}

/// One citizen's call as it was seen.
#[derive(Debug)]
pub(super) struct Seen {
    /// What the citizen meant to do.
    pub part: Part,
    /// How it ended there; `None` when it has not.
    pub saw: Option<Saw>,
    /// Whether the human the record names had the citizen on the line.
    pub spoke: bool,
    /// The demo was ended in the middle of it.
    pub cut: bool,
}

/// What a call became, by the word of both sides.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Served,
    GaveUp,
    Refused,
    /// The demo was ended first.
    Cut,
    /// The sides disagree, or it should not have happened.
    Wrong(String),
}

impl Seen {
    /// What became of the call.
    pub(super) fn outcome(&self, record: Option<&CallRecord>) -> Outcome {
        use EndReason::{Abandoned, Cancelled, Completed};
        let recorded =
            record.map(|r| (r.state, r.ended.as_ref().map(|e| e.reason), r.connected_at.is_some()));
        match (self.part, self.saw, recorded) {
            (Part::DialsWrong, Some(Saw::Refused), Some((CallState::Refused, None, false))) => {
                Outcome::Refused
            }
            (
                Part::IsServed | Part::GivesUp,
                Some(Saw::WasHungUpOn | Saw::HungUp),
                Some((_, Some(Completed), true)),
            ) if self.spoke => Outcome::Served,
            (
                Part::GivesUp,
                Some(Saw::HungUp | Saw::Refused),
                Some((_, Some(Abandoned | Cancelled), false)),
            ) => Outcome::GaveUp,
            _ if self.cut => Outcome::Cut,
            (part, saw, recorded) => Outcome::Wrong(format!(
                "a citizen meant for {part:?} saw {saw:?}, the record says {recorded:?}"
            )),
        }
    }
}

/// What became of all calls.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    served: u32,
    gave_up: u32,
    refused: u32,
    cut: u32,
    wrong: Vec<String>,
    tally: Tally,
    /// Parts that were played and not seen to come out.
    unseen: Vec<&'static str>,
}

impl Verdict {
    /// Counts the outcomes. `complete`: no end was asked for before the last citizen was done, so that every part that was
    /// played must have been seen. `silent`: enough called for the silent seat to be offered a call.
    pub(super) fn of(outcomes: Vec<(Part, Outcome)>, tally: Tally, complete: bool, silent: bool) -> Verdict {
        let mut verdict = Verdict { tally, ..Verdict::default() };
        let mut played = Vec::new();
        for (part, outcome) in outcomes {
            played.push(part);
            match outcome {
                Outcome::Served => verdict.served += 1,
                Outcome::GaveUp => verdict.gave_up += 1,
                Outcome::Refused => verdict.refused += 1,
                Outcome::Cut => verdict.cut += 1,
                Outcome::Wrong(what) => verdict.wrong.push(what),
            }
        }
        let parts = [
            (played.contains(&Part::IsServed), verdict.served, "a caller who is served"),
            (played.contains(&Part::GivesUp), verdict.gave_up, "a caller who gives up waiting"),
            (played.contains(&Part::DialsWrong), verdict.refused, "a wrong number that is refused"),
            (silent, verdict.tally.unanswered, "the silent seat that is offered a call and does not answer"),
        ];
        let unseen = parts.into_iter().filter(|(expected, seen, _)| complete && *expected && *seen == 0);
        verdict.unseen = unseen.map(|(_, _, what)| what).collect();
        verdict
    }

    /// The error says what went wrong.
    pub(super) fn result(&self) -> Result<(), String> {
        let unseen = self.unseen.iter().map(|what| format!("not seen: {what}"));
        let wrong: Vec<String> = self.wrong.iter().cloned().chain(unseen).collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("the demo went wrong: {}", wrong.join("; "))) }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { served, gave_up, refused, cut, wrong, tally, .. } = self;
        let calls = *served + *gave_up + *refused + *cut + u32::try_from(wrong.len()).unwrap_or(u32::MAX);
        writeln!(
            f,
            "{calls} calls of citizens: {served} served by a human, {gave_up} gave up waiting, {refused} refused"
        )?;
        if *cut > 0 {
            writeln!(f, "{cut} of them under way when the demo was ended: not judged")?;
        }
        let Tally { offered, unanswered, .. } = tally;
        let calls = if *offered == 1 { "call" } else { "calls" };
        writeln!(f, "the silent seat was offered {offered} {calls} and left {unanswered} unanswered")?;
        match self.result() {
            Ok(()) => write!(f, "verdict: each call became what it had to, as both sides and journal tell"),
            Err(_) => write!(f, "verdict: not as it had to be"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::wire::samples;

    fn served() -> CallRecord {
        CallRecord::from_events(&samples::whole_call(1, 1)).unwrap()
    }

    fn abandoned() -> CallRecord {
        let mut record = served();
        record.connected_at = None;
        record.ended.as_mut().unwrap().reason = EndReason::Abandoned;
        record
    }

    fn seen(part: Part, saw: Saw) -> Seen {
        Seen { part, saw: Some(saw), spoke: true, cut: false }
    }

    #[test]
    fn a_caller_who_meant_to_give_up_and_was_served_counts_as_served() {
        assert_eq!(seen(Part::GivesUp, Saw::HungUp).outcome(Some(&served())), Outcome::Served);
        assert_eq!(seen(Part::GivesUp, Saw::HungUp).outcome(Some(&abandoned())), Outcome::GaveUp);
        let verdict = Verdict::of(vec![(Part::GivesUp, Outcome::Served)], Tally::default(), true, false);
        assert!(verdict.result().unwrap_err().contains("not seen: a caller who gives up"));
    }

    #[test]
    fn nobody_is_served_by_the_journals_word_alone() {
        let alone = Seen { spoke: false, ..seen(Part::IsServed, Saw::WasHungUpOn) };
        assert!(matches!(alone.outcome(Some(&served())), Outcome::Wrong(_)));
        assert!(matches!(seen(Part::IsServed, Saw::Lost).outcome(Some(&served())), Outcome::Wrong(_)));
        assert!(matches!(seen(Part::IsServed, Saw::WasHungUpOn).outcome(None), Outcome::Wrong(_)));
        assert_eq!(seen(Part::IsServed, Saw::WasHungUpOn).outcome(Some(&served())), Outcome::Served);
    }

    #[test]
    fn a_call_the_end_cut_short_is_not_judged_and_one_that_was_over_is() {
        let cut = |saw| Seen { part: Part::IsServed, saw, spoke: false, cut: true };
        assert_eq!(cut(None).outcome(None), Outcome::Cut);
        assert_eq!(cut(Some(Saw::HungUp)).outcome(Some(&abandoned())), Outcome::Cut);
        let over = Seen { spoke: true, ..cut(Some(Saw::WasHungUpOn)) };
        assert_eq!(over.outcome(Some(&served())), Outcome::Served);
    }

    #[test]
    fn the_silent_seat_must_have_been_offered_a_call_and_failed() {
        let of = |unanswered, complete| {
            let tally = Tally { offered: 1, unanswered, ..Tally::default() };
            Verdict::of(vec![(Part::IsServed, Outcome::Served)], tally, complete, true).result()
        };
        assert!(of(0, true).unwrap_err().contains("silent seat"));
        assert_eq!(of(1, true), Ok(()));
        assert_eq!(of(0, false), Ok(()), "the end was asked for before it could be seen");
    }
}
