//! The hotline gateway: the map of the house. docs/architecture.md is the guided tour.
//!
//! Imports go one way: `cli → io → gateway → snapshot → call → {acd, sdp, media, callback → caller → sip} → event →
//! {config, id, time, redact, room}`. Only `io` and `cli` know sockets, files, clocks, tasks and channels.

pub mod config;
pub mod id;
pub mod octets;
pub mod redact;
pub mod room;
pub mod time;
pub mod token_bucket;

pub mod acd;
pub mod call;
pub mod callback;
pub mod caller;
pub mod dialplan;
pub mod event;
pub mod fuzz;
pub mod gateway;
pub mod media;
pub mod sdp;
pub mod sip;
pub mod snapshot;

pub mod cli;
pub mod io;
