//! Addresses as they are written in a configuration: listening points, prefixes, advertised hosts.

use super::problem::{Fault, fault};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// How SIP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// One message a datagram.
    Udp,
    /// A stream.
    Tcp,
    /// A stream inside TLS.
    Tls,
    /// A message a frame of WebSocket (RFC 7118).
    Ws,
    /// The same inside TLS.
    Wss,
}

impl Transport {
    /// Every transport, with its name.
    pub const ALL: [(&'static str, Transport); 5] = [
        ("udp", Transport::Udp),
        ("tcp", Transport::Tcp),
        ("tls", Transport::Tls),
        ("ws", Transport::Ws),
        ("wss", Transport::Wss),
    ];

    /// The name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where SIP is listened for. Port 0 lets the system choose one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Listen {
    /// How.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
}

impl Listen {
    /// Whether a peer at `ip` is reached from here by `transport`: an address reaches its own family alone.
    pub fn reaches(&self, transport: Transport, ip: IpAddr) -> bool {
        self.transport == transport && self.address.is_ipv4() == ip.is_ipv4()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.address)
    }
}

/// What peers are told to reach us at, where that differs from the local address (Docker, NAT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// An address (IPv6 without brackets) or a name.
    pub host: String,
    /// The port, the listening one when absent.
    pub port: Option<u16>,
}

/// All addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// The prefix of the first `length` bits, which must be all the bits that are set.
    pub fn new(address: IpAddr, length: u8) -> Option<Prefix> {
        let prefix = Prefix { address, length };
        (length <= width(address) && bits(address) & !prefix.mask() == 0).then_some(prefix)
    }

    /// Whether `address` lies inside. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.address) && bits(address) & self.mask() == bits(self.address)
    }

    /// How many leading bits are fixed: of two prefixes that fit, the longer one is meant.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// The first address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    fn mask(&self) -> u128 {
        let free = u32::from(width(self.address).saturating_sub(self.length));
        u128::MAX.checked_shl(free).unwrap_or(0)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => a.to_bits().into(),
        IpAddr::V6(a) => a.to_bits(),
    }
}

/// Splits `udp:` or another transport from the front.
pub(super) fn transport(text: &str) -> (Option<Transport>, &str) {
    for (name, transport) in Transport::ALL {
        if let Some(rest) = text.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')) {
            return (Some(transport), rest);
        }
    }
    (None, text)
}

/// `udp:0.0.0.0:5060`.
pub(super) fn listen(text: &str) -> Result<Listen, Fault> {
    let cure = "write it like \"udp:0.0.0.0:5060\", \"tcp:[::]:5060\", \"tls:192.0.2.1:5061\" or \"wss:192.0.2.1:443\"";
    let (Some(transport), rest) = transport(text) else {
        return Err(fault(format!("`{text}` does not begin with udp:, tcp:, tls:, ws: or wss:"), cure));
    };
    Ok(Listen { transport, address: rest.parse().map_err(|_| not_an_address(rest, cure))? })
}

/// `https://desk.example.org`, `http://localhost:8080`: what a browser sends as Origin (RFC 6454 section 6.1), in
/// lower case and without the scheme's own port.
pub(super) fn origin(text: &str) -> Result<String, Fault> {
    let cure = "write the page's scheme, host and port alone, like \"https://desk.example.org\"";
    let wrong = || fault(format!("`{text}` is not the origin of a page"), cure);
    let lower = text.to_ascii_lowercase();
    let (scheme, place) = lower.split_once("://").ok_or_else(wrong)?;
    let own_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return Err(wrong()),
    };
    let place = place.strip_suffix(own_port).unwrap_or(place);
    advertised(place).map_err(|_| wrong())?;
    Ok(format!("{scheme}://{place}"))
}

/// `127.0.0.1:50051`.
pub(super) fn socket(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| not_an_address(text, "write it like \"127.0.0.1:50051\" or \"[::1]:50051\""))
}

