//! `[[service]]`: what citizens dial, and the queue it leads to.

use super::name;
use super::problem::{Problems, Span};
use super::table::Table;
use crate::id::{QueueId, ServiceNumber};
use crate::time::Duration;
use std::sync::Arc;

pub(super) const KEYS: &[&str] = &["number", "queue", "welcome", "answer_delay_ms"];

/// What citizens dial, and the queue it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The number as the trunk delivers it.
    pub number: ServiceNumber,
    /// The queue, which is known.
    pub queue: QueueId,
    /// What a caller hears first; it yields to the operator.
    pub welcome: Option<Arc<str>>,
    /// How long the trunk hears ringback before the 200 OK.
    pub answer_delay: Duration,
}

/// A service and the places of its number and its queue.
pub(super) struct Placed {
    pub service: Service,
    pub number_at: Span,
    pub queue_at: Span,
}

pub(super) fn read(t: &Table<'_>, problems: &mut Problems<'_>) -> Option<Placed> {
    let number = t.required("number", "\"12345\"", problems, name::service_number);
    let queue = t.required("queue", "\"main\"", problems, |q| name::name(q).map(QueueId::from));
    let welcome = t.text("welcome", problems, name::prompt);
    let delay = t.number("answer_delay_ms", 0..=60_000i64, 0, problems);
    let answer_delay = Duration::from_millis(u64::try_from(delay).unwrap_or(0));
    let service = Service { number: number?, queue: queue?, welcome, answer_delay };
    Some(Placed { service, number_at: t.span("number"), queue_at: t.span("queue") })
}
