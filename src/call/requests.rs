//! Requests inside a dialog, from either side: BYE, re-INVITE, UPDATE, OPTIONS, INFO, and the ACKs.

use super::caller_leg::CallerSignalling;
use super::inputs::Output;
use super::machine::{Call, Stage};
use super::seat_leg::{ALLOW, SeatSignalling};
use super::story::Cx;
use crate::event::{EndReason, EndedBy};
use crate::id::LegId;
use crate::sdp;
use crate::sip::{Dialog, Message, Method, Outgoing, ServerTx};

impl Call {
    /// Answers a request inside the dialog of `leg`.
    pub(super) fn request(&mut self, leg: LegId, tx: ServerTx, request: &Message, cx: &mut Cx<'_>) {
        let Some(method) = request.method() else { return };
        let accepted = match self.dialog_of(leg) {
            Some(dialog) => dialog.receive(request),
            // Our BYE is out, or the dialog is still early: only a BYE still means something.
            None if *method == Method::Bye => Ok(()),
            None => Err(481),
        };
        if let Err(status) = accepted {
            return respond(tx, Outgoing::response(request, status, None), cx);
        }
        match method {
            Method::Bye => {
                respond(tx, Outgoing::response(request, 200, None), cx);
                self.bye_from(leg, cx);
            }
            Method::Invite | Method::Update => self.offered_again(leg, tx, request, cx),
            Method::Options | Method::Info => {
                respond(tx, Outgoing::response(request, 200, None).with("Allow", ALLOW), cx);
            }
            _ => respond(tx, Outgoing::response(request, 405, None).with("Allow", ALLOW), cx),
        }
    }

    /// An ACK for a 200 OK of ours; it carries the answer when the 200 OK carried the offer.
    pub(super) fn acked(&mut self, ack: &Message, cx: &mut Cx<'_>) {
        let CallerSignalling::Up { offered, .. } = &mut self.caller.signalling else { return };
        let Some(codecs) = offered.take() else { return };
        match sdp::parse(ack.body()).ok().and_then(|answer| sdp::accepted(&codecs, &answer).ok()) {
            Some(agreed) => cx.out.push(Output::Media(self.caller.media.agree(agreed))),
            None => self.end(EndedBy::Gateway, EndReason::SignallingLost, Some(488), cx),
        }
    }

    /// The dialog of `leg`, while it is up.
    pub(super) fn dialog_of(&mut self, leg: LegId) -> Option<&mut Dialog> {
        if leg == self.caller.id {
            return match &mut self.caller.signalling {
                CallerSignalling::Up { dialog, .. } => Some(dialog),
                _ => None,
            };
        }
        match &mut self.seats.iter_mut().find(|s| s.id == leg)?.signalling {
            SeatSignalling::Up { dialog, .. } => Some(dialog),
            _ => None,
        }
    }

    fn bye_from(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if leg == self.caller.id {
            match &self.caller.signalling {
                // A BYE on the early dialog (RFC 3261 section 15): the INVITE still wants its final response.
                CallerSignalling::Unanswered { .. } => return self.cancelled(cx),
                _ => self.caller.signalling = CallerSignalling::Down,
            }
            let reason = match &self.stage {
                Stage::Connected { .. } => EndReason::Completed,
                Stage::LastMessage { reason, .. } => *reason,
                _ => EndReason::Abandoned,
            };
            return self.end(EndedBy::Caller, reason, None, cx);
        }
        let talking = matches!(&self.stage, Stage::Connected { leg: l, .. } if *l == leg);
        if let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg)
            && matches!(seat.signalling, SeatSignalling::Up { .. } | SeatSignalling::Closing { .. })
        {
            seat.signalling = SeatSignalling::Down;
            cx.out.extend(seat.media.close().map(Output::Media));
        }
        if talking {
            self.end(EndedBy::Seat, EndReason::Completed, None, cx);
        }
    }

    /// The caller's BYE was answered, or nobody will answer it.
    pub(super) fn caller_closed(&mut self) {
        if matches!(self.caller.signalling, CallerSignalling::Closing) {
            self.caller.signalling = CallerSignalling::Down;
        }
    }
}

pub(super) fn respond(tx: ServerTx, response: Outgoing, cx: &mut Cx<'_>) {
    cx.out.push(Output::Respond { tx, response });
}
