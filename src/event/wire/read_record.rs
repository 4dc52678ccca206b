//! Records and what they share with events, proto to ours.

use super::Unreadable;
use super::read_value::{attributes, code, duration, id, maybe_duration, name, timestamp, wall};
use super::terms::Term;
use super::v1;
use crate::event::*;
use crate::redact::Pii;
use crate::time::{Duration, Wall};

type Read<T> = Result<T, Unreadable>;

pub(super) fn record(r: v1::CallRecord) -> Read<CallRecord> {
    Ok(CallRecord {
        call: id(&r.call_id, "call_id")?,
        revision: r.revision,
        is_final: r.r#final,
        state: CallState::read(r.state)?,
        direction: direction(r.direction)?,
        trunk: super::read_value::read_trunk(&r.trunk),
        caller: caller(r.caller.ok_or(Unreadable { what: "caller" })?)?,
        service_number: r.service_number.as_str().into(),
        received_at: timestamp(r.received_at, "received_at")?,
        answered_at: maybe_time(r.answered_at)?,
        connected_at: maybe_time(r.connected_at)?,
        ended_at: maybe_time(r.ended_at)?,
        waited: duration(r.waited)?,
        talked: duration(r.talked)?,
        held: duration(r.held)?,
        gap: r.gap.map_or(Ok(Duration::ZERO), |gap| duration(Some(gap)))?,
        identified: r.identified.map(identified).transpose()?,
        queue_visits: r.queue_visits.into_iter().map(visit).collect::<Read<_>>()?,
        presentations: r.presentations.into_iter().map(presentation).collect::<Read<_>>()?,
        presentation_count: r.presentation_count,
        legs: r.legs.into_iter().map(leg).collect::<Read<_>>()?,
        seat: name(&r.seat),
        operator: name(&r.operator),
        refused: r.refused.map(|r| Ok((RefusalReason::read(r.reason)?, code(r.sip_code)?))).transpose()?,
        ended: r.ended.map(end).transpose()?,
        wrap_up: r.wrap_up.map(|w| Ok((duration(w.duration)?, w.timed_out))).transpose()?,
        callback: r.callback.map(callback).transpose()?,
        notices: r.notices.into_iter().map(|n| (n.prompt.into(), n.complete)).collect(),
        transfers: r.transfers.into_iter().map(transfer).collect::<Read<_>>()?,
        since: Default::default(),
    })
}

/// Unspecified is what the contract began with: calls that come in.
pub(super) fn direction(number: i32) -> Read<Direction> {
    match v1::CallDirection::try_from(number) {
        Ok(v1::CallDirection::Unspecified | v1::CallDirection::Inbound) => Ok(Direction::Inbound),
        Ok(v1::CallDirection::Outbound) => Ok(Direction::Outbound),
        Err(_) => Err(Unreadable { what: "direction" }),
    }
}

pub(super) fn transferred(t: v1::CallTransferred) -> Read<CallTransferred> {
    Ok(CallTransferred {
        kind: TransferKind::read(t.kind)?,
        from: Pii::new(t.from_party),
        to: Pii::new(t.to_party),
        result: TransferResult::read(t.result)?,
    })
}

fn transfer(t: v1::Transfer) -> Read<(Wall, CallTransferred)> {
    let v1::Transfer { at, kind, from_party, to_party, result } = t;
    let what = v1::CallTransferred { kind, from_party, to_party, result };
    Ok((timestamp(at, "at")?, transferred(what)?))
}

fn end(e: v1::End) -> Read<CallEnded> {
    Ok(CallEnded {
        by: EndedBy::read(e.by)?,
        reason: EndReason::read(e.reason)?,
        sip_code: e.sip_code.map(code).transpose()?,
        q850: q850(e.q850)?,
        answered_by_operator: e.answered_by_operator,
        callback_due: e.callback_due,
    })
}

fn callback(c: v1::Callback) -> Read<RecordedCallback> {
    let id = (!c.callback_id.is_empty()).then(|| id(&c.callback_id, "callback_id")).transpose()?;
    Ok(RecordedCallback { id, state: CallbackState::read(c.state)?, reason: Listed::read(&c.reason) })
}

fn maybe_time(t: Option<prost_types::Timestamp>) -> Read<Option<Wall>> {
    t.map(|t| wall(t).ok_or(Unreadable { what: "timestamp" })).transpose()
}

/// A Q.850 cause.
pub(super) fn q850(cause: u32) -> Read<u8> {
    u8::try_from(cause).map_err(|_| Unreadable { what: "q850" })
}

/// A queue priority.
pub(super) fn priority(priority: u32) -> Read<u8> {
    u8::try_from(priority).map_err(|_| Unreadable { what: "priority" })
}

pub(super) fn caller(c: v1::Caller) -> Read<Caller> {
    Ok(Caller {
        raw: Pii::new(c.raw),
        e164: c.e164.map(Pii::new),
        name: c.name.map(Pii::new),
        withheld: c.withheld,
        source: IdentitySource::read(c.source)?,
        diverted_by: c.diverted_by.map(Pii::new),
    })
}

pub(super) fn identified(i: v1::CallerIdentified) -> Read<CallerIdentified> {
    Ok(CallerIdentified {
        source: i.source.as_str().into(),
        calls_24h: i.calls_24h,
        calls_7d: i.calls_7d,
        calls_30d: i.calls_30d,
        last_seat: name(&i.last_seat),
        last_operator: name(&i.last_operator),
        attributes: attributes(i.attributes),
        took: duration(i.took)?,
        timed_out: i.timed_out,
    })
}

pub(super) fn quality(q: v1::MediaQuality) -> Read<MediaQuality> {
    Ok(MediaQuality {
        leg: if q.leg_id.is_empty() { None } else { Some(id(&q.leg_id, "leg_id")?) },
        codec: q.codec.into(),
        received: q.packets_received,
        sent: q.packets_sent,
        lost: q.packets_lost,
        jitter: duration(q.jitter)?,
        round_trip: maybe_duration(q.round_trip)?,
        mos: q.mos,
    })
}

fn visit(v: v1::QueueVisit) -> Read<QueueVisit> {
    let left = match v.left_at {
        Some(at) => Some((timestamp(Some(at), "left_at")?, QueueExit::read(v.exit)?, duration(v.waited)?)),
        None => None,
    };
    Ok(QueueVisit {
        queue: v.queue.as_str().into(),
        priority: priority(v.priority)?,
        entered_at: timestamp(v.entered_at, "entered_at")?,
        entry_position: v.entry_position,
        estimated_wait: maybe_duration(v.estimated_wait)?,
        left,
    })
}

fn presentation(p: v1::Presentation) -> Read<PresentationRecord> {
    let ended = match p.result {
        0 => None,
        result => {
            Some((PresentationResult::read(result)?, duration(p.rang)?, p.sip_code.map(code).transpose()?))
        }
    };
    Ok(PresentationRecord {
        presentation: id(&p.presentation_id, "presentation_id")?,
        seat: p.seat.as_str().into(),
        operator: name(&p.operator),
        at: timestamp(p.presented_at, "presented_at")?,
        why: Listed::read(&p.why),
        ended,
    })
}

fn leg(l: v1::Leg) -> Read<LegRecord> {
    Ok(LegRecord {
        leg: id(&l.leg_id, "leg_id")?,
        role: LegRole::read(l.role)?,
        quality: l.quality.map(quality).transpose()?,
    })
}
