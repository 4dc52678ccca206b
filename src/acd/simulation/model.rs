//! The reference: lists, scans, and no cleverness.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one kind of many")]

use super::desk::{Desk, Telephone, legal};
use super::*;
use crate::event::{OperatorReason, SeatChoice};

/// The seat without an operator when the world begins.
pub(super) const SIGNS_IN: usize = 0;

/// Presentations remembered for inputs that come too late.
const REMEMBERED: usize = 24;

struct Caller {
    queue: usize,
    priority: u8,
    arrival: Mono,
    ticket: u64,
    entered: Mono,
    offer: Option<PresentationId>,
    attempts: u32,
    failed: Vec<usize>,
    told: (u32, Option<Mono>),
}

#[derive(Default)]
pub(super) struct Tally {
    pub(super) inputs: u64,
    pub(super) entered: u64,
    pub(super) left: u64,
    pub(super) refused: u64,
    pub(super) presented: u64,
    pub(super) connected: u64,
    pub(super) glare: u64,
    pub(super) fallback: u64,
    pub(super) positions: u64,
    pub(super) picked_up: u64,
    pub(super) recalled: u64,
    pub(super) returned: u64,
    pub(super) closing: u64,
    pub(super) absent: u64,
    pub(super) elsewhere: u64,
}

pub(super) struct Model {
    rules: Vec<QueueRules>,
    seats: Vec<Desk>,
    callers: HashMap<CallId, Caller>,
    draining: bool,
    tickets: u64,
    offers: HashMap<PresentationId, (CallId, usize)>,
    /// The newest presentations, running or not.
    pub(super) recent: Vec<PresentationId>,
    pub(super) tally: Tally,
}

impl Model {
    pub(super) fn new(rules: Vec<QueueRules>) -> Model {
        Model {
            rules,
            seats: (0..SEATS)
                .map(|n| if n == SIGNS_IN { Desk::new().without_operator() } else { Desk::new() })
                .collect(),
            callers: HashMap::new(),
            draining: false,
            tickets: 0,
            offers: HashMap::new(),
            recent: Vec::new(),
            tally: Tally::default(),
        }
    }

    fn queue(&self, name: &QueueId) -> usize {
        self.rules.iter().position(|r| r.name == *name).expect("a configured queue")
    }

    fn serves(seat: usize, queue: usize) -> bool {
        SERVED[queue].contains(&seat)
    }

    fn rank(&self, call: CallId) -> u32 {
        let me = &self.callers[&call];
        let ahead = |c: &&Caller| c.queue == me.queue && c.order() < me.order();
        self.callers.values().filter(ahead).count() as u32 + 1
    }

    fn depth(&self, queue: usize) -> u32 {
        self.callers.values().filter(|c| c.queue == queue).count() as u32
    }

    /// A place in a queue, as a new caller gets it.
    fn place(&mut self, now: Now, queue: &QueueId, priority: u8, at: Now, failed: Vec<usize>) -> Caller {
        self.tickets += 1;
        Caller {
            queue: self.queue(queue),
            priority,
            arrival: at.mono.min(now.mono),
            ticket: self.tickets,
            entered: now.mono,
            offer: None,
            attempts: 0,
            failed,
            told: (0, None),
        }
    }

    /// What an input must lead to is known before it is given.
    fn refusal(&self, call: CallId, queue: &QueueId) -> Option<EntryRefusal> {
        if self.callers.contains_key(&call) {
            Some(EntryRefusal::AlreadyWaiting)
        } else if self.draining {
            Some(EntryRefusal::Draining)
        } else if self.rules.iter().all(|r| r.name != *queue) {
            Some(EntryRefusal::UnknownQueue)
        } else {
            let q = self.queue(queue);
            (self.depth(q) as usize >= self.rules[q].capacity).then_some(EntryRefusal::Full)
        }
    }

