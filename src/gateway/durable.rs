//! What waits until an event is on disk: the answer to a call's INVITE.
//!
//! The one exception is a disk that hangs: past [`HANG`] the citizen's answer wins, an alarm is raised, and the
//! event follows when the disk is back.

use super::alarm::{Alarm, Alarms, Cleared};
use super::snapshots::Touched;
use super::tallies::Tallies;
use super::{Gateway, Output, Work};
use crate::call;
use crate::caller::HistoryKey;
use crate::config::Config;
use crate::event::{CallEvent, What};
use crate::id::{CallId, LegId};
use crate::sip::{Flow, Outgoing, ServerTx};
use crate::time::{Duration, Mono, Now};
use std::collections::{HashSet, VecDeque};

/// How long an answer waits for the disk.
pub(super) const HANG: Duration = Duration::from_millis(20);

/// What is owed once an event is on disk.
#[derive(Debug)]
pub(super) enum Then {
    /// Tell the call that its beginning is safe.
    Tell(CallId),
    /// Send the refusal.
    Refuse(ServerTx, Outgoing),
    /// Send the answer to an INVITE that was shed.
    Send(crate::sip::Output),
    /// Acknowledge the answer to an INVITE of ours. The peer repeats its 2xx until then, so that a process that knows
    /// nothing of the answer hears of it.
    Acknowledge(HeldAck),
}

/// An ACK that waits for the snapshot of its leg.
#[derive(Debug)]
pub(super) struct HeldAck {
    pub(super) leg: LegId,
    pub(super) flow: Flow,
    pub(super) request: Outgoing,
}

/// Most answers that wait at once: some seconds of a flood that is shed. Past it an answer leaves at once, as when
/// the disk hangs.
const WAITING: usize = 65_536;

/// What goes to the journal: the answers that wait for it, the alarms that stand, and what its events add up to.
pub(super) struct Journal {
    awaiting: Awaiting,
    pub(super) alarms: Alarms,
    pub(super) tallies: Tallies,
    /// Calls whose snapshots are behind.
    pub(super) touched: Touched,
}

impl Journal {
    pub(super) fn new(config: &Config) -> Journal {
        Journal {
            awaiting: Awaiting::default(),
            alarms: Alarms::default(),
            tallies: Tallies::new(config),
            touched: Touched::default(),
        }
    }

    /// When the oldest answer has waited too long.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.awaiting.queue.front().map(|(_, at, _)| *at)
    }

    /// How many answers wait.
    pub(super) fn awaiting(&self) -> usize {
        self.awaiting.queue.len()
    }
}

/// Answers that wait for the disk, in the order of their positions.
#[derive(Debug, Default)]
struct Awaiting {
    queue: VecDeque<(u64, Mono, Then)>,
    /// The legs whose ACK waits among them.
    acks: HashSet<LegId>,
}

impl Awaiting {
    /// The ACK of a leg that waits, waited for no longer.
    fn take_ack(&mut self, leg: LegId) -> Option<HeldAck> {
        if !self.acks.remove(&leg) {
            return None;
        }
        let is_its = |then: &Then| matches!(then, Then::Acknowledge(held) if held.leg == leg);
        let at = self.queue.iter().position(|(_, _, then)| is_its(then))?;
        match self.queue.remove(at) {
            Some((_, _, Then::Acknowledge(held))) => Some(held),
            Some(_) | None => None,
        }
    }

    fn pop_due(&mut self, due: impl Fn(u64, Mono) -> bool) -> Option<Then> {
        let (position, at, _) = self.queue.front()?;
        if !due(*position, *at) {
            return None;
        }
        let then = self.queue.pop_front().map(|(_, _, then)| then);
        if let Some(Then::Acknowledge(held)) = &then {
            self.acks.remove(&held.leg);
        }
        then
    }
}

impl Gateway {
    /// Does `then` once the newest event is on disk.
    pub(super) fn once_durable(&mut self, now: Now, then: Then) {
        // The disk stands still and memory is bounded: the answer goes out without it.
        if self.journal.awaiting() >= WAITING {
            return self.act_on(now, then);
        }
        let head = self.context.sequence.head();
        self.journal.awaiting.queue.push_back((head, now.mono + HANG, then));
    }

    /// Acknowledges the answer to an INVITE of ours once what it means is on disk.
    pub(super) fn acknowledge_once_durable(&mut self, now: Now, held: HeldAck) {
        // A 2xx came again before the disk: the ACK that waited for it goes out first, and a new one waits.
        self.acknowledge_now(held.leg);
        if self.journal.awaiting() < WAITING {
            self.journal.awaiting.acks.insert(held.leg);
        }
        self.once_durable(now, Then::Acknowledge(held));
    }

    /// Nothing goes out in a dialog before the ACK that begins it.
    pub(super) fn acknowledge_now(&mut self, leg: LegId) {
        if let Some(HeldAck { flow, request, .. }) = self.journal.awaiting.take_ack(leg) {
            self.signalling.send(flow, request);
        }
    }

    pub(super) fn durable(&mut self, now: Now, position: u64, out: &mut Vec<Output>) {
        while let Some(then) = self.journal.awaiting.pop_due(|p, _| p <= position) {
            self.act_on(now, then);
        }
        // Everything told so far is on disk: the disk keeps up again.
        if position == self.context.sequence.head() {
            self.clear(now, &Cleared::JournalSlow, out);
        }
    }

    pub(super) fn disk_hangs(&mut self, now: Now, out: &mut Vec<Output>) {
        let mut any = false;
        while let Some(then) = self.journal.awaiting.pop_due(|_, at| at <= now.mono) {
            any = true;
            self.act_on(now, then);
        }
        if any {
            self.raise(now, &Alarm::JournalSlow, out);
        }
    }

    fn act_on(&mut self, now: Now, then: Then) {
        match then {
            Then::Tell(call) => self.pending.work.push_back(Work::Call(call, call::Input::Durable)),
            Then::Refuse(tx, response) => self.signalling.respond(now, tx, response),
            Then::Send(answer) => self.signalling.put(answer),
            Then::Acknowledge(HeldAck { flow, request, .. }) => self.signalling.send(flow, request),
        }
    }

    /// The newest position.
    pub(super) fn head(&self) -> u64 {
        self.context.sequence.head()
    }

    /// Writes an event that belongs to no call.
    pub(super) fn tell(&mut self, now: Now, what: What, out: &mut Vec<Output>) {
        let event = self.context.sequence.stamp(now, None, what);
        self.append(event, None, out);
    }

    /// Appends the events a story told apart from any step of a call.
    pub(super) fn append_said(&mut self, history: Option<HistoryKey>, out: &mut Vec<Output>) {
        let mut said = self.context.take_said();
        for output in said.drain(..) {
            if let call::Output::Event(event) = output {
                self.append(event, history, out);
            }
        }
        self.context.done(said);
    }

    /// Counts an event and gives it to the journal: the one way out for events.
    pub(super) fn append(&mut self, event: CallEvent, history: Option<HistoryKey>, out: &mut Vec<Output>) {
        self.journal.tallies.count(&event);
        out.push(Output::Append { event, history });
    }
}
