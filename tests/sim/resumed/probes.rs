//! What a start asks of its peers: whether they are there, or to let go, and at which pace.

use super::{ends, one_record, records, restart};
use crate::peer::{Peer, sdp};
use crate::town::*;
use crate::world::{CITIZENS, SEATS, World};
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::event::*;
use hotline_gateway::gateway::Input;
use hotline_gateway::media;
use hotline_gateway::time::{Duration, Mono};
use std::net::SocketAddr;

/// When requests of this method went to these phones, first copies alone.
fn asked(w: &World, at: &str, methods: &[&str]) -> Vec<Mono> {
    let to: SocketAddr = at.parse().unwrap();
    let mut branches = std::collections::BTreeSet::new();
    let sent = w.sent.iter().flatten().filter(|(_, peer, message)| {
        let is_asked = message.method().is_some_and(|method| methods.contains(&method.as_str()));
        let via = message.header("Via").map(<[u8]>::to_vec);
        *peer == to && is_asked && message.to_tag().is_some() && branches.insert(via)
    });
    sent.map(|(at, ..)| *at).collect()
}

/// The most of these moments in any 100 ms.
fn most_in_100_ms(moments: &[Mono]) -> usize {
    let within = |from: &Mono| moments.iter().filter(|at| **at >= *from && at.since(*from) < MS(100)).count();
    moments.iter().map(within).max().unwrap_or(0)
}

/// So many talks and waiting callers over a trunk that may bring twenty calls a second.
fn crowd(seed: u64, calls: u32) -> World {
    let text = World::text(8, ("wrap_up = \"1s\"\ncapacity = 1000", ""), "", "");
    let mut w = World::of(seed, 8, &text.replace("calls_per_second = 1000", "calls_per_second = 20"));
    for n in 0..calls {
        w.citizen_calls(&format!("139{n:08}"), HangUp::Never);
        w.run(MS(60));
    }
    w.run(S(5));
    assert!(ends(&w).is_empty());
    w
}

#[test]
fn probes_after_a_restart_keep_the_rate_of_their_trunk() {
    let mut w = crowd(1, 100);
    w.kill();
    w.run(MS(500));
    w.sent = Some(Vec::new());
    w.resume();
    w.run(S(6));
    let probes = asked(&w, CITIZENS, &["UPDATE", "INVITE", "OPTIONS"]);
    assert_eq!(probes.len(), 100, "each dialog once");
    assert_eq!(most_in_100_ms(&probes), 2, "20 a second");
    let of_seats = asked(&w, SEATS, &["UPDATE", "INVITE", "OPTIONS"]);
    assert_eq!(of_seats.len(), 8);
    assert!(most_in_100_ms(&of_seats) == 8, "a phone each");
    assert!(ends(&w).is_empty());
}

#[test]
fn audio_is_back_before_the_first_probe() {
    let mut w = crowd(2, 40);
    w.kill();
    w.run(MS(500));
    w.sent = Some(Vec::new());
    let before = w.commands.len();
    w.resume();
    w.run(MS(50));
    let opened = w.commands[before..]
        .iter()
        .filter(|c| matches!(c, media::Command::Open { resume: Some(_), .. }))
        .count();
    assert_eq!(opened, 48, "40 callers and 8 seats");
    assert_eq!(asked(&w, CITIZENS, &["UPDATE", "INVITE", "OPTIONS"]).len(), 0);
}

#[test]
fn every_dialog_past_the_window_gets_its_bye_within_five_seconds() {
    for (calls, most) in [(40, 2), (200, 4)] {
        let mut w = crowd(3, calls);
        w.kill();
        w.run(S(100));
        w.sent = Some(Vec::new());
        w.start();
        let at = w.now.mono;
        w.run(S(5));
        let byes = asked(&w, CITIZENS, &["BYE"]);
        assert_eq!(byes.len(), calls as usize);
        assert_eq!(most_in_100_ms(&byes), most, "{calls} calls: the rate, where that is enough");
        assert!(byes.iter().all(|bye| bye.since(at) <= S(5)));
        assert_eq!(asked(&w, SEATS, &["BYE"]).len(), 8);
        w.run(S(1));
        assert_eq!((w.citizens.open_calls(), w.seats.open_calls()), (0, 0));
    }
}

#[test]
fn a_seat_is_offered_nothing_before_its_phone_has_its_bye() {
    let mut w = World::new(4, 1, "wrap_up = \"1s\"", "");
    w.citizen_calls("13800000001", HangUp::Never);
    w.run(S(5));
    w.kill();
    w.run(S(100));
    w.start();
    w.citizen_calls("13800000002", HangUp::AfterAnswer(S(10)));
    w.run(S(60));
    let busy = |what: &What| matches!(what, What::SeatPresentationEnded(e) if e.result != PresentationResult::Answered);
    assert!(!w.journal.iter().any(|e| busy(&e.what)), "{}", whole(&w));
    assert_eq!(records(&w).len(), 2);
}

#[test]
fn a_peer_that_died_with_the_gateway_is_found_after_four_seconds() {
    let mut w = crate::peer::world(5, "", "", false);
    w.seat_does(1001, WhenRung::Answers(S(1)), None);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    w.run(S(5));
    restart(&mut w);
    let started = w.now.mono;
    let leg = super::caller(&w);
    // It answers nothing and sends no sound; the media plane says so after three seconds.
    w.run(S(3) + MS(300));
    w.input(Input::Media(media::Event::RtpTimeout { leg }));
    w.run(MS(700));
    assert!(ends(&w).is_empty());
    w.run(MS(300));
    let end = w.journal.iter().find(|e| matches!(e.what, What::CallEnded(_))).expect("an end");
    let ago = Duration::from_nanos(w.now.wall.0 - end.at.0);
    let took = w.now.mono.since(started) - ago;
    assert!(took >= S(4) && took < S(4) + MS(300), "{took:?}");
    assert_eq!(ends(&w)[0].reason, EndReason::SignallingLost);
    w.run(S(60));
    one_record(&w);
}

#[test]
fn a_peer_that_is_heard_talks_on_though_it_answers_no_probe() {
    let mut w = crate::peer::world(6, "", "", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(""));
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    w.run(S(5));
    restart(&mut w);
    w.run(S(40));
    assert!(ends(&w).is_empty(), "its sound says that it is there");
}

#[test]
fn a_peer_that_knows_the_dialog_no_more_ends_its_call_at_once() {
    let mut w = crate::peer::world(7, "", "", false);
    let mut pbx = Peer::trunk();
    let cseq = pbx.asks(&mut w, "INVITE", "Allow: INVITE, ACK, BYE, UPDATE\r\n", &sdp(""));
    pbx.hears(&mut w, "200 INVITE");
    pbx.acks(&mut w, cseq, "");
    w.run(S(5));
    restart(&mut w);
    let (_, probe) = pbx.within(&mut w, MS(200), "UPDATE");
    pbx.answers(&mut w, &probe, 481, "", "");
    w.run(MS(100));
    assert_eq!(ends(&w)[0].reason, EndReason::SignallingLost);
}
