//! A user agent of our own: sends what it is told octet by octet and reads what comes back without the parser
//! under test. Its sockets stand on loopback addresses of the test's own, so that one gateway tells a trunk, a
//! seat and an unknown source apart.

use crate::programme::Programme;
use socket2::{Domain, Socket, Type};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

/// An answer that takes longer will not come.
const WITHIN: Duration = Duration::from_secs(10);

/// At most this much of a stream waits to be read.
const UNREAD: usize = 1 << 20;

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Udp,
    Tcp,
}

/// What the gateway knows an agent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Trunk,
    /// The fixed place of seat 1001.
    Seat,
    Unknown,
}

/// A gateway that listens on UDP and TCP, with a trunk, a seat with a fixed place, and seats that register.
pub struct Site {
    pub programme: Programme,
    net: [u8; 2],
}

impl Site {
    /// Starts the program. `more` is added to its configuration.
    pub fn open(name: &'static str, more: &'static str) -> Site {
        Site::open_as(name, "", more)
    }

    /// The same with a log of this level.
    pub fn that_log(name: &'static str, level: &'static str) -> Site {
        Site::built(name, ["", level, ""])
    }

    /// The same with keys of `[sip]`.
    pub fn open_as(name: &'static str, sip: &'static str, more: &'static str) -> Site {
        Site::built(name, [sip, "warn", more])
    }

    fn built(name: &'static str, keys: [&'static str; 3]) -> Site {
        let [_, _, high, low] = std::process::id().to_be_bytes();
        static OPENED: AtomicU8 = AtomicU8::new(0);
        let nth = OPENED.fetch_add(1, Ordering::Relaxed);
        // Below 127.121: the media of the other tests stand there too, each with a port of its own.
        let net = [121 + high.wrapping_add(nth) % 130, low];
        let configure =
            move |directory: &Path, ports: [SocketAddr; 3]| configuration(net, keys, directory, ports);
        Site { programme: Programme::configured(name, configure), net }
    }

    /// An agent of this class.
    pub fn agent(&self, at: At, over: Over) -> Agent {
        self.agent_on(at, over, 0)
    }

    /// An agent on a port of its choice; 0 is any.
    pub fn agent_on(&self, at: At, over: Over, port: u16) -> Agent {
        let tcp = self.programme.sip_tcp.expect("the gateway listens on TCP");
        let gateway = if over == Over::Udp { self.programme.sip } else { tcp };
        let port = if (at, over, port) == (At::Seat, Over::Udp, 0) { SEAT_PORT } else { port };
        Agent::new(SocketAddr::new(address(self.net, at), port), gateway, over)
    }

    /// The password the gateway made for a seat that registers.
    pub fn password(&self, seat: &str) -> String {
        let file = self.programme.directory().join("seats.toml");
        let text = std::fs::read_to_string(file).expect("the seats' passwords");
        let line = text.lines().find_map(|l| l.strip_prefix(&format!("\"{seat}\" = \"")));
        line.expect("the seat's line").trim_end_matches('"').to_owned()
    }
}

/// The seat's phone has a port that is written in the configuration: free, as the address is the test's own.
const SEAT_PORT: u16 = 5062;

fn address([a, b]: [u8; 2], at: At) -> IpAddr {
    let last = match at {
        At::Trunk => 2,
        At::Seat => 3,
        At::Unknown => 4,
    };
    Ipv4Addr::new(127, a, b, last).into()
}

fn configuration(
    net: [u8; 2],
    [keys, level, more]: [&str; 3],
    directory: &Path,
    [sip, grpc, http]: [SocketAddr; 3],
) -> String {
    let [trunk, seat, _] = [At::Trunk, At::Seat, At::Unknown].map(|at| address(net, at));
    let store = directory.join("journal.db");
    let [a, b] = net;
    format!(
        "[sip]\nlisten = [\"udp:{sip}\", \"tcp:{sip}\"]\n{keys}\n\
         [media]\naddress = \"127.{a}.{b}.9\"\nports = \"16384-18383\"\n\
         [grpc]\nlisten = \"{grpc}\"\n[http]\nlisten = \"{http}\"\n\
         [store]\npath = {store:?}\n[log]\nlevel = \"{level}\"\n[limits]\ndrain = \"1s\"\n\
         [[trunk]]\nname = \"pbx\"\nsources = [\"{trunk}\"]\nchannels = 500\ncalls_per_second = 1000\n\
         [[seat]]\nid = \"1001\"\ncontact = \"sip:1001@{seat}:{SEAT_PORT}\"\n\
         [[seat]]\nid = \"1002\"\n[[seat]]\nid = \"watson\"\n[[seat]]\nid = \"j.user\"\n[[seat]]\nid = \"user\"\n\
         [[queue]]\nname = \"main\"\nseats = [\"1001\"]\nwrap_up = \"0s\"\ncool_down = \"1s\"\n\
         [[service]]\nnumber = \"12345\"\nqueue = \"main\"\n\
         [[service]]\nnumber = \"12399\"\nqueue = \"main\"\nanswer_delay_ms = 60000\n{more}"
    )
}

