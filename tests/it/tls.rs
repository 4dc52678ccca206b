//! SIP over TLS: a trunk that proves itself by its certificate, certificates that change while the gateway runs, and
//! peers the gateway connects to.

use crate::certificates::{Authority, Identity};
use crate::line::{Gateway, Line, WITHIN, connect_from, directory};
use hotline_gateway::event::What;
use hotline_gateway::io::stream::Ended;
use hotline_gateway::sip::{Status, Transport};
use std::path::Path;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, interval, timeout};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

type Secure = client::TlsStream<TcpStream>;

const LISTEN: &str = "listen = [\"tcp:127.0.0.1:0\", \"tls:127.0.0.1:0\"]";

fn files(directory: &Path) -> String {
    let file = |name| directory.join(name);
    format!(
        "{LISTEN}\ntls_certificate = {:?}\ntls_key = {:?}\ntls_client_ca = {:?}\ntls_roots = {:?}",
        file("cert.pem"),
        file("key.pem"),
        file("carriers.pem"),
        file("roots.pem")
    )
}

/// A gateway with the certificate of `own`, a carrier known by its certificate and a PBX known by its address.
async fn gateway(name: &str, ours: &Authority, own: &Identity, carriers: &Authority, seat: &str) -> Gateway {
    gateway_within("", name, ours, own, carriers, seat).await
}

/// The same with further limits.
async fn gateway_within(
    limits: &str,
    name: &str,
    ours: &Authority,
    own: &Identity,
    carriers: &Authority,
    seat: &str,
) -> Gateway {
    let directory = directory(&format!("tls-{name}"));
    own.write(&directory);
    carriers.write(&directory, "carriers.pem");
    ours.write(&directory, "roots.pem");
    let more = format!(
        "[limits]\ndrain = \"1s\"\n{limits}\n[[trunk]]\nname = \"carrier\"\nauthenticate = \"certificate\"\n\
         certificates = [\"sbc.carrier.example\"]\n\
         [[trunk]]\nname = \"pbx\"\nsources = [\"tcp:127.0.0.1\"]\n[[seat]]\nid = \"1001\"\n{seat}"
    );
    Gateway::start(directory.clone(), &files(&directory), &more).await
}

async fn try_connect(
    gateway: &Gateway,
    trusts: &Authority,
    shows: Option<&Identity>,
) -> std::io::Result<Line<Secure>> {
    let stream = TcpStream::connect(gateway.at(Transport::Tls)).await?;
    let here = stream.local_addr()?;
    let name = ServerName::try_from("gateway.example").unwrap();
    let stream = TlsConnector::from(trusts.client(shows)).connect(name, stream).await?;
    Ok(Line::new(here, "TLS", stream))
}

async fn connect(gateway: &Gateway, trusts: &Authority, shows: Option<&Identity>) -> Line<Secure> {
    try_connect(gateway, trusts, shows).await.expect("a TLS connection")
}

fn shown(line: &Line<Secure>) -> CertificateDer<'static> {
    line.carrier.get_ref().1.peer_certificates().expect("certificates")[0].clone()
}

