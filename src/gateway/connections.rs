//! What the shell must know of the peer at the other end of a connection: how long it may be silent, and, when the
//! connection is lost, where and under which names it may be found again.

use super::Gateway;
use crate::call::Leg;
use crate::sip::{Flow, PeerId};
use std::collections::HashSet;
use std::net::SocketAddr;

/// What keeps a connection open while nothing comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// A configured trunk: it owes no keep-alives, and a call of it may say nothing for hours.
    Trunk,
    /// A known peer that is to send keep-alives (RFC 5626): a registered seat, a trunk that has its password yet to
    /// prove.
    KeepAlive,
    /// An unknown source.
    Unknown,
}

impl Gateway {
    /// What keeps the connection of a flow open.
    pub fn tie(&self, flow: &Flow) -> Tie {
        match self.access.identify(flow) {
            PeerId::Trunk(trunk) if !self.trunking.asks_password(&trunk) => Tie::Trunk,
            _ if self.trunking.peers.reaches(flow) => Tie::Trunk,
            _ if self.knows(flow) => Tie::KeepAlive,
            PeerId::Trunk(_) | PeerId::Seat(_) | PeerId::Unknown => Tie::Unknown,
        }
    }

    /// The flows of all dialogs: the peer on one of them may be silent for as long as the call lasts.
    pub fn paths(&self) -> HashSet<Flow> {
        self.calls.iter().flat_map(|slot| slot.call.legs().iter().filter_map(Leg::path)).collect()
    }

    /// Whether `at` belongs to the peer that was at the other end of a connection that is lost: it is on the same host, or
    /// is one of the sources of the trunk that was there. Gives the names one of which the peer may prove, beside the one it
    /// is dialled by: those it had proved, and the hosts its trunk is configured to be reached at.
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
