//! A call by its events alone: the state each event must leave it in, which state may follow which, and who may end it.

use crate::checks::story;
use crate::town::{S, holds, line_of};
use crate::world::World;
use hotline_gateway::cli::phones::HangUp;
use hotline_gateway::event::{
    CallEvent, CallState, Direction, EndReason, EndedBy, PresentationResult, TransferResult, What,
};

/// What one call has told so far.
#[derive(Default)]
struct Model {
    state: Option<CallState>,
    direction: Direction,
    /// The queue is ringing a seat.
    presented: bool,
    /// A hold ended because the talk does: what ends the talk comes next.
    talk_ends: bool,
    /// The caller is back on the seat's line because a transfer failed. A phone that hangs up unasked parts the two again,
    /// and the queue's event tells of it.
    has_returned: bool,
    /// The end has come, by a final record too.
    is_final: bool,
}

/// Whether the events of one call are those of a call.
pub fn check(events: &[&CallEvent]) -> Result<(), String> {
    let mut model = Model::default();
    for event in events {
        let state = event.call.as_ref().expect("an event of a call").summary.state;
        model
            .takes(&event.what, state)
            .map_err(|e| format!("{e} at {}: {}", event.position, story(events)))?;
    }
    Ok(())
}

impl Model {
    fn takes(&mut self, what: &What, told: CallState) -> Result<(), String> {
        if self.is_final {
            return Err("a call goes on after its final record".to_owned());
        }
        let mut must = self.follows(what, told)?;
        if let What::CallTransferred(transferred) = what {
            let has_failed = transferred.result == TransferResult::Failed;
            self.has_returned = has_failed && told == CallState::Connected;
            if self.has_returned {
                must = told;
            }
        }
        if self.has_returned && (must, told) == (CallState::Connected, CallState::Held) {
            must = told;
        }
        if matches!(what, What::CallTransferred(_) | What::QueueEntered(_) | What::CallEnded(_)) {
            self.talk_ends = false;
        }
        if told != must {
            return Err(format!("the call is {told:?} and must be {must:?}"));
        }
        if let Some(was) = self.state
            && was != told
            && !may_follow(was, told)
        {
            return Err(format!("{was:?} turned into {told:?}"));
        }
        self.state = Some(told);
        Ok(())
    }

    /// The state after this event.
    fn follows(&mut self, what: &What, told: CallState) -> Result<CallState, String> {
        use CallState::*;
        let Some(state) = self.state else {
            return match what {
                What::CallReceived(received) => {
                    self.direction = received.direction;
                    Ok(Received)
                }
                What::CallRefused(refused) if refused.received.is_some() => Ok(Refused),
                _ => Err("a call begins in the middle".to_owned()),
            };
        };
        let next = match what {
            What::CallReceived(_) => return Err("a call is received twice".to_owned()),
            What::CallRefused(_) => Refused,
            What::CallAnswered { .. } if self.direction == Direction::Outbound => Connected,
            What::CallAnswered { .. } => Answered,
            What::QueueEntered(_) => Waiting,
            What::SeatPresented(_) if state == Waiting => {
                self.presented = true;
                Presented
            }
            What::SeatPresentationEnded(ended) if std::mem::take(&mut self.presented) => match ended.result {
                // The next event tells of the connection, or of the end that the caller has brought about.
                PresentationResult::Answered | PresentationResult::CallerGone => state,
                _ => Waiting,
            },
            What::SeatConnected { .. } => Connected,
            What::CallHeld { .. } | What::CallResumed { .. } if self.talk_ends => {
                return Err("a talk goes on after its end".to_owned());
            }
            What::CallHeld { .. } => Held,
            What::CallResumed { .. } if told == Held => {
                self.talk_ends = true;
                Held
            }
            What::CallResumed { .. } => Connected,
            What::CallTransferred(t) => match t.result {
                TransferResult::Started => Held,
                TransferResult::Completed => Connected,
                TransferResult::Failed | TransferResult::Cancelled => state,
            },
            What::CallEnded(ended) => {
                if !may_end(state, self.direction, ended.by, ended.reason) {
                    return Err(format!("{state:?} was ended by {:?}: {:?}", ended.by, ended.reason));
                }
                Ended
            }
            What::CallRecordUpdated(record) => {
                self.is_final = record.is_final;
                state
            }
            _ => state,
        };
        Ok(next)
    }
}

