//! SIP over UDP: datagrams in batches, never waiting for a slow peer.

use crate::sip::access::class;
use crate::sip::{Flow, Transport};
use bytes::Bytes;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::task::coop::unconstrained;

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
    /// Which of them is asked first the next time.
    first: usize,
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
        Ok(Listeners { sockets, first: 0, buffer: vec![0; LARGEST].into_boxed_slice(), unsent: 0 })
    }

    /// Waits for datagrams and puts a batch of them into `into`. A batch that is full says that more may wait: the caller
    /// then lets the runtime look at the other sockets, which this does not do.
    pub async fn receive(&mut self, into: &mut Vec<(Flow, Bytes)>) {
        // The runtime's own budget would end every batch at half its size, and it would not be seen that more waits.
        unconstrained(poll_fn(|cx| self.poll_batch(cx, into))).await;
    }

    /// Every socket has its share first, beginning with another one each time; what then is left of the batch goes to
    /// those that have more. A flood at one listener takes nothing from the others.
    fn poll_batch(&mut self, cx: &mut Context<'_>, into: &mut Vec<(Flow, Bytes)>) -> Poll<()> {
        let Listeners { sockets, first, buffer, .. } = self;
        let n = sockets.len().max(1);
        let share = (BATCH / n).max(1);
        let in_turn = || sockets.iter().cycle().skip(*first % n).take(sockets.len());
        let mut left = false;
        for (listener, most) in in_turn().map(|l| (l, share)).chain(in_turn().map(|l| (l, BATCH))) {
            let (socket, local) = listener;
            left |= take(cx, socket, *local, most.min(BATCH.saturating_sub(into.len())), buffer, into);
        }
        if into.is_empty() {
            if left {
                // Nothing but errors, so far: no other event would wake us for what is behind them.
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        *first = (*first + 1) % n;
        Poll::Ready(())
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

/// Takes at most so many datagrams of one socket. Whether it was not emptied.
fn take(
    cx: &mut Context<'_>,
    socket: &UdpSocket,
    local: SocketAddr,
    most: usize,
    buffer: &mut [u8],
    into: &mut Vec<(Flow, Bytes)>,
) -> bool {
    for _ in 0..most {
        let mut read = ReadBuf::new(buffer);
        match socket.poll_recv_from(cx, &mut read) {
            Poll::Ready(Ok(remote)) => {
                let flow = Flow { transport: Transport::Udp, local, remote, connection: None };
                into.push((flow, Bytes::copy_from_slice(read.filled())));
            }
            // An ICMP error about something we sent; the transaction's timer will notice.
            Poll::Ready(Err(_)) => {}
            Poll::Pending => return false,
        }
    }
    true
}

/// Puts a batch in the order of serving: known peers before unknown sources, which may write on a datagram what they like,
/// and among them what calls already in need before what would begin. Gives how many are from those we know.
pub fn urgent_first(batch: &mut [(Flow, Bytes)], knows: impl Fn(&Flow) -> bool) -> usize {
    let mut known = 0;
    batch.sort_by_cached_key(|(flow, bytes)| {
        let knows = knows(flow);
        known += usize::from(knows);
        (!knows, class(bytes).rank())
    });
    known
}

/// One listener, bound but on no runtime yet.
pub fn bind_one(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None)?;
    if address.is_ipv6() {
        // So that 0.0.0.0 can be listened on beside [::], and no address has two forms.
        socket.set_only_v6(true)?;
    }
    // The kernel caps this at its own limit; less only means an earlier loss in a burst.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    let _ = socket.set_send_buffer_size(RECEIVE_BUFFER);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::super::lag::Lag;
    use super::*;
    use crate::time::Mono;

    /// So many listeners, and a peer that sends to them.
    fn listeners(n: usize) -> (Listeners, std::net::UdpSocket) {
        let bound = (0..n).map(|_| bind_one("127.0.0.1:0".parse().unwrap()).unwrap()).collect();
        (Listeners::from_std(bound).unwrap(), std::net::UdpSocket::bind("127.0.0.1:0").unwrap())
    }

    /// On loopback a datagram that was sent has arrived; the runtime need only look.
    async fn send(from: &std::net::UdpSocket, to: &Listeners, socket: usize, datagrams: usize) {
        let (socket, at) = &to.sockets[socket];
        (0..datagrams).for_each(|_| assert_eq!(from.send_to(b"x", at).unwrap(), 1));
        socket.readable().await.unwrap();
    }

    fn of(batch: &[(Flow, Bytes)], listeners: &Listeners, socket: usize) -> usize {
        batch.iter().filter(|(flow, _)| flow.local == listeners.sockets[socket].1).count()
    }

    #[tokio::test]
    async fn a_batch_is_filled_from_a_full_socket_and_the_rest_is_left_for_the_next() {
        let (mut to, from) = listeners(1);
        send(&from, &to, 0, BATCH + 10).await;
        let mut batch = Vec::new();
        to.receive(&mut batch).await;
        assert_eq!(batch.len(), BATCH);
        batch.clear();
        to.receive(&mut batch).await;
        assert_eq!(batch.len(), 10);
    }

    #[tokio::test]
    async fn a_socket_never_emptied_is_overload_within_a_quarter_of_a_second() {
        let (mut to, from) = listeners(1);
        let (mut lag, mut told) = (Lag::default(), Vec::new());
        send(&from, &to, 0, 64).await;
        for turn in 0..30 {
            send(&from, &to, 0, BATCH).await;
            let mut batch = Vec::new();
            to.receive(&mut batch).await;
            told.extend(lag.turned(Mono(turn * 10_000_000), batch.len() >= BATCH));
        }
        assert_eq!(told, [true]);
    }

    #[tokio::test]
    async fn a_flood_at_one_listener_takes_no_place_from_another() {
        let (mut to, from) = listeners(3);
        send(&from, &to, 0, BATCH + 10).await;
        send(&from, &to, 1, 1).await;
        send(&from, &to, 2, BATCH).await;
        let mut batch = Vec::new();
        to.receive(&mut batch).await;
        assert_eq!(batch.len(), BATCH, "what one does not need the others use");
        assert_eq!(of(&batch, &to, 1), 1);
        assert!(of(&batch, &to, 0) >= BATCH / 3 && of(&batch, &to, 2) >= BATCH / 3);
    }

    #[tokio::test]
    async fn each_listener_is_first_in_its_turn() {
        let (mut to, from) = listeners(2);
        for turn in 0..4 {
            send(&from, &to, 0, 1).await;
            send(&from, &to, 1, 1).await;
            let mut batch = Vec::new();
            to.receive(&mut batch).await;
            assert_eq!(batch.iter().map(|(f, _)| f.local).collect::<Vec<_>>(), {
                let (one, two) = (to.sockets[turn % 2].1, to.sockets[(turn + 1) % 2].1);
                [one, two]
            });
        }
    }

    #[test]
    fn a_seat_s_register_comes_before_a_bye_of_an_unknown_source() {
        let flow = |port| Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: ([192, 0, 2, 9], port).into(),
            connection: None,
        };
        let said = |method: &str| Bytes::from(format!("{method} sip:a SIP/2.0\r\n\r\n"));
        let mut batch = vec![
            (flow(9), said("INVITE")),
            (flow(9), said("BYE")),
            (flow(1), said("INVITE")),
            (flow(1), said("REGISTER")),
            (flow(1), said("BYE")),
        ];
        assert_eq!(
            urgent_first(&mut batch, |flow| flow.remote.port() == 1),
            3,
            "three are from whom we know"
        );
        let order: Vec<_> = batch.iter().map(|(f, b)| (f.remote.port(), &b[..3])).collect();
        assert_eq!(order, [(1, &b"BYE"[..]), (1, b"REG"), (1, b"INV"), (9, b"BYE"), (9, b"INV")]);
    }
}
