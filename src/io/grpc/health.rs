//! `grpc.health.v1`, the one service that asks for no token. What it may cost is bounded: its requests are short, and of its
//! endless streams there are so many.

use super::super::web::{Line, Place, Places, Refused, Watched};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::{HealthReporter, HealthService, WatchStream};

/// Watches of clients that have not shown the token, at one time. Enough for every probe of a cluster; each costs some KiB.
const WATCHES: usize = 64;
/// Of those, from one source.
const WATCHES_PER_SOURCE: usize = 8;
/// A request names one service.
const REQUEST_BYTES: usize = 1024;

/// The health service within limits.
pub(super) struct Limited {
    health: HealthService,
    watches: Arc<Places>,
}

/// The service of which `reporter` says how the others are.
pub(super) fn limited(reporter: HealthReporter) -> HealthServer<Limited> {
    let watches = Arc::new(Places::of(WATCHES, WATCHES_PER_SOURCE));
    let limited = Limited { health: HealthService::from_health_reporter(reporter), watches };
    HealthServer::new(limited).max_decoding_message_size(REQUEST_BYTES)
}

/// A watch and the place it holds.
pub(super) struct Watch {
    statuses: WatchStream,
    _place: Option<Place>,
    _connection: Option<Watched>,
}

impl Stream for Watch {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.statuses).poll_next(cx)
    }
}

#[tonic::async_trait]
impl Health for Limited {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        self.health.check(request).await
    }

    type WatchStream = Watch;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Watch>, Status> {
        let line = request.extensions().get::<Arc<Line>>().cloned();
        let place = match &line {
            Some(line) if !line.is_proved() => Some(self.watches.take(line.origin()).map_err(too_many)?),
            Some(_) | None => None,
        };
        let statuses = self.health.watch(request).await?.into_inner();
        Ok(Response::new(Watch { statuses, _place: place, _connection: line.map(|line| line.watch()) }))
    }
}

fn too_many(refused: Refused) -> Status {
    Status::resource_exhausted(match refused {
        Refused::Full => format!("{WATCHES} health watches without a token are open: call Check instead"),
        Refused::SourceFull => {
            format!(
                "{WATCHES_PER_SOURCE} health watches without a token are open from your address: call Check instead"
            )
        }
    })
}
