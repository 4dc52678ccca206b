//! One leg of the relay: who its peer is, what it is sent, how well it is heard, and what it is doing.

use super::Family;
use super::command::Remote;
use super::dtmf::Presses;
use super::egress::{Came, Egress};
use super::g711;
use super::latch::Latch;
use super::press::Pressing;
use super::prompt::Prompt;
use super::quality::Reception;
use super::quiet::Quiet;
use super::rtp::{HEADER, Header};
use crate::event::MediaQuality;
use crate::id::LegId;
use crate::sdp::{Codec, Numbers};
use crate::time::{Duration, Mono};
use std::net::SocketAddr;
use std::sync::Arc;

/// A leg's place in the relay. Places are used again when a leg is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u32);

/// One leg, about 400 octets.
#[derive(Debug)]
pub(super) struct Leg {
    pub id: LegId,
    pub family: Family,
    pub port: u16,
    pub remote: Option<Remote>,
    pub latch: Latch,
    pub reports: Reports,
    pub heard: Heard,
    pub egress: Egress,
    pub reception: Reception,
    pub presses: Box<Presses>,
    pub doing: Doing,
    /// Keys being said to it.
    pub pressing: Option<Box<Pressing>>,
    /// Its silence alone is told of.
    pub quiet: Option<Quiet>,
}

/// When RTP of the leg's peer was last accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Not since its last description.
    NotYet,
    /// Then.
    At(Mono),
}

/// The leg's RTCP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reports {
    pub socket: ReportSocket,
    /// Where the peer's reports come from, once one came.
    pub source: Option<SocketAddr>,
    /// The last sender report passed to the peer: the middle of its NTP time, and when.
    pub passed: Option<(u32, Mono)>,
    pub round_trip: Option<Duration>,
}

/// Whether the leg has its RTCP socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReportSocket {
    /// Not before then: short calls never need it.
    From(Mono),
    /// Asked for, or not needed.
    Settled,
}

/// What the leg is doing.
#[derive(Debug)]
pub(super) enum Doing {
    /// The port is not certain yet; how many were tried.
    Binding { tried: u32 },
    /// Nothing is sent.
    Idle,
    /// It hears a prompt.
    Playing(Playing),
    /// It hears another leg and is heard by it.
    Bridged(Bridged),
}

/// A prompt on its way.
#[derive(Debug)]
pub(super) struct Playing {
    pub prompt: Arc<Prompt>,
    pub frame: u32,
    pub repeat: bool,
    pub play: u32,
}

/// One end of a bridge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bridged {
    pub peer: Key,
    pub watch: Watch,
}

/// The watch over a bridge's silence, the same at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    /// Silence counts from here when nothing was heard later.
    Since(Mono),
    /// It was told.
    Told,
}

/// What a packet of the peer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    Audio(Codec),
    Press,
    Other,
}

impl Leg {
    pub(super) fn new(id: LegId, family: Family, port: u16, egress: Egress) -> Leg {
        Leg {
            id,
            family,
            port,
            remote: None,
            latch: Latch::default(),
            reports: Reports { socket: ReportSocket::Settled, source: None, passed: None, round_trip: None },
            heard: Heard::NotYet,
            egress,
            reception: Reception::default(),
            presses: Box::default(),
            doing: Doing::Binding { tried: 1 },
            pressing: None,
            quiet: None,
        }
    }

    /// Where RTP may be sent now, and what the peer takes there.
    pub(super) fn target(&self) -> Option<(SocketAddr, &Remote)> {
        let remote = self.remote.as_ref().filter(|r| r.direction.sends())?;
        Some((self.latch.target()?, remote))
    }

    /// Where reports are sent, and whether through the RTP port.
    pub(super) fn report_target(&self) -> Option<(SocketAddr, Through)> {
        let remote = self.remote.as_ref()?;
        if remote.rtcp_mux {
            return Some((self.latch.target()?, Through::Rtp));
        }
        let target = self.latch.target()?;
        // Where reports came from counts while it is the host RTP is sent to.
        let described = Some(remote.rtcp).filter(|a| a.port() != 0);
        let places = [self.reports.source, described].into_iter().flatten();
        Some((places.into_iter().find(|place| place.ip() == target.ip())?, Through::Rtcp))
    }

