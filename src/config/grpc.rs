//! `[grpc]`: where backends read events and records.

use super::address;
use super::problem::Problems;
use super::table::Table;
use std::net::{Ipv4Addr, SocketAddr};

pub(super) const KEYS: &[&str] = &["listen", "allow_plaintext", "connections", "connections_per_source"];

/// Where backends read events and records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grpc {
    /// The listening point. Port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Whether it lies beyond loopback on purpose: what goes over gRPC is not encrypted.
    pub allow_plaintext: bool,
    /// Connections at one time.
    pub connections: u32,
    /// Of those, from one address whose clients have not shown the API token.
    pub connections_per_source: u32,
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Grpc {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 50051));
    let mut grpc = Grpc { listen, allow_plaintext: false, connections: 512, connections_per_source: 64 };
    let Some(t) = table else {
        return grpc;
    };
    grpc.listen = t.text("listen", problems, address::socket).unwrap_or(listen);
    grpc.allow_plaintext = t.flag("allow_plaintext", grpc.allow_plaintext, problems);
    grpc.connections = t.number("connections", 1..=60_000, grpc.connections, problems);
    grpc.connections_per_source =
        t.number("connections_per_source", 1..=60_000, grpc.connections_per_source, problems);
    grpc
}
