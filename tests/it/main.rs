//! One binary for the tests that stand outside the library.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[allow(dead_code)]
mod agent;
mod both_sides;
mod config;
mod kill;
mod programme;
mod soak;
mod subscriber;
mod tcp;
mod tidy;
mod torture;
mod torture_live;
mod town;
mod written;
