//! What waits until an event is on disk: the answer to a call's INVITE.
//!
//! The one exception is a disk that hangs: past [`HANG`] the citizen's answer wins, an alarm is raised, and the
//! event follows when the disk is back.

use super::alarm::{Alarm, Cleared};
use super::{Gateway, Output, Work};
use crate::call;
use crate::caller::HistoryKey;
use crate::event::{CallEvent, What};
use crate::id::CallId;
use crate::media::Shortage;
use crate::sip::{Outgoing, ServerTx};
use crate::time::{Duration, Mono, Now};
use std::collections::VecDeque;

/// How long an answer waits for the disk.
pub const HANG: Duration = Duration::from_millis(20);

/// What is owed once an event is on disk.
#[derive(Debug)]
pub enum Then {
    /// Tell the call that its beginning is safe.
    Tell(CallId),
    /// Send the refusal.
    Refuse(ServerTx, Outgoing),
    /// Send the answer to an INVITE that was shed.
    Send(crate::sip::Output),
}

/// Most answers that wait at once: some seconds of a flood that is shed. Past it an answer leaves at once, as when
/// the disk hangs.
const WAITING: usize = 65_536;

/// Answers that wait for the disk, in the order of their positions.
#[derive(Debug, Default)]
pub struct Awaiting {
    queue: VecDeque<(u64, Mono, Then)>,
}

impl Awaiting {
    /// When the oldest has waited too long.
    pub fn deadline(&self) -> Option<Mono> {
        self.queue.front().map(|(_, at, _)| *at)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    fn pop_due(&mut self, due: impl Fn(u64, Mono) -> bool) -> Option<Then> {
        let (position, at, _) = self.queue.front()?;
        if !due(*position, *at) {
            return None;
        }
        self.queue.pop_front().map(|(_, _, then)| then)
    }
}

impl Gateway {
    /// Does `then` once the newest event is on disk.
    pub(super) fn once_durable(&mut self, now: Now, then: Then) {
        if self.awaiting.len() >= WAITING {
            return self.act_on(now, then);
        }
        let head = self.sequence.head();
        self.awaiting.queue.push_back((head, now.mono + HANG, then));
    }

    pub(super) fn durable(&mut self, now: Now, position: u64, out: &mut Vec<Output>) {
        while let Some(then) = self.awaiting.pop_due(|p, _| p <= position) {
            self.act_on(now, then);
        }
        if position == self.sequence.head() {
            self.clear(now, &Cleared::JournalSlow, out);
        }
    }

    pub(super) fn disk_hangs(&mut self, now: Now, out: &mut Vec<Output>) {
        let mut any = false;
        while let Some(then) = self.awaiting.pop_due(|_, at| at <= now.mono) {
            any = true;
            self.act_on(now, then);
        }
        if any {
            self.raise(now, &Alarm::JournalSlow, out);
        }
    }

    /// The journal's queue is nearly full, or has room again.
    pub(super) fn journal_backed_up(&mut self, now: Now, backed_up: bool, out: &mut Vec<Output>) {
        self.pressure.journal_backed_up = backed_up;
        self.set_alarm(now, backed_up, (&Alarm::JournalBackedUp, &Cleared::JournalBackedUp), out);
    }

    /// More comes than can be read, or no longer.
    pub(super) fn flooded(&mut self, now: Now, flooded: bool, out: &mut Vec<Output>) {
        self.pressure.flooded = flooded;
        self.set_alarm(now, flooded, (&Alarm::Flooded, &Cleared::Flooded), out);
    }

    /// The event loop is behind, or has caught up.
    pub(super) fn overloaded(&mut self, now: Now, overloaded: bool, out: &mut Vec<Output>) {
        self.pressure.overloaded = overloaded;
        self.set_alarm(now, overloaded, (&Alarm::Overloaded, &Cleared::Overloaded), out);
    }

    /// No media socket can be opened, for want of this, or one was.
    pub(super) fn media_short(&mut self, now: Now, of: Option<Shortage>, out: &mut Vec<Output>) {
        match of {
            Some(of) => self.raise(now, &Alarm::MediaSockets { of }, out),
            None => self.clear(now, &Cleared::MediaSockets, out),
        }
    }

    fn act_on(&mut self, now: Now, then: Then) {
        match then {
            Then::Tell(call) => self.work.push_back(Work::Call(call, call::Input::Durable)),
            Then::Refuse(tx, response) => self.endpoint.respond(now, tx, response, &mut self.wire),
            Then::Send(answer) => self.wire.push(answer),
        }
    }

    fn set_alarm(&mut self, now: Now, raised: bool, of: (&Alarm, &Cleared), out: &mut Vec<Output>) {
        match raised {
            true => self.raise(now, of.0, out),
            false => self.clear(now, of.1, out),
        }
    }

    /// Tells of an alarm, unless it stands.
    pub(super) fn raise(&mut self, now: Now, alarm: &Alarm, out: &mut Vec<Output>) {
        if let Some(what) = self.alarms.raise(alarm) {
            self.tell(now, what, out);
        }
    }

    /// Tells of the end of an alarm that stands.
    pub(super) fn clear(&mut self, now: Now, cleared: &Cleared, out: &mut Vec<Output>) {
        if let Some(what) = self.alarms.clear(cleared) {
            self.tell(now, what, out);
        }
    }

    /// Writes an event that belongs to no call.
    pub(super) fn tell(&mut self, now: Now, what: What, out: &mut Vec<Output>) {
        let event = self.sequence.stamp(now, None, what);
        self.append(event, None, out);
    }

    /// Appends the events a story told apart from any step of a call.
    pub(super) fn append_said(&mut self, history: Option<HistoryKey>, out: &mut Vec<Output>) {
        let mut said = std::mem::take(&mut self.said);
        for output in said.drain(..) {
            if let call::Output::Event(event) = output {
                self.append(event, history, out);
            }
        }
        self.said = said;
    }

    /// Counts an event and gives it to the journal: the one way out for events.
    pub(super) fn append(&mut self, event: CallEvent, history: Option<HistoryKey>, out: &mut Vec<Output>) {
        self.tallies.count(&event);
        out.push(Output::Append { event, history });
    }
}
