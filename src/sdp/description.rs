//! A peer's description: what is in it that matters to a call, and what must be echoed in an answer.
//!
//! Reading is forgiving where nothing depends on it (lines we have no use for, blanks, text in GB18030) and
//! strict where something does. `sdp-types` is the container; what the lines mean is decided here.

use super::audio::{self, Audio, Reading, TelephoneEvent};
use super::{Codec, Direction, Profile, SdpError, Security};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// The longest body looked at, in bytes. A telephone's is under 1 KiB, a browser's with many candidates 8 KiB.
pub const BODY_LIMIT: usize = 16 * 1024;

/// At most this many media lines; a body with more is refused with 488, because each wants a line in the answer.
pub const MEDIA_LIMIT: usize = 16;

/// What a peer said of itself (RFC 8866), reduced to its first audio stream that we can speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Where it takes RTP. Unspecified (`0.0.0.0`, `::`) when it is on hold the old way. In place of a host name stands the
    /// address its signalling came from.
    pub rtp: SocketAddr,
    /// Where it takes RTCP when the port is not shared: `a=rtcp` (RFC 3605), or the port after RTP's.
    pub rtcp: SocketAddr,
    /// Whether it can share the RTP port (RFC 5761).
    pub rtcp_mux: bool,
    /// The profile of its packets.
    pub profile: Profile,
    /// What secures them.
    pub security: Security,
    /// The stream's name (RFC 5888).
    pub mid: Option<Box<str>>,
    /// Whether that name is in a group whose streams share one transport (RFC 9143).
    pub bundled: bool,
    /// The codecs we know, with its payload type for each, in its order; never empty.
    pub codecs: Vec<(Codec, u8)>,
    /// Its payload types for telephone-event (RFC 4733), one for each clock rate.
    pub telephone_events: Vec<TelephoneEvent>,
    /// The payload types it gives a meaning to, known to us or not: one bit each.
    pub named: u128,
    /// Its direction, seen from the peer; an unspecified address counts as not listening.
    pub direction: Direction,
    /// Milliseconds per packet it would like to get.
    pub ptime: Option<u32>,
    /// Milliseconds per packet it can take at most.
    pub maxptime: Option<u32>,
    /// Every media line, in order, the one in use included.
    pub media: Vec<MediaLine>,
    /// Which of `media` is the one in use.
    pub audio: usize,
    /// The value of the `o=` line; empty when there was none. A repeated one means an unchanged description.
    pub origin: Box<str>,
}

/// One `m=` line as far as an answer must echo it (RFC 3264 section 6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaLine {
    /// `audio`, `video`, `image` and the like.
    pub media: Box<str>,
    /// `RTP/AVP` and the like.
    pub proto: Box<str>,
    /// The formats, separated by blanks.
    pub formats: Box<str>,
}

impl Description {
    /// Its payload type for telephone-event beside this codec: at the same clock rate (RFC 4733 section 7.1.1).
    pub fn telephone_event(&self, codec: Codec) -> Option<u8> {
        let clock_rate = codec.encoding().clock_rate;
        self.telephone_events.iter().find(|e| e.clock_rate == clock_rate).map(|e| e.payload_type)
    }

    /// Whether the peer asks us to send nothing: a hold, in whichever of its three spellings (`sendonly`,
    /// `inactive`, an unspecified address).
    pub fn is_hold(&self) -> bool {
        !self.direction.receives()
    }
}

/// Reads a session description.
///
/// Errors: longer than [`BODY_LIMIT`] (413); not a description (400); more than [`MEDIA_LIMIT`] media lines, or
/// no stream of plain RTP audio with a codec we know at a numeric address (488).
pub fn parse(body: &[u8]) -> Result<Description, SdpError> {
    read(body, Reading { profiles: &Profile::PLAIN, stand_in: None })
}

/// As [`parse`], of a description whose audio uses one of these profiles.
pub fn parse_profiles(body: &[u8], profiles: &[Profile]) -> Result<Description, SdpError> {
    read(body, Reading { profiles, stand_in: None })
}

