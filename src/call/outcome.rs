//! What a seat's SIP status means for the queue, and what an end means in ITU-T Q.850.

use crate::event::{EndReason, EndedBy, PresentationResult, QueueExit};
use crate::sip::{Cause, Status};

/// An end, as its event will tell it.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    /// Who ended the call.
    pub by: EndedBy,
    /// Why.
    pub reason: EndReason,
    /// What the peer's signalling said.
    pub cause: Cause,
}

impl Ending {
    /// An end that no peer gave a reason for.
    pub(super) fn new(by: EndedBy, reason: EndReason) -> Ending {
        Ending { by, reason, cause: Cause { sip: None, q850: None, text: "" } }
    }

    /// The same, shown by a SIP status.
    #[must_use]
    pub(super) fn with_sip(mut self, status: Option<Status>) -> Ending {
        self.cause.sip = status;
        self
    }
}

/// What our BYE says of this end.
pub(super) fn cause_of(reason: EndReason) -> Cause {
    Cause::q850(q850(reason), "")
}

/// How a call that ends so leaves its queue.
pub(super) fn exit_of(ending: &Ending) -> QueueExit {
    match ending.reason {
        _ if ending.by == EndedBy::Caller => QueueExit::Abandoned,
        EndReason::WaitLimit | EndReason::LengthLimit => QueueExit::Timeout,
        EndReason::SignallingLost | EndReason::Abandoned | EndReason::Cancelled | EndReason::Expired => {
            QueueExit::Abandoned
        }
        EndReason::Completed
        | EndReason::Unanswered
        | EndReason::QueueFull
        | EndReason::MediaSilent
        | EndReason::Shutdown
        | EndReason::Crashed
        | EndReason::Internal => QueueExit::Closed,
    }
}

/// How a presentation ended when the seat's INVITE got this final, non-2xx status. A redirection is not
/// followed and counts as a refusal.
pub(super) fn presentation_result(status: Status) -> PresentationResult {
    match status {
        Status::BUSY_HERE | Status::BUSY_EVERYWHERE => PresentationResult::Busy,
        Status::NOT_FOUND
        | Status::REQUEST_TIMEOUT
        | Status::GONE
        | Status::FLOW_FAILED
        | Status::TEMPORARILY_UNAVAILABLE
        | Status::NO_SUCH_CALL => PresentationResult::Unreachable,
        _ if status.is_server_failure() => PresentationResult::Unreachable,
        _ => PresentationResult::Rejected,
    }
}

/// The cause of an end (ITU-T Q.850): 16 normal clearing, 19 no answer, 41 temporary failure, 102 timer expiry.
pub fn q850(reason: EndReason) -> u8 {
    match reason {
        EndReason::Completed | EndReason::Abandoned | EndReason::Cancelled => 16,
        EndReason::WaitLimit | EndReason::Unanswered => 19,
        EndReason::QueueFull => 17,
        EndReason::LengthLimit | EndReason::MediaSilent | EndReason::SignallingLost | EndReason::Expired => {
            102
        }
        EndReason::Shutdown | EndReason::Crashed | EndReason::Internal => 41,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_seat_is_told_from_one_that_refuses_and_one_that_is_gone() {
        assert_eq!(presentation_result(Status::BUSY_HERE), PresentationResult::Busy);
        assert_eq!(presentation_result(Status::DECLINE), PresentationResult::Rejected);
        assert_eq!(presentation_result(Status::MOVED_TEMPORARILY), PresentationResult::Rejected);
        assert_eq!(presentation_result(Status::TEMPORARILY_UNAVAILABLE), PresentationResult::Unreachable);
        assert_eq!(presentation_result(Status::SERVICE_UNAVAILABLE), PresentationResult::Unreachable);
    }
}
