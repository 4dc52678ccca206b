//! What the shell brings in and carries out.

use super::alarm::AlarmChange;
use super::trace_request::{Trace, TraceId, Traced};
use crate::callback::{Callback, CallbackSettled};
use crate::caller::{BlockEntry, History, HistoryKey, HistorySecret};
use crate::event::CallEvent;
use crate::id::{CallId, Random, TrunkId};
use crate::media;
use crate::redact::Secret;
use crate::sip::digest::SeatAccount;
use crate::sip::locate::{Answer, Query};
use crate::sip::{Flow, Malformed};
use crate::snapshot::{Snapshot, SnapshotKey};
use crate::time::{Duration, Wall};
use bytes::Bytes;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What is brought in about the block list.
#[derive(Debug)]
pub enum BlockChange {
    /// What the store held at the start.
    Loaded(Vec<BlockEntry>),
    /// An operator put a number on it; it is on disk.
    Added(BlockEntry),
    /// An operator took a number off it.
    Removed {
        /// The number.
        key: HistoryKey,
        /// Who.
        by: Arc<str>,
    },
}

/// What the shell brings in.
#[derive(Debug)]
pub enum Input {
    /// A whole message, or what claims to be one.
    Sip {
        /// The path it came by.
        flow: Flow,
        /// The bytes.
        bytes: Bytes,
    },
    /// What cannot be cut into messages: the end of its stream. The peer is told while it can still read.
    Unframed {
        /// The path it came by.
        flow: Flow,
        /// What it is, and what is wrong with it.
        malformed: Malformed,
    },
    /// A connection is open, accepted or made, its handshakes done. Said before anything that came on it.
    Connected {
        /// The path; it names the connection.
        flow: Flow,
        /// The names in its peer's certificate (DNS names, URIs, addresses), verified against the configured
        /// authorities. Empty without a certificate.
        certificate_names: Vec<String>,
    },
    /// A path is gone: a connection closed, or a send failed for good.
    FlowFailed {
        /// The path.
        flow: Flow,
    },
    /// The network says that nothing takes datagrams at the end of this flow. It may be wrong, or forged.
    FlowRefused {
        /// The path.
        flow: Flow,
    },
    /// The media plane answers.
    Media(media::Event),
    /// Every event up to this position is on disk.
    Durable {
        /// The position.
        position: u64,
    },
    /// The journal falls behind (`true`) or has caught up.
    JournalBackedUp(bool),
    /// The block list, or a change of it.
    BlockList(BlockChange),
    /// More comes than can be read, from all sources together (`true`), or no longer.
    Flooded(bool),
    /// The event loop is behind with what those we know bring (`true`), or has caught up.
    Overloaded(bool),
    /// The own store knows this of a caller.
    History {
        /// The call that asked.
        call: CallId,
        /// What is known.
        history: History,
    },
    /// A part of the shell needs a person, or no longer does.
    Alarm(AlarmChange),
    /// What was asked of the domain name system.
    Located {
        /// The question.
        query: Query,
        /// The answer. Each question gets one.
        answer: Answer,
    },
    /// A trace begins.
    StartTrace(Trace),
    /// A trace is not read any more.
    StopTrace(TraceId),
    /// Say the last snapshot of everything; nothing is sent after it. The next process goes on.
    Suspend,
    /// A callback is done, or no longer owed: a person or a backend says so.
    Callback(CallbackSettled),
    /// Take no new calls.
    Drain,
    /// End every call now.
    Shutdown,
    /// The last input: what still waits for a peer is given up, and every record becomes final.
    Stop,
}

/// What the shell carries out, in order.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "moved once, into the journal's batch; a box would cost every event an allocation"
)]
pub enum Output {
    /// Send bytes.
    Send {
        /// The path.
        flow: Flow,
        /// One message.
        bytes: Bytes,
    },
    /// Tell the media plane.
    Media(media::Command),
    /// Write an event to the journal.
    Append {
        /// The event.
        event: CallEvent,
        /// The caller's key in the history, where the event belongs to a call with a known number.
        history: Option<HistoryKey>,
    },
    /// Ask the own store about a caller.
    LookUp {
        /// The call that asks.
        call: CallId,
        /// The caller's key.
        key: HistoryKey,
    },
    /// Ask the domain name system, without making anything wait.
    Locate(Query),
    /// Write this in place of the snapshot before; it belongs to the events appended before it.
    Keep(Snapshot),
    /// Nothing of it is to be resumed any more.
    Forget(SnapshotKey),
    /// Keep this entry of the block list: the gateway slows a caller that calls too often.
    Block(BlockEntry),
    /// What a trace saw.
    Traced(TraceId, Traced),
    /// Draining, and the last call is over.
    Drained,
}

/// Why the gateway wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A transaction's timer.
    Sip(crate::sip::Reason),
    /// A registration runs out.
    Registration,
    /// A seat's phone is to be asked whether it is there, or has not answered.
    Phone,
    /// The seats are to be compared with the calls.
    Reconciliation,
    /// A PIN is not pressed to its end, or a feature code is not answered.
    FeatureCode,
    /// Refreshed registrations are to be written.
    SeatsKept,
    /// An answer to a wrong password was held back.
    SlowAnswer,
    /// A queue's or a seat's timer.
    Acd(crate::acd::Reason),
    /// A trunk's timer.
    Trunk(crate::sip::trunk::Reason),
    /// A call's own timer.
    Call(CallId),
    /// The disk has not confirmed a call's beginning in time.
    DiskHangs,
    /// Snapshots of calls are behind.
    Snapshots,
    /// A trace's time is up.
    TraceEnds,
    /// A peer of a call that a start found is to be asked.
    Paced,
    /// A leg that sent no sound may be heard again.
    OneWayAudio,
    /// Calls that were shed are to be written down.
    CallsShed,
    /// An entry of the recovery list is past the retention time.
    Callback,
}

/// What a gateway starts from, beside its configuration.
pub struct Start {
    /// All randomness comes from here.
    pub random: Random,
    /// The newest position in the journal, 0 for a new one.
    pub head: u64,
    /// The events of every call that has no final record, oldest first.
    pub open_calls: Vec<Vec<CallEvent>>,
    /// What outlived the process before.
    pub snapshots: Vec<Snapshot>,
    /// Whether calls are resumed.
    pub recovery: Recovery,
    /// The numbers that are owed a call, as the store kept them.
    pub callbacks: Vec<Callback>,
    /// Seats that register, with their passwords.
    pub accounts: Vec<SeatAccount>,
    /// The passwords of trunks, by name.
    pub trunk_passwords: HashMap<TrunkId, Secret<String>>,
    /// The key of the caller history.
    pub history_secret: HistorySecret,
}

/// Whether the calls of the process before go on.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovery {
    /// Calls go on.
    Resume {
        /// From the last sign of life of the process before until now.
        gap: Duration,
        /// How that process ended.
        after: media::Interruption,
        /// But these calls do not: the starts before this one died of them. Their dialogs are ended.
        given_up: BTreeSet<CallId>,
        /// The numbers of the streams, with their age now; `None` where the process before left none.
        numbers: Option<media::Numbers>,
    },
    /// Calls are closed and their dialogs ended: too much time has passed, or this is another machine.
    Close {
        /// The last sign of life of the process before, if it left one: the end of its calls.
        last_sign_of_life: Option<Wall>,
    },
}
