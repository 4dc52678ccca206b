//! `[sip]`: where SIP is listened for and by what names the gateway goes.

use super::address::{self, Advertised, Listen, Transport};
use super::problem::{Fault, Problems, Span, fault};
use super::table::Table;
use crate::time::Duration;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

pub(super) const KEYS: &[&str] = &[
    "listen",
    "advertised",
    "domains",
    "realm",
    "tls_certificate",
    "tls_key",
    "tls_client_ca",
    "tls_roots",
    "websocket_origins",
    "seat_ping",
    "dns_servers",
];

/// With the patience of two questions a phone that dies is found out within 9 s, while a seat costs a quarter of a
/// request a second at most.
const SEAT_PING: Duration = Duration::from_secs(4);

/// NAT forgets a UDP mapping after 30 s (RFC 4787 allows no less than two minutes; many do): asked less often, the
/// question would not arrive.
const LONGEST_PING: Duration = Duration::from_secs(30);

/// Where SIP is listened for and by what names the gateway goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sip {
    /// The listening points, at least one.
    pub listen: Vec<Listen>,
    /// What peers are told to reach us at; the local address of the flow when absent.
    pub advertised: Option<Advertised>,
    /// The hosts a seat may name as ours, in lower case, IPv6 without brackets. Empty: any host.
    pub domains: Vec<String>,
    /// The realm of the digest challenge. Changing it makes every phone ask for its password again.
    pub realm: String,
    /// What TLS goes by.
    pub tls: Tls,
    /// The pages whose scripts may open a WebSocket here, as browsers name them. Empty: no browser may.
    pub websocket_origins: Vec<String>,
    /// A seat's phone that was not heard for this long is asked whether it is there; zero: never.
    pub seat_ping: Duration,
    /// The name servers asked for trunks; those of the system when there is none. At most three are asked.
    pub dns_servers: Vec<SocketAddr>,
}

/// The files TLS goes by, all PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The gateway's certificate, the ones that lead from it to its authority after it, and the file of its key.
    pub identity: Option<Identity>,
    /// The authorities of peers that show a certificate when they connect: mutual TLS.
    pub client_ca: Option<PathBuf>,
    /// The authorities of peers we connect to; those of the system when absent.
    pub roots: Option<PathBuf>,
}

/// The two files of our certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The chain, our own first.
    pub certificate: PathBuf,
    /// The private key of the first.
    pub key: PathBuf,
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> (Sip, Vec<Span>) {
    let here = |transport| Listen { transport, address: SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)) };
    let mut sip = Sip {
        listen: vec![here(Transport::Udp), here(Transport::Tcp)],
        advertised: None,
        domains: Vec::new(),
        realm: "hotline".to_owned(),
        tls: Tls::default(),
        websocket_origins: Vec::new(),
        seat_ping: SEAT_PING,
        dns_servers: Vec::new(),
    };
    let Some(t) = table else {
        return (sip, vec![0..0; 2]);
    };
    let mut places = vec![t.at().clone(); 2];
    if let Some(listen) = t.texts("listen", problems, address::listen) {
        if listen.is_empty() && problems.is_empty() {
            let cure = "write listen = [\"udp:0.0.0.0:5060\", \"tcp:0.0.0.0:5060\"]";
            problems.add(&t.span("listen"), fault("sip.listen is empty", cure));
        }
        (sip.listen, places) = listen.into_iter().unzip();
    }
    sip.advertised = t.text("advertised", problems, address::advertised);
    if let Some(domains) = t.texts("domains", problems, address::domain) {
        sip.domains = domains.into_iter().map(|(d, _)| d).collect();
    }
    if let Some(realm) = t.text("realm", problems, realm) {
        sip.realm = realm;
    }
    sip.tls = tls(t, problems);
    if let Some(servers) = t.texts("dns_servers", problems, name_server) {
        sip.dns_servers = servers.into_iter().map(|(server, _)| server).collect();
    }
    if let Some(origins) = t.texts("websocket_origins", problems, address::origin) {
        sip.websocket_origins = origins.into_iter().map(|(o, _)| o).collect();
    }
    let secure =
        sip.listen.iter().zip(&places).find(|(l, _)| matches!(l.transport, Transport::Tls | Transport::Wss));
    if let (Some((listen, at)), None) = (secure, &sip.tls.identity)
        && t.get("tls_certificate").is_none()
    {
        let cure = "add `tls_certificate = \"cert.pem\"` and `tls_key = \"key.pem\"`";
        problems.add(at, fault(format!("sip.listen: {listen} needs a certificate"), cure));
    }
    sip.seat_ping = t.duration("seat_ping", Duration::ZERO..=LONGEST_PING, sip.seat_ping, problems);
    (sip, places)
}

fn tls(t: &Table<'_>, problems: &mut Problems<'_>) -> Tls {
    let mut file =
        |key| t.text(key, problems, |p| if p.is_empty() { Err(no_file()) } else { Ok(PathBuf::from(p)) });
    let (certificate, key) = (file("tls_certificate"), file("tls_key"));
    let (client_ca, roots) = (file("tls_client_ca"), file("tls_roots"));
    for (has, lacks) in [("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")] {
        if t.get(has).is_some() && t.get(lacks).is_none() {
            let cure = format!("add `{lacks} = \"…\"`: a certificate goes with its key");
            problems.add(&t.span(has), fault(format!("sip.{has} is there, sip.{lacks} is not"), cure));
        }
    }
    let identity = certificate.zip(key).map(|(certificate, key)| Identity { certificate, key });
    Tls { identity, client_ca, roots }
}

fn no_file() -> Fault {
    fault("the name of a file is empty", "write the path of a PEM file, like \"tls/cert.pem\"")
}

/// `192.0.2.53`, `[2001:db8::53]:5353`.
fn name_server(text: &str) -> Result<SocketAddr, Fault> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let plain = || bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 53));
    let server = text.parse().ok().or_else(plain).filter(|a: &SocketAddr| a.port() != 0);
    let cure = "write its address like \"192.0.2.53\", with a port where that is not 53";
    server.ok_or_else(|| fault(format!("`{text}` is not the address of a name server"), cure))
}

/// A realm stands in quotation marks in a header: none inside, nothing that needs escaping.
fn realm(text: &str) -> Result<String, Fault> {
    let plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    if !text.is_empty() && text.len() <= 128 && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err(fault(
        format!("{text:?} cannot be a realm"),
        "write a short name like \"hotline\", without quotes inside",
    ))
}
