//! The transaction layer of one SIP element: bytes in, what happened out; requests and responses in, bytes out.
//!
//! It owns every transaction, matches messages to them, and answers by itself what needs no user: 100 Trying,
//! repeated requests, CANCEL, merged requests, messages that are none, and overload. It knows no dialog and no call.

use super::transaction::{
    Client, ClientStep, ClientTx, Durations, Server, ServerStep, ServerTx, Timer, ack_key, merge_key,
    server_key,
};
use super::{Flow, Malformed, Message, Method, Outgoing, Rport, Transport};
use crate::id::Random;
use crate::time::{Mono, Now, Timers};
use bytes::Bytes;
use std::collections::HashMap;
use std::net::SocketAddr;

/// Where peers reach us, when that is not the address of the socket (Docker, NAT, several interfaces).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// A name or an address; IPv6 in brackets.
    pub host: String,
    /// The port, when that differs too.
    pub port: Option<u16>,
}

/// What an endpoint goes by.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// In Via and Contact, in place of the address of the flow.
    pub advertised: Option<Advertised>,
    /// Base durations of the timers.
    pub durations: Durations,
    /// At most this many server transactions. An ended one is kept for 64*T1 = 32 s, so 131,072 carry 2,000 requests
    /// a second. At the limit a new INVITE gets a stateless 503; any other new request is dropped, to come again.
    pub most_server_transactions: usize,
}

impl Default for EndpointConfig {
    fn default() -> EndpointConfig {
        EndpointConfig {
            advertised: None,
            durations: Durations::default(),
            most_server_transactions: 131_072,
        }
    }
}

/// Bytes to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// One message on one flow.
    Send {
        /// The path.
        flow: Flow,
        /// The message.
        bytes: Bytes,
    },
}

/// What the user of the transactions must know.
#[derive(Debug)]
pub enum Happened {
    /// A new request other than ACK and CANCEL. INVITE was answered 100 already.
    Request {
        /// To answer it by.
        tx: ServerTx,
        /// Where it came from.
        flow: Flow,
        /// The request.
        request: Message,
    },
    /// A CANCEL for this INVITE came and was answered 200; its user answers the INVITE with 487.
    Cancelled {
        /// The INVITE.
        tx: ServerTx,
    },
    /// The first ACK for a 2xx of ours.
    Ack {
        /// Where it came from.
        flow: Flow,
        /// The ACK.
        request: Message,
    },
    /// A response to a request of ours. A 2xx to INVITE comes again as often as the peer repeats it.
    Response {
        /// The request.
        tx: ClientTx,
        /// Where it came from.
        flow: Flow,
        /// The response.
        response: Message,
    },
    /// A request of ours got no final response.
    Failed {
        /// The request.
        tx: ClientTx,
        /// Why.
        cause: Failure,
    },
    /// A 2xx of ours was repeated for 64*T1 and never acknowledged: its user ends the dialog.
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
}

/// Why the endpoint wants to be woken.
pub type Reason = Timer;

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
    /// Repeated requests that were absorbed.
    pub repeated: u64,
    /// Messages that belonged to nothing.
    pub stray: u64,
    /// Requests shed at the limit.
    pub shed: u64,
}

impl EndpointCounts {
    /// Transactions of either kind.
    pub fn transactions(&self) -> usize {
        self.servers + self.clients
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Server(ServerTx),
    Client(ClientTx),
}

/// All transactions of one element.
#[derive(Debug)]
pub struct Endpoint {
    config: EndpointConfig,
    random: Random,
    servers: HashMap<ServerTx, Server>,
    clients: HashMap<ClientTx, Client>,
    /// The CANCEL of an INVITE.
    cancels: HashMap<ClientTx, ClientTx>,
    by_key: HashMap<String, ServerTx>,
    by_merge: HashMap<String, ServerTx>,
    by_ack: HashMap<String, ServerTx>,
    timers: Timers<(Key, Timer)>,
    next: u64,
    counts: EndpointCounts,
}

impl Endpoint {
    /// An endpoint without transactions.
    pub fn new(config: EndpointConfig, random: Random) -> Endpoint {
        Endpoint {
            config,
            random,
            servers: HashMap::new(),
            clients: HashMap::new(),
            cancels: HashMap::new(),
            by_key: HashMap::new(),
            by_merge: HashMap::new(),
            by_ack: HashMap::new(),
            timers: Timers::default(),
            next: 0,
            counts: EndpointCounts::default(),
        }
    }

