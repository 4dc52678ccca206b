//! What the certificates of open connections say: the names a peer has proved to own.

use crate::sip::Flow;
use std::collections::{HashMap, VecDeque};

/// Most connections whose names are kept where nothing else is said.
const CONNECTIONS: usize = 4096;

/// Most lost connections whose names are kept, for dialogs that go on over a new one. Past it the oldest is forgotten:
/// its peer is then taken back only as the address it is dialled by.
const LOST: usize = 1024;

/// Most names kept of one certificate. A carrier's certificate has a handful; one of a web host may have a hundred,
/// and is not what a trunk is known by.
const NAMES: usize = 32;

/// Longest name kept, in octets: the longest DNS name (RFC 1035 section 2.3.4), and room for a SIP URI of one.
const OCTETS: usize = 320;

/// The names of verified certificates by connection, in lower case: DNS names, URIs, addresses (RFC 5922 section 7.1).
#[derive(Debug, Clone)]
pub(super) struct Certificates {
    of: HashMap<Flow, Vec<String>>,
    lost: VecDeque<(Flow, Vec<String>)>,
    most: usize,
}

impl Default for Certificates {
    fn default() -> Certificates {
        Certificates { of: HashMap::new(), lost: VecDeque::new(), most: CONNECTIONS }
    }
}

impl Certificates {
    /// As many connections as the shell keeps open, so that no name is ever missed.
    pub(super) fn bound(&mut self, most: usize) {
        self.most = most;
    }

    /// A connection was made. Names past a limit are not kept: a peer that relies on one of them stays unknown.
    pub(super) fn connected(&mut self, flow: Flow, names: Vec<String>) {
        if names.is_empty() || flow.connection.is_none() || self.of.len() >= self.most {
            return;
        }
        let names = names.into_iter().filter(|n| n.len() <= OCTETS).take(NAMES);
        self.of.insert(flow, names.map(|n| n.to_ascii_lowercase()).collect());
    }

    /// A connection is gone.
    pub(super) fn closed(&mut self, flow: &Flow) {
        let Some(names) = self.of.remove(flow) else { return };
        if self.lost.len() >= LOST {
            self.lost.pop_front();
        }
        self.lost.push_back((*flow, names));
    }

    /// The names the peer of a connection has or had, whether it is open or lost.
    pub(super) fn proved(&self, flow: &Flow) -> &[String] {
        let lost = || self.lost.iter().find(|(lost, _)| lost == flow).map(|(_, names)| names);
        self.of.get(flow).or_else(lost).map(Vec::as_slice).unwrap_or_default()
    }

    /// The names of the peer at the other end; none for a peer without a certificate.
    pub(super) fn names(&self, flow: &Flow) -> &[String] {
        self.of.get(flow).map(Vec::as_slice).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;

    fn flow(connection: u64) -> Flow {
        let (local, remote) = ("192.0.2.1:5061".parse().unwrap(), "192.0.2.9:40000".parse().unwrap());
        Flow { transport: Transport::Tls, local, remote, connection: Some(connection) }
    }

    #[test]
    fn names_belong_to_their_connection_and_go_with_it() {
        let mut c = Certificates::default();
        c.connected(flow(1), vec!["PBX.example.org".into()]);
        assert_eq!(c.names(&flow(1)), ["pbx.example.org"]);
        assert!(c.names(&flow(2)).is_empty());
        c.closed(&flow(1));
        assert!(c.names(&flow(1)).is_empty());
        assert_eq!(c.proved(&flow(1)), ["pbx.example.org"]);
        assert!(c.proved(&flow(2)).is_empty());
    }

    #[test]
    fn neither_names_nor_connections_grow_without_end() {
        let mut c = Certificates::default();
        c.connected(
            flow(0),
            (0..100).map(|n| format!("n{n}.example.org")).chain(["x".repeat(400)]).collect(),
        );
        assert_eq!(c.names(&flow(0)).len(), NAMES);
        c.connected(flow(1), vec!["x".repeat(400), "short.example.org".into()]);
        assert_eq!(c.names(&flow(1)), ["short.example.org"]);
        (2..2 + 2 * LOST as u64).for_each(|n| {
            c.connected(flow(n), vec!["a.example.org".into()]);
            c.closed(&flow(n));
        });
        assert_eq!(c.lost.len(), LOST);
        (2..10_000).for_each(|n| c.connected(flow(n), vec!["a.example.org".into()]));
        assert_eq!(c.of.len(), CONNECTIONS);
    }

    #[test]
    fn the_bound_is_as_many_connections_as_there_may_be() {
        let mut c = Certificates::default();
        c.bound(5000);
        (0..6000).for_each(|n| c.connected(flow(n), vec!["a.example.org".into()]));
        assert_eq!(c.names(&flow(4999)), ["a.example.org"]);
        assert!(c.names(&flow(5000)).is_empty());
    }
}
