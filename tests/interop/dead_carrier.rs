//! A real carrier dies by SIGKILL, in the queue and in a talk, while the other side goes on.

use crate::baresip::Baresip;
use crate::place::poll;
use crate::program::{Program, text};
use crate::sipp::Plan;
use crate::voice::Voice;
use serde_json::Value;
use std::time::{Duration, Instant};

const SEATS: &str = "[[seat]]\nid = \"1001\"";

/// From the death to the end of the call.
const FOUND: Duration = Duration::from_secs(20);

/// For a caller to be where the test wants it, on a machine that is busy.
const SETTLE: Duration = Duration::from_secs(25);

/// A caller calls; once this event is told SIPp and its media are killed. How long the end of the call took, and its event.
fn killed_after(gateway: &Program, event: &str) -> (Duration, Value) {
    let caller = Voice::start(1_000);
    let media = caller.port.to_string();
    let scenario = include_str!("scenarios/caller_listens.xml");
    let fill = [("media", media.as_str())];
    let sipp = Plan { name: "trunk", scenario, fill: &fill, calls: 1, rate: 1 };
    let sipp = sipp.call(&gateway.place, gateway.sip);
    let there = poll(SETTLE, || (gateway.events(event).len() == 1).then_some(()));
    assert!(there.is_some(), "no {event} came");
    drop(sipp);
    drop(caller.packets());
    let killed = Instant::now();
    let over = poll(FOUND + SETTLE, || (gateway.events("CallEnded").len() == 1).then_some(()));
    assert!(over.is_some(), "the call goes on");
    (killed.elapsed(), gateway.events("CallEnded").remove(0))
}

fn is_lost(event: &Value) {
    assert_eq!(text(event, "/call_ended/reason"), "END_REASON_SIGNALLING_LOST", "{event:#}");
    assert_eq!(event.pointer("/call_ended/callback_due"), Some(&Value::Bool(true)), "{event:#}");
}

#[test]
fn a_carrier_killed_in_a_talk_is_found_while_the_operator_speaks_on() {
    let gateway = Program::start("dead-carrier-talk", SEATS, "");
    let operator =
        Baresip::register(&gateway.place, gateway.sip, ("1001", &gateway.password("1001")), "PCMA", 620);
    let (found, ended) = killed_after(&gateway, "SeatConnected");
    println!("carrier killed in a talk: found after {found:?}");
    drop(operator);
    assert!(found <= FOUND, "{found:?}");
    is_lost(&ended);
}

#[test]
fn a_carrier_killed_in_the_queue_is_found_while_music_plays() {
    let gateway = Program::start("dead-carrier-queue", SEATS, "");
    let (found, ended) = killed_after(&gateway, "QueueEntered");
    println!("carrier killed in the queue: found after {found:?}");
    assert!(found <= FOUND, "{found:?}");
    is_lost(&ended);
}
