//! The rules of queue and seat as sentences, in virtual time.

use super::*;
use crate::event::QueueEntered;
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
        let acd = Acd::new(AcdConfig { queues, seats }, Random::from_number(1));
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

fn presented(out: &[Output]) -> Vec<(CallId, &str, PresentationId)> {
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

fn entered(out: &[Output]) -> &QueueEntered {
    out.iter()
        .find_map(|o| match o {
            Output::Entered { entered, .. } => Some(entered),
            _ => None,
        })
        .expect("the call entered")
}

#[test]
fn a_call_goes_to_the_ready_seat_in_the_step_it_enters() {
    let mut w = World::with(&["1001"]);
    let (call, out) = w.enters(0);
    assert_eq!(entered(&out).position, 1);
    assert_eq!(entered(&out).ready_seats, 1);
    assert_eq!(entered(&out).estimated_wait, Some(Duration::ZERO));
    let (offered, to, _) = only_presented(&out);
    assert_eq!((offered, to.as_str()), (call, "1001"));
    assert_eq!(w.acd.seat_state(&seat("1001")), Some(SeatState::Reserved));
}

#[test]
fn the_seat_idle_longest_is_asked_first_and_ties_follow_the_configured_order() {
    let mut w = World::with(&["1002", "1001", "1003"]);
    w.tell(Input::SeatDown { seat: seat("1002"), reason: "unregistered" });
    w.passes(secs(5));
    w.tell(Input::SeatUp { seat: seat("1002") });
    let order: Vec<_> = (0..3).map(|_| only_presented(&w.enters(0).1).1).collect();
    assert_eq!(order, ["1001", "1003", "1002"]);
}
