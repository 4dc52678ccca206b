//! Records and what they share with events, ours to proto.

use super::terms::Term;
use super::v1;
use super::write_value::{attributes, duration, name, timestamp};
use crate::event::*;
use crate::id::TrunkId;

pub(super) fn record(r: &CallRecord) -> v1::CallRecord {
    v1::CallRecord {
        call_id: r.call.to_string(),
        revision: r.revision,
        r#final: r.is_final,
        state: r.state.number(),
        trunk: r.trunk.as_ref().map(TrunkId::to_string).unwrap_or_default(),
        caller: Some(caller(&r.caller)),
        service_number: r.service_number.to_string(),
        received_at: Some(timestamp(r.received_at)),
        answered_at: r.answered_at.map(timestamp),
        connected_at: r.connected_at.map(timestamp),
        ended_at: r.ended_at.map(timestamp),
        waited: Some(duration(r.waited)),
        talked: Some(duration(r.talked)),
        held: Some(duration(r.held)),
        gap: (!r.gap.is_zero()).then(|| duration(r.gap)),
        identified: r.identified.as_ref().map(identified),
        queue_visits: r.queue_visits.iter().map(visit).collect(),
        presentations: r.presentations.iter().map(presentation).collect(),
        presentation_count: r.presentation_count,
        legs: r.legs.iter().map(leg).collect(),
        seat: name(r.seat.as_ref().map(|s| s.as_str())),
        operator: name(r.operator.as_ref().map(|o| o.as_str())),
        refused: r
            .refused
            .map(|(reason, code)| v1::Refusal { reason: reason.number(), sip_code: code.into() }),
        ended: r.ended.as_ref().map(|e| v1::End {
            by: e.by.number(),
            reason: e.reason.number(),
            sip_code: e.sip_code.map(u32::from),
            q850: e.q850.into(),
            answered_by_operator: e.answered_by_operator,
            callback_due: e.callback_due,
        }),
        wrap_up: r.wrap_up.map(|(took, timed_out)| v1::WrapUp { duration: Some(duration(took)), timed_out }),
        callback: r.callback.as_ref().map(|c| v1::Callback {
            state: c.state.number(),
            reason: c.reason.to_string(),
            callback_id: c.id.map(|id| id.to_string()).unwrap_or_default(),
        }),
        notices: r
            .notices
            .iter()
            .map(|(prompt, complete)| v1::Notice { prompt: prompt.to_string(), complete: *complete })
            .collect(),
        direction: direction(r.direction),
        transfers: r.transfers.iter().map(|(at, t)| transfer(*at, t)).collect(),
    }
}

/// What the contract began with is unspecified in it: the bytes of older events stay as they are.
pub(super) fn direction(d: Direction) -> i32 {
    match d {
        Direction::Inbound => 0,
        Direction::Outbound => v1::CallDirection::Outbound as i32,
    }
}

pub(super) fn transferred(t: &CallTransferred) -> v1::CallTransferred {
    v1::CallTransferred {
        kind: t.kind.number(),
        from_party: t.from.reveal().clone(),
        to_party: t.to.reveal().clone(),
        result: t.result.number(),
    }
}

fn transfer(at: crate::time::Wall, t: &CallTransferred) -> v1::Transfer {
    let v1::CallTransferred { kind, from_party, to_party, result } = transferred(t);
    v1::Transfer { at: Some(timestamp(at)), kind, from_party, to_party, result }
}

pub(super) fn caller(c: &Caller) -> v1::Caller {
    v1::Caller {
        raw: c.raw.reveal().clone(),
        e164: c.e164.as_ref().map(|n| n.reveal().clone()),
        name: c.name.as_ref().map(|n| n.reveal().clone()),
        withheld: c.withheld,
        source: c.source.number(),
        diverted_by: c.diverted_by.as_ref().map(|n| n.reveal().clone()),
    }
}

pub(super) fn identified(i: &CallerIdentified) -> v1::CallerIdentified {
    v1::CallerIdentified {
        source: i.source.to_string(),
        calls_24h: i.calls_24h,
        calls_7d: i.calls_7d,
        calls_30d: i.calls_30d,
        last_seat: name(i.last_seat.as_ref().map(|s| s.as_str())),
        last_operator: name(i.last_operator.as_ref().map(|o| o.as_str())),
        attributes: attributes(&i.attributes),
        took: Some(duration(i.took)),
        timed_out: i.timed_out,
        open_ticket_ids: Vec::new(),
    }
}

pub(super) fn quality(q: &MediaQuality) -> v1::MediaQuality {
    v1::MediaQuality {
        leg_id: q.leg.map(|l| l.to_string()).unwrap_or_default(),
        codec: q.codec.to_string(),
        packets_received: q.received,
        packets_sent: q.sent,
        packets_lost: q.lost,
        jitter: Some(duration(q.jitter)),
        round_trip: q.round_trip.map(duration),
        mos: q.mos,
    }
}

fn visit(v: &QueueVisit) -> v1::QueueVisit {
    v1::QueueVisit {
        queue: v.queue.to_string(),
        priority: v.priority.into(),
        entered_at: Some(timestamp(v.entered_at)),
        entry_position: v.entry_position,
        estimated_wait: v.estimated_wait.map(duration),
        left_at: v.left.map(|(at, _, _)| timestamp(at)),
        exit: v.left.map_or(0, |(_, exit, _)| exit.number()),
        waited: v.left.map(|(_, _, waited)| duration(waited)),
    }
}

fn presentation(p: &PresentationRecord) -> v1::Presentation {
    v1::Presentation {
        presentation_id: p.presentation.to_string(),
        seat: p.seat.to_string(),
        operator: name(p.operator.as_ref().map(|o| o.as_str())),
        presented_at: Some(timestamp(p.at)),
        why: p.why.to_string(),
        result: p.ended.map_or(0, |(result, _, _)| result.number()),
        rang: p.ended.map(|(_, rang, _)| duration(rang)),
        sip_code: p.ended.and_then(|(_, _, code)| code).map(u32::from),
    }
}

fn leg(l: &LegRecord) -> v1::Leg {
    v1::Leg { leg_id: l.leg.to_string(), role: l.role.number(), quality: l.quality.as_ref().map(quality) }
}
