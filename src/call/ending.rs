//! How a call ends: once, by whichever side comes first, with every leg closed and the queue told.

use super::RETRY_AFTER;
use super::caller_leg::{CallerSignalling, MediaSide};
use super::conduct::Awaited;
use super::inputs::{Output, Reason};
use super::machine::{Call, Published, Stage};
use super::outcome::{owes_callback, q850};
use super::presence::Broken;
use super::seat_leg::{SeatLeg, SeatSignalling};
use super::story::Cx;
use crate::acd;
use crate::event::{CallEnded, CallState, CallbackState, EndReason, EndedBy, QueueExit, What};
use crate::id::{LegId, SeatId};
use crate::sip::{Cause, Dialog, Method, Outgoing};
use crate::time::Duration;

/// A callback is due within a day: the promise a hotline makes for an abandoned call.
const CALLBACK_DUE_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// An end that waits for the queue to let go.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    by: EndedBy,
    reason: EndReason,
    cause: Cause,
}

impl Call {
    /// Ends the call, whatever it is doing. A second end is ignored: exactly one outcome.
    pub(super) fn end(&mut self, by: EndedBy, reason: EndReason, sip_code: Option<u16>, cx: &mut Cx<'_>) {
        self.end_because(by, reason, Cause { sip: sip_code, q850: None, text: "" }, cx);
    }

    /// As [`Call::end`], with what a peer's Reason header said.
    pub(super) fn end_because(&mut self, by: EndedBy, reason: EndReason, cause: Cause, cx: &mut Cx<'_>) {
        let ending = Ending { by, reason, cause };
        match &self.stage {
            Stage::Over | Stage::Leaving(_) => {}
            Stage::Waiting { .. } => {
                let exit = if by == EndedBy::Caller { QueueExit::Abandoned } else { exit_of(reason) };
                let cause = cause_of(reason);
                self.stage = Stage::Leaving(ending);
                // The caller's leg goes first: nothing the queue says may delay his BYE.
                self.hang_up_caller(cause, cx);
                cx.out.push(Output::Acd(acd::Input::Leave { call: self.id, exit }));
            }
            Stage::Arriving { .. }
            | Stage::Dialling { .. }
            | Stage::HandingOn
            | Stage::Connected { .. }
            | Stage::LastMessage { .. } => {
                finish(self, &ending, cx);
            }
        }
    }

    /// Waits for nothing any more: a leg that does not confirm its end, a wrap-up. The record is final as it stands.
    pub(super) fn stop(&mut self, cx: &mut Cx<'_>) {
        self.end(EndedBy::Gateway, EndReason::Shutdown, None, cx);
        self.caller.signalling = CallerSignalling::Down;
        self.caller.media.side = MediaSide::Closed;
        for seat in &mut self.seats {
            seat.signalling = SeatSignalling::Down;
            seat.media.side = MediaSide::Closed;
        }
        self.wrapping.clear();
        if self.published == Published::Ended {
            self.published = Published::No;
        }
    }

    /// The caller took their INVITE back before our answer.
    pub(super) fn cancelled(&mut self, cause: Cause, cx: &mut Cx<'_>) {
        self.called_off(EndReason::Cancelled, cause, cx);
    }

    /// The INVITE that began `leg` has had the time its Expires gave it. Unanswered, it is as one that was cancelled (RFC
    /// 3261 section 13.3.1).
    pub(super) fn invite_expired(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        match leg == self.caller.id {
            true => self.called_off(EndReason::Expired, Cause::q850(q850(EndReason::Expired), ""), cx),
            false => self.seat_gave_up(leg, cx),
        }
    }

    /// 487 to the caller's INVITE, if it is not answered yet.
    fn called_off(&mut self, reason: EndReason, cause: Cause, cx: &mut Cx<'_>) {
        if let CallerSignalling::Unanswered { tx, invite, .. } = &self.caller.signalling {
            let response = Outgoing::response(invite, 487, Some(&self.caller.id.to_string()));
            cx.out.push(Output::Respond { tx: *tx, response });
            self.caller.signalling = CallerSignalling::Down;
            let cause = Cause { sip: cause.sip.or(Some(487)), ..cause };
            let by = if self.owner.is_some() { EndedBy::Seat } else { EndedBy::Caller };
            self.end_because(by, reason, cause, cx);
        }
    }