/// Whether a call in the first state may be in the second next.
fn may_follow(was: CallState, next: CallState) -> bool {
    use CallState::*;
    match was {
        // A seat's own call is connected by its answer.
        Received => matches!(next, Answered | Connected | Refused | Ended),
        Answered => matches!(next, Waiting | Ended),
        Waiting => matches!(next, Presented | Ended),
        Presented => matches!(next, Waiting | Connected | Ended),
        // An operator who is lost gives the caller back to the queue.
        Connected => matches!(next, Held | Waiting | Ended),
        Held => matches!(next, Connected | Waiting | Ended),
        Ended | Refused => false,
    }
}

/// Whether a call in this state may be ended by this party for this reason.
fn may_end(state: CallState, direction: Direction, by: EndedBy, reason: EndReason) -> bool {
    use CallState::*;
    let talks = matches!(state, Connected | Held);
    let is_queued = matches!(state, Answered | Waiting | Presented);
    match (by, reason) {
        (EndedBy::Gateway, EndReason::Shutdown | EndReason::Crashed | EndReason::SignallingLost) => true,
        (EndedBy::Caller | EndedBy::Seat, EndReason::Cancelled | EndReason::Expired) => state == Received,
        (EndedBy::Caller, EndReason::Abandoned) => is_queued,
        (EndedBy::Caller | EndedBy::Seat | EndedBy::ThirdParty, EndReason::Completed) => talks,
        // A caller who hears the last message may hang up in it.
        (EndedBy::Gateway | EndedBy::Caller, EndReason::WaitLimit | EndReason::QueueFull) => is_queued,
        (EndedBy::Gateway | EndedBy::Caller, EndReason::LengthLimit) => talks || is_queued,
        (EndedBy::Gateway, EndReason::MediaSilent) => talks,
        (EndedBy::ThirdParty | EndedBy::Gateway, EndReason::Unanswered) => direction == Direction::Outbound,
        _ => false,
    }
}

/// The first broken rule of a call that is offered, taken, held and hung up on, with its events tampered with.
fn broken(tampers: impl Fn(&mut CallEvent) -> bool) -> Option<String> {
    let mut w = World::new(1, 1, "wrap_up = \"0s\"", "");
    w.citizen_calls("13812341234", HangUp::AfterAnswer(S(6)));
    w.run(S(2));
    let line = line_of(&w, 1001);
    holds(&mut w, line, true);
    holds(&mut w, line, false);
    w.run(S(60));
    let mut events: Vec<CallEvent> = w.journal.iter().filter(|e| e.call.is_some()).cloned().collect();
    events.retain_mut(tampers);
    check(&events.iter().collect::<Vec<_>>()).err()
}

#[test]
fn a_call_that_skips_a_state_or_lies_about_it_is_found() {
    assert_eq!(broken(|_| true), None);
    let skipped = broken(|e| !matches!(e.what, What::QueueEntered(_)));
    assert!(skipped.is_some_and(|b| b.contains("Presented and must be Answered")));
    let unanswered = broken(|e| !matches!(e.what, What::CallAnswered { .. }));
    assert!(unanswered.is_some_and(|b| b.contains("Received turned into Waiting")));
    let lie = broken(|e| {
        if let (What::CallHeld { .. }, Some(part)) = (&e.what, &mut e.call) {
            part.summary.state = CallState::Connected;
        }
        true
    });
    assert!(lie.is_some_and(|b| b.contains("the call is Connected and must be Held")));
}

#[test]
fn an_end_that_the_party_may_not_bring_about_is_found() {
    for (by, reason) in [(EndedBy::Caller, EndReason::Abandoned), (EndedBy::Gateway, EndReason::Completed)] {
        let found = broken(|e| {
            if let What::CallEnded(ended) = &mut e.what {
                (ended.by, ended.reason) = (by, reason);
            }
            true
        });
        assert!(found.is_some_and(|b| b.contains("Connected was ended by")), "{by:?} {reason:?}");
    }
}
