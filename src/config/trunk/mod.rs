//! `[[trunk]]`: who brings calls and how it behaves: where it comes from, what it must prove, where it is
//! reached, and its dialect of SIP.

mod source;
mod target;

pub use source::TrunkSource;
pub use target::TrunkTarget;

use super::address::Prefix;
use super::duration;
use super::name;
use super::problem::{Fault, Problems, Span, fault};
use super::seat::{Algorithm, algorithms};
use super::table::{Table, suggestion};
use crate::id::TrunkId;
use crate::time::Duration;
use std::net::IpAddr;
use std::path::PathBuf;

pub(super) const KEYS: &[&str] = &[
    "name",
    "sources",
    "authenticate",
    "certificates",
    "username",
    "auth_username",
    "password_file",
    "algorithms",
    "targets",
    "local",
    "ping",
    "register",
    "domain",
    "register_expires",
    "channels",
    "calls_per_second",
    "trusted",
    "country",
    "area",
    "strip",
    "dial_prefix",
    "headers",
    "codecs",
    "dtmf",
    "session_expires",
    "reliable",
    "early_media",
    "media_sources",
    "symmetric_rtp",
];

/// A peer that brings calls, and how it behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// The name in events and records.
    pub name: TrunkId,
    /// Where its calls come from. At least one, unless a certificate tells who it is.
    pub sources: Vec<TrunkSource>,
    /// What it must prove besides.
    pub authenticate: Authenticate,
    /// The names one of which its certificate must carry: DNS names in lower case, URIs or addresses.
    pub certificates: Vec<String>,
    /// The user name of either side's digest.
    pub username: Option<String>,
    /// The user name in our proofs, where the carrier wants another one there.
    pub auth_username: Option<String>,
    /// The file whose first line is the password; readable by its owner only.
    pub password_file: Option<PathBuf>,
    /// The digest algorithms it is challenged with, the preferred one first. Not empty.
    pub algorithms: Vec<Algorithm>,
    /// Where it is reached, the preferred first. Empty: it only brings calls.
    pub targets: Vec<TrunkTarget>,
    /// The listening address its pings, registrations and calls leave by; `None`: the first that fits.
    pub local: Option<IpAddr>,
    /// How often the health of each target is checked (OPTIONS); zero: never.
    pub ping: Duration,
    /// The registrar we sign in at, for carriers that want that.
    pub register: Option<TrunkTarget>,
    /// The host in From and P-Asserted-Identity of calls to it; `None`: the registrar's, else our own address.
    pub domain: Option<String>,
    /// How long a registration is asked for.
    pub register_expires: Duration,
    /// Calls at one time; above it a new one is refused with 503 and recorded.
    pub channels: u32,
    /// New calls in a second; above it a new one is refused with 503 and recorded.
    pub calls_per_second: u32,
    /// Whether its P-Asserted-Identity and Remote-Party-ID are believed.
    pub trusted: bool,
    /// The country code of numbers without one, digits only.
    pub country: String,
    /// The area code of numbers without one, without its leading 0.
    pub area: Option<String>,
    /// Taken from the front of every number it brings, before anything else is made of it.
    pub strip: Option<String>,
    /// Put before every number that is dialled through it.
    pub dial_prefix: Option<String>,
    /// The `X-` headers kept of its calls, in lower case; `None`: all of them.
    pub headers: Option<Vec<String>>,
    /// The codecs spoken with it, the preferred first. Not empty.
    pub codecs: Vec<Codec>,
    /// How keys pressed on our side reach it.
    pub dtmf: Dtmf,
    /// The session timer asked for (RFC 4028); zero: none is asked for, one asked of us is kept.
    pub session_expires: Duration,
    /// Of which of its calls it is asked.
    pub timed: TimedPeers,
    /// Reliable provisional responses (RFC 3262).
    pub reliable: Reliable,
    /// Whether the caller hears us before the call is answered.
    pub early_media: bool,
    /// Where its media may come from, beside the address it describes and the one its signalling comes from.
    pub media_sources: Vec<Prefix>,
    /// Whether media is sent where its packets come from; otherwise always where it describes.
    pub symmetric_rtp: bool,
}

