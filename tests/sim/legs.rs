//! Legs that end in odd moments, and what each party is told of the other: one sentence each.

use crate::peer::{self, Peer, SEAT, TRUNK, end, header, sdp, settle};
use crate::town::{MS, S};
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::event::{EndReason, EndedBy, PresentationResult, What};
use hotline_gateway::sip::Message;
use hotline_gateway::time::{Duration, Mono};
use std::net::SocketAddr;

/// The scripted seat 2002.
const SECOND: &str = "127.0.0.8:6502";
const FAR: &str = "192.0.2.1:5060";

/// A scripted trunk, two scripted seats of which 2001 is rung first, seat 1001 beside them, and a department of two numbers
/// behind a scripted trunk.
fn world(seed: u64, service: &str, seats: &str) -> World {
    let queue = format!("wrap_up = \"0s\"\nring_timeout = \"60s\"\nseats = [{seats}]");
    let sections = format!(
        "[[trunk]]\nname = \"script\"\nsources = [\"127.0.0.9\"]\n\
         [[trunk]]\nname = \"far\"\nsources = [\"192.0.2.1\"]\nping = \"0s\"\ntargets = [\"sip:{FAR}\"]\n\
         [[seat]]\nid = \"2001\"\ncontact = \"sip:2001@{SEAT}\"\n\
         [[seat]]\nid = \"2002\"\ncontact = \"sip:2002@{SECOND}\"\n\
         [dial]\ntrunk = \"far\"\n\
         [[department]]\nname = \"Water\"\ncode = \"601\"\nnumbers = [\"61230001\", \"61230002\"]\n"
    );
    World::with(seed, 1, (&queue, service), "", &sections)
}

/// The trunk calls with these headers and is answered.
fn calls(w: &mut World, headers: &str) -> Peer {
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(w, "INVITE", headers, &sdp(""));
    pbx.hears(w, "200 INVITE");
    pbx.acks(w, cseq, "");
    pbx
}

fn talks(w: &mut World, phone: &mut Peer, invite: &Message) {
    phone.answers(w, invite, 200, "", &sdp(""));
    phone.hears(w, "ACK");
    w.run(MS(10));
}

fn results(w: &World) -> Vec<(String, PresentationResult, Option<u16>)> {
    let of = |what: &What| match what {
        What::SeatPresentationEnded(e) => Some((e.seat.to_string(), e.result, e.sip_code)),
        _ => None,
    };
    w.journal.iter().filter_map(|e| of(&e.what)).collect()
}

/// The newest INVITE that came to this address.
fn last_invite(w: &World, at: &str) -> Message {
    let at: SocketAddr = at.parse().unwrap();
    let is_one = |(_, to, m): &&(_, _, Message)| *to == at && peer::name(m) == "INVITE";
    w.heard.iter().rev().find(is_one).expect("an INVITE").2.clone()
}

/// The phone hangs up a call it has answered, although its answer was lost; gives when it was confirmed.
fn hangs_up_unheard(w: &mut World, phone: &mut Peer) -> Mono {
    phone.asks(w, "BYE", "", "");
    phone.within(w, MS(50), "200 BYE").0
}

/// The 200 that was lost comes late after all.
fn answers_late(w: &mut World, phone: &mut Peer, invite: &Message) {
    phone.answers(w, invite, 200, "", &sdp(""));
    phone.hears(w, "ACK");
    let bye = phone.hears(w, "BYE");
    phone.answers(w, &bye, 200, "", "");
}

#[test]
fn a_phone_whose_200_was_lost_and_hangs_up_passes_the_caller_on() {
    for rang in [true, false] {
        let mut w = world(1, "", "\"2001\", \"2002\"");
        let mut pbx = calls(&mut w, "");
        let (mut phone, invite) = Peer::called(&mut w);
        if rang {
            phone.answers(&mut w, &invite, 180, "", "");
            w.run(S(1));
        }
        let at = hangs_up_unheard(&mut w, &mut phone);
        let (mut other, offered) = Peer::called_at(&mut w, SECOND);
        let rung = w.heard.iter().find(|(_, _, m)| m.call_id() == offered.call_id()).unwrap().0;
        assert!(rung.since(at) < MS(1), "in the same step, but for the way");
        if rang {
            phone.hears(&mut w, "CANCEL");
        }
        answers_late(&mut w, &mut phone, &invite);
        talks(&mut w, &mut other, &offered);
        pbx.asks(&mut w, "BYE", "", "");
        let bye = other.hears(&mut w, "BYE");
        other.answers(&mut w, &bye, 200, "", "");
        settle(&mut w);
        assert_eq!(
            results(&w),
            [
                ("2001".into(), PresentationResult::Rejected, None),
                ("2002".into(), PresentationResult::Answered, Some(200))
            ]
        );
        assert_eq!(end(&w).reason, EndReason::Completed);
    }
}

