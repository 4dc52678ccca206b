//! The program itself, as a process: `hotline serve` on free loopback ports, stopped, killed and started again.

use crate::centre::Centre;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A start that takes longer has failed.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A stop has 5 s for live calls; one that takes longer than this hangs.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);

/// What the gateway of a test is made of.
pub struct Plan {
    /// Names its directory.
    pub name: &'static str,
    /// Seats 1001 and on, all at `seats_at`.
    pub seats: u32,
    pub seats_at: SocketAddr,
    /// More keys of the trunk, the queue and the limits.
    pub trunk: &'static str,
    pub queue: &'static str,
    pub limits: &'static str,
}

/// Writes the configuration, given the directory and the addresses to listen on: SIP, gRPC, HTTP.
type Configure = Box<dyn Fn(&Path, [SocketAddr; 3]) -> String>;

/// A running `hotline serve`, its configuration and its store. Dropping it kills it and, unless the test fails,
/// removes its directory.
pub struct Programme {
    configure: Configure,
    /// `RUST_LOG`, if there is one.
    filter: Option<&'static str>,
    directory: PathBuf,
    child: Child,
    said: mpsc::Receiver<String>,
    /// Where it takes SIP first: over UDP.
    pub sip: SocketAddr,
    /// Where it takes SIP over TCP, if it was told to.
    pub sip_tcp: Option<SocketAddr>,
    pub grpc: SocketAddr,
    pub http: SocketAddr,
}

impl Programme {
    /// Starts with an empty store on ports the system chooses.
    pub fn start(plan: Plan) -> Programme {
        let name = plan.name;
        Programme::configured(name, move |directory, ports| configuration(&plan, directory, ports))
    }

    /// As [`Programme::start`], with a filter of the log in `RUST_LOG`.
    pub fn logging(plan: Plan, filter: &'static str) -> Programme {
        let name = plan.name;
        let configure = move |directory: &Path, ports| configuration(&plan, directory, ports);
        Programme::launched(name, Box::new(configure), Some(filter))
    }

    /// As [`Programme::start`], on a configuration of the test's own. It must listen on the addresses it is given.
    pub fn configured(
        name: &str,
        configure: impl Fn(&Path, [SocketAddr; 3]) -> String + 'static,
    ) -> Programme {
        Programme::launched(name, Box::new(configure), None)
    }

