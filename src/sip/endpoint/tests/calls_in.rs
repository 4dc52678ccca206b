//! INVITEs that come: timers G, H, I, L, the repetition of the 2xx, CANCEL.

use super::*;

#[test]
fn an_invite_is_answered_100_at_once_and_reported_once() {
    let mut s = side();
    s.asked(udp(), invite("a", "call"));
    let trying = s.sent_one();
    assert_eq!((trying.status(), trying.to_tag()), (Some(Status::TRYING), None));
    assert!(s.hears(udp(), invite("a", "call")).is_none());
    assert_eq!(s.sent_statuses(), [Status::TRYING]);
    assert_eq!(s.endpoint.counts().retransmissions, 1);
}

#[test]
fn a_copy_of_a_ringing_invite_gets_the_180_again() {
    let mut s = side();
    let call = s.asked(udp(), invite("a", "call"));
    s.answers(&call, Status::RINGING);
    s.sent();
    assert!(s.hears(udp(), invite("a", "call")).is_none());
    assert_eq!(s.sent_statuses(), [Status::RINGING]);
}

#[test]
fn a_486_never_acked_is_sent_11_times_in_32_s_by_timer_g_until_timer_h() {
    let mut s = side();
    let call = s.asked(udp(), invite("a", "call"));
    s.sent();
    s.answers(&call, Status::BUSY_HERE);
    assert_eq!(s.sent_statuses(), [Status::BUSY_HERE]);
    let seen = s.waits(40_000);
    let times = [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(seen.times(), times);
    assert!(seen.sent.iter().all(|(_, m)| m.status() == Some(Status::BUSY_HERE)));
    assert_eq!(seen.reasons[..10], [Reason::G; 10]);
    assert_eq!(seen.reasons[10..], [Reason::H]);
    assert!(seen.happened.is_empty(), "counted, not reported");
    assert_eq!(s.endpoint.counts().unacknowledged, 1);
    assert!(s.is_empty());
}

#[test]
fn a_486_over_tcp_is_sent_once_and_given_up_by_timer_h() {
    let mut s = side();
    let call = s.asked(tcp(), invite("a", "call"));
    s.answers(&call, Status::BUSY_HERE);
    s.sent();
    let seen = s.waits(40_000);
    assert!(seen.sent.is_empty());
    assert_eq!(seen.reasons, [Reason::H]);
}

#[test]
fn an_acked_486_absorbs_copies_of_the_ack_until_timer_i() {
    let mut s = side();
    let call = s.asked(udp(), invite("a", "call"));
    s.answers(&call, Status::BUSY_HERE);
    s.sent();
    assert!(s.hears(udp(), ack("a", "call")).is_none());
    assert!(s.hears(udp(), ack("a", "call")).is_none());
    assert!(s.hears(udp(), invite("a", "call")).is_none());
    let seen = s.waits(5_000);
    assert!(seen.sent.is_empty());
    assert_eq!(seen.reasons, [Reason::I]);
    assert_eq!(s.endpoint.counts().unacknowledged, 0);
    assert!(s.is_empty());
}

#[test]
fn an_acked_486_over_tcp_leaves_at_once() {
    let mut s = side();
    let call = s.asked(tcp(), invite("a", "call"));
    s.answers(&call, Status::BUSY_HERE);
    s.hears(tcp(), ack("a", "call"));
    assert!(s.is_empty());
}

#[test]
fn a_late_copy_of_an_invite_after_its_200_never_starts_a_second_call() {
    let mut s = side();
    let call = s.asked(udp(), invite("a", "call"));
    s.answers(&call, Status::OK);
    s.sent();
    assert!(s.hears(udp(), invite("a", "call")).is_none());
    s.hears(udp(), ack("of-200", "call"));
    s.waits(31_000);
    s.sent();
    assert!(s.hears(udp(), invite("a", "call")).is_none());
    assert!(s.sent().is_empty(), "absorbed without a word (RFC 6026)");
    assert_eq!(s.waits(2_000).reasons, [Reason::L]);
    assert!(s.is_empty());
}

#[test]
fn a_200_is_repeated_over_udp_and_tcp_until_its_ack_comes() {
    for path in [udp(), tcp()] {
        let mut s = side();
        let call = s.asked(path, invite("a", "call"));
        s.answers(&call, Status::OK);
        s.sent();
        assert_eq!(s.waits(4_000).times(), [500, 1_500, 3_500]);
        let acked = s.hears(path, ack("of-200", "call"));
        assert!(matches!(acked, Some(TransactionEvent::Ack { tx, .. }) if tx == call.0), "{acked:?}");
        let seen = s.waits(40_000);
        assert!(seen.sent.is_empty());
        assert!(seen.happened.is_empty());
        assert!(s.is_empty());
    }
}

#[test]
fn a_lost_ack_leaves_the_200_repeated_for_32_s_and_then_unacknowledged() {
    let mut s = side();
    let call = s.asked(udp(), invite("a", "call"));
    s.answers(&call, Status::OK);
    s.sent();
    let seen = s.waits(32_000);
    assert_eq!(seen.sent.len(), 10);
    assert_eq!(seen.reasons[..10], [Reason::Retransmit2xx; 10]);
    let [(32_000, TransactionEvent::Unacknowledged { tx })] = seen.happened[..] else {
        panic!("{:?}", seen.happened)
    };
    assert_eq!(tx, call.0);
    assert!(s.is_empty());
}

#[test]
fn the_ack_of_a_200_is_reported_once_and_its_copies_are_absorbed() {
    let mut s = side();
    let call = s.asked(udp(), invite("a", "call"));
    s.answers(&call, Status::OK);
    assert!(s.hears(udp(), ack("of-200", "call")).is_some());
    assert!(s.hears(udp(), ack("of-200", "call")).is_none());
    assert!(s.hears(udp(), ack("a", "call")).is_none());
    assert_eq!(s.endpoint.counts().retransmissions, 2);
}

#[test]
fn the_ack_of_a_200_may_come_with_the_branch_of_the_invite() {
    let mut s = side();
    let call = s.asked(udp(), invite("a", "call"));
    s.answers(&call, Status::OK);
    assert!(matches!(s.hears(udp(), ack("a", "call")), Some(TransactionEvent::Ack { .. })));
}

#[test]
fn an_ack_with_another_tag_than_ours_does_not_stop_the_200() {
    let mut s = side();
    let call = s.asked(udp(), invite("a", "call"));
    s.answers(&call, Status::OK);
    s.sent();
    assert!(s.hears(udp(), ack("x", "call").replace("tag=ours", "tag=others")).is_none());
    assert!(s.hears(udp(), ack("a", "call").replace("tag=ours", "tag=others")).is_none());
    assert_eq!(s.endpoint.counts().stray, 2);
    assert_eq!(s.waits(500).sent.len(), 1);
}

#[test]
fn an_ack_for_nothing_is_counted_and_dropped() {
    let mut s = side();
    assert!(s.hears(udp(), ack("a", "call")).is_none());
    assert!(s.sent().is_empty());
    assert_eq!(s.endpoint.counts().stray, 1);
    s.asked(udp(), invite("b", "other"));
    s.sent();
    assert!(s.hears(udp(), ack("b", "other")).is_none(), "before any final response");
}

#[test]
fn only_the_first_final_response_is_sent() {
    let mut s = side();
    let call = s.asked(udp(), invite("a", "call"));
    s.answers(&call, Status::OK);
    s.answers(&call, Status::REQUEST_TERMINATED);
    s.answers(&call, Status::RINGING);
    assert_eq!(s.sent_statuses(), [Status::TRYING, Status::OK]);
}

#[test]
fn a_cancel_is_200_with_the_tag_of_the_180_and_the_invite_487_by_its_user() {
    let mut s = side();
    let call = s.asked(udp(), invite("a", "call"));
    s.answers(&call, Status::RINGING);
    s.sent();
    let cancelled = s.hears(udp(), request("CANCEL", "a", "call"));
    assert!(matches!(cancelled, Some(TransactionEvent::Cancelled { tx, .. }) if tx == call.0));
    let ok = s.sent_one();
    assert_eq!((ok.status(), ok.cseq().1, ok.to_tag()), (Some(Status::OK), &Method::Cancel, Some("ours")));
    s.answers(&call, Status::REQUEST_TERMINATED);
    assert_eq!(s.sent_statuses(), [Status::REQUEST_TERMINATED]);
    s.hears(udp(), ack("a", "call"));
    s.waits(40_000);
    assert!(s.is_empty());
}

#[test]
fn a_copy_of_a_cancel_is_answered_again_and_cancels_once() {
    let mut s = side();
    s.asked(udp(), invite("a", "call"));
    s.sent();
    assert!(s.hears(udp(), request("CANCEL", "a", "call")).is_some());
    let first = s.sent_one();
    assert!(s.hears(udp(), request("CANCEL", "a", "call")).is_none());
    assert_eq!(s.sent_one().bytes(), first.bytes());
}

#[test]
fn a_cancel_that_crosses_the_200_is_answered_and_changes_nothing() {
    let mut s = side();
    let call = s.asked(udp(), invite("a", "call"));
    s.answers(&call, Status::OK);
    s.sent();
    assert!(s.hears(udp(), request("CANCEL", "a", "call")).is_none());
    assert_eq!(s.sent_statuses(), [Status::OK]);
    assert!(matches!(s.hears(udp(), ack("b", "call")), Some(TransactionEvent::Ack { .. })));
}

#[test]
fn a_cancel_for_nothing_is_answered_481() {
    let mut s = side();
    assert!(s.hears(udp(), request("CANCEL", "a", "call")).is_none());
    assert_eq!(s.sent_statuses(), [Status::NO_SUCH_CALL]);
    assert_eq!(s.live().0, 0);
}

#[test]
fn a_cancel_of_what_cannot_be_cancelled_is_200_and_changes_nothing() {
    let mut s = side();
    let options = s.asked(udp(), request("OPTIONS", "b", "other"));
    assert!(s.hears(udp(), request("CANCEL", "b", "other")).is_none());
    assert_eq!(s.sent_statuses(), [Status::OK]);
    s.answers(&options, Status::OK);
    assert_eq!(s.sent_statuses(), [Status::OK]);
}

#[test]
fn a_cancel_before_any_180_has_the_tag_that_the_487_has_too() {
    for branch in ["z9hG4bKa", "a"] {
        let mut s = side();
        let old = |text: String| text.replace("z9hG4bKa", branch);
        let call = s.asked(udp(), old(invite("a", "call")));
        s.sent();
        assert!(s.hears(udp(), old(request("CANCEL", "a", "call"))).is_some());
        let ok = s.sent_one();
        assert!(ok.to_tag().is_some_and(|tag| tag != "ours"));
        s.answers(&call, Status::REQUEST_TERMINATED);
        let terminated = s.sent_one();
        assert_eq!(
            (terminated.status(), terminated.to_tag()),
            (Some(Status::REQUEST_TERMINATED), ok.to_tag())
        );
        assert_eq!(terminated.to().uri(), call.1.to().uri());
        let tag = format!("tag={}", ok.to_tag().unwrap());
        s.hears(udp(), old(ack("a", "call")).replace("tag=ours", &tag));
        assert!(s.waits(40_000).sent.is_empty(), "{branch}");
        assert!(s.is_empty());
    }
}

#[test]
fn a_cancelled_invite_that_is_still_answered_keeps_its_dialogs_tag() {
    let mut s = side();
    let call = s.asked(udp(), invite("a", "call"));
    let again = s.asked(udp(), in_dialog(&invite("b", "again")));
    s.sent();
    s.hears(udp(), request("CANCEL", "a", "call"));
    s.hears(udp(), in_dialog(&request("CANCEL", "b", "again")));
    s.sent();
    s.answers(&call, Status::OK);
    assert_eq!(s.sent_one().to_tag(), Some("ours"));
    s.answers(&again, Status::REQUEST_TERMINATED);
    assert_eq!(s.sent_one().to_tag(), Some("ours"), "inside a dialog the tag is its own");
}

#[test]
fn a_forked_copy_of_an_invite_is_answered_482() {
    let mut s = side();
    s.asked(udp(), invite("a", "call"));
    s.sent();
    assert!(s.hears(udp(), invite("b", "call")).is_none());
    assert_eq!(s.sent_statuses(), [Status::LOOP_DETECTED]);
    assert_eq!((s.endpoint.counts().merged, s.live().0), (1, 1));
}

#[test]
fn a_re_invite_with_its_own_cseq_is_a_request_of_its_own() {
    let mut s = side();
    let call = s.asked(udp(), invite("a", "call"));
    s.answers(&call, Status::OK);
    s.hears(udp(), ack("b", "call"));
    s.sent();
    let again = in_dialog(&invite("c", "call")).replace("CSeq: 1", "CSeq: 2");
    let second = s.asked(udp(), again);
    s.answers(&second, Status::OK);
    assert_eq!(s.sent_statuses(), [Status::TRYING, Status::OK]);
    let acked = s.hears(udp(), ack("d", "call").replace("CSeq: 1", "CSeq: 2"));
    assert!(matches!(acked, Some(TransactionEvent::Ack { tx, .. }) if tx == second.0));
}

#[test]
fn an_rfc_2543_invite_is_matched_with_its_copy_its_cancel_and_its_ack() {
    for via in ["198.51.100.7", "198.51.100.7;branch=z9hG4bK", "198.51.100.7;branch=1"] {
        let old = |text: String| {
            text.replace("198.51.100.7:5060;branch=z9hG4bKa;rport", via).replace(";tag=theirs", "")
        };
        let mut s = side();
        let call = s.asked(udp(), old(invite("a", "call")));
        assert!(s.hears(udp(), old(invite("a", "call"))).is_none());
        let cancelled = s.hears(udp(), old(request("CANCEL", "a", "call")));
        assert!(matches!(cancelled, Some(TransactionEvent::Cancelled { .. })));
        s.answers(&call, Status::REQUEST_TERMINATED);
        assert!(s.hears(udp(), old(ack("a", "call"))).is_none());
        assert_eq!(s.endpoint.counts().stray, 0);
        s.waits(40_000);
        assert!(s.is_empty());
        let another = s.asked(udp(), old(invite("a", "other")));
        s.answers(&another, Status::OK);
        assert!(s.hears(udp(), old(ack("a", "other"))).is_some(), "{via}");
    }
}

#[test]
fn answers_go_to_the_source_port_only_when_rport_asks_for_it() {
    let nat = flow(crate::sip::Transport::Udp, "203.0.113.9:40000");
    let mut s = side();
    let (_, asked) = s.asked(nat, invite("a", "call"));
    assert_eq!(asked.via().received(), Some("203.0.113.9".parse().unwrap()));
    assert_eq!(asked.via().rport(), crate::sip::Rport::Filled(40_000));
    assert_eq!(s.sent_flows(), [nat]);
    s.asked(nat, invite("b", "other").replace(";rport", ""));
    let flows = s.sent_flows();
    assert_eq!(flows[0].remote, "203.0.113.9:5060".parse().unwrap());
}

#[test]
fn a_peer_on_ipv6_gets_received_without_brackets_and_its_answer_back() {
    let six = flow(crate::sip::Transport::Udp, "[2001:db8::9]:5070");
    let mut s = side();
    s.asked(six, invite("a", "call").replace("198.51.100.7:5060", "[2001:db8::1]:5060"));
    let trying = s.out.clone();
    let Output::Send { flow, bytes } = &trying[0];
    assert_eq!(*flow, six);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.contains(";received=2001:db8::9;rport=5070"), "{text}");
}

