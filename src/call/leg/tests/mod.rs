//! One leg alone, told messages as text in virtual time. Every test asserts all that the leg says, in order.

mod dialog;
mod early;
mod probe;
mod uac;
mod uas;

use super::renegotiation::Pending;
use super::*;
use crate::call::media_addresses::MediaAddresses;
use crate::call::rules::{PeerRules, QueueVoice, Rules};
use crate::config::Config;
use crate::id::{CallId, LegId, PresentationId, Random};
use crate::media;
use crate::sdp::{self, Codec};
use crate::sip::access::PeerClass;
use crate::sip::{Cause, Flow, Inside, Message, Outgoing, ServerTx, Status, Transport};
use crate::time::{Duration, Mono, Now, Wall};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;

const NOTHING: [&str; 0] = [];
const START: Mono = Mono(1_000_000_000_000);
const OURS: &str = "11111111-1111-1111-1111-111111111111";
const PEER: &str = "198.51.100.7:5060";

/// The headers that are shown of what a leg sends, in this order; tests that mean others look at the message itself.
const SHOWN: [&str; 18] = [
    "Require",
    "RSeq",
    "RAck",
    "Expires",
    "Session-Expires",
    "Min-SE",
    "Retry-After",
    "Unsupported",
    "Warning",
    "Accept",
    "Recv-Info",
    "Event",
    "Subscription-State",
    "Refer-Sub",
    "Reason",
    "P-Asserted-Identity",
    "Privacy",
    "Subject",
];

/// A leg, the peer at its end, and a clock.
struct Line {
    leg: Leg,
    rules: Rules,
    random: Random,
    now: Now,
    /// The path the peer's messages come by.
    flow: Flow,
    /// The peer's Call-ID; ours where we called.
    call_id: String,
    /// The number of the last request of the peer.
    cseq: u32,
    /// The requests of the peer, by the transaction that each is answered in.
    came: Vec<Message>,
    /// What the leg sent, oldest first.
    sent: Vec<Outgoing>,
    /// The number of the first reliable provisional response.
    first_rseq: Option<u32>,
    /// What the leg said when it began.
    began: Vec<String>,
}