    #[expect(clippy::too_many_lines, reason = "the model says for each input what may come of it")]
    fn input(&mut self, now: Now, input: &Input, out: &[Output]) {
        self.tally.inputs += 1;
        match input {
            Input::Enter { call, queue, priority, at } => {
                if let Some(reason) = self.refusal(*call, queue) {
                    assert_eq!(out, [Output::Refused { call: *call, reason }]);
                    self.tally.refused += 1;
                    return;
                }
                assert!(matches!(out.first(), Some(Output::Entered { call: c, .. }) if c == call));
                let caller = self.place(now, queue, *priority, *at, Vec::new());
                self.callers.insert(*call, caller);
            }
            Input::Returned { call, seat, queue, .. } => {
                let known = self.rules.iter().any(|r| r.name == *queue);
                let entered = out.iter().any(|o| matches!(o, Output::Entered { call: c, .. } if c == call));
                assert_eq!(entered, known && !self.callers.contains_key(call));
                if entered {
                    self.tally.returned += 1;
                    let head = Now { mono: Mono(0), wall: now.wall };
                    let caller = self.place(now, queue, u8::MAX, head, vec![index(seat)]);
                    self.callers.insert(*call, caller);
                }
            }
            Input::Leave { call, exit } => {
                let left = out
                    .iter()
                    .filter(|o| matches!(o, Output::Left { call: c, exit: e, .. } if c == call && e == exit));
                assert_eq!(left.count(), usize::from(self.callers.contains_key(call)));
            }
            Input::SeatUp { seat } => self.seats[index(seat)].phone = Telephone::Here,
            Input::SeatDown { seat, .. } => self.seats[index(seat)].phone = Telephone::Gone,
            Input::SeatLost { seat, .. } => {
                let desk = &mut self.seats[index(seat)];
                if desk.phone == Telephone::Here {
                    desk.phone = Telephone::Silent;
                    // A cool-down has no end any more.
                    desk.until = desk.until.filter(|_| desk.state != SeatState::Unreachable);
                }
            }
            Input::Answered { presentation } => match self.running(presentation) {
                Some((call, seat)) => {
                    self.seats[seat].came_back();
                    let ok = |o: &Output| matches!(o, Output::Left { call: c, exit: QueueExit::Connected, .. } if *c == call);
                    assert_eq!(out.iter().filter(|o| ok(o)).count(), 1);
                }
                None => {
                    assert_eq!(out, [], "glare");
                    self.tally.glare += 1;
                }
            },
            Input::Rang { presentation } if self.running(presentation).is_none() => assert_eq!(out, []),
            Input::Ended { presentation, result } => match self.running(presentation) {
                Some((call, seat)) => {
                    let to = match result {
                        PresentationResult::Unreachable => SeatState::Unreachable,
                        _ => SeatState::NotReady,
                    };
                    assert!(matches!(out.first(), Some(Output::SeatChanged { to: t, .. }) if *t == to));
                    self.fail(call, seat);
                }
                None if self.seats.iter().any(|s| s.offer == Some(*presentation)) => {}
                None => assert_eq!(out, []),
            },
            Input::Finished { seat, call } => {
                let wrap_up = self.rules[self.seats[index(seat)].queue].wrap_up;
                let desk = &mut self.seats[index(seat)];
                let talking = matches!(desk.state, SeatState::Talking | SeatState::Held)
                    && desk.caller == Some(*call)
                    && !desk.closing
                    && desk.own.is_none();
                let waits = talking && wrap_up.is_zero() && desk.could_be_ready();
                assert_eq!(out.is_empty(), !talking || waits);
                if waits {
                    desk.close(now);
                    self.tally.closing += 1;
                }
            }
            Input::SignIn { seat, operator } => self.signs_in(index(seat), operator),
            Input::SignOut { seat } => {
                self.seats[index(seat)].signs_out();
            }
            Input::SetReady { seat } if self.seats[index(seat)].signed_in => {
                self.seats[index(seat)].away = false;
                self.seats[index(seat)].came_back();
            }
            Input::SetNotReady { seat, .. } if self.seats[index(seat)].signed_in => {
                self.seats[index(seat)].away = true;
                self.seats[index(seat)].came_back();
            }
            Input::SetReady { .. } | Input::SetNotReady { .. } => assert_eq!(out, []),
            Input::Occupy { seat, call, role } => {
                let desk = &mut self.seats[index(seat)];
                if !desk.engaged() {
                    if *role == OwnRole::Talks {
                        desk.came_back();
                    }
                    desk.own = Some(*call);
                    desk.rung = *role == OwnRole::Rung;
                    if desk.closing && !desk.rung && desk.state == SeatState::Talking {
                        // Shown as it was.
                        (desk.closing, desk.until) = (false, None);
                    }
                }
            }
            Input::Joined { seat, call } => {
                let desk = &mut self.seats[index(seat)];
                let rings = desk.own == Some(*call) && desk.rung && desk.state == SeatState::Ringing;
                let is_back = desk.own == Some(*call) && desk.absent.is_some();
                assert_eq!(out.is_empty(), !rings && !is_back);
                if desk.own == Some(*call) {
                    desk.rung = false;
                    desk.came_back();
                }
            }
            Input::Vacate { seat, call, .. } => {
                let desk = &mut self.seats[index(seat)];
                if desk.own == Some(*call) {
                    desk.own = None;
                    desk.unheard &= desk.caller != Some(*call);
                } else if desk.closing && desk.caller == Some(*call) {
                    assert!(matches!(out.first(), Some(Output::SeatChanged { to: SeatState::Ready, .. })));
                } else if desk.unheard && desk.caller == Some(*call) {
                    desk.unheard = false;
                    assert_eq!(out, []);
                } else {
                    assert_eq!(out, []);
                }
            }
            Input::TakeOver { seat, call, queue } => {
                let queue = self.queue(queue);
                let desk = &mut self.seats[index(seat)];
                if desk.own == Some(*call) {
                    (desk.own, desk.queue) = (None, queue);
                    match desk.state {
                        SeatState::Talking => desk.caller = Some(*call),
                        _ => desk.taken = Some(*call),
                    }
                } else {
                    assert_eq!(out, []);
                }
            }
            Input::PickUp { seat, call } => {
                let got = presented(out).iter().any(|(c, s, _)| c == call && *s == seat.as_str());
                assert_eq!(got, !out.is_empty());
                self.tally.picked_up += u64::from(got);
            }
            Input::Recall { call, queue, .. } => {
                if self.callers.contains_key(call) {
                    return assert_eq!(out, []);
                }
                assert!(matches!(out.first(), Some(Output::Entered { call: c, .. }) if c == call));
                self.tally.recalled += 1;
                let head = Now { mono: Mono(0), wall: now.wall };
                let caller = self.place(now, queue, u8::MAX, head, Vec::new());
                self.callers.insert(*call, caller);
            }
            Input::Drain => self.draining = true,
            // A world without faults has nothing to mend.
            Input::Mend { .. } => assert_eq!(out, []),
            Input::Rang { .. } | Input::Held { .. } | Input::Resumed { .. } | Input::WrapUpDone { .. } => {}
        }
    }

