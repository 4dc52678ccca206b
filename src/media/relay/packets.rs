//! A packet that came in: whose it is, what it carries, and every leg that hears it.

use super::super::dtmf::KeyPress;
use super::super::leg::{Carries, LastRtp, Packet, carries};
use super::super::rtcp::{LONGEST, Report};
use super::super::rtp::{self, Header};
use super::{DatagramOut, Event, Key, Mono, Output, Relay, SourceVerdict, Through};
use std::net::SocketAddr;

/// Octets of a datagram that are read: more than any RTP packet on an Ethernet.
pub const DATAGRAM: usize = 2_048;

/// A datagram that came in by a leg's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram {
    /// The leg.
    pub key: Key,
    /// Which of its sockets.
    pub through: Through,
    /// Where it came from.
    pub from: SocketAddr,
    /// Its length.
    pub length: usize,
}

/// What an RTP packet of the leg's peer noted.
struct Noted {
    packet: Packet,
    /// The first leg that hears it.
    first: Key,
    /// Whether the leg may be heard at present.
    receives: bool,
    told: Option<KeyPress>,
}

impl Relay {
    /// Takes a datagram at the beginning of `buffer` and sends it, rewritten, through `send` to every leg that hears it. For
    /// the last one it is rewritten in place; `buffer` must have room for [`DATAGRAM`] octets. Whatever arrives, nothing is
    /// harmed: what cannot be used is counted and dropped.
    pub fn receive(
        &mut self,
        now: Mono,
        datagram: Datagram,
        buffer: &mut [u8],
        out: &mut Vec<Output>,
        mut send: impl FnMut(DatagramOut, &[u8]),
    ) {
        let Some(packet) = buffer.get(..datagram.length) else { return };
        if datagram.through == Through::Rtcp || rtp::is_rtcp(packet) {
            self.pass_report(now, datagram, packet, &mut send);
        } else if let Some(header) = Header::read(packet) {
            if let Some(noted) = self.note(now, datagram, header, buffer, out) {
                self.pass(now, noted, buffer, &mut send);
            }
        } else {
            self.counts.bad += 1;
        }
    }

    /// Notes what a packet says of its leg. `None` when no leg hears it.
    fn note(
        &mut self,
        now: Mono,
        Datagram { key, from, .. }: Datagram,
        header: Header,
        buffer: &[u8],
        out: &mut Vec<Output>,
    ) -> Option<Noted> {
        let leg = self.legs.get_mut(key.0 as usize)?.as_mut()?;
        match leg.latch.hear(now, from) {
            SourceVerdict::Refused => {
                self.counts.strays += 1;
                return None;
            }
            SourceVerdict::Accepted => {}
            SourceVerdict::Held(source) => out.push(Output::Hold(key, source)),
        }
        let remote = leg.remote.as_ref()?;
        let carries = carries(remote, header.payload_type);
        let receives = remote.direction.receives();
        if leg.last_rtp == LastRtp::Never {
            out.push(Output::Event(Event::RtpStarted { leg: leg.id }));
        }
        leg.last_rtp = LastRtp::At(now);
        let audio = matches!(carries, Carries::Audio(_));
        // Events that come between the audio under an SSRC of their own are no new source of it.
        if audio || leg.reception.ssrc().is_none_or(|ssrc| ssrc == header.ssrc) {
            leg.reception.hear(now, header.ssrc, header.sequence, header.timestamp, audio);
        }
        let told = match carries {
            Carries::TelephoneEvent => {
                leg.dtmf_receiver.on_packet(now, &header, buffer.get(header.payload.clone())?)
            }
            Carries::Audio(_) | Carries::Other => None,
        };
        out.extend(told.and_then(|told| told.event(leg.id)).map(Output::Event));
        let first = leg.heard_by?;
        Some(Noted { packet: Packet { from: key, carries, header }, first, receives, told })
    }

    /// Passes a packet on to all that hear it.
    fn pass(
        &mut self,
        now: Mono,
        noted: Noted,
        buffer: &mut [u8],
        send: &mut impl FnMut(DatagramOut, &[u8]),
    ) {
        let Noted { packet, first, receives, told } = noted;
        if !receives {
            let mut at = Some(first);
            while let Some(leg) = at.and_then(|at| self.leg(at)) {
                leg.egress.detach();
                at = leg.next_hearer();
            }
            return;
        }
        if let Some(told) = told {
            self.send_dtmf(now, packet.from, told);
        }
        let mut hearer = first;
        while let Some(next) = self.leg(hearer).and_then(|leg| leg.next_hearer()) {
            let mut copy = [0; DATAGRAM];
            let octets = buffer.len().min(DATAGRAM);
            copy[..octets].copy_from_slice(&buffer[..octets]);
            self.pass_to(now, hearer, &packet, &mut copy, send);
            hearer = next;
        }
        self.pass_to(now, hearer, &packet, buffer, send);
    }

    fn pass_to(
        &mut self,
        now: Mono,
        key: Key,
        packet: &Packet,
        buffer: &mut [u8],
        send: &mut impl FnMut(DatagramOut, &[u8]),
    ) {
        let Some((to, length)) = self.leg(key).and_then(|leg| leg.forward(now, packet, buffer)) else {
            return;
        };
        self.counts.relayed += 1;
        send(DatagramOut { key, through: Through::Rtp, to, length }, buffer);
    }

    fn pass_report(
        &mut self,
        now: Mono,
        Datagram { key, through, from, .. }: Datagram,
        packet: &[u8],
        send: &mut impl FnMut(DatagramOut, &[u8]),
    ) {
        let Some(leg) = self.legs.get_mut(key.0 as usize).and_then(Option::as_mut) else { return };
        if !leg.latch.knows(from.ip()) {
            self.counts.strays += 1;
            return;
        }
        let Some(report) = Report::read(packet, leg.egress.ssrc) else {
            self.counts.bad += 1;
            return;
        };
        if through == Through::Rtcp {
            leg.reports.source = Some(from);
        }
        leg.measure_round_trip(now, &report);
        let (heard, first) = (leg.heard_leg(), leg.heard_by);
        let mut answers = heard.filter(|_| report.reception.is_some());
        let mut at = first;
        while let Some(hearer) = at {
            answers = answers.filter(|heard| *heard != hearer);
            at = self.leg(hearer).and_then(|leg| leg.next_hearer());
            self.report_to(now, key, hearer, report, send);
        }
        // The leg that is heard without hearing back is told how its stream arrives, and no more.
        if let Some(heard) = answers {
            self.report_to(now, key, heard, Report { sender: None, goodbye: false, ..report }, send);
        }
    }

    /// Sends the report that came in by the leg `from` to the leg `key`, in the words of its stream.
    fn report_to(
        &mut self,
        now: Mono,
        from: Key,
        key: Key,
        report: Report,
        send: &mut impl FnMut(DatagramOut, &[u8]),
    ) {
        let theirs = self.leg(from).and_then(|leg| leg.egress.relayed()).filter(|r| r.comes_from(key.0));
        let Some(leg) = self.leg(key) else { return };
        let report = leg.translate_report(from, report, theirs);
        let Some((to, through)) = leg.report_target() else { return };
        if let Some(sender) = report.sender {
            leg.reports.passed = Some(((sender.ntp >> 16) as u32, now));
        }
        let mut written = [0; LONGEST];
        let length = report.write(leg.egress.ssrc, &mut written);
        self.counts.reports += 1;
        send(DatagramOut { key, through, to, length }, &written[..length]);
    }
}
