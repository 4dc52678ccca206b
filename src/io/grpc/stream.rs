//! One event stream: what it has sent, what was acked, what waits. Memory is bounded by two batches and the
//! positions in flight; how slow the consumer is costs nothing else. With what the connection holds of it, a stream that is
//! never read costs some 64 KiB.

use super::convert::page_size;
use super::filter::Filter;
use super::lease::Lease;
use super::start::Log;
use super::{Phase, Shared, convert};
use crate::event::wire::{EventBatch, v1};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, sleep_until};
use tonic::{Status, Streaming};
use v1::subscribe_request::Frame as Said;
use v1::subscribe_response::Frame;

/// Events in flight when the consumer does not say.
const CREDIT: usize = 1_000;
/// Events in flight at most: their positions are kept in memory.
const CREDIT_MOST: usize = 10_000;

/// A batch holds at most this many events.
const BATCH_EVENTS: usize = 256;
/// A batch holds about this many bytes; one larger event goes alone. Some eighty events: larger ones would make a stream no
/// faster, and 256 that are never read would hold more.
const BATCH_BYTES: usize = 16 * 1024;
/// Batches made ahead of the connection, which holds one on its way.
pub(super) const AHEAD: usize = 1;
/// A consumer hears where it stands at least this often.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);
/// And after this many events were filtered out.
const CHECKPOINT_AFTER: u32 = 1_000;
/// An event is set aside at this nack.
const NACKS: u32 = 8;
/// A nack without a time pauses this long.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A nack pauses at most this long.
const RETRY_AFTER_MOST: Duration = Duration::from_secs(300);
/// Re-driven events are sent in batches of at most this many.
const REDRIVEN: usize = 64;

/// Where frames for the consumer go.
pub(super) type Out = mpsc::Sender<Result<v1::SubscribeResponse, Status>>;

/// How many events may be in flight.
pub(super) fn credit(asked: u32) -> usize {
    page_size(asked, CREDIT, CREDIT_MOST)
}

/// The named side of a stream: what is stored of it.
pub(super) struct Named {
    pub name: Arc<str>,
    pub lease: Lease,
    /// Events set aside, after the ack: skipped.
    pub parked: BTreeSet<u64>,
}

/// One open stream.
pub(super) struct Stream {
    pub shared: Arc<Shared>,
    pub log: Log,
    pub filter: Filter,
    pub named: Option<Named>,
    /// Everything up to here was sent, skipped or filtered out.
    pub position: u64,
    /// The highest `position` ever was.
    pub furthest: u64,
    /// Events that may be in flight; `None` for no limit.
    pub credit: Option<usize>,
    /// Sent and not acked, in order; kept only where there is a credit.
    pub in_flight: VecDeque<u64>,
    /// Re-driven events sent and not acked.
    pub redriven: BTreeSet<u64>,
    pub pause: Option<Pause>,
    /// Made and not yet taken by the connection.
    pub frames: VecDeque<Frame>,
    /// Events filtered out since the consumer last heard where it stands.
    pub filtered: u32,
    pub checkpoint_at: Instant,
    /// Re-driven events may wait in the store.
    pub look_for_redriven: bool,
}

/// A nacked event waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pause {
    position: u64,
    until: Instant,
}

/// How a stream ends.
enum End {
    /// The consumer went away, or the gateway stops and all is sent.
    Quiet,
    /// The consumer is told why.
    Told(Status),
}

impl From<Status> for End {
    fn from(status: Status) -> End {
        End::Told(status)
    }
}

impl Stream {
    /// Runs until the consumer goes, loses its lease, errs, or the gateway stops.
    pub(super) async fn run(mut self, mut said: Streaming<v1::SubscribeRequest>, out: Out) {
        if let Err(End::Told(status)) = self.serve(&mut said, &out).await {
            let _ = out.send(Err(status)).await;
        }
    }

    async fn serve(&mut self, said: &mut Streaming<v1::SubscribeRequest>, out: &Out) -> Result<(), End> {
        let mut head = self.shared.feed.watch();
        let mut phase = self.shared.phase.subscribe();
        self.phase_changed(&mut phase);
        let mut listening = true;
        loop {
            let more = self.may_send() && *head.borrow_and_update() > self.position;
            let ready = more || !self.frames.is_empty() || self.look_for_redriven;
            if *phase.borrow() == Phase::Stopping && !ready {
                return Ok(());
            }
            tokio::select! {
                biased;
                said = of_the_lease(&mut self.named) => match said {
                    OfTheLease::Lost(status) => return Err(End::Told(status)),
                    OfTheLease::Wake => self.look_for_redriven = true,
                },
                frame = said.message(), if listening => match frame {
                    Ok(Some(request)) => self.hear(request).await?,
                    // Half closed: the consumer only reads from now on.
                    Ok(None) => listening = false,
                    Err(_) => return Err(End::Quiet),
                },
                _ = phase.changed() => self.phase_changed(&mut phase),
                permit = out.reserve(), if ready => {
                    let permit = permit.map_err(|_| End::Quiet)?;
                    if self.frames.is_empty() {
                        self.make_frames().await?;
                    }
                    if let Some(frame) = self.frames.pop_front() {
                        self.checkpoint_at = Instant::now() + CHECKPOINT_EVERY;
                        permit.send(Ok(v1::SubscribeResponse { frame: Some(frame) }));
                    }
                }
                () = out.closed(), if !ready => return Err(End::Quiet),
                // The journal is closed: what it holds was sent.
                changed = head.changed(), if !ready => if changed.is_err() { return Ok(()) },
                () = sleep_until(self.pause.map_or_else(far, |p| p.until)), if self.pause.is_some() => {
                    self.pause = None;
                }
                () = sleep_until(self.checkpoint_at) => {
                    // A consumer that does not read has frames enough.
                    self.checkpoint_at = Instant::now() + CHECKPOINT_EVERY;
                    if self.frames.is_empty() {
                        let frame = self.checkpoint();
                        self.frames.push_back(frame);
                    }
                }
            }
        }
    }