/// What a trunk must prove, besides coming from its sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Authenticate {
    /// Nothing.
    Address,
    /// The password, by digest, with every request outside a dialog.
    Digest,
    /// One of its names, by a certificate of its TLS connection.
    Certificate,
}

/// A codec of the telephone network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 A-law.
    Pcma,
    /// G.711 mu-law.
    Pcmu,
}

/// How keys travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dtmf {
    /// As telephone-events in the RTP stream (RFC 4733).
    Rfc4733,
    /// As INFO requests with `application/dtmf-relay`.
    Info,
}

/// Peers that get the session timer that was not asked of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum TimedPeers {
    /// All: one that knows none still has to answer the refreshes.
    All,
    /// Only peers that support it: the others are asked for nothing.
    Supporting,
}

/// How we take reliable provisional responses (RFC 3262).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reliable {
    /// Never offered; a peer that requires them gets 420.
    Off,
    /// Used when the peer asks for them.
    Supported,
    /// Demanded of it in INVITEs of ours.
    Required,
}

/// A trunk and the places of its name and its sources.
pub(super) struct Placed {
    pub trunk: Trunk,
    pub name_at: Span,
    pub sources_at: Vec<Span>,
    pub local_at: Span,
}

/// The session timer asked for where the key is left out (RFC 4028 section 4 recommends it).
const HALF_AN_HOUR: Duration = Duration::from_secs(1800);
/// An hour, the longest a timer of a trunk makes sense.
const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn read(t: &Table<'_>, problems: &mut Problems<'_>) -> Option<Placed> {
    let name = t.required("name", "\"pbx\"", problems, |n| name::name(n).map(TrunkId::from));
    let authenticate = t.text("authenticate", problems, authenticate).unwrap_or(Authenticate::Address);
    let certificates = list(t, "certificates", problems, certificate_name);
    let (sources, sources_at) = sources(t, authenticate, problems);
    let trunk = Trunk {
        name: name?,
        sources,
        authenticate,
        username: t.text("username", problems, username),
        auth_username: t.text("auth_username", problems, username),
        password_file: t.text("password_file", problems, |p| Ok(PathBuf::from(p))),
        algorithms: algorithms(t, &[Algorithm::Sha256, Algorithm::Md5], problems),
        targets: list(t, "targets", problems, target::target).unwrap_or_default(),
        local: t.text("local", problems, local),
        ping: timer(t, "ping", Duration::from_secs(1), Duration::from_secs(30), problems),
        register: t.text("register", problems, target::target),
        domain: t.text("domain", problems, super::address::domain),
        register_expires: t.duration("register_expires", Duration::from_secs(60)..=24 * HOUR, HOUR, problems),
        channels: t.number("channels", 1..=100_000, 100, problems),
        calls_per_second: t.number("calls_per_second", 1..=100_000, 50, problems),
        trusted: t.flag("trusted", false, problems),
        country: t
            .text("country", problems, |c| digits(c, 1..=3, "a country code", "86"))
            .unwrap_or_else(|| "86".to_owned()),
        area: t.text("area", problems, |a| digits(a, 1..=5, "an area code", "10")),
        strip: t.text("strip", problems, dialled),
        dial_prefix: t.text("dial_prefix", problems, dialled),
        headers: list(t, "headers", problems, header),
        codecs: codecs(t, problems),
        dtmf: t.text("dtmf", problems, dtmf).unwrap_or(Dtmf::Rfc4733),
        session_expires: timer(t, "session_expires", Duration::from_secs(90), HALF_AN_HOUR, problems),
        timed: if t.get("session_expires").is_some() { TimedPeers::All } else { TimedPeers::Supporting },
        reliable: t.text("reliable", problems, reliable).unwrap_or(Reliable::Supported),
        early_media: t.flag("early_media", false, problems),
        media_sources: list(t, "media_sources", problems, source::media_source).unwrap_or_default(),
        symmetric_rtp: t.flag("symmetric_rtp", true, problems),
        certificates: certificates.unwrap_or_default(),
    };
    proven(&trunk, t, problems);
    Some(Placed { trunk, name_at: t.span("name"), sources_at, local_at: t.span("local") })
}

