//! Requests of the peer inside a dialog: BYE, re-INVITE, UPDATE, PRACK, INFO, OPTIONS, and the ACKs.

use super::conduct::{ASKS, Awaited, Conduct};
use super::description::described;
use super::keys::ACCEPT;
use super::liveness::Loss;
use super::output::{Cx, GivenUp, Output};
use super::state::{Confirmed, Leg, Parts, Signalling};
use crate::sdp;
use crate::sip::access::{Rule, allowed, inside_a_dialog, option_tags};
use crate::sip::{Cause, Flow, Message, Method, Outgoing, ReferTo, ServerTx, Status, option_tag};
use serde::{Deserialize, Serialize};

/// The subscription a REFER begins (RFC 3515 section 2.4.4), named by the CSeq number of the REFER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferId(u32);

impl Leg {
    /// Answers a request inside the dialog.
    pub fn request(&mut self, tx: ServerTx, flow: Flow, request: &Message, cx: &mut Cx<'_>) {
        let Some(method) = request.method() else { return };
        // The dialog is asked first: a CSeq number out of order is 500 whatever the request asks (RFC 3261 section
        // 12.2.2).
        if let Err(status) = self.take(flow, request) {
            return cx.respond(tx, Outgoing::response(request, status, None));
        }
        self.liveness.heard_by(flow);
        if let Some(refusal) = self.refusal(request, method, cx) {
            return cx.respond(tx, refusal);
        }
        match method {
            Method::Bye => {
                cx.respond(tx, Outgoing::response(request, Status::OK, None));
                self.bye(Cause::of(request), cx);
            }
            Method::Prack => self.pracked(tx, request, cx),
            Method::Invite | Method::Update => self.reoffered(tx, request, cx),
            Method::Info => self.informed(tx, request, cx),
            Method::Options => {
                // What an INVITE here could use (RFC 3261 section 11.2).
                let response = Outgoing::response(request, Status::OK, None)
                    .with("Allow", self.conduct.allow())
                    .with("Accept", format!("application/sdp, {ACCEPT}"))
                    .with("Supported", self.conduct.supported());
                cx.respond(tx, response);
            }
            // No event package is kept (RFC 6665 section 4.2.1.1).
            Method::Subscribe | Method::Notify => {
                cx.respond(tx, Outgoing::response(request, Status::BAD_EVENT, None))
            }
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Refer
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {
                let refused = Outgoing::response(request, Status::METHOD_NOT_ALLOWED, None);
                cx.respond(tx, refused.with("Allow", self.conduct.allow()));
            }
        }
    }

    /// Takes the request into its dialog; the status that refuses it where it belongs to none.
    fn take(&mut self, flow: Flow, request: &Message) -> Result<(), Status> {
        match self.parts(request.from_tag()) {
            Some(Parts { dialog, media, .. }) => {
                dialog.receive(request)?;
                dialog.came_by(flow);
                media.came_by(&flow);
                Ok(())
            }
            // Our BYE is out, or the dialog is still early: only a BYE still means something.
            None if request.method() == Some(&Method::Bye) => self.may_hang_up(request),
            None => Err(Status::NO_SUCH_CALL),
        }
    }

    /// Why a request is refused before it is looked at. A BYE never is but for its peer's class.
    fn refusal(&mut self, request: &Message, method: &Method, cx: &Cx<'_>) -> Option<Outgoing> {
        let Conduct { peer, pace, .. } = &mut self.conduct;
        if let Rule::Refuse(status) = inside_a_dialog(peer.class, method) {
            return Some(Outgoing::response(request, status, None).with("Allow", allowed(peer.class)));
        }
        // A call can always be ended: no limit and no extension keeps a BYE out.
        if *method == Method::Bye {
            return None;
        }
        if !pace.take(cx.now.mono, ASKS) {
            return Some(
                Outgoing::response(request, Status::SERVER_INTERNAL_ERROR, None).with("Retry-After", "1"),
            );
        }
        // 420 names every option tag that is missing (RFC 3261 section 8.2.2.3).
        let unsupported = option_tag::unsupported(request, &option_tags(peer.class))?;
        Some(Outgoing::response(request, Status::BAD_EXTENSION, None).with("Unsupported", unsupported))
    }

    /// Whether a BYE that is in no dialog we know of is of the peer. Before our answer it comes from the calling party,
    /// before the peer answers, from the called party: the 200 that named the other side may have been lost.
    fn may_hang_up(&self, bye: &Message) -> Result<(), Status> {
        let is_theirs = match &self.signalling {
            // The peer knows no tag of ours yet, so its own tag must do.
            Signalling::Invited(uas) => {
                let invite = &uas.invite;
                invite.call_id() == bye.call_id() && invite.from_tag() == bye.from_tag()
            }
            Signalling::Inviting(uac) | Signalling::Cancelling(uac) => {
                let call_id = |invite: &Outgoing| invite.get("Call-ID") == Some(bye.call_id().as_bytes());
                uac.sent.as_ref().is_none_or(|sent| call_id(&sent.invite))
            }
            Signalling::Confirmed(_)
            | Signalling::AwaitingAck { .. }
            | Signalling::Closing { .. }
            | Signalling::Terminated => true,
        };
        if is_theirs { Ok(()) } else { Err(Status::NO_SUCH_CALL) }
    }

