//! One connection as its requests see it: whether its client has shown the token, and how long it may still be silent.

use super::{Place, Timeouts};
use crate::sip::RateLimitKey;
use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// A connection. Every request on it carries it among its extensions.
#[derive(Debug)]
pub(in crate::io) struct Line {
    place: Place,
    timeouts: Timeouts,
    began: Instant,
    /// When the last whole request came, in milliseconds after the beginning and one more; 0 before the first.
    asked: AtomicU64,
    /// Streams on it that may be silent for as long as they like.
    watched: AtomicUsize,
}

/// A stream that may be silent: while there is one, so may its connection.
#[derive(Debug)]
pub(in crate::io) struct Watched(Arc<Line>);

impl Line {
    pub(super) fn new(place: Place, timeouts: Timeouts, now: Instant) -> Line {
        Line { place, timeouts, began: now, asked: AtomicU64::new(0), watched: AtomicUsize::new(0) }
    }

    /// Where its client is.
    pub(crate) fn origin(&self) -> RateLimitKey {
        self.place.origin()
    }

    /// The client has shown the token.
    pub(crate) fn prove(&self) {
        self.place.prove();
    }

    pub(crate) fn is_proved(&self) -> bool {
        self.place.is_proved()
    }

    /// From here on one more stream on it may be silent.
    pub(crate) fn watch(self: &Arc<Self>) -> Watched {
        self.watched.fetch_add(1, Ordering::Relaxed);
        Watched(self.clone())
    }

    fn was_asked(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.began).as_millis();
        self.asked.store(u64::try_from(millis).unwrap_or(u64::MAX - 1) + 1, Ordering::Relaxed);
    }

    /// How long its client may still bring nothing before one has to look again: zero when the connection is to be cut.
    pub(super) fn patience_left(&self, now: Instant) -> Duration {
        if self.is_proved() || self.watched.load(Ordering::Relaxed) > 0 {
            return self.timeouts.silence;
        }
        let until = match self.asked.load(Ordering::Relaxed) {
            0 => self.began + self.timeouts.request,
            asked => self.began + Duration::from_millis(asked - 1) + self.timeouts.silence,
        };
        until.saturating_duration_since(now)
    }

    /// `router` for the requests of this connection.
    pub(super) fn serves(
        self: Arc<Self>,
        router: Router,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response,
        Error = io::Error,
        Future: Future<Output = io::Result<Response>> + Send + 'static,
    > {
        let inner = TowerToHyperService::new(router);
        service_fn(move |mut request: Request<Incoming>| {
            self.was_asked(Instant::now());
            request.extensions_mut().insert(self.clone());
            let answer = inner.call(request);
            let line = self.clone();
            async move { line.in_time(answer).await }
        })
    }

    /// A client without the token has as long for the body of its request as for the head: what is begun and not ended holds
    /// memory.
    async fn in_time(
        &self,
        answer: impl Future<Output = Result<Response, Infallible>>,
    ) -> io::Result<Response> {
        let mut answer = pin!(answer);
        let Ok(response) = match timeout(self.timeouts.request, answer.as_mut()).await {
            Ok(response) => response,
            Err(_) if self.is_proved() => answer.await,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        Ok(response)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.was_asked(Instant::now());
        self.0.watched.fetch_sub(1, Ordering::Relaxed);
    }
}
