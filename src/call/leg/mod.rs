//! One leg: the signalling and the media between one party and the gateway, from the first INVITE to the last BYE.
//!
//! Who the party is ([`Party`]) and which side sent the INVITE ([`Signalling`]) are two things. A leg is told requests,
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
mod pace;
mod probe;
mod renegotiate;
mod renegotiation;
mod reoffered;
mod requests;
mod responses;
mod state;
mod timers;
mod uac;
mod uas;

pub use description::description;
pub use identity::CallerIdentity;
pub use liveness::Loss;
pub use media::OTHER_NETWORK;
pub use output::{Cx, GivenUp, Output, Send};
pub use requests::ReferId;
pub use state::{Arriving, Leg, Party, Peer, Purpose};
pub use uac::{Target, Watch};
pub use uas::{Answering, Reliably, Ring};
