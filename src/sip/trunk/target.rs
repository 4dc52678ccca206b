//! One configured target of a trunk: a name or an address, and the addresses it leads to.

use super::health::{HopHealth, Reachability};
use crate::id::Random;
use crate::sip::locate::{Extent, Found, Hop, TargetAddress, by_lot};
use crate::time::{Duration, Mono};

/// See the module.
#[derive(Debug)]
pub(super) struct Target {
    pub place: TargetAddress,
    pub search: Search,
    /// A search has come to its end before.
    searched: bool,
    pub hops: Vec<HopHealth>,
    validity: SearchValidity,
}

/// Whether what a search found stands against one that came to no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum SearchValidity {
    /// Nothing was found, or only by a search that came to no end itself.
    #[default]
    Weak,
    /// Until then.
    Until(Mono),
}

impl SearchValidity {
    /// A search ended: whether what it found replaces what was known, if anything was.
    pub(super) fn yields(&mut self, now: Mono, extent: Extent, anything: bool) -> bool {
        match (extent, *self) {
            (Extent::Part, SearchValidity::Until(end)) if end > now && anything => return false,
            (Extent::Part, _) => *self = SearchValidity::Weak,
            // What is written in figures is found once.
            (Extent::Whole(end), _) => *self = SearchValidity::Until(end.unwrap_or(Mono(u64::MAX))),
        }
        true
    }
}

/// Whether the addresses are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    /// To be searched for at this moment.
    Due(Mono),
    /// The locator is at it.
    Out,
    /// What is written in figures stays as it is.
    Done,
}

/// What is known of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TargetState {
    /// Not yet known.
    Unknown,
    /// An address of it is reachable.
    Reachable,
    /// No address of it is reachable.
    Unreachable,
    /// The name has no address that is reached from here.
    NoAddress,
}

impl Target {
    pub(super) fn new(place: TargetAddress, now: Mono) -> Target {
        let validity = SearchValidity::default();
        Target { place, search: Search::Due(now), searched: false, hops: Vec::new(), validity }
    }

    /// A search ended. An address that stays keeps what is known of it; a search that came to no end takes none away.
    pub(super) fn found(&mut self, now: Mono, found: &Found, interval: Duration, first: Mono) {
        self.search = found.until.map_or(Search::Done, Search::Due);
        self.searched = true;
        if !self.validity.yields(now, found.extent, !self.hops.is_empty()) {
            return;
        }
        let mut known = std::mem::take(&mut self.hops);
        for located in &found.hops {
            let place = known.iter().position(|health| health.hop == located.hop);
            let health = place.map(|i| known.swap_remove(i));
            let mut health = health.unwrap_or_else(|| HopHealth::new(located.hop, interval, first));
            health.share = located.share;
            self.hops.push(health);
        }
    }

    /// The addresses that are unreachable, or those that are not, in an order drawn now (RFC 2782).
    pub(super) fn choice(&self, dead: bool, random: &mut Random) -> Vec<Hop> {
        let hops = self.hops.iter().filter(|health| health.is_unreachable() == dead);
        by_lot(hops.map(|health| (health.share, health.hop)), random)
    }

    pub(super) fn health(&mut self, hop: Hop) -> Option<&mut HopHealth> {
        self.hops.iter_mut().find(|health| health.hop == hop)
    }

    pub(super) fn state(&self) -> TargetState {
        let any = |is: fn(Reachability) -> bool| self.hops.iter().any(|health| is(health.reachability()));
        if any(|a| matches!(a, Reachability::Reachable { .. })) {
            TargetState::Reachable
        } else if any(|a| a == Reachability::Unknown) {
            TargetState::Unknown
        } else if !self.hops.is_empty() {
            TargetState::Unreachable
        } else if !self.searched {
            TargetState::Unknown
        } else {
            TargetState::NoAddress
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        let search = match self.search {
            Search::Due(at) => Some(at),
            Search::Out | Search::Done => None,
        };
        self.hops.iter().filter_map(HopHealth::poll_timeout).chain(search).min()
    }

    /// As it stands in a Request-URI, for this user.
    pub(super) fn uri(&self, user: Option<&str>) -> String {
        uri(&self.place, user)
    }
}

/// A place as a URI: what is looked up stays a name in it (RFC 3263 section 4).
pub(super) fn uri(place: &TargetAddress, user: Option<&str>) -> String {
    let mut text = String::from("sip:");
    if let Some(user) = user {
        text.push_str(user);
        text.push('@');
    }
    if place.host.contains(':') {
        text.push_str(&format!("[{}]", place.host));
    } else {
        text.push_str(&place.host);
    }
    if let Some(port) = place.port {
        text.push_str(&format!(":{port}"));
    }
    if let Some(transport) = place.transport {
        text.push_str(&format!(";transport={transport}"));
    }
    text
}

/// A number as the user of a URI: what may not stand there is percent-encoded (RFC 3261 section 19.1.2).
pub(super) fn user(number: &str) -> String {
    let mut user = String::with_capacity(number.len());
    for b in number.bytes() {
        match b {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'_' | b'.' | b'!' | b'~' | b'*' => {
                user.push(char::from(b));
            }
            _ => user.push_str(&format!("%{b:02X}")),
        }
    }
    user
}
