//! `/metrics`: every figure under its Prometheus name. docs/operations.md lists them.

use super::exposition::Exposition;
use super::sample::Sample;
use super::{Pages, trunks};
use crate::event::totals::{Counter, LABELS, Timing, Totals};
use crate::gateway::Counts;
use std::time::UNIX_EPOCH;

/// Which build runs: the build is told the revision, see the Dockerfile.
const REVISION: &str = match option_env!("HOTLINE_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// The whole text.
pub(super) async fn text(told: &Pages) -> String {
    let sample = told.sampler.sample().await;
    let (counts, figures) = told.figures();
    let mut out = Exposition::default();
    for figure in figures {
        out.single(&format!("hotline_{}", figure.name), figure.kind, figure.help, figure.value);
    }
    let serving = u64::from(counts.serving && told.is_fresh(std::time::Instant::now()));
    out.single(
        "hotline_serving",
        "gauge",
        "Whether new calls are taken: 0 in a drain, or when broken",
        serving,
    );
    trunks::metrics(&mut out, &counts.trunks);
    turned_away(&mut out, &counts);
    queues_and_seats(&mut out, &counts);
    totals(&mut out, &counts.totals);
    alarms(&mut out, &counts.totals);
    journal(&mut out, told, &counts, &sample);
    subscriptions(&mut out, told.journal.feed().head(), &sample);
    certificate(&mut out, told);
    process(&mut out, told, &sample);
    out.text()
}

fn turned_away(out: &mut Exposition, counts: &Counts) {
    let name = "hotline_turned_away_total";
    out.family(name, "counter", "Requests and packets turned away, by class of peer and reason; the label `door` is there until the next release");
    for (peer, reason, n) in counts.refusals.all() {
        out.figure(name, &[("peer", peer), ("door", class_label(peer)), ("reason", reason)], n);
    }
    let name = "hotline_registration_failures_total";
    out.family(name, "counter", "Registrations of phones that failed, by reason");
    for (reason, n) in counts.registration_failures.all() {
        out.figure(name, &[("reason", reason)], n);
    }
}

/// The value that the label `door` had until this release.
pub(super) fn class_label(peer: &'static str) -> &'static str {
    if peer == "unknown" { "stranger" } else { peer }
}

fn queues_and_seats(out: &mut Exposition, counts: &Counts) {
    let queues = counts.queues.iter().take(crate::event::totals::NAMES);
    let name = "hotline_queue_waiting_calls";
    out.family(name, "gauge", "Calls in a queue, those being presented included");
    for queue in queues.clone() {
        out.figure(name, &[("queue", queue.name.as_str())], queue.waiting);
    }
    let name = "hotline_queue_ready_seats";
    out.family(name, "gauge", "Seats of a queue that may be offered a call");
    for queue in queues {
        out.figure(name, &[("queue", queue.name.as_str())], queue.ready_seats);
    }
    let name = "hotline_seats";
    out.family(name, "gauge", "Seats by state");
    for (state, n) in &counts.seats {
        out.figure(name, &[("state", state.word())], n);
    }
}

fn totals(out: &mut Exposition, totals: &Totals) {
    for counter in Counter::ALL {
        let family = counter.family();
        let name = format!("hotline_{}", family.name);
        out.family(&name, "counter", family.help);
        for (values, n) in totals.counts_of(counter) {
            let (labels, count) = paired(family.labels, &values);
            out.figure(&name, labels.get(..count).unwrap_or_default(), n);
        }
    }
    for timing in Timing::ALL {
        let family = timing.family();
        let name = format!("hotline_{}", family.name);
        out.family(&name, "histogram", family.help);
        for (values, histogram) in totals.timings_of(timing) {
            let (labels, count) = paired(family.labels, &values);
            out.histogram(&name, labels.get(..count).unwrap_or_default(), histogram);
        }
    }
}

/// Names and values of labels side by side, and how many there are.
fn paired<'a>(names: &'a [&'a str], values: &[&'a str]) -> ([(&'a str, &'a str); LABELS], usize) {
    let mut labels = [("", ""); LABELS];
    let pairs = names.iter().zip(values);
    let count = pairs.len();
    for (label, (name, value)) in labels.iter_mut().zip(pairs) {
        *label = (name, value);
    }
    (labels, count)
}

fn alarms(out: &mut Exposition, totals: &Totals) {
    let name = "hotline_alarm";
    out.family(name, "gauge", "1 for each alarm that stands, with the trunk it is about");
    for alarm in totals.alarms() {
        let labels = [("name", &*alarm.name), ("subject", &*alarm.subject)];
        let count = if alarm.subject.is_empty() { 1 } else { 2 };
        out.figure(name, labels.get(..count).unwrap_or_default(), 1);
    }
}

fn journal(out: &mut Exposition, told: &Pages, counts: &Counts, sample: &Sample) {
    let durable = told.journal.feed().head();
    out.single("hotline_journal_durable_position", "gauge", "Newest position on disk", durable);
    let backlog = counts.head.saturating_sub(durable);
    out.single("hotline_journal_backlog_events", "gauge", "Events that wait for the disk", backlog);
    let name = "hotline_journal_commit_seconds";
    out.family(name, "histogram", "How long a commit of the journal took, with its fsync");
    out.histogram(name, &[], &told.journal.commits());
    let size = sample.journal_size;
    out.single("hotline_journal_size_bytes", "gauge", "Size of the journal's files", size);
}

fn subscriptions(out: &mut Exposition, durable: u64, sample: &Sample) {
    let mut each = |name: &str, help: &str, value: &dyn Fn(&crate::io::store::Subscription) -> u64| {
        out.family(name, "gauge", help);
        for subscription in &sample.subscriptions {
            out.figure(name, &[("subscription", &subscription.name)], value(subscription));
        }
    };
    let help = "Positions behind the newest on disk, those its filter leaves out included";
    each("hotline_subscription_lag_events", help, &|s| durable.saturating_sub(s.acked));
    let help = "When the subscription last moved";
    each("hotline_subscription_acknowledged_timestamp_seconds", help, &|s| s.acked_at.secs());
    each("hotline_subscription_parked_events", "Events set aside", &|s| u64::from(s.parked));
}

fn certificate(out: &mut Exposition, told: &Pages) {
    let name = "hotline_certificate_expiry_timestamp_seconds";
    out.family(name, "gauge", "When the certificate of sip.tls_certificate runs out");
    if let Some(at) = told.streams.tls.expires() {
        out.figure(name, &[], at.secs());
    }
}

fn process(out: &mut Exposition, told: &Pages, sample: &Sample) {
    let name = "hotline_build_info";
    out.family(name, "gauge", "1, with the version that runs");
    out.figure(name, &[("version", env!("CARGO_PKG_VERSION")), ("revision", REVISION)], 1);
    let process = &sample.process;
    if let Some(cpu) = process.cpu {
        out.single("process_cpu_seconds_total", "counter", "Processor time used, user and system", cpu);
    }
    let mut gauge = |name: &str, help: &str, value: Option<u64>| {
        if let Some(value) = value {
            out.single(name, "gauge", help, value);
        }
    };
    gauge("process_resident_memory_bytes", "Memory in use", process.resident);
    gauge("process_virtual_memory_bytes", "Address space", process.address_space);
    gauge("process_threads", "Threads", process.threads);
    gauge("process_open_fds", "Open file descriptors", process.open_fds);
    gauge("process_max_fds", "Most file descriptors the process may open", process.max_fds);
    let started = told.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    out.single("process_start_time_seconds", "gauge", "When the gateway started", format!("{started:.3}"));
}
