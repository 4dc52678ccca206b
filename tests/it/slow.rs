//! Peers that take a connection and give nothing: half a header, half a handshake, no reading. All are cut, and a
//! caller elsewhere does not notice.

use crate::certificates::Authority;
use crate::line::{Gateway, Line, WITHIN, connect_from, directory};
use hotline_gateway::io::stream::Ended;
use hotline_gateway::sip::Transport;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Duration, interval, timeout};

/// Who calls, and is known.
const CALLER: &str = "127.0.0.2";

async fn gateway(name: &str, per_source: u32) -> Gateway {
    patient_gateway(name, per_source, ["500ms", "800ms"]).await
}

async fn patient_gateway(name: &str, per_source: u32, [message, silence]: [&str; 2]) -> Gateway {
    let directory = directory(&format!("slow-{name}"));
    Authority::new().signs(&["gateway.example"]).write(&directory);
    let sip = format!(
        "listen = [\"tcp:127.0.0.1:0\", \"tls:127.0.0.1:0\", \"ws:127.0.0.1:0\", \"wss:127.0.0.1:0\"]\n\
         tls_certificate = {:?}\ntls_key = {:?}",
        directory.join("cert.pem"),
        directory.join("key.pem")
    );
    let more = format!(
        "[limits]\ndrain = \"1s\"\nmessage_time = \"{message}\"\nunknown_source_silence = \"{silence}\"\n\
         connections_per_source = {per_source}\n\
         [[trunk]]\nname = \"pbx\"\nsources = [\"{CALLER}\"]\n[[seat]]\nid = \"1001\""
    );
    Gateway::start(directory, &sip, &more).await
}

/// Says one octet after the other and never ends; gives up when the gateway does.
async fn trickle(stream: TcpStream, text: &'static [u8]) {
    let (mut read, mut write) = stream.into_split();
    let mut beat = interval(Duration::from_millis(20));
    let speaks = async {
        for octet in text.iter().chain(std::iter::repeat(&b'x')) {
            beat.tick().await;
            if write.write_all(std::slice::from_ref(octet)).await.is_err() {
                return;
            }
        }
    };
    let hears = async { while read.read(&mut [0; 512]).await.is_ok_and(|n| n > 0) {} };
    tokio::select! {
        () = speaks => {}
        () = hears => {}
    }
}

async fn caller(gateway: &Gateway) -> Line<TcpStream> {
    let stream = connect_from(CALLER, gateway.at(Transport::Tcp)).await;
    Line::new(stream.local_addr().unwrap(), "TCP", stream)
}

