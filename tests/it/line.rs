//! A gateway on real sockets, and a peer on one connection or socket that says what a test tells it to.

use hotline_gateway::config::Config;
use hotline_gateway::io::serve::{self, Running};
use hotline_gateway::sip::digest::Challenge;
use hotline_gateway::sip::{Message, Status, Transport};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::{Duration, timeout};

/// What takes longer will not come.
pub const WITHIN: Duration = Duration::from_secs(20);

/// A gateway in this process.
pub struct Gateway {
    pub running: Running,
    pub directory: PathBuf,
}

/// A directory of the test's own.
pub fn directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("hotline-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

impl Gateway {
    /// Starts one with seat 1001 and service number 12345; `sip` is what stands under `[sip]`, `more` what else is
    /// configured, its trunk among it.
    pub async fn start(directory: PathBuf, sip: &str, more: &str) -> Gateway {
        let store = directory.join("journal.db");
        let text = format!(
            "[sip]\n{sip}\n[grpc]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [store]\npath = {store:?}\n{more}\n\
             [[queue]]\nname = \"main\"\n[[service]]\nnumber = \"12345\"\nqueue = \"main\"\n"
        );
        let config = Config::parse("the test's configuration", &text).unwrap_or_else(|e| panic!("{e}"));
        Gateway { running: serve::start(&config).await.unwrap(), directory }
    }

    /// Where it listens for this transport.
    pub fn at(&self, transport: Transport) -> SocketAddr {
        self.running.sip.iter().find(|(t, _)| *t == transport).expect("a listener").1
    }

    pub async fn tcp(&self) -> Line<TcpStream> {
        let stream = TcpStream::connect(self.at(Transport::Tcp)).await.unwrap();
        Line::new(stream.local_addr().unwrap(), "TCP", stream)
    }

    pub async fn stop(self) {
        self.running.stop().await;
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A connection from this address.
pub async fn connect_from(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

/// What a peer speaks over.
pub trait Carrier {
    async fn say(&mut self, bytes: &[u8]);
    /// What comes next, in pieces of any size; `None` when the gateway has closed.
    async fn hear(&mut self) -> Option<Vec<u8>>;
}

impl<S: AsyncRead + AsyncWrite + Unpin> Carrier for S {
    async fn say(&mut self, bytes: &[u8]) {
        self.write_all(bytes).await.unwrap();
        self.flush().await.unwrap();
    }

    async fn hear(&mut self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 4096];
        let n = self.read(&mut buffer).await.unwrap_or(0);
        buffer.truncate(n);
        (n > 0).then_some(buffer)
    }
}

/// A UDP socket that is connected.
pub struct Datagrams(pub UdpSocket);

impl Carrier for Datagrams {
    async fn say(&mut self, bytes: &[u8]) {
        self.0.send(bytes).await.unwrap();
    }

    async fn hear(&mut self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 65_535];
        let n = self.0.recv(&mut buffer).await.ok()?;
        buffer.truncate(n);
        Some(buffer)
    }
}

/// A peer of the gateway.
pub struct Line<C> {
    pub carrier: C,
    pub here: SocketAddr,
    /// Where it says it takes RTP.
    pub audio: SocketAddr,
    /// As the Via has it.
    transport: &'static str,
    read: Vec<u8>,
}

impl<C: Carrier> Line<C> {
    pub fn new(here: SocketAddr, transport: &'static str, carrier: C) -> Line<C> {
        // Nothing is ever sent there.
        let audio = SocketAddr::new(here.ip(), 40_000);
        Line { carrier, here, audio, transport, read: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.carrier.say(bytes.as_ref()).await;
    }

    /// A request of a caller; `more` are further headers, each with its line end.
    pub fn request(&self, method: &str, cseq: u32, to_tag: &str, body: &str) -> String {
        let (here, via) = (self.here, self.transport);
        let (ip, transport) = (bracketed(here), via.to_lowercase());
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:12345@{ip} SIP/2.0\r\nVia: SIP/2.0/{via} {here};branch=z9hG4bK{method}{cseq};rport\r\n\
             From: <sip:13812341234@{here}>;tag=a\r\nTo: <sip:12345@{ip}>{to_tag}\r\nCall-ID: c@{here}\r\n\
             CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:a@{here};transport={transport}>\r\n{content}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// A session description with audio at this address.
    pub fn offer(&self) -> String {
        let (ip, port) = (self.audio.ip(), self.audio.port());
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        format!(
            "v=0\r\no=a 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
        )
    }

    /// The next whole message, or `None` when the gateway has closed the connection.
    pub async fn message(&mut self) -> Option<Message> {
        loop {
            // The answer to a keep-alive stands between messages.
            while self.read.starts_with(b"\r\n") {
                self.read.drain(..2);
            }
            if let Some(end) = whole(&self.read) {
                let bytes: Vec<u8> = self.read.drain(..end).collect();
                return Some(Message::parse(bytes.into()).unwrap_or_else(|e| panic!("{}", e.reason)));
            }
            let heard = timeout(WITHIN, self.carrier.hear()).await.expect("an answer in time")?;
            self.read.extend(heard);
        }
    }

    pub async fn final_response(&mut self) -> Message {
        loop {
            let message = self.message().await.expect("the connection was closed");
            if message.status().is_some_and(|s| s >= Status::OK) {
                return message;
            }
        }
    }

    /// The next request of this method, and no other request before it.
    pub async fn asked(&mut self, method: &str) -> Message {
        loop {
            let message = self.message().await.expect("the connection was closed");
            if let Some(found) = message.method() {
                assert_eq!(found.as_str(), method);
                return message;
            }
        }
    }

    /// Answers a request; a 2xx to INVITE takes the audio to this address.
    pub async fn answer(&mut self, request: &Message, status: &str) {
        let echo = |name: &'static str| {
            request.headers(name).map(move |v| format!("{name}: {}\r\n", String::from_utf8_lossy(v)))
        };
        let mut head = format!("SIP/2.0 {status}\r\n");
        ["Via", "From", "Call-ID", "CSeq", "Record-Route"].iter().for_each(|n| head.extend(echo(n)));
        let tag = if request.to_tag().is_some() { "" } else { ";tag=phone" };
        let to = String::from_utf8_lossy(request.header("To").unwrap()).into_owned();
        let body = if request.cseq().1.as_str() == "INVITE" && status.starts_with('2') {
            self.offer()
        } else {
            String::new()
        };
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let contact = format!("<sip:1001@{};transport={}>", self.here, self.transport.to_lowercase());
        self.send(format!(
            "{head}To: {to}{tag}\r\nContact: {contact}\r\n{content}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    }

    /// Registers seat 1001 at this contact.
    pub async fn register(&mut self, gateway: &Gateway, contact: &str) {
        let password = gateway.running.password("1001").expect("seat 1001 registers");
        let mut proof = String::new();
        for cseq in 1..=2 {
            let (here, via) = (self.here, self.transport);
            self.send(format!(
                "REGISTER sip:hotline SIP/2.0\r\nVia: SIP/2.0/{via} {here};branch=z9hG4bKreg{cseq};rport\r\n\
                 From: <sip:1001@hotline>;tag=r\r\nTo: <sip:1001@hotline>\r\nCall-ID: r@{here}\r\n\
                 CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\nContact: <{contact}>;expires=600\r\n{proof}\
                 Content-Length: 0\r\n\r\n"
            ))
            .await;
            let response = self.final_response().await;
            if response.status() == Some(Status::OK) {
                return;
            }
            assert_eq!((response.status(), cseq), (Some(Status::UNAUTHORIZED), 1));
            let challenge = Challenge::choose(response.headers("WWW-Authenticate")).expect("a challenge");
            let answer = challenge.answer("1001", &password, "REGISTER", "sip:hotline", 1, "cnonce");
            proof = format!("Authorization: {answer}\r\n");
        }
        panic!("not registered");
    }

    /// Calls, is answered by the gateway, and hangs up. Gives the 200 OK.
    pub async fn calls_and_hangs_up(&mut self) -> Message {
        let offer = self.offer();
        self.send(self.request("INVITE", 1, "", &offer)).await;
        let ok = self.final_response().await;
        assert_eq!(ok.status(), Some(Status::OK));
        let tag = format!(";tag={}", ok.to_tag().unwrap());
        self.send(self.request("ACK", 1, &tag, "")).await;
        self.send(self.request("BYE", 2, &tag, "")).await;
        let bye = self.final_response().await;
        assert_eq!((bye.status(), bye.cseq().0), (Some(Status::OK), 2));
        ok
    }

    /// Whether an OPTIONS is answered.
    pub async fn is_heard(&mut self, cseq: u32) -> bool {
        self.send(self.request("OPTIONS", cseq, "", "")).await;
        self.message().await.is_some_and(|m| m.cseq().0 == cseq)
    }
}

/// The address alone, as a URI has it.
fn bracketed(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(a) => a.ip().to_string(),
        SocketAddr::V6(a) => format!("[{}]", a.ip()),
    }
}

fn whole(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length: usize = text.split("content-length:").nth(1)?.split("\r\n").next()?.trim().parse().ok()?;
    (bytes.len() >= head + length).then_some(head + length)
}
