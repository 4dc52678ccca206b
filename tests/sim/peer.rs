//! A peer by the letter: it sends just the messages a test writes, from an address of its own, and keeps what it hears.

use crate::checks::{by_call, nothing_is_left, promises, story};
use crate::world::World;
use bytes::Bytes;
use hotline_gateway::event::{CallEnded, What};
use hotline_gateway::sip::{Message, Outgoing, Status};
use hotline_gateway::time::{Duration, Mono};
use std::net::SocketAddr;

/// Where the scripted trunk and the scripted seat 2001 are.
pub const TRUNK: &str = "127.0.0.9:5070";
pub const SEAT: &str = "127.0.0.8:6500";

/// An offer or an answer as a PBX writes it; `more` is appended.
pub fn sdp(more: &str) -> String {
    format!(
        "v=0\r\no=pbx 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n{more}"
    )
}

/// A world with a scripted trunk of these keys, and a seat: 1001, which answers at once, or the scripted 2001.
pub fn world(seed: u64, trunk: &str, service: &str, scripted_seat: bool) -> World {
    let seats = if scripted_seat { "\"2001\"" } else { "\"1001\"" };
    let queue = format!("wrap_up = \"0s\"\nring_timeout = \"60s\"\nseats = [{seats}]");
    let sections = format!(
        "[[trunk]]\nname = \"script\"\nsources = [\"127.0.0.9\"]\ncalls_per_second = 1000\n{trunk}\n\
         [[seat]]\nid = \"2001\"\ncontact = \"sip:2001@{SEAT}\"\n"
    );
    World::with(seed, 1, (&queue, service), "", &sections)
}

/// A caller who waits while the scripted seat rings; the seat, and its INVITE.
pub fn rings(seed: u64) -> (World, Peer, Peer, Message) {
    let mut w = world(seed, "", "", true);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    let (phone, invite) = Peer::called(&mut w);
    (w, pbx, phone, invite)
}

/// The peer.
pub struct Peer {
    at: SocketAddr,
    call_id: String,
    ours: String,
    theirs: String,
    target: String,
    cseq: u32,
    /// How much of what the world heard was looked at.
    seen: usize,
}

impl Peer {
    /// The trunk, about to call 12345.
    pub fn trunk() -> Peer {
        Peer {
            at: TRUNK.parse().unwrap(),
            call_id: "script@pbx".into(),
            ours: "<sip:13812341234@pbx.example.org>;tag=pbx".into(),
            theirs: "<sip:12345@127.0.0.1>".into(),
            target: "sip:12345@127.0.0.1:5060".into(),
            cseq: 0,
            seen: 0,
        }
    }

    /// From here on it speaks from this address.
    pub fn moves(&mut self, at: &str) {
        self.at = at.parse().unwrap();
    }

    /// The seat 2001, about to dial.
    pub fn seat(dials: &str) -> Peer {
        Peer {
            at: SEAT.parse().unwrap(),
            call_id: "script@phone".into(),
            ours: "<sip:2001@127.0.0.1>;tag=phone".into(),
            theirs: format!("<sip:{dials}@127.0.0.1>"),
            target: format!("sip:{dials}@127.0.0.1:5060"),
            ..Peer::trunk()
        }
    }

    /// Sends a request: the next in the dialog. Gives its CSeq number.
    pub fn asks(&mut self, w: &mut World, method: &str, headers: &str, body: &str) -> u32 {
        self.cseq += 1;
        self.sends(w, method, (self.cseq, ""), headers, body);
        self.cseq
    }

    /// Sends a request like that under another Call-ID.
    pub fn asks_in(&mut self, w: &mut World, call_id: &str, method: &str) {
        let own = std::mem::replace(&mut self.call_id, call_id.to_owned());
        self.asks(w, method, "", "");
        self.call_id = own;
    }

    /// The ACK for a 2xx to the INVITE with this number.
    pub fn acks(&mut self, w: &mut World, cseq: u32, body: &str) {
        self.sends(w, "ACK", (cseq, "ack"), "", body);
    }

    /// The ACK for a refusal, or the CANCEL, of the INVITE with this number.
    pub fn follows(&mut self, w: &mut World, method: &str, cseq: u32, headers: &str) {
        self.sends(w, method, (cseq, ""), headers, "");
    }

