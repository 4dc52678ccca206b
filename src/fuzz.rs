//! One entry point for each parser of what peers send, and the mutator that feeds them.
//!
//! `tests/it/fuzz.rs` drives them from seeds on stable Rust, `fuzz/` with cargo-fuzz. Each entry point takes any bytes
//! at all and panics when a promise is broken; nothing else calls them. WebSocket frames are read by the shell: their
//! entry point is `io::stream::fuzz`.

mod headers;
mod mutate;

pub use headers::{addresses, caller, keys, refer, register, timers};
pub use mutate::{mutated, mutated_message};

use crate::media::{rtcp, rtp};
use crate::sdp::{self, Codec, Direction, Local, Security};
use crate::sip::digest::{Challenge, Credentials};
use crate::sip::locate::{Kind, Query, message as dns};
use crate::sip::{self, Malformed, Message, keep_alive, masked};
use bytes::Bytes;

/// One parser.
pub struct FuzzTarget {
    /// The name: of its corpus under `tests/corpus`, and of its fuzz target.
    pub name: &'static str,
    /// Feeds it.
    pub feed: fn(&[u8]),
    /// Whether what it reads has lines, so that these are shuffled too.
    pub has_lines: bool,
}

/// All parsers of the core.
pub const TARGETS: [FuzzTarget; 14] = [
    FuzzTarget { name: "sip", feed: sip::fuzz::fuzz, has_lines: true },
    FuzzTarget { name: "masked", feed: masked_message, has_lines: true },
    FuzzTarget { name: "sdp", feed: description, has_lines: true },
    FuzzTarget { name: "multipart", feed: multipart, has_lines: true },
    FuzzTarget { name: "digest", feed: digest, has_lines: false },
    FuzzTarget { name: "rtp", feed: media, has_lines: false },
    FuzzTarget { name: "stun", feed: stun, has_lines: false },
    FuzzTarget { name: "dns", feed: names, has_lines: false },
    FuzzTarget { name: "addresses", feed: addresses, has_lines: false },
    FuzzTarget { name: "refer", feed: refer, has_lines: true },
    FuzzTarget { name: "caller", feed: caller, has_lines: true },
    FuzzTarget { name: "register", feed: register, has_lines: true },
    FuzzTarget { name: "timers", feed: timers, has_lines: true },
    FuzzTarget { name: "keys", feed: keys, has_lines: true },
];

/// A masked message is as long as it was, and hides what stands in a digest's response, whatever stands before it or
/// behind it.
pub fn masked_message(bytes: &[u8]) {
    for numbers in [false, true] {
        assert_eq!(masked(bytes, numbers).len(), bytes.len(), "a masked message has another length");
    }
    let line = b"Authorization: Digest realm=\"r\", response=\"5ec4e7\"\r\n";
    let hidden = |around: &[u8], from: usize, to: usize| {
        let shown = masked(around, false);
        let there = shown.get(from..to).unwrap_or(&shown);
        assert!(!there.windows(6).any(|w| w == b"5ec4e7"), "a secret was shown");
    };
    for blank in [&b""[..], b"\r\n", b"\r\n\r\n", b"\n", b"\0\0"] {
        let start = [blank, b"OPTIONS sip:h SIP/2.0\r\n"].concat();
        let end = start.len() + line.len();
        hidden(&[&start, &line[..], bytes].concat(), start.len(), end);
    }
    hidden(&[b"OPTIONS sip:h SIP/2.0\r\n", bytes, b"\r\n", line].concat(), 23 + bytes.len(), usize::MAX);
}

/// An answer to whatever can be read as an offer can be read, and fits it.
pub fn description(bytes: &[u8]) {
    let security = Security::Plain;
    let local = Local { address: [192, 0, 2, 1].into(), port: 16384, security, session_id: 1, version: 1 };
    let Ok(offered) = sdp::parse(bytes) else { return };
    let Ok((text, agreed)) = sdp::answer(&offered, &local, &Codec::ALL, Direction::SendRecv) else { return };
    let answered = sdp::parse(text.as_bytes()).expect("our own answer can be read");
    assert_eq!(answered.media.len(), offered.media.len(), "an answer has as many lines as its offer");
    assert_eq!(answered.audio, offered.audio, "the answer takes another line than the offer's");
    assert_eq!(answered.codecs.first().map(|c| c.0), Some(agreed.codec));
}

