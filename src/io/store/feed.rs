//! The newest durable events in memory, and the position of the newest: what live subscribers read.
//!
//! Bounded by count and by bytes; who is slower than the ring reads from disk, page by page. No subscriber has
//! a queue of its own here, so a slow one costs nothing.

use super::{Reader, StoreError};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// At most this many events are kept in memory: half a second of the heaviest load.
const RING_EVENTS: usize = 4_096;
/// At most this many bytes of them.
const RING_BYTES: usize = 8 * 1024 * 1024;

/// One event as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The place.
    pub position: u64,
    /// The kind, see [`crate::event::wire::kind`].
    pub kind: Kind,
    /// The encoded `hotline.v1.CallEvent`.
    pub body: Bytes,
}

/// A kind's name: known ones cost nothing, those of a later version are kept as they are.
pub type Kind = std::borrow::Cow<'static, str>;

/// Events after a position, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The events; positions may jump where events were pruned or lost.
    pub events: Vec<Stored>,
}

#[derive(Default)]
struct Ring {
    events: VecDeque<Stored>,
    bytes: usize,
}

/// Reads events, newest from memory and older ones from disk. Cheap to clone.
#[derive(Clone)]
pub struct Feed {
    ring: Arc<Mutex<Ring>>,
    head: watch::Receiver<u64>,
    reader: Reader,
}

/// The writer's end.
pub(super) struct Publisher {
    ring: Arc<Mutex<Ring>>,
    head: watch::Sender<u64>,
}

pub(super) fn feed(head: u64, reader: Reader) -> (Publisher, Feed) {
    let ring = Arc::new(Mutex::new(Ring::default()));
    let (sender, receiver) = watch::channel(head);
    (Publisher { ring: ring.clone(), head: sender }, Feed { ring, head: receiver, reader })
}

impl Publisher {
    /// The events are on disk.
    pub(super) fn publish(&self, events: Vec<Stored>) {
        let Some(last) = events.last().map(|e| e.position) else { return };
        {
            let mut ring = self.ring.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            for event in events {
                ring.bytes += event.body.len();
                ring.events.push_back(event);
                while ring.events.len() > RING_EVENTS || ring.bytes > RING_BYTES {
                    let Some(old) = ring.events.pop_front() else { break };
                    ring.bytes -= old.body.len();
                }
            }
        }
        self.head.send_replace(last);
    }
}

impl Feed {
    /// The newest durable position.
    pub fn head(&self) -> u64 {
        *self.head.borrow()
    }

    /// Follows [`Feed::head`].
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    /// The disk.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// At most `limit` events and about `bytes` bytes after `position`; empty at the head.
    pub async fn after(&self, position: u64, limit: usize, bytes: usize) -> Result<Page, StoreError> {
        if position >= self.head() {
            return Ok(Page::default());
        }
        if let Some(page) = self.remembered(position, limit, bytes) {
            return Ok(page);
        }
        let reader = self.reader.clone();
        tokio::task::spawn_blocking(move || reader.events_after(position, limit, bytes))
            .await
            .unwrap_or(Err(StoreError::Closed))
    }

    fn remembered(&self, position: u64, limit: usize, bytes: usize) -> Option<Page> {
        let ring = self.ring.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = ring.events.front()?.position;
        if first > position + 1 {
            return None;
        }
        let from = ring.events.partition_point(|e| e.position <= position);
        let mut events = Vec::new();
        let mut size = 0;
        for event in ring.events.iter().skip(from).take(limit) {
            size += event.body.len();
            if size > bytes && !events.is_empty() {
                break;
            }
            events.push(event.clone());
        }
        Some(Page { events })
    }
}
