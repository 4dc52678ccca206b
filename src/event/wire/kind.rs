//! The name of each kind of event, as filters and the store's `type` column say it: that of its proto message.

use crate::event::What;

/// The kind's name, for instance `CallReceived`.
pub fn kind(what: &What) -> &'static str {
    match what {
        What::CallReceived(_) => "CallReceived",
        What::CallRefused(_) => "CallRefused",
        What::CallAnswered { .. } => "CallAnswered",
        What::NoticePlayed { .. } => "NoticePlayed",
        What::CallerIdentified(_) => "CallerIdentified",
        What::QueueEntered(_) => "QueueEntered",
        What::QueuePositionChanged { .. } => "QueuePositionChanged",
        What::SeatPresented(_) => "SeatPresented",
        What::SeatPresentationEnded(_) => "SeatPresentationEnded",
        What::SeatConnected { .. } => "SeatConnected",
        What::QueueLeft { .. } => "QueueLeft",
        What::CallTransferred(_) => "CallTransferred",
        What::ParticipantChanged { .. } => "ParticipantChanged",
        What::CallHeld { .. } => "CallHeld",
        What::CallResumed { .. } => "CallResumed",
        What::MediaQuality(_) => "MediaQuality",
        What::CallEnded(_) => "CallEnded",
        What::WrapUpStarted { .. } => "WrapUpStarted",
        What::WrapUpCompleted { .. } => "WrapUpCompleted",
        What::CallbackChanged { .. } => "CallbackChanged",
        What::CallRecordUpdated(_) => "CallRecordUpdated",
        What::SeatStateChanged { .. } => "SeatStateChanged",
        What::QueueStateChanged { .. } => "QueueStateChanged",
        What::TrunkStateChanged { .. } => "TrunkStateChanged",
        What::NodeStateChanged { .. } => "NodeStateChanged",
        What::ConfigChanged { .. } => "ConfigChanged",
        What::BlockListChanged { .. } => "BlockListChanged",
        What::AlarmRaised { .. } => "AlarmRaised",
        What::SeatRegistrationFailed { .. } => "SeatRegistrationFailed",
        What::CallsShed { .. } => "CallsShed",
    }
}
