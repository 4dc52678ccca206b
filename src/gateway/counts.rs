//! How much of everything there is: for the health page, the metrics, and the test that nothing is left behind.

use super::Gateway;
use crate::event::{SeatState, Totals};
use crate::id::QueueId;
use std::sync::Arc;

/// What the gateway holds now, and what it has counted since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that are not finished, wrap-up included.
    pub calls: usize,
    /// Legs of those calls.
    pub legs: usize,
    /// Calls in queues.
    pub waiting: usize,
    /// Seats that may be offered a call.
    pub ready_seats: usize,
    /// Seats whose phone is registered, but does not answer.
    pub unreachable_seats: usize,
    /// Ways to phones that are watched.
    pub watched_phones: usize,
    /// Paths on which no phone answers.
    pub lost_phones: usize,
    /// SIP transactions.
    pub transactions: usize,
    /// Ways from a transaction to its call.
    pub routes: usize,
    /// Deadlines of calls.
    pub timers: usize,
    /// Answers that wait for the disk.
    pub awaiting_disk: usize,
    /// Numbers that are owed a call.
    pub callbacks_due: usize,
    /// Calls that got no callback because too many numbers are owed one.
    pub callbacks_full_total: u64,
    /// Calls received, refused ones not included.
    pub received_total: u64,
    /// Calls refused.
    pub refused_total: u64,
    /// Calls a human answered.
    pub connected_total: u64,
    /// Calls ended.
    pub ended_total: u64,
    /// Requests of unknown sources turned away.
    pub unknown_sources_total: u64,
    /// Packets dropped before parsing.
    pub shed_total: u64,
    /// Packets that were no SIP message.
    pub malformed_total: u64,
    /// Responses, ACKs and CANCELs that belonged to nothing.
    pub stray_total: u64,
    /// Requests that came a second time by another path and were answered 482.
    pub merged_total: u64,
    /// New requests for which there was no transaction left.
    pub full_total: u64,
    /// Requests turned away, by class of peer and cause.
    pub refusals: super::Refusals,
    /// Registrations of seats that failed, by reason; of users that are no seats, too.
    pub registration_failures: super::RegistrationFailures,
    /// What is used of each trunk, by name.
    pub trunks: Vec<super::TrunkCounts>,
    /// Each queue, in the configured order.
    pub queues: Vec<QueueCounts>,
    /// Seats by state, every state named.
    pub seats: Vec<(SeatState, usize)>,
    /// What the events since the start add up to.
    pub totals: Arc<Totals>,
    /// Newest position in the journal.
    pub head: u64,
    /// New calls are taken.
    pub serving: bool,
}

/// A queue at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueCounts {
    /// Its name.
    pub name: QueueId,
    /// Calls in it, those being presented included.
    pub waiting: u32,
    /// Its seats that may be offered a call.
    pub ready_seats: u32,
}

impl Gateway {
    /// Everything that is counted.
    pub fn counts(&self) -> Counts {
        let sip = self.signalling.counts();
        let acd = self.acd.counts();
        let (watched_phones, lost_phones) = self.phones.counts();
        let callbacks = self.callback_counts();
        Counts {
            calls: self.calls.len(),
            legs: self.routes.legs(),
            waiting: acd.waiting,
            ready_seats: acd.ready,
            unreachable_seats: acd.unreachable,
            watched_phones,
            lost_phones,
            transactions: sip.transactions(),
            routes: self.routes.len() + self.confirmations.len(),
            timers: self.calls.timers(),
            awaiting_disk: self.journal.awaiting(),
            callbacks_due: callbacks.due,
            callbacks_full_total: callbacks.full,
            received_total: self.journal.tallies.received,
            refused_total: self.journal.tallies.refused,
            connected_total: self.journal.tallies.connected,
            ended_total: self.journal.tallies.ended,
            unknown_sources_total: self.access.unknown_total,
            shed_total: self.access.unread,
            malformed_total: sip.malformed,
            stray_total: sip.stray,
            merged_total: sip.merged,
            full_total: sip.shed,
            refusals: self.access.refusals,
            registration_failures: self.access.registrations.counts,
            trunks: self.trunk_counts(),
            queues: self.queue_counts(),
            seats: self.seat_counts(),
            totals: self.journal.tallies.totals.clone(),
            head: self.head(),
            serving: self.calls.duty == super::calls::Duty::Serving,
        }
    }

    fn queue_counts(&self) -> Vec<QueueCounts> {
        let of = |name: &QueueId| QueueCounts {
            name: name.clone(),
            waiting: self.acd.depth(name),
            ready_seats: self.acd.ready_seats(name),
        };
        self.acd.queues().map(of).collect()
    }

    fn seat_counts(&self) -> Vec<(SeatState, usize)> {
        let mut counts = SeatState::ALL.map(|state| (state, 0));
        for (_, state) in self.acd.seats() {
            if let Some((_, n)) = counts.iter_mut().find(|(s, _)| *s == state) {
                *n += 1;
            }
        }
        counts.to_vec()
    }
}