#[test]
fn an_answer_owed_by_a_closed_connection_asks_for_a_new_one() {
    let path = flow(crate::sip::Transport::Tcp, "198.51.100.7:40000");
    let mut s = side();
    let call = s.asked(path, invite("a", "call"));
    s.sent();
    assert!(s.endpoint.flow_failed(s.now, path).is_empty());
    s.answers(&call, Status::OK);
    let new = Flow { connection: None, remote: UDP.parse().unwrap(), ..path };
    assert_eq!(s.sent_flows(), [new]);
}

#[test]
fn a_connection_that_closes_takes_its_own_answers_with_it_and_no_others() {
    let on = |connection| {
        let path = flow(crate::sip::Transport::Tcp, "198.51.100.7:40000");
        Flow { connection: Some(connection), ..path }
    };
    let mut s = side();
    let calls = [(1, "a"), (2, "b"), (3, "c"), (2, "d")].map(|(n, id)| s.asked(on(n), invite(id, id)));
    s.sent();
    assert!(s.endpoint.flow_failed(s.now, on(2)).is_empty());
    calls.iter().for_each(|call| s.answers(call, Status::OK));
    let new = Flow { connection: None, remote: UDP.parse().unwrap(), ..on(2) };
    assert_eq!(s.sent_flows(), [on(1), new, on(3), new]);
}
