//! Offer and answer (RFC 3264) for one audio stream. Ours to send, the peer's to read; no state between them:
//! [`super::DescriptionAuthor`] keeps that.

use super::numbering::{Numbering, Offered, PayloadNumbers};
use super::security::{self, Security, Setup};
use super::{Codec, Description, Direction, Incompatible, MediaLine, Profile};
use sdp_types::{Attribute, Connection, Media, Origin, Session};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// Milliseconds per packet we ask for, and send unless asked otherwise.
pub const PTIME_MS: u32 = 20;

/// The priority of our only candidate: a host's, for the component that both share (RFC 8445 section 5.1.2.1).
const HOST_PRIORITY: u32 = 126 << 24 | 65_535 << 8 | 255;

/// Our side of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// Where we take RTP. The family decides between `IP4` and `IP6`.
    pub address: IpAddr,
    /// Our RTP port. RTCP is at the next one where nothing else is agreed.
    pub port: u16,
    /// What secures it.
    pub security: Security,
    /// The session id of `o=`; the same throughout a dialog.
    pub session_id: u64,
    /// The version of `o=`; higher by one whenever the description changes (RFC 3264 section 8).
    pub version: u64,
}

/// What both sides agreed on, seen from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    pub receive: PayloadNumbers,
    /// Ours: what we may send and what we get.
    pub direction: Direction,
    /// Milliseconds per packet the peer would like: a multiple of 10, from 10 to 60.
    pub ptime_ms: u32,
}

/// What was said of the media lines before an offer of ours. Nothing in a new dialog.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spoken<'a> {
    pub media: &'a [MediaLine],
    /// Which of them is ours.
    pub audio: usize,
    /// Its name.
    pub mid: Option<&'a str>,
}

/// Our first offer in a dialog: `codecs` in the order we like them, telephone-event, and `direction`.
pub fn offer(local: &Local, codecs: &[Codec], direction: Direction) -> String {
    offer_with(local, &Numbering::default().offer(codecs), direction, Spoken::default())
}

/// As [`offer`], with these payload types. Inside a dialog where media lines were already spoken of: the same lines in the
/// same order (RFC 3264 section 8), all but ours switched off.
pub(super) fn offer_with(
    local: &Local,
    offered: &Offered,
    direction: Direction,
    spoken: Spoken<'_>,
) -> String {
    let profile = match local.security {
        Security::Plain => Profile::Avp,
        Security::Dtls(_) => Profile::DtlsSavpf,
    };
    let mid = spoken.mid.unwrap_or("0");
    let ours = Line {
        proto: profile.name(),
        codecs: &offered.codecs,
        telephone_event: offered.telephone_event,
        direction,
        rtcp_mux: profile.is_encrypted(),
        setup: Setup::ActPass,
        mid: Some(mid),
    };
    let again = spoken.media.iter().enumerate().map(|(i, line)| match i == spoken.audio {
        true => audio(local, &Line { proto: &line.proto, ..ours }),
        false => refused(line),
    });
    let mut lines: Vec<Media> = again.collect();
    if lines.is_empty() {
        lines.push(audio(local, &ours));
    }
    write(local, lines, Some(mid))
}

/// Our answer to `offer`: its first codec that is also in `codecs`, its payload types, no more than `direction`
/// and no more than it leaves us; every other media line with port 0, in place.
pub fn answer(
    offer: &Description,
    local: &Local,
    codecs: &[Codec],
    direction: Direction,
) -> Result<(String, Negotiated), Incompatible> {
    let (codec, payload_type) = common(codecs, offer)?;
    match (&local.security, &offer.security) {
        (Security::Plain, Security::Plain) => {}
        // We are the DTLS server: the peer begins once its checks have reached us, through whatever stands between.
        (Security::Dtls(_), Security::Dtls(theirs)) if theirs.setup.begins() => {}
        (Security::Plain | Security::Dtls(_), Security::Plain | Security::Dtls(_)) => {
            return Err(Incompatible::Security);
        }
    }
    let direction = direction.and(offer.direction.reversed());
    // Our answer repeats the offer's numbers: they hold both ways.
    let receive = PayloadNumbers { audio: payload_type, telephone_event: offer.telephone_event(codec) };
    let negotiated = negotiated(offer, codec, payload_type, receive, direction);
    let mid = offer.mid.as_deref();
    let lines = offer.media.iter().enumerate().map(|(i, line)| {
        if i != offer.audio {
            return refused(line);
        }
        let line = Line {
            proto: &line.proto,
            codecs: &[(codec, payload_type)],
            telephone_event: receive.telephone_event,
            direction,
            rtcp_mux: offer.rtcp_mux,
            setup: Setup::Passive,
            mid,
        };
        audio(local, &line)
    });
    Ok((write(local, lines.collect(), mid.filter(|_| offer.bundled)), negotiated))
}

