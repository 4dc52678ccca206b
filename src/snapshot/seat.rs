//! A seat as it outlives the process.

use crate::id::SeatId;
use serde::{Deserialize, Serialize};

/// A seat: its phones, and who is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeatSnapshot {
    /// The seat.
    pub seat: SeatId,
}
