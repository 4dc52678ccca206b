//! Which way audio may flow. A direction is always seen from one side: the holder of the value says whose.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The way audio may flow, seen from the one who says it (RFC 3264 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Direction {
    /// Both ways. What an absent attribute means.
    #[default]
    SendRecv,
    /// I send, and listen to nothing: how a phone puts its peer on hold and plays music itself.
    SendOnly,
    /// I listen, and send nothing.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// From what may be sent and what may be received.
    pub fn of(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// Whether this side may send.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether this side listens.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same flow seen from the other side.
    pub fn reversed(self) -> Direction {
        Direction::of(self.receives(), self.sends())
    }

    /// What is left when both must agree; both seen from the same side.
    pub fn and(self, other: Direction) -> Direction {
        Direction::of(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The attribute's name in a description.
    pub fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// The direction of an attribute's name in any case.
    pub fn of_name(name: &str) -> Option<Direction> {
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            .into_iter()
            .find(|d| d.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
