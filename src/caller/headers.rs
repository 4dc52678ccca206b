//! The headers of an INVITE a backend may want as they came: who forwarded the call, what an upstream system says
//! of it, where it came from. Data, never rights.

use super::display::capped;
use crate::redact::Pii;
use crate::sip::Message;
use std::sync::Arc;

/// At most this many headers are kept of one call, because the event that carries them is stored for a year.
pub const HEADERS_KEPT: usize = 16;

/// The longest value kept, in bytes; a longer one is cut at a character.
pub const VALUE_LIMIT: usize = 1024;

/// At most this many of one name, so that a header repeated a hundred times leaves room for the others.
const OF_ONE_NAME: usize = 4;

/// The standard headers kept, the most telling first.
const STANDARD: [&str; 18] = [
    "P-Asserted-Identity",
    "Remote-Party-ID",
    "Privacy",
    "Diversion",
    "History-Info",
    "User-to-User",
    "Call-Info",
    "Geolocation",
    "P-Access-Network-Info",
    "Referred-By",
    "Reason",
    "Resource-Priority",
    "Priority",
    "Accept-Language",
    "Session-ID",
    "Subject",
    "Alert-Info",
    "Identity",
];

/// Ours to write; what a trunk sends under this name would be taken for our own.
const OWN_PREFIX: &str = "X-Hotline-";

/// The standard headers, then every `X-` header but our own. At most [`HEADERS_KEPT`], values at most
/// [`VALUE_LIMIT`]; bytes that are no UTF-8 come out as U+FFFD.
pub fn selected_headers(invite: &Message) -> Vec<(Arc<str>, Pii<String>)> {
    selected_headers_where(invite, |_| true)
}

/// As [`selected_headers`], with those `X-` headers only whose name `allowed` lets pass: a trunk's allow-list.
pub fn selected_headers_where(
    invite: &Message,
    allowed: impl Fn(&str) -> bool,
) -> Vec<(Arc<str>, Pii<String>)> {
    let standard = STANDARD
        .iter()
        .flat_map(|name| invite.headers(name).take(OF_ONE_NAME).map(move |value| (*name, value)));
    let mut seen: Vec<&str> = Vec::new();
    let extra = invite.fields().filter(|(name, _)| {
        let repeated = seen.iter().filter(|s| s.eq_ignore_ascii_case(name)).count();
        seen.push(name);
        has_prefix(name, "X-") && !has_prefix(name, OWN_PREFIX) && repeated < OF_ONE_NAME && allowed(name)
    });
    standard.chain(extra).take(HEADERS_KEPT).map(|(name, value)| (Arc::from(name), kept(value))).collect()
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|p| p.eq_ignore_ascii_case(prefix))
}

fn kept(value: &[u8]) -> Pii<String> {
    let cut = value.get(..VALUE_LIMIT).unwrap_or(value);
    let text = String::from_utf8_lossy(cut);
    // A character cut in two became U+FFFD, which is longer than what was cut.
    let whole = if cut.len() < value.len() { text.trim_end_matches('\u{fffd}') } else { &text };
    Pii::new(capped(whole, VALUE_LIMIT).to_owned())
}