    /// Sends what ends the caller's leg, if it is not ending already.
    fn hang_up_caller(&mut self, cause: Cause, cx: &mut Cx<'_>) {
        let acknowledged = self.caller.conduct.ack == Awaited::Nothing;
        match std::mem::replace(&mut self.caller.signalling, CallerSignalling::Down) {
            CallerSignalling::Unanswered { tx, invite, .. } => {
                let response = Outgoing::response(&invite, 503, Some(&self.caller.id.to_string()))
                    .with("Retry-After", RETRY_AFTER);
                cx.out.push(Output::Respond { tx, response });
            }
            CallerSignalling::Up { mut dialog } if acknowledged => {
                let (flow, request) = (dialog.flow(), bye(&mut dialog, cause));
                cx.out.push(Output::Request { leg: self.caller.id, flow, request });
                self.caller.signalling = CallerSignalling::Closing;
            }
            CallerSignalling::Up { dialog } => {
                self.caller.signalling = CallerSignalling::HangingUp { dialog, cause };
            }
            ending => self.caller.signalling = ending,
        }
    }

    /// Sends the BYE on `leg` that waited for an ACK, now that it came or never will. Gives whether one waited.
    pub(super) fn hang_up_now(&mut self, leg: LegId, cx: &mut Cx<'_>) -> bool {
        let (mut dialog, cause) = if leg == self.caller.id {
            match std::mem::replace(&mut self.caller.signalling, CallerSignalling::Closing) {
                CallerSignalling::HangingUp { dialog, cause } => (dialog, cause),
                other => {
                    self.caller.signalling = other;
                    return false;
                }
            }
        } else {
            let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg) else { return false };
            let SeatSignalling::HangingUp { dialog, cause } = &seat.signalling else { return false };
            let (dialog, cause) = (dialog.clone(), *cause);
            seat.signalling = SeatSignalling::Closing { dialog: dialog.clone() };
            (dialog, cause)
        };
        let (flow, request) = (dialog.flow(), bye(&mut dialog, cause));
        cx.out.push(Output::Request { leg, flow, request });
        true
    }

    /// The seat has nothing more to do with the citizen. It may be offered another call once its phone has heard so: at
    /// once where the phone itself hung up, else with the end of its last leg.
    pub(super) fn finish_seat(&self, seat: SeatId, cx: &mut Cx<'_>) {
        let call = self.id;
        let down = |s: &SeatLeg| matches!(s.signalling, SeatSignalling::Down);
        let has_heard = self.seats.iter().filter(|s| s.seat == seat).all(down);
        cx.out.push(Output::Acd(acd::Input::Finished { seat: seat.clone(), call }));
        if has_heard {
            cx.out.push(Output::Acd(acd::Input::Vacate { seat, call, spoke: true }));
        }
    }

    /// Sends what ends every seat leg that is not ending already.
    fn hang_up_seats(&mut self, cause: Cause, cx: &mut Cx<'_>) {
        for seat in &mut self.seats {
            seat.hang_up_because(cause, cx);
        }
    }
}

impl super::seat_leg::SeatLeg {
    /// Ends this leg by BYE, CANCEL or by never beginning; gives its port back.
    pub(super) fn hang_up(&mut self, cx: &mut Cx<'_>) {
        self.hang_up_because(Cause::q850(16, ""), cx);
    }

