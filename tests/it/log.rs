//! What the log tells, and by which target it is chosen: a call's story at INFO, its messages at TRACE.

use crate::programme::{Plan, Programme};
use crate::town::{self, Town};
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::id::Random;
use std::net::SocketAddr;
use tokio::time::Duration;

/// One call to one seat, with this filter of the log: what was logged, and the number that called.
async fn logged(name: &'static str, filter: &'static str) -> (String, String) {
    let mut random = Random::from_number(61);
    let (phones, seats_at) = Town::seats(&mut random).await;
    let mut gateway = Programme::logging(plan(name, seats_at), filter);
    let mut town = Town::new(phones, gateway.sip, random.fork()).await;
    town.seat(1001, WhenRung::Answers(Duration::from_millis(50)), None);
    let number = town.call("12345", HangUp::AfterAnswer(Duration::from_millis(600)));
    assert!(town.settle(0, Duration::from_secs(20)).await, "the call ends");
    assert!(gateway.stop().success());
    (gateway.log(), number)
}

fn plan(name: &'static str, seats_at: SocketAddr) -> Plan {
    Plan { name, seats: 1, seats_at, trunk: "", queue: "", limits: "" }
}

/// The lines of a target.
fn of<'a>(log: &'a str, target: &str) -> Vec<&'a str> {
    let name = format!(" {target}: ");
    log.lines().filter(|line| line.contains(&name)).collect()
}

#[test]
fn a_filter_by_target_tells_a_calls_story_without_its_number() {
    let (log, number) = town::run(logged("log-story", "warn,hotline::call=info"));
    let story = of(&log, "hotline::call");
    let steps = [
        "call received over trunk city for 12345",
        "answered after",
        "entered queue main",
        "offered to seat 1001",
        "connected to seat 1001",
        "ended by Caller",
        "final: true",
    ];
    let mut rest = story.iter();
    for step in steps {
        assert!(rest.any(|line| line.contains(step)), "{step} in order: {log}");
    }
    let id = |line: &str| line.split_once("call=").and_then(|(_, id)| id.get(..36)).map(str::to_owned);
    let first = id(story[0]).expect("a call id");
    assert!(story.iter().all(|line| id(line).as_ref() == Some(&first)), "one id tells one call: {log}");
    assert_eq!(story.len(), log.lines().count(), "nothing else was asked for: {log}");
    assert!(!log.contains(&number), "no number at INFO: {log}");
}

#[test]
fn messages_are_lines_at_trace_and_numbers_stand_in_those_alone() {
    let (log, number) = town::run(logged("log-messages", "debug,hotline::sip=trace"));
    let messages = of(&log, "hotline::sip");
    let found = |part: &str| messages.iter().any(|line| line.contains(part));
    assert!(found("<- INVITE sip:12345@") && found("-> INVITE sip:1001@") && found("<- BYE "), "{log}");
    assert!(messages.iter().all(|line| line.contains(" TRACE ") && line.contains("call_id=")), "{log}");
    let story = of(&log, "hotline::call");
    assert!(!story.is_empty() && !of(&log, "hotline::node").is_empty(), "{log}");
    let with_number = log.lines().filter(|line| line.contains(&number));
    assert!(with_number.clone().all(|line| line.contains(" TRACE ")), "{log}");
}
