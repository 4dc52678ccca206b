//! A leg as it outlives the process, and how the next process goes on with it.

use super::conduct::{Abilities, Awaited, Conduct};
use super::description::described;
use super::early::EarlyDialogs;
use super::liveness::PeerLiveness;
use super::media::{LegMedia, LegMediaSnapshot};
use super::output::Cx;
use super::state::{Began, Confirmed, Leg, Party, Purpose, Signalling};
use super::uac::{Probing, Sent, Target, Uac};
use super::uas::{Uas, UasEarlyDialog};
use crate::call::rules::PeerRules;
use crate::id::LegId;
use crate::media::ResumedStreams;
use crate::sdp::Offered;
use crate::sip::session_timer::SessionTimer;
use crate::sip::{Cause, ContactPath, Dialog, Flow, Inside, Message, Outgoing, ServerTx};
use crate::time::Mono;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A leg, from the first INVITE until its dialog is over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LegSnapshot {
    /// Its id, which is our tag in its dialog.
    pub leg: LegId,
    /// Who is at its end.
    pub party: Party,
    /// What it was begun for.
    pub purpose: Purpose,
    signalling: SignallingSnapshot,
    media: LegMediaSnapshot,
    can: Abilities,
    timer: SessionTimer,
    ack: Awaited,
    contact: ContactPath,
    probing: Probing,
    inside: Inside,
}

/// Where the signalling of a leg stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum SignallingSnapshot {
    /// Our INVITE is out.
    Inviting { target: Target },
    /// The peer's INVITE is not answered yet.
    Invited {
        flow: Flow,
        #[serde(with = "crate::octets")]
        invite: Vec<u8>,
        early: Option<Box<UasEarlyDialog>>,
        expires: Option<Mono>,
    },
    /// A 2xx was given.
    Confirmed { dialog: Box<Dialog>, began: Began },
    /// The dialog is to be ended, or is being ended.
    Ending { dialog: Box<Dialog> },
}

/// What other parts have kept of a leg.
#[derive(Debug, Clone, Default)]
pub struct LegContext {
    /// To answer the peer's INVITE by.
    pub answers: Option<ServerTx>,
    /// Our INVITE, as it was sent.
    pub sent: Option<Message>,
    /// Its RTP streams.
    pub streams: Option<ResumedStreams>,
}

impl LegSnapshot {
    /// Whether its dialog is confirmed.
    pub fn is_up(&self) -> bool {
        matches!(self.signalling, SignallingSnapshot::Confirmed { .. })
    }

    /// Whether the peer's INVITE waits for our final response.
    pub fn is_invited(&self) -> bool {
        matches!(self.signalling, SignallingSnapshot::Invited { .. })
    }

    /// Whether our INVITE is out and not answered.
    pub fn is_inviting(&self) -> bool {
        matches!(self.signalling, SignallingSnapshot::Inviting { .. })
    }
}

impl Leg {
    /// The leg as the next process needs it; `None` when no dialog of it is or may come to be.
    pub fn snapshot(&self) -> Option<LegSnapshot> {
        let signalling = match &self.signalling {
            Signalling::Inviting(uac) | Signalling::Cancelling(uac) => {
                uac.sent.as_ref()?;
                SignallingSnapshot::Inviting { target: uac.target.clone() }
            }
            Signalling::Invited(uas) => SignallingSnapshot::Invited {
                flow: uas.flow,
                invite: uas.invite.bytes().to_vec(),
                early: uas.early.clone(),
                expires: uas.expires,
            },
            Signalling::Confirmed(Confirmed { dialog, began }) => {
                SignallingSnapshot::Confirmed { dialog: dialog.clone(), began: *began }
            }
            Signalling::AwaitingAck { dialog, .. } | Signalling::Closing { dialog } => {
                SignallingSnapshot::Ending { dialog: dialog.clone() }
            }
            Signalling::Terminated => return None,
        };
        Some(LegSnapshot {
            leg: self.id,
            party: self.party.clone(),
            purpose: self.purpose,
            signalling,
            media: self.media.snapshot(),
            can: self.conduct.can,
            timer: self.conduct.timer.clone(),
            ack: self.conduct.ack.clone(),
            contact: self.liveness.contact.clone(),
            probing: self.liveness.probing,
            inside: self.liveness.inside,
        })
    }

