//! What the loops of a connection read from and write to, whatever it speaks; and the byte streams among them.

use super::counts::Ended;
use crate::sip::{Frame, Framer, Malformed};
use bytes::Bytes;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// What is read at once.
const READ: usize = 16 * 1024;

/// What came on a connection.
pub(super) enum Came {
    /// A whole message, or what claims to be one.
    Message(Bytes),
    /// A keep-alive that wants its answer (RFC 5626 section 3.5.1).
    Ping,
    /// A sign of life, no more.
    Sign,
    /// What cannot be cut into messages. The connection ends with its answer.
    Broken(Malformed),
    /// What ends the connection.
    End(Ended),
}

/// Where messages come from.
pub(super) trait Source: Send {
    /// The next that comes.
    fn next(&mut self) -> impl Future<Output = Came> + Send;
}

/// Where messages go.
pub(super) trait Sink: Send {
    /// Sends one message and waits until it is on its way.
    fn send(&mut self, message: Bytes) -> impl Future<Output = io::Result<()>> + Send;
    /// Asks the peer for a sign of life, where there is a way to.
    fn ping(&mut self) -> impl Future<Output = io::Result<()>> + Send;
    /// Says that nothing more comes.
    fn end(&mut self) -> impl Future<Output = ()> + Send;
}

/// Messages cut out of a byte stream.
pub(super) struct Framed<R> {
    read: R,
    framer: Framer,
    buffer: Box<[u8]>,
    patience: Duration,
    /// By when the message that was begun must be whole.
    due: Option<Instant>,
}

impl<R> Framed<R> {
    pub(super) fn new(read: R, patience: Duration) -> Framed<R> {
        let buffer = vec![0; READ].into_boxed_slice();
        Framed { read, framer: Framer::new(), buffer, patience, due: None }
    }

    fn framed(&mut self) -> Option<Came> {
        let frame = self.framer.next()?;
        self.due = None;
        Some(match frame {
            Frame::Message(bytes) => Came::Message(bytes),
            Frame::Ping => Came::Ping,
            Frame::Broken(malformed) => Came::Broken(malformed),
        })
    }
}

impl<R: AsyncRead + Unpin + Send> Source for Framed<R> {
    async fn next(&mut self) -> Came {
        loop {
            if let Some(came) = self.framed() {
                return came;
            }
            let read = if self.framer.pending() > 0 {
                let due = *self.due.get_or_insert_with(|| Instant::now() + self.patience);
                match timeout_at(due, self.read.read(&mut self.buffer)).await {
                    Ok(read) => read,
                    Err(_) => return Came::End(Ended::TooSlow),
                }
            } else {
                // How long silence may last is the driver's to say: it knows who is behind the connection.
                self.read.read(&mut self.buffer).await
            };
            match read {
                Ok(n) if n > 0 => self.framer.push(self.buffer.get(..n).unwrap_or_default()),
                _ => return Came::End(Ended::Closed),
            }
        }
    }
}

/// Messages one after the other on a byte stream.
pub(super) struct Written<W>(pub(super) W);

impl<W: AsyncWrite + Unpin + Send> Sink for Written<W> {
    async fn send(&mut self, message: Bytes) -> io::Result<()> {
        self.0.write_all(&message).await?;
        self.0.flush().await
    }

    /// Asking is the phone's part on a byte stream, answering ours.
    async fn ping(&mut self) -> io::Result<()> {
        Ok(())
    }

    async fn end(&mut self) {
        let _ = self.0.shutdown().await;
    }
}
