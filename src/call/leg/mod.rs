//! One leg: the signalling and the media between one party and the gateway, from the first INVITE to the last BYE.
//!
//! Who the party is ([`Party`]) and which side sent the INVITE (`Signalling`) are two things. A leg is told requests,
//! responses, ACKs and timeouts, and commanded: `ring`, `answer`, `reject`, `invite`, `offer`, `hang_up`. What is to be
//! sent and what the call must know come out in order as [`Output`]. A leg knows neither the call nor the queue.

mod answer;
mod conduct;
mod description;
mod early;
mod hang_up;
mod identity;
mod invite;
mod keys;
mod liveness;
mod media;
mod output;
mod probe;
mod renegotiate;
mod renegotiation;
mod reoffered;
mod requests;
mod responses;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod timers;
mod uac;
mod uas;

pub use conduct::ok_response;
pub(super) use description::description;
pub(super) use identity::CallerIdentity;
pub(super) use liveness::Loss;
pub(super) use media::OTHER_NETWORK;
pub(super) use output::{Cx, GivenUp, Output, Send};
pub(super) use requests::ReferId;
pub use snapshot::{LegContext, LegSnapshot};
pub use state::{IncomingInvite, Leg, Peer};
pub(super) use state::{Party, Purpose};
pub use uac::{Probing, Target};
pub(super) use uas::{AnswerOutcome, Reliably, Ring};
