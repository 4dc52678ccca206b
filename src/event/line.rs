//! One line an event, for the log: what happened without who it happened to.

use super::call_event::What;
use super::facts::{CallReceived, CallerIdentified, MediaQuality, SeatPresented};
use super::{Author, CallbackChanged, Direction, OperatorStateChanged};
use crate::id::TrunkId;
use crate::time::Brief;
use std::fmt;

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::CallReceived(r) => received(r, f),
            What::CallRefused(r) => write!(f, "call refused: {:?}, {}", r.reason, r.sip_code),
            What::CallAnswered { delay } => write!(f, "answered after {}", Brief(*delay)),
            What::NoticePlayed { prompt, complete } => write!(f, "notice {prompt} played, whole: {complete}"),
            What::CallerIdentified(c) => {
                let CallerIdentified { source, calls_24h, timed_out, .. } = c;
                write!(f, "caller identified by {source}, calls in 24 h: {calls_24h}, late: {timed_out}")
            }
            What::QueueEntered(q) => {
                write!(f, "entered queue {} at place {} of {}", q.queue, q.position, q.depth)
            }
            What::QueuePositionChanged { queue, position, depth, .. } => {
                write!(f, "place {position} of {depth} in queue {queue}")
            }
            What::SeatPresented(SeatPresented { seat, attempt, waited, why, .. }) => {
                write!(f, "offered to seat {seat} (attempt {attempt}, waited {}): {why}", Brief(*waited))
            }
            What::SeatPresentationEnded(e) => write!(f, "offer to seat {} ended: {:?}", e.seat, e.result),
            What::SeatConnected { seat, waited, .. } => {
                write!(f, "connected to seat {seat} after {}", Brief(*waited))
            }
            What::QueueLeft { queue, exit, waited, .. } => {
                write!(f, "left queue {queue} after {}: {exit:?}", Brief(*waited))
            }
            What::CallHeld { leg } => write!(f, "held by leg {leg}"),
            What::CallRecovered { gap, legs } => {
                write!(f, "goes on after a restart of {} with {legs} legs", Brief(*gap))
            }
            What::CallResumed { leg, held } => write!(f, "resumed by leg {leg} after {}", Brief(*held)),
            What::CallTransferred(t) => write!(f, "transfer, {:?}: {:?}", t.kind, t.result),
            What::ParticipantChanged { leg, role, joined, .. } => {
                write!(f, "{role:?} {} as leg {leg}", if *joined { "joined" } else { "left" })
            }
            What::MediaQuality(MediaQuality { codec, received, sent, lost, jitter, .. }) => {
                let jitter = Brief(*jitter);
                write!(f, "media {codec}: {received} in, {sent} out, {lost} lost, jitter {jitter}")
            }
            What::CallEnded(e) => {
                write!(f, "ended by {:?}: {:?}, callback due: {}", e.by, e.reason, e.callback_due)
            }
            What::WrapUpStarted { seat, limit } => {
                write!(f, "wrap-up at seat {seat}, {} at most", Brief(*limit))
            }
            What::WrapUpCompleted { seat, timed_out } => {
                write!(f, "wrap-up at seat {seat} complete, by timeout: {timed_out}")
            }
            What::CallbackChanged(c) => callback(c, f),
            What::CallRecordUpdated(r) => write!(f, "record revision {}, final: {}", r.revision, r.is_final),
            What::SeatStateChanged { seat, from, to, reason, .. } => {
                write!(f, "seat {seat}: {from:?} to {to:?}, {reason}")
            }
            What::OperatorStateChanged(o) => operator(o, f),
            What::SeatRegistrationFailed { seat, source, reason, count } => {
                let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
                write!(f, "seat {seat}: a phone at {source} cannot register, {times}: {}", reason.cure())
            }
            What::CallsShed { trunk, reason, sip_code, count, span, not_owed } => {
                write!(
                    f,
                    "trunk {trunk}: {count} calls refused within {span:?}: {reason:?}, {sip_code}; no callback for \
                     {not_owed} of them"
                )
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
            What::AlarmRaised { alarm, raised, reason, .. } => {
                write!(f, "alarm {alarm} {}: {reason}", if *raised { "raised" } else { "cleared" })
            }
        }
    }
}

fn callback(c: &CallbackChanged, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "callback {}: {}", c.state, c.reason)?;
    match (&c.promise, &c.closed_by) {
        (_, Some(by)) => write!(f, ", closed: {by}"),
        (Some(promise), None) => write!(f, ", calls: {}, attempts: {}", promise.calls, c.attempts),
        (None, None) => Ok(()),
    }
}

fn operator(o: &OperatorStateChanged, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let who = o.operator.as_ref().map_or_else(String::new, |operator| format!("operator {operator}, "));
    write!(f, "seat {}: {who}{:?}, {}, by ", o.seat, o.to, o.reason)?;
    match &o.author {
        Author::Gateway => f.write_str("the gateway"),
        Author::Seat { seat, operator: None } => write!(f, "seat {seat}"),
        Author::Seat { seat, operator: Some(operator) } => write!(f, "{operator} at seat {seat}"),
    }
}

fn received(r: &CallReceived, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match r.direction {
        // What a seat dials may be a person's number.
        Direction::Outbound => {
            let over = r.trunk.as_ref().map(|trunk| format!(", to be placed over trunk {trunk}"));
            write!(f, "call of a seat{}, from {}", over.unwrap_or_default(), r.source)
        }
        Direction::Inbound => {
            let trunk = r.trunk.as_ref().map_or("", TrunkId::as_str);
            write!(f, "call received over trunk {trunk} for {} from {}", r.service_number, r.source)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::samples;
    use super::*;

    #[test]
    fn a_call_between_seats_names_no_trunk() {
        let line = |trunk: Option<&str>| {
            let made = CallReceived {
                direction: Direction::Outbound,
                trunk: trunk.map(TrunkId::from),
                ..samples::received()
            };
            What::CallReceived(made).to_string()
        };
        assert!(line(None).starts_with("call of a seat, from "), "{}", line(None));
        assert!(
            line(Some("pbx")).starts_with("call of a seat, to be placed over trunk pbx, from "),
            "{}",
            line(Some("pbx"))
        );
    }

    #[test]
    fn no_line_shows_a_duration_to_the_nanosecond() {
        for event in samples::every_kind() {
            let line = event.what.to_string();
            for fraction in line.split('.').skip(1) {
                let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
                assert!(digits <= 3, "{line}");
            }
        }
    }
}
