//! What holds between sections: names are unique, references lead somewhere, addresses do not collide.

use super::address::{Listen, Transport};
use super::grpc::Grpc;
use super::http::Http;
use super::media::Media;
use super::name::MAX_SEATS;
use super::problem::{Fault, Problems, Span, fault};
use super::queue::Queue;
use super::seat::Seat;
use super::service::Service;
use super::sip::Sip;
use super::table::suggestion;
use super::trunk::{Authenticate, Trunk, TrunkSource, TrunkTarget};
use super::{queue, seat, service, trunk};
use crate::id::SeatId;
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};

/// Where the addresses stand in the text.
pub(super) struct Places {
    pub listen: Vec<Span>,
    pub grpc: Span,
    pub http: Span,
    pub ports: Span,
}

/// Reports the second use of a name; `true` for the first.
pub(super) fn first<K: Eq + Hash + Clone>(
    seen: &mut HashMap<K, usize>,
    key: &K,
    at: &Span,
    what: &str,
    problems: &mut Problems<'_>,
) -> bool {
    let line = problems.line(at);
    match seen.get(key) {
        None => {
            seen.insert(key.clone(), line);
            true
        }
        Some(before) => {
            let what = format!("{what} is there already, on line {before}");
            problems.add(at, fault(what, "write another one here, or drop one of the two"));
            false
        }
    }
}

pub(super) fn addresses(
    sip: &Sip,
    media: &Media,
    grpc: &Grpc,
    http: &Http,
    places: &Places,
    problems: &mut Problems<'_>,
) {
    reachable(sip, places, problems);
    readable_on_the_way(grpc, http, places, problems);
    let mut taken: Vec<(Transport, SocketAddr, &str, usize)> = Vec::new();
    let listens =
        sip.listen.iter().zip(&places.listen).map(|(l, at)| (l.transport, l.address, "sip.listen", at));
    let rest = [
        (Transport::Tcp, grpc.listen, "grpc.listen", &places.grpc),
        (Transport::Tcp, http.listen, "http.listen", &places.http),
    ];
    for (transport, address, key, at) in listens.chain(rest) {
        // Every transport but UDP listens on a TCP port.
        let datagrams = transport == Transport::Udp;
        let before =
            taken.iter().find(|(t, a, ..)| (*t == Transport::Udp) == datagrams && collide(*a, address));
        if let Some((_, _, other, line)) = before {
            let what = format!("{key}: {transport}:{address} is taken by {other} on line {line}");
            problems.add(at, fault(what, "give one of them another port"));
        }
        taken.push((transport, address, key, problems.line(at)));
        let rtp = [IpAddr::from(media.address), media.address6.into()];
        let inside = media.ports.contains(&address.port()) && rtp.iter().any(|a| overlap(*a, address.ip()));
        if transport == Transport::Udp && inside {
            let what = format!("media.ports: the range holds port {} of {key}", address.port());
            problems
                .add(&places.ports, fault(what, "move one of them, so that RTP never takes the port of SIP"));
        }
    }
}

/// gRPC carries the API token and callers' numbers, HTTP the figures: neither is encrypted.
fn readable_on_the_way(grpc: &Grpc, http: &Http, places: &Places, problems: &mut Problems<'_>) {
    let beyond = |address: SocketAddr| !address.ip().to_canonical().is_loopback();
    if beyond(grpc.listen) && !grpc.allow_plaintext {
        let what =
            format!("grpc.listen: at {} the API token and callers' numbers go without TLS", grpc.listen);
        let cure = "listen at 127.0.0.1 behind a proxy that has TLS, or say with `allow_plaintext = true` in [grpc] that \
                    no other party reads that network";
        problems.warn(&places.grpc, fault(what, cure));
    }
    if beyond(http.listen) {
        let what =
            format!("http.listen: at {} every machine that reaches it may read the figures", http.listen);
        problems.warn(
            &places.http,
            fault(what, "listen at 127.0.0.1, or let a firewall admit the monitoring alone"),
        );
    }
}

/// The largest private networks are 10.0.0.0/8 and fc00::/7: a shorter prefix takes in the public Internet.
fn is_public(source: &TrunkSource) -> bool {
    source.net.length() < if source.net.address().is_ipv4() { 8 } else { 7 }
}

