//! The server transaction of every request but INVITE and ACK (RFC 3261 section 17.2.2), timer J, and what
//! RFC 4320 makes of it: no early provisional response, a 100 when the client has begun to wait long, and never
//! a 408, which would arrive after the client has given up.

use super::{Durations, Expiry, Output, Reason, Verdict, earlier};
use crate::sip::{Flow, Message, Status};
use crate::time::{Mono, Now};
use bytes::Bytes;

#[derive(Debug)]
pub(crate) struct ServerOther {
    flow: Flow,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No final response yet. `trying` is when a 100 is owed, `request` what it is built from.
    Waiting {
        request: Message,
        trying: Option<Mono>,
        sent: Option<Bytes>,
        unanswered: Mono,
    },
    /// Answered: retransmissions of the request get the same answer.
    Completed {
        response: Bytes,
        timer_j: Mono,
    },
    Ended,
}

impl ServerOther {
    /// `flow` is where responses go.
    pub(crate) fn start(now: Now, flow: Flow, request: Message, times: &Durations) -> ServerOther {
        let trying = Some(now.mono + times.e_reaches_t2());
        let unanswered = now.mono + times.t1x64();
        ServerOther { flow, state: State::Waiting { request, trying, sent: None, unanswered } }
    }

    /// A transaction that begins with its answer: the 200 or 481 to a CANCEL.
    pub(crate) fn answered(
        now: Now,
        flow: Flow,
        response: Bytes,
        times: &Durations,
        out: &mut Vec<Output>,
    ) -> ServerOther {
        let mut machine = ServerOther { flow, state: State::Ended };
        machine.complete(now, response, times, out);
        machine
    }

    /// A retransmission of the request came.
    pub(crate) fn request(&mut self, out: &mut Vec<Output>) -> Verdict {
        let answer = match &self.state {
            State::Waiting { sent, .. } => sent.as_ref(),
            State::Completed { response, .. } => Some(response),
            State::Ended => None,
        };
        if let Some(bytes) = answer {
            out.push(Output::Send { flow: self.flow, bytes: bytes.clone() });
        }
        Verdict::Absorbed
    }

    /// The transaction's user answers. Only the first final response is sent. A provisional one is sent when
    /// it is a 100 and its time has come (RFC 4320 section 4.1); a 408 ends the transaction without a response.
    pub(crate) fn respond(
        &mut self,
        now: Now,
        status: Status,
        encode: impl FnOnce() -> Bytes,
        times: &Durations,
        out: &mut Vec<Output>,
    ) {
        let State::Waiting { trying, sent, .. } = &mut self.state else { return };
        match status.code() {
            100 if self.flow.transport.is_reliable() || trying.is_none_or(|at| at <= now.mono) => {
                let bytes = encode();
                (*trying, *sent) = (None, Some(bytes.clone()));
                out.push(Output::Send { flow: self.flow, bytes });
            }
            100..200 => {}
            408 => self.state = State::Ended,
            _ => self.complete(now, encode(), times, out),
        }
    }

    fn complete(&mut self, now: Now, response: Bytes, times: &Durations, out: &mut Vec<Output>) {
        out.push(Output::Send { flow: self.flow, bytes: response.clone() });
        self.state = if self.flow.transport.is_reliable() {
            State::Ended
        } else {
            State::Completed { response, timer_j: now.mono + times.t1x64() }
        };
    }

    pub(crate) fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        match &self.state {
            State::Waiting { trying, unanswered, .. } => {
                earlier(trying.map(|at| (at, Reason::OwesTrying)), Some((*unanswered, Reason::Unanswered)))
            }
            State::Completed { timer_j, .. } => Some((*timer_j, Reason::J)),
            State::Ended => None,
        }
    }

    /// After [`Expiry::OwesTrying`] the endpoint responds with a 100.
    pub(crate) fn handle_timeout(&mut self, now: Now) -> Expiry {
        match &mut self.state {
            State::Waiting { unanswered, .. } if *unanswered <= now.mono => self.state = State::Ended,
            State::Waiting { trying: Some(at), .. } if *at <= now.mono => return Expiry::OwesTrying,
            State::Completed { timer_j, .. } if *timer_j <= now.mono => self.state = State::Ended,
            State::Waiting { .. } | State::Completed { .. } | State::Ended => {}
        }
        Expiry::Quiet
    }

    /// The request, while its final response is awaited.
    pub(crate) fn waiting_request(&self) -> Option<&Message> {
        match &self.state {
            State::Waiting { request, .. } => Some(request),
            State::Completed { .. } | State::Ended => None,
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Sends further responses by `flow`: the old path is gone.
    pub(crate) fn reroute(&mut self, old: &Flow, flow: Flow) {
        if self.flow == *old {
            self.flow = flow;
        }
    }
}
