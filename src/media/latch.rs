//! Whose media a leg takes: the address its peer really sends from, learned by time and proof and then held to.
//!
//! A peer behind address translation sends from elsewhere than its description says, so the source is learned from the
//! packets. Whatever address has no proof is refused from the first packet to the last. Proof is to be the address of the
//! description (a packet from exactly there ends the learning), the address the leg's signalling comes from, or one that
//! the configuration lists for the trunk. How many packets come counts for nothing: who is allowed but not described must
//! go on while the described one stays silent. Each description of the peer opens the learning once.

use crate::config::Prefix;
use crate::time::{Duration, Mono};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// How long a better source must be silent before another one takes its place: 25 packets of 20 ms. A sender's start and a
/// short loss are shorter, and no listener misses half a second of the way back.
const PATIENCE: Duration = Duration::from_millis(500);
/// From the first packet on: in this time the described address takes the leg back from any other. It is also how long the
/// former source may run on beside a new description.
const OPEN: Duration = Duration::from_secs(5);

/// How a leg learns where its peer sends from (RFC 7362): the sources allowed beside the described one, and where the leg sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latching {
    /// Where the leg's signalling comes from.
    pub signalled: IpAddr,
    /// What the configuration lists for the trunk.
    pub listed: Arc<[Prefix]>,
    /// Where the leg sends.
    pub towards: Towards,
}

/// Where a leg sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Towards {
    /// Where the peer's packets come from (RFC 4961).
    Source,
    /// Where the description says, whatever comes from elsewhere.
    Description,
}

/// What a leg knows of its peer's media address.
#[derive(Debug, Clone, Default)]
pub struct Latch(Known);

/// Whether the peer has described itself.
#[derive(Debug, Clone, Default)]
enum Known {
    /// Not yet: no source is heard.
    #[default]
    Nothing,
    /// Not yet, but another process learned its source: no source is heard until the description comes again.
    Former(Box<Latched>),
    /// As its description says.
    Described(Box<Peer>),
}

/// The source of a leg's media, for the process that goes on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latched {
    /// The one source heard.
    Held(SocketAddr),
    /// The likeliest of a leg that learns.
    Likely(SocketAddr),
}

#[derive(Debug, Clone)]
struct Peer {
    /// The last description that can be reached: what its source is learned by.
    described: SocketAddr,
    /// The description as it stands.
    said: SocketAddr,
    latching: Latching,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// The source is not certain yet.
    Learning(Box<Learning>),
    /// The one source heard.
    Held(SocketAddr),
}

/// How well a source fits the description, the later the better. Exactly the described address is none of these: it is
/// held to at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// The source before this description.
    Former,
    /// Another address: the signalling's, or a listed one.
    Other,
    /// The described address, another port.
    Host,
}

/// A source being learned.
#[derive(Debug, Clone, Default)]
struct Learning {
    /// The latching that are heard, one for each [`Fit`].
    heard: [Option<Candidate>; 3],
    /// The one that is sent to and heard alone, unless a better one comes or it falls silent.
    taken: Option<Fit>,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    source: SocketAddr,
    first: Mono,
    last: Mono,
}

impl Candidate {
    fn new(source: SocketAddr, now: Mono) -> Candidate {
        Candidate { source, first: now, last: now }
    }
}

/// What a new description means for the leg's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Described {
    /// Nothing new: the source stays as certain as it was.
    AsBefore,
    /// The source is learned anew: the socket must hear every address again.
    Relearn,
    /// The source is the one that another process held to: the socket may be connected to it.
    Held(SocketAddr),
}

/// Whether a packet is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceVerdict {
    /// Not from our peer.
    Refused,
    /// From our peer.
    Accepted,
    /// From our peer, and from here on no other source is heard: the socket may be connected to it.
    Held(SocketAddr),
}

