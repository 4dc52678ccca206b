//! SIP over WebSocket (RFC 7118): one message a frame, text or binary, for the sub-protocol `sip` alone.

use super::counts::Ended;
use super::framed::{Came, Sink, Source};
use super::frames::Frames;
use crate::sip::limits::MAX_MESSAGE;
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::sleep_until;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

/// The sub-protocol (RFC 7118 section 4.1), in exactly this spelling.
const SIP: &str = "sip";

/// What may wait inside for a peer that does not read, past what is just being sent: pongs.
const UNSENT: usize = 2 * MAX_MESSAGE;

/// A WebSocket that is open.
pub(super) struct Opened<S> {
    socket: WebSocketStream<Watched<S>>,
    progress: Progress,
}

/// How far the reader is; nothing before the frames begin.
type Progress = Arc<Mutex<Option<Frames>>>;

impl<S: AsyncRead + AsyncWrite + Unpin> Opened<S> {
    /// A message must be whole within `patience` of its first octet.
    pub(super) fn split(
        self,
        patience: Duration,
    ) -> (SplitSink<WebSocketStream<Watched<S>>, Message>, Messages<S>) {
        let (write, read) = self.socket.split();
        (write, Messages { read, progress: self.progress, patience })
    }
}

/// Answers the opening handshake, or refuses it: 403 to a page that is not on the list, 400 to what does not want to
/// speak SIP. A request without Origin comes from no browser and is taken.
pub(super) async fn accept<S>(stream: S, origins: &[String]) -> Result<Opened<S>, Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut refused = None;
    #[expect(clippy::result_large_err, reason = "the library's callback is shaped so")]
    let judge = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        if let Some(why) = judge(request.headers(), origins) {
            refused = Some(why);
            return Err(refusal(why));
        }
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SIP));
        Ok(response)
    };
    let progress = Progress::default();
    let watched = Watched { stream, progress: progress.clone() };
    let opened = accept_hdr_async_with_config(watched, judge, Some(limits())).await;
    let socket = opened.map_err(|_| refused.unwrap_or(Ended::NoHandshake))?;
    // The library takes nothing that comes in one piece with the handshake: what is read from here on are frames.
    *locked(&progress) = Some(Frames::default());
    Ok(Opened { socket, progress })
}

