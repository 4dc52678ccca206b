//! What the log says, and under which name: `RUST_LOG` chooses by these targets.

use crate::event::{CallEvent, What};
use crate::sip::{Flow, Message, masked};
use bytes::Bytes;
use tracing::Level;

/// One INFO line for each event of a call.
const CALL: &str = "hotline::call";

/// One line for each event that belongs to no call: seats, trunks, alarms.
const NODE: &str = "hotline::node";

/// One TRACE line for each SIP message, of any source: at DEBUG a flood would fill the log.
const SIP: &str = "hotline::sip";

/// Octets of a start line that are logged: a longer one is cut.
const LINE: usize = 200;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// To the gateway.
    In,
    /// From the gateway.
    Out,
}

/// One INFO line an event, WARN when an alarm is raised: a call's story by its id. Personal data stays out.
pub(super) fn event(event: &CallEvent) {
    match &event.call {
        Some(call) => {
            tracing::info!(target: CALL, call = %call.id, seq = call.seq, position = event.position, "{}", event.what);
        }
        None if matches!(event.what, What::AlarmRaised { raised: true, .. }) => {
            tracing::warn!(target: NODE, position = event.position, "{}", event.what);
        }
        None => tracing::info!(target: NODE, position = event.position, "{}", event.what),
    }
}

/// A SIP message in one TRACE line: its start line, numbers included and passwords masked, and what it is found by. Costs
/// one branch when nothing of it is logged.
#[inline]
pub(super) fn message(sense: Sense, flow: &Flow, bytes: &Bytes) {
    if tracing::enabled!(target: SIP, Level::TRACE) {
        write(sense, flow, bytes);
    }
}

#[cold]
fn write(sense: Sense, flow: &Flow, bytes: &Bytes) {
    // What cannot be read is counted by the gateway, and logged by none.
    let Ok(message) = Message::parse(Bytes::from(masked(bytes, false))) else { return };
    let start = start_line(&message);
    let (seq, method) = message.cseq();
    let arrow = match sense {
        Sense::In => "<-",
        Sense::Out => "->",
    };
    tracing::trace!(target: SIP, call_id = message.call_id(), cseq = %format_args!("{seq} {method}"), remote = %flow.remote, "{arrow} {start}");
}

/// The start line without what a terminal would act on.
fn start_line(message: &Message) -> String {
    let encoded = message.bytes();
    let end = encoded.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(encoded.len()).min(LINE);
    let line = encoded.get(..end).unwrap_or_default();
    String::from_utf8_lossy(line).chars().filter(|c| !c.is_control()).collect()
}