#[tokio::test]
async fn slow_connections_are_all_cut_and_a_good_caller_elsewhere_succeeds() {
    let gateway = gateway("loris", 150).await;
    let beginnings: [(Transport, &[u8]); 4] = [
        (Transport::Tcp, b"OPTIONS sip:a SIP/2.0\r\nX: "),
        (Transport::Tls, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        (Transport::Ws, b"GET / HTTP/1.1\r\nHost: a\r\nX: "),
        (Transport::Wss, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ];
    let mut slow = JoinSet::new();
    for (transport, text) in beginnings.into_iter().cycle().take(300) {
        let at = gateway.at(transport);
        slow.spawn(async move { trickle(connect_from("127.0.0.1", at).await, text).await });
    }
    caller(&gateway).await.calls_and_hangs_up().await;
    let all_cut = async { while slow.join_next().await.is_some() {} };
    timeout(WITHIN, all_cut).await.expect("every slow connection is cut");
    caller(&gateway).await.calls_and_hangs_up().await;
    let counts = gateway.running.streams();
    let of = |why| counts.of(why);
    let slow = of(Ended::TooSlow) + of(Ended::NoHandshake);
    let refused = of(Ended::SourceFull) + of(Ended::TooOften);
    assert_eq!(slow + refused, 300, "{:?}", counts.counters().collect::<Vec<_>>());
    assert!(
        of(Ended::SourceFull) > 0 && of(Ended::TooOften) > 0 && of(Ended::TooSlow) >= 100,
        "{:?}",
        counts.counters().collect::<Vec<_>>()
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_hundred_idle_unknown_sources_on_one_listener_keep_no_caller_out() {
    let gateway = patient_gateway("idle", 120, ["60s", "60s"]).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(connect_from("127.0.0.1", gateway.at(Transport::Tcp)).await);
    }
    caller(&gateway).await.calls_and_hangs_up().await;
    assert!(gateway.running.streams().now_open() >= 100, "they are still there");
    gateway.stop().await;
}

#[tokio::test]
async fn an_unknown_source_that_only_keeps_alive_is_cut_and_a_trunk_stays() {
    let gateway = gateway("silent", 64).await;
    let mut trunk = caller(&gateway).await;
    assert!(trunk.is_heard(1).await);
    let unknown = connect_from("127.0.0.1", gateway.at(Transport::Tcp)).await;
    let (mut read, mut write) = unknown.into_split();
    let mut beat = interval(Duration::from_millis(50));
    let keeps_alive = async {
        loop {
            beat.tick().await;
            if write.write_all(b"\r\n\r\n").await.is_err() {
                return;
            }
        }
    };
    let hears = async { while read.read(&mut [0; 512]).await.is_ok_and(|n| n > 0) {} };
    let cut = async {
        tokio::select! {
            () = keeps_alive => {}
            () = hears => {}
        }
    };
    timeout(WITHIN, cut).await.expect("the unknown is cut");
    assert_eq!(gateway.running.streams().of(Ended::Silent), 1);
    assert!(trunk.is_heard(2).await, "a trunk may be silent for longer");
    gateway.stop().await;
}

#[tokio::test]
async fn a_peer_that_asks_and_never_reads_loses_its_connection() {
    let gateway = gateway("reader", 64).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind(SocketAddr::new(CALLER.parse().unwrap(), 0)).unwrap();
    let stream = socket.connect(gateway.at(Transport::Tcp)).await.unwrap();
    let mut line = Line::new(stream.local_addr().unwrap(), "TCP", stream);
    let asks = async {
        for cseq in 1.. {
            let request = line.request("OPTIONS", cseq, "", "");
            if line.carrier.write_all(request.as_bytes()).await.is_err() {
                return;
            }
        }
    };
    timeout(WITHIN, asks).await.expect("the connection is cut");
    assert!(gateway.running.streams().of(Ended::SlowReader) >= 1);
    line = caller(&gateway).await;
    assert!(line.is_heard(1).await);
    gateway.stop().await;
}

/// The frame of a client, its mask all zeros: the first octet, the length it says it has, and what is there of it.
fn frame(first: u8, length: u8, body: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | length, 0, 0, 0, 0], body].concat()
}

/// A WebSocket of the caller's, who is known: no silence of his is too long here.
async fn websocket(gateway: &Gateway) -> TcpStream {
    let mut stream = connect_from(CALLER, gateway.at(Transport::Ws)).await;
    let asked = "GET / HTTP/1.1\r\nHost: gateway.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 Sec-WebSocket-Protocol: sip\r\n\r\n";
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(timeout(WITHIN, stream.read_u8()).await.expect("an answer in time").unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    stream
}

/// Says `first`, then `again` every 50 ms, until the gateway ends it.
async fn goes_on(stream: TcpStream, first: Vec<u8>, again: Vec<u8>) {
    let (mut read, mut write) = stream.into_split();
    let mut beat = interval(Duration::from_millis(50));
    let speaks = async {
        let mut next = &first;
        while write.write_all(next).await.is_ok() {
            beat.tick().await;
            next = &again;
        }
    };
    let hears = async { while read.read(&mut [0; 512]).await.is_ok_and(|n| n > 0) {} };
    tokio::select! {
        () = speaks => {}
        () = hears => {}
    }
}

#[tokio::test]
async fn a_websocket_whose_message_never_becomes_whole_is_cut() {
    let gateway = patient_gateway("frames", 64, ["500ms", "60s"]).await;
    let (text, last, ping) = (1, 0x80, 9);
    let never_whole = [
        ("octets of a frame", frame(last | text, 125, b"OPTIONS"), b"x".to_vec()),
        ("half a header", vec![last | text], Vec::new()),
        ("fragments and pings", frame(text, 1, b"O"), frame(last | ping, 0, b"")),
        ("fragments without end", frame(text, 1, b"O"), frame(0, 1, b"x")),
        (
            "a whole message and the beginning of another",
            [frame(last | text, 2, b"\r\n"), frame(last | text, 9, b"x")].concat(),
            Vec::new(),
        ),
    ];
    for (n, (what, first, again)) in (1..).zip(never_whole) {
        let cut = goes_on(websocket(&gateway).await, first, again);
        timeout(WITHIN, cut).await.unwrap_or_else(|_| panic!("{what}: it is not cut"));
        assert_eq!(gateway.running.streams().of(Ended::TooSlow), n, "{what}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_websocket_that_is_only_pinged_is_not_cut_however_long_it_takes() {
    let gateway = patient_gateway("pinged", 64, ["100ms", "60s"]).await;
    let mut stream = websocket(&gateway).await;
    // More pings than a message has time, one by one, each answered: a pong is 2 octets.
    let mut beat = interval(Duration::from_millis(50));
    for _ in 0..8 {
        beat.tick().await;
        stream.write_all(&frame(0x89, 0, b"")).await.unwrap();
        let mut pong = [0; 2];
        timeout(WITHIN, stream.read_exact(&mut pong)).await.expect("a pong").unwrap();
        assert_eq!(pong, [0x8A, 0]);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn an_unknown_source_that_says_too_much_is_slowed_and_then_cut() {
    let gateway = patient_gateway("much", 64, ["20s", "60s"]).await;
    let unknown = connect_from("127.0.0.1", gateway.at(Transport::Tcp)).await;
    let unknown = Line::new(unknown.local_addr().unwrap(), "TCP", unknown);
    let message = unknown.request("OPTIONS", 1, "", "");
    let (mut read, mut write) = unknown.carrier.into_split();
    let mut heard = Vec::new();
    let speaks = async { while write.write_all(message.as_bytes()).await.is_ok() {} };
    let hears = async { while read.read_buf(&mut heard).await.is_ok_and(|n| n > 0) {} };
    let cut = async {
        tokio::select! {
            () = speaks => {}
            () = hears => {}
        }
    };
    let (cut, ()) = tokio::join!(timeout(WITHIN, cut), async {
        caller(&gateway).await.calls_and_hangs_up().await;
    });
    cut.expect("he is cut");
    assert_eq!(gateway.running.streams().of(Ended::TooMuch), 1);
    let answers = String::from_utf8_lossy(&heard).matches("CSeq: ").count();
    assert!(answers <= 64 + 60, "the burst, and what had to wait: {answers}");
    // A trunk may say so much at once.
    let mut trunk = caller(&gateway).await;
    for cseq in 1..=200 {
        assert!(trunk.is_heard(cseq).await);
    }
    gateway.stop().await;
}