impl Latch {
    /// Takes a new description of the peer's RTP address. One that cannot be reached (hold by `0.0.0.0`) changes no source.
    pub fn describe(&mut self, now: Mono, said: SocketAddr, latching: Latching) -> Described {
        let peer = match &mut self.0 {
            Known::Described(peer) => peer,
            Known::Nothing => return self.first(said, latching, State::Learning(Box::default())),
            Known::Former(latched) => {
                let state = match **latched {
                    Latched::Held(source) => State::Held(source),
                    Latched::Likely(source) => State::Learning(Box::new(Learning::of_former(now, source))),
                };
                return self.first(said, latching, state);
            }
        };
        let described = if is_reachable(&said) { said } else { peer.described };
        let moved = peer.described != described || peer.latching.signalled != latching.signalled;
        let source = peer.state.source();
        (peer.described, peer.said, peer.latching) = (described, said, latching);
        if !moved && (matches!(peer.state, State::Learning(_)) || source == Some(described)) {
            return Described::AsBefore;
        }
        let mut learning = source.map_or(Learning::default(), |source| Learning::of_former(now, source));
        learning.taken = learning.taken.filter(|_| !moved);
        peer.state = State::Learning(Box::new(learning));
        Described::Relearn
    }

    fn first(&mut self, said: SocketAddr, latching: Latching, state: State) -> Described {
        let described = match &state {
            State::Held(source) => Described::Held(*source),
            State::Learning(_) => Described::Relearn,
        };
        self.0 = Known::Described(Box::new(Peer { described: said, said, latching, state }));
        described
    }

    /// What another process learned. Counts from the first description on.
    pub fn resumed(latched: Latched) -> Latch {
        Latch(Known::Former(Box::new(latched)))
    }

    /// What is learned so far, as [`Latch::resumed`] takes it.
    pub fn latched(&self) -> Option<Latched> {
        match &self.0 {
            Known::Nothing => None,
            Known::Former(latched) => Some(**latched),
            Known::Described(peer) => match &peer.state {
                State::Held(source) => Some(Latched::Held(*source)),
                State::Learning(_) => peer.state.source().map(Latched::Likely),
            },
        }
    }

    fn peer(&self) -> Option<&Peer> {
        match &self.0 {
            Known::Described(peer) => Some(peer),
            Known::Nothing | Known::Former(_) => None,
        }
    }

    /// Judges the source of a packet that is RTP, and learns from it.
    pub fn hear(&mut self, now: Mono, from: SocketAddr) -> SourceVerdict {
        let Known::Described(peer) = &mut self.0 else { return SourceVerdict::Refused };
        let verdict = match &mut peer.state {
            State::Held(source) if *source == from => SourceVerdict::Accepted,
            State::Held(_) => SourceVerdict::Refused,
            State::Learning(_) if from == peer.described => SourceVerdict::Held(from),
            State::Learning(learning) => learning.hear(now, from, &peer.described, &peer.latching),
        };
        if let SourceVerdict::Held(source) = verdict {
            peer.state = State::Held(source);
        }
        verdict
    }

    /// Where to send, `None` before a description and while the peer is described as unreachable (`0.0.0.0`, port 0).
    pub fn target(&self) -> Option<SocketAddr> {
        let Peer { described, said, latching, state } = self.peer()?;
        if !is_reachable(said) {
            return None;
        }
        let learned = match (latching.towards, state) {
            (Towards::Description, _) => None,
            (Towards::Source, State::Held(source)) => Some(*source),
            (Towards::Source, State::Learning(learning)) => learning.target(described, latching),
        };
        learned.or(Some(*described))
    }

    /// Whether `ip` may send reports (RTCP) to this leg: that of the source, or of the description before one is known.
    pub fn knows(&self, ip: IpAddr) -> bool {
        self.peer().is_some_and(|peer| match &peer.state {
            State::Held(source) => source.ip() == ip,
            State::Learning(learning) => {
                peer.described.ip() == ip || learning.heard.iter().flatten().any(|c| c.source.ip() == ip)
            }
        })
    }
}

impl State {
    /// The source, or the likeliest.
    fn source(&self) -> Option<SocketAddr> {
        match self {
            State::Held(source) => Some(*source),
            State::Learning(learning) => {
                let taken = learning.taken.and_then(|fit| learning.at(fit));
                taken.or(learning.heard.iter().rev().flatten().next()).map(|c| c.source)
            }
        }
    }
}

impl Learning {
    /// Learning that begins with a source that is taken unless it falls silent.
    fn of_former(now: Mono, source: SocketAddr) -> Learning {
        let mut learning = Learning::default();
        learning.heard[Fit::Former as usize] = Some(Candidate::new(source, now));
        learning.taken = Some(Fit::Former);
        learning
    }