#[test]
fn a_bye_that_names_another_call_leaves_the_phone_ringing() {
    let mut w = world(2, "", "\"2001\"");
    let mut pbx = calls(&mut w, "");
    let (mut phone, invite) = Peer::called(&mut w);
    phone.asks_in(&mut w, "another@phone", "BYE");
    phone.hears(&mut w, "481 BYE");
    talks(&mut w, &mut phone, &invite);
    pbx.asks(&mut w, "BYE", "", "");
    let bye = phone.hears(&mut w, "BYE");
    phone.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
    assert_eq!(results(&w).len(), 1);
}

#[test]
fn a_department_number_that_hangs_up_unheard_has_the_next_one_rung() {
    let mut w = world(3, "", "\"2001\"");
    let line = w.seat_dials(1001, "601", HangUp::AfterAnswer(S(5)));
    let (mut first, invite) = Peer::called_at(&mut w, FAR);
    first.answers(&mut w, &invite, 180, "", "");
    w.run(S(1));
    hangs_up_unheard(&mut w, &mut first);
    let next = last_invite(&w, FAR);
    let mut second = Peer::called_by(&next, FAR);
    assert!(String::from_utf8_lossy(next.uri()).contains("61230002"));
    answers_late(&mut w, &mut first, &invite);
    talks(&mut w, &mut second, &next);
    let (_, bye) = second.within(&mut w, S(6), "BYE");
    second.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
    assert_eq!(crate::town::told(&w, line), ["answered"]);
}

#[test]
fn a_colleague_who_hangs_up_unheard_is_free_at_once() {
    let mut w = world(4, "", "\"1001\", \"2001\"");
    w.seat_does(1001, WhenRung::Answers(Duration::ZERO), None);
    let mut pbx = calls(&mut w, "");
    w.run(S(1));
    let line = w.seat_dials(1001, "2001", HangUp::Never);
    let (mut phone, invite) = Peer::called(&mut w);
    assert_eq!(w.counts().ready_seats, 1, "2002 alone");
    hangs_up_unheard(&mut w, &mut phone);
    w.run(MS(10));
    assert_eq!(w.counts().ready_seats, 2, "whatever becomes of the INVITE");
    assert_eq!(crate::town::told(&w, line), ["refused 480"]);
    answers_late(&mut w, &mut phone, &invite);
    pbx.asks(&mut w, "BYE", "", "");
    settle(&mut w);
}

#[test]
fn a_seat_may_end_its_own_unanswered_call_by_bye() {
    let mut w = world(5, "", "\"1001\"");
    let mut phone = Peer::seat("601");
    let cseq = phone.asks(&mut w, "INVITE", "", &sdp(""));
    let (mut water, invite) = Peer::called_at(&mut w, FAR);
    water.answers(&mut w, &invite, 180, "", "");
    phone.hears(&mut w, "180 INVITE");
    phone.asks(&mut w, "BYE", "", "");
    phone.hears(&mut w, "200 BYE");
    phone.hears(&mut w, "487 INVITE");
    phone.follows(&mut w, "ACK", cseq, "");
    let cancel = water.hears(&mut w, "CANCEL");
    water.answers(&mut w, &cancel, 200, "", "");
    water.answers(&mut w, &invite, 487, "", "");
    settle(&mut w);
    assert_eq!((end(&w).by, end(&w).reason), (EndedBy::Seat, EndReason::Cancelled));
}

