//! The transaction layer of one SIP element: bytes in, what happened out; requests and responses in, bytes out.
//!
//! The endpoint matches messages to transactions and answers what needs no user: 100 Trying, retransmissions,
//! CANCEL, merged requests, messages that are none, and overload. It knows no dialog and no call.

mod address;
mod admission;
mod clients;
mod held;
mod servers;
#[cfg(test)]
mod tests;

pub use address::{Advertised, contact, contact_answering, contact_asking, host, in_uri};
pub use admission::{NewRequest, Received, Rejection, RequestKind, Shedding};
pub use clients::ClientSnapshot;
pub use held::Holding;
pub use servers::ServerSnapshot;

use self::admission::ShedLately;
use self::clients::{Clients, Found, Sending};
use self::servers::{AckFor, Cancelled, Names, Servers};
use super::transaction::{ClientTx, Durations, Reason, ServerTx, Verdict, earlier};
use super::{Cause, Flow, Malformed, Message, Method, Outgoing, Status};
use crate::id::Random;
use crate::time::{Mono, Now};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

pub use super::transaction::Output;

/// How long a shed caller is asked to wait before it tries again, in seconds.
const RETRY_AFTER: &str = "10";

/// What an endpoint goes by.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// In Via and Contact, in place of the address of the flow.
    pub advertised: Option<Advertised>,
    /// Base durations of the timers.
    pub durations: Durations,
    /// At most this many server transactions. An ended one is kept for 64*T1 = 32 s, so 131,072 carry 4,000
    /// requests a second. At the limit a new INVITE gets a stateless 503. What calls already in still need
    /// (everything else) has a quarter more; past that a request is dropped, to be retransmitted by its sender.
    pub most_server_transactions: usize,
    /// At most this many client transactions; past it a request fails at once with [`Failure::Full`].
    pub most_client_transactions: usize,
}

impl Default for EndpointConfig {
    fn default() -> EndpointConfig {
        EndpointConfig {
            advertised: None,
            durations: Durations::default(),
            most_server_transactions: 131_072,
            most_client_transactions: 131_072,
        }
    }
}

/// What the user of the transactions must know.
#[derive(Debug)]
pub enum TransactionEvent {
    /// A new request other than ACK and CANCEL, its top Via stamped with where it came from. INVITE was answered
    /// 100 already. The user answers every one, or forgets it.
    Request {
        /// To answer it by.
        tx: ServerTx,
        /// Where it came from.
        flow: Flow,
        /// The request.
        request: Message,
    },
    /// An INVITE that would begin a call was shed: nothing is kept of it. Said once, however often it is retransmitted.
    Shed {
        /// Where it came from.
        flow: Flow,
        /// The INVITE.
        request: Message,
        /// 503 with Retry-After, to be sent when the user has noted what it must note.
        answer: Output,
        /// How it is to be noted.
        told: Shedding,
    },
    /// A CANCEL for this INVITE came and was answered 200; its user answers the INVITE with 487. Said once.
    Cancelled {
        /// The INVITE.
        tx: ServerTx,
        /// What the CANCEL's Reason header said.
        cause: Cause,
    },
    /// The first ACK for a 2xx of ours.
    Ack {
        /// The INVITE.
        tx: ServerTx,
        /// Where it came from.
        flow: Flow,
        /// The ACK.
        request: Message,
    },
    /// A response to a request of ours. A 2xx to INVITE comes again as often as the peer retransmits it, and from
    /// every branch of a fork: the user acknowledges each.
    Response {
        /// The request.
        tx: ClientTx,
        /// Where it came from.
        flow: Flow,
        /// The response.
        response: Message,
    },
    /// A 2xx to an INVITE of which no transaction is known: one that a process before this sent, or none of ours.
    StrayAnswer {
        /// Where it came from.
        flow: Flow,
        /// The 2xx.
        response: Message,
    },
    /// A request of ours got no final response.
    Failed {
        /// The request.
        tx: ClientTx,
        /// Why.
        cause: Failure,
    },
    /// A 2xx of ours was retransmitted for 64*T1 and never acknowledged: its user ends the dialog.
    Unacknowledged {
        /// The INVITE.
        tx: ServerTx,
    },
}

/// Why a request came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No answer in time (as if 408).
    Timeout,
    /// The path is gone (as if 503).
    Transport,
    /// Not sent: there are too many transactions (as if 503).
    Full,
}

/// How many transactions there are, and what was counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndpointCounts {
    /// Server transactions.
    pub servers: usize,
    /// Client transactions.
    pub clients: usize,
    /// Timers of all of them.
    pub timers: usize,
    /// Packets that were no SIP message.
    pub malformed: u64,
    /// Retransmitted requests, responses and ACKs that were absorbed.
    pub retransmissions: u64,
    /// Responses, ACKs and CANCELs that belonged to nothing.
    pub stray: u64,
    /// Requests that came a second time by another path and were answered 482.
    pub merged: u64,
    /// Requests shed at the limit.
    pub shed: u64,
    /// Failures we sent to an INVITE that were never acknowledged (timer H).
    pub unacknowledged: u64,
}

