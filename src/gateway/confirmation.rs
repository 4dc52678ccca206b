//! Feature codes at work: sign in and out, ready and not ready, call pick-up, each with its confirmation.
//!
//! A feature code that is granted is answered with 200 OK and hung up when the phone has acknowledged: the phone shows a
//! call that succeeded. One that is denied is refused, with the reason in a Warning header (RFC 3261 section 20.43).

use super::{Gateway, Output, Work};
use crate::acd::{self, Denied};
use crate::call;
use crate::dialplan::FeatureCode;
use crate::id::{LegId, QueueId, SeatId};
use crate::sdp;
use crate::sip::access::{PeerClass, allowed};
use crate::sip::{Dialog, Flow, Message, Method, Outgoing, ServerTx, Status};
use crate::time::Now;
use std::collections::HashMap;

/// Confirmations that wait for the phone's ACK, at most: each is forgotten after 64*T1, and a seat that dials faster
/// than it acknowledges is at fault.
const MOST: usize = 256;

/// Answered feature codes, by our tag.
#[derive(Debug, Default)]
pub(super) struct Confirmations(HashMap<LegId, Confirmation>);

/// An answer that waits for its ACK.
#[derive(Debug)]
struct Confirmation {
    tx: ServerTx,
    dialog: Dialog,
}

impl Confirmations {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The dialog with this tag of ours.
    pub(super) fn dialog(&self, leg: LegId) -> Option<&Dialog> {
        self.0.get(&leg).map(|confirmation| &confirmation.dialog)
    }

    /// The confirmation whose tag a request names.
    fn named_by(&self, request: &Message) -> Option<LegId> {
        let leg: LegId = request.to_tag()?.parse().ok()?;
        self.0.contains_key(&leg).then_some(leg)
    }

    /// The phone hung up first. Gives whether the BYE names a confirmation.
    pub(super) fn ended_by(&mut self, bye: &Message) -> bool {
        self.named_by(bye).and_then(|leg| self.0.remove(&leg)).is_some()
    }
}

/// A seat's INVITE.
pub(super) struct SeatInvite {
    pub(super) tx: ServerTx,
    pub(super) flow: Flow,
    pub(super) invite: Message,
}

impl Gateway {
    /// A feature code was dialled at `seat`.
    pub(super) fn feature_code(
        &mut self,
        now: Now,
        seat: SeatId,
        code: FeatureCode,
        asked: SeatInvite,
        out: &mut Vec<Output>,
    ) {
        let granted = match &code {
            FeatureCode::SignIn(operator) => self.acd.may_sign_in(&seat, operator.as_ref()),
            FeatureCode::SignOut => Ok(()),
            FeatureCode::Ready | FeatureCode::NotReady(_) => self.acd.may_set_state(&seat),
            FeatureCode::PickUp(queue) => {
                let queue = queue.clone();
                return self.pick_up(now, seat, queue.as_ref(), asked, out);
            }
            FeatureCode::Unassigned => {
                return self.refuse_seat(now, &asked, Status::NOT_FOUND, "there is no such code");
            }
        };
        if let Err(denied) = granted {
            let (status, why) = refusal_of(denied);
            return self.refuse_seat(now, &asked, status, why);
        }
        if !self.confirm(now, &asked) {
            return;
        }
        self.pending.work.push_back(Work::Acd(match code {
            FeatureCode::SignIn(operator) => acd::Input::SignIn { seat, operator },
            FeatureCode::SignOut => acd::Input::SignOut { seat },
            FeatureCode::NotReady(reason) => acd::Input::SetNotReady { seat, reason },
            FeatureCode::Ready | FeatureCode::PickUp(_) | FeatureCode::Unassigned => {
                acd::Input::SetReady { seat }
            }
        }));
    }

    /// The seat takes a waiting call: its own INVITE becomes the seat's leg.
    fn pick_up(
        &mut self,
        now: Now,
        seat: SeatId,
        queue: Option<&QueueId>,
        asked: SeatInvite,
        out: &mut Vec<Output>,
    ) {
        let offer = match call::read_arrival(
            (&asked.invite, &asked.flow),
            &self.context.rules.seat,
            &self.context.rules,
        ) {
            Ok(Some(offer)) => offer,
            Ok(None) => {
                return self.refuse_seat(now, &asked, Status::NOT_ACCEPTABLE_HERE, "an offer is needed");
            }
            Err(refusal) => return self.turn_away(now, asked.tx, &asked.invite, refusal),
        };
        let call = match self.acd.to_pick_up(&seat, queue) {
            Ok(call) => call,
            Err(denied) => {
                let (status, why) = refusal_of(denied);
                return self.refuse_seat(now, &asked, status, why);
            }
        };
        let SeatInvite { tx, flow, invite } = asked;
        let leg = LegId::new(now.wall, &mut self.context.random);
        let (offer, watch, inside) = (Box::new(offer), self.watch_of(&seat), self.inside_of(&seat));
        self.pending.picking =
            Some((seat.clone(), call::SeatAsked { leg, tx, flow, invite, offer, watch, inside }));
        self.acd.handle(now, acd::Input::PickUp { seat, call }, &mut self.pending.heard);
        self.acd_said(now, out);
        if let Some((_, missed)) = self.pending.picking.take() {
            let asked = SeatInvite { tx: missed.tx, flow: missed.flow, invite: missed.invite };
            self.refuse_seat(now, &asked, Status::TEMPORARILY_UNAVAILABLE, "nobody waits");
        }
    }

