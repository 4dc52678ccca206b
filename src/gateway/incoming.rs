//! Who may begin a call: every INVITE from a known trunk ends here in a call or in a recorded refusal.

use super::calls::Duty;
use super::durable::Then;
use super::refusals::RefusalCause;
use super::shedding::Outcome;
use super::{Gateway, Output, owed};
use crate::call::{self, Arrival, Refusal, Story};
use crate::callback;
use crate::caller::HistoryKey;
use crate::event::{CallReceived, CallRefused, CallState, Direction, RefusalReason, Summary, What};
use crate::id::{CallId, LegId, SeatId, TrunkId};
use crate::sip::access::PeerClass;
use crate::sip::{Flow, Message, Outgoing, PeerId, ServerTx, Shedding, Status};
use crate::time::Now;

/// A call that is turned away, for its record.
pub(super) struct RefusedCall {
    pub(super) call: CallId,
    pub(super) received: CallReceived,
    /// The caller's key in the own store.
    pub(super) history: Option<HistoryKey>,
    pub(super) reason: RefusalReason,
    /// What the peer is answered.
    pub(super) status: Status,
}

impl Gateway {
    /// An INVITE outside any dialog.
    pub(super) fn invited(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        invite: Message,
        out: &mut Vec<Output>,
    ) {
        let trunk = match self.access.identify(&flow) {
            PeerId::Trunk(trunk) => trunk,
            // Not a citizen's call: a seat's was proved and went elsewhere, an unknown source's was refused before.
            PeerId::Seat(_) | PeerId::Unknown => {
                self.access.unknown_total += 1;
                let response =
                    Outgoing::response(&invite, Status::FORBIDDEN, Some(&self.context.random.token()));
                return self.signalling.respond(now, tx, response);
            }
        };
        // Before anything is kept or told: an address on a datagram may be forged, a password not.
        if !self.trunk_proved(now, tx, &flow, &invite, &trunk) {
            return;
        }
        let objection = self.objects_to_proved(now, &trunk);
        if objection == Some(RefusalCause::CallRate) {
            match self.shed_one(now, &trunk, &invite) {
                Outcome::Recorded => {}
                shed @ (Outcome::Owed | Outcome::NotOwed) => {
                    self.count_shed(now, &trunk, shed);
                    return self.turn_away(
                        now,
                        tx,
                        &invite,
                        Refusal::new(RefusalReason::Overload, Status::SERVICE_UNAVAILABLE),
                    );
                }
            }
        }
        let Some(identity) = self.trunking.kept.get(&trunk).map(|t| &t.identity) else { return };
        let leg = LegId::new(now.wall, &mut self.context.random);
        let received = call::received(&invite, flow, &trunk, identity, leg);
        let call = CallId::new(now.wall, &mut self.context.random);
        let history = HistoryKey::of(&received.caller, &self.callers.history_key);
        let peer = self.context.rules.trunk(&trunk);
        // A blocked caller is refused as that, whether there is room or not.
        let welcome = self.nuisance(now, &received.caller, history, out);
        let overload = || Refusal::new(RefusalReason::Overload, Status::SERVICE_UNAVAILABLE);
        let welcome = welcome.and_then(|()| objection.map_or(Ok(()), |_| Err(overload())));
        let admitted = welcome.and_then(|()| call::read_scheme(&invite));
        let admitted = admitted.and_then(|()| self.has_room(&trunk, &received));
        let admitted = admitted.and_then(|()| call::read_arrival(&invite, &flow, &peer, &self.context.rules));
        match admitted {
            Ok(offer) => {
                let marks = self.marks_of(now, history);
                let arrival =
                    Arrival { call, trunk: trunk.clone(), tx, flow, invite, offer, received, history, marks };
                self.begin_call(now, arrival, out);
            }
            // With a record; the answer goes out when the record is on disk.
            Err(refusal) => {
                let (reason, status) = (refusal.reason, refusal.status);
                self.record_refusal(now, RefusedCall { call, received, history, reason, status }, out);
                let response = self.refusing(&invite, refusal);
                self.once_durable(now, Then::Refuse(tx, response));
            }
        }
    }

    /// What speaks against a call that has proved to be its trunk's. The rate of such a trunk is that of its proved calls;
    /// calls of other trunks were judged before they had a transaction.
    fn objects_to_proved(&mut self, now: Now, trunk: &TrunkId) -> Option<RefusalCause> {
        if !self.trunking.asks_password(trunk) {
            return None;
        }
        let within = self.trunking.kept.get_mut(trunk).is_none_or(|t| t.capacity.is_within_rate(now.mono));
        let cause = self.access.pressure.objects(within)?;
        self.access.refusals.count(PeerClass::Trunk, cause);
        Some(cause)
    }

