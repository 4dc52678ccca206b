//! Four hundred thousand random inputs against a small reference model that only ever scans lists.
//!
//! The model believes nothing but the outputs and checks each one: who was offered to whom and why not
//! another party, every place, every edge between states, every deadline. A failure prints its seed;
//! narrow [`SEEDS`] to it and the same run comes again.

mod desk;
mod model;

use super::tests::presented;
use super::*;
use crate::event::PresentationResult;
use crate::id::OperatorId;
use crate::time::Wall;
use model::{Model, SIGNS_IN, Tally};
use std::ops::Range;

/// Worlds, and inputs in each.
const SEEDS: Range<u64> = 0..40;
const INPUTS: u32 = 10_000;

const QUEUES: usize = 3;
const SEATS: usize = 8;

/// Which seats serve which queue.
const SERVED: [Range<usize>; QUEUES] = [0..5, 3..8, 0..8];

fn name(seat: usize) -> SeatId {
    format!("{}", 1001 + seat).as_str().into()
}

fn index(seat: &SeatId) -> usize {
    seat.as_str().parse::<usize>().expect("a number") - 1001
}

fn world(random: &mut Random) -> Vec<QueueRules> {
    let mut queue = |n: usize, seats: &Range<usize>| QueueRules {
        name: format!("q{n}").as_str().into(),
        capacity: 1 + random.below(12) as usize,
        max_wait: Duration::from_millis(5_000 + random.below(90_000)),
        ring_timeout: Duration::from_millis(2_000 + random.below(20_000)),
        cool_down: Duration::from_millis(random.below(30_000) * (n as u64 % 2)),
        ring_misses: random.below(3) as u32,
        ring_misses_ready_after: Some(Duration::from_millis(1 + random.below(40_000)))
            .filter(|_| random.below(2) == 0),
        wrap_up: Duration::from_millis(random.below(20_000) * (n as u64 % 2)),
        seats: seats.clone().map(name).collect(),
    };
    SERVED.iter().enumerate().map(|(n, s)| queue(n, s)).collect()
}

fn own_call(seat: usize) -> CallId {
    CallId::from_bytes([seat as u8 + 1; 16])
}

