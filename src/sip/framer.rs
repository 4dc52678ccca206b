//! Messages cut out of a byte stream (RFC 3261 section 18.3), and the keep-alives between them (RFC 5626).
//!
//! Content-Length is framing here, and framing is security: two readings of one stream are two messages. So
//! the head is read by the same code the parser uses, and whatever leaves the length in doubt ends the stream.

use super::head;
use super::head::Fault;
use super::limits::{MAX_LINE, MAX_MESSAGE};
use super::malformed::Malformed;
use super::status::Status;
use bytes::{Buf, Bytes, BytesMut};

/// What came next on a stream.
#[derive(Debug, Clone)]
pub enum Frame {
    /// One whole message, for [`super::Message::parse`].
    Message(Bytes),
    /// A keep-alive: two blank lines where a message might begin. Answer it with one CRLF (RFC 5626 section 3.5.1).
    Ping,
    /// The stream cannot be read any further. Send the answer, if there is one, and close.
    Broken(Malformed),
}

/// Cuts one stream into frames: [`Framer::push`] what was read, then take frames until `None`.
///
/// Holds less than one message and one push; after [`Frame::Broken`] it holds nothing and takes nothing.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// Up to here no line end was found that ends the head.
    searched: usize,
    /// Where the line began that `searched` is in.
    line: usize,
    /// The longest line of this head so far: what is too long is so however it was read.
    longest: usize,
    state: State,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    /// Between messages, or in a head.
    #[default]
    Head,
    /// In a message whose length is known.
    Body { length: usize },
    /// After a fault.
    Broken,
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub fn new() -> Framer {
        Framer::default()
    }

    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Broken) {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Bytes held for a message that is not whole yet. Not zero for long is a stalled peer.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    fn broken(&mut self, fault: Fault) -> Option<Frame> {
        self.state = State::Broken;
        Some(Frame::Broken(Malformed::new(&std::mem::take(&mut self.buffer).freeze(), fault)))
    }

    /// Passes over blank lines. Some(Ping) for two, None when a message may follow.
    fn blank_lines(&mut self) -> Option<Frame> {
        loop {
            if self.buffer.starts_with(b"\r\n\r\n") {
                (self.line, self.searched) = (0, 0);
                self.buffer.advance(4);
                return Some(Frame::Ping);
            }
            match self.buffer.get(..3) {
                Some([b'\r', b'\n', next]) if *next != b'\r' => {
                    (self.line, self.searched) = (0, 0);
                    self.buffer.advance(2);
                }
                _ => return None,
            }
        }
    }

    /// Reads the head, once it is whole.
    fn head(&mut self) -> Option<Frame> {
        if let Some(ping) = self.blank_lines() {
            return Some(ping);
        }
        if b"\r\n\r\n".starts_with(&self.buffer) {
            return None;
        }
        let Some(head_end) = self.find_head_end() else { return self.endless_head() };
        if head_end > MAX_MESSAGE {
            return self.broken(Fault(Status::MESSAGE_TOO_LARGE, "a message that is too long"));
        }
        let scanned = head::scan(self.buffer.get(..head_end)?, 0);
        let fault = match scanned {
            Ok(head) => match head.content_length {
                Some(length) if head.body.saturating_add(length as usize) <= MAX_MESSAGE => {
                    return self.message(head.body + length as usize);
                }
                Some(_) => Fault(Status::MESSAGE_TOO_LARGE, "a message that is too long"),
                None => Fault(Status::BAD_REQUEST, "no Content-Length on a stream"),
            },
            Err(fault) => fault,
        };
        self.broken(fault)
    }

    /// Takes the message of `length` bytes at the front, once it is whole.
    fn message(&mut self, length: usize) -> Option<Frame> {
        if self.buffer.len() < length {
            self.state = State::Body { length };
            return None;
        }
        self.state = State::Head;
        Some(Frame::Message(self.buffer.split_to(length).freeze()))
    }

    /// One past the empty line that ends the head. Looks at every byte once, however they trickle in.
    fn find_head_end(&mut self) -> Option<usize> {
        while let Some(found) = self.buffer.get(self.searched..)?.iter().position(|&b| b == b'\n') {
            let next = self.searched + found + 1;
            let is_empty = self.buffer.get(self.line..next) == Some(b"\r\n");
            self.longest = self.longest.max(next - self.line);
            (self.line, self.searched) = (next, next);
            if is_empty {
                (self.line, self.searched, self.longest) = (0, 0, 0);
                return Some(next);
            }
        }
        self.searched = self.buffer.len();
        None
    }

    /// A head without an end: wait, unless it passed a limit.
    fn endless_head(&mut self) -> Option<Frame> {
        if self.buffer.len() > MAX_MESSAGE {
            return self.broken(Fault(Status::MESSAGE_TOO_LARGE, "a message that is too long"));
        }
        if self.longest.max(self.buffer.len() - self.line) > MAX_LINE + 2 {
            return self.broken(Fault(Status::BAD_REQUEST, "a line that is too long"));
        }
        None
    }
}

