//! What the supervisor is told: systemd's notification protocol (sd_notify(3)), a datagram a word. Without a supervisor that
//! listens, nothing is said.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;

/// The way to the supervisor. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Supervisor(Option<Arc<Line>>);

#[derive(Debug)]
struct Line {
    socket: UnixDatagram,
    to: SocketAddr,
}

impl Supervisor {
    /// The supervisor that `NOTIFY_SOCKET` names, if it does.
    pub fn of_environment() -> Supervisor {
        Supervisor::at(std::env::var_os("NOTIFY_SOCKET").as_deref())
    }

    fn at(socket: Option<&OsStr>) -> Supervisor {
        let to = socket.and_then(|name| match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
            [b'/', ..] => SocketAddr::from_pathname(name).ok(),
            _ => None,
        });
        let line = to.and_then(|to| {
            let socket = UnixDatagram::unbound().ok()?;
            // A supervisor that does not read holds nothing up, the control thread least of all.
            socket.set_nonblocking(true).ok()?;
            Some(Arc::new(Line { socket, to }))
        });
        Supervisor(line)
    }

    /// Calls are taken.
    pub fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={status}"));
    }

    /// Another build or configuration takes over in this process; [`Supervisor::ready`] follows.
    pub fn reloading(&self) {
        self.say("RELOADING=1\nSTATUS=hands over to the next build or configuration");
    }

    /// No new call is taken any more.
    pub fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=drains: live calls may end");
    }

    /// The control thread works. Left out for `WatchdogSec=` of the unit, the supervisor kills the process.
    pub fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    fn say(&self, words: &str) {
        if let Some(line) = &self.0 {
            // One that is gone or full misses a word; the next watchdog word comes in a second.
            let _ = line.socket.send_to_addr(words.as_bytes(), &line.to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(by: &UnixDatagram, say: impl FnOnce(&Supervisor), name: &str) -> String {
        say(&Supervisor::at(Some(OsStr::new(name))));
        let mut buffer = [0; 256];
        let n = by.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    }

    #[test]
    fn a_supervisor_hears_each_word_at_a_path_and_at_an_abstract_name() {
        let path = std::env::temp_dir().join(format!("hotline-notify-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let by = UnixDatagram::bind(&path).unwrap();
        let name = path.to_str().unwrap();
        assert!(heard(&by, |s| s.ready("takes calls"), name).starts_with("READY=1\nSTATUS=takes"));
        assert!(heard(&by, Supervisor::reloading, name).starts_with("RELOADING=1\n"));
        assert!(heard(&by, Supervisor::stopping, name).starts_with("STOPPING=1\n"));
        std::fs::remove_file(&path).unwrap();
        let name = format!("hotline-notify-{}", std::process::id());
        let by = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        assert_eq!(heard(&by, Supervisor::alive, &format!("@{name}")), "WATCHDOG=1");
    }

    #[test]
    fn without_a_supervisor_nothing_is_said_and_nothing_fails() {
        for name in [None, Some(""), Some("relative"), Some("/nonexistent/notify")] {
            Supervisor::at(name.map(OsStr::new)).ready("takes calls");
        }
    }
}
