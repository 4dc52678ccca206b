//! Session descriptions: what one side offers and the other answers (RFC 8866, RFC 3264). Values in, text out;
//! knows nothing of SIP, dialogs or calls.

mod codec;
mod direction;

pub use codec::Codec;
pub use direction::Direction;
