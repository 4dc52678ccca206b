//! A backend in another language: a Python client made from proto/ with grpcio-tools. It subscribes by name while
//! calls run, is cut off, resumes, and has every event once or more, in order, byte by byte as it is stored.

use crate::programme::{Plan, Programme};
use crate::town::{self, Town};
use crate::written::Written;
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::id::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio::time::{Duration, Instant};

/// How often the client is cut off.
const CUTS: usize = 4;
/// After the last call the client gets this long to have everything.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn a_python_subscriber_cut_off_during_a_crash_has_every_event() {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(7);
    eprintln!("seed {seed}");
    town::run(story(seed));
}

async fn story(seed: u64) {
    let mut random = Random::from_number(seed);
    let (phones, seats_at) = Town::seats(&mut random).await;
    let mut gateway = Programme::start(Plan {
        name: "subscriber",
        seats: 40,
        seats_at,
        trunk: "channels = 1000",
        queue: "ring_timeout = \"1s\"\ncool_down = \"1s\"",
        limits: "",
    });
    let client = Client::of(&gateway);
    for token in ["", "wrong", &format!("{}x", gateway.token())] {
        assert_eq!(client.turned_away(token), "UNAUTHENTICATED");
    }
    assert_eq!(client.notes().events.len(), 0, "a client that was turned away has seen nothing");

    let mut town = Town::new(phones, gateway.sip, random.fork()).await;
    for seat in 1001..=1040 {
        let when_rung = match seat % 10 {
            0 => WhenRung::Refuses(486),
            _ => WhenRung::Answers(Duration::from_millis(u64::from(seat % 7) * 20)),
        };
        town.seat(seat, when_rung, Some(Duration::from_millis(400)));
    }
    let habits = |random: &mut Random| match random.below(6) {
        0 => ("12345", HangUp::AfterDialling(Duration::from_millis(random.below(60)))),
        _ => ("12345", HangUp::AfterAnswer(Duration::from_millis(200 + random.below(400)))),
    };
    let mut running = client.start(&gateway.token(), "earliest");
    for cut in 0..CUTS {
        // Let it read something in every life, then cut it off at any moment.
        let seen = client.notes().events.len();
        let limit = Instant::now() + CAUGHT_UP_WITHIN;
        while client.notes().events.len() == seen {
            assert!(Instant::now() < limit, "the client reads nothing");
            town.calls(Duration::from_millis(100), 60.0, habits).await;
        }
        town.calls(Duration::from_micros(200_000 + random.below(600_000)), 60.0, habits).await;
        if cut == CUTS / 2 {
            // This time the gateway dies and the client stays.
            gateway.kill();
            gateway.start_again();
        } else {
            running.cut_off();
            town.calls(Duration::from_millis(random.below(400)), 60.0, habits).await;
            running = client.start(&gateway.token(), "resume");
        }
    }
    let last = town.made();
    town.calls(Duration::from_millis(500), 60.0, habits).await;
    town.settle(last, Duration::from_secs(15)).await;
    let limit = Instant::now() + CAUGHT_UP_WITHIN;
    while gateway.figure("calls") > 0 || client.notes().last() < gateway.figure("events_total") {
        assert!(Instant::now() < limit, "the client does not catch up: {}", gateway.health());
        town.live(Duration::from_millis(200)).await;
    }
    let head = client.notes().last();
    running.cut_off();
    assert!(gateway.stop().success());
    gateway.check_log();
    let written = Written::read(&gateway.store());
    written.check();
    client.notes().check(&written, head);
}

/// The client and where it keeps its notes.
struct Client {
    python: PathBuf,
    stubs: PathBuf,
    log: PathBuf,
    address: SocketAddr,
}

impl Client {
    /// Makes the stubs from proto/.
    fn of(gateway: &Programme) -> Client {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join(".venv/bin/python");
        assert!(python.exists(), "{} is missing: run scripts/setup-test.sh", python.display());
        let stubs = gateway.directory().join("stubs");
        std::fs::create_dir_all(&stubs).expect("a directory for the stubs");
        let proto = root.join("proto");
        let files = std::fs::read_dir(proto.join("hotline/v1")).expect("the contract");
        let files: Vec<PathBuf> = files.flatten().map(|f| f.path()).collect();
        let made = Command::new(&python)
            .args(["-m", "grpc_tools.protoc", "-I"])
            .arg(&proto)
            .arg(format!("--python_out={}", stubs.display()))
            .arg(format!("--grpc_python_out={}", stubs.display()))
            .args(&files)
            .output()
            .expect("python runs");
        assert!(made.status.success(), "no stubs: {}", String::from_utf8_lossy(&made.stderr));
        Client { python, stubs, log: gateway.directory().join("notes"), address: gateway.grpc }
    }

