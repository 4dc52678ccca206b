//! The record of one call: what its events add up to, see `fold`.

use super::facts::*;
use super::reasons::{Listed, SeatChoice};
use super::words::*;
use crate::id::{
    CallId, CallbackId, LegId, OperatorId, PresentationId, QueueId, SeatId, ServiceNumber, TrunkId,
};
use crate::time::{Duration, Wall};
use std::sync::Arc;

/// At most this many presentations are kept in a record; a call that is offered more often keeps the
/// newest and counts all. A call that rings for an hour at 5 s a seat reaches 720 offers.
pub const PRESENTATIONS_KEPT: usize = 32;

/// Everything known of one call, at one revision.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    /// The call.
    pub call: CallId,
    /// 0 while nothing was published, then 1, 2, 3 …: a higher revision replaces a lower one.
    pub revision: u32,
    /// No further revision is expected.
    pub is_final: bool,
    /// Where the call stands.
    pub state: CallState,
    /// The side that began it.
    pub direction: Direction,
    /// The trunk it came over or goes out by; `None` between seats.
    pub trunk: Option<TrunkId>,
    /// The caller.
    pub caller: Caller,
    /// What was dialled.
    pub service_number: ServiceNumber,
    /// When the INVITE came.
    pub received_at: Wall,
    /// When we answered.
    pub answered_at: Option<Wall>,
    /// When a human first answered: a seat, or whom a seat called.
    pub connected_at: Option<Wall>,
    /// When it ended.
    pub ended_at: Option<Wall>,
    /// Time in queues, all visits together.
    pub waited: Duration,
    /// Time with humans, hold included.
    pub talked: Duration,
    /// Time on hold.
    pub held: Duration,
    /// Restarts of the gateway during the call, all together.
    pub gap: Duration,
    /// What the look-ups said.
    pub identified: Option<CallerIdentified>,
    /// Every visit to a queue, in order; at most 16.
    pub queue_visits: Vec<QueueVisit>,
    /// The newest presentations, in order; see [`PRESENTATIONS_KEPT`].
    pub presentations: Vec<PresentationRecord>,
    /// How many presentations there were.
    pub presentation_count: u32,
    /// The legs, in order; at most 64.
    pub legs: Vec<LegRecord>,
    /// The seat that spoke with the caller last; of a call a seat made, that seat.
    pub seat: Option<SeatId>,
    /// The person there.
    pub operator: Option<OperatorId>,
    /// How it was refused.
    pub refused: Option<(RefusalReason, u16)>,
    /// How it ended.
    pub ended: Option<CallEnded>,
    /// Time seats spent after the call, all wrap-ups together, and whether the limit of any ran out.
    pub wrap_up: Option<(Duration, bool)>,
    /// The callback that this call made, renewed or closed.
    pub callback: Option<RecordedCallback>,
    /// Notices the caller heard, and whether to their end; at most 8.
    pub notices: Vec<(Arc<str>, bool)>,
    /// The transfers, in order; at most 16.
    pub transfers: Vec<(Wall, CallTransferred)>,
    /// When the current talk, hold or wrap-up began: bookkeeping of the fold.
    pub(crate) since: Marks,
}

/// Instants the fold measures from, since the call began.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Marks {
    pub(crate) connected: Option<Duration>,
    /// Of every seat that wraps up; a caller who was transferred may have left several at it.
    pub(crate) wrap_ups: Vec<(SeatId, Duration)>,
}

/// One visit to a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueVisit {
    /// The queue.
    pub queue: QueueId,
    /// 0 is ordinary.
    pub priority: u8,
    /// When it entered.
    pub entered_at: Wall,
    /// The place it got.
    pub entry_position: u32,
    /// The wait it could expect.
    pub estimated_wait: Option<Duration>,
    /// When and how it left, and how long it had waited.
    pub left: Option<(Wall, QueueExit, Duration)>,
}

impl CallRecord {
    /// The queue the call is in.
    pub fn open_visit(&self) -> Option<&QueueVisit> {
        self.queue_visits.iter().rev().find(|visit| visit.left.is_none())
    }
}

impl QueueVisit {
    /// How long the call has waited at `now`.
    pub fn waited(&self, now: Wall) -> Duration {
        Duration::from_nanos(now.0.saturating_sub(self.entered_at.0))
    }
}

/// One offer of the call to a seat.
#[derive(Debug, Clone, PartialEq)]
pub struct PresentationRecord {
    /// The offer.
    pub presentation: PresentationId,
    /// The seat.
    pub seat: SeatId,
    /// The person there.
    pub operator: Option<OperatorId>,
    /// When.
    pub at: Wall,
    /// Why this seat.
    pub why: Listed<SeatChoice>,
    /// How it ended, how long it rang, and the seat's SIP status.
    pub ended: Option<(PresentationResult, Duration, Option<u16>)>,
}

/// What a call did to a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCallback {
    /// Which; `None` in records of versions that knew none.
    pub id: Option<CallbackId>,
    /// Where the promise stood then.
    pub state: CallbackState,
    /// Why it is owed.
    pub reason: Listed<CallbackReason>,
}

/// One leg of the call.
#[derive(Debug, Clone, PartialEq)]
pub struct LegRecord {
    /// The leg.
    pub leg: LegId,
    /// `caller` or `seat`.
    pub role: LegRole,
    /// How its media was.
    pub quality: Option<MediaQuality>,
}