fn not_an_address(text: &str, cure: &str) -> Fault {
    fault(format!("`{text}` is not an address with a port"), cure)
}

/// `203.0.113.5`, `203.0.113.5:5060`, `[2001:db8::1]:5060`, `sip.example.org`.
pub(super) fn advertised(text: &str) -> Result<Advertised, Fault> {
    let cure =
        "write an address or a name that peers can reach, like \"203.0.113.5\" or \"sip.example.org:5060\"";
    let (host, port) = if let Ok(address) = text.parse::<SocketAddr>() {
        (address.ip().to_string(), Some(address.port()))
    } else if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        (address.to_string(), None)
    } else {
        match text.rsplit_once(':') {
            None => (text.to_owned(), None),
            Some((host, port)) => {
                let port = port.parse().map_err(|_| fault(format!("`{text}` has no usable port"), cure))?;
                (host.to_owned(), Some(port))
            }
        }
    };
    let reachable = host.parse::<IpAddr>().map_or_else(|_| is_host_name(&host), |a| !a.is_unspecified());
    if !reachable || port == Some(0) {
        return Err(fault(format!("`{text}` is not something peers can reach"), cure));
    }
    Ok(Advertised { host, port })
}

/// A domain: a host name or an address.
pub(super) fn domain(text: &str) -> Result<String, Fault> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if is_host_name(text) || bare.parse::<IpAddr>().is_ok() {
        return Ok(bare.to_ascii_lowercase());
    }
    let cure = "write a host name or an address without a port, like \"hotline.example.org\"";
    Err(fault(format!("`{text}` is not a domain"), cure))
}

/// The grammar of RFC 1123 section 2.1, not all digits and dots.
fn is_host_name(text: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label) && text.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_holds_its_addresses_and_no_other() {
        let ten = Prefix::new("10.0.0.0".parse().unwrap(), 8).unwrap();
        assert!(ten.contains("10.255.0.1".parse().unwrap()));
        assert!(ten.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!ten.contains("11.0.0.1".parse().unwrap()));
        assert!(!ten.contains("::1".parse().unwrap()));
        let all = Prefix::new("::".parse().unwrap(), 0).unwrap();
        assert!(all.contains("2001:db8::1".parse().unwrap()));
        assert!(!all.contains("10.0.0.1".parse().unwrap()));
        let one = Prefix::new("::1".parse().unwrap(), 128).unwrap();
        assert!(one.contains("::1".parse().unwrap()) && !one.contains("::2".parse().unwrap()));
    }

    #[test]
    fn a_prefix_with_bits_beyond_its_length_is_none() {
        assert_eq!(Prefix::new("10.0.0.1".parse().unwrap(), 8), None);
        assert_eq!(Prefix::new("10.0.0.0".parse().unwrap(), 33), None);
    }

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port_that_is_not_the_schemes_own() {
        for (text, read) in [
            ("https://Desk.example.org", "https://desk.example.org"),
            ("https://desk.example.org:443", "https://desk.example.org"),
            ("https://desk.example.org:8443", "https://desk.example.org:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(origin(text).unwrap(), read);
        }
        for text in
            ["*", "null", "desk.example.org", "https://", "https://a/", "ftp://a.org", "https://a.org/x"]
        {
            assert!(origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_advertised_host_is_an_address_or_a_name_with_or_without_a_port() {
        for (text, host, port) in [
            ("203.0.113.5", "203.0.113.5", None),
            ("203.0.113.5:5070", "203.0.113.5", Some(5070)),
            ("[2001:db8::1]:5060", "2001:db8::1", Some(5060)),
            ("2001:db8::1", "2001:db8::1", None),
            ("sip.example.org:5060", "sip.example.org", Some(5060)),
        ] {
            assert_eq!(advertised(text).unwrap(), Advertised { host: host.into(), port }, "{text}");
        }
        for text in ["", "0.0.0.0", "::", "a b", "host:0", "host:99999", "-x.org", "1.2.3"] {
            assert!(advertised(text).is_err(), "{text}");
        }
    }
}
