//! The record of one call: what its events add up to.
//!
//! A record is never written by hand: [`CallRecord::apply`] folds one event after another, in the running
//! gateway and again after a crash, so that the record and the events cannot disagree.

use super::call_event::*;
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

/// What a leg is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegRole {
    /// Towards the citizen.
    Caller,
    /// Towards a seat.
    Seat,
    /// Towards a party that joined later.
    ThirdParty,
}

impl CallRecord {
    /// The record of a call that just began. `None` when `event` is not a call's first event.
    pub fn open(event: &CallEvent) -> Option<CallRecord> {
        let part = event.call.as_ref()?;
        let received = if let What::CallReceived(r) = &event.what {
            r
        } else if let What::CallRefused(CallRefused { received: Some(r), .. }) = &event.what {
            r.as_ref()
        } else {
            return None;
        };
        let mut record = CallRecord {
            call: part.id,
            revision: 0,
            is_final: false,
            state: part.summary.state,
            direction: received.direction,
            trunk: received.trunk.clone(),
            caller: received.caller.clone(),
            service_number: received.service_number.clone(),
            received_at: part.summary.received_at,
            answered_at: None,
            connected_at: None,
            ended_at: None,
            waited: Duration::ZERO,
            talked: Duration::ZERO,
            held: Duration::ZERO,
            gap: Duration::ZERO,
            identified: None,
            queue_visits: Vec::new(),
            presentations: Vec::new(),
            presentation_count: 0,
            legs: vec![LegRecord { leg: received.leg, role: LegRole::Caller, quality: None }],
            // A call that a seat makes is not presented: it is that seat's from the first.
            seat: part.summary.seat.clone(),
            operator: part.summary.operator.clone(),
            refused: None,
            ended: None,
            wrap_up: None,
            callback: None,
            notices: Vec::new(),
            transfers: Vec::new(),
            since: Marks::default(),
        };
        if matches!(event.what, What::CallRefused(_)) {
            record.apply(event);
        }
        Some(record)
    }

    /// Folds one further event of the same call into the record.
    pub fn apply(&mut self, event: &CallEvent) {
        let Some(part) = &event.call else { return };
        self.state = part.summary.state;
        match &event.what {
            What::CallReceived(_) | What::QueuePositionChanged { .. } | What::CallHeld { .. } => {}
            What::CallRefused(r) => {
                self.refused = Some((r.reason, r.sip_code));
                self.ended_at = Some(event.at);
            }
            What::CallAnswered { .. } => {
                self.answered_at = Some(event.at);
                if self.direction == Direction::Outbound {
                    self.connected(event.at, part.since_start);
                }
            }
            What::NoticePlayed { prompt, complete } => {
                if self.notices.len() < 8 {
                    self.notices.push((prompt.clone(), *complete));
                }
            }
            What::CallerIdentified(i) => self.identified = Some(i.clone()),
            What::QueueEntered(q) => {
                self.talk_over(part.since_start);
                self.enter(event.at, q);
            }
            What::QueueLeft { queue, exit, waited, .. } => self.leave(event.at, queue, *exit, *waited),
            What::SeatPresented(p) => self.present(event.at, p),
            What::SeatPresentationEnded(e) => self.presentation_ended(e),
            What::SeatConnected { seat, operator, leg, .. } => {
                self.connected(event.at, part.since_start);
                // Of several phones that rang, this one was not named before.
                self.add_leg(*leg, LegRole::Seat);
                self.seat = Some(seat.clone());
                self.operator = operator.clone();
            }
            What::CallTransferred(t) => {
                if self.transfers.len() == 16 {
                    self.transfers.remove(0);
                }
                self.transfers.push((event.at, t.clone()));
            }
            What::ParticipantChanged { leg, role, joined, .. } => {
                if *joined {
                    self.add_leg(*leg, *role);
                }
            }
            What::CallResumed { held, .. } => self.held += *held,
            What::CallRecovered { gap, .. } => self.gap += *gap,
            What::MediaQuality(q) => {
                if let Some(leg) = self.legs.iter_mut().find(|l| Some(l.leg) == q.leg) {
                    leg.quality = Some(q.clone());
                }
            }
            What::CallEnded(e) => {
                self.ended_at = Some(event.at);
                self.ended = Some(e.clone());
                self.talk_over(part.since_start);
            }
            What::WrapUpStarted { seat, .. } => {
                self.since.wrap_ups.retain(|(s, _)| s != seat);
                self.since.wrap_ups.push((seat.clone(), part.since_start));
            }
            What::WrapUpCompleted { seat, timed_out } => self.wrapped_up(seat, *timed_out, part.since_start),
            What::CallbackChanged(c) => {
                let id = c.promise.map(|promise| promise.id);
                self.callback = Some(RecordedCallback { id, state: c.state, reason: c.reason.clone() });
            }
            What::CallRecordUpdated(r) => {
                self.revision = r.revision;
                self.is_final = r.is_final;
            }
            What::SeatStateChanged { .. }
            | What::QueueStateChanged { .. }
            | What::TrunkStateChanged { .. }
            | What::NodeStateChanged { .. }
            | What::ConfigChanged { .. }
            | What::BlockListChanged { .. }
            | What::SeatRegistrationFailed { .. }
            | What::OperatorStateChanged(_)
            | What::CallsShed { .. }
            | What::AlarmRaised { .. } => {}
        }
    }

