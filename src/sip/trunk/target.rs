//! One configured target of a trunk: a name or an address, and the ways there.

use super::way::{Availability, Way};
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
    pub ways: Vec<Way>,
    standing: Standing,
}

/// Whether what a search found stands against one that came to no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Standing {
    /// Nothing was found, or only by a search that came to no end itself.
    #[default]
    Weak,
    /// Until then.
    Until(Mono),
}

impl Standing {
    /// A search ended: whether what it found replaces what was known, if anything was.
    pub fn yields(&mut self, now: Mono, extent: Extent, anything: bool) -> bool {
        match (extent, *self) {
            (Extent::Part, Standing::Until(end)) if end > now && anything => return false,
            (Extent::Part, _) => *self = Standing::Weak,
            // What is written in figures is found once.
            (Extent::Whole(end), _) => *self = Standing::Until(end.unwrap_or(Mono(u64::MAX))),
        }
        true
    }
}

/// Whether the ways are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    /// To be searched for at this moment.
    Due(Mono),
    /// The locator is at it.
    Out,
    /// What is written in figures stays as it is.
    Done,
}

/// What is known of a target's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Not yet known.
    Unknown,
    /// A way of it lives.
    Alive,
    /// No way of it lives.
    Dead,
    /// There is no way to it: the name has no address we reach.
    Nowhere,
}

impl Target {
    pub fn new(place: TargetAddress, now: Mono) -> Target {
        let standing = Standing::default();
        Target { place, search: Search::Due(now), searched: false, ways: Vec::new(), standing }
    }

    /// A search ended. A way that stays keeps what is known of it; a search that came to no end takes none away.
    pub fn found(&mut self, now: Mono, found: &Found, interval: Duration, first: Mono) {
        self.search = found.until.map_or(Search::Done, Search::Due);
        self.searched = true;
        if !self.standing.yields(now, found.extent, !self.ways.is_empty()) {
            return;
        }
        let mut known = std::mem::take(&mut self.ways);
        for located in &found.hops {
            let place = known.iter().position(|way| way.hop == located.hop);
            let way = place.map(|i| known.swap_remove(i));
            let mut way = way.unwrap_or_else(|| Way::new(located.hop, interval, first));
            way.share = located.share;
            self.ways.push(way);
        }
    }

    /// The ways that count as dead, or those that do not, in an order drawn now.
    pub fn choice(&self, dead: bool, random: &mut Random) -> Vec<Hop> {
        let ways = self.ways.iter().filter(|way| way.is_dead() == dead);
        by_lot(ways.map(|way| (way.share, way.hop)), random)
    }

    pub fn way(&mut self, hop: Hop) -> Option<&mut Way> {
        self.ways.iter_mut().find(|way| way.hop == hop)
    }

    pub fn life(&self) -> Life {
        let any = |is: fn(Availability) -> bool| self.ways.iter().any(|way| is(way.availability()));
        if any(|a| matches!(a, Availability::Alive { .. })) {
            Life::Alive
        } else if any(|a| a == Availability::Unknown) {
            Life::Unknown
        } else if !self.ways.is_empty() {
            Life::Dead
        } else if !self.searched {
            Life::Unknown
        } else {
            Life::Nowhere
        }
    }

    pub fn poll_timeout(&self) -> Option<Mono> {
        let search = match self.search {
            Search::Due(at) => Some(at),
            Search::Out | Search::Done => None,
        };
        self.ways.iter().filter_map(Way::poll_timeout).chain(search).min()
    }

    /// As it stands in a Request-URI, for this user.
    pub fn uri(&self, user: Option<&str>) -> String {
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