    fn bye(&mut self, cause: Cause, cx: &mut Cx<'_>) {
        match &self.signalling {
            // As a CANCEL would: the INVITE still wants its final response (RFC 3261 section 15).
            Signalling::Invited(_) => self.given_up(GivenUp::Cancelled, cause, cx),
            // The 2xx of the phone was lost, and for it the call is over (section 15.1.2). What else may ring by the same
            // INVITE is cancelled, and a 2xx that comes yet is acknowledged and hung up (section 13.2.2.4).
            Signalling::Inviting(uac) if uac.is_sent() => {
                self.hang_up(Cause::NORMAL, cx);
                cx.say(Output::HungUpEarly { was_ringing: true });
            }
            Signalling::Cancelling(_) => cx.say(Output::HungUpEarly { was_ringing: false }),
            Signalling::Confirmed(_) | Signalling::AwaitingAck { .. } | Signalling::Closing { .. } => {
                self.signalling = Signalling::Terminated;
                self.close_media(cx);
                cx.say(Output::HungUp { cause });
            }
            Signalling::Inviting(_) | Signalling::Terminated => {}
        }
    }

    /// An ACK for a 2xx of ours; it carries the answer when the 2xx carried the offer.
    pub fn acked(&mut self, ack: &Message, cx: &mut Cx<'_>) {
        if self.hang_up_now(cx) {
            return;
        }
        let Some(Parts { dialog, media, conduct }) = self.parts(ack.from_tag()) else { return };
        match std::mem::replace(&mut conduct.ack, Awaited::Nothing) {
            Awaited::Answer { cseq, offered } if cseq == ack.cseq().0 => {
                let known = media.agreed.is_some();
                match described(ack, dialog.flow()).and_then(|answer| sdp::accepted(&offered, &answer).ok()) {
                    Some(agreed) => self.agree(agreed, cx),
                    // Inside a call what was agreed before still stands.
                    None if known => {}
                    None => {
                        return cx.say(Output::Lost {
                            loss: Loss::Unacknowledged,
                            status: Some(Status::NOT_ACCEPTABLE_HERE),
                        });
                    }
                }
            }
            Awaited::Ack { cseq } if cseq == ack.cseq().0 => {}
            // The ACK of an earlier 2xx, retransmitted: what is awaited stays so.
            other @ (Awaited::Nothing | Awaited::Ack { .. } | Awaited::Answer { .. }) => conduct.ack = other,
        }
        self.send_pending(cx);
    }

    /// Our 2xx was never acknowledged: its dialog is over (RFC 3261 section 13.3.1.4), and with it what it carried.
    pub fn unacknowledged(&mut self, cx: &mut Cx<'_>) {
        if self.hang_up_now(cx) {
            return;
        }
        self.conduct.ack = Awaited::Nothing;
        cx.say(Output::Lost { loss: Loss::Unacknowledged, status: None });
    }

    /// Takes a REFER into the dialog; the status that refuses it where it belongs to none.
    pub fn take_refer(&mut self, refer: &Message) -> Result<(), Status> {
        self.parts(refer.from_tag()).ok_or(Status::NO_SUCH_CALL).and_then(|parts| parts.dialog.receive(refer))
    }

    /// 202 to a REFER; the subscription it begins, where its sender wants one (RFC 4488).
    pub fn accept_refer(&mut self, tx: ServerTx, refer: &Message, cx: &mut Cx<'_>) -> Option<ReferId> {
        let unwatched = ReferTo::is_unwatched(refer);
        let mut response = Outgoing::response(refer, Status::ACCEPTED, None);
        if let Some(parts) = self.parts(None) {
            response = response.with("Contact", cx.rules.contact(&parts.dialog.flow(), refer));
        }
        // The sender wants no subscription, and hears that there is none (RFC 4488 section 4).
        if unwatched {
            response = response.with("Refer-Sub", "false");
        }
        cx.respond(tx, response);
        (!unwatched).then(|| ReferId(refer.cseq().0))
    }

    /// Answers a request with this status.
    pub fn respond(&self, tx: ServerTx, request: &Message, status: Status, cx: &mut Cx<'_>) {
        cx.respond(tx, Outgoing::response(request, status, None));
    }

    /// Tells the phone what became of its REFER. A final status ends the subscription.
    pub fn notify(&mut self, ReferId(id): ReferId, status: Status, cx: &mut Cx<'_>) {
        let Signalling::Confirmed(Confirmed { dialog, .. }) = &mut self.signalling else { return };
        let state =
            if status.is_provisional() { "active;expires=60" } else { "terminated;reason=noresource" };
        let flow = dialog.flow();
        let request = dialog
            .request(Method::Notify)
            .with("Event", format!("refer;id={id}"))
            .with("Subscription-State", state)
            .body("message/sipfrag;version=2.0", format!("SIP/2.0 {status} {}\r\n", status.phrase()));
        cx.request(flow, request);
    }
}
