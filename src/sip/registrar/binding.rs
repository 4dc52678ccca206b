//! The contacts one seat has registered, and how a REGISTER changes them.

use super::wish::{CONTACTS_PER_SEAT, ContactKey, Refusal, Wish, WishedContact};
use crate::sip::uri::without_headers;
use crate::sip::{Flow, Transport};
use crate::time::Mono;
use serde::{Deserialize, Serialize};

/// One registered contact; as it is, it outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The URI as it came; see [`Binding::target`] for what calls to it are sent to.
    pub contact: String,
    /// The path its REGISTER came on, and requests to it take: through NAT there is no other.
    pub flow: Flow,
    /// The proxies on that path, the nearest first: the route set of calls to it (RFC 3327). Empty: none.
    pub path: Vec<Box<str>>,
    /// When it lapses unless refreshed.
    pub expires: Mono,
    /// What the phone says it is; printable, at most 64 characters.
    pub user_agent: Option<Box<str>>,
    /// Whether there is a way to it at this moment.
    pub reach: Reach,
    pub(super) q: Option<Box<str>>,
    place: ContactKey,
    call_id: Box<str>,
    cseq: u32,
}

/// Whether there is a way to a registered contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// By the flow of its registration.
    ByFlow,
    /// The connection ended with the process before; the phone opens another one and registers on it (RFC 5626 section 4.5).
    NoConnection,
}

/// Which REGISTER makes a change.
#[derive(Debug, Clone)]
pub(super) struct Cause<'a> {
    pub call_id: &'a str,
    pub cseq: u32,
    pub flow: Flow,
    pub user_agent: Option<Box<str>>,
    pub path: Vec<Box<str>>,
}

/// The contacts of one seat, the one registered or refreshed last at the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Bindings(Vec<Binding>);

impl Bindings {
    pub(super) fn all(&self) -> &[Binding] {
        &self.0
    }

    /// When the next contact lapses.
    pub(super) fn next_expiry(&self) -> Option<Mono> {
        self.0.iter().map(|b| b.expires).min()
    }

    /// Contacts of the process before, as far as they have not lapsed. Over UDP they are reached as before; the number of a
    /// connection means nothing any more.
    pub(super) fn restore(&mut self, now: Mono, saved: Vec<Binding>) {
        let lasting = saved.into_iter().filter(|b| b.expires > now).take(CONTACTS_PER_SEAT);
        self.0 = lasting
            .map(|mut binding| {
                if binding.flow.transport != Transport::Udp {
                    (binding.flow.connection, binding.reach) = (None, Reach::NoConnection);
                }
                binding
            })
            .collect();
    }

    /// Where the seat is reached, apart from how long.
    pub(super) fn places(&self) -> Vec<(String, Flow)> {
        let mut places: Vec<_> = self.0.iter().map(|b| (b.contact.clone(), b.flow)).collect();
        places.sort();
        places
    }

    /// The flows to the seat's phones.
    pub(super) fn flows(&self) -> impl Iterator<Item = Flow> {
        self.0.iter().filter(|b| b.reach == Reach::ByFlow).map(|b| b.flow)
    }

    /// Removes what has lapsed.
    pub(super) fn lapse(&mut self, now: Mono) {
        self.0.retain(|b| b.expires > now);
    }

    /// Removes what was registered on `flow`.
    pub(super) fn lose(&mut self, flow: Flow) {
        self.0.retain(|b| b.flow != flow);
    }

    /// Grants a wish whole, or refuses it and changes nothing.
    pub(super) fn grant(&mut self, now: Mono, wish: &Wish, cause: &Cause<'_>) -> Result<(), Refusal> {
        match wish {
            Wish::Tell => {}
            Wish::RemoveAll => {
                if self.0.iter().any(|b| b.is_newer_than(cause)) {
                    return Err(Refusal::Late);
                }
                self.0.clear();
            }
            Wish::Update(wanted) => {
                let touched = |b: &&Binding| wanted.iter().any(|w| w.place.replaces(&b.place));
                if self.0.iter().filter(touched).any(|b| b.is_newer_than(cause)) {
                    return Err(Refusal::Late);
                }
                for one in wanted {
                    self.put(now, one, cause);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, now: Mono, wanted: &WishedContact, cause: &Cause<'_>) {
        self.0.retain(|b| !wanted.place.replaces(&b.place));
        if wanted.lasts.is_zero() {
            return;
        }
        if self.0.len() >= CONTACTS_PER_SEAT {
            let first = self.0.iter().enumerate().min_by_key(|(_, b)| b.expires).map(|(i, _)| i);
            first.map(|i| self.0.remove(i));
        }
        self.0.push(Binding {
            contact: wanted.contact.clone(),
            flow: cause.flow,
            path: cause.path.clone(),
            reach: Reach::ByFlow,
            q: wanted.q.clone(),
            expires: now + wanted.lasts,
            user_agent: cause.user_agent.clone(),
            place: wanted.place.clone(),
            call_id: cause.call_id.into(),
            cseq: cause.cseq,
        });
    }
}

impl Binding {
    /// The phone it is a way to, if that names itself. A phone may have several ways, one a flow (RFC 5626).
    pub fn phone(&self) -> Option<&str> {
        self.place.phone()
    }

    /// The Request-URI of what is sent to it: the contact without headers, which are not the phone's to write (RFC 3261
    /// section 19.1.5).
    pub fn target(&self) -> &str {
        std::str::from_utf8(without_headers(self.contact.as_bytes())).unwrap_or(&self.contact)
    }

    /// Whether it was made by the same registration, not earlier (RFC 3261 section 10.3 items 6 and 7).
    fn is_newer_than(&self, cause: &Cause<'_>) -> bool {
        *self.call_id == *cause.call_id && self.cseq >= cause.cseq
    }
}
