//! Simulated phones: citizens who call and seats that answer, as many as wanted behind one address.
//!
//! Phones are the demo's actors, the load driver's generator and the peers of the tests. They speak SIP and SDP with
//! the same parts as the gateway, are as free of clocks and sockets as it is, and know nothing of it but its
//! address. Not a softphone: no sound comes out of it, and it does just what it was told to.

mod citizen;
mod desk;
mod plan;
mod registration;
mod seat;

pub use plan::{CitizenPlan, HangUp, PhoneEvent, SeatPlan, WhenRung};

use crate::id::Random;
use crate::sip::{
    ClientTx, Endpoint, EndpointConfig, Flow, Message, Method, Outgoing, Output as SipOutput, ServerTx,
    Status, TransactionEvent, Transport,
};
use crate::time::{Mono, Now, Timers};
use bytes::Bytes;
use citizen::Citizen;
use registration::Registration;
use seat::SeatCall;
use std::collections::HashMap;
use std::net::SocketAddr;

/// Names one citizen's call or one seat's call among these phones.
pub type Line = u64;

/// What the phones want done or known.
#[derive(Debug)]
pub enum Output {
    /// Send bytes.
    Send {
        /// The path.
        flow: Flow,
        /// One message.
        bytes: Bytes,
    },
    /// Something to tell.
    Event(PhoneEvent),
}

/// Phones behind one address.
pub struct Phones {
    pub(self) endpoint: Endpoint,
    pub(self) local: SocketAddr,
    pub(self) gateway: SocketAddr,
    pub(self) transport: Transport,
    pub(self) random: Random,
    plans: HashMap<String, SeatPlan>,
    registrations: HashMap<String, Registration>,
    citizens: HashMap<Line, Citizen>,
    seats: HashMap<Line, SeatCall>,
    by_client: HashMap<ClientTx, Line>,
    by_tag: HashMap<String, Line>,
    by_server: HashMap<ServerTx, Line>,
    registering: HashMap<ClientTx, String>,
    timers: Timers<Wake>,
    next: Line,
    wire: Vec<SipOutput>,
}

/// What a phone has set its alarm for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Wake {
    /// A citizen's patience or talk is over.
    HangUp(Line),
    /// A seat picks up.
    Answer(Line),
    /// A seat's talk is over.
    SeatHangUp(Line),
    /// The INVITE has rung as long as it lives (RFC 3261 section 13.3.1).
    InviteExpires(Line),
}

impl Phones {
    /// Phones at `local` that use the gateway at `gateway` over UDP.
    pub fn new(local: SocketAddr, gateway: SocketAddr, mut random: Random) -> Phones {
        Phones {
            endpoint: Endpoint::new(EndpointConfig::default(), random.fork()),
            local,
            gateway,
            transport: Transport::Udp,
            random,
            plans: HashMap::new(),
            registrations: HashMap::new(),
            citizens: HashMap::new(),
            seats: HashMap::new(),
            by_client: HashMap::new(),
            by_tag: HashMap::new(),
            by_server: HashMap::new(),
            registering: HashMap::new(),
            timers: Timers::default(),
            next: 0,
            wire: Vec::new(),
        }
    }

    /// Where a seat's phone takes RTP.
    pub fn media_of(&self, seat: &str) -> Option<SocketAddr> {
        self.plans.get(seat).map(|plan| plan.media)
    }

    /// How many calls of these phones are not over, citizens' and seats'.
    pub fn open_calls(&self) -> usize {
        self.citizens.len() + self.seats.len()
    }

    /// Bytes came in.
    pub fn receive(&mut self, now: Now, from: SocketAddr, bytes: Bytes, out: &mut Vec<Output>) {
        let flow = self.flow_to(from);
        let happened = self.endpoint.receive(now, flow, bytes, &mut self.wire);
        self.happened(now, happened, out);
        self.flush(out);
    }

    /// The next moment something is to be done.
    pub fn poll_timeout(&self) -> Option<Mono> {
        let wake = self.timers.next().map(|(at, _)| at);
        let sip = self.endpoint.poll_timeout().map(|(at, _)| at);
        [wake, sip].into_iter().flatten().min()
    }

