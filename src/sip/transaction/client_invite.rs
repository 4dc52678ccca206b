//! The INVITE client transaction (RFC 3261 section 17.1.1, RFC 6026 section 7.2), timers A to D and M, and the
//! CANCEL that belongs to it (RFC 3261 section 9.1).
//!
//! The machine builds no messages: the endpoint gives it the bytes of ACK and CANCEL when it asks for them.

use super::client_other::ClientOther;
use super::{Durations, Expiry, Output, Reason, Retransmission, Verdict, earlier};
use crate::sip::{Flow, Status};
use crate::time::{Mono, Now};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

#[derive(Debug)]
pub(crate) struct ClientInvite {
    flow: Flow,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No response came. Its CANCEL waits for one (RFC 3261 section 9.1).
    Calling {
        invite: Bytes,
        timer_a: Option<Retransmission>,
        timer_b: Mono,
        cancel_wanted: bool,
    },
    /// The callee rings.
    Proceeding {
        invite: Bytes,
        timer_c: Mono,
    },
    /// The INVITE is being cancelled: a final response may come yet.
    Cancelling {
        invite: Bytes,
        cancel: ClientOther,
        until: Mono,
    },
    /// The INVITE failed, and retransmissions of the failure are acknowledged.
    Completed {
        ack: Bytes,
        timer_d: Mono,
    },
    /// The INVITE was answered; further 2xx, retransmissions or those of other branches, are for the transaction's user.
    Accepted {
        timer_m: Mono,
    },
    Ended,
}

/// An INVITE of ours that is out, as it outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientInviteSnapshot {
    #[serde(with = "crate::octets")]
    invite: Vec<u8>,
    flow: Flow,
    /// A provisional response came: it can be cancelled.
    rings: bool,
}

impl ClientInviteSnapshot {
    /// The INVITE as it was sent.
    pub(crate) fn invite(&self) -> Bytes {
        Bytes::from(self.invite.clone())
    }

    /// Where it went.
    pub(crate) fn flow(&self) -> Flow {
        self.flow
    }
}

impl ClientInvite {
    /// What the next process needs of it; nothing of one that has its final response.
    pub(crate) fn snapshot(&self) -> Option<ClientInviteSnapshot> {
        let (invite, rings) = match &self.state {
            State::Calling { invite, .. } => (invite, false),
            State::Proceeding { invite, .. } | State::Cancelling { invite, .. } => (invite, true),
            State::Completed { .. } | State::Accepted { .. } | State::Ended => return None,
        };
        Some(ClientInviteSnapshot { invite: invite.to_vec(), flow: self.flow, rings })
    }

    /// The transaction goes on. One that had no response is sent again: it cannot be cancelled before (RFC 3261 section 9.1).
    pub(crate) fn resume(
        now: Now,
        snapshot: ClientInviteSnapshot,
        times: &Durations,
        out: &mut Vec<Output>,
    ) -> ClientInvite {
        let ClientInviteSnapshot { invite, flow, rings } = snapshot;
        let invite = Bytes::from(invite);
        if !rings {
            return ClientInvite::start(now, flow, invite, times, out);
        }
        ClientInvite { flow, state: State::Proceeding { invite, timer_c: now.mono + times.c } }
    }

    /// Sends the INVITE.
    pub(crate) fn start(
        now: Now,
        flow: Flow,
        invite: Bytes,
        times: &Durations,
        out: &mut Vec<Output>,
    ) -> ClientInvite {
        out.push(Output::Send { flow, bytes: invite.clone() });
        let timer_a = (!flow.transport.is_reliable()).then(|| Retransmission::starting(now.mono, times.t1));
        let timer_b = now.mono + times.t1x64();
        ClientInvite { flow, state: State::Calling { invite, timer_a, timer_b, cancel_wanted: false } }
    }

    /// A response came. `ack` and `cancel` make their message from the INVITE as it was sent; each is called
    /// at most once.
    pub(crate) fn response(
        &mut self,
        now: Now,
        status: Status,
        times: &Durations,
        ack: impl FnOnce(&Bytes) -> Option<Bytes>,
        cancel: impl FnOnce(&Bytes) -> Option<Bytes>,
        out: &mut Vec<Output>,
    ) -> Verdict {
        match (&self.state, status.code()) {
            (State::Calling { .. } | State::Proceeding { .. } | State::Cancelling { .. }, 100..200) => {
                self.provisional(now, times, cancel, out);
                Verdict::Deliver
            }
            (State::Calling { .. } | State::Proceeding { .. } | State::Cancelling { .. }, 200..300) => {
                self.state = State::Accepted { timer_m: now.mono + times.t1x64() };
                Verdict::Deliver
            }
            (State::Accepted { .. }, 200..300) => Verdict::Deliver,
            (
                State::Calling { invite, .. }
                | State::Proceeding { invite, .. }
                | State::Cancelling { invite, .. },
                300..,
            ) => {
                let ack = ack(invite);
                self.failed(now, times, ack, out);
                Verdict::Deliver
            }
            (State::Completed { ack, .. }, 300..) => {
                out.push(Output::Send { flow: self.flow, bytes: ack.clone() });
                Verdict::Absorbed
            }
            _ => Verdict::Absorbed,
        }
    }

