//! SIP over a stream, against a gateway on real sockets: framing, keep-alives, a call from INVITE to BYE, and what
//! cannot be framed.

use crate::line::{Gateway, Line, WITHIN, directory};
use hotline_gateway::sip::Status;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::timeout;

async fn gateway(name: &str) -> Gateway {
    gateway_at("127.0.0.1", "127.0.0.1", name).await
}

/// Listening there, with a trunk that comes from `source`.
async fn gateway_at(ip: &str, source: &str, name: &str) -> Gateway {
    let listen = &format!("listen = [\"udp:{ip}:0\", \"tcp:{ip}:0\"]");
    let trunk = format!(
        "[limits]
drain = \"1s\"
call_length = \"1s\"
\
         [[trunk]]
name = \"pbx\"
sources = [{source:?}]
[[seat]]
id = \"1001\""
    );
    Gateway::start(directory(&format!("tcp-{name}")), listen, &trunk).await
}

#[tokio::test]
async fn messages_in_pieces_and_in_one_piece_are_answered_and_keep_alives_too() {
    let gateway = gateway("pieces").await;
    let mut line = gateway.tcp().await;
    let (one, two) = (line.request("OPTIONS", 1, "", ""), line.request("OPTIONS", 2, "", ""));
    let (head, tail) = one.split_at(40);
    line.send(head).await;
    tokio::task::yield_now().await;
    line.send(format!("{tail}{two}")).await;
    assert_eq!(line.final_response().await.cseq().0, 1);
    assert_eq!(line.final_response().await.cseq().0, 2);
    line.send("\r\n\r\n").await;
    let mut pong = [0; 2];
    timeout(WITHIN, line.carrier.read_exact(&mut pong)).await.expect("a pong in time").unwrap();
    assert_eq!(&pong, b"\r\n");
    gateway.stop().await;
}

#[tokio::test]
async fn a_call_over_a_stream_is_answered_and_ended() {
    let gateway = gateway("call").await;
    gateway.tcp().await.calls_and_hangs_up().await;
    gateway.stop().await;
}

#[tokio::test]
async fn what_cannot_be_framed_is_answered_400_and_closed() {
    let gateway = gateway("broken").await;
    let mut line = gateway.tcp().await;
    let twice = line
        .request("OPTIONS", 1, "", "")
        .replace("Content-Length: 0", "Content-Length: 0\r\nContent-Length: 9");
    line.send(twice).await;
    assert_eq!(line.message().await.and_then(|m| m.status()), Some(Status::BAD_REQUEST));
    assert!(line.message().await.is_none(), "the connection stays open");
    gateway.stop().await;
}

#[tokio::test]
async fn a_call_whose_connection_is_gone_is_ended_over_a_new_one() {
    let gateway = gateway_at("127.0.0.3", "127.0.0.1", "gone").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    ended_over_a_new_connection(&gateway, "127.0.0.3", listener).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_call_of_a_trunk_is_ended_at_another_of_its_addresses() {
    let gateway = gateway_at("127.0.0.1", "127.0.0.0/30", "elsewhere").await;
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    ended_over_a_new_connection(&gateway, "127.0.0.1", listener).await;
    gateway.stop().await;
}

/// A call whose caller listens there, and whose connection is gone before it ends.
async fn ended_over_a_new_connection(gateway: &Gateway, called: &str, listener: TcpListener) {
    let mut line = gateway.tcp().await;
    let contact = format!("Contact: <sip:a@{};transport=tcp>", listener.local_addr().unwrap());
    let invite = line.request("INVITE", 1, "", &line.offer());
    let invite = invite.replace(&format!("Contact: <sip:a@{};transport=tcp>", line.here), &contact);
    assert!(invite.contains(&contact));
    line.send(invite).await;
    let tag = format!(";tag={}", line.final_response().await.to_tag().unwrap());
    line.send(line.request("ACK", 1, &tag, "")).await;
    drop(line);
    // The call may be no longer than a second: then the gateway hangs up.
    let (stream, from) = timeout(WITHIN, listener.accept()).await.expect("a new connection").unwrap();
    assert_eq!(from.ip().to_string(), called, "from the address that was called");
    let mut line = Line::new(listener.local_addr().unwrap(), "TCP", stream);
    let bye = line.asked("BYE").await;
    line.answer(&bye, "200 OK").await;
}
