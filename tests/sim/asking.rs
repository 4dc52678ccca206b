//! Asking a colleague or a department while a citizen waits, and what the consulted party is told, one sentence each.

use crate::peer::{self, Peer, header, sdp};
use crate::town::*;
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, PhoneEvent, WhenRung};
use hotline_gateway::event::*;
use hotline_gateway::gateway::Input;
use hotline_gateway::media;
use hotline_gateway::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;
const MS: fn(u64) -> Duration = Duration::from_millis;

const FAR: &str = "192.0.2.1:5060";

/// A department behind a trunk that does what the test writes.
fn far(seed: u64, seats: u32, keys: &str) -> World {
    let town = format!(
        "[[trunk]]\nname = \"far\"\nsources = [\"192.0.2.1\"]\nping = \"0s\"\ntargets = [\"sip:{FAR}\"]\n{keys}\n\
         [dial]\ntrunk = \"far\"\n[[department]]\nname = \"Water Bureau\"\ncode = \"601\"\nnumbers = [\"61230001\"]\n"
    );
    World::with(seed, seats, ("wrap_up = \"0s\"", ""), "", &town)
}

fn presented(w: &World) -> Vec<String> {
    let of = |what: &What| match what {
        What::SeatPresented(p) if !p.why.to_string().contains("idle") => {
            Some(format!("{} {}", p.seat, p.why))
        }
        What::SeatPresentationEnded(e) => Some(format!("{} {:?}", e.seat, e.result)),
        _ => None,
    };
    w.journal.iter().filter_map(|e| of(&e.what)).collect()
}

fn screen(w: &World, seat: &str) -> (String, String) {
    let rings = w.seats_told.iter().rev().find_map(|(_, t)| match t {
        PhoneEvent::Rings { seat: s, number, display, .. } if s == seat => {
            Some((number.clone(), display.clone()))
        }
        _ => None,
    });
    rings.expect("it rings")
}

#[test]
fn a_seat_that_is_rung_for_a_colleague_sees_who_asks_and_for_whom() {
    let mut w = hotline(1, 3);
    w.seat_answers(1002, S(1));
    let line = talking(&mut w, HangUp::AfterAnswer(S(60)));
    holds(&mut w, line, true);
    w.seat_dials(1001, "1002", HangUp::AfterAnswer(S(2)));
    w.run(MS(500));
    let (number, display) = screen(&w, "1002");
    assert_eq!(number, "1001");
    assert!(display.starts_with("[1001 asks] 12345, waited"), "{display}");
    w.run(S(5));
    hands_on(&mut w, line, "<sip:1002@hotline>");
    w.run(MS(500));
    let (number, display) = screen(&w, "1002");
    assert_eq!(number, "13812341234");
    assert!(display.starts_with("[From 1001] 12345, waited"), "{display}");
    w.run(S(3));
    w.seat_dials(1001, "1003", HangUp::AfterAnswer(S(2)));
    w.run(MS(500));
    assert_eq!(screen(&w, "1003"), ("1001".into(), "1001".into()));
    settle(&mut w);
    assert_eq!(
        presented(&w),
        [
            "1001 Answered",
            "1002 consulted by 1001",
            "1002 Answered",
            "1002 handed on by 1001",
            "1002 Answered",
            "1003 called by 1001",
            "1003 Answered"
        ]
    );
}

#[test]
fn an_offer_to_a_colleague_ends_as_it_did() {
    let mut w = hotline(2, 2);
    w.seat_does(1002, WhenRung::Rings, None);
    let line = talking(&mut w, HangUp::AfterAnswer(S(40)));
    w.seat_dials(1001, "1002", HangUp::AfterDialling(S(2)));
    w.run(S(5));
    hands_on(&mut w, line, "<sip:1002@hotline>");
    w.run(S(21));
    w.seat_does(1002, WhenRung::Refuses(603), None);
    hands_on(&mut w, line, "<sip:1002@hotline>");
    w.run(S(2));
    w.seat_does(1002, WhenRung::Rings, None);
    hands_on(&mut w, line, "<sip:1002@hotline>");
    settle(&mut w);
    let ends: Vec<_> =
        presented(&w).into_iter().filter(|p| p.starts_with("1002") && !p.contains("by")).collect();
    assert_eq!(
        ends,
        ["1002 Withdrawn", "1002 NoAnswer", "1002 Rejected", "1002 CallerGone"],
        "{}",
        whole(&w)
    );
}