#[test]
fn a_seat_that_consults_may_end_its_unanswered_line_by_bye() {
    let mut w = world(6, "", "\"2001\"");
    let mut pbx = calls(&mut w, "");
    let (mut phone, invite) = Peer::called(&mut w);
    talks(&mut w, &mut phone, &invite);
    let mut second = Peer::seat("601");
    let cseq = second.asks(&mut w, "INVITE", "", &sdp(""));
    let (mut water, offered) = Peer::called_at(&mut w, FAR);
    water.answers(&mut w, &offered, 180, "", "");
    second.hears(&mut w, "180 INVITE");
    second.asks(&mut w, "BYE", "", "");
    second.hears(&mut w, "487 INVITE");
    second.follows(&mut w, "ACK", cseq, "");
    let cancel = water.hears(&mut w, "CANCEL");
    water.answers(&mut w, &cancel, 200, "", "");
    water.answers(&mut w, &offered, 487, "", "");
    assert!(!pbx.heard(&w).contains(&"BYE".to_owned()), "the citizen still talks with the seat");
    pbx.asks(&mut w, "BYE", "", "");
    let bye = phone.hears(&mut w, "BYE");
    phone.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
}

#[test]
fn an_invite_that_expires_unanswered_gets_487_and_its_record() {
    let mut w = world(7, "answer_delay_ms = 20000", "\"1001\"");
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "Expires: 2\r\n", &sdp(""));
    let (rang, _) = pbx.within(&mut w, MS(50), "180 INVITE");
    let (at, _) = pbx.within(&mut w, S(3), "487 INVITE");
    assert_eq!(at.since(rang).as_millis() / 10, 200);
    pbx.follows(&mut w, "ACK", cseq, "");
    settle(&mut w);
    let end = end(&w);
    assert_eq!((end.by, end.reason, end.sip_code), (EndedBy::Caller, EndReason::Expired, Some(487)));
    assert!(end.callback_due, "no operator spoke with the citizen");
}

#[test]
fn an_invite_answered_in_time_does_not_expire() {
    for expires in ["Expires: 2\r\n", "Expires: soon\r\n", "Expires: 4294967295\r\n"] {
        let mut w = world(8, "answer_delay_ms = 1000", "\"1001\"");
        let mut pbx = Peer::trunk();
        let cseq = pbx.asks(&mut w, "INVITE", expires, &sdp(""));
        pbx.within(&mut w, S(2), "200 INVITE");
        pbx.acks(&mut w, cseq, "");
        w.run(S(5));
        pbx.hangs_up(&mut w);
        assert_eq!(end(&w).reason, EndReason::Completed, "{expires}");
    }
}

#[test]
fn a_seats_invite_that_expires_stops_whom_it_rings() {
    for consults in [false, true] {
        let mut w = world(9, "", "\"2001\"");
        let mut talk = consults.then(|| {
            let pbx = calls(&mut w, "");
            let (mut phone, invite) = Peer::called(&mut w);
            talks(&mut w, &mut phone, &invite);
            (pbx, phone)
        });
        let mut asks = Peer::seat("601");
        let cseq = asks.asks(&mut w, "INVITE", "Expires: 3\r\n", &sdp(""));
        let (mut water, invite) = Peer::called_at(&mut w, FAR);
        water.answers(&mut w, &invite, 180, "", "");
        asks.within(&mut w, S(4), "487 INVITE");
        asks.follows(&mut w, "ACK", cseq, "");
        let cancel = water.hears(&mut w, "CANCEL");
        water.answers(&mut w, &cancel, 200, "", "");
        water.answers(&mut w, &invite, 487, "", "");
        w.run(S(1));
        if let Some((pbx, phone)) = &mut talk {
            pbx.asks(&mut w, "BYE", "", "");
            let bye = phone.hears(&mut w, "BYE");
            phone.answers(&mut w, &bye, 200, "", "");
        }
        settle(&mut w);
        let expected = if consults { EndReason::Completed } else { EndReason::Expired };
        assert_eq!(end(&w).reason, expected);
    }
}

#[test]
fn an_invite_of_ours_expires_soon_after_its_ringing_must_end() {
    let (mut w, pbx, mut phone, invite) = peer::rings(10);
    assert_eq!(header(&invite, "Expires"), "65", "the ring timeout is 60 s");
    phone.answers(&mut w, &invite, 486, "", "");
    pbx.hangs_up(&mut w);
    let mut w = world(11, "", "\"2001\"");
    w.seat_dials(1001, "601", HangUp::AfterDialling(S(2)));
    let (mut water, invite) = Peer::called_at(&mut w, FAR);
    assert_eq!(header(&invite, "Expires"), "15", "another number is rung after 10 s");
    water.answers(&mut w, &invite, 404, "", "");
    w.run(MS(10));
    let last = last_invite(&w, FAR);
    assert_eq!(header(&last, "Expires"), "185", "the last rings as long as the operator listens");
    water.answers(&mut w, &last, 404, "", "");
    settle(&mut w);
}

