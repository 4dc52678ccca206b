//! Where a message came from, or goes to.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;

/// How SIP travels here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Transport {
    /// One message a datagram (RFC 3261 section 18).
    Udp,
    /// A stream, framed by Content-Length.
    Tcp,
    /// The same inside TLS (RFC 3261 section 26.3.1).
    Tls,
    /// One message a frame of WebSocket (RFC 7118).
    Ws,
    /// The same inside TLS.
    Wss,
}

impl Transport {
    /// Whether the transport delivers or fails, so that retransmission timers are not needed.
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }

    /// Whether what travels is sealed.
    pub fn is_secure(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }

    /// The transport a `transport` parameter of a URI names, in any case (RFC 3261 section 19.1.1).
    pub fn of_param(name: &str) -> Option<Transport> {
        let all = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
        all.into_iter().find(|t| name.eq_ignore_ascii_case(t.via_name()))
    }

    /// As it stands in a Via header.
    pub fn via_name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        })
    }
}

/// A path to a peer: for TCP one connection, for UDP a pair of addresses (RFC 5626 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// How.
    pub transport: Transport,
    /// The local address of this path.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// The connection, for a stream that is open; `None` for UDP, or to have one opened.
    pub connection: Option<u64>,
}

impl Flow {
    /// Whether what came by `other` comes from the end of this path: by its connection or from its very address, or from
    /// another port of it where the path is UDP, because a NAT may have mapped it anew, and because who can write an address
    /// on datagrams can write a port as well.
    pub fn ends_where(&self, other: &Flow) -> bool {
        let is_same_host = self.remote.ip().to_canonical() == other.remote.ip().to_canonical();
        let is_same_end = self.transport == other.transport && self.remote.port() == other.remote.port();
        self.connection.is_some() && self.connection == other.connection
            || is_same_host && (self.transport == Transport::Udp || is_same_end)
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.remote)
    }
}
