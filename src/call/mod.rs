//! One citizen's request, from INVITE to its final record: the B2BUA proper.
//!
//! A [`Call`] is a machine without clock, socket or task. It owns its legs and where it stands; it is told what came in
//! ([`Input`]) and says what is to be done ([`Output`]). It does not choose seats (that is `acd`), retransmit (that is
//! `sip`), touch a packet (that is `media`) or know other calls.
//!
//! Read in this order: `inputs` (what a call hears and says), `leg` (one party: INVITE to BYE), `stage` (where a call
//! stands), `ringing`, `search`, `talk` (what goes on in a stage, as values), `audio` (what each party hears), `call` (what
//! each input means), `queued` (to the operator and back), `talking` (parties beside the caller, the end), `story` (the
//! events and the record).

mod arrival;
mod audio;
#[allow(clippy::module_inception, reason = "the call itself")]
mod call;
mod common;
mod ending;
mod inputs;
mod leg;
mod legs;
mod media_addresses;
mod origin;
mod outcome;
mod queued;
mod resume;
mod ringing;
mod rules;
mod search;
mod snapshot;
mod stage;
#[cfg(test)]
mod stage_tests;
mod story;
mod talk;
mod talking;
mod transfer;
mod waiting;

pub use arrival::{Arrival, Refusal, read_arrival, read_scheme, received};
pub use call::Call;
pub use inputs::{Delivery, IncomingLeg, Input, Output, Reason, Referred};
pub use leg::{IncomingInvite, Leg, LegContext, LegSnapshot, Peer, Probing, Target, ok_response};
pub use legs::Legs;
pub use media_addresses::MediaAddresses;
pub use origin::{Dialled, placed};
pub use outcome::q850;
pub use resume::Resuming;
pub use ringing::Phone;
pub use rules::{PeerRules, QueueVoice, RETRY_AFTER, Rules, ServiceRules};
pub use search::Destination;
pub use snapshot::{CallSnapshot, Came, Went};
pub use story::{Cx, Story};
