//! One audio stream of a peer's description: address, codecs, direction. Decides whether we can speak it.

use super::{Codec, Direction, SdpError};
use sdp_types::{Attribute, Media, Session};
use std::net::{IpAddr, SocketAddr};

/// At most this many formats of a media line are looked at; the rest is echoed and not used. RTP has 128
/// payload types, telephones list ten.
const FORMATS_READ: usize = 64;

/// An audio stream we can speak. Fields as in [`super::Description`].
#[derive(Debug)]
pub(super) struct Audio {
    pub rtp: SocketAddr,
    pub rtcp: SocketAddr,
    pub rtcp_mux: bool,
    pub codecs: Vec<(Codec, u8)>,
    pub telephone_event: Option<u8>,
    pub named: u128,
    pub direction: Direction,
    pub ptime: Option<u32>,
    pub maxptime: Option<u32>,
}

/// Reads one media line. `Err(None)` when it is no audio at all; a reason when it is audio we cannot speak. A host name stands
/// for `stand_in`.
pub(super) fn read(
    session: &Session,
    media: &Media,
    stand_in: Option<IpAddr>,
) -> Result<Audio, Option<SdpError>> {
    if !media.media.eq_ignore_ascii_case("audio") {
        return Err(None);
    }
    let unacceptable = |reason| Err(Some(SdpError::Unacceptable(reason)));
    if media.port == 0 {
        return unacceptable("the audio is refused or switched off");
    }
    if !is_plain_rtp(&media.proto) {
        return unacceptable("the audio is not plain RTP");
    }
    let Formats { codecs, telephone_event, named } = formats(media);
    if codecs.is_empty() {
        return unacceptable("neither PCMA nor PCMU");
    }
    let connection = media.connections.first().or(session.connection.as_ref());
    let Some(connection) = connection else {
        return Err(Some(SdpError::Malformed("audio without an address")));
    };
    let (nettype, address) = (connection.nettype.to_string(), connection.connection_address.as_str());
    let host = stand_in.filter(|_| nettype.eq_ignore_ascii_case("IN") && is_host_name(address));
    let Some(ip) = numeric(&nettype, address).or(host) else {
        return unacceptable("the address is not a numeric unicast address");
    };
    let said = direction(&media.attributes).or_else(|| direction(&session.attributes)).unwrap_or_default();
    let listens = if ip.is_unspecified() { Direction::SendOnly } else { Direction::SendRecv };
    let rtp = SocketAddr::new(ip, media.port);
    Ok(Audio {
        rtp,
        rtcp: rtcp(media, rtp),
        rtcp_mux: values(&media.attributes, "rtcp-mux").next().is_some(),
        codecs,
        telephone_event,
        named,
        direction: said.and(listens),
        ptime: milliseconds(&media.attributes, "ptime"),
        maxptime: milliseconds(&media.attributes, "maxptime"),
    })
}

/// RTP without encryption; feedback messages (RFC 4585) may be left unsent, so AVPF does as well.
fn is_plain_rtp(proto: &str) -> bool {
    ["RTP/AVP", "RTP/AVPF"].iter().any(|p| proto.eq_ignore_ascii_case(p))
}

/// The values of every attribute `name`; empty text for one without a value.
fn values<'a>(attributes: &'a [Attribute], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = attributes.iter().filter(move |a| a.attribute.trim().eq_ignore_ascii_case(name));
    named.map(|a| a.value.as_deref().unwrap_or_default().trim())
}

/// What a payload type stands for.
#[derive(Clone, Copy)]
enum Format {
    Audio(Codec),
    TelephoneEvent,
    Unknown,
}

