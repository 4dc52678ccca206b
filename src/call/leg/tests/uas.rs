//! The peer calls: ringing, the answer, the refusal, and an INVITE that is given up.

use super::*;

#[test]
fn a_leg_asks_for_its_port_at_once_and_says_nothing_else() {
    assert_eq!(Line::of_caller("", &sdp("sendrecv")).began, ["media: open V4"]);
    assert_eq!(Line::of_phone().began, ["media: open V4"]);
}

#[test]
fn ringing_needs_no_port_and_begins_an_early_dialog() {
    let mut line = Line::of_caller("", &sdp("sendrecv"));
    assert!(line.leg.is_invited() && !line.leg.has_rung());
    assert_eq!(line.rings(Reliably::IfSupported), ["180 Ringing (1 INVITE)"]);
    assert_eq!(line.header("180", "To"), Some(format!("<sip:12345@192.0.2.1>;tag={OURS}").as_str()));
    assert_eq!(line.header("180", "Contact"), Some("<sip:hotline@192.0.2.1:5060>"));
    assert!(line.leg.has_rung() && line.leg.has_dialog("call", "theirs"));
}

#[test]
fn an_offer_is_answered_once_the_port_is_there() {
    let mut line = Line::of_caller("", &sdp("sendrecv"));
    assert_eq!(line.answers(), ["NotYet"]);
    line.gets_its_port();
    assert_eq!(
        line.answers(),
        [
            "200 OK (1 INVITE), sdp v1 sendrecv PCMA keys",
            "media: sendrecv PCMA with 198.51.100.7:4000",
            "Done"
        ]
    );
    assert_eq!(line.header("200", "Allow"), Some("INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, PRACK"));
    assert_eq!(line.header("200", "Supported"), Some("timer"));
    assert_eq!(line.header("200", "Contact"), Some("<sip:hotline@192.0.2.1:5060>"));
    assert_eq!(line.peer_acks(""), NOTHING);
    assert!(line.leg.is_up() && !line.leg.is_invited());
    assert_eq!(line.answers(), ["NotYet"], "one INVITE has one answer");
}

#[test]
fn an_offer_on_hold_is_answered_on_hold() {
    let mut line = Line::of_caller("", &sdp("sendonly"));
    line.gets_its_port();
    assert_eq!(
        line.answers(),
        [
            "200 OK (1 INVITE), sdp v1 recvonly PCMA keys",
            "media: recvonly PCMA with 198.51.100.7:4000",
            "Done"
        ]
    );
}

#[test]
fn an_invite_without_an_offer_gets_ours_and_its_ack_answers() {
    let mut line = Line::of_caller("", "");
    line.gets_its_port();
    assert_eq!(line.answers(), ["200 OK (1 INVITE), sdp v1 sendrecv PCMA PCMU keys", "Done"]);
    assert_eq!(line.leg.codec(), None);
    assert_eq!(
        line.peer_acks(&described("198.51.100.7", "0", "sendrecv")),
        ["media: sendrecv PCMU with 198.51.100.7:4000", "DirectionChanged(SendRecv)"]
    );
    assert_eq!(line.leg.codec(), Some(Codec::Pcmu));
}

#[test]
fn an_ack_without_the_answer_that_is_owed_loses_the_dialog() {
    let mut line = Line::of_caller("", "");
    line.gets_its_port();
    line.answers();
    assert_eq!(line.peer_acks(""), ["Lost { loss: Unacknowledged, status: Some(488) }"]);
}

#[test]
fn what_the_owner_adds_stands_in_the_200_ok() {
    let mut line = Line::of_caller("", &sdp("sendrecv"));
    line.gets_its_port();
    let named = vec![("P-Asserted-Identity", "<sip:1@hotline.example>".to_owned())];
    assert_eq!(
        line.does(|leg, cx| assert_eq!(leg.answer(named, cx), AnswerOutcome::Done)),
        [
            "200 OK (1 INVITE), P-Asserted-Identity: <sip:1@hotline.example>, sdp v1 sendrecv PCMA keys",
            "media: sendrecv PCMA with 198.51.100.7:4000"
        ]
    );
}

#[test]
fn an_offer_with_nothing_for_us_is_bad_media_and_nothing_is_said() {
    let only_a_law = PeerRules { codecs: vec![Codec::Pcma], ..trunk() };
    let mut line = Line::of_caller_by(only_a_law, "", &described("198.51.100.7", "0", "sendrecv"));
    line.gets_its_port();
    assert_eq!(line.answers(), ["BadMedia"]);
    assert!(line.leg.is_invited(), "the refusal is for the owner to choose");
    let mut line = Line::of_caller("", &described("2001:db8::7", "8", "sendrecv"));
    line.gets_its_port();
    assert_eq!(line.answers(), ["BadMedia"], "the other family of addresses");
}

#[test]
fn an_invite_that_names_nowhere_to_be_reached_has_no_target() {
    let mut line = Line::of_caller("X-Contact: none\r\n", &sdp("sendrecv"));
    line.gets_its_port();
    assert_eq!(line.answers(), ["NoTarget"]);
}

