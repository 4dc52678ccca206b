//! The whole control plane as one value: it owns the machines and carries values between them.
//!
//! [`Gateway::handle`] takes one input and runs until nothing is left to do; what must leave the core comes out as
//! [`Output`]. Which packets are read is `access`, which requests are admitted `admission`, which calls begin `incoming`
//! and `dialling`; which part answers a request is `routing`, which machine hears what is `exchange`. One task owns it, so
//! there are no locks, and a run is replayed from its seed and its inputs.

mod access;
mod admission;
mod alarm;
mod authentication;
mod calls;
mod confirmation;
mod connections;
mod context;
mod counts;
mod dialling;
mod durable;
mod exchange;
mod feature_codes;
mod incoming;
mod inside;
mod nuisance;
mod one_way;
mod owed;
mod pacing;
mod phones;
mod ports;
mod pressure;
mod proving;
mod reception;
mod reconciliation;
mod recovery;
mod refusals;
mod registrations;
mod resume;
mod routes;
mod routing;
mod seats;
mod setup;
mod shedding;
mod signalling;
mod snapshots;
mod tallies;
pub mod trace;
mod trace_request;
mod trunking;

pub use alarm::{Alarm, AlarmChange, Cleared};
pub use connections::Tie;
pub use counts::{Counts, QueueCounts};
pub use ports::{BlockChange, Input, Output, Reason, Recovery, Start};
pub use refusals::{RefusalCause, Refusals};
pub use registrations::RegistrationFailures;
pub use trunking::TrunkCounts;

use crate::acd::{self, Acd};
use crate::call;
use crate::dialplan::Dialplan;
use crate::id::{CallId, QueueId, SeatId};
use crate::time::{Mono, Now};
use std::collections::VecDeque;
use std::sync::Arc;

/// The control plane. Each field is a machine of its own; what goes between two of them is a method here.
pub struct Gateway {
    /// Transactions, and what is to be sent.
    signalling: signalling::Signalling,
    /// Which peer is where, and what it may send.
    access: access::Access,
    /// Trunks: their limits, where they are reached, their passwords.
    trunking: trunking::Trunking,
    /// The seats' phones, and whether they answer.
    phones: phones::Phones,
    /// What is kept of the seats, who may sign in there, and whether their states fit the calls.
    seats: seats::Seats,
    /// Who calls: the block list.
    callers: nuisance::Callers,
    /// What a seat can dial.
    dialplan: Dialplan,
    /// Feature codes that were answered.
    confirmations: confirmation::Confirmations,
    /// Queues and seats.
    acd: Acd,
    calls: calls::Calls,
    /// From a transaction to a leg.
    routes: routes::Routes,
    /// What goes to the journal, and what waits for it.
    journal: durable::Journal,
    /// What every step of a call works with.
    context: context::CallContext,
    tracer: trace::Tracer,
    /// What is still to be done in this step.
    pending: Pending,
}

/// What is still to be done in one step. Kept between steps so that a step allocates nothing of its own.
#[derive(Default)]
struct Pending {
    work: VecDeque<Work>,
    heard: Vec<acd::Output>,
    /// The seat that is picking a call up.
    picking: Option<(SeatId, call::IncomingLeg)>,
}

/// One thing to do.
enum Work {
    Call(CallId, call::Input),
    Acd(acd::Input),
    Seek(CallId, Sought),
}

/// Whom a seat dialled before a restart.
struct Sought {
    by: SeatId,
    dialled: Arc<str>,
}

