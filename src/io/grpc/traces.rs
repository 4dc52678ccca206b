//! `TraceService`: the messages of a trunk, a seat, a call or an address as they come and go.

use super::super::trace::{Reading, Seen};
use super::{Phase, Shared};
use crate::event::wire::v1;
use crate::gateway::trace::{LONGEST, MESSAGES, Subject, Trace, TraceEnd, Traced};
use crate::id::{SeatId, TrunkId};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use v1::trace_request::Subject as Asked;
use v1::trace_response::Frame;
use v1::trace_service_server::TraceService;

/// How long a trace lasts that names no time: a few calls to a new trunk.
const USUAL: Duration = Duration::from_secs(600);

/// Frames between a trace and its connection: what waits longer, waits in the trace's own queue.
const FRAMES: usize = 16;

pub(crate) struct Tracing(pub(super) Arc<Shared>);

type Frames = Pin<Box<dyn Stream<Item = Result<v1::TraceResponse, Status>> + Send>>;

#[tonic::async_trait]
impl TraceService for Tracing {
    type TraceStream = Frames;

    async fn trace(&self, request: Request<v1::TraceRequest>) -> Result<Response<Frames>, Status> {
        let wish = wish(request.into_inner())?;
        let traces = self.0.traces.get().ok_or_else(|| Status::unavailable("nothing can be traced here"))?;
        let reading =
            traces.begin(wish).ok_or_else(|| Status::unavailable("the gateway has too much to do"))?;
        let phase = self.0.phase.subscribe();
        Ok(Response::new(Box::pin(frames(reading, phase))))
    }
}

/// Ends with the trace, when the one who asked is gone, or when the gateway stops.
fn frames(
    mut reading: Reading,
    mut phase: watch::Receiver<Phase>,
) -> impl Stream<Item = Result<v1::TraceResponse, Status>> {
    let (tell, told) = mpsc::channel(FRAMES);
    tokio::spawn(async move {
        loop {
            let seen = tokio::select! {
                seen = reading.next() => seen,
                _ = phase.wait_for(|p| *p == Phase::Stopping) => None,
                () = tell.closed() => None,
            };
            let Some(seen) = seen else { return };
            if tell.send(Ok(response(seen))).await.is_err() {
                return;
            }
        }
    });
    ReceiverStream::new(told)
}

fn wish(asked: v1::TraceRequest) -> Result<Trace, Status> {
    let subject = match asked.subject {
        Some(Asked::Trunk(name)) => Subject::Trunk(TrunkId::from(name.as_str())),
        Some(Asked::Seat(name)) => Subject::Seat(SeatId::from(name.as_str())),
        Some(Asked::CallId(text)) => Subject::Call(
            text.parse().map_err(|_| Status::invalid_argument("call_id is a UUID as events carry it"))?,
        ),
        Some(Asked::Peer(text)) => Subject::Peer(
            text.parse().map_err(|_| Status::invalid_argument("peer is an IP address like 192.0.2.20"))?,
        ),
        None => return Err(Status::invalid_argument("say whose messages: trunk, seat, call_id or peer")),
    };
    let lasts = asked.lasts.and_then(|d| Duration::try_from(d).ok()).filter(|d| !d.is_zero());
    let most = if asked.most_messages == 0 { MESSAGES } else { asked.most_messages };
    let lasts = lasts.unwrap_or(USUAL).min(LONGEST);
    Ok(Trace { id: 0, subject, lasts, most, mask_numbers: asked.mask_numbers })
}

fn response((traced, missed): Seen) -> v1::TraceResponse {
    let frame = match traced {
        Traced::Message { at, sent, flow, bytes } => Frame::Message(v1::TracedMessage {
            at: Some(prost_types::Timestamp {
                seconds: i64::try_from(at.secs()).unwrap_or(i64::MAX),
                nanos: i32::try_from(at.0 % 1_000_000_000).unwrap_or(0),
            }),
            sent,
            transport: flow.transport.to_string(),
            local: flow.local.to_string(),
            remote: flow.remote.to_string(),
            message: bytes.into(),
            missed,
        }),
        Traced::Ended(why) => Frame::Ended(v1::TraceEnded { why: ended(why).into() }),
    };
    v1::TraceResponse { frame: Some(frame) }
}

fn ended(why: TraceEnd) -> v1::TraceEnd {
    match why {
        TraceEnd::TimeUp => v1::TraceEnd::TimeUp,
        TraceEnd::Full => v1::TraceEnd::Full,
        TraceEnd::TooMany => v1::TraceEnd::TooMany,
        TraceEnd::UnknownSubject => v1::TraceEnd::UnknownSubject,
    }
}
