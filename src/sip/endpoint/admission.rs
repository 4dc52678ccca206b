//! From bytes to a request that waits for admission, and what becomes of it then: recognition is the endpoint's, admission
//! its user's. Nothing is kept of a request before it is admitted.

use super::held::Holding;
use super::servers::{Known, Names};
use super::{Endpoint, Output, Sending, TransactionEvent, stateless_way};
use crate::sip::recent::Recent;
use crate::sip::{Flow, Message, Method, Status};
use crate::time::{Duration, Mono, Now};
use bytes::Bytes;
use std::borrow::Cow;

/// What came.
#[derive(Debug)]
pub enum Received {
    /// A request that waits for [`Endpoint::admit`] or [`Endpoint::reject`].
    New(NewRequest),
    /// What concerns the user of a transaction.
    Event(TransactionEvent),
}

/// A request that belongs to nothing the endpoint has, or an ACK or a CANCEL whose source is to be looked at. Retransmissions
/// of what is in a transaction, merged requests and a CANCEL of nothing are no such requests: the endpoint answers them.
#[derive(Debug)]
pub struct NewRequest {
    flow: Flow,
    request: Message,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A request that would begin a transaction.
    Request { method: Method, names: Names, mark: u64, holding: Holding },
    /// An ACK that would be matched to its INVITE.
    Ack,
    /// A CANCEL of the INVITE that came by `invited`.
    Cancel { names: Names, invited: Flow },
}

/// What is to be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// A request that is new, from a source that holds so much already.
    New(Holding),
    /// An ACK: rejected, it is passed over.
    Ack,
    /// A CANCEL of an INVITE that came by this path.
    Cancel(Flow),
}

/// Why and how a request is not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The request is answered at once with this status and these headers, and nothing is kept of it: each retransmission is rejected
    /// and answered alone, so that one datagram never brings two answers.
    Answer(Status, Vec<(&'static str, Cow<'static, str>)>),
    /// There is too much to do: an INVITE gets 503 with Retry-After and the user hears that it was shed; of any
    /// other request nothing more is heard.
    Shed(Shedding),
    /// The request is dropped without an answer, as if it had been lost: its sender retransmits it.
    Drop,
}

/// How an INVITE that was shed is told to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shedding {
    /// As a call that was refused.
    Singly,
    /// As one of many, to be counted: there may be more of them than can be written down.
    InBulk,
}

impl NewRequest {
    /// The path it came by.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// The request; its top Via is stamped with where it came from, except that of an ACK or a CANCEL.
    pub fn request(&self) -> &Message {
        &self.request
    }

    /// What is to be admitted.
    pub fn kind(&self) -> RequestKind {
        match &self.kind {
            Kind::Request { holding, .. } => RequestKind::New(*holding),
            Kind::Ack => RequestKind::Ack,
            Kind::Cancel { invited, .. } => RequestKind::Cancel(*invited),
        }
    }
}

impl Endpoint {
    /// Takes one message, or what claims to be one, and admits every request. Keep-alives of blank lines are
    /// passed over.
    pub fn receive(
        &mut self,
        now: Now,
        flow: Flow,
        bytes: Bytes,
        out: &mut Vec<Output>,
    ) -> Option<TransactionEvent> {
        match self.recognise(now, flow, bytes, out)? {
            Received::New(new) => self.admit(now, new, out),
            Received::Event(event) => Some(event),
        }
    }