fn list<T>(
    t: &Table<'_>,
    key: &str,
    problems: &mut Problems<'_>,
    parse: impl FnMut(&str) -> Result<T, Fault>,
) -> Option<Vec<T>> {
    let values = t.texts(key, problems, parse)?;
    Some(values.into_iter().map(|(value, _)| value).collect())
}

/// What goes with what: a trunk that must prove something needs what it is judged by.
fn proven(trunk: &Trunk, t: &Table<'_>, problems: &mut Problems<'_>) {
    let has_password = trunk.username.is_some() && trunk.password_file.is_some();
    if !has_password && trunk.authenticate == Authenticate::Digest {
        let cure = "add `username = \"…\"` and `password_file = \"…\"`, or leave `authenticate` out";
        problems.add(&t.span("authenticate"), fault("trunk.authenticate: digest needs a password", cure));
    }
    if trunk.certificates.is_empty() && trunk.authenticate == Authenticate::Certificate {
        let cure = "add `certificates = [\"pbx.example.org\"]` with a name its certificate carries";
        problems.add(&t.span("authenticate"), fault("trunk.authenticate: no name to look for", cure));
    }
    if trunk.username.is_some() != trunk.password_file.is_some() {
        let key = if trunk.username.is_some() { "username" } else { "password_file" };
        let cure = "write both `username` and `password_file`, or neither";
        problems.add(&t.span(key), fault(format!("trunk.{key} stands alone"), cure));
    }
    if trunk.auth_username.is_some() && trunk.username.is_none() {
        let cure = "add `username`, the name we sign in as, or leave `auth_username` out";
        problems
            .add(&t.span("auth_username"), fault("trunk.auth_username: no `username` it stands for", cure));
    }
    if trunk.register.is_some() && trunk.username.is_none() {
        let cure = "add `username` and `password_file` as the carrier gave them";
        problems.add(&t.span("register"), fault("trunk.register: no user name to register with", cure));
    }
}

fn sources(
    t: &Table<'_>,
    authenticate: Authenticate,
    problems: &mut Problems<'_>,
) -> (Vec<TrunkSource>, Vec<Span>) {
    let needed = authenticate != Authenticate::Certificate;
    if t.get("sources").is_none() && needed {
        let cure = "add `sources = [\"192.0.2.10\"]`: a caller from there needs no password";
        problems.add(t.at(), fault("trunk.sources is missing", cure));
    }
    let sources = t.texts("sources", problems, source::source).unwrap_or_default();
    if sources.is_empty() && t.get("sources").is_some_and(|(v, _)| v.as_array().is_some_and(|a| a.is_empty()))
    {
        let cure = "name at least one address, like \"192.0.2.10\" or \"udp:192.0.2.0/28\"";
        problems.add(&t.span("sources"), fault("trunk.sources is empty", cure));
    }
    sources.into_iter().unzip()
}

/// A timer that may be switched off with "0s".
fn timer(
    t: &Table<'_>,
    key: &str,
    least: Duration,
    default: Duration,
    problems: &mut Problems<'_>,
) -> Duration {
    let read = t.duration(key, Duration::ZERO..=HOUR, default, problems);
    if read == Duration::ZERO || read >= least {
        return read;
    }
    let (shown, least) = (duration::written(read), duration::written(least));
    let cure = format!("write at least \"{least}\", or \"0s\" for none");
    problems.add(&t.span(key), fault(format!("trunk.{key}: {shown} is too short"), cure));
    default
}

