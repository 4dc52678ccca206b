//! The vocabulary of events: one struct of plain values per observable fact.
//!
//! Events are facts in the past tense. They carry no reference to a machine and no protobuf type, so
//! that every part of the core can speak of them.

use super::callback_event::CallbackChanged;
use super::facts::*;
use super::reasons::*;
use super::words::*;
use crate::id::{
    CallId, EventId, LegId, OperatorId, PresentationId, QueueId, SeatId, ServiceNumber, TrunkId,
};
use crate::redact::Pii;
use crate::time::{Duration, Wall};
use std::net::SocketAddr;
use std::sync::Arc;

/// One event, with its place in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct CallEvent {
    /// The same on every redelivery.
    pub id: EventId,
    /// 1, 2, 3 … without a gap within one journal.
    pub position: u64,
    /// When it happened, UTC.
    pub at: Wall,
    /// The call it belongs to; `None` for events of a seat, a trunk, the node.
    pub call: Option<CallPart>,
    /// What happened.
    pub what: What,
}

/// What every event of a call carries, so that a consumer that starts in mid-call can still upsert.
#[derive(Debug, Clone, PartialEq)]
pub struct CallPart {
    /// The call.
    pub id: CallId,
    /// 1, 2, 3 … without a gap within one call.
    pub seq: u32,
    /// Since the call began, on the monotonic clock.
    pub since_start: Duration,
    /// The call as it stands after this event.
    pub summary: Summary,
}

/// The call at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Where the call stands.
    pub state: CallState,
    /// The caller's number as far as it is known; empty when withheld.
    pub caller: Pii<String>,
    /// What was dialled.
    pub service_number: ServiceNumber,
    /// The queue it is or was in.
    pub queue: Option<QueueId>,
    /// The seat it is or was connected to or is offered to.
    pub seat: Option<SeatId>,
    /// The person at that seat.
    pub operator: Option<OperatorId>,
    /// When the INVITE came.
    pub received_at: Wall,
    /// The ticket it was linked to, when a backend said so.
    pub ticket: Option<Arc<str>>,
}

