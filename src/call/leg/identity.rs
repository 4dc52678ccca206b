//! The caller identity presented to the party that is called (RFC 3325, RFC 7433).

use crate::caller;
use crate::id::CallId;
use crate::sip::{Outgoing, quoted};

/// What the called party is told of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The call; told to seats alone.
    pub call: Option<CallId>,
    /// The caller's number; empty when it is withheld.
    pub number: String,
    /// What the phone's screen shows; may be empty.
    pub display: String,
}

impl CallerIdentity {
    /// The caller's address at `host`, without a name.
    fn address(&self, host: &str) -> String {
        format!("<sip:{}@{host}>", caller::uri_user(&self.number))
    }

    /// The caller's address at `host`, with the name.
    pub(super) fn named_address(&self, host: &str) -> String {
        match self.display.as_str() {
            "" => self.address(host),
            display => format!("{} {}", quoted(display), self.address(host)),
        }
    }

    /// What an INVITE says beside From.
    pub(super) fn on_invite(&self, invite: Outgoing, host: &str) -> Outgoing {
        let headers = self.headers(self.address(host));
        headers.into_iter().fold(invite, |invite, (name, value)| invite.with(name, value))
    }

    /// What our 2xx to a seat's own INVITE says: there From is the seat's, so the name stands in P-Asserted-Identity.
    pub fn on_answer(&self, host: &str) -> Vec<(&'static str, String)> {
        self.headers(self.named_address(host))
    }

    /// The number in P-Asserted-Identity (RFC 3325) as `asserted`, the call id in X-Hotline-Call-Id as text and in
    /// User-to-User as its 16 octets (RFC 7433). A caller who withholds their number is anonymous, and the phone is asked to
    /// keep it so (RFC 3323).
    fn headers(&self, asserted: String) -> Vec<(&'static str, String)> {
        let mut headers = Vec::with_capacity(3);
        if let Some(call) = self.call {
            headers.push(("X-Hotline-Call-Id", call.to_string()));
            headers.push(("User-to-User", format!("{};encoding=hex", hex(call.as_bytes()))));
        }
        headers.push(match self.number.is_empty() {
            true => ("Privacy", "id".to_owned()),
            false => ("P-Asserted-Identity", asserted),
        });
        headers
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
