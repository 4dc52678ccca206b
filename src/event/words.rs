//! The closed lists of words events end with: who and why, and the states of a callback, a seat, the gateway.

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// The caller.
    Caller,
    /// The seat.
    Seat,
    /// The gateway.
    Gateway,
    /// Somebody the call was handed on to, or whom a seat called.
    ThirdParty,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// A human answered, and one side hung up.
    Completed,
    /// The caller hung up before a human answered.
    Abandoned,
    /// The caller hung up before we answered (CANCEL).
    Cancelled,
    /// The waiting limit ran out.
    WaitLimit,
    /// The queue had no place left; the caller heard so.
    QueueFull,
    /// The call length limit ran out.
    LengthLimit,
    /// No media came from either side.
    MediaSilent,
    /// A peer stopped answering, or our answer was never acknowledged.
    SignallingLost,
    /// The gateway stopped in order.
    Shutdown,
    /// The gateway stopped without warning; found and closed at the next start.
    Crashed,
    /// A fault of our own.
    Internal,
    /// Who was called was busy, did not answer or cannot be reached.
    Unanswered,
}

/// Where the promise of a callback stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallbackState {
    /// The caller asked for it.
    Requested,
    /// It is owed.
    Due,
    /// It is being dialled.
    Dialling,
    /// The citizen was reached.
    Done,
    /// Every attempt failed.
    Failed,
    /// It is no longer owed.
    Cancelled,
}

/// A seat's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeatState {
    /// Nobody is signed in, or no phone is registered.
    Offline,
    /// May be offered a call.
    Ready,
    /// Chosen for a call; its phone has not rung yet.
    Reserved,
    /// Its phone rings.
    Ringing,
    /// Speaks with a caller.
    Talking,
    /// Has put the caller on hold.
    Held,
    /// Finishes the case after the call.
    WrapUp,
    /// Not to be offered a call for now.
    NotReady,
    /// Its phone does not answer us.
    Unreachable,
}

/// The gateway's own state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeState {
    /// Serving.
    Started,
    /// Refuses new calls, lets the others end.
    Draining,
    /// Stopped in order.
    Stopped,
    /// Started after a crash; open calls were closed.
    Recovered,
}
