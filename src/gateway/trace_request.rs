//! What is asked of a trace and what it says, and the bounds of both.

use crate::id::{CallId, SeatId, TrunkId};
use crate::sip::Flow;
use crate::time::{Duration, Wall};
use bytes::Bytes;
use std::net::IpAddr;

/// Most traces at once: one for each engineer who brings up a trunk, and room. Each costs a comparison a message.
pub const TRACES: usize = 8;

/// The longest a trace lasts: a forgotten one must not run for ever.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// Most messages of one trace: a thousand calls of ten messages.
pub const MESSAGES: u32 = 10_000;

/// Most bytes of one trace: the messages of [`MESSAGES`] at a generous length each.
pub const BYTES: u64 = 16 * 1024 * 1024;

/// Names a trace; the shell chooses it.
pub type TraceId = u64;

/// Whose messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// All that comes from and goes to where a trunk is.
    Trunk(TrunkId),
    /// All that comes from and goes to where a seat's phone is.
    Seat(SeatId),
    /// All legs of a call that is under way.
    Call(CallId),
    /// All that comes from and goes to an address, known or not.
    Peer(IpAddr),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Its name.
    pub id: TraceId,
    /// Whose messages.
    pub subject: Subject,
    /// For how long; cut to [`LONGEST`].
    pub lasts: Duration,
    /// How many messages at most; cut to [`MESSAGES`].
    pub most: u32,
    /// Whether telephone numbers and names are masked too.
    pub mask_numbers: bool,
}

/// What a trace says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Traced {
    /// A message came or went.
    Message {
        /// When.
        at: Wall,
        /// Whether we sent it.
        sent: bool,
        /// By which path.
        flow: Flow,
        /// The message, masked.
        bytes: Bytes,
    },
    /// Nothing follows.
    Ended(TraceEnd),
}

/// Why a trace ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceEnd {
    /// Its time is up.
    TimeUp,
    /// The trace has as many messages or bytes as it may have.
    Full,
    /// Not begun: there are [`TRACES`] already.
    TooMany,
    /// Not begun: there is no such trunk, seat or call.
    UnknownSubject,
}
