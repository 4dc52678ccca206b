//! Calls put to one named seat: a waiting call that an operator picks up, and a caller who comes back to the seat
//! that transferred them.

use super::presence::Denied;
use super::presentation::Presentation;
use super::queue::{Key, WaitingState};
use super::seat::{SeatIndex, State};
use super::strategy::{Choice, Why};
use super::{Acd, Output};
use crate::event::PresentationResult;
use crate::id::{CallId, QueueId, SeatId};
use crate::time::Now;

impl Acd {
    /// Which call a seat that picks up would get: the first of `queue`, or of all the queues it serves. A call that
    /// is being offered to another seat counts when no other call waits.
    pub fn to_pick_up(&self, id: &SeatId, queue: Option<&QueueId>) -> Result<CallId, Denied> {
        let index = self.seat_index(id).ok_or(Denied::UnknownSeat)?;
        self.can_take(index)?;
        let seat = self.seats.get(index as usize).ok_or(Denied::UnknownSeat)?;
        let queues: Vec<usize> = match queue {
            Some(name) => self.queue_names.get(name).copied().into_iter().collect(),
            None => seat.queues.clone(),
        };
        let heads = queues.iter().filter_map(|q| self.queues.get(*q)).filter_map(|q| q.head());
        let head = heads.min_by_key(|(key, _)| *key).map(|(_, call)| call);
        head.or_else(|| self.first_offered(&queues)).ok_or(Denied::NobodyWaits)
    }

    /// The first in line of those being offered to some seat. Walks the seats: for one press of a key.
    fn first_offered(&self, queues: &[usize]) -> Option<CallId> {
        let offered = self.seats.iter().filter_map(|seat| {
            let (State::Reserved { presentation, .. } | State::Ringing { presentation, .. }) = seat.state
            else {
                return None;
            };
            let Some(Presentation::Running { call, .. }) = self.presentations.get(&presentation) else {
                return None;
            };
            let waiting = self.waiting.get(call).filter(|w| queues.contains(&w.queue))?;
            Some((waiting.key, *call))
        });
        let first: Option<(Key, CallId)> = offered.min_by_key(|(key, _)| *key);
        first.map(|(_, call)| call)
    }

    /// The seat's operator takes that call; an offer of it to another seat is taken back.
    pub(super) fn pick_up(&mut self, now: Now, id: &SeatId, call: CallId, out: &mut Vec<Output>) {
        let Some(seat) = self.seat_index(id).filter(|i| self.can_take(*i).is_ok()) else { return };
        let Some(waiting) = self.waiting.get(&call) else { return };
        let (key, queue) = (waiting.key, waiting.queue);
        if let WaitingState::Presented(presentation) = waiting.place {
            self.withdraw(now, presentation, PresentationResult::Withdrawn, out);
            if let Some(waiting) = self.waiting.get_mut(&call) {
                waiting.place = WaitingState::InLine;
            }
            if let Some(queue) = self.queues.get_mut(queue) {
                queue.wait(now.mono, key, call);
            }
        }
        self.put_to(now, call, seat, Why::PickUp, out);
    }

    /// A caller comes back because the target of a transfer did not answer: to the head of the queue, and first to `seat`
    /// if that can take them. The call is never refused: it was in already.
    pub(super) fn recall(
        &mut self,
        now: Now,
        call: CallId,
        queue: &QueueId,
        seat: Option<&SeatId>,
        out: &mut Vec<Output>,
    ) {
        if !self.return_to_head(now, call, queue, out) {
            return;
        }
        let seat = seat.and_then(|s| self.seat_index(s)).filter(|i| self.can_take(*i).is_ok());
        match seat {
            Some(seat) => self.put_to(now, call, seat, Why::Recall, out),
            None => self.seek(now, call, out),
        }
    }

    fn put_to(&mut self, now: Now, call: CallId, seat: SeatIndex, why: Why, out: &mut Vec<Output>) {
        self.drop_wrap_up(seat, out);
        self.present(now, call, Choice { seat, why }, out);
    }
}
