//! What the control plane asks of the media plane, and what it hears back. Values only: no sockets here.
//!
//! Commands about one leg are obeyed in the order they were sent. A command about a leg that is not open
//! is ignored, because the control plane may ask for a thing while `Closed` is on its way to it.

use super::Family;
use super::egress::Gap;
use super::latch::Latching;
use super::numbers::RtpNumbers;
use crate::event::MediaQuality;
use crate::id::LegId;
use crate::sdp::Negotiated;
use crate::time::Duration;
use std::sync::Arc;

/// What the control plane asks of the media plane.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Take a port pair for this leg. Answered by [`Event::Opened`] or [`Event::OpenFailed`].
    Open {
        /// The new leg.
        leg: LegId,
        /// The family of the peers it will have.
        family: Family,
        /// What it goes on with, when another process had it. Send these before any other: the pairs of other legs are drawn
        /// by lot.
        resume: Option<Resumed>,
    },
    /// What the leg's peer said of itself in SDP. May come again after a re-INVITE; each one allows the
    /// media source to be learned anew once.
    Remote {
        /// The leg.
        leg: LegId,
        /// Where the peer is and what it takes.
        remote: Negotiated,
        /// How its source is learned.
        latching: Latching,
    },
    /// What the leg is sent from now on: this and nothing else. The source that is already there goes on without a break;
    /// a prompt that is replaced is answered by [`Event::Played`] with `complete: false`. Two legs that talk are two of
    /// these, one for each direction. When a leg closes, those that heard it hear silence.
    Hear {
        /// The leg.
        leg: LegId,
        /// What it hears.
        source: Source,
    },
    /// A key was pressed on the leg, as its signalling tells. Unless its RTP told of the same press, that is answered by
    /// [`Event::Digit`], and the legs that hear it hear the key when they take telephone-events (RFC 4733).
    Pressed {
        /// The leg.
        leg: LegId,
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        key: char,
        /// How long it is held.
        held: Duration,
    },
    /// Tell when this leg sends no RTP for so long, whatever it hears, may send, or sent before: by [`Event::RtpTimeout`], and
    /// again each time that much more has passed.
    RtpTimeout {
        /// The leg.
        leg: LegId,
        /// How long.
        after: Duration,
    },
    /// Give the leg's ports back. Answered by [`Event::Closed`].
    Close {
        /// The leg.
        leg: LegId,
    },
}

impl Command {
    /// The leg it is about.
    pub fn leg(&self) -> LegId {
        match self {
            Command::Open { leg, .. }
            | Command::Remote { leg, .. }
            | Command::Hear { leg, .. }
            | Command::Pressed { leg, .. }
            | Command::RtpTimeout { leg, .. }
            | Command::Close { leg } => *leg,
        }
    }
}

/// A leg of another process that goes on in this one. What it hears ([`Command::Hear`], once all legs are open) and its peer's
/// description ([`Command::Remote`]) are commanded anew, best in this order: what waits in its socket is then heard. It is
/// sent to where it was sent to, before its peer sends anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// Its RTP port, which its peer sends to. It is taken also when it rests or is of another range; when another program has
    /// it, [`Event::OpenFailed`] says [`OpenFailure::AllTaken`].
    pub port: u16,
    /// Its streams. Without them a new stream begins.
    pub streams: Option<ResumedStreams>,
}

/// The streams of a leg that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumedStreams {
    /// Their numbers.
    pub numbers: RtpNumbers,
    /// What lies between.
    pub gap: Gap,
}

/// What a leg hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nothing is sent.
    Silence,
    /// A prompt from its beginning, and nothing after its end.
    Prompt {
        /// The prompt's name. An unknown name is answered by [`Event::Played`] with `complete: false`.
        prompt: Arc<str>,
        /// Whether to begin again at its end.
        repeat: bool,
        /// The asker's number, given back in [`Event::Played`]. The same prompt with a new number begins anew.
        play: u32,
    },
    /// What another leg's peer sends. A leg that is not open, and the leg itself, are silence.
    Leg(LegId),
}

/// What came of binding a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The port is ours.
    Ours,
    /// Another program holds this port.
    Taken,
    /// No port can be bound.
    Short(Shortage),
}

/// Why a leg got no ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenFailure {
    /// Every pair of the range is in use or rests.
    NoneFree,
    /// Other programs hold all that were tried.
    AllTaken,
    /// No port can be bound.
    Short(Shortage),
}

/// What is missing for a socket, whatever its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// File descriptors: the limit of the process or of the machine.
    Descriptors,
    /// Memory of the kernel.
    Memory,
    /// The configured address, or whatever else the kernel will not give.
    Address,
}

/// Our side of a leg's media, as its description tells it to the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalMedia {
    /// RTP and RTCP without encryption, each at its own port.
    Plain {
        /// The RTP port, always even.
        rtp: u16,
        /// The RTCP port: the next one.
        rtcp: u16,
    },
}

impl LocalMedia {
    /// The port pair whose RTP port is this one.
    pub fn plain(rtp: u16) -> LocalMedia {
        LocalMedia::Plain { rtp, rtcp: rtp.saturating_add(1) }
    }
}

/// What the media plane tells the control plane.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The leg has its ports.
    Opened {
        /// The leg.
        leg: LegId,
        /// What it has.
        local: LocalMedia,
    },
    /// The leg got no ports; it is not open.
    OpenFailed {
        /// The leg.
        leg: LegId,
        /// Why.
        why: OpenFailure,
    },
    /// The first RTP packet of the leg's peer was accepted. Once for each [`Command::Remote`] that says something new.
    RtpStarted {
        /// The leg.
        leg: LegId,
    },
    /// A prompt ended.
    Played {
        /// The leg.
        leg: LegId,
        /// The number given in [`Source::Prompt`].
        play: u32,
        /// Whether it was played to its end.
        complete: bool,
    },
    /// A key was pressed, once for each press, by whichever carriage it came: as telephone-events (RFC 4733), or by
    /// [`Command::Pressed`].
    Digit {
        /// The leg.
        leg: LegId,
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        digit: char,
        /// How long it is held, where that is known already.
        held: Option<Duration>,
    },
    /// Neither of two legs that hear each other sent RTP for the configured time, although one of them may. Once for each
    /// such talk, until a new [`Command::Remote`] starts the time anew.
    Silent {
        /// One leg.
        a: LegId,
        /// The other leg.
        b: LegId,
    },
    /// A leg that is watched sent no RTP for the time asked for. See [`Command::RtpTimeout`].
    RtpTimeout {
        /// The leg.
        leg: LegId,
    },
    /// The leg is closed and its ports rest.
    Closed {
        /// The leg.
        leg: LegId,
        /// How its media was.
        quality: MediaQuality,
    },
}
