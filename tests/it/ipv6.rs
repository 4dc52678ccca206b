//! A whole call over IPv6, by UDP and by TCP: addresses stand in brackets, and audio is taken at an IPv6 address.

use crate::line::{Carrier, Datagrams, Gateway, Line, directory};
use hotline_gateway::sip::{Message, Transport};
use tokio::net::UdpSocket;

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
