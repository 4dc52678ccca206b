//! The real program among real peers: SIPp as a trunk and as seats, baresip as an operator's phone. Every test starts
//! a gateway of its own on free loopback ports and compares what the peers saw with what the records say.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]
// A test looks for one kind of many, fails by panic, and exports nothing.
#![allow(clippy::wildcard_enum_match_arm, clippy::unwrap_used, unreachable_pub)]

mod bad_offers;
mod calls;
mod cancel;
mod carrier;
#[path = "../it/centre.rs"]
#[allow(dead_code)]
mod centre;
mod dead_carrier;
mod dead_phone;
mod desk_phone;
mod kamailio;
mod letter;
mod linphone;
mod matrix;
mod operator_phone;
mod outgoing;
mod plain_proxy;
mod restart;
mod scanners;
mod twinkle;

#[allow(dead_code)]
mod baresip;
mod callee;
#[path = "../it/certificates.rs"]
#[allow(dead_code)]
mod certificates;
mod place;
#[allow(dead_code)]
mod program;
mod sipp;
mod tone;
mod town;
mod voice;
