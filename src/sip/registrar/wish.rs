//! What a REGISTER asks for, read and checked before anything is changed (RFC 3261 section 10.3).

use crate::sip::{Message, NameAddr, Scheme, Transport, Uri};
use crate::time::Duration;
use serde::{Deserialize, Serialize};

/// Most contacts a seat has at once: a desk phone, a softphone and their lines, with room for a phone that
/// comes back from another port. A registration past it replaces the contact that would expire first.
pub const CONTACTS_PER_SEAT: usize = 8;

/// What a REGISTER that says nothing of it, or nothing that can be read, asks for (RFC 3261 section 10.2.1.1).
const UNSAID: Duration = Duration::from_secs(3600);

/// How long a registration lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// The shortest one taken; a shorter wish is answered 423. Each costs two requests and two answers.
    pub shortest: Duration,
    /// The longest one granted over UDP; a longer wish is cut to it. A phone that dies in silence is offered calls for this
    /// long at most, and a NAT on the way forgets one that is silent for longer.
    pub longest_udp: Duration,
    /// The longest one granted over a stream, whose end is noticed.
    pub longest_stream: Duration,
}

impl Default for Expiry {
    fn default() -> Expiry {
        let s = Duration::from_secs;
        Expiry { shortest: s(60), longest_udp: s(300), longest_stream: s(3600) }
    }
}

impl Expiry {
    /// The longest one granted over this transport.
    pub(super) fn longest(&self, transport: Transport) -> Duration {
        if transport == Transport::Udp { self.longest_udp } else { self.longest_stream }
    }
}

/// Longest contact URI taken, in octets: it is kept, and stands in the start line of every call to the seat.
const CONTACT_OCTETS: usize = 512;

/// Longest part of a User-Agent kept, in characters.
const USER_AGENT_CHARS: usize = 64;

/// Why a REGISTER is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 400: it cannot be read or contradicts itself.
    Bad(&'static str),
    /// 439: it asks for outbound through a proxy that does not know it (RFC 5626 section 6).
    NotOutbound,
    /// 403: for another seat than the one that proved itself, or with more contacts than a seat may have.
    Forbidden,
    /// 423: shorter than [`Expiry::shortest`].
    TooBrief,
    /// 500: older than what it would change (RFC 3261 section 10.3 item 7).
    Late,
}

/// What is asked of the bindings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// No Contact: tell them.
    Tell,
    /// `Contact: *` with `Expires: 0`: remove all.
    RemoveAll,
    /// Add, refresh or (with zero) remove these.
    Update(Vec<WishedContact>),
}

/// One contact of a REGISTER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WishedContact {
    /// The URI as it came.
    pub contact: String,
    /// What makes two contacts the same.
    pub place: ContactKey,
    /// For how long; zero removes it.
    pub lasts: Duration,
    /// What it weighs among the contacts, as it came; told back, and not gone by: a seat is one person.
    pub q: Option<Box<str>>,
}

/// What two contact URIs share when they are the same contact: RFC 3261 section 19.1.4 without the
/// parameters phones do not vary, so that a phone which changes an idle one replaces its old contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ContactKey {
    user: Option<String>,
    host: String,
    port: Option<u16>,
    transport: Option<String>,
    secure: bool,
    /// `+sip.instance` and `reg-id`: the same phone at whatever address (RFC 5626 section 4.1).
    instance: Option<(String, String)>,
}

impl ContactKey {
    fn of(contact: &NameAddr, uri: &Uri) -> Option<ContactKey> {
        let secure = match uri.scheme {
            Scheme::Sip => false,
            Scheme::Sips => true,
            Scheme::Tel | Scheme::Other(_) => return None,
        };
        let instance = contact.param("+sip.instance").filter(|i| !i.is_empty());
        let line = contact.param("reg-id").unwrap_or_default();
        Some(ContactKey {
            user: uri.user_text(),
            host: uri.host.to_ascii_lowercase(),
            port: uri.port,
            transport: uri.param("transport").map(str::to_ascii_lowercase),
            secure,
            instance: instance.map(|i| (i.to_owned(), line.to_owned())),
        })
    }

