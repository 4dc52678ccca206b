//! The audio of a call as far as it can be said without sockets: reading and rewriting RTP and RTCP,
//! deciding what goes where, prompts, digits, quality. `io::rtp` owns the sockets and the thread.
//!
//! There is no jitter buffer, no mixing and no recording here: what comes in goes out, re-stamped.

pub mod coalescing;
mod command;
mod counts;
pub mod dtmf;
mod dtmf_send;
pub mod egress;
mod family;
pub mod g711;
pub mod latch;
mod leg;
pub mod numbers;
mod pacer;
pub mod ports;
pub mod prompt;
pub mod quality;
#[cfg(test)]
pub(crate) mod receiver;
pub mod relay;
pub mod rtcp;
mod rtcp_translate;
pub mod rtp;
mod rtp_timeout;

#[cfg(test)]
mod relay_key_tests;
#[cfg(test)]
mod relay_tests;

pub use command::{
    Bound, Command, Event, LocalMedia, OpenFailure, Resumed, ResumedStreams, Shortage, Source,
};
pub use egress::{Gap, Interruption};
pub use family::Family;
pub use latch::{Latching, Towards};
pub use leg::{Key, Through};
pub use numbers::{LegNumbers, Numbers, RtpNumbers};
