//! `CallEventService`: opening a stream, and pages of events.

use super::convert::{self, blocking, page_size};
use super::filter::Filter;
use super::start::{Begin, Log, check_name};
use super::stream::{AHEAD, Named, Out, Stream, credit};
use super::{Phase, Shared};
use crate::event::wire::{ListEventsResponse, v1};
use prost::Message;
use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use v1::call_event_service_server::CallEventService;
use v1::subscribe_request::Frame as Said;
use v1::subscribe_response::Frame;

/// A consumer that opens a stream and does not say Start in this time is sent away.
const START_WITHIN: Duration = Duration::from_secs(10);
/// One page looks at no more than this many events, however few its filter wants.
const SCANNED: usize = 10_000;
/// A page is at most about this long.
const PAGE_BYTES: usize = 1024 * 1024;

pub(crate) struct Events(pub(super) Arc<Shared>);

type Frames = Pin<Box<dyn tokio_stream::Stream<Item = Result<v1::SubscribeResponse, Status>> + Send>>;

#[tonic::async_trait]
impl CallEventService for Events {
    type SubscribeStream = Frames;

    async fn subscribe(
        &self,
        request: Request<Streaming<v1::SubscribeRequest>>,
    ) -> Result<Response<Frames>, Status> {
        let Ok(place) = self.0.streams.clone().try_acquire_owned() else {
            return Err(Status::resource_exhausted(format!("{} event streams are open", super::STREAMS)));
        };
        let shared = self.0.clone();
        let mut said = request.into_inner();
        let (out, frames) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            let _place = place;
            let opened = tokio::select! {
                opened = open(&shared, &mut said, &out) => opened,
                () = out.closed() => return,
            };
            match opened {
                Ok(stream) => stream.run(said, out).await,
                Err(status) => {
                    let _ = out.send(Err(status)).await;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(frames))))
    }

    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<ListEventsResponse>, Status> {
        let asked = request.into_inner();
        let filter = Filter::new(asked.filter.as_ref().unwrap_or(&v1::EventFilter::default()))?;
        let log = self.0.log();
        let limit = page_size(asked.page_size, 100, 1_000);
        let since = asked.since;
        let after = asked.after;
        let page = blocking(move || {
            let begin = match (after, since) {
                (Some(cursor), _) => log.after_cursor(&cursor)?,
                (None, Some(at)) => {
                    Begin { after: log.reader.position_before(convert::wall(&at))?, gap: None }
                }
                (None, None) => {
                    Begin { after: log.reader.earliest()?.map_or(0, |first| first - 1), gap: None }
                }
            };
            page(&log, begin, &filter, limit)
        });
        Ok(Response::new(page.await?))
    }
}

/// A page of events, from disk: tools that look back do not crowd the memory of live streams.
fn page(
    log: &Log,
    begin: Begin,
    filter: &Filter,
    limit: usize,
) -> Result<ListEventsResponse, super::super::store::StoreError> {
    let id = log.id.to_string();
    let mut response = ListEventsResponse { gap: begin.gap, ..Default::default() };
    let mut position = begin.after;
    let (mut scanned, mut bytes) = (0, 0);
    'pages: while position < log.head && scanned < SCANNED {
        let read = log.reader.events_after(position, 500, PAGE_BYTES)?;
        if read.events.is_empty() {
            break;
        }
        for event in read.events {
            if event.position > position + 1 && response.gap.is_none() {
                let earliest = log.reader.earliest()?.unwrap_or(event.position);
                response.gap = Some(log.missing(position, event.position, earliest));
            }
            if filter.wants(&event) {
                if response.events.len() == limit || (bytes > 0 && bytes + event.body.len() > PAGE_BYTES) {
                    break 'pages;
                }
                bytes += event.body.len();
                response.events.push(event.body);
            }
            position = event.position;
            scanned += 1;
        }
    }
    response.at_head = position >= log.head;
    response.next = Some(convert::cursor(&id, position));
    Ok(response)
}

impl Shared {
    /// The journal as it is now.
    pub(super) fn log(&self) -> Log {
        Log { id: self.log_id, head: self.feed.head(), reader: self.feed.reader().clone() }
    }
}

