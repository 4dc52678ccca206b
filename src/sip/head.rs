//! The lines of a message head: start line, header fields, where the body begins and how long it claims to be.
//!
//! The parser and the stream framer both read heads through [`scan`] and nothing else. If the two disagreed
//! about one byte, a peer could hide a message inside another's body.

use super::grammar::{Span, decimal, find_control, is_space, is_token_byte, trim, trim_end, trim_start};
use super::limits::{MAX_HEADERS, MAX_LINE};
use super::status::Status;

/// What is wrong with a message, and the status that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) Status, pub(crate) &'static str);

/// One header field. Spans are of the scanned bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// As written: any case, perhaps the compact form.
    pub name: Span,
    /// Without white space at its ends.
    pub value: Span,
    /// Whether line breaks are still in the value.
    pub folded: bool,
}

/// What a head says.
#[derive(Debug)]
pub(crate) struct Head {
    pub start_line: Span,
    pub fields: Vec<Field>,
    /// Where the body begins: behind the empty line.
    pub body: usize,
    /// What Content-Length says; `None` without that header.
    pub content_length: Option<u32>,
}

/// Lines that begin here: the blank ones before a message are passed over (RFC 3261 section 7.5).
pub(crate) fn blank_prefix(bytes: &[u8]) -> usize {
    bytes.chunks(2).take_while(|pair| *pair == b"\r\n").count() * 2
}

/// Reads the head of the message that begins at `from`. Stops at the first thing wrong.
pub(crate) fn scan(bytes: &[u8], from: usize) -> Result<Head, Fault> {
    let (start_end, mut at) = line(bytes, from)?;
    if start_end - from > MAX_LINE {
        return Err(Fault(Status::REQUEST_URI_TOO_LONG, "a start line that is too long"));
    }
    let start_line = Span::new(from, start_end);
    let mut fields = Vec::with_capacity(24);
    let mut content_length = None;
    loop {
        let (mut end, mut next) = line(bytes, at)?;
        if end == at {
            return Ok(Head { start_line, fields, body: next, content_length });
        }
        let mut folded = false;
        while bytes.get(next).is_some_and(|&b| is_space(b)) {
            folded = true;
            (end, next) = line(bytes, next)?;
        }
        if end - at > MAX_LINE {
            return Err(Fault(Status::BAD_REQUEST, "a header line that is too long"));
        }
        if fields.len() == MAX_HEADERS {
            return Err(Fault(Status::BAD_REQUEST, "too many header lines"));
        }
        let field = field(bytes, at, end, folded)?;
        if is_content_length(field.name.of(bytes)) {
            let value = decimal(field.value.of(bytes))
                .ok_or(Fault(Status::BAD_REQUEST, "a Content-Length that is no length"))?;
            if content_length.is_some_and(|before| before != value) {
                return Err(Fault(Status::BAD_REQUEST, "two different Content-Lengths"));
            }
            content_length = Some(value);
        }
        fields.push(field);
        at = next;
    }
}

/// The end of the line that begins at `from`, and the beginning of the next. Only CRLF ends a line: a peer
/// that takes a lone CR or LF for one would see other headers than we do.
fn line(bytes: &[u8], from: usize) -> Result<(usize, usize), Fault> {
    let mut at = from;
    loop {
        let end =
            find_control(bytes, at).ok_or(Fault(Status::BAD_REQUEST, "no empty line after the headers"))?;
        match (bytes.get(end), bytes.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) => return Ok((end, end + 2)),
            (Some(b'\r' | b'\n'), _) => {
                return Err(Fault(Status::BAD_REQUEST, "a lone CR or LF in a header"));
            }
            // A tab, or something that stands in a quoted string.
            _ => at = end + 1,
        }
    }
}

fn field(bytes: &[u8], at: usize, end: usize, folded: bool) -> Result<Field, Fault> {
    let whole = bytes.get(at..end).unwrap_or_default();
    let name_end = whole.iter().position(|&b| !is_token_byte(b)).unwrap_or(whole.len());
    let (name, rest) = whole.split_at(name_end);
    if name.is_empty() {
        return Err(Fault(Status::BAD_REQUEST, "a header line without a name"));
    }
    let [b':', value @ ..] = trim_start(rest) else {
        return Err(Fault(Status::BAD_REQUEST, "a header line without a colon behind its name"));
    };
    let value = trim(value);
    Ok(Field { name: Span::within(bytes, name), value: Span::within(bytes, value), folded })
}

fn is_content_length(name: &[u8]) -> bool {
    match name.len() {
        1 => name.eq_ignore_ascii_case(b"l"),
        14 => name.eq_ignore_ascii_case(b"Content-Length"),
        _ => false,
    }
}

/// Appends `value` with each line break and the white space round it made one space (RFC 3261 section 7.3.1).
pub(crate) fn unfold(value: &[u8], out: &mut Vec<u8>) {
    for (i, line) in value.split(|&b| b == b'\n').enumerate() {
        let line = if i == 0 { trim_end(line) } else { trim(line) };
        if i > 0 && !line.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(line);
    }
}

/// The one-letter form of a header name, in lower case (RFC 3261 section 7.3.3 and the later registrations).
pub(crate) fn compact(name: &[u8]) -> Option<u8> {
    const FORMS: [(&[u8], u8); 19] = [
        (b"Via", b'v'),
        (b"From", b'f'),
        (b"To", b't'),
        (b"Call-ID", b'i'),
        (b"Contact", b'm'),
        (b"Content-Length", b'l'),
        (b"Content-Type", b'c'),
        (b"Content-Encoding", b'e'),
        (b"Supported", b'k'),
        (b"Subject", b's'),
        (b"Event", b'o'),
        (b"Allow-Events", b'u'),
        (b"Refer-To", b'r'),
        (b"Referred-By", b'b'),
        (b"Session-Expires", b'x'),
        (b"Accept-Contact", b'a'),
        (b"Reject-Contact", b'j'),
        (b"Request-Disposition", b'd'),
        (b"Identity", b'y'),
    ];
    FORMS.iter().find(|(long, _)| long.eq_ignore_ascii_case(name)).map(|&(_, letter)| letter)
}

/// A header name to look for, with its compact form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeaderName<'a> {
    long: &'a [u8],
    short: Option<u8>,
}

impl<'a> HeaderName<'a> {
    pub(crate) fn new(name: &'a str) -> HeaderName<'a> {
        HeaderName { long: name.as_bytes(), short: compact(name.as_bytes()) }
    }

    /// Whether `name`, as written in a message, is the one wanted.
    pub(crate) fn is(self, name: &[u8]) -> bool {
        match name {
            [letter] => {
                self.short == Some(letter.to_ascii_lowercase()) || name.eq_ignore_ascii_case(self.long)
            }
            _ => name.eq_ignore_ascii_case(self.long),
        }
    }
}
