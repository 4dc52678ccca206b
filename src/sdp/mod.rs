//! Session descriptions: what one side offers and the other answers (RFC 8866, RFC 3264). Values in, text out;
//! knows nothing of SIP, dialogs or calls.

mod attributes;
mod audio;
mod author;
mod body;
mod codec;
mod description;
mod direction;
mod error;
mod numbering;
mod offer_answer;
mod profile;
mod security;

pub use audio::TelephoneEvent;
pub use author::DescriptionAuthor;
pub use body::{BodyError, find};
pub use codec::{Codec, Encoding};
pub use description::{BODY_LIMIT, Description, MEDIA_LIMIT, MediaLine, parse, parse_from, parse_profiles};
pub use direction::Direction;
pub use error::{Incompatible, SdpError};
pub use numbering::{Offered, PayloadNumbers, TELEPHONE_EVENT};
pub use offer_answer::{Local, Negotiated, PTIME_MS, accepted, answer, offer};
pub use profile::Profile;
pub use security::{Dtls, Fingerprint, Hash, Ice, Security, Setup};

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod security_tests;
#[cfg(test)]
mod tests;
