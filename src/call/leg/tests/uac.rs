//! We call: the INVITE, its provisional responses, its answer, and what comes instead.

use super::*;

const CANCEL: &str = "CANCEL, Reason: Q.850;cause=16";
const BYE: &str = "BYE sip:1001@198.51.100.7 (2), Reason: Q.850;cause=16";

/// A phone whose INVITE is out.
fn invited() -> Line {
    let mut line = Line::of_phone();
    line.gets_its_port();
    line.invites();
    line
}

#[test]
fn the_invite_goes_out_once_and_only_with_the_port() {
    let mut line = Line::of_phone();
    assert_eq!(line.invites(), NOTHING);
    assert!(!line.leg.may_be_invited());
    line.gets_its_port();
    assert!(line.leg.may_be_invited());
    assert_eq!(
        line.invites(),
        ["INVITE sip:1001@198.51.100.7:5060 (1), Expires: 25, \
          P-Asserted-Identity: <sip:13812341234@hotline.example>, sdp v1 sendrecv PCMA PCMU keys"]
    );
    assert_eq!(line.header("INVITE", "To"), Some("<sip:1001@hotline.example>"));
    let from = format!("\"Li\" <sip:13812341234@hotline.example>;tag={OURS}");
    assert_eq!(line.header("INVITE", "From"), Some(from.as_str()));
    assert_eq!(line.header("INVITE", "Call-ID"), Some(OURS));
    assert_eq!(line.invites(), NOTHING);
}

#[test]
fn without_any_response_the_invite_is_cancelled_after_4_s() {
    let mut line = invited();
    assert_eq!(
        line.waits(secs(60)),
        [
            format!("at 4s: {CANCEL}"),
            "at 4s: media: close".into(),
            "at 4s: no response".into(),
            "at 4s: Rejected { status: None, rang: false }".into(),
        ]
    );
    assert!(line.leg.is_cancelling());
}

#[test]
fn a_100_ends_the_wait_for_a_response_and_says_nothing() {
    let mut line = invited();
    assert_eq!(line.peer_replies("INVITE", Status::TRYING, "", ""), NOTHING);
    assert_eq!(line.waits(secs(60)), NOTHING);
    assert!(line.leg.is_ringing());
}

#[test]
fn the_first_18x_is_news_and_early_media_is_agreed_with_it() {
    let mut line = invited();
    assert_eq!(
        line.peer_replies("INVITE", Status::RINGING, "", ""),
        ["Progress { rings: true, early_media: false }"]
    );
    assert_eq!(line.peer_replies("INVITE", Status::RINGING, "", ""), NOTHING);
    assert_eq!(
        line.peer_replies("INVITE", Status::SESSION_PROGRESS, "", &sdp("sendrecv")),
        ["media: sendrecv PCMA with 198.51.100.7:4000", "Progress { rings: false, early_media: true }"]
    );
}

#[test]
fn a_reliable_18x_is_acknowledged_before_it_is_told() {
    let mut line = invited();
    assert_eq!(
        line.peer_replies("INVITE", Status::RINGING, "Require: 100rel\r\nRSeq: 7\r\n", ""),
        ["PRACK sip:1001@198.51.100.7 (2), RAck: 7 1 INVITE", "Progress { rings: true, early_media: false }"]
    );
}

#[test]
fn an_answer_is_acknowledged_agreed_and_told() {
    let mut line = invited();
    line.peer_replies("INVITE", Status::RINGING, "", "");
    line.waits(secs(3));
    assert_eq!(
        line.peer_replies("INVITE", Status::OK, "", &sdp("sendrecv")),
        [
            "ACK sip:1001@198.51.100.7 (1)",
            "media: sendrecv PCMA with 198.51.100.7:4000",
            "Answered { rang: 3s }"
        ]
    );
    assert!(line.leg.is_up() && line.leg.has_dialog(OURS, "theirs"));
}

#[test]
fn an_answer_that_comes_again_is_acknowledged_again() {
    let mut line = Line::phone_in_a_call(seat(), "");
    assert_eq!(
        line.peer_replies("INVITE", Status::OK, "", &sdp("sendrecv")),
        ["ACK sip:1001@198.51.100.7 (1)"]
    );
}

#[test]
fn a_second_phone_that_answers_is_acknowledged_and_hung_up() {
    let mut line = Line::phone_in_a_call(seat(), "");
    let contact = "Contact: <sip:1001@198.51.100.9>\r\n";
    assert_eq!(
        line.phone_replies("other", "INVITE", Status::OK, contact, &sdp("sendrecv")),
        [
            "ACK sip:1001@198.51.100.9 (1) by 198.51.100.9:5060",
            "BYE sip:1001@198.51.100.9 (2) by 198.51.100.9:5060"
        ]
    );
    assert!(line.leg.is_up());
}

