//! The whole control plane with scripted peers at addresses of their own, and no network between: what is sent for what comes.

use crate::centre::Centre;
use bytes::Bytes;
use hotline_gateway::callback::Callback;
use hotline_gateway::caller::{BlockEntry, HistorySecret};
use hotline_gateway::config::Config;
use hotline_gateway::event::{CallEvent, RefusalReason, What};
use hotline_gateway::gateway::{Gateway, Input, Output, Recovery, RefusalCause, Start};
use hotline_gateway::id::Random;
use hotline_gateway::media;
use hotline_gateway::redact::Secret;
use hotline_gateway::sip::access::PeerClass;
use hotline_gateway::sip::digest::{Algorithm, Challenge, SeatAccount};
use hotline_gateway::sip::{Flow, Message, Status, Transport};
use hotline_gateway::time::{Duration, Mono, Now, Wall};

pub const TRUNK: &str = "192.0.2.10:5060";
pub const OTHER_TRUNK: &str = "192.0.2.20:5060";
pub const PHONE: &str = "192.0.2.51:5060";
pub const FIXED_PHONE: &str = "192.0.2.52:5060";
pub const UNKNOWN: &str = "203.0.113.9:5060";

/// The gateway with a trunk of 5 calls a second, another of 50, two seats that register, one of them with MD5 alone, and
/// one at a fixed place.
/// Its disk confirms at once and its media plane always has a port.
pub struct House {
    pub gateway: Gateway,
    pub now: Now,
    pub sent: Vec<(Flow, Message)>,
    /// Bytes of all answers, by whom they went to.
    pub answered: usize,
    pub events: Vec<CallEvent>,
    pub kept: Vec<BlockEntry>,
    pub count: u64,
    /// Whether its disk takes anything.
    pub stalled: bool,
}

pub fn flow(transport: Transport, remote: &str) -> Flow {
    let connection = transport.is_reliable().then_some(7);
    let (local, remote) = ("192.0.2.1:5060".parse().unwrap(), remote.parse().unwrap());
    Flow { transport, local, remote, connection }
}

impl House {
    pub fn new() -> House {
        House::with("", "")
    }

    /// The same with domains of ours before its own, and whole sections.
    pub fn with(domains: &str, sections: &str) -> House {
        House::started(domains, sections, Vec::new())
    }

    /// The same with numbers that are owed a call from before.
    pub fn owing(callbacks: Vec<Callback>) -> House {
        House::started("", "", callbacks)
    }

    fn started(domains: &str, sections: &str, callbacks: Vec<Callback>) -> House {
        let listen = ["udp:192.0.2.1:5060", "tcp:192.0.2.1:5060"];
        let domains = format!("domains = [{domains}\"hotline.example\"]\n[limits]\nslow_after = 20");
        let text = Centre::new(&listen, &domains, "unused/journal.db")
            .trunk("small", &["192.0.2.10"], "calls_per_second = 5\nchannels = 40")
            .trunk("large", &["192.0.2.20"], "")
            .seat(1001, "")
            .seat(1009, "algorithms = [\"MD5\"]")
            .seat(1002, "contact = \"sip:1002@192.0.2.52:5060\"")
            .queue("", "")
            .with(sections)
            .text();
        let config = Config::parse("house.toml", &text).unwrap_or_else(|e| panic!("{e}"));
        let now = Now { mono: Mono(1_000_000_000_000), wall: Wall(1_800_000_000_000_000_000) };
        let account = |seat: &str, algorithms: &[Algorithm]| SeatAccount {
            seat: seat.into(),
            password: Secret::new("right".into()),
            algorithms: algorithms.to_vec(),
        };
        let start = Start {
            random: Random::from_number(5),
            head: 0,
            open_calls: Vec::new(),
            snapshots: Vec::new(),
            recovery: Recovery::Close { last_sign_of_life: None },
            callbacks,
            accounts: vec![account("1001", &[]), account("1009", &[Algorithm::Md5])],
            trunk_passwords: Default::default(),
            history_secret: HistorySecret::new([7; 32]),
        };
        let mut out = Vec::new();
        let gateway = Gateway::new(&config, start, now, &mut out);
        let mut house = House {
            gateway,
            now,
            sent: Vec::new(),
            answered: 0,
            events: Vec::new(),
            kept: Vec::new(),
            count: 0,
            stalled: false,
        };
        house.carry_out(out);
        house
    }

    fn carry_out(&mut self, mut out: Vec<Output>) {
        let mut inputs = Vec::new();
        for output in out.drain(..) {
            match output {
                Output::Send { flow, bytes } => {
                    self.answered += bytes.len();
                    let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
                    let versions = ["server:", "user-agent:", "hotline-gateway", "organization:"];
                    assert!(versions.iter().all(|v| !text.contains(v)), "a version is told: {text}");
                    // An answer to what is no message echoes what could be read of it, and may be none itself.
                    self.sent.extend(Message::parse(bytes).ok().map(|message| (flow, message)));
                }
                Output::Append { event, .. } => {
                    if !self.stalled {
                        inputs.push(Input::Durable { position: event.position });
                    }
                    self.events.push(event);
                }
                Output::Media(media::Command::Open { leg, .. }) => {
                    inputs.push(Input::Media(media::Event::Opened {
                        leg,
                        local: media::LocalMedia::plain(20_000),
                    }));
                }
                Output::Block(entry) => self.kept.push(entry),
                _ => {}
            }
        }
        inputs.into_iter().for_each(|input| self.takes(input));
    }

