//! Offers inside a call: hold in its three spellings, late offers, UPDATE, glare on either side; and offers in a family of
//! addresses that is not served.

use crate::peer::*;
use crate::world::World;
use hotline_gateway::event::{RefusalReason, What};
use hotline_gateway::media::Command;
use hotline_gateway::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

fn holds(w: &World) -> Vec<&'static str> {
    let told = w.journal.iter().filter_map(|e| match &e.what {
        What::CallHeld { .. } => Some("held"),
        What::CallResumed { .. } => Some("resumed"),
        _ => None,
    });
    told.collect()
}

fn offers(pbx: &mut Peer, w: &mut World, body_text: &str) -> String {
    let cseq = pbx.asks(w, "INVITE", "", body_text);
    let answer = body(&pbx.hears(w, "200 INVITE"));
    pbx.acks(w, cseq, "");
    w.run(MS(10));
    answer
}

#[test]
fn hold_is_understood_in_its_three_spellings_and_ends_by_sendrecv() {
    for (spelling, answered) in [
        (sdp("a=sendonly\r\n"), "a=recvonly"),
        (sdp("a=inactive\r\n"), "a=inactive"),
        (sdp("").replace("c=IN IP4 127.0.0.9", "c=IN IP4 0.0.0.0"), "a=recvonly"),
    ] {
        let mut w = world(1, "", "", false);
        let mut pbx = Peer::speaks(&mut w, "");
        let answer = offers(&mut pbx, &mut w, &spelling);
        assert!(answer.contains(answered), "{spelling}{answer}");
        assert_eq!(holds(&w), ["held"], "{spelling}");
        let answer = offers(&mut pbx, &mut w, &sdp("a=sendrecv\r\n"));
        assert!(answer.contains("a=sendrecv"));
        assert_eq!(holds(&w), ["held", "resumed"]);
        pbx.hangs_up(&mut w);
    }
}

#[test]
fn a_caller_on_hold_while_waiting_is_on_hold_until_they_resume() {
    let (mut w, mut pbx, mut phone, invite) = rings(13);
    offers(&mut pbx, &mut w, &sdp("a=sendonly\r\n"));
    assert!(holds(&w).is_empty(), "nobody is there to be held");
    phone.answers(&mut w, &invite, 200, "", &sdp(""));
    phone.hears(&mut w, "ACK");
    w.run(MS(10));
    assert_eq!(held_by_caller(&w), [true]);
    offers(&mut pbx, &mut w, &sdp("a=sendrecv\r\n"));
    assert_eq!(holds(&w), ["held", "resumed"]);
    hang_up(&mut w, pbx, phone);
}

#[test]
fn a_seat_that_answers_on_hold_holds_the_caller_until_it_resumes() {
    let (mut w, pbx, mut phone, invite) = rings(14);
    phone.answers(&mut w, &invite, 200, "", &sdp("a=sendonly\r\n"));
    phone.hears(&mut w, "ACK");
    w.run(MS(10));
    assert_eq!(held_by_caller(&w), [false]);
    offers(&mut phone, &mut w, &sdp("a=sendrecv\r\n"));
    assert_eq!(holds(&w), ["held", "resumed"]);
    hang_up(&mut w, pbx, phone);
}

/// The caller hangs up, and so does the seat.
fn hang_up(w: &mut World, mut pbx: Peer, mut phone: Peer) {
    pbx.asks(w, "BYE", "", "");
    pbx.hears(w, "200 BYE");
    let bye = phone.hears(w, "BYE");
    phone.answers(w, &bye, 200, "", "");
    settle(w);
}

/// For each hold, whether the caller began it.
fn held_by_caller(w: &World) -> Vec<bool> {
    let caller = w.journal.iter().find_map(|e| match &e.what {
        What::CallReceived(received) => Some(received.leg),
        _ => None,
    });
    let told = w.journal.iter().filter_map(|e| match &e.what {
        What::CallHeld { leg } => Some(Some(*leg) == caller),
        _ => None,
    });
    told.collect()
}

