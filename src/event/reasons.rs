//! Why something happened, where an event says so in words: each list is closed, and its texts are those of the contract.

use super::words::AwayReason;
use crate::id::SeatId;
use std::fmt;
use std::sync::Arc;

/// A closed list whose variants have texts on the wire.
pub trait Text: Sized + fmt::Display {
    /// The texts of the list, `{}` where a value stands.
    const TEXTS: &'static [&'static str];

    /// The variant of a text; `None` for a text that is not of the list.
    fn of_text(text: &str) -> Option<Self>;
}

/// A variant of a list, or the text of a variant that another version of the gateway wrote into the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed<T> {
    /// A variant.
    Is(T),
    /// A text that is not of the list.
    Other(Arc<str>),
}

impl<T: Text> Listed<T> {
    /// The variant of a text as an event carries it.
    pub fn read(text: &str) -> Listed<T> {
        T::of_text(text).map_or_else(|| Listed::Other(Arc::from(text)), Listed::Is)
    }
}

impl<T> From<T> for Listed<T> {
    fn from(listed: T) -> Listed<T> {
        Listed::Is(listed)
    }
}

impl<T: fmt::Display> fmt::Display for Listed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listed::Is(listed) => listed.fmt(f),
            Listed::Other(text) => f.write_str(text),
        }
    }
}

/// A value inside a text, for instance a seat's name.
trait Part: Sized {
    fn read(text: &str) -> Option<Self>;
}

impl Part for u16 {
    fn read(text: &str) -> Option<u16> {
        text.parse().ok()
    }
}

impl Part for u64 {
    fn read(text: &str) -> Option<u64> {
        text.parse().ok()
    }
}

impl Part for Arc<str> {
    fn read(text: &str) -> Option<Arc<str>> {
        Some(Arc::from(text))
    }
}

impl Part for SeatId {
    fn read(text: &str) -> Option<SeatId> {
        Some(SeatId::from(text))
    }
}

impl Part for AwayReason {
    fn read(text: &str) -> Option<AwayReason> {
        AwayReason::of_text(text)
    }
}

impl Part for NotRegistered {
    fn read(text: &str) -> Option<NotRegistered> {
        NotRegistered::of_text(text)
    }
}

/// What stands in `text` where `pattern` has `{}`; empty where the pattern has none.
fn inside<'a>(pattern: &str, text: &'a str) -> Option<&'a str> {
    match pattern.split_once("{}") {
        Some((before, after)) => text.strip_prefix(before)?.strip_suffix(after),
        None => (pattern == text).then_some(""),
    }
}

/// Texts of the variants of one list, each with at most one value inside. The first that fits is the one read, so that
/// a text which is a value alone comes last.
macro_rules! texts {
    ($name:ident: $($variant:ident $({ $value:ident })? $text:literal),+ $(,)?) => {
        impl Text for $name {
            const TEXTS: &'static [&'static str] = &[$($text),+];

            fn of_text(text: &str) -> Option<$name> {
                $(
                    let listed = || {
                        let _value = inside($text, text)?;
                        Some($name::$variant { $($value: Part::read(_value)?)? })
                    };
                    if let Some(listed) = listed() {
                        return Some(listed);
                    }
                )+
                None
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $($name::$variant { $($value)? } => write!(f, $text $(, $value)?),)+
                }
            }
        }
    };
}

/// Why a seat was offered a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeatChoice {
    /// Of the ready seats it has been idle longest.
    LongestIdle {
        /// How long, in seconds.
        idle: u64,
    },
    /// As above, among those that did not fail this caller before.
    LongestIdleUntried {
        /// How long, in seconds.
        idle: u64,
    },
    /// The seat failed this caller before, but no other seat is ready.
    NoOtherReady {
        /// How long it has been idle, in seconds.
        idle: u64,
    },
    /// The operator picked the call up.
    PickUp,
    /// The seat transferred the caller, and the target did not answer.
    Recall,
    /// Another seat consults it.
    Consulted {
        /// The other seat.
        by: SeatId,
    },
    /// Another seat transfers a call to it.
    Transferred {
        /// The other seat.
        by: SeatId,
    },
    /// Another seat called it.
    Called {
        /// The other seat.
        by: SeatId,
    },
}

texts!(SeatChoice:
    LongestIdle { idle } "longest idle, {} s",
    LongestIdleUntried { idle } "longest idle not yet tried, {} s",
    NoOtherReady { idle } "tried before, nobody else ready, idle {} s",
    PickUp "pick-up",
    Recall "recall",
    Consulted { by } "consulted by {}",
    Transferred { by } "handed on by {}",
    Called { by } "called by {}",
);