    fn provisional(
        &mut self,
        now: Now,
        times: &Durations,
        cancel: impl FnOnce(&Bytes) -> Option<Bytes>,
        out: &mut Vec<Output>,
    ) {
        let timer_c = now.mono + times.c;
        self.state = match std::mem::replace(&mut self.state, State::Ended) {
            State::Calling { invite, cancel_wanted, .. } => {
                self.state = State::Proceeding { invite, timer_c };
                if cancel_wanted {
                    self.cancel(now, times, cancel, out);
                }
                return;
            }
            State::Proceeding { invite, .. } => State::Proceeding { invite, timer_c },
            other @ (State::Cancelling { .. }
            | State::Completed { .. }
            | State::Accepted { .. }
            | State::Ended) => other,
        };
    }

    fn failed(&mut self, now: Now, times: &Durations, ack: Option<Bytes>, out: &mut Vec<Output>) {
        let Some(ack) = ack else {
            self.state = State::Ended;
            return;
        };
        out.push(Output::Send { flow: self.flow, bytes: ack.clone() });
        self.state = if self.flow.transport.is_reliable() {
            State::Ended
        } else {
            State::Completed { ack, timer_d: now.mono + times.d() }
        };
    }

    /// Cancels the INVITE: at once when it rings, after the first response when none came yet, not at all when it
    /// is over.
    pub(crate) fn cancel(
        &mut self,
        now: Now,
        times: &Durations,
        cancel: impl FnOnce(&Bytes) -> Option<Bytes>,
        out: &mut Vec<Output>,
    ) {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Calling { invite, timer_a, timer_b, .. } => {
                self.state = State::Calling { invite, timer_a, timer_b, cancel_wanted: true };
            }
            State::Proceeding { invite, timer_c } => match cancel(&invite) {
                Some(bytes) => {
                    let cancel = ClientOther::start(now, self.flow, bytes, times, out);
                    self.state = State::Cancelling { invite, cancel, until: now.mono + times.t1x64() };
                }
                None => self.state = State::Proceeding { invite, timer_c },
            },
            other @ (State::Cancelling { .. }
            | State::Completed { .. }
            | State::Accepted { .. }
            | State::Ended) => self.state = other,
        }
    }

    /// A response to the CANCEL came.
    pub(crate) fn cancel_response(&mut self, now: Now, status: Status, times: &Durations) {
        if let State::Cancelling { cancel, .. } = &mut self.state {
            cancel.response(now, status, times);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        match &self.state {
            State::Calling { timer_a, timer_b, .. } => {
                earlier(timer_a.map(|timer_a| (timer_a.at, Reason::A)), Some((*timer_b, Reason::B)))
            }
            State::Proceeding { timer_c, .. } => Some((*timer_c, Reason::C)),
            State::Cancelling { cancel, until, .. } => {
                let retransmission = cancel.poll_timeout().filter(|(_, reason)| *reason == Reason::E);
                earlier(retransmission, Some((*until, Reason::Cancelled)))
            }
            State::Completed { timer_d, .. } => Some((*timer_d, Reason::D)),
            State::Accepted { timer_m } => Some((*timer_m, Reason::M)),
            State::Ended => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Now, times: &Durations, out: &mut Vec<Output>) -> Expiry {
        match &mut self.state {
            State::Calling { timer_b, .. } if *timer_b <= now.mono => {
                self.state = State::Ended;
                Expiry::TimedOut
            }
            State::Calling { invite, timer_a, .. } => {
                if let Some(retransmission) =
                    timer_a.as_mut().filter(|retransmission| retransmission.at <= now.mono)
                {
                    *retransmission = retransmission.next(now.mono, None);
                    out.push(Output::Send { flow: self.flow, bytes: invite.clone() });
                }
                Expiry::Quiet
            }
            State::Proceeding { timer_c, .. } if *timer_c <= now.mono => Expiry::RangTooLong,
            State::Cancelling { until, .. } if *until <= now.mono => {
                self.state = State::Ended;
                Expiry::TimedOut
            }
            State::Cancelling { cancel, .. } => {
                cancel.handle_timeout(now, times, out);
                Expiry::Quiet
            }
            State::Completed { timer_d: due, .. } | State::Accepted { timer_m: due } if *due <= now.mono => {
                self.state = State::Ended;
                Expiry::Quiet
            }
            State::Proceeding { .. } | State::Completed { .. } | State::Accepted { .. } | State::Ended => {
                Expiry::Quiet
            }
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Whether a failed path means a failed call: no final response has come.
    pub(crate) fn waits_on(&self, flow: &Flow) -> bool {
        self.flow == *flow
            && !matches!(self.state, State::Completed { .. } | State::Accepted { .. } | State::Ended)
    }
}
