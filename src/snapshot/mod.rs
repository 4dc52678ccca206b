//! What outlives the process: calls and seats as values, written beside the journal and read at the next start.
//!
//! A snapshot is no history, the journal is that: of each call and seat only the newest stands. It is made of the values of
//! the core themselves, so that nothing is said twice; [`VERSION`] changes with their shape, and a snapshot of another
//! version is not resumed. Moments are [`crate::time::Mono`], nanoseconds since boot: they hold in the next process of
//! the same boot and in no other.

mod encoding;
mod seat;

pub use crate::call::CallSnapshot;
pub use encoding::NotASnapshot;
pub use seat::SeatSnapshot;

use crate::id::{CallId, SeatId};
use serde::{Deserialize, Serialize};

/// The shape of what is written. Another one is not read.
pub const VERSION: u32 = 2;

/// One thing that outlives the process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Snapshot {
    /// A call, from its first INVITE until the last of its dialogs is over.
    Call(Box<CallSnapshot>),
    /// A seat: its phones, and who is there.
    Seat(Box<SeatSnapshot>),
}

/// Whose a snapshot is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SnapshotKey {
    /// A call's.
    Call(CallId),
    /// A seat's.
    Seat(SeatId),
}

impl Snapshot {
    /// Whose it is.
    pub fn key(&self) -> SnapshotKey {
        match self {
            Snapshot::Call(call) => SnapshotKey::Call(call.call),
            Snapshot::Seat(seat) => SnapshotKey::Seat(seat.seat.clone()),
        }
    }
}

impl SnapshotKey {
    /// The kind, as the store names it.
    pub fn kind(&self) -> &'static str {
        match self {
            SnapshotKey::Call(_) => "call",
            SnapshotKey::Seat(_) => "seat",
        }
    }

    /// The name within its kind.
    pub fn name(&self) -> String {
        match self {
            SnapshotKey::Call(call) => call.to_string(),
            SnapshotKey::Seat(seat) => seat.to_string(),
        }
    }
}
