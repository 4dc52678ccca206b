//! Inside the dialog: hanging up, hold, glare, refreshes, keys, transfers, and whether the peer is still there.

use super::*;
use crate::sip::{Failure, KeyPress, Method};

const GONE: &str = "481 Call/Transaction Does Not Exist";

#[test]
fn a_bye_of_the_peer_ends_the_leg_and_gives_the_port_back() {
    let mut line = Line::in_a_call(trunk(), "");
    assert_eq!(
        line.peer_sends("BYE", "", ""),
        ["200 OK (2 BYE)", "media: close", "HungUp { cause: Cause { sip: None, q850: None, text: \"\" } }"]
    );
    assert_eq!(line.peer_sends("BYE", "", ""), ["200 OK (3 BYE)"]);
}

#[test]
fn our_bye_waits_for_the_ack_of_our_200_ok() {
    let mut line = Line::of_caller("", &sdp("sendrecv"));
    line.gets_its_port();
    line.answers();
    assert_eq!(line.hangs_up(), ["media: close"]);
    assert_eq!(line.peer_acks(""), ["BYE sip:c@198.51.100.7 (1), Reason: Q.850;cause=16"]);
    assert_eq!(line.peer_replies("BYE", Status::OK, "", ""), NOTHING);
    assert!(line.leg.is_terminated());
}

#[test]
fn a_200_ok_that_is_never_acknowledged_loses_the_dialog() {
    let mut line = Line::of_caller("", &sdp("sendrecv"));
    line.gets_its_port();
    line.answers();
    assert_eq!(line.does(|leg, cx| leg.unacknowledged(cx)), ["Lost { loss: Unacknowledged, status: None }"]);
}

#[test]
fn a_reinvite_holds_and_resumes() {
    let mut line = Line::in_a_call(trunk(), "");
    assert_eq!(
        line.peer_sends("INVITE", "", &sdp("sendonly")),
        [
            "200 OK (2 INVITE), sdp v2 recvonly PCMA keys",
            "media: recvonly PCMA with 198.51.100.7:4000",
            "DirectionChanged(RecvOnly)"
        ]
    );
    line.peer_acks("");
    assert_eq!(
        line.peer_sends("INVITE", "", &sdp("sendrecv")),
        [
            "200 OK (3 INVITE), sdp v3 sendrecv PCMA keys",
            "media: sendrecv PCMA with 198.51.100.7:4000",
            "DirectionChanged(SendRecv)"
        ]
    );
}

#[test]
fn a_reinvite_without_an_offer_is_answered_in_its_ack() {
    let mut line = Line::in_a_call(trunk(), "");
    assert_eq!(line.peer_sends("INVITE", "", ""), ["200 OK (2 INVITE), sdp v2 sendrecv PCMA PCMU keys"]);
    // Our offer has no answer yet: the peer's own is a glare.
    assert_eq!(line.peer_sends("UPDATE", "", &sdp("sendrecv")), ["491 Request Pending (3 UPDATE)"]);
    assert_eq!(
        line.peer_acks(&sdp("inactive")),
        ["media: inactive PCMA with 198.51.100.7:4000", "DirectionChanged(Inactive)"]
    );
}

#[test]
fn a_reinvite_that_is_refused_leaves_the_remote_target_where_it_was() {
    let mut line = Line::phone_in_a_call(seat(), "");
    line.does(|leg, cx| leg.offer(Pending::offer(), cx));
    // Its Contact is another than that of the phone that answered.
    assert_eq!(line.peer_sends("INVITE", "", &sdp("sendonly")), ["491 Request Pending (1 INVITE)"]);
    line.peer_replies("INVITE", Status::NOT_ACCEPTABLE_HERE, "", "");
    assert!(line.hangs_up()[0].starts_with("BYE sip:1001@198.51.100.7 "), "{:?}", line.sent.last());
}

#[test]
fn a_reinvite_that_is_accepted_moves_the_remote_target() {
    let mut line = Line::phone_in_a_call(seat(), "");
    line.peer_sends("INVITE", "", &sdp("sendonly"));
    line.peer_acks("");
    assert!(line.hangs_up()[0].starts_with("BYE sip:c@198.51.100.7 "), "{:?}", line.sent.last());
}

#[test]
fn a_glare_is_491_and_the_side_that_called_tries_again_after_2_to_4_s() {
    let mut line = Line::phone_in_a_call(seat(), "");
    let offered = line.does(|leg, cx| leg.offer(Pending::offer(), cx));
    assert_eq!(offered, ["INVITE sip:1001@198.51.100.7 (2), sdp v1 sendrecv PCMA PCMU keys"]);
    assert_eq!(line.peer_sends("INVITE", "", &sdp("sendonly")), ["491 Request Pending (1 INVITE)"]);
    assert_eq!(line.peer_replies("INVITE", Status::REQUEST_PENDING, "", ""), NOTHING);
    assert_eq!(line.waits(Duration::from_millis(2_099)), NOTHING);
    let again = line.waits(Duration::from_millis(1_901));
    assert_eq!(again.len(), 1, "{again:?}");
    assert!(again[0].contains(": INVITE sip:") && again[0].contains(" (3), sdp v1"), "{again:?}");
}

