//! Keys by INFO and by RFC 4733, reasons, codec order, and what an INVITE may carry.

use crate::peer::*;
use crate::world::World;
use hotline_gateway::event::EndReason;
use hotline_gateway::gateway::Input;
use hotline_gateway::id::LegId;
use hotline_gateway::media::{Command, Event};
use hotline_gateway::sdp::Negotiated;
use hotline_gateway::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;
const RELAY: &str = "Content-Type: application/dtmf-relay\r\n";

/// The presses by INFO that the media plane was told of.
fn presses(w: &World) -> Vec<(LegId, char)> {
    let pressed = w.commands.iter().filter_map(|c| match c {
        Command::Pressed { leg, key, .. } => Some((*leg, *key)),
        _ => None,
    });
    pressed.collect()
}

#[test]
fn a_key_by_info_reaches_the_media_plane_and_nonsense_is_refused() {
    let mut w = world(1, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "");
    for (headers, body, status) in [
        (RELAY, "Signal=5\r\nDuration=200\r\n", "200 INFO"),
        ("Content-Type: application/dtmf\r\n", "#", "200 INFO"),
        ("", "", "200 INFO"),
        (RELAY, "Signal=\r\n", "400 INFO"),
        ("Content-Type: application/dtmf\r\n", "99", "400 INFO"),
        ("Content-Type: application/x-strange\r\n", "x", "415 INFO"),
        ("Info-Package: nobody\r\nContent-Type: application/dtmf\r\n", "5", "469 INFO"),
    ] {
        pbx.asks(&mut w, "INFO", headers, body);
        let answer = pbx.hears(&mut w, status);
        if status == "415 INFO" {
            assert!(header(&answer, "Accept").contains("application/dtmf-relay"));
        }
    }
    let keys: Vec<char> = presses(&w).into_iter().map(|(_, key)| key).collect();
    assert_eq!(keys, ['5', '#']);
    pbx.hangs_up(&mut w);
}

/// A trunk that takes keys by INFO speaks with the scripted seat; the legs of both.
fn talk(seed: u64) -> (World, Peer, Peer, [LegId; 2]) {
    let mut w = world(seed, "dtmf = \"info\"", "", true);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    let ok = pbx.hears(&mut w, "200 INVITE");
    assert!(!body(&ok).contains("telephone-event"), "keys go by INFO alone");
    pbx.acks(&mut w, cseq, "");
    let (mut phone, invite) = Peer::called(&mut w);
    phone.answers(&mut w, &invite, 200, "", &sdp(""));
    phone.hears(&mut w, "ACK");
    w.run(MS(10));
    let legs: Vec<LegId> = w.open_ports.keys().copied().collect();
    (w, pbx, phone, [legs[0], legs[1]])
}

#[test]
fn a_key_heard_in_the_audio_goes_as_info_to_a_trunk_that_wants_it_so() {
    let (mut w, mut pbx, mut phone, [caller, seat]) = talk(2);
    w.input(Input::Media(Event::Digit { leg: seat, digit: '7', held: None }));
    let told = pbx.hears(&mut w, "INFO");
    assert_eq!(header(&told, "Content-Type"), "application/dtmf-relay");
    assert!(body(&told).starts_with("Signal=7\r\n"));
    pbx.answers(&mut w, &told, 200, "", "");
    // And back: by INFO from the trunk, as events to the phone, which the media plane says.
    pbx.asks(&mut w, "INFO", RELAY, "Signal=9\r\nDuration=100");
    pbx.hears(&mut w, "200 INFO");
    w.run(MS(10));
    assert_eq!(presses(&w), [(caller, '9')]);
    assert!(!phone.heard(&w).contains(&"INFO".to_owned()), "the phone takes events");
    hang_up(w, pbx, &mut phone);
}

#[test]
fn keys_go_by_info_one_at_a_time_and_past_thirty_two_waiting_are_lost() {
    let (mut w, mut pbx, mut phone, [_, seat]) = talk(3);
    for n in 0..50 {
        let digit = char::from(b'0' + n % 10);
        w.input(Input::Media(Event::Digit { leg: seat, digit, held: Some(MS(70)) }));
    }
    for n in 0..33 {
        let info = pbx.hears(&mut w, "INFO");
        assert_eq!(body(&info), format!("Signal={}\r\nDuration=70\r\n", n % 10));
        assert!(pbx.heard(&w).is_empty(), "the next waits for the answer");
        // What the peer makes of one key says nothing of the next.
        let status = if n == 3 { 500 } else { 200 };
        pbx.answers(&mut w, &info, status, "", "");
    }
    w.run(MS(100));
    assert!(pbx.heard(&w).is_empty(), "{:?}", pbx.heard(&w));
    hang_up(w, pbx, &mut phone);
}

