//! How a call ends: once, by whichever side comes first, with every leg closed and the queue told.

use super::call::{Call, Published};
use super::inputs::Output;
use super::leg::Leg;
use super::outcome::{Ending, cause_of, exit_of, owes_callback, q850};
use super::ringing::Failed;
use super::stage::{Leaving, Stage};
use super::story::Cx;
use super::talk::{Talk, Transfer};
use crate::acd;
use crate::event::{
    CallEnded, CallState, CallbackState, EndReason, EndedBy, PresentationResult, TransferResult, What,
};
use crate::id::SeatId;
use crate::sip::Cause;
use crate::time::Duration;

/// A callback is due within a day: the promise a hotline makes for an abandoned call.
const CALLBACK_DUE_WITHIN: Duration = Duration::from_secs(24 * 3600);

impl Call {
    /// Ends the call, whatever it is doing. A second end is ignored: exactly one outcome.
    pub(super) fn end(&mut self, by: EndedBy, reason: EndReason, sip_code: Option<u16>, cx: &mut Cx<'_>) {
        self.end_because(by, reason, Cause { sip: sip_code, q850: None, text: "" }, cx);
    }

    /// As [`Call::end`], with what a peer's Reason header said.
    pub(super) fn end_because(&mut self, by: EndedBy, reason: EndReason, cause: Cause, cx: &mut Cx<'_>) {
        let ending = Ending { by, reason, cause };
        match std::mem::replace(&mut self.stage, Stage::Over) {
            ended @ (Stage::Over | Stage::Leaving(_)) => self.stage = ended,
            Stage::Queued(queued) => {
                let exit = exit_of(&ending);
                self.stage = Stage::Leaving(Leaving { ending, ringing: queued.ringing });
                // The caller's leg goes first: nothing the queue says may delay its BYE.
                self.hang_up_caller(reason, cx);
                cx.out.push(Output::Acd(acd::Input::Leave { call: self.id, exit }));
            }
            stage @ (Stage::Arriving(_)
            | Stage::Outbound(_)
            | Stage::Talk(_)
            | Stage::Transferring(_)
            | Stage::LastMessage(_)) => {
                self.stage = stage;
                self.finish(&ending, cx);
            }
        }
    }

    /// Ends the caller's leg, if it is not ending already.
    fn hang_up_caller(&mut self, reason: EndReason, cx: &mut Cx<'_>) {
        self.on(self.caller, cx, |leg, lcx| {
            leg.reject(503, lcx);
            leg.hang_up(cause_of(reason), lcx);
        });
    }

    /// Everything an end means, in the order a reader of the events expects.
    pub(super) fn finish(&mut self, ending: &Ending, cx: &mut Cx<'_>) {
        let seat = self.leave_search(ending, cx);
        let hold = self.stage.talk().and_then(Talk::holder);
        // A caller whose operator was lost in mid-call, and who got no other, is as good as unanswered.
        let is_served = match &self.stage {
            Stage::Talk(_) | Stage::Transferring(_) => true,
            Stage::LastMessage(message) => message.reason == EndReason::LengthLimit,
            Stage::Arriving(_) | Stage::Queued(_) | Stage::Outbound(_) | Stage::Leaving(_) | Stage::Over => {
                false
            }
        };
        self.stage = Stage::Over;
        self.longest = None;
        let caller = self.caller;
        for leg in self.legs.ids(|leg| leg.id != caller) {
            self.on(leg, cx, |leg, lcx| leg.hang_up(cause_of(ending.reason), lcx));
        }
        self.hang_up_caller(ending.reason, cx);
        if let Some((leg, since)) = hold {
            let held = cx.now.mono.since(since);
            self.story.tell(cx, What::CallResumed { leg, held });
        }
        let answered_by_operator = self.story.record().is_some_and(|r| r.connected_at.is_some());
        // A call that a seat placed and that came to nothing is owed to no citizen.
        let callback_due =
            self.origin.seat().is_none() && owes_callback(ending.reason, answered_by_operator && is_served);
        let ended = CallEnded {
            by: ending.by,
            reason: ending.reason,
            sip_code: ending.cause.sip,
            q850: ending.cause.q850.unwrap_or_else(|| q850(ending.reason)),
            answered_by_operator,
            callback_due,
        };
        self.story.tell_as(cx, CallState::Ended, What::CallEnded(ended));
        if callback_due && !self.identity.withheld {
            let due_at = cx.now.wall + CALLBACK_DUE_WITHIN;
            let (state, attempts, reason) = (CallbackState::Due, 0, ending.reason.into());
            self.story.tell(cx, What::CallbackChanged { state, reason, attempts, due_at });
        }
        if let Some(seat) = seat {
            self.finish_seat(seat, cx);
        }
    }

    /// The call ends with a search on. Gives the seat that has the caller in hand.
    fn leave_search(&mut self, ending: &Ending, cx: &mut Cx<'_>) -> Option<SeatId> {
        let result = match ending.by {
            EndedBy::Caller | EndedBy::Seat => PresentationResult::CallerGone,
            EndedBy::Gateway | EndedBy::ThirdParty => PresentationResult::Withdrawn,
        };
        self.search_ends(Failed { result, status: None }, cx);
        match &self.stage {
            Stage::Talk(talk) => {
                let consulted = talk.consultation.as_ref().and_then(|consultation| consultation.search.up());
                let serving = talk.serving.clone();
                if let Some(leg) = consulted {
                    self.story.tell_left(leg, cx);
                }
                serving
            }
            Stage::Transferring(transfer) => {
                let Transfer { by, kind, line, search } = &**transfer;
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

    /// The seat has nothing more to do with the caller. It may be presented another call once its phone has heard so: at
    /// once where the phone itself hung up, else with the end of its last leg.
    pub(super) fn finish_seat(&self, seat: SeatId, cx: &mut Cx<'_>) {
        let call = self.id;
        let is_theirs = |leg: &&Leg| leg.party.seat() == Some(&seat);
        let has_heard = self.legs.iter().filter(is_theirs).all(Leg::is_terminated);
        cx.out.push(Output::Acd(acd::Input::Finished { seat: seat.clone(), call }));
        if has_heard {
            cx.out.push(Output::Acd(acd::Input::Vacate { seat, call, spoke: true }));
        }
    }

    /// Waits for nothing any more: a leg that does not confirm its end, a wrap-up. The record is final as it stands.
    pub(super) fn stop(&mut self, cx: &mut Cx<'_>) {
        self.end(EndedBy::Gateway, EndReason::Shutdown, None, cx);
        for leg in self.legs.ids(|_| true) {
            self.on(leg, cx, |leg, _| leg.abandon());
        }
        self.afterwork.wrapping.clear();
        if self.afterwork.published == Published::Ended {
            self.afterwork.published = Published::No;
        }
    }
}