impl Gateway {
    /// Takes one input and runs until nothing is left to do.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Sip { flow, bytes } => self.sip_received(now, flow, bytes, out),
            Input::Unframed { flow, malformed } => self.unframed(now, flow, &malformed, out),
            Input::Connected { flow, certificate_names } => {
                self.access.control.connected(flow, certificate_names);
            }
            Input::FlowFailed { flow } => self.flow_failed(now, flow, out),
            Input::FlowRefused { flow } => self.flow_refused(now, flow, out),
            Input::Media(event) => self.media_event(now, event, out),
            Input::Durable { position } => self.durable(now, position, out),
            Input::Flooded(flooded) => self.flooded(now, flooded, out),
            Input::Overloaded(overloaded) => self.overloaded(now, overloaded, out),
            Input::BlockList(change) => self.block_list_changed(now, change, out),
            Input::JournalBackedUp(backed_up) => self.journal_backed_up(now, backed_up, out),
            Input::History { call, history } => self.push_call(call, call::Input::History(history)),
            Input::Alarm(AlarmChange::Raised(alarm)) => self.raise(now, &alarm, out),
            Input::Alarm(AlarmChange::Cleared(cleared)) => self.clear(now, &cleared, out),
            Input::Located { query, answer } => self.located(now, query, answer, out),
            Input::StartTrace(trace) => self.start_trace(now, trace, out),
            Input::StopTrace(trace) => self.stop_trace(trace),
            Input::Suspend => return self.suspend(now, out),
            Input::Callback(settled) => self.callback_settled(now, settled, out),
            Input::Drain => self.drain(now, out),
            Input::Shutdown => self.tell_all_calls(|| call::Input::Shutdown),
            Input::Stop => {
                self.tell_shed(now, out);
                self.tell_all_calls(|| call::Input::Stop);
            }
        }
        self.run(now, out);
        self.keep_calls(now, out);
        self.drained(now, out);
        self.callbacks_crowd(now, out);
    }

    /// The next moment something must be done, and why.
    pub fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        [
            self.signalling.poll_timeout().map(|(at, r)| (at, Reason::Sip(r))),
            self.access.registrar.poll_timeout().map(|(at, _)| (at, Reason::Registration)),
            self.phones.poll_timeout().map(|at| (at, Reason::Phone)),
            self.seats_timeout(),
            self.signalling.late_answer().map(|at| (at, Reason::SlowAnswer)),
            self.acd.poll_timeout().map(|(at, r)| (at, Reason::Acd(r))),
            self.trunking.poll_timeout().map(|(at, r)| (at, Reason::Trunk(r))),
            self.calls.next_deadline().map(|(at, call)| (at, Reason::Call(call))),
            self.journal.deadline().map(|at| (at, Reason::DiskHangs)),
            self.journal.touched.deadline().map(|at| (at, Reason::Snapshots)),
            self.tracer.deadline().map(|at| (at, Reason::TraceEnds)),
            self.calls.pacing.next().map(|at| (at, Reason::Paced)),
            self.trunking.shed.deadline().map(|at| (at, Reason::CallsShed)),
            self.calls.one_way.next().map(|(at, _)| (at, Reason::OneWayAudio)),
            self.callback_lapses().map(|at| (at, Reason::Callback)),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    /// Does everything whose moment has come.
    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        let events = self.signalling.handle_timeout(now);
        self.transaction_events(now, events, out);
        if self.access.registrar.poll_timeout().is_some_and(|(at, _)| at <= now.mono) {
            let changed = self.access.registrar.handle_timeout(now);
            self.seats_changed(now, changed, out);
        }
        self.phones_due(now, out);
        self.acd_due(now, out);
        self.confirmations_due(now, out);
        self.reconcile_due(now, out);
        self.signalling.answer_late(now);
        self.paced_due(now.mono);
        self.trunks_due(now, out);
        self.disk_hangs(now, out);
        self.traces_lapse(now, out);
        self.shed_due(now, out);
        self.heard_both_ways(now, out);
        self.callbacks_lapse(now, out);
        self.run(now, out);
        while let Some(call) = self.calls.pop_due(now.mono) {
            self.step(now, call, None, out);
            self.run(now, out);
        }
        self.keep_calls(now, out);
        self.drained(now, out);
        self.callbacks_crowd(now, out);
    }

    /// How many channels of all trunks are taken.
    pub fn channels_in_use(&self) -> u32 {
        self.trunking.in_use()
    }

    /// How many calls are in a queue.
    pub fn queue_depth(&self, queue: &QueueId) -> u32 {
        self.acd.depth(queue)
    }
}
