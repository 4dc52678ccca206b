//! Offer and answer (RFC 3264) for one audio stream. Ours to send, the peer's to read; no state between them:
//! [`super::Author`] keeps that.

use super::{Codec, Description, Direction, MediaLine, NoCommonCodec};
use sdp_types::{Attribute, Connection, Media, Origin, Session};
use std::net::{IpAddr, SocketAddr};

/// The payload type we offer for telephone-event: the number nearly everyone uses, so that few need to map it.
pub const TELEPHONE_EVENT: u8 = 101;

/// Milliseconds per packet we ask for, and send unless asked otherwise.
pub const PTIME_MS: u32 = 20;

/// Our side of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    /// Where we take RTP. The family decides between `IP4` and `IP6`.
    pub address: IpAddr,
    /// Our RTP port; RTCP is at the next one.
    pub port: u16,
    /// The session id of `o=`; the same throughout a dialog.
    pub session_id: u64,
    /// The version of `o=`; higher by one whenever the description changes (RFC 3264 section 8).
    pub version: u64,
}

/// The payload types of one direction (RFC 3264 section 5.1): those of a description are what its author takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// The codec in use.
    pub audio: u8,
    /// Telephone-event; `None` when it is not taken.
    pub telephone_event: Option<u8>,
}

/// What an offer of ours says we take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Codecs in the order we like them, each with its payload type.
    pub codecs: Vec<(Codec, u8)>,
    /// The payload type of telephone-event; `None` when keys go another way.
    pub telephone_event: Option<u8>,
}

impl Offered {
    /// The usual numbers, where none was spoken of before.
    pub fn usual(codecs: &[Codec], telephone_event: Option<u8>) -> Offered {
        let codecs = codecs.iter().map(|c| (*c, c.static_payload_type())).collect();
        Offered { codecs, telephone_event }
    }
}

/// What both sides agreed on, seen from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// Where the peer takes RTP; unspecified while it is on hold the old way.
    pub rtp: SocketAddr,
    /// Where the peer takes RTCP; the same as `rtp` when the port is shared.
    pub rtcp: SocketAddr,
    /// Whether both share the RTP port (RFC 5761).
    pub rtcp_mux: bool,
    /// The codec.
    pub codec: Codec,
    /// The payload type we send it under.
    pub payload_type: u8,
    /// The payload type we send telephone-event under; `None` when the peer does not take it.
    pub telephone_event: Option<u8>,
    /// The payload types we take: those of our own description.
    pub receive: Numbers,
    /// Ours: what we may send and what we get.
    pub direction: Direction,
    /// Milliseconds per packet the peer would like: a multiple of 10, from 10 to 60.
    pub ptime_ms: u32,
}

/// Our offer: `codecs` in the order we like them, telephone-event, and `direction`.
pub fn offer(local: &Local, codecs: &[Codec], direction: Direction) -> String {
    offer_with(local, &Offered::usual(codecs, Some(TELEPHONE_EVENT)), direction)
}

/// As [`offer`], with these payload types.
pub(super) fn offer_with(local: &Local, offered: &Offered, direction: Direction) -> String {
    write(local, vec![offered_audio(local.port, "RTP/AVP", offered, direction)])
}

/// Our offer inside a dialog where `media` lines were already spoken of: the same lines in the same order
/// (RFC 3264 section 8), all but the one at `audio` switched off.
pub(super) fn offer_again(
    local: &Local,
    offered: &Offered,
    direction: Direction,
    (media, audio): (&[MediaLine], usize),
) -> String {
    let lines = media.iter().enumerate().map(|(i, line)| match i == audio {
        true => offered_audio(local.port, &line.proto, offered, direction),
        false => refused(line),
    });
    write(local, lines.collect())
}

/// Our answer to `offer`: its first codec that is also in `codecs`, its payload types, no more than `direction`
/// and no more than it leaves us; every other media line with port 0, in place.
pub fn answer(
    offer: &Description,
    local: &Local,
    codecs: &[Codec],
    direction: Direction,
) -> Result<(String, Negotiated), NoCommonCodec> {
    let (codec, payload_type) = common(codecs, offer)?;
    let direction = direction.and(offer.direction.reversed());
    // Our answer repeats the offer's numbers: they hold both ways.
    let receive = Numbers { audio: payload_type, telephone_event: offer.telephone_event };
    let negotiated = negotiated(offer, (codec, payload_type), receive, direction);
    let lines = offer.media.iter().enumerate().map(|(i, line)| {
        if i != offer.audio {
            return refused(line);
        }
        let formats = [(codec, payload_type)];
        let mut media = audio(local.port, &line.proto, &formats, offer.telephone_event, direction);
        if offer.rtcp_mux {
            media.attributes.push(Attribute::new("rtcp-mux"));
        }
        media
    });
    Ok((write(local, lines.collect()), negotiated))
}

