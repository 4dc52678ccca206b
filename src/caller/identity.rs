//! The caller, as the signalling says: P-Asserted-Identity before Remote-Party-ID before From. The first two count
//! only on a trunk that is trusted, because anyone can write them. Does not look anything up.

use super::display::capped;
use super::number::{E164, normalise};
use crate::event::{Caller, IdentitySource};
use crate::redact::Pii;
use crate::sip::{Message, NameAddr, Scheme, plain};

/// The longest number or name kept, in bytes: three times what any telephone shows.
const TEXT_LIMIT: usize = 128;

/// How a trunk's word is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkIdentity {
    /// Whether the trunk is known to check what it asserts (RFC 3324).
    pub trusted: bool,
    /// The calling code its national numbers belong to, for instance `86`.
    pub country: String,
    /// The area code its local numbers belong to, for instance `0755`.
    pub area: Option<String>,
    /// Taken from the front of every number it brings, before anything is made of it.
    pub strip: Option<String>,
    /// The `X-` headers kept of its calls, in lower case; `None`: all of them.
    pub headers: Option<Vec<String>>,
}

impl TrunkIdentity {
    /// A number without what this trunk puts before it. A number that is nothing else stays as it is.
    pub fn stripped<'n>(&self, number: &'n str) -> &'n str {
        let rest = self.strip.as_deref().and_then(|strip| number.strip_prefix(strip));
        rest.filter(|rest| !rest.is_empty()).unwrap_or(number)
    }

    /// A number that is dialled over this trunk, as callers' numbers are known: in its normal form, or by its digits where it
    /// has none.
    pub fn normal_form(&self, number: &str) -> String {
        normal_form(number, None, self).map_or_else(|| number.to_owned(), |form| form.as_str().to_owned())
    }

    /// Whether an `X-` header of its calls is kept.
    pub fn keeps(&self, header: &str) -> bool {
        self.headers.as_ref().is_none_or(|kept| kept.iter().any(|name| name.eq_ignore_ascii_case(header)))
    }
}

impl Default for TrunkIdentity {
    /// Not trusted, in China, in no area.
    fn default() -> TrunkIdentity {
        TrunkIdentity { trusted: false, country: "86".to_owned(), area: None, strip: None, headers: None }
    }
}

/// The caller, from the headers of an INVITE.
///
/// A caller who asked not to be shown (RFC 3323 and 3325: `Privacy: id`, `user` or `header`; an anonymous From; a
/// Remote-Party-ID with `privacy=full`) is `withheld`: `raw` keeps what came, `e164` and `name` are empty.
pub fn identify(invite: &Message, rules: &TrunkIdentity) -> Caller {
    let from = Claim::of(invite.from(), rules);
    let asserted = if rules.trusted { asserted(invite, rules) } else { None };
    let (claim, source, private) = match asserted {
        Some(claim) => (claim, IdentitySource::Asserted, false),
        None => match remote_party(invite, rules) {
            Some((claim, private)) => (claim, IdentitySource::RemoteParty, private),
            None => (from.clone(), IdentitySource::From, false),
        },
    };
    let withheld = private || asks_for_privacy(invite) || claim.is_anonymous();
    let source = if claim.raw.is_empty() { IdentitySource::None } else { source };
    let name = claim.name.or(from.name.filter(|_| !from.anonymous_host)).filter(|_| !withheld);
    Caller {
        e164: claim.e164.filter(|_| !withheld).map(E164::into_pii),
        name: name.filter(|n| !is_anonymous_word(n) && *n != claim.raw).map(Pii::new),
        raw: Pii::new(claim.raw),
        withheld,
        source,
        diverted_by: if rules.trusted { diverted_by(invite, rules) } else { None },
    }
}

/// What one header says of the caller.
#[derive(Clone)]
struct Claim {
    raw: String,
    e164: Option<E164>,
    name: Option<String>,
    anonymous_host: bool,
}

impl Claim {
    fn of(address: &NameAddr, rules: &TrunkIdentity) -> Claim {
        let name = capped(address.display_text().trim(), TEXT_LIMIT).trim_end().to_owned();
        let name = Some(name).filter(|n| !n.is_empty());
        let Ok(uri) = address.parsed_uri() else {
            let raw = String::from_utf8_lossy(user_before_host(address.uri()));
            return Claim { raw: shown(&raw), e164: None, name, anonymous_host: false };
        };
        let anonymous_host = uri.host.to_ascii_lowercase().ends_with(".invalid");
        let user = uri.user_text().unwrap_or_default();
        // In a SIP URI the parameters of a telephone number are part of the user (RFC 3261 section 19.1.6).
        let (raw, inner) = user.split_once(';').unwrap_or((&user, ""));
        let context = match uri.scheme {
            Scheme::Tel => uri.param("phone-context"),
            Scheme::Sip | Scheme::Sips | Scheme::Other(_) => {
                inner.split(';').find_map(|p| p.strip_prefix("phone-context="))
            }
        };
        Claim {
            e164: normal_form(rules.stripped(raw), context, rules),
            raw: shown(raw),
            name,
            anonymous_host,
        }
    }

