//! Trunks as peers, one sentence each: who stops answering, who must prove himself, whose channels run out.

use crate::checks::promises;
use crate::world::World;
use bytes::Bytes;
use hotline_gateway::cli::phones::HangUp;
use hotline_gateway::event::*;
use hotline_gateway::gateway::{Input, RefusalCause, TrunkCounts};
use hotline_gateway::redact::Secret;
use hotline_gateway::sip::Message;
use hotline_gateway::sip::access::PeerClass;
use hotline_gateway::sip::digest::Challenge;
use hotline_gateway::time::Duration;
use std::net::SocketAddr;

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

const FIRST: &str = "192.0.2.1:5060";
const SECOND: &str = "192.0.2.2:5060";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A world with one more trunk, whose far ends answer 200 for now.
fn world(seed: u64, keys: &str) -> World {
    let trunk = format!("[[trunk]]\nname = \"secured\"\nsources = [\"192.0.2.0/28\"]\n{keys}\n");
    let mut world = World::with(seed, 2, ("wrap_up = \"0s\"", ""), "", &trunk);
    world.peers = [(at(FIRST), Some(200)), (at(SECOND), Some(200))].into();
    world
}

fn pinged() -> String {
    format!("targets = [\"sip:{FIRST}\", \"sip:{SECOND}\"]\nping = \"10s\"")
}

/// `secured up`, `secured down` for every change of a trunk.
fn changes(world: &World) -> Vec<String> {
    let changes = world.journal.iter().filter_map(|e| match &e.what {
        What::TrunkStateChanged { trunk, reachable, .. } => {
            Some(format!("{trunk} {}", if *reachable { "up" } else { "down" }))
        }
        _ => None,
    });
    changes.collect()
}

fn alarms(world: &World, name: &str) -> Vec<bool> {
    let alarms = world.journal.iter().filter_map(|e| match &e.what {
        What::AlarmRaised { alarm, raised, .. } if &**alarm == name => Some(*raised),
        _ => None,
    });
    alarms.collect()
}

fn trunk(world: &World, name: &str) -> TrunkCounts {
    world.counts().trunks.into_iter().find(|t| t.name.as_str() == name).unwrap()
}

fn came(world: &World, to: &str, method: &str) -> usize {
    let of =
        |(_, peer, bytes): &&(_, SocketAddr, Bytes)| *peer == at(to) && bytes.starts_with(method.as_bytes());
    world.to_peers.iter().filter(of).count()
}

#[test]
fn a_silent_trunk_raises_an_alarm_and_is_told_of_when_it_is_back() {
    let mut w = world(1, &pinged());
    w.run(S(25));
    assert_eq!((changes(&w), alarms(&w, "trunk_down")), (vec!["secured up".to_owned()], vec![]));
    assert_eq!(trunk(&w, "secured").reachable, Some(true));
    w.peers.insert(at(FIRST), None);
    w.run(S(60));
    assert_eq!(changes(&w), ["secured up"], "the second target lives");
    w.peers.insert(at(SECOND), Some(503));
    w.run(S(30));
    assert_eq!(
        (changes(&w), alarms(&w, "trunk_down")),
        (vec!["secured up".into(), "secured down".into()], vec![true])
    );
    assert_eq!(trunk(&w, "secured").reachable, Some(false));
    w.peers.insert(at(FIRST), Some(404));
    w.run(S(30));
    assert_eq!(changes(&w), ["secured up", "secured down", "secured up"]);
    assert_eq!(alarms(&w, "trunk_down"), [true, false]);
    promises(&w.journal);
}

#[test]
fn pings_cost_nothing_that_is_left_behind() {
    let mut w = world(2, &pinged());
    w.peers.insert(at(SECOND), None);
    w.run(S(600));
    let pings = came(&w, FIRST, "OPTIONS");
    assert!((58..=62).contains(&pings), "{pings} pings in ten minutes, one every ten seconds expected");
    let counts = w.counts();
    assert!(counts.transactions < 12 && counts.calls == 0, "{counts:?}");
}

