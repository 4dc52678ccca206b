//! The leg as a value: its party, what it was begun for, and where its signalling stands.

use super::conduct::Conduct;
use super::liveness::PeerLiveness;
use super::media::{LegMedia, MediaSide};
use super::output::Cx;
use super::uac::{Probing, Target, Uac};
use super::uas::Uas;
use crate::call::rules::PeerRules;
use crate::id::{LegId, OperatorId, PresentationId, SeatId, TrunkId};
use crate::media::Family;
use crate::sdp::{Codec, Description, Direction};
use crate::sip::{Cause, ContactPath, Dialog, Flow, Inside, Message, ServerTx};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One leg.
#[derive(Debug)]
pub struct Leg {
    /// Its id, which is also our tag in its dialog and, where we call, the SIP Call-ID.
    pub id: LegId,
    /// Who is at its end.
    pub party: Party,
    /// What it was begun for.
    pub purpose: Purpose,
    pub(super) signalling: Signalling,
    pub(super) media: LegMedia,
    pub(super) conduct: Conduct,
    pub(super) liveness: PeerLiveness,
}

/// Who is at the end of a leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Party {
    /// The citizen.
    Caller {
        /// The trunk that brought the call.
        trunk: TrunkId,
    },
    /// An operator's phone.
    Seat {
        /// The seat.
        seat: SeatId,
        /// The person there.
        operator: Option<OperatorId>,
    },
    /// A number outside.
    Outside {
        /// The trunk it is reached through.
        trunk: TrunkId,
        /// What events call it: a department, or the number.
        #[serde(with = "crate::octets::name")]
        name: Arc<str>,
    },
}

impl Party {
    /// The seat, where it is one.
    pub fn seat(&self) -> Option<&SeatId> {
        match self {
            Party::Seat { seat, .. } => Some(seat),
            Party::Caller { .. } | Party::Outside { .. } => None,
        }
    }

    /// The trunk it is reached by, where it is no seat.
    pub fn trunk(&self) -> Option<&TrunkId> {
        match self {
            Party::Caller { trunk } | Party::Outside { trunk, .. } => Some(trunk),
            Party::Seat { .. } => None,
        }
    }

    /// The person there.
    pub fn operator(&self) -> Option<&OperatorId> {
        match self {
            Party::Seat { operator, .. } => operator.as_ref(),
            Party::Caller { .. } | Party::Outside { .. } => None,
        }
    }
}

/// What a leg was begun for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// The party called us.
    Calls,
    /// The queue presents the call to the seat, or the seat serves the caller.
    Serves(PresentationId),
    /// A party that a seat asked for; all the phones of one target go by the same presentation.
    Sought(PresentationId),
}

impl Purpose {
    /// The presentation the leg's INVITE belongs to.
    pub fn presentation(self) -> Option<PresentationId> {
        match self {
            Purpose::Calls => None,
            Purpose::Serves(presentation) | Purpose::Sought(presentation) => Some(presentation),
        }
    }
}

/// Where the signalling of a leg stands.
#[derive(Debug)]
pub(super) enum Signalling {
    /// Our INVITE is prepared, or out and not answered.
    Inviting(Uac),
    /// The peer's INVITE is not answered yet.
    Invited(Uas),
    /// A 2xx was given.
    Confirmed(Confirmed),
    /// CANCEL is out; the final response may still be a 2xx.
    Cancelling(Uac),
    /// To be hung up as soon as our 2xx is acknowledged: no BYE before (RFC 3261 section 15).
    AwaitingAck {
        /// The dialog.
        dialog: Box<Dialog>,
        /// What the BYE says.
        cause: Cause,
    },
    /// Our BYE is out.
    Closing {
        /// For ACKs to retransmitted 2xx.
        dialog: Box<Dialog>,
    },
    /// Nothing is left of it.
    Terminated,
}

/// A confirmed dialog.
#[derive(Debug)]
pub(super) struct Confirmed {
    pub(super) dialog: Box<Dialog>,
    pub(super) began: Began,
}

/// Whose INVITE began a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Began {
    ByUs,
    ByPeer,
}

