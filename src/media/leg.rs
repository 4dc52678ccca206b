//! One leg of the relay: who its peer is, what it is sent, how well it is heard, and what it is doing.

use super::Family;
use super::command::Source;
use super::dtmf::DtmfReceiver;
use super::dtmf_send::DtmfSender;
use super::egress::{Egress, ReceivedPacket};
use super::g711;
use super::latch::Latch;
use super::numbers::RtpNumbers;
use super::prompt::Prompt;
use super::quality::Reception;
use super::rtp::{HEADER, Header};
use super::rtp_timeout::RtpTimeout;
use crate::event::MediaQuality;
use crate::id::LegId;
use crate::sdp::{Codec, Negotiated, PayloadNumbers};
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
    pub binding: PortBinding,
    pub remote: Option<Negotiated>,
    pub latch: Latch,
    pub reports: Reports,
    pub last_rtp: LastRtp,
    pub egress: Egress,
    pub reception: Reception,
    pub dtmf_receiver: Box<DtmfReceiver>,
    /// What it was told to hear, and how that stands.
    pub source: Source,
    pub hears: Hears,
    /// The first of the legs that hear it; each knows the next one. One look says where a packet goes.
    pub heard_by: Option<Key>,
    /// Its silence alone is told of.
    pub rtp_timeout: Option<RtpTimeout>,
}

/// When RTP of the leg's peer was last accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastRtp {
    /// Not since its last description.
    Never,
    /// Then.
    At(Mono),
}

/// The leg's RTCP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reports {
    pub socket: ReportSocket,
    /// Where the peer's reports come from, once one received.
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

/// Whether the leg has its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PortBinding {
    /// Not certain yet; how many were tried.
    Trying(u32),
    /// The port is bound.
    Bound,
}

/// What the leg is being sent.
#[derive(Debug)]
pub(super) enum Hears {
    /// Nothing, or nothing any more: its prompt has ended.
    Silence,
    /// A prompt.
    Prompt(Playing),
    /// Another leg.
    Leg(Hearing),
}

/// A prompt on its way.
#[derive(Debug)]
pub(super) struct Playing {
    pub prompt: Arc<Prompt>,
    pub frame: u32,
    pub repeat: bool,
    pub play: u32,
}

/// One leg hearing another.
#[derive(Debug)]
pub(super) struct Hearing {
    pub of: Key,
    /// The next leg that hears the same one.
    pub next: Option<Key>,
    pub silence: TalkSilence,
    /// Keys being said to it.
    pub dtmf: Option<Box<DtmfSender>>,
}

/// The watch over the silence of two legs that hear each other, the same at both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TalkSilence {
    /// Silence counts from here when nothing was heard later.
    Since(Mono),
    /// The silence was told.
    Told,
}

/// What a packet of the peer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    Audio(Codec),
    TelephoneEvent,
    Other,
}

/// An RTP packet that a leg's peer sent.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    /// The leg it came in by.
    pub from: Key,
    pub carries: Carries,
    pub header: Header,
}

impl Leg {
    pub(super) fn new(id: LegId, family: Family, port: u16, egress: Egress) -> Leg {
        Leg {
            id,
            family,
            port,
            binding: PortBinding::Trying(1),
            remote: None,
            latch: Latch::default(),
            reports: Reports { socket: ReportSocket::Settled, source: None, passed: None, round_trip: None },
            last_rtp: LastRtp::Never,
            egress,
            reception: Reception::default(),
            dtmf_receiver: Box::default(),
            source: Source::Silence,
            hears: Hears::Silence,
            heard_by: None,
            rtp_timeout: None,
        }
    }

    /// Goes on with what another process knew.
    pub(super) fn go_on(&mut self, numbers: &RtpNumbers) {
        self.latch = numbers.source.map_or(Latch::default(), Latch::resumed);
        self.reports.source = numbers.reports_source;
        self.reception = Reception::resumed(numbers.received);
    }

    /// The numbers of its streams at this moment.
    pub(super) fn numbers(&self, now: Mono) -> RtpNumbers {
        RtpNumbers {
            sent: self.egress.numbers(now),
            received: self.reception.numbers(),
            source: self.latch.latched(),
            reports_source: self.reports.source,
        }
    }

