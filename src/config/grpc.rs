//! `[grpc]`: where backends read events and records.

use super::address;
use super::problem::Problems;
use super::table::Table;
use std::net::{Ipv4Addr, SocketAddr};

pub(super) const KEYS: &[&str] = &["listen"];

/// Where backends read events and records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grpc {
    /// The listening point. Port 0 lets the system choose one.
    pub listen: SocketAddr,
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Grpc {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 50051));
    let listen = table.and_then(|t| t.text("listen", problems, address::socket));
    Grpc { listen: listen.unwrap_or(default) }
}
