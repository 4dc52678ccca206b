//! The peer of a trunk that dies, while the other side goes on: found by the silence of its media and by what a probe says.

use crate::peer::{Peer, end, rings, sdp, settle, world};
use crate::world::World;
use hotline_gateway::event::*;
use hotline_gateway::gateway::Input;
use hotline_gateway::id::LegId;
use hotline_gateway::media::{Command, Event};
use hotline_gateway::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;
const MS: fn(u64) -> Duration = Duration::from_millis;
/// A dead peer is found within this time.
const FOUND: Duration = Duration::from_secs(20);

/// The caller's leg, which is watched since its answer.
fn caller(w: &World) -> LegId {
    let watched = w.commands.iter().find_map(|command| match command {
        Command::RtpTimeout { leg, .. } => Some(*leg),
        _ => None,
    });
    watched.expect("the caller's media is watched")
}

fn is_over(w: &World) -> bool {
    w.journal.iter().any(|event| matches!(event.what, What::CallEnded(_)))
}

/// The leg sends nothing until the call is over; how long that takes.
fn silent_until_the_end(w: &mut World, leg: LegId) -> Duration {
    let since = w.now.mono;
    // The last packet came up to half a second, the media plane's round, before the first silence is told.
    for tenth in 1..=300 {
        w.run(MS(100));
        if is_over(w) {
            return w.now.mono.since(since);
        }
        if tenth % 35 == 0 {
            w.input(Input::Media(Event::RtpTimeout { leg }));
        }
    }
    panic!("the call goes on")
}

/// The leg sends nothing for so long, and its peer answers every probe; how many there were.
fn silent_and_alive(w: &mut World, pbx: &mut Peer, time: Duration) -> usize {
    silent_and_says(w, pbx, "", time)
}

/// As [`silent_and_alive`], with this direction in its answers.
fn silent_and_says(w: &mut World, pbx: &mut Peer, direction: &str, time: Duration) -> usize {
    let (leg, end, mut probes) = (caller(w), w.now.mono + time, 0);
    while w.now.mono < end {
        w.run(S(3));
        w.input(Input::Media(Event::RtpTimeout { leg }));
        w.run(MS(20));
        let heard = pbx.heard(w);
        for method in ["INVITE", "OPTIONS", "UPDATE"] {
            if heard.contains(&method.to_owned()) {
                let probe = pbx.hears(w, method);
                let body = if method == "INVITE" { sdp(direction) } else { String::new() };
                pbx.answers(w, &probe, 200, "", &body);
                probes += 1;
            }
        }
    }
    probes
}

/// How a call ends whose caller's side is dead.
fn is_lost(w: &mut World) {
    let CallEnded { by, reason, callback_due, .. } = end(w);
    assert_eq!((by, reason, callback_due), (EndedBy::Gateway, EndReason::SignallingLost, true));
    settle(w);
}

#[test]
fn a_carrier_that_dies_in_a_talk_is_found_within_20_s() {
    let mut w = world(21, "", "", false);
    let pbx = Peer::speaks(&mut w, "");
    let leg = caller(&w);
    assert!(silent_until_the_end(&mut w, leg) <= FOUND);
    assert!(pbx.heard(&w).contains(&"INVITE".to_owned()), "{:?}", pbx.heard(&w));
    assert_eq!(w.seats.open_calls(), 0, "the seat is hung up on");
    is_lost(&mut w);
}

#[test]
fn a_carrier_that_takes_update_is_probed_by_update() {
    let mut w = world(22, "", "", false);
    let pbx = Peer::speaks(&mut w, "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n");
    let leg = caller(&w);
    assert!(silent_until_the_end(&mut w, leg) <= FOUND);
    let heard = pbx.heard(&w);
    assert!(heard.contains(&"UPDATE".to_owned()) && !heard.contains(&"INVITE".to_owned()), "{heard:?}");
    is_lost(&mut w);
}

#[test]
fn a_caller_that_dies_in_the_queue_is_never_presented_again() {
    let (mut w, _, mut phone, invite) = rings(23);
    phone.answers(&mut w, &invite, 486, "", "");
    w.run(S(1));
    let leg = caller(&w);
    let presented = |w: &World| w.journal.iter().filter(|e| matches!(e.what, What::SeatPresented(_))).count();
    assert!(silent_until_the_end(&mut w, leg) <= FOUND);
    let before = presented(&w);
    w.run(S(120));
    assert_eq!(presented(&w), before);
    is_lost(&mut w);
}

#[test]
fn a_caller_that_dies_while_a_seat_rings_lets_the_phone_stop_ringing() {
    let (mut w, _, mut phone, invite) = rings(24);
    phone.answers(&mut w, &invite, 180, "", "");
    w.run(S(1));
    let leg = caller(&w);
    assert!(silent_until_the_end(&mut w, leg) <= FOUND);
    let cancel = phone.hears(&mut w, "CANCEL");
    phone.answers(&mut w, &cancel, 200, "", "");
    phone.answers(&mut w, &invite, 487, "", "");
    is_lost(&mut w);
}

