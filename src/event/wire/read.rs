//! Events, proto to ours.

use super::Unreadable;
use super::read_record as record;
use super::read_value::*;
use super::terms::Term;
use super::v1::{self, call_event::Payload};
use crate::event::*;
use crate::redact::Pii;
use std::sync::Arc;

type Read<T> = Result<T, Unreadable>;

pub(super) fn event(e: v1::CallEvent) -> Read<CallEvent> {
    Ok(CallEvent {
        id: id(&e.event_id, "event_id")?,
        position: e.position,
        at: timestamp(e.occurred_at, "occurred_at")?,
        call: e.call.map(part).transpose()?,
        what: what(e.payload.ok_or(Unreadable { what: "payload" })?)?,
    })
}

fn part(p: v1::CallPart) -> Read<CallPart> {
    let s = p.summary.ok_or(Unreadable { what: "summary" })?;
    Ok(CallPart {
        id: id(&p.call_id, "call_id")?,
        seq: p.call_seq,
        since_start: duration(p.since_start)?,
        summary: Summary {
            state: CallState::read(s.state)?,
            caller: Pii::new(s.caller),
            service_number: s.service_number.as_str().into(),
            queue: name(&s.queue),
            seat: name(&s.seat),
            operator: name(&s.operator),
            received_at: timestamp(s.received_at, "received_at")?,
            ticket: s.ticket_id.map(Arc::from),
        },
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the payloads of the contract, also of later versions")]
fn what(payload: Payload) -> Read<What> {
    Ok(match payload {
        Payload::CallReceived(r) => What::CallReceived(received(r)?),
        Payload::CallRefused(r) => What::CallRefused(CallRefused {
            received: r.received.map(|r| received(r).map(Box::new)).transpose()?,
            reason: RefusalReason::read(r.reason)?,
            sip_code: code(r.sip_code)?,
        }),
        Payload::CallAnswered(a) => What::CallAnswered { delay: duration(a.delay)? },
        Payload::NoticePlayed(n) => What::NoticePlayed { prompt: n.prompt.into(), complete: n.complete },
        Payload::CallerIdentified(i) => What::CallerIdentified(record::identified(i)?),
        Payload::MediaQuality(q) => What::MediaQuality(record::quality(q)?),
        Payload::CallEnded(e) => What::CallEnded(CallEnded {
            by: EndedBy::read(e.by)?,
            reason: EndReason::read(e.reason)?,
            sip_code: e.sip_code.map(code).transpose()?,
            q850: record::q850(e.q850)?,
            answered_by_operator: e.answered_by_operator,
            callback_due: e.callback_due,
        }),
        Payload::CallRecordUpdated(u) => {
            What::CallRecordUpdated(Box::new(record::record(u.record.ok_or(Unreadable { what: "record" })?)?))
        }
        Payload::CallTransferred(t) => What::CallTransferred(record::transferred(t)?),
        Payload::ParticipantChanged(p) => What::ParticipantChanged {
            leg: id(&p.leg_id, "leg_id")?,
            role: LegRole::read(p.role)?,
            party: Pii::new(p.party),
            joined: p.joined,
        },
        Payload::CallHeld(h) => What::CallHeld { leg: id(&h.leg_id, "leg_id")? },
        Payload::CallRecovered(r) => What::CallRecovered { gap: duration(r.gap)?, legs: r.legs },
        Payload::CallResumed(r) => {
            What::CallResumed { leg: id(&r.leg_id, "leg_id")?, held: duration(r.held)? }
        }
        Payload::WrapUpStarted(w) => {
            What::WrapUpStarted { seat: w.seat.as_str().into(), limit: duration(w.limit)? }
        }
        Payload::WrapUpCompleted(w) => {
            What::WrapUpCompleted { seat: w.seat.as_str().into(), timed_out: w.timed_out }
        }
        Payload::CallbackChanged(c) => What::CallbackChanged(callback(c)?),
        Payload::QueueEntered(_)
        | Payload::QueuePositionChanged(_)
        | Payload::SeatPresented(_)
        | Payload::SeatPresentationEnded(_)
        | Payload::SeatConnected(_)
        | Payload::QueueLeft(_) => return queueing(payload),
        other => return node(other),
    })
}

fn callback(c: v1::CallbackChanged) -> Read<CallbackChanged> {
    Ok(CallbackChanged {
        state: CallbackState::read(c.state)?,
        reason: Listed::read(&c.reason),
        attempts: c.attempts,
        due_at: timestamp(c.due_at, "due_at")?,
        closed_by: name(&c.closed_by),
        promise: promise(&c)?,
    })
}

/// Absent in events of versions that knew none.
fn promise(c: &v1::CallbackChanged) -> Read<Option<Promise>> {
    if c.callback_id.is_empty() {
        return Ok(None);
    }
    Ok(Some(Promise {
        id: id(&c.callback_id, "callback_id")?,
        since: timestamp(c.since, "since")?,
        calls: c.calls,
        last_call: id(&c.last_call_id, "last_call_id")?,
        last_called_at: timestamp(c.last_called_at, "last_called_at")?,
    }))
}

fn received(r: v1::CallReceived) -> Read<CallReceived> {
    Ok(CallReceived {
        direction: record::direction(r.direction)?,
        trunk: read_trunk(&r.trunk),
        caller: record::caller(r.caller.ok_or(Unreadable { what: "caller" })?)?,
        service_number: r.service_number.as_str().into(),
        leg: id(&r.leg_id, "leg_id")?,
        sip_call_id: r.sip_call_id.into(),
        source: id(&r.source_address, "source_address")?,
        headers: r.headers.into_iter().map(|h| (Arc::from(h.name), Pii::new(h.value))).collect(),
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the payloads of the contract, also of later versions")]
/// Events of the queue and of offers to seats.
fn queueing(payload: Payload) -> Read<What> {
    Ok(match payload {
        Payload::QueueEntered(q) => What::QueueEntered(QueueEntered {
            queue: q.queue.as_str().into(),
            priority: record::priority(q.priority)?,
            skills: q.skills.into_iter().map(Arc::from).collect(),
            position: q.position,
            depth: q.depth,
            estimated_wait: maybe_duration(q.estimated_wait)?,
            ready_seats: q.ready_seats,
        }),
        Payload::QueuePositionChanged(q) => What::QueuePositionChanged {
            queue: q.queue.as_str().into(),
            position: q.position,
            depth: q.depth,
            estimated_wait: maybe_duration(q.estimated_wait)?,
        },
        Payload::SeatPresented(p) => What::SeatPresented(SeatPresented {
            presentation: id(&p.presentation_id, "presentation_id")?,
            attempt: p.attempt,
            seat: p.seat.as_str().into(),
            operator: name(&p.operator),
            leg: id(&p.leg_id, "leg_id")?,
            waited: duration(p.waited)?,
            why: Listed::read(&p.why),
        }),
        Payload::SeatPresentationEnded(e) => What::SeatPresentationEnded(SeatPresentationEnded {
            presentation: id(&e.presentation_id, "presentation_id")?,
            seat: e.seat.as_str().into(),
            result: PresentationResult::read(e.result)?,
            rang: duration(e.rang)?,
            sip_code: e.sip_code.map(code).transpose()?,
        }),
        Payload::SeatConnected(c) => What::SeatConnected {
            presentation: id(&c.presentation_id, "presentation_id")?,
            seat: c.seat.as_str().into(),
            operator: name(&c.operator),
            waited: duration(c.waited)?,
            leg: id(&c.leg_id, "leg_id")?,
        },
        Payload::QueueLeft(q) => What::QueueLeft {
            queue: q.queue.as_str().into(),
            exit: QueueExit::read(q.exit)?,
            position: q.position,
            waited: duration(q.waited)?,
        },
        _ => return Err(Unreadable { what: "payload" }),
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the payloads of the contract, also of later versions")]
/// Events that belong to no call. What only later versions write is unreadable.
fn node(payload: Payload) -> Read<What> {
    Ok(match payload {
        Payload::SeatStateChanged(s) => What::SeatStateChanged {
            seat: s.seat.as_str().into(),
            operator: name(&s.operator),
            from: SeatState::read(s.from_state)?,
            to: SeatState::read(s.to_state)?,
            reason: Listed::read(&s.reason),
        },
        Payload::OperatorStateChanged(o) => What::OperatorStateChanged(OperatorStateChanged {
            seat: o.seat.as_str().into(),
            operator: name(&o.operator),
            from: OperatorState::read(o.from_state)?,
            to: OperatorState::read(o.to_state)?,
            reason: Listed::read(&o.reason),
            author: match v1::OperatorAuthor::try_from(o.author) {
                Ok(v1::OperatorAuthor::Gateway) => Author::Gateway,
                Ok(v1::OperatorAuthor::Seat) => {
                    Author::Seat { seat: o.author_seat.as_str().into(), operator: name(&o.author_operator) }
                }
                Ok(v1::OperatorAuthor::Unspecified) | Err(_) => {
                    return Err(Unreadable { what: "OperatorAuthor" });
                }
            },
        }),
        Payload::SeatRegistrationFailed(s) => What::SeatRegistrationFailed {
            seat: s.seat.as_str().into(),
            source: id(&s.source_address, "source_address")?,
            reason: RegistrationFailure::read(s.reason)?,
            count: s.count,
        },
        Payload::CallsShed(s) => What::CallsShed {
            trunk: s.trunk.as_str().into(),
            reason: RefusalReason::read(s.reason)?,
            sip_code: code(s.sip_code)?,
            count: s.count,
            span: duration(s.span)?,
            not_owed: s.not_owed,
        },
        Payload::QueueStateChanged(q) => What::QueueStateChanged {
            queue: q.queue.as_str().into(),
            open: q.open,
            reason: Listed::read(&q.reason),
        },
        Payload::TrunkStateChanged(t) => What::TrunkStateChanged {
            trunk: t.trunk.as_str().into(),
            reachable: t.reachable,
            channels_in_use: t.channels_in_use,
            reason: Listed::read(&t.reason),
        },
        Payload::NodeStateChanged(n) => {
            What::NodeStateChanged { state: NodeState::read(n.state)?, reason: Listed::read(&n.reason) }
        }
        Payload::ConfigChanged(c) => What::ConfigChanged { digest: c.digest.into() },
        Payload::BlockListChanged(b) => What::BlockListChanged {
            masked_number: b.masked_number.into(),
            change: BlockListChange::of_text(&b.change).ok_or(Unreadable { what: "change" })?,
            until: timestamp(b.until, "until")?,
            reason: b.reason.as_str().into(),
            by: b.by.into(),
        },
        Payload::AlarmRaised(a) => What::AlarmRaised {
            alarm: a.alarm.into(),
            raised: a.raised,
            reason: a.reason.into(),
            subject: a.subject.into(),
        },
        _ => return Err(Unreadable { what: "payload" }),
    })
}
