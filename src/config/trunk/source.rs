//! Where a trunk's calls come from: addresses, and what else is fixed about the path.

use crate::config::address::{self, Prefix, Transport};
use crate::config::problem::{Fault, fault};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One place a trunk's calls come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrunkSource {
    /// The addresses.
    pub net: Prefix,
    /// Only by this transport, if given.
    pub transport: Option<Transport>,
    /// Only from this port, if given.
    pub port: Option<u16>,
}

impl TrunkSource {
    /// Whether a message by `transport` from `remote` comes from here.
    pub fn matches(&self, transport: Transport, remote: SocketAddr) -> bool {
        self.net.contains(remote.ip())
            && self.transport.is_none_or(|t| t == transport)
            && self.port.is_none_or(|p| p == remote.port())
    }
}

impl fmt::Display for TrunkSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(t) = self.transport {
            write!(f, "{t}:")?;
        }
        match self.port {
            Some(p) if self.net.address().is_ipv6() => write!(f, "[{}]:{p}", self.net),
            Some(p) => write!(f, "{}:{p}", self.net),
            None => self.net.fmt(f),
        }
    }
}

/// `192.0.2.10`, `udp:192.0.2.0/28`, `tcp:192.0.2.10:5060`, `[2001:db8::/32]:5060`.
pub(super) fn source(text: &str) -> Result<TrunkSource, Fault> {
    let cure = "write it like \"192.0.2.10\", \"udp:192.0.2.0/28\" or \"[2001:db8::1]:5060\"";
    let wrong = || fault(format!("`{text}` is not an address or a prefix"), cure);
    let (transport, rest) = address::transport(text);
    let (net, port) = if let Some(inner) = rest.strip_prefix('[') {
        let (net, tail) = inner.split_once(']').ok_or_else(wrong)?;
        (net, if tail.is_empty() { None } else { Some(tail.strip_prefix(':').ok_or_else(wrong)?) })
    } else if rest.matches(':').count() == 1 {
        rest.split_once(':').map(|(net, port)| (net, Some(port))).ok_or_else(wrong)?
    } else {
        (rest, None)
    };
    let port = match port.map(str::parse::<u16>) {
        None => None,
        Some(Ok(p)) if p > 0 => Some(p),
        Some(_) => {
            return Err(fault(
                format!("`{text}` has no usable port"),
                "write a port of 1 to 65535, or none for any",
            ));
        }
    };
    let (ip, length) = match net.split_once('/') {
        Some((ip, length)) => (ip, Some(length.parse::<u8>().map_err(|_| wrong())?)),
        None => (net, None),
    };
    let ip: IpAddr = ip.parse().map_err(|_| wrong())?;
    let width = if ip.is_ipv4() { 32 } else { 128 };
    let length = length.unwrap_or(width);
    if length > width {
        return Err(fault(format!("/{length} is longer than the address"), format!("write /0 to /{width}")));
    }
    let net = Prefix::new(ip, length).ok_or_else(|| {
        let cure = format!("write the first address of the prefix, or `{ip}` alone for one address");
        fault(format!("`{net}` has bits set beyond its /{length}"), cure)
    })?;
    Ok(TrunkSource { net, transport, port })
}

/// `192.0.2.10`, `192.0.2.0/28`, `2001:db8::/32`: media has neither a transport nor a fixed port.
pub(super) fn media_source(text: &str) -> Result<Prefix, Fault> {
    match source(text)? {
        TrunkSource { net, transport: None, port: None } => Ok(net),
        _ => Err(fault(
            format!("`{text}` is more than an address"),
            "leave transport and port out: any port is taken",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_or_a_prefix_with_an_optional_transport_and_port() {
        for (text, shown) in [
            ("192.0.2.10", "192.0.2.10/32"),
            ("udp:192.0.2.0/28", "udp:192.0.2.0/28"),
            ("tcp:192.0.2.10:5060", "tcp:192.0.2.10/32:5060"),
            ("::1", "::1/128"),
            ("[2001:db8::/32]:5060", "[2001:db8::/32]:5060"),
            ("[2001:db8::1]", "2001:db8::1/128"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(source(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_source_matches_by_address_transport_and_port() {
        let s = source("udp:192.0.2.0/28:5060").unwrap();
        let at = |a: &str| a.parse::<SocketAddr>().unwrap();
        assert!(s.matches(Transport::Udp, at("192.0.2.15:5060")));
        assert!(!s.matches(Transport::Tcp, at("192.0.2.15:5060")));
        assert!(!s.matches(Transport::Udp, at("192.0.2.15:5061")));
        assert!(!s.matches(Transport::Udp, at("192.0.2.16:5060")));
    }
}
