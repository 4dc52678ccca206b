//! What is bounded, and that ended transactions leave nothing behind.

use super::*;

#[test]
fn at_the_limit_a_new_invite_gets_a_stateless_503_and_known_calls_go_on() {
    let config = EndpointConfig { most_server_transactions: 4, ..EndpointConfig::default() };
    let mut s = side_with(config);
    for n in 0..4 {
        s.asked(udp(), invite(&n.to_string(), &format!("call{n}")));
    }
    s.sent();
    let Some(TransactionEvent::Shed { answer, request: told, .. }) = s.hears(udp(), invite("x", "one-more"))
    else {
        panic!("its user must hear of it");
    };
    assert_eq!(told.call_id(), "one-more");
    let Output::Send { bytes, .. } = answer;
    let shed = Message::parse(bytes).unwrap();
    assert_eq!(
        (shed.status(), shed.header("Retry-After")),
        (Some(Status::SERVICE_UNAVAILABLE), Some(&b"10"[..]))
    );
    assert!(s.hears(udp(), invite("x", "one-more")).is_none());
    assert_eq!(s.sent_one().to_tag(), shed.to_tag(), "a copy gets the same answer");
    let ack = request("ACK", "x", "one-more");
    assert!(s.hears(udp(), ack).is_none());
    let bye = s.asked(udp(), in_dialog(&request("BYE", "y", "call0")));
    s.answers(&bye, Status::OK);
    assert_eq!(s.sent_statuses(), [Status::OK]);
    assert!(s.hears(udp(), in_dialog(&request("BYE", "z", "call1"))).is_none());
    assert!(s.sent().is_empty(), "past the reserve it is dropped, to come again");
    assert_eq!((s.endpoint.counts().shed, s.live().0), (2, 5));
}

#[test]
fn a_shed_invite_is_told_once_and_its_copies_get_the_same_answer() {
    let mut s = side();
    let mut hears = |branch: &str, call: &str, verdict: Result<(), Rejection>| {
        let bytes = Bytes::from(invite(branch, call));
        let happened = s.judged(udp(), bytes, verdict);
        (happened, s.sent_statuses())
    };
    assert!(
        matches!(hears("x", "one", Err(Rejection::Shed(Shedding::Singly))), (Some(TransactionEvent::Shed { .. }), sent) if sent.is_empty())
    );
    for _ in 0..3 {
        assert!(matches!(hears("x", "one", Ok(())), (None, sent) if sent == [Status::SERVICE_UNAVAILABLE]));
    }
    assert!(matches!(hears("y", "one", Ok(())), (Some(TransactionEvent::Request { .. }), _)), "a new try");
    assert!(matches!(hears("z", "two", Err(Rejection::Drop)), (None, sent) if sent.is_empty()));
    assert!(matches!(hears("z", "two", Ok(())), (Some(TransactionEvent::Request { .. }), _)), "as if lost");
    assert_eq!(s.live().0, 2, "nothing is kept of what was shed");
}

#[test]
fn a_rejection_keeps_nothing_and_each_copy_brings_one_answer() {
    let mut s = side();
    for _ in 0..3 {
        let rejection = Rejection::Answer(Status::METHOD_NOT_ALLOWED, vec![("Allow", "OPTIONS".into())]);
        assert!(s.judged(udp(), invite("x", "one").into(), Err(rejection)).is_none());
        let answer = s.sent_one();
        assert_eq!(
            (answer.status(), answer.header("Allow")),
            (Some(Status::METHOD_NOT_ALLOWED), Some(&b"OPTIONS"[..]))
        );
    }
    assert_eq!(s.live().0, 0);
    assert!(s.waits(64_000).sent.is_empty(), "it is never retransmitted");
}

#[test]
fn a_cancel_is_obeyed_at_the_limit_too() {
    let config = EndpointConfig { most_server_transactions: 1, ..EndpointConfig::default() };
    let mut s = side_with(config);
    s.asked(udp(), invite("a", "call"));
    s.sent();
    let cancelled = s.hears(udp(), request("CANCEL", "a", "call"));
    assert!(matches!(cancelled, Some(TransactionEvent::Cancelled { .. })));
    assert_eq!(s.sent_statuses(), [Status::OK]);
    assert!(s.hears(udp(), request("CANCEL", "a", "call")).is_none(), "once");
    assert_eq!(s.sent_statuses(), [Status::OK]);
}

#[test]
fn past_its_limit_a_request_of_ours_is_reported_failed_and_never_sent() {
    let config = EndpointConfig { most_client_transactions: 1, ..EndpointConfig::default() };
    let mut s = side_with(config);
    s.asks(udp(), outgoing(Method::Options));
    s.sent();
    let tx = s.asks(udp(), outgoing(Method::Options));
    assert!(s.sent().is_empty());
    let seen = s.waits(0);
    assert_eq!(seen.reasons, [Reason::Refused]);
    assert!(
        matches!(seen.happened[..], [(0, TransactionEvent::Failed { tx: t, cause: Failure::Full })] if t == tx)
    );
    assert_eq!(s.live().1, 1);
}

