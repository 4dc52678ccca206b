//! Calls that go out by a trunk, one sentence each: a carrier that asks for the password, addresses that do not answer,
//! and what is learnt of them.

use crate::peer::{Peer, header, sdp, settle};
use crate::world::World;
use hotline_gateway::cli::phones::{HangUp, Line, PhoneEvent};
use hotline_gateway::event::What;
use hotline_gateway::sip::Message;
use hotline_gateway::sip::digest::{Algorithm, Challenge, Keying, Qop};
use hotline_gateway::time::Duration;
use std::net::SocketAddr;

const S: fn(u64) -> Duration = Duration::from_secs;
const MS: fn(u64) -> Duration = Duration::from_millis;

const FIRST: &str = "192.0.2.1:5060";
const SECOND: &str = "192.0.2.2:5060";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A world whose departments are reached by a trunk of two addresses, with these keys; nobody is pinged there.
fn world(seed: u64, keys: &str) -> World {
    let town = format!(
        "[[trunk]]\nname = \"secured\"\nsources = [\"192.0.2.0/28\"]\nping = \"0s\"\n\
         targets = [\"sip:{FIRST}\", \"sip:{SECOND}\"]\n{keys}\n\
         [dial]\ntrunk = \"secured\"\n\
         [[department]]\nname = \"Water\"\ncode = \"601\"\nnumbers = [\"61230001\", \"61230002\"]\n"
    );
    World::with(seed, 1, ("wrap_up = \"0s\"", ""), "", &town)
}

/// The same with a password.
fn secured(seed: u64) -> World {
    world(seed, "username = \"4930123\"\npassword_file = \"x\"")
}

fn challenge(nonce: &str, stale: bool) -> String {
    let (realm, nonce) = ("carrier".to_owned(), nonce.to_owned());
    let (algorithm, keying, qop) = (Algorithm::Sha256, Keying::Password, Qop::Auth);
    Challenge { realm, nonce, algorithm, keying, qop, stale, opaque: None }.render()
}

/// Seat 1001 dials the department; the carrier's first INVITE of it.
fn dials(w: &mut World) -> (Line, Peer, Message) {
    dials_for(w, S(10))
}

/// The same, to talk for so long.
fn dials_for(w: &mut World, talk: Duration) -> (Line, Peer, Message) {
    let line = w.seat_dials(1001, "601", HangUp::AfterAnswer(talk));
    let (carrier, invite) = Peer::called_at(w, FIRST);
    (line, carrier, invite)
}

fn told(w: &World, line: Line) -> Vec<&'static str> {
    let of = |t: &PhoneEvent| match t {
        PhoneEvent::Answered { line: l, .. } if *l == line => Some("answered"),
        PhoneEvent::Refused { line: l, .. } if *l == line => Some("refused"),
        PhoneEvent::HungUp { line: l } if *l == line => Some("hung up"),
        _ => None,
    };
    w.seats_told.iter().filter_map(|(_, t)| of(t)).collect()
}

fn alarms(w: &World) -> Vec<(bool, String)> {
    let of = |what: &What| match what {
        What::AlarmRaised { alarm, raised, reason, .. } if &**alarm == "trunk_password" => {
            Some((*raised, reason.to_string()))
        }
        _ => None,
    };
    w.journal.iter().filter_map(|e| of(&e.what)).collect()
}

/// To which address INVITEs for which number went, in order, copies apart.
fn dialled(w: &World) -> Vec<(SocketAddr, String)> {
    let mut all = Vec::new();
    for (_, to, bytes) in &w.to_peers {
        let Ok(message) = Message::parse(bytes.clone()) else { continue };
        if message.method().is_some_and(|m| m.as_str() == "INVITE") && message.to_tag().is_none() {
            let uri = String::from_utf8_lossy(message.uri()).into_owned();
            let user = uri.trim_start_matches("sip:").split('@').next().unwrap_or_default().to_owned();
            if all.last() != Some(&(*to, user.clone())) {
                all.push((*to, user));
            }
        }
    }
    all
}