/// A body in parts: the first line names its boundary.
pub fn multipart(bytes: &[u8]) {
    let line = bytes.split(|&b| b == b'\r' || b == b'\n').next().unwrap_or_default();
    let boundary = line.strip_prefix(b"--").unwrap_or(line);
    let kind = [b"multipart/mixed;boundary=", boundary].concat();
    if let Ok(Some(found)) = sdp::find(Some(&kind), None, bytes) {
        assert!(found.len() <= bytes.len());
    }
    let _ = sdp::find(Some(bytes), Some(bytes), bytes);
}

/// Credentials and challenges.
pub fn digest(bytes: &[u8]) {
    if let Ok(credentials) = Credentials::parse(bytes) {
        let _ = (credentials.nonce_use(), credentials.answered(b"REGISTER"));
    }
    if let Ok(challenge) = Challenge::parse(bytes) {
        let again = Challenge::parse(challenge.render().as_bytes());
        assert!(again.is_ok(), "our own challenge cannot be read");
    }
}

/// RTP and RTCP.
pub fn media(bytes: &[u8]) {
    if let Some(header) = rtp::Header::read(bytes) {
        assert!(header.payload.end <= bytes.len(), "a payload outside its packet");
        let mut packet = bytes.to_vec();
        let length = header.write(&mut packet);
        let again = packet.get(..length).and_then(rtp::Header::read);
        let same = |h: &rtp::Header| {
            (h.sequence, h.timestamp, h.ssrc, h.payload.len())
                == (header.sequence, header.timestamp, header.ssrc, header.payload.len())
        };
        assert!(length == 0 || again.is_some_and(|h| same(&h)), "a packet is written otherwise than read");
    }
    let _ = rtp::is_rtcp(bytes);
    let _ = rtcp::Report::read(bytes, 7);
}

/// What looks like STUN, DTLS or TURN on a SIP port is no request, and is never answered as one: its sender would be
/// answered for another. A STUN Binding Request alone is answered as such, in few bytes.
pub fn stun(bytes: &[u8]) {
    let is_stun = keep_alive::is_stun(bytes);
    for source in ["192.0.2.7:5060", "[2001:db8::7]:5060"] {
        let Some(answer) = keep_alive::answer(bytes, source.parse().expect("an address")) else { continue };
        assert!(is_stun, "what is no STUN was answered as STUN");
        assert!(keep_alive::is_stun(&answer) && answer.len() <= 44, "an answer that is none, or amplifies");
        assert_eq!(answer.get(4..20), bytes.get(4..20), "an answer to another's question");
    }
    assert!(!is_stun || Message::parse(Bytes::copy_from_slice(bytes)).is_err(), "STUN was read as SIP");
    let Err(malformed) = Message::parse(Bytes::copy_from_slice(bytes)) else { return };
    let is_token = |b: &u8| b.is_ascii_graphic() || matches!(b, b' ' | b'\r' | b'\n' | b'\t');
    if !bytes.first().is_some_and(is_token) {
        assert!(silent(&malformed), "what is no text was answered");
    }
}

fn silent(malformed: &Malformed) -> bool {
    malformed.answer().is_none()
}

/// Answers of name servers, to each kind of question.
pub fn names(bytes: &[u8]) {
    let number = bytes.first_chunk().copied().map_or(0, u16::from_be_bytes);
    for kind in [Kind::Naptr, Kind::Srv, Kind::A, Kind::Aaaa] {
        let query = Query { name: "sip.example.com".to_owned(), kind };
        let _ = dns::answer(number, &query, bytes);
    }
}
