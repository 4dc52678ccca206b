//! Whether a request outside any dialog comes from the seat it names (RFC 3261 section 22.3).
//!
//! A seat needs no password where no other sender can be: on the very connection it registered on (TCP, TLS, WebSocket),
//! and at the fixed address of the configuration. Over UDP it is challenged each time, because every sender can write
//! its address on a datagram.

use super::access::user_of;
use super::confirmation::InviteTransaction;
use super::refusals::RefusalCause;
use super::{Gateway, Output};
use crate::id::SeatId;
use crate::sip::access::{PeerClass, outside_a_dialog};
use crate::sip::digest::{Challenge, Proof};
use crate::sip::{Flow, Message, Method, Outgoing, PeerId, ServerTx, Status, access};
use crate::time::{Mono, Now};

/// What a request proved.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The request comes from this seat, whatever its From and identity headers say.
    Seat(SeatId),
    /// Nothing: to be answered so (407, or 400 to an answer that cannot be read).
    Challenge(Outgoing),
    /// Nothing, and the password was wrong once too often: the answer is due at that instant, not before.
    Hold {
        /// When it may leave.
        due: Mono,
        /// 407.
        answer: Outgoing,
    },
    /// Nothing, and nothing is answered.
    Silence,
}

impl Gateway {
    /// Who a seat's request outside any dialog comes from. Counts what it turns away.
    pub(super) fn authenticate(&mut self, now: Now, flow: &Flow, request: &Message) -> Verdict {
        if let PeerId::Seat(seat) = self.access.sender(flow, request) {
            let on_its_connection =
                flow.transport.is_reliable() && self.access.registrar.seats_on(flow).any(|s| *s == seat);
            if on_its_connection || self.phones.is_fixed(&seat) {
                return Verdict::Seat(seat);
            }
        }
        self.ask_password(now, flow, request, PeerClass::Seat, &user_of(request))
    }

    /// What a request proves by the password in it. Counts what it turns away.
    pub(super) fn ask_password(
        &mut self,
        now: Now,
        flow: &Flow,
        request: &Message,
        at: PeerClass,
        user: &str,
    ) -> Verdict {
        let (verdict, cause) = match self.access.registrar.judge(now.mono, *flow, request, user) {
            Proof::Seat(seat) => return Verdict::Seat(seat),
            Proof::Malformed(_) => (
                Verdict::Challenge(self.answer_to(request, Status::BAD_REQUEST, Vec::new())),
                RefusalCause::Challenge,
            ),
            Proof::Challenge(asked) => (
                Verdict::Challenge(self.answer_to(request, Status::PROXY_AUTHENTICATION_REQUIRED, asked)),
                RefusalCause::Challenge,
            ),
            Proof::Late(due, asked) => (
                Verdict::Hold {
                    due,
                    answer: self.answer_to(request, Status::PROXY_AUTHENTICATION_REQUIRED, asked),
                },
                RefusalCause::WrongPassword,
            ),
            Proof::Silence => (Verdict::Silence, RefusalCause::Silence),
        };
        self.access.refusals.count(at, cause);
        verdict
    }

    fn answer_to(&mut self, request: &Message, status: Status, challenges: Vec<Challenge>) -> Outgoing {
        let answer = Outgoing::response(request, status, Some(&self.context.random.token()));
        challenges.into_iter().fold(answer, |a, c| a.with("Proxy-Authenticate", c.render()))
    }

    /// As [`Gateway::authenticate`], and answers what is to be answered. `None`: there is nothing more to do.
    pub(super) fn proved(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: &Flow,
        request: &Message,
    ) -> Option<SeatId> {
        let verdict = self.authenticate(now, flow, request);
        self.settle(now, tx, verdict)
    }

    /// The seat that was proved; else answers what is to be answered.
    pub(super) fn settle(&mut self, now: Now, tx: ServerTx, verdict: Verdict) -> Option<SeatId> {
        match verdict {
            Verdict::Seat(seat) => return Some(seat),
            Verdict::Challenge(answer) => self.signalling.respond(now, tx, answer),
            Verdict::Hold { due, answer } => self.signalling.respond_late(due, tx, answer),
            Verdict::Silence => self.signalling.forget(tx),
        }
        None
    }

    /// Whether a method must be proved before it is heard from this peer.
    pub(super) fn must_be_proved(&self, flow: &Flow, request: &Message) -> bool {
        let peer = self.access.sender(flow, request);
        let rule = request.method().map(|method| outside_a_dialog(PeerClass::from(&peer), method));
        rule == Some(access::Rule::Prove)
    }

    /// A request outside any dialog that proved to be of this seat.
    pub(super) fn seat_asks(
        &mut self,
        now: Now,
        seat: SeatId,
        tx: ServerTx,
        flow: Flow,
        request: Message,
        out: &mut Vec<Output>,
    ) {
        let status = match request.method() {
            Some(Method::Invite) => {
                return self.seat_dials(now, seat, InviteTransaction { tx, flow, invite: request }, out);
            }
            // No event package is kept (RFC 6665 section 4.2.1.1).
            Some(Method::Subscribe) => Status::BAD_EVENT,
            _ => Status::FORBIDDEN,
        };
        let response = Outgoing::response(&request, status, Some(&self.context.random.token()));
        self.signalling.respond(now, tx, response);
    }
}
