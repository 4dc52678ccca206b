//! What is known of the liveness of a leg's peer.

use super::uac::Probing;
use crate::event::SeatReason;
use crate::sip::{ContactPath, Flow, Inside};
use crate::time::Mono;

/// How a peer proved to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// A 2xx of ours was never acknowledged.
    Unacknowledged,
    /// Requests of ours get no answer, or the path is lost.
    Unresponsive,
    /// The phone knows no such dialog.
    Forgotten,
}

impl From<Loss> for SeatReason {
    fn from(loss: Loss) -> SeatReason {
        match loss {
            Loss::Unacknowledged => SeatReason::NotAcknowledged,
            Loss::Unresponsive => SeatReason::PhoneSilent,
            Loss::Forgotten => SeatReason::CallUnknown,
        }
    }
}

/// What is known of a peer's liveness.
#[derive(Debug)]
pub(super) struct PeerLiveness {
    pub(super) contact: ContactPath,
    pub(super) probing: Probing,
    /// How it is reached inside a dialog.
    pub(super) inside: Inside,
    pub(super) path: Path,
    /// Since when its media is silent, as far as that was told.
    pub(super) silence: Option<Silence>,
    /// A probe is out; its answer is awaited until then.
    pub(super) probe: Option<Mono>,
    /// When the last probe went out, and the last one by re-INVITE.
    pub(super) probed: Probed,
}

/// What was told of the silence of a peer's media.
#[derive(Debug, Clone, Copy)]
pub(super) struct Silence {
    pub(super) since: Mono,
    /// When that was last told.
    pub(super) told: Mono,
}

/// The last probes of a peer, and when it answered one last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Probed {
    pub(super) at: Option<Mono>,
    pub(super) by_invite: Option<Mono>,
    pub(super) answered: Option<Mono>,
}

/// The path to a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// As far as is known it is there.
    Open,
    /// The path is lost.
    Lost,
}

impl PeerLiveness {
    pub(super) fn new(contact: ContactPath, probing: Probing, inside: Inside) -> PeerLiveness {
        PeerLiveness {
            contact,
            probing,
            inside,
            path: Path::Open,
            silence: None,
            probe: None,
            probed: Probed::default(),
        }
    }

    /// The peer was heard by this path: where it is reached by the path it is heard by, its liveness is that of this one.
    pub(super) fn heard_by(&mut self, flow: Flow) {
        if self.inside == Inside::ByFlow && self.contact.flow != flow {
            self.contact = ContactPath { flow, behind: None };
            self.path = Path::Open;
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        self.probe
    }
}