/// An offer of audio over IPv6, in a world that has IPv4 alone.
fn over_ipv6() -> String {
    sdp("").replace("IN IP4 127.0.0.9", "IN IP6 2001:db8::9")
}

#[test]
fn audio_in_a_family_that_is_not_served_is_refused_with_the_reason() {
    let mut w = world(11, "", "", false);
    let mut pbx = Peer::trunk();
    pbx.asks(&mut w, "INVITE", "", &over_ipv6());
    let refused = pbx.hears(&mut w, "488 INVITE");
    assert_eq!(header(&refused, "Warning"), "300 hotline \"Incompatible network protocol\"");
    let refusals = w.journal.iter().filter_map(|e| match &e.what {
        What::CallRefused(refused) => Some((refused.reason, refused.sip_code)),
        _ => None,
    });
    assert_eq!(refusals.collect::<Vec<_>>(), [(RefusalReason::BadMedia, 488)]);
}

#[test]
fn a_re_offer_in_the_other_family_is_refused_and_the_call_goes_on() {
    let mut w = world(12, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "");
    for method in ["INVITE", "UPDATE"] {
        let cseq = pbx.asks(&mut w, method, "", &over_ipv6());
        let refused = pbx.hears(&mut w, &format!("488 {method}"));
        assert!(header(&refused, "Warning").starts_with("300 "));
        if method == "INVITE" {
            pbx.follows(&mut w, "ACK", cseq, "");
        }
    }
    assert!(offers(&mut pbx, &mut w, &sdp("a=sendonly\r\n")).contains("a=recvonly"));
    assert_eq!(holds(&w), ["held"]);
    pbx.hangs_up(&mut w);
}

#[test]
fn hold_and_resume_by_update_work_as_by_re_invite() {
    let mut w = world(2, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "");
    for direction in ["a=sendonly\r\n", "a=sendrecv\r\n"] {
        pbx.asks(&mut w, "UPDATE", "", &sdp(direction));
        pbx.hears(&mut w, "200 UPDATE");
        w.run(MS(10));
    }
    assert_eq!(holds(&w), ["held", "resumed"]);
    pbx.hangs_up(&mut w);
}

#[test]
fn a_re_invite_without_an_offer_gets_ours_and_the_acks_answer_counts() {
    let mut w = world(3, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "");
    for (answer, holds_then) in [("a=sendonly\r\n", &["held"][..]), ("a=sendrecv\r\n", &["held", "resumed"])]
    {
        let cseq = pbx.asks(&mut w, "INVITE", "", "");
        let offer = body(&pbx.hears(&mut w, "200 INVITE"));
        assert!(offer.contains("a=sendrecv") && offer.contains("PCMA") && offer.contains("PCMU"), "{offer}");
        pbx.acks(&mut w, cseq, &sdp(answer));
        w.run(MS(10));
        assert_eq!(holds(&w), holds_then);
    }
    // An ACK that brings nothing leaves things as they are.
    let cseq = pbx.asks(&mut w, "INVITE", "", "");
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    w.run(S(1));
    pbx.hangs_up(&mut w);
}

