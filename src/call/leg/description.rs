//! The session description in the body of a message.

use crate::sdp::{self, Description};
use crate::sip::{Flow, Message, Status};

/// Why a body is refused: the status, and the header that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BodyRefusal {
    /// For the peer.
    pub status: Status,
    /// What could be read instead.
    pub header: Option<(&'static str, String)>,
}

/// The session description of a response, an ACK or a PRACK of the dialog on `flow`: what cannot be read there cannot be
/// refused either.
pub(super) fn described(message: &Message, flow: Flow) -> Option<Description> {
    let body = match message.header("Content-Type") {
        Some(_) => description(message).ok()??,
        None => message.body(),
    };
    sdp::parse_from(body, flow.remote.ip()).ok()
}

/// The session description a message carries, if it carries one. A body we cannot read is refused with 415 and what we
/// could read instead, unless it may be left unread (RFC 3261 sections 8.2.3, 20.11, 20.12).
pub(crate) fn description(message: &Message) -> Result<Option<&[u8]>, BodyRefusal> {
    let refusal = |status, header| BodyRefusal { status, header };
    let disposition = message.header("Content-Disposition");
    let encoded = message.list("Content-Encoding").iter().any(|e| !e.eq_ignore_ascii_case(b"identity"));
    if encoded && !message.body().is_empty() {
        // What is asked of an unknown type is asked of an unreadable one, too.
        return match sdp::find(Some(b"application/unread"), disposition, message.body()) {
            Ok(_) => Ok(None),
            Err(_) => {
                Err(refusal(Status::UNSUPPORTED_MEDIA_TYPE, Some(("Accept-Encoding", "identity".into()))))
            }
        };
    }
    sdp::find(message.header("Content-Type"), disposition, message.body()).map_err(|e| match e.status() {
        415 => refusal(Status::UNSUPPORTED_MEDIA_TYPE, Some(("Accept", "application/sdp".into()))),
        status => refusal(status.into(), None),
    })
}
