//! Whose a message is: a call's by the tag it names, the registrar's by its method, or answered here.

use super::admission::Admission;
use super::inside::Peers;
use super::{Gateway, Output, Sent, Work};
use crate::call;
use crate::event::RegistrationFailure;
use crate::id::{CallId, LegId};
use crate::sip::{
    Dialog, Failure, Flow, Malformed, Message, Method, NewRequest, Outgoing, Received, ServerTx,
    TransactionEvent, Transport, keep_alive,
};
use crate::time::Now;
use bytes::Bytes;

impl Gateway {
    pub(super) fn sip_received(&mut self, now: Now, flow: Flow, bytes: Bytes, out: &mut Vec<Output>) {
        if !self.is_heard(now.mono, &flow, &bytes) {
            return;
        }
        if flow.transport == Transport::Udp && keep_alive::is_stun(&bytes) {
            return self.phone_keeps_alive(now, flow, &bytes, out);
        }
        self.tap(now, false, &flow, &bytes, out);
        let event = match self.endpoint.recognise(now, flow, bytes, &mut self.wire) {
            Some(Received::New(new)) => self.admit_request(now, new, out),
            Some(Received::Event(event)) => Some(event),
            None => None,
        };
        if let Some(event) = event {
            self.transaction_events(now, [event], out);
        }
        self.phone_heard(now, flow, out);
    }

    /// Admits a request or rejects it.
    fn admit_request(
        &mut self,
        now: Now,
        new: NewRequest,
        out: &mut Vec<Output>,
    ) -> Option<TransactionEvent> {
        let mut admission = Admission {
            now,
            peers: Peers {
                access: &self.access,
                registrar: &self.registrar,
                calls: &self.calls,
                legs: &self.legs,
                outward: &self.outward,
                confirmations: &self.confirmations,
            },
            names: &self.names,
            trunks: &mut self.trunks,
            trunking: &self.trunking,
            refusals: &mut self.tallies.refusals,
            pressure: self.pressure,
            duty: self.duty,
            misnamed: None,
        };
        let verdict = admission.judge(&new);
        if let Some(user) = admission.misnamed {
            self.registration_failed(now, new.flow(), &user, RegistrationFailure::UnknownDomain, out);
        }
        match verdict {
            Ok(()) => self.endpoint.admit(now, new, &mut self.wire),
            Err(rejection) => self.endpoint.reject(now, new, rejection, &mut self.wire),
        }
    }

    /// The end of a stream that cannot be read any further: answered, and traced, like any message that is none.
    pub(super) fn unframed(&mut self, now: Now, flow: Flow, malformed: &Malformed, out: &mut Vec<Output>) {
        if self.is_heard(now.mono, &flow, malformed.bytes()) {
            self.tap(now, false, &flow, malformed.bytes(), out);
            self.endpoint.malformed(&flow, malformed, &mut self.wire);
        }
    }

    /// Whether a trunk or a registered seat is behind a flow, or it is our own way to a trunk. Its connection may be silent for longer.
    pub fn knows(&self, flow: &Flow) -> bool {
        self.access.knows(flow, &self.registrar) || self.trunking.trunks.reaches(flow)
    }

    /// Whether a new connection is to be taken: from those we know always, from unknown sources while those have
    /// tokens, as with their messages.
    pub fn admits(&mut self, now: Now, flow: &Flow) -> bool {
        self.access.admit(now.mono, flow, &self.registrar)
    }

    pub(super) fn flow_failed(&mut self, now: Now, flow: Flow, out: &mut Vec<Output>) {
        if !self.knows(&flow) {
            self.endpoint.forget_on(&flow);
        }
        let happened = self.endpoint.flow_failed(now, flow);
        self.transaction_events(now, happened, out);
        self.access.disconnected(&flow);
        self.trunks_lose(now, flow, out);
        let changed = self.registrar.flow_closed(flow);
        self.seats_changed(now, changed, out);
    }

