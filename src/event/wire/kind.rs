//! The name of each kind of event, as filters and the store's `type` column say it: that of its proto message.

use crate::event::What;

macro_rules! kinds {
    ($($kind:ident),+ $(,)?) => {
        /// The kinds this version writes.
        pub const KINDS: &[&str] = &[$(stringify!($kind)),+];

        /// The kind's name, for instance `CallReceived`.
        pub fn kind(what: &What) -> &'static str {
            match what {
                $(What::$kind { .. } => stringify!($kind),)+
            }
        }
    };
}

kinds!(
    CallReceived,
    CallRefused,
    CallAnswered,
    NoticePlayed,
    CallerIdentified,
    QueueEntered,
    QueuePositionChanged,
    SeatPresented,
    SeatPresentationEnded,
    SeatConnected,
    QueueLeft,
    CallTransferred,
    ParticipantChanged,
    CallHeld,
    CallResumed,
    CallRecovered,
    MediaQuality,
    CallEnded,
    WrapUpStarted,
    WrapUpCompleted,
    CallbackChanged,
    CallRecordUpdated,
    SeatStateChanged,
    QueueStateChanged,
    TrunkStateChanged,
    NodeStateChanged,
    ConfigChanged,
    BlockListChanged,
    AlarmRaised,
    SeatRegistrationFailed,
    CallsShed,
    OperatorStateChanged,
);