/// What is known of where the peer of a leg is.
pub enum Peer<'a> {
    /// There is a dialog with it.
    Dialog(&'a Dialog),
    /// Its INVITE came by this path, or ours goes there.
    Path(&'a Flow),
    /// Nothing any more: what comes changes nothing.
    Unknown,
}

/// The INVITE of a peer that begins a leg.
#[derive(Debug)]
pub struct IncomingInvite {
    /// To answer it by.
    pub tx: ServerTx,
    /// Where it came from.
    pub flow: Flow,
    /// The INVITE.
    pub invite: Message,
    /// Its offer; `None` when we are to offer in the 200 OK.
    pub offer: Option<Box<Description>>,
    /// Whether the peer may be asked if it is there.
    pub probing: Probing,
    /// How the peer is reached inside the dialog.
    pub inside: Inside,
}

/// What belongs to a dialog of a leg.
pub(super) struct Parts<'a> {
    pub(super) dialog: &'a mut Dialog,
    pub(super) media: &'a mut LegMedia,
    pub(super) conduct: &'a mut Conduct,
}

/// What a leg begins with, whichever side sent the INVITE.
struct Beginning {
    id: LegId,
    party: Party,
    purpose: Purpose,
    peer: Arc<PeerRules>,
    family: Family,
    flow: Flow,
}

impl Leg {
    /// The leg of a peer that calls us. Its media port is asked for at once.
    pub fn arriving(
        id: LegId,
        party: Party,
        peer: Arc<PeerRules>,
        incoming: IncomingInvite,
        cx: &mut Cx<'_>,
    ) -> Leg {
        let IncomingInvite { tx, flow, invite, offer, probing, inside } = incoming;
        let family = cx.rules.media.family(offer.as_deref(), &flow);
        let liveness = PeerLiveness::new(ContactPath { flow, behind: None }, probing, inside);
        let uas = Uas::new(tx, flow, invite, offer, cx.now.mono);
        let mut leg = Leg::begin(
            Beginning { id, party, purpose: Purpose::Calls, peer, family, flow },
            Signalling::Terminated,
            liveness,
            cx,
        );
        leg.conduct.learn(&uas.invite);
        leg.signalling = Signalling::Invited(uas);
        leg
    }

    /// The leg of a party we are about to call. Its media port is asked for at once; the INVITE waits for it.
    pub fn calling(
        id: LegId,
        party: Party,
        purpose: Purpose,
        peer: Arc<PeerRules>,
        target: Target,
        cx: &mut Cx<'_>,
    ) -> Leg {
        let flow = target.flow;
        let family = cx.rules.media.family(None, &flow);
        let liveness = PeerLiveness::new(target.contact_path(), target.probing, target.inside);
        let signalling = Signalling::Inviting(Uac::new(target));
        Leg::begin(Beginning { id, party, purpose, peer, family, flow }, signalling, liveness, cx)
    }

    fn begin(beginning: Beginning, signalling: Signalling, liveness: PeerLiveness, cx: &mut Cx<'_>) -> Leg {
        let Beginning { id, party, purpose, peer, family, flow } = beginning;
        let media = LegMedia::new(id, family, cx.random.bits(), peer.clone(), &flow);
        cx.media(media.opening());
        let conduct = Conduct::new(peer, cx.random.bits());
        Leg { id, party, purpose, signalling, media, conduct, liveness }
    }

    /// Whether the peer's INVITE waits for our final response.
    pub fn is_invited(&self) -> bool {
        matches!(self.signalling, Signalling::Invited(_))
    }

    /// Whether an 18x was sent.
    pub fn has_rung(&self) -> bool {
        matches!(&self.signalling, Signalling::Invited(uas) if uas.has_early_dialog())
    }

    /// Whether our INVITE is out and not answered.
    pub fn is_ringing(&self) -> bool {
        matches!(&self.signalling, Signalling::Inviting(uac) if uac.is_sent())
    }

    /// Whether it may still become a talk: neither answered nor ending.
    pub fn may_be_answered(&self) -> bool {
        matches!(self.signalling, Signalling::Inviting(_) | Signalling::Invited(_))
    }

    /// Whether the final response to a cancelled INVITE is still to come.
    pub fn is_cancelling(&self) -> bool {
        matches!(self.signalling, Signalling::Cancelling(_))
    }

    /// Whether it is being hung up.
    pub fn is_ending(&self) -> bool {
        matches!(self.signalling, Signalling::AwaitingAck { .. } | Signalling::Closing { .. })
    }

    /// Whether its dialog is confirmed and neither side hangs up.
    pub fn is_up(&self) -> bool {
        matches!(self.signalling, Signalling::Confirmed(_))
    }

    /// Whether nothing is left of its signalling.
    pub fn is_terminated(&self) -> bool {
        matches!(self.signalling, Signalling::Terminated)
    }