    /// As `hang_up`, with what its peer is told as the reason.
    pub(super) fn hang_up_because(&mut self, cause: Cause, cx: &mut Cx<'_>) {
        match std::mem::replace(&mut self.signalling, SeatSignalling::Down) {
            SeatSignalling::Preparing { .. } | SeatSignalling::Down => {}
            SeatSignalling::Answering { asked } => super::pick_up::refuse(&asked, self.id, 480, cx),
            SeatSignalling::Inviting { invite, .. } => {
                cx.out.push(Output::Cancel { leg: self.id, reason: cause.header() });
                self.signalling = SeatSignalling::Cancelling { invite };
            }
            SeatSignalling::Up { dialog, .. } if self.conduct.ack != Awaited::Nothing => {
                self.signalling = SeatSignalling::HangingUp { dialog, cause };
            }
            SeatSignalling::Up { mut dialog, .. } => {
                let (flow, request) = (dialog.flow(), bye(&mut dialog, cause));
                cx.out.push(Output::Request { leg: self.id, flow, request });
                self.signalling = SeatSignalling::Closing { dialog };
            }
            ending @ (SeatSignalling::Cancelling { .. }
            | SeatSignalling::HangingUp { .. }
            | SeatSignalling::Closing { .. }) => self.signalling = ending,
        }
        cx.out.extend(self.media.close().map(Output::Media));
    }
}

/// What our BYE says of this end.
fn cause_of(reason: EndReason) -> Cause {
    Cause::q850(q850(reason), "")
}

fn bye(dialog: &mut Dialog, cause: Cause) -> Outgoing {
    let bye = dialog.request(Method::Bye);
    match cause.header() {
        Some(reason) => bye.with("Reason", reason),
        None => bye,
    }
}

fn exit_of(reason: EndReason) -> QueueExit {
    match reason {
        EndReason::WaitLimit | EndReason::LengthLimit => QueueExit::Timeout,
        EndReason::SignallingLost | EndReason::Abandoned | EndReason::Cancelled | EndReason::Expired => {
            QueueExit::Abandoned
        }
        _ => QueueExit::Closed,
    }
}

/// Everything an end means, in the order a reader of the events expects.
pub(super) fn finish(call: &mut Call, ending: &Ending, cx: &mut Cx<'_>) {
    let connected = match std::mem::replace(&mut call.stage, Stage::Over) {
        Stage::Connected { seat, hold, .. } => Some((seat, hold)),
        _ => None,
    };
    let lets_go = call.abandon_extension(ending.by, cx);
    let cause = cause_of(ending.reason);
    call.hang_up_seats(cause, cx);
    call.hang_up_caller(cause, cx);
    if let Some((_, Some((leg, since)))) = &connected {
        let held = cx.now.mono.since(*since);
        call.story.tell(cx, What::CallResumed { leg: *leg, held });
    }
    let answered_by_operator = call.story.record().is_some_and(|r| r.connected_at.is_some());
    // Whose operator was lost in mid-call, and who got no other, is as good as unanswered.
    let served = answered_by_operator && call.broken == Broken::Not;
    // Nobody is owed a call because a seat's own call came to nothing.
    let callback_due = call.owner.is_none() && owes_callback(ending.reason, served);
    let ended = CallEnded {
        by: ending.by,
        reason: ending.reason,
        sip_code: ending.cause.sip,
        q850: ending.cause.q850.unwrap_or_else(|| q850(ending.reason)),
        answered_by_operator,
        callback_due,
    };
    call.story.tell_as(cx, CallState::Ended, What::CallEnded(ended));
    if callback_due && !call.identity.withheld {
        let due_at = cx.now.wall + CALLBACK_DUE_WITHIN;
        let reason = ending.reason.into();
        call.story.tell(cx, What::CallbackChanged { state: CallbackState::Due, reason, attempts: 0, due_at });
    }
    if let Some(seat) = connected.and_then(|(seat, _)| seat).or(lets_go) {
        call.finish_seat(seat, cx);
    }
    for reason in [
        Reason::AnswerDelay,
        Reason::LookUpDeadline,
        Reason::CallLength,
        Reason::LastMessage,
        Reason::SeatOnHold,
    ] {
        call.deadlines.cancel(reason);
    }
    for leg in call.seats.iter().map(|s| s.id).chain([call.caller.id]) {
        call.deadlines.cancel(Reason::SeatAsked(leg));
    }
    close_media(call, cx);
}

/// Gives every port of the call back.
pub(super) fn close_media(call: &mut Call, cx: &mut Cx<'_>) {
    cx.out.extend(call.caller.media.close().map(Output::Media));
    for seat in &mut call.seats {
        cx.out.extend(seat.media.close().map(Output::Media));
    }
}
