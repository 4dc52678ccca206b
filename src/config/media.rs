//! `[media]`: ports of RTP, and what is heard and not heard.

use super::problem::{Fault, Problems, fault};
use super::table::Table;
use crate::time::Duration;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

pub(super) const KEYS: &[&str] = &["ports", "address", "silence", "prompts"];

/// Ports of RTP, and what is heard and not heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// UDP ports for RTP and RTCP. A leg takes an even port and the odd one after it.
    pub ports: RangeInclusive<u16>,
    /// The local address RTP is bound to.
    pub address: IpAddr,
    /// A bridge without RTP from both sides for this long is ended.
    pub silence: Duration,
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
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        silence: Duration::from_secs(60),
        prompts: None,
    };
    let Some(t) = table else {
        return media;
    };
    if let Some(ports) = t.text("ports", problems, ports) {
        media.ports = ports;
    }
    if let Some(address) = t.text("address", problems, bind_address) {
        media.address = address;
    }
    let range = Duration::from_secs(5)..=Duration::from_secs(24 * 3600);
    media.silence = t.duration("silence", range, media.silence, problems);
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

fn bind_address(text: &str) -> Result<IpAddr, Fault> {
    let cure = "write one of this machine's addresses without a port, or \"0.0.0.0\" for all";
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
