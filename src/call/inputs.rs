//! What a call hears, and what it says is to be done.

use super::leg::{IncomingInvite, Send};
use super::ringing::Phone;
use super::search::Destination;
use crate::acd;
use crate::caller::History;
use crate::event::{CallEvent, PresentationResult, QueueEntered, QueueExit, SeatChoice};
use crate::id::{LegId, OperatorId, PresentationId, QueueId, SeatId, TrunkId};
use crate::media;
use crate::sip::{Cause, ContactPath, Failure, Flow, Message, Method, Outgoing, ServerTx, Status};
use crate::time::Duration;
use std::sync::Arc;

/// What a call hears.
#[derive(Debug)]
pub enum Input {
    /// The call's beginning is on disk, or the disk hangs and the citizen's answer wins.
    Durable,
    /// The own store knows this of the number.
    History(History),
    /// The media plane answers for one of our legs.
    Media(media::Event),
    /// An INVITE was taken back before our final response. The CANCEL itself is answered.
    Cancelled {
        /// The leg it began.
        leg: LegId,
        /// What its Reason header said.
        cause: Cause,
    },
    /// An ACK for a 200 OK of ours.
    Acked {
        /// The leg whose tag it names.
        leg: LegId,
        /// The ACK.
        ack: Message,
    },
    /// Our 200 OK was never acknowledged (RFC 3261 section 13.3.1.4).
    Unacknowledged {
        /// The leg.
        leg: LegId,
    },
    /// A request inside the dialog of `leg`.
    Request {
        /// The leg whose tag it names.
        leg: LegId,
        /// To answer it by.
        tx: ServerTx,
        /// The path it came by.
        flow: Flow,
        /// The request.
        request: Message,
    },
    /// A response to a request we sent on `leg`.
    Response {
        /// The leg it was sent on.
        leg: LegId,
        /// Where it came from.
        flow: Flow,
        /// The response.
        response: Message,
    },
    /// A request we sent on `leg` got no final response, or could not be sent.
    Failed {
        /// The leg it was sent on.
        leg: LegId,
        /// What it asked for.
        method: Method,
        /// Its CSeq number.
        cseq: u32,
        /// Why.
        cause: Failure,
    },
    /// A REFER inside the dialog of `leg`, which is a seat's, with what it asks for looked up.
    Refer {
        /// The leg whose tag it names.
        leg: LegId,
        /// To answer it by.
        tx: ServerTx,
        /// The REFER.
        request: Message,
        /// Where to.
        to: Referred,
    },
    /// A seat that is in the call dials another party.
    Consult {
        /// The seat.
        seat: SeatId,
        /// Its INVITE.
        line: Box<IncomingLeg>,
        /// Whom it wants.
        to: Box<Destination>,
    },
    /// The peer of a leg is to be asked whether it is still there.
    Probe {
        /// The leg.
        leg: LegId,
    },
    /// A leg of a call that does not go on is to be hung up.
    HangUp {
        /// The leg.
        leg: LegId,
    },
    /// The party that [`Output::Seek`] asked for, or why it cannot be called.
    PartyFound(Result<Box<Destination>, Status>),
    /// The call has its place in the queue.
    Entered(QueueEntered),
    /// The queue had no place left.
    QueueFull,
    /// A seat was chosen.
    Present {
        /// The offer.
        presentation: PresentationId,
        /// The seat.
        seat: SeatId,
        /// 1 for the first offer of this call.
        attempt: u32,
        /// In the queue until now.
        waited: Duration,
        /// Why this seat.
        why: SeatChoice,
        /// How long it may ring.
        limit: Duration,
        /// The person there.
        operator: Option<OperatorId>,
        /// How it is delivered there.
        delivery: Delivery,
    },
    /// The offer is taken back; the queue has moved on.
    Withdraw {
        /// The offer.
        presentation: PresentationId,
        /// Why.
        result: PresentationResult,
    },
    /// The place in the queue changed.
    Position {
        /// The queue.
        queue: QueueId,
        /// 1 is next.
        position: u32,
        /// Calls in the queue.
        depth: u32,
        /// The wait still to be expected.
        estimated_wait: Option<Duration>,
    },
    /// The call left its queue.
    Left {
        /// The queue.
        queue: QueueId,
        /// How.
        exit: QueueExit,
        /// The place it had.
        position: u32,
        /// How long it was there.
        waited: Duration,
    },
    /// The seat's work after this call began.
    WrapUpStarted {
        /// The seat.
        seat: SeatId,
        /// How long it may take.
        limit: Duration,
    },
    /// The seat's work after this call is done.
    WrapUpCompleted {
        /// The seat.
        seat: SeatId,
        /// Whether the limit ran out.
        timed_out: bool,
    },
    /// A phone no longer answers, or its path is gone.
    PathLost(ContactPath),
    /// The phone answers again.
    PathRestored(ContactPath),
    /// The gateway stops and cannot wait longer.
    Shutdown,
    /// The gateway is about to be gone: legs whose end was not confirmed never will be.
    Stop,
}