#[test]
fn a_carrier_that_wants_registration_is_registered_at_until_the_end() {
    let keys = format!(
        "register = \"sip:{FIRST}\"\nregister_expires = \"2m\"\nping = \"0s\"\nusername = \"4930123\"\npassword_file = \"x\""
    );
    let mut w = world(3, &keys);
    w.run(S(100));
    assert_eq!((trunk(&w, "secured").registered, changes(&w)), (Some(true), vec!["secured up".to_owned()]));
    assert!(came(&w, FIRST, "REGISTER") >= 2, "refreshed");
    w.input(Input::Drain);
    w.run(S(1));
    let (.., last) = w.to_peers.iter().rev().find(|(.., b)| b.starts_with(b"REGISTER")).unwrap();
    assert_eq!(Message::parse(last.clone()).unwrap().number("Expires"), Some(0));
    assert!(w.drained);
}

fn invite(call_id: &str, more: &str) -> Bytes {
    let body =
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
    let text = format!(
        "INVITE sip:12345@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK{call_id}\r\n\
         From: <sip:13800138000@192.0.2.1>;tag=f\r\nTo: <sip:12345@127.0.0.1>\r\nCall-ID: {call_id}\r\n\
         CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:192.0.2.1>\r\n{more}\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Bytes::from(text)
}

/// The status of the newest response that came to the first far end for a call, and the response.
fn answered(world: &World, call_id: &str) -> Option<(u16, Message)> {
    let responses = world.to_peers.iter().rev().filter_map(|(_, to, bytes)| {
        let message = Message::parse(bytes.clone()).ok()?;
        let status = message.status()?.code();
        (*to == at(FIRST) && message.call_id() == call_id && status > 100).then_some((status, message))
    });
    responses.into_iter().next()
}

fn secured() -> World {
    let keys = "authenticate = \"digest\"\nusername = \"pbx\"\npassword_file = \"x\"\nchannels = 2";
    let mut world = world(4, keys);
    world.peers.insert(at(FIRST), None);
    world
}

/// An answer to the challenge that came for `call_id`.
fn proof(world: &World, call_id: &str, password: &str, count: u32) -> String {
    let (status, response) = answered(world, call_id).unwrap();
    assert_eq!(status, 401);
    let challenge = Challenge::choose(response.headers("WWW-Authenticate")).unwrap();
    let password = Secret::new(password.to_owned());
    let answer = challenge.answer("pbx", &password, "INVITE", "sip:12345@127.0.0.1", count, "c");
    format!("Authorization: {answer}\r\n")
}

#[test]
fn a_trunk_that_must_prove_itself_is_served_once_and_not_by_a_replay() {
    let mut w = secured();
    w.peer_says(at(FIRST), invite("one", ""));
    w.run(MS(50));
    let right = proof(&w, "one", "open sesame", 1);
    assert!(w.journal.iter().all(|e| e.call.is_none()), "who has proved nothing has no record");
    w.peer_says(at(FIRST), invite("two", &right));
    w.run(MS(50));
    assert_eq!(answered(&w, "two").unwrap().0, 200);
    w.peer_says(at(FIRST), invite("three", &right));
    w.run(MS(50));
    assert_eq!(answered(&w, "three").unwrap().0, 401, "a replay");
    assert_eq!(trunk(&w, "secured").in_use, 1);
}

#[test]
fn a_trunks_wrong_password_is_slowed_and_an_unknown_source_is_not_asked() {
    let mut w = secured();
    for n in 0..12 {
        let id = format!("ask{n}");
        w.peer_says(at(FIRST), invite(&id, ""));
        w.run(MS(50));
        if answered(&w, &id).is_none() {
            break;
        }
        let wrong = proof(&w, &id, "guess", 1);
        w.peer_says(at(FIRST), invite(&format!("try{n}"), &wrong));
        w.run(MS(50));
    }
    let answers = (0..12).filter(|n| answered(&w, &format!("try{n}")).is_some()).count();
    assert!(answers < 10, "{answers} guesses were answered within a second");
    assert!(w.journal.iter().all(|e| e.call.is_none()));
    w.peers.insert(at("203.0.113.9:5060"), None);
    w.peer_says(at("203.0.113.9:5060"), invite("unknown", ""));
    w.run(MS(50));
    assert!(
        w.to_peers
            .iter()
            .filter(|(_, to, _)| *to == at("203.0.113.9:5060"))
            .all(|(.., b)| !b.starts_with(b"SIP/2.0 401"))
    );
}

#[test]
fn a_nearly_full_trunk_raises_an_alarm_and_its_refusals_are_counted() {
    let mut w = world(6, "channels = 10\nstrip = \"99\"\nheaders = [\"X-Ticket\"]");
    w.peers.insert(at(FIRST), None);
    let bye = |n: usize, w: &World| {
        let (_, ok) = answered(w, &format!("call{n}")).unwrap();
        let to = String::from_utf8_lossy(ok.to().raw()).into_owned();
        Bytes::from(format!(
            "BYE sip:127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bKbye{n}\r\n\
             From: <sip:13800138000@192.0.2.1>;tag=f\r\nTo: {to}\r\nCall-ID: call{n}\r\nCSeq: 2 BYE\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ))
    };
    for n in 0..12 {
        w.peer_says(at(FIRST), invite(&format!("call{n}"), "X-Ticket: 7\r\nX-Other: 8\r\n"));
        w.run(MS(20));
        assert_eq!(alarms(&w, "channel_use"), if n < 7 { vec![] } else { vec![true] }, "call {n}");
    }
    let counts = trunk(&w, "secured");
    assert_eq!((counts.in_use, counts.channels), (10, 10));
    assert_eq!(counts.refused, [(RefusalReason::NoChannel, 2)]);
    for n in 0..4 {
        w.peer_says(at(FIRST), bye(n, &w));
        w.run(S(5));
        assert_eq!(alarms(&w, "channel_use"), if n < 3 { vec![true] } else { vec![true, false] }, "bye {n}");
    }
    let kept = w.journal.iter().find_map(|e| match &e.what {
        What::CallReceived(r) => Some(r.headers.iter().map(|(n, _)| n.to_string()).collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(kept.unwrap(), ["X-Ticket"]);
}

#[test]
fn what_a_trunk_puts_before_its_numbers_is_taken_off() {
    let mut w = world(7, "strip = \"99\"");
    w.peers.insert(at(FIRST), None);
    let prefixed = String::from_utf8(invite("one", "").to_vec()).unwrap();
    let prefixed = prefixed.replace("sip:12345@", "sip:9912345@").replace("13800138000", "9913800138000");
    w.peer_says(at(FIRST), Bytes::from(prefixed));
    w.run(S(1));
    let received = w.journal.iter().find_map(|e| match &e.what {
        What::CallReceived(r) => Some(r.clone()),
        _ => None,
    });
    let received = received.expect("the number without its prefix is served");
    assert_eq!(received.service_number.as_str(), "12345");
    assert_eq!(received.caller.e164.unwrap().reveal(), "+8613800138000");
    assert_eq!(received.caller.raw.reveal(), "9913800138000");
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(1)));
    w.run(S(5));
}

#[test]
fn an_unproved_trunk_spends_nothing_of_its_rate_and_leaves_no_record() {
    let keys = "authenticate = \"digest\"\nusername = \"pbx\"\npassword_file = \"x\"\ncalls_per_second = 5";
    let mut w = world(8, keys);
    w.peers.insert(at(FIRST), None);
    w.peers.insert(at(SECOND), None);
    for n in 0..40 {
        w.peer_says(at(SECOND), invite(&format!("forged{n}"), "Authorization: x\r\n"));
    }
    w.peer_says(at(FIRST), invite("one", ""));
    w.run(MS(50));
    let right = proof(&w, "one", "open sesame", 1);
    w.peer_says(at(FIRST), invite("two", &right));
    w.run(MS(50));
    assert_eq!(answered(&w, "two").unwrap().0, 200);
    let calls = w.journal.iter().filter(|e| matches!(e.what, What::CallReceived(_) | What::CallRefused(_)));
    assert_eq!(calls.count(), 1);
}

#[test]
fn a_proved_call_above_the_rate_is_refused_and_counted() {
    let keys = "authenticate = \"digest\"\nusername = \"pbx\"\npassword_file = \"x\"\ncalls_per_second = 1";
    let mut w = world(9, keys);
    w.peers.insert(at(FIRST), None);
    for id in ["one", "two", "three"] {
        w.peer_says(at(FIRST), invite(&format!("{id}-asks"), ""));
        w.run(MS(20));
        let right = proof(&w, &format!("{id}-asks"), "open sesame", 1);
        w.peer_says(at(FIRST), invite(id, &right));
        w.run(MS(20));
    }
    let status = |id| answered(&w, id).unwrap().0;
    assert_eq!((status("one"), status("two"), status("three")), (200, 503, 503));
    w.run(S(1));
    let recorded = w.journal.iter().filter(|e| matches!(e.what, What::CallRefused(_))).count();
    assert_eq!(recorded, 1, "the number is owed a call from then on");
    let shed = w.journal.iter().filter(|e| matches!(e.what, What::CallsShed { count: 1, .. })).count();
    assert_eq!(shed, 1);
}

#[test]
fn nothing_is_left_of_an_unknown_source_with_an_unreadable_register() {
    let mut w = world(10, "");
    let unknown = at("203.0.113.9:5060");
    w.peers.insert(unknown, None);
    for n in 0..50 {
        let text = format!(
            "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9;rport;branch=z9hG4bK{n}\r\n\
             From: <sip:1001@127.0.0.1>;tag=f\r\nTo: <sip:1001@127.0.0.1>\r\nCall-ID: r{n}\r\nCSeq: 1 REGISTER\r\n\
             Max-Forwards: 70\r\nAuthorization: Digest nonsense\r\nX-Long: {}\r\nContent-Length: 0\r\n\r\n",
            "y".repeat(7_000)
        );
        w.peer_says(unknown, Bytes::from(text));
        w.run(MS(100));
    }
    let heard = w.to_peers.iter().filter(|(_, to, _)| *to == unknown).count();
    assert!(heard > 0, "it is told");
    assert_eq!(w.counts().transactions, 0);
}

#[test]
fn a_trunk_with_nothing_to_prove_and_any_peer_in_a_call_may_be_silent() {
    use hotline_gateway::gateway::Tie;
    use hotline_gateway::sip::{Flow, Transport};
    let tie = |w: &World, remote: &str| {
        let (local, remote) = (at("127.0.0.1:5060"), at(remote));
        w.gateway.as_ref().unwrap().tie(&Flow {
            transport: Transport::Tcp,
            local,
            remote,
            connection: Some(7),
        })
    };
    let mut w = world(9, "");
    assert_eq!(tie(&w, "192.0.2.1:40000"), Tie::Trunk);
    assert_eq!(tie(&w, "203.0.113.200:40000"), Tie::Unknown);
    let digest = world(9, "authenticate = \"digest\"\nusername = \"pbx\"\npassword_file = \"x\"");
    assert_eq!(tie(&digest, "192.0.2.1:40000"), Tie::KeepAlive);
    let paths = |w: &World| w.gateway.as_ref().unwrap().paths().len();
    assert_eq!(paths(&w), 0);
    w.citizen_calls("13800000001", HangUp::AfterAnswer(S(600)));
    w.run(S(300));
    assert_eq!(paths(&w), 2, "the citizen's and the seat's");
    w.run(S(400));
    assert_eq!(paths(&w), 0);
}

#[test]
fn a_trunk_that_asks_without_end_takes_no_room_from_other_peers() {
    let mut w = world(11, "calls_per_second = 1");
    w.peers.insert(at(FIRST), None);
    let ask = |method: &str, n: u32, tag: &str| {
        Bytes::from(format!(
            "{method} sip:12345@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK{method}{n}{tag}\r\n\
             From: <sip:1@192.0.2.1>;tag=f{n}\r\nTo: <sip:12345@127.0.0.1>{tag}\r\nCall-ID: {method}{n}\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ))
    };
    for n in 0..200 {
        for method in ["OPTIONS", "BYE", "UPDATE", "INVITE"] {
            w.peer_says(at(FIRST), ask(method, n, if method == "OPTIONS" { "" } else { ";tag=nobody" }));
        }
    }
    w.run(MS(200));
    assert_eq!(w.counts().transactions, 0, "each is answered from nothing");
    let heard = |status: &str| w.to_peers.iter().filter(|(.., b)| b.starts_with(status.as_bytes())).count();
    assert_eq!((heard("SIP/2.0 200"), heard("SIP/2.0 481")), (200, 600));
}

#[test]
fn a_trunk_that_holds_its_share_is_shed_with_a_record_and_others_served() {
    // Its share is 4,096 transactions of 4 KiB: 16 MiB, which long messages fill first.
    let mut w = world(12, "calls_per_second = 20\nchannels = 100000");
    w.peers.insert(at(FIRST), None);
    let long: String = (0..7).map(|n| format!("X-{n}: {}\r\n", "y".repeat(8_000))).collect();
    for n in 0..500 {
        w.peer_says(at(FIRST), invite(&format!("c{n}"), &long));
        w.run(MS(55));
    }
    let shed = w.counts().refusals.of(PeerClass::Trunk, RefusalCause::Share);
    assert!(shed > 50, "{shed}");
    let recorded = w.journal.iter().filter(|e| matches!(&e.what, What::CallRefused(r) if r.sip_code == 503));
    assert!(recorded.count() as u64 >= shed, "the half-open ones besides");
    w.citizen_calls("13800000002", HangUp::AfterAnswer(S(1)));
    w.run(S(1));
    assert!(
        w.told.iter().any(|(_, t)| matches!(t, hotline_gateway::cli::phones::PhoneEvent::Answered { .. }))
    );
}

#[test]
fn an_unknown_source_that_closes_before_its_slow_answer_is_not_dialled() {
    use hotline_gateway::sip::{Flow, Transport};
    let mut w = world(13, "");
    let unknown = at("203.0.113.9:5060");
    w.peers.insert(unknown, None);
    let local = at("127.0.0.1:5060");
    let flow = Flow { transport: Transport::Tcp, local, remote: unknown, connection: Some(5) };
    let register = |n: u32, more: &str| {
        Bytes::from(format!(
            "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 203.0.113.9:5070;branch=z9hG4bKr{n}{}\r\n\
             From: <sip:1001@127.0.0.1>;tag=f\r\nTo: <sip:1001@127.0.0.1>\r\nCall-ID: r\r\nCSeq: {n} REGISTER\r\n\
             Max-Forwards: 70\r\nContact: <sip:1001@203.0.113.9>\r\n{more}Content-Length: 0\r\n\r\n",
            more.len()
        ))
    };
    for n in 0..6 {
        w.input(Input::Sip { flow, bytes: register(2 * n + 1, "") });
        w.run(MS(10));
        let asked = w.to_peers.iter().rev().find(|(.., b)| b.starts_with(b"SIP/2.0 401")).unwrap().2.clone();
        let challenge =
            Challenge::choose(Message::parse(asked).unwrap().headers("WWW-Authenticate")).unwrap();
        let password = Secret::new("guess".to_owned());
        let answer = challenge.answer("1001", &password, "REGISTER", "sip:127.0.0.1", 1, "c");
        w.input(Input::Sip { flow, bytes: register(2 * n + 2, &format!("Authorization: {answer}\r\n")) });
    }
    assert!(w.counts().transactions > 0, "a slow answer waits");
    let heard = w.to_peers.len();
    w.input(Input::FlowFailed { flow });
    w.run(S(60));
    assert_eq!((w.to_peers.len(), w.counts().transactions), (heard, 0));
    assert!(w.heard.iter().all(|(_, to, _)| to.ip() != unknown.ip()), "nobody is dialled");
}
