//! Asking the domain name system: one task a question, over UDP, over TCP what did not fit. What is asked and what
//! the answers mean is `sip::locate`; nothing is kept here.
//!
//! A socket of its own for each question, at a port the system chooses and connected to the server it asks, and a
//! random number in each: an attacker that is not on the way must guess both (RFC 5452 section 9).

use super::inbound::Inbound;
use crate::gateway::Input;
use crate::sip::locate::message::{self, LARGEST, NoAnswer};
use crate::sip::locate::{Answer, Kind, Query, Record};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

/// A server that has not answered by then is silent.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(1500);

/// Rounds through all servers before a question counts as failed. Two of them over three servers last as long as
/// the core waits.
const ROUNDS: usize = 2;

/// Most servers asked: as many as a resolv.conf may name.
const SERVERS: usize = 3;

/// Most questions on their way at once; more wait for their turn.
const AT_ONCE: usize = 32;

/// Names of this machine's own file are good for so long: it may be edited at any time.
const OWN_NAMES: Duration = Duration::from_secs(30);

/// The largest of those files that is read.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The way to the domain name system.
#[derive(Debug, Clone)]
pub struct Resolver {
    /// Empty: those of the system, read anew for each question.
    servers: Arc<[SocketAddr]>,
    places: Arc<Semaphore>,
}

impl Resolver {
    /// Asks these servers, or those of the system when there is none.
    pub fn new(servers: &[SocketAddr]) -> Resolver {
        Resolver { servers: servers.into(), places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Asks one question; the answer goes to the gateway. Must be called within a runtime. Never waits.
    pub fn ask(&self, query: Query, inbox: &mpsc::Sender<Inbound>) {
        let (resolver, inbox) = (self.clone(), inbox.clone());
        tokio::spawn(async move {
            let _place = resolver.places.acquire().await;
            let answer = resolver.answer(&query).await;
            let _ = inbox.send(Inbound::Gateway(Input::Located { query, answer })).await;
        });
    }

    async fn answer(&self, query: &Query) -> Answer {
        if let Some(own) = own_name(query).await {
            return own;
        }
        let servers = if self.servers.is_empty() { system_servers().await } else { self.servers.to_vec() };
        let mut failed = Answer::Failed;
        for _ in 0..ROUNDS {
            for server in servers.iter().take(SERVERS) {
                match timeout(ANSWER_TIMEOUT, ask_one(*server, query)).await {
                    Ok(Some(answer @ Answer::Records(..))) => return answer,
                    Ok(Some(answer)) => failed = answer,
                    Ok(None) | Err(_) => {}
                }
            }
        }
        failed
    }
}

/// One question to one server. `None`: no answer to be had there.
async fn ask_one(server: SocketAddr, query: &Query) -> Option<Answer> {
    let mut number = [0; 2];
    getrandom::fill(&mut number).ok()?;
    let number = u16::from_be_bytes(number);
    let question = message::question(number, query)?;
    let here =
        if server.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((here, 0)).await.ok()?;
    socket.connect(server).await.ok()?;
    socket.send(&question).await.ok()?;
    let mut buffer = vec![0; LARGEST];
    loop {
        let length = socket.recv(&mut buffer).await.ok()?;
        match message::answer(number, query, buffer.get(..length).unwrap_or_default()) {
            Ok(answer) => return Some(answer),
            Err(NoAnswer::Cut) => return ask_by_tcp(server, number, query, &question).await,
            // Not ours, or forged: the right one may still come.
            Err(NoAnswer::Other) => {}
        }
    }
}

async fn ask_by_tcp(server: SocketAddr, number: u16, query: &Query, question: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(server).await.ok()?;
    let length = u16::try_from(question.len()).ok()?;
    stream.write_all(&[&length.to_be_bytes(), question].concat()).await.ok()?;
    let mut buffer = vec![0; usize::from(stream.read_u16().await.ok()?)];
    stream.read_exact(&mut buffer).await.ok()?;
    message::answer(number, query, &buffer).ok()
}

/// What this machine's own file says of a name.
async fn own_name(query: &Query) -> Option<Answer> {
    let is_ipv4 = match query.kind {
        Kind::A => true,
        Kind::Aaaa => false,
        Kind::Srv | Kind::Naptr => return None,
    };
    let text = read("/etc/hosts").await?;
    let addresses = addresses_of(&text, &query.name);
    if addresses.is_empty() {
        return None;
    }
    let of_kind = addresses.into_iter().filter(|a| a.is_ipv4() == is_ipv4).map(Record::Address);
    Some(Answer::Records(of_kind.collect(), OWN_NAMES))
}

/// The addresses a hosts file gives a name.
fn addresses_of(text: &str, name: &str) -> Vec<IpAddr> {
    let line = |line: &str| -> Option<IpAddr> {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    };
    text.lines().filter_map(line).collect()
}

async fn system_servers() -> Vec<SocketAddr> {
    servers_of(&read("/etc/resolv.conf").await.unwrap_or_default())
}

/// The servers a resolv.conf names; the one on this machine when it names none.
fn servers_of(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| -> Option<SocketAddr> {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|w| *w == "nameserver").and(words.next())?;
        // A link-local address comes with its interface, which cannot be kept here.
        address.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 53))
    };
    let servers: Vec<SocketAddr> = text.lines().filter_map(server).take(SERVERS).collect();
    if servers.is_empty() { vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 53))] } else { servers }
}

