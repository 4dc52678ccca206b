//! `hotline trace` against the running program: a call as a ladder and as a capture that tshark reads, with secrets
//! masked, and nothing left when its reader goes.

use crate::agent::{At, Over, Site, unique};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A trace that runs.
struct Tracing {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Tracing {
    fn start(site: &Site, arguments: &[&str]) -> Tracing {
        let programme = &site.programme;
        let mut child = Command::new(env!("CARGO_BIN_EXE_hotline"))
            .arg("trace")
            .args(["--address", &programme.grpc.to_string(), "--token-file"])
            .arg(programme.directory().join("api-token"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("its stdout")).lines();
        Tracing { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("a line").expect("text")
    }

    /// Until its end: whether well, and what it said last.
    fn end(mut self) -> (bool, String) {
        while self.lines.next().is_some() {}
        let out = self.child.wait_with_output().expect("it ends");
        (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
    }
}

impl Tracing {
    /// The gateway hears of a trace when it does: asks until the first line stands.
    fn begun(&mut self, site: &Site) {
        let mut agent = site.agent(At::Trunk, Over::Udp);
        let (tell, told) = std::sync::mpsc::channel::<()>();
        let asking = std::thread::spawn(move || {
            while told.try_recv().is_err() {
                agent.until_options();
            }
        });
        let first = self.line();
        assert!(first.contains("OPTIONS"), "{first}");
        tell.send(()).expect("it still asks");
        asking.join().expect("every OPTIONS was answered");
    }

    /// Lines up to the first that holds `text`.
    fn until(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            lines.push(self.line());
            if lines.last().is_some_and(|l| l.contains(text)) {
                return lines;
            }
        }
    }
}

#[test]
fn a_trunk_is_traced_as_a_ladder_and_as_a_capture_that_tshark_reads() {
    let site = Site::open("trace", "");
    let capture = site.programme.directory().join("trunk.pcap");
    let file = capture.to_str().expect("a path");
    let mut tracing = Tracing::start(&site, &["--trunk", "pbx", "--pcap", file, "--whole"]);
    tracing.begun(&site);
    let mut agent = site.agent(At::Trunk, Over::Udp);
    let id = unique();
    let invite = agent.with_body("INVITE", "99999", &id, 1, "", &agent.offer());
    let invite = invite.replacen(
        "Max-Forwards",
        "Proxy-Authorization: Digest username=\"u\", realm=\"r\", nonce=\"n0nce\", response=\"5ec4e7\"\r\nMax-Forwards",
        1,
    );
    agent.send(invite);
    assert_eq!(agent.final_response().status(), 404);
    let lines = tracing.until("SIP/2.0 404").join("\n");
    for shown in [&id[..], "<-- udp:", "INVITE sip:99999@", "SIP/2.0 100 Trying", "username=\"u\"", "-->"] {
        assert!(lines.contains(shown), "{shown}: {lines}");
    }
    for secret in ["n0nce", "5ec4e7"] {
        assert!(!lines.contains(secret), "{secret}: {lines}");
    }
    tracing.child.kill().expect("it ran");
    let _ = tracing.child.wait();
    let packets = std::fs::read(&capture).expect("the capture");
    assert!(!packets.windows(5).any(|w| w == b"n0nce"));
    let Some(read) = tshark(&capture) else { return };
    for (method, status) in [("INVITE", ""), ("", "100"), ("", "404")] {
        let found = read.lines().any(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            fields.first() == Some(&method)
                && fields.get(1) == Some(&status)
                && fields.get(2) == Some(&&id[..])
        });
        assert!(found, "no {method}{status} in what tshark reads:\n{read}");
    }
}

#[test]
fn what_cannot_be_framed_and_its_answer_are_traced() {
    let site = Site::open("trace-broken", "");
    let mut tracing = Tracing::start(&site, &["--trunk", "pbx", "--whole"]);
    tracing.begun(&site);
    let mut agent = site.agent(At::Trunk, Over::Tcp);
    let id = unique();
    agent.send(agent.request("OPTIONS", "12345", &id, 1, "").replace("Content-Length: 0\r\n", ""));
    let answer = agent.final_response();
    assert_eq!(answer.status(), 400, "{}", answer.text);
    let noted = format!(";received={};rport={}", agent.here.ip(), agent.here.port());
    assert!(answer.header("Via").is_some_and(|via| via.contains(&noted)), "{}", answer.text);
    let lines = tracing.until("SIP/2.0 400").join("\n");
    let came = format!("<-- tcp:{}", agent.here);
    assert!(lines.contains(&id) && lines.contains(&came), "{lines}");
    tracing.child.kill().expect("it ran");
    let _ = tracing.child.wait();
}

/// Method, status and Call-ID of every packet, and nothing wrong with any checksum. `None`, and a line that says so,
/// where tshark is absent.
fn tshark(capture: &Path) -> Option<String> {
    let fields = [
        "sip.Method",
        "sip.Status-Code",
        "sip.Call-ID",
        "_ws.malformed",
        "udp.checksum.status",
        "ip.checksum.status",
    ];
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]);
    command.args(["-d", "udp.port==1-65535,sip", "-T", "fields"]);
    fields.iter().for_each(|f| {
        command.args(["-e", f]);
    });
    let Ok(out) = command.output() else {
        eprintln!("tshark is not installed: the capture was not read");
        return None;
    };
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields[3..], ["", "1", "1"], "malformed, or a checksum is wrong: {line}");
    }
    Some(text)
}

