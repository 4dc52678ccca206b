//! SIP and telephone URIs (RFC 3261 section 19.1, RFC 3966).
//!
//! Users are kept octet by octet as they came: `*55%2312` is never decoded on its way through, because
//! `%23` and `#` are different users to a switch that compares octets. Only [`Uri::user_text`] decodes.

use super::grammar::{Parameter, find_any, is_token, parameters, port, trim, unquoted};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// How a URI is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`, a number without a place.
    Tel,
    /// Any other, in lower case. As a Request-URI it deserves 416.
    Other(Box<str>),
}

/// A URI taken apart. `Debug` masks the user: it is a telephone number more often than not.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    /// How it is meant.
    pub scheme: Scheme,
    /// The user as it came, percent escapes kept; the number of a `tel:`, visual separators included;
    /// all after the colon for other schemes.
    pub user: Option<String>,
    /// The host: a name, an IPv4 address or `[IPv6]` with its brackets. Empty for `tel:` and other schemes.
    pub host: String,
    /// The port, if one is written.
    pub port: Option<u16>,
    /// The parameters from their first semicolon on, as they came; empty when there are none.
    pub params: String,
}

/// The pieces of a URI, borrowed: what the parser checks without allocating.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pieces<'a> {
    pub scheme: &'a [u8],
    pub user: Option<&'a [u8]>,
    pub host: &'a [u8],
    pub port: Option<u16>,
    pub params: &'a [u8],
    pub headers: &'a [u8],
}

/// Bytes that stand in no URI: blanks, controls, brackets, quotes.
const NEVER_BARE: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b <= b' ' as usize {
        table[b] = true;
        b += 1;
    }
    table[0x7f] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'"' as usize] = true;
    table
};

impl<'a> Pieces<'a> {
    /// Takes `uri` apart. Errors name what is wrong and quote nothing.
    pub(crate) fn of(uri: &'a [u8]) -> Result<Pieces<'a>, &'static str> {
        if uri.iter().any(|&b| NEVER_BARE[usize::from(b)]) {
            return Err("a URI with a blank, a bracket or a control character");
        }
        let colon = find_any(uri, 0, *b":").ok_or("a URI without a scheme")?;
        let (scheme, rest) = uri.split_at(colon);
        let rest = rest.get(1..).unwrap_or_default();
        if !is_token(scheme) || rest.is_empty() {
            return Err("a URI without a scheme or with nothing after it");
        }
        if scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips") {
            return Pieces::of_sip(scheme, rest);
        }
        if scheme.eq_ignore_ascii_case(b"tel") {
            let (number, params) = cut(rest, b';');
            if number.is_empty() {
                return Err("a tel URI without a number");
            }
            return Ok(Pieces { scheme, user: Some(number), params, ..Pieces::default() });
        }
        Ok(Pieces { scheme, user: Some(rest), ..Pieces::default() })
    }

    fn of_sip(scheme: &'a [u8], rest: &'a [u8]) -> Result<Pieces<'a>, &'static str> {
        let (user, place) = match find_any(rest, 0, *b"@") {
            Some(at) => (rest.get(..at), rest.get(at + 1..).unwrap_or_default()),
            None => (None, rest),
        };
        if user.is_some() && find_any(place, 0, *b"@").is_some() {
            // Two readers would see two hosts here.
            return Err("a URI with two @");
        }
        if user.is_some_and(<[u8]>::is_empty) {
            return Err("a URI with an empty user");
        }
        let (place, headers) = cut(place, b'?');
        let (place, params) = cut(place, b';');
        let (host, port) = host_port(place)?;
        // A password is part of the user here: it is never used, and forwarded as it came.
        Ok(Pieces { scheme, user, host, port, params, headers })
    }
}

/// A URI without the headers it wants in the request it leads to (`?Route=…`): they have no place in a Request-URI, and a
/// peer does not write ours for us (RFC 3261 sections 19.1.1 and 19.1.5).
pub(crate) fn without_headers(uri: &[u8]) -> &[u8] {
    let headers = Pieces::of(uri).map_or(0, |pieces| pieces.headers.len());
    uri.get(..uri.len() - headers).unwrap_or(uri)
}

/// `bytes` before the first `mark`, and the rest from it on.
fn cut(bytes: &[u8], mark: u8) -> (&[u8], &[u8]) {
    let at = find_any(bytes, 0, [mark]).unwrap_or(bytes.len());
    bytes.split_at(at)
}

/// A host with an optional port. IPv6 needs its brackets (RFC 5118 section 4.2).
pub(crate) fn host_port(bytes: &[u8]) -> Result<(&[u8], Option<u16>), &'static str> {
    let bytes = trim(bytes);
    let host_end = match bytes {
        [b'[', ..] => bytes.iter().position(|&b| b == b']').ok_or("an IPv6 address without its bracket")? + 1,
        _ => bytes.iter().position(|&b| b == b':' || b == b' ' || b == b'\t').unwrap_or(bytes.len()),
    };
    let (host, rest) = bytes.split_at_checked(host_end).ok_or("no host")?;
    if !is_host(host) {
        return Err("a host that is neither a name nor an address");
    }
    match trim(rest) {
        [] => Ok((host, None)),
        [b':', number @ ..] => Ok((host, Some(port(trim(number)).ok_or("a port that is none")?))),
        _ => Err("something after the host"),
    }
}