impl Format {
    /// The value of `a=rtpmap` after the number: `PCMA/8000`, `PCMA/8000/1`.
    fn of_rtpmap(encoding: &str) -> Format {
        let mut parts = encoding.split('/').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let rate = parts.next().and_then(|r| r.parse::<u32>().ok());
        let channels = parts.next().is_none_or(|c| c == "1" || c.is_empty());
        if rate != Some(Codec::CLOCK_RATE) || !channels {
            return Format::Unknown;
        }
        match Codec::of_name(name) {
            Some(codec) => Format::Audio(codec),
            None if name.eq_ignore_ascii_case("telephone-event") => Format::TelephoneEvent,
            None => Format::Unknown,
        }
    }
}

/// The formats of a media line.
struct Formats {
    /// The codecs we know with their payload types, each once, in the peer's order.
    codecs: Vec<(Codec, u8)>,
    telephone_event: Option<u8>,
    /// Every payload type that is mapped or listed, one bit each.
    named: u128,
}

fn formats(media: &Media) -> Formats {
    let mut mapped = [None; 128];
    let mut named = 0_u128;
    for value in values(&media.attributes, "rtpmap") {
        let Some((number, encoding)) = value.split_once(char::is_whitespace) else { continue };
        let Ok(number) = number.parse::<u8>() else { continue };
        if let Some(slot) = mapped.get_mut(usize::from(number)) {
            named |= 1 << number;
            slot.get_or_insert(Format::of_rtpmap(encoding.trim()));
        }
    }
    let mut codecs = Vec::with_capacity(Codec::ALL.len());
    let mut telephone_event = None;
    for format in media.fmt.split_whitespace().take(FORMATS_READ) {
        let Ok(number) = format.parse::<u8>() else { continue };
        let Some(map) = mapped.get(usize::from(number)) else { continue };
        named |= 1 << number;
        let standard = || Codec::of_static(number).map_or(Format::Unknown, Format::Audio);
        match map.unwrap_or_else(standard) {
            Format::Audio(codec) if !codecs.iter().any(|(c, _)| *c == codec) => codecs.push((codec, number)),
            Format::TelephoneEvent => _ = telephone_event.get_or_insert(number),
            Format::Audio(_) | Format::Unknown => {}
        }
    }
    Formats { codecs, telephone_event, named }
}

fn direction(attributes: &[Attribute]) -> Option<Direction> {
    attributes.iter().find_map(|a| Direction::of_name(a.attribute.trim()))
}

/// Whether it can be the name of a host (RFC 1123 section 2.1): its last label is not all digits, as that of an address is.
fn is_host_name(address: &str) -> bool {
    let labels = address.strip_suffix('.').unwrap_or(address);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let all = labels.split('.').all(|label| (1..=63).contains(&label.len()) && label.chars().all(fits));
    let last = labels.rsplit('.').next().unwrap_or_default();
    labels.len() <= 253 && all && !last.chars().all(|c| c.is_ascii_digit())
}

/// A numeric address that one host can have, or the unspecified one.
fn numeric(nettype: &str, address: &str) -> Option<IpAddr> {
    let ip: IpAddr = address.parse().ok()?;
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    (nettype.eq_ignore_ascii_case("IN") && !ip.is_multicast() && !broadcast).then_some(ip)
}

/// Where RTCP goes by RFC 3605, else by the rule of RFC 3550: one port up.
fn rtcp(media: &Media, rtp: SocketAddr) -> SocketAddr {
    let next = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
    let Some(value) = values(&media.attributes, "rtcp").next() else { return next };
    let mut fields = value.split_whitespace();
    let Some(port) = fields.next().and_then(|p| p.parse().ok()).filter(|&p| p != 0) else { return next };
    match (fields.next(), fields.nth(1)) {
        (Some(nettype), Some(address)) => match numeric(nettype, address) {
            Some(ip) => SocketAddr::new(ip, port),
            None => next,
        },
        _ => SocketAddr::new(rtp.ip(), port),
    }
}

/// A packet length; one of 0 or over a second is nobody's.
fn milliseconds(attributes: &[Attribute], name: &str) -> Option<u32> {
    let value = values(attributes, name).next()?;
    let whole = value.split('.').next()?;
    whole.parse().ok().filter(|ms| (1..=1000).contains(ms))
}
