//! Traces: the messages of one trunk, seat, call or address, told to the operator of the gateway who asked, for bringing up a trunk.
//!
//! A tap on what comes and goes, and nothing else: it changes nothing and keeps no message. When nothing is traced it
//! costs one branch a message. Secrets are masked here, so that none leaves the core.

pub use super::trace_request::{BYTES, LONGEST, MESSAGES, Subject, TRACES, Trace, TraceEnd, TraceId, Traced};

use super::{Gateway, Output};
use crate::id::{CallId, LegId};
use crate::sip::{Flow, Message, PeerId, masked};
use crate::time::{Mono, Now, Wall};
use bytes::Bytes;

/// Most SIP Call-IDs a traced call is known by: its legs, each seat that was tried being one.
const CALL_IDS: usize = 64;

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
