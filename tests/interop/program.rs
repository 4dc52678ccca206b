//! `hotline serve` as a process, and its records and events as its own commands print them.

use crate::centre::Centre;
use crate::place::{Place, Process, poll};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const HOTLINE: &str = env!("CARGO_BIN_EXE_hotline");

/// From the start of the process to its ready line, on a machine that is busy.
const START: Duration = Duration::from_secs(20);

/// For the journal to hold what the peers already know.
const SETTLE: Duration = Duration::from_secs(10);

/// A running gateway. Killed when its owner goes.
pub struct Program {
    pub place: Place,
    pub sip: SocketAddr,
    /// Every SIP listener as the program names it: `tcp:127.0.0.1:5060`.
    listening: Vec<String>,
    grpc: String,
    process: Process,
}

impl Program {
    /// Starts a gateway that takes calls for 12345 from this machine. `seats` and `service` are the text of their
    /// sections after what all tests share.
    pub fn start(name: &str, seats: &str, service: &str) -> Program {
        let trunk = "[[trunk]]\nname = \"sipp\"\nsources = [\"127.0.0.1\"]\nchannels = 1000\n\
                     calls_per_second = 1000\ntrusted = true\n";
        Program::with_trunks(name, &["udp:127.0.0.1:0"], trunk, seats, service)
    }

    /// As [`Program::start`], with these listeners and these trunks.
    pub fn with_trunks(name: &str, listen: &[&str], trunks: &str, seats: &str, service: &str) -> Program {
        Program::with_certificate(name, listen, "", trunks, seats, service)
    }

    /// As [`Program::with_trunks`], with clocks that run ten times as fast as everybody else's: what takes minutes by
    /// the RFCs takes seconds.
    pub fn hurried(name: &str, listen: &[&str], trunks: &str, seats: &str, service: &str) -> Program {
        let mut command = Command::new("faketime");
        command.args(["-m", "-f", "+0 x10", HOTLINE]);
        Program::launch(command, name, listen, "", [trunks, seats, service])
    }

    /// As [`Program::with_trunks`], with `tls` under `[sip]`.
    pub fn with_certificate(
        name: &str,
        listen: &[&str],
        tls: &str,
        trunks: &str,
        seats: &str,
        service: &str,
    ) -> Program {
        Program::launch(Command::new(HOTLINE), name, listen, tls, [trunks, seats, service])
    }

    fn launch(
        command: Command,
        name: &str,
        listen: &[&str],
        tls: &str,
        [trunks, seats, service]: [&str; 3],
    ) -> Program {
        let place = Place::new(name);
        let config = Centre::new(listen, tls, &place.file("state/hotline.db").display().to_string())
            .served("127.0.0.1:0", "127.0.0.1:0")
            .with("[media]\n[log]\nlevel = \"debug\"")
            .with(trunks)
            .with(seats)
            .queue("wrap_up = \"0s\"\ncool_down = \"1s\"\nseats = \"all\"", "")
            .with(service)
            .text();
        place.write("hotline.toml", config);
        Program::begin(command, place)
    }

    /// Kills the process as `kill -9` does, and starts it again.
    pub fn kill_and_start(&mut self) {
        let child = self.process.child();
        child.kill().expect("a child of ours");
        child.wait().expect("a child of ours");
        let place = std::mem::replace(&mut self.place, Place::new("between"));
        *self = Program::begin(Command::new(HOTLINE), place);
    }

    /// Starts the program with the configuration of this place.
    fn begin(mut command: Command, place: Place) -> Program {
        let says = std::fs::File::create(place.file("hotline.log")).expect("a file for its log");
        command.arg("serve").arg("--config").arg(place.file("hotline.toml")).env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(says);
        let mut process = Process::spawn(command);
        let ready = first_line(&mut process).unwrap_or_else(|| {
            let said = std::fs::read_to_string(place.file("hotline.log")).unwrap_or_default();
            panic!("the gateway does not get ready: {said}")
        });
        let after = |word: &str| {
            let found = ready.split([' ', ',']).skip_while(|w| *w != word).nth(1);
            found.unwrap_or_else(|| panic!("no {word} in: {ready}")).to_owned()
        };
        let listening: Vec<String> = {
            let listed = ready.split_once("sip ").and_then(|(_, rest)| rest.split_once(','));
            listed.map_or("", |(listed, _)| listed).split(' ').map(str::to_owned).collect()
        };
        let sip = after("sip").trim_start_matches("udp:").parse().expect("the SIP address");
        Program { sip, listening, grpc: after("grpc"), place, process }
    }

