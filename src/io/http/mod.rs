//! The health page and the metrics, for the operation of the gateway. Read only; no personal data.

mod exposition;
mod metrics;
mod process;
mod sample;
mod trunks;

use super::store::Journal;
use super::stream;
use super::web::{self, Web};
use crate::gateway::Counts;
use crate::time::Wall;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::fmt::Write as _;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Figures come once a second. Older than this they say nothing about now, and the driver that should bring them may be dead.
const STALE: Duration = Duration::from_secs(3);

/// Serves until `shutdown` completes.
pub async fn serve(
    listener: TcpListener,
    counts: watch::Receiver<Counts>,
    streams: Arc<stream::Setting>,
    media: MediaCounts,
    journal: Journal,
    [http, grpc]: [Arc<Web>; 2],
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let router = Router::new().route("/health", get(health)).route("/metrics", get(all_metrics));
    let heard = Arc::new(Mutex::new(Instant::now()));
    tokio::spawn(listen(counts.clone(), heard.clone()));
    let (sampler, started) = (Arc::new(sample::Sampler::new(journal.clone())), SystemTime::now());
    let web = [http.clone(), grpc];
    let router = router.with_state(Pages { counts, streams, media, web, journal, sampler, heard, started });
    web::serve(listener, http, router, shutdown).await;
}