#[test]
fn after_2_000_calls_in_and_out_nothing_is_left_once_the_timers_ran_out() {
    let mut s = side();
    for n in 0..2_000u32 {
        let (branch, call) = (format!("i{n}"), format!("call{n}"));
        let asked = s.asked(udp(), invite(&branch, &call));
        let tx = s.asks(udp(), outgoing(Method::Invite));
        let out = s.sent();
        let leg = out.last().unwrap();
        match n % 4 {
            0 => {
                s.hears(udp(), answer(leg, Status::RINGING, "t"));
                s.hears(udp(), answer(leg, Status::OK, "t"));
                s.answers(&asked, Status::OK);
                s.hears(udp(), ack(&format!("a{n}"), &call));
                let bye = s.asked(udp(), in_dialog(&request("BYE", &format!("b{n}"), &call)));
                s.answers(&bye, Status::OK);
            }
            1 => {
                s.hears(udp(), request("CANCEL", &branch, &call));
                s.answers(&asked, Status::REQUEST_TERMINATED);
                s.cancels(tx);
                s.hears(udp(), answer(leg, Status::RINGING, "t"));
            }
            2 => {
                s.hears(udp(), answer(leg, Status::BUSY_HERE, "t"));
                s.answers(&asked, Status::BUSY_HERE);
                s.hears(udp(), ack(&branch, &call));
            }
            _ => s.answers(&asked, Status::OK),
        }
        s.out.clear();
        if n % 100 == 0 {
            s.waits(100);
        }
    }
    assert!(s.endpoint.counts().transactions() > 2_000);
    s.waits(300_000);
    assert!(s.is_empty(), "{:?}", s.endpoint.counts());
}

#[test]
fn garbage_and_odd_copies_never_panic_and_leave_nothing() {
    let mut s = side();
    let mut random = Random::from_number(9);
    let texts =
        [invite("a", "c"), ack("a", "c"), request("CANCEL", "a", "c"), in_dialog(&request("BYE", "b", "c"))];
    for _ in 0..5_000 {
        let mut bytes = texts[random.below(texts.len() as u64) as usize].clone().into_bytes();
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.below(256) as u8;
        }
        let happened = s.endpoint.receive(s.now, udp(), bytes.into(), &mut s.out);
        if let Some(TransactionEvent::Request { tx, request, .. }) = happened {
            let status = [200, 486, 408, 180][random.below(4) as usize];
            let response = Outgoing::response(&request, Status::from(status), Some("ours"));
            s.endpoint.respond(s.now, tx, response, &mut s.out);
            if status == 180 {
                s.endpoint.forget(tx);
            }
        }
        s.out.clear();
    }
    s.waits(40_000);
    assert!(s.is_empty(), "{:?}", s.endpoint.counts());
}

#[test]
fn what_a_source_holds_is_told_before_admission_and_given_back() {
    let mut s = side();
    let mut held = Vec::new();
    for (branch, call) in [("a", "one"), ("b", "two"), ("c", "three")] {
        let new = s.recognises(udp(), request("OPTIONS", branch, call));
        let RequestKind::New(holding) = new.kind() else { panic!("{new:?}") };
        held.push(holding.transactions);
        assert_eq!(holding.octets > 0, holding.transactions > 0);
        let event = s.endpoint.admit(s.now, new, &mut s.out);
        let Some(TransactionEvent::Request { tx, request, .. }) = event else { panic!("{event:?}") };
        s.endpoint.respond(s.now, tx, Outgoing::response(&request, Status::OK, Some("t")), &mut s.out);
    }
    s.waits(40_000);
    let new = s.recognises(udp(), request("OPTIONS", "d", "four"));
    assert_eq!((held, new.kind()), (vec![0, 1, 2], RequestKind::New(Holding::default())));
}

#[test]
fn a_request_that_waits_for_admission_is_answered_by_nothing_yet() {
    let mut s = side();
    let new = s.recognises(udp(), invite("a", "call"));
    assert_eq!((new.flow(), new.request().call_id(), s.live().0), (&udp(), "call", 0));
    assert!(s.sent().is_empty());
    assert!(s.endpoint.reject(s.now, new, Rejection::Drop, &mut s.out).is_none());
    let new = s.recognises(udp(), invite("a", "call"));
    s.endpoint.admit(s.now, new, &mut s.out);
    assert_eq!((s.sent_statuses(), s.live().0), (vec![Status::TRYING], 1), "100 Trying follows admission");
    assert!(s.hears(udp(), invite("a", "call")).is_none(), "a retransmission asks for no admission");
    assert_eq!((s.sent_statuses(), s.endpoint.counts().retransmissions), (vec![Status::TRYING], 1));
}

#[test]
fn a_rejected_cancel_is_answered_481_and_a_rejected_ack_is_dropped() {
    let mut s = side();
    s.asked(udp(), invite("a", "call"));
    s.sent();
    let cancel = s.recognises(tcp(), request("CANCEL", "a", "call"));
    assert_eq!(cancel.kind(), RequestKind::Cancel(udp()), "the path of its INVITE");
    assert!(
        s.endpoint
            .reject(s.now, cancel, Rejection::Answer(Status::NO_SUCH_CALL, Vec::new()), &mut s.out)
            .is_none()
    );
    assert_eq!(s.sent_statuses(), [Status::NO_SUCH_CALL]);
    let ack = s.recognises(tcp(), ack("b", "call"));
    assert_eq!(ack.kind(), RequestKind::Ack);
    assert!(s.endpoint.reject(s.now, ack, Rejection::Drop, &mut s.out).is_none());
    assert_eq!((s.sent_statuses(), s.endpoint.counts().stray), (vec![], 2));
    let of_nothing = s.endpoint.recognise(s.now, udp(), request("CANCEL", "x", "other").into(), &mut s.out);
    assert!(of_nothing.is_none(), "a CANCEL of nothing asks for no admission");
    assert_eq!(s.sent_statuses(), [Status::NO_SUCH_CALL]);
}
