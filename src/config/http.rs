//! `[http]`: where health and metrics are read.

use super::address;
use super::problem::Problems;
use super::table::Table;
use std::net::{Ipv4Addr, SocketAddr};

pub(super) const KEYS: &[&str] = &["listen", "connections", "connections_per_source"];

/// Where health and metrics are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// The listening point. Port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Connections at one time.
    pub connections: u32,
    /// Of those, from one address.
    pub connections_per_source: u32,
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Http {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    let mut http = Http { listen, connections: 128, connections_per_source: 32 };
    let Some(t) = table else {
        return http;
    };
    http.listen = t.text("listen", problems, address::socket).unwrap_or(listen);
    http.connections = t.number("connections", 1..=60_000, http.connections, problems);
    http.connections_per_source =
        t.number("connections_per_source", 1..=60_000, http.connections_per_source, problems);
    http
}
