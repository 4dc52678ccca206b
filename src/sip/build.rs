//! Messages under construction.
//!
//! Whatever a value holds, one header stays one header: CR, LF and other control characters become spaces, so
//! nothing that came from one peer can write headers in a message to another. Typed headers of `rsip` go in
//! through [`Outgoing::typed`].

use super::grammar::{Span, is_token_byte};
use super::message::Message;
use super::method::Method;
use super::status::Status;
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;

/// A request or response under construction. Headers keep the order they were added in.
#[derive(Clone)]
pub struct Outgoing {
    start: Start,
    fields: Vec<(Name, Span)>,
    /// The values, one after the other.
    values: Vec<u8>,
    body: Vec<u8>,
}

#[derive(Clone)]
enum Start {
    Request { method: Method, uri: Box<[u8]> },
    Response { status: Status },
}

type Name = Cow<'static, str>;

impl Outgoing {
    /// A request to `uri`. Blanks and control characters in the URI are percent-encoded: it stays one URI.
    pub fn request(method: Method, uri: impl AsRef<[u8]>) -> Outgoing {
        let uri = uri.as_ref();
        let mut clean = Vec::with_capacity(uri.len());
        for &b in uri {
            if b <= b' ' || b == 0x7f || matches!(b, b'<' | b'>' | b'"') {
                clean.extend_from_slice(format!("%{b:02X}").as_bytes());
            } else {
                clean.push(b);
            }
        }
        Outgoing::new(Start::Request { method, uri: clean.into() })
    }

    /// A response to `request` with all it must echo (RFC 3261 section 8.2.6): the Vias, From, To with
    /// `to_tag` if it had no tag and `status` is not 100, Call-ID, CSeq; Timestamp on 100, Record-Route where
    /// a dialog may begin (101 to 299).
    pub fn response(request: &Message, status: Status, to_tag: Option<&str>) -> Outgoing {
        let mut response = Outgoing::new(Start::Response { status });
        for via in request.headers("Via") {
            response.echo("Via", &[via]);
        }
        let begins_dialog = status != Status::TRYING && !status.is_failure();
        if begins_dialog {
            for route in request.headers("Record-Route") {
                response.echo("Record-Route", &[route]);
            }
        }
        response.echo("From", &[request.from().raw()]);
        let to = request.to().raw();
        match to_tag.filter(|_| request.to_tag().is_none() && status != Status::TRYING) {
            Some(tag) => response.echo("To", &[to, b";tag=", tag.as_bytes()]),
            None => response.echo("To", &[to]),
        }
        response.echo("Call-ID", &[request.call_id().as_bytes()]);
        response.echo("CSeq", &[request.header("CSeq").unwrap_or_default()]);
        if let Some(timestamp) = request.header("Timestamp").filter(|_| status == Status::TRYING) {
            response.echo("Timestamp", &[timestamp]);
        }
        response
    }

    fn new(start: Start) -> Outgoing {
        Outgoing { start, fields: Vec::with_capacity(16), values: Vec::with_capacity(512), body: Vec::new() }
    }

