//! The rules of queue and seat as sentences, in virtual time.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one kind of many")]

mod absence;
mod order;
mod presence;
mod presenting;
mod queue;
mod seat;

use super::*;
use crate::event::{PresentationResult, QueueEntered};
use crate::time::Wall;

/// A small hotline: queue `heat` served by the seats named, and a clock.
struct World {
    acd: Acd,
    now: Now,
    ids: Random,
}

fn seat(name: &str) -> SeatId {
    name.into()
}

fn rules(seats: &[&str]) -> QueueRules {
    QueueRules {
        name: "heat".into(),
        capacity: 500,
        max_wait: Duration::from_secs(1800),
        ring_timeout: Duration::from_secs(20),
        cool_down: Duration::from_secs(30),
        ring_misses: 0,
        ring_misses_ready_after: None,
        wrap_up: Duration::from_secs(30),
        seats: seats.iter().map(|s| seat(s)).collect(),
    }
}

impl World {
    /// Every seat serves `heat` and has its phone.
    fn with(seats: &[&str]) -> World {
        World::of(vec![rules(seats)], seats)
    }

    fn of(queues: Vec<QueueRules>, up: &[&str]) -> World {
        let seats = up.iter().map(|s| seat(s)).collect();
        let now = Now { mono: Mono(1_000_000_000), wall: Wall(1_700_000_000_000_000_000) };
        let acd = Acd::new(AcdConfig { queues, seats, ..AcdConfig::default() }, Random::from_number(1));
        let mut world = World { acd, now, ids: Random::from_number(2) };
        for s in up {
            world.tell(Input::SeatUp { seat: seat(s) });
        }
        world
    }

    fn tell(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.acd.handle(self.now, input, &mut out);
        out
    }

    fn enters(&mut self, priority: u8) -> (CallId, Vec<Output>) {
        self.enters_queue("heat", priority)
    }

    fn enters_queue(&mut self, queue: &str, priority: u8) -> (CallId, Vec<Output>) {
        let call = CallId::new(self.now.wall, &mut self.ids);
        let at = self.now;
        (call, self.tell(Input::Enter { call, queue: queue.into(), priority, at }))
    }

    fn answers(&mut self, presentation: PresentationId) -> Vec<Output> {
        self.tell(Input::Answered { presentation })
    }

    fn ends(&mut self, presentation: PresentationId, result: PresentationResult) -> Vec<Output> {
        self.tell(Input::Ended { presentation, result })
    }

    fn hangs_up(&mut self, call: CallId) -> Vec<Output> {
        self.tell(Input::Leave { call, exit: QueueExit::Abandoned })
    }

    /// The seat's call is over, and its phone has heard so.
    fn finishes(&mut self, name: &str) -> Vec<Output> {
        let call = self.call_of(name);
        let mut out = self.tell(Input::Finished { seat: seat(name), call });
        out.extend(self.tell(Input::Vacate { seat: seat(name), call, spoke: true }));
        out
    }

    /// The call a seat is in, or one that there is not.
    fn call_of(&mut self, name: &str) -> CallId {
        self.acd.call_of(&seat(name)).unwrap_or_else(|| CallId::new(self.now.wall, &mut self.ids))
    }

    fn state(&self, name: &str) -> SeatState {
        self.acd.seat_state(&seat(name)).expect("a configured seat")
    }

    /// A call that enters, is presented and answered at once: keeps a seat busy.
    fn talks(&mut self) -> String {
        let (_, to, presentation) = only_presented(&self.enters(0).1);
        self.answers(presentation);
        to
    }

    /// Time passes; every deadline is served at its own instant.
    fn passes(&mut self, d: Duration) -> Vec<Output> {
        let end = self.now.mono + d;
        let mut out = Vec::new();
        while let Some((at, _)) = self.acd.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = self.now.after(at.since(self.now.mono));
            self.acd.handle_timeout(self.now, &mut out);
        }
        self.now = self.now.after(end.since(self.now.mono));
        out
    }
}

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

pub(super) fn presented(out: &[Output]) -> Vec<(CallId, &str, PresentationId)> {
    out.iter()
        .filter_map(|o| match o {
            Output::Present { call, seat, presentation, .. } => Some((*call, seat.as_str(), *presentation)),
            _ => None,
        })
        .collect()
}

fn only_presented(out: &[Output]) -> (CallId, String, PresentationId) {
    match presented(out).as_slice() {
        [(call, seat, presentation)] => (*call, (*seat).to_owned(), *presentation),
        other => panic!("one presentation expected: {other:?}"),
    }
}

fn left(out: &[Output]) -> Vec<(CallId, QueueExit, u32)> {
    out.iter()
        .filter_map(|o| match o {
            Output::Left { call, exit, position, .. } => Some((*call, *exit, *position)),
            _ => None,
        })
        .collect()
}

fn withdrawn(out: &[Output]) -> Vec<(PresentationId, PresentationResult)> {
    out.iter()
        .filter_map(|o| match o {
            Output::Withdraw { presentation, result, .. } => Some((*presentation, *result)),
            _ => None,
        })
        .collect()
}

/// `seat: from → to, reason` for every change.
fn changes(out: &[Output]) -> Vec<String> {
    out.iter()
        .filter_map(|o| match o {
            Output::SeatChanged { seat, from, to, reason, .. } => {
                Some(format!("{seat}: {from:?} → {to:?}, {reason}"))
            }
            _ => None,
        })
        .collect()
}

/// `seat: from → to, reason` for every decision about an operator.
fn decided(out: &[Output]) -> Vec<String> {
    out.iter()
        .filter_map(|o| match o {
            Output::OperatorChanged(c) => {
                Some(format!("{}: {:?} → {:?}, {}", c.seat, c.from, c.to, c.reason))
            }
            _ => None,
        })
        .collect()
}

fn positions(out: &[Output]) -> Vec<(CallId, u32)> {
    out.iter()
        .filter_map(|o| match o {
            Output::Position { call, position, .. } => Some((*call, *position)),
            _ => None,
        })
        .collect()
}

fn entered(out: &[Output]) -> &QueueEntered {
    out.iter()
        .find_map(|o| match o {
            Output::Entered { entered, .. } => Some(entered),
            _ => None,
        })
        .expect("the call entered")
}
