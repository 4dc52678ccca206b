//! The values that events carry and records keep.

use super::reasons::*;
use super::words::*;
use crate::id::*;
use crate::redact::Pii;
use crate::time::Duration;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;

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

/// The side that began a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// A party outside, over a trunk.
    #[default]
    Inbound,
    /// A seat.
    Outbound,
}

/// Fields of [`super::What::CallTransferred`].
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

/// Fields of [`super::What::CallReceived`].
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

/// Fields of [`super::What::CallRefused`].
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

/// Fields of [`super::What::CallerIdentified`].
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

/// Fields of [`super::What::QueueEntered`].
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

/// Fields of [`super::What::SeatPresented`].
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

/// Fields of [`super::What::SeatPresentationEnded`].
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

/// Fields of [`super::What::MediaQuality`].
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

/// Fields of [`super::What::CallEnded`].
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

/// What a leg is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegRole {
    /// Towards the citizen.
    Caller,
    /// Towards a seat.
    Seat,
    /// Towards a party that joined later.
    ThirdParty,
}
