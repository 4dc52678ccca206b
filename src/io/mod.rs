//! The shell: everything that touches sockets, files, clocks, tasks and channels. No decision about a call is
//! made here.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod clock;
pub mod descriptors;
pub mod dns;
pub mod driver;
pub mod grpc;
pub mod hand_over;
pub mod http;
pub mod inbound;
mod lag;
pub mod life;
mod log;
pub mod notify;
pub mod preflight;
pub mod rtp;
pub mod secrets;
pub mod serve;
pub mod store;
pub mod stream;
pub mod trace;
pub mod udp;
pub mod web;
