//! One line an event, for the log: what happened without who it happened to.

use super::Direction;
use super::call_event::What;
use std::fmt;

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What a seat dials may be somebody's number.
            What::CallReceived(r) if r.direction == Direction::Outbound => {
                write!(f, "call of a seat, to be placed over trunk {}, from {}", r.trunk, r.source)
            }
            What::CallReceived(r) => {
                write!(f, "call received over trunk {} for {} from {}", r.trunk, r.service_number, r.source)
            }
            What::CallRefused(r) => write!(f, "call refused: {:?}, {}", r.reason, r.sip_code),
            What::CallAnswered { delay } => write!(f, "answered after {delay:?}"),
            What::NoticePlayed { prompt, complete } => write!(f, "notice {prompt} played, whole: {complete}"),
            What::CallerIdentified(c) => {
                write!(
                    f,
                    "caller identified by {}, calls in 24 h: {}, late: {}",
                    c.source, c.calls_24h, c.timed_out
                )
            }
            What::QueueEntered(q) => {
                write!(f, "entered queue {} at place {} of {}", q.queue, q.position, q.depth)
            }
            What::QueuePositionChanged { queue, position, depth, .. } => {
                write!(f, "place {position} of {depth} in queue {queue}")
            }
            What::SeatPresented(p) => {
                write!(
                    f,
                    "offered to seat {} (attempt {}, waited {:?}): {}",
                    p.seat, p.attempt, p.waited, p.why
                )
            }
            What::SeatPresentationEnded(e) => write!(f, "offer to seat {} ended: {:?}", e.seat, e.result),
            What::SeatConnected { seat, waited, .. } => {
                write!(f, "connected to seat {seat} after {waited:?}")
            }
            What::QueueLeft { queue, exit, waited, .. } => {
                write!(f, "left queue {queue} after {waited:?}: {exit:?}")
            }
            What::CallHeld { leg } => write!(f, "held by leg {leg}"),
            What::CallResumed { leg, held } => write!(f, "resumed by leg {leg} after {held:?}"),
            What::CallTransferred(t) => write!(f, "transfer, {:?}: {:?}", t.kind, t.result),
            What::ParticipantChanged { leg, role, joined, .. } => {
                write!(f, "{role:?} {} as leg {leg}", if *joined { "joined" } else { "left" })
            }
            What::MediaQuality(q) => {
                write!(
                    f,
                    "media {}: {} in, {} out, {} lost, jitter {:?}",
                    q.codec, q.received, q.sent, q.lost, q.jitter
                )
            }
            What::CallEnded(e) => {
                write!(f, "ended by {:?}: {:?}, callback due: {}", e.by, e.reason, e.callback_due)
            }
            What::WrapUpStarted { seat, limit } => write!(f, "wrap-up at seat {seat}, {limit:?} at most"),
            What::WrapUpCompleted { seat, timed_out } => {
                write!(f, "wrap-up at seat {seat} complete, by timeout: {timed_out}")
            }
            What::CallbackChanged { state, reason, .. } => write!(f, "callback {state:?}: {reason}"),
            What::CallRecordUpdated(r) => write!(f, "record revision {}, final: {}", r.revision, r.is_final),
            What::SeatStateChanged { seat, from, to, reason, .. } => {
                write!(f, "seat {seat}: {from:?} to {to:?}, {reason}")
            }
            What::SeatRegistrationFailed { seat, source, reason, count } => {
                write!(
                    f,
                    "seat {seat}: a phone at {source} cannot register: {} ({count} times)",
                    reason.cure()
                )
            }
            What::CallsShed { trunk, reason, sip_code, count, span } => {
                write!(f, "trunk {trunk}: {count} calls refused within {span:?}: {reason:?}, {sip_code}")
            }
            What::QueueStateChanged { queue, open, reason } => {
                write!(f, "queue {queue} open: {open}, {reason}")
            }
            What::TrunkStateChanged { trunk, reachable, reason, .. } => {
                write!(f, "trunk {trunk} reachable: {reachable}, {reason}")
            }
            What::NodeStateChanged { state, reason } => write!(f, "gateway {state:?}: {reason}"),
            What::ConfigChanged { digest } => write!(f, "configuration {digest} in force"),
            What::BlockListChanged { change, by, .. } => write!(f, "block list: {change}, by {by}"),
            What::AlarmRaised { alarm, raised, reason } => {
                write!(f, "alarm {alarm} raised: {raised}, {reason}")
            }
        }
    }
}
