//! What waits until an event is on disk: the answer to a call's INVITE.
//!
//! The one exception is a disk that hangs: past [`HANG`] the citizen's answer wins, an alarm is raised, and the
//! event follows when the disk is back.

use super::{Gateway, Output, Work};
use crate::call;
use crate::caller::HistoryKey;
use crate::event::{CallEvent, What};
use crate::id::CallId;
use crate::media::Shortage;
use crate::sip::{Outgoing, ServerTx};
use crate::time::{Duration, Mono, Now};
use std::collections::VecDeque;
use std::sync::Arc;

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
    /// The alarm is raised.
    hanging: bool,
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
        if self.awaiting.hanging && position == self.sequence.head() {
            self.awaiting.hanging = false;
            self.alarm(now, "journal_slow", false, "the disk confirms in time again", out);
        }
    }

    pub(super) fn disk_hangs(&mut self, now: Now, out: &mut Vec<Output>) {
        let mut any = false;
        while let Some(then) = self.awaiting.pop_due(|_, at| at <= now.mono) {
            any = true;
            self.act_on(now, then);
        }
        if any && !self.awaiting.hanging {
            self.awaiting.hanging = true;
            let reason = "the disk takes longer than 20 ms to confirm a call's beginning: calls are answered all \
                          the same; look at the disk under store.path";
            self.alarm(now, "journal_slow", true, reason, out);
        }
    }

    /// The journal's queue is nearly full, or has room again.
    pub(super) fn journal_backed_up(&mut self, now: Now, backed_up: bool, out: &mut Vec<Output>) {
        if self.pressure.journal_backed_up == backed_up {
            return;
        }
        self.pressure.journal_backed_up = backed_up;
        let reason = if backed_up {
            "events wait for the disk in great number: new calls are refused until it catches up; look at the disk \
             under store.path"
        } else {
            "the journal has caught up: new calls are taken again"
        };
        self.alarm(now, "journal_backed_up", backed_up, reason, out);
    }

    /// More comes than can be read, or no longer.
    pub(super) fn flooded(&mut self, now: Now, flooded: bool, out: &mut Vec<Output>) {
        if self.pressure.flooded == flooded {
            return;
        }
        self.pressure.flooded = flooded;
        let reason = if flooded {
            "more comes than can be read: strangers' calls are passed over, and what those we know send may be lost before \
             us; look at the metrics hotline_turned_away_total for who sends it, and keep him out at the network"
        } else {
            "what comes can be read again"
        };
        self.alarm(now, "flooded", flooded, reason, out);
    }

    /// The event loop is behind, or has caught up.
    pub(super) fn overloaded(&mut self, now: Now, overloaded: bool, out: &mut Vec<Output>) {
        if self.pressure.overloaded == overloaded {
            return;
        }
        self.pressure.overloaded = overloaded;
        let reason = if overloaded {
            "more comes than can be done: new calls are refused until it is less, calls already in are served; look at \
             the metrics hotline_turned_away_total for who sends it"
        } else {
            "the gateway has caught up: new calls are taken again"
        };
        self.alarm(now, "overloaded", overloaded, reason, out);
    }

    /// No media socket can be opened, for want of this, or one was.
    pub(super) fn media_short(&mut self, now: Now, of: Option<Shortage>, out: &mut Vec<Output>) {
        if self.pressure.media_short == of.is_some() {
            return;
        }
        self.pressure.media_short = of.is_some();
        let reason = match of {
            Some(Shortage::Descriptors) => {
                "no file descriptor is left for a media socket: calls are refused; a call with a seat takes four: raise \
                 LimitNOFILE of the unit (ulimit -n), or fs.file-max where the machine has none left"
            }
            Some(Shortage::Memory) => {
                "the kernel has no memory for a media socket: calls are refused; free memory, or raise \
                 fs.epoll.max_user_watches where that is what is full"
            }
            Some(Shortage::Address) => {
                "no media socket can be opened at media.address: calls are refused; see that this machine has the address"
            }
            None => "media sockets can be opened again",
        };
        self.alarm(now, "media_sockets", of.is_some(), reason, out);
    }

    fn act_on(&mut self, now: Now, then: Then) {
        match then {
            Then::Tell(call) => self.work.push_back(Work::Call(call, call::Input::Durable)),
            Then::Refuse(tx, response) => self.endpoint.respond(now, tx, response, &mut self.wire),
            Then::Send(answer) => self.wire.push(answer),
        }
    }

    pub(super) fn alarm(&mut self, now: Now, alarm: &str, raised: bool, reason: &str, out: &mut Vec<Output>) {
        self.alarm_of(now, (alarm, ""), raised, reason, out);
    }

    /// An alarm about one trunk.
    pub(super) fn alarm_of(
        &mut self,
        now: Now,
        (alarm, subject): (&str, &str),
        raised: bool,
        reason: &str,
        out: &mut Vec<Output>,
    ) {
        let (alarm, subject) = (Arc::from(alarm), Arc::from(subject));
        self.tell(now, What::AlarmRaised { alarm, raised, reason: Arc::from(reason), subject }, out);
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
