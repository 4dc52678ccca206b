//! The vocabulary of events: one struct of plain values per observable fact.
//!
//! Events are facts in the past tense. They carry no reference to a machine and no protobuf type, so
//! that every part of the core can speak of them.

use super::callback_event::CallbackChanged;
use super::reasons::*;
use super::words::*;
use crate::id::{
    CallId, EventId, LegId, OperatorId, PresentationId, QueueId, SeatId, ServiceNumber, TrunkId,
};
use crate::redact::Pii;
use crate::time::{Duration, Wall};
use serde::{Deserialize, Serialize};
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

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallState {
    /// The INVITE is here, not yet answered.
    Received,
    /// The gateway answered; no queue yet.
    Answered,
    /// In a queue.
    Waiting,
    /// Offered to a seat.
    Presented,
    /// A human speaks with the caller.
    Connected,
    /// A human has put the caller on hold.
    Held,
    /// Ended; the record may still get revisions.
    Ended,
    /// Turned away before an answer.
    Refused,
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
        role: super::LegRole,
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

/// The side that began a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// A party outside, over a trunk.
    #[default]
    Inbound,
    /// A seat.
    Outbound,
}

/// Fields of [`What::CallTransferred`].
#[derive(Debug, Clone, PartialEq)]
pub struct CallTransferred {
    /// How it is transferred.
    pub kind: TransferKind,
    /// The seat that transfers it.
    pub from: Pii<String>,
    /// To whom: a seat, a department, a number.
    pub to: Pii<String>,
    /// What came of it.
    pub result: TransferResult,
}

/// How a call is transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TransferKind {
    /// Without speaking to the other first.
    Blind,
    /// After speaking to the other.
    Attended,
}

/// What came of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransferResult {
    /// The other is being rung.
    Started,
    /// Caller and the other hear each other.
    Completed,
    /// The other did not answer: the caller comes back.
    Failed,
    /// The caller hung up first.
    Cancelled,
}

/// Fields of [`What::CallReceived`].
#[derive(Debug, Clone, PartialEq)]
pub struct CallReceived {
    /// The side that began it.
    pub direction: Direction,
    /// The trunk it came over or goes out by; `None` between seats.
    pub trunk: Option<TrunkId>,
    /// The caller, as signalled.
    pub caller: Caller,
    /// What was dialled.
    pub service_number: ServiceNumber,
    /// The caller leg.
    pub leg: LegId,
    /// The leg's SIP Call-ID.
    pub sip_call_id: Arc<str>,
    /// Where the INVITE came from.
    pub source: SocketAddr,
    /// Selected headers as they came: Diversion, History-Info, User-to-User and the like; at most 16.
    pub headers: Vec<(Arc<str>, Pii<String>)>,
}

/// The caller, as the signalling says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caller {
    /// The number exactly as it came.
    pub raw: Pii<String>,
    /// The number in E.164 with `+`, when it could be normalised.
    pub e164: Option<Pii<String>>,
    /// The display name.
    pub name: Option<Pii<String>>,
    /// The caller asked not to be shown (RFC 3323 `Privacy: id`), or there is no number.
    pub withheld: bool,
    /// Which header told us.
    pub source: IdentitySource,
    /// The first to have forwarded the call, from Diversion (RFC 5806) or History-Info (RFC 7044).
    pub diverted_by: Option<Pii<String>>,
}

impl Caller {
    /// The number as summaries show it: E.164 where it has one, else as it came; empty when withheld.
    pub fn shown(&self) -> Pii<String> {
        if self.withheld {
            return Pii::default();
        }
        self.e164.clone().unwrap_or_else(|| self.raw.clone())
    }
}

/// Which header a caller's number came from, the most trusted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdentitySource {
    /// P-Asserted-Identity (RFC 3325) from a trusted trunk.
    Asserted,
    /// Remote-Party-ID from a trusted trunk.
    RemoteParty,
    /// From, which anyone may write.
    From,
    /// Nothing usable.
    #[default]
    None,
}

/// Fields of [`What::CallRefused`].
#[derive(Debug, Clone, PartialEq)]
pub struct CallRefused {
    /// The call as it came, when no CallReceived was written before.
    pub received: Option<Box<CallReceived>>,
    /// Why.
    pub reason: RefusalReason,
    /// The SIP status we answered.
    pub sip_code: u16,
}

/// Why a call was turned away before an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// The trunk's channel limit.
    NoChannel,
    /// The queue's length limit.
    QueueFull,
    /// Out of hours, no message configured.
    Closed,
    /// The caller is blocked.
    Blocked,
    /// More than we can carry.
    Overload,
    /// The gateway is stopping.
    Draining,
    /// No such service number.
    UnknownService,
    /// No codec in common, or an unusable session description.
    BadMedia,
    /// The request cannot be served: an extension or a body we do not know.
    BadRequest,
    /// No media port, no store, or a fault of our own.
    Internal,
}

