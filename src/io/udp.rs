//! SIP over UDP: datagrams in batches, never waiting for a slow peer.

use crate::sip::{Flow, Transport};
use bytes::Bytes;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// At most this many datagrams are taken before the other inputs get their turn: a few milliseconds of work. When
/// so many wait, the more urgent of them go first.
pub const BATCH: usize = 256;

/// The largest datagram there is (RFC 768).
const LARGEST: usize = 65_535;

/// What the kernel is asked to keep for us while we work: half a second of a 2,000 packets/s burst.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// All UDP listeners.
pub struct Listeners {
    sockets: Vec<(UdpSocket, SocketAddr)>,
    buffer: Box<[u8]>,
    /// Datagrams the kernel would not take; SIP's own timers send them again.
    pub unsent: u64,
}

impl Listeners {
    /// Puts bound sockets on the runtime this is called in.
    pub fn from_std(bound: Vec<std::net::UdpSocket>) -> io::Result<Listeners> {
        let mut sockets = Vec::new();
        for socket in bound {
            let local = socket.local_addr()?;
            sockets.push((UdpSocket::from_std(socket)?, local));
        }
        Ok(Listeners { sockets, buffer: vec![0; LARGEST].into_boxed_slice(), unsent: 0 })
    }

    /// Waits for datagrams and puts a batch of them into `into`.
    pub async fn receive(&mut self, into: &mut Vec<(Flow, Bytes)>) {
        let Listeners { sockets, buffer, .. } = self;
        poll_fn(|cx| {
            for (socket, local) in sockets.iter() {
                while into.len() < BATCH {
                    let mut read = ReadBuf::new(buffer);
                    match socket.poll_recv_from(cx, &mut read) {
                        Poll::Ready(Ok(remote)) => {
                            let flow =
                                Flow { transport: Transport::Udp, local: *local, remote, connection: None };
                            into.push((flow, Bytes::copy_from_slice(read.filled())));
                        }
                        // An ICMP error about something we sent; the transaction's timer will notice.
                        Poll::Ready(Err(_)) => {}
                        Poll::Pending => break,
                    }
                }
            }
            if into.is_empty() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// Sends one datagram from the listener the flow names.
    pub fn send(&mut self, flow: &Flow, bytes: &[u8]) {
        let socket = self.sockets.iter().find(|(_, a)| *a == flow.local).or(self.sockets.first());
        let sent = socket.map(|(s, _)| s.try_send_to(bytes, flow.remote));
        if !matches!(sent, Some(Ok(_))) {
            self.unsent += 1;
        }
    }
}

/// One listener, bound but on no runtime yet.
pub fn bind_one(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None)?;
    if address.is_ipv6() {
        // So that 0.0.0.0 can be listened on beside [::], and nobody's address has two forms.
        socket.set_only_v6(true)?;
    }
    // The kernel caps this at its own limit; less only means an earlier loss in a burst.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    let _ = socket.set_send_buffer_size(RECEIVE_BUFFER);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}
