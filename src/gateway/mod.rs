//! The whole control plane as one value: it owns the machines and carries values between them.
//!
//! [`Gateway::handle`] takes one input and runs until nothing is left to do; what must leave the core comes out as
//! [`Output`]. It has no policy of its own: who may come in is `admission`, who answers a request is `routing`,
//! which machine hears what is `exchange`. One task owns it, so there are no locks, and a run is replayed from its
//! seed and its inputs.

mod admission;
mod alarm;
mod authentication;
mod confirmation;
mod connections;
mod counts;
mod dialling;
mod durable;
mod exchange;
mod incoming;
mod inside;
mod nuisance;
mod phones;
mod ports;
mod proving;
mod recovery;
mod refusals;
mod registrations;
mod routing;
mod setup;
mod shedding;
pub mod trace;
mod trunking;

pub use alarm::{Alarm, AlarmChange, Cleared};
pub use connections::Tie;
pub use counts::{Counts, QueueCounts};
pub use nuisance::BlockChange;
pub use ports::{Input, Output, Reason, Start};
pub use refusals::{Cause, Refusals};
pub use registrations::RegistrationFailures;
pub use trunking::TrunkCounts;

use crate::acd::{self, Acd};
use crate::call::{self, Call, Rules, ServiceRules};
use crate::caller::{HistoryKey, TrunkIdentity};
use crate::dialplan::Dialplan;
use crate::event::Sequence;
use crate::id::{CallId, LegId, QueueId, Random, SeatId, ServiceNumber, TrunkId};
use crate::sip::locate::Hop;
use crate::sip::registrar::Held;
use crate::sip::trunk::Capacity;
use crate::sip::{AccessControl, ClientTx, Endpoint, Flow, Method, Outgoing, Registrar, ServerTx};
use crate::time::{Mono, Now, Timers};
use crate::token_bucket::TokenBucket;
use durable::Awaiting;
use phones::Phones;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// The control plane.
pub struct Gateway {
    rules: Arc<Rules>,
    services: HashMap<ServiceNumber, Arc<ServiceRules>>,
    trunks: HashMap<TrunkId, Trunk>,
    trunking: trunking::Trunking,
    static_contacts: HashMap<SeatId, crate::call::Target>,
    history_key: crate::caller::HistorySecret,
    most_calls: usize,
    endpoint: Endpoint,
    registrar: Registrar,
    access: AccessControl,
    names: crate::sip::access::Names,
    allowance: crate::sip::access::Allowance,
    pressure: admission::Pressure,
    /// For REGISTERs of sources that have no tokens left.
    reserve: TokenBucket,
    block_list: crate::caller::BlockList,
    acd: Acd,
    calls: HashMap<CallId, Slot>,
    legs: HashMap<LegId, CallId>,
    clients: HashMap<ClientTx, Sent>,
    /// The INVITEs sent on a leg, the newest last; at most [`INVITES_KEPT`].
    invites: HashMap<LegId, Vec<ClientTx>>,
    servers: HashMap<ServerTx, (CallId, LegId)>,
    call_timers: Timers<CallId>,
    awaiting: Awaiting,
    dialplan: Dialplan,
    /// Legs that go out by a trunk.
    outward: HashMap<LegId, Outward>,
    /// Feature codes that were answered.
    confirmations: confirmation::Confirmations,
    alarms: alarm::Alarms,
    /// The seat that is picking a call up, within one step.
    picking: Option<(SeatId, call::SeatAsked)>,
    /// Which seats' phones are there.
    phones: Phones,
    /// Answers to wrong passwords, which are slow.
    held: Held,
    /// Calls of trunks that were refused and only counted.
    shed: shedding::Shed,
    sequence: Sequence,
    random: Random,
    duty: Duty,
    tallies: counts::Tallies,
    tracer: trace::Tracer,
    // Kept between steps so that a step allocates nothing of its own.
    work: VecDeque<Work>,
    said: Vec<call::Output>,
    heard: Vec<acd::Output>,
    wire: Vec<crate::sip::Output>,
}

/// A call and what the gateway keeps beside it.
struct Slot {
    call: Call,
    trunk: TrunkId,
    history: Option<HistoryKey>,
    /// The INVITEs it was asked by, the newest last; at most [`INVITES_KEPT`].
    asked: Vec<ServerTx>,
    ack: Ack,
}

/// The ACK of the 200 OK that answered a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ack {
    /// We have not answered yet.
    NotDue,
    /// It is awaited: the call is half open.
    Awaited,
    /// It came.
    Come,
}

/// How many INVITE transactions are remembered: incoming ones of one call, to tell it when a 200 OK is never
/// acknowledged, and ours of one leg, whose 2xx may come again. A re-INVITE past this pushes the oldest out; only a peer that floods its own dialog gets there.
const INVITES_KEPT: usize = 4;

