//! Our INVITE to a party: built once, sent when the port is ours, followed to its final response.

use super::early::answer_of;
use super::identity::CallerIdentity;
use super::output::{Cx, Output, Send};
use super::state::{Began, Confirmed, Leg, Party, Signalling};
use super::uac::{Sent, Uac};
use crate::caller;
use crate::sdp::Codec;
use crate::sip::{Cause, Dialog, Flow, Message, Method, Outgoing, Status, Uri};
use crate::time::Duration;

/// At most this many INVITEs on one leg: a phone that raises its bound (422) each time is no phone.
const INVITES: u32 = 3;

/// An INVITE without any response for this long goes nowhere: four retransmissions of it went out by UDP in this time. Any
/// response, 100 too, ends the wait.
const NO_RESPONSE: Duration = Duration::from_secs(4);

impl Leg {
    /// Whether the INVITE waits to be sent, and the port is ours.
    pub fn may_be_invited(&self) -> bool {
        matches!(&self.signalling, Signalling::Inviting(uac) if !uac.is_sent()) && self.has_media()
    }

    /// Sends the INVITE to the party, which lives for `expires`. `liked` is the codec that spares converting.
    pub fn invite(
        &mut self,
        identity: &CallerIdentity,
        liked: Option<Codec>,
        expires: Duration,
        cx: &mut Cx<'_>,
    ) {
        let Signalling::Inviting(uac) = &mut self.signalling else { return };
        if uac.is_sent() {
            return;
        }
        let target = &uac.target;
        let codecs = self.media.codecs_like(liked);
        let Some((body, offered)) = self.media.offer(cx.rules, target.flow, &codecs) else { return };
        let own = |_: &Party| cx.rules.domain.clone();
        let host = match &self.party {
            seat @ (Party::Seat { .. } | Party::Caller { .. }) => own(seat),
            Party::Outside { .. } => match self.conduct.peer.domain.as_deref() {
                Some(domain) => domain.to_owned(),
                None => crate::sip::host(cx.rules.advertised.as_ref(), &target.flow),
            },
        };
        let to = match self.party.seat() {
            Some(seat) => format!("<sip:{seat}@{host}>"),
            None => bare(&target.uri),
        };
        let contact_user = self.conduct.peer.contact.as_deref().map_or("hotline".into(), caller::uri_user);
        let contact = crate::sip::contact_asking(
            cx.rules.advertised.as_ref(),
            &target.flow,
            &contact_user,
            &target.uri,
        );
        let mut invite = Outgoing::request(Method::Invite, &target.uri)
            .with("From", format!("{};tag={}", identity.named_address(&host), self.id))
            .with("To", to)
            .with("Call-ID", self.id.to_string())
            .with("CSeq", "1 INVITE")
            .with("Max-Forwards", "70")
            .with("Contact", contact)
            .with("Allow", self.conduct.allow());
        for route in &target.routes {
            invite = invite.with("Route", route.as_bytes());
        }
        let invite = self.conduct.ask(identity.on_invite(invite, &host)).body("application/sdp", body);
        let invite = invite.with("Expires", expires.as_secs().to_string());
        cx.request(target.flow, invite.clone());
        let no_response = Some(cx.now.mono + NO_RESPONSE);
        uac.sent = Some(Box::new(Sent { invite, offered, rang: None, no_response }));
    }

    /// A response to the INVITE that began the leg, or that would have.
    pub(super) fn invite_answered(
        &mut self,
        flow: Flow,
        response: &Message,
        status: Status,
        cx: &mut Cx<'_>,
    ) {
        if let Signalling::Inviting(Uac { sent: Some(sent), .. }) = &mut self.signalling {
            sent.no_response = None;
        }
        match status {
            // 100 says that the request arrived; no phone rings yet (RFC 3261 section 21.1.1).
            Status::TRYING => {}
            _ if status.is_provisional() => self.progress(flow, response, cx),
            _ if status.is_success() => self.accepted(flow, response, cx),
            Status::SESSION_INTERVAL_TOO_SMALL if self.invite_again(response, cx) => {}
            _ => self.invite_failed(Some(status), cx),
        }
    }

    fn progress(&mut self, flow: Flow, response: &Message, cx: &mut Cx<'_>) {
        let Signalling::Inviting(Uac { sent: Some(sent), early, .. }) = &mut self.signalling else { return };
        self.conduct.learn(response);
        let progress = early.hear(&sent.invite, &sent.offered, flow, self.liveness.inside, response);
        // The peer retransmits its response until the PRACK comes (RFC 3262 section 3), whatever it means to us.
        if let Some((flow, request)) = progress.prack {
            cx.request(flow, request);
        }
        let rings = progress.is_new && sent.rang.is_none();
        if rings {
            sent.rang = Some(cx.now.mono);
        }
        let early_media = progress.described.is_some();
        if let Some(described) = progress.described {
            cx.media(self.media.agree(described));
        }
        if rings || early_media {
            cx.say(Output::Progress { rings, early_media });
        }
    }

    /// The phone wants a longer session timer (422): it is invited again, with its own bound.
    fn invite_again(&mut self, response: &Message, cx: &mut Cx<'_>) -> bool {
        let Signalling::Inviting(uac) = &mut self.signalling else { return false };
        let count = uac.sent.as_ref().map_or(INVITES + 1, |sent| sent.invite.cseq());
        if count > INVITES || !self.conduct.timer.too_small(response) {
            return false;
        }
        // The same Call-ID and tags, a higher CSeq number (RFC 4028 section 7.3).
        uac.renumber();
        let Some(sent) = &mut uac.sent else { return false };
        sent.invite = self.conduct.ask(sent.invite.clone());
        cx.request(uac.target.flow, sent.invite.clone());
        true
    }

