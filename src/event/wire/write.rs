//! Events, ours to proto.

use super::terms::Term;
use super::v1::{self, call_event::Payload};
use super::write_record as record;
use super::write_value::*;
use crate::event::*;
use crate::id::TrunkId;

pub(super) fn event(e: &CallEvent) -> v1::CallEvent {
    v1::CallEvent {
        event_id: e.id.to_string(),
        position: e.position,
        occurred_at: Some(timestamp(e.at)),
        call: e.call.as_ref().map(part),
        payload: Some(payload(&e.what)),
    }
}

fn part(p: &CallPart) -> v1::CallPart {
    let s = &p.summary;
    v1::CallPart {
        call_id: p.id.to_string(),
        call_seq: p.seq,
        since_start: Some(duration(p.since_start)),
        summary: Some(v1::CallSummary {
            state: s.state.number(),
            caller: s.caller.reveal().clone(),
            service_number: s.service_number.to_string(),
            queue: name(s.queue.as_ref().map(|q| q.as_str())),
            seat: name(s.seat.as_ref().map(|s| s.as_str())),
            operator: name(s.operator.as_ref().map(|o| o.as_str())),
            received_at: Some(timestamp(s.received_at)),
            ticket_id: s.ticket.as_deref().map(str::to_owned),
            attributes: Vec::new(),
        }),
    }
}

fn payload(what: &What) -> Payload {
    match what {
        What::CallReceived(r) => Payload::CallReceived(received(r)),
        What::CallRefused(r) => Payload::CallRefused(v1::CallRefused {
            received: r.received.as_deref().map(received),
            reason: r.reason.number(),
            sip_code: r.sip_code.into(),
        }),
        What::CallAnswered { delay } => {
            Payload::CallAnswered(v1::CallAnswered { delay: Some(duration(*delay)) })
        }
        What::NoticePlayed { prompt, complete } => {
            Payload::NoticePlayed(v1::NoticePlayed { prompt: prompt.to_string(), complete: *complete })
        }
        What::CallerIdentified(i) => Payload::CallerIdentified(record::identified(i)),
        What::MediaQuality(q) => Payload::MediaQuality(record::quality(q)),
        What::CallEnded(e) => Payload::CallEnded(ended(e)),
        What::CallRecordUpdated(r) => {
            Payload::CallRecordUpdated(v1::CallRecordUpdated { record: Some(record::record(r)) })
        }
        What::CallTransferred(t) => Payload::CallTransferred(record::transferred(t)),
        What::ParticipantChanged { leg, role, party, joined } => {
            Payload::ParticipantChanged(v1::ParticipantChanged {
                leg_id: leg.to_string(),
                role: role.number(),
                joined: *joined,
                party: party.reveal().clone(),
            })
        }
        What::CallHeld { leg } => Payload::CallHeld(v1::CallHeld { leg_id: leg.to_string() }),
        What::CallRecovered { gap, legs } => {
            Payload::CallRecovered(v1::CallRecovered { gap: Some(duration(*gap)), legs: *legs })
        }
        What::CallResumed { leg, held } => {
            Payload::CallResumed(v1::CallResumed { leg_id: leg.to_string(), held: Some(duration(*held)) })
        }
        What::WrapUpStarted { seat, limit } => Payload::WrapUpStarted(v1::WrapUpStarted {
            seat: seat.to_string(),
            limit: Some(duration(*limit)),
        }),
        What::WrapUpCompleted { seat, timed_out } => Payload::WrapUpCompleted(v1::WrapUpCompleted {
            seat: seat.to_string(),
            timed_out: *timed_out,
            ..Default::default()
        }),
        What::CallbackChanged(c) => Payload::CallbackChanged(callback(c)),
        What::QueueEntered(_)
        | What::QueuePositionChanged { .. }
        | What::SeatPresented(_)
        | What::SeatPresentationEnded(_)
        | What::SeatConnected { .. }
        | What::QueueLeft { .. } => queueing(what),
        What::SeatStateChanged { .. }
        | What::QueueStateChanged { .. }
        | What::TrunkStateChanged { .. }
        | What::NodeStateChanged { .. }
        | What::ConfigChanged { .. }
        | What::BlockListChanged { .. }
        | What::AlarmRaised { .. }
        | What::SeatRegistrationFailed { .. }
        | What::OperatorStateChanged(_)
        | What::CallsShed { .. } => node(what),
    }
}

