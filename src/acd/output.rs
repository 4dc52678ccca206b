//! What the machine wants done or known.

use crate::event::{
    OperatorStateChanged, PresentationResult, QueueEntered, QueueExit, RefusalReason, SeatChoice, SeatReason,
    SeatState,
};
use crate::id::{CallId, OperatorId, PresentationId, QueueId, SeatId};
use crate::time::Duration;

/// One consequence of a step, in the order it came about.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// The call has a place.
    Entered {
        /// The call.
        call: CallId,
        /// The place and what it can expect.
        entered: QueueEntered,
    },
    /// The call has no place; nothing is kept of it.
    Refused {
        /// The call.
        call: CallId,
        /// Why.
        reason: EntryRefusal,
    },
    /// Offer the call to the seat now.
    Present {
        /// The call.
        call: CallId,
        /// The name of this offer; never used twice.
        presentation: PresentationId,
        /// The seat.
        seat: SeatId,
        /// The person there.
        operator: Option<OperatorId>,
        /// The queue it waits in.
        queue: QueueId,
        /// 1 for the first offer of this visit to the queue.
        attempt: u32,
        /// Since the call entered.
        waited: Duration,
        /// Why this seat.
        why: SeatChoice,
        /// How long the seat has; this machine keeps the timer.
        ring_timeout: Duration,
    },
    /// Take the offer back: cancel the seat's leg, and end it should it be answered all the same. Then
    /// say `Ended`, so that the seat can be offered a call before [`super::RELEASE_LIMIT`] has passed.
    Withdraw {
        /// The call that was offered.
        call: CallId,
        /// The offer.
        presentation: PresentationId,
        /// How it ended: `NoAnswer`, `CallerGone`, `Withdrawn`, `Unreachable`.
        result: PresentationResult,
    },
    /// The call is out of its queue. Exactly one for every `Entered`.
    Left {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// How; `Connected` when the seat answered.
        exit: QueueExit,
        /// The place it had, 1 for the head.
        position: u32,
        /// Since it entered.
        waited: Duration,
    },
    /// The call's position, which changed since it was last told. A queue tells [`super::POSITIONS`] of its callers in
    /// [`super::POSITION_EVERY`], in turn, and none that is being presented.
    Position {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// 1 for the head.
        position: u32,
        /// Calls in the queue.
        depth: u32,
        /// The wait still to be expected.
        estimated_wait: Option<Duration>,
    },
    /// A seat changed state.
    SeatChanged {
        /// The seat.
        seat: SeatId,
        /// The person there; on signing out, the one who leaves.
        operator: Option<OperatorId>,
        /// From this state.
        from: SeatState,
        /// To this state.
        to: SeatState,
        /// Why.
        reason: SeatReason,
    },
    /// An operator signed in or out, takes calls or none: told when that is decided.
    OperatorChanged(OperatorStateChanged),
    /// The seat's work after the call began. Not said when the limit is zero.
    WrapUpStarted {
        /// The seat.
        seat: SeatId,
        /// The call it was in.
        call: CallId,
        /// How long it may take.
        limit: Duration,
    },
    /// The seat's work after the call is done.
    WrapUpCompleted {
        /// The seat.
        seat: SeatId,
        /// The call it was in.
        call: CallId,
        /// Whether the limit ran out.
        timed_out: bool,
    },
}

/// Why a call got no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryRefusal {
    /// The queue holds as many calls as it may.
    Full,
    /// The gateway is stopping.
    Draining,
    /// There is no such queue.
    UnknownQueue,
    /// The call has a place already, and keeps it. Leave first to move.
    AlreadyWaiting,
}

impl From<EntryRefusal> for RefusalReason {
    fn from(refusal: EntryRefusal) -> RefusalReason {
        match refusal {
            EntryRefusal::Full => RefusalReason::QueueFull,
            EntryRefusal::Draining => RefusalReason::Draining,
            EntryRefusal::UnknownQueue | EntryRefusal::AlreadyWaiting => RefusalReason::Internal,
        }
    }
}
