//! Whole calls over IPv6, by UDP and by TCP: addresses stand in brackets, audio is taken at an IPv6 address, and who speaks
//! IPv6 and who speaks IPv4 hear each other.

use crate::line::{Carrier, Datagrams, Gateway, Line, WITHIN, directory};
use hotline_gateway::sdp;
use hotline_gateway::sip::{Message, Status, Transport};
use std::net::SocketAddr;
use tokio::net::UdpSocket;
use tokio::time::{Duration, Instant, timeout};

async fn gateway(name: &str) -> Gateway {
    let listen = "listen = [\"udp:[::1]:0\", \"tcp:[::1]:0\", \"udp:127.0.0.1:0\"]";
    let trunk = "[media]\naddress = \"::1\"\n[limits]\ndrain = \"1s\"\n\
                 [[trunk]]\nname = \"pbx\"\nsources = [\"::1\"]\n[[seat]]\nid = \"1001\"";
    Gateway::start(directory(&format!("ipv6-{name}")), listen, trunk).await
}

async fn goes_through<C: Carrier>(mut line: Line<C>) {
    assert!(line.here.is_ipv6());
    let ok: Message = line.calls_and_hangs_up().await;
    let contact = String::from_utf8_lossy(ok.header("Contact").expect("a Contact")).into_owned();
    assert!(contact.contains("@[::1]:"), "{contact}");
    let via = String::from_utf8_lossy(ok.header("Via").expect("a Via")).into_owned();
    assert!(via.contains(&format!("rport={}", line.here.port())), "{via}");
    assert!(via.contains("received=::1") || via.contains("received=[::1]"), "{via}");
    let sdp = String::from_utf8_lossy(ok.body()).into_owned();
    assert!(sdp.contains("c=IN IP6 ::1"), "{sdp}");
}

