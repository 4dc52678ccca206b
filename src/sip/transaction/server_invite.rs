//! The INVITE server transaction (RFC 3261 section 17.2.1, RFC 6026 section 7.1), timers G, H, I and L, and
//! the retransmission of a 2xx until its ACK comes (RFC 3261 section 13.3.1.4), which the RFC leaves to the core.

use super::{Durations, Expiry, Output, Reason, Retransmission, Verdict, earlier};
use crate::sip::{Flow, Status};
use crate::time::{Mono, Now};
use bytes::Bytes;

#[derive(Debug)]
pub(crate) struct ServerInvite {
    flow: Flow,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No final response yet; retransmissions of the INVITE get the last provisional one again.
    Proceeding {
        provisional: Option<Bytes>,
        cancelled: Cancelled,
    },
    /// Refused: the response is retransmitted until its ACK comes (timers G and H).
    Completed {
        response: Bytes,
        timer_g: Option<Retransmission>,
        timer_h: Mono,
    },
    /// The refusal was acknowledged.
    Confirmed {
        timer_i: Mono,
    },
    /// Answered. The 2xx is retransmitted until its ACK comes; retransmissions of the INVITE are absorbed meanwhile.
    Accepted {
        unacknowledged: Option<(Bytes, Retransmission)>,
        timer_l: Mono,
    },
    Ended,
}

/// Whether the transaction's user has been told of a CANCEL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cancelled {
    No,
    Yes,
}

/// What an ACK means to the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acknowledged {
    /// The ACK is for a refusal: of no interest to the transaction's user.
    Failure,
    /// The ACK is the first for the 2xx.
    Answer,
    /// A retransmission, or one that acknowledges nothing.
    Nothing,
}

impl ServerInvite {
    /// `flow` is where responses go.
    pub(crate) fn start(flow: Flow) -> ServerInvite {
        ServerInvite { flow, state: State::Proceeding { provisional: None, cancelled: Cancelled::No } }
    }

    /// A retransmission of the INVITE came.
    pub(crate) fn request(&mut self, out: &mut Vec<Output>) -> Verdict {
        let answer = match &self.state {
            State::Proceeding { provisional, .. } => provisional.as_ref(),
            State::Completed { response, .. } => Some(response),
            State::Accepted { .. } | State::Confirmed { .. } | State::Ended => None,
        };
        if let Some(bytes) = answer {
            out.push(Output::Send { flow: self.flow, bytes: bytes.clone() });
        }
        Verdict::Absorbed
    }

    /// The transaction's user answers. Only the first final response is sent. Gives whether this one was sent.
    pub(crate) fn respond(
        &mut self,
        now: Now,
        status: Status,
        encode: impl FnOnce() -> Bytes,
        times: &Durations,
        out: &mut Vec<Output>,
    ) -> bool {
        let State::Proceeding { provisional, .. } = &mut self.state else { return false };
        let bytes = encode();
        out.push(Output::Send { flow: self.flow, bytes: bytes.clone() });
        let t1x64 = now.mono + times.t1x64();
        let retransmission = Retransmission::starting(now.mono, times.t1);
        match status.code() {
            ..200 => *provisional = Some(bytes),
            200..300 => {
                self.state = State::Accepted { unacknowledged: Some((bytes, retransmission)), timer_l: t1x64 }
            }
            300.. => {
                let timer_g = (!self.flow.transport.is_reliable()).then_some(retransmission);
                self.state = State::Completed { response: bytes, timer_g, timer_h: t1x64 };
            }
        }
        true
    }

    /// An ACK came.
    pub(crate) fn ack(&mut self, now: Now, times: &Durations) -> Acknowledged {
        match &mut self.state {
            State::Completed { .. } => {
                self.state = if self.flow.transport.is_reliable() {
                    State::Ended
                } else {
                    State::Confirmed { timer_i: now.mono + times.t4 }
                };
                Acknowledged::Failure
            }
            State::Accepted { unacknowledged, .. } => match unacknowledged.take() {
                Some(_) => Acknowledged::Answer,
                None => Acknowledged::Nothing,
            },
            State::Proceeding { .. } | State::Confirmed { .. } | State::Ended => Acknowledged::Nothing,
        }
    }

    /// A CANCEL came. [`Verdict::Deliver`] for the first while no final response is out.
    pub(crate) fn cancel(&mut self) -> Verdict {
        match &mut self.state {
            State::Proceeding { cancelled, .. } if *cancelled == Cancelled::No => {
                *cancelled = Cancelled::Yes;
                Verdict::Deliver
            }
            State::Proceeding { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Accepted { .. }
            | State::Ended => Verdict::Absorbed,
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        match &self.state {
            State::Completed { timer_g, timer_h, .. } => {
                earlier(timer_g.map(|timer_g| (timer_g.at, Reason::G)), Some((*timer_h, Reason::H)))
            }
            State::Confirmed { timer_i } => Some((*timer_i, Reason::I)),
            State::Accepted { unacknowledged, timer_l } => {
                let retransmission = unacknowledged
                    .as_ref()
                    .map(|(_, retransmission)| (retransmission.at, Reason::Retransmit2xx));
                earlier(retransmission, Some((*timer_l, Reason::L)))
            }
            State::Proceeding { .. } | State::Ended => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Now, times: &Durations, out: &mut Vec<Output>) -> Expiry {
        match &mut self.state {
            State::Completed { timer_h, .. } if *timer_h <= now.mono => {
                self.state = State::Ended;
                Expiry::UnacknowledgedFailure
            }
            State::Completed { response, timer_g: Some(retransmission), .. }
                if retransmission.at <= now.mono =>
            {
                *retransmission = retransmission.next(now.mono, Some(times.t2));
                out.push(Output::Send { flow: self.flow, bytes: response.clone() });
                Expiry::Quiet
            }
            State::Accepted { unacknowledged, timer_l } if *timer_l <= now.mono => {
                let expiry = if unacknowledged.is_some() { Expiry::Unacknowledged } else { Expiry::Quiet };
                self.state = State::Ended;
                expiry
            }
            State::Accepted { unacknowledged: Some((response, retransmission)), .. }
                if retransmission.at <= now.mono =>
            {
                *retransmission = retransmission.next(now.mono, Some(times.t2));
                out.push(Output::Send { flow: self.flow, bytes: response.clone() });
                Expiry::Quiet
            }
            State::Confirmed { timer_i } if *timer_i <= now.mono => {
                self.state = State::Ended;
                Expiry::Quiet
            }
            State::Proceeding { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Accepted { .. }
            | State::Ended => Expiry::Quiet,
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self.state, State::Accepted { .. })
    }

    /// Where responses go.
    pub(crate) fn flow(&self) -> Flow {
        self.flow
    }

    /// Sends further responses by `flow`: the old path is gone.
    pub(crate) fn reroute(&mut self, old: &Flow, flow: Flow) {
        if self.flow == *old {
            self.flow = flow;
        }
    }
}
