//! The leg towards the citizen: from his INVITE to the last BYE.

use super::rules::Rules;
use crate::id::LegId;
use crate::media;
use crate::sdp::{self, Description, Local, Negotiated};
use crate::sip::{Dialog, Flow, Message, ServerTx};
use std::net::IpAddr;

/// What a leg's media is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaSide {
    /// A port was asked for.
    Opening,
    /// The port is ours.
    Open {
        /// Our RTP port.
        port: u16,
    },
    /// Given back; the last figures are still to come.
    Closing,
    /// Nothing is held any more.
    Closed,
}

/// One side's session description: what we said last and what was agreed.
#[derive(Debug)]
pub struct Agreement {
    /// The leg in the media plane.
    pub leg: LegId,
    /// Its port.
    pub side: MediaSide,
    /// What both sides agreed on, once they have.
    pub agreed: Option<Negotiated>,
    session_id: u64,
    version: u64,
}

impl Agreement {
    /// For a leg whose port was just asked for.
    pub fn new(leg: LegId, session_id: u64) -> Agreement {
        // RFC 8866 section 5.2: numeric; kept below 2^62 because many phones read it as signed.
        Agreement { leg, side: MediaSide::Opening, agreed: None, session_id: session_id >> 2, version: 0 }
    }

    /// The description of our side for the next offer or answer. `None` while there is no port.
    pub fn next_local(&mut self, rules: &Rules, flow: Flow) -> Option<Local> {
        let MediaSide::Open { port } = self.side else { return None };
        self.version += 1;
        let address: IpAddr = rules.media_address.unwrap_or(flow.local.ip());
        Some(Local { address, port, session_id: self.session_id, version: self.version })
    }

    /// Takes what was agreed and says it to the media plane.
    pub fn agree(&mut self, negotiated: Negotiated) -> media::Command {
        let remote = media::Remote {
            rtp: negotiated.rtp,
            rtcp: negotiated.rtcp,
            rtcp_mux: negotiated.rtcp_mux,
            codec: negotiated.codec,
            payload_type: negotiated.payload_type,
            telephone_event: negotiated.telephone_event,
            direction: negotiated.direction,
            ptime_ms: negotiated.ptime_ms,
        };
        self.agreed = Some(negotiated);
        media::Command::Remote { leg: self.leg, remote }
    }

    /// Asks for the port back, once. `None` when that was done before.
    pub fn close(&mut self) -> Option<media::Command> {
        match self.side {
            MediaSide::Opening | MediaSide::Open { .. } => {
                self.side = MediaSide::Closing;
                Some(media::Command::Close { leg: self.leg })
            }
            MediaSide::Closing | MediaSide::Closed => None,
        }
    }

    /// Codecs in the order that spares converting: what the other side speaks first.
    pub fn codecs_like(&self, rules: &Rules) -> Vec<sdp::Codec> {
        let mut codecs = rules.codecs.clone();
        if let Some(agreed) = &self.agreed {
            codecs.sort_by_key(|c| *c != agreed.codec);
        }
        codecs
    }
}

/// The leg towards the citizen.
#[derive(Debug)]
pub struct CallerLeg {
    /// Its id, which is also our tag in its dialog.
    pub id: LegId,
    /// Its signalling.
    pub signalling: CallerSignalling,
    /// Its media.
    pub media: Agreement,
}

/// Where the caller leg's signalling stands.
#[derive(Debug)]
pub enum CallerSignalling {
    /// No final response yet.
    Unanswered {
        /// To answer the INVITE by.
        tx: ServerTx,
        /// The INVITE.
        invite: Message,
        /// The path it came by.
        flow: Flow,
        /// Its offer; `None` when we are to offer in the 200 OK.
        offer: Option<Box<Description>>,
    },
    /// We answered 200 OK.
    Up {
        /// The dialog.
        dialog: Box<Dialog>,
        /// The answer to our offer comes in the ACK.
        offered: Option<Vec<sdp::Codec>>,
    },
    /// Our BYE is out.
    Closing,
    /// Nothing is left of it.
    Down,
}

impl CallerLeg {
    /// Whether nothing is left of it, in signalling and in media.
    pub fn is_gone(&self) -> bool {
        matches!(self.signalling, CallerSignalling::Down) && self.media.side == MediaSide::Closed
    }
}