#[test]
fn a_call_is_traced_with_all_its_legs_and_an_unknown_subject_is_named_so() {
    let site = Site::open("trace-call", "");
    let mut phone = site.agent(At::Seat, Over::Udp);
    let mut agent = site.agent(At::Trunk, Over::Udp);
    let id = unique();
    agent.send(agent.with_body("INVITE", "12345", &id, 1, "", &agent.offer()));
    let ok = agent.final_response();
    assert_eq!(ok.status(), 200, "{}", ok.text);
    let tag = format!(";tag={}", ok.tag("To").expect("a tag"));
    agent.send(agent.request("ACK", "12345", &id, 1, &tag));
    let ring = phone.expect("the seat is called", |c| c.method() == "INVITE");
    let call = ring.header("X-Hotline-Call").or(ring.header("X-Call-ID")).map(str::to_owned);
    let call = call.unwrap_or_else(|| one_call(&site));
    let mut tracing = Tracing::start(&site, &["--call", &call, "--mask-numbers"]);
    // The seat's INVITE comes again, as nobody answers it: the trace has begun once it says so.
    let first = tracing.line();
    assert!(first.contains("-->") && first.contains("INVITE") && !first.contains("13812341234"), "{first}");
    agent.send(agent.request("BYE", "12345", &id, 2, &tag));
    assert_eq!(agent.final_response().status(), 200);
    let lines = tracing.until("BYE").join("\n");
    assert!(lines.contains(&id), "{lines}");
    let (well, why) = Tracing::start(&site, &["--trunk", "nobody"]).end();
    assert!(!well && why.contains("no such trunk"), "{why}");
    let (well, why) = Tracing::start(&site, &["--seat", "1001", "--for", "1"]).end();
    assert!(well && why.contains("its time is up"), "{why}");
}

/// The id of the one call there is, as its first event names it.
fn one_call(site: &Site) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_hotline"))
        .args(["events", "--from", "earliest", "--type", "CallReceived"])
        .args(["--address", &site.programme.grpc.to_string(), "--token-file"])
        .arg(site.programme.directory().join("api-token"))
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let event: serde_json::Value =
        serde_json::from_str(text.lines().next().expect("an event")).expect("JSON");
    let id = event["call"]["call_id"].as_str().unwrap_or_else(|| panic!("no call in {event}"));
    id.to_owned()
}