#[test]
fn a_refusal_gives_the_port_back_and_503_says_when_to_try_again() {
    let mut line = Line::of_caller("", &sdp("sendrecv"));
    assert_eq!(
        line.does(|leg, cx| leg.reject(Status::BUSY_HERE, cx)),
        ["486 Busy Here (1 INVITE)", "media: close"]
    );
    assert!(line.leg.is_terminated() && !line.leg.is_gone());
    line.leg.media_closed();
    assert!(line.leg.is_gone());
    assert_eq!(line.does(|leg, cx| leg.reject(Status::BUSY_HERE, cx)), NOTHING);

    let mut line = Line::of_caller("", &sdp("sendrecv"));
    assert_eq!(
        line.does(|leg, cx| leg.reject(Status::SERVICE_UNAVAILABLE, cx)),
        ["503 Service Unavailable (1 INVITE), Retry-After: 10", "media: close"]
    );
}

#[test]
fn hanging_up_before_the_answer_is_480() {
    let mut line = Line::of_caller("", &sdp("sendrecv"));
    line.rings(Reliably::Never);
    assert_eq!(line.hangs_up(), ["480 Temporarily Unavailable (1 INVITE)", "media: close"]);
    assert_eq!(line.hangs_up(), NOTHING);
}

#[test]
fn a_cancel_gets_487_for_the_invite_and_is_told_once() {
    let mut line = Line::of_caller("", &sdp("sendrecv"));
    line.rings(Reliably::Never);
    assert_eq!(
        line.does(|leg, cx| leg.cancelled(Cause::ELSEWHERE, cx)),
        [
            "487 Request Terminated (1 INVITE)",
            "media: close",
            "GivenUp { how: Cancelled, cause: Cause { sip: Some(200), q850: None, text: \"Call completed elsewhere\" } }"
        ]
    );
    assert_eq!(line.does(|leg, cx| leg.cancelled(Cause::ELSEWHERE, cx)), NOTHING);
}

#[test]
fn a_cancel_that_comes_after_our_200_ok_changes_nothing() {
    let mut line = Line::in_a_call(trunk(), "");
    assert_eq!(line.does(|leg, cx| leg.cancelled(Cause::NORMAL, cx)), NOTHING);
    assert!(line.leg.is_up());
}

#[test]
fn an_early_bye_gives_the_invite_up_as_a_cancel_would() {
    let given_up = [
        "200 OK (2 BYE)",
        "487 Request Terminated (1 INVITE)",
        "media: close",
        "GivenUp { how: Cancelled, cause: Cause { sip: None, q850: Some(16), text: \"\" } }",
    ];
    let mut line = Line::of_caller("", &sdp("sendrecv"));
    line.rings(Reliably::Never);
    assert_eq!(line.peer_sends("BYE", "Reason: Q.850;cause=16\r\n", ""), given_up);
    // Before an 18x there is no dialog yet, and the peer means its INVITE all the same.
    let mut line = Line::of_caller("", &sdp("sendrecv"));
    assert_eq!(line.peer_sends("BYE", "Reason: Q.850;cause=16\r\n", ""), given_up);
}

#[test]
fn an_early_bye_with_another_tag_ends_nothing() {
    let mut line = Line::of_caller("", &sdp("sendrecv"));
    assert_eq!(line.peer_sends_as("other", "BYE", "", ""), ["481 Call/Transaction Does Not Exist (2 BYE)"]);
    line.rings(Reliably::Never);
    assert_eq!(line.peer_sends_as("other", "BYE", "", ""), ["481 Call/Transaction Does Not Exist (3 BYE)"]);
    assert!(line.leg.is_invited());
}

#[test]
fn an_invite_that_expires_is_given_up_with_487_at_that_second() {
    let mut line = Line::of_caller("Expires: 30\r\n", &sdp("sendrecv"));
    line.rings(Reliably::Never);
    assert_eq!(line.waits(Duration::from_millis(29_999)), NOTHING);
    assert_eq!(
        line.waits(secs(60)),
        [
            "at 30s: 487 Request Terminated (1 INVITE)",
            "at 30s: media: close",
            "at 30s: GivenUp { how: Expired, cause: Cause { sip: None, q850: Some(102), text: \"\" } }"
        ]
    );
}

#[test]
fn an_answered_invite_does_not_expire() {
    let mut line = Line::in_a_call(trunk(), "Expires: 30\r\n");
    assert_eq!(line.waits(secs(60)), NOTHING);
    assert!(line.leg.is_up());
}

#[test]
fn no_port_leaves_the_refusal_of_a_caller_to_the_owner() {
    let mut line = Line::of_caller("", &sdp("sendrecv"));
    assert_eq!(line.does(|leg, cx| leg.media_failed(cx)), NOTHING);
    assert_eq!(
        line.does(|leg, cx| leg.reject(Status::SERVICE_UNAVAILABLE, cx)).len(),
        1,
        "there is no port to give back"
    );
    assert!(line.leg.is_gone());
}