/// What the seat's screen says: the display name of the INVITE's From.
fn screen(invite: &Message) -> String {
    invite.from().display_text()
}

#[test]
fn the_wait_shown_at_a_transfer_ended_with_the_first_talk() {
    let mut w = world(12, "", "\"2001\"");
    let mut pbx = calls(&mut w, "");
    let (mut phone, invite) = Peer::called(&mut w);
    assert_eq!(screen(&invite), "12345, waited 00:00");
    w.run(S(3));
    talks(&mut w, &mut phone, &invite);
    w.run(S(40));
    phone.asks(&mut w, "REFER", "Refer-To: <sip:2002@127.0.0.1>\r\n", "");
    phone.hears(&mut w, "202 REFER");
    let (mut other, offered) = Peer::called_at(&mut w, SECOND);
    assert_eq!(screen(&offered), "[From 2001] 12345, waited 00:03");
    phone.asks(&mut w, "BYE", "", "");
    other.answers(&mut w, &offered, 603, "", "");
    // The seat is gone from the call: its caller comes back to it, and waits anew.
    w.run(MS(10));
    let recalled = last_invite(&w, SEAT);
    assert_eq!(screen(&recalled), "[Recall] 12345, waited 00:00");
    let mut phone = Peer::called_by(&recalled, SEAT);
    phone.forgets(&w);
    phone.answers(&mut w, &recalled, 180, "", "");
    w.run(S(7));
    talks(&mut w, &mut phone, &recalled);
    w.run(S(30));
    phone.asks(&mut w, "REFER", "Refer-To: <sip:2002@127.0.0.1>\r\n", "");
    w.run(MS(10));
    let last = last_invite(&w, SECOND);
    assert_eq!(screen(&last), "[From 2001] 12345, waited 00:07", "of the second wait");
    pbx.asks(&mut w, "BYE", "", "");
    settle(&mut w);
}

#[test]
fn a_pick_up_is_answered_with_the_callers_identity() {
    let known = "P-Asserted-Identity: \"Zhang\" <sip:13812341234@pbx>\r\n";
    for (headers, identity, privacy) in [
        (known, "\"Zhang, 12345, waited 00:02\" <sip:13812341234@hotline>", ""),
        ("Privacy: id\r\n", "", "id"),
    ] {
        let mut w = picking(13);
        let mut pbx = calls(&mut w, headers);
        w.run(S(2));
        let mut phone = Peer::seat("*8");
        let cseq = phone.asks(&mut w, "INVITE", "", &sdp(""));
        let ok = phone.hears(&mut w, "200 INVITE");
        assert_eq!(header(&ok, "P-Asserted-Identity"), identity);
        assert_eq!(header(&ok, "Privacy"), privacy);
        let call = w.journal.iter().find_map(|e| e.call.as_ref()).unwrap().id;
        let hex: String = call.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(header(&ok, "User-to-User"), format!("{hex};encoding=hex"));
        assert_eq!(header(&ok, "X-Hotline-Call-Id"), call.to_string());
        phone.acks(&mut w, cseq, "");
        w.run(S(1));
        pbx.asks(&mut w, "BYE", "", "");
        let bye = phone.hears(&mut w, "BYE");
        phone.answers(&mut w, &bye, 200, "", "");
        settle(&mut w);
    }
}

/// Whether the seat 2001 is rung now.
fn is_rung(w: &World, phone: &Peer) -> bool {
    phone.heard(w).contains(&"INVITE".to_owned())
}

