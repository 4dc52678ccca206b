//! What a leg says, and what it is given to say it.

use super::liveness::Loss;
use crate::call::rules::Rules;
use crate::id::Random;
use crate::media;
use crate::sdp::Direction;
use crate::sip::{Cause, Dialog, Flow, Message, Outgoing, ServerTx, Status};
use crate::time::{Duration, Now};

/// What a leg is given for the length of one step.
pub struct Cx<'a> {
    /// The time.
    pub now: Now,
    /// For back-offs and identifiers.
    pub random: &'a mut Random,
    /// What every call goes by.
    pub rules: &'a Rules,
    /// What is to be sent and told, in order.
    pub out: &'a mut Vec<Output>,
}
/// What a leg says, in order.
#[derive(Debug)]
pub enum Output {
    /// To be carried out.
    Send(Send),
    /// A provisional response to our INVITE.
    Progress {
        /// The first that is news: the phone rings.
        rings: bool,
        /// The peer described early media.
        early_media: bool,
    },
    /// Our INVITE was answered, after ringing so long.
    Answered {
        /// From the first 18x.
        rang: Duration,
    },
    /// Our INVITE was answered with media we cannot use; the leg hangs up.
    AnsweredUnusably,
    /// Our INVITE came to nothing.
    Rejected {
        /// The final status; `None` where none came.
        status: Option<Status>,
        /// An 18x had come before.
        rang: bool,
    },
    /// The peer of our unanswered INVITE sent BYE: its 2xx was lost, and for it the call is over.
    HungUpEarly {
        /// The INVITE was not cancelled yet; it is now.
        was_ringing: bool,
    },
    /// A cancelled INVITE has its final response: the phone has stopped ringing.
    Released,
    /// The peer took its INVITE back before our final response; it has its 487.
    GivenUp {
        /// How.
        how: GivenUp,
        /// What a Reason header said.
        cause: Cause,
    },
    /// Before our answer the media is agreed, so that the peer hears early media.
    EarlyMediaAgreed,
    /// What held our 2xx back is acknowledged.
    MayBeAnswered,
    /// The PRACK brought no answer to our offer that we can use.
    Unanswerable,
    /// The peer hung up in its dialog.
    HungUp {
        /// What its Reason header said.
        cause: Cause,
    },
    /// The dialog is lost.
    Lost {
        /// How it showed.
        loss: Loss,
        /// The SIP status that says so.
        status: Option<Status>,
    },
    /// One sign that the peer is gone; with the silence of its media it is enough.
    Missing(Loss),
    /// The direction of the audio was agreed anew, seen from us.
    DirectionChanged(Direction),
    /// A key by INFO.
    KeyByInfo {
        /// `0`-`9`, `*`, `#`, `A`-`D`.
        key: char,
        /// How long it is held.
        held: Duration,
    },
    /// A NOTIFY of ours has its final response, 408 where none came.
    NotifyAnswered {
        /// The response.
        status: Status,
    },
}

/// How a peer gave its INVITE up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUp {
    /// By CANCEL, or BYE on the early dialog.
    Cancelled,
    /// Its Expires has passed (RFC 3261 section 13.3.1).
    Expired,
}

/// What is to be carried out for a leg.
#[derive(Debug)]
pub enum Send {
    /// Answer a server transaction.
    Response {
        /// Which.
        tx: ServerTx,
        /// With what.
        response: Outgoing,
    },
    /// Send a request; its responses come back to the leg.
    Request {
        /// The path.
        flow: Flow,
        /// The request, without Via.
        request: Outgoing,
    },
    /// Cancel the INVITE that was sent. Its final response still comes.
    Cancel {
        /// The value of the Reason header that goes with it.
        reason: Option<String>,
    },
    /// The INVITE that was sent got no response at all.
    NoResponse,
    /// Send an ACK for a 2xx, outside any transaction.
    Ack {
        /// The path.
        flow: Flow,
        /// The ACK, without Via.
        request: Outgoing,
    },
    /// Tell the media plane.
    Media(media::Command),
}

impl Cx<'_> {
    pub(super) fn say(&mut self, output: Output) {
        self.out.push(output);
    }

    pub(super) fn send(&mut self, send: Send) {
        self.out.push(Output::Send(send));
    }

    pub(super) fn respond(&mut self, tx: ServerTx, response: Outgoing) {
        self.send(Send::Response { tx, response });
    }

    pub(super) fn request(&mut self, flow: Flow, request: Outgoing) {
        self.send(Send::Request { flow, request });
    }

    pub(super) fn media(&mut self, command: media::Command) {
        self.send(Send::Media(command));
    }

    /// The ACK for a 2xx to an INVITE of ours.
    pub(super) fn ack(&mut self, dialog: &Dialog, response: &Message) {
        self.send(Send::Ack { flow: dialog.flow(), request: dialog.ack(response.cseq().0) });
    }
}
