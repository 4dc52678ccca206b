//! Which descriptor is what: the map that a process leaves for the next one in a file of memory.

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{FdFlags, fcntl_setfd};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

/// The form of the map. Another one is not read.
const FORM: u32 = 1;

/// The longest map that is read: two sockets for every port there is.
const LONGEST: u64 = 8 * 1024 * 1024;

/// What a descriptor is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The lock of the store.
    Lock,
    /// A socket that peers come to, by the key and the value it was configured with.
    Listener(String),
    /// A socket of RTP or RTCP. Its address tells the leg.
    Media,
    /// The connection of `hotline upgrade`, which waits to be told.
    Asker,
}

/// A descriptor for the next process.
#[derive(Debug)]
pub struct Descriptor {
    /// What it is.
    pub role: Role,
    /// The descriptor.
    pub fd: OwnedFd,
}

impl From<super::Asker> for Descriptor {
    fn from(asker: super::Asker) -> Descriptor {
        Descriptor { role: Role::Asker, fd: asker.into_stream().into() }
    }
}

#[derive(Serialize, Deserialize)]
struct Map {
    version: u32,
    /// By number.
    descriptors: Vec<(RawFd, Role)>,
}

/// Writes the map of `descriptors` into a file of memory, and lets all of them, the map too, outlive exec.
pub(super) fn leave(descriptors: &[Descriptor]) -> io::Result<File> {
    let numbered = descriptors.iter().map(|d| (d.fd.as_raw_fd(), d.role.clone()));
    let map = Map { version: FORM, descriptors: numbered.collect() };
    let mut file = File::from(memfd_create("hotline-hand-over", MemfdFlags::CLOEXEC)?);
    file.write_all(&serde_json::to_vec(&map).map_err(io::Error::other)?)?;
    file.rewind()?;
    for fd in descriptors.iter().map(|d| d.fd.as_fd()).chain([file.as_fd()]) {
        fcntl_setfd(fd, FdFlags::empty())?;
    }
    Ok(file)
}

/// Reads a map: which number is what. No number twice, and none of the standard streams.
pub(super) fn read(mut file: impl Read) -> io::Result<Vec<(RawFd, Role)>> {
    let mut text = Vec::new();
    file.by_ref().take(LONGEST).read_to_end(&mut text)?;
    let map: Map = serde_json::from_slice(&text).map_err(io::Error::other)?;
    let mut numbers: Vec<RawFd> = map.descriptors.iter().map(|(number, _)| *number).collect();
    let all = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    if map.version != FORM || numbers.len() < all || numbers.first().is_some_and(|least| *least < 3) {
        return Err(io::Error::other("the map of descriptors is not one of ours"));
    }
    Ok(map.descriptors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::fcntl_getfd;

    fn descriptor(role: Role) -> Descriptor {
        Descriptor { role, fd: std::net::UdpSocket::bind("127.0.0.1:0").unwrap().into() }
    }

    #[test]
    fn the_map_names_each_descriptor_and_all_of_them_outlive_exec() {
        let roles = [Role::Lock, Role::Listener("sip udp:127.0.0.1:0".into()), Role::Media, Role::Asker];
        let all = roles.clone().map(descriptor);
        assert!(fcntl_getfd(&all[0].fd).unwrap().contains(FdFlags::CLOEXEC));
        let file = leave(&all).unwrap();
        for fd in all.iter().map(|d| d.fd.as_fd()).chain([file.as_fd()]) {
            assert!(!fcntl_getfd(fd).unwrap().contains(FdFlags::CLOEXEC));
        }
        let numbered = all.iter().map(|d| d.fd.as_raw_fd()).zip(roles).collect::<Vec<_>>();
        assert_eq!(read(file).unwrap(), numbered);
    }

    #[test]
    fn a_map_that_is_not_ours_is_refused() {
        for text in [
            "",
            "[]",
            r#"{"version":2,"descriptors":[]}"#,
            r#"{"version":1,"descriptors":[[2,"lock"]]}"#,
            r#"{"version":1,"descriptors":[[7,"media"],[7,"lock"]]}"#,
            r#"{"version":1,"descriptors":[[7,"kettle"]]}"#,
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