#[test]
fn a_citizen_who_withholds_his_number_stays_unknown_where_he_is_handed_to() {
    let mut w = peer::world(3, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "Privacy: id\r\n");
    let line = line_of(&w, 1001);
    hands_on(&mut w, line, "<sip:2001@hotline>");
    let (mut phone, invite) = Peer::called(&mut w);
    let from = String::from_utf8_lossy(invite.from().raw()).into_owned();
    assert!(from.contains("sip:anonymous@") && !from.contains("138"), "{from}");
    assert_eq!(
        (header(&invite, "Privacy").as_str(), header(&invite, "P-Asserted-Identity").as_str()),
        ("id", "")
    );
    assert!(!header(&invite, "User-to-User").is_empty() && !header(&invite, "X-Hotline-Call-Id").is_empty());
    phone.answers(&mut w, &invite, 200, "", &sdp(""));
    phone.hears(&mut w, "ACK");
    w.run(S(1));
    pbx.asks(&mut w, "BYE", "", "");
    let bye = phone.hears(&mut w, "BYE");
    phone.answers(&mut w, &bye, 200, "", "");
    peer::settle(&mut w);
}

#[test]
fn a_department_lost_in_a_consultation_leaves_the_other_two_talking() {
    let mut w = far(4, 1, "");
    let line = talking(&mut w, HangUp::AfterAnswer(S(120)));
    holds(&mut w, line, true);
    let second = w.seat_dials(1001, "601", HangUp::Never);
    let (mut water, invite) = Peer::called_at(&mut w, FAR);
    water.answers(&mut w, &invite, 200, "Session-Expires: 90;refresher=uac\r\n", &sdp(""));
    water.hears(&mut w, "ACK");
    let (_, refresh) = water.within(&mut w, S(50), "INVITE");
    water.answers(&mut w, &refresh, 481, "", "");
    w.run(S(1));
    assert_eq!(told(&w, second), ["answered", "hung up on"]);
    holds(&mut w, line, false);
    settle(&mut w);
    assert_eq!(
        steps(&w),
        [
            "connected 1001",
            "held",
            "Water Bureau joined",
            "Water Bureau left",
            "resumed",
            "ended Caller Completed"
        ]
    );
}

#[test]
fn a_seat_that_dials_while_no_media_port_is_free_is_told_so() {
    let mut w = hotline(5, 2);
    talking(&mut w, HangUp::AfterAnswer(S(30)));
    w.no_ports = Some(media::OpenFailure::NoneFree);
    let second = w.seat_dials(1001, "601", HangUp::Never);
    w.run(S(1));
    assert_eq!(told(&w, second), ["refused 503"]);
    w.no_ports = None;
    w.seat_does(1002, WhenRung::Rings, None);
    w.citizen_calls("13899999999", HangUp::AfterAnswer(S(30)));
    w.run(S(1));
    w.seat_dials(1002, "*131", HangUp::Never);
    w.run(S(20));
    w.no_ports = Some(media::OpenFailure::NoneFree);
    let picks = w.seat_dials(1002, "*8", HangUp::Never);
    w.run(S(1));
    assert_eq!(told(&w, picks), ["refused 503"]);
    w.no_ports = None;
    settle(&mut w);
}

#[test]
fn only_the_seat_that_speaks_with_the_citizen_may_consult() {
    for seed in 100..120 {
        let mut w = hotline(seed, 2);
        w.seat_answers(1002, S(1));
        let line = talking(&mut w, HangUp::AfterAnswer(S(30)));
        holds(&mut w, line, true);
        let second = w.seat_dials(1001, "1002", HangUp::Never);
        w.run(S(3));
        // The colleague dials while the end of the consultation is on its way to him.
        w.at_desk(|phones, now, out| phones.citizen_hangs_up(now, second, out));
        let dials = w.seat_dials(1002, "601", HangUp::Never);
        w.run(S(1));
        assert_eq!(told(&w, dials), ["refused 486"]);
        settle(&mut w);
    }
}

#[test]
fn a_citizen_who_came_back_and_gives_up_waiting_is_owed_a_call() {
    let mut w = hotline(6, 1);
    w.in_town("61230001", WhenRung::Rings, None);
    w.in_town("61230002", WhenRung::Rings, None);
    let line = talking(&mut w, HangUp::AfterAnswer(S(30)));
    hands_on(&mut w, line, "<sip:601@hotline>");
    w.run(MS(100));
    seat_hangs_up(&mut w, line);
    w.seat_does(1001, WhenRung::Rings, None);
    settle(&mut w);
    assert_eq!(steps(&w).last().unwrap(), "ended Caller Abandoned");
    let record = final_record(&w);
    assert!(record.ended.unwrap().callback_due);
    assert_eq!(record.callback.unwrap().state, CallbackState::Due);
}

