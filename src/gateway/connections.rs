//! What the shell must know of whoever is at the other end of a connection: how long he may be silent, and, when the
//! connection is lost, where and as whom he may be found again.

use super::Gateway;
use crate::sip::{Flow, PeerId};
use std::collections::HashSet;
use std::net::SocketAddr;

/// What keeps a connection open while nothing comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// A configured trunk: it owes nobody keep-alives, and a call of it may say nothing for hours.
    Trunk,
    /// Somebody known who is to send keep-alives (RFC 5626): a registered seat, a trunk that has its password yet to
    /// prove.
    KeepAlive,
    /// Nobody known.
    Nobody,
}

impl Gateway {
    /// What keeps the connection of a flow open.
    pub fn tie(&self, flow: &Flow) -> Tie {
        match self.access.identify(flow) {
            PeerId::Trunk(trunk) if !self.trunking.asks_password(&trunk) => Tie::Trunk,
            _ if self.trunking.peers.reaches(flow) => Tie::Trunk,
            _ if self.knows(flow) => Tie::KeepAlive,
            PeerId::Trunk(_) | PeerId::Seat(_) | PeerId::Unknown => Tie::Nobody,
        }
    }

    /// The paths of all dialogs: whoever is on one of them may be silent for as long as the call lasts.
    pub fn paths(&self) -> HashSet<Flow> {
        self.calls.iter().flat_map(|slot| slot.call.paths()).collect()
    }

    /// Whether `at` belongs to whoever was at the other end of a connection that is lost: it is on the same host, or is
    /// one of the sources of the trunk that was there. Gives the names one of which he may prove to have, beside the one
    /// he is dialled by: those he had proved, and the hosts his trunk is configured to be reached at.
    pub fn found_again(&self, lost: &Flow, at: SocketAddr) -> Option<Vec<String>> {
        let trunk = self.access.control.trunk_behind(lost);
        let there = Flow { remote: at, connection: None, ..*lost };
        let is_there = at.ip().to_canonical() == lost.remote.ip().to_canonical()
            || trunk.is_some_and(|trunk| self.access.control.comes_from(trunk, &there));
        let mut names = self.access.control.names_proved(lost).to_vec();
        names.extend(trunk.into_iter().flat_map(|trunk| self.trunking.peers.hosts(trunk)));
        is_there.then_some(names)
    }
}
