//! Our addresses in session descriptions, and with that the family of each leg's media.
//!
//! An address is told only to a peer that can use it: one of its family. The offerer has chosen the family by its
//! `c=` line (RFC 6157); where we speak first it is that of the path the INVITE takes.

use crate::config::{Media, Sip};
use crate::media::Family;
use crate::sdp::Description;
use crate::sip::Flow;
use std::net::IpAddr;

/// What is told of where we take RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaAddresses {
    v4: Announced,
    v6: Announced,
}

/// What is told in one family; nothing at all: there is no media in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Announced {
    /// Whatever the path: the address that is advertised, or the one address RTP is bound to.
    always: Option<IpAddr>,
    /// To peers whose path is of the other family: the first address SIP is listened for at.
    listened: Option<IpAddr>,
}

impl MediaAddresses {
    /// The addresses of a configuration.
    pub fn new(sip: &Sip, media: &Media) -> MediaAddresses {
        let told = |family, bound: IpAddr| {
            let mut advertised = sip.advertised.iter().filter_map(|a| a.host.parse().ok());
            let mut listened = sip.listen.iter().map(|l| l.address.ip());
            let fits = |ip: &IpAddr| Family::of(*ip) == family && !ip.is_unspecified();
            Announced {
                always: advertised.find(fits).or(Some(bound).filter(fits)),
                listened: listened.find(fits),
            }
        };
        MediaAddresses {
            v4: told(Family::V4, media.address.into()),
            v6: told(Family::V6, media.address6.into()),
        }
    }

    /// Whether there is media in this family.
    pub fn serves(&self, family: Family) -> bool {
        let told = self.told(family);
        told.always.or(told.listened).is_some()
    }

    /// Whether we can send where a description says, and be heard from there. One on hold the old way says nothing of
    /// its family.
    pub fn reach(&self, peer: &Description) -> bool {
        peer.rtp.ip().is_unspecified() || self.serves(Family::of(peer.rtp.ip()))
    }

    /// The family of a leg: that of its peer's offer, else that of its path; the other one where there is no media in it.
    pub fn family(&self, offer: Option<&Description>, flow: &Flow) -> Family {
        let offered = offer.map(|offer| offer.rtp.ip()).filter(|ip| !ip.is_unspecified());
        let family = Family::of(offered.unwrap_or(flow.local.ip()));
        if self.serves(family) || !self.serves(family.other()) { family } else { family.other() }
    }

    /// What the peer of a leg of this family is told, whose path is `flow`.
    pub fn of(&self, family: Family, flow: &Flow) -> IpAddr {
        let local = flow.local.ip();
        let of_path = Some(local).filter(|ip| Family::of(*ip) == family && !ip.is_unspecified());
        let told = self.told(family);
        told.always.or(of_path).or(told.listened).unwrap_or(local)
    }

    fn told(&self, family: Family) -> Announced {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::sip::Transport;

    fn addresses(sip: &str, media: &str) -> MediaAddresses {
        let text = format!(
            "[sip]\n{sip}\n[media]\n{media}\n[[trunk]]\nname = \"a\"\nsources = [\"192.0.2.9\"]\n\
             [[seat]]\nid = \"1001\"\n[[queue]]\nname = \"main\"\n[[service]]\nnumber = \"12345\"\nqueue = \"main\"\n"
        );
        let config = Config::parse("addresses", &text).unwrap_or_else(|e| panic!("{e}"));
        MediaAddresses::new(&config.sip, &config.media)
    }

    fn path(local: &str) -> Flow {
        let local = local.parse().unwrap();
        Flow { transport: Transport::Udp, local, remote: local, connection: None }
    }

    fn offer(family: &str, ip: &str) -> Description {
        let text = format!("v=0\r\nc=IN {family} {ip}\r\nm=audio 4000 RTP/AVP 8\r\n");
        crate::sdp::parse(text.as_bytes()).unwrap()
    }

    const BOTH: &str =
        "listen = [\"udp:192.0.2.1:5060\", \"udp:[2001:db8::1]:5060\", \"udp:192.0.2.7:5060\"]";

    /// What an offer leads to: the family, and the address that is told.
    fn answered(addresses: &MediaAddresses, offer: Option<&Description>, local: &str) -> (Family, String) {
        let family = addresses.family(offer, &path(local));
        (family, addresses.of(family, &path(local)).to_string())
    }

    #[test]
    fn each_path_is_told_its_own_address_where_both_families_are_listened_on() {
        let both = addresses(BOTH, "");
        for local in ["192.0.2.1:5060", "192.0.2.7:5060"] {
            let ip = local.trim_end_matches(":5060").to_owned();
            assert_eq!(answered(&both, None, local), (Family::V4, ip));
        }
        assert_eq!(answered(&both, None, "[2001:db8::1]:5060"), (Family::V6, "2001:db8::1".into()));
    }

    #[test]
    fn an_offer_is_answered_in_its_family_whatever_path_it_came_by() {
        let both = addresses(BOTH, "");
        let (v4, v6) = (offer("IP4", "192.0.2.9"), offer("IP6", "2001:db8::9"));
        assert!(both.reach(&v4) && both.reach(&v6));
        assert_eq!(answered(&both, Some(&v6), "192.0.2.7:5060"), (Family::V6, "2001:db8::1".into()));
        assert_eq!(answered(&both, Some(&v4), "[2001:db8::1]:5060"), (Family::V4, "192.0.2.1".into()));
    }

    #[test]
    fn a_family_without_any_address_of_ours_is_not_served() {
        let v4 = addresses("listen = [\"udp:192.0.2.1:5060\"]", "");
        assert!(v4.serves(Family::V4) && !v4.serves(Family::V6));
        assert!(!v4.reach(&offer("IP6", "2001:db8::9")));
        // Another address of the family is enough.
        let named = addresses("listen = [\"udp:192.0.2.1:5060\"]", "address = [\"2001:db8::5\"]");
        let v6 = offer("IP6", "2001:db8::9");
        assert!(named.reach(&v6));
        assert_eq!(answered(&named, Some(&v6), "192.0.2.1:5060"), (Family::V6, "2001:db8::5".into()));
    }

    #[test]
    fn an_advertised_address_is_told_to_its_family_alone() {
        let sip =
            "listen = [\"udp:0.0.0.0:5060\", \"udp:[2001:db8::1]:5060\"]\nadvertised = \"198.51.100.1\"";
        let told = addresses(sip, "");
        assert_eq!(answered(&told, None, "0.0.0.0:5060"), (Family::V4, "198.51.100.1".into()));
        assert_eq!(answered(&told, None, "[2001:db8::1]:5060"), (Family::V6, "2001:db8::1".into()));
    }

    #[test]
    fn a_peer_is_told_the_address_rtp_is_bound_to_unless_one_is_advertised() {
        let told = addresses(BOTH, "address = \"192.0.2.5\"");
        assert_eq!(answered(&told, None, "192.0.2.1:5060").1, "192.0.2.5");
        let behind = addresses(&format!("{BOTH}\nadvertised = \"198.51.100.1\""), "address = \"192.0.2.5\"");
        assert_eq!(answered(&behind, None, "192.0.2.1:5060").1, "198.51.100.1");
    }

    #[test]
    fn an_offer_on_hold_the_old_way_has_the_family_of_its_path() {
        let v6 = addresses("listen = [\"udp:[2001:db8::1]:5060\"]", "");
        let held = offer("IP4", "0.0.0.0");
        assert!(v6.reach(&held));
        assert_eq!(v6.family(Some(&held), &path("[2001:db8::1]:5060")), Family::V6);
    }
}
