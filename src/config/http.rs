//! `[http]`: where health and metrics are read.

use super::address;
use super::problem::Problems;
use super::table::Table;
use std::net::{Ipv4Addr, SocketAddr};

pub(super) const KEYS: &[&str] = &["listen"];

/// Where health and metrics are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// The listening point. Port 0 lets the system choose one.
    pub listen: SocketAddr,
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Http {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    let listen = table.and_then(|t| t.text("listen", problems, address::socket));
    Http { listen: listen.unwrap_or(default) }
}
