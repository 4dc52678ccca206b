//! One Via: a hop the message came by, and the way a response goes back (RFC 3261 section 20.42, RFC 3581).

use super::grammar::{Parameter, Span, find_bare, is_closed, is_token, parameters, port, trim, trim_start};
use super::uri::{find, host_port, numeric_host};
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};

/// The magic cookie with which an RFC 3261 branch begins (section 8.1.1.7).
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// What a Via says about the port a response goes to (RFC 3581).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rport {
    /// Nothing: responses go to the sent-by port.
    Absent,
    /// `;rport`: please answer to the port this came from.
    Requested,
    /// `;rport=5070`: filled in by the hop that received it.
    Filled(u16),
}

/// One Via value. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Via {
    raw: Bytes,
    transport: Span,
    host: Span,
    port: Option<u16>,
    params: Span,
    branch: Option<Span>,
    received: Option<Span>,
    rport: Rport,
}

impl Via {
    /// Reads one Via element, unfolded. Errors name what is wrong.
    pub fn parse(value: impl Into<Bytes>) -> Result<Via, &'static str> {
        let raw = value.into();
        let (protocol, rest) = protocol(trim(&raw))?;
        let params_at = find_bare(rest, 0, b';').unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at(params_at);
        let (host, port) = host_port(sent_by)?;
        if !is_closed(params) {
            return Err("a quoted string that never ends");
        }
        let mut via = Via {
            transport: Span::within(&raw, protocol),
            host: Span::within(&raw, host),
            port,
            params: Span::within(&raw, params),
            branch: None,
            received: None,
            rport: Rport::Absent,
            raw: Bytes::new(),
        };
        for (name, value) in parameters(params) {
            via.notice(&raw, name, value)?;
        }
        via.raw = raw;
        Ok(via)
    }

    fn notice(&mut self, raw: &[u8], name: &[u8], value: Option<&[u8]>) -> Result<(), &'static str> {
        if !is_token(name) {
            return Err("a Via parameter without a name");
        }
        let text = value.filter(|v| !v.is_empty() && v.is_ascii());
        if name.eq_ignore_ascii_case(b"branch") {
            self.branch = Some(Span::within(raw, text.ok_or("a Via branch without a value")?));
        } else if name.eq_ignore_ascii_case(b"received") {
            self.received = text.map(|v| Span::within(raw, v));
        } else if name.eq_ignore_ascii_case(b"rport") {
            self.rport = value.and_then(port).map_or(Rport::Requested, Rport::Filled);
        }
        Ok(())
    }

    /// The transport as written, for instance `UDP`. Any token.
    pub fn transport(&self) -> &str {
        self.transport.text_of(&self.raw)
    }

    /// The sent-by host: a name, an IPv4 address, or `[IPv6]` with its brackets.
    pub fn host(&self) -> &str {
        self.host.text_of(&self.raw)
    }

    /// The sent-by port, if written; else 5060 is meant (5061 for TLS).
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The branch, with or without the magic cookie; `None` from an RFC 2543 element.
    pub fn branch(&self) -> Option<&str> {
        self.branch.map(|branch| branch.text_of(&self.raw))
    }

    /// The branch when it alone names the transaction: it begins with the magic cookie and has something
    /// behind it. Where this is `None` the matching rules of RFC 2543 hold (RFC 3261 section 17.2.3): a bare
    /// `z9hG4bK` would make all requests of its sender one.
    pub fn unique_branch(&self) -> Option<&str> {
        let cookie = MAGIC_COOKIE.len();
        self.branch().filter(|b| {
            b.len() > cookie && b.get(..cookie).is_some_and(|start| start.eq_ignore_ascii_case(MAGIC_COOKIE))
        })
    }

    /// The `received` address; IPv6 with or without brackets (RFC 5118 section 4.5).
    pub fn received(&self) -> Option<IpAddr> {
        numeric_host(self.received?.text_of(&self.raw))
    }

    /// What it says about the response port.
    pub fn rport(&self) -> Rport {
        self.rport
    }

    /// The parameter `name` in any case; empty text for one without a value.
    pub fn param(&self, name: &str) -> Option<&str> {
        find(self.params(), name)
    }

    /// All parameters as they came.
    pub fn params(&self) -> impl Iterator<Item = Parameter<'_>> {
        parameters(self.params.of(&self.raw))
    }

    /// The whole value as it came, unfolded.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The Via as the receiving hop notes it: with `received` where the sender's own idea of its address is
    /// not `source`'s or where it asked for `rport` (RFC 3261 section 18.2.1, RFC 3581 section 4). What the
    /// peer itself wrote there is not believed.
    pub(crate) fn stamped(&self, source: SocketAddr) -> Vec<u8> {
        let ip = source.ip().to_canonical();
        let asked = self.rport != Rport::Absent;
        let mut out = Vec::with_capacity(self.raw.len() + 48);
        out.extend_from_slice(b"SIP/2.0/");
        out.extend_from_slice(self.transport().as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.host().as_bytes());
        if let Some(port) = self.port {
            out.extend_from_slice(format!(":{port}").as_bytes());
        }
        for (name, value) in self.params() {
            if name.eq_ignore_ascii_case(b"received") || name.eq_ignore_ascii_case(b"rport") {
                continue;
            }
            out.push(b';');
            out.extend_from_slice(name);
            if let Some(value) = value {
                out.push(b'=');
                out.extend_from_slice(value);
            }
        }
        if asked || numeric_host(self.host()).map(|h| h.to_canonical()) != Some(ip) {
            out.extend_from_slice(format!(";received={ip}").as_bytes());
        }
        if asked {
            out.extend_from_slice(format!(";rport={}", source.port()).as_bytes());
        }
        out
    }

    /// Whether [`Via::stamped`] would change anything.
    pub(crate) fn wants_stamp(&self, source: SocketAddr) -> bool {
        self.rport != Rport::Absent
            || self.received.is_some()
            || numeric_host(self.host()).map(|h| h.to_canonical()) != Some(source.ip().to_canonical())
    }
}

/// Reads `SIP / 2.0 / transport` and gives the transport and what follows it. Blanks round the slashes are legal.
fn protocol(value: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    const WRONG: &str = "a Via that does not begin with SIP/2.0/transport";
    if let Some(rest) = value.strip_prefix(b"SIP/2.0/") {
        return transport(trim_start(rest), WRONG);
    }
    let mut parts = value.splitn(3, |&b| b == b'/');
    let name = trim(parts.next().ok_or(WRONG)?);
    let version = trim(parts.next().ok_or(WRONG)?);
    let rest = trim_start(parts.next().ok_or(WRONG)?);
    if !name.eq_ignore_ascii_case(b"SIP") || version != b"2.0" {
        return Err(WRONG);
    }
    transport(rest, WRONG)
}

fn transport<'a>(rest: &'a [u8], wrong: &'static str) -> Result<(&'a [u8], &'a [u8]), &'static str> {
    let end = rest.iter().position(|b| matches!(b, b' ' | b'\t')).ok_or("a Via without sent-by")?;
    let (transport, sent_by) = rest.split_at(end);
    if is_token(transport) { Ok((transport, trim(sent_by))) } else { Err(wrong) }
}

/// The topmost Via of a header value that may hold several, and what follows it, from its comma on.
pub(crate) fn topmost(value: &[u8]) -> (&[u8], &[u8]) {
    let comma = find_bare(value, 0, b',').unwrap_or(value.len());
    let (first, rest) = value.split_at(comma);
    (trim(first), rest)
}
