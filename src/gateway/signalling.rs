//! The transaction layer with what it wants sent: every part of the gateway that answers or asks a peer does it here.

use crate::id::Random;
use crate::sip::registrar::Held;
use crate::sip::{
    ClientSnapshot, ClientTx, Endpoint, EndpointConfig, EndpointCounts, Flow, Malformed, NewRequest,
    Outgoing, Output, Received, Rejection, ServerSnapshot, ServerTx, TransactionEvent,
};
use crate::time::{Mono, Now};
use bytes::Bytes;

/// See the module.
#[derive(Debug)]
pub(super) struct Signalling {
    endpoint: Endpoint,
    /// Answers to wrong passwords, which are slow.
    held: Held,
    /// What is to be sent at the end of the step.
    out: Vec<Output>,
}

impl Signalling {
    pub(super) fn new(config: EndpointConfig, random: Random) -> Signalling {
        Signalling { endpoint: Endpoint::new(config, random), held: Held::default(), out: Vec::new() }
    }

    /// See [`Endpoint::recognise`].
    pub(super) fn recognise(&mut self, now: Now, flow: Flow, bytes: Bytes) -> Option<Received> {
        self.endpoint.recognise(now, flow, bytes, &mut self.out)
    }

    /// Admits a request or rejects it.
    pub(super) fn decide(
        &mut self,
        now: Now,
        new: NewRequest,
        verdict: Result<(), Rejection>,
    ) -> Option<TransactionEvent> {
        match verdict {
            Ok(()) => self.endpoint.admit(now, new, &mut self.out),
            Err(rejection) => self.endpoint.reject(now, new, rejection, &mut self.out),
        }
    }

    /// See [`Endpoint::malformed`].
    pub(super) fn malformed(&mut self, flow: &Flow, malformed: &Malformed) {
        self.endpoint.malformed(flow, malformed, &mut self.out);
    }

    /// See [`Endpoint::respond`].
    pub(super) fn respond(&mut self, now: Now, tx: ServerTx, response: Outgoing) {
        self.endpoint.respond(now, tx, response, &mut self.out);
    }

    /// Answers a request when that is due, and then forgets it; at once when no further answer can be held.
    pub(super) fn respond_late(&mut self, due: Mono, tx: ServerTx, response: Outgoing) {
        if self.held.hold(due, tx, response).is_err() {
            self.endpoint.forget(tx);
        }
    }

    /// See [`Endpoint::forget`].
    pub(super) fn forget(&mut self, tx: ServerTx) {
        self.endpoint.forget(tx);
    }

    /// See [`Endpoint::request`].
    pub(super) fn request(&mut self, now: Now, flow: Flow, request: Outgoing) -> ClientTx {
        self.endpoint.request(now, flow, request, &mut self.out)
    }

    /// See [`Endpoint::cancel`].
    pub(super) fn cancel(&mut self, now: Now, tx: ClientTx, reason: Option<&str>) {
        self.endpoint.cancel(now, tx, reason, &mut self.out);
    }

    /// See [`Endpoint::give_up`].
    pub(super) fn give_up(&mut self, tx: ClientTx) {
        self.endpoint.give_up(tx);
    }

    /// See [`Endpoint::send`].
    pub(super) fn send(&mut self, flow: Flow, request: Outgoing) {
        self.endpoint.send(flow, request, &mut self.out);
    }

    /// See [`Endpoint::server_snapshot`].
    pub(super) fn server_snapshot(&self, tx: ServerTx) -> Option<ServerSnapshot> {
        self.endpoint.server_snapshot(tx)
    }

    /// See [`Endpoint::client_snapshot`].
    pub(super) fn client_snapshot(&self, tx: ClientTx) -> Option<ClientSnapshot> {
        self.endpoint.client_snapshot(tx)
    }

    /// See [`Endpoint::resume_server`].
    pub(super) fn resume_server(&mut self, now: Now, snapshot: ServerSnapshot) -> ServerTx {
        self.endpoint.resume_server(now, snapshot, &mut self.out)
    }

    /// See [`Endpoint::resume_client`].
    pub(super) fn resume_client(&mut self, now: Now, snapshot: ClientSnapshot) -> ClientTx {
        self.endpoint.resume_client(now, snapshot, &mut self.out)
    }

    /// Sends what belongs to no transaction.
    pub(super) fn put(&mut self, output: Output) {
        self.out.push(output);
    }

    /// A flow is gone. What an unknown peer asked on it is not answered any more.
    pub(super) fn flow_failed(&mut self, now: Now, flow: Flow, is_known: bool) -> Vec<TransactionEvent> {
        if !is_known {
            self.endpoint.forget_on(&flow);
        }
        self.endpoint.flow_failed(now, flow)
    }

    /// The next timer and its letter.
    pub(super) fn poll_timeout(&self) -> Option<(Mono, crate::sip::Reason)> {
        self.endpoint.poll_timeout()
    }

    /// Fires every timer that is due.
    pub(super) fn handle_timeout(&mut self, now: Now) -> Vec<TransactionEvent> {
        match self.endpoint.poll_timeout() {
            Some((at, _)) if at <= now.mono => self.endpoint.handle_timeout(now, &mut self.out),
            Some(_) | None => Vec::new(),
        }
    }

    /// When the next answer that is held back is due.
    pub(super) fn late_answer(&self) -> Option<Mono> {
        self.held.poll_timeout()
    }

    /// Sends the answers that were held back and are due.
    pub(super) fn answer_late(&mut self, now: Now) {
        while let Some((tx, answer)) = self.held.pop_due(now.mono) {
            self.endpoint.respond(now, tx, answer, &mut self.out);
            self.endpoint.forget(tx);
        }
    }

    /// What is to be sent. Brought back by [`Signalling::sent`], so that a step allocates nothing of its own.
    pub(super) fn take_out(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    /// What was to be sent is sent.
    pub(super) fn sent(&mut self, mut out: Vec<Output>) {
        out.clear();
        self.out = out;
    }

    /// How many transactions there are, and what was counted.
    pub(super) fn counts(&self) -> EndpointCounts {
        self.endpoint.counts()
    }
}
