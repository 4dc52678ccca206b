//! `[[queue]]`: where callers wait, and how seats are offered them.

use super::name;
use super::problem::{Fault, Problems, Span, fault};
use super::table::Table;
use crate::id::{QueueId, SeatId};
use crate::time::Duration;
use std::sync::Arc;
use toml::de::DeValue;

pub(super) const KEYS: &[&str] = &[
    "name",
    "capacity",
    "max_wait",
    "ring_timeout",
    "cool_down",
    "ring_misses",
    "ring_misses_ready_after",
    "wrap_up",
    "seats",
    "music",
    "full_prompt",
    "timeout_prompt",
    "code",
    "apology_prompt",
];

/// Where callers wait, and how seats are offered them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The name in events and records.
    pub name: QueueId,
    /// Callers who may wait at one time.
    pub capacity: u32,
    /// After this long a caller hears `timeout_prompt` and is let go, with a record.
    pub max_wait: Duration,
    /// How long a seat rings before the next one is offered the call.
    pub ring_timeout: Duration,
    /// How long a seat that did not answer, or refused, is left in peace.
    pub cool_down: Duration,
    /// After so many presentations in a row without an answer a seat is offered nothing more; 0: never.
    pub ring_misses: u32,
    /// After how long such a seat is ready again without its operator; `None`: never.
    pub ring_misses_ready_after: Option<Duration>,
    /// How long a seat has for its notes after a call.
    pub wrap_up: Duration,
    /// The seats that serve it, at least one, each known and named once.
    pub seats: Vec<SeatId>,
    /// What a caller hears who waits, is on hold or is transferred; `None`: silence.
    pub music: Option<Arc<str>>,
    /// What a caller hears when the queue is full; 503 before the answer when absent.
    pub full_prompt: Option<Arc<str>>,
    /// What a caller hears when the waiting time is over; nothing but the end when absent.
    pub timeout_prompt: Option<Arc<str>>,
    /// What follows the code for picking up, to pick up a call of this queue.
    pub code: Option<String>,
    /// What a caller hears whose operator's phone died: the call waits again, first in line.
    pub apology_prompt: Option<Arc<str>>,
}

/// The built-in prompt a caller hears where no music is named: the ringing tone.
pub const RINGBACK: &str = "ringback";

/// The tone after a feature code that is taken.
pub const PROMPT_DONE: &str = "tone-done";

/// The tone after one that is refused, and after a wrong PIN.
pub const PROMPT_REFUSED: &str = "tone-refused";

/// What an operator hears who is to press the PIN.
pub const PROMPT_PIN: &str = "tone-pin";

/// A prompt, or none at all.
fn music(text: &str) -> Result<Option<Arc<str>>, Fault> {
    if text == "none" { Ok(None) } else { name::prompt(text).map(Some) }
}

/// A queue, its place, and the seats it names with theirs. `None`: all seats.
pub(super) struct Placed {
    pub queue: Queue,
    pub at: Span,
    pub named: Option<Vec<(SeatId, Span)>>,
}

pub(super) fn read(t: &Table<'_>, problems: &mut Problems<'_>) -> Option<Placed> {
    let name = t.required("name", "\"main\"", problems, |n| name::name(n).map(QueueId::from));
    let s = Duration::from_secs;
    let queue = Queue {
        name: name.clone().unwrap_or_else(|| QueueId::from("")),
        capacity: t.number("capacity", 1..=100_000, 500, problems),
        max_wait: t.duration("max_wait", s(1)..=s(24 * 3600), s(30 * 60), problems),
        ring_timeout: t.duration("ring_timeout", s(1)..=s(300), s(20), problems),
        cool_down: t.duration("cool_down", s(0)..=s(3600), s(30), problems),
        ring_misses: t.number("ring_misses", 0..=100, 1, problems),
        ring_misses_ready_after: Some(t.duration(
            "ring_misses_ready_after",
            s(0)..=s(24 * 3600),
            Duration::ZERO,
            problems,
        ))
        .filter(|after| !after.is_zero()),
        wrap_up: t.duration("wrap_up", s(0)..=s(3600), s(30), problems),
        seats: Vec::new(),
        music: t.text("music", problems, music).unwrap_or_else(|| Some(Arc::from(RINGBACK))),
        full_prompt: t.text("full_prompt", problems, name::prompt),
        timeout_prompt: t.text("timeout_prompt", problems, name::prompt),
        code: t.text("code", problems, name::queue_code),
        apology_prompt: t
            .text("apology_prompt", problems, name::prompt)
            .or_else(|| Some(Arc::from("apology"))),
    };
    let named = seats(t, problems);
    name.map(|_| Placed { queue, at: t.span("name"), named })
}

/// `"all"`, or a list of seats and ranges of seats.
#[expect(clippy::wildcard_enum_match_arm, reason = "the types of TOML")]
fn seats(t: &Table<'_>, problems: &mut Problems<'_>) -> Option<Vec<(SeatId, Span)>> {
    let (value, at) = t.get("seats")?;
    let cure = "write \"all\", or a list like [\"1001\", \"1003-1010\"]";
    match value {
        DeValue::String(s) if s == "all" => return None,
        DeValue::Array(items) if items.is_empty() => {
            problems.add(&at, fault("queue.seats is empty, so no seat would ever answer", cure));
        }
        DeValue::Array(_) => {}
        _ => {
            problems.add(&at, fault("queue.seats is neither \"all\" nor a list", cure));
            return None;
        }
    }
    let read = t.texts("seats", problems, |s| match name::seat_range(s) {
        Ok(many) => Ok(many),
        Err(_) => name::seat(s).map(|one| vec![one]),
    })?;
    Some(read.into_iter().flat_map(|(ids, at)| ids.into_iter().map(move |id| (id, at.clone()))).collect())
}
