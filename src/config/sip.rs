//! `[sip]`: where SIP is listened for and by what names the gateway goes.

use super::address::{self, Advertised, Listen, Transport};
use super::problem::{Fault, Problems, Span, fault};
use super::table::Table;
use std::net::{Ipv4Addr, SocketAddr};

pub(super) const KEYS: &[&str] = &["listen", "advertised", "domains", "realm"];

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
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> (Sip, Vec<Span>) {
    let here = |transport| Listen { transport, address: SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)) };
    let mut sip = Sip {
        listen: vec![here(Transport::Udp), here(Transport::Tcp)],
        advertised: None,
        domains: Vec::new(),
        realm: "hotline".to_owned(),
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
    (sip, places)
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