/// A listener on all addresses does not say which of them a peer should answer to; an address of the other family does
/// not, either.
fn reachable(sip: &Sip, places: &Places, problems: &mut Problems<'_>) {
    let advertised: Option<IpAddr> = sip.advertised.as_ref().and_then(|a| a.host.parse().ok());
    let named = |ip: IpAddr| advertised.is_some_and(|a| a.is_ipv4() == ip.is_ipv4());
    let unnamed = |ip: IpAddr| ip.is_unspecified() && !named(ip);
    let all = sip.listen.iter().zip(&places.listen).find(|(l, _)| unnamed(l.address.ip()));
    if let Some((listen, at)) = all {
        let what = format!("sip.listen: {listen} is on all addresses, and sip.advertised is not one of them");
        let (family, example) = family_of(listen.address.ip());
        let cure = match advertised {
            None => {
                let host = example.trim_matches(['[', ']']);
                format!(
                    "add `advertised = \"{host}\"` with the IP address peers reach this machine at, or listen there"
                )
            }
            Some(_) => format!(
                "listen at the address {family} peers reach this machine at, like \"{}:{example}:5060\"",
                listen.transport
            ),
        };
        problems.add(at, fault(what, cure));
    }
}

/// The name of an address's family, and an example of it.
fn family_of(ip: IpAddr) -> (&'static str, &'static str) {
    if ip.is_ipv4() { ("IPv4", "192.0.2.1") } else { ("IPv6", "[2001:db8::1]") }
}

fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && a.port() != 0 && overlap(a.ip(), b.ip())
}

fn overlap(a: IpAddr, b: IpAddr) -> bool {
    a == b || (a.is_ipv4() == b.is_ipv4() && (a.is_unspecified() || b.is_unspecified()))
}

pub(super) fn trunks(placed: Vec<trunk::Placed>, sip: &Sip, problems: &mut Problems<'_>) -> Vec<Trunk> {
    let (mut names, mut sources) = (HashMap::new(), HashMap::new());
    for p in &placed {
        first(&mut names, &p.trunk.name, &p.name_at, &format!("trunk `{}`", p.trunk.name), problems);
        for (source, at) in p.trunk.sources.iter().zip(&p.sources_at) {
            first(&mut sources, source, at, &format!("the source {source}"), problems);
            if is_public(source) && p.trunk.authenticate == Authenticate::Address {
                let what = format!(
                    "trunk.sources: from {source} any peer places calls over trunk `{}` without a password",
                    p.trunk.name
                );
                let cure = "name the addresses of the PBX or carrier, or add `authenticate = \"digest\"`";
                problems.warn(at, fault(what, cure));
            }
        }
        for target in p.trunk.targets.iter().chain(&p.trunk.register) {
            way_out(target, p, sip, problems);
        }
        if let Some(local) = p.trunk.local
            && !sip.listen.iter().any(|l| l.address.ip() == local)
        {
            let what = format!("trunk.local: nothing is listened on at {local}");
            problems.add(&p.local_at, fault(what, from_there("udp", local)));
        }
    }
    placed.into_iter().map(|p| p.trunk).collect()
}

/// What is written of a target decides its transport; we reach it only by one we listen on, where it answers to.
fn way_out(target: &TrunkTarget, placed: &trunk::Placed, sip: &Sip, problems: &mut Problems<'_>) {
    let plain = target.port.is_some() || target.host.parse::<IpAddr>().is_ok();
    let Some(transport) = target.transport.or(plain.then_some(Transport::Udp)) else { return };
    let ip = target.host.parse().ok();
    if let Some(fault) = no_way_to(target, transport, ip, sip) {
        return problems.add(&placed.name_at, fault);
    }
    // What is wrong with an address that is not listened on at all is said once.
    let Some(local) = placed.trunk.local else { return };
    let from: Vec<_> = sip.listen.iter().filter(|l| l.address.ip() == local).collect();
    let reaches = |l: &&Listen| ip.map_or(l.transport == transport, |ip| l.reaches(transport, ip));
    if !from.is_empty() && !from.into_iter().any(|l| reaches(&l)) {
        let what = format!("trunk.local: {target} goes by {transport}, and is not reached so from {local}");
        let cure = match ip.is_none_or(|ip: IpAddr| ip.is_ipv4() == local.is_ipv4()) {
            true => from_there(transport, local),
            false => "write an address of the family of its targets, or leave the key out".to_owned(),
        };
        problems.add(&placed.local_at, fault(what, cure));
    }
}

fn from_there(transport: impl Display, local: IpAddr) -> String {
    let listen = format!("{transport}:{}", SocketAddr::new(local, 5060));
    format!("add \"{listen}\" to sip.listen, or write an address that stands there")
}

