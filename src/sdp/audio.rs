//! One audio stream of a peer's description: address, profile, codecs, direction. Decides whether we can speak it.

use super::attributes::{first, values};
use super::codec::Mapped;
use super::security::{self, Security};
use super::{Codec, Direction, Profile, SdpError};
use sdp_types::{Attribute, Media, Session};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// At most this many formats of a media line are looked at; the rest is echoed and not used. RTP has 128
/// payload types, telephones list ten.
const FORMATS_READ: usize = 64;

/// An audio stream we can speak. Fields as in [`super::Description`].
#[derive(Debug)]
pub(super) struct Audio {
    pub rtp: SocketAddr,
    pub rtcp: SocketAddr,
    pub rtcp_mux: bool,
    pub profile: Profile,
    pub security: Security,
    pub mid: Option<Box<str>>,
    pub bundled: bool,
    pub codecs: Vec<(Codec, u8)>,
    pub telephone_events: Vec<TelephoneEvent>,
    pub named: u128,
    pub direction: Direction,
    pub ptime: Option<u32>,
    pub maxptime: Option<u32>,
}

/// Telephone keys as RTP packets (RFC 4733), at the clock rate of the audio they go beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// Ticks per second.
    pub clock_rate: u32,
    /// The payload type.
    pub payload_type: u8,
}

/// What a description is read for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    /// The profiles that are served.
    pub profiles: &'a [Profile],
    /// What a host name stands for.
    pub stand_in: Option<IpAddr>,
}

/// Reads one media line. `Err(None)` when it is no audio at all; a reason when it is audio we cannot speak.
pub(super) fn read(
    session: &Session,
    media: &Media,
    reading: Reading<'_>,
) -> Result<Audio, Option<SdpError>> {
    if !media.media.eq_ignore_ascii_case("audio") {
        return Err(None);
    }
    let unacceptable = |reason| Err(Some(SdpError::Unacceptable(reason)));
    if media.port == 0 {
        return unacceptable("the audio is refused or switched off");
    }
    let profile = Profile::of_name(&media.proto).filter(|profile| reading.profiles.contains(profile));
    let Some(profile) = profile else {
        let encrypted = reading.profiles.iter().any(|profile| profile.is_encrypted());
        return unacceptable(if encrypted {
            "the audio is not DTLS-SRTP"
        } else {
            "the audio is not plain RTP"
        });
    };
    let Formats { codecs, telephone_events, named } = formats(media);
    if codecs.is_empty() {
        return unacceptable("neither PCMA nor PCMU");
    }
    let connection = media.connections.first().or(session.connection.as_ref());
    let Some(connection) = connection else {
        return Err(Some(SdpError::Malformed("audio without an address")));
    };
    let (nettype, address) = (connection.nettype.to_string(), connection.connection_address.as_str());
    let security = match profile.is_encrypted() {
        true => security::read(session, media).map_err(Some)?,
        false => Security::Plain,
    };
    // With ICE the address is found by its checks. What stands here may be unknown yet, or hidden behind a name of its own.
    let ice = match &security {
        Security::Dtls(_) => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        Security::Plain => None,
    };
    let stand_in = reading.stand_in.or(ice);
    let host = stand_in.filter(|_| nettype.eq_ignore_ascii_case("IN") && is_host_name(address));
    let Some(ip) = numeric(&nettype, address).or(host) else {
        return unacceptable("the address is not a numeric unicast address");
    };
    let said = direction(&media.attributes).or_else(|| direction(&session.attributes)).unwrap_or_default();
    let listens =
        if ip.is_unspecified() && ice.is_none() { Direction::SendOnly } else { Direction::SendRecv };
    let rtp = SocketAddr::new(ip, media.port);
    let mid = first(&media.attributes, "mid").filter(|mid| is_token(mid));
    Ok(Audio {
        rtp,
        rtcp: rtcp(media, rtp),
        rtcp_mux: first(&media.attributes, "rtcp-mux").is_some(),
        profile,
        security,
        bundled: mid.is_some_and(|mid| is_bundled(session, mid)),
        mid: mid.map(Box::from),
        codecs,
        telephone_events,
        named,
        direction: said.and(listens),
        ptime: milliseconds(&media.attributes, "ptime"),
        maxptime: milliseconds(&media.attributes, "maxptime"),
    })
}

/// Whether it can be the name of a stream (RFC 5888 section 4): a token, and not a long one.
fn is_token(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(&b);
    (1..=32).contains(&text.len()) && text.bytes().all(fits)
}

fn is_bundled(session: &Session, mid: &str) -> bool {
    let mut groups = values(&session.attributes, "group").map(str::split_whitespace);
    groups.any(|mut group| group.next() == Some("BUNDLE") && group.any(|name| name == mid))
}

/// What a payload type stands for.
#[derive(Clone, Copy)]
enum Format {
    Audio(Codec),
    /// At this clock rate.
    TelephoneEvent(u32),
    Unknown,
}

impl Format {
    /// The value of `a=rtpmap` after the number.
    fn of_rtpmap(encoding: &str) -> Format {
        let Some(mapped) = Mapped::read(encoding) else { return Format::Unknown };
        match Codec::ALL.into_iter().find(|codec| mapped.is(&codec.encoding())) {
            Some(codec) => Format::Audio(codec),
            None if mapped.channels == 1 && mapped.name.eq_ignore_ascii_case("telephone-event") => {
                Format::TelephoneEvent(mapped.clock_rate)
            }
            None => Format::Unknown,
        }
    }
}

/// The formats of a media line.
struct Formats {
    /// The codecs we know with their payload types, each once, in the peer's order.
    codecs: Vec<(Codec, u8)>,
    /// One for each clock rate.
    telephone_events: Vec<TelephoneEvent>,
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
    let mut telephone_events: Vec<TelephoneEvent> = Vec::new();
    for format in media.fmt.split_whitespace().take(FORMATS_READ) {
        let Ok(number) = format.parse::<u8>() else { continue };
        let Some(map) = mapped.get(usize::from(number)) else { continue };
        named |= 1 << number;
        let standard = || Codec::of_static(number).map_or(Format::Unknown, Format::Audio);
        match map.unwrap_or_else(standard) {
            Format::Audio(codec) if !codecs.iter().any(|(c, _)| *c == codec) => codecs.push((codec, number)),
            Format::TelephoneEvent(clock_rate)
                if !telephone_events.iter().any(|e| e.clock_rate == clock_rate) =>
            {
                telephone_events.push(TelephoneEvent { clock_rate, payload_type: number });
            }
            Format::Audio(_) | Format::TelephoneEvent(_) | Format::Unknown => {}
        }
    }
    Formats { codecs, telephone_events, named }
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
    let Some(value) = first(&media.attributes, "rtcp") else { return next };
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

/// A packet length; one of 0 or over a second is none.
fn milliseconds(attributes: &[Attribute], name: &str) -> Option<u32> {
    let value = first(attributes, name)?;
    let whole = value.split('.').next()?;
    whole.parse().ok().filter(|ms| (1..=1000).contains(ms))
}