fn path(remote: &str) -> Flow {
    let local = "192.0.2.1:5060".parse().unwrap();
    Flow { transport: Transport::Udp, local, remote: remote.parse().unwrap(), connection: None }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn rules() -> Rules {
    let text = "[sip]\nlisten = [\"udp:192.0.2.1:5060\"]\n[[trunk]]\nname = \"a\"\nsources = [\"198.51.100.7\"]\n\
                [[seat]]\nid = \"1001\"\n[[queue]]\nname = \"main\"\n[[service]]\nnumber = \"12345\"\nqueue = \"main\"\n";
    let config = Config::parse("a leg", text).unwrap_or_else(|e| panic!("{e}"));
    Rules {
        media: MediaAddresses::new(&config.sip, &config.media),
        domain: "hotline.example".into(),
        advertised: None,
        trunks: HashMap::new(),
        seat: Arc::new(seat()),
        call_length: secs(7200),
        call_length_prompt: None,
        look_up_deadline: secs(1),
        voices: HashMap::new(),
        outbound_voice: QueueVoice::default(),
    }
}

/// A phone of ours. The session timer is off unless a test is about it.
fn seat() -> PeerRules {
    PeerRules { session_expires: Duration::ZERO, ..PeerRules::default() }
}

fn trunk() -> PeerRules {
    PeerRules { class: PeerClass::Trunk, ..seat() }
}

/// A description of the peer: both laws of G.711 and telephone-event.
fn sdp(direction: &str) -> String {
    described("198.51.100.7", "8 0 101", direction)
}

fn described(address: &str, formats: &str, direction: &str) -> String {
    let family = if address.contains(':') { "IP6" } else { "IP4" };
    format!(
        "v=0\r\no=- 7 7 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP {formats}\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
    )
}

/// A message of the peer: its first line, its headers, its body.
fn message(start: &str, headers: &str, body: &str) -> Message {
    let typed = if body.is_empty() || headers.contains("Content-Type") {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    let text = format!(
        "{start}\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bKa\r\n{headers}{typed}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Message::parse(Bytes::from(text)).unwrap_or_else(|e| panic!("{e:?}"))
}

impl Line {
    /// A caller of a trunk, whose INVITE has these headers and this body.
    fn of_caller(headers: &str, body: &str) -> Line {
        Line::of_caller_by(trunk(), headers, body)
    }

    fn of_caller_by(peer: PeerRules, headers: &str, body: &str) -> Line {
        let invite = message(
            "INVITE sip:12345@192.0.2.1 SIP/2.0",
            &format!(
                "Max-Forwards: 70\r\nFrom: <sip:c@198.51.100.7>;tag=theirs\r\nTo: <sip:12345@192.0.2.1>\r\n\
                 Call-ID: call\r\nCSeq: 1 INVITE\r\n{}{headers}",
                if headers.contains("Contact") { "" } else { "Contact: <sip:c@198.51.100.7>\r\n" }
            ),
            body,
        );
        let offer = (!body.is_empty()).then(|| Box::new(sdp::parse(body.as_bytes()).unwrap()));
        let arriving = IncomingInvite {
            tx: ServerTx(0),
            flow: path(PEER),
            invite: invite.clone(),
            offer,
            probing: Probing::ByOptions,
            inside: Inside::ToContact,
        };
        let mut line = Line::begin(|id, cx| {
            Leg::arriving(id, Party::Caller { trunk: "a".into() }, Arc::new(peer), arriving, cx)
        });
        line.call_id = "call".into();
        line.cseq = 1;
        line.came.push(invite);
        line
    }

    /// A phone of a seat that is to be invited.
    fn of_phone() -> Line {
        Line::of_phone_by(seat(), Inside::ToContact)
    }

    fn of_phone_by(peer: PeerRules, inside: Inside) -> Line {
        let target = Target {
            uri: "sip:1001@198.51.100.7:5060".into(),
            flow: path(PEER),
            routes: Vec::new(),
            probing: Probing::ByOptions,
            inside,
        };
        let party = Party::Seat { seat: "1001".into(), operator: None };
        let purpose = Purpose::Serves(PresentationId::from_bytes([2; 16]));
        Line::begin(|id, cx| Leg::calling(id, party, purpose, Arc::new(peer), target, cx))
    }

    fn begin(leg: impl FnOnce(LegId, &mut Cx<'_>) -> Leg) -> Line {
        let (rules, mut random) = (rules(), Random::from_number(1));
        let now = Now { mono: START, wall: Wall(1_700_000_000_000_000_000) };
        let mut out = Vec::new();
        let mut cx = Cx { now, random: &mut random, rules: &rules, out: &mut out };
        let leg = leg(LegId::from_bytes([0x11; 16]), &mut cx);
        let mut line = Line {
            leg,
            rules,
            random,
            now,
            flow: path(PEER),
            call_id: OURS.into(),
            cseq: 0,
            came: Vec::new(),
            sent: Vec::new(),
            first_rseq: None,
            began: Vec::new(),
        };
        line.began = line.told(out);
        line
    }

    /// A caller that is answered and has acknowledged it, under these rules and with these headers in its INVITE.
    fn in_a_call(peer: PeerRules, headers: &str) -> Line {
        let mut line = Line::of_caller_by(peer, headers, &sdp("sendrecv"));
        line.gets_its_port();
        assert_eq!(line.answers().last().map(String::as_str), Some("Done"));
        assert_eq!(line.peer_acks(""), NOTHING);
        line
    }

    /// A phone of a seat that has answered our INVITE, with these headers.
    fn phone_in_a_call(peer: PeerRules, headers: &str) -> Line {
        let mut line = Line::of_phone_by(peer, Inside::ToContact);
        line.gets_its_port();
        line.invites();
        let said = line.peer_replies("INVITE", Status::OK, headers, &sdp("sendrecv"));
        assert_eq!(said.last().map(String::as_str), Some("Answered { rang: 0ns }"));
        line
    }

    fn gets_its_port(&mut self) {
        self.leg.media_opened(20_000);
    }

    /// What the leg says when it is told or commanded this.
    fn does(&mut self, command: impl FnOnce(&mut Leg, &mut Cx<'_>)) -> Vec<String> {
        let mut out = Vec::new();
        let mut cx = Cx { now: self.now, random: &mut self.random, rules: &self.rules, out: &mut out };
        command(&mut self.leg, &mut cx);
        self.told(out)
    }

    fn rings(&mut self, reliably: Reliably) -> Vec<String> {
        self.does(|leg, cx| leg.ring(Ring { early_media: false, reliably }, cx))
    }

    fn plays_early_media(&mut self, reliably: Reliably) -> Vec<String> {
        self.does(|leg, cx| leg.ring(Ring { early_media: true, reliably }, cx))
    }

    /// The outputs, and what came of it.
    fn answers(&mut self) -> Vec<String> {
        let mut answering = AnswerOutcome::NotYet;
        let mut said = self.does(|leg, cx| answering = leg.answer(Vec::new(), cx));
        said.push(format!("{answering:?}"));
        said
    }

    fn invites(&mut self) -> Vec<String> {
        let identity = CallerIdentity {
            call: Some(CallId::from_bytes([3; 16])),
            number: "13812341234".into(),
            display: "Li".into(),
        };
        self.does(|leg, cx| leg.invite(&identity, None, secs(25), cx))
    }

    fn hangs_up(&mut self) -> Vec<String> {
        self.does(|leg, cx| leg.hang_up(Cause::NORMAL, cx))
    }

    /// A request of the peer in its dialog.
    fn peer_sends(&mut self, method: &str, headers: &str, body: &str) -> Vec<String> {
        self.peer_sends_as("theirs", method, headers, body)
    }

    fn peer_sends_as(&mut self, tag: &str, method: &str, headers: &str, body: &str) -> Vec<String> {
        self.cseq += 1;
        let contact = match method {
            "INVITE" | "UPDATE" => "Contact: <sip:c@198.51.100.7>\r\n",
            _ => "",
        };
        let common = self.common(tag, method, self.cseq);
        let request =
            message(&format!("{method} sip:us@192.0.2.1 SIP/2.0"), &(common + contact + headers), body);
        let (tx, flow) = (ServerTx(self.came.len() as u64), self.flow);
        self.came.push(request.clone());
        self.does(|leg, cx| leg.request(tx, flow, &request, cx))
    }

    fn common(&self, tag: &str, method: &str, cseq: u32) -> String {
        format!(
            "Max-Forwards: 70\r\nFrom: <sip:c@198.51.100.7>;tag={tag}\r\nTo: <sip:us@192.0.2.1>;tag={OURS}\r\n\
             Call-ID: {}\r\nCSeq: {cseq} {method}\r\n",
            self.call_id
        )
    }

    /// A PRACK for the last reliable provisional response.
    fn peer_pracks(&mut self, body: &str) -> Vec<String> {
        let rseq = self.sent.iter().rev().find_map(|sent| sent.get("RSeq")).unwrap();
        let rack = format!("RAck: {} 1 INVITE\r\n", String::from_utf8_lossy(rseq));
        self.peer_sends("PRACK", &rack, body)
    }

    /// The ACK for our last 2xx to an INVITE.
    fn peer_acks(&mut self, body: &str) -> Vec<String> {
        let is_2xx = |sent: &&Outgoing| {
            sent.status() == Some(Status::OK)
                && sent.get("CSeq").is_some_and(|cseq| cseq.ends_with(b"INVITE"))
        };
        let cseq = self.sent.iter().rev().find(is_2xx).unwrap().cseq();
        let ack = message("ACK sip:us@192.0.2.1 SIP/2.0", &self.common("theirs", "ACK", cseq), body);
        self.does(|leg, cx| leg.acked(&ack, cx))
    }

    /// A response of the peer to our last request of this method. It has a Contact where one belongs.
    fn peer_replies(&mut self, method: &str, status: Status, headers: &str, body: &str) -> Vec<String> {
        let contact = "Contact: <sip:1001@198.51.100.7>\r\n".to_owned();
        let begins =
            status != Status::TRYING && !status.is_failure() && matches!(method, "INVITE" | "UPDATE");
        let headers = if begins { contact + headers } else { headers.to_owned() };
        self.phone_replies("theirs", method, status, &headers, body)
    }

    /// The same of the phone with this tag, and these headers alone.
    fn phone_replies(
        &mut self,
        tag: &str,
        method: &str,
        status: Status,
        headers: &str,
        body: &str,
    ) -> Vec<String> {
        let (response, flow) = (self.response(tag, method, status, headers, body), self.flow);
        self.does(|leg, cx| leg.response(flow, &response, cx))
    }

    fn response(&self, tag: &str, method: &str, status: Status, headers: &str, body: &str) -> Message {
        let request = self.last(method);
        let of = |name| String::from_utf8_lossy(request.get(name).unwrap()).into_owned();
        let to = of("To");
        let tag = if to.contains(";tag=") { String::new() } else { format!(";tag={tag}") };
        let headers = format!(
            "From: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{headers}",
            of("From"),
            of("Call-ID"),
            of("CSeq")
        );
        message(&format!("SIP/2.0 {status} x"), &headers, body)
    }

    /// The last request of this method, or the last response with this status.
    fn last(&self, what: &str) -> &Outgoing {
        let is_it = |sent: &&Outgoing| match sent.method() {
            Some(method) => method.as_str() == what,
            None => sent.status().is_some_and(|status| status.to_string() == what),
        };
        self.sent.iter().rev().find(is_it).unwrap_or_else(|| panic!("no {what} was sent"))
    }

    fn header(&self, what: &str, name: &str) -> Option<&str> {
        self.last(what).get(name).map(|value| std::str::from_utf8(value).unwrap())
    }

    /// Time passes. What the leg does at its deadlines, each dated from the beginning of the leg.
    fn waits(&mut self, time: Duration) -> Vec<String> {
        let (end, mut said) = (self.now.mono + time, Vec::new());
        for _ in 0..100 {
            let Some(at) = self.leg.poll_timeout().filter(|at| *at <= end) else {
                self.now.mono = end;
                return said;
            };
            self.now.mono = self.now.mono.max(at);
            let after = self.now.mono.since(START);
            let what = self.does(|leg, cx| leg.handle_timeout(cx));
            said.extend(what.into_iter().map(|what| format!("at {after:?}: {what}")));
        }
        panic!("a deadline that comes again and again: {said:?}")
    }

    fn told(&mut self, out: Vec<Output>) -> Vec<String> {
        out.into_iter().map(|output| self.written(output)).collect()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what has no short form is shown as it is")]
    fn written(&mut self, output: Output) -> String {
        match output {
            Output::Send(Send::Response { tx, response }) => {
                let cseq = String::from_utf8_lossy(response.get("CSeq").unwrap()).into_owned();
                let request = &self.came[tx.0 as usize];
                let asked = String::from_utf8_lossy(request.header("CSeq").unwrap());
                assert_eq!(cseq, asked, "the answer to one request goes out for another");
                let status = response.status().unwrap();
                let start = format!("{} {} ({cseq})", status.code(), status.phrase());
                start + &self.details(response)
            }
            Output::Send(Send::Request { flow, request } | Send::Ack { flow, request }) => {
                let by = if flow == path(PEER) { String::new() } else { format!(" by {}", flow.remote) };
                let uri = String::from_utf8_lossy(request.uri()).into_owned();
                let cseq = String::from_utf8_lossy(request.get("CSeq").unwrap()).into_owned();
                let method = request.method().unwrap().as_str().to_owned();
                assert!(cseq.ends_with(&method), "{cseq} is the CSeq of {method}");
                format!("{method} {uri} ({}){by}{}", request.cseq(), self.details(request))
            }
            Output::Send(Send::Cancel { reason }) => {
                format!("CANCEL{}", reason.map(|reason| format!(", Reason: {reason}")).unwrap_or_default())
            }
            Output::Send(Send::NoResponse) => "no response".into(),
            Output::Send(Send::Media(command)) => {
                assert_eq!(command.leg().to_string(), OURS);
                match command {
                    media::Command::Open { family, .. } => format!("media: open {family:?}"),
                    media::Command::Remote { remote, .. } => {
                        format!("media: {} {} with {}", remote.direction, remote.codec, remote.rtp)
                    }
                    media::Command::RtpTimeout { after, .. } => format!("media: RTP timeout {after:?}"),
                    media::Command::Close { .. } => "media: close".into(),
                    other => format!("media: {other:?}"),
                }
            }
            other => format!("{other:?}"),
        }
    }

    /// The headers that are shown and the description, and remembers the message.
    fn details(&mut self, message: Outgoing) -> String {
        let mut text = String::new();
        for name in SHOWN {
            for value in message.all(name) {
                let mut value = String::from_utf8_lossy(value).into_owned();
                if name == "RSeq" {
                    let rseq: u32 = value.parse().unwrap();
                    value = format!("first+{}", rseq - *self.first_rseq.get_or_insert(rseq));
                }
                text += &format!(", {name}: {value}");
            }
        }
        let body = message.content();
        if message.get("Content-Type") == Some(b"application/sdp") {
            text += &format!(", sdp {}", summary(body));
        } else if !body.is_empty() {
            text += &format!(", {:?}", String::from_utf8_lossy(body));
        }
        self.sent.push(message);
        text
    }
}

/// The version of a description of ours, its direction and its codecs; that it names our port is checked.
fn summary(body: &[u8]) -> String {
    let ours = sdp::parse(body).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(ours.rtp.to_string(), "192.0.2.1:20000");
    let version = ours.origin.split(' ').nth(2).unwrap_or_default();
    let codecs: Vec<&str> = ours.codecs.iter().map(|(codec, _)| codec.name()).collect();
    let keys = if ours.telephone_events.is_empty() { "" } else { " keys" };
    format!("v{version} {} {}{keys}", ours.direction, codecs.join(" "))
}