fn locked(progress: &Progress) -> MutexGuard<'_, Option<Frames>> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bytes under a WebSocket, with an eye on how far the frames are that are read from them.
pub(super) struct Watched<S> {
    stream: S,
    progress: Progress,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if let Some(frames) = locked(&self.progress).as_mut() {
            frames.read(Instant::now(), buffer.filled().get(before..).unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
        .read_buffer_size(MAX_MESSAGE / 4)
        .write_buffer_size(0)
        .max_write_buffer_size(UNSENT)
}

fn judge(headers: &HeaderMap, origins: &[String]) -> Option<Ended> {
    let mut named = headers.get_all(header::ORIGIN).iter();
    let admitted = named.all(|origin| {
        let origin = origin.to_str().map(str::to_ascii_lowercase);
        origin.is_ok_and(|origin| origins.contains(&origin))
    });
    if !admitted {
        return Some(Ended::OriginRefused);
    }
    let asked = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|v| v.to_str().ok());
    let for_sip = asked.flat_map(|v| v.split(',')).any(|protocol| protocol.trim() == SIP);
    (!for_sip).then_some(Ended::NotForSip)
}

fn refusal(why: Ended) -> ErrorResponse {
    let (status, text) = if why == Ended::OriginRefused {
        (StatusCode::FORBIDDEN, "this page may not open a WebSocket here\n")
    } else {
        (StatusCode::BAD_REQUEST, "the sub-protocol must be sip\n")
    };
    let mut response = ErrorResponse::new(Some(text.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Reads any bytes at all as the frames of a client, within our limits, and what is in them as messages.
///
/// # Panics
/// When a message is longer than it may be, or is answered with more than is sound: see [`crate::sip::fuzz`].
pub fn fuzz(bytes: &[u8]) {
    use tokio_tungstenite::tungstenite::WebSocket;
    use tokio_tungstenite::tungstenite::protocol::Role;
    /// A peer that only speaks.
    struct Peer<'a>(&'a [u8]);
    impl io::Read for Peer<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }
    impl io::Write for Peer<'_> {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            Ok(buffer.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut socket = WebSocket::from_raw_socket(Peer(bytes), Role::Server, Some(limits()));
    while let Ok(message) = socket.read() {
        let body = match message {
            Message::Text(text) => Bytes::from(text),
            Message::Binary(body) => body,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => continue,
        };
        assert!(body.len() <= MAX_MESSAGE, "a message past its limit was read");
        if let Came::Message(message) = came(body) {
            crate::sip::fuzz::fuzz(&message);
        }
    }
}

/// What comes on a WebSocket.
pub(super) struct Messages<S> {
    read: SplitStream<WebSocketStream<Watched<S>>>,
    progress: Progress,
    patience: Duration,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Messages<S> {
    /// What comes next; `Err` when it takes too long over it. How long silence between messages may last is the driver's
    /// to say.
    async fn in_time(&mut self) -> Result<Option<Result<Message, Error>>, Ended> {
        let Messages { read, progress, patience } = self;
        let mut due = None;
        let mut sleep = pin!(sleep_until(Instant::now().into()));
        poll_fn(|cx| {
            if let Poll::Ready(came) = read.poll_next_unpin(cx) {
                return Poll::Ready(Ok(came));
            }
            let begun = locked(progress).as_ref().and_then(Frames::begun);
            let Some(now_due) = begun.map(|begun| begun + *patience) else { return Poll::Pending };
            if due != Some(now_due) {
                due = Some(now_due);
                sleep.as_mut().reset(now_due.into());
            }
            sleep.as_mut().poll(cx).map(|()| Err(Ended::TooSlow))
        })
        .await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Source for Messages<S> {
    async fn next(&mut self) -> Came {
        loop {
            let next = match self.in_time().await {
                Ok(next) => next,
                Err(ended) => return Came::End(ended),
            };
            return match next {
                Some(Ok(Message::Text(text))) => came(text.into()),
                Some(Ok(Message::Binary(bytes))) => came(bytes),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Came::Sign,
                // The next read answers it, and ends.
                Some(Ok(Message::Close(_) | Message::Frame(_))) => continue,
                Some(Err(Error::Capacity(_) | Error::Protocol(_) | Error::Utf8(_))) => {
                    Came::End(Ended::Broken)
                }
                Some(Err(_)) | None => Came::End(Ended::Closed),
            };
        }
    }
}

fn came(bytes: Bytes) -> Came {
    match bytes.iter().all(|b| matches!(b, b'\r' | b'\n')) {
        true if bytes.len() >= 4 => Came::Ping,
        true => Came::Sign,
        false => Came::Message(bytes),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Sink for SplitSink<WebSocketStream<Watched<S>>, Message> {
    async fn send(&mut self, message: Bytes) -> io::Result<()> {
        // A display name in another character set is no text to WebSocket (RFC 6455 section 5.6).
        let message = match std::str::from_utf8(&message) {
            Ok(text) => Message::text(text),
            Err(_) => Message::Binary(message),
        };
        SinkExt::send(self, message).await.map_err(io::Error::other)
    }

    async fn ping(&mut self) -> io::Result<()> {
        SinkExt::send(self, Message::Ping(Bytes::new())).await.map_err(io::Error::other)
    }

    async fn end(&mut self) {
        let _ = SinkExt::close(self).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_the_sub_protocol_sip_in_this_spelling_is_spoken() {
        let asked = |p: &'static str| judge(&headers(&[("sec-websocket-protocol", p)]), &[]);
        assert_eq!(asked("sip"), None);
        assert_eq!(asked("chat, sip"), None);
        for other in ["SIP", "sips", "chat", "", "sip2"] {
            assert_eq!(asked(other), Some(Ended::NotForSip), "{other}");
        }
        assert_eq!(judge(&HeaderMap::new(), &[]), Some(Ended::NotForSip));
    }

    #[test]
    fn a_page_is_admitted_by_its_whole_origin_and_no_page_without_a_list() {
        let desk = ["https://desk.example.org".to_owned()];
        let from = |origin: &'static str, origins: &[String]| {
            judge(&headers(&[("origin", origin), ("sec-websocket-protocol", "sip")]), origins)
        };
        assert_eq!(from("https://desk.example.org", &desk), None);
        assert_eq!(from("https://DESK.example.org", &desk), None);
        for other in [
            "http://desk.example.org",
            "https://desk.example.org:8443",
            "https://desk.example.org.evil.example",
            "https://evil.example/https://desk.example.org",
            "null",
            "",
        ] {
            assert_eq!(from(other, &desk), Some(Ended::OriginRefused), "{other}");
        }
        assert_eq!(from("https://desk.example.org", &[]), Some(Ended::OriginRefused));
        assert_eq!(judge(&headers(&[("sec-websocket-protocol", "sip")]), &desk), None, "no browser");
    }

    #[test]
    fn blank_lines_are_keep_alives_and_the_rest_is_a_message() {
        assert!(matches!(came(Bytes::from_static(b"\r\n\r\n")), Came::Ping));
        assert!(matches!(came(Bytes::from_static(b"\r\n")), Came::Sign));
        assert!(matches!(came(Bytes::new()), Came::Sign));
        assert!(matches!(came(Bytes::from_static(b"OPTIONS")), Came::Message(_)));
    }
}
