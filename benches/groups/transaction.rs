//! `transaction`: all the transaction layer does for one call, with the transactions of the last 32 seconds at 600
//! calls a second in its maps.

use bytes::Bytes;
use criterion::Criterion;
use hotline_gateway::id::Random;
use hotline_gateway::sip::{
    Endpoint, EndpointConfig, Flow, Message, Method, Outgoing, Output, TransactionEvent, Transport,
};
use hotline_gateway::time::{Duration, Mono, Now, Wall};
use std::hint::black_box;

/// Between two calls at 600 calls a second.
const PAUSE: Duration = Duration::from_micros(1_667);
/// As many calls as are remembered: 32 seconds of them.
const REMEMBERED: u64 = 19_200;

struct World {
    endpoint: Endpoint,
    now: Now,
    call: u64,
    trunk: Flow,
    seat: Flow,
    out: Vec<Output>,
}

impl World {
    fn busy() -> World {
        let path = |remote: &str| Flow {
            transport: Transport::Udp,
            local: "127.0.0.1:5060".parse().expect("an address"),
            remote: remote.parse().expect("an address"),
            connection: None,
        };
        let mut world = World {
            endpoint: Endpoint::new(EndpointConfig::default(), Random::from_number(1)),
            now: Now { mono: Mono(1 << 40), wall: Wall(1_700_000_000_000_000_000) },
            call: 0,
            trunk: path("127.0.0.1:5080"),
            seat: path("127.0.0.1:6000"),
            out: Vec::new(),
        };
        for _ in 0..REMEMBERED {
            world.one_call();
        }
        world
    }

    fn hear(&mut self, flow: Flow, bytes: Bytes) -> Option<TransactionEvent> {
        self.endpoint.receive(self.now, flow, bytes, &mut self.out)
    }

    fn trunk_asks(&self, method: &str, branch: &str, cseq: u32, tag: &str) -> Bytes {
        let n = self.call;
        format!(
            "{method} sip:12345@127.0.0.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-{n}-{branch};rport\r\nMax-Forwards: 70\r\n\
             From: \"Citizen\" <sip:13812341234@127.0.0.1:5080>;tag=c{n}\r\nTo: <sip:12345@127.0.0.1>{tag}\r\n\
             Call-ID: {n}-77@127.0.0.1\r\nCSeq: {cseq} {method}\r\nContact: <sip:c@127.0.0.1:5080>\r\n\
             Content-Length: 0\r\n\r\n"
        )
        .into()
    }

    fn answer_trunk(&mut self, bytes: Bytes, statuses: &[u16]) {
        let Some(TransactionEvent::Request { tx, request, .. }) = self.hear(self.trunk, bytes) else {
            return;
        };
        for status in statuses {
            let response = Outgoing::response(&request, (*status).into(), Some("ours"));
            self.endpoint.respond(self.now, tx, response, &mut self.out);
        }
    }

    /// Sends a request to the seat, which answers it.
    fn ask_seat(&mut self, method: Method, cseq: u32, statuses: &[u16]) {
        let request = Outgoing::request(method.clone(), "sip:1001@127.0.0.1:6000")
            .with("From", "<sip:12345@127.0.0.1>;tag=ours")
            .with("To", "<sip:1001@127.0.0.1>")
            .with("Call-ID", format!("{}@gateway", self.call))
            .with("CSeq", format!("{cseq} {method}"))
            .with("Max-Forwards", "70")
            .with("Contact", "<sip:12345@127.0.0.1:5060>");
        self.endpoint.request(self.now, self.seat, request, &mut self.out);
        let Some(Output::Send { bytes, .. }) = self.out.last().cloned() else { return };
        let Ok(asked) = Message::parse(bytes) else { return };
        for status in statuses {
            let response = Outgoing::response(&asked, (*status).into(), Some("theirs")).encode();
            black_box(self.hear(self.seat, response));
        }
    }

    /// A call comes, is presented to a seat, answered, and ended by the caller: 11 messages and their timers.
    fn one_call(&mut self) {
        self.call += 1;
        self.answer_trunk(self.trunk_asks("INVITE", "i", 1, ""), &[200]);
        black_box(self.hear(self.trunk, self.trunk_asks("ACK", "a", 1, ";tag=ours")));
        self.ask_seat(Method::Invite, 1, &[180, 200]);
        self.answer_trunk(self.trunk_asks("BYE", "b", 2, ";tag=ours"), &[200]);
        self.ask_seat(Method::Bye, 2, &[200]);
        self.now = self.now.after(PAUSE);
        black_box(self.endpoint.handle_timeout(self.now, &mut self.out));
        self.out.clear();
    }
}

/// The group.
pub fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("transaction");
    let mut world = World::busy();
    let live = world.endpoint.counts().transactions();
    assert!(live > 50_000, "{live} transactions are not a busy endpoint");
    group.bench_function("one whole call of 11 messages, both sides written and read", |b| {
        b.iter(|| world.one_call())
    });
    let invite = world.trunk_asks("INVITE", "repeated", 9, "");
    world.hear(world.trunk, invite.clone());
    group.bench_function("a repeated INVITE is answered again", |b| {
        b.iter(|| {
            black_box(world.hear(world.trunk, invite.clone()));
            world.out.clear();
        })
    });
    group.finish();
}