#[tokio::test]
async fn a_call_goes_through_over_ipv6_and_udp() {
    let gateway = gateway("udp").await;
    let to = gateway.running.sip.iter().find(|(t, a)| *t == Transport::Udp && a.is_ipv6()).unwrap().1;
    let socket = UdpSocket::bind("[::1]:0").await.unwrap();
    socket.connect(to).await.unwrap();
    goes_through(Line::new(socket.local_addr().unwrap(), "UDP", Datagrams(socket))).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_call_goes_through_over_ipv6_and_tcp() {
    let gateway = gateway("tcp").await;
    goes_through(gateway.tcp().await).await;
    gateway.stop().await;
}

/// One side of a call with audio: its signalling, and its RTP socket.
pub struct Side {
    pub line: Line<Datagrams>,
    pub audio: UdpSocket,
}

impl Side {
    async fn new(socket: UdpSocket, gateway: &Gateway, audio: &str) -> Side {
        let here = socket.local_addr().unwrap();
        let fits = |a: &SocketAddr| a.is_ipv4() == here.is_ipv4();
        let to = gateway.running.sip.iter().find(|(t, a)| *t == Transport::Udp && fits(a)).unwrap().1;
        Side::towards(to, socket, audio).await
    }

    /// Signals to this address of a gateway.
    pub async fn towards(to: SocketAddr, socket: UdpSocket, audio: &str) -> Side {
        let here = socket.local_addr().unwrap();
        socket.connect(to).await.unwrap();
        let audio = UdpSocket::bind((audio, 0)).await.unwrap();
        let mut line = Line::new(here, "UDP", Datagrams(socket));
        line.audio = audio.local_addr().unwrap();
        Side { line, audio }
    }

    /// Takes the description of the gateway's side: it is of the family of ours, at an address of this machine.
    pub async fn takes(&self, described: &Message) {
        let rtp = sdp::parse(described.body()).expect("a description").rtp;
        assert_eq!(rtp.is_ipv4(), self.line.audio.is_ipv4(), "{rtp}");
        self.audio.connect(rtp).await.unwrap();
    }

    /// Speaks until the other side hears it: the two are connected a moment after the last message.
    pub async fn is_heard_by(&self, other: &Side, octet: u8) {
        let until = Instant::now() + WITHIN;
        for sequence in 0u16.. {
            assert!(Instant::now() < until, "nothing was heard");
            let [high, low] = sequence.to_be_bytes();
            let mut packet = vec![0x80, 8, high, low, 0, high, low, 0, 0, 0, 0, octet];
            packet.extend([octet; 160]);
            self.audio.send(&packet).await.unwrap();
            let mut heard = [0; 2048];
            let length = timeout(Duration::from_millis(50), other.audio.recv(&mut heard)).await;
            if length.is_ok_and(|l| l.is_ok_and(|l| heard[12..l] == [octet; 160])) {
                return;
            }
        }
    }
}

/// A citizen who signals from one address and has his audio at another calls a seat at a fixed contact.
async fn hear_each_other(name: &str, (citizen, audio): (&str, &str), seat: &str) {
    let phone = UdpSocket::bind((seat, 0)).await.unwrap();
    let contact = phone.local_addr().unwrap();
    let more = format!(
        "[limits]\ndrain = \"1s\"\n[[trunk]]\nname = \"pbx\"\nsources = [\"{citizen}\"]\n\
         [[seat]]\nid = \"1001\"\ncontact = \"sip:1001@{contact}\""
    );
    let listen = "listen = [\"udp:127.0.0.1:0\", \"udp:[::1]:0\"]";
    let gateway = Gateway::start(directory(&format!("mixed-{name}")), listen, &more).await;
    let socket = UdpSocket::bind((citizen, 0)).await.unwrap();
    let mut citizen = Side::new(socket, &gateway, audio).await;
    let mut seat = Side::new(phone, &gateway, seat).await;

    let tag = are_connected(&mut citizen, &mut seat).await;
    hangs_up(&mut citizen, &mut seat, &tag).await;
    gateway.stop().await;
}

/// The citizen calls, the seat answers, and they hear each other. Gives the tag of the gateway.
pub async fn are_connected(citizen: &mut Side, seat: &mut Side) -> String {
    let offer = citizen.line.offer();
    citizen.line.send(citizen.line.request("INVITE", 1, "", &offer)).await;
    let ok = citizen.line.final_response().await;
    assert_eq!(ok.status(), Some(Status::OK));
    citizen.takes(&ok).await;
    let tag = format!(";tag={}", ok.to_tag().unwrap());
    citizen.line.send(citizen.line.request("ACK", 1, &tag, "")).await;
    let invite = seat.line.asked("INVITE").await;
    seat.takes(&invite).await;
    seat.line.answer(&invite, "200 OK").await;
    seat.line.asked("ACK").await;
    citizen.is_heard_by(seat, 0x11).await;
    seat.is_heard_by(citizen, 0x22).await;
    tag
}

pub async fn hangs_up(citizen: &mut Side, seat: &mut Side, tag: &str) {
    citizen.line.send(citizen.line.request("BYE", 2, tag, "")).await;
    let bye = seat.line.asked("BYE").await;
    seat.line.answer(&bye, "200 OK").await;
    assert_eq!(citizen.line.final_response().await.status(), Some(Status::OK));
}

#[tokio::test]
async fn a_citizen_over_ipv6_and_a_seat_over_ipv4_hear_each_other() {
    hear_each_other("to-v4", ("::1", "::1"), "127.0.0.1").await;
}

#[tokio::test]
async fn a_citizen_over_ipv4_and_a_seat_at_a_fixed_ipv6_contact_hear_each_other() {
    hear_each_other("to-v6", ("127.0.0.2", "127.0.0.2"), "::1").await;
}

#[tokio::test]
async fn an_offer_over_ipv4_of_audio_over_ipv6_is_answered_in_ipv6_and_heard() {
    hear_each_other("audio-v6", ("127.0.0.2", "::1"), "127.0.0.1").await;
}
