//! What must hold whatever happened: the promises, checked on the journal and on what the phones saw.

use crate::world::World;
use hotline_gateway::event::{CallEvent, EndReason, NodeState, PresentationResult, SeatState, What};
use hotline_gateway::id::{CallId, SeatId};
use std::collections::{BTreeMap, BTreeSet};

/// Checks everything; the message of a failure names the promise.
pub fn promises(events: &[CallEvent]) {
    positions_have_no_gap(events);
    calls_have_one_outcome(events);
    seats_have_one_call(events);
    presentations_end_once(events);
    seat_states_join(events);
    calls_go_from_state_to_state(events);
    crate::owed::owed_after(events);
}

fn positions_have_no_gap(events: &[CallEvent]) {
    let mut ids = BTreeSet::new();
    let mut seqs: BTreeMap<CallId, u32> = BTreeMap::new();
    for (i, event) in events.iter().enumerate() {
        assert_eq!(event.position, i as u64 + 1, "positions have a gap");
        assert!(ids.insert(event.id), "an event id was used twice: {event:?}");
        if let Some(part) = &event.call {
            let seq = seqs.entry(part.id).or_default();
            *seq += 1;
            assert_eq!(part.seq, *seq, "a call's numbers have a gap: {event:?}");
        }
    }
}

fn calls_have_one_outcome(events: &[CallEvent]) {
    for (call, events) in by_call(events) {
        let ends =
            events.iter().filter(|e| matches!(e.what, What::CallEnded(_) | What::CallRefused(_))).count();
        assert_eq!(ends, 1, "call {call} has {ends} outcomes: {}", story(&events));
        assert!(
            crate::world::has_final_record(&events.iter().map(|e| (*e).clone()).collect::<Vec<_>>()),
            "call {call} has no final record: {}",
            story(&events)
        );
    }
}

fn seats_have_one_call(events: &[CallEvent]) {
    let mut busy: BTreeMap<SeatId, CallId> = BTreeMap::new();
    for event in events {
        // A seat that handed its caller on is free before the call is over.
        if let What::SeatStateChanged { seat, from: SeatState::Talking | SeatState::Held, to, .. } =
            &event.what
            && !matches!(to, SeatState::Talking | SeatState::Held)
        {
            busy.remove(seat);
        }
        let Some(part) = &event.call else { continue };
        match &event.what {
            What::SeatPresented(p) => {
                let other = busy.insert(p.seat.clone(), part.id);
                assert!(other.is_none(), "seat {} was offered a second call at {}", p.seat, event.position);
            }
            What::SeatPresentationEnded(e) if e.result != PresentationResult::Answered => {
                busy.remove(&e.seat);
            }
            // Whom a colleague asked something is free again, also where no state shows it.
            What::ParticipantChanged { party, joined: false, .. } => {
                busy.remove(&SeatId::from(party.reveal().as_str()));
            }
            What::CallEnded(_) => busy.retain(|_, call| *call != part.id),
            _ => {}
        }
    }
}

fn presentations_end_once(events: &[CallEvent]) {
    for (call, events) in by_call(events) {
        let (mut open, mut answered) = (BTreeSet::new(), BTreeSet::new());
        let crashed =
            events.iter().any(|e| matches!(&e.what, What::CallEnded(e) if e.reason == EndReason::Crashed));
        for event in &events {
            match &event.what {
                What::SeatPresented(p) => assert!(open.insert(p.presentation), "presented twice"),
                What::SeatConnected { presentation, .. } => {
                    assert!(
                        answered.contains(presentation),
                        "connected without an offer: {}",
                        story(&events)
                    );
                }
                What::SeatPresentationEnded(e) => {
                    if e.result == PresentationResult::Answered {
                        answered.insert(e.presentation);
                    }
                    assert!(
                        open.remove(&e.presentation),
                        "a presentation of {call} ended twice: {}",
                        story(&events)
                    );
                }
                _ => {}
            }
        }
        assert!(open.is_empty() || crashed, "a presentation of {call} never ended: {}", story(&events));
    }
}

fn seat_states_join(events: &[CallEvent]) {
    let mut states: BTreeMap<SeatId, SeatState> = BTreeMap::new();
    for event in events {
        match &event.what {
            What::SeatStateChanged { seat, from, to, .. } => {
                let was = states.insert(seat.clone(), *to).unwrap_or(SeatState::Offline);
                assert_eq!(was, *from, "seat {seat} jumped at {}", event.position);
            }
            // A new life: seats begin anew.
            What::NodeStateChanged { state: NodeState::Started | NodeState::Recovered, .. } => states.clear(),
            _ => {}
        }
    }
}

fn calls_go_from_state_to_state(events: &[CallEvent]) {
    for events in by_call(events).values() {
        crate::states::check(events).unwrap_or_else(|broken| panic!("{broken}"));
    }
}

/// Nothing is left in the gateway once every call is over and every timer has run out.
pub fn nothing_is_left(world: &World) {
    let counts = world.counts();
    assert_eq!(
        (counts.calls, counts.legs, counts.waiting, counts.routes),
        (0, 0, 0, 0),
        "something was left behind: {counts:?}"
    );
    assert_eq!(
        (counts.timers, counts.transactions, counts.awaiting_disk),
        (0, 0, 0),
        "something was left behind: {counts:?}"
    );
    assert!(world.open_ports.is_empty(), "ports were left open: {:?}", world.open_ports);
    assert_eq!(world.citizens.open_calls(), 0, "a citizen's call never ended");
    assert_eq!(world.seats.open_calls(), 0, "a seat was left with a leg");
}

/// The events of each call, in order.
pub fn by_call(events: &[CallEvent]) -> BTreeMap<CallId, Vec<&CallEvent>> {
    let mut calls: BTreeMap<CallId, Vec<&CallEvent>> = BTreeMap::new();
    for event in events {
        if let Some(part) = &event.call {
            calls.entry(part.id).or_default().push(event);
        }
    }
    calls
}

/// A call's events as lines.
pub fn story(events: &[&CallEvent]) -> String {
    events.iter().map(|e| format!("\n  {:>5} {}", e.position, e.what)).collect()
}
