//! What a request is matched by (RFC 3261 sections 17.2.3 and 8.2.2.2).

use crate::sip::{Message, Method};

/// The server transaction a request belongs to: branch, sent-by and method, an ACK or CANCEL that of its INVITE.
/// Requests of RFC 2543 peers, without a unique branch, go by everything that identifies them.
pub fn server_key(request: &Message) -> String {
    let (cseq, method) = request.cseq();
    let method = match method {
        Method::Ack | Method::Cancel => Method::Invite.as_str(),
        other => other.as_str(),
    };
    let via = request.via();
    let port = via.port().unwrap_or(0);
    match via.unique_branch() {
        Some(branch) => format!("{branch}\n{}\n{port}\n{method}", via.host()),
        None => format!(
            "{}\n{}\n{cseq}\n{}\n{}\n{port}\n{method}",
            String::from_utf8_lossy(request.uri()),
            request.call_id(),
            request.from_tag().unwrap_or_default(),
            via.host(),
        ),
    }
}

/// What tells a request that reached us twice by different paths: From tag, Call-ID and CSeq.
pub fn merge_key(request: &Message) -> String {
    let (cseq, method) = request.cseq();
    let from = request.from_tag().unwrap_or_default();
    format!("{}\n{from}\n{cseq}\n{}", request.call_id(), method.as_str())
}

/// What an ACK for a 2xx is matched by: Call-ID, our tag, and the CSeq number of the INVITE.
pub fn ack_key(call_id: &str, our_tag: &str, cseq: u32) -> String {
    format!("{call_id}\n{our_tag}\n{cseq}")
}
