//! What a leg owes its peer when things go wrong on it, and what must not follow for anybody else: answers nobody waits
//! for, acknowledgements that never come, paths that are lost.

use crate::peer::{Peer, SEAT, TRUNK, end, header, rings, sdp, settle, world};
use crate::world::World;
use bytes::Bytes;
use hotline_gateway::event::*;
use hotline_gateway::gateway::Input;
use hotline_gateway::sip::{Flow, Message, Outgoing, Status, Transport};
use hotline_gateway::time::Duration;
use std::net::SocketAddr;

const S: fn(u64) -> Duration = Duration::from_secs;
const MS: fn(u64) -> Duration = Duration::from_millis;

/// A caller and the scripted seat, talking.
fn talks(seed: u64, headers: &str) -> (World, Peer, Peer) {
    let (mut w, pbx, mut phone, invite) = rings(seed);
    phone.answers(&mut w, &invite, 200, headers, &sdp(""));
    phone.hears(&mut w, "ACK");
    (w, pbx, phone)
}

/// Another phone behind the same address answers `invite`.
fn another_answers(w: &mut World, invite: &Message, tag: &str, contact: &str) {
    let response = Outgoing::response(invite, Status::OK, Some(tag)).encode();
    let text = String::from_utf8(response.to_vec()).unwrap();
    let text = match tag {
        "" => text.replace(";tag=\r\n", "\r\n"),
        _ => text,
    };
    let body = sdp("");
    let text = text.replace(
        "Content-Length: 0\r\n\r\n",
        &format!("{contact}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
    );
    w.sends(SEAT.parse().unwrap(), Bytes::from(text));
}

/// `ACK` and `BYE` to the seat's address with this To tag, in order.
fn told_to(w: &World, tag: &str) -> Vec<String> {
    let seat: SocketAddr = SEAT.parse().unwrap();
    let of = w.heard.iter().filter(|(_, to, m)| *to == seat && m.to_tag().unwrap_or_default() == tag);
    of.filter_map(|(_, _, m)| m.method().map(|m| m.as_str().to_owned())).collect()
}

const CONTACT: &str = "Contact: <sip:other@127.0.0.8:6500>\r\n";

#[test]
fn a_second_phone_that_answers_is_hung_up_on_and_the_first_talks_on() {
    let (mut w, pbx, _, invite) = rings(1);
    another_answers(&mut w, &invite, "one", CONTACT);
    w.run(MS(50));
    another_answers(&mut w, &invite, "two", CONTACT);
    w.run(MS(50));
    assert_eq!(told_to(&w, "one"), ["ACK"]);
    assert_eq!(told_to(&w, "two")[..2], ["ACK", "BYE"]);
    assert!(!w.journal.iter().any(|e| matches!(e.what, What::CallEnded(_))));
    pbx.hangs_up(&mut w);
}

#[test]
fn two_phones_whose_answers_cross_our_cancel_are_acked_and_hung_up_on() {
    let (mut w, mut pbx, mut phone, invite) = rings(2);
    phone.answers(&mut w, &invite, 180, "", "");
    w.run(MS(50));
    pbx.asks(&mut w, "BYE", "", "");
    phone.hears(&mut w, "CANCEL");
    another_answers(&mut w, &invite, "one", CONTACT);
    another_answers(&mut w, &invite, "two", CONTACT);
    w.run(MS(100));
    for tag in ["one", "two"] {
        assert_eq!(told_to(&w, tag)[..2], ["ACK", "BYE"], "{tag}");
    }
    settle(&mut w);
}

#[test]
fn an_answer_after_the_call_is_long_over_is_acknowledged_and_hung_up_on() {
    let (mut w, mut pbx, mut phone, invite) = rings(3);
    phone.answers(&mut w, &invite, 200, "", &sdp(""));
    phone.hears(&mut w, "ACK");
    w.run(S(1));
    pbx.asks(&mut w, "BYE", "", "");
    let bye = phone.hears(&mut w, "BYE");
    phone.answers(&mut w, &bye, 200, "", "");
    w.run(S(5));
    another_answers(&mut w, &invite, "late", CONTACT);
    w.run(MS(100));
    assert_eq!(told_to(&w, "late")[..2], ["ACK", "BYE"]);
    settle(&mut w);
}

#[test]
fn an_answer_without_a_contact_is_hung_up_on_and_the_caller_waits_on() {
    let (mut w, mut pbx, _, invite) = rings(4);
    another_answers(&mut w, &invite, "nowhere", "");
    w.run(MS(100));
    assert_eq!(told_to(&w, "nowhere")[..2], ["ACK", "BYE"]);
    assert!(!w.journal.iter().any(|e| matches!(e.what, What::CallEnded(_))));
    pbx.asks(&mut w, "BYE", "", "");
    settle(&mut w);
}

#[test]
fn a_phone_of_rfc_2543_that_gives_no_tag_talks() {
    let (mut w, pbx, _, invite) = rings(5);
    another_answers(&mut w, &invite, "", CONTACT);
    w.run(S(1));
    assert_eq!(told_to(&w, "").iter().filter(|m| *m == "ACK").count(), 1);
    assert!(w.journal.iter().any(|e| matches!(e.what, What::SeatConnected { .. })));
    pbx.hangs_up(&mut w);
}

#[test]
fn a_seat_that_never_acknowledges_loses_its_caller_who_keeps_the_call() {
    let (mut w, pbx, mut phone) = talks(6, "");
    phone.asks(&mut w, "INVITE", "", &sdp("a=sendonly\r\n"));
    phone.hears(&mut w, "200 INVITE");
    w.run(S(40));
    assert!(!w.journal.iter().any(|e| matches!(e.what, What::CallEnded(_))), "he waits again");
    let entered = w.journal.iter().filter(|e| matches!(e.what, What::QueueEntered(_))).count();
    assert_eq!(entered, 2);
    pbx.hangs_up(&mut w);
}

#[test]
fn an_acknowledgement_that_never_comes_is_forgotten_with_its_leg() {
    let mut w = world(7, "", "", true);
    w.run(S(1));
    // The first seat leg re-invites, is answered, and hangs up without a word; the next talk has nothing to do with it.
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    let (mut phone, invite) = Peer::called(&mut w);
    phone.answers(&mut w, &invite, 200, "", &sdp(""));
    phone.hears(&mut w, "ACK");
    phone.asks(&mut w, "INVITE", "", &sdp("a=sendonly\r\n"));
    phone.hears(&mut w, "200 INVITE");
    phone.asks(&mut w, "BYE", "", "");
    w.run(S(40));
    assert_eq!((end(&w).by, end(&w).reason), (EndedBy::Seat, EndReason::Completed));
    settle(&mut w);
}

#[test]
fn the_caller_is_sent_no_bye_before_he_has_acknowledged_our_answer() {
    let mut w = world(8, "", "", true);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "200 INVITE");
    let (mut phone, invite) = Peer::called(&mut w);
    phone.answers(&mut w, &invite, 200, "", &sdp(""));
    phone.hears(&mut w, "ACK");
    phone.asks(&mut w, "BYE", "", "");
    w.run(S(3));
    assert!(!pbx.heard(&w).contains(&"BYE".to_owned()), "{:?}", pbx.heard(&w));
    assert_eq!(end(&w).by, EndedBy::Seat);
    pbx.acks(&mut w, cseq, "");
    let bye = pbx.hears(&mut w, "BYE");
    pbx.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
}

