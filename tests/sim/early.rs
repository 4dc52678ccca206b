//! Before the answer: reliable provisional responses (RFC 3262) in both roles, and sound before the 200 OK.

use crate::peer::*;
use crate::world::World;
use hotline_gateway::event::{EndReason, What};
use hotline_gateway::media::{Command, Source};
use hotline_gateway::sip::Message;
use hotline_gateway::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;
const SLOW: &str = "answer_delay_ms = 3000";
const RELIABLE: &str = "Supported: 100rel\r\n";

fn rack(response: &Message) -> String {
    format!("RAck: {} {} INVITE\r\n", header(response, "RSeq"), response.cseq().0)
}

/// The prompts the media plane was asked to play, in order.
fn played(w: &World) -> Vec<String> {
    let prompts = w.commands.iter().filter_map(|c| match c {
        Command::Hear { source: Source::Prompt { prompt, .. }, .. } => Some(prompt.to_string()),
        _ => None,
    });
    prompts.collect()
}

#[test]
fn ringing_is_reliable_for_who_knows_it_and_repeated_until_its_prack() {
    let mut w = world(1, "", SLOW, false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", RELIABLE, &sdp(""));
    let (first, ringing) = pbx.within(&mut w, MS(50), "180 INVITE");
    assert_eq!(header(&ringing, "Require"), "100rel");
    let (second, again) = pbx.within(&mut w, S(1), "180 INVITE");
    assert_eq!((second.since(first).as_millis(), header(&again, "RSeq")), (500, header(&ringing, "RSeq")));
    for (wrong, status) in [("RAck: 1 9 INVITE\r\n", "481 PRACK"), ("", "400 PRACK")] {
        pbx.asks(&mut w, "PRACK", wrong, "");
        pbx.hears(&mut w, status);
    }
    pbx.asks(&mut w, "PRACK", &rack(&ringing), "");
    pbx.hears(&mut w, "200 PRACK");
    w.run(S(2));
    assert!(!pbx.heard(&w).contains(&"180 INVITE".to_owned()), "it is repeated after its PRACK");
    pbx.within(&mut w, S(1), "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    w.run(S(1));
    pbx.hangs_up(&mut w);
    assert_eq!(end(&w).reason, EndReason::Completed);
}

#[test]
fn ringing_without_a_description_does_not_hold_the_answer_back() {
    let mut w = world(2, "", "answer_delay_ms = 400", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", RELIABLE, &sdp(""));
    let ringing = pbx.hears(&mut w, "180 INVITE");
    pbx.within(&mut w, MS(500), "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    pbx.asks(&mut w, "PRACK", &rack(&ringing), "");
    pbx.hears(&mut w, "200 PRACK");
    w.run(S(40));
    assert!(!pbx.heard(&w).contains(&"180 INVITE".to_owned()));
    pbx.hangs_up(&mut w);
}

#[test]
fn a_lost_prack_ends_the_call_with_504_after_32_s() {
    let mut w = world(3, "", "answer_delay_ms = 60000", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", RELIABLE, &sdp(""));
    let (at, _) = pbx.within(&mut w, MS(50), "180 INVITE");
    let (gone, _) = pbx.within(&mut w, S(33), "504 INVITE");
    assert_eq!(gone.since(at).as_secs(), 32);
    pbx.follows(&mut w, "ACK", cseq, "");
    settle(&mut w);
    assert_eq!((end(&w).reason, end(&w).sip_code), (EndReason::SignallingLost, Some(504)));
}

#[test]
fn early_media_plays_a_trunk_the_welcome_before_the_answer_once() {
    let mut w = world(4, "early_media = true", "answer_delay_ms = 1000\nwelcome = \"welcome\"", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    let progress = pbx.hears(&mut w, "183 INVITE");
    assert!(body(&progress).contains("m=audio"));
    assert_eq!(played(&w), ["welcome"]);
    let (_, ok) = pbx.within(&mut w, S(2), "200 INVITE");
    assert_eq!(body(&ok), body(&progress), "the answer may have been lost, and is the same");
    pbx.acks(&mut w, cseq, "");
    w.run(S(4));
    assert_eq!(played(&w).iter().filter(|p| *p == "welcome").count(), 1);
    pbx.hangs_up(&mut w);
}

#[test]
fn no_200_before_the_prack_of_a_183_with_a_description() {
    let mut w = world(5, "early_media = true", "answer_delay_ms = 1000", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", RELIABLE, &sdp(""));
    let progress = pbx.hears(&mut w, "183 INVITE");
    w.run(S(3));
    assert!(!pbx.heard(&w).contains(&"200 INVITE".to_owned()));
    pbx.asks(&mut w, "PRACK", &rack(&progress), "");
    pbx.hears(&mut w, "200 PRACK");
    let ok = pbx.hears(&mut w, "200 INVITE");
    assert!(ok.body().is_empty(), "the answer was given and acknowledged");
    pbx.acks(&mut w, cseq, "");
    w.run(S(1));
    pbx.hangs_up(&mut w);
}

#[test]
fn an_invite_without_an_offer_gets_ours_reliably_and_a_prack_answers() {
    let mut w = world(6, "", SLOW, false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "Require: 100rel\r\n", "");
    let ringing = pbx.hears(&mut w, "180 INVITE");
    assert!(body(&ringing).contains("m=audio"));
    // An offer of its own while ours is open is a glare.
    pbx.asks(&mut w, "UPDATE", "", &sdp(""));
    pbx.hears(&mut w, "491 UPDATE");
    pbx.asks(&mut w, "PRACK", &rack(&ringing), &sdp(""));
    pbx.hears(&mut w, "200 PRACK");
    let (_, ok) = pbx.within(&mut w, S(4), "200 INVITE");
    assert!(ok.body().is_empty());
    pbx.acks(&mut w, cseq, "");
    w.run(S(1));
    assert!(w.journal.iter().any(|e| matches!(e.what, What::SeatConnected { .. })));
    pbx.hangs_up(&mut w);
}

#[test]
fn an_answer_in_a_prack_that_cannot_be_used_refuses_the_call() {
    let mut w = world(7, "", SLOW, false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "Require: 100rel\r\n", "");
    let ringing = pbx.hears(&mut w, "180 INVITE");
    pbx.asks(&mut w, "PRACK", &rack(&ringing), "");
    pbx.hears(&mut w, "488 INVITE");
    pbx.follows(&mut w, "ACK", cseq, "");
    settle(&mut w);
}

#[test]
fn update_on_the_early_dialog_waits_for_our_answer_and_is_then_taken() {
    let mut w = world(8, "early_media = true", SLOW, false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", RELIABLE, &sdp(""));
    let progress = pbx.hears(&mut w, "183 INVITE");
    pbx.asks(&mut w, "PRACK", &rack(&progress), "");
    pbx.hears(&mut w, "200 PRACK");
    pbx.asks(&mut w, "UPDATE", "", &sdp("a=sendonly\r\n"));
    assert!(body(&pbx.hears(&mut w, "200 UPDATE")).contains("a=recvonly"));
    pbx.asks(&mut w, "UPDATE", "", "");
    assert!(pbx.hears(&mut w, "200 UPDATE").body().is_empty());
    pbx.within(&mut w, S(4), "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    w.run(S(1));
    pbx.hangs_up(&mut w);

    let mut w = world(9, "", SLOW, false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "180 INVITE");
    pbx.asks(&mut w, "UPDATE", "", &sdp(""));
    let wait = header(&pbx.hears(&mut w, "500 UPDATE"), "Retry-After").parse::<u32>().unwrap();
    assert!(wait <= 10);
    pbx.follows(&mut w, "CANCEL", cseq, "");
    pbx.hears(&mut w, "487 INVITE");
    pbx.follows(&mut w, "ACK", cseq, "");
    settle(&mut w);
}

#[test]
fn a_second_invite_before_the_first_answer_is_500_with_a_time_to_wait() {
    let mut w = world(10, "", SLOW, false);
    let mut pbx = Peer::trunk();
    let first = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "180 INVITE");
    let second = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    let refused = pbx.hears(&mut w, "500 INVITE");
    assert!(header(&refused, "Retry-After").parse::<u32>().unwrap() <= 10);
    pbx.follows(&mut w, "ACK", second, "");
    pbx.within(&mut w, S(4), "200 INVITE");
    pbx.acks(&mut w, first, "");
    w.run(S(1));
    pbx.hangs_up(&mut w);
}

#[test]
fn required_known_tags_are_no_obstacle_and_every_unknown_one_is_named() {
    let mut w = world(11, "", "", false);
    let pbx = Peer::speaks(&mut w, "Require: 100rel, timer\r\n");
    pbx.hangs_up(&mut w);
    // A trunk may not take the place of a dialog (RFC 3891): what is not promised to it is not known to it.
    let mut w = world(12, "", "", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "Require: one, timer\r\nRequire: replaces, two\r\n", &sdp(""));
    assert_eq!(header(&pbx.hears(&mut w, "420 INVITE"), "Unsupported"), "one, replaces, two");
    pbx.follows(&mut w, "ACK", cseq, "");
    settle(&mut w);
}

#[test]
fn a_trunk_that_must_know_100rel_and_does_not_is_refused_421() {
    let mut w = world(13, "reliable = \"required\"", "", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    assert_eq!(header(&pbx.hears(&mut w, "421 INVITE"), "Require"), "100rel");
    pbx.follows(&mut w, "ACK", cseq, "");
    settle(&mut w);
}

#[test]
fn a_phones_reliable_ringing_is_acknowledged_in_order_and_once() {
    let (mut w, mut pbx, mut phone, invite) = rings(14);
    assert!(header(&invite, "Supported").contains("100rel"));
    let at = |n: u32| format!("Require: 100rel\r\nRSeq: {n}\r\n");
    phone.answers(&mut w, &invite, 180, &at(7), "");
    let prack = phone.hears(&mut w, "PRACK");
    assert_eq!((header(&prack, "RAck"), prack.cseq().0), ("7 1 INVITE".into(), 2));
    phone.answers(&mut w, &prack, 200, "", "");
    phone.answers(&mut w, &invite, 180, &at(7), "");
    phone.answers(&mut w, &invite, 183, &at(9), &sdp(""));
    w.run(MS(50));
    assert!(phone.heard(&w).is_empty(), "{:?}", phone.heard(&w));
    phone.answers(&mut w, &invite, 183, &at(8), &sdp(""));
    let prack = phone.hears(&mut w, "PRACK");
    assert_eq!((header(&prack, "RAck"), prack.cseq().0), ("8 1 INVITE".into(), 3));
    phone.answers(&mut w, &prack, 200, "", "");
    // The answer was settled before: the 200 needs none.
    phone.answers(&mut w, &invite, 200, "", "");
    assert_eq!(phone.hears(&mut w, "ACK").cseq().0, 1);
    w.run(S(1));
    assert!(w.journal.iter().any(|e| matches!(e.what, What::SeatConnected { .. })));
    pbx.asks(&mut w, "BYE", "", "");
    let bye = phone.hears(&mut w, "BYE");
    assert_eq!(bye.cseq().0, 4, "numbers go on where the PRACKs ended");
    phone.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
}

#[test]
fn a_phones_update_on_the_early_dialog_is_answered() {
    let (mut w, mut pbx, mut phone, invite) = rings(15);
    phone.answers(&mut w, &invite, 183, "Require: 100rel\r\nRSeq: 1\r\n", &sdp(""));
    let prack = phone.hears(&mut w, "PRACK");
    phone.answers(&mut w, &prack, 200, "", "");
    phone.asks(&mut w, "UPDATE", "", "");
    phone.hears(&mut w, "200 UPDATE");
    phone.answers(&mut w, &invite, 200, "", "");
    phone.hears(&mut w, "ACK");
    pbx.asks(&mut w, "BYE", "", "");
    let bye = phone.hears(&mut w, "BYE");
    phone.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
}

/// A phone behind the seat's address: its tag, and where it takes audio.
fn behind(
    w: &mut World,
    phone: &mut Peer,
    invite: &Message,
    (tag, status): (&str, u16),
    described: Option<u16>,
) {
    let body =
        described.map_or(String::new(), |port| sdp("").replace("audio 4000", &format!("audio {port}")));
    phone.answers_as(w, invite, (status, tag), "", &body);
    w.run(MS(10));
}

/// Where the media plane was last told to send anything.
fn sent_to(w: &World) -> u16 {
    let told = w.commands.iter().rev().find_map(|c| match c {
        Command::Remote { remote, .. } => Some(remote.rtp.port()),
        _ => None,
    });
    told.unwrap()
}

#[test]
fn a_description_of_ringing_alone_is_the_answer_when_the_200_has_none() {
    for status in [180, 183] {
        let (mut w, mut pbx, mut phone, invite) = rings(16);
        behind(&mut w, &mut phone, &invite, ("phone", status), Some(4_100));
        behind(&mut w, &mut phone, &invite, ("phone", 180), None);
        behind(&mut w, &mut phone, &invite, ("phone", 200), None);
        assert!(phone.hears(&mut w, "ACK").body().is_empty());
        assert!(w.journal.iter().any(|e| matches!(e.what, What::SeatConnected { .. })), "{status}");
        assert_eq!(sent_to(&w), 4_100);
        pbx.asks(&mut w, "BYE", "", "");
        let bye = phone.hears(&mut w, "BYE");
        phone.answers(&mut w, &bye, 200, "", "");
        settle(&mut w);
    }
}

#[test]
fn a_description_of_the_200_takes_the_place_of_one_before_it() {
    let (mut w, mut pbx, mut phone, invite) = rings(17);
    behind(&mut w, &mut phone, &invite, ("phone", 183), Some(4_100));
    behind(&mut w, &mut phone, &invite, ("phone", 200), Some(4_200));
    phone.hears(&mut w, "ACK");
    assert_eq!(sent_to(&w), 4_200);
    pbx.asks(&mut w, "BYE", "", "");
    let bye = phone.hears(&mut w, "BYE");
    phone.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
}

#[test]
fn the_description_before_an_answer_is_that_of_the_phone_that_answers() {
    let (mut w, mut pbx, mut phone, invite) = rings(18);
    behind(&mut w, &mut phone, &invite, ("one", 183), Some(4_100));
    behind(&mut w, &mut phone, &invite, ("two", 183), Some(4_200));
    behind(&mut w, &mut phone, &invite, ("one", 200), None);
    phone.hears(&mut w, "ACK");
    assert_eq!(sent_to(&w), 4_100);
    pbx.asks(&mut w, "BYE", "", "");
    let bye = phone.hears(&mut w, "BYE");
    phone.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
}

#[test]
fn a_200_without_a_description_from_a_phone_that_gave_none_is_hung_up() {
    let (mut w, mut pbx, mut phone, invite) = rings(19);
    behind(&mut w, &mut phone, &invite, ("one", 183), Some(4_100));
    behind(&mut w, &mut phone, &invite, ("two", 200), None);
    phone.hears(&mut w, "ACK");
    let bye = phone.hears(&mut w, "BYE");
    phone.answers(&mut w, &bye, 200, "", "");
    assert!(!w.journal.iter().any(|e| matches!(e.what, What::SeatConnected { .. })));
    pbx.asks(&mut w, "BYE", "", "");
    settle(&mut w);
}
