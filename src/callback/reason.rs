//! What is owed after a call that came to nothing.

use crate::event::{CallbackReason, EndReason, RefusalReason};

/// Why the caller of a call that ended so is owed a call; `None`: is not. A caller who was put through to a human, and was not
/// waiting again, is owed one only where the gateway itself went down, or the path to the caller.
pub fn after_end(reason: EndReason, spoke_with_a_human: bool) -> Option<CallbackReason> {
    let owed = match reason {
        EndReason::Completed | EndReason::LengthLimit | EndReason::Unanswered => return None,
        EndReason::Crashed => return Some(CallbackReason::Crashed),
        EndReason::Shutdown => return Some(CallbackReason::Shutdown),
        EndReason::SignallingLost => return Some(CallbackReason::SignallingLost),
        EndReason::Cancelled => CallbackReason::Cancelled,
        EndReason::Expired => CallbackReason::Expired,
        EndReason::Abandoned => CallbackReason::Abandoned,
        EndReason::WaitLimit => CallbackReason::WaitLimit,
        EndReason::QueueFull => CallbackReason::QueueFull,
        EndReason::MediaSilent => CallbackReason::MediaSilent,
        EndReason::Internal => CallbackReason::Internal,
    };
    (!spoke_with_a_human).then_some(owed)
}

/// Why the caller of a call that was refused so is owed a call; `None`: is not. Owed is what the gateway should have
/// taken and could not; not a blocked number's, nor what names no service or cannot be understood.
pub fn after_refusal(reason: RefusalReason) -> Option<CallbackReason> {
    match reason {
        RefusalReason::NoChannel => Some(CallbackReason::NoChannel),
        RefusalReason::QueueFull => Some(CallbackReason::QueueFull),
        RefusalReason::Overload => Some(CallbackReason::Overload),
        RefusalReason::Draining => Some(CallbackReason::Draining),
        RefusalReason::Internal => Some(CallbackReason::Internal),
        RefusalReason::Closed
        | RefusalReason::Blocked
        | RefusalReason::UnknownService
        | RefusalReason::BadMedia
        | RefusalReason::BadRequest => None,
    }
}
