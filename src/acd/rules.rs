//! What the machine is told once, at its start: queues with their limits, and seats.

use crate::id::{QueueId, SeatId};
use crate::time::Duration;

/// Queues and seats, in their configured order.
#[derive(Debug, Clone, Default)]
pub struct AcdConfig {
    /// Every queue. A second queue of the same name is ignored.
    pub queues: Vec<QueueRules>,
    /// Every seat; the order decides between seats that became idle at the same instant. All are offline
    /// until [`super::Input::SeatUp`], static ones too. A seat named by a queue only is added at the end.
    pub seats: Vec<SeatId>,
    /// The seats that are offered nothing until an operator signs in there; the others begin as signed in.
    pub signing_in: Vec<SeatId>,
}

/// The limits of one queue, and who serves it.
#[derive(Debug, Clone)]
pub struct QueueRules {
    /// The name.
    pub name: QueueId,
    /// Most calls in it at once, those being presented included. The next one is refused.
    pub capacity: usize,
    /// Longest wait; then the call leaves with `Timeout`.
    pub max_wait: Duration,
    /// How long a seat has to answer, counted from the presentation.
    pub ring_timeout: Duration,
    /// How long a seat is left alone after it failed to take a call; at least [`super::RELEASE_LIMIT`].
    pub cool_down: Duration,
    /// After so many presentations in a row that the ring timeout ended a seat is offered nothing; 0: never.
    pub ring_misses: u32,
    /// After how long such a seat is ready again although its operator did not come back; `None`: never.
    pub ring_misses_ready_after: Option<Duration>,
    /// How long a seat may work on the case after a call of this queue. Zero: ready at once.
    pub wrap_up: Duration,
    /// The seats that serve it. A seat may serve several queues.
    pub seats: Vec<SeatId>,
}
