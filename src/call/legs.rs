//! The legs of one call.

use super::leg::{Leg, Purpose};
use crate::id::{LegId, PresentationId, SeatId};

/// At most this many legs of one call at once: the caller's, and 32 that ring or talk, up to eight phones of a seat, or whose
/// CANCEL or BYE is still unanswered. Each of those ends within 64*T1; a presentation past the limit ends as unreachable.
pub(super) const MAX_LEGS: usize = 33;

/// The legs of one call, in the order they began.
#[derive(Debug)]
pub struct Legs(Vec<Leg>);

impl Legs {
    /// Of a call that one party began.
    pub fn new(first: Leg) -> Legs {
        let mut legs = Vec::with_capacity(2);
        legs.push(first);
        Legs(legs)
    }

    /// Of a call that goes on after a restart; `None` when there are none.
    pub fn resumed(legs: Vec<Leg>) -> Option<Legs> {
        (!legs.is_empty()).then_some(Legs(legs))
    }

    /// The leg of this id.
    pub fn get(&self, id: LegId) -> Option<&Leg> {
        self.0.iter().find(|leg| leg.id == id)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.0.iter_mut().find(|leg| leg.id == id)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Leg> {
        self.0.iter()
    }

    /// The ids of those that are so.
    pub fn ids(&self, which: impl Fn(&Leg) -> bool) -> Vec<LegId> {
        self.0.iter().filter(|leg| which(leg)).map(|leg| leg.id).collect()
    }

    /// Whether no further leg may begin.
    pub fn is_full(&self) -> bool {
        self.0.len() >= MAX_LEGS
    }

    /// Whether all are gone.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One more.
    pub fn push(&mut self, leg: Leg) {
        self.0.push(leg);
    }

    /// Takes out those that are so.
    pub fn take(&mut self, which: impl Fn(&Leg) -> bool) -> Vec<Leg> {
        if self.0.iter().any(&which) { self.0.extract_if(.., |leg| which(leg)).collect() } else { Vec::new() }
    }

    /// Whether the dialog of this leg is confirmed.
    pub fn is_up(&self, id: LegId) -> bool {
        self.get(id).is_some_and(Leg::is_up)
    }

    /// Whether a leg of this seat is here.
    pub fn has(&self, seat: &SeatId) -> bool {
        self.iter().any(|leg| leg.party.seat() == Some(seat))
    }

    /// Whether a phone of this presentation may still answer.
    pub fn any_may_answer(&self, presentation: PresentationId) -> bool {
        self.iter().any(|leg| leg.purpose.presentation() == Some(presentation) && leg.may_be_answered())
    }

    /// Whether no phone that the queue presented the call to rings by this presentation any more.
    pub fn are_released(&self, presentation: PresentationId) -> bool {
        let rings = |leg: &Leg| leg.may_be_answered() || leg.is_cancelling();
        !self.iter().any(|leg| leg.purpose == Purpose::Serves(presentation) && rings(leg))
    }
}