async fn read(path: &'static str) -> Option<String> {
    let read = move || {
        let length = std::fs::metadata(path).ok()?.len();
        (length <= LARGEST_FILE).then(|| std::fs::read_to_string(path).ok()).flatten()
    };
    tokio::task::spawn_blocking(read).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_servers_are_read_and_without_any_it_is_this_machine() {
        let text = "# mine\nsearch example.org\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver x\n\
                    nameserver 192.0.2.54\nnameserver 192.0.2.55\n";
        let shown: Vec<String> = servers_of(text).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["192.0.2.53:53", "[2001:db8::53]:53", "192.0.2.54:53"]);
        assert_eq!(servers_of("options edns0"), ["127.0.0.1:53".parse().unwrap()]);
    }

    #[test]
    fn names_of_the_own_file_are_found_in_any_case() {
        let text =
            "127.0.0.1 localhost\n# 192.0.2.9 pbx\n192.0.2.7 PBX pbx.lan # old: other\n2001:db8::7 pbx\n";
        let shown: Vec<String> = addresses_of(text, "pbx").iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["192.0.2.7", "2001:db8::7"]);
        assert!(addresses_of(text, "other").is_empty());
    }

    #[test]
    fn a_forged_answer_is_passed_over_and_a_cut_one_is_asked_again_by_tcp() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let at = udp.local_addr().unwrap();
            let tcp = tokio::net::TcpListener::bind(at).await.unwrap();
            let query = Query { name: "a.example.org".into(), kind: Kind::A };
            let server = async {
                let mut buffer = [0; 512];
                let (n, from) = udp.recv_from(&mut buffer).await.unwrap();
                let asked = &buffer[..n - 11];
                let answer = |number: [u8; 2], flags: [u8; 2], records: &[u8]| {
                    let mut bytes =
                        [&number[..], &flags, &[0, 1, 0, u8::from(!records.is_empty()), 0, 0, 0, 0]].concat();
                    bytes.extend_from_slice(&asked[12..]);
                    bytes.extend_from_slice(records);
                    bytes
                };
                let record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];
                let forged = [asked[0] ^ 1, asked[1]];
                udp.send_to(&answer(forged, [0x81, 0x80], &record), from).await.unwrap();
                udp.send_to(&answer([asked[0], asked[1]], [0x83, 0x80], &[]), from).await.unwrap();
                let (mut stream, _) = tcp.accept().await.unwrap();
                let mut asked = vec![0; usize::from(stream.read_u16().await.unwrap())];
                stream.read_exact(&mut asked).await.unwrap();
                let whole = answer([asked[0], asked[1]], [0x81, 0x80], &record);
                stream.write_u16(u16::try_from(whole.len()).unwrap()).await.unwrap();
                stream.write_all(&whole).await.unwrap();
            };
            let (answer, ()) = tokio::join!(ask_one(at, &query), server);
            let expected = Record::Address("192.0.2.1".parse().unwrap());
            assert_eq!(answer, Some(Answer::Records(vec![expected], Duration::from_secs(60))));
        });
    }
}