    fn signs_in(&mut self, seat: usize, operator: &Option<OperatorId>) {
        use SeatState::*;
        let desk = &mut self.seats[seat];
        let idle = matches!(desk.state, Offline | Ready | NotReady | Unreachable);
        let nobody = !desk.signed_in && desk.operator.is_none();
        if idle || nobody || desk.operator == *operator {
            desk.signed_in = true;
            desk.away = false;
            desk.came_back();
            desk.operator = operator.clone();
            let there = |(n, d): &(usize, &mut Desk)| {
                *n != seat && operator.is_some() && d.operator == *operator && d.signed_in
            };
            for (_, other) in self.seats.iter_mut().enumerate().filter(there) {
                other.signs_out();
                self.tally.elsewhere += 1;
            }
        }
    }

    fn running(&self, presentation: &PresentationId) -> Option<(CallId, usize)> {
        self.offers.get(presentation).copied()
    }

    fn fail(&mut self, call: CallId, seat: usize) {
        let caller = self.callers.get_mut(&call).expect("waits");
        let offer = caller.offer.take().expect("is presented");
        caller.failed.push(seat);
        self.offers.remove(&offer);
    }

    /// A call a seat is in, if any seat is.
    pub(super) fn talk(&self, seat: usize) -> Option<CallId> {
        let desk = &self.seats[seat];
        desk.caller.filter(|_| matches!(desk.state, SeatState::Talking | SeatState::Held) && !desk.closing)
    }

