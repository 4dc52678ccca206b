//! `[grpc]`: where backends read events and records.

use super::address;
use super::problem::Problems;
use super::table::Table;
use std::net::{Ipv4Addr, SocketAddr};

pub(super) const KEYS: &[&str] = &["listen", "allow_plaintext"];

/// Where backends read events and records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grpc {
    /// The listening point. Port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Whether it may lie beyond loopback: what goes over gRPC is not encrypted.
    pub allow_plaintext: bool,
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Grpc {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 50051));
    let listen = table.and_then(|t| t.text("listen", problems, address::socket));
    let allow_plaintext = table.is_some_and(|t| t.flag("allow_plaintext", false, problems));
    Grpc { listen: listen.unwrap_or(default), allow_plaintext }
}
