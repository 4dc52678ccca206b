//! The leg towards the citizen: from his INVITE to the last BYE.

pub use super::agreement::{Agreement, MediaSide};
use super::answering::Early;
use super::conduct::Conduct;
use crate::id::LegId;
use crate::sdp::Description;
use crate::sip::{Dialog, Flow, Message, ServerTx};

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
    /// Our BYE is out.
    Closing,
    /// Nothing is left of it.
    Down,
}

impl CallerLeg {
    /// Whether it still speaks with its peer.
    pub fn is_live(&self) -> bool {
        matches!(self.signalling, CallerSignalling::Unanswered { .. } | CallerSignalling::Up { .. })
    }

    /// Whether nothing is left of it, in signalling and in media.
    pub fn is_gone(&self) -> bool {
        matches!(self.signalling, CallerSignalling::Down) && self.media.side == MediaSide::Closed
    }
}
