//! The seats that failed to take a call that waits.

use super::seat::SeatIndex;

/// A call remembers this many seats that failed it, the newest: enough to ring a whole small team once.
/// What is forgotten may be tried again.
pub(super) const FAILED_SEATS_KEPT: usize = 16;

/// The seats that failed one caller, the newest last.
#[derive(Debug, Default)]
pub(super) struct FailedSeats(Vec<SeatIndex>);

impl FailedSeats {
    pub(super) fn iter(&self) -> impl Iterator<Item = &SeatIndex> {
        self.0.iter()
    }

    pub(super) fn contains(&self, seat: SeatIndex) -> bool {
        self.0.contains(&seat)
    }

    pub(super) fn add(&mut self, seat: SeatIndex) {
        self.0.retain(|s| *s != seat);
        if self.0.len() == FAILED_SEATS_KEPT {
            self.0.remove(0);
        }
        self.0.push(seat);
    }
}
