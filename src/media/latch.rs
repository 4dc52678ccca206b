//! Whose media a leg takes: the address its peer really sends from, learned once and then held to.
//!
//! Peers behind address translation send from elsewhere than their SDP says, so the source is learned
//! from the packets; but a stranger must not be able to put himself in. Each description from the peer
//! opens the learning once. The address of the description is taken first; another port at its IP next;
//! another IP only if the described one is private (it cannot be reached from outside, so it may be
//! translated) and nothing came from it. Once learned, everything else is refused.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Packets from a source other than the described one before it is held to: half a second of audio, in which
/// the described address may still come and take its place.
const PATIENCE: u16 = 25;
/// As [`PATIENCE`], for the former source after the description has moved: its old stream may run on for a while
/// beside the new one, which must still be heard when it begins. Five seconds of audio.
const PATIENCE_AFTER_MOVE: u16 = 250;

/// How well a source fits the description. Later is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It was the source before the description changed, and would not be accepted anew.
    Former,
    /// Another IP, while the described one is private.
    Translated,
    /// The described IP, another port.
    Host,
    /// Exactly the described address.
    Exact,
}

/// What a leg knows of its peer's media address.
#[derive(Debug, Clone, Copy, Default)]
pub enum Latch {
    /// No description yet: nobody is heard.
    #[default]
    Deaf,
    /// Described, and the source not certain yet.
    Learning(Learning),
    /// The source is certain.
    Held {
        /// What the description said.
        described: SocketAddr,
        /// The one source heard.
        source: SocketAddr,
    },
}

/// A source being learned.
#[derive(Debug, Clone, Copy)]
pub struct Learning {
    described: SocketAddr,
    best: Option<Candidate>,
    /// Where to send meanwhile.
    target: Option<SocketAddr>,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    source: SocketAddr,
    fit: Fit,
    age: Age,
    /// Packets still to come from it before it is held to.
    patience: u16,
}

/// Since when a candidate is the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    /// Since before the present description; not heard since.
    Waiting,
    /// Since before the present description, and heard since.
    Former,
    /// Learned under the present description.
    Fresh,
}

/// What a new description means for the leg's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Described {
    /// The source stays certain.
    Held,
    /// The source is learned anew: the socket must hear everyone again.
    Relearn,
}

/// Whether a packet is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not from our peer.
    Refused,
    /// From our peer.
    Accepted,
    /// From our peer, and from here on nobody else is heard: the socket may be connected to it.
    Held(SocketAddr),
}

impl Latch {
    /// Takes a new description of the peer's RTP address.
    pub fn describe(&mut self, described: SocketAddr) -> Described {
        let (before, source) = match *self {
            Latch::Deaf => (None, None),
            Latch::Learning(l) => (Some(l.described), l.best.map(|c| c.source)),
            Latch::Held { described, source } => (Some(described), Some(source)),
        };
        let moved = before != Some(described);
        if !moved && source == Some(described) && matches!(self, Latch::Held { .. }) {
            return Described::Held;
        }
        let translated = source.zip(before).is_some_and(|(s, d)| s.ip() != d.ip());
        let stay = source.is_some() && (!moved || translated && is_private(described.ip()));
        let target = if stay { source } else { Some(described) };
        let best = source.map(|source| Candidate {
            source,
            fit: fit(described, source).unwrap_or(Fit::Former),
            age: Age::Waiting,
            patience: if moved { PATIENCE_AFTER_MOVE } else { PATIENCE },
        });
        *self = Latch::Learning(Learning { described, best, target: target.filter(is_reachable) });
        Described::Relearn
    }

    /// Judges the source of a packet that is RTP, and learns from it.
    pub fn hear(&mut self, from: SocketAddr) -> Verdict {
        let verdict = match self {
            Latch::Deaf => Verdict::Refused,
            Latch::Held { source, .. } if *source == from => Verdict::Accepted,
            Latch::Held { .. } => Verdict::Refused,
            Latch::Learning(learning) => learning.hear(from),
        };
        if let (Verdict::Held(source), Latch::Learning(learning)) = (verdict, *self) {
            *self = Latch::Held { described: learning.described, source };
        }
        verdict
    }