/// What the peer's answer to our offer of `offered` comes to. It may name other numbers than the offer: those are what
/// the peer takes, and those of the offer are what it sends (RFC 3264 section 6.1).
pub fn accepted(offered: &Offered, answer: &Description) -> Result<Negotiated, NoCommonCodec> {
    let codecs: Vec<Codec> = offered.codecs.iter().map(|(codec, _)| *codec).collect();
    let (codec, payload_type) = common(&codecs, answer)?;
    let ours = offered.codecs.iter().find(|(c, _)| *c == codec).map_or(payload_type, |(_, number)| *number);
    let receive = Numbers { audio: ours, telephone_event: offered.telephone_event };
    // We never offer a shared port, so the peer cannot have accepted one.
    let direction = answer.direction.reversed();
    Ok(Negotiated {
        rtcp: answer.rtcp,
        rtcp_mux: false,
        // What was not offered cannot be accepted.
        telephone_event: answer.telephone_event.filter(|_| offered.telephone_event.is_some()),
        ..negotiated(answer, (codec, payload_type), receive, direction)
    })
}

fn common(ours: &[Codec], theirs: &Description) -> Result<(Codec, u8), NoCommonCodec> {
    theirs.codecs.iter().copied().find(|(codec, _)| ours.contains(codec)).ok_or(NoCommonCodec)
}

fn negotiated(
    peer: &Description,
    (codec, payload_type): (Codec, u8),
    receive: Numbers,
    direction: Direction,
) -> Negotiated {
    Negotiated {
        rtp: peer.rtp,
        rtcp: if peer.rtcp_mux { peer.rtp } else { peer.rtcp },
        rtcp_mux: peer.rtcp_mux,
        codec,
        payload_type,
        telephone_event: peer.telephone_event,
        receive,
        direction,
        ptime_ms: packet_length(peer),
    }
}

/// The peer's wish, as near as packets of whole 10 ms between 10 and 60 come to it.
fn packet_length(peer: &Description) -> u32 {
    let most = peer.maxptime.unwrap_or(60);
    let wish = peer.ptime.unwrap_or(PTIME_MS).min(most);
    (wish / 10 * 10).clamp(10, 60)
}

fn offered_audio(port: u16, proto: &str, offered: &Offered, direction: Direction) -> Media {
    audio(port, proto, &offered.codecs, offered.telephone_event, direction)
}

fn audio(
    port: u16,
    proto: &str,
    formats: &[(Codec, u8)],
    telephone_event: Option<u8>,
    direction: Direction,
) -> Media {
    let numbers: Vec<String> =
        formats.iter().map(|(_, n)| *n).chain(telephone_event).map(|n| n.to_string()).collect();
    let mut media = media_line("audio", port, proto, &numbers.join(" "));
    let clock = Codec::CLOCK_RATE;
    let mut say = |name: &str, value: String| media.attributes.push(Attribute::with_value(name, value));
    for (codec, number) in formats {
        say("rtpmap", format!("{number} {codec}/{clock}"));
    }
    if let Some(number) = telephone_event {
        say("rtpmap", format!("{number} telephone-event/{clock}"));
        say("fmtp", format!("{number} 0-15"));
    }
    say("ptime", PTIME_MS.to_string());
    media.attributes.push(Attribute::new(direction.name()));
    media
}

/// A line of the peer's that we do not take.
fn refused(line: &MediaLine) -> Media {
    media_line(&line.media, 0, &line.proto, &line.formats)
}

fn media_line(media: &str, port: u16, proto: &str, formats: &str) -> Media {
    Media {
        media: media.to_owned(),
        port,
        num_ports: None,
        proto: proto.to_owned(),
        fmt: formats.to_owned(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}

fn write(local: &Local, medias: Vec<Media>) -> String {
    let origin = Origin::with_ip_addr(local.session_id, local.version, local.address);
    let mut session = Session::new(origin, "-");
    session.connection = Some(Connection::from_ip_addr(local.address));
    session.medias = medias;
    let mut text = Vec::with_capacity(320);
    // Writing into memory cannot fail.
    _ = session.write(&mut text);
    String::from_utf8(text).unwrap_or_default()
}