    /// Refuses a seat's INVITE and says why.
    pub(super) fn refuse_seat(&mut self, now: Now, asked: &SeatInvite, status: Status, why: &str) {
        let response = self.refusing_seat(&asked.invite, status, why);
        self.signalling.respond(now, asked.tx, response);
    }

    pub(super) fn refusing_seat(&mut self, invite: &Message, status: Status, why: &str) -> Outgoing {
        let warning = format!("399 hotline {}", crate::sip::quoted(why));
        let tag = self.context.random.token();
        let response = Outgoing::response(invite, status, Some(&tag)).with("Warning", warning);
        if status == Status::SERVICE_UNAVAILABLE {
            response.with("Retry-After", call::RETRY_AFTER)
        } else {
            response
        }
    }

    /// Answers an INVITE without a call behind it; `false` when it was refused.
    fn confirm(&mut self, now: Now, asked: &SeatInvite) -> bool {
        if self.confirmations.len() >= MOST {
            self.refuse_seat(now, asked, Status::SERVICE_UNAVAILABLE, "too many codes at once");
            return false;
        }
        let SeatInvite { tx, flow, invite } = asked;
        let offer = match call::read_arrival((invite, flow), &self.context.rules.seat, &self.context.rules) {
            Ok(offer) => offer,
            Err(refusal) => {
                self.turn_away(now, *tx, invite, refusal);
                return false;
            }
        };
        // Nothing is heard in this call: port 9 discards (RFC 863), and the line is inactive.
        let addresses = &self.context.rules.media;
        let address = addresses.of(addresses.family(offer.as_ref(), flow), flow);
        let mut author = sdp::Author::new(address, 9, self.context.random.bits() >> 2);
        let codecs = &self.context.rules.seat.codecs;
        let body = match &offer {
            Some(offer) => author.answer(offer, codecs, sdp::Direction::Inactive).ok().map(|(body, _)| body),
            None => Some(author.offer(codecs, sdp::Direction::Inactive).0),
        };
        let leg = LegId::new(now.wall, &mut self.context.random);
        let contact = self.context.rules.contact(flow, invite);
        let dialog = Dialog::uas(invite, *flow, &leg.to_string(), &contact);
        let (Some(body), Some(dialog)) = (body, dialog) else {
            self.refuse_seat(now, asked, Status::NOT_ACCEPTABLE_HERE, "no codec in common");
            return false;
        };
        let response = Outgoing::response(invite, Status::OK, Some(&leg.to_string()))
            .with("Contact", contact)
            .with("Allow", allowed(PeerClass::Seat))
            .body("application/sdp", body);
        self.signalling.respond(now, *tx, response);
        self.confirmations.0.insert(leg, Confirmation { tx: *tx, dialog });
        true
    }

    /// The phone acknowledged a confirmation: it is hung up.
    pub(super) fn confirmation_acked(&mut self, now: Now, ack: &Message) {
        if let Some(leg) = self.confirmations.named_by(ack) {
            self.hang_up_confirmation(now, leg);
        }
    }

    /// The phone never acknowledged a confirmation: it is hung up all the same (RFC 3261 section 13.3.1.4).
    pub(super) fn confirmation_unacknowledged(&mut self, now: Now, tx: ServerTx) {
        if let Some(leg) = self.confirmations.0.iter().find(|(_, c)| c.tx == tx).map(|(leg, _)| *leg) {
            self.hang_up_confirmation(now, leg);
        }
    }

    fn hang_up_confirmation(&mut self, now: Now, leg: LegId) {
        let Some(Confirmation { mut dialog, .. }) = self.confirmations.0.remove(&leg) else { return };
        let (flow, bye) = (dialog.flow(), dialog.request(Method::Bye));
        self.signalling.request(now, flow, bye);
    }
}

/// What a phone is answered.
fn refusal_of(denied: Denied) -> (Status, &'static str) {
    match denied {
        Denied::UnknownSeat => (Status::FORBIDDEN, "this seat is not known"),
        Denied::SignedOut => (Status::FORBIDDEN, "sign in first"),
        Denied::InUse => (Status::FORBIDDEN, "somebody else has a call at this seat"),
        Denied::Busy => (Status::BUSY_HERE, "this seat has a call"),
        Denied::NobodyWaits => (Status::TEMPORARILY_UNAVAILABLE, "nobody waits"),
    }
}
