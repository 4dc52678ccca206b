//! `[media]`: ports of RTP, and what is heard and not heard.

use super::problem::{Fault, Problems, fault};
use super::table::Table;
use crate::time::Duration;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use toml::de::DeValue;

pub(super) const KEYS: &[&str] = &["ports", "address", "silence", "slot", "prompts"];

/// Ports of RTP, and what is heard and not heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// UDP ports for RTP and RTCP. A leg takes an even port and the odd one after it.
    pub ports: RangeInclusive<u16>,
    /// The local address RTP with IPv4 peers is bound to; unspecified: all of them.
    pub address: Ipv4Addr,
    /// The same for IPv6 peers.
    pub address6: Ipv6Addr,
    /// A bridge without RTP from both sides for this long is ended.
    pub silence: Duration,
    /// Under load packets gather for so long, so that one wake-up serves several; zero: never.
    pub slot: Duration,
    /// A directory of WAV files that replace the built-in prompts of the same names.
    pub prompts: Option<PathBuf>,
}

impl Media {
    /// How many legs the ports are enough for at one time, those that rest not counted.
    pub fn legs(&self) -> u32 {
        let first = u32::from(*self.ports.start()).next_multiple_of(2);
        (u32::from(*self.ports.end()) + 1).saturating_sub(first) / 2
    }
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Media {
    let mut media = Media {
        ports: 16384..=29999,
        address: Ipv4Addr::UNSPECIFIED,
        address6: Ipv6Addr::UNSPECIFIED,
        silence: Duration::from_secs(60),
        slot: Duration::from_millis(1),
        prompts: None,
    };
    let Some(t) = table else {
        return media;
    };
    if let Some(ports) = t.text("ports", problems, ports) {
        media.ports = ports;
    }
    addresses(t, &mut media, problems);
    let range = Duration::from_secs(5)..=Duration::from_secs(24 * 3600);
    media.silence = t.duration("silence", range, media.silence, problems);
    // Half a packet: a longer slot could be heard.
    media.slot = t.duration("slot", Duration::ZERO..=Duration::from_millis(10), media.slot, problems);
    media.prompts = t.text("prompts", problems, directory);
    media
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, Fault> {
    let cure = "write the first and the last port like \"16384-29999\"";
    let wrong = || fault(format!("`{text}` is not a range of ports"), cure);
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let port = |p: &str| p.trim().parse::<u16>().map_err(|_| wrong());
    let (first, last) = (port(first)?, port(last)?);
    if first < 1024 {
        return Err(fault(
            format!("`{text}` begins below port 1024"),
            "write a range above 1023, like \"16384-29999\"",
        ));
    }
    // A call takes two legs, and a leg an even port and the odd one after it.
    if u32::from(last) + 1 < u32::from(first).next_multiple_of(2) + 4 {
        return Err(fault(
            format!("`{text}` has no room for one call, which takes four ports"),
            "write the lower port first and a wider range, like \"16384-29999\"",
        ));
    }
    Ok(first..=last)
}

/// One address, or one for each family in a list. A family that is not named takes all its addresses.
fn addresses(t: &Table<'_>, media: &mut Media, problems: &mut Problems<'_>) {
    let (mut v4, mut v6) = (None, None);
    let named = match t.get("address") {
        Some((DeValue::Array(_), _)) => t.texts("address", problems, bind_address).unwrap_or_default(),
        _ => t.text("address", problems, bind_address).map(|a| (a, t.span("address"))).into_iter().collect(),
    };
    for (address, at) in named {
        let second = match address {
            IpAddr::V4(address) => v4.replace(address).is_some(),
            IpAddr::V6(address) => v6.replace(address).is_some(),
        };
        if second {
            let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
            let cure = "write one address for each family, like [\"192.0.2.1\", \"2001:db8::1\"]";
            problems
                .add(&at, fault(format!("media.address: {address} is the second {family} address"), cure));
        }
    }
    media.address = v4.unwrap_or(media.address);
    media.address6 = v6.unwrap_or(media.address6);
}

fn bind_address(text: &str) -> Result<IpAddr, Fault> {
    let cure = "write one of this machine's addresses without a port, or \"0.0.0.0\" for all of IPv4";
    text.parse().map_err(|_| fault(format!("`{text}` is not an address"), cure))
}

fn directory(text: &str) -> Result<PathBuf, Fault> {
    if text.is_empty() {
        return Err(fault(
            "the path is empty",
            "name a directory, or leave the key out for the built-in prompts",
        ));
    }
    Ok(PathBuf::from(text))
}
