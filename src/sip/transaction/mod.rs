//! The four transaction machines of RFC 3261 section 17, with the Accepted states of RFC 6026.
//!
//! A machine here knows its own state, what it sent last and how often; it does not know how messages are matched
//! (that is `endpoint`) or what a call is.

mod client;
mod key;
mod server;
mod timer;

pub(super) use client::{Client, ClientStep};
pub(super) use key::{ack_key, merge_key, server_key};
pub(super) use server::{Server, ServerStep};
pub use timer::{Durations, Timer};

/// A server transaction: a request that came in. Never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerTx(pub(super) u64);

/// A client transaction: a request we sent. Never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientTx(pub(super) u64);
