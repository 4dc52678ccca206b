//! Whether the peer is still there: what is asked, and what the answer means.

use super::*;
use crate::call::leg::uac::Probing;
use crate::sip::{Failure, Method};

const REINVITE: &str = "INVITE sip:1001@198.51.100.7 (2), sdp v1 sendrecv PCMA PCMU keys";
const UPDATE: &str = "Allow: INVITE, ACK, BYE, UPDATE\r\n";

/// The caller of a trunk in a call, whose peer is probed in its dialog alone.
fn caller() -> Line {
    let mut line = Line::in_a_call(trunk(), UPDATE);
    line.leg.liveness.probing = Probing::InDialog;
    line
}

/// The media is told to be silent every three seconds, so often; what the leg said, each at its second.
fn silent_for(line: &mut Line, tells: u64) -> Vec<String> {
    let mut said = Vec::new();
    for n in 1..=tells {
        line.now.mono = line.now.mono + secs(3);
        let what = line.does(Leg::rtp_timed_out);
        said.extend(what.into_iter().map(|what| format!("{}s: {what}", n * 3)));
    }
    said
}

#[test]
fn a_peer_that_answers_no_probe_is_missing_after_4_s() {
    let mut line = Line::phone_in_a_call(seat(), "");
    assert_eq!(line.does(Leg::rtp_timed_out), [REINVITE]);
    assert!(line.leg.has_no_rtp(line.now.mono));
    assert_eq!(line.does(Leg::probe), NOTHING, "one probe at a time");
    assert_eq!(line.waits(secs(10)), ["at 4s: Missing(Unresponsive)"]);
    let failed = |leg: &mut Leg, cx: &mut Cx<'_>| {
        leg.request_failed(&Method::Invite, 2, Failure::Timeout, cx);
    };
    assert_eq!(line.does(failed), NOTHING, "the transaction ends later and says nothing more");
}

#[test]
fn a_peer_that_takes_update_is_probed_by_one_that_changes_nothing() {
    let mut line = Line::phone_in_a_call(seat(), UPDATE);
    for n in 2..6 {
        assert_eq!(line.does(Leg::probe), [format!("UPDATE sip:1001@198.51.100.7 ({n})")]);
        assert_eq!(line.peer_replies("UPDATE", Status::OK, "", ""), NOTHING);
        assert_eq!(line.waits(secs(5)), NOTHING, "an answer in time says nothing");
    }
}

#[test]
fn a_reinvite_probes_once_in_nine_seconds_and_options_in_between() {
    let mut line = Line::phone_in_a_call(seat(), "");
    let (same, mut methods) = (sdp("sendrecv"), Vec::new());
    for _ in 0..7 {
        let said = line.does(Leg::rtp_timed_out);
        let method = said[0].split(' ').next().unwrap().to_owned();
        assert!(method != "INVITE" || said[0].ends_with("sdp v1 sendrecv PCMA PCMU keys"), "{said:?}");
        line.peer_replies(&method, Status::OK, "", if method == "INVITE" { &same } else { "" });
        methods.push(method);
        assert_eq!(line.waits(secs(3)), NOTHING);
    }
    assert_eq!(methods, ["INVITE", "OPTIONS", "OPTIONS", "INVITE", "OPTIONS", "OPTIONS", "INVITE"]);
}

#[test]
fn what_a_probe_is_answered_tells_whether_the_peer_is_there() {
    let forgotten = "Lost { loss: Forgotten, status: Some(481) }";
    for (status, told) in [
        (200, None),
        (405, None),
        (422, None),
        (488, None),
        (491, None),
        (500, None),
        (481, Some(forgotten)),
        (408, Some("Missing(Unresponsive)")),
        (503, Some("Missing(Unresponsive)")),
    ] {
        let mut line = Line::phone_in_a_call(seat(), UPDATE);
        line.does(Leg::rtp_timed_out);
        let said = line.peer_replies("UPDATE", status.into(), "", "");
        assert_eq!(said.first().map(String::as_str), told, "{status}");
        assert_eq!(line.waits(secs(10)), NOTHING, "{status}");
    }
}

#[test]
fn options_that_find_no_dialog_are_a_sign_and_no_proof() {
    let mut line = Line::phone_in_a_call(seat(), "");
    line.does(Leg::rtp_timed_out);
    line.peer_replies("INVITE", Status::OK, "", &sdp("sendrecv"));
    assert_eq!(line.does(Leg::probe), ["OPTIONS sip:1001@198.51.100.7 (3)"]);
    assert_eq!(line.peer_replies("OPTIONS", Status::NO_SUCH_CALL, "", ""), ["Missing(Forgotten)"]);
}

#[test]
fn a_probe_that_could_not_be_sent_is_no_answer() {
    let mut line = Line::phone_in_a_call(seat(), "");
    line.does(Leg::rtp_timed_out);
    let failed = |leg: &mut Leg, cx: &mut Cx<'_>| {
        leg.request_failed(&Method::Invite, 2, Failure::Transport, cx);
    };
    assert_eq!(line.does(failed), ["Missing(Unresponsive)"]);
}

#[test]
fn a_peer_that_refuses_update_is_probed_by_reinvite_from_then_on() {
    let mut line = Line::phone_in_a_call(seat(), UPDATE);
    line.does(Leg::probe);
    assert_eq!(line.peer_replies("UPDATE", Status::NOT_IMPLEMENTED, "", ""), NOTHING);
    assert!(line.does(Leg::probe)[0].starts_with("INVITE"));
}

#[test]
fn a_request_that_is_out_leaves_options_to_the_probe() {
    let mut line = Line::phone_in_a_call(seat(), UPDATE);
    line.does(|leg, cx| leg.offer(Pending::offer(), cx));
    assert_eq!(line.does(Leg::probe), ["OPTIONS sip:1001@198.51.100.7 (3)"]);
}

#[test]
fn the_peer_of_a_trunk_is_probed_after_nine_seconds_of_silence() {
    let mut line = caller();
    assert_eq!(silent_for(&mut line, 3), ["9s: UPDATE sip:c@198.51.100.7 (1)"]);
    line.peer_replies("UPDATE", Status::OK, "", "");
    assert_eq!(
        silent_for(&mut line, 6),
        ["9s: UPDATE sip:1001@198.51.100.7 (2)"],
        "the second one waits for its answer"
    );
}

#[test]
fn a_trunk_that_is_heard_in_between_is_not_probed() {
    let mut line = caller();
    for _ in 0..10 {
        assert_eq!(silent_for(&mut line, 2), NOTHING);
        line.now.mono = line.now.mono + secs(2);
    }
}