    /// The record that a call's events, in order, add up to. `None` when the first is not a beginning.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a CallEvent>) -> Option<CallRecord> {
        let mut events = events.into_iter();
        let mut record = CallRecord::open(events.next()?)?;
        for event in events {
            record.apply(event);
        }
        Some(record)
    }

    /// Whether that offer was accepted, as far as it is kept.
    pub fn was_answered(&self, presentation: PresentationId) -> bool {
        let answered = |p: &PresentationRecord| matches!(p.ended, Some((PresentationResult::Answered, ..)));
        self.presentations.iter().any(|p| p.presentation == presentation && answered(p))
    }

    /// A talk ends with the call, or when the caller is back in a queue because their operator was lost.
    fn talk_over(&mut self, now: Duration) {
        if let Some(from) = self.since.connected.take() {
            self.talked += now.saturating_sub(from);
        }
    }

    /// One seat after the other: the time with each counts.
    fn connected(&mut self, at: Wall, since_start: Duration) {
        self.connected_at.get_or_insert(at);
        self.since.connected.get_or_insert(since_start);
    }

    fn wrapped_up(&mut self, seat: &SeatId, timed_out: bool, now: Duration) {
        let at = self.since.wrap_ups.iter().position(|(s, _)| s == seat);
        let took = at.map_or(Duration::ZERO, |at| now.saturating_sub(self.since.wrap_ups.swap_remove(at).1));
        let (before, any) = self.wrap_up.unwrap_or_default();
        self.wrap_up = Some((before + took, any || timed_out));
    }

    fn add_leg(&mut self, leg: LegId, role: LegRole) {
        if self.legs.len() < 64 && self.legs.iter().all(|l| l.leg != leg) {
            self.legs.push(LegRecord { leg, role, quality: None });
        }
    }

    fn enter(&mut self, at: Wall, q: &QueueEntered) {
        if self.queue_visits.len() == 16 {
            self.queue_visits.remove(0);
        }
        self.queue_visits.push(QueueVisit {
            queue: q.queue.clone(),
            priority: q.priority,
            entered_at: at,
            entry_position: q.position,
            estimated_wait: q.estimated_wait,
            left: None,
        });
    }

    fn leave(&mut self, at: Wall, queue: &QueueId, exit: QueueExit, waited: Duration) {
        self.waited += waited;
        if let Some(v) = self.queue_visits.iter_mut().rev().find(|v| v.queue == *queue && v.left.is_none()) {
            v.left = Some((at, exit, waited));
        }
    }

    fn present(&mut self, at: Wall, p: &SeatPresented) {
        self.presentation_count += 1;
        if self.presentations.len() == PRESENTATIONS_KEPT {
            self.presentations.remove(0);
        }
        self.presentations.push(PresentationRecord {
            presentation: p.presentation,
            seat: p.seat.clone(),
            operator: p.operator.clone(),
            at,
            why: p.why.clone(),
            ended: None,
        });
        self.add_leg(p.leg, LegRole::Seat);
    }

    fn presentation_ended(&mut self, e: &SeatPresentationEnded) {
        if let Some(p) = self.presentations.iter_mut().rev().find(|p| p.presentation == e.presentation) {
            p.ended = Some((e.result, e.rang, e.sip_code));
        }
    }
}