#[test]
fn without_wrap_up_a_seat_is_rung_once_its_phone_has_the_bye() {
    for own in [false, true] {
        let mut w = world(14, "", "\"2001\"");
        let (mut phone, far) = if own {
            let mut phone = Peer::seat("601");
            let cseq = phone.asks(&mut w, "INVITE", "", &sdp(""));
            let (mut water, invite) = Peer::called_at(&mut w, FAR);
            water.answers(&mut w, &invite, 200, "", &sdp(""));
            phone.hears(&mut w, "200 INVITE");
            phone.acks(&mut w, cseq, "");
            (phone, water)
        } else {
            let pbx = calls(&mut w, "");
            let (mut phone, invite) = Peer::called(&mut w);
            talks(&mut w, &mut phone, &invite);
            (phone, pbx)
        };
        let mut far = far;
        w.citizen_calls("13899999999", HangUp::AfterAnswer(S(60)));
        w.run(S(2));
        phone.forgets(&w);
        far.asks(&mut w, "BYE", "", "");
        far.hears(&mut w, "200 BYE");
        phone.hears(&mut w, "BYE");
        w.run(S(3));
        assert!(!is_rung(&w, &phone), "own {own}: its phone may not have heard the BYE");
        let (_, bye) = phone.within(&mut w, S(5), "BYE");
        phone.answers(&mut w, &bye, 200, "", "");
        w.run(MS(2));
        assert!(is_rung(&w, &phone), "own {own}: the caller waits beside it");
        let offered = last_invite(&w, SEAT);
        phone.answers(&mut w, &offered, 486, "", "");
        settle(&mut w);
    }
}

#[test]
fn a_phone_that_never_answers_a_bye_keeps_its_seat_no_longer_than_32_s() {
    let mut w = world(15, "", "\"2001\"");
    let mut pbx = calls(&mut w, "");
    let (mut phone, invite) = Peer::called(&mut w);
    talks(&mut w, &mut phone, &invite);
    pbx.asks(&mut w, "BYE", "", "");
    phone.hears(&mut w, "BYE");
    w.citizen_calls("13899999999", HangUp::AfterAnswer(S(60)));
    w.run(S(31));
    assert!(!is_rung(&w, &phone));
    w.run(S(2));
    assert!(is_rung(&w, &phone));
    let offered = last_invite(&w, SEAT);
    phone.answers(&mut w, &offered, 486, "", "");
    settle(&mut w);
}

#[test]
fn a_seat_that_a_colleague_rings_shows_ringing_and_goes_back() {
    for answers in [false, true] {
        let mut w = world(16, "", "\"1001\"");
        w.seat_dials(1001, "2001", HangUp::AfterDialling(S(3)));
        let (mut phone, invite) = Peer::called(&mut w);
        phone.answers(&mut w, &invite, 180, "", "");
        if answers {
            phone.answers(&mut w, &invite, 200, "", &sdp(""));
            phone.hears(&mut w, "ACK");
            let (_, bye) = phone.within(&mut w, S(4), "BYE");
            phone.answers(&mut w, &bye, 200, "", "");
        } else {
            let (_, cancel) = phone.within(&mut w, S(4), "CANCEL");
            phone.answers(&mut w, &cancel, 200, "", "");
            phone.answers(&mut w, &invite, 487, "", "");
        }
        w.run(S(1));
        let of = |what: &What| match what {
            What::SeatStateChanged { seat, from, to, .. } if seat.as_str() == "2001" => {
                Some(format!("{from:?} {to:?}"))
            }
            _ => None,
        };
        let seen: Vec<String> = w.journal.iter().filter_map(|e| of(&e.what)).skip(1).collect();
        match answers {
            true => assert_eq!(seen, ["Ready Ringing", "Ringing Talking", "Talking Ready"]),
            false => assert_eq!(seen, ["Ready Ringing", "Ringing Ready"]),
        }
        settle(&mut w);
    }
}

/// Seat 1001 rings and does not answer; seat 2001 serves the queue and is on a break.
fn picking(seed: u64) -> World {
    let sections = format!(
        "[[trunk]]\nname = \"script\"\nsources = [\"{}\"]\ntrusted = true\n\
         [[seat]]\nid = \"2001\"\ncontact = \"sip:2001@{SEAT}\"\n",
        TRUNK.split(':').next().unwrap()
    );
    let queue = "wrap_up = \"0s\"\nring_timeout = \"60s\"\nseats = [\"1001\", \"2001\"]";
    let mut w = World::with(seed, 1, (queue, ""), "", &sections);
    w.seat_does(1001, WhenRung::Rings, None);
    w
}
