//! Requests other than INVITE that come: timer J, RFC 4320; and what is no request at all.

use super::*;

#[test]
fn an_answered_request_is_answered_again_until_timer_j() {
    let mut s = side();
    let bye = s.asked(udp(), in_dialog(&request("BYE", "a", "call")));
    s.answers(&bye, Status::OK);
    let first = s.sent_one();
    s.waits(31_000);
    assert!(s.hears(udp(), in_dialog(&request("BYE", "a", "call"))).is_none());
    assert_eq!(s.sent_one().bytes(), first.bytes());
    assert_eq!(s.waits(1_000).reasons, [Reason::J]);
    assert!(s.is_empty());
}

#[test]
fn an_answered_request_over_tcp_leaves_at_once() {
    let mut s = side();
    let bye = s.asked(tcp(), in_dialog(&request("BYE", "a", "call")));
    s.answers(&bye, Status::OK);
    assert!(s.is_empty());
}

#[test]
fn a_408_to_a_request_other_than_invite_is_not_sent() {
    let mut s = side();
    let options = s.asked(udp(), request("OPTIONS", "a", "call"));
    s.answers(&options, Status::REQUEST_TIMEOUT);
    assert!(s.sent().is_empty());
    assert!(s.is_empty());
}

#[test]
fn a_provisional_response_to_a_non_invite_is_not_sent_early() {
    let mut s = side();
    let options = s.asked(udp(), request("OPTIONS", "a", "call"));
    s.answers(&options, Status::TRYING);
    s.answers(&options, Status::RINGING);
    assert!(s.sent().is_empty());
    s.answers(&options, Status::OK);
    assert_eq!(s.sent_statuses(), [Status::OK]);
}

#[test]
fn a_request_left_waiting_gets_a_100_when_its_senders_timer_e_is_at_t2() {
    for path in [udp(), tcp()] {
        let mut s = side();
        let options = s.asked(path, request("OPTIONS", "a", "call"));
        let seen = s.waits(3_500);
        assert_eq!(seen.reasons, [Reason::OwesTrying]);
        assert_eq!(seen.times(), [3_500]);
        assert_eq!(seen.sent[0].1.status(), Some(Status::TRYING));
        assert!(s.hears(path, request("OPTIONS", "a", "call")).is_none());
        assert_eq!(s.sent_statuses(), [Status::TRYING]);
        s.answers(&options, Status::OK);
        assert_eq!(s.sent_statuses(), [Status::OK]);
    }
}

#[test]
fn a_request_never_answered_ends_in_silence_after_32_seconds() {
    let mut s = side();
    let options = s.asked(udp(), request("OPTIONS", "a", "call"));
    let seen = s.waits(32_000);
    assert_eq!(seen.reasons, [Reason::OwesTrying, Reason::Unanswered]);
    assert_eq!(seen.sent.len(), 1);
    assert!(s.is_empty());
    s.answers(&options, Status::OK);
    assert!(s.sent().is_empty(), "nobody waits for it any more");
}

#[test]
fn a_forgotten_request_is_new_when_it_comes_again() {
    let mut s = side();
    let (tx, _) = s.asked(udp(), request("REGISTER", "a", "call"));
    s.endpoint.forget(tx);
    assert!(s.is_empty());
    s.asked(udp(), request("REGISTER", "a", "call"));
    assert!(s.sent().is_empty());
}

#[test]
fn the_same_branch_with_another_method_or_sender_is_another_request() {
    let mut s = side();
    s.asked(udp(), request("OPTIONS", "a", "call"));
    s.asked(udp(), request("REGISTER", "a", "call"));
    s.asked(udp(), request("OPTIONS", "a", "other").replace("UDP 198.51.100.7", "UDP 198.51.100.8"));
    assert!(s.hears(udp(), request("OPTIONS", "a", "call")).is_none());
    assert_eq!(s.live().0, 3);
}

#[test]
fn a_malformed_request_is_answered_400_and_counted() {
    let mut s = side();
    assert!(s.hears(udp(), request("OPTIONS", "a", "call").replace("Length: 0", "Length: 9")).is_none());
    let bad = s.sent_one();
    assert_eq!((bad.status(), bad.call_id()), (Some(Status::BAD_REQUEST), "call"));
    assert!(s.hears(udp(), "what is this").is_none());
    assert!(s.sent().is_empty());
    assert_eq!(s.endpoint.counts().malformed, 2);
    assert!(s.is_empty());
}

#[test]
fn a_malformed_request_is_answered_at_its_sent_by_port_alone() {
    let mut s = side();
    let bad = request("OPTIONS", "a", "call").replace("Length: 0", "Length: 9");
    let from = flow(crate::sip::Transport::Udp, "198.51.100.7:40000");
    for (via, port) in [
        ("198.51.100.7:5070;branch=z9hG4bKa", 5070),
        ("203.0.113.66:5070;branch=z9hG4bKa;received=203.0.113.66", 5070),
        ("198.51.100.7;branch=z9hG4bKa", 5060),
        ("198.51.100.7:5070;branch=z9hG4bKa;rport", 40000),
        ("198.51.100.7:99999;branch=z9hG4bKa", 40000),
    ] {
        s.hears(from, bad.replace("198.51.100.7:5060;branch=z9hG4bKa;rport", via));
        let at = s.sent_flows();
        assert_eq!(
            at.iter().map(|f| f.remote.to_string()).collect::<Vec<_>>(),
            [format!("198.51.100.7:{port}")],
            "{via}"
        );
    }
    s.hears(tcp(), bad.replace(";rport", ""));
    assert_eq!(s.sent_flows(), [tcp()]);
}

#[test]
fn keep_alives_are_passed_over() {
    let mut s = side();
    for ping in ["", "\r\n", "\r\n\r\n", "\0\0\0\0"] {
        assert!(s.hears(udp(), ping).is_none());
    }
    assert!(s.sent().is_empty());
    assert_eq!(s.endpoint.counts(), EndpointCounts::default());
}
