//! A SIP message as it came: bytes, and where in them the headers are.
//!
//! Only what every message needs is read at once: start line, topmost Via, From, To, Call-ID, CSeq, and the
//! length of the body. All else stays bytes until it is asked for. Not a builder: see [`super::Outgoing`].

use super::grammar::{Span, decimal, elements, is_space};
use super::head::{self, Fault, Field, Head, HeaderName, unfold};
use super::limits::MAX_MESSAGE;
use super::malformed::{Malformed, NOTHING};
use super::method::Method;
use super::name_addr::NameAddr;
use super::status::Status;
use super::uri::{Pieces, without_headers};
use super::via::{Via, topmost};
use bytes::Bytes;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// A request or a response as it came. Cheap to clone.
#[derive(Clone)]
pub struct Message(Arc<Parsed>);

#[derive(Clone)]
struct Parsed {
    bytes: Bytes,
    /// Values that do not stand in `bytes` as they read: unfolded ones, and a stamped Via.
    rewritten: Vec<u8>,
    start: Start,
    method: Method,
    cseq: u32,
    /// Value spans past the end of `bytes` are of `rewritten`.
    fields: Vec<Field>,
    via: Via,
    from: NameAddr,
    to: NameAddr,
    call_id: Span,
    body: Span,
}

#[derive(Clone, Copy)]
enum Start {
    Request { uri: Span },
    Response { status: Status, phrase: Span },
}

impl Message {
    /// Reads one message: a datagram, or a frame of a stream. Blank lines before it are passed over. Bytes
    /// behind the Content-Length are dropped; without that header the body is the rest.
    ///
    /// # Errors
    /// What is not a message comes back with the answer it deserves.
    pub fn parse(bytes: Bytes) -> Result<Message, Malformed> {
        match Parsed::read(&bytes) {
            Ok(parsed) => Ok(Message(Arc::new(parsed))),
            Err(fault) => Err(Malformed::new(&bytes, fault)),
        }
    }

    /// The bytes it was read from.
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    /// The method of a request; `None` for a response.
    pub fn method(&self) -> Option<&Method> {
        match self.0.start {
            Start::Request { .. } => Some(&self.0.method),
            Start::Response { .. } => None,
        }
    }

    /// The Request-URI as it came; empty for a response.
    pub fn uri(&self) -> &[u8] {
        match self.0.start {
            Start::Request { uri } => uri.of(&self.0.bytes),
            Start::Response { .. } => &[],
        }
    }

    /// The Status-Code of a response; `None` for a request.
    pub fn status(&self) -> Option<Status> {
        match self.0.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// The reason phrase of a response as it came; may be empty. Empty for a request.
    pub fn phrase(&self) -> &[u8] {
        match self.0.start {
            Start::Request { .. } => &[],
            Start::Response { phrase, .. } => phrase.of(&self.0.bytes),
        }
    }

    /// The CSeq: its number, and its method, which is also the request's (RFC 3261 section 8.1.1.5).
    pub fn cseq(&self) -> (u32, &Method) {
        (self.0.cseq, &self.0.method)
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &str {
        std::str::from_utf8(self.0.text(self.0.call_id)).unwrap_or_default()
    }

    /// The topmost Via.
    pub fn via(&self) -> &Via {
        &self.0.via
    }

    /// From: who the sender says it is.
    pub fn from(&self) -> &NameAddr {
        &self.0.from
    }

    /// To: whom the sender asked for first.
    pub fn to(&self) -> &NameAddr {
        &self.0.to
    }

    /// The From tag; absent from RFC 2543 elements.
    pub fn from_tag(&self) -> Option<&str> {
        self.0.from.tag()
    }

    /// The To tag; absent from requests outside a dialog.
    pub fn to_tag(&self) -> Option<&str> {
        self.0.to.tag()
    }

    /// The value of the first header `name` (its long form, any case; compact ones are found too), unfolded
    /// and without white space at its ends.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers(name).next()
    }

    /// The values of all headers `name`, one a line.
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let parsed = &*self.0;
        // The name may not outlive the call, so what it finds is noted first; a message has 128 fields at most.
        let mut found = [0u64; 2];
        let wanted = HeaderName::new(name);
        for (i, field) in parsed.fields.iter().enumerate().take(128) {
            if wanted.is(field.name.of(&parsed.bytes)) {
                found[i / 64] |= 1 << (i % 64);
            }
        }
        let is_found = move |i: usize| found.get(i / 64).is_some_and(|word| word & (1 << (i % 64)) != 0);
        let matching = parsed.fields.iter().enumerate().filter(move |(i, _)| is_found(*i));
        matching.map(|(_, field)| parsed.text(field.value))
    }

