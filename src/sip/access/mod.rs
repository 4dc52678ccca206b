//! Access control: which peer is behind a flow, and whether an unauthenticated source is heard at all.
//!
//! A peer is identified by where its message comes from, before or after that is parsed; never by what the message says,
//! except that a name chooses among the seats known at that source. A REGISTER is heard from every source, a trunk's too:
//! it goes to the registrar, which asks for proof by digest.

mod allowance;
mod bucket;
mod certificate;
mod class;
mod methods;
mod names;
mod source;

#[cfg(test)]
mod tests;

pub use allowance::{Allowance, FACTOR};
pub use bucket::{Buckets, SOURCES, UNKNOWN_SOURCES};
pub use class::{Class, class, is_register, nonces_of_register};
pub use methods::{PeerClass, Rule, allowed, inside_a_dialog, option_tags, outside_a_dialog};
pub use names::Names;
pub use source::{PeerSource, Prefix};

use super::{Flow, Registrar};
use crate::config;
use crate::id::{SeatId, TrunkId};
use crate::time::Mono;
use certificate::Certificates;
use source::{narrowness_of, of_contact};
use std::collections::HashMap;
use std::net::IpAddr;

/// Who is behind a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerId {
    /// A carrier or a PBX, known by its address.
    Trunk(TrunkId),
    /// A seat, registered on this flow or with its fixed place there.
    Seat(SeatId),
    /// An unauthenticated source.
    Unknown,
}

/// Who is known at one source.
#[derive(Debug, Clone)]
struct KnownSource {
    source: PeerSource,
    trunk: Option<TrunkId>,
    seats: Vec<SeatId>,
    by_name: HashMap<SeatId, usize>,
}

/// A trunk that is known by a name in its certificate.
#[derive(Debug, Clone)]
struct Certified {
    trunk: TrunkId,
    /// In lower case.
    names: Vec<String>,
    /// Addresses one of which it must come from as well; from anywhere when there is none.
    sources: Vec<PeerSource>,
}

/// The buckets of unknown sources.
#[derive(Debug, Clone, Default)]
struct UnknownSources {
    /// Datagrams: any sender can write any address on them.
    datagrams: Buckets,
    /// Connections: a peer that has one is where it says, so that false datagrams take nothing from it.
    streams: Buckets,
    /// Requests with a nonce of ours for their source, which only a peer that hears our answers has.
    answers: SeatBuckets,
}

/// Buckets for the seats at one address: see [`bucket::SEATS`].
#[derive(Debug, Clone)]
struct SeatBuckets(Buckets);

impl Default for SeatBuckets {
    fn default() -> SeatBuckets {
        SeatBuckets(Buckets::new(bucket::SEATS))
    }
}

/// Every known source. Bounded by the configuration, but for the [`Buckets`] of unknown sources.
#[derive(Debug, Clone, Default)]
pub struct AccessControl {
    /// Latching of a single address, by it, the narrowest first.
    single: HashMap<IpAddr, Vec<KnownSource>>,
    /// Latching that are whole blocks, the narrowest first.
    blocks: Vec<KnownSource>,
    unknown: UnknownSources,
    seats: SeatBuckets,
    certificates: Certificates,
    certified: Vec<Certified>,
}

impl AccessControl {
    /// A trunk comes from there. Of two trunks with the same source the first counts.
    pub fn add(&mut self, trunk: TrunkId, source: impl Into<PeerSource>) {
        self.entry(source.into()).trunk.get_or_insert(trunk);
    }

    /// A trunk is known by one of these names in the certificate of its connection, and comes from one of `sources`
    /// besides, where there is any. Without the certificate a peer at that source is unknown.
    pub fn add_certified(&mut self, trunk: TrunkId, names: Vec<String>, sources: Vec<PeerSource>) {
        let names = names.into_iter().map(|name| name.to_ascii_lowercase()).collect();
        self.certified.push(Certified { trunk, names, sources });
    }

    /// The names of so many connections are kept: as many as the shell keeps open.
    pub fn bound_connections(&mut self, most: usize) {
        self.certificates.bound(most);
    }

