//! A seat as it outlives the process.

use crate::acd;
use crate::id::SeatId;
use crate::sip::Binding;
use crate::time::{Mono, Wall};
use serde::{Deserialize, Serialize};

/// A seat: its phones, and who is there. Its calls are in their own snapshots.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeatSnapshot {
    /// The seat.
    pub seat: SeatId,
    /// When this was written: all moments in it are of this clock.
    pub at: Mono,
    /// The same moment by the clock that outlives a reboot.
    pub wall: Wall,
    /// The registered contacts.
    pub bindings: Vec<Binding>,
    /// Who is there, and whether they take calls.
    pub work: acd::SeatWork,
}