    /// A 2xx to an INVITE of ours, in whatever state the leg is by now.
    fn accepted(&mut self, flow: Flow, response: &Message, cx: &mut Cx<'_>) {
        match std::mem::replace(&mut self.signalling, Signalling::Terminated) {
            Signalling::Inviting(Uac { sent: Some(sent), mut early, target }) => {
                let Some((dialog, before)) =
                    early.confirm(&sent.invite, flow, self.liveness.inside, response)
                else {
                    // A 200 OK without a To tag or a Contact: there is no dialog to speak in.
                    hang_up_unwanted(flow, response, cx);
                    self.signalling = Signalling::Inviting(Uac { target, sent: Some(sent), early });
                    return self.invite_failed(None, cx);
                };
                // ACK first: also an answer that cannot be used is acknowledged, and then hung up (RFC 3261 section
                // 13.2.2.4).
                cx.ack(&dialog, response);
                let agreed = answer_of(before, &sent.offered, flow, response);
                self.conduct.learn(response);
                self.conduct.timer.answered(cx.now.mono, response);
                let rang = sent.rang.map_or(Duration::ZERO, |rang| cx.now.mono.since(rang));
                let dialog = Box::new(dialog);
                self.signalling = Signalling::Confirmed(Confirmed { dialog, began: Began::ByUs });
                match agreed {
                    Some(agreed) => {
                        cx.media(self.media.agree(agreed));
                        self.set_trunk_rtp_timeout(cx);
                        cx.say(Output::Answered { rang });
                    }
                    None => {
                        self.hang_up(Cause::NORMAL, cx);
                        cx.say(Output::AnsweredUnusably);
                    }
                }
            }
            // The answer crossed our CANCEL: it is acknowledged and hung up (RFC 3261 section 15).
            Signalling::Cancelling(Uac { sent: Some(sent), mut early, .. }) => {
                match early.confirm(&sent.invite, flow, self.liveness.inside, response) {
                    Some((mut dialog, _)) => {
                        cx.ack(&dialog, response);
                        let (flow, bye) = (dialog.flow(), dialog.request(Method::Bye));
                        cx.request(flow, bye);
                        self.signalling = Signalling::Closing { dialog: Box::new(dialog) };
                    }
                    None => hang_up_unwanted(flow, response, cx),
                }
                self.close_media(cx);
                cx.say(Output::Released);
            }
            Signalling::Confirmed(confirmed) => {
                // The 2xx came again, so our ACK was lost: only the user agent retransmits it (RFC 3261 section
                // 13.2.2.4).
                acknowledge_again(&confirmed.dialog, flow, response, cx);
                self.signalling = Signalling::Confirmed(confirmed);
            }
            Signalling::Closing { dialog } => {
                // Our BYE is out, and the ACK is owed all the same.
                acknowledge_again(&dialog, flow, response, cx);
                self.signalling = Signalling::Closing { dialog };
            }
            other @ (Signalling::Inviting(Uac { sent: None, .. })
            | Signalling::Cancelling(Uac { sent: None, .. })
            | Signalling::Invited(_)
            | Signalling::AwaitingAck { .. }
            | Signalling::Terminated) => {
                hang_up_unwanted(flow, response, cx);
                self.signalling = other;
            }
        }
    }

    /// The INVITE came to nothing.
    pub(super) fn invite_failed(&mut self, status: Option<Status>, cx: &mut Cx<'_>) {
        let output = match &self.signalling {
            Signalling::Inviting(uac) => Output::Rejected { status, rang: uac.rang().is_some() },
            // The 487 that our CANCEL asked for, or a refusal that crossed it: either way the phone has let go.
            Signalling::Cancelling(_) => Output::Released,
            Signalling::Invited(_)
            | Signalling::Confirmed(_)
            | Signalling::AwaitingAck { .. }
            | Signalling::Closing { .. }
            | Signalling::Terminated => return,
        };
        self.signalling = Signalling::Terminated;
        self.close_media(cx);
        cx.say(output);
    }

    /// No response at all came to the INVITE. Should it arrive all the same, its CANCEL follows.
    pub(super) fn no_response(&mut self, cx: &mut Cx<'_>) {
        if self.is_ringing() {
            // No CANCEL goes out before a provisional response (RFC 3261 section 9.1): it waits for one.
            self.hang_up(Cause::NORMAL, cx);
            cx.send(Send::NoResponse);
            cx.say(Output::Rejected { status: None, rang: false });
        }
    }
}

/// A 2xx came again. The ACK is sent again, or a second phone behind the same address has answered too.
fn acknowledge_again(dialog: &Dialog, flow: Flow, response: &Message, cx: &mut Cx<'_>) {
    if response.to_tag().unwrap_or_default() == dialog.remote_tag() {
        cx.ack(dialog, response);
    } else {
        hang_up_unwanted(flow, response, cx);
    }
}

/// Acknowledges an answer that no leg waits for, and hangs up (RFC 3261 section 13.2.2.4).
fn hang_up_unwanted(flow: Flow, response: &Message, cx: &mut Cx<'_>) {
    let Some(mut dialog) = Dialog::unwanted(flow, response) else { return };
    cx.ack(&dialog, response);
    let (flow, bye) = (dialog.flow(), dialog.request(Method::Bye));
    cx.request(flow, bye);
}

/// A URI as it may stand in To: without port and parameters (RFC 3261 table 1).
fn bare(uri: &str) -> String {
    match Uri::parse(uri.as_bytes()) {
        Ok(Uri { scheme, user: Some(user), host, .. }) if !host.is_empty() => {
            format!("<{scheme}:{user}@{host}>")
        }
        _ => format!("<{uri}>"),
    }
}