    /// A call whose end a seat's phone has not confirmed.
    pub(super) fn unconfirmed(&self, seat: usize) -> Option<CallId> {
        let desk = &self.seats[seat];
        desk.caller.filter(|_| desk.closing || desk.unheard)
    }

    pub(super) fn outputs(&mut self, now: Now, cause: Option<&Input>, out: &[Output]) {
        if let Some(input) = cause {
            self.input(now, input, out);
        }
        for (i, o) in out.iter().enumerate() {
            self.output(now, cause, o, out.get(i + 1));
        }
        self.settled(now);
    }

    #[expect(clippy::too_many_lines, reason = "the model says for each output what it takes")]
    fn output(&mut self, now: Now, cause: Option<&Input>, output: &Output, next: Option<&Output>) {
        let by_timer = cause.is_none();
        match output {
            Output::Refused { .. } => {}
            Output::Entered { call, entered } => {
                let position = self.rank(*call);
                assert_eq!(
                    (entered.position, entered.depth),
                    (position, self.depth(self.callers[call].queue))
                );
                self.callers.get_mut(call).expect("just entered").told.0 = position;
                self.tally.entered += 1;
            }
            Output::Present { call, presentation, seat, queue, attempt, waited, why, .. } => {
                let q = self.queue(queue);
                let caller = self.callers.get_mut(call).expect("a call that waits");
                caller.attempts += 1;
                assert_eq!((*attempt, caller.queue), (caller.attempts, q));
                assert_eq!(*waited, now.mono.since(caller.entered));
                assert_eq!(caller.offer.replace(*presentation), None, "one offer at a time");
                let desk = &mut self.seats[index(seat)];
                assert_eq!((desk.state, desk.offer), (SeatState::Reserved, None), "one offer at a time");
                desk.offer = Some(*presentation);
                desk.queue = q;
                desk.until = Some(now.mono + self.rules[q].ring_timeout);
                if !matches!(why, SeatChoice::PickUp | SeatChoice::Recall) {
                    self.chosen(*call, index(seat), why);
                }
                self.offers.insert(*presentation, (*call, index(seat)));
                assert!(!self.recent.contains(presentation));
                self.recent.push(*presentation);
                if self.recent.len() > REMEMBERED {
                    self.recent.remove(0);
                }
                self.tally.presented += 1;
            }
            Output::Withdraw { call, presentation, result } => {
                assert_eq!(self.offers.get(presentation).map(|(c, _)| c), Some(call));
                self.withdrawn(now, by_timer, presentation, *result)
            }
            Output::Left { call, queue, exit, position, waited } => {
                assert_eq!(*position, self.rank(*call));
                let caller = self.callers.remove(call).expect("leaves once");
                assert_eq!(self.rules[caller.queue].name, *queue);
                assert_eq!(*waited, now.mono.since(caller.entered));
                let limit = self.rules[caller.queue].max_wait;
                assert!(*exit != QueueExit::Timeout || !by_timer || *waited >= limit);
                if let Some(offer) = caller.offer {
                    assert_eq!(*exit, QueueExit::Connected, "any other exit withdraws first");
                    let (_, seat) = self.offers.remove(&offer).expect("runs");
                    assert_eq!(self.seats[seat].state, SeatState::Talking);
                    self.tally.connected += 1;
                }
                self.tally.left += 1;
            }
            Output::Position { call, position, depth, .. } => {
                assert_eq!(*position, self.rank(*call));
                assert_eq!(*depth, self.depth(self.callers[call].queue));
                let told = &mut self.callers.get_mut(call).expect("waits").told;
                assert!(told.0 != *position && told.1.is_none_or(|at| now.mono.since(at) >= POSITION_EVERY));
                *told = (*position, Some(now.mono));
                self.tally.positions += 1;
            }
            Output::OperatorChanged(changed) => {
                let desk = &mut self.seats[index(&changed.seat)];
                assert_eq!(changed.from, desk.told);
                desk.told = changed.to;
                if changed.reason == OperatorReason::ReadyAgain.into() {
                    assert!(desk.absent.flatten().is_some_and(|until| until <= now.mono));
                    desk.came_back();
                }
            }
            Output::SeatChanged { seat, from, to, operator, .. } => {
                assert_eq!(*operator, self.seats[index(seat)].operator);
                self.seat_changed(now, cause, index(seat), *from, *to, next)
            }
            Output::WrapUpStarted { seat, call, limit } => {
                let desk = &mut self.seats[index(seat)];
                assert_eq!((desk.state, desk.caller), (SeatState::WrapUp, Some(*call)));
                desk.unheard = true;
                assert_eq!(*limit, self.rules[desk.queue].wrap_up);
            }
            Output::WrapUpCompleted { seat, call, timed_out } => {
                let desk = &mut self.seats[index(seat)];
                assert_eq!((desk.state, desk.caller, *timed_out), (SeatState::WrapUp, Some(*call), by_timer));
                let goes_on = matches!(
                    cause,
                    Some(Input::PickUp { .. } | Input::Recall { .. } | Input::TakeOver { .. })
                );
                if desk.unheard && desk.could_be_ready() && !goes_on {
                    desk.close(now);
                    self.tally.closing += 1;
                }
            }
        }
    }

