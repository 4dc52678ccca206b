//! The part of the configuration a call lives by, shared by all calls and never changed in place.

use super::media_addresses::MediaAddresses;
use crate::config::{Dtmf, Prefix, Reliable, TimedPeers};
use crate::id::{QueueId, ServiceNumber, TrunkId};
use crate::media::Towards;
use crate::sdp::Codec;
use crate::sip::access::PeerClass;
use crate::sip::{Flow, Message};
use crate::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

/// What a peer that gets 503 should wait before it tries again, in seconds (RFC 3261 section 20.33).
pub const RETRY_AFTER: &str = "10";

/// What every call goes by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The addresses in our session descriptions.
    pub media: MediaAddresses,
    /// The host in From and P-Asserted-Identity towards seats.
    pub domain: String,
    /// In Contact, in place of the address of the flow: `host` or `host:port`.
    pub advertised: Option<crate::sip::Advertised>,
    /// How each trunk is dealt with.
    pub trunks: HashMap<TrunkId, Arc<PeerRules>>,
    /// How a seat is dealt with.
    pub seat: Arc<PeerRules>,
    /// The longest a call may last, from its 200 OK.
    pub call_length: Duration,
    /// What the caller hears when it runs out; `None`: the BYE alone.
    pub call_length_prompt: Option<Arc<str>>,
    /// How long a presentation waits for the look-up, from the INVITE.
    pub look_up_deadline: Duration,
    /// What each queue lets the caller hear.
    pub voices: HashMap<QueueId, QueueVoice>,
    /// What a call that a seat placed lets its parties hear.
    pub outbound_voice: QueueVoice,
}

impl Rules {
    /// Contact in a response to `request`, which came on `flow`.
    pub fn contact(&self, flow: &Flow, request: &Message) -> String {
        crate::sip::contact_answering(self.advertised.as_ref(), flow, "hotline", request)
    }

    /// How `trunk` is dealt with; one without a profile of its own as a seat is.
    pub fn trunk(&self, trunk: &TrunkId) -> Arc<PeerRules> {
        self.trunks.get(trunk).unwrap_or(&self.seat).clone()
    }
}

/// How the peer of a leg is dealt with: a trunk by its profile, a seat by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerRules {
    /// What it is: the methods it may use hang on that.
    pub class: PeerClass,
    /// Codecs we take and offer, the preferred first.
    pub codecs: Vec<Codec>,
    /// How keys pressed on our side reach it.
    pub dtmf: Dtmf,
    /// The session timer we ask for (RFC 4028); zero: none, but one asked of us is kept.
    pub session_expires: Duration,
    /// Which peers we ask for it.
    pub timed: TimedPeers,
    /// Reliable provisional responses (RFC 3262).
    pub reliable: Reliable,
    /// Whether there is sound before the answer: ours for who calls us, the peer's for who is called.
    pub early_media: bool,
    /// Where else its media comes from than its description or its signalling say.
    pub media_sources: Arc<[Prefix]>,
    /// Where its media is sent.
    pub towards: Towards,
    /// The host in From and P-Asserted-Identity of calls to it: what is configured, or that of the registrar we sign in at,
    /// where we do; a carrier takes its own customers' calls alone. `None`: ours.
    pub domain: Option<Arc<str>>,
    /// The user in our Contact: the name we are registered under, where we are; a carrier may go by it. `None`: `hotline`.
    pub contact: Option<Arc<str>>,
}

impl Default for PeerRules {
    /// A telephone of our own: both laws of G.711, a session timer of half an hour, reliable provisional responses when
    /// it asks for them, no sound before the answer.
    fn default() -> PeerRules {
        PeerRules {
            class: PeerClass::Seat,
            codecs: Codec::ALL.to_vec(),
            dtmf: Dtmf::Rfc4733,
            session_expires: Duration::from_secs(1800),
            timed: TimedPeers::All,
            reliable: Reliable::Supported,
            early_media: false,
            media_sources: Arc::from([]),
            towards: Towards::Source,
            domain: None,
            contact: None,
        }
    }
}

/// What a queue lets the caller hear. Names of prompts; `None` is silence.
#[derive(Debug, Clone, Default)]
pub struct QueueVoice {
    /// While waiting, on hold or being handed on, repeated.
    pub music: Option<Arc<str>>,
    /// When the queue has no place left.
    pub full: Option<Arc<str>>,
    /// When the waiting limit runs out.
    pub timeout: Option<Arc<str>>,
    /// When the operator was lost in mid-call.
    pub apology: Option<Arc<str>>,
}

/// What a service number does with a call.
#[derive(Debug, Clone)]
pub struct ServiceRules {
    /// What is dialled.
    pub number: ServiceNumber,
    /// Where it queues.
    pub queue: QueueId,
    /// Heard first, yields to a human.
    pub welcome: Option<Arc<str>>,
    /// Ringback before the 200 OK.
    pub answer_delay: Duration,
}