#[test]
fn keys_behind_an_info_never_answered_are_lost_and_later_ones_go_on() {
    let (mut w, mut pbx, mut phone, [_, seat]) = talk(31);
    for _ in 0..3 {
        w.input(Input::Media(Event::Digit { leg: seat, digit: '1', held: None }));
    }
    w.run(S(40));
    assert!(pbx.heard(&w).iter().all(|n| n == "INFO"));
    pbx.forgets(&w);
    w.input(Input::Media(Event::Digit { leg: seat, digit: '2', held: None }));
    let info = pbx.hears(&mut w, "INFO");
    assert!(body(&info).starts_with("Signal=2\r\n"));
    pbx.answers(&mut w, &info, 200, "", "");
    hang_up(w, pbx, &mut phone);
}

#[test]
fn a_key_by_info_reaches_an_info_phone_once_and_with_its_length() {
    let mut w = world(32, "dtmf = \"info\"", "", true);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    let (mut phone, invite) = Peer::called(&mut w);
    let audio = sdp("").replace(" 101\r\n", "\r\n");
    phone.answers(&mut w, &invite, 200, "Allow: INVITE, ACK, BYE, CANCEL, INFO\r\n", &audio);
    phone.hears(&mut w, "ACK");
    w.run(MS(10));
    pbx.asks(&mut w, "INFO", RELAY, "Signal=4\r\nDuration=300\r\n");
    let info = phone.hears(&mut w, "INFO");
    assert_eq!(body(&info), "Signal=4\r\nDuration=300\r\n");
    phone.answers(&mut w, &info, 200, "", "");
    w.run(S(1));
    assert!(phone.heard(&w).is_empty());
    hang_up(w, pbx, &mut phone);
}

/// What the media plane was told last of the peer of this leg.
fn remote(w: &World, of: LegId) -> Negotiated {
    let told = w.commands.iter().rev().find_map(|c| match c {
        Command::Remote { leg, remote, .. } if *leg == of => Some(*remote),
        _ => None,
    });
    told.unwrap()
}

/// A description in which telephone-event is 96, and A-law 97.
fn otherwise() -> String {
    sdp("")
        .replace("8 101", "97 96")
        .replace("a=rtpmap:8 ", "a=rtpmap:97 ")
        .replace("a=rtpmap:101 ", "a=rtpmap:96 ")
}

#[test]
fn an_answer_under_other_numbers_than_its_offer_is_sent_to_under_its_own() {
    let (mut w, mut pbx, mut phone, invite) = rings(33);
    assert!(body(&invite).contains("a=rtpmap:101 telephone-event"));
    phone.answers(&mut w, &invite, 200, "", &otherwise());
    phone.hears(&mut w, "ACK");
    w.run(MS(10));
    let legs: Vec<LegId> = w.open_ports.keys().copied().collect();
    let seat = remote(&w, legs[1]);
    assert_eq!((seat.payload_type, seat.telephone_event), (97, Some(96)));
    assert_eq!((seat.receive.audio, seat.receive.telephone_event), (8, Some(101)));
    // The same of an offer of ours in the 200, whose answer comes in the ACK.
    let cseq = pbx.asks(&mut w, "INVITE", "", "");
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, &otherwise());
    w.run(MS(10));
    let caller = remote(&w, legs[0]);
    assert_eq!((caller.payload_type, caller.telephone_event), (97, Some(96)));
    assert_eq!((caller.receive.audio, caller.receive.telephone_event), (8, Some(101)));
    hang_up(w, pbx, &mut phone);
}

fn hang_up(mut w: World, mut pbx: Peer, phone: &mut Peer) {
    pbx.asks(&mut w, "BYE", "", "");
    let bye = phone.hears(&mut w, "BYE");
    phone.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
}

#[test]
fn the_reason_of_a_bye_or_cancel_is_kept_and_ours_is_told() {
    let mut w = world(4, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "");
    pbx.asks(&mut w, "BYE", "Reason: Q.850;cause=31;text=\"Normal, unspecified\"\r\n", "");
    pbx.hears(&mut w, "200 BYE");
    settle(&mut w);
    assert_eq!((end(&w).reason, end(&w).q850), (EndReason::Completed, 31));

    let mut w = world(5, "", "answer_delay_ms = 3000", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "180 INVITE");
    pbx.follows(&mut w, "CANCEL", cseq, "Reason: SIP;cause=200, Q.850;cause=26\r\n");
    pbx.hears(&mut w, "487 INVITE");
    pbx.follows(&mut w, "ACK", cseq, "");
    settle(&mut w);
    assert_eq!((end(&w).reason, end(&w).sip_code, end(&w).q850), (EndReason::Cancelled, Some(200), 26));
}