    /// The leg goes on. Our INVITE that was not answered is cancelled: the call is presented anew. A dialog that was
    /// ending is ended again.
    pub fn resume(snapshot: LegSnapshot, context: LegContext, peer: Arc<PeerRules>, cx: &mut Cx<'_>) -> Leg {
        let LegSnapshot {
            leg: id,
            party,
            purpose,
            signalling,
            media,
            can,
            timer,
            ack,
            contact,
            probing,
            inside,
        } = snapshot;
        let mut conduct = Conduct { can, timer, ..Conduct::new(peer.clone(), cx.random.bits()) };
        let liveness = PeerLiveness::new(contact, probing, inside);
        let mut media = LegMedia::resume(id, media, peer);
        let mut ending = None;
        let signalling = match signalling {
            SignallingSnapshot::Inviting { target } => {
                media.is_closed();
                match context.sent.as_ref().and_then(sent_again) {
                    Some(sent) => {
                        Signalling::Inviting(Uac { target, sent: Some(sent), early: EarlyDialogs::default() })
                    }
                    None => Signalling::Terminated,
                }
            }
            SignallingSnapshot::Invited { flow, invite, early, expires } => {
                match (Message::parse(invite.into()), context.answers) {
                    (Ok(invite), Some(tx)) => {
                        let offer = described(&invite, flow).map(Box::new);
                        Signalling::Invited(Uas { tx, flow, invite, offer, early, expires })
                    }
                    (Ok(_) | Err(_), _) => Signalling::Terminated,
                }
            }
            SignallingSnapshot::Confirmed { dialog, began } => {
                // Without its transaction nothing repeats our 2xx: its ACK is awaited no more.
                conduct.ack = if context.answers.is_some() { ack } else { Awaited::Nothing };
                Signalling::Confirmed(Confirmed { dialog: Box::new(dialog.resumed()), began })
            }
            SignallingSnapshot::Ending { dialog } => {
                media.is_closed();
                ending = Some(Cause::NORMAL);
                let dialog = Box::new(dialog.resumed());
                Signalling::Confirmed(Confirmed { dialog, began: Began::ByUs })
            }
        };
        let mut leg = Leg { id, party, purpose, signalling, media, conduct, liveness };
        if leg.is_terminated() {
            leg.media.is_closed();
        }
        if let Some(command) = leg.media.resuming(context.streams) {
            cx.media(command);
        }
        if leg.may_be_answered() && !leg.is_invited() {
            ending = Some(Cause::NORMAL);
        }
        if let Some(cause) = ending {
            leg.hang_up(cause, cx);
        }
        leg
    }
}

impl Leg {
    /// Says to the media plane what was agreed before a restart, once what the leg hears is said. Its media is watched as
    /// before.
    pub fn resume_media(&mut self, cx: &mut Cx<'_>) {
        if let Some(command) = self.media.agreed_before() {
            cx.media(command);
        }
        if self.is_up() && self.may_be_probed() {
            self.set_rtp_timeout(cx);
        }
    }
}

/// What is known of an INVITE of ours that is out: enough to acknowledge and to end what it becomes.
fn sent_again(invite: &Message) -> Option<Box<Sent>> {
    let (cseq, method) = invite.cseq();
    let copy = Outgoing::request(method.clone(), invite.uri())
        .with("From", invite.from().raw())
        .with("To", invite.to().raw())
        .with("Call-ID", invite.call_id())
        .with("CSeq", format!("{cseq} {method}"))
        .with("Contact", invite.header("Contact")?);
    let offered = Offered { codecs: Vec::new(), telephone_event: None };
    Some(Box::new(Sent { invite: copy, offered, rang: None, no_response: None }))
}