    pub fn takes(&mut self, input: Input) {
        let mut out = Vec::new();
        self.gateway.handle(self.now, input, &mut out);
        self.carry_out(out);
    }

    /// Hears bytes, and gives what was sent for them.
    pub fn hears(&mut self, flow: Flow, bytes: impl Into<Vec<u8>>) -> Vec<(Flow, Message)> {
        self.sent.clear();
        self.takes(Input::Sip { flow, bytes: Bytes::from(bytes.into()) });
        std::mem::take(&mut self.sent)
    }

    /// A path is gone; gives what was sent for it.
    pub fn loses(&mut self, flow: Flow) -> Vec<(Flow, Message)> {
        self.sent.clear();
        self.takes(Input::FlowFailed { flow });
        std::mem::take(&mut self.sent)
    }

    /// The statuses of what is sent for a request over UDP.
    pub fn statuses(&mut self, remote: &str, request: &str) -> Vec<u16> {
        let sent = self.hears(flow(Transport::Udp, remote), request);
        sent.iter().filter_map(|(_, m)| m.status()).map(Status::code).collect()
    }

    /// Lets time pass, timer by timer; gives what was sent meanwhile.
    pub fn waits(&mut self, time: Duration) -> Vec<(Flow, Message)> {
        self.sent.clear();
        let end = self.now.mono + time;
        while let Some((at, _)) = self.gateway.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = self.now.after(at.since(self.now.mono));
            let mut out = Vec::new();
            self.gateway.handle_timeout(self.now, &mut out);
            self.carry_out(out);
        }
        self.now = self.now.after(end.since(self.now.mono));
        std::mem::take(&mut self.sent)
    }

    /// A request nobody has sent before.
    pub fn request(&mut self, method: &str, uri: &str, from: &str, more: &str) -> String {
        self.count += 1;
        let n = self.count;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{n};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{from}@hotline.example>;tag=f{n}\r\nTo: <{uri}>\r\nCall-ID: c{n}\r\nCSeq: {n} {method}\r\n\
             Contact: <sip:{from}@h>\r\n{more}Content-Length: 0\r\n\r\n"
        )
    }

    pub fn invite(&mut self, from: &str, more: &str) -> String {
        self.request("INVITE", "sip:12345@hotline.example", from, more)
    }

    pub fn refusals(&self) -> Vec<(RefusalReason, u16)> {
        let refused = self.events.iter().filter_map(|e| match &e.what {
            What::CallRefused(r) => Some((r.reason, r.sip_code)),
            _ => None,
        });
        refused.collect()
    }

    /// How many calls were refused by number.
    pub fn shed(&self) -> usize {
        let shed = self.events.iter().filter_map(|e| match &e.what {
            What::CallsShed { count, reason: RefusalReason::Overload, sip_code: 503, .. } => {
                Some(*count as usize)
            }
            _ => None,
        });
        shed.sum()
    }

    pub fn turned_away(&self, at: PeerClass, cause: RefusalCause) -> u64 {
        self.gateway.counts().refusals.of(at, cause)
    }

    /// A request with the answer to the challenge its first copy brings.
    pub fn with_password(&mut self, flow: Flow, request: &str, user: &str, password: &str) -> Option<String> {
        let (_, asked) = self.hears(flow, request).pop()?;
        self.answer_to(&asked, request, user, password)
    }

    pub fn answer_to(
        &mut self,
        asked: &Message,
        request: &str,
        user: &str,
        password: &str,
    ) -> Option<String> {
        let (header, proof) = match asked.status() {
            Some(Status::UNAUTHORIZED) => ("WWW-Authenticate", "Authorization"),
            Some(Status::PROXY_AUTHENTICATION_REQUIRED) => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => return None,
        };
        let challenge = Challenge::choose(asked.headers(header))?;
        self.proved(request, proof, &challenge, (user, password))
    }

    /// A request with the answer to a challenge in the header named.
    pub fn proved(
        &mut self,
        request: &str,
        header: &str,
        challenge: &Challenge,
        (user, password): (&str, &str),
    ) -> Option<String> {
        let mut words = request.split(' ');
        let (method, uri) = (words.next()?, words.next()?);
        let proof_value = challenge.answer(user, &Secret::new(password.into()), method, uri, 1, "c");
        self.count += 1;
        let fresh = format!("branch=z9hG4bKp{}", self.count);
        let n = request.split("branch=z9hG4bK").nth(1)?.split(';').next()?;
        Some(
            request
                .replace(&format!("branch=z9hG4bK{n}"), &fresh)
                .replace(&format!("CSeq: {n} "), &format!("CSeq: {} ", 1000 + self.count))
                .replace("Contact:", &format!("{header}: {proof_value}\r\nContact:")),
        )
    }

    pub fn registers(&mut self, flow: Flow) {
        let register = self.request("REGISTER", "sip:hotline.example", "1001", "");
        let register = register.replace("To: <sip:hotline.example>", "To: <sip:1001@hotline.example>");
        let proved = self.with_password(flow, &register, "1001", "right").expect("a challenge");
        let (_, granted) = self.hears(flow, proved).pop().expect("an answer");
        assert_eq!(granted.status(), Some(Status::OK));
    }
}