    fn is_anonymous(&self) -> bool {
        self.raw.is_empty() || self.anonymous_host || is_anonymous_word(&self.raw)
    }
}

/// Text of a peer's as it may be shown: capped, nothing in it that is not seen.
fn shown(text: &str) -> String {
    plain(capped(text.trim(), TEXT_LIMIT))
}

/// The user of a URI that cannot be taken apart, for instance because it is empty (`sip:@host`): what a peer means that
/// hides a number so is that there is none. Up to the last `@`, so that nothing of a host is taken for a number.
fn user_before_host(uri: &[u8]) -> &[u8] {
    let user = uri.iter().rposition(|b| *b == b'@').and_then(|at| uri.get(..at)).unwrap_or_default();
    let scheme = user.iter().position(|b| *b == b':').map_or(user.len(), |colon| colon + 1);
    user.get(scheme..).unwrap_or_default()
}

/// `phone-context` (RFC 3966 section 5.1.5) says where a local number is local; a domain there says nothing.
fn normal_form(raw: &str, context: Option<&str>, rules: &TrunkIdentity) -> Option<E164> {
    let normalise = |number: &str| normalise(number, &rules.country, rules.area.as_deref());
    let context = context.filter(|c| c.starts_with('+') && !raw.starts_with('+'));
    context.and_then(|c| normalise(&format!("{c}{raw}"))).or_else(|| normalise(raw))
}

/// Words PBXs and carriers write in place of a number or a name.
fn is_anonymous_word(text: &str) -> bool {
    const WORDS: [&str; 8] =
        ["anonymous", "unavailable", "unknown", "restricted", "private", "withheld", "匿名", "未知"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The best of the asserted identities: one with a normal form (often the `tel:` one of two), else the first.
fn asserted(invite: &Message, rules: &TrunkIdentity) -> Option<Claim> {
    let claims: Vec<Claim> = invite
        .addresses("P-Asserted-Identity")
        .iter()
        // RFC 3325 section 9.1 allows two.
        .take(4)
        .map(|address| Claim::of(address, rules))
        .filter(|claim| !claim.is_anonymous())
        .collect();
    let best = claims.iter().position(|c| c.e164.is_some()).unwrap_or(0);
    let name = claims.iter().find_map(|c| c.name.clone());
    claims.into_iter().nth(best).map(|claim| Claim { name: claim.name.clone().or(name), ..claim })
}

/// The calling party of Remote-Party-ID (draft-ietf-sip-privacy-01), and whether it asks for privacy.
fn remote_party(invite: &Message, rules: &TrunkIdentity) -> Option<(Claim, bool)> {
    if !rules.trusted {
        return None;
    }
    let parties = invite.addresses("Remote-Party-ID");
    let calling = |a: &&NameAddr| a.param("party").is_none_or(|p| p.eq_ignore_ascii_case("calling"));
    let address = parties.iter().take(4).find(calling)?;
    let wish = address.param("privacy").unwrap_or_default();
    let private = wish.split('-').any(|w| w.eq_ignore_ascii_case("full") || w.eq_ignore_ascii_case("uri"));
    let claim = Claim::of(address, rules);
    (private || !claim.is_anonymous()).then_some((claim, private))
}

fn asks_for_privacy(invite: &Message) -> bool {
    invite.headers("Privacy").flat_map(|value| value.split(|b| b";,".contains(b))).any(|wish| {
        let wish = wish.trim_ascii();
        ["id", "user", "header"].iter().any(|w| wish.eq_ignore_ascii_case(w.as_bytes()))
    })
}

/// The first to have forwarded the call: the last Diversion (each hop puts its own before the others, RFC 5806
/// section 4), else the first of two or more entries of History-Info (RFC 7044). `None` where that one asked for
/// privacy.
fn diverted_by(invite: &Message, rules: &TrunkIdentity) -> Option<Pii<String>> {
    let diversions = invite.addresses("Diversion");
    let first = match diversions.last() {
        Some(first) => first.clone(),
        None => {
            let mut steps = invite.addresses("History-Info").into_iter();
            let first = steps.next()?;
            steps.next()?;
            first
        }
    };
    let hidden = first.param("privacy").is_some_and(|p| !p.eq_ignore_ascii_case("off"));
    let asks = String::from_utf8_lossy(first.uri()).to_ascii_lowercase().contains("?privacy=");
    if hidden || asks {
        return None;
    }
    let claim = Claim::of(&first, rules);
    if claim.is_anonymous() {
        return None;
    }
    Some(claim.e164.map_or_else(|| Pii::new(claim.raw), E164::into_pii))
}