#[test]
fn a_peer_that_never_acknowledges_gets_the_bye_when_no_ack_can_come() {
    let mut w = world(9, "", "", true);
    let mut pbx = Peer::trunk();
    pbx.asks(&mut w, "INVITE", "", &sdp(""));
    let (answered, _) = pbx.within(&mut w, MS(50), "200 INVITE");
    let (mut phone, invite) = Peer::called(&mut w);
    phone.answers(&mut w, &invite, 486, "", "");
    w.run(MS(100));
    let (at, bye) = pbx.within(&mut w, S(33), "BYE");
    assert!(at.since(answered) >= S(31), "{:?}", at.since(answered));
    pbx.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
    assert_eq!(end(&w).reason, EndReason::SignallingLost);
}

#[test]
fn a_channel_is_free_when_its_caller_has_gone_whatever_the_wrap_up() {
    let sections = format!(
        "[[trunk]]\nname = \"script\"\nsources = [\"127.0.0.9\"]\nchannels = 1\n\
         [[seat]]\nid = \"2001\"\ncontact = \"sip:2001@{SEAT}\"\n"
    );
    let mut w = World::with(10, 1, ("wrap_up = \"30s\"\nseats = [\"1001\"]", ""), "", &sections);
    let mut pbx = Peer::speaks(&mut w, "");
    assert_eq!(w.channels_in_use(), 1);
    pbx.asks(&mut w, "BYE", "", "");
    pbx.hears(&mut w, "200 BYE");
    w.run(S(1));
    assert_eq!((w.channels_in_use(), w.counts().calls), (0, 1), "the wrap-up goes on");
    settle(&mut w);
    assert_eq!(w.channels_in_use(), 0);
}

#[test]
fn a_refresh_that_finds_its_path_lost_ends_no_call() {
    let (mut w, mut pbx, mut phone) = talks(11, "Require: timer\r\nSession-Expires: 90;refresher=uac\r\n");
    let (_, refresh) = phone.within(&mut w, S(60), "INVITE");
    let flow = Flow {
        transport: Transport::Udp,
        local: crate::world::GATEWAY.parse().unwrap(),
        remote: SEAT.parse().unwrap(),
        connection: None,
    };
    w.input(Input::FlowFailed { flow });
    w.run(S(1));
    assert!(!w.journal.iter().any(|e| matches!(e.what, What::CallEnded(_))));
    let (_, again) = phone.within(&mut w, S(30), "INVITE");
    assert!(again.cseq().0 > refresh.cseq().0);
    let headers = "Require: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    phone.answers(&mut w, &again, 200, headers, &sdp(""));
    phone.hears(&mut w, "ACK");
    w.run(S(20));
    pbx.asks(&mut w, "BYE", "", "");
    settle(&mut w);
    assert_eq!(end(&w).reason, EndReason::Completed);
}