    /// The seat is the longest idle one this caller did not try, and the caller the first it may take.
    fn chosen(&mut self, call: CallId, seat: usize, why: &SeatChoice) {
        let caller = &self.callers[&call];
        let may = |s: &usize| Self::serves(*s, caller.queue);
        let ready = |s: &usize| self.seats[*s].state == SeatState::Ready || *s == seat;
        let mut idle: Vec<usize> = (0..SEATS).filter(may).filter(ready).collect();
        idle.sort_by_key(|s| (self.seats[*s].idle_since, *s));
        let best = idle.iter().find(|s| !caller.failed.contains(s)).or(idle.first());
        assert_eq!(best, Some(&seat), "longest idle first");
        self.tally.fallback += u64::from(matches!(why, SeatChoice::NoOtherReady { .. }));
        for (other, c) in &self.callers {
            let rival = *other != call && c.offer.is_none() && Self::serves(seat, c.queue);
            assert!(!rival || c.order() > caller.order(), "an inversion");
        }
    }

    fn withdrawn(
        &mut self,
        now: Now,
        by_timer: bool,
        presentation: &PresentationId,
        result: PresentationResult,
    ) {
        let (call, seat) = *self.offers.get(presentation).expect("only what runs is withdrawn");
        let desk = &mut self.seats[seat];
        match result {
            PresentationResult::NoAnswer => {
                assert!(by_timer && desk.until.is_some_and(|u| u <= now.mono));
                let rules = &self.rules[desk.queue];
                desk.misses += 1;
                let takes_calls = desk.signed_in && !desk.away && desk.absent.is_none();
                if rules.ring_misses > 0 && desk.misses >= rules.ring_misses && takes_calls {
                    desk.absent = Some(rules.ring_misses_ready_after.map(|after| now.mono + after));
                    (desk.misses, desk.missed) = (0, true);
                    self.tally.absent += 1;
                }
                self.fail(call, seat);
            }
            PresentationResult::Unreachable => self.fail(call, seat),
            PresentationResult::CallerGone | PresentationResult::Withdrawn => {
                desk.releasing = true;
                desk.until = Some(now.mono + RELEASE_LIMIT);
                self.offers.remove(presentation);
                self.callers.get_mut(&call).expect("about to leave").offer = None;
            }
            other => panic!("never withdrawn as {other:?}"),
        }
    }