#[tokio::test]
async fn a_carrier_calls_with_its_certificate_and_with_no_other() {
    let (ours, carriers, others) = (Authority::new(), Authority::new(), Authority::new());
    let gateway = gateway("mutual", &ours, &ours.signs(&["gateway.example"]), &carriers, "").await;

    let ok = connect(&gateway, &ours, Some(&carriers.signs(&["sbc.carrier.example"])))
        .await
        .calls_and_hangs_up()
        .await;
    let contact = String::from_utf8_lossy(ok.header("Contact").expect("a Contact")).into_owned();
    assert!(contact.contains(";transport=tls"), "{contact}");

    let mut without = connect(&gateway, &ours, None).await;
    let mut another = connect(&gateway, &ours, Some(&carriers.signs(&["www.carrier.example"]))).await;
    for line in [&mut without, &mut another] {
        let offer = line.offer();
        line.send(line.request("INVITE", 1, "", &offer)).await;
        let status = line.final_response().await.status();
        assert!(matches!(status, Some(Status::UNAUTHORIZED | Status::FORBIDDEN)), "{status:?}");
    }
    // With TLS 1.3 the client learns only when it reads that its certificate was not believed.
    let forged = others.signs(&["sbc.carrier.example"]);
    if let Ok(mut line) = try_connect(&gateway, &ours, Some(&forged)).await {
        assert!(line.message().await.is_none(), "the connection stays open");
    }
    assert_eq!(gateway.running.streams().of(Ended::NoHandshake), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_new_certificate_serves_new_connections_and_a_bad_one_raises_an_alarm() {
    let ours = Authority::new();
    let (first, second) = (ours.signs(&["gateway.example"]), ours.signs(&["gateway.example"]));
    let gateway = gateway("reload", &ours, &first, &Authority::new(), "").await;
    let mut events = gateway.running.events();
    let mut old = connect(&gateway, &ours, None).await;
    assert_eq!(shown(&old), first.certificate);

    second.write(&gateway.directory);
    let mut look = interval(Duration::from_millis(100));
    let renewed = async {
        while shown(&connect(&gateway, &ours, None).await) != second.certificate {
            look.tick().await;
        }
    };
    timeout(WITHIN, renewed).await.expect("the new certificate in use");
    assert!(old.is_heard(1).await, "the old connection goes on");

    std::fs::write(gateway.directory.join("cert.pem"), "no certificate").unwrap();
    let alarmed = async {
        loop {
            if let What::AlarmRaised { alarm, raised, reason, .. } = events.recv().await.expect("events").what
            {
                assert_eq!((&*alarm, raised), ("tls_certificate", true), "{reason}");
                assert!(reason.contains("cert.pem"), "{reason}");
                return;
            }
        }
    };
    timeout(WITHIN, alarmed).await.expect("an alarm");
    assert_eq!(shown(&connect(&gateway, &ours, None).await), second.certificate);
    assert!(old.is_heard(2).await);
    gateway.stop().await;
}

/// A phone that waits for TLS connections.
async fn phone() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let contact = format!("contact = \"sip:1001@{};transport=tls\"", listener.local_addr().unwrap());
    (listener, contact)
}

async fn accept(
    listener: &TcpListener,
    shows: &Identity,
) -> std::io::Result<Line<server::TlsStream<TcpStream>>> {
    let (stream, _) = timeout(WITHIN, listener.accept()).await.expect("the gateway connects").unwrap();
    let stream = TlsAcceptor::from(shows.server()).accept(stream).await?;
    Ok(Line::new(listener.local_addr().unwrap(), "TLS", stream))
}

#[tokio::test]
async fn the_gateway_connects_to_a_phone_whose_certificate_names_its_address() {
    let ours = Authority::new();
    let (listener, contact) = phone().await;
    let gateway =
        gateway("dial", &ours, &ours.signs(&["gateway.example"]), &Authority::new(), &contact).await;
    let mut citizen = gateway.tcp().await;
    let offer = citizen.offer();
    citizen.send(citizen.request("INVITE", 1, "", &offer)).await;
    let mut phone = accept(&listener, &ours.signs(&["127.0.0.1"])).await.expect("a TLS connection");
    let invite = phone.asked("INVITE").await;
    assert_eq!(invite.via().transport(), "TLS");
    phone.answer(&invite, "200 OK").await;
    phone.asked("ACK").await;
    let ok = citizen.final_response().await;
    let tag = format!(";tag={}", ok.to_tag().unwrap());
    citizen.send(citizen.request("ACK", 1, &tag, "")).await;
    citizen.send(citizen.request("BYE", 2, &tag, "")).await;
    let bye = phone.asked("BYE").await;
    phone.answer(&bye, "200 OK").await;
    assert_eq!(citizen.final_response().await.cseq().0, 2);
    gateway.stop().await;
}

#[tokio::test]
async fn the_gateway_sends_nothing_to_a_peer_that_cannot_prove_to_be_the_phone() {
    let ours = Authority::new();
    let (listener, contact) = phone().await;
    let gateway =
        gateway("forged", &ours, &ours.signs(&["gateway.example"]), &Authority::new(), &contact).await;
    let mut citizen = gateway.tcp().await;
    let offer = citizen.offer();
    citizen.send(citizen.request("INVITE", 1, "", &offer)).await;
    if let Ok(mut phone) = accept(&listener, &ours.signs(&["127.0.0.9", "phone.example"])).await {
        assert!(phone.message().await.is_none(), "a request went to an unknown peer");
    }
    assert_eq!(
        citizen.final_response().await.status(),
        Some(Status::OK),
        "the citizen waits for another seat"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_carrier_without_its_connection_is_found_by_its_proved_name_alone() {
    let (ours, carriers) = (Authority::new(), Authority::new());
    for (shown, is_found) in [("sbc.carrier.example", true), ("www.carrier.example", false)] {
        let own = ours.signs(&["gateway.example"]);
        let gateway = gateway_within("call_length = \"1s\"", "again", &ours, &own, &carriers, "").await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut carrier = connect(&gateway, &ours, Some(&carriers.signs(&["sbc.carrier.example"]))).await;
        let contact = format!("Contact: <sip:a@{};transport=tls>", listener.local_addr().unwrap());
        let invite = carrier.request("INVITE", 1, "", &carrier.offer());
        let invite = invite.replace(&format!("Contact: <sip:a@{};transport=tls>", carrier.here), &contact);
        assert!(invite.contains(&contact));
        carrier.send(invite).await;
        let tag = format!(";tag={}", carrier.final_response().await.to_tag().unwrap());
        carrier.send(carrier.request("ACK", 1, &tag, "")).await;
        drop(carrier);
        // The call may be no longer than a second: then the gateway hangs up, over a new connection to an address.
        let line = accept(&listener, &ours.signs(&[shown])).await;
        match (line, is_found) {
            (Ok(mut line), true) => {
                let bye = line.asked("BYE").await;
                line.answer(&bye, "200 OK").await;
            }
            (Ok(mut line), false) => assert!(line.message().await.is_none(), "a BYE went to an unknown peer"),
            (Err(why), is_found) => assert!(!is_found, "{why}"),
        }
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_target_with_a_wrong_certificate_is_passed_over_for_the_next() {
    let ours = Authority::new();
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = |listener: &TcpListener| format!("sip:{};transport=tls", listener.local_addr().unwrap());
    let out = format!(
        "[dial]\ntrunk = \"out\"\n[[department]]\nname = \"Water\"\ncode = \"601\"\nnumbers = [\"01061230001\"]\n\
         [[trunk]]\nname = \"out\"\nsources = [\"127.0.0.3\"]\nping = \"1s\"\ntargets = [{:?}, {:?}]",
        target(&first),
        target(&second)
    );
    let gateway =
        gateway("wrong-name", &ours, &ours.signs(&["gateway.example"]), &Authority::new(), &out).await;
    let mut events = gateway.running.events();
    let wrong = ours.signs(&["127.0.0.9"]);
    // Ends only when a request comes.
    let unknown = tokio::spawn(async move {
        loop {
            if let Ok(mut line) = accept(&first, &wrong).await
                && line.message().await.is_some()
            {
                return;
            }
        }
    });
    let mut carrier = accept(&second, &ours.signs(&["127.0.0.1"])).await.expect("a TLS connection");
    let options = carrier.asked("OPTIONS").await;
    carrier.answer(&options, "200 OK").await;
    let told = async {
        loop {
            let event = events.recv().await.expect("events");
            if let What::TrunkStateChanged { trunk, reachable, reason, .. } = event.what {
                return (trunk.as_str().to_owned(), reachable, reason.to_string());
            }
        }
    };
    let told = timeout(WITHIN, told).await.expect("it is told");
    assert_eq!(told, ("out".into(), true, "answers".into()));

    let stream = connect_from("127.0.0.7", gateway.at(Transport::Tcp)).await;
    let mut seat = Line::new(stream.local_addr().unwrap(), "TCP", stream);
    let contact = format!("sip:1001@{};transport=tcp", seat.here);
    seat.register(&gateway, &contact).await;
    let department = format!("sip:601@{}", gateway.at(Transport::Tcp));
    let invite = seat.request("INVITE", 1, "", &seat.offer()).replace("13812341234", "1001");
    seat.send(invite.replace("sip:12345@127.0.0.7", &department)).await;
    let invite = loop {
        let request = carrier.message().await.expect("the connection stays open");
        match request.method().map(|m| m.as_str()) {
            Some("OPTIONS") => carrier.answer(&request, "200 OK").await,
            Some("INVITE") => break request,
            other => panic!("{other:?}"),
        }
    };
    assert!(String::from_utf8_lossy(invite.uri()).contains("01061230001@127.0.0.1"));
    carrier.answer(&invite, "486 Busy Here").await;
    assert!(gateway.running.streams().of(Ended::NoHandshake) >= 1);
    assert!(!unknown.is_finished(), "a request went to an unknown peer");
    unknown.abort();
    gateway.stop().await;
}