#[test]
fn keys_reach_the_department_in_a_consultation() {
    let mut w = far(7, 1, "dtmf = \"info\"");
    let line = talking(&mut w, HangUp::AfterAnswer(S(30)));
    holds(&mut w, line, true);
    let second = w.seat_dials(1001, "601", HangUp::Never);
    let (mut water, invite) = Peer::called_at(&mut w, FAR);
    water.answers(&mut w, &invite, 200, "", &sdp(""));
    water.hears(&mut w, "ACK");
    w.run(S(1));
    let asker = w.commands.iter().rev().find_map(|c| match c {
        media::Command::Hear { source: media::Source::Leg(leg), .. } => Some(*leg),
        _ => None,
    });
    w.input(Input::Media(media::Event::Digit { leg: asker.unwrap(), digit: '7', held: None }));
    let info = water.hears(&mut w, "INFO");
    assert!(peer::body(&info).contains("Signal=7"), "{}", peer::body(&info));
    water.answers(&mut w, &info, 200, "", "");
    w.at_desk(|phones, now, out| phones.citizen_hangs_up(now, second, out));
    let bye = water.hears(&mut w, "BYE");
    water.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
}

#[test]
fn a_seat_that_takes_its_call_back_has_ended_it() {
    let mut w = hotline(8, 1);
    w.in_town("61230001", WhenRung::Rings, None);
    w.seat_dials(1001, "601", HangUp::AfterDialling(S(3)));
    settle(&mut w);
    assert_eq!(steps(&w), ["ended Seat Cancelled"]);
}

#[test]
fn wrap_ups_of_two_seats_at_the_same_time_both_count() {
    let mut w = hotline(9, 2);
    w.seat_answers(1002, S(1));
    let line = talking(&mut w, HangUp::AfterAnswer(S(5)));
    hands_on(&mut w, line, "<sip:1002@hotline>");
    settle(&mut w);
    let (took, timed_out) = final_record(&w).wrap_up.unwrap();
    assert!(timed_out && took >= S(10) && took < S(11), "{took:?}");
}

#[test]
fn nobody_is_owed_a_call_because_a_seats_own_was_cut_by_a_crash() {
    let mut w = hotline(10, 1);
    w.seat_dials(1001, "601", HangUp::Never);
    w.run(S(3));
    w.kill();
    w.start();
    w.run(S(1));
    let record = final_record(&w);
    let end = record.ended.clone().unwrap();
    assert_eq!((end.reason, end.callback_due, record.callback), (EndReason::Crashed, false, None));
    assert_eq!(record.seat.unwrap().as_str(), "1001");
}

fn refusals(w: &World) -> Vec<(RefusalReason, u64)> {
    let trunks = w.counts().trunks;
    trunks.into_iter().find(|t| t.name.as_str() == "far").map(|t| t.refused).unwrap_or_default()
}

#[test]
fn a_trunk_without_a_channel_left_takes_nobody_and_says_so() {
    let mut w = far(11, 3, "channels = 1");
    let line = talking(&mut w, HangUp::AfterAnswer(S(60)));
    let first = w.seat_dials(1002, "601", HangUp::AfterAnswer(S(10)));
    let (mut water, invite) = Peer::called_at(&mut w, FAR);
    water.answers(&mut w, &invite, 200, "", &sdp(""));
    water.hears(&mut w, "ACK");
    assert_eq!(w.channels_in_use(), 2, "the citizen's and the department's");
    hands_on(&mut w, line, "<sip:601@hotline>");
    let asks = w.seat_dials(1001, "601", HangUp::Never);
    w.run(S(1));
    assert_eq!((told(&w, line), told(&w, asks)), (vec!["referred 503".into()], vec!["refused 503".into()]));
    assert_eq!(refusals(&w), [(RefusalReason::NoChannel, 2)]);
    let third = w.seat_dials(1003, "601", HangUp::Never);
    w.run(S(1));
    assert_eq!((told(&w, first), told(&w, third)), (vec!["answered".into()], vec!["refused 503".into()]));
    assert_eq!(refusals(&w), [(RefusalReason::NoChannel, 3)]);
    let record = final_record(&w);
    assert_eq!(record.refused, Some((RefusalReason::NoChannel, 503)));
    assert_eq!((record.direction, record.service_number.as_str()), (Direction::Outbound, "Water Bureau"));
    assert_eq!(record.seat.unwrap().as_str(), "1003");
    let (_, bye) = water.within(&mut w, S(10), "BYE");
    water.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
    assert_eq!(w.channels_in_use(), 0);
}

