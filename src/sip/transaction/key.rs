//! What a request is matched by (RFC 3261 sections 17.2.3 and 8.2.2.2).
//!
//! Keys are written into a buffer that is used again, so that looking one up allocates nothing. Fields are
//! told apart by a zero byte, which no field can hold.

use crate::sip::{Message, Method};

/// Writes what names the transaction of `request` as if its method were `method`: branch, sent-by, method.
/// Requests of RFC 2543 peers, without a unique branch, go by all that identifies them but the To tag, which
/// their ACK has and their INVITE has not.
pub(crate) fn transaction(request: &Message, method: &Method, key: &mut Vec<u8>) {
    key.clear();
    let via = request.via();
    match via.unique_branch() {
        Some(branch) => {
            key.extend_from_slice(branch.as_bytes());
            key.push(0);
            key.extend(via.host().bytes().map(|b| b.to_ascii_lowercase()));
            key.push(0);
            key.extend_from_slice(&via.port().unwrap_or(0).to_be_bytes());
        }
        None => {
            key.extend_from_slice(b"2543\0");
            key.extend_from_slice(request.uri());
            key.push(0);
            write_merge_key(request, key);
            key.extend_from_slice(via.raw());
        }
    }
    key.push(0);
    key.extend_from_slice(method.as_str().as_bytes());
}

/// Writes what a request keeps whatever path it takes: Call-ID, From tag, CSeq number and method. A request that
/// came by another path too has it in common with the first (merged requests), the ACK of a 2xx with its INVITE.
pub(crate) fn merge_key(request: &Message, method: &Method, key: &mut Vec<u8>) {
    key.clear();
    write_merge_key(request, key);
    key.extend_from_slice(method.as_str().as_bytes());
}

fn write_merge_key(request: &Message, key: &mut Vec<u8>) {
    key.extend_from_slice(request.call_id().as_bytes());
    key.push(0);
    key.extend_from_slice(request.from_tag().unwrap_or_default().as_bytes());
    key.push(0);
    key.extend_from_slice(&request.cseq().0.to_be_bytes());
}
