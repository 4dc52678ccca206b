//! Whether the operator at a seat takes calls, and the call of the seat that comes from no queue.

use crate::event::AwayReason;
use crate::id::CallId;
use crate::time::Mono;

/// What the operator at a seat wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Availability {
    /// No operator is signed in.
    SignedOut,
    /// Calls.
    Ready,
    /// No calls.
    Away(AwayReason),
    /// Calls, but presentations were left unanswered: none until the operator comes back, or until then.
    Absent { until: Option<Mono> },
}

/// A call of a seat that comes from no queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OwnCall {
    pub(super) call: CallId,
    pub(super) role: OwnRole,
}

/// What a seat has to do with a call that comes from no queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnRole {
    /// A colleague rings it.
    Rung,
    /// The seat made the call, or has answered.
    Talks,
}