async fn open(
    shared: &Arc<Shared>,
    said: &mut Streaming<v1::SubscribeRequest>,
    out: &Out,
) -> Result<Stream, Status> {
    let first = timeout(START_WITHIN, said.message())
        .await
        .map_err(|_| Status::deadline_exceeded("the first frame of a stream is Start, within 10 s"))??;
    let Some(Said::Start(start)) = first.and_then(|f| f.frame) else {
        return Err(Status::invalid_argument("the first frame of a stream is Start"));
    };
    if *shared.phase.borrow() == Phase::Stopping {
        return Err(Status::unavailable("the gateway is stopping: reconnect and resume"));
    }
    let (named, begin, filter) = if start.subscription.is_empty() {
        let filter = Filter::new(start.filter.as_ref().unwrap_or(&v1::EventFilter::default()))?;
        let (log, position) = (shared.log(), start.position);
        (None, blocking(move || log.begin(position.as_ref(), None)).await?, filter)
    } else {
        open_named(shared, &start).await?
    };
    let credit = (named.is_some() || start.max_in_flight > 0).then(|| credit(start.max_in_flight));
    let opened = v1::Opened {
        after: Some(convert::cursor(&shared.log_id_text, begin.after)),
        head: Some(convert::cursor(&shared.log_id_text, shared.feed.head())),
        max_in_flight: credit.map_or(0, |c| u32::try_from(c).unwrap_or(u32::MAX)),
    };
    let frame = v1::SubscribeResponse { frame: Some(Frame::Opened(opened)) };
    out.send(Ok(frame)).await.map_err(|_| Status::cancelled("the consumer went away"))?;
    Ok(Stream {
        shared: shared.clone(),
        log: shared.log(),
        filter,
        look_for_redriven: named.is_some(),
        named,
        position: begin.after,
        furthest: begin.after,
        credit,
        in_flight: VecDeque::new(),
        redriven: BTreeSet::new(),
        pause: None,
        frames: begin.gap.into_iter().map(Frame::Gap).collect(),
        filtered: 0,
        checkpoint_at: Instant::now() + Duration::from_secs(5),
    })
}

/// Opens a named subscription: makes it if need be, waits for its lease, finds where it stands.
async fn open_named(
    shared: &Arc<Shared>,
    start: &v1::Start,
) -> Result<(Option<Named>, Begin, Filter), Status> {
    check_name(&start.subscription)?;
    if start.consumer_id.is_empty() || start.consumer_id.len() > 128 {
        return Err(Status::invalid_argument(
            "a consumer of a named subscription has a consumer_id of 1 to 128 bytes",
        ));
    }
    if let Some(filter) = &start.filter {
        Filter::new(filter)?;
    }
    let name: Arc<str> = Arc::from(start.subscription.as_str());
    let lease = shared.leases.take(&name, &start.consumer_id).await?;
    let stored = shared.subscription(&name).await?;
    let (log, position) = (shared.log(), start.position.clone());
    let acked = stored.as_ref().map(|s| s.acked);
    let begin = blocking(move || log.begin(position.as_ref(), acked)).await?;
    let filter = match &start.filter {
        Some(filter) => filter.encode_to_vec(),
        None => stored.as_ref().map(|s| s.filter.clone()).unwrap_or_default(),
    };
    match &stored {
        None => {
            shared
                .journal
                .create_subscription(&name, filter.clone(), begin.after)
                .await
                .map_err(convert::failed)?;
        }
        Some(stored) => {
            if stored.acked != begin.after {
                shared.journal.seek_subscription(&name, begin.after).await.map_err(convert::failed)?;
            }
            if stored.filter != filter {
                shared.journal.filter_subscription(&name, filter.clone()).await.map_err(convert::failed)?;
            }
        }
    }
    let (reader, of, after) = (shared.feed.reader().clone(), name.clone(), begin.after);
    let parked = blocking(move || reader.parked_positions(&of, after)).await?;
    let parked = parked.into_iter().collect();
    Ok((Some(Named { name, lease, parked }), begin, Filter::stored(&filter)?))
}
