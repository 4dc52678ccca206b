//! The peer calls, before our answer: early media, and reliable provisional responses (RFC 3262).

use super::*;

const CAN: &str = "Supported: 100rel\r\n";
const MUST: &str = "Require: 100rel\r\n";

/// A caller with its port.
fn caller(headers: &str, body: &str) -> Line {
    let mut line = Line::of_caller(headers, body);
    line.gets_its_port();
    line
}

#[test]
fn early_media_waits_for_the_port_and_is_agreed_with_the_183() {
    let mut line = Line::of_caller("", &sdp("sendrecv"));
    assert_eq!(line.plays_early_media(Reliably::IfSupported), NOTHING);
    line.gets_its_port();
    assert_eq!(
        line.plays_early_media(Reliably::IfSupported),
        [
            "183 Session Progress (1 INVITE), sdp v1 sendrecv PCMA keys",
            "media: sendrecv PCMA with 198.51.100.7:4000",
            "EarlyMediaAgreed"
        ]
    );
}

#[test]
fn the_200_ok_repeats_an_unreliable_description_word_for_word() {
    let mut line = caller("", &sdp("sendrecv"));
    line.plays_early_media(Reliably::Never);
    let early = line.last("183").content().to_vec();
    assert_eq!(line.answers(), ["200 OK (1 INVITE), sdp v1 sendrecv PCMA keys", "Done"]);
    assert_eq!(line.last("200").content(), early);
}

#[test]
fn early_media_that_rings_again_repeats_its_description() {
    let mut line = caller("", &sdp("sendrecv"));
    line.plays_early_media(Reliably::Never);
    let early = line.last("183").content().to_vec();
    assert_eq!(
        line.plays_early_media(Reliably::Never),
        ["183 Session Progress (1 INVITE), sdp v1 sendrecv PCMA keys"]
    );
    assert_eq!(line.last("183").content(), early);
}

#[test]
fn ringing_is_reliable_where_the_peer_can_and_is_acknowledged() {
    let mut line = caller(CAN, &sdp("sendrecv"));
    assert_eq!(line.rings(Reliably::IfSupported), ["180 Ringing (1 INVITE), Require: 100rel, RSeq: first+0"]);
    assert_eq!(line.peer_pracks(""), ["200 OK (2 PRACK)", "MayBeAnswered"]);
    assert_eq!(line.waits(secs(60)), NOTHING);
}

#[test]
fn ringing_is_reliable_only_where_it_is_asked_for() {
    let plain = ["180 Ringing (1 INVITE)"];
    let reliable = ["180 Ringing (1 INVITE), Require: 100rel, RSeq: first+0"];
    assert_eq!(caller(CAN, &sdp("sendrecv")).rings(Reliably::IfRequired), plain);
    assert_eq!(caller(CAN, &sdp("sendrecv")).rings(Reliably::Never), plain);
    assert_eq!(caller("", &sdp("sendrecv")).rings(Reliably::IfSupported), plain);
    assert_eq!(caller(MUST, &sdp("sendrecv")).rings(Reliably::IfRequired), reliable);
    assert_eq!(caller(MUST, &sdp("sendrecv")).rings(Reliably::IfSupported), reliable);
}

#[test]
fn a_peer_that_requires_it_is_told_nothing_unreliably() {
    assert_eq!(caller(MUST, &sdp("sendrecv")).rings(Reliably::Never), NOTHING);
}

#[test]
fn a_trunk_configured_without_100rel_rings_unreliably() {
    let off = PeerRules { reliable: crate::config::Reliable::Off, ..trunk() };
    let mut line = Line::of_caller_by(off, CAN, &sdp("sendrecv"));
    assert_eq!(line.rings(Reliably::IfSupported), ["180 Ringing (1 INVITE)"]);
}

