//! The endpoint in virtual time. Each name is a sentence; each test can fail.

mod calls_in;
mod calls_out;
mod limits;
mod requests_in;
mod requests_out;

use super::*;
use crate::time::{Duration, Wall};
use bytes::Bytes;

pub(super) const UDP: &str = "198.51.100.7:5060";

/// A path to a peer at `remote`.
fn flow(transport: super::super::Transport, remote: &str) -> Flow {
    let connection = transport.is_reliable().then_some(1);
    Flow { transport, local: "192.0.2.1:5060".parse().unwrap(), remote: remote.parse().unwrap(), connection }
}

fn udp() -> Flow {
    flow(crate::sip::Transport::Udp, UDP)
}

fn tcp() -> Flow {
    flow(crate::sip::Transport::Tcp, UDP)
}

/// One endpoint, its clock, and what it put on the wire.
struct Side {
    endpoint: Endpoint,
    now: Now,
    out: Vec<Output>,
}

/// What was seen while time passed: when, counted from the start of the wait.
#[derive(Debug)]
struct Seen {
    sent: Vec<(u64, Message)>,
    happened: Vec<(u64, TransactionEvent)>,
    reasons: Vec<Reason>,
}

impl Seen {
    fn times(&self) -> Vec<u64> {
        self.sent.iter().map(|(at, _)| *at).collect()
    }
}

fn side() -> Side {
    side_with(EndpointConfig::default())
}

fn side_with(config: EndpointConfig) -> Side {
    let now = Now { mono: Mono(1_000_000_000), wall: Wall(0) };
    Side { endpoint: Endpoint::new(config, Random::from_number(1)), now, out: Vec::new() }
}

impl Side {
    fn hears(&mut self, flow: Flow, text: impl AsRef<str>) -> Option<TransactionEvent> {
        let bytes = Bytes::copy_from_slice(text.as_ref().as_bytes());
        self.endpoint.receive(self.now, flow, bytes, &mut self.out)
    }

    /// Hears a request that is new.
    /// A message that waits for admission.
    fn recognises(&mut self, flow: Flow, text: impl AsRef<str>) -> NewRequest {
        let bytes = Bytes::copy_from_slice(text.as_ref().as_bytes());
        match self.endpoint.recognise(self.now, flow, bytes, &mut self.out) {
            Some(Received::New(new)) => new,
            other => panic!("{other:?}"),
        }
    }

    /// A message that is admitted or rejected where it asks for that.
    fn judged(
        &mut self,
        flow: Flow,
        bytes: Bytes,
        verdict: Result<(), Rejection>,
    ) -> Option<TransactionEvent> {
        match (self.endpoint.recognise(self.now, flow, bytes, &mut self.out)?, verdict) {
            (Received::Event(event), _) => Some(event),
            (Received::New(new), Ok(())) => self.endpoint.admit(self.now, new, &mut self.out),
            (Received::New(new), Err(why)) => self.endpoint.reject(self.now, new, why, &mut self.out),
        }
    }

    fn asked(&mut self, flow: Flow, text: impl AsRef<str>) -> (ServerTx, Message) {
        match self.hears(flow, text) {
            Some(TransactionEvent::Request { tx, request, .. }) => (tx, request),
            other => panic!("no new request but {other:?}"),
        }
    }

    fn answers(&mut self, (tx, request): &(ServerTx, Message), status: Status) {
        let response = Outgoing::response(request, status, Some("ours"));
        self.endpoint.respond(self.now, *tx, response, &mut self.out);
    }

    fn asks(&mut self, flow: Flow, request: Outgoing) -> ClientTx {
        self.endpoint.request(self.now, flow, request, &mut self.out)
    }

    fn cancels(&mut self, tx: ClientTx) {
        self.endpoint.cancel(self.now, tx, None, &mut self.out);
    }

    /// What went out since the last look.
    fn sent(&mut self) -> Vec<Message> {
        let whole = |output| {
            let Output::Send { bytes, .. } = output;
            Message::parse(bytes).expect("what we send can be read")
        };
        self.out.drain(..).map(whole).collect()
    }

    fn sent_statuses(&mut self) -> Vec<Status> {
        self.sent().iter().filter_map(Message::status).collect()
    }

    fn sent_flows(&mut self) -> Vec<Flow> {
        let flow = |output| {
            let Output::Send { flow, .. } = output;
            flow
        };
        self.out.drain(..).map(flow).collect()
    }

    /// The one message that went out since the last look.
    fn sent_one(&mut self) -> Message {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    /// Lets `ms` pass, stopping at each timer, as the shell does.
    fn waits(&mut self, ms: u64) -> Seen {
        let (start, end) = (self.now, self.now.mono + Duration::from_millis(ms));
        let mut seen = Seen { sent: Vec::new(), happened: Vec::new(), reasons: Vec::new() };
        while let Some((at, reason)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = start.after(at.since(start.mono));
            seen.reasons.push(reason);
            let offset = at.since(start.mono).as_millis() as u64;
            let happened = self.endpoint.handle_timeout(self.now, &mut self.out);
            seen.happened.extend(happened.into_iter().map(|h| (offset, h)));
            seen.sent.extend(self.sent().into_iter().map(|m| (offset, m)));
        }
        self.now = start.after(Duration::from_millis(ms));
        seen
    }

    fn live(&self) -> (usize, usize) {
        let counts = self.endpoint.counts();
        (counts.servers, counts.clients)
    }

    /// Nothing is left: no transaction, no timer.
    fn is_empty(&self) -> bool {
        let counts = self.endpoint.counts();
        counts.transactions() == 0
            && counts.timers == 0
            && self.endpoint.servers.is_forgotten()
            && self.endpoint.clients.is_forgotten()
    }
}

/// A request as a peer writes it. `branch` names its transaction, `call` its Call-ID.
fn request(method: &str, branch: &str, call: &str) -> String {
    format!(
        "{method} sip:12345@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{branch};rport\r\n\
         From: <sip:citizen@example.org>;tag=theirs\r\nTo: <sip:12345@192.0.2.1>\r\nCall-ID: {call}\r\n\
         CSeq: 1 {method}\r\nContact: <sip:citizen@198.51.100.7:5060>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

fn invite(branch: &str, call: &str) -> String {
    request("INVITE", branch, call)
}

/// The same inside the dialog our tag made.
fn in_dialog(request: &str) -> String {
    request.replace("To: <sip:12345@192.0.2.1>", "To: <sip:12345@192.0.2.1>;tag=ours")
}

fn ack(branch: &str, call: &str) -> String {
    in_dialog(&request("ACK", branch, call))
}

/// A request of ours, to be sent.
fn outgoing(method: Method) -> Outgoing {
    let cseq = format!("7 {method}");
    Outgoing::request(method, "sip:1001@198.51.100.7")
        .with("From", "<sip:hotline@192.0.2.1>;tag=ours")
        .with("To", "<sip:1001@198.51.100.7>")
        .with("Call-ID", "out@192.0.2.1")
        .with("CSeq", cseq)
        .with("Route", "<sip:198.51.100.7;lr>")
        .with("Max-Forwards", "70")
}

/// The answer a peer with tag `tag` gives to `request`.
fn answer(request: &Message, status: Status, tag: &str) -> String {
    let bytes = Outgoing::response(request, status, Some(tag)).encode();
    String::from_utf8(bytes.to_vec()).unwrap()
}
