//! Where to send a request for a name (RFC 3263): the transport by NAPTR, the order of hosts by SRV (RFC 2782), their
//! addresses by A and AAAA.
//!
//! The locator asks no server: what it must know comes out as [`Output::Ask`] and back as [`Locator::answered`], so that
//! nothing ever waits for a name server. A search is a walk through what is known; where something is missing it is
//! asked for, and the walk begins anew when it has come. Does not know what is sent, nor whether a host lives.

mod cache;
pub mod message;
mod place;
mod share;
mod walk;

#[cfg(test)]
mod tests;

pub use cache::{KNOWN, LONGEST, NOTHING, SHORTEST};
pub use place::{Hop, LocalTransport, ServiceName, TargetAddress};
pub use share::{Located, Share, by_lot};
pub use walk::HOPS;

use crate::id::Random;
use crate::time::{Duration, Mono, Timers};
use cache::{Cache, RENEWED, Use};
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use walk::Walk;

/// Most searches at once. More are answered with nothing: the caller tries again.
pub const SEARCHES: usize = 256;

/// A search that has not come to an end by then ends with what was known before, or with what is known of it: a name
/// server that is silent costs this long.
pub const SEARCH_TIMEOUT: Duration = Duration::from_secs(10);

/// What is asked of the domain name system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Query {
    /// The name, in lower case, without a final dot.
    pub name: String,
    /// The type of record.
    pub kind: Kind,
}

/// A type of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Which services a domain has (RFC 3403).
    Naptr,
    /// On which hosts a service is (RFC 2782).
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

/// What the domain name system says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Records, good for so long. None: there are none, or no such name.
    Records(Vec<Record>, Duration),
    /// No server answered, or only with a failure. What was known before stays good for a while.
    Failed,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A service of a domain.
    Naptr {
        /// The lower the sooner; compared first.
        order: u16,
        /// The lower the sooner.
        preference: u16,
        /// How to go on: `s` for SRV.
        flags: String,
        /// For instance `SIP+D2U`.
        service: String,
        /// What is written instead of a replacement; rules of that kind are passed over.
        regexp: String,
        /// The name to go on with.
        replacement: String,
    },
    /// A host of a service.
    Srv {
        /// The lower the sooner.
        priority: u16,
        /// The share among those of one priority.
        weight: u16,
        /// The port.
        port: u16,
        /// The host; `.` says that the service is decidedly not there.
        target: String,
    },
    /// An address of a host.
    Address(IpAddr),
}

/// The searching party, as a number of its own choice.
pub type Seeker = u64;

/// What the locator says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// To be asked of a name server.
    Ask(Query),
    /// The end of a search.
    Found {
        /// Whose.
        seeker: Seeker,
        /// What it found.
        found: Found,
    },
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where to send, in an order drawn at this moment. Empty: nowhere at present.
    pub hops: Vec<Located>,
    /// When to search again at the latest; `None` for what is written in figures.
    pub until: Option<Mono>,
    /// How far the search came.
    pub extent: Extent,
}

/// How far a search came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// To its end, by what name servers say or said: it may stand in until then for searches that do not; `None` for
    /// what is written in figures.
    Whole(Option<Mono>),
    /// Not to its end: name servers failed and nothing was known before. It says nothing against what a whole search
    /// has found.
    Part,
}

/// Why the locator wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A name server has been silent for too long.
    NameServerSilent,
}

/// See the module. Bounded by [`SEARCHES`] and [`KNOWN`].
#[derive(Debug)]
pub struct Locator {
    reach: Vec<LocalTransport>,
    random: Random,
    cache: Cache,
    searches: BTreeMap<Seeker, TargetAddress>,
    asked: HashSet<Query>,
    timeouts: Timers<Seeker>,
}

impl Locator {
    /// A locator that knows nothing yet, for an element with these ways out.
    pub fn new(reach: Vec<LocalTransport>, random: Random) -> Locator {
        Locator {
            reach,
            random,
            cache: Cache::default(),
            searches: BTreeMap::new(),
            asked: HashSet::new(),
            timeouts: Timers::default(),
        }
    }

    /// Searches for a place. A search of the same seeker that is under way is replaced.
    pub fn find(&mut self, now: Mono, seeker: Seeker, place: TargetAddress, out: &mut Vec<Output>) {
        self.searches.remove(&seeker);
        if self.searches.len() >= SEARCHES {
            let found = Found { hops: Vec::new(), until: Some(now + SHORTEST), extent: Extent::Part };
            out.push(Output::Found { seeker, found });
            return;
        }
        self.searches.insert(seeker, place);
        self.timeouts.set(seeker, now + SEARCH_TIMEOUT);
        self.go_on(now, seeker, out);
    }

    /// What was asked is answered. What comes later than a search waits for it is as good for the next one; that
    /// nothing came is then known already.
    pub fn answered(&mut self, now: Mono, query: Query, answer: Answer, out: &mut Vec<Output>) {
        if !self.asked.remove(&query) && answer == Answer::Failed {
            return;
        }
        self.cache.learn(now, query, answer);
        let seekers: Vec<Seeker> = self.searches.keys().copied().collect();
        for seeker in seekers {
            self.go_on(now, seeker, out);
        }
    }

    /// When a silent name server is no longer waited for.
    pub fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        self.timeouts.next().map(|(at, _)| (at, Reason::NameServerSilent))
    }

    /// Ends the searches that have waited too long, with what was known before.
    pub fn handle_timeout(&mut self, now: Mono, out: &mut Vec<Output>) {
        while let Some(seeker) = self.timeouts.pop_due(now) {
            let Some(place) = self.searches.remove(&seeker) else { continue };
            let walk = |wanted, random: &mut Random| {
                Walk::through(&self.cache, &self.reach, now, wanted, &place, random)
            };
            let fresh = walk(Use::Fresh, &mut self.random);
            // The next search asks again.
            for query in &fresh.missing {
                self.asked.remove(query);
            }
            let old = walk(Use::Old, &mut self.random);
            let found = if old.missing.is_empty() && !old.has_gaps {
                let extent = Extent::Whole(old.stands_in);
                Found { hops: old.hops, until: Some(now + RENEWED), extent }
            } else {
                Found { hops: old.hops, until: Some(now + SHORTEST), extent: Extent::Part }
            };
            out.push(Output::Found { seeker, found });
        }
    }

    /// How many searches are under way and how many answers are kept.
    pub fn remembered(&self) -> (usize, usize) {
        (self.searches.len(), self.cache.len())
    }

    fn go_on(&mut self, now: Mono, seeker: Seeker, out: &mut Vec<Output>) {
        let Some(place) = self.searches.get(&seeker) else { return };
        let walk = Walk::through(&self.cache, &self.reach, now, Use::Fresh, place, &mut self.random);
        if walk.missing.is_empty() {
            self.searches.remove(&seeker);
            self.timeouts.cancel(seeker);
            let extent = if walk.has_gaps { Extent::Part } else { Extent::Whole(walk.stands_in) };
            let found = Found { hops: walk.hops, until: walk.until, extent };
            out.push(Output::Found { seeker, found });
            return;
        }
        for query in walk.missing {
            if self.asked.insert(query.clone()) {
                out.push(Output::Ask(query));
            }
        }
    }
}
