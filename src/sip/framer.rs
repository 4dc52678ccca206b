//! Messages cut out of a byte stream (RFC 3261 section 18.3), and the keep-alives between them (RFC 5626).
//!
//! Content-Length is framing here, and framing is security: two readings of one stream are two messages. So
//! the head is read by the same code the parser uses, and whatever leaves the length in doubt ends the stream.

use super::head;
use super::limits::{MAX_LINE, MAX_MESSAGE};
use super::malformed::Malformed;
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
    /// Up to here no empty line was found.
    searched: usize,
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

    fn broken(&mut self, fault: head::Fault) -> Option<Frame> {
        self.state = State::Broken;
        Some(Frame::Broken(Malformed::new(&std::mem::take(&mut self.buffer).freeze(), fault)))
    }

    /// Passes over blank lines. Some(Ping) for two, None when a message may follow.
    fn blank_lines(&mut self) -> Option<Frame> {
        loop {
            if self.buffer.starts_with(b"\r\n\r\n") {
                self.searched = 0;
                self.buffer.advance(4);
                return Some(Frame::Ping);
            }
            match self.buffer.get(..3) {
                Some([b'\r', b'\n', next]) if *next != b'\r' => {
                    self.searched = 0;
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
        let from = self.searched.saturating_sub(3);
        let found = self.buffer.get(from..)?.windows(4).position(|four| four == b"\r\n\r\n");
        self.searched = self.buffer.len();
        let Some(found) = found else { return self.endless_head() };
        let head_end = from + found + 4;
        self.searched = 0;
        if head_end > MAX_MESSAGE {
            return self.broken((513, "a message that is too long"));
        }
        let scanned = head::scan(self.buffer.get(..head_end)?, 0);
        let fault = match scanned {
            Ok(head) => match head.content_length {
                Some(length) if head.body + length as usize <= MAX_MESSAGE => {
                    self.state = State::Body { length: head.body + length as usize };
                    return None;
                }
                Some(_) => (513, "a message that is too long"),
                None => (400, "no Content-Length on a stream"),
            },
            Err(fault) => fault,
        };
        self.broken(fault)
    }

    /// A head without an end: wait, unless it passed a limit.
    fn endless_head(&mut self) -> Option<Frame> {
        if self.buffer.len() > MAX_MESSAGE {
            return self.broken((513, "a message that is too long"));
        }
        if self.buffer.len() > MAX_LINE + 2 && !self.buffer.iter().take(MAX_LINE + 2).any(|&b| b == b'\n') {
            return self.broken((414, "a start line that is too long"));
        }
        None
    }
}

impl Iterator for Framer {
    type Item = Frame;

    /// The next whole frame; `None` when more bytes are needed.
    fn next(&mut self) -> Option<Frame> {
        loop {
            match self.state {
                State::Broken => return None,
                State::Body { length } if self.buffer.len() < length => return None,
                State::Body { length } => {
                    self.state = State::Head;
                    return Some(Frame::Message(self.buffer.split_to(length).freeze()));
                }
                State::Head => match self.head() {
                    Some(frame) => return Some(frame),
                    None if matches!(self.state, State::Body { .. }) => {}
                    None => return None,
                },
            }
        }
    }
}