    /// Whether nothing is left of it, in signalling and in media.
    pub fn is_gone(&self) -> bool {
        self.is_terminated() && self.media.side == MediaSide::Closed
    }

    /// Whether its media port is ours.
    pub fn has_media(&self) -> bool {
        matches!(self.media.side, MediaSide::Open { .. })
    }

    /// The direction of its audio as agreed, seen from us.
    pub fn direction(&self) -> Option<Direction> {
        self.media.agreed.map(|agreed| agreed.direction)
    }

    /// Whether its peer takes no audio.
    pub fn holds(&self) -> bool {
        self.direction().is_some_and(|direction| !direction.sends())
    }

    /// The codec in use.
    pub fn codec(&self) -> Option<Codec> {
        self.media.agreed.map(|agreed| agreed.codec)
    }

    /// How its peer is dealt with.
    pub fn peer_rules(&self) -> &Arc<PeerRules> {
        &self.conduct.peer
    }

    /// Whether it is in a dialog of these names, answered or not.
    pub fn has_dialog(&self, call_id: &str, remote_tag: &str) -> bool {
        match &self.signalling {
            Signalling::Confirmed(Confirmed { dialog, .. }) => {
                dialog.call_id() == call_id && dialog.remote_tag() == remote_tag
            }
            Signalling::Invited(uas) => {
                uas.invite.call_id() == call_id && uas.invite.from_tag() == Some(remote_tag)
            }
            Signalling::Inviting(_)
            | Signalling::Cancelling(_)
            | Signalling::AwaitingAck { .. }
            | Signalling::Closing { .. }
            | Signalling::Terminated => false,
        }
    }

    /// The seat whose own line this is: one that serves the caller, asks for another party, or placed the call.
    pub fn seat_of_line(&self) -> Option<&SeatId> {
        match self.purpose {
            Purpose::Calls | Purpose::Serves(_) => self.party.seat(),
            Purpose::Sought(_) => None,
        }
    }

    /// Where the peer is known to be that has this tag.
    pub fn peer(&self, tag: &str) -> Peer<'_> {
        match &self.signalling {
            Signalling::Inviting(uac) => {
                uac.early.get(tag).map_or(Peer::Path(&uac.target.flow), Peer::Dialog)
            }
            Signalling::Invited(uas) => uas.early_dialog().map_or(Peer::Path(&uas.flow), Peer::Dialog),
            Signalling::Confirmed(Confirmed { dialog, .. })
            | Signalling::AwaitingAck { dialog, .. }
            | Signalling::Closing { dialog } => Peer::Dialog(dialog),
            Signalling::Cancelling(_) | Signalling::Terminated => Peer::Unknown,
        }
    }

    /// The path to the peer, while there is or may be a dialog with it.
    pub fn path(&self) -> Option<Flow> {
        match &self.signalling {
            Signalling::Inviting(uac) => uac.is_sent().then_some(uac.target.flow),
            Signalling::Invited(uas) => Some(uas.flow),
            Signalling::Confirmed(Confirmed { dialog, .. })
            | Signalling::AwaitingAck { dialog, .. }
            | Signalling::Closing { dialog } => Some(dialog.flow()),
            Signalling::Cancelling(_) | Signalling::Terminated => None,
        }
    }

    /// The media plane has the port, or has none.
    pub fn media_opened(&mut self, port: u16) {
        self.media.opened(port);
    }

    /// The media plane holds nothing of this leg any more.
    pub fn media_closed(&mut self) {
        self.media.side = MediaSide::Closed;
    }

    /// The dialog the peer with this tag is in, while one may be spoken in. Before the answer to an INVITE of ours there
    /// may be several, told by the peer's tag (RFC 3261 section 12.1.2).
    pub(super) fn parts(&mut self, tag: Option<&str>) -> Option<Parts<'_>> {
        let dialog = match &mut self.signalling {
            Signalling::Confirmed(Confirmed { dialog, .. }) => &mut **dialog,
            Signalling::Invited(uas) => uas.early_dialog_mut()?,
            Signalling::Inviting(uac) => uac.early.with(tag?)?,
            Signalling::Cancelling(_)
            | Signalling::AwaitingAck { .. }
            | Signalling::Closing { .. }
            | Signalling::Terminated => return None,
        };
        Some(Parts { dialog, media: &mut self.media, conduct: &mut self.conduct })
    }
}