    fn launched(name: &str, configure: Configure, filter: Option<&'static str>) -> Programme {
        let directory = std::env::temp_dir().join(format!("hotline-it-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).expect("a directory for the test");
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let (child, said, Ports { sip, sip_tcp, grpc, http }) =
            launch(&configure, &directory, [any; 3], filter);
        Programme { configure, filter, directory, child, said, sip, sip_tcp, grpc, http }
    }

    /// SIGKILL: the process is gone when this returns.
    pub fn kill(&mut self) {
        self.child.kill().expect("the gateway was running");
        self.child.wait().expect("the gateway is gone");
    }

    /// Starts again on the same store and the same ports.
    pub fn start_again(&mut self) {
        let (child, said, ports) =
            launch(&self.configure, &self.directory, [self.sip, self.grpc, self.http], self.filter);
        (self.child, self.said) = (child, said);
        assert_eq!(
            [ports.sip, ports.grpc, ports.http],
            [self.sip, self.grpc, self.http],
            "the gateway moved"
        );
    }

    /// SIGTERM: drains, and says how the process ended.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        // Its stdout closes when it ends.
        let ended = loop {
            match self.said.recv_timeout(STOPPED_WITHIN) {
                Ok(_) => {}
                Err(why) => break why,
            }
        };
        assert_eq!(ended, mpsc::RecvTimeoutError::Disconnected, "the gateway does not stop");
        self.child.wait().expect("the gateway is gone")
    }

    /// Waits for the end of a process that was told to end, and says how it ended.
    pub fn ended(&mut self) -> ExitStatus {
        while self.said.recv_timeout(STOPPED_WITHIN).is_ok() {}
        self.child.wait().expect("the gateway is gone")
    }

    /// What a command of the program says when it is run on this gateway's configuration.
    pub fn command(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
        command.args(words).arg("--config").arg(self.directory.join("hotline.toml")).env_remove("RUST_LOG");
        command.output().expect("the program runs")
    }

    /// Runs `hotline upgrade` apart from the test, which goes on; it must succeed.
    pub fn upgrade(&self) -> impl Future<Output = ()> + use<> {
        let file = self.directory.join("hotline.toml");
        async move {
            let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
            command.arg("upgrade").arg("--config").arg(file).env_remove("RUST_LOG");
            let output = tokio::task::spawn_blocking(move || command.output()).await;
            let output = output.expect("it is waited for").expect("the program runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }

    /// Writes this into its configuration, in the place of the first `old`. Gives what stood there.
    pub fn rewrite(&self, old: &str, new: &str) -> String {
        let file = self.directory.join("hotline.toml");
        let text = std::fs::read_to_string(&file).expect("the configuration");
        assert!(text.contains(old), "no {old:?} in {text}");
        std::fs::write(&file, text.replacen(old, new, 1)).expect("the configuration is written");
        text
    }

    /// Waits until it says again that it is ready: another process goes on under the same id.
    pub fn is_ready_again(&self) {
        let line = self.said.recv_timeout(READY_WITHIN).expect("it is ready again");
        let at = format!("sip udp:{}", self.sip);
        assert!(line.contains(&at), "the gateway moved: {line}");
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().expect("kill is here");
        assert!(sent.success(), "the gateway was gone before SIG{name}");
    }

    /// Its journal.
    pub fn store(&self) -> PathBuf {
        self.directory.join("journal.db")
    }

    /// A directory for what the test makes.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The bearer token of gRPC.
    pub fn token(&self) -> String {
        let text = std::fs::read_to_string(self.directory.join("api-token")).expect("the API token");
        text.trim().to_owned()
    }

    /// A figure of the health page.
    pub fn figure(&self, name: &str) -> u64 {
        let page = self.health();
        let key = format!("\"{name}\": ");
        let at = page.find(&key).unwrap_or_else(|| panic!("the health page has no {name}: {page}"));
        let digits: String = page[at + key.len()..].chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_else(|_| panic!("{name} is no number: {page}"))
    }

    /// The health page as it comes.
    pub fn health(&self) -> String {
        self.page("/health")
    }

    /// A page of its HTTP server, with its head.
    pub fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.http).expect("the health page answers");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: hotline\r\nConnection: close\r\n\r\n")
            .expect("the request goes out");
        let mut page = String::new();
        stream.read_to_string(&mut page).expect("the page comes whole");
        page
    }

    /// How many files and sockets the process holds.
    pub fn descriptors(&self) -> usize {
        let open = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(open).map_or(0, |entries| entries.count())
    }

    /// How much memory it holds, in bytes.
    pub fn resident(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmRSS:"));
        let kib = line.and_then(|l| l.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.expect("the process is there") << 10
    }

    /// How many threads it has.
    pub fn threads(&self) -> usize {
        let tasks = format!("/proc/{}/task", self.child.id());
        std::fs::read_dir(tasks).map_or(0, |entries| entries.count())
    }

    /// What all its lives logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).expect("the log")
    }

    /// Fails the test at an ERROR line.
    pub fn check_log(&self) {
        let log = self.log();
        let errors: Vec<&str> =
            log.lines().filter(|l| l.contains(" ERROR ") || l.contains("panicked at")).collect();
        assert!(errors.is_empty(), "the gateway logged errors:\n{}", errors.join("\n"));
    }
}

impl Drop for Programme {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(10).collect();
            eprintln!("kept for you: {}; its log ends:", self.directory.display());
            last.iter().rev().for_each(|line| eprintln!("  {line}"));
        } else {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

fn configuration(plan: &Plan, directory: &Path, [sip, grpc, http]: [SocketAddr; 3]) -> String {
    let Plan { seats, seats_at, trunk, queue, limits, .. } = plan;
    let media = media_address(plan.name);
    let store = directory.join("journal.db").display().to_string();
    Centre::new(&[&format!("udp:{sip}")], "", &store)
        .served(&grpc.to_string(), &http.to_string())
        .with(&format!("[media]\naddress = \"{media}\"\nports = \"16384-29999\"\nsilence = \"24h\""))
        .with(&format!("[log]\nlevel = \"warn\"\n[limits]\ndrain = \"5s\"\n{limits}"))
        .trunk("city", &["127.0.0.1"], &format!("calls_per_second = 5000\n{trunk}"))
        .seats(1001, 1000 + seats, &format!("contact = \"sip:{{seat}}@{seats_at}\""))
        .queue(&format!("wrap_up = \"0s\"\n{queue}"), "")
        .service("12399", "answer_delay_ms = 200")
        .text()
}

/// A loopback address of its own for the media of each test of each run: no other gateway on this machine, which
/// would use the same range of ports, can be in the way.
pub fn media_address(name: &str) -> Ipv4Addr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let of_test = name.bytes().fold(1u8, |sum, b| sum.wrapping_mul(31).wrapping_add(b));
    Ipv4Addr::new(127, 1 + high % 120, low, of_test.clamp(1, 254))
}

/// Where a gateway says it listens.
struct Ports {
    sip: SocketAddr,
    sip_tcp: Option<SocketAddr>,
    grpc: SocketAddr,
    http: SocketAddr,
}

type Launched = (Child, mpsc::Receiver<String>, Ports);

fn launch(configure: &Configure, directory: &Path, ports: [SocketAddr; 3], filter: Option<&str>) -> Launched {
    let file = directory.join("hotline.toml");
    std::fs::write(&file, configure(directory, ports)).expect("the configuration is written");
    let log = std::fs::File::options().create(true).append(true).open(directory.join("log")).expect("a log");
    let mut child = Command::new(env!("CARGO_BIN_EXE_hotline"))
        .args(["serve", "--config"])
        .arg(&file)
        .env_remove("RUST_LOG")
        .envs(filter.map(|filter| ("RUST_LOG", filter)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the program starts");
    let (says, said) = mpsc::channel();
    let stdout = child.stdout.take().expect("its stdout");
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = says.send(line);
        }
    });
    let line = said.recv_timeout(READY_WITHIN).unwrap_or_else(|_| {
        let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
        let _ = child.kill();
        panic!("the gateway did not start; it said: {log}")
    });
    let found = |after: &str| {
        let at = line.find(after)? + after.len();
        let text: String = line[at..].chars().take_while(|c| !c.is_whitespace() && *c != ',').collect();
        Some(text.parse().unwrap_or_else(|_| panic!("no address after {after} in: {line}")))
    };
    let address = |after: &str| found(after).unwrap_or_else(|| panic!("no {after} in: {line}"));
    let ports = Ports {
        sip: address("sip udp:"),
        sip_tcp: found(" tcp:"),
        grpc: address("grpc "),
        http: address("http "),
    };
    (child, said, ports)
}