    /// Appends a header. Content-Length is not taken: [`Outgoing::encode`] writes it.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Outgoing {
        self.append(name, &[value.as_ref()]);
        self
    }

    /// Puts a header before all others: a Via.
    #[must_use]
    pub fn first(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Outgoing {
        let value = self.keep(&[value.as_ref()]);
        self.fields.insert(0, (name.into(), value));
        self
    }

    /// Puts `value` in the place of the first header `name` and removes any others; appends it if there is none.
    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Outgoing {
        let value = self.keep(&[value.as_ref()]);
        let place = self.fields.iter().position(|(n, _)| n.eq_ignore_ascii_case(name));
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        let place = place.unwrap_or(self.fields.len()).min(self.fields.len());
        self.fields.insert(place, (name.into(), value));
        self
    }

    /// The same response with another To tag of ours in the place of `tag`.
    #[must_use]
    pub(crate) fn retagged(self, tag: &str, other: &str) -> Outgoing {
        let to = self.get("To").and_then(|to| to.strip_suffix(tag.as_bytes()));
        let Some(to) = to.map(|to| [to, other.as_bytes()].concat()) else { return self };
        self.set("To", to)
    }

    /// Removes all headers `name`.
    #[must_use]
    pub fn without(mut self, name: &str) -> Outgoing {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    /// Appends a typed header. Beware of what `rsip` prints: an IPv6 host needs its brackets in a domain name.
    #[must_use]
    pub fn typed(mut self, header: impl Into<rsip::Header>) -> Outgoing {
        let line = header.into().to_string();
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let name: String = name.bytes().filter(|&b| is_token_byte(b)).map(char::from).collect();
        let value = self.keep(&[value.trim().as_bytes()]);
        self.fields.push((name.into(), value));
        self
    }

    /// Sets the body and its Content-Type.
    #[must_use]
    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Outgoing {
        let mut message = self.set("Content-Type", content_type);
        message.body = body.into();
        message
    }

    /// The body; empty when there is none.
    pub fn content(&self) -> &[u8] {
        &self.body
    }

    /// The method of a request; `None` for a response.
    pub fn method(&self) -> Option<&Method> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The Request-URI; empty for a response.
    pub fn uri(&self) -> &[u8] {
        match &self.start {
            Start::Request { uri, .. } => uri,
            Start::Response { .. } => &[],
        }
    }

    /// The Status-Code of a response; `None` for a request.
    pub fn status(&self) -> Option<Status> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status } => Some(status),
        }
    }

    /// The value of the first header `name`, in any case, long form.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.of(&self.values))
    }

    /// The values of all headers `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.of(&self.values))
    }

    /// The number of its CSeq; 0 when there is none.
    pub fn cseq(&self) -> u32 {
        let value = self.get("CSeq").and_then(|value| value.split(|b| *b == b' ').next());
        value.and_then(super::grammar::decimal).unwrap_or(0)
    }

    /// The bytes to send, with Content-Length.
    pub fn encode(&self) -> Bytes {
        let fields: usize = self.fields.iter().map(|(n, v)| n.len() + v.end() - v.start() + 4).sum();
        let mut out = Vec::with_capacity(fields + self.body.len() + 128);
        match &self.start {
            Start::Request { method, uri } => {
                out.extend(method.as_str().bytes().map(|b| if is_token_byte(b) { b } else { b'-' }));
                out.push(b' ');
                out.extend_from_slice(uri);
                out.extend_from_slice(b" SIP/2.0\r\n");
            }
            Start::Response { status } => {
                out.extend_from_slice(b"SIP/2.0 ");
                push_decimal(&mut out, usize::from(status.code()));
                out.push(b' ');
                out.extend_from_slice(status.phrase().as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
        for (name, value) in &self.fields {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.of(&self.values));
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"Content-Length: ");
        push_decimal(&mut out, self.body.len());
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&self.body);
        out.into()
    }

    fn append(&mut self, name: &'static str, value: &[&[u8]]) {
        if name.eq_ignore_ascii_case("Content-Length") {
            return;
        }
        let value = self.keep(value);
        self.fields.push((name.into(), value));
    }

    /// Appends a header whose value was read from a message: its octets are kept, legal escaped controls in
    /// quoted strings too; line breaks cannot be in it, and would become spaces.
    fn echo(&mut self, name: &'static str, value: &[&[u8]]) {
        let start = self.values.len();
        for part in value {
            self.values.extend(part.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
        }
        self.fields.push((name.into(), Span::new(start, self.values.len())));
    }

    /// Keeps a value with its control characters made spaces.
    fn keep(&mut self, value: &[&[u8]]) -> Span {
        let start = self.values.len();
        for part in value {
            self.values.extend(part.iter().map(|&b| if b < b' ' || b == 0x7f { b' ' } else { b }));
        }
        Span::new(start, self.values.len())
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.start {
            Start::Request { method, .. } => write!(f, "Outgoing({method})"),
            Start::Response { status } => write!(f, "Outgoing({status})"),
        }
    }
}

fn push_decimal(out: &mut Vec<u8>, number: usize) {
    let mut digits = [0u8; 20];
    let (mut n, mut at) = (number, digits.len());
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Outgoing {
        Outgoing::request(Method::Options, "sip:a@b")
            .with("From", "<sip:c@d>;tag=1")
            .with("To", "<sip:a@b>")
            .with("Call-ID", "x")
            .with("CSeq", "1 OPTIONS")
            .first("Via", "SIP/2.0/UDP h;branch=z9hG4bK1")
    }

    fn text(message: &Outgoing) -> String {
        String::from_utf8(message.encode().to_vec()).unwrap()
    }

    #[test]
    fn headers_keep_their_order_and_the_length_is_written_once() {
        let message = options().with("Content-Length", "99").body("text/plain", "four");
        assert_eq!(
            text(&message),
            "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\n\
             Call-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nfour"
        );
    }

    #[test]
    fn no_value_uri_method_or_content_type_writes_a_header() {
        let evil = "x\r\nEvil: 1\r\n\r\n\0\x0b\x7f";
        let message =
            Outgoing::request(Method::Other(evil.into()), evil).with("Subject", evil).first("Via", evil);
        let message = message.set("Subject", evil).body(evil, "");
        let shown = text(&message);
        assert_eq!(shown.lines().filter(|line| line.starts_with("Evil")).count(), 0, "{shown}");
        assert_eq!(shown.matches("\r\n").count(), 6, "{shown}");
        assert!(shown.contains("Subject: x  Evil: 1       \r\n"), "{shown}");
    }

    #[test]
    fn set_replaces_all_of_a_name_in_the_place_of_the_first() {
        let message = options().with("from", "second").set("FROM", "only");
        assert_eq!(message.all("From").collect::<Vec<_>>(), [b"only"]);
        assert!(text(&message).contains("z9hG4bK1\r\nFROM: only\r\nTo:"));
        assert_eq!((message.get("to"), message.get("Route")), (Some(&b"<sip:a@b>"[..]), None));
    }

    #[test]
    fn a_response_echoes_what_rfc_3261_section_8_2_6_says() {
        let request = options().with("Timestamp", "54").with("Record-Route", "<sip:p;lr>");
        let request = Message::parse(request.encode()).unwrap();
        let trying =
            Message::parse(Outgoing::response(&request, Status::TRYING, Some("t")).encode()).unwrap();
        assert_eq!((trying.to_tag(), trying.header("Timestamp")), (None, Some(&b"54"[..])));
        assert_eq!(trying.header("Record-Route"), None);
        let ringing =
            Message::parse(Outgoing::response(&request, Status::RINGING, Some("t")).encode()).unwrap();
        assert_eq!((ringing.to_tag(), ringing.header("Timestamp")), (Some("t"), None));
        assert_eq!(ringing.header("Record-Route"), Some(&b"<sip:p;lr>"[..]));
        let busy =
            Message::parse(Outgoing::response(&request, Status::BUSY_HERE, Some("t")).encode()).unwrap();
        assert_eq!((busy.header("Record-Route"), busy.phrase()), (None, &b"Busy Here"[..]));
        assert_eq!((busy.cseq(), busy.call_id()), ((1, &Method::Options), "x"));
    }

    #[test]
    fn a_to_tag_that_came_is_not_replaced() {
        let request = Message::parse(options().set("To", "<sip:a@b>;tag=theirs").encode()).unwrap();
        let response =
            Message::parse(Outgoing::response(&request, Status::OK, Some("ours")).encode()).unwrap();
        assert_eq!(response.to_tag(), Some("theirs"));
    }

    #[test]
    fn typed_headers_go_in_as_they_print() {
        let message = Outgoing::request(Method::Options, "sip:a@b")
            .typed(rsip::headers::MaxForwards::from(70))
            .typed(rsip::typed::CSeq { seq: 4711, method: rsip::Method::Options })
            .typed(rsip::headers::UserAgent::from("a\r\nEvil: 1"));
        assert_eq!(message.get("Max-Forwards"), Some(&b"70"[..]));
        assert_eq!(message.get("CSeq"), Some(&b"4711 OPTIONS"[..]));
        assert_eq!(message.get("User-Agent"), Some(&b"a  Evil: 1"[..]));
    }

    #[test]
    fn another_implementation_reads_what_is_built() {
        let message = options().typed(rsip::headers::MaxForwards::from(70)).encode();
        let rsip::SipMessage::Request(read) = rsip::SipMessage::try_from(&message[..]).unwrap() else {
            panic!()
        };
        assert_eq!((read.method, read.headers.iter().count()), (rsip::Method::Options, 7));
    }
}