#[test]
fn an_offer_by_update_before_the_answer_counts_when_the_2xx_has_none() {
    let (mut w, pbx, mut phone, invite) = rings(12);
    phone.answers(&mut w, &invite, 183, "Require: 100rel\r\nRSeq: 1\r\n", &sdp(""));
    let prack = phone.hears(&mut w, "PRACK");
    phone.answers(&mut w, &prack, 200, "", "");
    phone.asks(&mut w, "UPDATE", "", &sdp("").replace("m=audio 4000", "m=audio 4444"));
    phone.hears(&mut w, "200 UPDATE");
    phone.answers(&mut w, &invite, 200, "", "");
    phone.hears(&mut w, "ACK");
    w.run(S(1));
    assert_eq!(remote_port(&w), Some(4444));
    pbx.hangs_up(&mut w);
}

/// Where RTP goes to on the leg that was told of last.
fn remote_port(w: &World) -> Option<u16> {
    w.commands.iter().rev().find_map(|c| match c {
        hotline_gateway::media::Command::Remote { remote, .. } => Some(remote.rtp.port()),
        _ => None,
    })
}

#[test]
fn an_offer_by_update_while_ours_is_not_answered_is_a_glare() {
    let (mut w, mut pbx, mut phone, invite) = rings(13);
    phone.answers(&mut w, &invite, 180, "", "");
    w.run(MS(20));
    phone.asks(&mut w, "UPDATE", "", &sdp(""));
    phone.hears(&mut w, "491 UPDATE");
    phone.answers(&mut w, &invite, 200, "", &sdp(""));
    phone.hears(&mut w, "ACK");
    pbx.asks(&mut w, "BYE", "", "");
    settle(&mut w);
}

#[test]
fn an_answer_that_comes_among_other_parts_is_an_answer() {
    let (mut w, pbx, mut phone, invite) = rings(14);
    let body = format!(
        "--x\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--x\r\nContent-Type: application/ISUP;version=itu-t92+\r\n\
         Content-Disposition: signal;handling=optional\r\n\r\n12\r\n--x--\r\n",
        sdp("")
    );
    let response = Outgoing::response(&invite, Status::OK, Some("phone"))
        .with("Contact", "<sip:me@127.0.0.8:6500>")
        .body("multipart/mixed;boundary=x", body);
    w.sends(SEAT.parse().unwrap(), response.encode());
    phone.hears(&mut w, "ACK");
    w.run(S(1));
    assert!(w.journal.iter().any(|e| matches!(e.what, What::SeatConnected { .. })));
    pbx.hangs_up(&mut w);
}

#[test]
fn a_trunk_is_promised_no_replacing_and_a_seat_is() {
    let (mut w, pbx, _, invite) = rings(15);
    assert!(header(&invite, "Supported").contains("replaces"));
    let trunk: SocketAddr = TRUNK.parse().unwrap();
    let answer = w.heard.iter().find(|(_, to, m)| *to == trunk && m.status() == Some(Status::OK)).unwrap();
    assert!(!header(&answer.2, "Supported").contains("replaces"));
    pbx.hangs_up(&mut w);
}

#[test]
fn a_party_that_asks_without_end_is_told_to_wait_and_the_call_goes_on() {
    let (mut w, mut pbx, _) = talks(16, "");
    let before = w.journal.len();
    for n in 0..200 {
        let direction = if n % 2 == 0 { "a=sendonly\r\n" } else { "a=sendrecv\r\n" };
        pbx.asks(&mut w, "UPDATE", "", &sdp(direction));
    }
    w.run(MS(500));
    let heard = pbx.heard(&w);
    let of = |name: &str| heard.iter().filter(|h| *h == name).count();
    assert_eq!((of("200 UPDATE"), of("500 UPDATE")), (40, 160));
    assert!(w.journal.len() - before <= 60, "{} events", w.journal.len() - before);
    w.run(S(5));
    pbx.asks(&mut w, "UPDATE", "", &sdp(""));
    pbx.hears(&mut w, "200 UPDATE");
    pbx.hangs_up(&mut w);
}

#[test]
fn a_seat_that_has_lost_the_call_loses_its_caller_who_keeps_the_call() {
    let (mut w, pbx, mut phone) = talks(17, "Require: timer\r\nSession-Expires: 90;refresher=uac\r\n");
    let (_, refresh) = phone.within(&mut w, S(60), "INVITE");
    phone.answers(&mut w, &refresh, 481, "", "");
    w.run(S(1));
    assert!(!w.journal.iter().any(|e| matches!(e.what, What::CallEnded(_))), "he waits again");
    let entered = w.journal.iter().filter(|e| matches!(e.what, What::QueueEntered(_))).count();
    assert_eq!(entered, 2);
    pbx.hangs_up(&mut w);
}
