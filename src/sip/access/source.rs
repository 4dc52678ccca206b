//! Where a peer is allowed to come from.

use crate::config;
pub use crate::config::Prefix;
use crate::sip::{Flow, Transport};
use std::net::IpAddr;

/// Where one peer comes from: addresses, and what else is fixed about the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerSource {
    /// From these addresses.
    pub prefix: Prefix,
    /// By this transport; by any when `None`.
    pub transport: Option<Transport>,
    /// From this port; from any when `None`. Leave it open for streams, whose port is the kernel's choice.
    pub port: Option<u16>,
}

/// How narrow a source is: a longer prefix, then a port, then a transport. Of IPv4 and IPv6 only one can
/// cover a flow, so that their lengths are never compared.
pub(super) type Narrowness = (u8, bool, bool);

impl PeerSource {
    /// Whether a flow comes from there.
    pub fn covers(&self, flow: &Flow) -> bool {
        self.transport.is_none_or(|t| t == flow.transport)
            && self.port.is_none_or(|p| p == flow.remote.port())
            && self.prefix.contains(flow.remote.ip())
    }

    pub(super) fn narrowness(&self) -> Narrowness {
        (self.prefix.length(), self.port.is_some(), self.transport.is_some())
    }

    /// The address, if it is a single one.
    pub(super) fn single(&self) -> Option<IpAddr> {
        let address = self.prefix.address();
        (self.prefix.length() == width(address)).then(|| address.to_canonical())
    }
}

/// The narrowness of a flow that has proved itself: one address and one port.
pub(super) fn narrowness_of(flow: &Flow) -> Narrowness {
    (width(flow.remote.ip().to_canonical()), true, false)
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The place of a phone at a fixed address. A stream comes from a port of the kernel's choice.
pub(super) fn of_contact(contact: &config::Contact) -> Option<PeerSource> {
    let address = contact.address.ip().to_canonical();
    let port = (contact.transport == config::Transport::Udp).then(|| contact.address.port());
    let prefix = Prefix::new(address, width(address))?;
    Some(PeerSource { prefix, transport: Some(contact.transport.into()), port })
}