#[test]
fn an_answer_without_a_contact_is_hung_up_and_counts_as_none() {
    let mut line = invited();
    assert_eq!(
        line.phone_replies("theirs", "INVITE", Status::OK, "", &sdp("sendrecv")),
        [
            "ACK sip:1001@hotline.example (1)",
            "BYE sip:1001@hotline.example (2)",
            "media: close",
            "Rejected { status: None, rang: false }"
        ]
    );
    assert!(line.leg.is_terminated());
}

#[test]
fn an_answer_with_media_we_cannot_use_is_hung_up() {
    let mut line = invited();
    assert_eq!(
        line.peer_replies("INVITE", Status::OK, "", &described("198.51.100.7", "9", "sendrecv")),
        ["ACK sip:1001@198.51.100.7 (1)", BYE, "media: close", "AnsweredUnusably"]
    );
}

#[test]
fn a_refusal_ends_the_leg_with_its_status() {
    for (status, rang) in [(486, false), (486, true), (603, true)] {
        let mut line = invited();
        if rang {
            line.peer_replies("INVITE", Status::RINGING, "", "");
        }
        assert_eq!(
            line.peer_replies("INVITE", status.into(), "", ""),
            ["media: close".to_owned(), format!("Rejected {{ status: Some({status}), rang: {rang} }}")]
        );
        assert!(line.leg.is_terminated());
    }
}

#[test]
fn a_phone_that_wants_a_longer_session_timer_is_invited_again_with_it() {
    let timed = PeerRules { session_expires: secs(100), ..seat() };
    let mut line = Line::of_phone_by(timed, Inside::ToContact);
    line.gets_its_port();
    line.invites();
    for (n, least) in [(2, 200), (3, 300), (4, 400)] {
        let said = line.peer_replies(
            "INVITE",
            Status::SESSION_INTERVAL_TOO_SMALL,
            &format!("Min-SE: {least}\r\n"),
            "",
        );
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with(&format!("INVITE sip:1001@198.51.100.7:5060 ({n})")), "{said:?}");
        assert_eq!(line.header("INVITE", "Session-Expires"), Some(least.to_string().as_str()));
    }
    assert_eq!(
        line.peer_replies("INVITE", Status::SESSION_INTERVAL_TOO_SMALL, "Min-SE: 500\r\n", ""),
        ["media: close", "Rejected { status: Some(422), rang: false }"]
    );
}

#[test]
fn hanging_up_cancels_and_the_final_response_releases_the_phone() {
    let mut line = invited();
    line.peer_replies("INVITE", Status::RINGING, "", "");
    assert_eq!(line.hangs_up(), [CANCEL, "media: close"]);
    assert_eq!(line.hangs_up(), NOTHING);
    assert_eq!(line.peer_replies("INVITE", Status::REQUEST_TERMINATED, "", ""), ["Released"]);
    assert!(line.leg.is_terminated());
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut line = invited();
    line.hangs_up();
    assert_eq!(
        line.peer_replies("INVITE", Status::OK, "", &sdp("sendrecv")),
        ["ACK sip:1001@198.51.100.7 (1)", "BYE sip:1001@198.51.100.7 (2)", "Released"]
    );
    assert!(!line.leg.is_terminated(), "its BYE is not answered yet");
    assert_eq!(line.peer_replies("BYE", Status::OK, "", ""), NOTHING);
    assert!(line.leg.is_terminated());
}

#[test]
fn a_bye_of_a_phone_that_rings_cancels_what_else_may_ring() {
    let mut line = invited();
    line.peer_replies("INVITE", Status::RINGING, "", "");
    assert_eq!(
        line.peer_sends("BYE", "", ""),
        ["200 OK (1 BYE)", CANCEL, "media: close", "HungUpEarly { was_ringing: true }"]
    );
}

#[test]
fn an_invite_that_asks_for_a_password_goes_by_the_next_number() {
    let mut line = invited();
    let asks = line.response("proxy", "INVITE", Status::PROXY_AUTHENTICATION_REQUIRED, "", "");
    assert_eq!(line.leg.renumbered(&asks, 1), Some(2));
    assert!(line.leg.is_ringing());
}

#[test]
fn a_phone_without_a_port_is_never_invited() {
    let mut line = Line::of_phone();
    assert_eq!(line.does(|leg, cx| leg.media_failed(cx)), ["Rejected { status: None, rang: false }"]);
    assert!(line.leg.is_gone());
}