    /// The phone, if it names itself (`+sip.instance`): the same on each of its flows.
    pub(super) fn phone(&self) -> Option<&str> {
        self.instance.as_ref().map(|(phone, _)| phone.as_str())
    }

    /// Whether it is one of several flows of its phone (`reg-id`).
    pub(super) fn is_numbered(&self) -> bool {
        self.instance.as_ref().is_some_and(|(_, line)| !line.is_empty())
    }

    /// Whether a registration of `self` replaces one of `other`.
    pub(super) fn replaces(&self, other: &ContactKey) -> bool {
        if self.instance.is_some() && self.instance == other.instance {
            return true;
        }
        // Two flows of one phone have one address: that is what they are for.
        if self.is_numbered() && other.is_numbered() && self.phone() == other.phone() {
            return false;
        }
        let address =
            |p: &ContactKey| (p.user.clone(), p.host.clone(), p.port, p.transport.clone(), p.secure);
        address(self) == address(other)
    }
}

impl Wish {
    /// Reads the wish of a REGISTER that came by `transport`.
    pub(super) fn read(request: &Message, transport: Transport, expiry: &Expiry) -> Result<Wish, Refusal> {
        let listed = request.list("Contact");
        let general = request.header("Expires").map(seconds);
        if listed.iter().any(|c| c.trim_ascii() == b"*") {
            return match (listed.len(), general) {
                (1, Some(Duration::ZERO)) => Ok(Wish::RemoveAll),
                _ => Err(Refusal::Bad("* with other contacts or without Expires: 0")),
            };
        }
        if listed.is_empty() {
            return Ok(Wish::Tell);
        }
        if listed.len() > CONTACTS_PER_SEAT {
            return Err(Refusal::Forbidden);
        }
        let general = general.unwrap_or(UNSAID);
        let (shortest, longest) = (expiry.shortest, expiry.longest(transport));
        listed
            .into_iter()
            .map(|c| WishedContact::read(c, general, shortest, longest))
            .collect::<Result<_, _>>()
            .map(Wish::Update)
    }
}

impl WishedContact {
    fn read(
        contact: &[u8],
        general: Duration,
        shortest: Duration,
        longest: Duration,
    ) -> Result<WishedContact, Refusal> {
        const BROKEN: Refusal = Refusal::Bad("a Contact that cannot be called");
        let contact = NameAddr::parse(contact.to_vec()).map_err(|_| BROKEN)?;
        if !contact.is_bracketed() && contact.uri().contains(&b'?') {
            return Err(BROKEN);
        }
        let uri = contact.parsed_uri().map_err(|_| BROKEN)?;
        let place = ContactKey::of(&contact, &uri).ok_or(BROKEN)?;
        let text = std::str::from_utf8(contact.uri()).map_err(|_| BROKEN)?;
        if text.len() > CONTACT_OCTETS || uri.host.is_empty() {
            return Err(BROKEN);
        }
        let lasts = contact.param("expires").map_or(general, |e| seconds(e.as_bytes())).min(longest);
        if !lasts.is_zero() && lasts < shortest {
            return Err(Refusal::TooBrief);
        }
        let q =
            contact.param("q").filter(|q| q.len() <= 5 && q.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        Ok(WishedContact { contact: text.to_owned(), place, lasts, q: q.map(Into::into) })
    }
}

/// A count of seconds; whatever is none stands for an hour (RFC 3261 section 10.2.1.1).
fn seconds(text: &[u8]) -> Duration {
    let text = text.trim_ascii();
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return UNSAID;
    }
    let count = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
    Duration::from_secs(count.unwrap_or(u64::from(u32::MAX)))
}

/// The User-Agent as kept with a binding: printable, and not long.
pub(super) fn user_agent(request: &Message) -> Option<Box<str>> {
    let text = String::from_utf8_lossy(request.header("User-Agent")?);
    Some(text.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS).collect())
}
