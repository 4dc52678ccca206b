//! From a packet to what it is about: whether it is read, whether its request is admitted, and what leaves in the end.

use super::admission::{Refused, Sender};
use super::calls::Duty;
use super::inside::Provenance;
use super::refusals::RefusalCause;
use super::{Gateway, Output};
use crate::event::RegistrationFailure;
use crate::sip::registrar::named_by;
use crate::sip::{
    Flow, Malformed, Method, NewRequest, Received, RequestKind, TransactionEvent, Transport, keep_alive,
};
use crate::time::{Mono, Now};
use bytes::Bytes;

impl Gateway {
    pub(super) fn sip_received(&mut self, now: Now, flow: Flow, bytes: Bytes, out: &mut Vec<Output>) {
        if !self.is_read(now.mono, &flow, &bytes) {
            return;
        }
        if flow.transport == Transport::Udp && keep_alive::is_stun(&bytes) {
            return self.phone_keeps_alive(now, flow, &bytes, out);
        }
        // Before it is matched: a trace shows what cannot be read, too.
        self.tap(now, false, &flow, &bytes, out);
        let event = match self.signalling.recognise(now, flow, bytes) {
            Some(Received::New(new)) => self.admit(now, new, out),
            Some(Received::Event(event)) => Some(event),
            None => None,
        };
        if let Some(event) = event {
            self.transaction_events(now, [event], out);
        }
        // Last: the message itself may have made the binding whose phone lives.
        self.phone_heard(now, flow, out);
    }

    /// Admits a request or rejects it.
    fn admit(&mut self, now: Now, new: NewRequest, out: &mut Vec<Output>) -> Option<TransactionEvent> {
        let (flow, request) = (new.flow(), new.request());
        let peer = self.access.sender(flow, request);
        let provenance = self.provenance_of(&new);
        let serving = self.calls.duty == Duty::Serving;
        let sender = Sender { trunk: self.trunking.share_of(&peer), peer, provenance, serving };
        let verdict = self.access.judge(now.mono, &new, sender);
        if let Err(Refused { cause: Some(RefusalCause::Host), .. }) = &verdict
            && new.request().method() == Some(&Method::Register)
        {
            let user = named_by(new.request());
            self.registration_failed(now, new.flow(), &user, RegistrationFailure::UnknownDomain, out);
        }
        self.signalling.decide(now, new, verdict.map_err(|refused| refused.rejection))
    }

    /// Where a request or an ACK inside a dialog comes from. A CANCEL goes by the path of its INVITE.
    fn provenance_of(&self, new: &NewRequest) -> Option<Provenance> {
        match new.kind() {
            RequestKind::New(_) | RequestKind::Ack => self.provenance(new.flow(), new.request()),
            RequestKind::Cancel(_) => None,
        }
    }

    /// The end of a stream that cannot be read any further: answered, and traced, like any message that is none.
    pub(super) fn unframed(&mut self, now: Now, flow: Flow, malformed: &Malformed, out: &mut Vec<Output>) {
        if self.is_read(now.mono, &flow, malformed.bytes()) {
            self.tap(now, false, &flow, malformed.bytes(), out);
            self.signalling.malformed(&flow, malformed);
        }
    }

    fn is_read(&mut self, now: Mono, flow: &Flow, bytes: &[u8]) -> bool {
        self.access.is_read(now, flow, bytes, &mut self.trunking)
    }

    /// Whether a trunk or a registered seat is behind a flow, or it is our own way to a trunk. Its connection may be silent
    /// for longer.
    pub fn knows(&self, flow: &Flow) -> bool {
        self.access.knows(flow) || self.trunking.peers.reaches(flow)
    }

    /// Whether a new connection is to be taken: from known peers always, from unknown sources while those have tokens, as
    /// with their messages.
    pub fn admits(&mut self, now: Now, flow: &Flow) -> bool {
        self.access.admits(now.mono, flow)
    }

    pub(super) fn flow_failed(&mut self, now: Now, flow: Flow, out: &mut Vec<Output>) {
        // Asked before the flow is forgotten: what an unknown source began on it is dropped, what a known peer did
        // fails in order.
        let is_known = self.knows(&flow);
        let events = self.signalling.flow_failed(now, flow, is_known);
        self.transaction_events(now, events, out);
        self.access.control.disconnected(&flow);
        self.trunks_lose(now, flow, out);
        let changed = self.access.registrar.flow_closed(flow);
        self.seats_changed(now, changed, out);
    }

    /// Hands out what the endpoint wants sent, in order with everything else.
    pub(super) fn flush(&mut self, now: Now, out: &mut Vec<Output>) {
        let mut wire = self.signalling.take_out();
        for crate::sip::Output::Send { flow, bytes } in wire.drain(..) {
            if self.access.may_answer(now.mono, &flow, &bytes, &self.trunking) {
                self.tap(now, true, &flow, &bytes, out);
                out.push(Output::Send { flow, bytes });
            }
        }
        self.signalling.sent(wire);
    }
}