#[test]
fn a_dialog_that_the_peer_does_not_know_any_more_is_lost() {
    for status in [408, 481] {
        let mut line = Line::phone_in_a_call(seat(), "");
        line.does(|leg, cx| leg.offer(Pending::offer(), cx));
        assert_eq!(
            line.peer_replies("INVITE", status.into(), "", ""),
            [format!("Lost {{ loss: Unresponsive, status: Some({status}) }}")]
        );
    }
}

#[test]
fn an_offer_that_is_refused_leaves_the_leg_as_it_was() {
    let mut line = Line::phone_in_a_call(seat(), "");
    line.does(|leg, cx| leg.offer(Pending::offer(), cx));
    assert_eq!(line.peer_replies("INVITE", Status::NOT_ACCEPTABLE_HERE, "", ""), NOTHING);
    assert!(line.leg.is_up());
}

#[test]
fn keys_by_info_are_told_and_other_bodies_refused() {
    let mut line = Line::in_a_call(trunk(), "");
    let key = "Content-Type: application/dtmf-relay\r\n";
    assert_eq!(
        line.peer_sends("INFO", key, "Signal=5\r\nDuration=160\r\n"),
        ["200 OK (2 INFO)", "KeyByInfo { key: '5', held: 160ms }"]
    );
    assert_eq!(line.peer_sends("INFO", "", ""), ["200 OK (3 INFO)"]);
    let said = line.peer_sends("INFO", "Content-Type: text/plain\r\n", "hello");
    assert_eq!(
        said,
        ["415 Unsupported Media Type (4 INFO), Accept: application/dtmf-relay, application/dtmf"]
    );
}

#[test]
fn keys_for_a_peer_by_info_go_out_one_at_a_time() {
    let by_info = PeerRules { dtmf: crate::config::Dtmf::Info, ..trunk() };
    let mut line = Line::in_a_call(by_info, "");
    let first = line.does(|leg, cx| leg.press(KeyPress::of('1'), cx));
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].contains("Signal=1"), "{first:?}");
    assert_eq!(line.does(|leg, cx| leg.press(KeyPress::of('2'), cx)), NOTHING);
    let second = line.peer_replies("INFO", Status::OK, "", "");
    assert!(second.len() == 1 && second[0].contains("Signal=2"), "{second:?}");
}

#[test]
fn methods_the_dialog_does_not_know_are_refused_with_what_it_does() {
    let mut line = Line::in_a_call(trunk(), "");
    assert_eq!(line.peer_sends("SUBSCRIBE", "Event: presence\r\n", "").len(), 1);
    let options = line.peer_sends("OPTIONS", "", "");
    assert!(options[0].starts_with("200 OK (3 OPTIONS), Accept: application/sdp"), "{options:?}");
    let unknown = line.peer_sends("FROBNICATE", "", "");
    assert!(unknown[0].contains("(4 FROBNICATE)") && !unknown[0].starts_with("200"), "{unknown:?}");
    let required = line.peer_sends("UPDATE", "Require: nothing-known\r\n", "");
    assert_eq!(required, ["420 Bad Extension (5 UPDATE), Unsupported: nothing-known"]);
}

#[test]
fn a_peer_that_asks_too_fast_is_asked_to_wait_and_may_hang_up() {
    let mut line = Line::in_a_call(trunk(), "");
    let refused = (0..60).filter(|_| line.peer_sends("OPTIONS", "", "")[0].starts_with("500")).count();
    assert_eq!(refused, 20);
    assert!(line.peer_sends("BYE", "", "")[0].starts_with("200"));
}

#[test]
fn a_request_with_another_tag_is_in_no_dialog() {
    let mut line = Line::in_a_call(trunk(), "");
    assert!(line.leg.has_dialog("call", "theirs") && !line.leg.has_dialog("call", "other"));
    line.hangs_up();
    assert_eq!(line.peer_sends("INFO", "", ""), [format!("{GONE} (2 INFO)")]);
}

#[test]
fn the_session_timer_is_refreshed_at_half_and_lost_without_an_answer() {
    let timed = PeerRules { session_expires: secs(1800), ..seat() };
    let mut line = Line::phone_in_a_call(timed, "Session-Expires: 1800;refresher=uac\r\nAllow: UPDATE\r\n");
    let said = line.waits(secs(901));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("at 900s: UPDATE sip:1001@198.51.100.7 (2)"), "{said:?}");
    assert_eq!(
        line.does(|leg, cx| leg.request_failed(&Method::Update, 2, Failure::Timeout, cx)),
        ["Lost { loss: Unresponsive, status: None }"]
    );
}
