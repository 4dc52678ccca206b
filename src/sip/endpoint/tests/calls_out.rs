//! INVITEs that we send: timers A, B, C, D, M, forks, CANCEL.

use super::*;

/// An INVITE on its way, as it was sent.
fn calling(s: &mut Side, flow: Flow) -> (ClientTx, Message) {
    let tx = s.asks(flow, outgoing(Method::Invite));
    (tx, s.sent_one())
}

fn methods(messages: &[Message]) -> Vec<&Method> {
    messages.iter().filter_map(Message::method).collect()
}

#[test]
fn timer_a_repeats_an_invite_over_udp_until_timer_b_gives_up() {
    let mut s = side();
    let (tx, _) = calling(&mut s, udp());
    let seen = s.waits(40_000);
    assert_eq!(seen.times(), [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    assert_eq!((seen.reasons[0], seen.reasons[6]), (Reason::A, Reason::B));
    assert!(
        matches!(seen.happened[..], [(32_000, TransactionEvent::Failed { tx: t, cause: Failure::Timeout })] if t == tx)
    );
    assert!(s.is_empty());
}

#[test]
fn over_tcp_an_invite_is_sent_once_and_given_up_by_timer_b() {
    let mut s = side();
    calling(&mut s, tcp());
    let seen = s.waits(40_000);
    assert!(seen.sent.is_empty());
    assert_eq!(seen.reasons, [Reason::B]);
}

#[test]
fn a_provisional_response_stops_retransmission_and_timer_c_bounds_ringing() {
    let mut s = side();
    let (tx, invite) = calling(&mut s, udp());
    assert!(s.hears(udp(), answer(&invite, Status::RINGING, "t")).is_some());
    assert!(s.waits(100_000).sent.is_empty());
    assert!(s.hears(udp(), answer(&invite, Status::RINGING, "t")).is_some(), "begins timer C anew");
    let seen = s.waits(181_000);
    assert_eq!(seen.reasons, [Reason::C]);
    assert_eq!(seen.sent[0].1.method(), Some(&Method::Cancel));
    let seen = s.waits(32_000);
    assert_eq!(seen.reasons.last(), Some(&Reason::Cancelled));
    assert!(
        matches!(seen.happened[..], [(_, TransactionEvent::Failed { tx: t, cause: Failure::Timeout })] if t == tx)
    );
    assert!(s.is_empty());
}

#[test]
fn a_refusal_is_acked_on_its_hop_again_for_each_copy_until_timer_d() {
    let mut s = side();
    let (_, invite) = calling(&mut s, udp());
    let busy = answer(&invite, Status::BUSY_HERE, "t");
    assert!(s.hears(udp(), &busy).is_some());
    let ack = s.sent_one();
    assert_eq!(ack.method(), Some(&Method::Ack));
    assert_eq!(ack.uri(), invite.uri());
    assert_eq!(ack.via().raw(), invite.via().raw());
    assert_eq!(ack.from().raw(), invite.from().raw());
    assert_eq!((ack.to_tag(), ack.cseq()), (Some("t"), (7, &Method::Ack)));
    assert_eq!(ack.list("Route"), invite.list("Route"));
    assert!(s.hears(udp(), &busy).is_none());
    assert_eq!(s.sent_one().bytes(), ack.bytes());
    let seen = s.waits(32_000);
    assert_eq!(seen.reasons, [Reason::D]);
    assert!(s.is_empty());
}

#[test]
fn over_tcp_a_refused_invite_leaves_at_once() {
    let mut s = side();
    let (_, invite) = calling(&mut s, tcp());
    assert!(s.hears(tcp(), answer(&invite, Status::BUSY_HERE, "t")).is_some());
    assert_eq!(s.sent_one().method(), Some(&Method::Ack));
    assert!(s.is_empty());
}

#[test]
fn a_200_its_copies_and_those_of_other_forks_surface_until_timer_m() {
    let mut s = side();
    let (tx, invite) = calling(&mut s, udp());
    s.hears(udp(), answer(&invite, Status::RINGING, "one"));
    for tag in ["one", "one", "two"] {
        let got = s.hears(udp(), answer(&invite, Status::OK, tag));
        let Some(TransactionEvent::Response { tx: t, response, .. }) = got else { panic!("{got:?}") };
        assert_eq!((t, response.to_tag()), (tx, Some(tag)));
    }
    assert!(s.sent().is_empty(), "the ACK of a 2xx is its user's");
    assert!(s.hears(udp(), answer(&invite, Status::RINGING, "three")).is_none());
    assert!(s.hears(udp(), answer(&invite, Status::BUSY_HERE, "three")).is_none());
    assert_eq!(s.waits(32_000).reasons, [Reason::M]);
    let later = s.hears(udp(), answer(&invite, Status::OK, "one"));
    assert!(matches!(later, Some(TransactionEvent::StrayAnswer { .. })), "{later:?}");
    assert_eq!(s.endpoint.counts().stray, 1);
    assert!(s.is_empty());
}

#[test]
fn the_ack_of_a_2xx_has_a_branch_of_its_own_and_no_transaction() {
    let mut s = side();
    let (_, invite) = calling(&mut s, udp());
    s.hears(udp(), answer(&invite, Status::OK, "t"));
    s.endpoint.send(udp(), outgoing(Method::Ack), &mut s.out);
    let ack = s.sent_one();
    assert_ne!(ack.via().branch(), invite.via().branch());
    assert_eq!(s.live(), (0, 1));
}

#[test]
fn a_cancel_before_any_response_waits_for_the_first_and_goes_out_once() {
    let mut s = side();
    let (tx, invite) = calling(&mut s, udp());
    s.cancels(tx);
    assert!(s.sent().is_empty());
    assert_eq!(s.waits(500).sent[0].1.method(), Some(&Method::Invite), "still called for");
    assert!(s.hears(udp(), answer(&invite, Status::TRYING, "")).is_some());
    assert_eq!(s.sent_one().method(), Some(&Method::Cancel));
    s.hears(udp(), answer(&invite, Status::RINGING, "t"));
    s.cancels(tx);
    assert!(s.sent().is_empty());
}

#[test]
fn a_cancel_has_branch_request_uri_route_and_to_of_its_invite() {
    let mut s = side();
    let (tx, invite) = calling(&mut s, udp());
    s.hears(udp(), answer(&invite, Status::RINGING, "t"));
    s.cancels(tx);
    let cancel = s.sent_one();
    assert_eq!(cancel.uri(), invite.uri());
    assert_eq!(cancel.via().raw(), invite.via().raw());
    assert_eq!(cancel.from().raw(), invite.from().raw());
    assert_eq!(cancel.to().raw(), invite.to().raw(), "without the tag of the 180");
    assert_eq!(cancel.call_id(), invite.call_id());
    assert_eq!(cancel.cseq(), (7, &Method::Cancel));
    assert_eq!(cancel.list("Route"), invite.list("Route"));
}

#[test]
fn a_cancel_is_repeated_by_timer_e_and_its_answer_is_not_delivered() {
    let mut s = side();
    let (tx, invite) = calling(&mut s, udp());
    s.hears(udp(), answer(&invite, Status::RINGING, "t"));
    s.cancels(tx);
    let cancel = s.sent_one();
    let seen = s.waits(2_000);
    assert_eq!(seen.times(), [500, 1_500]);
    assert_eq!(methods(&seen.sent.into_iter().map(|(_, m)| m).collect::<Vec<_>>()), [&Method::Cancel; 2]);
    assert!(s.hears(udp(), answer(&cancel, Status::OK, "t")).is_none());
    assert!(s.waits(10_000).sent.is_empty());
    let got = s.hears(udp(), answer(&invite, Status::REQUEST_TERMINATED, "t"));
    assert!(matches!(got, Some(TransactionEvent::Response { tx: t, .. }) if t == tx));
    assert_eq!(s.sent_one().method(), Some(&Method::Ack));
    s.waits(40_000);
    assert!(s.is_empty());
}

#[test]
fn a_cancel_that_crosses_the_200_ends_with_the_200_for_its_user() {
    let mut s = side();
    let (tx, invite) = calling(&mut s, udp());
    s.hears(udp(), answer(&invite, Status::RINGING, "t"));
    s.cancels(tx);
    let cancel = s.sent_one();
    let got = s.hears(udp(), answer(&invite, Status::OK, "t"));
    assert!(matches!(got, Some(TransactionEvent::Response { .. })));
    assert!(s.hears(udp(), answer(&cancel, Status::NO_SUCH_CALL, "t")).is_none());
    assert!(s.waits(40_000).sent.is_empty(), "nothing is cancelled any more");
    assert!(s.is_empty());
}

#[test]
fn a_cancel_after_the_end_is_nothing() {
    let mut s = side();
    let (tx, invite) = calling(&mut s, udp());
    s.hears(udp(), answer(&invite, Status::OK, "t"));
    s.cancels(tx);
    assert!(s.sent().is_empty());
}

#[test]
fn a_cancelled_invite_that_gets_no_final_response_fails_after_32_seconds() {
    let mut s = side();
    let (tx, invite) = calling(&mut s, udp());
    s.hears(udp(), answer(&invite, Status::RINGING, "t"));
    s.cancels(tx);
    let cancel = s.sent_one();
    s.hears(udp(), answer(&cancel, Status::OK, "t"));
    let seen = s.waits(32_000);
    assert_eq!(seen.reasons, [Reason::Cancelled]);
    assert!(matches!(
        seen.happened[..],
        [(32_000, TransactionEvent::Failed { cause: Failure::Timeout, .. })]
    ));
    assert!(s.is_empty());
}

#[test]
fn a_final_response_before_the_cancel_could_go_is_just_the_end() {
    let mut s = side();
    let (tx, invite) = calling(&mut s, udp());
    s.cancels(tx);
    assert!(s.hears(udp(), answer(&invite, Status::BUSY_HERE, "t")).is_some());
    assert_eq!(methods(&s.sent()), [&Method::Ack]);
}

#[test]
fn a_ringing_call_fails_with_its_connection_and_an_answered_one_does_not() {
    let mut s = side();
    let (rings, invite) = calling(&mut s, tcp());
    s.hears(tcp(), answer(&invite, Status::RINGING, "t"));
    let (_, invite) = calling(&mut s, tcp());
    s.hears(tcp(), answer(&invite, Status::OK, "t"));
    let failed = s.endpoint.flow_failed(s.now, tcp());
    assert!(
        matches!(failed[..], [TransactionEvent::Failed { tx, cause: Failure::Transport }] if tx == rings)
    );
}