struct Run {
    acd: Acd,
    model: Model,
    now: Now,
    random: Random,
    calls: Vec<CallId>,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut random = Random::from_number(seed);
        let rules = world(&mut random);
        let config = AcdConfig {
            queues: rules.clone(),
            seats: (0..SEATS).map(name).collect(),
            signing_in: vec![name(SIGNS_IN)],
        };
        let now = Now { mono: Mono(1 << 40), wall: Wall(1_700_000_000_000_000_000) };
        let acd = Acd::new(config, random.fork());
        Run { acd, model: Model::new(rules), now, random, calls: Vec::new() }
    }

    fn step(&mut self, input: Input) {
        let mut out = Vec::new();
        self.acd.handle(self.now, input.clone(), &mut out);
        self.model.outputs(self.now, Some(&input), &out);
        for o in out {
            if let Output::Entered { call, .. } = o {
                self.calls.push(call);
            }
        }
    }

    /// The clock moves and what is due is served, at its instant or late.
    fn pass(&mut self, d: Duration, exactly: bool) {
        let end = self.now.after(d);
        if !exactly {
            self.now = end;
        }
        let mut steps = 0;
        while let Some((at, _)) = self.acd.poll_timeout().filter(|(at, _)| *at <= end.mono) {
            self.now = self.now.after(at.since(self.now.mono));
            let mut out = Vec::new();
            self.acd.handle_timeout(self.now, &mut out);
            // All that is due fits one step here, so nothing may be left over.
            assert!(self.acd.poll_timeout().is_none_or(|(at, _)| at > self.now.mono), "no progress");
            self.model.outputs(self.now, None, &out);
            steps += 1;
            assert!(steps < 100_000, "no progress");
        }
        self.now = end;
    }

    fn any_call(&mut self) -> CallId {
        let n = self.calls.len() as u64;
        match n {
            0 => CallId::new(self.now.wall, &mut self.random),
            _ => self.calls.swap_remove(self.random.below(n) as usize),
        }
    }

    /// A presentation: one that runs, or one from the past.
    fn any_presentation(&mut self) -> PresentationId {
        let n = self.model.recent.len() as u64;
        // The newest are the ones that still run.
        let back = self.random.below(n).min(self.random.below(n));
        match n {
            0 => PresentationId::new(self.now.wall, &mut self.random),
            _ => self.model.recent[(n - 1 - back) as usize],
        }
    }

    fn input(&mut self) -> Input {
        use PresentationResult as Result;
        let seat = name(self.random.below(SEATS as u64) as usize);
        match self.random.below(116) {
            100..116 => self.word_of(seat),
            0..30 => {
                let back = Duration::from_millis(self.random.below(20) / 19 * self.random.below(30_000));
                let at = Now { mono: self.now.mono - back, wall: self.now.wall - back };
                let again = self.random.below(50) == 0 && !self.calls.is_empty();
                let call = match again {
                    true => self.calls[0],
                    false => CallId::new(self.now.wall, &mut self.random),
                };
                let queue = format!("q{}", self.random.below(100) * QUEUES as u64 / 99);
                let priority = (self.random.below(8) / 6) as u8 * 7;
                Input::Enter { call, queue: queue.as_str().into(), priority, at }
            }
            30..40 => {
                let exit = [QueueExit::Abandoned, QueueExit::Abandoned, QueueExit::Moved, QueueExit::Closed]
                    [self.random.below(4) as usize];
                Input::Leave { call: self.any_call(), exit }
            }
            40..44 => Input::SeatUp { seat },
            44 => Input::SeatDown { seat },
            45 => Input::SeatLost { seat },
            46..49 => {
                let talking = self.model.talk(index(&seat)).filter(|c| !self.calls.contains(c));
                let call = talking.unwrap_or_else(|| CallId::new(self.now.wall, &mut self.random));
                let queue = format!("q{}", self.random.below(100) * QUEUES as u64 / 99).as_str().into();
                Input::Returned { call, seat, queue, reason: SeatReason::PhoneSilent }
            }
            49..58 => Input::Rang { presentation: self.any_presentation() },
            58..72 => Input::Answered { presentation: self.any_presentation() },
            72..80 => {
                let result = [Result::Rejected, Result::Busy, Result::Unreachable, Result::CallerGone]
                    [self.random.below(4) as usize];
                Input::Ended { presentation: self.any_presentation(), result }
            }
            80..82 => Input::Held { call: self.call_at(&seat), seat },
            82..84 => Input::Resumed { call: self.call_at(&seat), seat },
            84..96 => Input::Finished { call: self.call_at(&seat), seat },
            _ => Input::WrapUpDone { seat },
        }
    }

    /// The call a seat is in, and now and then another one.
    fn call_at(&mut self, seat: &SeatId) -> CallId {
        let talk = self.model.talk(index(seat)).filter(|_| self.random.below(20) > 0);
        talk.unwrap_or_else(|| CallId::new(self.now.wall, &mut self.random))
    }

    /// What an operator asks for at a seat, or what happens to it beside the queue.
    fn word_of(&mut self, seat: SeatId) -> Input {
        let who = self.random.below(3);
        let operator = || -> Option<OperatorId> { Some(["zhang", "li", "wang"][who as usize].into()) };
        // One call of its own for each seat, so that some of what is said of it fits.
        let own = own_call(index(&seat));
        let queue: QueueId = format!("q{}", self.random.below(QUEUES as u64)).as_str().into();
        match self.random.below(16) {
            0 => Input::SignIn { seat, operator: operator().filter(|_| self.random.below(2) == 0) },
            1 => Input::SignOut { seat },
            2..5 => Input::SetReady { seat },
            5 => Input::SetNotReady { seat, reason: AwayReason::Break },
            6 => Input::SetNotReady { seat, reason: AwayReason::Meal },
            7 => {
                let role = [OwnRole::Rung, OwnRole::Talks][self.random.below(2) as usize];
                Input::Occupy { seat, call: own, role }
            }
            8 => Input::Joined { seat, call: own },
            9 => Input::Vacate { seat, call: own, spoke: self.random.below(2) == 0 },
            10 => {
                let call = self.model.unconfirmed(index(&seat)).unwrap_or(own);
                Input::Vacate { seat, call, spoke: self.random.below(2) == 0 }
            }
            11 => Input::TakeOver { seat, call: own, queue },
            12 | 13 => {
                let all = self.random.below(2) == 0;
                let call = self.acd.to_pick_up(&seat, all.then_some(&queue));
                let call = call.unwrap_or_else(|_| self.any_call());
                Input::PickUp { seat, call }
            }
            _ => {
                let call = match self.random.below(4) {
                    0 if !self.calls.is_empty() => self.calls[0],
                    _ => CallId::new(self.now.wall, &mut self.random),
                };
                Input::Recall { call, queue, seat: Some(seat).filter(|_| self.random.below(4) > 0) }
            }
        }
    }

    /// Every seat's own call ends, and every seat that is there takes calls.
    fn back_to_work(&mut self) {
        for n in 0..SEATS {
            self.step(Input::Vacate { seat: name(n), call: own_call(n), spoke: true });
            self.step(Input::SetReady { seat: name(n) });
            if let Some(call) = self.model.talk(n) {
                self.step(Input::Finished { seat: name(n), call });
            }
        }
    }

    fn whole(mut self) -> Tally {
        for _ in 0..INPUTS {
            let input = self.input();
            self.step(input);
            if self.random.below(3) == 0 {
                let d = Duration::from_millis(self.random.below(2_500));
                let exactly = self.random.below(4) != 0;
                self.pass(d, exactly);
            }
        }
        self.step(Input::Drain);
        self.back_to_work();
        self.pass(Duration::from_secs(3600), true);
        self.back_to_work();
        self.pass(Duration::from_secs(3600), true);
        let AcdCounts { waiting, presentations, timers, ready, offline, unreachable, .. } = self.acd.counts();
        assert_eq!((waiting, presentations, timers, ready + offline + unreachable), (0, 0, 0, SEATS));
        let t = self.model.tally;
        assert_eq!(t.entered, t.left, "every call that entered left once");
        t
    }
}

