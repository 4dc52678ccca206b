//! The peer's INVITE, and what was said in its early dialog.

use crate::sdp::{Description, Offered};
use crate::sip::{Dialog, Flow, Message, ServerTx};
use crate::time::{Duration, Mono};
use serde::{Deserialize, Serialize};

/// The peer's INVITE, before our final response.
#[derive(Debug)]
pub(super) struct Uas {
    pub(super) tx: ServerTx,
    pub(super) flow: Flow,
    pub(super) invite: Message,
    /// Its offer; `None` when we are to offer.
    pub(super) offer: Option<Box<Description>>,
    pub(super) early: Option<Box<UasEarlyDialog>>,
    /// When the INVITE expires (RFC 3261 section 13.3.1).
    pub(super) expires: Option<Mono>,
}

/// The dialog before our answer, and what was said in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct UasEarlyDialog {
    /// The dialog, which the 200 OK confirms.
    pub(super) dialog: Dialog,
    /// What was said of the media.
    pub(super) said: EarlyDescription,
}

/// What was said of the media before the 200 OK.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum EarlyDescription {
    /// Nothing.
    Nothing,
    /// Our answer, in a response that may have been lost: the 200 OK repeats it word for word.
    Unreliably(String),
    /// Our answer, or our offer and the peer's answer: the 200 OK says nothing of it.
    Reliably,
    /// Our offer; the answer comes in the PRACK.
    Offered(Offered),
}

/// How a peer is told that it rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ring {
    /// The peer is to hear early media.
    pub early_media: bool,
    /// Whether the response is sent reliably (RFC 3262).
    pub reliably: Reliably,
}

/// When a provisional response is sent reliably.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reliably {
    /// Never: a peer that requires it is told nothing before the answer.
    Never,
    /// Where the peer requires it.
    IfRequired,
    /// Where the peer supports it.
    IfSupported,
}

/// What came of answering an INVITE.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// The 200 OK is out.
    Done,
    /// The INVITE cannot be answered yet: the port or a PRACK is still to come, or nothing is to be answered.
    #[default]
    NotYet,
    /// Its offer has nothing for us.
    BadMedia,
    /// The INVITE names nowhere to be reached.
    NoTarget,
}

impl Uas {
    pub(super) fn new(
        tx: ServerTx,
        flow: Flow,
        invite: Message,
        offer: Option<Box<Description>>,
        now: Mono,
    ) -> Uas {
        let expires = invite.number("Expires").map(|seconds| now + Duration::from_secs(seconds.into()));
        Uas { tx, flow, invite, offer, early: None, expires }
    }

    pub(super) fn has_early_dialog(&self) -> bool {
        self.early.is_some()
    }

    pub(super) fn early_dialog(&self) -> Option<&Dialog> {
        self.early.as_ref().map(|early| &early.dialog)
    }

    pub(super) fn early_dialog_mut(&mut self) -> Option<&mut Dialog> {
        self.early.as_mut().map(|early| &mut early.dialog)
    }

    /// What was said of the media in the early dialog, once there is one.
    pub(super) fn said(&self) -> Option<&EarlyDescription> {
        self.early.as_ref().map(|early| &early.said)
    }
}
