//! Bytes that are not a message, and the answer they still deserve.
//!
//! Silence makes a caller wait 32 seconds for nothing; so a request whose Via can be read is answered with as
//! much as can be read of it. Read here line by line and forgivingly: what the parser refused is not believed,
//! only echoed.

use super::grammar::{is_token, trim, trim_start};
use super::head::Fault;
use super::head::{HeaderName, blank_prefix, unfold};
use super::limits::{MAX_HEADERS, MAX_LINE, MAX_MESSAGE};
use super::name_addr::NameAddr;
use super::status::Status;
use super::via::{Via, topmost};
use bytes::Bytes;
use std::fmt;
use std::net::SocketAddr;

/// The reason given for a datagram with nothing in it.
pub(crate) const NOTHING: &str = "nothing but blank lines";

/// Header lines an answer is made from: so many that with its own the answer keeps the limit too.
const ECHOED_LINES: usize = MAX_HEADERS - 8;

/// Why bytes are not a message, and the answer they still deserve.
#[derive(Clone)]
pub struct Malformed {
    /// What is wrong, in a few words, without anything the peer sent.
    pub reason: &'static str,
    /// The status of the answer: 400, 414, 505 or 513.
    pub status: Status,
    bytes: Bytes,
}

impl Malformed {
    pub(crate) fn new(bytes: &Bytes, Fault(status, reason): Fault) -> Malformed {
        Malformed { reason, status, bytes: bytes.clone() }
    }

    /// What came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether there was nothing to read: blank lines or zeros, with which a peer keeps its NAT open. Not a fault.
    pub fn is_keep_alive(&self) -> bool {
        self.reason == NOTHING
    }

    /// The response to send where the bytes came from. `None` if they were no request, an ACK, or have no Via
    /// that can be read; then silence is right. Longer than what came by at most 256 bytes and what it takes to
    /// write compact header names out.
    pub fn answer(&self) -> Option<Bytes> {
        self.respond(None)
    }

    /// As [`Malformed::answer`], with `received` and `rport` noted in the topmost Via (RFC 3581).
    pub fn answer_to(&self, source: SocketAddr) -> Option<Bytes> {
        self.respond(Some(source))
    }

    /// The topmost Via of a request that is answered, if it can be read: it says at which port the answer is awaited.
    pub(crate) fn via(&self) -> Option<Via> {
        let read = Readable::of(&self.bytes)?;
        Via::parse(topmost(read.vias.first()?).0.to_vec()).ok()
    }

    fn respond(&self, source: Option<SocketAddr>) -> Option<Bytes> {
        let read = Readable::of(&self.bytes)?;
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(format!("SIP/2.0 {} {}", self.status, self.status.phrase()).as_bytes());
        out.extend_from_slice(format!(" - {}\r\n", self.reason).as_bytes());
        for (i, via) in read.vias.iter().enumerate() {
            let (top, rest) = topmost(via);
            let stamp =
                source.filter(|_| i == 0).and_then(|s| Some(Via::parse(top.to_vec()).ok()?.stamped(s)));
            match stamp {
                Some(stamp) => line(&mut out, "Via", &[&stamp, rest]),
                None => line(&mut out, "Via", &[via]),
            }
        }
        for (name, value) in [("From", &read.from), ("Call-ID", &read.call_id), ("CSeq", &read.cseq)] {
            if let Some(value) = value {
                line(&mut out, name, &[value]);
            }
        }
        if let Some(to) = &read.to {
            match NameAddr::parse(to.clone()) {
                Ok(address) if address.tag().is_none() => line(&mut out, "To", &[to, b";tag=", &read.tag()]),
                _ => line(&mut out, "To", &[to]),
            }
        }
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        Some(out.into())
    }
}

fn line(out: &mut Vec<u8>, name: &str, value: &[&[u8]]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    for part in value {
        out.extend(part.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
    }
    out.extend_from_slice(b"\r\n");
}

impl fmt::Debug for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Malformed({} {})", self.status, self.reason)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

/// The headers an answer echoes, as far as they can be found.
#[derive(Default)]
struct Readable {
    vias: Vec<Vec<u8>>,
    from: Option<Vec<u8>>,
    to: Option<Vec<u8>>,
    call_id: Option<Vec<u8>>,
    cseq: Option<Vec<u8>>,
}

impl Readable {
    /// `None` when no answer is due.
    fn of(bytes: &[u8]) -> Option<Readable> {
        let bytes = bytes.get(..bytes.len().min(MAX_MESSAGE))?;
        let mut lines = Lines { rest: bytes.get(blank_prefix(bytes)..)? };
        let start = lines.next()?;
        if !is_answerable_request(start) {
            return None;
        }
        let names = ["Via", "From", "To", "Call-ID", "CSeq"].map(HeaderName::new);
        let mut read = Readable::default();
        for line in lines.take(ECHOED_LINES).take_while(|line| !line.is_empty()) {
            let Some(colon) = line.iter().position(|&b| b == b':').filter(|_| line.len() <= MAX_LINE) else {
                continue;
            };
            let (name, value) = line.split_at(colon);
            let Some(which) = names.iter().position(|wanted| wanted.is(trim(name))) else { continue };
            let mut text = Vec::with_capacity(value.len());
            unfold(trim_start(value.get(1..).unwrap_or_default()), &mut text);
            let slot = match which {
                0 => {
                    read.vias.push(text);
                    continue;
                }
                1 => &mut read.from,
                2 => &mut read.to,
                3 => &mut read.call_id,
                _ => &mut read.cseq,
            };
            slot.get_or_insert(text);
        }
        read.has_a_way_back().then_some(read)
    }

    /// Whether the topmost Via names a hop, of whatever SIP version.
    fn has_a_way_back(&self) -> bool {
        let Some(via) = self.vias.first() else { return false };
        let hop = via.splitn(3, |&b| b == b'/').nth(2).map(trim).unwrap_or_default();
        via.get(..3).is_some_and(|name| name.eq_ignore_ascii_case(b"SIP"))
            && hop.iter().any(|b| matches!(b, b' ' | b'\t'))
    }

    /// A To tag that is the same for the same request, as a stateless answer needs (RFC 3261 section 8.2.7).
    fn tag(&self) -> [u8; 16] {
        const PRIME: u64 = 0x0100_0000_01b3;
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for part in self.vias.first().into_iter().chain(&self.call_id).chain(&self.cseq) {
            for &b in part {
                hash = (hash ^ u64::from(b)).wrapping_mul(PRIME);
            }
        }
        let mut tag = [0; 16];
        for (i, digit) in tag.iter_mut().enumerate() {
            *digit = char::from_digit((hash >> (60 - 4 * i)) as u32 & 0xf, 16).map_or(b'0', |c| c as u8);
        }
        tag
    }
}

/// Whether the start line may be that of a request which wants an answer: of no response, and of no ACK.
fn is_answerable_request(start: &[u8]) -> bool {
    let method = start.split(|b| matches!(b, b' ' | b'\t')).next().unwrap_or_default();
    is_token(method) && method != b"ACK"
}

/// Lines with their folded continuations; LF alone ends one here.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let mut end = 0;
        loop {
            end += self
                .rest
                .get(end..)?
                .iter()
                .position(|&b| b == b'\n')
                .map_or(self.rest.len() - end, |i| i + 1);
            let blank = matches!(self.rest.get(..end)?, b"\r\n" | b"\n");
            if blank || !self.rest.get(end).is_some_and(|b| matches!(b, b' ' | b'\t')) {
                break;
            }
        }
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}
