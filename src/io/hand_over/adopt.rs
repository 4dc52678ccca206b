//! What the process before left for this one.

use super::descriptors::{Role, read};
use rustix::io::{FdFlags, fcntl_setfd};
use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// The variable that says for which process, and under which number the map lies: `1234:17`. Exec changes no process id, and
/// a child that inherits the variable has another one.
pub(super) const VARIABLE: &str = "HOTLINE_HAND_OVER";

/// Sockets and files of the process before. Nothing at all after an ordinary start.
#[derive(Debug, Default)]
pub struct Adopted {
    /// The lock of the store.
    pub lock: Option<File>,
    /// Sockets of media.
    pub media: Vec<UdpSocket>,
    /// Who waits to be told that this process is ready.
    pub asker: Option<UnixStream>,
    listeners: Vec<(String, OwnedFd)>,
}

impl Adopted {
    /// The listener configured so, if the process before had it.
    pub fn listener(&mut self, name: &str) -> Option<OwnedFd> {
        let at = self.listeners.iter().position(|(its, _)| its == name)?;
        Some(self.listeners.remove(at).1)
    }

    /// Closes the listeners that this configuration has no more.
    pub fn close_others(&mut self) {
        self.listeners.clear();
    }
}

/// Takes what the process before left. To be called once, at the start.
pub fn adopt() -> Adopted {
    let left = std::env::var(VARIABLE).ok().and_then(|text| for_us(&text, std::process::id()));
    let Some(map) = left.and_then(owned) else { return Adopted::default() };
    match read(File::from(map)) {
        Ok(descriptors) => sorted(descriptors),
        Err(e) => {
            tracing::warn!("what the process before left cannot be read: {e}: its sockets are bound anew");
            Adopted::default()
        }
    }
}

/// The number of the map, where it was left for this process.
fn for_us(text: &str, process: u32) -> Option<RawFd> {
    let (whose, number) = text.split_once(':')?;
    (whose.parse() == Ok(process)).then_some(())?;
    number.parse().ok()
}

fn sorted(descriptors: Vec<(RawFd, Role)>) -> Adopted {
    let mut adopted = Adopted::default();
    for (number, role) in descriptors {
        let Some(fd) = owned(number) else { continue };
        match role {
            Role::Lock => adopted.lock = Some(fd.into()),
            Role::Listener(name) => adopted.listeners.push((name, fd)),
            Role::Media => adopted.media.push(fd.into()),
            Role::Asker => adopted.asker = Some(fd.into()),
        }
    }
    adopted
}

/// The descriptor of this number, if it is open; children of this process do not inherit it.
#[expect(unsafe_code, reason = "the numbers that outlive exec are the only way from one process to the next")]
fn owned(number: RawFd) -> Option<OwnedFd> {
    if number < 3 || !std::path::Path::new(&format!("/proc/self/fd/{number}")).exists() {
        return None;
    }
    // SAFETY: The descriptor is open, as was just seen. Nothing else owns it: the process before named it, once, in a map that
    // it left for this process id, and until `adopt` has taken it every descriptor this process opens has another number.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl_setfd(&fd, FdFlags::CLOEXEC).ok()?;
    Some(fd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::IntoRawFd;

    #[test]
    fn what_was_left_for_another_process_is_not_taken() {
        assert_eq!(for_us("12:7", 12), Some(7));
        for text in ["12:7", "13", "x:7", ":7", "13:", ""] {
            assert_eq!(for_us(text, 13), None, "{text:?}");
        }
    }

    #[test]
    fn each_descriptor_is_adopted_as_what_it_is() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let names = ["sip udp:127.0.0.1:0"; 2].map(|name| Role::Listener(name.into()));
        let [one, two] = names;
        let left = vec![(socket.into_raw_fd(), one), (other.into_raw_fd(), two)];
        let mut adopted = sorted(left);
        assert!(adopted.listener("grpc 127.0.0.1:0").is_none());
        let first = UdpSocket::from(adopted.listener("sip udp:127.0.0.1:0").unwrap());
        assert_eq!(first.local_addr().unwrap(), at, "in the order of the configuration");
        adopted.close_others();
        assert!(adopted.listener("sip udp:127.0.0.1:0").is_none());
    }

    #[test]
    fn a_number_that_is_not_open_is_passed_over() {
        assert!(sorted(vec![(1_000_000, Role::Lock), (2, Role::Media)]).lock.is_none());
    }
}