    /// Where RTP may be sent now, and what the peer takes there.
    pub(super) fn target(&self) -> Option<(SocketAddr, &Negotiated)> {
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

    /// Whether to tell now that the leg, which is watched, sends nothing.
    pub(super) fn rtp_timed_out(&mut self, now: Mono) -> bool {
        let heard = self.last_heard();
        self.rtp_timeout.as_mut().is_some_and(|timeout| timeout.is_due(now, heard))
    }

    /// Its silence so far says nothing: nothing was read.
    pub(super) fn restart(&mut self, now: Mono) {
        if let Some(timeout) = &mut self.rtp_timeout {
            timeout.restart(now);
        }
        if let Some(Hearing { silence: silence @ TalkSilence::Since(_), .. }) = self.hearing() {
            *silence = TalkSilence::Since(now);
        }
    }

    /// When its peer was heard last.
    pub(super) fn last_heard(&self) -> Option<Mono> {
        match self.last_rtp {
            LastRtp::At(at) => Some(at),
            LastRtp::Never => None,
        }
    }

    /// Whether keys are being said to it.
    pub(super) fn is_sending_dtmf(&self) -> bool {
        matches!(&self.hears, Hears::Leg(hearing) if hearing.dtmf.is_some())
    }

    /// The leg it hears.
    pub(super) fn heard_leg(&self) -> Option<Key> {
        match &self.hears {
            Hears::Leg(hearing) => Some(hearing.of),
            Hears::Silence | Hears::Prompt(_) => None,
        }
    }

    /// How it hears another leg.
    pub(super) fn hearing(&mut self) -> Option<&mut Hearing> {
        match &mut self.hears {
            Hears::Leg(hearing) => Some(hearing),
            Hears::Silence | Hears::Prompt(_) => None,
        }
    }

    /// The leg after this one among those that hear the same one.
    pub(super) fn next_hearer(&self) -> Option<Key> {
        match &self.hears {
            Hears::Leg(hearing) => hearing.next,
            Hears::Silence | Hears::Prompt(_) => None,
        }
    }

    pub(super) fn quality(&self) -> MediaQuality {
        let round_trip = self.reports.round_trip;
        MediaQuality {
            leg: Some(self.id),
            codec: Arc::from(self.remote.map_or("", |r| r.codec.name())),
            received: self.reception.received(),
            sent: self.egress.total(),
            lost: self.reception.lost(),
            jitter: self.reception.jitter(),
            round_trip,
            mos: self.reception.mos(round_trip),
        }
    }
}

impl Leg {
    /// Rewrites a packet of the leg it hears for this one. Gives the address and the length, or drops it.
    pub(super) fn forward(
        &mut self,
        now: Mono,
        packet: &Packet,
        buffer: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let Packet { from, carries, header } = packet;
        let Some((to, remote)) = self.target() else {
            self.egress.detach();
            return None;
        };
        if self.is_sending_dtmf() {
            return None;
        }
        let codec = match *carries {
            Carries::Audio(codec) if !header.payload.is_empty() => codec,
            // A press is said anew: see `press`.
            Carries::Audio(_) | Carries::TelephoneEvent | Carries::Other => {
                self.egress.skip(header.ssrc, header.sequence);
                return None;
            }
        };
        let payload_type = remote.payload_type;
        g711::convert(buffer.get_mut(header.payload.clone())?, codec, remote.codec);
        let stamp = self.egress.relay(
            now,
            ReceivedPacket {
                from: from.0,
                ssrc: header.ssrc,
                sequence: header.sequence,
                timestamp: header.timestamp,
                // One octet of G.711 is one sample.
                samples: Some(header.payload.len() as u32),
            },
        )?;
        let header = Header {
            payload_type,
            marker: header.marker || stamp.begins,
            sequence: stamp.sequence,
            timestamp: stamp.timestamp,
            ssrc: self.egress.ssrc,
            payload: header.payload.clone(),
        };
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
pub(super) fn carries(remote: &Negotiated, payload_type: u8) -> Carries {
    let theirs = PayloadNumbers { audio: remote.payload_type, telephone_event: remote.telephone_event };
    for numbers in [remote.receive, theirs] {
        if numbers.audio == payload_type {
            return Carries::Audio(remote.codec);
        }
        if numbers.telephone_event == Some(payload_type) {
            return Carries::TelephoneEvent;
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