    /// Takes one message, or what claims to be one.
    pub fn receive(&mut self, now: Now, flow: Flow, bytes: Bytes, out: &mut Vec<Output>) -> Option<Happened> {
        match Message::parse(bytes) {
            Ok(mut message) => match message.method() {
                None => self.response_received(now, flow, message, out),
                Some(Method::Ack) => self.ack_received(now, flow, message),
                Some(method) => {
                    let cancel = *method == Method::Cancel;
                    message.note_source(flow.remote);
                    let back = response_flow(&flow, &message);
                    if cancel {
                        self.cancel_received(back, &message, out)
                    } else {
                        self.request_received(now, flow, back, message, out)
                    }
                }
            },
            Err(malformed) => {
                self.malformed(&flow, &malformed, out);
                None
            }
        }
    }

    fn malformed(&mut self, flow: &Flow, malformed: &Malformed, out: &mut Vec<Output>) {
        self.counts.malformed += 1;
        if let Some(bytes) = malformed.answer_to(flow.remote) {
            out.push(Output::Send { flow: *flow, bytes });
        }
    }

    fn request_received(
        &mut self,
        now: Now,
        flow: Flow,
        back: Flow,
        request: Message,
        out: &mut Vec<Output>,
    ) -> Option<Happened> {
        let key = server_key(&request);
        if let Some(server) = self.by_key.get(&key).and_then(|tx| self.servers.get(tx)) {
            self.counts.repeated += 1;
            out.extend(server.repeated().map(|bytes| Output::Send { flow: server.flow, bytes }));
            return None;
        }
        let merge = request.to_tag().is_none().then(|| merge_key(&request));
        if merge.as_ref().is_some_and(|m| self.by_merge.contains_key(m)) {
            self.answer_statelessly(back, &request, 482, out);
            return None;
        }
        let method = request.method().cloned()?;
        if self.servers.len() >= self.config.most_server_transactions {
            self.counts.shed += 1;
            if method == Method::Invite {
                self.answer_statelessly(back, &request, 503, out);
            }
            return None;
        }
        self.next += 1;
        let tx = ServerTx(self.next);
        let mut server = Server::new(back, key.clone(), merge.clone(), method.clone());
        if method == Method::Invite {
            let trying = Outgoing::response(&request, 100, None).encode();
            let step = server.respond(100, trying, &self.config.durations);
            self.servers.insert(tx, server);
            self.serve(now, tx, step, out);
        } else {
            self.servers.insert(tx, server);
        }
        self.by_key.insert(key, tx);
        if let Some(merge) = merge {
            self.by_merge.insert(merge, tx);
        }
        Some(Happened::Request { tx, flow, request })
    }

    fn cancel_received(&mut self, back: Flow, cancel: &Message, out: &mut Vec<Output>) -> Option<Happened> {
        let tx = self.by_key.get(&server_key(cancel)).copied();
        self.answer_statelessly(back, cancel, if tx.is_some() { 200 } else { 481 }, out);
        let tx = tx?;
        self.servers.get(&tx).is_some_and(Server::is_open).then_some(Happened::Cancelled { tx })
    }

    fn ack_received(&mut self, now: Now, flow: Flow, ack: Message) -> Option<Happened> {
        let (cseq, _) = ack.cseq();
        let by_dialog =
            ack.to_tag().and_then(|tag| self.by_ack.get(&ack_key(ack.call_id(), tag, cseq))).copied();
        let Some(tx) = by_dialog.or_else(|| self.by_key.get(&server_key(&ack)).copied()) else {
            self.counts.stray += 1;
            return None;
        };
        let server = self.servers.get_mut(&tx)?;
        let (news, step) = server.acknowledged(&self.config.durations);
        if let Some(key) = server.ack.take() {
            self.by_ack.remove(&key);
        }
        self.serve(now, tx, step, &mut Vec::new());
        (news && by_dialog.is_some()).then_some(Happened::Ack { flow, request: ack })
    }

    fn response_received(
        &mut self,
        now: Now,
        flow: Flow,
        response: Message,
        out: &mut Vec<Output>,
    ) -> Option<Happened> {
        let cancels = *response.cseq().1 == Method::Cancel;
        let named = response.via().branch().and_then(tx_of);
        let named = if cancels { named.and_then(|invite| self.cancels.get(&invite).copied()) } else { named };
        let Some(tx) = named.filter(|tx| {
            self.clients.get(tx).is_some_and(|c| {
                Some(c.branch.as_str()) == response.via().branch() && c.method == *response.cseq().1
            })
        }) else {
            self.counts.stray += 1;
            return None;
        };
        let step = self.clients.get_mut(&tx)?.receive(&response, &self.config.durations);
        let report = step.report && !cancels;
        self.act(now, tx, step, out);
        report.then_some(Happened::Response { tx, flow, response })
    }

