//! Session descriptions: what one side offers and the other answers (RFC 8866, RFC 3264). Values in, text out;
//! knows nothing of SIP, dialogs or calls.

mod audio;
mod author;
mod body;
mod codec;
mod description;
mod direction;
mod error;
mod numbering;
mod offer_answer;

pub use author::Author;
pub use body::{BodyError, find};
pub use codec::Codec;
pub use description::{BODY_LIMIT, Description, MEDIA_LIMIT, MediaLine, parse, parse_from};
pub use direction::Direction;
pub use error::{NoCommonCodec, SdpError};
pub use offer_answer::{
    Local, Negotiated, Numbers, Offered, PTIME_MS, TELEPHONE_EVENT, accepted, answer, offer,
};

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
