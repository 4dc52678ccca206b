//! One citizen's request, from INVITE to its final record: the B2BUA proper.
//!
//! A [`Call`] is a machine without clock, socket or task. It knows its caller leg and its seat legs; it is
//! told what came in ([`Input`]) and says what is to be done ([`Output`]). It does not choose seats (that is
//! `acd`), retransmit (that is `sip`), touch a packet (that is `media`) or know other calls.
//!
//! Read in this order: `inputs` (what a call hears and says), `arrival` (what an INVITE must be), `machine` (the
//! stages), `presenting`, `fork`, `third_party`, `consult`, `transfer`, `requests`, `hold`, `presence`, `ending`, the two legs,
//! and `story` (the events and the record).
// Until the matches here name every variant.
#![allow(clippy::wildcard_enum_match_arm, unused_qualifications)]

/// What a peer that gets 503 should wait before it tries again, in seconds (RFC 3261 section 20.33).
pub const RETRY_AFTER: &str = "10";

mod agreement;
mod answering;
mod arrival;
mod caller_leg;
mod conduct;
mod consult;
mod early;
mod ending;
mod fork;
mod hold;
mod inputs;
mod keys;
mod machine;
mod media_addresses;
mod outcome;
mod own_call;
mod pace;
mod paths;
mod pick_up;
mod presence;
mod presenting;
mod reoffer;
mod requests;
mod rules;
mod seat_leg;
mod story;
mod third_party;
mod transfer;

pub use arrival::{Arrival, Refusal, read_arrival, read_scheme, received};
pub use inputs::{Input, Output, Phone, Reached, Reason, Referred, SeatAsked, Target, Watch};
pub use machine::Call;
pub use media_addresses::MediaAddresses;
pub use outcome::q850;
pub use own_call::{Dialled, placed};
pub use paths::Peer;
pub use reoffer::{Ask, Wanted};
pub use rules::{PeerRules, QueueVoice, Rules, ServiceRules};
pub use story::{Cx, Story};
pub use third_party::Destination;
