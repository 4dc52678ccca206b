//! The closed lists of words events end with: who and why, and the states of a callback, a seat, the gateway.

use serde::{Deserialize, Serialize};

/// The side that ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// The caller.
    Caller,
    /// The seat.
    Seat,
    /// The gateway.
    Gateway,
    /// The party the call was transferred to, or whom a seat called.
    ThirdParty,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// The called party was busy, did not answer or cannot be reached.
    Unanswered,
    /// The time the caller's INVITE gave itself (Expires) ran out before we answered.
    Expired,
}

/// Where the promise of a callback stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallbackState {
    /// The caller asked for it.
    Requested,
    /// The callback is owed.
    Due,
    /// The citizen is being dialled.
    Dialling,
    /// The citizen was reached.
    Done,
    /// Every attempt failed.
    Failed,
    /// The callback is no longer owed.
    Cancelled,
}

/// Why a callback is owed: what became of the newest call of the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallbackReason {
    /// The caller hung up before a human answered.
    Abandoned,
    /// The caller hung up before the gateway answered.
    Cancelled,
    /// The time that the caller's INVITE gave itself ran out before the gateway answered.
    Expired,
    /// The waiting limit ran out.
    WaitLimit,
    /// The queue had no place left.
    QueueFull,
    /// No media came, and no human had answered.
    MediaSilent,
    /// The caller's side stopped answering, and no human had answered.
    SignallingLost,
    /// The gateway stopped in order.
    Shutdown,
    /// The gateway stopped without warning.
    Crashed,
    /// No media port, or a fault of the gateway.
    Internal,
    /// The trunk had no channel left.
    NoChannel,
    /// More came than can be carried.
    Overload,
    /// The gateway took no new calls, because it was about to stop.
    Draining,
}

/// A seat's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeatState {
    /// No operator is signed in, or no phone is registered.
    Offline,
    /// May be offered a call.
    Ready,
    /// Chosen for a call; its phone has not rung yet.
    Reserved,
    /// The phone rings.
    Ringing,
    /// Speaks with a caller.
    Talking,
    /// Has put the caller on hold.
    Held,
    /// Finishes the case after the call.
    WrapUp,
    /// Not to be offered a call for now.
    NotReady,
    /// The phone does not answer us.
    Unreachable,
}

/// Why a seat takes no calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AwayReason {
    /// Not said.
    Unnamed,
    /// A short break.
    Break,
    /// A meal.
    Meal,
    /// Training.
    Training,
    /// Calls that go out.
    Outbound,
    /// A meeting.
    Meeting,
    /// Something is broken.
    Tech,
}

impl AwayReason {
    /// The reason a digit stands for: 1 break, 2 meal, 3 training, 4 outbound, 5 meeting, 6 tech.
    pub fn of_digit(digit: char) -> Option<AwayReason> {
        Some(match digit {
            '1' => AwayReason::Break,
            '2' => AwayReason::Meal,
            '3' => AwayReason::Training,
            '4' => AwayReason::Outbound,
            '5' => AwayReason::Meeting,
            '6' => AwayReason::Tech,
            _ => return None,
        })
    }
}

/// Whether the operator at a seat takes calls, apart from what the seat is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperatorState {
    /// No operator is signed in.
    SignedOut,
    /// The operator takes calls.
    Ready,
    /// The operator takes no calls.
    NotReady,
}

/// What was decided about a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockListChange {
    /// The operator is warned.
    Warn,
    /// The calls ring longer before they are answered.
    Slow,
    /// The calls are refused.
    Block,
    /// The number was taken off the list.
    Removed,
}

/// Why a seat's phone could not register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegistrationFailure {
    /// The password is wrong.
    WrongPassword,
    /// The phone answered with a digest algorithm it was not asked for.
    Algorithm,
    /// The phone leaves challenges unanswered: it has no password, does not know the algorithm, or does not hear us.
    Unanswered,
    /// The `uri` of its answer names another host than its request.
    DigestUri,
    /// The request cannot be read, or asks for what cannot be.
    Unreadable,
    /// There were too many wrong passwords: it is not answered for five minutes.
    Silenced,
    /// The request names a host that is not the gateway's.
    UnknownDomain,
    /// The phone proved to be another seat, or wants too many contacts.
    Forbidden,
}

impl RegistrationFailure {
    /// All of them.
    pub const ALL: [RegistrationFailure; 8] = [
        RegistrationFailure::WrongPassword,
        RegistrationFailure::Algorithm,
        RegistrationFailure::Unanswered,
        RegistrationFailure::DigestUri,
        RegistrationFailure::Unreadable,
        RegistrationFailure::Silenced,
        RegistrationFailure::UnknownDomain,
        RegistrationFailure::Forbidden,
    ];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            RegistrationFailure::WrongPassword => "wrong_password",
            RegistrationFailure::Algorithm => "algorithm",
            RegistrationFailure::Unanswered => "unanswered",
            RegistrationFailure::DigestUri => "digest_uri",
            RegistrationFailure::Unreadable => "unreadable",
            RegistrationFailure::Silenced => "silenced",
            RegistrationFailure::UnknownDomain => "unknown_domain",
            RegistrationFailure::Forbidden => "forbidden",
        }
    }

    /// What is wrong, and where to look, for the log.
    pub fn cure(self) -> &'static str {
        match self {
            RegistrationFailure::WrongPassword => "wrong password",
            RegistrationFailure::Algorithm => {
                "it answers with a digest algorithm it was not asked for: see `algorithms` of the seat"
            }
            RegistrationFailure::Unanswered => {
                "it leaves our challenges unanswered: it has no password, does not know the algorithm, or does not hear us"
            }
            RegistrationFailure::DigestUri => {
                "the digest uri of its answer names another host: add that host to sip.domains if it is ours"
            }
            RegistrationFailure::Unreadable => "its REGISTER cannot be read",
            RegistrationFailure::Silenced => "too many wrong passwords: it is not answered for five minutes",
            RegistrationFailure::UnknownDomain => {
                "it names a server that is not ours: add the name its user entered to sip.domains"
            }
            RegistrationFailure::Forbidden => "its user and its authentication name are not the same seat",
        }
    }
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