    /// Does everything whose moment has come.
    pub fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        let happened = self.endpoint.handle_timeout(now, &mut self.wire);
        self.happened(now, happened, out);
        while let Some(wake) = self.timers.pop_due(now.mono) {
            match wake {
                Wake::HangUp(line) => self.citizen_hangs_up(now, line, out),
                Wake::Answer(line) => self.seat_picks_up(now, line, out),
                Wake::SeatHangUp(line) => self.seat_hangs_up(now, line, out),
                Wake::InviteExpires(line) => self.seat_cancelled(now, line, out),
            }
        }
        self.flush(out);
    }

    fn happened(&mut self, now: Now, all: impl IntoIterator<Item = TransactionEvent>, out: &mut Vec<Output>) {
        for happened in all {
            match happened {
                // Phones admit every request, and remember all they sent.
                TransactionEvent::Shed { .. } | TransactionEvent::StrayAnswer { .. } => {}
                TransactionEvent::Request { tx, flow, request } => {
                    self.requested(now, tx, flow, &request, out)
                }
                TransactionEvent::Response { tx, flow, response } => {
                    if let Some(seat) = self.registering.get(&tx).cloned() {
                        self.registered(now, tx, &seat, &response, out);
                    } else if let Some(line) = self.by_client.get(&tx).copied() {
                        self.responded(now, line, flow, &response, out);
                    }
                }
                TransactionEvent::Cancelled { tx, .. } => {
                    if let Some(line) = self.by_server.get(&tx).copied() {
                        self.seat_cancelled(now, line, out);
                    }
                }
                TransactionEvent::Ack { request, .. } => {
                    if let Some(line) = self.line_of(&request) {
                        self.seat_acked(line, out);
                    }
                }
                TransactionEvent::Failed { tx, .. } => {
                    if let Some(line) = self.by_client.remove(&tx) {
                        self.citizen_over(line, PhoneEvent::Lost { line }, out);
                        self.seat_over(line, out);
                    }
                }
                TransactionEvent::Unacknowledged { tx } => {
                    if let Some(line) = self.by_server.get(&tx).copied() {
                        self.seat_over(line, out);
                    }
                }
            }
        }
    }

    fn requested(&mut self, now: Now, tx: ServerTx, flow: Flow, request: &Message, out: &mut Vec<Output>) {
        if let Some(line) = self.line_of(request) {
            let response = match request.method() {
                Some(Method::Bye | Method::Options | Method::Info | Method::Notify) => {
                    Outgoing::response(request, Status::OK, None)
                }
                _ => Outgoing::response(request, Status::NOT_ACCEPTABLE_HERE, None),
            };
            self.endpoint.respond(now, tx, response, &mut self.wire);
            if request.method() == Some(&Method::Notify) {
                self.notified(line, request, out);
            }
            if request.method() == Some(&Method::Bye) {
                self.citizen_over(line, PhoneEvent::HungUpOn { line }, out);
                self.seat_over(line, out);
            }
            return;
        }
        match request.method() {
            Some(Method::Invite) if request.to_tag().is_none() => {
                self.seat_rings(now, tx, flow, request, out)
            }
            Some(Method::Options) => {
                let tag = self.random.token();
                self.endpoint.respond(
                    now,
                    tx,
                    Outgoing::response(request, Status::OK, Some(&tag)),
                    &mut self.wire,
                );
            }
            _ => {
                let tag = self.random.token();
                self.endpoint.respond(
                    now,
                    tx,
                    Outgoing::response(request, Status::NO_SUCH_CALL, Some(&tag)),
                    &mut self.wire,
                );
            }
        }
    }

    fn responded(&mut self, now: Now, line: Line, flow: Flow, response: &Message, out: &mut Vec<Output>) {
        if *response.cseq().1 == Method::Refer || self.seats.contains_key(&line) {
            self.desk_answered(line, response, out);
        } else if self.citizens.contains_key(&line) {
            self.citizen_answered(now, line, flow, response, out);
        }
    }

    /// Remembers a request of a line, to forget it with the line.
    fn note_sent(&mut self, line: Line, tx: ClientTx) {
        if let Some(citizen) = self.citizens.get_mut(&line) {
            citizen.sent(tx);
        }
    }

    fn line_of(&self, request: &Message) -> Option<Line> {
        request.to_tag().and_then(|tag| self.by_tag.get(tag)).copied()
    }

    fn flow_to(&self, remote: SocketAddr) -> Flow {
        Flow { transport: self.transport, local: self.local, remote, connection: None }
    }

    fn contact(&self, user: &str) -> String {
        crate::sip::contact(None, &self.flow_to(self.gateway), user)
    }

    fn flush(&mut self, out: &mut Vec<Output>) {
        out.extend(self.wire.drain(..).map(|SipOutput::Send { flow, bytes }| Output::Send { flow, bytes }));
    }
}