fn received(r: &CallReceived) -> v1::CallReceived {
    v1::CallReceived {
        direction: record::direction(r.direction),
        trunk: r.trunk.as_ref().map(TrunkId::to_string).unwrap_or_default(),
        caller: Some(record::caller(&r.caller)),
        service_number: r.service_number.to_string(),
        leg_id: r.leg.to_string(),
        sip_call_id: r.sip_call_id.to_string(),
        source_address: r.source.to_string(),
        headers: r
            .headers
            .iter()
            .map(|(n, v)| v1::SipHeader { name: n.to_string(), value: v.reveal().clone() })
            .collect(),
    }
}

fn ended(e: &CallEnded) -> v1::CallEnded {
    v1::CallEnded {
        by: e.by.number(),
        reason: e.reason.number(),
        sip_code: e.sip_code.map(u32::from),
        q850: e.q850.into(),
        answered_by_operator: e.answered_by_operator,
        callback_due: e.callback_due,
    }
}

fn callback(c: &CallbackChanged) -> v1::CallbackChanged {
    let promise = c.promise.as_ref();
    v1::CallbackChanged {
        state: c.state.number(),
        reason: c.reason.to_string(),
        attempts: c.attempts,
        due_at: Some(timestamp(c.due_at)),
        callback_id: promise.map(|p| p.id.to_string()).unwrap_or_default(),
        since: promise.map(|p| timestamp(p.since)),
        calls: promise.map_or(0, |p| p.calls),
        last_call_id: promise.map(|p| p.last_call.to_string()).unwrap_or_default(),
        last_called_at: promise.map(|p| timestamp(p.last_called_at)),
        closed_by: c.closed_by.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others are written by `payload`")]
/// Events of the queue and of offers to seats.
fn queueing(what: &What) -> Payload {
    match what {
        What::QueueEntered(q) => Payload::QueueEntered(v1::QueueEntered {
            queue: q.queue.to_string(),
            priority: q.priority.into(),
            skills: q.skills.iter().map(|s| s.to_string()).collect(),
            position: q.position,
            depth: q.depth,
            estimated_wait: q.estimated_wait.map(duration),
            ready_seats: q.ready_seats,
        }),
        What::QueuePositionChanged { queue, position, depth, estimated_wait } => {
            Payload::QueuePositionChanged(v1::QueuePositionChanged {
                queue: queue.to_string(),
                position: *position,
                depth: *depth,
                estimated_wait: estimated_wait.map(duration),
            })
        }
        What::SeatPresented(p) => Payload::SeatPresented(v1::SeatPresented {
            presentation_id: p.presentation.to_string(),
            attempt: p.attempt,
            seat: p.seat.to_string(),
            operator: name(p.operator.as_ref().map(|o| o.as_str())),
            leg_id: p.leg.to_string(),
            waited: Some(duration(p.waited)),
            why: p.why.to_string(),
        }),
        What::SeatPresentationEnded(e) => Payload::SeatPresentationEnded(v1::SeatPresentationEnded {
            presentation_id: e.presentation.to_string(),
            seat: e.seat.to_string(),
            result: e.result.number(),
            rang: Some(duration(e.rang)),
            sip_code: e.sip_code.map(u32::from),
        }),
        What::SeatConnected { presentation, seat, operator, waited, leg } => {
            Payload::SeatConnected(v1::SeatConnected {
                presentation_id: presentation.to_string(),
                seat: seat.to_string(),
                operator: name(operator.as_ref().map(|o| o.as_str())),
                waited: Some(duration(*waited)),
                leg_id: leg.to_string(),
            })
        }
        What::QueueLeft { queue, exit, position, waited } => Payload::QueueLeft(v1::QueueLeft {
            queue: queue.to_string(),
            exit: exit.number(),
            position: *position,
            waited: Some(duration(*waited)),
        }),
        other => payload(other),
    }
}

fn operator(o: &OperatorStateChanged) -> v1::OperatorStateChanged {
    let (author, by) = match &o.author {
        Author::Gateway => (v1::OperatorAuthor::Gateway, None),
        Author::Seat { seat, operator } => (v1::OperatorAuthor::Seat, Some((seat, operator))),
    };
    v1::OperatorStateChanged {
        seat: o.seat.to_string(),
        operator: name(o.operator.as_ref().map(|o| o.as_str())),
        from_state: o.from.number(),
        to_state: o.to.number(),
        reason: o.reason.to_string(),
        author: author as i32,
        author_seat: name(by.map(|(seat, _)| seat.as_str())),
        author_operator: name(by.and_then(|(_, operator)| operator.as_ref()).map(|o| o.as_str())),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others are written by `payload`")]
/// Events that belong to no call.
fn node(what: &What) -> Payload {
    match what {
        What::SeatStateChanged { seat, operator, from, to, reason } => {
            Payload::SeatStateChanged(v1::SeatStateChanged {
                seat: seat.to_string(),
                operator: name(operator.as_ref().map(|o| o.as_str())),
                from_state: from.number(),
                to_state: to.number(),
                reason: reason.to_string(),
            })
        }
        What::OperatorStateChanged(o) => Payload::OperatorStateChanged(operator(o)),
        What::SeatRegistrationFailed { seat, source, reason, count } => {
            Payload::SeatRegistrationFailed(v1::SeatRegistrationFailed {
                seat: seat.to_string(),
                source_address: source.to_string(),
                reason: reason.number(),
                count: *count,
            })
        }
        What::CallsShed { trunk, reason, sip_code, count, span, not_owed } => {
            Payload::CallsShed(v1::CallsShed {
                trunk: trunk.to_string(),
                reason: reason.number(),
                sip_code: (*sip_code).into(),
                count: *count,
                span: Some(duration(*span)),
                not_owed: *not_owed,
            })
        }
        What::QueueStateChanged { queue, open, reason } => {
            Payload::QueueStateChanged(v1::QueueStateChanged {
                queue: queue.to_string(),
                open: *open,
                reason: reason.to_string(),
            })
        }
        What::TrunkStateChanged { trunk, reachable, channels_in_use, reason } => {
            Payload::TrunkStateChanged(v1::TrunkStateChanged {
                trunk: trunk.to_string(),
                reachable: *reachable,
                channels_in_use: *channels_in_use,
                reason: reason.to_string(),
            })
        }
        What::NodeStateChanged { state, reason } => Payload::NodeStateChanged(v1::NodeStateChanged {
            state: state.number(),
            reason: reason.to_string(),
        }),
        What::ConfigChanged { digest } => {
            Payload::ConfigChanged(v1::ConfigChanged { digest: digest.to_string() })
        }
        What::BlockListChanged { masked_number, change, until, reason, by } => {
            Payload::BlockListChanged(v1::BlockListChanged {
                masked_number: masked_number.to_string(),
                change: change.to_string(),
                until: Some(timestamp(*until)),
                reason: reason.to_string(),
                by: by.to_string(),
            })
        }
        What::AlarmRaised { alarm, raised, reason, subject } => Payload::AlarmRaised(v1::AlarmRaised {
            alarm: alarm.to_string(),
            raised: *raised,
            reason: reason.to_string(),
            subject: subject.to_string(),
        }),
        other => payload(other),
    }
}
