//! Connections of HTTP: taken within limits, served, and cut when they bring no request. HTTP/1 carries the health page and the
//! metrics, HTTP/2 carries gRPC. What is asked and answered on them is not known here.
//!
//! A client that has shown the API token may be silent: HTTP/2 probes it. Any other one brings a whole
//! request within `limits.message_time` of connecting and within `limits.unknown_source_silence` of the one before.

mod counts;
mod line;
mod places;

#[cfg(test)]
mod tests;

pub use counts::Ended;
pub(in crate::io) use line::{Line, Watched};
pub(in crate::io) use places::{Place, Places, Refused};

use super::stream;
use crate::config::Config;
use axum::Router;
use counts::{Counts, Names};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// At most this many requests at once on one connection.
const REQUESTS: u32 = 128;
/// Headers of a request are at most this long.
const HEADER_BYTES: u32 = 16 * 1024;
/// What a client may send of one request, and of all on a connection, before it is read: a request of gRPC is at most 128 KiB.
const WINDOW: u32 = 128 * 1024;
/// Octets of one response that wait for a client that does not read: with 256 streams, 4 MiB.
const UNSENT: usize = 16 * 1024;
/// An HTTP/2 client that is silent this long is probed, and loses its connection when it does not answer in the
/// same time.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// When the gateway stops, connections get this long to take what is left.
const LAST_READS: Duration = Duration::from_secs(3);
/// After a connection that could not be taken for want of a descriptor, the next attempt comes after this.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);
/// Of such failures one in so many is logged: one a minute.
const LOGGED: u64 = 600;

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// How long a client that has shown no token may take.
#[derive(Debug, Clone, Copy)]
pub(in crate::io) struct Timeouts {
    /// From connecting to the first whole request, and from the head of any request to its answer.
    pub request: Duration,
    /// From one request to the next.
    pub silence: Duration,
}

/// One listener's limits and what they did.
#[derive(Debug)]
pub struct Web {
    protocol: Protocol,
    timeouts: Timeouts,
    places: Arc<Places>,
    counts: Counts,
}

impl Web {
    /// For the health page and the metrics.
    pub fn http(config: &Config) -> Arc<Web> {
        let (all, per_source) = (config.http.connections, config.http.connections_per_source);
        Web::of(Protocol::Http1, all, per_source, Counts::of(Names::HTTP), config)
    }

    /// For gRPC.
    pub fn grpc(config: &Config) -> Arc<Web> {
        let (all, per_source) = (config.grpc.connections, config.grpc.connections_per_source);
        Web::of(Protocol::Http2, all, per_source, Counts::of(Names::GRPC), config)
    }

    fn of(protocol: Protocol, all: u32, per_source: u32, counts: Counts, config: &Config) -> Arc<Web> {
        let timeouts =
            Timeouts { request: config.limits.message_time, silence: config.limits.unknown_source_silence };
        let places = Arc::new(Places::of(all as usize, per_source as usize));
        Arc::new(Web { protocol, timeouts, places, counts })
    }

    /// Connections open at present: the figure's name, its value and its meaning.
    pub fn open(&self) -> (&'static str, u64, &'static str) {
        self.counts.open(self.places.taken())
    }

    /// Every counter with its name and its meaning.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64, &'static str)> {
        self.counts.counters()
    }

    /// How many connections ended, or were not taken, for this reason.
    pub fn ended(&self, why: Ended) -> u64 {
        self.counts.ended(why)
    }

    /// A connection was made: small answers leave on it at once, and it has its place; or it is closed at a limit.
    fn admit(&self, stream: &TcpStream, peer: SocketAddr) -> Option<Arc<Line>> {
        match self.places.take(peer.ip().into()) {
            Ok(place) => {
                stream::small_messages_leave_at_once(stream);
                Some(Arc::new(Line::new(place, self.timeouts, Instant::now())))
            }
            Err(Refused::Full) => {
                self.counts.count(Ended::Full);
                None
            }
            Err(Refused::SourceFull) => {
                self.counts.count(Ended::SourceFull);
                None
            }
        }
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder = match self.protocol {
            Protocol::Http1 => builder.http1_only(),
            Protocol::Http2 => builder.http2_only(),
        };
        builder.http1().max_buf_size(HEADER_BYTES as usize).timer(TokioTimer::new());
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(REQUESTS)
            .max_header_list_size(HEADER_BYTES)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(2 * WINDOW)
            .max_send_buf_size(UNSENT)
            .keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE);
        builder
    }
}

/// Serves `router` on `listener` until `stop` is done, then gives connections a moment to take what is left.
pub async fn serve(listener: TcpListener, web: Arc<Web>, router: Router, stop: impl Future<Output = ()>) {
    let builder = Arc::new(web.builder());
    let (stopping, told) = watch::channel(());
    let mut open = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if let Some(line) = web.admit(&stream, peer) {
                        let told = told.clone();
                        open.spawn(connection(stream, line, web.clone(), builder.clone(), router.clone(), told));
                    }
                }
                Err(e) => not_taken(&web, &e).await,
            },
            Some(_) = open.join_next() => {}
        }
    }
    drop(listener);
    stopping.send_replace(());
    drop(told);
    let all = async { while open.join_next().await.is_some() {} };
    let _ = timeout(LAST_READS, all).await;
}

/// No descriptor is left: waiting for some to come back is better than to spin.
async fn not_taken(web: &Web, e: &std::io::Error) {
    let before = web.counts.count(Ended::NotTaken);
    if before.is_multiple_of(LOGGED) {
        tracing::warn!(protocol = ?web.protocol, "a connection could not be taken: {e}: raise the limit of open files");
    }
    sleep(NO_DESCRIPTOR).await;
}

/// One connection, until its client ends it, it is overdue, or the gateway has stopped.
async fn connection(
    stream: TcpStream,
    line: Arc<Line>,
    web: Arc<Web>,
    builder: Arc<Builder<TokioExecutor>>,
    router: Router,
    mut told: watch::Receiver<()>,
) {
    let service = line.clone().serves(router);
    let mut served = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut going_on = true;
    loop {
        tokio::select! {
            _ = served.as_mut() => return,
            () = sleep(line.patience_left(Instant::now())) => {
                if line.patience_left(Instant::now()).is_zero() {
                    web.counts.count(Ended::Silent);
                    return;
                }
            }
            _ = told.changed(), if going_on => {
                going_on = false;
                served.as_mut().graceful_shutdown();
            }
        }
    }
}
