//! The public contract served: `proto/hotline/v1` over gRPC, every method behind the bearer token except
//! `grpc.health.v1`. Reads the journal and keeps subscriptions; decides nothing about a call.

mod auth;
mod blocks;
mod callbacks;
mod calls;
mod convert;
mod events;
mod filter;
mod health;
mod lease;
mod start;
mod stream;
mod subscriptions;
mod traces;

#[cfg(test)]
mod tests;

pub use blocks::BlockListParts;
pub use callbacks::Settle;

use super::store::{Feed, Journal};
use super::trace::Traces;
use super::web::{self, Web};
use crate::event::wire::{self, v1};
use crate::id::LogId;
use crate::redact::Secret;
use lease::Leases;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tonic::service::Routes;
use tonic_health::server::HealthReporter;
use v1::block_list_service_server::BlockListServiceServer;
use v1::call_event_service_server::CallEventServiceServer;
use v1::call_record_service_server::CallRecordServiceServer;
use v1::callback_service_server::CallbackServiceServer;
use v1::subscription_service_server::SubscriptionServiceServer;
use v1::trace_service_server::TraceServiceServer;

/// At most this many event streams at once; further ones are refused with RESOURCE_EXHAUSTED.
pub const STREAMS: usize = 256;
/// A request is at most this long: a filter with a thousand call ids fits.
const REQUEST_BYTES: usize = 128 * 1024;

/// Whether the gateway goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The gateway goes on.
    Serving,
    /// The gateway stops within this time: streams are told and go on.
    Draining(Duration),
    /// The gateway stops now: streams send what is left and end.
    Stopping,
}

type OnParked = Box<dyn Fn(&str, u64) + Send + Sync>;

/// What the services share. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    journal: Journal,
    feed: Feed,
    log_id: LogId,
    log_id_text: String,
    token: Secret<String>,
    leases: Leases,
    streams: Arc<Semaphore>,
    phase: watch::Sender<Phase>,
    on_parked: Mutex<Option<OnParked>>,
    block_list: OnceLock<BlockListParts>,
    settle: OnceLock<Settle>,
    traces: OnceLock<Arc<Traces>>,
}

impl Services {
    /// Services over `journal` for who knows `token`.
    pub fn new(journal: &Journal, token: Secret<String>) -> Services {
        let shared = Shared {
            journal: journal.clone(),
            feed: journal.feed(),
            log_id: journal.log_id(),
            log_id_text: journal.log_id().to_string(),
            token,
            leases: Leases::of(lease::LEASE),
            streams: Arc::new(Semaphore::new(STREAMS)),
            phase: watch::channel(Phase::Serving).0,
            on_parked: Mutex::default(),
            block_list: OnceLock::new(),
            settle: OnceLock::new(),
            traces: OnceLock::new(),
        };
        Services { shared: Arc::new(shared) }
    }

    /// Tells every stream that the gateway stops within `within`. Streams go on until it does.
    pub fn drain(&self, within: Duration) {
        self.shared.phase.send_replace(Phase::Draining(within));
    }

    /// `tell` is called with a subscription and the position of an event that was set aside after eight nacks:
    /// it needs a person.
    pub fn on_parked(&self, tell: impl Fn(&str, u64) + Send + Sync + 'static) {
        *self.shared.on_parked.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Some(Box::new(tell));
    }

    /// From here on the block list can be changed.
    pub fn keep_block_list(&self, parts: BlockListParts) {
        let _ = self.shared.block_list.set(parts);
    }

    /// From here on callbacks can be closed.
    pub fn settle_callbacks_by(&self, tell: Settle) {
        let _ = self.shared.settle.set(tell);
    }

    /// Traces are begun here. Without it there are none. Said once.
    pub fn trace_by(&self, traces: Arc<Traces>) {
        let _ = self.shared.traces.set(traces);
    }

    /// How many event streams are open.
    pub fn streams(&self) -> usize {
        STREAMS - self.shared.streams.available_permits()
    }
}

/// Serves on `listener`, within the limits of `web`, until `stop` is done, then gives streams a moment to take what is left.
pub async fn serve(
    listener: TcpListener,
    services: Services,
    web: Arc<Web>,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let shared = services.shared;
    let phase = shared.phase.clone();
    let stop = async move {
        stop.await;
        phase.send_replace(Phase::Stopping);
    };
    let routes = routes(&shared).await;
    web::serve(listener, web, routes.into_axum_router(), stop).await;
}

async fn routes(shared: &Arc<Shared>) -> Routes {
    let check = auth::check(shared.token.clone());
    let health = HealthReporter::new();
    health.set_serving::<CallEventServiceServer<events::Events>>().await;
    health.set_serving::<SubscriptionServiceServer<subscriptions::Subscriptions>>().await;
    health.set_serving::<CallRecordServiceServer<calls::Calls>>().await;
    health.set_serving::<BlockListServiceServer<blocks::Blocks>>().await;
    health.set_serving::<CallbackServiceServer<callbacks::Callbacks>>().await;
    health.set_serving::<TraceServiceServer<traces::Tracing>>().await;
    let events =
        CallEventServiceServer::new(events::Events(shared.clone())).max_decoding_message_size(REQUEST_BYTES);
    let subscriptions = SubscriptionServiceServer::new(subscriptions::Subscriptions(shared.clone()))
        .max_decoding_message_size(REQUEST_BYTES);
    let calls =
        CallRecordServiceServer::new(calls::Calls(shared.clone())).max_decoding_message_size(REQUEST_BYTES);
    let blocks =
        BlockListServiceServer::new(blocks::Blocks(shared.clone())).max_decoding_message_size(REQUEST_BYTES);
    let callbacks = CallbackServiceServer::new(callbacks::Callbacks(shared.clone()))
        .max_decoding_message_size(REQUEST_BYTES);
    let traces =
        TraceServiceServer::new(traces::Tracing(shared.clone())).max_decoding_message_size(REQUEST_BYTES);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(wire::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1();
    let routes = Routes::new(health::limited(health))
        .add_service(auth::guarded(events, check.clone()))
        .add_service(auth::guarded(subscriptions, check.clone()))
        .add_service(auth::guarded(calls, check.clone()))
        .add_service(auth::guarded(blocks, check.clone()))
        .add_service(auth::guarded(callbacks, check.clone()))
        .add_service(auth::guarded(traces, check.clone()));
    match reflection {
        Ok(reflection) => routes.add_service(auth::guarded(reflection, check)),
        Err(e) => {
            tracing::error!("no gRPC reflection: {e}");
            routes
        }
    }
}
