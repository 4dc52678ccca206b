//! The audio of a call as far as it can be said without sockets: reading and rewriting RTP and RTCP,
//! deciding what goes where, prompts, digits, quality. `io::rtp` owns the sockets and the thread.
//!
//! There is no jitter buffer, no mixing and no recording here: what comes in goes out, re-stamped.

mod command;
mod counts;
pub mod dtmf;
pub mod egress;
mod family;
pub mod g711;
pub mod latch;
mod leg;
pub mod pace;
pub mod ports;
mod press;
pub mod prompt;
pub mod quality;
mod quiet;
pub mod relay;
mod retell;
pub mod rtcp;
pub mod rtp;
mod wheel;

#[cfg(test)]
mod relay_key_tests;
#[cfg(test)]
mod relay_tests;

pub use command::{Bound, Command, Event, LocalMedia, OpenFailure, Shortage, Source};
pub use family::Family;
pub use latch::{Sources, Towards};
pub use leg::{Key, Through};