/// Notes when figures came, until the driver is gone.
async fn listen(mut counts: watch::Receiver<Counts>, heard: Arc<Mutex<Instant>>) {
    while counts.changed().await.is_ok() {
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// Reads the counters of the media plane.
pub type MediaCounts = Arc<dyn Fn() -> crate::media::relay::RelayCounts + Send + Sync>;

/// Where the figures come from.
#[derive(Clone)]
struct Pages {
    counts: watch::Receiver<Counts>,
    streams: Arc<stream::Setting>,
    media: MediaCounts,
    web: [Arc<Web>; 2],
    journal: Journal,
    sampler: Arc<sample::Sampler>,
    /// When the newest figures came.
    heard: Arc<Mutex<Instant>>,
    started: SystemTime,
}

impl Pages {
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
async fn health(State(told): State<Pages>) -> Response {
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
    for (peer, reason, n) in counts.refusals.all().filter(|(_, _, n)| *n > 0) {
        let _ = write!(body, "{separator}\n    \"{peer}_{reason}\": {n}");
        separator = ",";
        let label = metrics::class_label(peer);
        if label != peer {
            let _ = write!(body, ",\n    \"{label}_{reason}\": {n}");
        }
    }
    body.push_str("\n  }");
    let _ = write!(body, ",\n  \"trunks\": {}", trunks::json(&counts.trunks));
    let _ = write!(body, ",\n  \"alarms\": {}\n}}\n", alarms(&counts));
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The counts in the Prometheus text format.
async fn all_metrics(State(told): State<Pages>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::text(&told).await).into_response()
}

fn utc(at: Wall) -> String {
    let (seconds, nanos) = (at.0 / 1_000_000_000, at.0 % 1_000_000_000);
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    prost_types::Timestamp { seconds, nanos: i32::try_from(nanos).unwrap_or_default() }.to_string()
}

/// The alarms that stand, as the value of `"alarms"` on the health page.
fn alarms(counts: &Counts) -> serde_json::Value {
    let alarms = counts.totals.alarms().map(|alarm| {
        serde_json::json!({
            "name": &*alarm.name,
            "subject": &*alarm.subject,
            "text": &*alarm.text,
            "since": utc(alarm.since),
        })
    });
    alarms.collect()
}

struct Figure {
    name: &'static str,
    kind: &'static str,
    value: u64,
    help: &'static str,
}

fn media_figures(c: &crate::media::relay::RelayCounts) -> Vec<Figure> {
    let counter = |name, value, help| Figure { name, kind: "counter", value, help };
    vec![
        counter("media_relayed_total", c.relayed, "RTP packets passed from leg to leg"),
        counter("media_bad_total", c.bad, "Datagrams at media ports that were neither RTP nor RTCP"),
        counter("media_stray_total", c.strays, "Datagrams at media ports from another source than the peer"),
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
        gauge("ready_seats", c.ready_seats, "Until the next release; hotline_seats by state"),
        gauge("unreachable_seats", c.unreachable_seats, "Until the next release; hotline_seats by state"),
        gauge("watched_phones", c.watched_phones, "Ways to phones that are watched"),
        gauge("lost_phones", c.lost_phones, "Ways to phones that do not answer"),
        gauge("transactions", c.transactions, "SIP transactions"),
        gauge("routes", c.routes, "Ways from a transaction to its call"),
        gauge("call_timers", c.timers, "Deadlines of calls"),
        gauge("awaiting_disk", c.awaiting_disk, "Answers that wait for the disk"),
        gauge("callbacks_due", c.callbacks_due, "Numbers that are owed a call"),
        counter(
            "callbacks_full_total",
            c.callbacks_full_total,
            "Calls owed a callback that got none: too many numbers are owed one",
        ),
        counter("received_total", c.received_total, "Until the next release; hotline_calls_received_total"),
        counter("refused_total", c.refused_total, "Until the next release; hotline_calls_refused_total"),
        counter(
            "connected_total",
            c.connected_total,
            "Until the next release; hotline_calls_connected_total",
        ),
        counter("ended_total", c.ended_total, "Until the next release; hotline_calls_ended_total"),
        counter("unknown_sources_total", c.unknown_sources_total, "Requests of unknown sources turned away"),
        counter(
            "strangers_total",
            c.unknown_sources_total,
            "Until the next release; hotline_unknown_sources_total",
        ),
        counter("shed_total", c.shed_total, "Packets dropped before parsing"),
        counter("malformed_total", c.malformed_total, "Packets that were no SIP message"),
        counter("stray_total", c.stray_total, "Responses, ACKs and CANCELs that belonged to nothing"),
        counter("merged_total", c.merged_total, "Requests that came again by another path (482)"),
        counter("full_total", c.full_total, "New requests for which there was no transaction left"),
        counter("events_total", c.head, "Until the next release; hotline_journal_durable_position"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Totals, What};
    use crate::io::store::tests::Place;

    struct Scene {
        sender: watch::Sender<Counts>,
        told: Pages,
        _place: Place,
    }

    fn scene(counts: Counts) -> Scene {
        let (sender, counts) = watch::channel(counts);
        let streams = Arc::new(stream::Setting {
            limits: (&crate::config::Config::embedded().limits).into(),
            tls: stream::Tls::load(&crate::config::Config::embedded().sip.tls).unwrap(),
            origins: Vec::new(),
            counts: stream::Counts::default(),
            inbox: tokio::sync::mpsc::channel(1).0,
        });
        let place = Place::new();
        let (journal, _) = crate::io::store::tests::open(&place);
        let sampler = Arc::new(sample::Sampler::new(journal.clone()));
        let heard = Arc::new(Mutex::new(Instant::now()));
        let media: MediaCounts = Arc::new(Default::default);
        let config = crate::config::Config::embedded();
        let (web, started) = ([Web::http(&config), Web::grpc(&config)], SystemTime::now());
        let told = Pages { counts, streams, media, web, journal, sampler, heard, started };
        Scene { sender, told, _place: place }
    }

    fn serving() -> Counts {
        Counts { serving: true, ..Counts::default() }
    }

    /// What stands at these seconds of 2027, one of them about a trunk.
    fn alarmed() -> Counts {
        let mut totals = Totals::default();
        let mut event = crate::event::wire::samples::every_kind().remove(0);
        for (alarm, subject) in [("journal_slow", ""), ("trunk_down", "city")] {
            let reason = "look \"there\"".into();
            (event.at, event.call) = (Wall(1_800_000_000_500_000_000), None);
            event.what =
                What::AlarmRaised { alarm: alarm.into(), raised: true, reason, subject: subject.into() };
            totals.count(&event);
        }
        Counts { totals: Arc::new(totals), ..serving() }
    }

    async fn body(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_health_page_names_the_alarms_that_stand_and_since_when() {
        let scene = scene(alarmed());
        let response = health(State(scene.told)).await;
        assert_eq!(response.status(), StatusCode::OK, "an alarm needs a person, not a restart");
        let page: serde_json::Value = serde_json::from_str(&body(response).await).unwrap();
        let expected = serde_json::json!({
            "name": "trunk_down", "subject": "city", "text": "look \"there\"", "since": "2027-01-15T08:00:00.500Z",
        });
        assert_eq!((page["alarms"].as_array().unwrap().len(), &page["alarms"][1]), (2, &expected));
    }

    /// The names that figures had until this release stand beside the new ones.
    #[tokio::test]
    async fn figures_of_unknown_sources_have_their_old_names_too() {
        let mut counts = Counts { unknown_sources_total: 7, ..serving() };
        counts.refusals.count(crate::sip::access::PeerClass::Unknown, crate::gateway::RefusalCause::Rate);
        let told = scene(counts);
        let text = metrics::text(&told.told).await;
        for line in [
            "hotline_unknown_sources_total 7",
            "hotline_strangers_total 7",
            "hotline_turned_away_total{peer=\"unknown\",door=\"stranger\",reason=\"rate\"} 1",
            "hotline_turned_away_total{peer=\"seat\",door=\"seat\",reason=\"rate\"} 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        let page: serde_json::Value =
            serde_json::from_str(&body(health(State(told.told)).await).await).unwrap();
        let turned_away = serde_json::json!({ "unknown_rate": 1, "stranger_rate": 1 });
        assert_eq!(page["turned_away"], turned_away);
    }

    #[tokio::test]
    async fn an_alarm_that_stands_is_a_gauge_of_one() {
        let scene = scene(alarmed());
        let text = metrics::text(&scene.told).await;
        for line in [
            "hotline_alarm{name=\"journal_slow\"} 1",
            "hotline_alarm{name=\"trunk_down\",subject=\"city\"} 1",
            "hotline_serving 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }

    #[tokio::test]
    async fn a_subscription_shows_how_far_it_is_behind() {
        let scene = scene(serving());
        let journal = scene.told.journal.clone();
        assert!(journal.create_subscription("tickets", Vec::new(), 0).await.unwrap());
        let events = crate::event::wire::samples::whole_call(1, 1);
        let last = events.last().unwrap().position;
        let written = journal.clone();
        tokio::task::spawn_blocking(move || crate::io::store::tests::write(&written, events)).await.unwrap();
        let text = metrics::text(&scene.told).await;
        for line in [
            format!("hotline_subscription_lag_events{{subscription=\"tickets\"}} {last}"),
            "hotline_subscription_parked_events{subscription=\"tickets\"} 0".to_owned(),
            format!("hotline_journal_durable_position {last}"),
            "hotline_journal_backlog_events 0".to_owned(),
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        let commits = text.lines().find_map(|l| l.strip_prefix("hotline_journal_commit_seconds_count "));
        assert!(commits.is_some_and(|n| n.parse::<u64>().unwrap() >= 2), "{text}");
        let size = text.lines().find_map(|l| l.strip_prefix("hotline_journal_size_bytes ")).unwrap();
        assert!(size.parse::<u64>().unwrap() > 4096, "{size}");
    }

    #[tokio::test]
    async fn figures_are_fresh_for_three_seconds_and_only_while_they_are_brought() {
        let Scene { sender, told, _place } = scene(serving());
        let heard = *told.heard.lock().unwrap();
        assert!(told.is_fresh(heard + Duration::from_secs(3)));
        assert!(!told.is_fresh(heard + Duration::from_millis(3001)));
        assert_eq!(health(State(told.clone())).await.status(), StatusCode::OK);
        drop(sender);
        assert_eq!(health(State(told)).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn new_figures_make_old_ones_good() {
        let Scene { sender, told, _place } = scene(serving());
        let old = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        *told.heard.lock().unwrap() = old;
        assert_eq!(health(State(told.clone())).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        sender.send_replace(Counts { serving: true, ..Counts::default() });
        drop(sender);
        listen(told.counts.clone(), told.heard.clone()).await;
        assert!(*told.heard.lock().unwrap() > old);
    }
}