#[test]
fn a_carrier_that_asks_gets_the_password_with_every_request_and_new_nonce() {
    let mut w = secured(1);
    let (line, mut carrier, invite) = dials(&mut w);
    let asks = format!("Proxy-Authenticate: {}\r\n", challenge("first", false));
    carrier.answers(&mut w, &invite, 407, &asks, "");
    assert_eq!(carrier.hears(&mut w, "ACK").cseq().0, 1);
    let proved = carrier.hears(&mut w, "INVITE");
    assert_eq!((proved.cseq().0, proved.call_id()), (2, invite.call_id()));
    assert_eq!(proved.from_tag(), invite.from_tag());
    assert_ne!(header(&proved, "Via"), header(&invite, "Via"), "a request of its own");
    let proof = header(&proved, "Proxy-Authorization");
    assert!(proof.contains("username=\"4930123\"") && proof.contains("nonce=\"first\""), "{proof}");
    carrier.answers(&mut w, &proved, 200, "", &sdp(""));
    let ack = carrier.hears(&mut w, "ACK");
    assert_eq!((ack.cseq().0, header(&ack, "Proxy-Authorization")), (2, proof), "as its INVITE");
    let (_, bye) = carrier.within(&mut w, S(11), "BYE");
    assert_eq!(bye.cseq().0, 3);
    assert!(header(&bye, "Proxy-Authorization").contains("nc=00000002"));
    let stale = format!("Proxy-Authenticate: {}\r\n", challenge("second", true));
    carrier.answers(&mut w, &bye, 407, &stale, "");
    let again = carrier.hears(&mut w, "BYE");
    assert_eq!(again.cseq().0, 4);
    assert!(header(&again, "Proxy-Authorization").contains("nonce=\"second\""));
    carrier.answers(&mut w, &again, 200, "", "");
    settle(&mut w);
    assert_eq!((told(&w, line), alarms(&w)), (vec!["answered", "hung up"], vec![]));
}

#[test]
fn the_next_call_proves_itself_at_once() {
    let mut w = secured(2);
    let (_, mut carrier, invite) = dials(&mut w);
    let asks = format!("WWW-Authenticate: {}\r\n", challenge("first", false));
    carrier.answers(&mut w, &invite, 401, &asks, "");
    let proved = carrier.hears(&mut w, "INVITE");
    carrier.answers(&mut w, &proved, 200, "", &sdp(""));
    let (_, bye) = carrier.within(&mut w, S(11), "BYE");
    carrier.answers(&mut w, &bye, 200, "", "");
    w.run(S(1));
    w.heard.clear();
    let (_, mut carrier, invite) = dials(&mut w);
    assert!(header(&invite, "Authorization").contains("nc=00000003"), "{}", header(&invite, "Authorization"));
    carrier.answers(&mut w, &invite, 486, "", "");
    settle(&mut w);
}

#[test]
fn a_request_inside_the_call_is_sent_again_when_challenged() {
    let mut w = secured(3);
    let (_, mut carrier, invite) = dials_for(&mut w, S(80));
    let timer = "Require: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    carrier.answers(&mut w, &invite, 200, timer, &sdp(""));
    carrier.hears(&mut w, "ACK");
    let (_, reinvite) = carrier.within(&mut w, S(46), "INVITE");
    let asks = format!("Proxy-Authenticate: {}\r\n", challenge("first", false));
    carrier.answers(&mut w, &reinvite, 407, &asks, "");
    let again = carrier.hears(&mut w, "INVITE");
    assert_eq!(again.cseq().0, reinvite.cseq().0 + 1);
    assert_eq!(again.body(), reinvite.body());
    carrier.answers(&mut w, &again, 200, timer, &sdp(""));
    while carrier.hears(&mut w, "ACK").cseq().0 != again.cseq().0 {}
    let (_, bye) = carrier.within(&mut w, S(40), "BYE");
    assert_eq!(bye.cseq().0, again.cseq().0 + 1);
    carrier.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
}

