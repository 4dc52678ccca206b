//! What is searched for, and what is found.

use crate::sip::{Flow, Transport};
use std::net::{IpAddr, SocketAddr};

/// Where a request is to go, as its URI says it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TargetAddress {
    /// A name or an address, in lower case, IPv6 without brackets.
    pub host: String,
    /// The port, if one is written.
    pub port: Option<u16>,
    /// The transport, if one is written.
    pub transport: Option<Transport>,
}

/// How the next hop is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// How.
    pub transport: Transport,
    /// Where.
    pub remote: SocketAddr,
}

impl From<Flow> for Hop {
    /// The far end of a path.
    fn from(flow: Flow) -> Hop {
        Hop { transport: flow.transport, remote: flow.remote }
    }
}

/// One way out of this element: a transport, from a local address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocalTransport {
    /// How.
    pub transport: Transport,
    /// From where; its family is that of the peers it reaches.
    pub local: SocketAddr,
}

/// The default port of a transport (RFC 3261 section 19.1.2).
pub(super) fn default_port(transport: Transport) -> u16 {
    if transport.is_secure() { 5061 } else { 5060 }
}

/// How a service is named and reached: by which transport, under which prefix of SRV, by which service of NAPTR.
#[derive(Debug, Clone, Copy)]
pub struct ServiceName {
    /// The transport.
    pub transport: Transport,
    /// Before the domain, in a name of SRV.
    pub prefix: &'static str,
    /// As NAPTR names it.
    pub service: &'static str,
}

/// In the order they are tried where the domain does not say.
pub(super) const VIAS: [ServiceName; 3] = [
    ServiceName { transport: Transport::Udp, prefix: "_sip._udp.", service: "SIP+D2U" },
    ServiceName { transport: Transport::Tcp, prefix: "_sip._tcp.", service: "SIP+D2T" },
    ServiceName { transport: Transport::Tls, prefix: "_sips._tcp.", service: "SIPS+D2T" },
];

impl LocalTransport {
    /// Whether a peer at `address` can be reached this way by `transport`.
    pub fn serves(&self, transport: Transport, address: IpAddr) -> bool {
        self.transport == transport && self.local.is_ipv4() == address.to_canonical().is_ipv4()
    }

    /// The path to `hop`; a connection is opened where the transport needs one.
    pub fn flow(&self, hop: Hop) -> Flow {
        Flow { transport: hop.transport, local: self.local, remote: hop.remote, connection: None }
    }
}

impl TargetAddress {
    /// The address that is written in figures, if one is.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}