    /// `hotline upgrade`, which ends when the successor serves.
    pub fn upgrades(&self) {
        let file = self.place.file("hotline.toml");
        let upgraded = Command::new(HOTLINE).arg("upgrade").arg("--config").arg(file).output();
        let output = upgraded.expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The listener whose name begins so, for instance `tcp:127.`.
    pub fn listens(&self, begins: &str) -> SocketAddr {
        let found = self.listening.iter().find(|l| l.starts_with(begins));
        let (_, address) = found.and_then(|l| l.split_once(':')).expect("a listener of that kind");
        address.parse().expect("its address")
    }

    /// The password the gateway made for a seat.
    pub fn password(&self, seat: &str) -> String {
        let text =
            std::fs::read_to_string(self.place.file("state/seats.toml")).expect("the seats' passwords");
        let line = text.lines().find_map(|l| l.strip_prefix(&format!("\"{seat}\" = \"")));
        line.expect("the seat's line").trim_end_matches('"').to_owned()
    }

    /// The records of all calls, once there are `calls` and every one of them is final.
    pub fn final_records(&self, calls: usize) -> Vec<Value> {
        let whole = |records: &Vec<Value>| {
            records.len() == calls && records.iter().all(|r| r["final"] == Value::Bool(true))
        };
        let mut last = Vec::new();
        poll(SETTLE, || {
            last = self.lines(&["calls", "--json", "-n", "10000"]);
            whole(&last).then_some(())
        });
        assert!(whole(&last), "{calls} final records expected, there are {}: {last:#?}", last.len());
        last
    }

    /// The events of one type, for instance `CallEnded`.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        self.lines(&["events", "--from", "earliest", "--type", kind])
    }

    /// The newest state of a seat: its name, without what all have in common, its reason and its operator.
    pub fn seat_state(&self, seat: &str) -> [String; 3] {
        let changes = self.events("SeatStateChanged");
        let of = changes.iter().rev().find(|e| text(e, "/seat_state_changed/seat") == seat);
        let said = |key: &str| of.map_or("", |e| text(e, &format!("/seat_state_changed/{key}")));
        let state = said("to_state").trim_start_matches("SEAT_STATE_");
        [state.to_owned(), said("reason").to_owned(), said("operator").to_owned()]
    }

    /// Waits until the gateway has told of `count` events of this type.
    pub fn told(&self, kind: &str, count: usize) -> Vec<Value> {
        let mut last = Vec::new();
        let told = poll(SETTLE * 2, || {
            last = self.events(kind);
            (last.len() >= count).then_some(())
        });
        assert!(told.is_some(), "{count} of {kind} expected: {last:#?}");
        last
    }

    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let asked = Command::new(HOTLINE)
            .args(arguments)
            .args(["--address", &self.grpc])
            .arg("--token-file")
            .arg(self.place.file("state/api-token"))
            .output()
            .expect("the program runs");
        assert!(asked.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&asked.stderr));
        let text = String::from_utf8(asked.stdout).expect("text");
        text.lines().map(|l| serde_json::from_str(l).expect("a line of JSON")).collect()
    }
}

fn first_line(process: &mut Process) -> Option<String> {
    let stdout = process.child().stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let line = BufReader::new(stdout).lines().next();
        let _ = sender.send(line);
    });
    receiver.recv_timeout(START).ok()?.and_then(Result::ok)
}

/// A text of a record or an event, by its path.
pub fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}
