//! `CallbackService`: the recovery list read from the store, and entries closed by people and backends. The gateway decides;
//! an answer goes out when its decision is on disk.

use super::super::store::{Behind, OwedNumber};
use super::Shared;
use super::blocks::{BY, key_of, named};
use super::convert::{blocking, page_size, timestamp};
use crate::callback::{CallbackSettled, Settlement};
use crate::event::wire::v1;
use crate::id::CallbackId;
use crate::time::Wall;
use std::sync::Arc;
use tokio::time::{Duration, timeout};
use tonic::{Request, Response, Status};
use v1::callback_service_server::CallbackService;

/// How long a change may take to the disk: hundreds of times what a commit takes.
const CHANGED_WITHIN: Duration = Duration::from_secs(5);

/// Tells the gateway; `false` when it cannot hear at present.
pub type Settle = Box<dyn Fn(CallbackSettled) -> bool + Send + Sync>;

pub(crate) struct Callbacks(pub(super) Arc<Shared>);

/// Which callback is closed, and by whom.
struct Asked {
    id: String,
    number: String,
    by: String,
    how: Settlement,
}

#[tonic::async_trait]
impl CallbackService for Callbacks {
    async fn list_callbacks(
        &self,
        request: Request<v1::ListCallbacksRequest>,
    ) -> Result<Response<v1::ListCallbacksResponse>, Status> {
        let asked = request.into_inner();
        let limit = page_size(asked.page_size, 50, 500);
        let behind = place(&asked.page_token)?;
        let reader = self.0.feed.reader().clone();
        let (mut page, totals) =
            blocking(move || Ok((reader.owed(behind, limit + 1)?, reader.owed_totals()?))).await?;
        let more = page.len() > limit;
        page.truncate(limit);
        let next_page_token = match page.last() {
            Some(OwedNumber { callback, .. }) if more => {
                format!("{}:{}", callback.due_at.0, callback.promise.id)
            }
            Some(_) | None => String::new(),
        };
        Ok(Response::new(v1::ListCallbacksResponse {
            callbacks: page.into_iter().map(message).collect(),
            next_page_token,
            total: totals.entries,
            overdue: totals.overdue,
            withheld_24h: totals.withheld,
        }))
    }

    async fn complete_callback(
        &self,
        request: Request<v1::CompleteCallbackRequest>,
    ) -> Result<Response<v1::CompleteCallbackResponse>, Status> {
        let v1::CompleteCallbackRequest { callback_id: id, number, by } = request.into_inner();
        let callback_id = self.settle(Asked { id, number, by, how: Settlement::Done }).await?;
        Ok(Response::new(v1::CompleteCallbackResponse { callback_id }))
    }

    async fn cancel_callback(
        &self,
        request: Request<v1::CancelCallbackRequest>,
    ) -> Result<Response<v1::CancelCallbackResponse>, Status> {
        let v1::CancelCallbackRequest { callback_id: id, number, by } = request.into_inner();
        let callback_id = self.settle(Asked { id, number, by, how: Settlement::Cancelled }).await?;
        Ok(Response::new(v1::CancelCallbackResponse { callback_id }))
    }
}

impl Callbacks {
    /// Closes a callback, and waits until that is on disk.
    async fn settle(&self, asked: Asked) -> Result<String, Status> {
        let by = named(&asked.by, "by", BY)?.into();
        let id = self.named(&asked).await?;
        let starting = || Status::unavailable("the gateway is starting");
        let tell = self.0.settle.get().ok_or_else(starting)?;
        if !tell(CallbackSettled { id, how: asked.how, by }) {
            return Err(Status::unavailable("the gateway is too busy to hear of it: send it again"));
        }
        let mut head = self.0.feed.watch();
        let closed = async {
            loop {
                head.borrow_and_update();
                if !self.is_owed(id).await? {
                    return Ok(id.to_string());
                }
                head.changed().await.map_err(|_| Status::unavailable("the gateway is stopping"))?;
            }
        };
        let late = || Status::unavailable("the gateway heard of it, but the disk has not confirmed it yet");
        timeout(CHANGED_WITHIN, closed).await.unwrap_or_else(|_| Err(late()))
    }

    /// The open callback that is meant.
    async fn named(&self, asked: &Asked) -> Result<CallbackId, Status> {
        let none = || Status::not_found("no such callback is owed");
        if !asked.id.is_empty() {
            let id = asked.id.parse();
            let id = id.map_err(|_| Status::invalid_argument("callback_id is a UUID as events carry it"))?;
            return self.is_owed(id).await?.then_some(id).ok_or_else(none);
        }
        let key = key_of(&self.0, &asked.number)?;
        let reader = self.0.feed.reader().clone();
        blocking(move || reader.callback_of(key)).await?.ok_or_else(none)
    }

    async fn is_owed(&self, id: CallbackId) -> Result<bool, Status> {
        let reader = self.0.feed.reader().clone();
        blocking(move || reader.is_owed(id)).await
    }
}

/// Where a page goes on, from the token of the page before.
fn place(token: &str) -> Result<Option<Behind>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let read = |(due_at, id): (&str, &str)| {
        Some(Behind { due_at: Wall(due_at.parse().ok()?), id: id.parse().ok()? })
    };
    let place = token.split_once(':').and_then(read);
    place.map(Some).ok_or_else(|| Status::invalid_argument("page_token is not one we gave"))
}

fn message(owed: OwedNumber) -> v1::OwedCallback {
    let OwedNumber { callback, state, number, service_number, queue } = owed;
    let promise = callback.promise;
    v1::OwedCallback {
        callback_id: promise.id.to_string(),
        state: crate::event::wire::callback_state(state),
        number: number.reveal().clone(),
        reason: callback.reason.to_string(),
        since: Some(timestamp(promise.since)),
        last_called_at: Some(timestamp(promise.last_called_at)),
        due_at: Some(timestamp(callback.due_at)),
        attempts: callback.attempts,
        calls: promise.calls,
        last_call_id: promise.last_call.to_string(),
        service_number,
        queue: queue.unwrap_or_default(),
    }
}