    fn command(&self, token: &str, start: &str) -> Command {
        let mut command = Command::new(&self.python);
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients/subscriber.py"))
            .arg(&self.stubs)
            .arg(self.address.to_string())
            .args([token, "ticketing", start])
            .arg(&self.log)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command
    }

    fn start(&self, token: &str, start: &str) -> Cut {
        Cut(self.command(token, start).spawn().expect("python runs"))
    }

    /// Runs it with a token that opens nothing; gives the gRPC code it was turned away with.
    fn turned_away(&self, token: &str) -> String {
        let mut tried = Cut(self.command(token, "earliest").spawn().expect("python runs"));
        let mut stdout = tried.0.stdout.take().expect("its stdout");
        let (says, said) = std::sync::mpsc::channel();
        std::thread::spawn(move || says.send(std::io::read_to_string(&mut stdout)));
        let said = said.recv_timeout(CAUGHT_UP_WITHIN).expect("a client with a wrong token is turned away");
        said.expect("what it said").trim().to_owned()
    }

    /// What the client has noted, whole lines only.
    fn notes(&self) -> Notes {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        Notes { events: whole.lines().filter_map(Note::parse).collect() }
    }
}

/// A client process, killed when it is dropped.
struct Cut(Child);

impl Cut {
    fn cut_off(&mut self) {
        self.0.kill().expect("the client was running");
        self.0.wait().expect("the client is gone");
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A line of the client's log.
#[derive(Debug, Clone, PartialEq)]
enum Note {
    Opened { after: u64 },
    Gap,
    Event { position: u64, id: String, body: String },
    Ack { up_to: u64 },
}

impl Note {
    fn parse(line: &str) -> Option<Note> {
        let words: Vec<&str> = line.split(' ').collect();
        Some(match words.as_slice() {
            ["opened", after, _] => Note::Opened { after: after.parse().ok()? },
            ["gap", ..] => Note::Gap,
            ["ack", up_to] => Note::Ack { up_to: up_to.parse().ok()? },
            ["event", position, id, body] => {
                Note::Event { position: position.parse().ok()?, id: (*id).into(), body: (*body).into() }
            }
            _ => panic!("the client noted: {line}"),
        })
    }
}

struct Notes {
    events: Vec<Note>,
}

impl Notes {
    /// The newest position it has.
    fn last(&self) -> u64 {
        let positions =
            self.events.iter().map(|n| if let Note::Event { position, .. } = n { *position } else { 0 });
        positions.max().unwrap_or(0)
    }

    /// Everything the contract promises a subscriber.
    fn check(&self, written: &Written, head: u64) {
        let (mut seen, mut ids) = (BTreeMap::new(), BTreeSet::new());
        let (mut next, mut acked, mut opened, mut repeats) = (1, 0, 0, 0);
        for note in &self.events {
            match note {
                Note::Gap => panic!("a gap was told of where there is none"),
                Note::Ack { up_to } => acked = *up_to,
                Note::Opened { after } => {
                    opened += 1;
                    assert!(*after <= acked, "resumed at {after}: past the last ack at {acked}");
                    next = after + 1;
                }
                Note::Event { position, id, body } => {
                    assert_eq!(*position, next, "events out of order or missing");
                    next += 1;
                    match seen.insert(*position, (id, body)) {
                        None => assert!(ids.insert(id), "event id {id} was used twice"),
                        Some(before) => {
                            repeats += 1;
                            assert_eq!(before, (id, body), "the repeat at {position} is another event");
                        }
                    }
                }
            }
        }
        assert_eq!(opened, CUTS + 1, "every cut was followed by a resume");
        assert_eq!(seen.len() as u64, head, "events are missing");
        for (event, body) in written.events.iter().zip(&written.bodies).take(head as usize) {
            let hex: String = body.iter().map(|b| format!("{b:02x}")).collect();
            let same =
                seen.get(&event.position).is_some_and(|(id, b)| **id == event.id.to_string() && **b == hex);
            assert!(same, "what came at {} is not what is stored", event.position);
        }
        eprintln!("{head} events, {repeats} repeats");
    }
}