    /// The elements of all headers `name`, split at their commas, across lines. Not for headers whose value
    /// holds commas of its own: Date, WWW-Authenticate, Authorization and the Proxy ones.
    pub fn list(&self, name: &str) -> Vec<&[u8]> {
        self.headers(name).flat_map(elements).collect()
    }

    /// The first header `name` as a decimal number; `None` if it is absent, none, or past 32 bits.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.header(name).and_then(decimal)
    }

    /// The first Contact that is not `*` and can be read.
    pub fn contact(&self) -> Option<NameAddr> {
        self.each_address("Contact").next()
    }

    /// Where its sender is reached inside the dialog it begins: the Contact, which must be there; a peer of RFC 2543
    /// may leave it out and is then reached where it says it comes from (RFC 2543 section 6.13).
    pub fn remote_target(&self) -> Option<Bytes> {
        let is_old = || self.via().unique_branch().is_none();
        match self.contact() {
            Some(contact) => Some(Bytes::copy_from_slice(without_headers(contact.uri()))),
            None => is_old().then(|| Bytes::copy_from_slice(without_headers(self.from().uri()))),
        }
    }

    /// All Contacts that are not `*` and can be read.
    pub fn contacts(&self) -> Vec<NameAddr> {
        self.addresses("Contact")
    }

    /// All elements of header `name` that can be read as an address; `*` is none.
    pub fn addresses(&self, name: &str) -> Vec<NameAddr> {
        self.each_address(name).collect()
    }

    fn each_address<'a>(&'a self, name: &str) -> impl Iterator<Item = NameAddr> + use<'a> {
        let parsed = &*self.0;
        let read = move |element: &[u8]| NameAddr::parse(parsed.shared(element)).ok();
        self.headers(name).flat_map(elements).filter_map(read)
    }

    /// Every header in order: its name as written and its value, unfolded.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let parsed = &*self.0;
        parsed.fields.iter().map(|field| (field.name.text_of(&parsed.bytes), parsed.text(field.value)))
    }

    /// The body, octet by octet.
    pub fn body(&self) -> &[u8] {
        self.0.body.of(&self.0.bytes)
    }

    /// Notes in the topmost Via of a request where it really came from (RFC 3261 section 18.2.1, RFC 3581);
    /// responses built from it carry the note. To be called once, by what received it.
    pub fn note_source(&mut self, source: SocketAddr) {
        if !self.0.via.wants_stamp(source) {
            return;
        }
        let parsed = Arc::make_mut(&mut self.0);
        let wanted = HeaderName::new("Via");
        let Some(i) = parsed.fields.iter().position(|f| wanted.is(f.name.of(&parsed.bytes))) else { return };
        let mut value = parsed.via.stamped(source);
        let Ok(via) = Via::parse(value.clone()) else { return };
        value.extend_from_slice(topmost(parsed.text(parsed.fields[i].value)).1);
        let span = parsed.keep(&value);
        parsed.fields[i].value = span;
        parsed.via = via;
    }
}

impl Parsed {
    fn read(bytes: &Bytes) -> Result<Parsed, Fault> {
        if bytes.len() > MAX_MESSAGE {
            return Err(Fault(Status::MESSAGE_TOO_LARGE, "a message that is too long"));
        }
        let from = head::blank_prefix(bytes);
        if from == bytes.len() || bytes.iter().all(|&b| b == 0) {
            return Err(Fault(Status::BAD_REQUEST, NOTHING));
        }
        let head = head::scan(bytes, from)?;
        let (start, start_method) = start_line(bytes, head.start_line)?;
        let body = body(bytes, &head)?;
        let mut fields = head.fields;
        let rewritten = unfold_all(bytes, &mut fields);
        let core = Core::find(bytes, &rewritten, &fields)?;
        let value = |span: Span| text(bytes, &rewritten, span);
        let (cseq, method) = cseq(value(core.cseq))?;
        if start_method.is_some_and(|m| m != method) {
            return Err(Fault(Status::BAD_REQUEST, "a CSeq of another method than the request's"));
        }
        let call_id = value(core.call_id);
        if call_id.is_empty() || call_id.iter().any(|&b| b <= b' ') || std::str::from_utf8(call_id).is_err() {
            return Err(Fault(Status::BAD_REQUEST, "a Call-ID that is none"));
        }
        let whole = |span: Span| shared(bytes, value(span));
        let fault = |reason| Fault(Status::BAD_REQUEST, reason);
        Ok(Parsed {
            start,
            method,
            cseq,
            via: Via::parse(shared(bytes, topmost(value(core.via)).0)).map_err(fault)?,
            from: NameAddr::parse(whole(core.from)).map_err(fault)?,
            to: NameAddr::parse(whole(core.to)).map_err(fault)?,
            call_id: core.call_id,
            body,
            fields,
            rewritten,
            bytes: bytes.clone(),
        })
    }

