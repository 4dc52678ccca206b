//! A trunk known only by its domain: NAPTR and SRV of a name server on the wire, the first host dead.

use crate::programme::Programme;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// For the gateway to have looked up, pinged and told, on a machine that is busy.
const WITHIN: Duration = Duration::from_secs(20);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// A name server that knows one carrier: `carrier.test` by UDP only, first on `dead`, then on `alive`.
struct NameServer {
    at: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl NameServer {
    fn start(dead: SocketAddr, alive: SocketAddr) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port on loopback");
        socket.set_read_timeout(Some(LOOK)).expect("a limit");
        let at = socket.local_addr().expect("its address");
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (seen, stopped) = (asked.clone(), stop.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let (name, kind) = question(&buffer[..length]);
                seen.lock().expect("whole").push(format!("{name} {kind}"));
                let records = zone(&name, kind, dead, alive);
                let _ = socket.send_to(&answer(&buffer[..length], kind, &records), from);
            }
        });
        NameServer { at, asked, stop }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in text.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn zone(asked: &str, kind: u16, dead: SocketAddr, alive: SocketAddr) -> Vec<Vec<u8>> {
    let srv = |priority: u8, port: u16, host: &str| {
        let mut record = vec![0, priority, 0, 0];
        record.extend_from_slice(&port.to_be_bytes());
        record.extend_from_slice(&name(host));
        record
    };
    match (asked, kind) {
        ("carrier.test", 35) => {
            let mut record = vec![0, 10, 0, 10];
            for text in ["s", "SIP+D2U", ""] {
                record.push(text.len() as u8);
                record.extend_from_slice(text.as_bytes());
            }
            record.extend_from_slice(&name("_sip._udp.carrier.test"));
            vec![record]
        }
        ("_sip._udp.carrier.test", 33) => {
            vec![srv(2, alive.port(), "two.carrier.test"), srv(1, dead.port(), "one.carrier.test")]
        }
        ("one.carrier.test" | "two.carrier.test", 1) => vec![vec![127, 0, 0, 1]],
        _ => Vec::new(),
    }
}

/// The name and the type a question asks for.
fn question(bytes: &[u8]) -> (String, u16) {
    let (mut at, mut labels) = (12, Vec::new());
    while bytes[at] != 0 {
        let end = at + 1 + usize::from(bytes[at]);
        labels.push(String::from_utf8_lossy(&bytes[at + 1..end]).into_owned());
        at = end;
    }
    (labels.join("."), u16::from_be_bytes([bytes[at + 1], bytes[at + 2]]))
}

fn answer(asked: &[u8], kind: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let end = 12 + name(&question(asked).0).len() + 4;
    let mut bytes = [&asked[..2], &[0x81, 0x80, 0, 1, 0, records.len() as u8, 0, 0, 0, 0]].concat();
    bytes.extend_from_slice(&asked[12..end]);
    for record in records {
        bytes.extend_from_slice(&[0xc0, 12]);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
        bytes.extend_from_slice(&(record.len() as u16).to_be_bytes());
        bytes.extend_from_slice(record);
    }
    bytes
}

fn header<'m>(message: &'m str, name: &str) -> &'m str {
    message.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim_start_matches(": ")
}

#[test]
fn a_trunk_is_found_by_domain_and_its_second_host_serves_for_the_first() {
    let alive = UdpSocket::bind("127.0.0.1:0").expect("a port on loopback");
    alive.set_read_timeout(Some(LOOK)).expect("a limit");
    let dead = UdpSocket::bind("127.0.0.1:0").expect("a port on loopback");
    dead.set_nonblocking(true).expect("not waiting");
    let at = |socket: &UdpSocket| socket.local_addr().expect("its address");
    let server = NameServer::start(at(&dead), at(&alive));
    let resolver = server.at;
    let gateway = Programme::configured("names", move |directory, [sip, grpc, http]| {
        format!(
            "[sip]\nlisten = [\"udp:{sip}\"]\ndns_servers = [\"{resolver}\"]\n[grpc]\nlisten = \"{grpc}\"\n\
             [http]\nlisten = \"{http}\"\n[store]\npath = \"{}\"\n\
             [[trunk]]\nname = \"carrier\"\nsources = [\"127.0.0.9\"]\ntargets = [\"sip:carrier.test\"]\nping = \"1s\"\n\
             [[seat]]\nid = \"1001\"\ncontact = \"sip:1001@127.0.0.1:9\"\n[[queue]]\nname = \"main\"\n\
             [[service]]\nnumber = \"12345\"\nqueue = \"main\"\n",
            directory.join("journal.db").display()
        )
    });
    let (limit, mut buffer) = (Instant::now() + WITHIN, [0; 4096]);
    let (mut pings, mut reachable) = (0, false);
    while pings < 3 || !reachable {
        assert!(Instant::now() < limit, "{pings} pings came: {}", gateway.health());
        reachable = gateway.health().contains("\"reachable\":true");
        let Ok((length, from)) = alive.recv_from(&mut buffer) else { continue };
        let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
        assert!(request.starts_with("OPTIONS sip:carrier.test SIP/2.0\r\n"), "{request}");
        let echoed =
            ["Via", "From", "To", "Call-ID", "CSeq"].map(|n| format!("{n}: {}\r\n", header(&request, n)));
        let answer = format!("SIP/2.0 200 OK\r\n{}Content-Length: 0\r\n\r\n", echoed.concat());
        alive.send_to(answer.as_bytes(), from).expect("the gateway listens");
        pings += 1;
    }
    assert!(dead.recv_from(&mut buffer).is_ok(), "the first host is pinged too");
    let asked = server.asked.lock().expect("whole").clone();
    for question in
        ["carrier.test 35", "_sip._udp.carrier.test 33", "one.carrier.test 1", "two.carrier.test 1"]
    {
        assert_eq!(asked.iter().filter(|q| *q == question).count(), 1, "asked once: {question}: {asked:?}");
    }
}