    fn may_send(&self) -> bool {
        self.pause.is_none() && self.room() > 0
    }

    fn room(&self) -> usize {
        self.credit.map_or(BATCH_EVENTS, |c| c.saturating_sub(self.in_flight.len()))
    }

    fn cursor(&self, position: u64) -> v1::Cursor {
        convert::cursor(&self.shared.log_id_text, position)
    }

    fn checkpoint(&mut self) -> Frame {
        self.filtered = 0;
        Frame::Checkpoint(v1::Checkpoint {
            cursor: Some(self.cursor(self.position)),
            at: Some(prost_types::Timestamp::from(std::time::SystemTime::now())),
            head_position: self.shared.feed.head(),
        })
    }

    fn phase_changed(&mut self, phase: &mut watch::Receiver<Phase>) {
        if let Phase::Draining(within) = *phase.borrow_and_update() {
            let within = prost_types::Duration::try_from(within).ok();
            self.frames.push_back(Frame::Draining(v1::Draining { within }));
        }
    }

    /// Makes the next frames: re-driven events first, then a page of the journal.
    async fn make_frames(&mut self) -> Result<(), Status> {
        if self.look_for_redriven {
            self.redrive().await?;
        }
        if !self.frames.is_empty() || !self.may_send() {
            return Ok(());
        }
        let limit =
            if self.filter == Filter::default() { self.room().min(BATCH_EVENTS) } else { BATCH_EVENTS };
        let page =
            self.shared.feed.after(self.position, limit, BATCH_BYTES).await.map_err(convert::failed)?;
        let mut batch = Vec::new();
        for event in page.events {
            if event.position > self.position + 1 {
                self.flush(&mut batch);
                self.missing(event.position).await?;
            }
            let wanted = self.filter.wants(&event);
            if wanted && self.room() == 0 {
                break;
            }
            self.position = event.position;
            if !wanted {
                self.filtered += 1;
            } else if self.named.as_ref().is_none_or(|n| !n.parked.contains(&event.position)) {
                if self.credit.is_some() {
                    self.in_flight.push_back(event.position);
                }
                batch.push(event.body);
            }
        }
        self.furthest = self.furthest.max(self.position);
        self.flush(&mut batch);
        if self.filtered >= CHECKPOINT_AFTER {
            let frame = self.checkpoint();
            self.frames.push_back(frame);
        }
        Ok(())
    }

    fn flush(&mut self, batch: &mut Vec<bytes::Bytes>) {
        if !batch.is_empty() {
            let events = std::mem::take(batch);
            self.frames.push_back(Frame::Batch(EventBatch { events, redriven: false }));
        }
    }

    /// Events between here and `next` do not exist.
    async fn missing(&mut self, next: u64) -> Result<(), Status> {
        let reader = self.log.reader.clone();
        let earliest = convert::blocking(move || reader.earliest()).await?;
        let gap = self.log.missing(self.position, next, earliest.unwrap_or(next));
        self.frames.push_back(Frame::Gap(gap));
        Ok(())
    }

    async fn redrive(&mut self) -> Result<(), Status> {
        self.look_for_redriven = false;
        let Some(named) = &self.named else { return Ok(()) };
        let (reader, name) = (self.log.reader.clone(), named.name.clone());
        let sent = self.redriven.clone();
        let parked = convert::blocking(move || reader.parked(&name, 0, true, REDRIVEN + sent.len())).await?;
        let fresh: Vec<_> =
            parked.into_iter().filter(|p| !self.redriven.contains(&p.position)).take(REDRIVEN).collect();
        if fresh.is_empty() {
            return Ok(());
        }
        self.redriven.extend(fresh.iter().map(|p| p.position));
        let events = fresh.into_iter().map(|p| p.body).collect();
        self.frames.push_back(Frame::Batch(EventBatch { events, redriven: true }));
        Ok(())
    }

