//! Server transactions: INVITE (RFC 3261 section 17.2.1, RFC 6026) and all others (section 17.2.2).

use super::timer::{Durations, Timer};
use crate::sip::{Flow, Method};
use crate::time::Duration;
use bytes::Bytes;

/// One request that came in.
#[derive(Debug)]
pub struct Server {
    /// Where responses go.
    pub flow: Flow,
    /// What it is matched by.
    pub key: String,
    /// What a merged copy is told by; `None` inside a dialog.
    pub merge: Option<String>,
    /// What the ACK of its 2xx is matched by, while that is awaited.
    pub ack: Option<String>,
    /// Its method.
    pub method: Method,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing sent, or only this provisional response.
    Proceeding(Option<Bytes>),
    /// A final response was sent: non-2xx to INVITE, any to others. The interval to its next repeat.
    Completed(Bytes, Duration),
    /// The ACK for a non-2xx came.
    Confirmed,
    /// A 2xx to INVITE was sent; the bytes until its ACK came.
    Accepted(Option<(Bytes, Duration)>),
}

/// What a step of the machine asks for.
#[derive(Debug, Default)]
pub struct ServerStep {
    /// Bytes to send on the flow.
    pub send: Option<Bytes>,
    /// Timers to set, in from now.
    pub set: Vec<(Timer, Duration)>,
    /// Timers to stop.
    pub stop: Vec<Timer>,
    /// The 2xx was never acknowledged.
    pub unacknowledged: bool,
    /// The transaction is over.
    pub over: bool,
}

impl Server {
    /// A request came in that belongs to no transaction.
    pub fn new(flow: Flow, key: String, merge: Option<String>, method: Method) -> Server {
        Server { flow, key, merge, ack: None, method, state: State::Proceeding(None) }
    }

    /// The request came again: the last response goes again. An accepted INVITE is only absorbed.
    pub fn repeated(&self) -> Option<Bytes> {
        match &self.state {
            State::Proceeding(last) => last.clone(),
            State::Completed(last, _) => Some(last.clone()),
            State::Confirmed | State::Accepted(_) => None,
        }
    }

    /// Whether a final response is still owed.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Proceeding(_))
    }

    /// The user of the transaction answers. A second final response is ignored.
    pub fn respond(&mut self, status: u16, bytes: Bytes, d: &Durations) -> ServerStep {
        let mut step = ServerStep::default();
        if !self.is_open() {
            return step;
        }
        step.send = Some(bytes.clone());
        let reliable = self.flow.transport.is_reliable();
        match (status, &self.method) {
            (100..=199, _) => self.state = State::Proceeding(Some(bytes)),
            (200..=299, Method::Invite) => {
                self.state = State::Accepted(Some((bytes, d.t1)));
                step.set.extend([(Timer::G, d.t1), (Timer::L, d.give_up())]);
            }
            (_, Method::Invite) => {
                self.state = State::Completed(bytes, d.t1);
                step.set.push((Timer::H, d.give_up()));
                if !reliable {
                    step.set.push((Timer::G, d.t1));
                }
            }
            _ => {
                self.state = State::Completed(bytes, d.t1);
                if reliable { step.over = true } else { step.set.push((Timer::J, d.give_up())) }
            }
        }
        step
    }

    /// The ACK came: for a non-2xx by the transaction's own branch, for a 2xx by its dialog. Says whether it is
    /// news.
    pub fn acknowledged(&mut self, d: &Durations) -> (bool, ServerStep) {
        let mut step = ServerStep::default();
        let news = match &mut self.state {
            State::Completed(..) if self.method == Method::Invite => {
                self.state = State::Confirmed;
                step.stop.extend([Timer::G, Timer::H]);
                if self.flow.transport.is_reliable() {
                    step.over = true;
                } else {
                    step.set.push((Timer::I, d.t4));
                }
                true
            }
            State::Accepted(unacked @ Some(_)) => {
                *unacked = None;
                step.stop.push(Timer::G);
                true
            }
            _ => false,
        };
        (news, step)
    }

    /// One of our timers fired.
    pub fn fire(&mut self, timer: Timer, d: &Durations) -> ServerStep {
        let mut step = ServerStep::default();
        match (timer, &mut self.state) {
            (Timer::G, State::Completed(bytes, interval) | State::Accepted(Some((bytes, interval)))) => {
                *interval = d.longer(*interval);
                step.set.push((Timer::G, *interval));
                step.send = Some(bytes.clone());
            }
            (Timer::L, State::Accepted(unacked)) => {
                step.unacknowledged = unacked.is_some();
                step.over = true;
            }
            (Timer::H | Timer::I | Timer::J, _) => step.over = true,
            _ => {}
        }
        step
    }
}
