//! How the gateway is watched from outside: alarms in the log, on the health page and in the metrics; metrics by the rules
//! of Prometheus; a dashboard, alert rules and a manual that name what there is.

use crate::agent::{Agent, Over, unique};
use crate::programme::{Plan, Programme};
use hotline_gateway::gateway::Alarm;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Figures come once a second; what is not there after this long does not come.
const WITHIN: Duration = Duration::from_secs(15);

fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn text_of(file: &str) -> String {
    let path = repository(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A gateway whose trunk has one channel.
fn gateway(name: &'static str) -> Programme {
    Programme::start(Plan {
        name,
        seats: 1,
        seats_at: "127.0.0.1:9".parse().expect("an address"),
        trunk: "channels = 1",
        queue: "",
        limits: "",
    })
}

/// A call of the trunk that was answered.
struct Call {
    agent: Agent,
    id: String,
    tag: String,
}

impl Call {
    fn begins(gateway: &Programme) -> Call {
        let mut agent = Agent::new("127.0.0.1:0".parse().expect("an address"), gateway.sip, Over::Udp);
        let id = unique();
        agent.send(agent.with_body("INVITE", "12345", &id, 1, "", &agent.offer()));
        let ok = agent.final_response();
        assert_eq!(ok.status(), 200, "{}", ok.text);
        let tag = format!(";tag={}", ok.tag("To").expect("the gateway's tag"));
        agent.send(agent.request("ACK", "12345", &id, 1, &tag));
        Call { agent, id, tag }
    }

    fn ends(mut self) {
        self.agent.send(self.agent.request("BYE", "12345", &self.id, 2, &self.tag));
        assert_eq!(self.agent.response_to("2 BYE").status(), 200);
    }
}

fn metrics(gateway: &Programme) -> String {
    let page = gateway.page("/metrics");
    let (head, body) = page.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    body.to_owned()
}

/// Asks until it is so.
fn until<T>(what: &str, mut asked: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = asked() {
            return answer;
        }
        assert!(begun.elapsed() < WITHIN, "{what} does not come");
        // Figures come once a second: asking without a pause would only fill the machine.
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn promtool(args: &[&str], input: &str) -> Output {
    let child = Command::new("promtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|e| panic!("promtool: {e}: run scripts/setup-test.sh"));
    let mut stdin = child.stdin.take().expect("its stdin");
    // It may end before it has read everything.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("promtool ends")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The families of the metrics, by their TYPE lines.
fn families(metrics: &str) -> BTreeSet<String> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
}

/// The families a text of queries names.
fn named(text: &str, told: &BTreeSet<String>) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let metrics = words.filter(|word| word.starts_with("hotline_") || word.starts_with("process_"));
    let family = |word: &str| {
        let of_histogram = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| word.strip_suffix(end));
        of_histogram.filter(|family| told.contains(*family)).unwrap_or(word).to_owned()
    };
    metrics.map(family).collect()
}

#[test]
fn an_alarm_is_a_warning_in_the_log_a_gauge_and_on_the_health_page() {
    let gateway = gateway("alarm");
    let call = Call::begins(&gateway);
    let gauge = "hotline_alarm{name=\"channel_use\",subject=\"city\"} 1";
    until("the gauge", || metrics(&gateway).lines().any(|line| line == gauge).then_some(()));
    let page = gateway.health();
    let body = page.split_once("\r\n\r\n").expect("a body").1;
    let page: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {body}"));
    let alarm = &page["alarms"][0];
    assert_eq!((&alarm["name"], &alarm["subject"]), (&"channel_use".into(), &"city".into()), "{page}");
    assert!(alarm["text"].as_str().is_some_and(|text| text.contains("1 of its 1 channels")), "{page}");
    assert!(alarm["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{page}");
    let log = gateway.log();
    let warned =
        |line: &&str| line.contains(" WARN ") && line.contains("alarm channel_use raised: trunk city");
    assert_eq!(log.lines().filter(warned).count(), 1, "{log}");
    call.ends();
    until("its end", || (!metrics(&gateway).contains("hotline_alarm{")).then_some(()));
    gateway.check_log();
}

#[test]
fn promtool_finds_nothing_to_mend_in_the_metrics() {
    let gateway = gateway("promtool");
    Call::begins(&gateway).ends();
    let waited = "hotline_queue_wait_seconds_count{queue=\"main\",exit=\"abandoned\"} 1";
    let text = until("the call", || Some(metrics(&gateway)).filter(|text| text.contains(waited)));
    let output = promtool(&["check", "metrics"], &text);
    assert!(output.status.success() && said(&output).is_empty(), "{}\n{text}", said(&output));
    let bad = promtool(&["check", "metrics"], "# TYPE hotline_ended counter\nhotline_ended 1\n");
    assert!(!bad.status.success(), "promtool would find it");
}

#[test]
fn no_metric_names_a_caller() {
    let gateway = gateway("nocaller");
    Call::begins(&gateway).ends();
    let ended = "hotline_calls_ended_total{queue=\"main\",service=\"12345\",reason=\"abandoned\"} 1";
    let text = until("the call", || Some(metrics(&gateway)).filter(|text| text.contains(ended)));
    let caller = "13812341234";
    for page in [text, gateway.health()] {
        assert!(!page.contains(caller) && !page.contains("127.0.0.1"), "{page}");
    }
}

#[test]
fn every_metric_of_the_dashboard_and_the_alert_rules_is_told() {
    let told = families(&metrics(&gateway("dashboard")));
    for file in ["packaging/prometheus/alerts.yml", "packaging/prometheus/alerts_test.yml"] {
        let named = named(&text_of(file), &told);
        assert!(named.len() > 5, "{file}: {named:?}");
        let missing: Vec<_> = named.difference(&told).collect();
        assert!(missing.is_empty(), "{file} names what is not told: {missing:?}");
    }
    let dashboard: serde_json::Value =
        serde_json::from_str(&text_of("packaging/grafana/hotline.json")).expect("the dashboard is JSON");
    let mut queries = String::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            queries += target["expr"].as_str().expect("an expression");
            queries.push('\n');
        }
    }
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        queries += variable["query"].as_str().expect("a query");
        queries.push('\n');
    }
    let named = named(&queries, &told);
    assert!(named.len() > 20, "{named:?}");
    let missing: Vec<_> = named.difference(&told).collect();
    assert!(missing.is_empty(), "the dashboard names what is not told: {missing:?}");
}

#[test]
fn the_alert_rules_do_what_their_cases_say() {
    for (what, file) in [("check", "alerts.yml"), ("test", "alerts_test.yml")] {
        let path = repository("packaging/prometheus").join(file);
        let output = promtool(&[what, "rules", path.to_str().expect("a path")], "");
        assert!(output.status.success(), "{file}: {}", said(&output));
    }
}

/// The first column of the table under a heading of docs/operations.md.
fn documented(heading: &str) -> BTreeSet<String> {
    let text = text_of("docs/operations.md");
    let from = text.find(heading).unwrap_or_else(|| panic!("docs/operations.md has no {heading}"));
    let part = &text[from + heading.len()..];
    let part = &part[..part.find("\n## ").unwrap_or(part.len())];
    let names = part.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    names.map(str::to_owned).collect()
}

#[test]
fn the_manual_names_every_metric_and_no_other() {
    let told = families(&metrics(&gateway("manual")));
    assert_eq!(documented("## Metrics"), told);
}

#[test]
fn the_manual_names_every_alarm_and_no_other() {
    let named = Alarm::NAMES.into_iter().map(str::to_owned).collect();
    assert_eq!(documented("## Alarms"), named);
}
