//! Requests other than INVITE that we send: timers E, F, K.

use super::*;

#[test]
fn timer_e_repeats_a_request_over_udp_until_timer_f_gives_up() {
    let mut s = side();
    let tx = s.asks(udp(), outgoing(Method::Bye));
    let first = s.sent_one();
    let seen = s.waits(40_000);
    assert_eq!(seen.times(), [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert!(seen.sent.iter().all(|(_, m)| m.bytes() == first.bytes()));
    assert_eq!((seen.reasons[0], seen.reasons[10]), (Reason::E, Reason::F));
    let [(32_000, TransactionEvent::Failed { tx: failed, cause: Failure::Timeout })] = seen.happened[..]
    else {
        panic!("{:?}", seen.happened)
    };
    assert_eq!(failed, tx);
    assert!(s.is_empty());
}

#[test]
fn over_tcp_a_request_is_sent_once_and_given_up_by_timer_f() {
    let mut s = side();
    s.asks(tcp(), outgoing(Method::Bye));
    s.sent();
    let seen = s.waits(40_000);
    assert!(seen.sent.is_empty());
    assert_eq!(seen.reasons, [Reason::F]);
}

#[test]
fn after_a_provisional_response_timer_e_runs_at_t2() {
    let mut s = side();
    s.asks(udp(), outgoing(Method::Options));
    let sent = s.sent_one();
    assert!(s.hears(udp(), answer(&sent, Status::TRYING, "t")).is_some());
    assert_eq!(s.waits(13_000).times(), [500, 4_500, 8_500, 12_500]);
}

#[test]
fn a_final_response_is_reported_once_and_copies_absorbed_until_timer_k() {
    let mut s = side();
    let tx = s.asks(udp(), outgoing(Method::Bye));
    let sent = s.sent_one();
    let got = s.hears(udp(), answer(&sent, Status::OK, "t"));
    assert!(matches!(got, Some(TransactionEvent::Response { tx: got, .. }) if got == tx));
    assert!(s.hears(udp(), answer(&sent, Status::OK, "t")).is_none());
    assert_eq!(s.endpoint.counts().retransmissions, 1);
    let seen = s.waits(5_000);
    assert_eq!(seen.reasons, [Reason::K]);
    assert!(seen.sent.is_empty());
    assert!(s.is_empty());
}

#[test]
fn over_tcp_an_answered_request_leaves_at_once() {
    let mut s = side();
    s.asks(tcp(), outgoing(Method::Bye));
    let sent = s.sent_one();
    assert!(s.hears(tcp(), answer(&sent, Status::OK, "t")).is_some());
    assert!(s.is_empty());
}

#[test]
fn stray_responses_are_counted_and_dropped() {
    let mut s = side();
    s.asks(udp(), outgoing(Method::Bye));
    let sent = s.sent_one();
    let ok = answer(&sent, Status::OK, "t");
    let branch = sent.via().branch().unwrap();
    assert!(s.hears(udp(), ok.replace(branch, "z9hG4bK1.0000000000000000")).is_none());
    assert!(s.hears(udp(), ok.replace(branch, "z9hG4bKelse")).is_none());
    assert!(s.hears(udp(), ok.replace("7 BYE", "7 INFO")).is_none());
    let two_vias = ok.replacen("Via: ", "Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKx\r\nVia: ", 1);
    assert!(s.hears(udp(), two_vias).is_none());
    let below = ok.replacen("From: ", "Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKx\r\nFrom: ", 1);
    assert!(s.hears(udp(), below).is_none());
    assert_eq!(s.endpoint.counts().stray, 5);
    assert!(s.hears(udp(), ok).is_some());
}

#[test]
fn a_request_whose_path_fails_fails_at_once() {
    let mut s = side();
    let tx = s.asks(tcp(), outgoing(Method::Options));
    s.asks(udp(), outgoing(Method::Options));
    let failed = s.endpoint.flow_failed(s.now, tcp());
    assert!(
        matches!(failed[..], [TransactionEvent::Failed { tx: t, cause: Failure::Transport }] if t == tx),
        "{failed:?}"
    );
    assert_eq!(s.live().1, 1);
}

#[test]
fn our_via_names_where_we_are_reached_and_asks_for_rport() {
    let mut s = side();
    s.asks(udp(), outgoing(Method::Options));
    let via = s.sent_one().via().clone();
    assert_eq!((via.host(), via.port(), via.transport()), ("192.0.2.1", Some(5060), "UDP"));
    assert_eq!(via.rport(), crate::sip::Rport::Requested);
    let advertised = Some(Advertised { host: "2001:db8::5".into(), port: Some(5070) });
    let mut s = side_with(EndpointConfig { advertised, ..EndpointConfig::default() });
    let (local, remote) = ("[2001:db8::1]:5060".parse().unwrap(), "[2001:db8::9]:40000".parse().unwrap());
    let tcp6 = Flow { local, remote, ..tcp() };
    s.asks(tcp6, outgoing(Method::Options));
    let via = s.sent_one().via().clone();
    assert_eq!((via.host(), via.port(), via.transport()), ("[2001:db8::5]", Some(5070), "TCP"));
    assert_eq!(s.endpoint.contact(&tcp6, "12345"), "<sip:12345@[2001:db8::5]:5070;transport=tcp>");
    let tls6 =
        Flow { transport: crate::sip::Transport::Tls, local: "[2001:db8::1]:5061".parse().unwrap(), ..tcp6 };
    assert_eq!(s.endpoint.contact(&tls6, "1"), "<sip:1@[2001:db8::5]:5061;transport=tls>", "its own port");
    assert_eq!(s.endpoint.contact(&udp(), "1"), "<sip:1@192.0.2.1:5060>", "no IPv6 for an IPv4 peer");
}

#[test]
fn a_response_with_two_vias_answers_no_request_however_they_are_written() {
    let mut s = side();
    s.asks(udp(), outgoing(Method::Options));
    let options = s.sent_one();
    let ok = answer(&options, Status::OK, "t");
    let other = "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKother";
    let end = ok.find("\r\nFrom").unwrap();
    for second in [format!(", {other}"), format!("\r\nVia: {other}")] {
        let text = format!("{}{second}{}", &ok[..end], &ok[end..]);
        assert!(s.hears(udp(), text).is_none(), "{second}");
    }
    assert_eq!(s.endpoint.counts().stray, 2);
    assert!(s.hears(udp(), ok).is_some());
}

#[test]
fn a_contact_is_sips_where_the_peer_asked_so_and_the_path_is_sealed() {
    let tls =
        Flow { transport: crate::sip::Transport::Tls, local: "192.0.2.1:5061".parse().unwrap(), ..tcp() };
    let (plain, sealed) = ("<sip:x@192.0.2.1:5061;transport=tls>", "<sips:x@192.0.2.1:5061>");
    let said = |flow: &Flow, uri: &str, contact: &str, route: &str| {
        let text = invite("a", "c")
            .replace("sip:12345@192.0.2.1 SIP", &format!("{uri} SIP"))
            .replace("Contact: <sip:citizen", &format!("{route}Contact: <{contact}:citizen"));
        let request = Message::parse(Bytes::from(text)).unwrap();
        contact_answering(None, flow, "x", &request)
    };
    assert_eq!(said(&tls, "sip:1@192.0.2.1", "sip", ""), plain);
    assert_eq!(said(&tls, "sips:1@192.0.2.1", "sip", ""), sealed);
    assert_eq!(said(&tls, "sip:1@192.0.2.1", "sips", ""), sealed);
    assert_eq!(said(&tls, "sip:1@192.0.2.1", "sips", "Record-Route: <sip:p;lr>\r\n"), plain);
    assert_eq!(said(&tls, "sip:1@192.0.2.1", "sip", "Record-Route: <sips:p;lr>, <sip:q;lr>\r\n"), sealed);
    assert_eq!(said(&udp(), "sips:1@192.0.2.1", "sips", ""), "<sip:x@192.0.2.1:5060>");
    assert_eq!(contact_asking(None, &tls, "x", "sips:1001@h"), sealed);
    assert_eq!(contact_asking(None, &tls, "x", "sip:1001@h;transport=tls"), plain);
}

#[test]
fn no_two_requests_share_a_branch() {
    let mut s = side();
    for _ in 0..100 {
        s.asks(udp(), outgoing(Method::Options));
        s.endpoint.send(udp(), outgoing(Method::Ack), &mut s.out);
    }
    let branches: std::collections::HashSet<String> =
        s.sent().iter().map(|m| m.via().branch().unwrap().to_owned()).collect();
    assert_eq!(branches.len(), 200);
}
