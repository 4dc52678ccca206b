//! Shares of what is sent: hosts by priority, by lot within one (RFC 2782).
//!
//! The lot is drawn anew whenever something is to be sent, not once for all that is sent while an answer of the
//! domain name system holds.

use super::Hop;
use crate::id::Random;

/// The place of an address among the others of one search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// The lower the sooner.
    pub rank: u32,
    /// The host it is an address of: a host is drawn as one.
    pub host: u32,
    /// The host's share among those of its rank.
    pub weight: u16,
}

/// An address a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// The address.
    pub hop: Hop,
    /// The place among the others.
    pub share: Share,
}

/// The addresses in an order drawn now. Those of one host keep theirs.
pub fn by_lot<T>(addresses: impl Iterator<Item = (Share, T)>, random: &mut Random) -> Vec<T> {
    let mut hosts: Vec<(u32, u16, (u32, Vec<T>))> = Vec::new();
    for (share, address) in addresses {
        match hosts.iter_mut().find(|(.., (host, _))| *host == share.host) {
            Some((.., (_, of_host))) => of_host.push(address),
            None => hosts.push((share.rank, share.weight, (share.host, vec![address]))),
        }
    }
    drawn(hosts, random).into_iter().flat_map(|(.., (_, of_host))| of_host).collect()
}

/// Everything in the order of its rank, within one by lot, each with the share its weight gives it.
pub(super) fn drawn<R: Ord + Copy, T>(mut left: Vec<(R, u16, T)>, random: &mut Random) -> Vec<(R, u16, T)> {
    // Those without weight first, so that they are drawn now and then.
    left.sort_by_key(|(rank, weight, _)| (*rank, *weight));
    let mut ordered = Vec::with_capacity(left.len());
    while let Some(first) = left.first().map(|(rank, ..)| *rank) {
        let equals = left.iter().take_while(|(rank, ..)| *rank == first);
        let sum: u64 = equals.clone().map(|(_, weight, _)| u64::from(*weight)).sum();
        let lot = random.below(sum + 1);
        let mut running = 0;
        let chosen = equals.clone().position(|(_, weight, _)| {
            running += u64::from(*weight);
            running >= lot
        });
        ordered.push(left.remove(chosen.unwrap_or(0)));
    }
    ordered
}