    async fn hear(&mut self, request: v1::SubscribeRequest) -> Result<(), Status> {
        if let Some(named) = &self.named {
            named.lease.renew();
        }
        match request.frame {
            Some(Said::Ack(ack)) => self.acked(ack).await,
            Some(Said::Nack(nack)) => self.nacked(nack).await,
            Some(Said::Credit(asked)) => {
                self.credit = Some(credit(asked.max_in_flight));
                Ok(())
            }
            Some(Said::Start(_)) => Err(Status::invalid_argument("the stream has begun: Start comes once")),
            None => Err(Status::invalid_argument("an empty frame: send Ack, Nack or Credit")),
        }
    }

    /// The position of a cursor of this journal that was sent.
    fn sent(&self, cursor: &v1::Cursor) -> Result<u64, Status> {
        if cursor.log_id != self.shared.log_id_text {
            return Err(Status::invalid_argument("the cursor is of another journal"));
        }
        if cursor.position > self.furthest {
            return Err(Status::invalid_argument("the cursor lies past what was sent"));
        }
        Ok(cursor.position)
    }

    async fn acked(&mut self, ack: v1::Ack) -> Result<(), Status> {
        if let Some(cursor) = &ack.up_to {
            let up_to = self.sent(cursor)?;
            while self.in_flight.front().is_some_and(|p| *p <= up_to) {
                self.in_flight.pop_front();
            }
            self.position = self.position.max(up_to);
            self.pause = self.pause.filter(|p| p.position > up_to);
            if let Some(named) = &mut self.named {
                named.parked = named.parked.split_off(&(up_to + 1));
                // A stream that lost its lease must not undo what the next one does.
                named.lease.if_held(|| self.shared.journal.ack(&named.name, up_to));
            }
        }
        let dealt: Vec<u64> =
            ack.redriven_positions.into_iter().filter(|p| self.redriven.remove(p)).collect();
        if let Some(named) = &self.named
            && !dealt.is_empty()
        {
            self.shared.journal.unpark(&named.name, dealt).await.map_err(convert::failed)?;
            self.look_for_redriven = true;
        }
        Ok(())
    }

    async fn nacked(&mut self, nack: v1::Nack) -> Result<(), Status> {
        let Some(cursor) = &nack.event else {
            return Err(Status::invalid_argument("a nack names its event"));
        };
        let position = self.sent(cursor)?;
        let Some(named) = &mut self.named else {
            return Err(Status::failed_precondition("nack needs a named subscription"));
        };
        if self.redriven.remove(&position) {
            let again = self.shared.journal.park_again(&named.name, vec![position]).await;
            return again.map(|_| ()).map_err(convert::failed);
        }
        // Nacks cross with what is on its way: one for an event that is acked, parked or already to be sent again
        // says nothing new.
        if !self.in_flight.contains(&position) {
            return Ok(());
        }
        let nacks = self.shared.journal.nack(&named.name, position).await.map_err(convert::failed)?;
        if nacks >= NACKS && self.shared.park(named, position, &nack.reason).await? {
            self.rewind(position, position);
            return Ok(());
        }
        let asked = nack.retry_after.and_then(|d| Duration::try_from(d).ok()).unwrap_or(RETRY_AFTER);
        self.rewind(position, position - 1);
        self.pause = Some(Pause { position, until: Instant::now() + asked.min(RETRY_AFTER_MOST) });
        Ok(())
    }

    /// Forgets what was sent from `from` on and goes on after `after`.
    fn rewind(&mut self, from: u64, after: u64) {
        self.in_flight.retain(|p| *p < from);
        self.frames.retain(|f| !matches!(f, Frame::Batch(b) if !b.redriven));
        self.position = after;
    }
}

/// What others do to a named stream.
enum OfTheLease {
    /// Another consumer took over, or the subscription moved or went.
    Lost(Status),
    /// There is something to re-drive.
    Wake,
}

async fn of_the_lease(named: &mut Option<Named>) -> OfTheLease {
    let Some(named) = named else { return std::future::pending().await };
    tokio::select! {
        status = &mut named.lease.lost => {
            OfTheLease::Lost(status.unwrap_or_else(|_| Status::aborted("another consumer took over")))
        }
        () = named.lease.wake.notified() => OfTheLease::Wake,
    }
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

impl Shared {
    /// Sets the event aside; `false` when that cannot be.
    async fn park(&self, named: &mut Named, position: u64, reason: &str) -> Result<bool, Status> {
        let reader = self.feed.reader().clone();
        let Some(event) = convert::blocking(move || reader.event(position)).await? else { return Ok(true) };
        let reason: String = reason.chars().take(1_000).collect();
        if !self.journal.park(&named.name, event, &reason).await.map_err(convert::failed)? {
            return Ok(false);
        }
        named.parked.insert(position);
        tracing::warn!(subscription = %named.name, position, "an event was set aside after {NACKS} nacks");
        let tell = self.on_parked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(tell) = tell.as_ref() {
            tell(&named.name, position);
        }
        Ok(true)
    }
}