    fn sends(&mut self, w: &mut World, method: &str, (cseq, more): (u32, &str), headers: &str, body: &str) {
        let Peer { at, call_id, ours, theirs, target, .. } = self;
        let kind = if body.is_empty() || headers.contains("Content-Type") {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let hops = if headers.contains("Max-Forwards") { "" } else { "Max-Forwards: 70\r\n" };
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};rport;branch=z9hG4bK{}{cseq}{more}\r\nFrom: {ours}\r\n\
             To: {theirs}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{hops}Contact: <sip:me@{at}>\r\n\
             {headers}{kind}Content-Length: {}\r\n\r\n{body}",
            at.port(),
            body.len()
        );
        w.sends(*at, Bytes::from(text));
    }

    /// Answers a request of the gateway.
    pub fn answers(&mut self, w: &mut World, request: &Message, status: u16, headers: &str, body: &str) {
        self.answers_as(w, request, (status, "phone"), headers, body);
    }

    /// As [`Peer::answers`], with this tag: one of several phones behind the address.
    pub fn answers_as(
        &mut self,
        w: &mut World,
        request: &Message,
        (status, tag): (u16, &str),
        headers: &str,
        body: &str,
    ) {
        let response = Outgoing::response(request, status.into(), Some(tag)).encode();
        let text = String::from_utf8(response.to_vec()).unwrap();
        let head = text.strip_suffix("Content-Length: 0\r\n\r\n").unwrap();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{head}Contact: <sip:me@{}>\r\n{headers}{kind}Content-Length: {}\r\n\r\n{body}",
            self.at,
            body.len()
        );
        w.sends(self.at, Bytes::from(text));
    }

    /// The next message like `what` ("200 INVITE", "BYE") within this time; others before it are passed over.
    pub fn within(&mut self, w: &mut World, time: Duration, what: &str) -> (Mono, Message) {
        let end = w.now.mono + time;
        loop {
            let new = w.heard.iter().enumerate().skip(self.seen);
            let found = new
                .filter(|(_, (_, to, m))| *to == self.at && name(m) == what)
                .map(|(i, (at, _, m))| (i, *at, m.clone()))
                .next();
            if let Some((i, at, message)) = found {
                self.seen = i + 1;
                if message.status().is_some_and(|s| s > Status::TRYING) && message.to_tag().is_some() {
                    self.theirs = String::from_utf8_lossy(message.to().raw()).into_owned();
                }
                return (at, message);
            }
            assert!(w.now.mono < end, "no {what} came, but {:?}", self.heard(w));
            w.run(Duration::from_millis(1));
        }
    }

    /// As [`Peer::within`], at once.
    pub fn hears(&mut self, w: &mut World, what: &str) -> Message {
        self.within(w, Duration::from_millis(50), what).1
    }

    /// What was heard and not looked at yet, by name.
    pub fn heard(&self, w: &World) -> Vec<String> {
        let new = w.heard.iter().skip(self.seen).filter(|(_, to, _)| *to == self.at);
        new.map(|(_, _, m)| name(m)).collect()
    }

    /// Passes over everything heard so far.
    pub fn forgets(&mut self, w: &World) {
        self.seen = w.heard.len();
    }

    /// The seat 2001, which was just called: its peer, and the INVITE.
    pub fn called(w: &mut World) -> (Peer, Message) {
        Peer::called_at(w, SEAT)
    }

    /// The party just called at this address, and the INVITE.
    pub fn called_at(w: &mut World, at: &str) -> (Peer, Message) {
        let mut caller = Peer { at: at.parse().unwrap(), ..Peer::trunk() };
        let invite = caller.hears(w, "INVITE");
        (Peer { seen: caller.seen, ..Peer::called_by(&invite, at) }, invite)
    }

    /// The party called at this address by this INVITE.
    pub fn called_by(invite: &Message, at: &str) -> Peer {
        Peer {
            at: at.parse().unwrap(),
            call_id: invite.call_id().to_owned(),
            ours: format!("{};tag=phone", String::from_utf8_lossy(invite.to().raw())),
            theirs: String::from_utf8_lossy(invite.from().raw()).into_owned(),
            target: String::from_utf8_lossy(invite.contact().unwrap().uri()).into_owned(),
            ..Peer::trunk()
        }
    }

    /// Calls, is answered, and speaks with the seat 1001.
    pub fn speaks(w: &mut World, headers: &str) -> Peer {
        let mut peer = Peer::trunk();
        let cseq = peer.asks(w, "INVITE", headers, &sdp(""));
        peer.hears(w, "200 INVITE");
        peer.acks(w, cseq, "");
        w.run(Duration::from_secs(1));
        assert!(w.journal.iter().any(|e| matches!(e.what, What::SeatConnected { .. })), "nobody answered");
        peer
    }

    /// Hangs up and looks at what is left.
    pub fn hangs_up(mut self, w: &mut World) {
        self.asks(w, "BYE", "", "");
        self.hears(w, "200 BYE");
        settle(w);
    }
}

/// The end of a call, everything kept that was promised, and nothing left.
pub fn settle(w: &mut World) {
    w.run(Duration::from_secs(200));
    promises(&w.journal);
    nothing_is_left(w);
}

/// How the only call ended.
pub fn end(w: &World) -> CallEnded {
    let mut ends = w.journal.iter().filter_map(|e| match &e.what {
        What::CallEnded(e) => Some(e.clone()),
        _ => None,
    });
    let all: Vec<_> = by_call(&w.journal).values().map(|events| story(events)).collect();
    ends.next().unwrap_or_else(|| panic!("the call has not ended: {all:?}"))
}

/// `200 INVITE` for a response, `BYE` for a request.
pub fn name(message: &Message) -> String {
    match message.status() {
        Some(status) => format!("{status} {}", message.cseq().1),
        None => message.cseq().1.to_string(),
    }
}

/// A header as text; empty when absent.
pub fn header(message: &Message, name: &str) -> String {
    message.header(name).map(|v| String::from_utf8_lossy(v).into_owned()).unwrap_or_default()
}

/// A body as text.
pub fn body(message: &Message) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}
