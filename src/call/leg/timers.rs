//! The deadlines of a leg: session timer, reliable provisional responses, back-off, expiry of the INVITE, and the wait for
//! a response or for the answer to a probe.

use super::conduct::Due;
use super::liveness::Loss;
use super::output::{Cx, GivenUp, Output};
use super::renegotiation::Pending;
use super::state::{Leg, Signalling};
use crate::call::outcome::q850;
use crate::event::EndReason;
use crate::sip::{Cause, Status, reliable, session_timer};
use crate::time::Mono;

impl Leg {
    /// The next deadline.
    pub fn poll_timeout(&self) -> Option<Mono> {
        let (state, conduct) = match &self.signalling {
            Signalling::Inviting(uac) => (uac.sent.as_ref().and_then(|sent| sent.no_response), uac.is_sent()),
            Signalling::Invited(uas) => (uas.expires, true),
            Signalling::Confirmed(_) => (self.liveness.poll_timeout(), true),
            Signalling::Cancelling(_)
            | Signalling::AwaitingAck { .. }
            | Signalling::Closing { .. }
            | Signalling::Terminated => (None, false),
        };
        let conduct = self.conduct.poll_timeout().filter(|_| conduct);
        [state, conduct].into_iter().flatten().min()
    }

    /// Acts on every deadline that has come.
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now.mono;
        let is_due = |at: Option<Mono>| at.is_some_and(|at| at <= now);
        match &self.signalling {
            Signalling::Inviting(uac) if is_due(uac.sent.as_ref().and_then(|sent| sent.no_response)) => {
                return self.no_response(cx);
            }
            // Expires ends the INVITE as its CANCEL would (RFC 3261 section 13.3.1).
            Signalling::Invited(uas) if is_due(uas.expires) => {
                let cause = Cause::q850(q850(EndReason::Expired), "");
                return self.given_up(GivenUp::Expired, cause, cx);
            }
            Signalling::Confirmed(_) if is_due(self.liveness.poll_timeout()) => self.probe_unanswered(cx),
            Signalling::Inviting(_)
            | Signalling::Invited(_)
            | Signalling::Confirmed(_)
            | Signalling::Cancelling(_)
            | Signalling::AwaitingAck { .. }
            | Signalling::Closing { .. }
            | Signalling::Terminated => {}
        }
        while let Some(due) = self.conduct.handle_timeout(now) {
            match due {
                Due::Provisional(reliable::ProvisionalDue::Again(response)) => {
                    if let Signalling::Invited(uas) = &self.signalling {
                        cx.respond(uas.tx, response);
                    }
                }
                Due::Provisional(reliable::ProvisionalDue::GivenUp) => self.never_pracked(cx),
                Due::Timer(session_timer::TimerDue::Refresh) => self.offer(Pending::refresh(), cx),
                // No refresh came in time: the peer is taken for gone (RFC 4028 section 10).
                Due::Timer(session_timer::TimerDue::Expired) => {
                    cx.say(Output::Lost { loss: Loss::Unresponsive, status: None });
                }
                Due::BackOffOver => self.send_pending(cx),
            }
        }
    }

    /// No PRACK came for 64*T1: the INVITE is refused with 5xx (RFC 3262 section 3).
    fn never_pracked(&mut self, cx: &mut Cx<'_>) {
        if self.is_invited() {
            self.reject(Status::SERVER_TIME_OUT, cx);
            cx.say(Output::Lost { loss: Loss::Unacknowledged, status: Some(Status::SERVER_TIME_OUT) });
        }
    }
}
