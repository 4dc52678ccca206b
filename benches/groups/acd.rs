//! `acd`: one step of the queue machine with 1,000 callers waiting and 500 seats, all of them talking.

use criterion::{BatchSize, Criterion};
use hotline_gateway::acd::{Acd, AcdConfig, Input, Output, QueueRules};
use hotline_gateway::event::QueueExit;
use hotline_gateway::id::{CallId, QueueId, Random, SeatId};
use hotline_gateway::time::{Duration, Mono, Now, Wall};
use std::collections::VecDeque;
use std::hint::black_box;

const WAITING: usize = 1_000;
const SEATS: usize = 500;

struct World {
    acd: Acd,
    now: Now,
    random: Random,
    queue: QueueId,
    /// Those who wait, the head first.
    waiting: VecDeque<CallId>,
    seats: Vec<SeatId>,
    out: Vec<Output>,
}

impl World {
    /// Every seat talks, and the queue stands.
    fn standing() -> World {
        let seats: Vec<SeatId> = (0..SEATS).map(|n| SeatId::from(format!("{}", 1001 + n).as_str())).collect();
        let queue = QueueId::from("hotline");
        let rules = QueueRules {
            name: queue.clone(),
            capacity: 2 * WAITING,
            max_wait: Duration::from_secs(1800),
            ring_timeout: Duration::from_secs(20),
            cool_down: Duration::from_secs(30),

            ring_misses: 0,
            ring_misses_ready_after: None,
            wrap_up: Duration::ZERO,
            seats: seats.clone(),
        };
        let acd = Acd::new(
            AcdConfig { queues: vec![rules], seats: seats.clone(), ..AcdConfig::default() },
            Random::from_number(1),
        );
        let now = Now { mono: Mono(1 << 40), wall: Wall(1_700_000_000_000_000_000) };
        let (random, waiting, out) = (Random::from_number(2), Default::default(), Vec::new());
        let mut world = World { acd, now, random, queue, waiting, seats, out };
        for seat in world.seats.clone() {
            world.tell(Input::SeatUp { seat });
        }
        for _ in 0..SEATS {
            world.enter();
            world.answer();
        }
        world.waiting.clear();
        for _ in 0..WAITING {
            world.enter();
        }
        world
    }

    fn tell(&mut self, input: Input) {
        self.now = self.now.after(Duration::from_micros(10));
        self.out.clear();
        self.acd.handle(self.now, input, &mut self.out);
    }

    fn enter(&mut self) {
        let call = CallId::new(self.now.wall, &mut self.random);
        self.waiting.push_back(call);
        self.tell(Input::Enter { call, queue: self.queue.clone(), priority: 0, at: self.now });
    }

    /// The offer of the last step is accepted.
    fn answer(&mut self) {
        let offer = self.out.iter().find_map(|o| match o {
            Output::Present { presentation, .. } => Some(*presentation),
            _ => None,
        });
        let presentation = offer.expect("a seat was free and a caller waited");
        self.tell(Input::Answered { presentation });
    }
}

/// The group.
pub fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("acd");
    let mut world = World::standing();
    let mut next = (0..SEATS).cycle();
    group.bench_function("a seat is free, the head is presented and answered, another enters", |b| {
        b.iter(|| {
            let seat = world.seats[next.next().expect("endless")].clone();
            let call = world.acd.call_of(&seat).expect("every seat talks");
            world.tell(Input::Finished { seat: seat.clone(), call });
            world.tell(Input::Vacate { seat, call, spoke: true });
            world.answer();
            world.waiting.pop_front();
            world.enter();
            black_box(world.out.len())
        })
    });
    let mut world = World::standing();
    group.bench_function("a caller in the middle hangs up, another enters", |b| {
        b.iter(|| {
            let call = world.waiting.remove(WAITING / 2).expect("a standing queue");
            world.tell(Input::Leave { call, exit: QueueExit::Abandoned });
            world.enter();
            black_box(world.out.len())
        })
    });
    group.bench_function("a thousand callers are told their place", |b| {
        let due = || {
            let mut world = World::standing();
            let head = world.waiting[0];
            world.tell(Input::Leave { call: head, exit: QueueExit::Abandoned });
            world.out.clear();
            world.now = world.now.after(Duration::from_secs(6));
            world
        };
        b.iter_batched(
            due,
            |mut world| {
                while world.acd.poll_timeout().is_some_and(|(at, _)| at <= world.now.mono) {
                    world.acd.handle_timeout(world.now, &mut world.out);
                }
                assert_eq!(world.out.len(), WAITING - 1);
                world
            },
            BatchSize::LargeInput,
        )
    });
    group.finish();
}
