//! What was decided of an operator, and who decided it.

use super::reasons::{Listed, OperatorReason};
use super::words::OperatorState;
use crate::id::{OperatorId, SeatId};

/// An operator signed in or out, takes calls or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorStateChanged {
    /// The seat.
    pub seat: SeatId,
    /// The operator there, where they have a name apart from the seat; on signing out, the one who leaves.
    pub operator: Option<OperatorId>,
    /// From this state.
    pub from: OperatorState,
    /// To this state; the same when another operator signs in, when the reason changes, or when signing in is refused.
    pub to: OperatorState,
    /// Why.
    pub reason: Listed<OperatorReason>,
    /// Who decided it.
    pub author: Author,
}

/// Who decided something about an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// The gateway, by its rules.
    Gateway,
    /// The person at a seat.
    Seat {
        /// The seat.
        seat: SeatId,
        /// Who is signed in there, or signs in.
        operator: Option<OperatorId>,
    },
}