/// Fields of [`What::CallerIdentified`].
#[derive(Debug, Clone, PartialEq)]
pub struct CallerIdentified {
    /// Where that is known from.
    pub source: LookUpSource,
    /// Earlier calls of this number in 24 h.
    pub calls_24h: u32,
    /// Earlier calls of this number in 7 days.
    pub calls_7d: u32,
    /// Earlier calls of this number in 30 days.
    pub calls_30d: u32,
    /// The seat that last spoke with this number.
    pub last_seat: Option<SeatId>,
    /// The person who last spoke with this number.
    pub last_operator: Option<OperatorId>,
    /// What else is known.
    pub attributes: Vec<(Arc<str>, Pii<String>)>,
    /// How long the look-up took.
    pub took: Duration,
    /// Whether the deadline passed first.
    pub timed_out: bool,
}

/// Fields of [`What::QueueEntered`].
#[derive(Debug, Clone, PartialEq)]
pub struct QueueEntered {
    /// The queue.
    pub queue: QueueId,
    /// 0 is ordinary; a higher number goes first.
    pub priority: u8,
    /// Skills asked for.
    pub skills: Vec<Arc<str>>,
    /// 1 is next.
    pub position: u32,
    /// Calls in the queue, this one included.
    pub depth: u32,
    /// The wait to be expected, when there is a basis for it.
    pub estimated_wait: Option<Duration>,
    /// Seats ready at this moment.
    pub ready_seats: u32,
}

/// Fields of [`What::SeatPresented`].
#[derive(Debug, Clone, PartialEq)]
pub struct SeatPresented {
    /// The presentation.
    pub presentation: PresentationId,
    /// 1 for the first offer of this call.
    pub attempt: u32,
    /// The seat.
    pub seat: SeatId,
    /// The person there.
    pub operator: Option<OperatorId>,
    /// The seat's leg.
    pub leg: LegId,
    /// From entering the queue to this offer.
    pub waited: Duration,
    /// Why this seat.
    pub why: Listed<SeatChoice>,
}

/// Fields of [`What::SeatPresentationEnded`].
#[derive(Debug, Clone, PartialEq)]
pub struct SeatPresentationEnded {
    /// The offer.
    pub presentation: PresentationId,
    /// The seat.
    pub seat: SeatId,
    /// How it ended.
    pub result: PresentationResult,
    /// How long the seat rang.
    pub rang: Duration,
    /// The seat's final SIP status, when it sent one.
    pub sip_code: Option<u16>,
}

/// How an offer ended. Exactly one per presentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PresentationResult {
    /// The seat answered and the call is connected.
    Answered,
    /// The ring timeout ran out (RONA).
    NoAnswer,
    /// The operator said no.
    Rejected,
    /// 486 or 600.
    Busy,
    /// No answer to the INVITE at all, or a transport or media failure.
    Unreachable,
    /// The caller hung up first.
    CallerGone,
    /// Taken back: waiting time ran out, the call was moved, we are stopping.
    Withdrawn,
}

/// How a call left its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueExit {
    /// A human answered.
    Connected,
    /// The caller hung up.
    Abandoned,
    /// The waiting limit ran out.
    Timeout,
    /// Sent elsewhere.
    Overflow,
    /// The caller chose a callback.
    Callback,
    /// The caller left a message.
    Voicemail,
    /// Moved to another queue.
    Moved,
    /// The queue closed, or the gateway stopped.
    Closed,
}

/// Fields of [`What::MediaQuality`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MediaQuality {
    /// The leg.
    pub leg: Option<LegId>,
    /// `PCMA` or `PCMU`.
    pub codec: Arc<str>,
    /// RTP packets accepted from this leg.
    pub received: u64,
    /// RTP packets sent to this leg.
    pub sent: u64,
    /// Packets missing from the sequence of what was received.
    pub lost: u64,
    /// Interarrival jitter (RFC 3550 section 6.4.1).
    pub jitter: Duration,
    /// Round trip from RTCP, when the peer sent reports.
    pub round_trip: Option<Duration>,
    /// Estimated listening quality, 1.0 to 4.5 (ITU-T G.107 with default values); `None` without packets.
    pub mos: Option<f32>,
}

/// Fields of [`What::CallEnded`].
#[derive(Debug, Clone, PartialEq)]
pub struct CallEnded {
    /// The side that ended it.
    pub by: EndedBy,
    /// Why.
    pub reason: EndReason,
    /// The SIP status that ended it, when one did.
    pub sip_code: Option<u16>,
    /// ITU-T Q.850 cause; 16 is normal clearing.
    pub q850: u8,
    /// Whether a human answered.
    pub answered_by_operator: bool,
    /// Whether this call made or renewed a callback that is owed.
    pub callback_due: bool,
}