#[test]
fn two_seats_that_dial_at_once_get_neither_the_same_seat_nor_channel() {
    let mut w = far(12, 3, "channels = 1");
    w.disk_delay = MS(10);
    w.seat_does(1003, WhenRung::Rings, None);
    for number in ["1003", "601"] {
        let lines = [1001, 1002].map(|seat| w.seat_dials(seat, number, HangUp::AfterDialling(S(2))));
        w.run(S(1));
        let refused = lines.map(|line| told(&w, line).first().cloned());
        let status = if number == "601" { "refused 503" } else { "refused 486" };
        assert_eq!(refused.iter().flatten().collect::<Vec<_>>(), [status], "{number}");
        if number == "601" {
            let (mut water, invite) = Peer::called_at(&mut w, FAR);
            water.answers(&mut w, &invite, 486, "", "");
        }
        w.run(S(5));
    }
    settle(&mut w);
    assert_eq!(w.channels_in_use(), 0);
}

#[test]
fn a_call_taken_back_before_it_is_on_disk_rings_no_phone_and_frees_all() {
    let mut w = far(13, 2, "channels = 1");
    w.disk_delay = MS(10);
    for number in ["1002", "601"] {
        w.seat_dials(1001, number, HangUp::AfterDialling(MS(3)));
        w.run(S(1));
        assert_eq!((w.counts().ready_seats, w.channels_in_use()), (2, 0), "{number}");
    }
    assert!(!w.seats_told.iter().any(|(_, t)| matches!(t, PhoneEvent::Rings { .. })) && w.heard.is_empty());
    settle(&mut w);
}

/// From, P-Asserted-Identity, To and Contact of the INVITE to a department.
fn identity(invite: &hotline_gateway::sip::Message) -> [String; 4] {
    ["From", "P-Asserted-Identity", "To", "Contact"].map(|name| {
        let value = header(invite, name);
        value.split(";tag").next().unwrap().to_owned()
    })
}

#[test]
fn a_department_sees_the_number_its_citizen_dialled_at_our_host() {
    let second = "[[service]]\nnumber = \"96000\"\nqueue = \"main\"";
    for (keys, host) in [("", "127.0.0.1"), ("domain = \"carrier.example.org\"", "carrier.example.org")] {
        let mut w = far(14, 1, &format!("{keys}\n{second}"));
        w.citizen_dials("13812341234", "96000", HangUp::AfterAnswer(S(20)));
        w.run(S(2));
        let line = line_of(&w, 1001);
        hands_on(&mut w, line, "<sip:601@hotline>");
        let (mut water, invite) = Peer::called_at(&mut w, FAR);
        let ours = format!("<sip:96000@{host}>");
        let contact = "<sip:hotline@127.0.0.1:5060>".to_owned();
        assert_eq!(identity(&invite), [ours.clone(), ours, "<sip:61230001@192.0.2.1>".into(), contact]);
        water.answers(&mut w, &invite, 486, "", "");
        settle(&mut w);
    }
}

#[test]
fn where_we_register_our_contact_has_the_name_we_are_known_by() {
    let town = format!(
        "[[trunk]]\nname = \"secured\"\nsources = [\"192.0.2.1\"]\nping = \"0s\"\nregister = \"sip:{FAR}\"\n\
         username = \"4930123\"\npassword_file = \"x\"\n[dial]\ntrunk = \"secured\"\n\
         [[department]]\nname = \"Water Bureau\"\ncode = \"601\"\nnumbers = [\"61230001\"]\n"
    );
    let mut w = World::with(15, 1, ("", ""), "", &town);
    w.seat_dials(1001, "601", HangUp::Never);
    let (mut water, invite) = Peer::called_at(&mut w, FAR);
    let [from, _, _, contact] = identity(&invite);
    assert_eq!((from.as_str(), contact.as_str()), ("<sip:12345@192.0.2.1>", "<sip:4930123@127.0.0.1:5060>"));
    water.answers(&mut w, &invite, 486, "", "");
    w.run(S(1));
}