    /// Gives what the endpoint saw to whom it concerns.
    pub(super) fn transaction_events(
        &mut self,
        now: Now,
        happened: impl IntoIterator<Item = TransactionEvent>,
        out: &mut Vec<Output>,
    ) {
        for happened in happened {
            if let TransactionEvent::Response { tx, .. } = &happened {
                self.never_instead(*tx);
            }
            match happened {
                TransactionEvent::Request { tx, flow, request } => {
                    self.requested(now, tx, flow, request, out)
                }
                TransactionEvent::Shed { flow, request, answer, told } => {
                    self.shed(now, flow, &request, (answer, told), out)
                }
                TransactionEvent::Cancelled { tx, cause } => {
                    self.tell_asked(tx, |leg| call::Input::Cancelled { leg, cause });
                }
                TransactionEvent::Unacknowledged { tx } => {
                    self.confirmation_unacknowledged(now, tx);
                    self.acknowledged(tx);
                    self.tell_asked(tx, |leg| call::Input::Unacknowledged { leg });
                }
                TransactionEvent::Ack { tx, request: ack, .. } => {
                    self.acknowledged(tx);
                    if let Some((call, leg)) = self.named_by(&ack) {
                        self.push_call(call, call::Input::Acked { leg, ack });
                    } else {
                        self.confirmation_acked(now, &ack);
                    }
                }
                TransactionEvent::Response { tx, response, .. } if self.phones.asked(tx) => {
                    self.phone_answered(now, tx, response.status(), out);
                }
                TransactionEvent::Failed { tx, .. } if self.phones.asked(tx) => {
                    self.phone_answered(now, tx, None, out)
                }
                TransactionEvent::Response { tx, response, .. }
                    if self.trunk_answered(now, tx, &response, out) => {}
                TransactionEvent::Response { tx, flow, response } => {
                    let status = response.status().unwrap_or_default();
                    let is_answer = (200..300).contains(&status) && *response.cseq().1 == Method::Invite;
                    let Some((call, leg)) = self.clients.get(&tx).map(|sent| (sent.call, sent.leg)) else {
                        match is_answer {
                            true => self.answered_too_late(now, flow, &response),
                            false => self.trunk_responded(now, tx, response, out),
                        }
                        continue;
                    };
                    // A 2xx to INVITE may come again; every other final response is the last.
                    if status >= 300 || (status >= 200 && *response.cseq().1 != Method::Invite) {
                        self.clients.remove(&tx);
                    }
                    self.push_call(call, call::Input::Response { leg, flow, response });
                }
                TransactionEvent::Failed { tx, cause: Failure::Transport }
                    if self.sent_instead(now, tx, out) => {}
                TransactionEvent::Failed { tx, cause } => match self.clients.remove(&tx) {
                    Some(Sent { call, leg, method, cseq, .. }) => {
                        // Want of room here says nothing of a peer.
                        if method == Method::Invite && cause != Failure::Full {
                            self.trunk_call_failed(now, leg, out);
                        }
                        self.push_call(call, call::Input::Failed { leg, method, cseq, cause });
                    }
                    None => self.trunk_request_failed(now, tx, cause, out),
                },
            }
        }
    }

    /// Somebody answered an INVITE whose leg is gone: he is acknowledged and hung up on (RFC 3261 section 13.2.2.4).
    fn answered_too_late(&mut self, now: Now, flow: Flow, response: &Message) {
        let Some(mut dialog) = Dialog::unwanted(flow, response) else { return };
        self.endpoint.send(dialog.flow(), dialog.ack(response.cseq().0), &mut self.wire);
        let (flow, bye) = (dialog.flow(), dialog.request(Method::Bye));
        self.endpoint.request(now, flow, bye, &mut self.wire);
    }

    fn tell_asked(&mut self, tx: ServerTx, input: impl FnOnce(LegId) -> call::Input) {
        if let Some((call, leg)) = self.servers.get(&tx) {
            self.work.push_back(Work::Call(*call, input(*leg)));
        }
    }

    /// The call and leg whose tag a request names: our tags are leg ids.
    fn named_by(&self, request: &Message) -> Option<(CallId, LegId)> {
        let leg: LegId = request.to_tag()?.parse().ok()?;
        self.legs.get(&leg).map(|call| (*call, leg))
    }

    fn requested(&mut self, now: Now, tx: ServerTx, flow: Flow, request: Message, out: &mut Vec<Output>) {
        if let Some((call, leg)) = self.named_by(&request) {
            if !self.is_the_peers(now, tx, &flow, &request) {
                return;
            }
            if request.method() == Some(&Method::Invite) {
                self.asked_by(call, leg, tx);
            }
            if request.method() == Some(&Method::Refer) {
                return self.refer_asked(now, (call, leg), (tx, flow), request);
            }
            return self.push_call(call, call::Input::Request { leg, tx, flow, request });
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
        // In the dialog of a code that was answered there is nothing to do but to end it. All else the dooradmission has answered.
        let ended = self.confirmation_of(&request).filter(|_| request.method() == Some(&Method::Bye));
        let status = if ended.and_then(|leg| self.confirmations.remove(&leg)).is_some() { 200 } else { 481 };
        let response = Outgoing::response(&request, status, Some(&self.random.token()));
        self.endpoint.respond(now, tx, response, &mut self.wire);
    }
}
