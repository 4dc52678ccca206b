//! The part of the configuration a call lives by, shared by all calls and never changed in place.

use crate::id::{QueueId, ServiceNumber};
use crate::sdp::Codec;
use crate::time::Duration;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What every call goes by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The address in our session descriptions; `None`: the address the message came to.
    pub media_address: Option<IpAddr>,
    /// The host in From and P-Asserted-Identity towards seats.
    pub domain: String,
    /// In Contact, in place of the address of the flow: `host` or `host:port`.
    pub advertised: Option<crate::sip::Advertised>,
    /// Codecs we take, the preferred first.
    pub codecs: Vec<Codec>,
    /// The longest a call may last, from its 200 OK.
    pub call_length: Duration,
    /// What the caller hears when it runs out; `None`: the BYE alone.
    pub call_length_prompt: Option<Arc<str>>,
    /// How long a presentation waits for the look-up, from the INVITE.
    pub look_up_deadline: Duration,
    /// What each queue lets the caller hear.
    pub voices: HashMap<QueueId, QueueVoice>,
}

/// What a queue lets the caller hear. Names of prompts; `None` is silence.
#[derive(Debug, Clone, Default)]
pub struct QueueVoice {
    /// While waiting, repeated.
    pub music: Option<Arc<str>>,
    /// When the queue has no place left.
    pub full: Option<Arc<str>>,
    /// When the waiting limit runs out.
    pub timeout: Option<Arc<str>>,
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