#[test]
fn a_seat_that_was_merely_rung_by_a_colleague_keeps_its_turn() {
    let mut w = hotline(16, 3);
    w.seat_does(1001, WhenRung::Rings, None);
    w.seat_dials(1003, "1001", HangUp::AfterDialling(S(5)));
    w.run(S(10));
    w.seat_answers(1001, S(1));
    w.citizen_calls("13812341234", HangUp::AfterAnswer(S(5)));
    settle(&mut w);
    assert_eq!(steps(&w)[1], "connected 1001", "{}", whole(&w));
}

#[test]
fn every_number_of_a_department_is_rung_before_a_citizen_comes_back() {
    for (numbers, back_after) in [(2, 20), (4, 20), (8, 40)] {
        let all: Vec<String> = (1..=numbers).map(|n| format!("6123000{n}")).collect();
        let town = format!(
            "[dial]\ntrunk = \"pbx\"\n[[department]]\nname = \"Water Bureau\"\ncode = \"601\"\nnumbers = {all:?}\n"
        );
        let mut w = World::with(17, 1, ("", ""), "", &town);
        for number in &all {
            w.in_town(number, WhenRung::Rings, None);
        }
        let line = talking(&mut w, HangUp::AfterAnswer(S(100)));
        hands_on(&mut w, line, "<sip:601@hotline>");
        let began = w.now.mono;
        w.run(S(back_after - 1));
        let rung: Vec<String> = w
            .told
            .iter()
            .filter_map(|(_, t)| match t {
                PhoneEvent::Rings { seat, .. } if all.contains(seat) => Some(seat.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(rung, all);
        assert!(!told(&w, line).contains(&"notified 480".to_owned()), "{numbers}");
        w.run(S(2));
        assert_eq!(told(&w, line).last().unwrap(), "notified 480", "{:?}", w.now.mono.since(began));
        settle(&mut w);
    }
}

#[test]
fn a_seat_hands_on_whom_it_called_to_a_colleague_or_a_department() {
    for (called, to, name) in
        [("601", "1002", "1002"), ("1003", "601", "Water Bureau"), ("1003", "1002", "1002")]
    {
        let mut w = hotline(20, 3);
        w.seat_answers(1002, S(1));
        w.seat_does(1003, WhenRung::Answers(S(1)), Some(S(20)));
        w.in_town("61230001", WhenRung::Answers(S(1)), Some(S(20)));
        let line = w.seat_dials(1001, called, HangUp::Never);
        w.run(S(3));
        hands_on(&mut w, line, &format!("<sip:{to}@hotline>"));
        w.run(S(5));
        assert_eq!(
            told(&w, line),
            ["answered", "referred 202", "notified 100", "notified 200", "hung up on"]
        );
        assert_eq!(w.counts().ready_seats, if called == "1003" && to == "1002" { 1 } else { 2 });
        let transfers: Vec<_> = steps(&w).into_iter().filter(|s| s.starts_with("Blind")).collect();
        assert_eq!(transfers, [format!("Blind 1001→{name} Started"), format!("Blind 1001→{name} Completed")]);
        w.run(S(30));
        assert_eq!((w.counts().ready_seats, w.channels_in_use()), (3, 0), "{}", whole(&w));
        let end = final_record(&w).ended.unwrap();
        assert_eq!(
            (end.by, end.reason, end.callback_due),
            (EndedBy::ThirdParty, EndReason::Completed, false)
        );
        settle(&mut w);
    }
}

#[test]
fn whom_a_seat_called_is_back_with_it_when_nobody_takes_him() {
    let mut w = hotline(21, 2);
    w.seat_does(1002, WhenRung::Refuses(486), None);
    let line = w.seat_dials(1001, "601", HangUp::Never);
    w.run(S(3));
    hands_on(&mut w, line, "<sip:1002@hotline>");
    w.run(S(1));
    assert_eq!(told(&w, line), ["answered", "referred 202", "notified 100", "notified 486"]);
    assert_eq!(w.counts().ready_seats, 1, "the seat still talks");
    // He may be handed on again, and the seat may hang up before anybody answers: then nobody has him back.
    w.seat_does(1002, WhenRung::Rings, None);
    hands_on(&mut w, line, "<sip:1002@hotline>");
    w.run(S(1));
    w.at_desk(|phones, now, out| phones.citizen_hangs_up(now, line, out));
    w.run(S(1));
    assert_eq!(w.counts().ready_seats, 1, "it is free, the colleague rings");
    w.run(S(25));
    assert_eq!(steps(&w).last().unwrap(), "ended Gateway Unanswered");
    assert_eq!((w.counts().ready_seats, w.channels_in_use()), (2, 0));
    settle(&mut w);
}