#[test]
fn a_seat_whose_call_is_taken_back_is_told_why_in_the_cancel() {
    let mut w = world(6, "", "", true);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    let (mut phone, invite) = Peer::called(&mut w);
    phone.answers(&mut w, &invite, 180, "", "");
    w.run(MS(10));
    pbx.asks(&mut w, "BYE", "", "");
    let cancel = phone.hears(&mut w, "CANCEL");
    assert_eq!(header(&cancel, "Reason"), "Q.850;cause=16");
    phone.answers(&mut w, &cancel, 200, "", "");
    phone.answers(&mut w, &invite, 487, "", "");
    settle(&mut w);
}

#[test]
fn the_codec_order_of_the_trunk_decides() {
    let both = sdp("").replace("RTP/AVP 8 101", "RTP/AVP 0 8 101");
    for (keys, first) in [("codecs = [\"PCMA\", \"PCMU\"]", " 8 "), ("codecs = [\"PCMU\"]", " 0 ")] {
        let mut w = world(7, keys, "", false);
        let mut pbx = Peer::trunk();
        let cseq = pbx.asks(&mut w, "INVITE", "", &both);
        let answer = body(&pbx.hears(&mut w, "200 INVITE"));
        let line = answer.lines().find(|l| l.starts_with("m=audio")).unwrap().to_owned();
        assert!(format!("{line} ").contains(first), "{keys}: {line}");
        pbx.acks(&mut w, cseq, "");
        w.run(S(1));
        pbx.hangs_up(&mut w);
    }
}

#[test]
fn a_body_we_cannot_read_is_415_unless_it_may_be_left_unread() {
    for (headers, offer, status) in [
        ("Content-Encoding: gzip\r\n", sdp(""), "415 INVITE"),
        ("Content-Encoding: identity\r\n", sdp(""), "200 INVITE"),
        ("Content-Type: application/isup\r\n", "x".into(), "415 INVITE"),
        (
            "Content-Type: application/isup\r\nContent-Disposition: signal;handling=optional\r\n",
            "x".into(),
            "200 INVITE",
        ),
    ] {
        let mut w = world(8, "", "", false);
        let mut pbx = Peer::trunk();
        let cseq = pbx.asks(&mut w, "INVITE", headers, &offer);
        pbx.hears(&mut w, status);
        match status {
            "200 INVITE" => pbx.acks(&mut w, cseq, &sdp("")),
            _ => pbx.follows(&mut w, "ACK", cseq, ""),
        }
        w.run(S(1));
        if status == "200 INVITE" {
            pbx.asks(&mut w, "BYE", "", "");
        }
        settle(&mut w);
    }
}

#[test]
fn a_seats_computer_gets_the_call_id_and_a_withheld_number_stays_withheld() {
    for (privacy, withheld) in [("", false), ("Privacy: id\r\n", true)] {
        let mut w = world(9, "", "", true);
        let mut pbx = Peer::trunk();
        let cseq = pbx.asks(&mut w, "INVITE", privacy, &sdp(""));
        pbx.hears(&mut w, "200 INVITE");
        pbx.acks(&mut w, cseq, "");
        let (mut phone, invite) = Peer::called(&mut w);
        let call = header(&invite, "X-Hotline-Call-Id").replace('-', "");
        assert_eq!(header(&invite, "User-to-User"), format!("{call};encoding=hex"));
        assert_eq!(header(&invite, "Privacy"), if withheld { "id" } else { "" });
        assert_eq!(header(&invite, "P-Asserted-Identity").contains("13812341234"), !withheld);
        assert_eq!(header(&invite, "From").contains("13812341234"), !withheld);
        phone.answers(&mut w, &invite, 200, "", &sdp(""));
        phone.hears(&mut w, "ACK");
        hang_up(w, pbx, &mut phone);
    }
}

#[test]
fn an_invite_with_no_hops_left_is_483_unless_no_further_leg_is_needed() {
    let mut w = world(10, "", "", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "Max-Forwards: 0\r\n", &sdp(""));
    pbx.hears(&mut w, "483 INVITE");
    pbx.follows(&mut w, "ACK", cseq, "");
    w.run(S(1));
    let mut w = world(11, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "");
    pbx.asks(&mut w, "OPTIONS", "Max-Forwards: 0\r\n", "");
    pbx.hears(&mut w, "200 OPTIONS");
    pbx.hangs_up(&mut w);
}