/// One message as it came, read by nothing but its lines.
#[derive(Debug, Clone)]
pub struct Came {
    pub text: String,
}

impl Came {
    /// The status of a response; 0 for a request.
    pub fn status(&self) -> u16 {
        let rest = self.text.strip_prefix("SIP/2.0 ").unwrap_or_default();
        rest.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// The method of a request; empty for a response.
    pub fn method(&self) -> &str {
        if self.status() > 0 { "" } else { self.text.split(' ').next().unwrap_or_default() }
    }

    /// The first header of this name, in its long form.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.lines().find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }

    /// All headers of this name.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines().filter_map(move |(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }

    fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let head = self.text.split("\r\n").take_while(|line| !line.is_empty());
        head.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
    }

    /// The tag of a From or To header.
    pub fn tag(&self, name: &str) -> Option<&str> {
        let value = self.header(name)?;
        value.split(";tag=").nth(1)?.split(';').next()
    }

    /// The URI of the Contact.
    pub fn contact(&self) -> &str {
        let contact = self.header("Contact").unwrap_or_else(|| panic!("no Contact: {}", self.text));
        contact.split(['<', '>']).nth(1).unwrap_or(contact)
    }

    /// The CSeq.
    pub fn cseq(&self) -> &str {
        self.header("CSeq").unwrap_or_default()
    }

    /// Behind the empty line.
    pub fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

enum Socketed {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

/// One socket, and what came on it.
pub struct Agent {
    pub here: SocketAddr,
    pub gateway: SocketAddr,
    pub over: Over,
    socket: Socketed,
    unread: VecDeque<Came>,
    /// What is being tried, for the message of a failure.
    pub about: String,
}

impl Agent {
    /// On this address, towards this gateway.
    pub fn new(here: SocketAddr, gateway: SocketAddr, over: Over) -> Agent {
        let socket = match over {
            Over::Udp => {
                let socket = UdpSocket::bind(here).unwrap_or_else(|e| panic!("{here}: {e}"));
                socket.set_read_timeout(Some(WITHIN)).expect("a timeout");
                Socketed::Udp(socket)
            }
            Over::Tcp => {
                let socket = Socket::new(Domain::for_address(here), Type::STREAM, None).expect("a socket");
                socket.set_reuse_address(true).expect("an address that may be used again");
                socket.bind(&here.into()).unwrap_or_else(|e| panic!("{here}: {e}"));
                socket.connect(&gateway.into()).expect("the gateway takes connections");
                let stream: TcpStream = socket.into();
                stream.set_read_timeout(Some(WITHIN)).expect("a timeout");
                stream.set_nodelay(true).expect("no delay");
                Socketed::Tcp(stream, Vec::new())
            }
        };
        let here = match &socket {
            Socketed::Udp(socket) => socket.local_addr(),
            Socketed::Tcp(stream, _) => stream.local_addr(),
        };
        Agent {
            here: here.expect("an address"),
            gateway,
            over,
            socket,
            unread: VecDeque::new(),
            about: String::new(),
        }
    }

    /// `UDP` or `TCP`.
    pub fn transport(&self) -> &'static str {
        if self.over == Over::Udp { "UDP" } else { "TCP" }
    }

