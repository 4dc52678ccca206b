//! What the configuration says, in the words of SIP. The configuration lies below and knows nothing of SIP's types.

use super::access::PeerSource;
use super::digest::Algorithm;
use super::locate::{LocalTransport, TargetAddress};
use super::{Advertised, Transport};
use crate::config;

impl From<config::Transport> for Transport {
    fn from(t: config::Transport) -> Transport {
        match t {
            config::Transport::Udp => Transport::Udp,
            config::Transport::Tcp => Transport::Tcp,
            config::Transport::Tls => Transport::Tls,
            config::Transport::Ws => Transport::Ws,
            config::Transport::Wss => Transport::Wss,
        }
    }
}

impl From<&config::Advertised> for Advertised {
    fn from(a: &config::Advertised) -> Advertised {
        Advertised { host: a.host.clone(), port: a.port }
    }
}

impl From<config::Algorithm> for Algorithm {
    fn from(a: config::Algorithm) -> Algorithm {
        match a {
            config::Algorithm::Sha256 => Algorithm::Sha256,
            config::Algorithm::Md5 => Algorithm::Md5,
        }
    }
}

impl From<config::TrunkSource> for PeerSource {
    fn from(s: config::TrunkSource) -> PeerSource {
        PeerSource { prefix: s.net, transport: s.transport.map(Transport::from), port: s.port }
    }
}

impl From<&config::TrunkTarget> for TargetAddress {
    fn from(t: &config::TrunkTarget) -> TargetAddress {
        TargetAddress { host: t.host.clone(), port: t.port, transport: t.transport.map(Transport::from) }
    }
}

impl From<&config::Listen> for LocalTransport {
    fn from(l: &config::Listen) -> LocalTransport {
        LocalTransport { transport: l.transport.into(), local: l.address }
    }
}
