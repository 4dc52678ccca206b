//! Where peers reach us and where answers go: sent-by, Contact, the way back (RFC 3261 section 18, RFC 3581).

use crate::sip::{Flow, Message, Rport, Scheme, Transport, Uri, Via};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// Where peers reach us, when that is not the address of the socket (Docker, NAT, several interfaces).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// A name or an address; IPv6 with or without brackets.
    pub host: String,
    /// The port, when that differs too.
    pub port: Option<u16>,
}

/// Contact for messages on `flow`: `<sip:user@host:port>`, with the transport where it is not UDP.
pub fn contact(advertised: Option<&Advertised>, flow: &Flow, user: &str) -> String {
    written(advertised, flow, user, false)
}

/// Contact in a response to `request`, which came on `flow`: `sips:` where the request asked by such a URI and came
/// sealed, or came through a proxy that says so in the top Record-Route (RFC 3261 section 12.1.1). A peer that writes
/// `sips:` in a datagram is told where it reaches us the way it came: by TLS it could not.
pub fn contact_answering(
    advertised: Option<&Advertised>,
    flow: &Flow,
    user: &str,
    request: &Message,
) -> String {
    let route = request.addresses("Record-Route").into_iter().next();
    let is_sealed = match route {
        Some(route) => is_sips(route.uri()) || is_sips(request.uri()) && flow.transport.is_secure(),
        None => {
            let theirs = request.contact().is_some_and(|contact| is_sips(contact.uri()));
            flow.transport.is_secure() && (theirs || is_sips(request.uri()))
        }
    };
    written(advertised, flow, user, is_sealed)
}

/// Contact in a request to `uri`: `sips:` where that is (RFC 3261 section 8.1.1.8) and the path is sealed.
pub fn contact_asking(advertised: Option<&Advertised>, flow: &Flow, user: &str, uri: &str) -> String {
    written(advertised, flow, user, flow.transport.is_secure() && is_sips(uri.as_bytes()))
}

fn is_sips(uri: &[u8]) -> bool {
    matches!(Uri::parse(uri), Ok(Uri { scheme: Scheme::Sips, .. }))
}

fn written(advertised: Option<&Advertised>, flow: &Flow, user: &str, is_sealed: bool) -> String {
    let place = sent_by(advertised, flow);
    match flow.transport {
        Transport::Ws | Transport::Wss if is_sealed => format!("<sips:{user}@{place};transport=ws>"),
        _ if is_sealed => format!("<sips:{user}@{place}>"),
        Transport::Udp => format!("<sip:{user}@{place}>"),
        // RFC 7118 section 5.2: `ws` is the URI's word for both kinds of WebSocket.
        Transport::Ws | Transport::Wss => format!("<sip:{user}@{place};transport=ws>"),
        stream @ (Transport::Tcp | Transport::Tls) => format!("<sip:{user}@{place};transport={stream}>"),
    }
}

/// The host we are known by to the peer reached by `flow`, for From and P-Asserted-Identity.
pub fn host(advertised: Option<&Advertised>, flow: &Flow) -> String {
    match advertised.filter(|a| a.is_of_the_family_of(flow)) {
        Some(advertised) => in_uri(&advertised.host),
        None => in_uri(&flow.local.ip().to_string()),
    }
}

/// A host as it stands in a URI: IPv6 in brackets.
pub fn in_uri(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

/// The Via of a request of ours. It asks for `rport`: answers come back through NAT.
pub(super) fn via(advertised: Option<&Advertised>, flow: &Flow, transaction: u64, secret: u64) -> String {
    let mut via = String::with_capacity(96);
    // Writing to a String cannot fail.
    let _ = write!(
        via,
        "SIP/2.0/{} {};branch=z9hG4bK{transaction:x}.{secret:016x};rport",
        flow.transport.via_name(),
        sent_by(advertised, flow),
    );
    via
}

/// The transaction a branch of ours names, and the secret that proves it.
pub(super) fn read_branch(branch: &str) -> Option<(u64, u64)> {
    let (number, secret) = branch.strip_prefix("z9hG4bK")?.split_once('.')?;
    Some((u64::from_str_radix(number, 16).ok()?, u64::from_str_radix(secret, 16).ok()?))
}

fn sent_by(advertised: Option<&Advertised>, flow: &Flow) -> String {
    let Some(Advertised { host, port }) = advertised.filter(|a| a.is_of_the_family_of(flow)) else {
        return flow.local.to_string();
    };
    // Where several listeners share an address, a configured port can be that of the plain ones alone.
    let port = port.filter(|_| matches!(flow.transport, Transport::Udp | Transport::Tcp));
    let port = port.unwrap_or(flow.local.port());
    format!("{}:{port}", in_uri(host))
}

impl Advertised {
    /// Whether a peer on this flow can use it: an address of the other family leads it nowhere.
    fn is_of_the_family_of(&self, flow: &Flow) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        let other = bare.parse::<IpAddr>().is_ok_and(|a| a.is_ipv4() != flow.local.is_ipv4());
        !other || flow.local.ip().is_unspecified()
    }
}

/// Where responses to `request` go: back by the same connection; over UDP to the address it came from, at the
/// port of the Via unless that asks for the source port (RFC 3261 section 18.2.2, RFC 3581 section 4). An
/// address the peer wrote is never believed: answers cannot be pointed at a third party.
pub(super) fn way_back(flow: &Flow, request: &Message) -> Flow {
    way_back_by(flow, request.via())
}

/// As [`way_back`], for a request of which the topmost Via could be read.
pub(super) fn way_back_by(flow: &Flow, via: &Via) -> Flow {
    if flow.transport != Transport::Udp || via.rport() != Rport::Absent {
        return *flow;
    }
    Flow { remote: SocketAddr::new(flow.remote.ip(), listens_on(via)), ..*flow }
}

/// The port the peer says it listens on.
pub(super) fn sent_by_port(request: &Message) -> u16 {
    listens_on(request.via())
}

fn listens_on(via: &Via) -> u16 {
    via.port().filter(|port| *port != 0).unwrap_or(5060)
}
