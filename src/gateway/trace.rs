//! Traces: the messages of one trunk, seat, call or address, told to the operator of the gateway who asked, for bringing up a trunk.
//!
//! A tap on what comes and goes, and nothing else: it changes nothing and keeps no message. When nothing is traced it
//! costs one branch a message. Secrets are masked here, so that none leaves the core.

use super::{Gateway, Output};
use crate::id::{CallId, LegId, SeatId, TrunkId};
use crate::sip::{Flow, Message, PeerId, masked};
use crate::time::{Duration, Mono, Now, Wall};
use bytes::Bytes;
use std::net::IpAddr;

/// Most traces at once: one for each engineer who brings up a trunk, and room. Each costs a comparison a message.
pub const TRACES: usize = 8;

/// The longest a trace lasts: a forgotten one must not run for ever.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// Most messages of one trace: a thousand calls of ten messages.
pub const MESSAGES: u32 = 10_000;

/// Most bytes of one trace: the messages of [`MESSAGES`] at a generous length each.
pub const BYTES: u64 = 16 * 1024 * 1024;

/// Most SIP Call-IDs a traced call is known by: its legs, each seat that was tried being one.
const CALL_IDS: usize = 64;

/// Names a trace; the shell chooses it.
pub type TraceId = u64;

/// Whose messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// All that comes from and goes to where a trunk is.
    Trunk(TrunkId),
    /// All that comes from and goes to where a seat's phone is.
    Seat(SeatId),
    /// All legs of a call that is under way.
    Call(CallId),
    /// All that comes from and goes to an address, known or not.
    Peer(IpAddr),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Its name.
    pub id: TraceId,
    /// Whose messages.
    pub subject: Subject,
    /// For how long; cut to [`LONGEST`].
    pub lasts: Duration,
    /// How many messages at most; cut to [`MESSAGES`].
    pub most: u32,
    /// Whether telephone numbers and names are masked too.
    pub mask_numbers: bool,
}

/// What a trace says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Traced {
    /// A message came or went.
    Message {
        /// When.
        at: Wall,
        /// Whether we sent it.
        sent: bool,
        /// By which path.
        flow: Flow,
        /// The message, masked.
        bytes: Bytes,
    },
    /// Nothing follows.
    Ended(TraceEnd),
}

/// Why a trace ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceEnd {
    /// Its time is up.
    TimeUp,
    /// The trace has as many messages or bytes as it may have.
    Full,
    /// Not begun: there are [`TRACES`] already.
    TooMany,
    /// Not begun: there is no such trunk, seat or call.
    UnknownSubject,
}

/// A trace that runs.
#[derive(Debug)]
struct Running {
    id: TraceId,
    subject: Subject,
    until: Mono,
    mask_numbers: bool,
    messages_left: u32,
    bytes_left: u64,
    /// The SIP Call-IDs of a traced call, as far as they were seen.
    call_ids: Vec<Box<str>>,
}

/// Whose a message is, as far as can be told.
struct Whose {
    peers: Vec<PeerId>,
    call: Option<CallId>,
    call_id: Box<str>,
}

/// All traces that run; at most [`TRACES`].
#[derive(Debug, Default)]
pub(super) struct Tracer(Vec<Running>);

impl Tracer {
    /// Whether nothing is traced: the usual case.
    #[inline]
    fn is_idle(&self) -> bool {
        self.0.is_empty()
    }

    /// When the next trace's time is up.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.0.iter().map(|t| t.until).min()
    }

    fn end(&mut self, ends: impl Fn(&Running) -> Option<TraceEnd>, out: &mut Vec<Output>) {
        self.0.retain(|trace| match ends(trace) {
            Some(why) => {
                out.push(Output::Traced(trace.id, Traced::Ended(why)));
                false
            }
            None => true,
        });
    }
}

