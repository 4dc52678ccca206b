//! Where a message came from, or goes to.

use std::fmt;
use std::net::SocketAddr;

/// How SIP travels here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// One message a datagram (RFC 3261 section 18).
    Udp,
    /// A stream, framed by Content-Length.
    Tcp,
}

impl Transport {
    /// Whether the transport delivers or fails, so that retransmission timers are not needed.
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }

    /// As it stands in a Via header.
    pub fn via_name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        })
    }
}

/// A path to a peer: for TCP one connection, for UDP a pair of addresses (RFC 5626 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// How.
    pub transport: Transport,
    /// Our address on this path.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// The connection, for a stream that is open; `None` for UDP, or to have one opened.
    pub connection: Option<u64>,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.remote)
    }
}