#[test]
fn an_unacknowledged_provisional_is_repeated_then_refused_with_504() {
    let mut line = caller(CAN, &sdp("sendrecv"));
    line.rings(Reliably::IfSupported);
    let again = "180 Ringing (1 INVITE), Require: 100rel, RSeq: first+0";
    assert_eq!(
        line.waits(secs(40)),
        [
            format!("at 500ms: {again}"),
            format!("at 1.5s: {again}"),
            format!("at 3.5s: {again}"),
            format!("at 7.5s: {again}"),
            format!("at 15.5s: {again}"),
            format!("at 31.5s: {again}"),
            "at 32s: 504 Server Time-out (1 INVITE)".into(),
            "at 32s: media: close".into(),
            "at 32s: Lost { loss: Unacknowledged, status: Some(504) }".into(),
        ]
    );
}

#[test]
fn a_prack_for_another_response_is_481_and_one_without_rack_400() {
    let mut line = caller(CAN, &sdp("sendrecv"));
    line.rings(Reliably::IfSupported);
    let gone = "481 Call/Transaction Does Not Exist";
    assert_eq!(line.peer_sends("PRACK", "RAck: 1 1 INVITE\r\n", ""), [format!("{gone} (2 PRACK)")]);
    let rseq = line.header("180", "RSeq").unwrap().to_owned();
    let other_invite = format!("RAck: {rseq} 2 INVITE\r\n");
    assert_eq!(line.peer_sends("PRACK", &other_invite, ""), [format!("{gone} (3 PRACK)")]);
    assert_eq!(line.peer_sends("PRACK", "", ""), ["400 Bad Request (4 PRACK)"]);
    assert_eq!(line.peer_pracks(""), ["200 OK (5 PRACK)", "MayBeAnswered"]);
    assert_eq!(line.peer_pracks(""), [format!("{gone} (6 PRACK)")], "each is acknowledged once");
}

#[test]
fn a_reliable_description_holds_the_answer_back_until_its_prack() {
    let mut line = caller(CAN, &sdp("sendrecv"));
    assert_eq!(
        line.plays_early_media(Reliably::IfSupported),
        [
            "183 Session Progress (1 INVITE), Require: 100rel, RSeq: first+0, sdp v1 sendrecv PCMA keys",
            "media: sendrecv PCMA with 198.51.100.7:4000",
            "EarlyMediaAgreed"
        ]
    );
    assert_eq!(line.answers(), ["NotYet"]);
    assert_eq!(line.peer_pracks(""), ["200 OK (2 PRACK)", "MayBeAnswered"]);
    assert_eq!(line.answers(), ["200 OK (1 INVITE)", "Done"], "the description is not said again");
}

#[test]
fn a_reliable_ringing_without_description_does_not_hold_the_answer_back() {
    let mut line = caller(CAN, &sdp("sendrecv"));
    line.rings(Reliably::IfSupported);
    assert_eq!(
        line.answers(),
        [
            "200 OK (1 INVITE), sdp v1 sendrecv PCMA keys",
            "media: sendrecv PCMA with 198.51.100.7:4000",
            "Done"
        ]
    );
    assert_eq!(line.peer_pracks(""), ["200 OK (2 PRACK)"], "one on its way is still taken");
    assert_eq!(line.waits(secs(60)), NOTHING);
}

#[test]
fn a_second_reliable_response_waits_for_the_prack_of_the_first() {
    let mut line = caller(CAN, &sdp("sendrecv"));
    line.rings(Reliably::IfSupported);
    assert_eq!(
        line.plays_early_media(Reliably::IfSupported),
        ["media: sendrecv PCMA with 198.51.100.7:4000", "EarlyMediaAgreed"]
    );
    assert_eq!(
        line.peer_pracks(""),
        [
            "183 Session Progress (1 INVITE), Require: 100rel, RSeq: first+1, sdp v1 sendrecv PCMA keys",
            "200 OK (2 PRACK)",
            "MayBeAnswered"
        ]
    );
    assert_eq!(line.answers(), ["NotYet"]);
}