/// What happened. Names and fields as in the public contract, `proto/hotline/v1`.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A well-formed new INVITE came from a known trunk.
    CallReceived(CallReceived),
    /// The call was turned away before an answer.
    CallRefused(CallRefused),
    /// The gateway sent 200 OK.
    CallAnswered {
        /// From the INVITE to the 200 OK.
        delay: Duration,
    },
    /// A prompt the caller must have heard (welcome, recording notice) ended.
    NoticePlayed {
        /// The prompt's name.
        prompt: Arc<str>,
        /// Whether it ran to its end, or yielded to a human.
        complete: bool,
    },
    /// The look-up of the caller is over.
    CallerIdentified(CallerIdentified),
    /// The call took a place in a queue.
    QueueEntered(QueueEntered),
    /// The place changed. Sent at changes of the own place only, at most once in five seconds a call.
    QueuePositionChanged {
        /// The queue.
        queue: QueueId,
        /// 1 is next.
        position: u32,
        /// Calls in the queue.
        depth: u32,
        /// The wait still to be expected.
        estimated_wait: Option<Duration>,
    },
    /// The call was offered to a seat.
    SeatPresented(SeatPresented),
    /// The presentation ended.
    SeatPresentationEnded(SeatPresentationEnded),
    /// A human answered: caller and seat hear each other.
    SeatConnected {
        /// The offer that was accepted.
        presentation: PresentationId,
        /// The seat.
        seat: SeatId,
        /// The person there.
        operator: Option<OperatorId>,
        /// From entering the queue to this moment.
        waited: Duration,
        /// The seat's leg.
        leg: LegId,
    },
    /// The call left a queue.
    QueueLeft {
        /// The queue.
        queue: QueueId,
        /// How.
        exit: QueueExit,
        /// The place it had.
        position: u32,
        /// How long it was in the queue.
        waited: Duration,
    },
    /// A leg put the other side on hold.
    CallHeld {
        /// Which leg asked.
        leg: LegId,
    },
    /// The hold ended.
    CallResumed {
        /// Which leg asked.
        leg: LegId,
        /// How long it lasted.
        held: Duration,
    },
    /// The call goes on after a restart of the gateway.
    CallRecovered {
        /// From the last sign of life of the process before until the call went on.
        gap: Duration,
        /// How many of its parties are still there.
        legs: u32,
    },
    /// A transfer began, or came to an end.
    CallTransferred(CallTransferred),
    /// A party besides caller and seat joined the call, or left it.
    ParticipantChanged {
        /// Which leg.
        leg: LegId,
        /// What it is for.
        role: LegRole,
        /// Who: a seat, a department, a number.
        party: Pii<String>,
        /// Whether it joined (`true`) or left.
        joined: bool,
    },
    /// How a leg's media was, told when the leg ends.
    MediaQuality(MediaQuality),
    /// The call is over. The record may still get revisions.
    CallEnded(CallEnded),
    /// The seat's work after the call began.
    WrapUpStarted {
        /// The seat.
        seat: SeatId,
        /// How long it may take.
        limit: Duration,
    },
    /// The seat's work after the call is done.
    WrapUpCompleted {
        /// The seat.
        seat: SeatId,
        /// Whether the limit ran out.
        timed_out: bool,
    },
    /// A number is owed a call, or that changed.
    CallbackChanged(CallbackChanged),
    /// The whole record at this revision.
    CallRecordUpdated(Box<super::CallRecord>),
    /// A seat changed state.
    SeatStateChanged {
        /// The seat.
        seat: SeatId,
        /// The person there.
        operator: Option<OperatorId>,
        /// From this state.
        from: SeatState,
        /// To this state.
        to: SeatState,
        /// Why.
        reason: Listed<SeatReason>,
    },
    /// An operator signed in or out, takes calls or none: told when that is decided, also while the seat is in a call.
    OperatorStateChanged(super::OperatorStateChanged),
    /// The phone of a seat could not register, or something that claims to be it.
    SeatRegistrationFailed {
        /// The seat.
        seat: SeatId,
        /// Where the last REGISTER came from.
        source: SocketAddr,
        /// Why.
        reason: RegistrationFailure,
        /// How often for this reason since the last such event, this time included.
        count: u32,
    },
    /// New calls of a trunk were refused in a second in which it brought more than agreed. They have no other record.
    CallsShed {
        /// The trunk.
        trunk: TrunkId,
        /// Why.
        reason: RefusalReason,
        /// The SIP status that was answered.
        sip_code: u16,
        /// How many INVITEs, retransmissions not counted.
        count: u32,
        /// From the first of them to this event.
        span: Duration,
        /// How many of them are owed no callback for it: the number is withheld, or was not read.
        not_owed: u32,
    },
    /// A queue changed state.
    QueueStateChanged {
        /// The queue.
        queue: QueueId,
        /// Whether it takes calls.
        open: bool,
        /// Why.
        reason: Listed<QueueReason>,
    },
    /// A trunk changed state.
    TrunkStateChanged {
        /// The trunk.
        trunk: TrunkId,
        /// Whether it answers us.
        reachable: bool,
        /// Calls on it now.
        channels_in_use: u32,
        /// Why.
        reason: Listed<TrunkReason>,
    },
    /// The gateway started, drains, recovered or stops.
    NodeStateChanged {
        /// The new state.
        state: NodeState,
        /// Why.
        reason: Listed<NodeReason>,
    },
    /// The configuration in force changed.
    ConfigChanged {
        /// SHA-256 of the text, in hex.
        digest: Arc<str>,
    },
    /// The block list changed.
    BlockListChanged {
        /// The caller's number with its middle hidden.
        masked_number: Arc<str>,
        /// What is done from now on.
        change: BlockListChange,
        /// Until then.
        until: Wall,
        /// Why.
        reason: BlockReason,
        /// Who; `automatic` for the gateway itself.
        by: Arc<str>,
    },
    /// Something needs a person.
    AlarmRaised {
        /// A stable name, for instance `journal_slow`.
        alarm: Arc<str>,
        /// Whether it begins (`true`) or is over.
        raised: bool,
        /// What and the cure, in plain words.
        reason: Arc<str>,
        /// The trunk it is about; empty where it is about the whole gateway. An alarm is over when its end names the same one.
        subject: Arc<str>,
    },
}
