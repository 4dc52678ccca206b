//! The health page and the metrics, for whoever runs the gateway. Read only; no personal data.

mod trunks;

use super::stream;
use super::web::{self, Web};
use crate::gateway::Counts;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::fmt::Write as _;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Figures come once a second. Older than this they say nothing about now, and whoever should bring them may be dead.
const STALE: Duration = Duration::from_secs(3);

/// Serves until `shutdown` completes.
pub async fn serve(
    listener: TcpListener,
    counts: watch::Receiver<Counts>,
    streams: Arc<stream::Setting>,
    media: MediaCounts,
    [http, grpc]: [Arc<Web>; 2],
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let router = Router::new().route("/health", get(health)).route("/metrics", get(metrics));
    let heard = Arc::new(Mutex::new(Instant::now()));
    tokio::spawn(listen(counts.clone(), heard.clone()));
    let router = router.with_state(Told { counts, streams, media, web: [http.clone(), grpc], heard });
    web::serve(listener, http, router, shutdown).await;
}

/// Notes when figures came, until nobody is left to bring them.
async fn listen(mut counts: watch::Receiver<Counts>, heard: Arc<Mutex<Instant>>) {
    while counts.changed().await.is_ok() {
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// Reads the counters of the media plane.
pub type MediaCounts = Arc<dyn Fn() -> crate::media::relay::Counts + Send + Sync>;

/// Where the figures come from.
#[derive(Clone)]
struct Told {
    counts: watch::Receiver<Counts>,
    streams: Arc<stream::Setting>,
    media: MediaCounts,
    web: [Arc<Web>; 2],
    /// When the newest figures came.
    heard: Arc<Mutex<Instant>>,
}

impl Told {
    /// Whether the control thread lives, as far as its figures tell at `now`.
    fn is_fresh(&self, now: Instant) -> bool {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        self.counts.has_changed().is_ok() && now.saturating_duration_since(heard) <= STALE
    }

    fn figures(&self) -> (Counts, Vec<Figure>) {
        let counts = self.counts.borrow().clone();
        let mut figures = figures(&counts);
        let streams = &self.streams.counts;
        let (name, help) = ("connections", "SIP connections that are open");
        figures.push(Figure { name, kind: "gauge", value: streams.now_open(), help });
        let ended =
            streams.counters().map(|(name, value, help)| Figure { name, kind: "counter", value, help });
        figures.extend(ended);
        for web in &self.web {
            let (name, value, help) = web.open();
            figures.push(Figure { name, kind: "gauge", value, help });
            let counters = web.counters();
            figures.extend(counters.map(|(name, value, help)| Figure { name, kind: "counter", value, help }));
        }
        figures.extend(media_figures(&(self.media)()));
        (counts, figures)
    }
}

/// 200 while new calls are taken, 503 while draining and when the figures are stale; the body is JSON with the counts.
async fn health(State(told): State<Told>) -> Response {
    let (counts, figures) = told.figures();
    let serving = counts.serving && told.is_fresh(Instant::now());
    let status = if serving { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = String::from("{\n");
    let _ = write!(body, "  \"serving\": {serving}");
    for figure in figures {
        let _ = write!(body, ",\n  \"{}\": {}", figure.name, figure.value);
    }
    let _ = write!(body, ",\n  \"turned_away\": {{");
    let mut separator = "";
    for (door, reason, n) in counts.refusals.all().filter(|(_, _, n)| *n > 0) {
        let _ = write!(body, "{separator}\n    \"{door}_{reason}\": {n}");
        separator = ",";
    }
    body.push_str("\n  }");
    let _ = write!(body, ",\n  \"trunks\": {}\n}}\n", trunks::json(&counts.trunks));
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The counts in the Prometheus text format.
async fn metrics(State(told): State<Told>) -> Response {
    let (counts, figures) = told.figures();
    let mut body = String::new();
    for Figure { name, kind, value, help } in figures {
        let _ = writeln!(
            body,
            "# HELP hotline_{name} {help}\n# TYPE hotline_{name} {kind}\nhotline_{name} {value}"
        );
    }
    body.push_str(&trunks::metrics(&counts.trunks));
    body.push_str(
        "# HELP hotline_turned_away_total Requests and packets turned away, by door and reason\n\
         # TYPE hotline_turned_away_total counter\n",
    );
    for (door, reason, n) in counts.refusals.all() {
        let _ = writeln!(body, "hotline_turned_away_total{{door=\"{door}\",reason=\"{reason}\"}} {n}");
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], body).into_response()
}

struct Figure {
    name: &'static str,
    kind: &'static str,
    value: u64,
    help: &'static str,
}

fn media_figures(c: &crate::media::relay::Counts) -> Vec<Figure> {
    let counter = |name, value, help| Figure { name, kind: "counter", value, help };
    vec![
        counter("media_relayed_total", c.relayed, "RTP packets passed from leg to leg"),
        counter("media_bad_total", c.bad, "Datagrams at media ports that were neither RTP nor RTCP"),
        counter("media_stray_total", c.strays, "Datagrams at media ports from somebody else than the peer"),
        counter("media_refused_total", c.refused, "Legs that got no media port"),
        counter("media_unsent_total", c.unsent, "RTP packets the system did not take"),
    ]
}

fn figures(c: &Counts) -> Vec<Figure> {
    let gauge = |name, value: usize, help| Figure { name, kind: "gauge", value: value as u64, help };
    let counter = |name, value, help| Figure { name, kind: "counter", value, help };
    vec![
        gauge("calls", c.calls, "Calls that are not finished, wrap-up included"),
        gauge("legs", c.legs, "Legs of those calls"),
        gauge("waiting", c.waiting, "Calls in queues"),
        gauge("ready_seats", c.ready_seats, "Seats that may be offered a call"),
        gauge("unreachable_seats", c.unreachable_seats, "Seats whose phone does not answer"),
        gauge("watched_phones", c.watched_phones, "Ways to phones that are watched"),
        gauge("lost_phones", c.lost_phones, "Ways to phones on which nobody answers"),
        gauge("transactions", c.transactions, "SIP transactions"),
        gauge("routes", c.routes, "Ways from a transaction to its call"),
        gauge("call_timers", c.timers, "Deadlines of calls"),
        gauge("awaiting_disk", c.awaiting_disk, "Answers that wait for the disk"),
        counter("received_total", c.received_total, "Calls received, refused ones not included"),
        counter("refused_total", c.refused_total, "Calls refused with a record"),
        counter("connected_total", c.connected_total, "Calls a human answered"),
        counter("ended_total", c.ended_total, "Calls ended"),
        counter("strangers_total", c.strangers_total, "Requests of strangers turned away"),
        counter("shed_total", c.shed_total, "Packets dropped before parsing"),
        counter("malformed_total", c.malformed_total, "Packets that were no SIP message"),
        counter("stray_total", c.stray_total, "Responses, ACKs and CANCELs that belonged to nothing"),
        counter("merged_total", c.merged_total, "Requests that came again by another path (482)"),
        counter("full_total", c.full_total, "New requests for which there was no transaction left"),
        counter("events_total", c.head, "Newest position in the journal"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told() -> (watch::Sender<Counts>, Told) {
        let (sender, counts) = watch::channel(Counts { serving: true, ..Counts::default() });
        let streams = Arc::new(stream::Setting {
            limits: (&crate::config::Config::embedded().limits).into(),
            tls: stream::Tls::load(&crate::config::Config::embedded().sip.tls).unwrap(),
            origins: Vec::new(),
            counts: stream::Counts::default(),
            inbox: tokio::sync::mpsc::channel(1).0,
        });
        let heard = Arc::new(Mutex::new(Instant::now()));
        let config = crate::config::Config::embedded();
        let web = [Web::http(&config), Web::grpc(&config)];
        (sender, Told { counts, streams, media: Arc::new(Default::default), web, heard })
    }

    #[tokio::test]
    async fn figures_are_fresh_for_three_seconds_and_only_while_somebody_brings_them() {
        let (sender, told) = told().await;
        let heard = *told.heard.lock().unwrap();
        assert!(told.is_fresh(heard + Duration::from_secs(3)));
        assert!(!told.is_fresh(heard + Duration::from_millis(3001)));
        assert_eq!(health(State(told.clone())).await.status(), StatusCode::OK);
        drop(sender);
        assert_eq!(health(State(told)).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn new_figures_make_old_ones_good() {
        let (sender, told) = told().await;
        let old = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        *told.heard.lock().unwrap() = old;
        assert_eq!(health(State(told.clone())).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        sender.send_replace(Counts { serving: true, ..Counts::default() });
        drop(sender);
        listen(told.counts.clone(), told.heard.clone()).await;
        assert!(*told.heard.lock().unwrap() > old);
    }
}