/// Why a seat changed state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeatReason {
    /// The phone registered.
    PhoneRegistered,
    /// The phone answers again.
    PhoneAnswers,
    /// Its call goes on after a restart of the gateway.
    CallGoesOn,
    /// No phone is registered.
    NotRegistered,
    /// The phone does not answer.
    PhoneSilent,
    /// The phone does not know its call any more.
    CallUnknown,
    /// The phone acknowledges none of the gateway's answers.
    NotAcknowledged,
    /// The seat was chosen for a call.
    Chosen,
    /// The phone rings.
    PhoneRings,
    /// The seat answered.
    Answered,
    /// The phone did not respond to the INVITE, or could not be reached.
    Unreachable,
    /// The seat rejected the call.
    Rejected,
    /// The phone was busy.
    Busy,
    /// The ring timeout ran out.
    NoAnswer,
    /// The presentation was withdrawn.
    Withdrawn,
    /// The cool-down is over.
    CooledDown,
    /// The call is over.
    CallOver,
    /// The operator ended the wrap-up.
    WrapUpDone,
    /// The wrap-up had its time.
    WrapUpLimit,
    /// The seat put the caller on hold.
    CallerOnHold,
    /// The seat took the caller off hold.
    HoldOver,
    /// An operator signed in.
    SignedIn,
    /// The operator signed out.
    SignedOut,
    /// The operator takes calls.
    Ready,
    /// Another seat rings it.
    RungByColleague,
    /// The seat made a call.
    OwnCall,
    /// The seat answered another seat.
    AnsweredColleague,
    /// The call it made, or was called by, is over.
    OwnCallOver,
    /// The seat took over a call of another seat.
    TookOver,
    /// The gateway started again, and the seat is what it was.
    Restored,
    /// The seat's state did not fit the calls there are, and was mended.
    Mended,
    /// The operator takes no calls.
    Away {
        /// Why.
        reason: AwayReason,
    },
}

texts!(SeatReason:
    PhoneRegistered "phone registered",
    PhoneAnswers "phone answers again",
    CallGoesOn "call goes on after a restart",
    NotRegistered "not registered",
    PhoneSilent "phone does not answer",
    CallUnknown "phone does not know the call any more",
    NotAcknowledged "phone acknowledges nothing",
    Chosen "chosen for a call",
    PhoneRings "phone rings",
    Answered "answered",
    Unreachable "unreachable",
    Rejected "rejected",
    Busy "busy",
    NoAnswer "no answer",
    Withdrawn "presentation withdrawn",
    CooledDown "cooled down",
    CallOver "call over",
    WrapUpDone "wrap-up done",
    WrapUpLimit "wrap-up limit",
    CallerOnHold "caller on hold",
    HoldOver "hold over",
    SignedIn "signed in",
    SignedOut "signed out",
    Ready "ready",
    RungByColleague "rung by a colleague",
    OwnCall "a call of its own",
    AnsweredColleague "answered a colleague",
    OwnCallOver "own call over",
    TookOver "took a call over",
    Restored "restored after a restart",
    Mended "state mended",
    Away { reason } "{}",
);

/// Why the state of an operator changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OperatorReason {
    /// The operator signed in.
    SignedIn,
    /// The operator signed out.
    SignedOut,
    /// The operator signed in at another seat.
    SignedInElsewhere {
        /// The other seat.
        seat: SeatId,
    },
    /// Another operator signed in at the seat.
    Replaced,
    /// The operator takes calls.
    Ready,
    /// The seat left presentations unanswered.
    NoAnswer,
    /// The operator of a seat that had left presentations unanswered answered or placed a call.
    CameBack,
    /// The time after unanswered presentations is over.
    ReadyAgain,
    /// The operator is not configured any more.
    NotConfigured,
    /// The PIN was wrong too often: the seat takes no sign-in by PIN for a while.
    WrongPin,
    /// The operator takes no calls.
    Away {
        /// Why.
        reason: AwayReason,
    },
}

texts!(OperatorReason:
    SignedIn "signed in",
    SignedOut "signed out",
    SignedInElsewhere { seat } "signed in at {}",
    Replaced "another operator signed in",
    Ready "ready",
    NoAnswer "no answer",
    CameBack "came back",
    ReadyAgain "ready again",
    NotConfigured "not configured any more",
    WrongPin "too many wrong PINs",
    Away { reason } "{}",
);

/// Why a queue changed state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueReason {
    /// The opening hours.
    Hours,
}

texts!(QueueReason: Hours "hours");

/// Why a trunk changed state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrunkReason {
    /// One of its targets answers.
    Answers,
    /// The gateway is registered there.
    Registered,
    /// No target has an address that is reached from here.
    NoAddress,
    /// No target answers.
    NoAnswer,
    /// The gateway is not registered there.
    NotRegistered {
        /// Why.
        why: NotRegistered,
    },
}

texts!(TrunkReason:
    Answers "answers",
    Registered "registered",
    NoAddress "its targets have no address that is reached from here",
    NoAnswer "no target answers",
    NotRegistered { why } "not registered: {}",
);

