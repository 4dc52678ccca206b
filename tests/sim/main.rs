//! The control plane in virtual time: scenarios that read as sentences, and random worlds from a seed.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]
// A test looks for one kind of many, fails by panic, and exports nothing.
#![allow(clippy::wildcard_enum_match_arm, clippy::unwrap_used, unreachable_pub)]

mod access;
mod again;
mod asked;
mod asking;
#[path = "../it/centre.rs"]
#[allow(dead_code)]
mod centre;
mod checks;
mod conduct;
mod desk;
mod desks;
mod early;
mod far_side;
mod hearing;
mod house;
mod inside;
mod keys;
mod legs;
mod malice;
mod media_access;
mod nuisance;
mod offers;
mod operators;
mod outward;
mod owed;
mod passwords;
mod peer;
mod phones;
mod resumed;
mod scenarios;
mod seeds;
mod several;
mod shedding;
mod soak;
mod sounds;
mod states;
mod timers;
mod town;
mod transfers;
mod trunks;
mod unauthenticated;
mod world;