    /// What only the gateway as a whole can tell.
    fn has_room(&mut self, trunk: &TrunkId, received: &CallReceived) -> Result<(), Refusal> {
        use RefusalReason::*;
        if self.calls.duty != Duty::Serving {
            return Err(Refusal::new(Draining, Status::SERVICE_UNAVAILABLE));
        }
        if !self.trunking.has_channel(trunk) {
            return Err(Refusal::new(NoChannel, Status::SERVICE_UNAVAILABLE));
        }
        // Half-open calls hold ports without an ACK: the next one waits for them.
        if self.trunking.kept.get(trunk).is_some_and(|t| !t.capacity.may_answer()) {
            self.access.refusals.count(PeerClass::Trunk, RefusalCause::HalfOpen);
            return Err(Refusal::new(Overload, Status::SERVICE_UNAVAILABLE));
        }
        if !self.calls.has_room() {
            return Err(Refusal::new(Overload, Status::SERVICE_UNAVAILABLE));
        }
        let Some(service) = self.calls.service(&received.service_number) else {
            return Err(Refusal::new(UnknownService, Status::NOT_FOUND));
        };
        // A queue with a spoken message answers and says so; one without is refused before 200 OK.
        let speaks = self.context.rules.voices.get(&service.queue).is_some_and(|v| v.full.is_some());
        if !speaks && self.acd.is_full(&service.queue) {
            return Err(Refusal::new(QueueFull, Status::SERVICE_UNAVAILABLE));
        }
        Ok(())
    }

    /// An INVITE that was shed: a trunk's has a record of its own, or is counted in one of many; that of an unknown
    /// source, or of a trunk that has yet to prove itself, is only answered.
    pub(super) fn shed(
        &mut self,
        now: Now,
        flow: Flow,
        invite: &Message,
        answer: crate::sip::Output,
        told: Shedding,
        out: &mut Vec<Output>,
    ) {
        let peer = self.access.sender(&flow, invite);
        let PeerId::Trunk(trunk) = peer else { return self.signalling.put(answer) };
        if self.trunking.asks_password(&trunk) {
            return self.signalling.put(answer);
        }
        if told == Shedding::InBulk {
            match self.shed_one(now, &trunk, invite) {
                Outcome::Recorded => {}
                shed @ (Outcome::Owed | Outcome::NotOwed) => {
                    self.count_shed(now, &trunk, shed);
                    return self.signalling.put(answer);
                }
            }
        }
        let Some(identity) = self.trunking.kept.get(&trunk).map(|t| &t.identity) else { return };
        let leg = LegId::new(now.wall, &mut self.context.random);
        let received = call::received(invite, flow, &trunk, identity, leg);
        let call = CallId::new(now.wall, &mut self.context.random);
        let history = HistoryKey::of(&received.caller, &self.callers.history_key);
        self.record_refusal(
            now,
            RefusedCall {
                call,
                received,
                history,
                reason: RefusalReason::Overload,
                status: Status::SERVICE_UNAVAILABLE,
            },
            out,
        );
        self.once_durable(now, Then::Send(answer));
    }

    /// Turns an INVITE away that is no citizen's call: at once and without a record.
    pub(super) fn turn_away(&mut self, now: Now, tx: ServerTx, invite: &Message, refusal: Refusal) {
        let response = self.refusing(invite, refusal);
        self.signalling.respond(now, tx, response);
    }

    fn refusing(&mut self, invite: &Message, refusal: Refusal) -> Outgoing {
        let mut response = Outgoing::response(invite, refusal.status, Some(&self.context.random.token()));
        if refusal.status == Status::SERVICE_UNAVAILABLE {
            response = response.with("Retry-After", call::RETRY_AFTER);
        }
        match refusal.header {
            Some((name, value)) => response.with(name, value),
            None => response,
        }
    }

    /// The whole story of a call that was turned away: refused, and its record. Of its headers nothing is kept: a peer
    /// that has calls refused writes no more of them to the disk than who called whom.
    pub(super) fn record_refusal(&mut self, now: Now, refused: RefusedCall, out: &mut Vec<Output>) {
        let RefusedCall { call, mut received, history, reason, status } = refused;
        if let Some(trunk) = &received.trunk {
            self.trunking.count_refusal(trunk, reason);
        }
        received.headers.clear();
        let outbound = received.direction == Direction::Outbound;
        let summary = Summary {
            state: CallState::Refused,
            caller: received.caller.shown(),
            service_number: received.service_number.clone(),
            queue: None,
            // The caller of such a call is the seat.
            seat: outbound.then(|| SeatId::from(received.caller.raw.reveal().as_str())),
            operator: None,
            received_at: now.wall,
            ticket: None,
        };
        let mut story = Story::new(call, now, summary);
        let mut cx = self.context.cx(now);
        let refused = CallRefused { received: Some(Box::new(received)), reason, sip_code: status.code() };
        story.tell(&mut cx, What::CallRefused(refused));
        owed::owe_for(&mut story, call, history, callback::after_refusal(reason), &mut cx);
        story.publish_record(&mut cx, true);
        self.append_said(history, out);
    }
}
