//! SIP over WebSocket: a phone that registers with an address nobody can reach and gets its call over its
//! connection, and who may not open one at all.

use crate::certificates::Authority;
use crate::line::{Carrier, Gateway, Line, connect_from, directory};
use futures_util::{SinkExt, StreamExt};
use hotline_gateway::io::stream::Ended;
use hotline_gateway::sip::Transport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

const LIMITS: &str = "[limits]\ndrain = \"1s\"\nunknown_source_silence = \"500ms\"\n\
                      [[trunk]]\nname = \"pbx\"\nsources = [\"tcp:127.0.0.1\"]\n[[seat]]\nid = \"1001\"";

/// Frames of a WebSocket.
struct Frames<S>(WebSocketStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Carrier for Frames<S> {
    async fn say(&mut self, bytes: &[u8]) {
        self.0.send(Message::text(String::from_utf8_lossy(bytes).into_owned())).await.unwrap();
    }

    async fn hear(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return Some(text.as_bytes().to_vec()),
                Ok(Message::Binary(bytes)) => return Some(bytes.to_vec()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}

async fn open<S>(stream: S, headers: &[(&'static str, &str)]) -> Result<WebSocketStream<S>, u16>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = "ws://gateway.example/".into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(_) => Err(0),
    }
}

const SIP: (&str, &str) = ("sec-websocket-protocol", "sip");

/// The phone's part: registered already, gets a call of a citizen and is hung up on.
async fn is_called<C: Carrier>(gateway: &Gateway, phone: &mut Line<C>, via: &str) {
    let mut citizen = gateway.tcp().await;
    let offer = citizen.offer();
    citizen.send(citizen.request("INVITE", 1, "", &offer)).await;
    let invite = phone.asked("INVITE").await;
    assert_eq!(invite.uri(), b"sip:k3vq@df7jal23ls0d.invalid;transport=ws");
    assert_eq!(invite.via().transport(), via);
    let contact = String::from_utf8_lossy(invite.header("Contact").expect("a Contact")).into_owned();
    assert!(contact.contains(";transport=ws"), "{contact}");
    phone.answer(&invite, "180 Ringing").await;
    phone.answer(&invite, "200 OK").await;
    phone.asked("ACK").await;
    let ok = citizen.final_response().await;
    let tag = format!(";tag={}", ok.to_tag().unwrap());
    citizen.send(citizen.request("ACK", 1, &tag, "")).await;
    citizen.send(citizen.request("BYE", 2, &tag, "")).await;
    let bye = phone.asked("BYE").await;
    phone.answer(&bye, "200 OK").await;
    assert_eq!(citizen.final_response().await.cseq().0, 2);
}

#[tokio::test]
async fn a_phone_on_a_websocket_registers_and_is_called_over_its_connection() {
    let listen =
        "listen = [\"tcp:127.0.0.1:0\", \"ws:127.0.0.1:0\"]\nwebsocket_origins = [\"https://desk.example\"]";
    let gateway = Gateway::start(directory("ws-phone"), listen, LIMITS).await;
    let stream = TcpStream::connect(gateway.at(Transport::Ws)).await.unwrap();
    let here = stream.local_addr().unwrap();
    let socket = open(stream, &[SIP, ("origin", "https://desk.example")]).await.expect("a WebSocket");
    let mut phone = Line::new(here, "WS", Frames(socket));
    phone.register(&gateway, "sip:k3vq@df7jal23ls0d.invalid;transport=ws").await;

    // A unknown who came later is cut for its silence; keep-alives do not help it. The phone is known and stays.
    let stream = connect_from("127.0.0.3", gateway.at(Transport::Ws)).await;
    let here = stream.local_addr().unwrap();
    let mut unknown = Line::new(here, "WS", Frames(open(stream, &[SIP]).await.expect("a WebSocket")));
    unknown.send("\r\n\r\n").await;
    assert!(unknown.message().await.is_none());
    assert_eq!(gateway.running.streams().of(Ended::Silent), 1);

    is_called(&gateway, &mut phone, "WS").await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_phone_on_a_websocket_inside_tls_is_called_over_its_connection() {
    let (authority, directory) = (Authority::new(), directory("wss-phone"));
    authority.signs(&["gateway.example"]).write(&directory);
    let listen = format!(
        "listen = [\"tcp:127.0.0.1:0\", \"wss:127.0.0.1:0\"]\ntls_certificate = {:?}\ntls_key = {:?}",
        directory.join("cert.pem"),
        directory.join("key.pem")
    );
    let gateway = Gateway::start(directory, &listen, LIMITS).await;
    let stream = TcpStream::connect(gateway.at(Transport::Wss)).await.unwrap();
    let here = stream.local_addr().unwrap();
    let name = ServerName::try_from("gateway.example").unwrap();
    let stream = TlsConnector::from(authority.client(None)).connect(name, stream).await.unwrap();
    let mut phone = Line::new(here, "WSS", Frames(open(stream, &[SIP]).await.expect("a WebSocket")));
    phone.register(&gateway, "sip:k3vq@df7jal23ls0d.invalid;transport=ws").await;
    is_called(&gateway, &mut phone, "WSS").await;
    gateway.stop().await;
}

#[tokio::test]
async fn no_other_sub_protocol_no_other_page_and_no_message_that_is_too_long() {
    let listen = "listen = [\"ws:127.0.0.1:0\"]\nwebsocket_origins = [\"https://desk.example\"]";
    let gateway = Gateway::start(directory("ws-paths"), listen, LIMITS).await;
    let at = gateway.at(Transport::Ws);
    for (headers, status) in [
        (&[][..], 400),
        (&[("sec-websocket-protocol", "chat")], 400),
        (&[("sec-websocket-protocol", "SIP")], 400),
        (&[SIP, ("origin", "https://evil.example")], 403),
        (&[SIP, ("origin", "null")], 403),
    ] {
        let refused = open(TcpStream::connect(at).await.unwrap(), headers).await.err();
        assert_eq!(refused, Some(status), "{headers:?}");
    }
    let mut socket = open(TcpStream::connect(at).await.unwrap(), &[SIP]).await.expect("a WebSocket");
    socket.send(Message::text("x".repeat(64 * 1024 + 1))).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
    let counts = gateway.running.streams();
    let seen = [Ended::NotForSip, Ended::OriginRefused, Ended::Broken].map(|why| counts.of(why));
    assert_eq!(seen, [3, 2, 1]);
    gateway.stop().await;
}