impl Running {
    fn is_about(&mut self, flow: &Flow, whose: &Whose) -> bool {
        let is_peer = |is: &dyn Fn(&PeerId) -> bool| whose.peers.iter().any(is);
        match &self.subject {
            Subject::Trunk(trunk) => is_peer(&|d| matches!(d, PeerId::Trunk(t) if t == trunk)),
            Subject::Seat(seat) => is_peer(&|d| matches!(d, PeerId::Seat(s) if s == seat)),
            Subject::Peer(ip) => flow.remote.ip().to_canonical() == ip.to_canonical(),
            Subject::Call(call) => {
                let known = self.call_ids.contains(&whose.call_id);
                let is_it = whose.call == Some(*call);
                if is_it && !known && self.call_ids.len() < CALL_IDS {
                    self.call_ids.push(whose.call_id.clone());
                }
                is_it || known
            }
        }
    }

    fn tell(&mut self, at: Wall, sent: bool, flow: &Flow, bytes: &[u8], out: &mut Vec<Output>) {
        let bytes = Bytes::from(masked(bytes, self.mask_numbers));
        self.messages_left = self.messages_left.saturating_sub(1);
        self.bytes_left = self.bytes_left.saturating_sub(bytes.len() as u64);
        out.push(Output::Traced(self.id, Traced::Message { at, sent, flow: *flow, bytes }));
    }

    fn is_full(&self) -> bool {
        self.messages_left == 0 || self.bytes_left == 0
    }
}

impl Gateway {
    /// Begins a trace.
    pub(super) fn start_trace(&mut self, now: Now, trace: Trace, out: &mut Vec<Output>) {
        let exists = match &trace.subject {
            Subject::Trunk(trunk) => self.trunking.kept.contains_key(trunk),
            Subject::Seat(seat) => self.phones.is_fixed(seat) || self.access.registrar.has(seat),
            Subject::Call(call) => self.calls.get(*call).is_some(),
            Subject::Peer(_) => true,
        };
        let refused = match exists {
            false => Some(TraceEnd::UnknownSubject),
            true => (self.tracer.0.len() >= TRACES).then_some(TraceEnd::TooMany),
        };
        if let Some(why) = refused {
            return out.push(Output::Traced(trace.id, Traced::Ended(why)));
        }
        self.tracer.0.push(Running {
            id: trace.id,
            subject: trace.subject,
            until: now.mono + trace.lasts.min(LONGEST),
            mask_numbers: trace.mask_numbers,
            messages_left: trace.most.clamp(1, MESSAGES),
            bytes_left: BYTES,
            call_ids: Vec::new(),
        });
    }

    /// Ends a trace that is not read any more; nothing is said.
    pub(super) fn stop_trace(&mut self, id: TraceId) {
        self.tracer.0.retain(|trace| trace.id != id);
    }

    /// Ends the traces whose time is up.
    pub(super) fn traces_lapse(&mut self, now: Now, out: &mut Vec<Output>) {
        self.tracer.end(|trace| (trace.until <= now.mono).then_some(TraceEnd::TimeUp), out);
    }

    /// A message came or goes.
    #[inline]
    pub(super) fn tap(&mut self, now: Now, sent: bool, flow: &Flow, bytes: &Bytes, out: &mut Vec<Output>) {
        if !self.tracer.is_idle() {
            self.trace(now, sent, flow, bytes, out);
        }
    }

    #[cold]
    fn trace(&mut self, now: Now, sent: bool, flow: &Flow, bytes: &Bytes, out: &mut Vec<Output>) {
        let whose = self.whose(flow, bytes);
        for trace in &mut self.tracer.0 {
            if trace.is_about(flow, &whose) {
                trace.tell(now.wall, sent, flow, bytes, out);
            }
        }
        self.tracer.end(|trace| trace.is_full().then_some(TraceEnd::Full), out);
    }

    fn whose(&self, flow: &Flow, bytes: &Bytes) -> Whose {
        let mut peers = vec![self.access.identify(flow)];
        let Ok(message) = Message::parse(bytes.clone()) else {
            return Whose { peers, call: None, call_id: Box::default() };
        };
        // Several seats may share an address: then the names choose.
        for address in [message.from(), message.to()] {
            let user = address.parsed_uri().ok().and_then(|uri| uri.user_text()).unwrap_or_default();
            peers.push(self.access.named(flow, &user));
        }
        let tags = [message.to_tag(), message.from_tag()];
        let mut legs = tags.into_iter().flatten().filter_map(|tag| tag.parse::<LegId>().ok());
        let call = legs.find_map(|leg| self.routes.call_of(leg));
        Whose { peers, call, call_id: message.call_id().into() }
    }
}