#[test]
fn an_invite_without_an_offer_gets_ours_reliably_and_the_prack_answers() {
    let mut line = caller(CAN, "");
    assert_eq!(
        line.rings(Reliably::IfSupported),
        ["180 Ringing (1 INVITE), Require: 100rel, RSeq: first+0, sdp v1 sendrecv PCMA PCMU keys"]
    );
    assert_eq!(
        line.peer_pracks(&sdp("sendrecv")),
        [
            "200 OK (2 PRACK)",
            "media: sendrecv PCMA with 198.51.100.7:4000",
            "EarlyMediaAgreed",
            "MayBeAnswered"
        ]
    );
    assert_eq!(line.answers(), ["200 OK (1 INVITE)", "Done"]);
    assert_eq!(line.peer_acks(""), NOTHING, "the answer was given already");
}

#[test]
fn a_prack_whose_answer_we_cannot_use_is_488() {
    for answer in [String::new(), described("198.51.100.7", "9", "sendrecv")] {
        let mut line = caller(CAN, "");
        line.rings(Reliably::IfSupported);
        assert_eq!(line.peer_pracks(&answer), ["488 Not Acceptable Here (2 PRACK)", "Unanswerable"]);
    }
}

#[test]
fn a_prack_may_offer_anew_and_its_200_ok_answers() {
    let mut line = caller(CAN, &sdp("sendrecv"));
    line.plays_early_media(Reliably::IfSupported);
    assert_eq!(
        line.peer_pracks(&described("198.51.100.8", "0", "sendrecv")),
        [
            "200 OK (2 PRACK), sdp v2 sendrecv PCMU",
            "media: sendrecv PCMU with 198.51.100.8:4000",
            "EarlyMediaAgreed",
            "MayBeAnswered"
        ]
    );
}

#[test]
fn an_offer_in_a_prack_that_has_nothing_for_us_is_488_and_the_media_stays() {
    let only_a_law = PeerRules { codecs: vec![Codec::Pcma], ..trunk() };
    let mut line = Line::of_caller_by(only_a_law, CAN, &sdp("sendrecv"));
    line.gets_its_port();
    line.plays_early_media(Reliably::IfSupported);
    assert_eq!(
        line.peer_pracks(&described("198.51.100.7", "0", "sendrecv")),
        ["488 Not Acceptable Here (2 PRACK)"]
    );
    assert_eq!(line.leg.codec(), Some(Codec::Pcma));
    // The response is acknowledged all the same: the answer may go out.
    assert_eq!(line.answers(), ["200 OK (1 INVITE)", "Done"]);
}

#[test]
fn an_update_in_the_early_dialog_changes_the_media_before_the_answer() {
    let mut line = caller(CAN, &sdp("sendrecv"));
    line.plays_early_media(Reliably::IfSupported);
    line.peer_pracks("");
    assert_eq!(
        line.peer_sends("UPDATE", "", &sdp("sendonly")),
        [
            "200 OK (3 UPDATE), sdp v2 recvonly PCMA keys",
            "media: recvonly PCMA with 198.51.100.7:4000",
            "DirectionChanged(RecvOnly)"
        ]
    );
    assert_eq!(line.leg.direction(), Some(sdp::Direction::RecvOnly));
}

#[test]
fn an_early_update_with_an_offer_before_ours_is_answered_waits() {
    // Its own offer is not answered: 500 and a time to wait (RFC 3311 section 5.2).
    let mut line = caller("", &sdp("sendrecv"));
    line.rings(Reliably::Never);
    let said = line.peer_sends("UPDATE", "", &sdp("sendonly"));
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("500 Server Internal Error (2 UPDATE), Retry-After: "), "{said:?}");
    // Ours is not answered: a glare.
    let mut line = caller(CAN, "");
    line.rings(Reliably::IfSupported);
    assert_eq!(line.peer_sends("UPDATE", "", &sdp("sendonly")), ["491 Request Pending (2 UPDATE)"]);
}
