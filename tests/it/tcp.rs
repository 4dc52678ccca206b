//! SIP over a stream, against a gateway on real sockets: framing, keep-alives, a call from INVITE to BYE, and what
//! cannot be framed.

use hotline_gateway::config::Config;
use hotline_gateway::io::serve::{self, Running};
use hotline_gateway::sip::{Message, Transport};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

const WITHIN: Duration = Duration::from_secs(10);

struct Gateway {
    running: Running,
    directory: std::path::PathBuf,
}

impl Gateway {
    async fn start(name: &str) -> Gateway {
        let directory = std::env::temp_dir().join(format!("hotline-tcp-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let store = directory.join("journal.db");
        let text = format!(
            "[sip]\nlisten = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]\n[grpc]\nlisten = \"127.0.0.1:0\"\n\
             [http]\nlisten = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n[limits]\ndrain = \"1s\"\n\
             [[trunk]]\nname = \"pbx\"\nsources = [\"127.0.0.1\"]\n[[seat]]\nid = \"1001\"\n[[queue]]\nname = \"main\"\n\
             [[service]]\nnumber = \"12345\"\nqueue = \"main\"\n"
        );
        let config = Config::parse("the test's configuration", &text).unwrap_or_else(|e| panic!("{e}"));
        Gateway { running: serve::start(&config).await.unwrap(), directory }
    }

    async fn connect(&self) -> Line {
        let tcp = self.running.sip.iter().find(|(t, _)| *t == Transport::Tcp).unwrap().1;
        let stream = TcpStream::connect(tcp).await.unwrap();
        Line { here: stream.local_addr().unwrap(), stream, read: Vec::new() }
    }

    async fn stop(self) {
        self.running.stop().await;
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

struct Line {
    stream: TcpStream,
    here: SocketAddr,
    read: Vec<u8>,
}

impl Line {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    fn request(&self, method: &str, cseq: u32, to_tag: &str, body: &str) -> String {
        let here = self.here;
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:12345@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP {here};branch=z9hG4bK{method}{cseq}\r\n\
             From: <sip:13812341234@{here}>;tag=a\r\nTo: <sip:12345@127.0.0.1>{to_tag}\r\nCall-ID: c@{here}\r\n\
             CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:a@{here};transport=tcp>\r\n{content}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// The next whole message, or `None` when the gateway has closed the connection.
    async fn message(&mut self) -> Option<Message> {
        loop {
            if let Some(end) = whole(&self.read) {
                let bytes: Vec<u8> = self.read.drain(..end).collect();
                return Some(Message::parse(bytes.into()).unwrap_or_else(|e| panic!("{}", e.reason)));
            }
            let mut buffer = [0; 4096];
            let n =
                timeout(WITHIN, self.stream.read(&mut buffer)).await.expect("an answer in time").unwrap_or(0);
            if n == 0 {
                return None;
            }
            self.read.extend(&buffer[..n]);
        }
    }

    async fn final_response(&mut self) -> Message {
        loop {
            let message = self.message().await.expect("the connection was closed");
            if message.status().is_some_and(|s| s >= 200) {
                return message;
            }
        }
    }
}

fn whole(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length: usize = text.split("content-length:").nth(1)?.split("\r\n").next()?.trim().parse().ok()?;
    (bytes.len() >= head + length).then_some(head + length)
}

#[tokio::test]
async fn messages_in_pieces_and_in_one_piece_are_answered_and_keep_alives_too() {
    let gateway = Gateway::start("pieces").await;
    let mut line = gateway.connect().await;
    let (one, two) = (line.request("OPTIONS", 1, "", ""), line.request("OPTIONS", 2, "", ""));
    let (head, tail) = one.split_at(40);
    line.send(head).await;
    tokio::task::yield_now().await;
    line.send(format!("{tail}{two}")).await;
    assert_eq!(line.final_response().await.cseq().0, 1);
    assert_eq!(line.final_response().await.cseq().0, 2);
    line.send("\r\n\r\n").await;
    let mut pong = [0; 2];
    timeout(WITHIN, line.stream.read_exact(&mut pong)).await.expect("a pong in time").unwrap();
    assert_eq!(&pong, b"\r\n");
    gateway.stop().await;
}

#[tokio::test]
async fn a_call_over_a_stream_is_answered_and_ended() {
    let gateway = Gateway::start("call").await;
    let mut line = gateway.connect().await;
    let sdp = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
    line.send(line.request("INVITE", 1, "", sdp)).await;
    let ok = line.final_response().await;
    assert_eq!(ok.status(), Some(200));
    let tag = format!(";tag={}", ok.to_tag().unwrap());
    line.send(line.request("ACK", 1, &tag, "")).await;
    line.send(line.request("BYE", 2, &tag, "")).await;
    let bye = line.final_response().await;
    assert_eq!((bye.status(), bye.cseq().0), (Some(200), 2));
    gateway.stop().await;
}

#[tokio::test]
async fn what_cannot_be_framed_is_answered_400_and_closed() {
    let gateway = Gateway::start("broken").await;
    let mut line = gateway.connect().await;
    let twice = line
        .request("OPTIONS", 1, "", "")
        .replace("Content-Length: 0", "Content-Length: 0\r\nContent-Length: 9");
    line.send(twice).await;
    assert_eq!(line.message().await.and_then(|m| m.status()), Some(400));
    assert!(line.message().await.is_none(), "the connection stays open");
    gateway.stop().await;
}
