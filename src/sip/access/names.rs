//! By which hosts the gateway may be asked: what is not one of ours is not for us, and nothing is relayed.

use crate::config;
use crate::sip::{Flow, Message, Scheme, Uri};
use std::collections::HashSet;
use std::net::IpAddr;

/// Our names and addresses. Bounded by the configuration.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// In lower case, addresses as they print, IPv6 without brackets.
    names: HashSet<String>,
}

impl Names {
    /// What `[sip]` says: the domains, the realm, what is advertised, and where is listened.
    pub fn new(sip: &config::Sip) -> Names {
        let listened = sip.listen.iter().map(|l| l.address.ip()).filter(|ip| !ip.is_unspecified());
        let names = (sip.domains.iter().chain([&sip.realm]).map(|n| normal(n)))
            .chain(sip.advertised.iter().map(|a| normal(&a.host)))
            .chain(listened.map(|ip| ip.to_canonical().to_string()));
        Names { names: names.collect() }
    }

    /// Whether a request that came on `flow` asks us. A number without a host (`tel:`) does; what cannot be read
    /// is left to the part that answers it.
    pub fn are_asked(&self, flow: &Flow, request: &Message) -> bool {
        let Ok(uri) = Uri::parse(request.uri()) else { return true };
        if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
            return true;
        }
        self.is_ours(flow, &normal(&uri.host))
    }

    /// Whether the `uri` of a digest answer names what a request for `asked` that came on `flow` asks for (RFC 7616
    /// section 3.4.6, RFC 3261 section 22.4 item 5): it has the host of the Request-URI, or one of ours, because a proxy
    /// may have rewritten the Request-URI on the way. User, port and parameters are not compared: phones differ in them.
    /// A number without a host (`tel:`) names no other host; of any other scheme it must be the Request-URI itself.
    pub fn are_named_by(&self, flow: &Flow, uri: &[u8], asked: &[u8]) -> bool {
        if uri == asked {
            return true;
        }
        match (Uri::parse(uri), Uri::parse(asked)) {
            (Ok(uri), _) if uri.scheme == Scheme::Tel => true,
            (Ok(uri), asked) if matches!(uri.scheme, Scheme::Sip | Scheme::Sips) => {
                let host = normal(&uri.host);
                asked.is_ok_and(|asked| normal(&asked.host) == host) || self.is_ours(flow, &host)
            }
            _ => false,
        }
    }

    /// Whether a host is one of ours, for a request that came on `flow`.
    fn is_ours(&self, flow: &Flow, host: &str) -> bool {
        let local = flow.local.ip().to_canonical();
        self.names.contains(host)
            || host == local.to_string()
            || (local.is_loopback() && (host == "localhost" || is_loopback(host)))
    }
}

fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn normal(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    match bare.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().to_string(),
        Err(_) => bare.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;
    use bytes::Bytes;

    fn house() -> (Names, Flow) {
        let mut sip = config::Config::embedded().sip;
        sip.domains = vec!["hotline.example".into(), "2001:db8::1".into()];
        let local = "192.0.2.1:5060".parse().unwrap();
        let remote = "192.0.2.9:5060".parse().unwrap();
        (Names::new(&sip), Flow { transport: Transport::Udp, local, remote, connection: None })
    }

    fn asks(uri: &str) -> bool {
        let (names, flow) = house();
        let text = format!(
            "OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
             Call-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        names.are_asked(&flow, &Message::parse(Bytes::from(text)).unwrap())
    }

    #[test]
    fn our_domains_addresses_and_realm_are_ours_and_nothing_else_is() {
        for ours in [
            "sip:12345@hotline.example",
            "sip:12345@HOTLINE.Example.:5070",
            "sips:hotline.example",
            "sip:1@[2001:DB8::1]",
            "sip:1@192.0.2.1:5060;transport=tcp",
            "sip:hotline",
            "sip:1@127.0.0.1",
            "tel:110",
        ] {
            assert!(asks(ours), "{ours}");
        }
        for other in
            ["sip:1@example.com", "sip:1@192.0.2.9", "sip:hotline.example@evil.example", "sip:1@[::2]"]
        {
            assert!(!asks(other), "{other}");
        }
    }

    #[test]
    fn a_digest_uri_is_compared_by_its_host_as_phones_and_proxies_write_it() {
        let (names, flow) = house();
        let same = |uri: &str, asked: &str| names.are_named_by(&flow, uri.as_bytes(), asked.as_bytes());
        for (uri, asked) in [
            ("sip:hotline.example", "sip:hotline.example"),
            ("sip:Hotline.Example:5060;transport=TCP", "sip:hotline.example"),
            ("sips:hotline.example.", "sip:HOTLINE.example;lr"),
            // A proxy put our address in the place of the domain, or a number in the place of another.
            ("sip:hotline.example", "sip:192.0.2.1:5060"),
            ("sip:110@hotline.example", "sip:12345@192.0.2.1"),
            ("tel:12345", "sip:12345@hotline.example;user=phone"),
            ("sip:12345@hotline.example", "tel:12345"),
            // A carrier's own domain on both sides.
            ("sip:12345@carrier.example", "sip:12345@carrier.example;user=phone"),
            ("sip:[2001:DB8::9]", "sip:[2001:db8:0::9]:5070"),
            ("hotline", "hotline"),
        ] {
            assert!(same(uri, asked), "{uri} for {asked}");
        }
        for (uri, asked) in [
            ("sip:other.example", "sip:hotline.example"),
            ("sip:hotline.example@other.example", "sip:hotline.example"),
            ("http:hotline.example", "sip:hotline.example"),
            ("/", "sip:hotline.example"),
            ("", "sip:hotline.example"),
            ("sip:192.0.2.9", "tel:12345"),
        ] {
            assert!(!same(uri, asked), "{uri} for {asked}");
        }
    }
}
