//! What the machine is told.

use super::availability::OwnRole;
use crate::event::{AwayReason, PresentationResult, QueueExit, SeatReason};
use crate::id::{CallId, OperatorId, PresentationId, QueueId, SeatId};
use crate::time::Now;

/// One thing that happened outside. What does not fit the present state is ignored without an output:
/// messages cross on their way.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A call wants a place. Answered by `Entered` or `Refused` in the same step.
    Enter {
        /// The call.
        call: CallId,
        /// Where to.
        queue: QueueId,
        /// 0 is ordinary; a higher number goes first.
        priority: u8,
        /// The arrival that decides its place among calls of the same priority: the present for a new
        /// call, an earlier moment for one that keeps a place it had. Later than now counts as now.
        /// Waiting time and its limit count from this step all the same.
        at: Now,
    },
    /// A call leaves: the caller hung up, the call was moved, the gateway stops.
    Leave {
        /// The call.
        call: CallId,
        /// How. A presentation that runs ends as `CallerGone` for `Abandoned`, else as `Withdrawn`.
        exit: QueueExit,
    },
    /// The seat's phone is there.
    SeatUp {
        /// The seat.
        seat: SeatId,
    },
    /// The seat's phone is gone. A seat in a call or in wrap-up finishes that first.
    SeatDown {
        /// The seat.
        seat: SeatId,
    },
    /// The seat's phone is registered, but no longer answers. A seat in a call keeps it until that says
    /// `Returned` or `Finished`; one in wrap-up finishes that first.
    SeatLost {
        /// The seat.
        seat: SeatId,
    },
    /// The seat broke off in mid-call and its caller is still there: the caller waits again, at the head, with a place
    /// even in a full queue, and while draining; there are never more of them than seats. Answered by `Entered`.
    Returned {
        /// The call.
        call: CallId,
        /// The seat it was with: unreachable for its cool-down, or until it registers.
        seat: SeatId,
        /// Where to.
        queue: QueueId,
        /// Why.
        reason: SeatReason,
    },
    /// The seat's phone rings.
    Rang {
        /// The presentation.
        presentation: PresentationId,
    },
    /// The seat answered. Ignored when the presentation was withdrawn before: the caller of this machine
    /// ends that leg.
    Answered {
        /// The presentation.
        presentation: PresentationId,
    },
    /// The seat's leg ended without an answer. After a `Withdraw` this says that the phone is free again.
    Ended {
        /// The presentation.
        presentation: PresentationId,
        /// `Rejected`, `Busy`, `Unreachable`; any other result counts as `NoAnswer`.
        result: PresentationResult,
    },
    /// The seat put its caller on hold. Ignored when the seat is in another call.
    Held {
        /// The seat.
        seat: SeatId,
        /// The call.
        call: CallId,
    },
    /// The hold is over. Ignored when the seat is in another call.
    Resumed {
        /// The seat.
        seat: SeatId,
        /// The call.
        call: CallId,
    },
    /// The call the seat was in is over: wrap-up begins. Ignored when the seat is in another call. Its phone may not have
    /// heard so yet: the queue offers it nothing before `Vacate`, or for [`super::CLOSE_LIMIT`].
    Finished {
        /// The seat.
        seat: SeatId,
        /// The call.
        call: CallId,
    },
    /// The operator is done with the case.
    WrapUpDone {
        /// The seat.
        seat: SeatId,
    },
    /// An operator signs in at the seat and takes calls. Ignored while another operator there has a call; ask
    /// [`super::Acd::may_sign_in`] first.
    SignIn {
        /// The seat.
        seat: SeatId,
        /// Who, apart from the seat.
        operator: Option<OperatorId>,
    },
    /// The seat takes no calls any more, once the work in hand is done.
    SignOut {
        /// The seat.
        seat: SeatId,
    },
    /// The operator takes calls: at once, or when the work in hand is done. Ends a wrap-up.
    SetReady {
        /// The seat.
        seat: SeatId,
    },
    /// The operator takes no calls: at once, or after the call in hand and its wrap-up.
    SetNotReady {
        /// The seat.
        seat: SeatId,
        /// Why.
        reason: AwayReason,
    },
    /// The seat has a call that comes from no queue.
    Occupy {
        /// The seat.
        seat: SeatId,
        /// The call.
        call: CallId,
        /// What it has to do with it.
        role: OwnRole,
    },
    /// The seat that was rung for that call has answered.
    Joined {
        /// The seat.
        seat: SeatId,
        /// The call.
        call: CallId,
    },
    /// The seat's phones have nothing more to do with a call: one that comes from no queue is over, and after `Finished`
    /// its phone has heard that, or never will.
    Vacate {
        /// The seat.
        seat: SeatId,
        /// The call.
        call: CallId,
        /// Whether the parties spoke. A seat that was merely rung, or whose call was not answered, keeps its turn.
        spoke: bool,
    },
    /// The call was transferred to the seat: it counts as one of the queue from here on, wrap-up included.
    TakeOver {
        /// The seat.
        seat: SeatId,
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
    },
    /// The operator picks up a waiting call; see [`super::Acd::to_pick_up`].
    PickUp {
        /// The seat.
        seat: SeatId,
        /// The call.
        call: CallId,
    },
    /// A caller comes back to the head of the queue, and to this seat first. Answered by `Entered`.
    Recall {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// The seat that transferred them.
        seat: Option<SeatId>,
    },
    /// What the seat is said to be doing does not fit the calls there are: it has nothing to do.
    Mend {
        /// The seat.
        seat: SeatId,
    },
    /// Take no new call from now on. Calls that wait go on being served.
    Drain,
}
