//! One consumer per subscription. The newest consumer id wins: at once over itself, over another one when that
//! one's lease is over. The loser is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Duration, Instant, sleep_until};
use tonic::Status;

/// How long a consumer keeps its subscription after its last message when another one asks for it.
pub(super) const LEASE: Duration = Duration::from_secs(10);

struct Slots {
    lease: Duration,
    by_name: HashMap<Arc<str>, Slot>,
    next: u64,
}

#[derive(Default)]
struct Slot {
    holder: Option<Holder>,
    /// The newest who waits; it wins over others who wait.
    waiter: Option<u64>,
    changed: Arc<Notify>,
}

struct Holder {
    serial: u64,
    consumer: String,
    until: Instant,
    tell: oneshot::Sender<Status>,
    wake: Arc<Notify>,
}

/// The consumer of each subscription. Bounded by the streams there may be.
#[derive(Clone)]
pub(super) struct Leases(Arc<Mutex<Slots>>);

/// The right to consume a subscription; given back when dropped.
pub(super) struct Lease {
    leases: Leases,
    name: Arc<str>,
    serial: u64,
    /// Done when another one took over, with what to tell the consumer.
    pub lost: oneshot::Receiver<Status>,
    /// Rung when there is something to re-drive.
    pub wake: Arc<Notify>,
}

impl Leases {
    /// Leases of this length.
    pub(super) fn of(lease: Duration) -> Leases {
        Leases(Arc::new(Mutex::new(Slots { lease, by_name: HashMap::new(), next: 0 })))
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Takes the subscription, after waiting for the lease of another consumer to end.
    pub(super) async fn take(&self, name: &Arc<str>, consumer: &str) -> Result<Lease, Status> {
        let serial = {
            let mut slots = self.lock();
            slots.next += 1;
            slots.next
        };
        let mut wait = Wait { leases: self.clone(), name: name.clone(), serial, waiting: true };
        loop {
            let (until, changed) = match self.try_take(name, consumer, serial)? {
                Try::Taken(lost, wake) => {
                    wait.waiting = false;
                    return Ok(Lease { leases: self.clone(), name: name.clone(), serial, lost, wake });
                }
                Try::Wait(until, changed) => (until, changed),
            };
            tokio::select! {
                () = sleep_until(until) => {}
                () = changed.notified() => {}
            }
        }
    }

    fn try_take(&self, name: &Arc<str>, consumer: &str, serial: u64) -> Result<Try, Status> {
        let mut slots = self.lock();
        let until = Instant::now() + slots.lease;
        let slot = slots.by_name.entry(name.clone()).or_default();
        if slot.waiter.is_some_and(|w| w > serial) {
            return Err(Status::aborted("a newer consumer waits for this subscription"));
        }
        if let Some(holder) = &slot.holder
            && holder.consumer != consumer
            && holder.until > Instant::now()
        {
            if slot.waiter != Some(serial) {
                slot.waiter = Some(serial);
                slot.changed.notify_waiters();
            }
            // `notify_one` at the end of the holder is kept for who is not yet waiting.
            return Ok(Try::Wait(holder.until, slot.changed.clone()));
        }
        if let Some(before) = slot.holder.take() {
            let _ = before.tell.send(Status::aborted(format!("consumer {consumer:?} took over")));
        }
        slot.waiter = None;
        let (tell, lost) = oneshot::channel();
        let wake = Arc::new(Notify::new());
        slot.holder = Some(Holder { serial, consumer: consumer.to_owned(), until, tell, wake: wake.clone() });
        Ok(Try::Taken(lost, wake))
    }

    /// The consumer of the subscription now.
    pub(super) fn consumer(&self, name: &str) -> Option<String> {
        self.lock().by_name.get(name)?.holder.as_ref().map(|h| h.consumer.clone())
    }

    /// Ends the stream of the subscription, if there is one.
    pub(super) fn end(&self, name: &str, why: &str) {
        if let Some(slot) = self.lock().by_name.get_mut(name)
            && let Some(holder) = slot.holder.take()
        {
            let _ = holder.tell.send(Status::aborted(why));
            slot.changed.notify_one();
        }
    }

    /// There is something to re-drive.
    pub(super) fn wake(&self, name: &str) {
        if let Some(holder) = self.lock().by_name.get(name).and_then(|s| s.holder.as_ref()) {
            holder.wake.notify_one();
        }
    }

    fn leave(&self, name: &Arc<str>, serial: u64) {
        let mut slots = self.lock();
        let Some(slot) = slots.by_name.get_mut(name) else { return };
        if slot.holder.as_ref().is_some_and(|h| h.serial == serial) {
            slot.holder = None;
            slot.changed.notify_one();
        }
        if slot.waiter == Some(serial) {
            slot.waiter = None;
        }
        if slot.holder.is_none() && slot.waiter.is_none() {
            slots.by_name.remove(name);
        }
    }
}

enum Try {
    Taken(oneshot::Receiver<Status>, Arc<Notify>),
    Wait(Instant, Arc<Notify>),
}

/// Takes back the place in the line of a consumer that went away.
struct Wait {
    leases: Leases,
    name: Arc<str>,
    serial: u64,
    waiting: bool,
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.waiting {
            self.leases.leave(&self.name, self.serial);
        }
    }
}

impl Lease {
    /// The consumer said something: the lease begins anew, unless another one waits for it.
    pub(super) fn renew(&self) {
        let mut slots = self.leases.lock();
        let until = Instant::now() + slots.lease;
        if let Some(slot) = slots.by_name.get_mut(&self.name)
            && slot.waiter.is_none()
            && let Some(holder) = slot.holder.as_mut().filter(|h| h.serial == self.serial)
        {
            holder.until = until;
        }
    }
}

impl Lease {
    /// Does `act` while no other consumer can take over.
    pub(super) fn if_held(&self, act: impl FnOnce()) {
        let slots = self.leases.lock();
        let holder = slots.by_name.get(&self.name).and_then(|s| s.holder.as_ref());
        if holder.is_some_and(|h| h.serial == self.serial) {
            act();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.leave(&self.name, self.serial);
    }
}