/// Bytes a host's name or IPv4 address may hold; underscores are none of the grammar's, and common.
const HOST_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        table[b] = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        b += 1;
    }
    table
};

fn is_host(host: &[u8]) -> bool {
    match host {
        [b'[', inside @ .., b']'] => {
            !inside.is_empty() && inside.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
        }
        [] => false,
        name => name.iter().all(|&b| HOST_NAME[usize::from(b)]),
    }
}

/// The address a host names in figures; `None` for a name. Brackets may be there or not.
pub(crate) fn numeric_host(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    if let Ok(ip) = bare.parse() {
        return Some(ip);
    }
    // RFC 3261's grammar yields three colons before a mapped IPv4 address (RFC 5118 section 4.10).
    bare.contains(":::")
        .then(|| bare.replacen(":::", "::", 1).parse::<Ipv6Addr>().ok())
        .flatten()
        .map(IpAddr::V6)
}

impl Uri {
    /// Takes `uri` apart. The error names what is wrong, and never holds what came.
    pub fn parse(uri: &[u8]) -> Result<Uri, &'static str> {
        let pieces = Pieces::of(trim(uri))?;
        let text = |bytes: &[u8]| {
            std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "a URI that is not UTF-8")
        };
        let scheme = match pieces.scheme {
            s if s.eq_ignore_ascii_case(b"sip") => Scheme::Sip,
            s if s.eq_ignore_ascii_case(b"sips") => Scheme::Sips,
            s if s.eq_ignore_ascii_case(b"tel") => Scheme::Tel,
            other => Scheme::Other(text(other)?.to_ascii_lowercase().into()),
        };
        Ok(Uri {
            scheme,
            user: pieces.user.map(text).transpose()?,
            host: text(pieces.host)?,
            port: pieces.port,
            params: text(pieces.params)?,
        })
    }

    /// The parameter `name` in any case; empty text for one without a value.
    pub fn param(&self, name: &str) -> Option<&str> {
        find(parameters(self.params.as_bytes()), name)
    }

    /// The user with its percent escapes decoded and without a password: for comparing and showing, not for
    /// forwarding.
    pub fn user_text(&self) -> Option<String> {
        let user = self.user.as_deref()?;
        let user = if self.scheme == Scheme::Tel { user } else { user.split(':').next().unwrap_or(user) };
        Some(String::from_utf8_lossy(&percent_decoded(user.as_bytes())).into_owned())
    }

    /// What is asked for by it: as [`Uri::user_text`], but of a telephone number without its parameters
    /// (`;phone-context=…`, `;npdi`) and without what only makes it easier to read (RFC 3261 section 19.1.6, RFC 3966
    /// section 5.1.1). `None` for a scheme that names no user.
    pub fn dialled(&self) -> Option<String> {
        if matches!(self.scheme, Scheme::Other(_)) {
            return None;
        }
        let whole = self.user_text()?;
        let user = self.user.as_deref()?.split(':').next()?;
        let (number, params) = user.split_at(user.find(';').unwrap_or(user.len()));
        let number = percent_decoded(number.as_bytes());
        let has_digit = number.iter().any(u8::is_ascii_digit);
        if !has_digit || !number.iter().all(|b| b.is_ascii_digit() || b"+*#-.()".contains(b)) {
            return Some(whole);
        }
        // A name of digits and dashes is a number only where something says so.
        let said =
            self.scheme == Scheme::Tel || self.param("user").is_some_and(|u| u.eq_ignore_ascii_case("phone"));
        if !said && params.is_empty() && !number.starts_with(b"+") {
            return Some(whole);
        }
        Some(number.into_iter().filter(|b| !b"-.()".contains(b)).map(char::from).collect())
    }

    /// Where to send, when the host is written in figures; `default_port` when no port is.
    pub fn socket_addr(&self, default_port: u16) -> Option<SocketAddr> {
        numeric_host(&self.host).map(|ip| SocketAddr::new(ip, self.port.unwrap_or(default_port)))
    }
}

/// The value of the parameter `name`, without quotes; empty for one without a value. `None` if it is not text.
pub(crate) fn find<'a>(params: impl Iterator<Item = Parameter<'a>>, name: &str) -> Option<&'a str> {
    let mut params = params;
    let (_, value) = params.find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))?;
    std::str::from_utf8(unquoted(value.unwrap_or_default())).ok()
}

pub(crate) fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let hex = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        rest = after;
        if let (b'%', [high, low, beyond @ ..]) = (*first, after)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            out.push(high << 4 | low);
            rest = beyond;
        } else {
            out.push(*first);
        }
    }
    out
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Other(name) => name,
        })
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme)?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if !self.host.is_empty() {
                f.write_str("@")?;
            }
        }
        f.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.params)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = if self.user.is_some() { "***@" } else { "" };
        write!(f, "{}:{user}{}", self.scheme, self.host)
    }
}
