//! The closed lists of words: ours and their proto values. Both sides carry the same names, and a word
//! missing on either side does not compile.

use super::{Unreadable, v1};
use crate::event as ours;

/// A word of ours with its proto value.
pub(super) trait Term: Sized {
    /// The proto value.
    fn number(self) -> i32;
    /// The word of a proto value; unspecified and unknown values are unreadable.
    fn read(number: i32) -> Result<Self, Unreadable>;
}

macro_rules! term {
    ($name:ident: $($word:ident),+) => {
        impl Term for ours::$name {
            fn number(self) -> i32 {
                match self {
                    $(ours::$name::$word => v1::$name::$word as i32,)+
                }
            }

            fn read(number: i32) -> Result<Self, Unreadable> {
                match v1::$name::try_from(number) {
                    $(Ok(v1::$name::$word) => Ok(ours::$name::$word),)+
                    _ => Err(Unreadable { what: stringify!($name) }),
                }
            }
        }
    };
}

term!(CallState: Received, Answered, Waiting, Presented, Connected, Held, Ended, Refused);
term!(IdentitySource: Asserted, RemoteParty, From, None);
term!(RefusalReason: NoChannel, QueueFull, Closed, Blocked, Overload, Draining, UnknownService, BadMedia, BadRequest, Internal);
term!(PresentationResult: Answered, NoAnswer, Rejected, Busy, Unreachable, CallerGone, Withdrawn);
term!(QueueExit: Connected, Abandoned, Timeout, Overflow, Callback, Voicemail, Moved, Closed);
term!(EndedBy: Caller, Seat, Gateway, ThirdParty);
term!(EndReason: Completed, Abandoned, Cancelled, WaitLimit, LengthLimit, MediaSilent, SignallingLost, Shutdown, Crashed, Internal, QueueFull, Unanswered, Expired);
term!(CallbackState: Requested, Due, Dialling, Done, Failed, Cancelled);
term!(SeatState: Offline, Ready, Reserved, Ringing, Talking, Held, WrapUp, NotReady, Unreachable);
term!(OperatorState: SignedOut, Ready, NotReady);
term!(RegistrationFailure: WrongPassword, Algorithm, Unanswered, DigestUri, Unreadable, Silenced, UnknownDomain, Forbidden);
term!(NodeState: Started, Draining, Stopped, Recovered);
term!(LegRole: Caller, Seat, ThirdParty);
term!(TransferKind: Blind, Attended);
term!(TransferResult: Started, Completed, Failed, Cancelled);
