//! Client transactions: INVITE (RFC 3261 section 17.1.1, RFC 6026) and all others (section 17.1.2).

use super::timer::{Durations, Timer};
use crate::sip::{Flow, Message, Method, Outgoing};
use crate::time::Duration;
use bytes::Bytes;

/// One request we sent.
#[derive(Debug)]
pub struct Client {
    /// The path it went.
    pub flow: Flow,
    /// The branch of its Via; responses must carry it.
    pub branch: String,
    /// Its method.
    pub method: Method,
    /// The INVITE, while an ACK or CANCEL may still be made from it.
    request: Option<Box<Outgoing>>,
    bytes: Bytes,
    state: State,
    cancel: Cancel,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Sent, nothing heard. The interval to the next repeat.
    Calling(Duration),
    /// A provisional response came. For requests other than INVITE the repeats go on.
    Proceeding,
    /// A final non-2xx response came; for INVITE the ACK that answers its repeats.
    Completed(Option<Bytes>),
    /// A 2xx to INVITE came.
    Accepted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cancel {
    No,
    /// Wanted, but no provisional response came yet (RFC 3261 section 9.1).
    Wanted,
    Sent,
}

/// What a step of the machine asks for.
#[derive(Debug, Default)]
pub struct ClientStep {
    /// Bytes to send on the flow.
    pub send: Option<Bytes>,
    /// Timers to set, in from now.
    pub set: Vec<(Timer, Duration)>,
    /// Timers to stop.
    pub stop: Vec<Timer>,
    /// The response is for the user of the transaction.
    pub report: bool,
    /// This CANCEL is to be sent now.
    pub cancel: Option<Box<Outgoing>>,
    /// The request failed: no answer.
    pub failed: bool,
    /// The transaction is over.
    pub over: bool,
}

impl Client {
    /// Sends `request`, which has its Via already.
    pub fn start(
        request: Outgoing,
        method: Method,
        branch: String,
        flow: Flow,
        d: &Durations,
    ) -> (Client, ClientStep) {
        let bytes = request.encode();
        let invite = method == Method::Invite;
        let (repeat, give_up) = if invite { (Timer::A, Timer::B) } else { (Timer::E, Timer::F) };
        let mut step = ClientStep { send: Some(bytes.clone()), ..ClientStep::default() };
        step.set.push((give_up, d.give_up()));
        if !flow.transport.is_reliable() {
            step.set.push((repeat, d.t1));
        }
        let request = invite.then(|| Box::new(request));
        let state = State::Calling(d.t1);
        (Client { flow, branch, request, method, bytes, state, cancel: Cancel::No }, step)
    }

    /// A response that carries our branch.
    pub fn receive(&mut self, response: &Message, d: &Durations) -> ClientStep {
        let status = response.status().unwrap_or_default();
        let mut step = ClientStep::default();
        match (&self.state, status) {
            (State::Calling(_) | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                step.report = true;
                if self.method == Method::Invite {
                    step.stop.push(Timer::A);
                    if self.cancel == Cancel::No {
                        step.stop.push(Timer::B);
                    }
                }
                if self.cancel == Cancel::Wanted {
                    self.send_cancel(d, &mut step);
                }
            }
            (State::Calling(_) | State::Proceeding, _) => self.finally(response, status, d, &mut step),
            (State::Accepted, 200..=299) => step.report = true,
            (State::Completed(ack), 300..) => step.send = ack.clone(),
            (State::Accepted | State::Completed(_), _) => {}
        }
        step
    }

    fn finally(&mut self, response: &Message, status: u16, d: &Durations, step: &mut ClientStep) {
        step.report = true;
        let reliable = self.flow.transport.is_reliable();
        self.bytes = Bytes::new();
        if self.method != Method::Invite {
            step.stop.extend([Timer::E, Timer::F]);
            self.state = State::Completed(None);
            absorb(Timer::K, if reliable { Duration::ZERO } else { d.t4 }, step);
            return;
        }
        step.stop.extend([Timer::A, Timer::B]);
        if status < 300 {
            self.state = State::Accepted;
            self.request = None;
            step.set.push((Timer::M, d.give_up()));
            return;
        }
        let ack = self.request.take().map(|r| ack_for(&r, response).encode());
        step.send = ack.clone();
        self.state = State::Completed(ack);
        absorb(Timer::D, if reliable { Duration::ZERO } else { d.give_up() }, step);
    }

    /// One of our timers fired.
    pub fn fire(&mut self, timer: Timer, d: &Durations) -> ClientStep {
        let mut step = ClientStep::default();
        match (timer, &mut self.state) {
            (Timer::A, State::Calling(interval)) => {
                *interval *= 2;
                step.set.push((Timer::A, *interval));
                step.send = Some(self.bytes.clone());
            }
            (Timer::E, State::Calling(interval)) => {
                *interval = d.longer(*interval);
                step.set.push((Timer::E, *interval));
                step.send = Some(self.bytes.clone());
            }
            (Timer::E, State::Proceeding) => {
                step.set.push((Timer::E, d.t2));
                step.send = Some(self.bytes.clone());
            }
            (Timer::B | Timer::F, State::Calling(_) | State::Proceeding) => {
                step.failed = true;
                step.over = true;
            }
            (Timer::D | Timer::K | Timer::M, _) => step.over = true,
            _ => {}
        }
        step
    }

    /// The user of an INVITE transaction wants it cancelled: now, or after the first provisional response.
    pub fn cancel(&mut self, d: &Durations) -> ClientStep {
        let mut step = ClientStep::default();
        if self.cancel == Cancel::No && self.method == Method::Invite {
            match self.state {
                State::Calling(_) => self.cancel = Cancel::Wanted,
                State::Proceeding => self.send_cancel(d, &mut step),
                State::Completed(_) | State::Accepted => {}
            }
        }
        step
    }

    /// The CANCEL repeats Request-URI, Via, From, To, Call-ID, Route and CSeq number of its INVITE (RFC 3261 section
    /// 9.1). Without a final response in 64*T1 the INVITE is taken as cancelled.
    fn send_cancel(&mut self, d: &Durations, step: &mut ClientStep) {
        self.cancel = Cancel::Sent;
        if let Some(invite) = self.request.as_deref() {
            let to = invite.get("To").unwrap_or_default();
            step.cancel = Some(Box::new(hop_request(invite, Method::Cancel).with("To", to)));
        }
        step.set.push((Timer::B, d.give_up()));
    }

    /// Whether a final response may still come.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Calling(_) | State::Proceeding)
    }
}

fn absorb(timer: Timer, time: Duration, step: &mut ClientStep) {
    if time.is_zero() { step.over = true } else { step.set.push((timer, time)) }
}

/// The ACK for a non-2xx final response (RFC 3261 section 17.1.1.3): To as in the response.
fn ack_for(invite: &Outgoing, response: &Message) -> Outgoing {
    hop_request(invite, Method::Ack).with("To", response.to().raw())
}

fn hop_request(invite: &Outgoing, method: Method) -> Outgoing {
    let number = invite.get("CSeq").and_then(|c| c.split(|b| *b == b' ').next()).unwrap_or_default();
    let cseq = [number, b" ", method.as_str().as_bytes()].concat();
    let mut request = Outgoing::request(method, invite.uri())
        .with("Via", invite.get("Via").unwrap_or_default())
        .with("Max-Forwards", "70")
        .with("From", invite.get("From").unwrap_or_default())
        .with("Call-ID", invite.get("Call-ID").unwrap_or_default())
        .with("CSeq", cseq);
    for route in invite.all("Route") {
        request = request.with("Route", route);
    }
    request
}