#[test]
fn a_caller_that_dies_on_hold_is_found_within_20_s() {
    for direction in ["a=sendonly\r\n", "a=inactive\r\n"] {
        let mut w = world(25, "", "", false);
        let mut pbx = Peer::speaks(&mut w, "");
        let cseq = pbx.asks(&mut w, "INVITE", "", &sdp(direction));
        pbx.hears(&mut w, "200 INVITE");
        pbx.acks(&mut w, cseq, "");
        w.run(S(1));
        assert!(w.journal.iter().any(|e| matches!(e.what, What::CallHeld { .. })), "{direction}");
        let leg = caller(&w);
        assert!(silent_until_the_end(&mut w, leg) <= FOUND, "{direction}");
        is_lost(&mut w);
    }
}

#[test]
fn a_caller_that_never_sent_a_sound_stays_while_its_carrier_answers() {
    let mut w = world(26, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "");
    let probes = silent_and_alive(&mut w, &mut pbx, S(300));
    assert!((25..=35).contains(&probes), "{probes} probes in five minutes");
    assert!(!is_over(&w));
    let leg = caller(&w);
    assert!(silent_until_the_end(&mut w, leg) <= FOUND);
    is_lost(&mut w);
}

#[test]
fn a_carrier_that_is_heard_again_before_the_deadline_talks_on() {
    let mut w = world(27, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "");
    let leg = caller(&w);
    for _ in 0..3 {
        w.run(S(3));
        w.input(Input::Media(Event::RtpTimeout { leg }));
    }
    let _ = pbx.within(&mut w, MS(50), "INVITE");
    w.run(S(60));
    assert!(!is_over(&w), "its media came, whatever its signalling does");
    pbx.hangs_up(&mut w);
}

#[test]
fn a_carrier_that_has_forgotten_the_call_ends_it_at_once() {
    let mut w = world(28, "", "", false);
    let mut pbx = Peer::speaks(&mut w, "");
    let leg = caller(&w);
    for _ in 0..3 {
        w.run(S(3));
        w.input(Input::Media(Event::RtpTimeout { leg }));
    }
    let probe = pbx.hears(&mut w, "INVITE");
    pbx.answers(&mut w, &probe, 481, "", "");
    w.run(MS(100));
    assert_eq!(end(&w).sip_code, Some(481));
    is_lost(&mut w);
}

/// As [`world`], with a seat whose phone is watched.
fn watched_seat(seed: u64) -> World {
    let queue = "wrap_up = \"0s\"\nring_timeout = \"60s\"\nseats = [\"1001\"]";
    let trunk = "[[trunk]]\nname = \"script\"\nsources = [\"127.0.0.9\"]\n";
    World::with(seed, 1, (queue, ""), "ping = true", trunk)
}

/// What was told of the alarm `one_way_audio`: raised or cleared, in order.
fn one_way(w: &World) -> Vec<bool> {
    let told = w.journal.iter().filter_map(|event| match &event.what {
        What::AlarmRaised { alarm, raised, .. } if &**alarm == "one_way_audio" => Some(*raised),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_side_that_answers_and_is_not_heard_raises_an_alarm_until_it_is() {
    let mut w = watched_seat(29);
    let mut pbx = Peer::speaks(&mut w, "");
    silent_and_alive(&mut w, &mut pbx, S(9));
    assert_eq!(one_way(&w), [true; 0], "its carrier has only just answered");
    silent_and_alive(&mut w, &mut pbx, S(60));
    assert_eq!(one_way(&w), [true]);
    assert!(!is_over(&w), "the call goes on");
    w.run(S(5));
    assert_eq!(one_way(&w), [true, false]);
    pbx.asks(&mut w, "BYE", "", "");
    pbx.hears(&mut w, "200 BYE");
}

#[test]
fn a_talk_of_two_silent_sides_or_on_hold_is_not_one_way() {
    for hold in [false, true] {
        let mut w = watched_seat(30);
        let mut pbx = Peer::speaks(&mut w, "");
        if hold {
            let cseq = pbx.asks(&mut w, "INVITE", "", &sdp("a=sendonly\r\n"));
            pbx.hears(&mut w, "200 INVITE");
            pbx.acks(&mut w, cseq, "");
        }
        let seat = w.commands.iter().rev().find_map(|command| match command {
            Command::RtpTimeout { leg, .. } => Some(*leg),
            _ => None,
        });
        assert_ne!(seat, Some(caller(&w)), "the seat is watched, too");
        for _ in 0..10 {
            if !hold {
                w.input(Input::Media(Event::RtpTimeout { leg: seat.unwrap() }));
            }
            silent_and_says(&mut w, &mut pbx, if hold { "a=sendonly\r\n" } else { "" }, S(3));
        }
        assert_eq!(one_way(&w), [true; 0], "on hold: {hold}");
        pbx.asks(&mut w, "BYE", "", "");
        pbx.hears(&mut w, "200 BYE");
    }
}