    fn seat_changed(
        &mut self,
        now: Now,
        cause: Option<&Input>,
        seat: usize,
        from: SeatState,
        to: SeatState,
        next: Option<&Output>,
    ) {
        use SeatState::*;
        let by_timer = cause.is_none();
        let desk = &mut self.seats[seat];
        assert_eq!(desk.state, from);
        assert!(legal(from, to), "{from:?} to {to:?}");
        let asked = matches!(
            cause,
            Some(
                Input::SetReady { .. }
                    | Input::SetNotReady { .. }
                    | Input::SignIn { .. }
                    | Input::SignOut { .. }
            )
        );
        if by_timer && from != Ready {
            assert!(desk.until.is_some_and(|u| u <= now.mono), "{from:?} ended before its time");
        }
        assert!(by_timer || asked || (from, to) != (NotReady, Ready), "only time or a word ends a cool-down");
        let failed = matches!(from, Reserved | Ringing) && !desk.releasing && desk.offer.is_some();
        let was_closing = std::mem::take(&mut desk.closing);
        desk.unheard = false;
        let unspoken = matches!(cause, Some(Input::Vacate { spoke: false, .. }));
        let freed_into_its_own =
            matches!(to, Ringing | Talking) && desk.own.is_some() && !matches!(from, Ready | Ringing);
        if (to == Ready && !desk.releasing && !unspoken || freed_into_its_own) && !was_closing {
            desk.idle_since = now.mono;
        }
        let broke_off = to == Unreachable && matches!(cause, Some(Input::Returned { .. }));
        let rules = &self.rules[desk.queue];
        match to {
            Reserved => assert!(matches!(next, Some(Output::Present { seat: s, .. }) if index(s) == seat)),
            Talking if from == Held => {}
            Talking if desk.taken.is_some() => desk.caller = desk.taken.take(),
            Talking if desk.own.is_some() => assert!(!failed && !desk.rung),
            Ringing if desk.own.is_some() => assert!(desk.rung),
            Talking => desk.caller = self.offers[&desk.offer.expect("an offer")].0.into(),
            Offline => assert!(desk.phone == Telephone::Gone || !desk.signed_in),
            Ready => {
                assert!(desk.could_be_ready())
            }
            NotReady => {
                let rests = desk.away || desk.absent.is_some();
                assert!(failed || (desk.phone == Telephone::Here && desk.signed_in && rests))
            }
            _ => {}
        }
        desk.until = match to {
            Ringing if desk.own.is_none() => desk.until,
            Unreachable if desk.phone == Telephone::Silent => None,
            NotReady if std::mem::take(&mut desk.missed) => desk.absent.flatten(),
            NotReady | Unreachable if failed || broke_off => {
                Some(now.mono + rules.cool_down.max(RELEASE_LIMIT))
            }
            WrapUp => Some(now.mono + rules.wrap_up),
            NotReady => desk.absent.flatten(),
            _ => None,
        };
        if !matches!(to, Ringing) {
            desk.offer = None;
            desk.releasing = false;
        }
        if to == Offline && !desk.signed_in {
            desk.operator = None;
        }
        desk.state = to;
    }

    /// What holds between steps.
    fn settled(&self, now: Now) {
        // Once a queue and not once a caller: this runs after each input.
        let ready = SERVED.clone().map(|mut seats| seats.find(|s| self.seats[*s].state == SeatState::Ready));
        for c in self.callers.values() {
            assert!(
                now.mono < c.entered + self.rules[c.queue].max_wait || self.rules[c.queue].max_wait.is_zero()
            );
            assert!(c.offer.is_some() || ready[c.queue].is_none(), "a call waits beside a ready seat");
        }
        for desk in &self.seats {
            assert_eq!(desk.told, desk.standing(), "what is decided of an operator is told");
            assert!(desk.until.is_none_or(|u| u > now.mono), "{:?} is stuck", desk.state);
            let timed =
                matches!(desk.state, SeatState::Reserved | SeatState::WrapUp | SeatState::Unreachable)
                    || desk.state == SeatState::Ringing && desk.own.is_none()
                    || desk.closing;
            let lost = desk.state == SeatState::Unreachable && desk.phone != Telephone::Here;
            let rests = (desk.away || desk.absent.is_some()) && desk.until.is_none();
            let may = timed || (desk.state == SeatState::NotReady && !rests);
            assert_eq!(may && !lost, desk.until.is_some(), "{:?}", desk.state);
        }
    }
}

impl Caller {
    fn order(&self) -> (u8, Mono, u64) {
        (u8::MAX - self.priority, self.arrival, self.ticket)
    }
}
