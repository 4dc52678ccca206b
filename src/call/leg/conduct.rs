//! What one leg owes its peer beside the call's own matter: the session timer, reliable provisional responses, requests
//! of our own inside the dialog and their glare. One value for each leg, whatever the leg is for. Sends nothing itself.

use super::renegotiation::Renegotiation;
use crate::call::rules::PeerRules;
use crate::config::Reliable;
use crate::sdp::Offered;
use crate::sip::access::{PeerClass, allowed};
use crate::sip::reliable::{self, Provisionals};
use crate::sip::session_timer::{self, SessionTimer};
use crate::sip::{KeyPress, Message, Outgoing, Status, option_tag};
use crate::time::Mono;
use crate::token_bucket::{Rate, TokenBucket};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// How fast a peer may ask inside its dialog, at once the keys of a long number. A phone sends a key every hundred
/// milliseconds and a hold now and then; thousands a second would fill the journal with what they mean.
pub(super) const ASKS: Rate = Rate { per_second: 20, burst: 40 };

/// How a leg deals with its peer.
#[derive(Debug)]
pub(super) struct Conduct {
    /// The peer's rules.
    pub peer: Arc<PeerRules>,
    /// What the peer said it can.
    pub can: Abilities,
    /// The session timer.
    pub timer: SessionTimer,
    /// Our reliable provisional responses.
    pub provisionals: Provisionals,
    /// The ACK that is still to come for a 2xx of ours.
    pub ack: Awaited,
    /// What we ask the peer inside the dialog.
    pub renegotiation: Renegotiation,
    /// Keys for the peer by INFO: the first was sent and is not answered yet.
    pub keys: VecDeque<KeyPress>,
    /// How much the peer may ask: [`ASKS`].
    pub pace: TokenBucket,
}

/// What a peer said it can.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Abilities {
    /// The peer takes UPDATE (RFC 3311).
    pub update: bool,
    /// The peer takes INFO (RFC 6086).
    pub takes_info: bool,
    /// The peer takes reliable provisional responses (RFC 3262).
    pub reliable: bool,
}

/// The ACK a 2xx of ours waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Awaited {
    /// None.
    Nothing,
    /// One that only acknowledges.
    Ack {
        /// The CSeq number of the INVITE.
        cseq: u32,
    },
    /// One that brings the answer to our offer.
    Answer {
        /// The CSeq number of the INVITE.
        cseq: u32,
        /// What we offered.
        offered: Offered,
    },
}

/// What a leg's deadline means.
#[derive(Debug)]
pub(super) enum Due {
    /// A reliable provisional response.
    Provisional(reliable::ProvisionalDue),
    /// The session timer.
    Timer(session_timer::TimerDue),
    /// The back-off after a glare is over.
    BackOffOver,
}

/// 200 OK to a request that begins or changes a dialog: where we are reached inside it, and what its peer may ask there.
pub fn ok_response(class: PeerClass, request: &Message, to_tag: Option<&str>, contact: String) -> Outgoing {
    Outgoing::response(request, Status::OK, to_tag).with("Contact", contact).with("Allow", allowed(class))
}

impl Conduct {
    /// For a leg whose peer goes by these rules; `bits` is random.
    pub(super) fn new(peer: Arc<PeerRules>, bits: u64) -> Conduct {
        Conduct {
            can: Abilities::default(),
            timer: SessionTimer::new(peer.session_expires).with(peer.timed),
            provisionals: Provisionals::new(bits),
            ack: Awaited::Nothing,
            renegotiation: Renegotiation::default(),
            keys: VecDeque::new(),
            pace: TokenBucket::default(),
            peer,
        }
    }

    /// The methods the peer may use, for Allow: a phone that goes by it finds its transfer key there.
    pub(super) fn allow(&self) -> &'static str {
        allowed(self.peer.class)
    }

    /// The extensions we know, for Supported where nothing is asked for: in the answer to OPTIONS.
    pub(super) fn supported(&self) -> String {
        match self.peer.reliable {
            Reliable::Off => self.extensions().to_owned(),
            Reliable::Supported | Reliable::Required => format!("{}, 100rel", self.extensions()),
        }
    }

    /// Learns from a message of the peer what it can, if it says.
    pub(super) fn learn(&mut self, message: &Message) {
        let allows = message.list("Allow");
        if !allows.is_empty() {
            self.can.update = allows.contains(&&b"UPDATE"[..]);
            self.can.takes_info = allows.contains(&&b"INFO"[..]);
        }
        self.can.reliable |= option_tag::supports(message, "100rel");
    }

    /// Whether provisional responses to the peer's INVITE are sent reliably.
    pub(super) fn speaks_reliably(&self) -> bool {
        self.can.reliable && self.peer.reliable != Reliable::Off
    }

    /// The extensions we know, in Supported of whatever begins or refreshes a dialog with this peer: a seat may hand calls on
    /// and so name another dialog (RFC 3891), a trunk never.
    pub(super) fn extensions(&self) -> &'static str {
        if self.peer.class == PeerClass::Seat { "timer, replaces" } else { "timer" }
    }

    /// What our INVITE says of extensions and of the session timer.
    pub(super) fn ask(&self, invite: Outgoing) -> Outgoing {
        let mut invite = match self.peer.reliable {
            Reliable::Off => invite.set("Supported", self.extensions()),
            Reliable::Supported => invite.set("Supported", self.supported()),
            Reliable::Required => invite.set("Supported", self.extensions()).set("Require", "100rel"),
        };
        for (name, value) in self.timer.ask() {
            invite = invite.set(name, value);
        }
        invite
    }

    /// 200 OK to the peer's INVITE or UPDATE, without what it says of the session timer.
    pub(super) fn ok(&self, request: &Message, to_tag: Option<&str>, contact: String) -> Outgoing {
        ok_response(self.peer.class, request, to_tag, contact)
    }

    /// The same with what it says of the session timer, which begins anew.
    pub(super) fn accept(&mut self, now: Mono, request: &Message, ok: Outgoing) -> Outgoing {
        let mut ok = ok.with("Supported", self.extensions());
        for (name, value) in self.timer.answer(now, request) {
            ok = ok.with(name, value);
        }
        ok
    }

    /// Whether an offer of ours has no answer yet: the peer's own offer is then a glare (RFC 3261 section 14.2, RFC 3311
    /// section 5.2).
    pub(super) fn has_offered(&self) -> bool {
        matches!(self.ack, Awaited::Answer { .. }) || self.renegotiation.has_offered()
    }

    /// The next deadline.
    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        let timer = self.timer.poll_timeout().map(|(at, _)| at);
        [timer, self.provisionals.poll_timeout(), self.renegotiation.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// What is due now; call until `None`.
    pub(super) fn handle_timeout(&mut self, now: Mono) -> Option<Due> {
        if let Some(due) = self.provisionals.handle_timeout(now) {
            return Some(Due::Provisional(due));
        }
        if let Some(due) = self.timer.handle_timeout(now) {
            return Some(Due::Timer(due));
        }
        self.renegotiation.handle_timeout(now).then_some(Due::BackOffOver)
    }
}