/// What the peer's answer to our offer of `offered` comes to. It may name other numbers than the offer: those are what
/// the peer takes, and those of the offer are what it sends (RFC 3264 section 6.1).
pub fn accepted(offered: &Offered, answer: &Description) -> Result<Negotiated, Incompatible> {
    let codecs: Vec<Codec> = offered.codecs.iter().map(|(codec, _)| *codec).collect();
    let (codec, payload_type) = common(&codecs, answer)?;
    // A shared port is offered where the stream is encrypted, and only there. What was not offered cannot be accepted.
    let rtcp_mux = match &answer.security {
        Security::Plain => false,
        Security::Dtls(theirs) if theirs.setup == Setup::Active => true,
        Security::Dtls(_) => return Err(Incompatible::Security),
    };
    let ours = offered.codecs.iter().find(|(c, _)| *c == codec).map_or(payload_type, |(_, number)| *number);
    let receive = PayloadNumbers { audio: ours, telephone_event: offered.telephone_event };
    let direction = answer.direction.reversed();
    Ok(Negotiated {
        rtcp: if rtcp_mux { answer.rtp } else { answer.rtcp },
        rtcp_mux,
        telephone_event: answer.telephone_event(codec).filter(|_| offered.telephone_event.is_some()),
        ..negotiated(answer, codec, payload_type, receive, direction)
    })
}

fn common(ours: &[Codec], theirs: &Description) -> Result<(Codec, u8), Incompatible> {
    theirs.codecs.iter().copied().find(|(codec, _)| ours.contains(codec)).ok_or(Incompatible::Codec)
}

fn negotiated(
    peer: &Description,
    codec: Codec,
    payload_type: u8,
    receive: PayloadNumbers,
    direction: Direction,
) -> Negotiated {
    Negotiated {
        rtp: peer.rtp,
        rtcp: if peer.rtcp_mux { peer.rtp } else { peer.rtcp },
        rtcp_mux: peer.rtcp_mux,
        codec,
        payload_type,
        telephone_event: peer.telephone_event(codec),
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

/// What our audio line says, beside where we are and what secures it.
#[derive(Clone, Copy)]
struct Line<'a> {
    proto: &'a str,
    codecs: &'a [(Codec, u8)],
    telephone_event: Option<u8>,
    direction: Direction,
    rtcp_mux: bool,
    setup: Setup,
    mid: Option<&'a str>,
}

fn audio(local: &Local, line: &Line<'_>) -> Media {
    let numbers: Vec<String> =
        line.codecs.iter().map(|(_, n)| *n).chain(line.telephone_event).map(|n| n.to_string()).collect();
    let mut media = media_line("audio", local.port, line.proto, &numbers.join(" "));
    let mut say = |name: &str, value: String| media.attributes.push(Attribute::with_value(name, value));
    for (codec, number) in line.codecs {
        say("rtpmap", format!("{number} {}", codec.encoding()));
    }
    if let (Some(number), Some((codec, _))) = (line.telephone_event, line.codecs.first()) {
        say("rtpmap", format!("{number} telephone-event/{}", codec.encoding().clock_rate));
        say("fmtp", format!("{number} 0-15"));
    }
    say("ptime", PTIME_MS.to_string());
    media.attributes.push(Attribute::new(line.direction.name()));
    if line.rtcp_mux {
        media.attributes.push(Attribute::new("rtcp-mux"));
    }
    if let Security::Dtls(dtls) = &local.security {
        media.attributes.extend(line.mid.map(|mid| Attribute::with_value("mid", mid)));
        let candidate = format!("1 1 udp {HOST_PRIORITY} {} {} typ host", local.address, local.port);
        media.attributes.push(Attribute::with_value("candidate", candidate));
        security::write(&mut media.attributes, dtls, line.setup);
    }
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

/// The whole description. An encrypted one says that our ICE agent is a lite one, and which line has a transport: `bundled`.
fn write(local: &Local, medias: Vec<Media>, bundled: Option<&str>) -> String {
    let origin = Origin::with_ip_addr(local.session_id, local.version, local.address);
    let mut session = Session::new(origin, "-");
    session.connection = Some(Connection::from_ip_addr(local.address));
    if let Security::Dtls(_) = &local.security {
        session.attributes.push(Attribute::new("ice-lite"));
        session.attributes.extend(bundled.map(|mid| Attribute::with_value("group", format!("BUNDLE {mid}"))));
    }
    session.medias = medias;
    let mut text = Vec::with_capacity(320);
    // Writing into memory cannot fail.
    _ = session.write(&mut text);
    String::from_utf8(text).unwrap_or_default()
}
