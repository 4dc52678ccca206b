//! The keys a leg is said: begun by what the peer of another leg pressed, and sent in beats of 20 ms.

use super::super::dtmf::KeyPress;
use super::super::dtmf_send::{DtmfSender, Next};
use super::super::leg::{Hearing, Hears, Leg};
use super::super::rtp::{HEADER, Header};
use crate::time::Mono;
use std::net::SocketAddr;

impl Leg {
    /// Says to the leg what the peer of the leg it hears pressed, if it takes telephone-events. Gives whether a beat of 20 ms
    /// must begin for it.
    pub(in crate::media) fn send_dtmf(&mut self, now: Mono, press: KeyPress) -> bool {
        let takes = self.target().is_some_and(|(_, remote)| remote.telephone_event.is_some());
        let Some(Hearing { dtmf, .. }) = self.hearing().filter(|_| takes) else { return false };
        match (&mut *dtmf, press) {
            (Some(dtmf), KeyPress::Begins(event, held)) => dtmf.add(now, event, held),
            (Some(dtmf), KeyPress::Continues(held)) => dtmf.goes(now, held),
            (None, KeyPress::Begins(event, held)) => {
                *dtmf = Some(Box::new(DtmfSender::begin(now, event, held)));
                return true;
            }
            // It began before the leg heard it, or was too long.
            (None, KeyPress::Continues(_)) => {}
        }
        false
    }

    /// The packet of this beat and where it goes.
    pub(in crate::media) fn dtmf_packet(&mut self, now: Mono) -> Option<(SocketAddr, [u8; HEADER + 4])> {
        let Hears::Leg(Hearing { dtmf, .. }) = &mut self.hears else { return None };
        let (stamp, payload) = match dtmf.as_mut()?.next_packet(now, &mut self.egress) {
            Next::Packet(stamp, payload) => (stamp, payload),
            Next::Done => {
                *dtmf = None;
                return None;
            }
        };
        let (to, remote) = self.target()?;
        let payload_type = remote.telephone_event?;
        self.egress.sent(payload.len());
        let header = Header {
            payload_type,
            marker: stamp.begins,
            sequence: stamp.sequence,
            timestamp: stamp.timestamp,
            ssrc: self.egress.ssrc,
            payload: HEADER..HEADER + payload.len(),
        };
        let mut packet = [0; HEADER + 4];
        packet[HEADER..].copy_from_slice(&payload);
        header.write(&mut packet);
        Some((to, packet))
    }
}
