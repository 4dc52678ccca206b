//! The sockets of one leg.

use crate::media::{Bound, Shortage, Through};
use mio::net::UdpSocket;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::SocketAddr;

/// No file descriptor is left on the machine, or in this process; no buffer is left. The numbers of Linux (errno(3)): the
/// standard library has no names for them.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const ENOBUFS: i32 = 105;

/// A leg's RTP socket, and its RTCP socket once it has one.
#[derive(Debug)]
pub(super) struct Sockets {
    /// What the RTP socket is bound to; connected, it would name the address the kernel chose.
    pub bound: SocketAddr,
    pub rtp: UdpSocket,
    /// Whom the RTP socket is connected to: the kernel finds the way out faster and drops other sources for us.
    pub connected: Option<SocketAddr>,
    pub rtcp: Option<UdpSocket>,
    pub reads: Reads,
}

/// When the RTP socket is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// Whenever something is there.
    Always,
    /// The process before bound the socket. What waits in the socket would be refused before the leg's peer is described.
    OnceDescribed,
}

impl Sockets {
    /// Sends to `to`. A connected socket may first report that an earlier packet found no socket: that says nothing of this one,
    /// which is tried again.
    pub(super) fn send(&self, through: Through, packet: &[u8], to: SocketAddr) -> io::Result<usize> {
        let once = || match (through, &self.rtcp) {
            (Through::Rtcp, Some(rtcp)) => rtcp.send_to(packet, to),
            (Through::Rtcp, None) => Err(io::ErrorKind::NotConnected.into()),
            (Through::Rtp, _) if self.connected == Some(to) => self.rtp.send(packet),
            (Through::Rtp, _) => self.rtp.send_to(packet, to),
        };
        match once() {
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => once(),
            sent => sent,
        }
    }
}

/// What an attempt to bind a port came to. Only what is said of this port lets another one be tried: whatever else stands
/// in the way stands in the way of every port.
pub(super) fn outcome(bound: io::Result<()>) -> Bound {
    let Err(e) = bound else { return Bound::Ours };
    match (e.kind(), e.raw_os_error()) {
        (io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied, _) => Bound::Taken,
        (_, Some(ENFILE | EMFILE)) => Bound::Short(Shortage::Descriptors),
        (io::ErrorKind::OutOfMemory, _) | (_, Some(ENOBUFS)) => Bound::Short(Shortage::Memory),
        // A new socket found no room among those that are watched.
        (io::ErrorKind::StorageFull, _) => Bound::Short(Shortage::Memory),
        _ => Bound::Short(Shortage::Address),
    }
}

/// A socket of its own at `address`; fails when another socket holds the port. An IPv6 address takes no IPv4 peers.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    open(address, false)
}

/// A second socket at the address of `old`, so that there is no moment without one. There is no safe call to undo a
/// connect. Both may share the port only while this runs.
pub(super) fn bind_beside(old: &UdpSocket, address: SocketAddr) -> io::Result<UdpSocket> {
    SockRef::from(old).set_reuse_address(true)?;
    let new = open(address, true);
    SockRef::from(old).set_reuse_address(false)?;
    let new = new?;
    SockRef::from(&new).set_reuse_address(false)?;
    Ok(new)
}

fn open(address: SocketAddr, beside: bool) -> io::Result<UdpSocket> {
    let socket =
        Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if beside {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_of_the_port_lets_another_port_be_tried() {
        let of = |code| outcome(Err(io::Error::from_raw_os_error(code)));
        let [eacces, eaddrinuse, eaddrnotavail] = [13, 98, 99];
        let [enomem, enospc, eafnosupport] = [12, 28, 97];
        assert_eq!(outcome(Ok(())), Bound::Ours);
        assert_eq!([of(eaddrinuse), of(eacces)], [Bound::Taken; 2]);
        assert_eq!([of(EMFILE), of(ENFILE)], [Bound::Short(Shortage::Descriptors); 2]);
        assert_eq!([of(ENOBUFS), of(enomem), of(enospc)], [Bound::Short(Shortage::Memory); 3]);
        assert_eq!([of(eaddrnotavail), of(eafnosupport)], [Bound::Short(Shortage::Address); 2]);
    }

    #[test]
    fn a_port_of_another_socket_is_taken_and_not_a_shortage() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let second = bind(first.local_addr().unwrap());
        assert_eq!(outcome(second.map(drop)), Bound::Taken);
    }
}
