//! What an INVITE from a trunk must be to become a call: checked once, before anything is allocated.

use crate::caller::{self, HistoryKey, TrunkIdentity};
use crate::event::{CallReceived, RefusalReason};
use crate::id::{CallId, LegId, ServiceNumber, TrunkId};
use crate::sdp::{self, Codec, Description};
use crate::sip::{Flow, Message, ServerTx, Uri};
use std::sync::Arc;

/// An INVITE that may become a call.
#[derive(Debug)]
pub struct Arrival {
    /// The call it becomes.
    pub call: CallId,
    /// Its caller leg.
    pub leg: LegId,
    /// To answer it by.
    pub tx: ServerTx,
    /// Where it came from.
    pub flow: Flow,
    /// The INVITE.
    pub invite: Message,
    /// Its offer; `None` when we are to offer.
    pub offer: Option<Description>,
    /// What the event will say.
    pub received: CallReceived,
    /// The caller's key in the own store; `None` when the number is withheld or none.
    pub history: Option<HistoryKey>,
}

/// Why an INVITE is turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For the record.
    pub reason: RefusalReason,
    /// For the peer.
    pub status: u16,
    /// A header that goes with the status, for instance Unsupported.
    pub header: Option<(&'static str, String)>,
}

impl Refusal {
    /// A refusal without further header.
    pub fn new(reason: RefusalReason, status: u16) -> Refusal {
        Refusal { reason, status, header: None }
    }
}

/// The service number an INVITE is for: the user of its Request-URI, or the number of a `tel:` URI, decoded.
pub fn service_number(invite: &Message) -> ServiceNumber {
    let user = Uri::parse(invite.uri()).ok().and_then(|u| u.user_text()).unwrap_or_default();
    let end = user.char_indices().nth(64).map_or(user.len(), |(i, _)| i);
    ServiceNumber::from(&user[..end])
}

/// What the event says of the INVITE, whatever becomes of it.
pub fn received(
    invite: &Message,
    flow: Flow,
    trunk: &TrunkId,
    identity: &TrunkIdentity,
    leg: LegId,
) -> CallReceived {
    CallReceived {
        trunk: trunk.clone(),
        caller: caller::identify(invite, identity),
        service_number: service_number(invite),
        leg,
        sip_call_id: Arc::from(invite.call_id()),
        source: flow.remote,
        headers: caller::selected_headers(invite),
    }
}

/// Checks what only the INVITE itself can tell. RFC 3261 sections 8.2.2.3 (Require), 8.2.3 (content), 13.3.1.
pub fn read_arrival(invite: &Message, codecs: &[Codec]) -> Result<Option<Description>, Refusal> {
    let bad = |status| Refusal::new(RefusalReason::BadRequest, status);
    if let Some(required) = invite.list("Require").first() {
        let header = ("Unsupported", String::from_utf8_lossy(required).into_owned());
        return Err(Refusal { header: Some(header), ..bad(420) });
    }
    if invite.contact().is_none() {
        return Err(bad(400));
    }
    let content_type = invite.header("Content-Type");
    let body = match sdp::find(content_type, invite.header("Content-Disposition"), invite.body()) {
        Ok(Some(body)) => body,
        Ok(None) => return Ok(None),
        Err(e) if e.status() == 415 => {
            return Err(Refusal { header: Some(("Accept", "application/sdp".into())), ..bad(415) });
        }
        Err(e) => return Err(bad(e.status())),
    };
    let offer = sdp::parse(body).map_err(|e| Refusal::new(RefusalReason::BadMedia, e.status()))?;
    if !offer.codecs.iter().any(|(c, _)| codecs.contains(c)) {
        return Err(Refusal::new(RefusalReason::BadMedia, 488));
    }
    Ok(Some(offer))
}
