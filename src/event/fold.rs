//! A call's record is never written by hand: [`CallRecord::apply`] folds one event after another, in the running
//! gateway and again after a crash, so that the record and the events cannot disagree.

use super::call_event::*;
use super::facts::*;
use super::record::*;
use crate::id::*;
use crate::time::{Duration, Wall};

/// Notices a record keeps: the first, which tell what the caller heard before anything else.
const NOTICES_KEPT: usize = 8;

/// Transfers a record keeps: the newest.
const TRANSFERS_KEPT: usize = 16;

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
            What::NoticePlayed { prompt, complete } if self.notices.len() < NOTICES_KEPT => {
                self.notices.push((prompt.clone(), *complete));
            }
            What::NoticePlayed { .. } => {}
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
                if self.transfers.len() == TRANSFERS_KEPT {
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
            What::WrapUpStarted { seat, .. } => self.wraps_up(seat, part.since_start),
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

    fn wraps_up(&mut self, seat: &SeatId, at: Duration) {
        self.since.wrap_ups.retain(|(s, _)| s != seat);
        self.since.wrap_ups.push((seat.clone(), at));
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