fn codecs(t: &Table<'_>, problems: &mut Problems<'_>) -> Vec<Codec> {
    match list(t, "codecs", problems, codec) {
        Some(codecs) if !codecs.is_empty() => codecs,
        Some(_) if problems.is_empty() => {
            let cure = "write [\"PCMA\", \"PCMU\"], or leave the key out";
            problems.add(&t.span("codecs"), fault("trunk.codecs is empty", cure));
            Vec::new()
        }
        _ => vec![Codec::Pcma, Codec::Pcmu],
    }
}

fn codec(text: &str) -> Result<Codec, Fault> {
    one_of(text, "a codec", &[("PCMA", Codec::Pcma), ("PCMU", Codec::Pcmu)])
}

fn dtmf(text: &str) -> Result<Dtmf, Fault> {
    one_of(text, "a way for keys", &[("rfc4733", Dtmf::Rfc4733), ("info", Dtmf::Info)])
}

fn authenticate(text: &str) -> Result<Authenticate, Fault> {
    use Authenticate::*;
    one_of(text, "a proof", &[("address", Address), ("digest", Digest), ("certificate", Certificate)])
}

fn reliable(text: &str) -> Result<Reliable, Fault> {
    use Reliable::*;
    one_of(text, "a use of 100rel", &[("off", Off), ("supported", Supported), ("required", Required)])
}

fn one_of<T: Copy>(text: &str, what: &str, words: &[(&'static str, T)]) -> Result<T, Fault> {
    match words.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(*value),
        None => {
            Err(fault(format!("`{text}` is not {what}"), suggestion(text, words.iter().map(|(w, _)| *w))))
        }
    }
}

fn local(text: &str) -> Result<IpAddr, Fault> {
    let cure = "write one of the addresses of sip.listen, like \"192.0.2.1\", without a port";
    let one = text.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified());
    one.ok_or_else(|| fault(format!("`{text}` is not one address"), cure))
}

fn username(text: &str) -> Result<String, Fault> {
    let plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    if (1..=64).contains(&text.len()) && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err(fault(format!("{text:?} cannot be a user name"), "write 1 to 64 characters without quotes"))
}

fn certificate_name(text: &str) -> Result<String, Fault> {
    let plain = |c: char| c.is_ascii_graphic() && c != '"';
    if (1..=253).contains(&text.len()) && text.chars().all(plain) {
        return Ok(text.to_ascii_lowercase());
    }
    let cure =
        "write a name as the certificate carries it, like \"pbx.example.org\" or \"sip:carrier.example.org\"";
    Err(fault(format!("{text:?} is not a name of a certificate"), cure))
}

fn header(text: &str) -> Result<String, Fault> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("x-") && (3..=64).contains(&text.len()) && text.bytes().all(token) {
        return Ok(lower);
    }
    let cure = "write a name like \"X-Case-Id\"; the standard ones are always kept";
    Err(fault(format!("{text:?} is not an X- header"), cure))
}

/// What may stand before a number: digits, `*`, `#`, `+`.
fn dialled(text: &str) -> Result<String, Fault> {
    let key = |b: u8| b.is_ascii_digit() || matches!(b, b'*' | b'#' | b'+');
    if (1..=16).contains(&text.len()) && text.bytes().all(key) {
        return Ok(text.to_owned());
    }
    Err(fault(format!("{text:?} cannot stand before a number"), "write 1 to 16 digits, `*`, `#` or `+`"))
}

fn digits(
    text: &str,
    length: std::ops::RangeInclusive<usize>,
    what: &str,
    example: &str,
) -> Result<String, Fault> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if length.contains(&text.len()) && plain {
        return Ok(text.to_owned());
    }
    let cure = format!("write its digits without `+` or a leading 0, like \"{example}\"");
    Err(fault(format!("{text:?} is not {what}"), cure))
}
