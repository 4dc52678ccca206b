//! The INVITE server transaction (RFC 3261 section 17.2.1, RFC 6026 section 7.1), timers G, H, I and L, and
//! the retransmission of a 2xx until its ACK comes (RFC 3261 section 13.3.1.4), which the RFC leaves to the core.

use super::{Durations, Expiry, Output, Reason, Retransmission, Verdict, earlier};
use crate::sip::{Flow, Status};
use crate::time::{Mono, Now};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

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

/// An INVITE that came, as it outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ServerInviteSnapshot {
    /// The INVITE waits for a final response.
    Proceeding {
        /// The last provisional response; empty before the first.
        #[serde(with = "crate::octets")]
        provisional: Vec<u8>,
    },
    /// Our 2xx is repeated until its ACK comes.
    Accepted {
        /// The 2xx.
        #[serde(with = "crate::octets")]
        response: Vec<u8>,
        /// Until then.
        timer_l: Mono,
    },
}

impl ServerInvite {
    /// What the next process needs of it; nothing of one that needs no answer any more.
    pub(crate) fn snapshot(&self) -> Option<ServerInviteSnapshot> {
        match &self.state {
            State::Proceeding { provisional, .. } => {
                let provisional = provisional.as_ref().map(|bytes| bytes.to_vec()).unwrap_or_default();
                Some(ServerInviteSnapshot::Proceeding { provisional })
            }
            State::Accepted { unacknowledged: Some((response, _)), timer_l } => {
                Some(ServerInviteSnapshot::Accepted { response: response.to_vec(), timer_l: *timer_l })
            }
            State::Accepted { unacknowledged: None, .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Ended => None,
        }
    }

    /// The transaction goes on; a 2xx is repeated at once, for its ACK may have come while the process was away.
    pub(crate) fn resume(
        now: Now,
        flow: Flow,
        snapshot: ServerInviteSnapshot,
        times: &Durations,
        out: &mut Vec<Output>,
    ) -> ServerInvite {
        let state = match snapshot {
            ServerInviteSnapshot::Proceeding { provisional } => {
                let provisional = (!provisional.is_empty()).then(|| Bytes::from(provisional));
                State::Proceeding { provisional, cancelled: Cancelled::No }
            }
            ServerInviteSnapshot::Accepted { response, timer_l } => {
                let response = Bytes::from(response);
                out.push(Output::Send { flow, bytes: response.clone() });
                let repeated = Retransmission::starting(now.mono, times.t1);
                State::Accepted { unacknowledged: Some((response, repeated)), timer_l }
            }
        };
        ServerInvite { flow, state }
    }

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