/// Where a REFER leads.
#[derive(Debug)]
pub enum Referred {
    /// To this party.
    To(Box<Destination>),
    /// To the party at the other end of that leg's consultation.
    InPlaceOf(LegId),
    /// Nowhere.
    Nowhere {
        /// For the phone.
        status: Status,
        /// For people.
        why: &'static str,
    },
}

/// How a presentation is delivered to its seat.
#[derive(Debug)]
pub enum Delivery {
    /// By an INVITE of ours to each of its phones; none, where it has no phone.
    Ring(Vec<Phone>),
    /// Call pick-up: the seat asked for the call by an INVITE of its own.
    PickUp(Box<IncomingLeg>),
}

/// The INVITE of a seat, and the leg it becomes.
#[derive(Debug)]
pub struct IncomingLeg {
    /// The leg.
    pub leg: LegId,
    /// The INVITE, with its offer.
    pub incoming: IncomingInvite,
}

/// What is to be done.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "moved once, within a step; a box would cost every event an allocation"
)]
pub enum Output {
    /// Answer a server transaction.
    Respond {
        /// Which.
        tx: ServerTx,
        /// With what.
        response: Outgoing,
    },
    /// Send a request on a leg; its responses come back as [`Input::Response`].
    Request {
        /// The leg.
        leg: LegId,
        /// The path.
        flow: Flow,
        /// The request, without Via.
        request: Outgoing,
    },
    /// Cancel the INVITE that was sent on a leg. Its final response still comes.
    Cancel {
        /// The leg.
        leg: LegId,
        /// The value of the Reason header that goes with it.
        reason: Option<String>,
    },
    /// No response at all came to the INVITE that was sent on a leg.
    Unheard {
        /// The leg.
        leg: LegId,
    },
    /// Send an ACK for a 2xx, outside any transaction.
    Ack {
        /// The leg.
        leg: LegId,
        /// The path.
        flow: Flow,
        /// The ACK, without Via.
        request: Outgoing,
    },
    /// Look up whom a seat dialled before a restart, and tell it as [`Input::PartyFound`].
    Seek {
        /// The seat.
        by: SeatId,
        /// As the dial plan has it.
        dialled: Arc<str>,
    },
    /// Tell the media plane.
    Media(media::Command),
    /// Tell the queue.
    Acd(acd::Input),
    /// Write an event.
    Event(CallEvent),
    /// The peer of a leg in a talk is there and sends no sound, while the other party is heard. Said every few seconds.
    OneWayAudio {
        /// The leg.
        leg: LegId,
    },
    /// A new leg: requests that name its tag belong to this call.
    LegUp(LegId),
    /// The leg takes a channel of a trunk, until it is gone.
    ChannelTaken {
        /// The leg.
        leg: LegId,
        /// The trunk.
        trunk: TrunkId,
    },
    /// The leg is gone.
    LegDown(LegId),
}

impl Output {
    /// What a leg sends.
    pub(super) fn of(leg: LegId, send: Send) -> Output {
        match send {
            Send::Response { tx, response } => Output::Respond { tx, response },
            Send::Request { flow, request } => Output::Request { leg, flow, request },
            Send::Cancel { reason } => Output::Cancel { leg, reason },
            Send::NoResponse => Output::Unheard { leg },
            Send::Ack { flow, request } => Output::Ack { leg, flow, request },
            Send::Media(command) => Output::Media(command),
        }
    }
}

/// Why a call wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The trunk has heard ringback long enough; answer.
    AnswerDelay,
    /// The look-up is late; go on without it.
    LookUpDeadline,
    /// The longest a call may last.
    CallLength,
    /// The last message to the caller should be over.
    LastMessage,
    /// One number has rung long enough.
    Hop,
    /// The party that is asked in has rung long enough.
    Recall,
    /// A party that a restart has silenced is rung anew.
    Silenced,
    /// A leg's own: its session timer, a retransmission, a back-off, a probe.
    Leg(LegId),
    /// The caller is on hold, where no sound tells whether the seat is there.
    HoldProbe,
}
