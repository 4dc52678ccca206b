//! The sockets of one leg.

use crate::media::Through;
use mio::net::UdpSocket;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::SocketAddr;

/// A leg's RTP socket, and its RTCP socket once it has one.
#[derive(Debug)]
pub(super) struct Sockets {
    /// What the RTP socket is bound to; connected, it would name the address the kernel chose.
    pub bound: SocketAddr,
    pub rtp: UdpSocket,
    /// Whom the RTP socket is connected to: the kernel finds the way out faster and drops strangers for us.
    pub connected: Option<SocketAddr>,
    pub rtcp: Option<UdpSocket>,
}

impl Sockets {
    /// Sends to `to`. A connected socket may first report that an earlier packet found nobody: that says nothing of this one,
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

/// A socket of its own at `address`; fails when anybody holds the port. An IPv6 address takes no IPv4 peers.
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