/// As [`parse`], of a description whose signalling came from `sender`: that stands for a host name in `c=`. Names are not
/// resolved: nothing here waits for a name server, and the latch learns where the audio really is.
pub fn parse_from(body: &[u8], sender: IpAddr) -> Result<Description, SdpError> {
    read(body, Reading { profiles: &Profile::PLAIN, stand_in: Some(sender.to_canonical()) })
}

fn read(body: &[u8], reading: Reading<'_>) -> Result<Description, SdpError> {
    let (text, origin) = wanted_lines(body)?;
    let session = sdp_types::Session::parse(text.as_bytes()).map_err(malformed)?;
    if session.medias.len() > MEDIA_LIMIT {
        return Err(SdpError::Unacceptable("more media lines than an answer may have"));
    }
    let (index, audio) = first_usable(&session, reading)?;
    let Audio { rtp, rtcp, rtcp_mux, profile, security, mid, bundled, .. } = audio;
    let Audio { codecs, telephone_events, named, direction, ptime, maxptime, .. } = audio;
    let media = session.medias.into_iter().map(|m| MediaLine {
        media: m.media.into(),
        proto: m.proto.into(),
        formats: m.fmt.into(),
    });
    Ok(Description {
        rtp,
        rtcp,
        rtcp_mux,
        profile,
        security,
        mid,
        bundled,
        codecs,
        telephone_events,
        named,
        direction,
        ptime,
        maxptime,
        media: media.collect(),
        audio: index,
        origin,
    })
}

fn first_usable(session: &sdp_types::Session, reading: Reading<'_>) -> Result<(usize, Audio), SdpError> {
    let mut worst = None;
    for (index, media) in session.medias.iter().enumerate() {
        match audio::read(session, media, reading) {
            Ok(audio) => return Ok((index, audio)),
            // The fault of the first audio line tells more than that of a video line after it.
            Err(e) => worst = worst.or(e),
        }
    }
    Err(worst.unwrap_or(SdpError::Unacceptable("no audio")))
}

/// The lines something depends on, clean enough for the container: `v=`, `c=`, `m=`, `a=`; and the value of `o=`.
///
/// All others (a name in GBK, a bandwidth with a blank in it) could only make a good call fail.
fn wanted_lines(body: &[u8]) -> Result<(String, Box<str>), SdpError> {
    if body.len() > BODY_LIMIT {
        return Err(SdpError::TooLarge);
    }
    let mut text = String::with_capacity(body.len());
    let mut origin: Option<Box<str>> = None;
    for line in body.split(|&b| b == b'\n' || b == b'\r') {
        let line: String =
            String::from_utf8_lossy(line).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = line.trim();
        let Some((key, value)) = line.split_once('=') else {
            if line.is_empty() {
                continue;
            }
            return Err(SdpError::Malformed("a line that is no session description's"));
        };
        match key {
            "o" if origin.is_some() => return Err(SdpError::Malformed("two origins")),
            "o" => origin = Some(value.trim().into()),
            "v" | "a" => text.extend([key, "=", value.trim(), "\r\n"]),
            "c" | "m" => {
                let fields: Vec<&str> = value.split_whitespace().collect();
                // A rejected stream often comes without any format.
                let format = if key == "m" && fields.len() == 3 { " -" } else { "" };
                text.extend([key, "=", &fields.join(" "), format, "\r\n"]);
            }
            key if key.len() == 1 => {}
            _ => return Err(SdpError::Malformed("a line that is no session description's")),
        }
    }
    Ok((text, origin.unwrap_or_default()))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the errors of the parser")]
fn malformed(error: sdp_types::ParserError) -> SdpError {
    use sdp_types::ParserError as P;
    SdpError::Malformed(match error {
        P::NoVersion => "a session description without a version",
        P::InvalidVersion(..) | P::MultipleVersions(_) => "a version other than 0",
        P::MultipleConnections(_) => "two addresses for one session",
        P::InvalidFieldFormat(_, field) | P::MissingField(_, field) => field,
        _ => "a session description that cannot be read",
    })
}