#[test]
fn our_offer_inside_a_call_gives_no_payload_type_another_meaning() {
    let mut w = world(15, "", "", false);
    let mut pbx = Peer::trunk();
    let of = |formats: &str, maps: &str| {
        format!(
            "v=0\r\no=pbx 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP {formats}\r\n{maps}"
        )
    };
    let wideband = "a=rtpmap:101 opus/48000/2\r\n";
    let cseq = pbx.asks(&mut w, "INVITE", "", &of("101 8", wideband));
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    w.run(S(1));
    let offered = |pbx: &mut Peer, w: &mut World, answer: &str| {
        let cseq = pbx.asks(w, "INVITE", "", "");
        let offer = body(&pbx.hears(w, "200 INVITE"));
        pbx.acks(w, cseq, answer);
        w.run(MS(10));
        let keys = offer.lines().find(|l| l.contains("telephone-event")).map(str::to_owned);
        keys.unwrap_or_default()
    };
    // Keys were never agreed on: they get a number the peer never named, and keep it.
    let own = "a=rtpmap:96 telephone-event/8000";
    assert_eq!(offered(&mut pbx, &mut w, &of("8", "")), own);
    assert_eq!(offered(&mut pbx, &mut w, &of("8", "")), own);
    // Once the peer names them otherwise, that is what is agreed.
    offers(&mut pbx, &mut w, &of("101 8 110", &format!("{wideband}a=rtpmap:110 telephone-event/8000\r\n")));
    assert_eq!(offered(&mut pbx, &mut w, &of("8", "")), "a=rtpmap:110 telephone-event/8000");
    pbx.hangs_up(&mut w);
}

#[test]
fn lines_of_the_peer_that_we_refused_stay_in_our_offers_in_their_place() {
    let mut w = world(4, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "");
    let video = sdp("").replace("m=audio", "m=video 5000 RTP/AVP 99\r\nm=audio");
    let answer = offers(&mut pbx, &mut w, &video);
    assert!(answer.contains("m=video 0 RTP/AVP 99"), "{answer}");
    let cseq = pbx.asks(&mut w, "INVITE", "", "");
    let offer = body(&pbx.hears(&mut w, "200 INVITE"));
    let lines: Vec<&str> = offer.lines().filter(|l| l.starts_with("m=")).collect();
    assert!(lines[0].starts_with("m=video 0 ") && lines[1].starts_with("m=audio "), "{offer}");
    pbx.acks(&mut w, cseq, &video);
    w.run(MS(10));
    pbx.hangs_up(&mut w);
}

#[test]
fn both_sides_may_hold_and_each_is_resumed_alone() {
    let (mut w, mut pbx, mut phone) = talk(5);
    offers(&mut pbx, &mut w, &sdp("a=sendonly\r\n"));
    offers(&mut phone, &mut w, &sdp("a=sendonly\r\n"));
    offers(&mut pbx, &mut w, &sdp(""));
    assert_eq!(holds(&w), ["held", "resumed", "held"], "now the seat holds");
    offers(&mut phone, &mut w, &sdp(""));
    assert_eq!(holds(&w), ["held", "resumed", "held", "resumed"]);
    finish(w, pbx, phone);
}

/// Both peers scripted, speaking.
fn talk(seed: u64) -> (World, Peer, Peer) {
    let mut w = world(seed, "", "", true);
    let mut pbx = Peer::trunk();
    let refreshed = "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\n";
    let cseq = pbx.asks(&mut w, "INVITE", refreshed, &sdp(""));
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    let (mut phone, invite) = Peer::called(&mut w);
    phone.answers(&mut w, &invite, 200, "Session-Expires: 90;refresher=uac\r\n", &sdp(""));
    phone.hears(&mut w, "ACK");
    w.run(MS(10));
    (w, pbx, phone)
}

fn finish(mut w: World, mut pbx: Peer, mut phone: Peer) {
    pbx.asks(&mut w, "BYE", "", "");
    let bye = phone.hears(&mut w, "BYE");
    phone.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
}

#[test]
fn a_re_invite_that_crosses_ours_is_491_and_ours_goes_on() {
    let (mut w, mut pbx, mut phone) = talk(6);
    let (_, ours) = pbx.within(&mut w, S(46), "INVITE");
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "491 INVITE");
    pbx.follows(&mut w, "ACK", cseq, "");
    pbx.answers(&mut w, &ours, 200, "Session-Expires: 90;refresher=uac\r\n", &sdp(""));
    pbx.hears(&mut w, "ACK");
    let (_, refresh) = phone.within(&mut w, S(1), "INVITE");
    phone.answers(&mut w, &refresh, 200, "Session-Expires: 90;refresher=uac\r\n", &sdp(""));
    finish(w, pbx, phone);
}

