//! How many descriptors (files and sockets) a configuration can use, and what becomes of it where there are fewer.

use super::{Config, Transport};
use std::fmt;

/// Beside calls and connections: listeners, event loops, the store with its readers (three files each), DNS, the log.
const FIXED: u64 = 64;
/// Connections of one stream listener of SIP that are accepted and not judged yet, see `io::stream`.
const UNJUDGED: u64 = 64;
/// A bridged call holds RTP and RTCP on both its legs.
pub const PER_CALL: u64 = 4;

/// There are fewer descriptors than a configuration can use: what fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// Descriptors the configuration can use.
    pub needed: u64,
    /// Descriptors there are.
    pub limit: u64,
    /// Calls that fit.
    pub calls: u32,
    /// Connections that fit, of SIP, HTTP and gRPC together.
    pub connections: u32,
    /// Calls the configuration has room for.
    pub wanted: u32,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shortage { needed, limit, calls, connections, wanted } = self;
        write!(
            f,
            "{needed} files and sockets can be in use with limits.calls = {wanted}, and {limit} may be open: {calls} calls and \
             {connections} connections fit; raise the limit (systemd: LimitNOFILE=, Docker: --ulimit nofile=, shell: ulimit -n) \
             or lower limits.calls"
        )
    }
}

/// Cuts what `config` may use to what `limit` descriptors carry. Where there are too few, calls keep at least three quarters:
/// connections never take a call's sockets.
pub fn fit(config: &mut Config, limit: u64) -> Option<Shortage> {
    let streams = config.sip.listen.iter().filter(|l| l.transport != Transport::Udp).count() as u64;
    let fixed = FIXED + UNJUDGED * streams;
    let wanted = config.limits.calls;
    let calls = u64::from(wanted) * PER_CALL;
    let needed = fixed + calls + connections(config);
    if needed <= limit {
        return None;
    }
    let room = limit.saturating_sub(fixed);
    let share = room.saturating_sub(calls).max(room / 4);
    let at_most = |configured: u32, most: u64| configured.min(u32::try_from(most).unwrap_or(u32::MAX)).max(1);
    config.http.connections = at_most(config.http.connections, share / 4);
    config.grpc.connections = at_most(config.grpc.connections, share / 4);
    let web = u64::from(config.http.connections) + u64::from(config.grpc.connections);
    config.limits.connections = at_most(config.limits.connections, share.saturating_sub(web));
    let connections = connections(config);
    config.limits.calls = at_most(wanted, room.saturating_sub(connections) / PER_CALL);
    let connections = u32::try_from(connections).unwrap_or(u32::MAX);
    Some(Shortage { needed, limit, calls: config.limits.calls, connections, wanted })
}

fn connections(config: &Config) -> u64 {
    [config.limits.connections, config.http.connections, config.grpc.connections]
        .into_iter()
        .map(u64::from)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(limit: u64) -> (Config, Option<Shortage>) {
        let mut config = Config::embedded();
        let shortage = fit(&mut config, limit);
        (config, shortage)
    }

    #[test]
    fn with_enough_descriptors_a_configuration_stays_as_it_is() {
        let needed = fitted(0).1.unwrap().needed;
        assert_eq!(needed, 128 + 4 * 2_000 + 4_096 + 128 + 512);
        assert_eq!(fitted(needed), (Config::embedded(), None));
        assert!(fitted(needed - 1).1.is_some());
    }

    #[test]
    fn with_too_few_descriptors_calls_keep_three_quarters_of_them() {
        let (config, shortage) = fitted(1_024);
        let shortage = shortage.unwrap();
        assert_eq!((shortage.calls, shortage.connections, shortage.wanted), (168, 224, 2_000));
        assert_eq!((config.limits.calls, config.limits.connections), (168, 112));
        assert_eq!((config.http.connections, config.grpc.connections), (56, 56));
        assert!(shortage.to_string().contains("168 calls and 224 connections fit; raise the limit"));
    }

    #[test]
    fn whatever_the_limit_calls_and_connections_fit_into_it_together() {
        for limit in [200, 256, 1_024, 4_096, 9_000, 12_000] {
            let (config, _) = fitted(limit);
            let used = 128 + u64::from(config.limits.calls) * PER_CALL + connections(&config);
            assert!(used <= limit, "{used} of {limit}");
        }
    }
}