    fn at(&self, fit: Fit) -> Option<&Candidate> {
        self.heard[fit as usize].as_ref()
    }

    fn is_live(&self, now: Mono, fit: Fit) -> bool {
        self.at(fit).is_some_and(|candidate| now.since(candidate.last) < PATIENCE)
    }

    fn hear(
        &mut self,
        now: Mono,
        from: SocketAddr,
        described: &SocketAddr,
        latching: &Latching,
    ) -> SourceVerdict {
        let proof = latching.fit(described, from);
        let is_former = self.at(Fit::Former).is_some_and(|former| former.source == from);
        let Some(fit) = is_former.then_some(Fit::Former).or(proof) else { return SourceVerdict::Refused };
        if self.taken.is_some_and(|taken| self.shuts_out(now, taken, fit)) {
            return SourceVerdict::Refused;
        }
        let Some(candidate) = self.note(now, fit, from) else { return SourceVerdict::Refused };
        let heard_for = now.since(candidate.first);
        if is_former && proof.is_none() {
            // Its last packets are on the way; without a proof it is heard no longer than that.
            return if heard_for < OPEN { SourceVerdict::Accepted } else { SourceVerdict::Refused };
        }
        let of_private = is_private(described.ip());
        let is_proven = match fit {
            // The description moved and came to nothing: the old stream goes on.
            Fit::Former => heard_for >= OPEN,
            Fit::Host => heard_for >= PATIENCE || of_private && from.ip() == latching.signalled,
            Fit::Other => !self.is_live(now, Fit::Host) && (heard_for >= PATIENCE || of_private),
        };
        if is_proven {
            self.taken = Some(fit);
        }
        if self.taken == Some(fit) && heard_for >= OPEN {
            SourceVerdict::Held(from)
        } else {
            SourceVerdict::Accepted
        }
    }

    /// Whether a source is not heard beside the one that is taken.
    fn shuts_out(&self, now: Mono, taken: Fit, fit: Fit) -> bool {
        let is_better = fit > taken && taken != Fit::Former;
        fit != taken && !is_better && self.is_live(now, taken)
    }

    /// Notes a packet. `None` while another source of that fit is heard: the first one keeps its place until it is silent.
    fn note(&mut self, now: Mono, fit: Fit, from: SocketAddr) -> Option<Candidate> {
        let is_live = self.is_live(now, fit);
        let place = &mut self.heard[fit as usize];
        match place {
            Some(candidate) if candidate.source == from => {
                // A burst and a word five seconds later are no stream: what is taken is held to when it goes on.
                if self.taken == Some(fit) && !is_live {
                    candidate.first = now;
                }
                candidate.last = now;
            }
            Some(_) if is_live => return None,
            _ => {
                *place = Some(Candidate::new(from, now));
                self.taken = self.taken.filter(|taken| *taken != fit);
            }
        }
        *place
    }

    /// Where to send before the source is certain; `None`: where the description says.
    fn target(&self, described: &SocketAddr, latching: &Latching) -> Option<SocketAddr> {
        // Behind a translated address the described one leads nowhere: the former way is kept until a better one is known.
        let kept = || {
            let former = self.at(Fit::Former).map(|c| c.source)?;
            let is_translated =
                is_private(described.ip()) && latching.fit(described, former) == Some(Fit::Other);
            is_translated.then_some(former)
        };
        let taken = self.taken.and_then(|taken| self.at(taken));
        taken.or(self.at(Fit::Host)).map(|c| c.source).or_else(kept)
    }
}

impl Latching {
    /// How well a source other than the described one fits; `None`: it has no proof.
    fn fit(&self, described: &SocketAddr, from: SocketAddr) -> Option<Fit> {
        let ip = from.ip();
        if ip == described.ip() {
            Some(Fit::Host)
        } else if ip == self.signalled || self.listed.iter().any(|prefix| prefix.contains(ip)) {
            Some(Fit::Other)
        } else {
            None
        }
    }
}

fn is_reachable(address: &SocketAddr) -> bool {
    address.port() != 0 && !address.ip().is_unspecified()
}

/// Whether an address has no meaning outside its own network: RFC 1918, RFC 6598, link-local, loopback, RFC 4193.
pub fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6 == Ipv6Addr::LOCALHOST || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
#[path = "latch_tests.rs"]
mod tests;