impl Iterator for Framer {
    type Item = Frame;

    /// The next whole frame; `None` when more bytes are needed.
    fn next(&mut self) -> Option<Frame> {
        match self.state {
            State::Head => self.head(),
            State::Body { length } => self.message(length),
            State::Broken => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nCSeq: 1 OPTIONS\r\n";

    fn frames(framer: &mut Framer) -> Vec<String> {
        let show = |frame| match frame {
            Frame::Message(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Frame::Ping => "ping".to_owned(),
            Frame::Broken(why) => format!("broken {} {}", why.status, why.reason),
        };
        framer.map(show).collect()
    }

    fn all(stream: &str) -> Vec<String> {
        let mut framer = Framer::new();
        framer.push(stream.as_bytes());
        frames(&mut framer)
    }

    fn with_length(length: &str, body: &str) -> String {
        format!("{ONE}Content-Length: {length}\r\n\r\n{body}")
    }

    #[test]
    fn two_messages_in_one_read_are_two_frames() {
        let (one, two) = (with_length("4", "body"), with_length("0", ""));
        assert_eq!(all(&format!("{one}{two}")), [one, two]);
    }

    #[test]
    fn a_message_that_trickles_in_is_one_frame() {
        let whole = with_length("4", "body");
        let mut framer = Framer::new();
        for (i, byte) in whole.bytes().enumerate() {
            assert_eq!(frames(&mut framer), [""; 0], "before byte {i}");
            framer.push(&[byte]);
        }
        assert_eq!(frames(&mut framer), [whole]);
        assert_eq!(framer.pending(), 0);
    }

    #[test]
    fn a_single_blank_line_is_passed_over_and_a_double_one_is_a_ping() {
        let one = with_length("0", "");
        assert_eq!(all(&format!("\r\n{one}")), std::slice::from_ref(&one));
        assert_eq!(all(&format!("\r\n\r\n{one}\r\n\r\n\r\n{one}")), ["ping", &one, "ping", &one]);
        let mut framer = Framer::new();
        for byte in *b"\r\n\r" {
            framer.push(&[byte]);
            assert_eq!(frames(&mut framer), [""; 0]);
        }
        framer.push(b"\n");
        assert_eq!(frames(&mut framer), ["ping"]);
    }

    #[test]
    fn a_length_that_is_in_doubt_ends_the_stream_with_an_answer() {
        for length in ["18446744073709551615", "-1", "+4", "4, 4", "4 4", "", "0x4", "4;", "4\r\nl: 5"] {
            let mut framer = Framer::new();
            framer.push(with_length(length, "body").as_bytes());
            let Some(Frame::Broken(why)) = framer.next() else { panic!("{length:?} was believed") };
            let answer = why.answer().expect("an answer");
            assert!(answer.starts_with(b"SIP/2.0 400 "), "{length:?}: {why:?}");
            framer.push(with_length("0", "").as_bytes());
            assert!(framer.next().is_none(), "nothing is read after {length:?}");
            assert_eq!(framer.pending(), 0);
        }
    }

    #[test]
    fn a_length_past_the_limit_is_refused_before_its_body_comes() {
        assert_eq!(all(&with_length("70000", "")), ["broken 513 a message that is too long"]);
    }

    #[test]
    fn a_missing_length_ends_the_stream() {
        assert_eq!(all(&format!("{ONE}\r\n")), ["broken 400 no Content-Length on a stream"]);
    }

    #[test]
    fn a_length_before_a_spaced_colon_folded_compact_or_repeated_is_seen() {
        for header in ["l:4", "L : 4", "Content-Length\t:\r\n 0004", "l: 4\r\ncontent-length: 4"] {
            let message = format!("{ONE}{header}\r\n\r\nbody");
            assert_eq!(all(&format!("{message}OPTIONS")), [message], "{header:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_memory() {
        let mut framer = Framer::new();
        for _ in 0..9 {
            framer.push(&[b'x'; 1024]);
        }
        assert_eq!(frames(&mut framer), ["broken 400 a line that is too long"]);
    }

    #[test]
    fn a_head_without_end_is_refused_before_it_fills_memory() {
        let mut framer = Framer::new();
        framer.push(ONE.as_bytes());
        let mut pushed = 0;
        let broken = loop {
            framer.push(b"X: y\r\n");
            pushed += 6;
            if let Some(frame) = framer.next() {
                break frame;
            }
            assert!(pushed < MAX_MESSAGE, "still waiting");
        };
        assert!(matches!(broken, Frame::Broken(why) if why.status == Status::MESSAGE_TOO_LARGE));
    }

    #[test]
    fn a_lone_line_feed_never_ends_a_head() {
        assert_eq!(all("OPTIONS sip:a@b SIP/2.0\nl: 0\n\r\n"), ["broken 400 a lone CR or LF in a header"]);
    }
}
