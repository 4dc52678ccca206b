//! Where a trunk is reached: a SIP URI without a user.

use crate::config::address::{Transport, domain};
use crate::config::problem::{Fault, fault};
use std::fmt;
use std::net::SocketAddr;

/// Where a trunk is reached, as RFC 3263 takes it: what is left open is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrunkTarget {
    /// A host name or an address, in lower case, IPv6 without brackets.
    pub host: String,
    /// The port; without one the name is looked up for services (SRV) first.
    pub port: Option<u16>,
    /// The transport; without one the name is asked for it (NAPTR), and UDP is the last resort.
    pub transport: Option<Transport>,
}

impl TrunkTarget {
    /// The host as it stands in a URI: IPv6 in brackets.
    pub fn uri_host(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

impl fmt::Display for TrunkTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sip:{}", self.uri_host())?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match self.transport {
            Some(transport) => write!(f, ";transport={transport}"),
            None => Ok(()),
        }
    }
}

/// `sip:192.0.2.10:5060;transport=tcp`, `sip:carrier.example.org`, `sips:carrier.example.org`.
pub(super) fn target(text: &str) -> Result<TrunkTarget, Fault> {
    let cure = "write it like \"sip:192.0.2.10:5060\", \"sip:carrier.example.org;transport=tcp\" or \
                \"sips:carrier.example.org\"";
    let wrong = || fault(format!("`{text}` is not where a trunk is reached"), cure);
    let (secure, rest) = match (text.strip_prefix("sip:"), text.strip_prefix("sips:")) {
        (_, Some(rest)) => (true, rest),
        (Some(rest), None) => (false, rest),
        (None, None) => return Err(wrong()),
    };
    let mut parts = rest.split(';');
    let (host, port) = place(parts.next().unwrap_or_default()).ok_or_else(wrong)?;
    let mut transport = secure.then_some(Transport::Tls);
    for parameter in parts {
        transport = Some(match parameter {
            "transport=udp" if !secure => Transport::Udp,
            "transport=tcp" if !secure => Transport::Tcp,
            "transport=tcp" | "transport=tls" => Transport::Tls,
            _ => return Err(fault(format!("`{parameter}` is not a transport of a trunk"), cure)),
        });
    }
    Ok(TrunkTarget { host, port, transport })
}

fn place(text: &str) -> Option<(String, Option<u16>)> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        let usable = address.port() != 0 && !address.ip().is_unspecified();
        return usable.then(|| (address.ip().to_string(), Some(address.port())));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port.parse().ok().filter(|p| *p > 0)?)),
        _ => (text, None),
    };
    Some((domain(host).ok()?, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_sip_uri_without_a_user() {
        for (text, shown) in [
            ("sip:192.0.2.10", "sip:192.0.2.10"),
            ("sip:192.0.2.10:5070;transport=tcp", "sip:192.0.2.10:5070;transport=tcp"),
            ("sip:[2001:db8::1]:5060", "sip:[2001:db8::1]:5060"),
            ("sip:[2001:db8::1]", "sip:[2001:db8::1]"),
            ("sip:Carrier.example.org", "sip:carrier.example.org"),
            ("sip:carrier.example.org:5080;transport=tls", "sip:carrier.example.org:5080;transport=tls"),
            ("sips:carrier.example.org;transport=tcp", "sip:carrier.example.org;transport=tls"),
        ] {
            assert_eq!(target(text).map(|t| t.to_string()).ok().as_deref(), Some(shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_target_is_named() {
        for text in [
            "192.0.2.10",
            "sip:",
            "sip:user@192.0.2.10",
            "sip:192.0.2.10:0",
            "sip:0.0.0.0:5060",
            "sip:a;transport=ws",
            "sips:a;transport=udp",
            "sip:a;lr",
            "tel:12345",
        ] {
            assert!(target(text).is_err(), "{text}");
        }
    }
}