    /// Where to send, `None` before a description and while the peer is described as unreachable (`0.0.0.0`, port 0).
    pub fn target(&self) -> Option<SocketAddr> {
        match self {
            Latch::Deaf => None,
            Latch::Learning(learning) => learning.target,
            Latch::Held { source, .. } => Some(*source),
        }
    }

    /// Whether `ip` may send reports (RTCP) to this leg: that of the source, or of the description before one is known.
    pub fn knows(&self, ip: IpAddr) -> bool {
        match self {
            Latch::Deaf => false,
            Latch::Learning(l) => l.described.ip() == ip || l.best.is_some_and(|c| c.source.ip() == ip),
            Latch::Held { source, .. } => source.ip() == ip,
        }
    }
}

impl Learning {
    fn hear(&mut self, from: SocketAddr) -> Verdict {
        if let Some(best) = &mut self.best
            && best.source == from
        {
            best.patience = best.patience.saturating_sub(1);
            if best.age == Age::Waiting {
                best.age = Age::Former;
            }
            let certain = best.fit == Fit::Exact || best.fit > Fit::Former && best.patience == 0;
            return if certain { Verdict::Held(from) } else { Verdict::Accepted };
        }
        let Some(fit) = fit(self.described, from) else { return Verdict::Refused };
        let better = self.best.is_none_or(|best| match best.age {
            Age::Waiting => true,
            Age::Former => fit >= best.fit,
            Age::Fresh => fit > best.fit,
        });
        if !better {
            return Verdict::Refused;
        }
        self.best = Some(Candidate { source: from, fit, age: Age::Fresh, patience: PATIENCE });
        self.target = Some(from);
        if fit == Fit::Exact { Verdict::Held(from) } else { Verdict::Accepted }
    }
}

