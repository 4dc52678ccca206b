//! Digest authentication (RFC 7616, RFC 8760, and RFC 2617 for old phones), for SIP as RFC 3261 section 22
//! uses it. Works on plain values: it knows neither messages nor bindings.
//!
//! `algorithm` is the arithmetic, `params` the grammar, `challenge` and `credentials` what stands in the
//! headers, `answering` the client's side, `nonce` what makes a replay fail, `strikes` what makes guessing slow,
//! `unanswered` which challenges find no answer, and `guard` the verdict.

mod algorithm;
mod answering;
mod challenge;
mod credentials;
mod guard;
mod nonce;
mod params;
mod strikes;
mod unanswered;

pub use algorithm::{Algorithm, Answered, Counted, UnknownAlgorithm};
pub use answering::{ATTEMPTS, Answering, REALMS};
pub use challenge::{Challenge, Keying, Proved, Qop};
pub use credentials::{Credentials, Protection};
pub use guard::{AuthFault, Claim, Guard, Judged, Proof, SeatAccount};
pub use nonce::{NC_WINDOW, NONCE_LIFE, NonceUse, Nonces, USED_NONCES, Unspent};
pub use params::NotDigest;
pub use strikes::{Penalty, SILENCE, STRUCK, Strikes};
pub use unanswered::UNANSWERED;