/// A request a call sent: whose it is and what it asked for.
#[derive(Debug, Clone)]
struct Sent {
    call: CallId,
    leg: LegId,
    method: Method,
    cseq: u32,
    /// The request itself, where its trunk may ask for a password.
    provable: Option<Box<Provable>>,
    /// What goes by UDP instead, when no stream to the peer can be had.
    instead: Option<Box<Instead>>,
}

/// A request that went by a stream for its length, and the path it would have taken.
#[derive(Debug, Clone)]
struct Instead {
    flow: Flow,
    request: Outgoing,
}

/// A request as it went out, to be sent again with a password.
#[derive(Debug, Clone)]
struct Provable {
    trunk: TrunkId,
    flow: Flow,
    request: Outgoing,
}

/// A leg that goes out: the trunk it takes a channel of, and where its INVITE went.
#[derive(Debug)]
struct Outward {
    trunk: TrunkId,
    hop: Option<Hop>,
}

/// What is kept of a trunk.
struct Trunk {
    identity: TrunkIdentity,
    capacity: Capacity,
    /// Calls refused, by reason.
    refused: Vec<(crate::event::RefusalReason, u64)>,
}

/// Whether new calls are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    /// Yes.
    Serving,
    /// No; the others may end by themselves.
    Draining,
    /// Said that nothing is left.
    Done,
}

/// What is still to be done in this step.
enum Work {
    Call(CallId, call::Input),
    Acd(acd::Input),
}

impl Gateway {
    /// Takes one input and runs until nothing is left to do.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Sip { flow, bytes } => self.sip_received(now, flow, bytes, out),
            Input::Unframed { flow, malformed } => self.unframed(now, flow, &malformed, out),
            Input::Connected { flow, certificate_names } => self.access.connected(flow, certificate_names),
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
            Input::Drain => self.drain(now, out),
            Input::Shutdown => self.tell_all_calls(|| call::Input::Shutdown),
            Input::Stop => {
                self.tell_shed(now, out);
                self.tell_all_calls(|| call::Input::Stop);
            }
        }
        self.run(now, out);
        self.drained(now, out);
    }

    /// The next moment something must be done, and why.
    pub fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        [
            self.endpoint.poll_timeout().map(|(at, r)| (at, Reason::Sip(r))),
            self.registrar.poll_timeout().map(|(at, _)| (at, Reason::Registration)),
            self.phones.poll_timeout().map(|at| (at, Reason::Phone)),
            self.held.poll_timeout().map(|at| (at, Reason::SlowAnswer)),
            self.acd.poll_timeout().map(|(at, r)| (at, Reason::Acd(r))),
            self.trunking.poll_timeout().map(|(at, r)| (at, Reason::Trunk(r))),
            self.call_timers.next().map(|(at, call)| (at, Reason::Call(call))),
            self.awaiting.deadline().map(|at| (at, Reason::DiskHangs)),
            self.tracer.deadline().map(|at| (at, Reason::TraceEnds)),
            self.shed.deadline().map(|at| (at, Reason::CallsShed)),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    /// Does everything whose moment has come.
    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.endpoint.poll_timeout().is_some_and(|(at, _)| at <= now.mono) {
            let happened = self.endpoint.handle_timeout(now, &mut self.wire);
            self.transaction_events(now, happened, out);
        }
        if self.registrar.poll_timeout().is_some_and(|(at, _)| at <= now.mono) {
            let changed = self.registrar.handle_timeout(now);
            self.seats_changed(now, changed, out);
        }
        self.phones_due(now, out);
        if self.acd.poll_timeout().is_some_and(|(at, _)| at <= now.mono) {
            self.acd.handle_timeout(now, &mut self.heard);
            self.acd_said(now, out);
        }
        while let Some((tx, answer)) = self.held.pop_due(now.mono) {
            self.endpoint.respond(now, tx, answer, &mut self.wire);
            self.endpoint.forget(tx);
        }
        self.trunks_due(now, out);
        self.disk_hangs(now, out);
        self.traces_lapse(now, out);
        self.shed_due(now, out);
        self.run(now, out);
        while let Some(call) = self.call_timers.pop_due(now.mono) {
            self.step(now, call, None, out);
            self.run(now, out);
        }
        self.drained(now, out);
    }

    /// How many channels of all trunks are taken.
    pub fn channels_in_use(&self) -> u32 {
        self.trunks.values().map(|t| t.capacity.in_use()).sum()
    }

    /// How many calls are in a queue.
    pub fn queue_depth(&self, queue: &QueueId) -> u32 {
        self.acd.depth(queue)
    }
}