    /// Whether to tell now that the leg, which is watched, fell silent.
    pub(super) fn fell_quiet(&mut self, now: Mono) -> bool {
        let owes = self.peer().is_some() && self.remote.is_none_or(|r| r.direction.receives());
        let Some(quiet) = &mut self.quiet else { return false };
        if !owes {
            quiet.excuse(now);
            return false;
        }
        let heard = match self.heard {
            Heard::At(at) => Some(at),
            Heard::NotYet => None,
        };
        quiet.is_told(now, heard)
    }

    /// Its silence so far says nothing: nothing was read.
    pub(super) fn excuse(&mut self, now: Mono) {
        if let Some(quiet) = &mut self.quiet {
            quiet.excuse(now);
        }
        if let Doing::Bridged(Bridged { watch: watch @ Watch::Since(_), .. }) = &mut self.doing {
            *watch = Watch::Since(now);
        }
    }

    pub(super) fn peer(&self) -> Option<Key> {
        match self.doing {
            Doing::Bridged(b) => Some(b.peer),
            Doing::Binding { .. } | Doing::Idle | Doing::Playing(_) => None,
        }
    }

    pub(super) fn quality(&self) -> MediaQuality {
        let round_trip = self.reports.round_trip;
        MediaQuality {
            leg: Some(self.id),
            codec: Arc::from(self.remote.map_or("", |r| r.codec.name())),
            received: self.reception.received(),
            sent: self.egress.packets,
            lost: self.reception.lost(),
            jitter: self.reception.jitter(),
            round_trip,
            mos: self.reception.mos(round_trip),
        }
    }
}

impl Leg {
    /// Rewrites a packet of the bridge's other leg for this one. Gives the address and the length, or drops it.
    pub(super) fn forward(
        &mut self,
        now: Mono,
        (from, carries): (Key, Carries),
        header: &mut Header,
        buffer: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let Some((to, remote)) = self.target() else {
            self.egress.detach();
            return None;
        };
        if self.pressing.is_some() {
            return None;
        }
        let codec = match carries {
            Carries::Audio(codec) if !header.payload.is_empty() => codec,
            // A press is said anew: see `press`.
            Carries::Audio(_) | Carries::Press | Carries::Other => {
                self.egress.skip(header.ssrc, header.sequence);
                return None;
            }
        };
        let payload_type = remote.payload_type;
        g711::convert(buffer.get_mut(header.payload.clone())?, codec, remote.codec);
        let stamp = self.egress.relay(
            now,
            Came {
                from: from.0,
                ssrc: header.ssrc,
                sequence: header.sequence,
                timestamp: header.timestamp,
                // One octet of G.711 is one sample.
                samples: Some(header.payload.len() as u32),
            },
        )?;
        header.payload_type = payload_type;
        header.marker |= stamp.begins;
        header.sequence = stamp.sequence;
        header.timestamp = stamp.timestamp;
        header.ssrc = self.egress.ssrc;
        let length = header.write(buffer);
        self.egress.sent(length - HEADER);
        Some((to, length))
    }
}

/// The socket of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// The even port.
    Rtp,
    /// The odd port.
    Rtcp,
}

/// What a payload type means to the leg. Its peer sends under the numbers we said we take (RFC 3264 section 5.1); some send
/// under those they take themselves, which is understood where ours do not say otherwise. Both laws of G.711 are understood
/// by their static numbers (RFC 3551), since some peers change between them without a word.
pub(super) fn carries(remote: &Remote, payload_type: u8) -> Carries {
    let theirs = Numbers { audio: remote.payload_type, telephone_event: remote.telephone_event };
    for numbers in [remote.receive, theirs] {
        if numbers.audio == payload_type {
            return Carries::Audio(remote.codec);
        }
        if numbers.telephone_event == Some(payload_type) {
            return Carries::Press;
        }
    }
    Codec::of_static(payload_type).map_or(Carries::Other, Carries::Audio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_costs_half_a_kibibyte_at_most() {
        assert!(size_of::<Leg>() <= 512, "{} octets", size_of::<Leg>());
    }
}
