//! The key of a limit that is kept for each source.

use std::net::{IpAddr, Ipv6Addr};

/// The address a limit is kept for: an IPv4 address, or the /64 of an IPv6 one, because a host that has one
/// address of a /64 has them all. IPv4 seen through an IPv6 socket counts as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RateLimitKey(IpAddr);

impl From<IpAddr> for RateLimitKey {
    fn from(address: IpAddr) -> RateLimitKey {
        RateLimitKey(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_64_have_one_key_and_mapped_ones_are_ipv4() {
        let key = |s: &str| RateLimitKey::from(s.parse::<IpAddr>().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:0:0:2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