    /// Answers a request that came in. A second final response is ignored.
    pub fn respond(&mut self, now: Now, tx: ServerTx, response: Outgoing, out: &mut Vec<Output>) {
        let Some(server) = self.servers.get_mut(&tx) else { return };
        let status = response.status().unwrap_or_default();
        if server.method == Method::Invite
            && (200..300).contains(&status)
            && server.is_open()
            && let Some(key) = ack_key_of(&response)
        {
            self.by_ack.insert(key.clone(), tx);
            server.ack = Some(key);
        }
        let step = server.respond(status, response.encode(), &self.config.durations);
        self.serve(now, tx, step, out);
    }

    /// Leaves a request unanswered on purpose: a peer that guesses passwords.
    pub fn forget(&mut self, tx: ServerTx) {
        self.server_over(tx);
    }

    /// Sends a request in a transaction of its own; `request` has no Via yet.
    pub fn request(&mut self, now: Now, flow: Flow, request: Outgoing, out: &mut Vec<Output>) -> ClientTx {
        self.next += 1;
        let tx = ClientTx(self.next);
        let branch = format!("z9hG4bK{:x}.{}", tx.0, self.random.token());
        let via = self.via(&flow, &branch);
        let method = request.method().cloned().unwrap_or(Method::Options);
        let (client, step) =
            Client::start(request.first("Via", via), method, branch, flow, &self.config.durations);
        self.clients.insert(tx, client);
        self.act(now, tx, step, out);
        tx
    }

    /// Cancels an INVITE of ours; its final response still comes, or its failure.
    pub fn cancel(&mut self, now: Now, tx: ClientTx, out: &mut Vec<Output>) {
        if let Some(client) = self.clients.get_mut(&tx) {
            let step = client.cancel(&self.config.durations);
            self.act(now, tx, step, out);
        }
    }

    /// Sends a request outside any transaction: the ACK for a 2xx.
    pub fn send(&mut self, flow: Flow, request: Outgoing, out: &mut Vec<Output>) {
        self.next += 1;
        let branch = format!("z9hG4bK{:x}.{}", self.next, self.random.token());
        let bytes = request.first("Via", self.via(&flow, &branch)).encode();
        out.push(Output::Send { flow, bytes });
    }

    /// A path is gone: requests that wait for an answer on it fail.
    pub fn flow_failed(&mut self, _now: Now, flow: Flow) -> Vec<Happened> {
        let mut lost: Vec<ClientTx> =
            self.clients.iter().filter(|(_, c)| c.flow == flow && c.is_open()).map(|(tx, _)| *tx).collect();
        lost.sort();
        for tx in &lost {
            self.client_over(*tx);
        }
        lost.into_iter().map(|tx| Happened::Failed { tx, cause: Failure::Transport }).collect()
    }

    /// The next timer and its letter.
    pub fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        self.timers.next().map(|(at, (_, timer))| (at, timer))
    }

