//! The third promise in the whole gateway: no call waits beside a ready seat that may take it, no seat is offered two calls,
//! and no call is offered to two seats. The queues and seats here are those the events tell of.

use crate::world::World;
use hotline_gateway::cli::phones::HangUp;
use hotline_gateway::config::Config;
use hotline_gateway::event::{CallEvent, NodeState, PresentationResult, SeatState, What};
use hotline_gateway::id::{CallId, PresentationId, QueueId, SeatId};
use hotline_gateway::time::Duration;
use std::cell::Cell;
use std::collections::BTreeMap;

/// Who waits, who is offered what, and who is ready.
#[derive(Default)]
pub struct Offers {
    /// The seats of each queue.
    serve: BTreeMap<QueueId, Vec<SeatId>>,
    seats: BTreeMap<SeatId, SeatState>,
    waiting: BTreeMap<CallId, QueueId>,
    running: BTreeMap<PresentationId, (CallId, SeatId)>,
}

impl Offers {
    pub fn new(config: &Config) -> Offers {
        let serve = config.queues.iter().map(|queue| (queue.name.clone(), queue.seats.clone()));
        Offers { serve: serve.collect(), ..Offers::default() }
    }

    /// The same queues and seats of which nothing has been told: so they begin after a crash.
    pub fn anew(&self) -> Offers {
        Offers { serve: self.serve.clone(), ..Offers::default() }
    }

    /// An event is told: whether an offer in it may be made.
    pub fn happened(&mut self, event: &CallEvent) -> Result<(), String> {
        if let What::SeatStateChanged { seat, to, .. } = &event.what {
            self.seats.insert(seat.clone(), *to);
        }
        // Each life of the gateway begins with seats that are offline; what they are is told after.
        if matches!(
            event.what,
            What::NodeStateChanged { state: NodeState::Started | NodeState::Recovered, .. }
        ) {
            self.seats.clear();
        }
        let Some(call) = event.call.as_ref().map(|part| part.id) else { return Ok(()) };
        match &event.what {
            What::QueueEntered(entered) => {
                self.waiting.insert(call, entered.queue.clone());
            }
            What::QueueLeft { .. } => {
                self.waiting.remove(&call);
            }
            What::SeatPresented(p) => {
                let twice = self.running.values().find(|(other, seat)| *other == call || *seat == p.seat);
                if let Some((other, seat)) = twice {
                    return Err(format!(
                        "{call} is offered to {} while {other} is offered to {seat}",
                        p.seat
                    ));
                }
                self.running.insert(p.presentation, (call, p.seat.clone()));
            }
            What::SeatPresentationEnded(ended) => {
                let was = self.running.remove(&ended.presentation);
                if was != Some((call, ended.seat.clone())) {
                    return Err(format!("an offer of {call} to {} ends that did not run", ended.seat));
                }
                if ended.result == PresentationResult::Answered
                    && let Some((other, _)) = self.running.values().find(|(_, seat)| *seat == ended.seat)
                {
                    return Err(format!("{} talks and is offered {other}", ended.seat));
                }
            }
            What::CallEnded(_) => {
                self.waiting.remove(&call);
            }
            _ => {}
        }
        Ok(())
    }

    /// The step is over: whether a call waits beside a ready seat.
    pub fn check(&self) -> Result<(), String> {
        for (call, queue) in &self.waiting {
            if self.running.values().any(|(presented, _)| presented == call) {
                continue;
            }
            let ready = |seat: &&SeatId| self.seats.get(seat) == Some(&SeatState::Ready);
            if let Some(seat) = self.serve.get(queue).into_iter().flatten().find(ready) {
                return Err(format!("{call} waits in {queue} beside {seat}, which is ready"));
            }
        }
        Ok(())
    }
}

/// A day of three calls and two seats, its events with which `tampers`: what is found at first.
fn found(tampers: impl Fn(usize, &mut CallEvent) -> bool) -> Result<(), String> {
    let keys = "wrap_up = \"0s\"\n";
    let mut w = World::new(1, 2, keys, "");
    (1001..=1002).for_each(|seat| w.seat_answers(seat, Duration::from_secs(1)));
    for _ in 0..3 {
        w.citizen_calls("13812341234", HangUp::AfterAnswer(Duration::from_secs(5)));
        w.run(Duration::from_millis(500));
    }
    w.run(Duration::from_secs(60));
    let mut offers = w.offers.anew();
    let mut at = None;
    for (n, event) in w.journal.iter().enumerate() {
        let mut event = event.clone();
        // What has one time was told in one step.
        if at.replace(event.at).is_some_and(|before| before != event.at) {
            offers.check()?;
        }
        if tampers(n, &mut event) {
            offers.happened(&event)?;
        }
    }
    offers.check()
}

#[test]
fn an_honest_day_keeps_the_promise_of_the_queue() {
    assert_eq!(found(|_, _| true), Ok(()));
}

#[test]
fn a_call_that_waits_beside_a_ready_seat_is_found() {
    let is_offer = |e: &CallEvent| {
        let begins = matches!(&e.what, What::SeatStateChanged { to: SeatState::Reserved, .. });
        begins || matches!(e.what, What::SeatPresented(_))
    };
    let broken = found(|_, event| !is_offer(event));
    assert!(broken.as_ref().is_err_and(|e| e.contains("which is ready")), "{broken:?}");
}

#[test]
fn a_seat_that_is_offered_a_second_call_is_found() {
    let broken = found(|_, event| {
        if let What::SeatPresented(presented) = &mut event.what {
            presented.seat = SeatId::from("1001");
        }
        true
    });
    assert!(broken.as_ref().is_err_and(|e| e.contains("1001 while")), "{broken:?}");
}

#[test]
fn a_call_that_is_offered_to_a_second_seat_is_found() {
    let first = Cell::new(None);
    let broken = found(|_, event| {
        if let (What::SeatPresented(_), Some(part)) = (&event.what, &mut event.call) {
            part.id = first.get().unwrap_or(part.id);
            first.set(Some(part.id));
        }
        true
    });
    assert!(broken.as_ref().is_err_and(|e| e.contains("is offered to 1002 while")), "{broken:?}");
}