    /// Takes one message, or what claims to be one. A request that is new waits for admission.
    pub fn recognise(
        &mut self,
        now: Now,
        flow: Flow,
        bytes: Bytes,
        out: &mut Vec<Output>,
    ) -> Option<Received> {
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return None;
        }
        let mut request = match Message::parse(bytes) {
            Ok(message) => message,
            Err(malformed) => {
                self.malformed(&flow, &malformed, out);
                return None;
            }
        };
        let Some(method) = request.method().cloned() else {
            return self.response_received(now, flow, request, out).map(Received::Event);
        };
        if method == Method::Ack {
            return Some(Received::New(NewRequest { flow, request, kind: Kind::Ack }));
        }
        let names = match self.servers.recognise(&request, &method, out) {
            // Its branch names the transaction; a proxy or a log may have told it others (RFC 3261 section 9.1).
            Known::New(names) if method == Method::Cancel => match self.servers.cancels(&request) {
                Some(invited) => {
                    let kind = Kind::Cancel { names, invited };
                    return Some(Received::New(NewRequest { flow, request, kind }));
                }
                None => return self.cancel_received(now, flow, request, names, out).map(Received::Event),
            },
            Known::New(names) => names,
            Known::Retransmission => {
                self.counts.retransmissions += 1;
                return None;
            }
            Known::Merged => {
                self.counts.merged += 1;
                request.note_source(flow.remote);
                self.answer_statelessly(&flow, &request, Status::LOOP_DETECTED, out);
                return None;
            }
        };
        request.note_source(flow.remote);
        let mark = names.mark(self.salt);
        if begins_a_call(&request, &method) && self.shed_lately.holds(mark) {
            self.answer_statelessly(&flow, &request, Status::SERVICE_UNAVAILABLE, out);
            return None;
        }
        let is_full = self.is_full(&request, &method);
        let holding = self.servers.held_by(flow.remote.ip());
        let new = NewRequest { flow, request, kind: Kind::Request { method, names, mark, holding } };
        if is_full {
            return self.reject(now, new, Rejection::Shed(Shedding::InBulk), out).map(Received::Event);
        }
        Some(Received::New(new))
    }

    /// Takes a request in. Every event but that of a CANCEL or an ACK that concerns no one is the user's to act on.
    pub fn admit(&mut self, now: Now, new: NewRequest, out: &mut Vec<Output>) -> Option<TransactionEvent> {
        let NewRequest { flow, request, kind } = new;
        match kind {
            Kind::Request { method, names, .. } => {
                let cx = Sending { now, durations: &self.config.durations, out };
                let tx = self.servers.admit(cx, &flow, &request, &method, names);
                Some(TransactionEvent::Request { tx, flow, request })
            }
            Kind::Ack => self.ack_received(now, flow, request, out),
            Kind::Cancel { names, .. } => self.cancel_received(now, flow, request, names, out),
        }
    }

    /// Turns a request away. The user hears of an INVITE that is shed, once.
    pub fn reject(
        &mut self,
        now: Now,
        new: NewRequest,
        rejection: Rejection,
        out: &mut Vec<Output>,
    ) -> Option<TransactionEvent> {
        let NewRequest { flow, mut request, kind } = new;
        let (method, mark) = match kind {
            Kind::Request { method, mark, .. } => (method, mark),
            // No answer to an ACK exists (RFC 3261 section 17).
            Kind::Ack => {
                self.counts.stray += 1;
                return None;
            }
            Kind::Cancel { .. } => {
                self.counts.stray += 1;
                request.note_source(flow.remote);
                (Method::Cancel, 0)
            }
        };
        match rejection {
            Rejection::Answer(status, headers) => {
                let mut answer = self.stateless(&request, status);
                for (name, value) in headers {
                    answer = answer.with(name, value.as_bytes());
                }
                out.push(stateless_way(&flow, &request, &answer));
                None
            }
            Rejection::Shed(told) => {
                self.counts.shed += 1;
                if method != Method::Invite {
                    return None;
                }
                let answer =
                    stateless_way(&flow, &request, &self.stateless(&request, Status::SERVICE_UNAVAILABLE));
                if begins_a_call(&request, &method) {
                    self.shed_lately.note(now.mono, mark);
                    return Some(TransactionEvent::Shed { flow, request, answer, told });
                }
                out.push(answer);
                None
            }
            Rejection::Drop => None,
        }
    }
}

/// Whether a request is an INVITE outside any dialog.
pub(super) fn begins_a_call(request: &Message, method: &Method) -> bool {
    *method == Method::Invite && request.to_tag().is_none()
}

/// How long a retransmission of a shed INVITE may still come: 64*T1, until timer B of its sender.
const RETRANSMITTED: Duration = Duration::from_secs(32);

/// Most shed INVITEs remembered, in each of two generations, at about 10 bytes each. Past it the older ones are
/// forgotten early: a late retransmission of one of them would count as a new call.
const REMEMBERED: usize = 131_072;

/// Which INVITEs were shed lately: a retransmission gets the same answer and is not told again.
#[derive(Debug)]
pub(super) struct ShedLately(Recent<u64, ()>);

impl Default for ShedLately {
    fn default() -> ShedLately {
        ShedLately(Recent::new(RETRANSMITTED, REMEMBERED))
    }
}

impl ShedLately {
    pub(super) fn holds(&self, mark: u64) -> bool {
        self.0.peek(&mark).is_some()
    }

    pub(super) fn note(&mut self, now: Mono, mark: u64) {
        self.0.touch_or_turn(now, mark);
    }
}
