//! Responses to our requests, and requests of ours that came to nothing.

use super::liveness::Loss;
use super::output::{Cx, Output};
use super::state::{Leg, Parts, Signalling};
use crate::sip::{Failure, Flow, Message, Method, Status};

impl Leg {
    /// A response to a request of ours.
    pub fn response(&mut self, flow: Flow, response: &Message, cx: &mut Cx<'_>) {
        let Some(status) = response.status() else { return };
        if self.renegotiated(response, status, cx) {
            return;
        }
        match response.cseq().1 {
            Method::Invite => self.invite_answered(flow, response, status, cx),
            _ if status.is_provisional() => {}
            Method::Bye => self.over(cx),
            Method::Info => self.key_passed(cx),
            Method::Notify => cx.say(Output::NotifyAnswered { status }),
            Method::Options => self.probe_answered(status, cx),
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Prack
            | Method::Update
            | Method::Refer
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {}
        }
    }

    /// A request of ours got no final response, or could not be sent.
    pub fn request_failed(&mut self, method: &Method, cseq: u32, cause: Failure, cx: &mut Cx<'_>) {
        if self.parts(None).is_some_and(|Parts { conduct, .. }| conduct.renegotiation.is_out(cseq)) {
            return match cause {
                // A probe is judged by its own deadline, which has passed.
                Failure::Timeout if self.conduct.renegotiation.is_probing() => self.renegotiation_unsent(cx),
                Failure::Timeout => cx.say(Output::Lost { loss: Loss::Unresponsive, status: None }),
                Failure::Transport | Failure::Full => self.renegotiation_unsent(cx),
            };
        }
        match method {
            Method::Invite | Method::Bye => self.over(cx),
            Method::Notify => cx.say(Output::NotifyAnswered { status: Status::REQUEST_TIMEOUT }),
            Method::Info => self.keys_lost(),
            Method::Options => self.probe_unanswered(cx),
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Prack
            | Method::Update
            | Method::Refer
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {}
        }
    }

    /// An INVITE or a BYE of ours came to nothing, or the BYE was answered.
    fn over(&mut self, cx: &mut Cx<'_>) {
        match self.signalling {
            Signalling::Inviting(_) | Signalling::Cancelling(_) => self.invite_failed(None, cx),
            Signalling::Closing { .. } => self.bye_over(),
            Signalling::Invited(_)
            | Signalling::Confirmed(_)
            | Signalling::AwaitingAck { .. }
            | Signalling::Terminated => {}
        }
    }

    /// A request of ours with this CSeq number is to be sent again, with the password its `response` asks for: the number
    /// it goes by from here on. `None` when it is wanted no more.
    pub fn renumbered(&mut self, response: &Message, cseq: u32) -> Option<u32> {
        if *response.cseq().1 == Method::Invite
            && let Signalling::Inviting(uac) = &mut self.signalling
            && uac.is_sent()
        {
            return uac.renumber();
        }
        if let Some(Parts { dialog, conduct, .. }) = self.parts(response.to_tag()) {
            let next = dialog.next_number();
            conduct.renegotiation.renumber(cseq, next);
            return Some(next);
        }
        // Of a leg that closes the BYE alone is still wanted.
        (*response.cseq().1 == Method::Bye).then_some(cseq + 1)
    }

    /// The media plane has no port for this leg.
    pub fn media_failed(&mut self, cx: &mut Cx<'_>) {
        self.media_closed();
        if matches!(self.signalling, Signalling::Inviting(_) | Signalling::Cancelling(_)) {
            self.invite_failed(None, cx);
        }
    }
}