#[test]
fn after_a_491_who_made_the_call_id_waits_2_to_4_s_and_the_other_less() {
    let (mut w, mut pbx, mut phone) = talk(7);
    let (_, to_trunk) = pbx.within(&mut w, S(46), "INVITE");
    let (_, to_seat) = phone.within(&mut w, S(46), "INVITE");
    pbx.answers(&mut w, &to_trunk, 491, "", "");
    phone.answers(&mut w, &to_seat, 491, "", "");
    let refused = w.now.mono;
    let (at, again) = pbx.within(&mut w, S(5), "INVITE");
    assert!(again.cseq().0 > to_trunk.cseq().0 && at.since(refused) <= MS(2_010));
    pbx.answers(&mut w, &again, 200, "Session-Expires: 90;refresher=uac\r\n", &sdp(""));
    let (at, again) = phone.within(&mut w, S(5), "INVITE");
    let waited = at.since(refused);
    assert!(waited >= MS(2_100) && waited <= MS(4_010), "{waited:?}");
    phone.answers(&mut w, &again, 200, "Session-Expires: 90;refresher=uac\r\n", &sdp(""));
    finish(w, pbx, phone);
}

#[test]
fn a_host_name_as_address_costs_no_call_whichever_description_has_it() {
    let named = |more: &str| sdp(more).replace("c=IN IP4 127.0.0.9", "c=IN IP4 media.pbx.example.org");
    let (mut w, mut pbx, mut phone, invite) = {
        let mut w = world(16, "", "", true);
        let mut pbx = Peer::trunk();
        let cseq = pbx.asks(&mut w, "INVITE", "", &named(""));
        pbx.hears(&mut w, "200 INVITE");
        pbx.acks(&mut w, cseq, "");
        let (phone, invite) = Peer::called(&mut w);
        (w, pbx, phone, invite)
    };
    phone.answers(&mut w, &invite, 200, "", &named(""));
    phone.hears(&mut w, "ACK");
    w.run(MS(10));
    assert!(offers(&mut pbx, &mut w, &named("a=sendonly\r\n")).contains("a=recvonly"));
    let cseq = pbx.asks(&mut w, "INVITE", "", "");
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, &named(""));
    w.run(MS(10));
    assert_eq!(holds(&w), ["held", "resumed"]);
    let told = w.commands.iter().filter_map(|c| match c {
        Command::Remote { remote, .. } => Some(remote.rtp.to_string()),
        _ => None,
    });
    let (trunk, seat) = ("127.0.0.9:4000", "127.0.0.8:4000");
    assert_eq!(
        told.collect::<Vec<_>>(),
        [trunk, seat, trunk, trunk],
        "where each one's signalling comes from"
    );
    hang_up(&mut w, pbx, phone);
}

#[test]
fn an_offer_that_cannot_be_taken_is_refused_and_the_call_goes_on() {
    let mut w = world(8, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "");
    for (headers, offer, status) in [
        ("", sdp("").replace("RTP/AVP 8 101", "RTP/AVP 18").replace("8 PCMA", "18 G729"), "488 INVITE"),
        ("", "nonsense".into(), "400 INVITE"),
        ("Content-Type: text/plain\r\n", "hello".into(), "415 INVITE"),
        ("Content-Encoding: gzip\r\n", sdp(""), "415 INVITE"),
    ] {
        let cseq = pbx.asks(&mut w, "INVITE", headers, &offer);
        let refused = pbx.hears(&mut w, status);
        if headers.contains("gzip") {
            assert_eq!(header(&refused, "Accept-Encoding"), "identity");
        }
        pbx.follows(&mut w, "ACK", cseq, "");
    }
    pbx.hangs_up(&mut w);
}