/// What is wrong when nothing is listened on that reaches a peer by `transport`, at this address where it is known.
fn no_way_to(peer: impl Display, transport: Transport, ip: Option<IpAddr>, sip: &Sip) -> Option<Fault> {
    if !sip.listen.iter().any(|l| l.transport == transport) {
        let what = format!("{peer} goes by {transport}, which sip.listen does not have");
        return Some(fault(what, format!("add \"{transport}:0.0.0.0:5060\" to sip.listen")));
    }
    let ip = ip.filter(|ip| !sip.listen.iter().any(|l| l.reaches(transport, *ip)))?;
    let (family, example) = family_of(ip);
    let what = format!("{peer} is reached by {family} and {transport}, which sip.listen does not have");
    let cure = format!("add a listening point with an {family} address, like \"{transport}:{example}:5060\"");
    Some(fault(what, cure))
}

pub(super) fn seats(placed: Vec<seat::Placed>, sip: &Sip, problems: &mut Problems<'_>) -> Vec<Seat> {
    let (mut names, mut contacts) = (HashMap::new(), HashMap::new());
    let mut all = Vec::new();
    for p in placed {
        // One report for an entry is enough: a range that overlaps would give one for each of its seats.
        let mut sound = true;
        for seat in &p.seats {
            sound = sound && first(&mut names, &seat.id, &p.at, &format!("seat `{}`", seat.id), problems);
            let Some(contact) = &seat.contact else { continue };
            sound = sound
                && first(
                    &mut contacts,
                    &contact.uri,
                    &p.at,
                    &format!("the contact {}", contact.uri),
                    problems,
                );
            let no_way = no_way_to(&contact.uri, contact.transport, Some(contact.address.ip()), sip);
            if sound && let Some(fault) = no_way {
                sound = false;
                problems.add(&p.at, fault);
            }
        }
        all.extend(p.seats);
        if all.len() > MAX_SEATS {
            let what = format!("there are more than {MAX_SEATS} seats up to here");
            problems.add(&p.at, fault(what, "write fewer seats"));
            break;
        }
    }
    all
}

pub(super) fn queues(
    placed: Vec<queue::Placed>,
    seats: &[Seat],
    whole: bool,
    problems: &mut Problems<'_>,
) -> Vec<Queue> {
    let known: HashSet<&SeatId> = seats.iter().map(|s| &s.id).collect();
    let (mut names, mut codes) = (HashMap::new(), HashMap::new());
    let mut all = Vec::new();
    for mut p in placed {
        first(&mut names, &p.queue.name, &p.at, &format!("queue `{}`", p.queue.name), problems);
        if let Some(code) = &p.queue.code {
            first(&mut codes, code, &p.at, &format!("the queue code `{code}`"), problems);
        }
        let Some(named) = p.named else {
            p.queue.seats = seats.iter().map(|s| s.id.clone()).collect();
            all.push(p.queue);
            continue;
        };
        let mut own = HashMap::new();
        let mut reported = None;
        for (id, at) in named {
            if reported.as_ref() == Some(&at) {
                continue;
            }
            let sound = if known.contains(&id) {
                first(&mut own, &id, &at, &format!("seat `{id}` of queue `{}`", p.queue.name), problems)
            } else {
                if whole {
                    let cure = suggestion(id.as_str(), seats.iter().map(|s| s.id.as_str()));
                    problems.add(&at, fault(format!("queue.seats: there is no seat `{id}`"), cure));
                }
                false
            };
            if sound {
                p.queue.seats.push(id);
            } else {
                reported = Some(at);
            }
        }
        all.push(p.queue);
    }
    all
}

pub(super) fn services(
    placed: Vec<service::Placed>,
    queues: &[Queue],
    whole: bool,
    problems: &mut Problems<'_>,
) -> Vec<Service> {
    let mut numbers = HashMap::new();
    for p in &placed {
        let number = &p.service.number;
        first(&mut numbers, number, &p.number_at, &format!("service number `{number}`"), problems);
        if whole && !queues.iter().any(|q| q.name == p.service.queue) {
            let what = format!("service.queue: there is no queue `{}`", p.service.queue);
            let cure = suggestion(p.service.queue.as_str(), queues.iter().map(|q| q.name.as_str()));
            problems.add(&p.queue_at, fault(what, cure));
        }
    }
    placed.into_iter().map(|p| p.service).collect()
}