#[test]
fn a_refused_password_is_tried_once_and_told_and_told_when_accepted() {
    let mut w = secured(4);
    let (line, mut carrier, invite) = dials(&mut w);
    let asks = |nonce: &str| format!("WWW-Authenticate: {}\r\n", challenge(nonce, false));
    carrier.answers(&mut w, &invite, 401, &asks("n1"), "");
    let proved = carrier.hears(&mut w, "INVITE");
    carrier.answers(&mut w, &proved, 401, &asks("n2"), "");
    // The deputy is another call, and may have another fate.
    let (mut carrier, deputy) = Peer::called_at(&mut w, FIRST);
    let deputy = if deputy.call_id() == invite.call_id() { carrier.hears(&mut w, "INVITE") } else { deputy };
    let deputy = if deputy.call_id() == invite.call_id() { carrier.hears(&mut w, "INVITE") } else { deputy };
    assert_ne!(deputy.call_id(), invite.call_id());
    carrier.answers(&mut w, &deputy, 403, "", "");
    w.run(S(1));
    assert_eq!(told(&w, line), ["refused"]);
    assert!(matches!(&alarms(&w)[..], [(true, why)] if why.contains("password_file")), "{:?}", alarms(&w));
    w.heard.clear();
    let (_, mut carrier, invite) = dials(&mut w);
    carrier.answers(&mut w, &invite, 200, "", &sdp(""));
    let (_, bye) = carrier.within(&mut w, S(11), "BYE");
    carrier.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
    assert_eq!(alarms(&w).iter().map(|(raised, _)| *raised).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_challenged_trunk_without_a_password_is_told_of_with_the_cure() {
    let mut w = world(5, "");
    w.peers = [(at(FIRST), Some(407)), (at(SECOND), Some(407))].into();
    let line = w.seat_dials(1001, "601", HangUp::Never);
    settle(&mut w);
    assert_eq!(told(&w, line), ["refused"]);
    assert!(matches!(&alarms(&w)[..], [(true, why)] if why.contains("give it username")), "{:?}", alarms(&w));
}

#[test]
fn a_caller_who_gives_up_during_the_challenge_is_not_dialled_for() {
    let mut w = secured(6);
    let line = w.seat_dials(1001, "601", HangUp::AfterDialling(MS(100)));
    let (mut carrier, invite) = Peer::called_at(&mut w, FIRST);
    carrier.answers(&mut w, &invite, 183, "", "");
    w.run(MS(200));
    carrier.hears(&mut w, "CANCEL");
    let asks = format!("WWW-Authenticate: {}\r\n", challenge("n1", false));
    carrier.answers(&mut w, &invite, 401, &asks, "");
    w.run(S(1));
    assert!(!carrier.heard(&w).contains(&"INVITE".to_owned()), "{:?}", carrier.heard(&w));
    settle(&mut w);
    assert_eq!(told(&w, line), ["refused"]);
}

#[test]
fn what_the_called_party_says_is_final_and_not_tried_on_another_route() {
    for status in [486, 404, 603, 500] {
        let mut w = world(7, "");
        w.peers = [(at(FIRST), Some(status)), (at(SECOND), Some(200))].into();
        w.seat_dials(1001, "601", HangUp::Never);
        settle(&mut w);
        let expected = [(at(FIRST), "61230001".to_owned()), (at(FIRST), "61230002".to_owned())];
        assert_eq!(dialled(&w), expected, "{status}");
    }
}

#[test]
fn an_address_that_cannot_serve_is_passed_over_and_rests_for_a_minute() {
    let mut w = world(8, "");
    w.peers = [(at(FIRST), Some(503)), (at(SECOND), Some(486))].into();
    w.seat_dials(1001, "601", HangUp::Never);
    w.run(S(1));
    let numbers = ["61230001", "61230002"].map(str::to_owned);
    let [main, deputy] = numbers.clone();
    let expected =
        [(at(FIRST), main.clone()), (at(SECOND), main), (at(FIRST), deputy.clone()), (at(SECOND), deputy)];
    assert_eq!(dialled(&w), expected, "the ways of a call are those of its beginning");
    w.to_peers.clear();
    w.seat_dials(1001, "601", HangUp::Never);
    w.run(S(1));
    assert_eq!(dialled(&w), numbers.clone().map(|n| (at(SECOND), n)), "what lives goes first");
    w.run(S(60));
    w.to_peers.clear();
    w.peers.insert(at(FIRST), Some(486));
    w.seat_dials(1001, "601", HangUp::Never);
    settle(&mut w);
    assert_eq!(dialled(&w), numbers.map(|n| (at(FIRST), n)));
}

#[test]
fn an_address_that_says_nothing_costs_four_seconds_and_no_number() {
    let mut w = world(9, "");
    w.peers = [(at(FIRST), None), (at(SECOND), Some(486))].into();
    w.seat_dials(1001, "601", HangUp::Never);
    let begun = w.now.mono;
    settle(&mut w);
    let first_at_second =
        w.to_peers.iter().find(|(_, to, _)| *to == at(SECOND)).expect("the second is tried");
    let (took, _) = (first_at_second.0.since(begun), ());
    assert!(took >= S(4) && took < S(5), "{took:?}");
    let main = "61230001".to_owned();
    assert_eq!(dialled(&w)[..2], [(at(FIRST), main.clone()), (at(SECOND), main)]);
}

#[test]
fn calls_by_a_carrier_we_sign_in_at_come_from_its_domain() {
    let keys = format!("register = \"sip:{FIRST}\"\nusername = \"4930123\"\npassword_file = \"x\"");
    let mut w = world(10, &keys);
    let (_, mut carrier, invite) = dials(&mut w);
    assert!(header(&invite, "From").contains("@192.0.2.1>"), "{}", header(&invite, "From"));
    carrier.answers(&mut w, &invite, 603, "", "");
    settle(&mut w);
}

#[test]
fn a_carrier_that_may_be_called_but_not_call_is_answered_in_its_calls() {
    let town = format!(
        "[[trunk]]\nname = \"secured\"\nsources = [\"198.51.100.7\"]\nping = \"0s\"\ntargets = [\"sip:{FIRST}\"]\n\
         [dial]\ntrunk = \"secured\"\n\
         [[department]]\nname = \"Water\"\ncode = \"601\"\nnumbers = [\"61230001\"]\n"
    );
    let mut w = World::with(11, 1, ("wrap_up = \"0s\"", ""), "", &town);
    let (_, mut carrier, invite) = dials_for(&mut w, S(60));
    carrier.answers(&mut w, &invite, 200, "", &sdp(""));
    carrier.hears(&mut w, "ACK");
    w.run(S(1));
    carrier.asks(&mut w, "OPTIONS", "", "");
    carrier.hears(&mut w, "200 OPTIONS");
    carrier.asks(&mut w, "BYE", "", "");
    carrier.hears(&mut w, "200 BYE");
    settle(&mut w);
}

#[test]
fn a_called_party_that_answers_on_hold_holds_the_seat_that_calls() {
    let mut w = world(12, "");
    let (_, mut carrier, invite) = dials(&mut w);
    carrier.answers(&mut w, &invite, 200, "", &sdp("a=sendonly\r\n"));
    carrier.hears(&mut w, "ACK");
    w.run(MS(10));
    assert_eq!(w.journal.iter().filter(|e| matches!(e.what, What::CallHeld { .. })).count(), 1);
    let (_, bye) = carrier.within(&mut w, S(15), "BYE");
    carrier.answers(&mut w, &bye, 200, "", "");
    settle(&mut w);
}

#[test]
fn who_was_heard_to_ring_is_not_rung_again_by_another_way() {
    for status in [408, 503] {
        let mut w = world(12, "");
        let (_, mut carrier, invite) = dials(&mut w);
        carrier.answers(&mut w, &invite, 180, "", "");
        w.run(S(1));
        carrier.answers(&mut w, &invite, status, "", "");
        let next = carrier.within(&mut w, S(1), "INVITE").1;
        assert!(
            next.uri().starts_with(b"sip:61230002@"),
            "the deputy: {:?}",
            String::from_utf8_lossy(next.uri())
        );
        let second = at(SECOND);
        assert!(w.heard.iter().all(|(_, to, _)| *to != second), "{status}");
        let (mut carrier, deputy) = Peer::called_at(&mut w, FIRST);
        let deputy = if deputy.call_id() == invite.call_id() { next } else { deputy };
        carrier.answers(&mut w, &deputy, 486, "", "");
        settle(&mut w);
    }
}

#[test]
fn a_seat_that_heard_the_first_number_hears_ringing_before_the_second() {
    let mut w = world(20, "");
    let (_, mut carrier, invite) = dials(&mut w);
    carrier.answers(&mut w, &invite, 183, "", &sdp(""));
    w.run(S(1));
    carrier.answers(&mut w, &invite, 486, "", "");
    let next = carrier.hears(&mut w, "INVITE");
    w.run(S(3));
    carrier.answers(&mut w, &next, 486, "", "");
    settle(&mut w);
}