    /// A seat that does not register is reached at this source. Several seats may share one.
    pub fn add_seat(&mut self, seat: SeatId, source: impl Into<PeerSource>) {
        let entry = self.entry(source.into());
        if !entry.by_name.contains_key(&seat) {
            entry.by_name.insert(seat.clone(), entry.seats.len());
            entry.seats.push(seat);
        }
    }

    /// A seat that does not register has its phone at this contact.
    pub fn add_contact(&mut self, seat: SeatId, contact: &config::Contact) {
        if let Some(source) = of_contact(contact) {
            self.add_seat(seat, source);
        }
    }

    /// Whether a message or a connection on `flow` is to be looked at: always from those we know; from an unknown source
    /// while it has tokens, of datagrams or of streams. To be asked before parsing.
    pub fn admit(&mut self, now: Mono, flow: &Flow, registrar: &Registrar) -> bool {
        if self.knows(flow, registrar) {
            return true;
        }
        let bucket = match flow.transport.is_reliable() {
            true => &mut self.unknown.streams,
            false => &mut self.unknown.datagrams,
        };
        bucket.take(now, flow.remote.ip())
    }

    /// Whether a request that carries a nonce of ours is to be looked at although its source has no tokens left.
    pub fn admit_answer(&mut self, now: Mono, source: IpAddr) -> bool {
        self.unknown.answers.0.take(now, source)
    }

    /// Whether a seat's request that begins something is to be looked at: while its source has tokens. To be asked
    /// before parsing.
    pub fn admit_seat(&mut self, now: Mono, source: IpAddr) -> bool {
        self.seats.0.take(now, source)
    }

    /// Whether a trunk or a seat is behind `flow`.
    pub fn knows(&self, flow: &Flow, registrar: &Registrar) -> bool {
        self.known_at(flow).next().is_some()
            || self.certified(flow).is_some()
            || registrar.seats_on(flow).next().is_some()
    }

    /// Who is behind `flow`, by nothing but the flow. Where a trunk and seats share it, the trunk, because it has
    /// the lesser rights: a peer taken for a trunk by mistake can call in, a peer taken for a seat could call
    /// out. Where several seats share it, [`PeerId::Unknown`]: use [`AccessControl::identify_user`].
    pub fn identify(&self, flow: &Flow, registrar: &Registrar) -> PeerId {
        self.resolve(flow, registrar, None)
    }

    /// Who is behind `flow`, given the user the message claims (its From). The name only chooses among the
    /// seats that are there, and against a trunk that is known less narrowly than they are: give a trunk its
    /// port when phones share its address.
    pub fn identify_user(&self, flow: &Flow, registrar: &Registrar, user: &str) -> PeerId {
        self.resolve(flow, registrar, Some(user))
    }

    /// A connection was made; the names in the certificate of its peer, verified by the shell, none without one.
    pub fn connected(&mut self, flow: Flow, certificate_names: Vec<String>) {
        self.certificates.connected(flow, certificate_names);
    }

    /// A connection is gone, and with it what its peer had proved.
    pub fn disconnected(&mut self, flow: &Flow) {
        self.certificates.closed(flow);
    }

    /// The names the peer of a connection has proved by its certificate, in lower case.
    pub fn certificate_names(&self, flow: &Flow) -> &[String] {
        self.certificates.names(flow)
    }

    /// The names the peer of a connection has proved, or had while it was open, in lower case.
    pub fn names_proved(&self, flow: &Flow) -> &[String] {
        self.certificates.proved(flow)
    }

    /// The trunk at the other end of a flow, also when its connection is lost.
    pub fn trunk_behind<'a>(&'a self, flow: &'a Flow) -> Option<&'a TrunkId> {
        let by_address = || self.known_at(flow).find_map(|p| p.trunk.as_ref());
        self.certified_by(self.certificates.proved(flow), flow).or_else(by_address)
    }

    /// Whether a flow is a trunk's: it comes from one of its sources, or shows its certificate where it is known by one.
    pub fn is_of(&self, trunk: &TrunkId, flow: &Flow) -> bool {
        self.certified(flow) == Some(trunk) || self.known_at(flow).any(|p| p.trunk.as_ref() == Some(trunk))
    }