impl EndpointCounts {
    /// Transactions of either kind.
    pub fn transactions(&self) -> usize {
        self.servers + self.clients
    }
}

/// All transactions of one element.
#[derive(Debug)]
pub struct Endpoint {
    config: EndpointConfig,
    random: Random,
    servers: Servers,
    clients: Clients,
    /// What the tags of stateless answers are made from.
    salt: u64,
    shed_lately: ShedLately,
    counts: EndpointCounts,
}

impl Endpoint {
    /// An endpoint without transactions.
    pub fn new(config: EndpointConfig, mut random: Random) -> Endpoint {
        let salt = random.bits();
        Endpoint {
            config,
            random,
            servers: Servers::default(),
            clients: Clients::default(),
            salt,
            shed_lately: ShedLately::default(),
            counts: EndpointCounts::default(),
        }
    }

    /// Counts bytes that are no message, and answers them where that is possible.
    pub fn malformed(&mut self, flow: &Flow, malformed: &Malformed, out: &mut Vec<Output>) {
        self.counts.malformed += 1;
        if let Some(bytes) = malformed.answer_to(flow.remote) {
            let flow = malformed.via().map_or(*flow, |via| address::way_back_by(flow, &via));
            out.push(Output::Send { flow, bytes });
        }
    }

    /// Only an INVITE that begins a call is turned away at the limit itself.
    fn is_full(&self, request: &Message, method: &Method) -> bool {
        let most = self.config.most_server_transactions;
        let begins = admission::begins_a_call(request, method);
        self.servers.len() >= if begins { most } else { most.saturating_add(most / 4) }
    }

    fn cancel_received(
        &mut self,
        now: Now,
        flow: Flow,
        mut cancel: Message,
        names: Names,
        out: &mut Vec<Output>,
    ) -> Option<TransactionEvent> {
        let found = self.servers.cancelled(&cancel, self.random.token());
        cancel.note_source(flow.remote);
        // The answers to both should have one tag (RFC 3261 section 9.2).
        let (tag, cancelled) = match found {
            Cancelled::Invite { tx, tag, verdict } => (tag, (verdict == Verdict::Deliver).then_some(tx)),
            Cancelled::Other { tag } => (tag, None),
            Cancelled::Nothing => {
                self.counts.stray += 1;
                self.answer_statelessly(&flow, &cancel, Status::NO_SUCH_CALL, out);
                return None;
            }
        };
        let response = Outgoing::response(&cancel, Status::OK, Some(&tag));
        if self.is_full(&cancel, &Method::Cancel) {
            out.push(stateless_way(&flow, &cancel, &response));
        } else {
            let cx = Sending { now, durations: &self.config.durations, out };
            self.servers.admit_answered(cx, &flow, &cancel, names, response.encode());
        }
        let cause = Cause::of(&cancel);
        cancelled.map(|tx| TransactionEvent::Cancelled { tx, cause })
    }

    fn ack_received(
        &mut self,
        now: Now,
        flow: Flow,
        ack: Message,
        out: &mut Vec<Output>,
    ) -> Option<TransactionEvent> {
        let cx = Sending { now, durations: &self.config.durations, out };
        match self.servers.ack(cx, &ack) {
            AckFor::Answer(tx) => return Some(TransactionEvent::Ack { tx, flow, request: ack }),
            AckFor::Absorbed => self.counts.retransmissions += 1,
            AckFor::Stray => self.counts.stray += 1,
        }
        None
    }

    fn response_received(
        &mut self,
        now: Now,
        flow: Flow,
        response: Message,
        out: &mut Vec<Output>,
    ) -> Option<TransactionEvent> {
        let cx = Sending { now, durations: &self.config.durations, out };
        match self.clients.response(cx, &response) {
            Found::Deliver(tx) => return Some(TransactionEvent::Response { tx, flow, response }),
            Found::Absorbed => self.counts.retransmissions += 1,
            Found::Stray => {
                self.counts.stray += 1;
                let is_success = response.status().is_some_and(Status::is_success);
                if is_success && *response.cseq().1 == Method::Invite {
                    return Some(TransactionEvent::StrayAnswer { flow, response });
                }
            }
        }
        None
    }

    /// Answers a request that came in. A second final response is ignored, and so is what RFC 4320 forbids for
    /// requests other than INVITE: an early 100, any other provisional response, a 408. A 2xx to INVITE is
    /// retransmitted until its ACK comes (RFC 3261 section 13.3.1.4).
    pub fn respond(&mut self, now: Now, tx: ServerTx, response: Outgoing, out: &mut Vec<Output>) {
        let cx = Sending { now, durations: &self.config.durations, out };
        self.servers.respond(cx, tx, &response);
    }

    /// Leaves a request unanswered on purpose, or ends what is kept of an answered one: for peers that deserve
    /// no room here. A retransmission of it will be new.
    pub fn forget(&mut self, tx: ServerTx) {
        self.servers.remove(tx);
    }

