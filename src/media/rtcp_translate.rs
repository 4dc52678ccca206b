//! Reports of one leg put into the words of the other (RFC 3550 section 6.4): see `rtcp` for what is passed on.

use super::egress::Relayed;
use super::leg::{Key, Leg};
use super::rtcp::{Block, Report, Sender};
use crate::time::{Duration, Mono};

impl Leg {
    /// Learns the round trip to this leg's peer from its echo of a sender report we passed to it.
    pub(super) fn measure_round_trip(&mut self, now: Mono, report: &Report) {
        let (Some(block), Some((passed, at))) = (report.reception, self.reports.passed) else { return };
        if block.last_report != passed {
            return;
        }
        let held = Duration::from_nanos(u64::from(block.delay) * 1_000_000_000 / 65_536);
        self.reports.round_trip = now.since(at).checked_sub(held).or(self.reports.round_trip);
    }

    /// The report that came in by the leg `from`, as this leg's peer must hear it. `theirs` is the stream `from` is sent, when
    /// that is this leg's peer's own: what the report's reception block is about.
    pub(super) fn translate_report(&self, from: Key, report: Report, theirs: Option<Relayed>) -> Report {
        let ours = self.egress.relayed().filter(|r| r.comes_from(from.0));
        let sender = report.sender.zip(ours).filter(|(s, r)| s.ssrc == r.ssrc).map(|(s, r)| Sender {
            ssrc: self.egress.ssrc,
            ntp: s.ntp,
            timestamp: s.timestamp.wrapping_add(r.timestamp_offset),
            packets: self.egress.packets as u32,
            octets: self.egress.octets,
        });
        let reception =
            report.reception.zip(theirs).filter(|(_, r)| Some(r.ssrc) == self.reception.ssrc()).map(
                |(b, r)| Block {
                    ssrc: r.ssrc,
                    highest: b.highest & 0xffff_0000
                        | u32::from((b.highest as u16).wrapping_sub(r.sequence_offset)),
                    ..b
                },
            );
        Report { sender, reception, goodbye: report.goodbye }
    }
}