/// Why the gateway is not registered at a trunk's registrar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotRegistered {
    /// The registration was not renewed in time.
    RanOut,
    /// The registrar did not respond.
    NoAnswer,
    /// The gateway had no room for the request.
    NoRoom,
    /// The registrar has no address that is reached from here.
    NoAddress,
    /// The registrar asked for a longer registration, and not for how long.
    NoMinExpires,
    /// The registrar does not accept the password.
    Password {
        /// The SIP status, 401 or 407.
        status: u16,
    },
    /// The registrar refused.
    Refused {
        /// The SIP status.
        status: u16,
    },
}

texts!(NotRegistered:
    RanOut "the registration ran out",
    NoAnswer "no answer",
    NoRoom "too much to do here",
    NoAddress "the registrar has no address we reach",
    NoMinExpires "423 without a usable Min-Expires",
    Password { status } "{}, the password is not accepted",
    Refused { status } "{}",
);

/// Why the gateway changed state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeReason {
    /// The gateway started.
    Started,
    /// The gateway started after a crash.
    ClosedCalls {
        /// Calls that were open, now closed.
        calls: u64,
    },
    /// A signal or its supervisor asked it to stop.
    AskedToStop,
    /// The last call is over.
    Drained,
}

texts!(NodeReason:
    Started "started",
    ClosedCalls { calls } "closed {} calls left open by a crash",
    AskedToStop "asked to stop",
    Drained "drained",
);

/// Why a number stands on the block list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockReason {
    /// The number called more often than configured; decided by the gateway.
    CalledTooOften,
    /// What the person who put it there wrote, without personal data.
    Given {
        /// The words.
        words: Arc<str>,
    },
}

texts!(BlockReason:
    CalledTooOften "called too often within ten minutes",
    Given { words } "{}",
);

impl From<&str> for BlockReason {
    fn from(text: &str) -> BlockReason {
        BlockReason::of_text(text).unwrap_or_else(|| BlockReason::Given { words: text.into() })
    }
}

/// What closed a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClosedBy {
    /// The number called again, and an operator answered.
    Answered,
    /// An operator called the number, and it was answered.
    CalledBack,
    /// The retention time of the journal: the record of its newest call goes.
    Retention,
    /// A person or a backend.
    Author {
        /// As they name themselves.
        name: Arc<str>,
    },
}

texts!(ClosedBy:
    Answered "answered",
    CalledBack "called back",
    Retention "retention",
    Author { name } "{}",
);

impl From<&str> for ClosedBy {
    fn from(text: &str) -> ClosedBy {
        ClosedBy::of_text(text).unwrap_or_else(|| ClosedBy::Author { name: text.into() })
    }
}

/// Where what is known of a caller comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUpSource {
    /// The gateway's own journal.
    History,
    /// A backend that was asked.
    Backend {
        /// The name.
        name: Arc<str>,
    },
}

texts!(LookUpSource:
    History "history",
    Backend { name } "{}",
);

impl From<&str> for LookUpSource {
    fn from(text: &str) -> LookUpSource {
        LookUpSource::of_text(text).unwrap_or_else(|| LookUpSource::Backend { name: text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CallbackReason, EndReason};

    /// Every text of the list is read as the variant that writes it.
    fn comes_back<T: Text + PartialEq + fmt::Debug>(value: &str) {
        for pattern in T::TEXTS {
            let text = pattern.replace("{}", value);
            let read = Listed::<T>::read(&text);
            assert!(matches!(read, Listed::Is(_)), "{text}");
            assert_eq!(read.to_string(), text);
            assert_eq!(T::TEXTS.iter().filter(|other| *other == pattern).count(), 1, "{pattern} twice");
        }
        let later = Listed::<T>::read("a text of a later version");
        assert_eq!(later.to_string(), "a text of a later version");
    }

    #[test]
    fn every_text_of_a_list_is_read_as_the_variant_that_writes_it() {
        comes_back::<SeatChoice>("7");
        comes_back::<SeatReason>("meal");
        comes_back::<OperatorReason>("meal");
        comes_back::<QueueReason>("");
        comes_back::<TrunkReason>("no answer");
        comes_back::<NotRegistered>("403");
        comes_back::<NodeReason>("3");
        comes_back::<BlockReason>("shouts");
        comes_back::<LookUpSource>("crm");
        comes_back::<EndReason>("");
        comes_back::<CallbackReason>("");
        comes_back::<ClosedBy>("desk");
        comes_back::<AwayReason>("");
    }

    #[test]
    fn a_text_with_a_value_keeps_the_value() {
        assert_eq!(Listed::read("longest idle, 132 s"), SeatChoice::LongestIdle { idle: 132 }.into());
        assert_eq!(Listed::read("called by 1001"), SeatChoice::Called { by: "1001".into() }.into());
        let why = NotRegistered::Password { status: 407 };
        let text = "not registered: 407, the password is not accepted";
        assert_eq!(Listed::read(text), TrunkReason::NotRegistered { why }.into());
        assert_eq!(
            Listed::<SeatChoice>::read("longest idle, x s"),
            Listed::Other("longest idle, x s".into())
        );
    }
}
