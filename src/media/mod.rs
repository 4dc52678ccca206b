//! The audio of a call as far as it can be said without sockets: reading and rewriting RTP and RTCP,
//! deciding what goes where, prompts, digits, quality. `io::rtp` owns the sockets and the thread.
//!
//! There is no jitter buffer, no mixing and no recording here: what comes in goes out, re-stamped.

mod command;
pub mod dtmf;
pub mod egress;
pub mod g711;
pub mod latch;
pub mod ports;
pub mod prompt;
pub mod quality;
pub mod rtcp;
pub mod rtp;

pub use command::{Command, Event, Remote};

// Until sdp delivers its own.
/// The audio codecs of the gateway (RFC 3551 section 4.5.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 A-law, payload type 8.
    Pcma,
    /// G.711 µ-law, payload type 0.
    Pcmu,
}

/// The way audio may flow, seen from the gateway (RFC 3264 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// We send only.
    SendOnly,
    /// We receive only.
    RecvOnly,
    /// Neither.
    Inactive,
}
