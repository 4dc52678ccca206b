//! The server transaction of every request but INVITE and ACK (RFC 3261 section 17.2.2), timer J, and what
//! RFC 4320 makes of it: no early provisional response, a 100 when the client has begun to wait long, and never
//! a 408, which would arrive when nobody waits any more.

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
        give_up: Mono,
    },
    /// Answered: copies of the request get the same answer again.
    Completed {
        response: Bytes,
        until: Mono,
    },
    Ended,
}

impl ServerOther {
    /// `flow` is where responses go.
    pub(crate) fn start(now: Now, flow: Flow, request: Message, times: &Durations) -> ServerOther {
        let trying = Some(now.mono + times.e_reaches_t2());
        let give_up = now.mono + times.t1x64();
        ServerOther { flow, state: State::Waiting { request, trying, sent: None, give_up } }
    }

    /// A machine that was answered at its birth: the 200 or 481 to a CANCEL.
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

    /// A copy of the request came.
    pub(crate) fn request(&mut self, out: &mut Vec<Output>) -> Verdict {
        let again = match &self.state {
            State::Waiting { sent, .. } => sent.as_ref(),
            State::Completed { response, .. } => Some(response),
            State::Ended => None,
        };
        if let Some(bytes) = again {
            out.push(Output::Send { flow: self.flow, bytes: bytes.clone() });
        }
        Verdict::Absorbed
    }

    /// The transaction's user answers. Only the first final response is sent. A provisional one is sent when
    /// it is a 100 and its time has come (RFC 4320 section 4.1); a 408 ends the transaction without a word.
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
            State::Completed { response, until: now.mono + times.t1x64() }
        };
    }

    pub(crate) fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        match &self.state {
            State::Waiting { trying, give_up, .. } => {
                earlier(trying.map(|at| (at, Reason::OwesTrying)), Some((*give_up, Reason::Unanswered)))
            }
            State::Completed { until, .. } => Some((*until, Reason::J)),
            State::Ended => None,
        }
    }

    /// After [`Expiry::OwesTrying`] the endpoint responds with a 100.
    pub(crate) fn handle_timeout(&mut self, now: Now) -> Expiry {
        match &mut self.state {
            State::Waiting { give_up, .. } if *give_up <= now.mono => self.state = State::Ended,
            State::Waiting { trying: Some(at), .. } if *at <= now.mono => return Expiry::OwesTrying,
            State::Completed { until, .. } if *until <= now.mono => self.state = State::Ended,
            _ => {}
        }
        Expiry::Quiet
    }

    /// The request, while its final response is awaited.
    pub(crate) fn waiting_request(&self) -> Option<&Message> {
        match &self.state {
            State::Waiting { request, .. } => Some(request),
            _ => None,
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
