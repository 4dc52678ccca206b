//! Where a test keeps its files, how it waits, and how it ends what it started.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(20);

/// A directory that goes with its owner. Kept when the test fails: what the peers wrote is the evidence.
pub struct Place(PathBuf);

impl Place {
    pub fn new(name: &str) -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique =
            format!("hotline-interop-{}-{}-{name}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&path).expect("a directory for the test");
        Place(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, text).expect("a file for the test");
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what the peers wrote is kept in {}", self.0.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// A process that is killed when its owner goes, with every process it started.
pub struct Process(Child);

impl Process {
    /// Starts `command`. What it says goes to the file `output` of `place`, unless its stdout is taken elsewhere.
    pub fn start(mut command: Command, place: &Place, output: &str) -> Process {
        let file = std::fs::File::create(place.file(output)).expect("a file for what a peer says");
        command.stdin(Stdio::null()).stderr(file.try_clone().expect("the same file")).stdout(file);
        Process::spawn(command)
    }

    pub fn spawn(mut command: Command) -> Process {
        let name = command.get_program().to_string_lossy().into_owned();
        command.process_group(0);
        match command.spawn() {
            Ok(child) => Process(child),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                panic!("{name} is not installed: run `make test`, which installs what the tests talk to")
            }
            Err(e) => panic!("{name} does not start: {e}"),
        }
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Its exit status, when it ends within `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<i32> {
        poll(limit, || self.0.try_wait().expect("a child of ours")).and_then(|status| status.code())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Looks until there is something or the time is up.
pub fn poll<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let late = Instant::now() >= end;
        match look() {
            Some(found) => return Some(found),
            None if late => return None,
            None => std::thread::sleep(LOOK),
        }
    }
}

/// The ports programs are told: above those the system gives to programs that ask for any, so that nobody gets one of them
/// between our look and the program's start.
const TOLD: std::ops::Range<u16> = 61_000..65_400;

/// A port of loopback that is free for UDP and TCP and was given to nobody else here, for a program that must be told its
/// port. Even, with the next one free too, as RTP wants it.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let pairs = u32::from(TOLD.end - TOLD.start) / 2;
    // Two runs at once begin at places of their own.
    let begin = std::process::id().wrapping_mul(97);
    let is_free = |port: u16| {
        std::net::UdpSocket::bind(("127.0.0.1", port)).is_ok()
            && std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()
    };
    for _ in 0..pairs {
        let pair = begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % pairs;
        let port = TOLD.start + 2 * pair as u16;
        if is_free(port) && is_free(port + 1) {
            return port;
        }
    }
    panic!("no port from {} to {} is free on loopback", TOLD.start, TOLD.end)
}