fn fit(described: SocketAddr, source: SocketAddr) -> Option<Fit> {
    if source == described {
        Some(Fit::Exact)
    } else if source.ip() == described.ip() {
        Some(Fit::Host)
    } else if is_private(described.ip()) {
        Some(Fit::Translated)
    } else {
        None
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
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn described(text: &str) -> Latch {
        let mut latch = Latch::default();
        latch.describe(at(text));
        latch
    }

    #[test]
    fn nobody_is_heard_before_a_description() {
        assert_eq!(Latch::default().hear(at("192.0.2.1:4000")), Verdict::Refused);
        assert_eq!(Latch::default().target(), None);
    }

    #[test]
    fn the_described_address_is_held_at_its_first_packet() {
        let mut latch = described("192.0.2.1:4000");
        assert_eq!(latch.target(), Some(at("192.0.2.1:4000")));
        assert_eq!(latch.hear(at("192.0.2.1:4000")), Verdict::Held(at("192.0.2.1:4000")));
        assert_eq!(latch.hear(at("192.0.2.1:4002")), Verdict::Refused);
        assert_eq!(latch.hear(at("192.0.2.1:4000")), Verdict::Accepted);
    }

    #[test]
    fn another_port_of_the_host_is_learned_and_answered() {
        let mut latch = described("192.0.2.1:4000");
        assert_eq!(latch.hear(at("192.0.2.1:5000")), Verdict::Accepted);
        assert_eq!(latch.target(), Some(at("192.0.2.1:5000")));
        assert_eq!(latch.hear(at("192.0.2.1:6000")), Verdict::Refused);
        for _ in 2..PATIENCE {
            assert_eq!(latch.hear(at("192.0.2.1:5000")), Verdict::Accepted);
        }
        latch.hear(at("192.0.2.1:5000"));
        assert_eq!(latch.hear(at("192.0.2.1:5000")), Verdict::Held(at("192.0.2.1:5000")));
        assert_eq!(latch.hear(at("192.0.2.1:4000")), Verdict::Refused);
    }

    #[test]
    fn the_described_address_takes_over_from_a_stray_that_came_first() {
        let mut latch = described("192.0.2.1:4000");
        latch.hear(at("192.0.2.1:5000"));
        assert_eq!(latch.hear(at("192.0.2.1:4000")), Verdict::Held(at("192.0.2.1:4000")));
        assert_eq!(latch.hear(at("192.0.2.1:5000")), Verdict::Refused);
    }

    #[test]
    fn another_ip_is_refused_when_the_described_one_is_public() {
        let mut latch = described("192.0.2.1:4000");
        assert_eq!(latch.hear(at("198.51.100.7:4000")), Verdict::Refused);
    }

    #[test]
    fn another_ip_is_learned_when_the_described_one_is_private_and_silent() {
        let mut latch = described("192.168.1.5:4000");
        assert_eq!(latch.hear(at("198.51.100.7:9000")), Verdict::Accepted);
        assert_eq!(latch.target(), Some(at("198.51.100.7:9000")));
        assert_eq!(latch.hear(at("203.0.113.9:9000")), Verdict::Refused);
        let mut latch = described("192.168.1.5:4000");
        latch.hear(at("192.168.1.5:4002"));
        assert_eq!(latch.hear(at("198.51.100.7:9000")), Verdict::Refused);
    }

    #[test]
    fn a_new_description_allows_one_new_source() {
        let mut latch = described("192.0.2.1:4000");
        latch.hear(at("192.0.2.1:4000"));
        assert_eq!(latch.describe(at("192.0.2.2:4000")), Described::Relearn);
        assert_eq!(latch.target(), Some(at("192.0.2.2:4000")));
        assert_eq!(
            latch.hear(at("192.0.2.1:4000")),
            Verdict::Accepted,
            "its last packets are still on the way"
        );
        assert_eq!(latch.hear(at("203.0.113.9:4000")), Verdict::Refused);
        assert_eq!(latch.hear(at("192.0.2.2:4000")), Verdict::Held(at("192.0.2.2:4000")));
        assert_eq!(latch.hear(at("192.0.2.1:4000")), Verdict::Refused);
    }

    #[test]
    fn the_same_description_again_changes_nothing_for_its_own_address() {
        let mut latch = described("192.0.2.1:4000");
        latch.hear(at("192.0.2.1:4000"));
        assert_eq!(latch.describe(at("192.0.2.1:4000")), Described::Held);
        assert_eq!(latch.hear(at("192.0.2.1:4002")), Verdict::Refused);
    }

    #[test]
    fn a_translated_peer_keeps_its_path_over_a_new_private_description() {
        let mut latch = described("10.0.0.5:4000");
        for _ in 0..=PATIENCE {
            latch.hear(at("198.51.100.7:9000"));
        }
        assert!(matches!(latch, Latch::Held { .. }));
        latch.describe(at("10.0.0.5:4010"));
        assert_eq!(latch.target(), Some(at("198.51.100.7:9000")));
        assert_eq!(latch.hear(at("198.51.100.7:9010")), Verdict::Accepted);
        assert_eq!(latch.target(), Some(at("198.51.100.7:9010")));
    }

    #[test]
    fn a_former_source_that_goes_on_is_held_again() {
        let mut latch = described("192.0.2.1:4000");
        for _ in 0..=PATIENCE {
            latch.hear(at("192.0.2.1:5000"));
        }
        latch.describe(at("192.0.2.1:4000"));
        let held =
            (0..PATIENCE).map(|_| latch.hear(at("192.0.2.1:5000"))).filter(|v| matches!(v, Verdict::Held(_)));
        assert_eq!(held.count(), 1);
        assert_eq!(latch.hear(at("192.0.2.1:4000")), Verdict::Refused);
    }

    #[test]
    fn nothing_is_sent_to_an_address_that_means_hold() {
        let mut latch = described("0.0.0.0:4000");
        assert_eq!(latch.target(), None);
        latch.describe(at("192.0.2.1:0"));
        assert_eq!(latch.target(), None);
    }
}
