//! What an INVITE from a trunk must be to become a call: checked once, before anything is allocated.

use super::leg::{OTHER_NETWORK, description};
use super::rules::{PeerRules, Rules};
use crate::caller::{self, HistoryKey, TrunkIdentity};
use crate::config::Reliable;
use crate::event::{CallReceived, RefusalReason};
use crate::id::{CallId, LegId, ServiceNumber, TrunkId};
use crate::redact::Pii;
use crate::sdp::{self, Description};
use crate::sip::access::option_tags;
use crate::sip::{Flow, Message, ServerTx, Status, Uri, demands, option_tag, session_timer};
use std::sync::Arc;

/// An INVITE that may become a call.
#[derive(Debug)]
pub struct Arrival {
    /// The call it becomes.
    pub call: CallId,
    /// The trunk that brings it.
    pub trunk: TrunkId,
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
    /// What is known of the caller already, to be said beside what the look-up brings.
    pub marks: Vec<(Arc<str>, Pii<String>)>,
}

/// Why an INVITE is turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For the record.
    pub reason: RefusalReason,
    /// For the peer.
    pub status: Status,
    /// A header that goes with the status, for instance Unsupported.
    pub header: Option<(&'static str, String)>,
}

impl Refusal {
    /// A refusal without further header.
    pub fn new(reason: RefusalReason, status: Status) -> Refusal {
        Refusal { reason, status, header: None }
    }
}

/// The service number an INVITE is for: the user of its Request-URI, or the number of a `tel:` URI, decoded, without the
/// parameters and the visual separators of a telephone number. Empty for an unknown scheme.
pub(super) fn service_number(invite: &Message) -> ServiceNumber {
    let user = Uri::parse(invite.uri()).ok().and_then(|u| u.dialled()).unwrap_or_default();
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
        direction: crate::event::Direction::Inbound,
        trunk: Some(trunk.clone()),
        caller: caller::identify(invite, identity),
        service_number: ServiceNumber::from(identity.stripped(service_number(invite).as_str())),
        leg,
        sip_call_id: Arc::from(caller::capped(invite.call_id(), 256)),
        source: flow.remote,
        headers: caller::selected_headers_where(invite, |name| identity.keeps(name)),
    }
}

/// Whether the INVITE is for a URI of a scheme we speak: to be asked before what it names is looked for (RFC 3261 section
/// 8.2.2.1).
pub fn read_scheme(invite: &Message) -> Result<(), Refusal> {
    match demands::speaks_scheme(invite) {
        true => Ok(()),
        false => Err(Refusal::new(RefusalReason::BadRequest, Status::UNSUPPORTED_URI_SCHEME)),
    }
}

/// Checks what only the INVITE itself can tell. RFC 3261 sections 8.2.2.3 (Require), 8.2.3 (content), 13.3.1; RFC 4028
/// section 9 (422). Audio in a family of addresses we have no media in is refused as such (RFC 3261 section 20.43).
pub fn read_arrival(
    invite: &Message,
    flow: &Flow,
    peer: &PeerRules,
    rules: &Rules,
) -> Result<Option<Description>, Refusal> {
    let bad = |status| Refusal::new(RefusalReason::BadRequest, status);
    let with = |status, name, value: String| Refusal { header: Some((name, value)), ..bad(status) };
    let mut known = option_tags(peer.class);
    known.retain(|tag| peer.reliable != Reliable::Off || *tag != "100rel");
    if let Some(unsupported) = option_tag::unsupported(invite, &known) {
        return Err(with(Status::BAD_EXTENSION, "Unsupported", unsupported));
    }
    if peer.reliable == Reliable::Required && !option_tag::supports(invite, "100rel") {
        return Err(with(Status::EXTENSION_REQUIRED, "Require", "100rel".into()));
    }
    if session_timer::is_too_small(invite) {
        return Err(with(
            Status::SESSION_INTERVAL_TOO_SMALL,
            "Min-SE",
            session_timer::LEAST.as_secs().to_string(),
        ));
    }
    // Who is called here is called on by us: a request that may go no further cannot reach a seat.
    if invite.number("Max-Forwards") == Some(0) {
        return Err(bad(Status::TOO_MANY_HOPS));
    }
    if invite.remote_target().is_none() {
        return Err(bad(Status::BAD_REQUEST));
    }
    if !demands::accepts_sdp(invite) {
        return Err(bad(Status::NOT_ACCEPTABLE));
    }
    let body =
        description(invite).map_err(|refused| Refusal { header: refused.header, ..bad(refused.status) })?;
    let Some(body) = body else { return Ok(None) };
    let offer = sdp::parse_from(body, flow.remote.ip())
        .map_err(|e| Refusal::new(RefusalReason::BadMedia, Status::from(e.status())))?;
    if !offer.codecs.iter().any(|(c, _)| peer.codecs.contains(c)) {
        return Err(Refusal::new(RefusalReason::BadMedia, Status::NOT_ACCEPTABLE_HERE));
    }
    if !rules.media.reach(&offer) {
        let header = Some(("Warning", OTHER_NETWORK.into()));
        return Err(Refusal { header, ..Refusal::new(RefusalReason::BadMedia, Status::NOT_ACCEPTABLE_HERE) });
    }
    Ok(Some(offer))
}