/// Says which world it was when a check in it fails.
struct OnPanic(u64);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the world with seed {} broke a promise", self.0);
        }
    }
}

fn run(seeds: Range<u64>) {
    let mut sum = Tally::default();
    for seed in seeds {
        let _seed = OnPanic(seed);
        let t = Run::new(seed).whole();
        sum.inputs += t.inputs;
        sum.presented += t.presented;
        sum.connected += t.connected;
        sum.glare += t.glare;
        sum.fallback += t.fallback;
        sum.positions += t.positions;
        sum.refused += t.refused;
        sum.picked_up += t.picked_up;
        sum.recalled += t.recalled;
        sum.returned += t.returned;
        sum.closing += t.closing;
        sum.absent += t.absent;
        sum.elsewhere += t.elsewhere;
    }
    // The run must have been where it is dangerous, or it proves nothing.
    assert!(sum.inputs >= 200_000, "{}", sum.inputs);
    let rare = [
        sum.presented,
        sum.connected,
        sum.glare,
        sum.fallback,
        sum.positions,
        sum.refused,
        sum.picked_up,
        sum.recalled,
        sum.returned,
        sum.closing,
        sum.absent,
        sum.elsewhere,
    ];
    assert!(rare.iter().all(|n| *n > 200), "{rare:?}");
}

#[test]
fn every_promise_holds_in_the_first_200_000_random_inputs() {
    run(SEEDS.start..SEEDS.end / 2);
}

#[test]
fn every_promise_holds_in_the_second_200_000_random_inputs() {
    run(SEEDS.end / 2..SEEDS.end);
}
