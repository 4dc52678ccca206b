//! The client transaction of every request but INVITE and ACK (RFC 3261 section 17.1.2), timers E, F and K.

use super::{Durations, Expiry, Output, Reason, Retransmission, Verdict, earlier};
use crate::sip::{Flow, Status};
use crate::time::{Mono, Now};
use bytes::Bytes;

#[derive(Debug)]
pub(crate) struct ClientOther {
    flow: Flow,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Trying and Proceeding of the RFC: they differ only in how often the request is retransmitted.
    Waiting {
        request: Bytes,
        timer_e: Option<Retransmission>,
        timer_f: Mono,
        proceeding: Proceeding,
    },
    /// Retransmissions of the final response are absorbed.
    Completed {
        timer_k: Mono,
    },
    Ended,
}

/// Whether a provisional response came: from then on timer E runs at T2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proceeding {
    NotYet,
    Yes,
}

impl ClientOther {
    /// Sends the request.
    pub(crate) fn start(
        now: Now,
        flow: Flow,
        request: Bytes,
        times: &Durations,
        out: &mut Vec<Output>,
    ) -> ClientOther {
        out.push(Output::Send { flow, bytes: request.clone() });
        let timer_e = (!flow.transport.is_reliable()).then(|| Retransmission::starting(now.mono, times.t1));
        let timer_f = now.mono + times.t1x64();
        ClientOther {
            flow,
            state: State::Waiting { request, timer_e, timer_f, proceeding: Proceeding::NotYet },
        }
    }

    /// A response came.
    pub(crate) fn response(&mut self, now: Now, status: Status, times: &Durations) -> Verdict {
        let State::Waiting { proceeding, .. } = &mut self.state else { return Verdict::Absorbed };
        if status.is_provisional() {
            // The retransmission already due keeps its time; those after it come every T2.
            *proceeding = Proceeding::Yes;
        } else if self.flow.transport.is_reliable() {
            self.state = State::Ended;
        } else {
            self.state = State::Completed { timer_k: now.mono + times.t4 };
        }
        Verdict::Deliver
    }

    pub(crate) fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        match &self.state {
            State::Waiting { timer_e, timer_f, .. } => {
                earlier(timer_e.map(|timer_e| (timer_e.at, Reason::E)), Some((*timer_f, Reason::F)))
            }
            State::Completed { timer_k } => Some((*timer_k, Reason::K)),
            State::Ended => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Now, times: &Durations, out: &mut Vec<Output>) -> Expiry {
        match &mut self.state {
            State::Waiting { timer_f, .. } if *timer_f <= now.mono => {
                self.state = State::Ended;
                return Expiry::TimedOut;
            }
            State::Waiting { request, timer_e, proceeding, .. } => {
                if let Some(retransmission) =
                    timer_e.as_mut().filter(|retransmission| retransmission.at <= now.mono)
                {
                    *retransmission = match proceeding {
                        Proceeding::NotYet => retransmission.next(now.mono, Some(times.t2)),
                        Proceeding::Yes => retransmission.every(now.mono, times.t2),
                    };
                    out.push(Output::Send { flow: self.flow, bytes: request.clone() });
                }
            }
            State::Completed { timer_k } if *timer_k <= now.mono => self.state = State::Ended,
            State::Completed { .. } | State::Ended => {}
        }
        Expiry::Quiet
    }

    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Whether a failed path means a failed request: no final response has come.
    pub(crate) fn waits_on(&self, flow: &Flow) -> bool {
        self.flow == *flow && matches!(self.state, State::Waiting { .. })
    }
}
