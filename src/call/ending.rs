//! What the end of a call means for its legs, its record and its seat.

use super::common::Common;
use super::outcome::{Ending, cause_of, q850};
use super::stage::Stage;
use super::story::Cx;
use super::talk::Talk;
use super::transfer::Transfer;
use crate::callback;
use crate::event::{CallEnded, CallState, EndReason, EndedBy, PresentationResult, TransferResult, What};
use crate::id::SeatId;
use crate::sip::Status;

impl Common {
    /// Everything an end means, in the order a reader of the events expects.
    pub(super) fn finish(&mut self, ending: &Ending, mut stage: Stage, cx: &mut Cx<'_>) {
        let seat = self.leave_search(ending, &mut stage, cx);
        let hold = stage.talk().and_then(Talk::holder);
        // A caller whose operator was lost in mid-call, and who got no other, is as good as unanswered.
        let is_served = match &stage {
            Stage::Talk(_) | Stage::Transferring(_) => true,
            Stage::LastMessage(message) => message.reason == EndReason::LengthLimit,
            Stage::Arriving(_) | Stage::Queued(_) | Stage::Outbound(_) | Stage::Leaving(_) | Stage::Over => {
                false
            }
        };
        self.longest = None;
        let caller = self.caller;
        for leg in self.legs.ids(|leg| leg.id != caller) {
            self.command(leg, cx, |leg, lcx| leg.hang_up(cause_of(ending.reason), lcx));
        }
        self.hang_up_caller(ending.reason, cx);
        if let Some((leg, since)) = hold {
            let held = cx.now.mono.since(since);
            self.story.tell(cx, What::CallResumed { leg, held });
        }
        let answered_by_operator = self.story.record().is_some_and(|r| r.connected_at.is_some());
        let spoke_with_a_human = answered_by_operator && is_served;
        let changed = match self.origin.seat() {
            None => self.owe(callback::after_end(ending.reason, spoke_with_a_human), cx),
            // A call that a seat placed and that came to nothing is owed to no citizen; it may have been to one who is owed one.
            Some(_) if answered_by_operator => None,
            Some(_) => self.number.and_then(|key| cx.owed.tried(&key)),
        };
        let ended = CallEnded {
            by: ending.by,
            reason: ending.reason,
            sip_code: ending.cause.sip.map(Status::code),
            q850: ending.cause.q850.unwrap_or_else(|| q850(ending.reason)),
            answered_by_operator,
            callback_due: changed.is_some() && self.origin.seat().is_none(),
        };
        self.story.tell_as(cx, CallState::Ended, What::CallEnded(ended));
        self.story.tell_callback(changed, cx);
        if let Some(seat) = seat {
            self.finish_seat(seat, cx);
        }
    }

    /// The call ends with a search on. Gives the seat that has the caller in hand.
    fn leave_search(&mut self, ending: &Ending, stage: &mut Stage, cx: &mut Cx<'_>) -> Option<SeatId> {
        let result = match ending.by {
            EndedBy::Caller | EndedBy::Seat => PresentationResult::CallerGone,
            EndedBy::Gateway | EndedBy::ThirdParty => PresentationResult::Withdrawn,
        };
        if let Some(search) = stage.search_mut() {
            self.search_ends(search, result, cx);
        }
        match stage {
            Stage::Talk(talk) => {
                let consulted = talk.consultation.as_ref().and_then(|consultation| consultation.search.up());
                let serving = talk.serving.clone();
                if let Some(leg) = consulted {
                    self.story.tell_left(leg, cx);
                }
                serving
            }
            Stage::Transferring(transfer) => {
                let Transfer { by, kind, line, search } = &mut **transfer;
                let result = TransferResult::Cancelled;
                self.story.tell_transfer(*kind, by, &search.to.name, result, cx);
                line.map(|_| by.clone())
            }
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::Outbound(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => None,
        }
    }
}
