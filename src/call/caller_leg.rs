//! The leg towards the citizen: from his INVITE to the last BYE.

pub use super::agreement::{Agreement, MediaSide};
use super::answering::Early;
use super::conduct::Conduct;
use crate::id::LegId;
use crate::sdp::Description;
use crate::sip::{Cause, Dialog, Flow, Message, ServerTx};

/// The leg towards the citizen.
#[derive(Debug)]
pub struct CallerLeg {
    /// Its id, which is also our tag in its dialog.
    pub id: LegId,
    /// Its signalling.
    pub signalling: CallerSignalling,
    /// Its media.
    pub media: Agreement,
    /// How it deals with its peer.
    pub conduct: Conduct,
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
        /// The dialog of our provisional responses, once there is one.
        early: Option<Box<Early>>,
    },
    /// We answered 200 OK.
    Up {
        /// The dialog.
        dialog: Box<Dialog>,
    },
    /// To be hung up as soon as our 200 OK is acknowledged: no BYE before (RFC 3261 section 15).
    HangingUp {
        /// The dialog.
        dialog: Box<Dialog>,
        /// What the BYE says.
        cause: Cause,
    },
    /// Our BYE is out.
    Closing,
    /// Nothing is left of it.
    Down,
    /// That was said: what it took is free again.
    Gone,
}

impl CallerLeg {
    /// Whether it still speaks with its peer.
    pub fn is_live(&self) -> bool {
        matches!(self.signalling, CallerSignalling::Unanswered { .. } | CallerSignalling::Up { .. })
    }

    /// Whether nothing is left of it, in signalling and in media; said once.
    pub fn ends(&mut self) -> bool {
        let ends = matches!(self.signalling, CallerSignalling::Down) && self.media.side == MediaSide::Closed;
        if ends {
            self.signalling = CallerSignalling::Gone;
        }
        ends
    }

    /// Whether that was said.
    pub fn is_gone(&self) -> bool {
        matches!(self.signalling, CallerSignalling::Gone)
    }
}
