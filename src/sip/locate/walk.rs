//! One walk through what is known, from a place to its hops.

use super::cache::{Cache, Known, Use};
use super::place::{Hop, LocalTransport, ServiceName, TargetAddress, VIAS, default_port};
use super::share::{Located, Share, drawn};
use super::{Kind, Query, Record};
use crate::id::Random;
use crate::sip::Transport;
use crate::time::Mono;

/// Most hops of one place: a client that tries them all one after the other is busy for minutes.
pub const HOPS: usize = 16;

/// Most services of one domain that are followed.
const SERVICES: usize = 4;

/// A walk at its end: the hops, or what is missing to find them.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    cache: &'a Cache,
    reach: &'a [LocalTransport],
    now: Mono,
    wanted: Use,
    pub hops: Vec<Located>,
    pub missing: Vec<Query>,
    /// When the first of what was used ends.
    pub until: Option<Mono>,
    /// Until when all of what was used may stand in.
    pub stands_in: Option<Mono>,
    /// Questions no server would answer were passed over.
    pub has_gaps: bool,
    /// Of what is being looked up.
    share: Share,
}

impl<'a> Walk<'a> {
    /// RFC 3263 section 4.
    pub(super) fn through(
        cache: &'a Cache,
        reach: &'a [LocalTransport],
        now: Mono,
        wanted: Use,
        place: &TargetAddress,
        random: &mut Random,
    ) -> Walk<'a> {
        let mut walk = Walk {
            cache,
            reach,
            now,
            wanted,
            hops: Vec::new(),
            missing: Vec::new(),
            until: None,
            stands_in: None,
            has_gaps: false,
            share: Share::default(),
        };
        let transport = place.transport.unwrap_or(Transport::Udp);
        let port = place.port.unwrap_or(default_port(transport));
        if let Some(address) = place.literal() {
            walk.add(transport, std::net::SocketAddr::new(address, port));
        } else if place.port.is_some() {
            walk.addresses(transport, &place.host, port);
        } else if let Some(via) = VIAS.iter().find(|v| Some(v.transport) == place.transport) {
            if !walk.service(*via, &format!("{}{}", via.prefix, place.host), random) {
                walk.addresses(transport, &place.host, port);
            }
        } else if place.transport.is_some() {
            walk.addresses(transport, &place.host, port);
        } else {
            walk.domain(&place.host, random);
        }
        walk.hops.truncate(HOPS);
        walk
    }

    /// Neither transport nor port are written: the domain says which (section 4.1).
    fn domain(&mut self, host: &str, random: &mut Random) {
        let Some(records) = self.records(host, Kind::Naptr) else { return };
        let services = self.services(&records);
        let mut any = false;
        for (via, name) in services {
            any |= self.service(via, &name, random);
        }
        if any || !self.missing.is_empty() {
            return;
        }
        let reach = self.reach;
        for via in VIAS.iter().filter(|v| reach.iter().any(|r| r.transport == v.transport)) {
            if self.service(*via, &format!("{}{host}", via.prefix), random) || !self.missing.is_empty() {
                return;
            }
        }
        self.addresses(Transport::Udp, host, default_port(Transport::Udp));
    }

    /// The services we can speak, in the domain's order.
    fn services(&self, records: &[Record]) -> Vec<(ServiceName, String)> {
        let mut services: Vec<(u16, u16, ServiceName, String)> = Vec::new();
        for record in records {
            let Record::Naptr { order, preference, flags, service, regexp, replacement } = record else {
                continue;
            };
            let via = VIAS.iter().find(|v| v.service.eq_ignore_ascii_case(service));
            let Some(via) = via.filter(|v| self.reach.iter().any(|r| r.transport == v.transport)) else {
                continue;
            };
            if flags.eq_ignore_ascii_case("s") && regexp.is_empty() {
                services.push((*order, *preference, *via, plain(replacement)));
            }
        }
        services.sort_by_key(|(order, preference, ..)| (*order, *preference));
        services.into_iter().take(SERVICES).map(|(_, _, via, name)| (via, name)).collect()
    }

    /// The hosts of a service, in their order. Whether the service is there, or not yet known.
    fn service(&mut self, via: ServiceName, name: &str, random: &mut Random) -> bool {
        let Some(records) = self.records(name, Kind::Srv) else { return true };
        let servers = in_order(&records, random);
        let mut before = None;
        for (priority, weight, (target, port)) in &servers {
            // The hosts of another service come after all of this one.
            let rank = self.share.rank + u32::from(before.is_some_and(|before| before != *priority));
            before = Some(*priority);
            self.share = Share { rank, host: self.share.host + 1, weight: *weight };
            self.addresses(via.transport, target, *port);
        }
        self.share = Share { rank: self.share.rank + 1, host: self.share.host + 1, weight: 0 };
        !servers.is_empty() || records.iter().any(|r| matches!(r, Record::Srv { .. }))
    }

    fn addresses(&mut self, transport: Transport, host: &str, port: u16) {
        if let Ok(address) = host.parse() {
            return self.add(transport, std::net::SocketAddr::new(address, port));
        }
        for (kind, is_ipv4) in [(Kind::Aaaa, false), (Kind::A, true)] {
            let reachable = |r: &&LocalTransport| r.transport == transport && r.local.is_ipv4() == is_ipv4;
            if self.hops.len() > HOPS || self.reach.iter().find(reachable).is_none() {
                continue;
            }
            for record in self.records(host, kind).unwrap_or_default() {
                if let Record::Address(address) = record {
                    self.add(transport, std::net::SocketAddr::new(address, port));
                }
            }
        }
    }

    fn add(&mut self, transport: Transport, remote: std::net::SocketAddr) {
        let hop = Hop { transport, remote };
        let reachable = self.reach.iter().any(|r| r.serves(transport, remote.ip()));
        let is_new = self.hops.iter().all(|known| known.hop != hop);
        if reachable && remote.port() != 0 && !remote.ip().is_unspecified() && is_new {
            self.hops.push(Located { hop, share: self.share });
        }
    }

    fn records(&mut self, name: &str, kind: Kind) -> Option<Vec<Record>> {
        let query = Query { name: plain(name), kind };
        match self.cache.get(self.now, &query, self.wanted) {
            Some(Known::Records(records, until, at_most)) => {
                self.until = earlier(self.until, until);
                self.stands_in = earlier(self.stands_in, at_most);
                Some(records.to_vec())
            }
            Some(Known::Failed(until)) => {
                self.until = earlier(self.until, until);
                self.has_gaps = true;
                Some(Vec::new())
            }
            None => {
                if !self.missing.contains(&query) {
                    self.missing.push(query);
                }
                None
            }
        }
    }
}

fn earlier(one: Option<Mono>, other: Mono) -> Option<Mono> {
    Some(one.map_or(other, |one| one.min(other)))
}

/// Hosts and ports with their priorities and weights, in an order by lot.
fn in_order(records: &[Record], random: &mut Random) -> Vec<(u16, u16, (String, u16))> {
    let mut hosts = Vec::new();
    for record in records {
        if let Record::Srv { priority, weight, port, target } = record {
            hosts.push((*priority, *weight, (plain(target), *port)));
        }
    }
    hosts.retain(|(.., (target, _))| !target.is_empty());
    drawn(hosts, random)
}

/// A name as it is compared: in lower case, without its final dot.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}