    /// Sends octets. A stream the gateway has closed already is no failure: what it said shows that.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        match &mut self.socket {
            Socketed::Udp(socket) => {
                socket.send_to(bytes.as_ref(), self.gateway).expect("a datagram");
            }
            Socketed::Tcp(stream, _) => {
                let _ = stream.write_all(bytes.as_ref());
            }
        }
    }

    /// The next message; `None` when the gateway has closed the stream. Fails the test when nothing comes.
    pub fn receive(&mut self) -> Option<Came> {
        if let Some(came) = self.unread.pop_front() {
            return Some(came);
        }
        self.read()
    }

    /// The next message the caller asks for; others are kept for later, in order.
    pub fn expect(&mut self, what: &str, is_it: impl Fn(&Came) -> bool) -> Came {
        if let Some(i) = self.unread.iter().position(&is_it) {
            return self.unread.remove(i).expect("it is there");
        }
        loop {
            let came = self
                .read()
                .unwrap_or_else(|| panic!("{}: {what}: the gateway closed the stream", self.about));
            if is_it(&came) {
                return came;
            }
            self.unread.push_back(came);
        }
    }

    /// The next final response.
    pub fn final_response(&mut self) -> Came {
        self.expect("a final response", |c| c.status() >= 200)
    }

    /// The next response to the request with this CSeq.
    pub fn response_to(&mut self, cseq: &str) -> Came {
        self.expect(cseq, |c| c.status() >= 200 && c.cseq() == cseq)
    }

    /// Everything that was said before the gateway answered an OPTIONS sent now: how silence is told without
    /// waiting. Fails the test when the OPTIONS is not answered.
    pub fn until_options(&mut self) -> Vec<Came> {
        let id = unique();
        let options = self.request("OPTIONS", "12345", &id, 1, "");
        self.send(options);
        let answer = self.expect("an answer to OPTIONS", |c| c.header("Call-ID") == Some(&id));
        assert_eq!(answer.status(), 200, "{}", answer.text);
        self.unread.drain(..).collect()
    }

    /// What has come by now, over UDP.
    pub fn pending(&mut self) -> Vec<Came> {
        let Socketed::Udp(socket) = &self.socket else { panic!("not a datagram socket") };
        socket.set_nonblocking(true).expect("a socket that does not wait");
        let mut buffer = vec![0; 65_536];
        let mut came: Vec<Came> = self.unread.drain(..).collect();
        while let Ok((length, _)) = socket.recv_from(&mut buffer) {
            came.push(Came { text: String::from_utf8_lossy(&buffer[..length]).into_owned() });
        }
        socket.set_nonblocking(false).expect("a socket that waits");
        came
    }

    /// Fails the test if the gateway says anything to what was sent before.
    pub fn expect_silence(&mut self, what: &str) {
        let said = self.until_options();
        assert!(said.is_empty(), "{what} was answered: {said:?}");
    }

    /// Fails the test unless the gateway closes the stream, whatever it says before.
    pub fn expect_closed(&mut self, what: &str) {
        for _ in 0..16 {
            if self.receive().is_none() {
                return;
            }
        }
        panic!("{what}: the stream stays open");
    }

    /// A request without a body, outside any dialog unless `to_tag` (`;tag=…`) is given.
    pub fn request(&self, method: &str, user: &str, call_id: &str, cseq: u32, to_tag: &str) -> String {
        self.with_body(method, user, call_id, cseq, to_tag, "")
    }

    /// A request with a session description, or with nothing.
    pub fn with_body(
        &self,
        method: &str,
        user: &str,
        id: &str,
        cseq: u32,
        to_tag: &str,
        sdp: &str,
    ) -> String {
        let (here, transport, gateway) = (self.here, self.transport(), self.gateway);
        let content = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let stream = if self.over == Over::Tcp { ";transport=tcp" } else { "" };
        format!(
            "{method} sip:{user}@{gateway} SIP/2.0\r\n\
             Via: SIP/2.0/{transport} {here};branch=z9hG4bK{};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:13812341234@{here}>;tag=f{id}\r\nTo: <sip:{user}@{gateway}>{to_tag}\r\n\
             Call-ID: {id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:13812341234@{here}{stream}>\r\n{content}\
             Content-Length: {}\r\n\r\n{sdp}",
            unique(),
            sdp.len(),
        )
    }

    /// An offer of PCMA at this agent's address; nothing is ever sent there.
    pub fn offer(&self) -> String {
        let ip = self.here.ip();
        format!(
            "v=0\r\no=a 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n\
             a=rtpmap:8 PCMA/8000\r\n"
        )
    }

    fn read(&mut self) -> Option<Came> {
        match &mut self.socket {
            Socketed::Udp(socket) => {
                let mut buffer = vec![0; 65_536];
                let came = again(|| socket.recv_from(&mut buffer));
                let (length, _) = came.unwrap_or_else(|e| panic!("no message in time: {e}: {}", self.about));
                buffer.truncate(length);
                Some(Came { text: String::from_utf8_lossy(&buffer).into_owned() })
            }
            Socketed::Tcp(stream, read) => loop {
                while read.starts_with(b"\r\n") {
                    read.drain(..2);
                }
                if let Some(end) = whole(read) {
                    let bytes: Vec<u8> = read.drain(..end).collect();
                    return Some(Came { text: String::from_utf8_lossy(&bytes).into_owned() });
                }
                let mut buffer = [0; 8192];
                match again(|| stream.read(&mut buffer)) {
                    Ok(0) => return None,
                    Ok(length) => read.extend(&buffer[..length]),
                    Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => return None,
                    Err(e) => panic!("no message in time: {e}: {}", self.about),
                }
                assert!(read.len() < UNREAD, "the gateway talks without end");
            },
        }
    }

    /// The next octets of a stream, as they come.
    pub fn octets(&mut self, length: usize) -> Vec<u8> {
        let Socketed::Tcp(stream, read) = &mut self.socket else { panic!("not a stream") };
        let mut bytes: Vec<u8> = std::mem::take(read);
        let missing = length.saturating_sub(bytes.len());
        let mut rest = vec![0; missing];
        stream.read_exact(&mut rest).expect("octets in time");
        bytes.extend(rest);
        bytes
    }
}

fn whole(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length: usize = text.split("content-length:").nth(1)?.split("\r\n").next()?.trim().parse().ok()?;
    (bytes.len() >= head + length).then_some(head + length)
}

/// A text no other message of this run has.
pub fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("u{}x{}", NEXT.fetch_add(1, Ordering::Relaxed), std::process::id())
}

/// `message` with a Via branch that is new, so that it is no copy of the first.
pub fn another(message: &str) -> String {
    let (before, after) = message.split_once("branch=z9hG4bK").expect("a branch");
    let end = after.find([';', ',', '\r']).expect("an end");
    format!("{before}branch=z9hG4bK{}{}", unique(), &after[end..])
}

/// What a call of the system gives when no signal interrupts it: a program of a neighbouring test that ends sends one.
fn again<T>(mut call: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
