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

#[cfg(test)]
mod tests {
    use super::super::super::store::tests::{Place, open};
    use super::super::super::store::{Append, Journal};
    use super::super::{BlockListParts, Services};
    use super::*;
    use crate::caller::{HistoryKey, HistorySecret};
    use crate::event::wire::samples;
    use crate::event::{CallState, CallbackChanged, CallbackState, ClosedBy, Promise, What};
    use std::sync::Mutex;
    use tonic::Code;

    const NUMBERS: [&str; 3] = ["+8613800000001", "+8613800000002", "95588"];

    /// A journal in which three numbers are owed a call, and the service over it.
    struct Scene {
        journal: Journal,
        callbacks: Callbacks,
        heard: Arc<Mutex<Vec<CallbackSettled>>>,
        _place: Place,
    }

    fn due(n: u8) -> CallbackChanged {
        let last_call = samples::call_id(u64::from(n));
        let promise = Promise {
            id: CallbackId::from_bytes([n; 16]),
            since: samples::AT,
            calls: 1,
            last_call,
            last_called_at: samples::AT,
        };
        CallbackChanged {
            promise: Some(promise),
            due_at: samples::AT + Duration::from_secs(u64::from(n)),
            ..samples::callback()
        }
    }

    /// A gateway that `hears` what is settled, and writes that it is.
    async fn scene(hears: bool) -> Scene {
        let place = Place::new();
        let (journal, _) = open(&place);
        let secret = HistorySecret::new([7; 32]);
        let appends = (1..=3).zip(NUMBERS).map(|(n, number)| Append {
            event: samples::event(
                u64::from(n),
                samples::AT,
                Some(samples::part(u64::from(n), 1, CallState::Ended)),
                What::CallbackChanged(due(n)),
            ),
            history: Some(HistoryKey::of_number(number, &secret)),
        });
        journal.append(appends.collect());
        journal.flush().await.unwrap();
        let services = Services::new(&journal, "secret".into());
        services.keep_block_list(BlockListParts {
            secret,
            codes: vec![("86".into(), None)],
            tell: Box::new(|_| true),
        });
        let heard: Arc<Mutex<Vec<CallbackSettled>>> = Arc::default();
        let (writes, hearing) = (journal.clone(), heard.clone());
        services.settle_callbacks_by(Box::new(move |settled| {
            let mut heard = hearing.lock().unwrap();
            let n = settled.id.as_bytes()[0];
            let what = What::CallbackChanged(CallbackChanged {
                state: CallbackState::Cancelled,
                closed_by: Some(ClosedBy::from(&*settled.by)),
                ..due(n)
            });
            heard.push(settled);
            if hears {
                let event = samples::event(3 + heard.len() as u64, samples::AT, None, what);
                writes.append(vec![Append { event, history: None }]);
            }
            hears
        }));
        Scene { journal, callbacks: Callbacks(services.shared.clone()), heard, _place: place }
    }

    fn cancel(id: &str, number: &str, by: &str) -> Request<v1::CancelCallbackRequest> {
        let text = str::to_owned;
        Request::new(v1::CancelCallbackRequest { callback_id: text(id), number: text(number), by: text(by) })
    }

    #[tokio::test]
    async fn the_list_comes_in_pages_and_says_how_much_there_is() {
        let scene = scene(true).await;
        let mut ids = Vec::new();
        let mut page_token = String::new();
        loop {
            let asked = v1::ListCallbacksRequest { page_size: 2, page_token };
            let page = scene.callbacks.list_callbacks(Request::new(asked)).await.unwrap().into_inner();
            assert_eq!((page.total, page.overdue, page.withheld_24h), (3, 3, 0));
            ids.extend(page.callbacks.iter().map(|c| c.callback_id.clone()));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let expected: Vec<String> = (1..=3).map(|n| CallbackId::from_bytes([n; 16]).to_string()).collect();
        assert_eq!(ids, expected);
        let wrong = v1::ListCallbacksRequest { page_size: 2, page_token: "7:x".into() };
        let refused = scene.callbacks.list_callbacks(Request::new(wrong)).await.expect_err("not ours");
        assert_eq!(refused.code(), Code::InvalidArgument);
    }

    #[tokio::test]
    async fn a_callback_is_closed_by_number_or_id_and_answered_when_it_is_on_disk() {
        let scene = scene(true).await;
        let by_number = scene.callbacks.cancel_callback(cancel("", "138 0000-0001", "desk 3")).await.unwrap();
        let first = CallbackId::from_bytes([1; 16]).to_string();
        assert_eq!(by_number.into_inner().callback_id, first);
        assert_eq!(scene.journal.reader().callbacks().unwrap().len(), 2, "when it is answered");
        let second = CallbackId::from_bytes([2; 16]).to_string();
        let asked =
            v1::CompleteCallbackRequest { callback_id: second, by: "crm".into(), ..Default::default() };
        scene.callbacks.complete_callback(Request::new(asked)).await.unwrap();
        scene.callbacks.cancel_callback(cancel("", "95588", "desk 3")).await.unwrap();
        let heard: Vec<(Settlement, String)> =
            scene.heard.lock().unwrap().iter().map(|s| (s.how, s.by.to_string())).collect();
        let desk = || "desk 3".to_owned();
        let expected = [
            (Settlement::Cancelled, desk()),
            (Settlement::Done, "crm".to_owned()),
            (Settlement::Cancelled, desk()),
        ];
        assert_eq!(heard, expected);
        let gone = scene.callbacks.cancel_callback(cancel(&first, "", "desk 3")).await.expect_err("closed");
        assert_eq!(gone.code(), Code::NotFound);
    }

    #[tokio::test]
    async fn what_cannot_be_meant_is_refused_and_a_busy_gateway_says_so() {
        let scene = scene(false).await;
        let code = |request| {
            let callbacks = &scene.callbacks;
            async move { callbacks.cancel_callback(request).await.expect_err("it cannot be").code() }
        };
        assert_eq!(code(cancel("", "13800000001", "")).await, Code::InvalidArgument, "by no one");
        assert_eq!(code(cancel("7", "", "desk")).await, Code::InvalidArgument, "no id");
        assert_eq!(code(cancel("", "x", "desk")).await, Code::InvalidArgument, "no number");
        assert_eq!(code(cancel("", "13900000001", "desk")).await, Code::NotFound, "owed nothing");
        assert_eq!(code(cancel("", "13800000001", "desk")).await, Code::Unavailable);
        assert_eq!(scene.journal.reader().callbacks().unwrap().len(), 3);
    }
}
