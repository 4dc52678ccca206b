//! The closed lists of events as words: one spelling for metrics, the health page and the recovery list.

use super::facts::{PresentationResult, RefusalReason};
use super::reasons::Text;
use super::words::{AwayReason, BlockListChange, CallbackReason, CallbackState, EndReason, SeatState};
use std::fmt;

/// Gives each variant its word, and the list of all of them.
macro_rules! labels {
    ($name:ident, $count:literal: $($variant:ident $word:literal),+ $(,)?) => {
        impl $name {
            /// Every one.
            pub const ALL: [$name; $count] = [$($name::$variant),+];

            /// The word.
            pub fn word(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl Text for $name {
            const TEXTS: &'static [&'static str] = &[$($word),+];

            fn of_text(text: &str) -> Option<$name> {
                $name::ALL.into_iter().find(|listed| listed.word() == text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

labels!(EndReason, 13:
    Completed "completed",
    Abandoned "abandoned",
    Cancelled "cancelled",
    WaitLimit "wait_limit",
    QueueFull "queue_full",
    LengthLimit "length_limit",
    MediaSilent "media_silent",
    SignallingLost "signalling_lost",
    Shutdown "shutdown",
    Crashed "crashed",
    Internal "internal",
    Unanswered "unanswered",
    Expired "expired",
);

labels!(RefusalReason, 10:
    NoChannel "no_channel",
    QueueFull "queue_full",
    Closed "closed",
    Blocked "blocked",
    Overload "overload",
    Draining "draining",
    UnknownService "unknown_service",
    BadMedia "bad_media",
    BadRequest "bad_request",
    Internal "internal",
);

labels!(CallbackReason, 13:
    Abandoned "abandoned",
    Cancelled "cancelled",
    Expired "expired",
    WaitLimit "wait_limit",
    QueueFull "queue_full",
    MediaSilent "media_silent",
    SignallingLost "signalling_lost",
    Shutdown "shutdown",
    Crashed "crashed",
    Internal "internal",
    NoChannel "no_channel",
    Overload "overload",
    Draining "draining",
);

labels!(CallbackState, 6:
    Requested "requested",
    Due "due",
    Dialling "dialling",
    Done "done",
    Failed "failed",
    Cancelled "cancelled",
);

labels!(PresentationResult, 7:
    Answered "answered",
    NoAnswer "no_answer",
    Rejected "rejected",
    Busy "busy",
    Unreachable "unreachable",
    CallerGone "caller_gone",
    Withdrawn "withdrawn",
);

labels!(SeatState, 9:
    Offline "offline",
    Ready "ready",
    Reserved "reserved",
    Ringing "ringing",
    Talking "talking",
    Held "held",
    WrapUp "wrap_up",
    NotReady "not_ready",
    Unreachable "unreachable",
);

labels!(AwayReason, 7:
    Unnamed "not ready",
    Break "break",
    Meal "meal",
    Training "training",
    Outbound "outbound",
    Meeting "meeting",
    Tech "tech",
);

labels!(BlockListChange, 4:
    Warn "warn",
    Slow "slow",
    Block "block",
    Removed "removed",
);
