//! Whose a message is: a call's by the tag it names, the registrar's by its method, or answered here.

use super::routes::{Owner, Sent};
use super::{Gateway, Output};
use crate::call;
use crate::id::LegId;
use crate::sip::{ClientTx, Dialog, Failure, Flow, Message, Method, ServerTx, TransactionEvent};
use crate::time::{Duration, Now};

/// No INVITE of ours is answered later: timer C (RFC 3261 section 16.6), and 64*T1 in which its answer may come again.
const LONGEST_RINGING: Duration = Duration::from_secs(180 + 32);

impl Gateway {
    /// Gives what the endpoint saw to whom it concerns.
    pub(super) fn transaction_events(
        &mut self,
        now: Now,
        events: impl IntoIterator<Item = TransactionEvent>,
        out: &mut Vec<Output>,
    ) {
        for event in events {
            match event {
                TransactionEvent::Request { tx, flow, request } => {
                    self.requested(now, tx, flow, request, out)
                }
                TransactionEvent::Shed { flow, request, answer, told } => {
                    self.shed(now, flow, &request, answer, told, out)
                }
                TransactionEvent::Cancelled { tx, cause } => {
                    self.confirmation_cancelled(tx, out);
                    self.tell_owner(tx, |leg| call::Input::Cancelled { leg, cause });
                }
                TransactionEvent::Unacknowledged { tx } => {
                    self.confirmation_unacknowledged(now, tx, out);
                    // Half open no more: the trunk has its place again before the call ends.
                    self.acknowledged(tx);
                    self.tell_owner(tx, |leg| call::Input::Unacknowledged { leg });
                }
                TransactionEvent::Ack { tx, request: ack, .. } => {
                    self.acknowledged(tx);
                    match self.routes.named_by(&ack) {
                        Some(Owner { call, leg }) => self.push_call(call, call::Input::Acked { leg, ack }),
                        None => self.confirmation_acked(now, &ack),
                    }
                }
                TransactionEvent::Response { tx, flow, response } => {
                    self.responded(now, tx, flow, response, out)
                }
                TransactionEvent::StrayAnswer { flow, response } => self.stray_answer(now, flow, response),
                TransactionEvent::Failed { tx, cause } => self.failed(now, tx, cause, out),
            }
        }
    }

    /// A response to a request of ours: of a phone's health check, of a call, or of a trunk's health check or registration.
    fn responded(&mut self, now: Now, tx: ClientTx, flow: Flow, response: Message, out: &mut Vec<Output>) {
        // Any response shows that the stream is there: the request goes out by it alone.
        self.routes.never_instead(tx);
        if self.phones.asked(tx) {
            return self.phone_answered(now, tx, response.status(), out);
        }
        // 401 and 407 are met before the call hears of them (RFC 3261 section 22.3): for it the request is still out.
        if self.trunk_answered(now, tx, &response, out) {
            return;
        }
        let Some(status) = response.status() else { return };
        let is_invite = *response.cseq().1 == Method::Invite;
        let Some(Owner { call, leg }) = self.routes.request(tx).map(|sent| sent.owner) else {
            // A 2xx to INVITE whose leg is gone is acknowledged and hung up (RFC 3261 section 13.2.2.4).
            return match is_invite && status.is_success() {
                true => self.answered_too_late(now, flow, &response),
                false => self.trunk_responded(now, tx, response, out),
            };
        };
        // A 2xx to INVITE may come again (RFC 3261 section 13.2.2.4); every other final response is the last.
        if status.is_failure() || (status.is_final() && !is_invite) {
            self.routes.take_request(tx);
        }
        self.push_call(call, call::Input::Response { leg, flow, response });
    }

    /// A request of ours got no final response.
    fn failed(&mut self, now: Now, tx: ClientTx, cause: Failure, out: &mut Vec<Output>) {
        if self.phones.asked(tx) {
            return self.phone_answered(now, tx, None, out);
        }
        // No stream to a peer that took the datagram so far: the request goes that way after all (RFC 3261 section
        // 18.1.1).
        if cause == Failure::Transport && self.sent_instead(now, tx, out) {
            return;
        }
        let Some(Sent { owner, method, cseq, .. }) = self.routes.take_request(tx) else {
            return self.trunk_request_failed(now, tx, cause, out);
        };
        let Owner { call, leg } = owner;
        // Want of room here says nothing of a peer.
        if method == Method::Invite && cause != Failure::Full {
            self.trunk_call_failed(now, leg, out);
        }
        self.push_call(call, call::Input::Failed { leg, method, cseq, cause });
    }

    /// A 2xx to an INVITE that this process did not send. The tag is the leg's id: one that goes on acknowledges it, and one
    /// that no snapshot knew is acknowledged and hung up. Only peers we know are believed.
    fn stray_answer(&mut self, now: Now, flow: Flow, response: Message) {
        let Some(leg) = response.from_tag().and_then(|tag| tag.parse::<LegId>().ok()) else { return };
        if let Some(call) = self.routes.call_of(leg) {
            return self.push_call(call, call::Input::Response { leg, flow, response });
        }
        let age = now.wall.millis().checked_sub(leg.made_at().millis());
        // The id has its time in it: an INVITE of ours is answered within this time or never.
        let is_recent = age.is_some_and(|age| Duration::from_millis(age) < LONGEST_RINGING);
        if is_recent && self.access.knows(&flow) {
            self.answered_too_late(now, flow, &response);
        }
    }

    fn answered_too_late(&mut self, now: Now, flow: Flow, response: &Message) {
        let Some(mut dialog) = Dialog::unwanted(flow, response) else { return };
        self.signalling.send(dialog.flow(), dialog.ack(response.cseq().0));
        let (flow, bye) = (dialog.flow(), dialog.request(Method::Bye));
        self.signalling.request(now, flow, bye);
    }

    fn tell_owner(&mut self, tx: ServerTx, input: impl FnOnce(LegId) -> call::Input) {
        if let Some(Owner { call, leg }) = self.routes.owner(tx) {
            self.push_call(call, input(leg));
        }
    }

    fn requested(&mut self, now: Now, tx: ServerTx, flow: Flow, request: Message, out: &mut Vec<Output>) {
        // The To tag decides first: a seat that registers anew stays in its dialogs (RFC 3261 section 12.2.2).
        if let Some(owner) = self.routes.named_by(&request) {
            if self.is_the_peers(now, tx, &flow, &request) {
                self.requested_inside(now, owner, tx, flow, request);
            }
            return;
        }
        if request.to_tag().is_none() && self.must_be_proved(&flow, &request) {
            let Some(seat) = self.proved(now, tx, &flow, &request) else { return };
            return self.seat_asks(now, seat, tx, flow, request, out);
        }
        match request.method() {
            Some(Method::Register) => return self.register(now, tx, flow, &request, out),
            Some(Method::Invite) if request.to_tag().is_none() => {
                return self.invited(now, tx, flow, request, out);
            }
            _ => {}
        }
        // Admission has answered all else.
        self.confirmation_asked(now, tx, &request, out);
    }

    /// A request inside a dialog, from its peer.
    fn requested_inside(&mut self, now: Now, owner: Owner, tx: ServerTx, flow: Flow, request: Message) {
        let Owner { call, leg } = owner;
        match request.method() {
            Some(Method::Refer) => return self.refer_asked(now, owner, tx, flow, request),
            Some(Method::Invite) => self.remember_invite(owner, tx),
            _ => {}
        }
        self.push_call(call, call::Input::Request { leg, tx, flow, request });
    }
}
