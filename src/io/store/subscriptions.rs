//! Named subscriptions on disk: how far each is, what it could not deal with. Writes go through the writer
//! thread, in one commit with the events.

use super::backlog::Asked;
use super::engine::{Answer, SubscriptionChange, Write};
use super::{Journal, StoreError, Stored};
use crate::time::Wall;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::oneshot;

/// At most this many subscriptions: a centre has a handful of backends.
pub const SUBSCRIPTIONS: usize = 256;
/// At most this many events of one subscription are parked; past it a nack pauses the stream for ever, which
/// a person will notice.
pub const PARKED: usize = 10_000;

/// One named subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The name.
    pub name: String,
    /// When it was made.
    pub created_at: Wall,
    /// Everything up to this position is dealt with.
    pub acked: u64,
    /// When that last changed.
    pub acked_at: Wall,
    /// The encoded `hotline.v1.EventFilter`.
    pub filter: Vec<u8>,
    /// Events set aside.
    pub parked: u32,
}

/// An event that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The place in the journal.
    pub position: u64,
    /// When it was set aside.
    pub at: Wall,
    /// What the consumer said.
    pub reason: String,
    /// The event is to be sent again.
    pub redriving: bool,
    /// The encoded `hotline.v1.CallEvent`.
    pub body: Bytes,
}

impl Journal {
    /// Makes a subscription that is dealt with up to `acked`; `false` when there is one of that name, which is
    /// left as it is.
    pub async fn create_subscription(
        &self,
        name: &str,
        filter: Vec<u8>,
        acked: u64,
    ) -> Result<bool, StoreError> {
        Ok(self.of_subscription(name, SubscriptionChange::Create { filter, acked }).await? == 1)
    }

    /// Forgets a subscription and what it parked; `false` when there is none.
    pub async fn delete_subscription(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.of_subscription(name, SubscriptionChange::Delete).await? == 1)
    }

    /// Moves a subscription, forwards or back; `false` when there is none.
    pub async fn seek_subscription(&self, name: &str, acked: u64) -> Result<bool, StoreError> {
        Ok(self.of_subscription(name, SubscriptionChange::Seek { acked }).await? == 1)
    }

    /// Replaces the filter of a subscription.
    pub async fn filter_subscription(&self, name: &str, filter: Vec<u8>) -> Result<bool, StoreError> {
        Ok(self.of_subscription(name, SubscriptionChange::Filter(filter)).await? == 1)
    }

    /// Everything up to `position` is dealt with. Stored with the next commit; of several only the newest.
    pub fn ack(&self, name: &Arc<str>, position: u64) {
        self.shared.backlog.ack(name.clone(), position);
    }

    /// Counts a nack of the event at `position`; how many that one has had.
    pub async fn nack(&self, name: &str, position: u64) -> Result<u32, StoreError> {
        self.of_subscription(name, SubscriptionChange::Nack(position)).await
    }

    /// Sets an event aside; `false` when [`PARKED`] are.
    pub async fn park(&self, name: &str, event: Stored, reason: &str) -> Result<bool, StoreError> {
        let reason = reason.to_owned();
        Ok(self.of_subscription(name, SubscriptionChange::Park { event, reason }).await? == 1)
    }

    /// Marks parked events to be sent again, all of them when `positions` is empty; how many.
    pub async fn redrive(&self, name: &str, positions: Vec<u64>) -> Result<u32, StoreError> {
        self.of_subscription(name, SubscriptionChange::Redrive(positions)).await
    }

    /// Parked events that were sent again and refused again stay parked.
    pub async fn park_again(&self, name: &str, positions: Vec<u64>) -> Result<u32, StoreError> {
        self.of_subscription(name, SubscriptionChange::ParkAgain(positions)).await
    }

    /// Parked events are dealt with.
    pub async fn unpark(&self, name: &str, positions: Vec<u64>) -> Result<(), StoreError> {
        self.of_subscription(name, SubscriptionChange::Unpark(positions)).await.map(drop)
    }

    /// Done when every ack and every other write brought so far is on disk.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.change(Write::Nothing).await.map(drop)
    }

    async fn of_subscription(&self, name: &str, change: SubscriptionChange) -> Answer {
        self.change(Write::Subscription { name: name.into(), change }).await
    }

    /// Writes this in the next commit, and does not wait for it. One that fails is logged.
    pub(super) fn submit(&self, write: Write) {
        let done = Box::new(|answer: Answer| {
            if let Err(e) = answer {
                tracing::warn!("not stored: {e}");
            }
        });
        if self.shared.backlog.ask(Asked { write, done }).is_err() {
            tracing::warn!("not stored: too many writes wait for the disk");
        }
    }

    /// Writes this in the next commit; the answer comes after it.
    pub(super) async fn change(&self, write: Write) -> Answer {
        let (tell, told) = oneshot::channel();
        let done = Box::new(move |answer| {
            let _ = tell.send(answer);
        });
        if self.shared.backlog.ask(Asked { write, done }).is_err() {
            return Err(StoreError::Full("too many writes wait for the disk: try again"));
        }
        told.await.unwrap_or(Err(StoreError::Closed))
    }
}