    fn text(&self, span: Span) -> &[u8] {
        text(&self.bytes, &self.rewritten, span)
    }

    fn shared(&self, part: &[u8]) -> Bytes {
        shared(&self.bytes, part)
    }

    /// Keeps a value that does not stand in the message so.
    fn keep(&mut self, value: &[u8]) -> Span {
        let start = self.bytes.len() + self.rewritten.len();
        self.rewritten.extend_from_slice(value);
        Span::new(start, start + value.len())
    }
}

/// The bytes of `span`: of the message, or past its end of the rewritten values.
fn text<'a>(bytes: &'a [u8], rewritten: &'a [u8], span: Span) -> &'a [u8] {
    match span.start().checked_sub(bytes.len()) {
        Some(start) => rewritten.get(start..span.end() - bytes.len()).unwrap_or_default(),
        None => span.of(bytes),
    }
}

/// `part` as a slice of `bytes` where it lies in them, else a copy.
fn shared(bytes: &Bytes, part: &[u8]) -> Bytes {
    let (start, end) = (bytes.as_ptr() as usize, bytes.as_ptr() as usize + bytes.len());
    let at = part.as_ptr() as usize;
    if part.is_empty() || at < start || at + part.len() > end {
        Bytes::copy_from_slice(part)
    } else {
        bytes.slice_ref(part)
    }
}

/// Rewrites every folded value into the buffer that is returned.
fn unfold_all(bytes: &[u8], fields: &mut [Field]) -> Vec<u8> {
    let mut rewritten = Vec::new();
    for field in fields.iter_mut().filter(|field| field.folded) {
        let start = rewritten.len();
        unfold(field.value.of(bytes), &mut rewritten);
        field.value = Span::new(bytes.len() + start, bytes.len() + rewritten.len());
    }
    rewritten
}

fn start_line(bytes: &[u8], span: Span) -> Result<(Start, Option<Method>), Fault> {
    let line = span.of(bytes);
    if let Some(rest) = version(line) {
        return response_line(bytes, rest).map(|start| (start, None));
    }
    let mut parts = line.splitn(3, |&b| b == b' ');
    let (Some(method), Some(uri), Some(protocol)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Fault(Status::BAD_REQUEST, "a start line that is none"));
    };
    let method = Method::parse(method).ok_or(Fault(Status::BAD_REQUEST, "a method that is no token"))?;
    match version(protocol) {
        Some(b"") => {}
        _ if is_other_version(protocol) => {
            return Err(Fault(Status::VERSION_NOT_SUPPORTED, "another version of SIP"));
        }
        _ => return Err(Fault(Status::BAD_REQUEST, "a start line that does not end with SIP/2.0")),
    }
    let pieces = Pieces::of(uri).map_err(|reason| Fault(Status::BAD_REQUEST, reason))?;
    if !pieces.headers.is_empty() {
        return Err(Fault(Status::BAD_REQUEST, "a Request-URI with headers in it"));
    }
    Ok((Start::Request { uri: Span::within(bytes, uri) }, Some(method)))
}

/// What follows `SIP/2.0`, in any case.
fn version(line: &[u8]) -> Option<&[u8]> {
    let (start, rest) = line.split_at_checked(7)?;
    start.eq_ignore_ascii_case(b"SIP/2.0").then_some(rest)
}

fn is_other_version(protocol: &[u8]) -> bool {
    protocol.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"SIP/"))
        && protocol.get(4..).is_some_and(|number| {
            number.iter().all(|b| b.is_ascii_digit() || *b == b'.') && number.iter().any(u8::is_ascii_digit)
        })
}

