//! The control plane in virtual time: scenarios that read as sentences, and random worlds from a seed.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

mod checks;
mod desk;
mod phones;
mod scenarios;
mod seeds;
mod soak;
mod trunks;
mod world;
