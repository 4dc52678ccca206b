//! Citizens who give up at any moment around the answer: each call has one outcome, the same at the trunk and in
//! the journal.

use crate::program::{Program, text};
use crate::sipp::{Plan, Sipp};
use std::collections::{BTreeMap, BTreeSet};

/// Calls at each moment.
const CALLS: usize = 20;

/// When the gateway answers: the latest CANCEL races its 200 OK.
const ANSWER: &str = "answer_delay_ms = 200";

/// The caller waits for `wait` ms, and takes a 200 OK that comes meanwhile: 999 never comes. SIPp looks at the limit
/// of the first message it waits for, and `global` lets the 200 OK come even between that limit and the CANCEL.
fn until(wait: u32) -> String {
    if wait == 0 {
        return String::new();
    }
    let limit = format!("timeout=\"{wait}\" ontimeout=\"cancel\"");
    format!(
        "  <recv response=\"180\" optional=\"true\" {limit}/>\n  \
         <recv response=\"200\" optional=\"global\" rrs=\"true\" next=\"answered\" {limit}/>\n  \
         <recv response=\"999\" {limit}/>\n  <label id=\"cancel\"/>"
    )
}

/// Calls at each of the moments, all moments at once; how many were cancelled and how many answered.
fn cancel_after(waits: &[u32]) -> [usize; 2] {
    let seat = "[[seat]]\nid = \"1001\"";
    let gateway = Program::start("cancel", seat, ANSWER);
    let start = |wait: &u32| {
        let (until, wait) = (until(*wait), format!("{wait:03}"));
        let fill = [("until", until.as_str()), ("media", "9"), ("wait", wait.as_str())];
        let scenario = include_str!("scenarios/caller_cancels.xml");
        let trunk = Plan { name: &format!("trunk-{wait}"), scenario, fill: &fill, calls: CALLS, rate: 20 };
        trunk.call(&gateway.place, gateway.sip)
    };
    let trunks: Vec<Sipp> = waits.iter().map(start).collect();
    let said = trunks.into_iter().flat_map(|trunk| trunk.succeed(&gateway.place));
    let seen: BTreeMap<String, String> = said.map(|s| (s[0].clone(), s[1].clone())).collect();
    let calls = CALLS * waits.len();
    assert_eq!(seen.len(), calls);
    for record in gateway.final_records(calls) {
        // The seat has no phone, so a caller who was answered hung up while waiting.
        let expected = match seen.get(text(&record, "/caller/raw")).map(String::as_str) {
            Some("cancelled") => "END_REASON_CANCELLED",
            Some("answered") => "END_REASON_ABANDONED",
            other => panic!("the trunk saw {other:?}: {record:#}"),
        };
        assert_eq!(text(&record, "/ended/reason"), expected, "{record:#}");
        assert!(record.get("refused").is_none(), "refused and ended are two outcomes: {record:#}");
    }
    let ended = gateway.events("CallEnded");
    let of: BTreeSet<&str> = ended.iter().map(|e| text(e, "/call/call_id")).collect();
    assert_eq!((ended.len(), of.len()), (calls, calls), "one outcome a call");
    let count = |outcome| seen.values().filter(|o| *o == outcome).count();
    let counts = [count("cancelled"), count("answered")];
    println!("CANCEL after {waits:?} ms: {} ended with 487, {} with BYE", counts[0], counts[1]);
    counts
}

#[test]
fn a_cancel_at_once_ends_every_call_with_487() {
    assert_eq!(cancel_after(&[0]), [CALLS, 0]);
}

#[test]
fn a_cancel_well_before_the_answer_ends_every_call_with_487() {
    assert_eq!(cancel_after(&[50]), [CALLS, 0]);
}

#[test]
fn a_cancel_that_races_the_answer_ends_every_call_once_by_487_or_by_bye() {
    let waits = [180, 190, 195, 200, 205];
    assert_eq!(cancel_after(&waits).iter().sum::<usize>(), CALLS * waits.len());
}