fn response_line(bytes: &[u8], rest: &[u8]) -> Result<Start, Fault> {
    const WRONG: Fault = Fault(Status::BAD_REQUEST, "a status line that is none");
    let [b' ', code @ ..] = rest else { return Err(WRONG) };
    let (code, phrase) = code.split_at_checked(3).ok_or(WRONG)?;
    let status = decimal(code).and_then(|n| u16::try_from(n).ok()).and_then(Status::new).ok_or(WRONG)?;
    match phrase {
        [] => Ok(Start::Response { status, phrase: Span::default() }),
        [b' ', phrase @ ..] => Ok(Start::Response { status, phrase: Span::within(bytes, phrase) }),
        _ => Err(WRONG),
    }
}

fn body(bytes: &[u8], head: &Head) -> Result<Span, Fault> {
    let end = match head.content_length {
        Some(length) => head.body.saturating_add(length as usize),
        None => bytes.len(),
    };
    if end > bytes.len() {
        return Err(Fault(Status::BAD_REQUEST, "a body shorter than its Content-Length"));
    }
    Ok(Span::new(head.body, end))
}

/// Where the headers are that every message must have, each once but Via (RFC 3261 section 8.1.1).
struct Core {
    via: Span,
    from: Span,
    to: Span,
    call_id: Span,
    cseq: Span,
}

impl Core {
    fn find(bytes: &[u8], rewritten: &[u8], fields: &[Field]) -> Result<Core, Fault> {
        let [mut via, mut from, mut to, mut call_id, mut cseq, mut hops] = [None; 6];
        for field in fields {
            let name = field.name.of(bytes);
            let slot = match name.len() {
                1 => match name.first().map(u8::to_ascii_lowercase) {
                    Some(b'v') => &mut via,
                    Some(b'f') => &mut from,
                    Some(b't') => &mut to,
                    Some(b'i') => &mut call_id,
                    _ => continue,
                },
                2 if name.eq_ignore_ascii_case(b"To") => &mut to,
                3 if name.eq_ignore_ascii_case(b"Via") => &mut via,
                4 if name.eq_ignore_ascii_case(b"From") => &mut from,
                4 if name.eq_ignore_ascii_case(b"CSeq") => &mut cseq,
                7 if name.eq_ignore_ascii_case(b"Call-ID") => &mut call_id,
                12 if name.eq_ignore_ascii_case(b"Max-Forwards") => &mut hops,
                _ => continue,
            };
            match slot {
                Some(_) if name.eq_ignore_ascii_case(b"v") || name.eq_ignore_ascii_case(b"Via") => {}
                Some(_) => return Err(Fault(Status::BAD_REQUEST, "a header twice that may stand once")),
                None => *slot = Some(field.value),
            }
        }
        let hops_left = hops.map(|span| decimal(text(bytes, rewritten, span)));
        if hops_left.is_some_and(|n| n.is_none_or(|n| n > 255)) {
            return Err(Fault(Status::BAD_REQUEST, "a Max-Forwards that is no number of hops"));
        }
        Ok(Core {
            via: via.ok_or(Fault(Status::BAD_REQUEST, "no Via"))?,
            from: from.ok_or(Fault(Status::BAD_REQUEST, "no From"))?,
            to: to.ok_or(Fault(Status::BAD_REQUEST, "no To"))?,
            call_id: call_id.ok_or(Fault(Status::BAD_REQUEST, "no Call-ID"))?,
            cseq: cseq.ok_or(Fault(Status::BAD_REQUEST, "no CSeq"))?,
        })
    }
}

fn cseq(value: &[u8]) -> Result<(u32, Method), Fault> {
    let end = value
        .iter()
        .position(|&b| is_space(b))
        .ok_or(Fault(Status::BAD_REQUEST, "a CSeq without a method"))?;
    let (number, method) = value.split_at(end);
    let number = decimal(number).ok_or(Fault(Status::BAD_REQUEST, "a CSeq without a number of 32 bits"))?;
    let method = Method::parse(super::grammar::trim(method))
        .ok_or(Fault(Status::BAD_REQUEST, "a CSeq without a method"))?;
    Ok((number, method))
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.start {
            Start::Request { .. } => write!(f, "Message({} {:?})", self.0.method, self.call_id()),
            Start::Response { status, .. } => write!(f, "Message({status} {:?})", self.call_id()),
        }
    }
}
