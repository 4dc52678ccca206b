//! Where a peer is allowed to come from.

use crate::sip::{Flow, Transport};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A block of addresses: `192.0.2.0/24`, `2001:db8::/32`; without a length, one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    address: IpAddr,
    bits: u8,
}

/// The text is no block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAPrefix;

impl Prefix {
    /// The addresses that share their first `bits` with `address`; `None` when it has fewer. What follows
    /// those bits is dropped; an IPv4 address written as an IPv6 one becomes what it is.
    pub fn new(address: IpAddr, bits: u8) -> Option<Prefix> {
        let (address, bits) = match (address.to_canonical(), address) {
            (IpAddr::V4(v4), IpAddr::V6(_)) => (IpAddr::V4(v4), bits.checked_sub(96)?),
            (same, _) => (same, bits),
        };
        if bits > width(address) {
            return None;
        }
        Some(Prefix { address: masked(address, bits), bits })
    }

    /// One address.
    pub fn one(address: IpAddr) -> Prefix {
        let address = address.to_canonical();
        Prefix { address, bits: width(address) }
    }

    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.bits) == self.address
    }

    /// The address, if it is a single one.
    pub fn single(&self) -> Option<IpAddr> {
        (self.bits == width(self.address)).then_some(self.address)
    }

    /// How many bits of an address it fixes.
    pub fn bits(&self) -> u8 {
        self.bits
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single() {
            Some(address) => address.fmt(f),
            None => write!(f, "{}/{}", self.address, self.bits),
        }
    }
}

impl FromStr for Prefix {
    type Err = NotAPrefix;
    fn from_str(s: &str) -> Result<Prefix, NotAPrefix> {
        match s.split_once('/') {
            None => s.parse().map(Prefix::one).map_err(|_| NotAPrefix),
            Some((address, bits)) => {
                let address = address.parse().map_err(|_| NotAPrefix)?;
                Prefix::new(address, bits.parse().map_err(|_| NotAPrefix)?).ok_or(NotAPrefix)
            }
        }
    }
}

/// Where one peer comes from: addresses, and what else is fixed about the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// From these addresses.
    pub prefix: Prefix,
    /// By this transport; by any when `None`.
    pub transport: Option<Transport>,
    /// From this port; from any when `None`. Leave it open for streams, whose port is the kernel's choice.
    pub port: Option<u16>,
}

impl Source {
    /// Whether a flow comes from there.
    pub fn covers(&self, flow: &Flow) -> bool {
        self.transport.is_none_or(|t| t == flow.transport)
            && self.port.is_none_or(|p| p == flow.remote.port())
            && self.prefix.contains(flow.remote.ip())
    }

    /// How narrow it is: a longer prefix, then a port, then a transport.
    pub(super) fn narrowness(&self) -> (u8, bool, bool) {
        // Of IPv4 and IPv6 only one can match a flow, so that their lengths are never compared.
        (self.prefix.bits(), self.port.is_some(), self.transport.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(prefix: &str, address: &str) -> bool {
        prefix.parse::<Prefix>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_prefix_holds_its_addresses_and_no_others() {
        assert!(holds("192.0.2.128/25", "192.0.2.255"));
        assert!(!holds("192.0.2.128/25", "192.0.2.127"));
        assert!(holds("192.0.2.77/24", "192.0.2.1"), "what follows the length is dropped");
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(!holds("0.0.0.0/0", "2001:db8::1"));
        assert!(!holds("::/0", "192.0.2.1"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("2001:db8::1", "2001:db8::1"));
        assert!(!holds("2001:db8::1", "2001:db8::2"));
    }

    #[test]
    fn ipv4_through_an_ipv6_socket_is_ipv4() {
        assert!(holds("192.0.2.0/24", "::ffff:192.0.2.9"));
        assert!(holds("::ffff:192.0.2.0/120", "192.0.2.9"));
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for text in ["", "a", "192.0.2.0/33", "::/129", "192.0.2.0/", "192.0.2.0/-1", "::ffff:192.0.2.0/95"] {
            assert_eq!(text.parse::<Prefix>(), Err(NotAPrefix), "{text}");
        }
        assert_eq!("192.0.2.9/24".parse::<Prefix>().unwrap().to_string(), "192.0.2.0/24");
        assert_eq!("192.0.2.9/32".parse::<Prefix>().unwrap().to_string(), "192.0.2.9");
    }
}