    /// Sends a request in a transaction of its own; `request` has no Via yet.
    pub fn request(&mut self, now: Now, flow: Flow, request: Outgoing, out: &mut Vec<Output>) -> ClientTx {
        let cx = Sending { now, durations: &self.config.durations, out };
        let secret = self.random.bits();
        let most = self.config.most_client_transactions;
        self.clients.request(cx, flow, request, self.config.advertised.as_ref(), secret, most)
    }

    /// Cancels an INVITE of ours: at once when it rings, else after its first response (RFC 3261 section 9.1).
    /// Its final response still comes, or its failure after 64*T1.
    /// `reason` is the value of a Reason header (RFC 3326).
    pub fn cancel(&mut self, now: Now, tx: ClientTx, reason: Option<&str>, out: &mut Vec<Output>) {
        let cx = Sending { now, durations: &self.config.durations, out };
        self.clients.cancel(cx, tx, reason);
    }

    /// Waits for the answer to a request of ours no longer; one that comes all the same belongs to nothing.
    pub fn give_up(&mut self, tx: ClientTx) {
        self.clients.remove(tx);
    }

    /// Sends a request outside any transaction: the ACK for a 2xx.
    pub fn send(&mut self, flow: Flow, request: Outgoing, out: &mut Vec<Output>) {
        // No transaction has the number 0.
        let via = address::via(self.config.advertised.as_ref(), &flow, 0, self.random.bits());
        out.push(Output::Send { flow, bytes: request.first("Via", via).encode() });
    }

    /// What the next process needs of an INVITE that came; nothing once it is answered and acknowledged.
    pub fn server_snapshot(&self, tx: ServerTx) -> Option<ServerSnapshot> {
        self.servers.snapshot(tx)
    }

    /// What the next process needs of an INVITE of ours; nothing once it has its final response.
    pub fn client_snapshot(&self, tx: ClientTx) -> Option<ClientSnapshot> {
        self.clients.snapshot(tx)
    }

    /// An INVITE that came before a restart is answered from here on.
    pub fn resume_server(&mut self, now: Now, snapshot: ServerSnapshot, out: &mut Vec<Output>) -> ServerTx {
        let cx = Sending { now, durations: &self.config.durations, out };
        self.servers.resume(cx, snapshot)
    }

    /// An INVITE that was sent before a restart is heard of here from now on. Before any request is sent: the numbers of
    /// transactions go on behind it.
    pub fn resume_client(&mut self, now: Now, snapshot: ClientSnapshot, out: &mut Vec<Output>) -> ClientTx {
        let cx = Sending { now, durations: &self.config.durations, out };
        self.clients.resume(cx, snapshot)
    }

    /// Contact for messages on `flow`.
    pub fn contact(&self, flow: &Flow, user: &str) -> String {
        contact(self.config.advertised.as_ref(), flow, user)
    }

    /// The flow of an unknown peer is about to be gone: what it asked is not answered any more. No peer has us open a
    /// connection by closing one.
    pub fn forget_on(&mut self, flow: &Flow) {
        self.servers.forget_on(flow);
    }

    /// A path is gone: requests that wait for an answer on it fail; answers still owed by a connection will ask
    /// for a new one.
    pub fn flow_failed(&mut self, _now: Now, flow: Flow) -> Vec<TransactionEvent> {
        if flow.connection.is_some() {
            self.servers.flow_failed(&flow);
        }
        self.clients.flow_failed(&flow)
    }

    /// The next timer and its letter.
    pub fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        earlier(self.servers.poll_timeout(), self.clients.poll_timeout())
    }

    /// Fires every timer that is due.
    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) -> Vec<TransactionEvent> {
        let mut happened = Vec::new();
        let durations = &self.config.durations;
        self.counts.unacknowledged +=
            self.servers.handle_timeout(Sending { now, durations, out }, &mut happened);
        self.clients.handle_timeout(Sending { now, durations, out }, &mut happened);
        happened
    }

    /// How many transactions there are, and what was counted.
    pub fn counts(&self) -> EndpointCounts {
        EndpointCounts {
            servers: self.servers.len(),
            clients: self.clients.len(),
            timers: self.servers.timers() + self.clients.timers(),
            ..self.counts
        }
    }

    /// Answers and keeps nothing.
    fn answer_statelessly(&self, flow: &Flow, request: &Message, status: Status, out: &mut Vec<Output>) {
        out.push(stateless_way(flow, request, &self.stateless(request, status)));
    }

    /// An answer of which nothing is kept. Retransmissions of a request get the same tag (RFC 3261 section 8.2.7).
    fn stateless(&self, request: &Message, status: Status) -> Outgoing {
        let mut hasher = DefaultHasher::new();
        (self.salt, request.call_id(), request.from_tag(), request.cseq().0).hash(&mut hasher);
        let tag = format!("{:016x}", hasher.finish());
        let response = Outgoing::response(request, status, Some(&tag));
        if status == Status::SERVICE_UNAVAILABLE {
            response.with("Retry-After", RETRY_AFTER)
        } else {
            response
        }
    }
}

fn stateless_way(flow: &Flow, request: &Message, answer: &Outgoing) -> Output {
    Output::Send { flow: address::way_back(flow, request), bytes: answer.encode() }
}
