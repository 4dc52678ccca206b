//! A transfer: the caller on the way to another party, and the line of the seat that transfers them.

use super::leg::ReferId;
use super::search::Search;
use crate::event::TransferKind;
use crate::id::{LegId, SeatId};
use serde::{Deserialize, Serialize};

/// A caller on the way to another party; music plays meanwhile.
#[derive(Debug)]
pub(super) struct Transfer {
    /// The seat that transfers (the transferor).
    pub by: SeatId,
    /// How.
    pub kind: TransferKind,
    /// The line of that seat, while it is up.
    pub line: Option<Line>,
    /// The transfer target.
    pub search: Search,
}

/// The line of a seat that transfers a caller.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Line {
    /// Its leg.
    pub leg: LegId,
    /// The subscription its REFER began; `None` when the phone wants to be told nothing.
    pub refer: Option<Refer>,
}

/// The subscription of a REFER.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Refer {
    /// The leg it came on.
    pub leg: LegId,
    /// Its name.
    pub id: ReferId,
}

impl Transfer {
    /// Whether `leg` is the seat's line, or the one its REFER came on.
    pub(super) fn uses(&self, leg: LegId) -> bool {
        self.line.is_some_and(|line| line.leg == leg || line.refer.is_some_and(|refer| refer.leg == leg))
    }
}
