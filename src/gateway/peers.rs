//! What the shell must know of whoever was at the other end of a lost connection: where and as whom he may be found
//! again.

use super::Gateway;
use crate::sip::Flow;
use std::net::SocketAddr;

impl Gateway {
    /// Whether `at` belongs to whoever was at the other end of a connection that is lost: it is on the same host, or is
    /// one of the sources of the trunk that was there. Gives the names one of which he may prove to have, beside the one
    /// he is dialled by: those he had proved, and the hosts his trunk is configured to be reached at.
    pub fn found_again(&self, lost: &Flow, at: SocketAddr) -> Option<Vec<String>> {
        let trunk = self.doors.trunk_behind(lost);
        let there = Flow { remote: at, connection: None, ..*lost };
        let is_there = at.ip().to_canonical() == lost.remote.ip().to_canonical()
            || trunk.is_some_and(|trunk| self.doors.comes_from(trunk, &there));
        let mut names = self.doors.names_proved(lost).to_vec();
        names.extend(trunk.into_iter().flat_map(|trunk| self.trunking.trunks.hosts(trunk)));
        is_there.then_some(names)
    }
}