    /// Whether the peer of a connection has proved one of the names the peer of another has or had.
    pub fn has_same_certificate(&self, of: &Flow, flow: &Flow) -> bool {
        let shown = self.certificates.names(flow);
        self.certificates.proved(of).iter().any(|name| shown.contains(name))
    }

    /// Whether a flow comes from one of the sources of a trunk.
    pub fn comes_from(&self, trunk: &TrunkId, flow: &Flow) -> bool {
        let certified = self.certified.iter().filter(|c| c.trunk == *trunk).flat_map(|c| &c.sources);
        self.known_at(flow).any(|p| p.trunk.as_ref() == Some(trunk)) || { certified }.any(|s| s.covers(flow))
    }

    /// How many unknown sources are told apart at present.
    pub fn unknown_sources(&self) -> usize {
        self.unknown.datagrams.sources() + self.unknown.streams.sources()
    }

    fn resolve(&self, flow: &Flow, registrar: &Registrar, user: Option<&str>) -> PeerId {
        // A proof beats every address.
        if let Some(trunk) = self.certified(flow) {
            return PeerId::Trunk(trunk.clone());
        }
        let user = user.map(SeatId::from);
        let trunk = self.known_at(flow).find_map(|p| Some((p.trunk.as_ref()?, p.source.narrowness())));
        let width = narrowness_of(flow);
        if let Some(user) = &user {
            let registered = registrar.seats_on(flow).find(|seat| *seat == user).map(|seat| (seat, width));
            let fixed = || {
                self.known_at(flow).find_map(|p| {
                    let seat = p.by_name.get(user).and_then(|i| p.seats.get(*i))?;
                    Some((seat, p.source.narrowness()))
                })
            };
            if let Some((seat, narrowness)) = registered.or_else(fixed)
                && trunk.is_none_or(|(_, of_trunk)| of_trunk < narrowness)
            {
                return PeerId::Seat(seat.clone());
            }
        }
        if let Some((trunk, _)) = trunk {
            return PeerId::Trunk(trunk.clone());
        }
        let fixed = self.known_at(flow).flat_map(|p| &p.seats);
        let mut seats = registrar.seats_on(flow).chain(fixed);
        match seats.next() {
            Some(only) if seats.all(|other| other == only) => PeerId::Seat(only.clone()),
            _ => PeerId::Unknown,
        }
    }

    /// The trunk whose certificate the peer of a connection has shown. A name of ours stands for the DNS name and for
    /// the SIP URI of that domain (RFC 5922 section 7.1).
    fn certified(&self, flow: &Flow) -> Option<&TrunkId> {
        self.certified_by(self.certificates.names(flow), flow)
    }

    fn certified_by(&self, shown: &[String], flow: &Flow) -> Option<&TrunkId> {
        let is_shown =
            |name: &String| shown.iter().any(|s| s == name || s.strip_prefix("sip:") == Some(name));
        let certified = self.certified.iter().filter(|_| !shown.is_empty()).find(|c| {
            let from_there = c.sources.is_empty() || c.sources.iter().any(|source| source.covers(flow));
            from_there && c.names.iter().any(is_shown)
        });
        certified.map(|c| &c.trunk)
    }

    /// What is known of the sources that cover a flow, the narrowest first.
    fn known_at<'a>(&'a self, flow: &'a Flow) -> impl Iterator<Item = &'a KnownSource> {
        let single = self.single.get(&flow.remote.ip().to_canonical());
        single.into_iter().flatten().chain(&self.blocks).filter(|p| p.source.covers(flow))
    }

    fn entry(&mut self, source: PeerSource) -> &mut KnownSource {
        let entries = match source.single() {
            Some(address) => self.single.entry(address).or_default(),
            None => &mut self.blocks,
        };
        let i = entries.iter().position(|p| p.source == source).unwrap_or_else(|| {
            let i = entries.partition_point(|p| p.source.narrowness() >= source.narrowness());
            let (seats, by_name) = (Vec::new(), HashMap::new());
            entries.insert(i, KnownSource { source, trunk: None, seats, by_name });
            i
        });
        &mut entries[i]
    }
}