    /// Fires every timer that is due.
    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) -> Vec<Happened> {
        let mut happened = Vec::new();
        while let Some((key, timer)) = self.timers.pop_due(now.mono) {
            match key {
                Key::Server(tx) => {
                    let Some(server) = self.servers.get_mut(&tx) else { continue };
                    let step = server.fire(timer, &self.config.durations);
                    if step.unacknowledged {
                        happened.push(Happened::Unacknowledged { tx });
                    }
                    self.serve(now, tx, step, out);
                }
                Key::Client(tx) => {
                    let Some(client) = self.clients.get_mut(&tx) else { continue };
                    let step = client.fire(timer, &self.config.durations);
                    if step.failed {
                        happened.push(Happened::Failed { tx, cause: Failure::Timeout });
                    }
                    self.act(now, tx, step, out);
                }
            }
        }
        happened
    }

    /// How many transactions there are, and what was counted.
    pub fn counts(&self) -> EndpointCounts {
        EndpointCounts {
            servers: self.servers.len(),
            clients: self.clients.len(),
            timers: self.timers.len(),
            ..self.counts
        }
    }

    fn serve(&mut self, now: Now, tx: ServerTx, step: ServerStep, out: &mut Vec<Output>) {
        let Some(server) = self.servers.get(&tx) else { return };
        out.extend(step.send.map(|bytes| Output::Send { flow: server.flow, bytes }));
        for timer in step.stop {
            self.timers.cancel((Key::Server(tx), timer));
        }
        for (timer, time) in step.set {
            self.timers.set((Key::Server(tx), timer), now.mono + time);
        }
        if step.over {
            self.server_over(tx);
        }
    }

    fn act(&mut self, now: Now, tx: ClientTx, step: ClientStep, out: &mut Vec<Output>) {
        let Some(client) = self.clients.get(&tx) else { return };
        let flow = client.flow;
        out.extend(step.send.map(|bytes| Output::Send { flow, bytes }));
        for timer in step.stop {
            self.timers.cancel((Key::Client(tx), timer));
        }
        for (timer, time) in step.set {
            self.timers.set((Key::Client(tx), timer), now.mono + time);
        }
        if let Some(cancel) = step.cancel {
            self.send_cancel(now, tx, *cancel, out);
        }
        if step.over {
            self.client_over(tx);
        }
    }

    /// A CANCEL is a transaction of its own with the branch of its INVITE; nobody waits for its response.
    fn send_cancel(&mut self, now: Now, invite: ClientTx, cancel: Outgoing, out: &mut Vec<Output>) {
        let Some(of) = self.clients.get(&invite) else { return };
        let (flow, branch) = (of.flow, of.branch.clone());
        self.next += 1;
        let tx = ClientTx(self.next);
        let (client, step) = Client::start(cancel, Method::Cancel, branch, flow, &self.config.durations);
        self.clients.insert(tx, client);
        self.cancels.insert(invite, tx);
        self.act(now, tx, step, out);
    }

    fn client_over(&mut self, tx: ClientTx) {
        self.clients.remove(&tx);
        self.cancels.remove(&tx);
        for timer in [Timer::A, Timer::B, Timer::D, Timer::E, Timer::F, Timer::K, Timer::M] {
            self.timers.cancel((Key::Client(tx), timer));
        }
    }

    fn server_over(&mut self, tx: ServerTx) {
        let Some(server) = self.servers.remove(&tx) else { return };
        self.by_key.remove(&server.key);
        if let Some(merge) = server.merge {
            self.by_merge.remove(&merge);
        }
        if let Some(ack) = server.ack {
            self.by_ack.remove(&ack);
        }
        for timer in [Timer::G, Timer::H, Timer::I, Timer::J, Timer::L] {
            self.timers.cancel((Key::Server(tx), timer));
        }
    }

    fn answer_statelessly(&mut self, flow: Flow, request: &Message, status: u16, out: &mut Vec<Output>) {
        let mut response = Outgoing::response(request, status, Some(&self.random.token()));
        if status == 503 {
            response = response.with("Retry-After", "10");
        }
        out.push(Output::Send { flow, bytes: response.encode() });
    }

    fn via(&self, flow: &Flow, branch: &str) -> String {
        let sent_by = host_port(self.config.advertised.as_ref(), flow);
        format!("SIP/2.0/{} {sent_by};branch={branch};rport", flow.transport.via_name())
    }
}

/// Contact for messages on `flow`: `<sip:user@host:port>`, with the transport where it is not UDP.
pub fn contact(advertised: Option<&Advertised>, flow: &Flow, user: &str) -> String {
    let place = host_port(advertised, flow);
    match flow.transport {
        Transport::Udp => format!("<sip:{user}@{place}>"),
        Transport::Tcp => format!("<sip:{user}@{place};transport=tcp>"),
    }
}

fn host_port(advertised: Option<&Advertised>, flow: &Flow) -> String {
    match advertised {
        Some(a) => format!("{}:{}", a.host, a.port.unwrap_or(flow.local.port())),
        None => flow.local.to_string(),
    }
}

/// The transaction a branch of ours names.
fn tx_of(branch: &str) -> Option<ClientTx> {
    let (number, _) = branch.strip_prefix("z9hG4bK")?.split_once('.')?;
    u64::from_str_radix(number, 16).ok().map(ClientTx)
}

/// Where responses to a request go: back by the same connection; over UDP to the source, at the port of the Via
/// unless it asks for the source port (RFC 3261 section 18.2.2, RFC 3581 section 4).
fn response_flow(flow: &Flow, request: &Message) -> Flow {
    if flow.transport != Transport::Udp || request.via().rport() != Rport::Absent {
        return *flow;
    }
    let port = request.via().port().unwrap_or(5060);
    Flow { remote: SocketAddr::new(flow.remote.ip(), port), ..*flow }
}

/// What the ACK for this 2xx will be matched by.
fn ack_key_of(response: &Outgoing) -> Option<String> {
    let call_id = std::str::from_utf8(response.get("Call-ID")?).ok()?;
    let to = super::NameAddr::parse(response.get("To")?.to_vec()).ok()?;
    let cseq = std::str::from_utf8(response.get("CSeq")?).ok()?;
    let number = cseq.split_whitespace().next()?.parse().ok()?;
    Some(ack_key(call_id, to.tag()?, number))
}
