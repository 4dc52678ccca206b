//! What a seat dials beside feature codes: an outbound call, a consultation, a transfer.
//!
//! Toll fraud is refused by construction: an outbound leg begins here and nowhere else, and only for a seat that has proved
//! itself, to a seat, a department or, where the configuration allows it, a number. Nothing a trunk sends comes here.

use super::calls::{Duty, Slot};
use super::confirmation::InviteTransaction;
use super::durable::Then;
use super::incoming::RefusedCall;
use super::routes::Owner;
use super::{Gateway, Output, Sought};
use crate::call::{self, Call, Destination, Dialled, IncomingLeg, Phone, Probing, Referred, Target};
use crate::caller::HistoryKey;
use crate::dialplan::Callee;
use crate::event::RefusalReason;
use crate::id::{CallId, LegId, SeatId, TrunkId};
use crate::sdp::Description;
use crate::sip::trunk::Route;
use crate::sip::{Flow, Inside, Message, ReferTo, Replaces, ServerTx, Status, Uri};
use crate::time::Now;
use std::sync::Arc;

/// Why a callee cannot be called.
#[derive(Debug)]
enum Refused {
    /// The status for the phone, and words for people.
    With(Status, &'static str),
    /// No channel of the trunk the callee is reached through is free.
    NoChannel { trunk: TrunkId, name: Arc<str> },
}

impl Refused {
    /// The status for the phone, and words for people.
    fn spoken(&self) -> (Status, &'static str) {
        match self {
            Refused::With(status, why) => (*status, why),
            Refused::NoChannel { .. } => (Status::SERVICE_UNAVAILABLE, "the trunk has no channel left"),
        }
    }
}

/// Targets of one trunk that are tried for one number, at most: a caller waits meanwhile.
const MOST_TARGETS: usize = 4;

impl Gateway {
    /// What the INVITE of a seat offers, which is to become a leg of a call; one that offers nothing is refused.
    pub(super) fn offer_of_seat(&mut self, now: Now, asked: &InviteTransaction) -> Option<Description> {
        let rules = &self.context.rules;
        match call::read_arrival(&asked.invite, &asked.flow, &rules.seat, rules) {
            Ok(Some(offer)) => return Some(offer),
            Ok(None) => self.refuse_seat(now, asked, Status::NOT_ACCEPTABLE_HERE, "an offer is needed"),
            Err(refusal) => self.turn_away(now, asked.tx, &asked.invite, refusal),
        }
        None
    }

    /// `seat` dials. Which identity the request claims (From, P-Asserted-Identity) does not matter: access control knows it.
    pub(super) fn seat_dials(
        &mut self,
        now: Now,
        seat: SeatId,
        asked: InviteTransaction,
        out: &mut Vec<Output>,
    ) {
        if let Err(refusal) = call::read_scheme(&asked.invite) {
            return self.turn_away(now, asked.tx, &asked.invite, refusal);
        }
        if let Some(replaces) = Replaces::of(&asked.invite) {
            let (status, why) = self.replacing(&seat, replaces);
            return self.refuse_seat(now, &asked, status, why);
        }
        let dialled = Uri::parse(asked.invite.uri()).ok().and_then(|u| u.dialled()).unwrap_or_default();
        if let Some(code) = self.dialplan.codes.read(&dialled) {
            return self.feature_code(now, seat, code, asked, out);
        }
        let serves = self.acd.call_of(&seat).filter(|call| self.calls.get(*call).is_some());
        let to = match self.destination(now, &seat, serves, &dialled) {
            Ok(to) => to,
            Err(Refused::NoChannel { trunk, name }) if serves.is_none() => {
                return self.no_channel_for(now, &seat, trunk, name, asked, out);
            }
            Err(refused) => {
                self.count_refused(&refused);
                let (status, why) = refused.spoken();
                return self.refuse_seat(now, &asked, status, why);
            }
        };
        let Some(offer) = self.offer_of_seat(now, &asked) else { return };
        if serves.is_none() && self.acd.is_engaged(&seat) {
            return self.refuse_seat(now, &asked, Status::BUSY_HERE, "this seat has a call");
        }
        if serves.is_none() && (self.calls.duty != Duty::Serving || !self.calls.has_room()) {
            return self.refuse_seat(now, &asked, Status::SERVICE_UNAVAILABLE, "no more calls now");
        }
        let InviteTransaction { tx, flow, invite } = asked;
        let leg = LegId::new(now.wall, &mut self.context.random);
        let (probing, inside) = (self.probing_of(&seat), self.inside_of(&seat));
        let incoming =
            call::IncomingInvite { tx, flow, invite, offer: Some(Box::new(offer)), probing, inside };
        let line = IncomingLeg { leg, incoming };
        match serves {
            Some(call) => {
                self.remember_invite(Owner { call, leg }, tx);
                let (line, to) = (Box::new(line), Box::new(to));
                self.push_call(call, call::Input::Consult { seat, line, to });
            }
            None => self.begin_own_call(now, seat, line, to, out),
        }
    }

    /// Looks up whom a seat dialled before a restart.
    pub(super) fn seek(&mut self, now: Now, call: CallId, Sought { by, dialled }: Sought) {
        let to = self.destination(now, &by, Some(call), &dialled).map(Box::new);
        let to = to.map_err(|refused| {
            self.count_refused(&refused);
            refused.spoken().0
        });
        self.push_call(call, call::Input::PartyFound(to));
    }

    /// A call of a seat's own that its trunk has no room for: refused, with a record like a citizen's.
    fn no_channel_for(
        &mut self,
        now: Now,
        seat: &SeatId,
        trunk: TrunkId,
        name: Arc<str>,
        asked: InviteTransaction,
        out: &mut Vec<Output>,
    ) {
        let leg = LegId::new(now.wall, &mut self.context.random);
        let received = call::placed(seat, Some(trunk.clone()), &name, leg, &asked.invite, asked.flow);
        let call = CallId::new(now.wall, &mut self.context.random);
        let (status, why) = Refused::NoChannel { trunk, name }.spoken();
        let reason = RefusalReason::NoChannel;
        self.record_refusal(now, RefusedCall { call, received, history: None, reason, status }, out);
        let response = self.refusing_seat(&asked.invite, status, why);
        self.once_durable(now, Then::Refuse(asked.tx, response));
    }

    /// What is refused inside a citizen's call has no record of its own; the trunk's figures show it.
    fn count_refused(&mut self, refused: &Refused) {
        if let Refused::NoChannel { trunk, .. } = refused {
            self.trunking.count_refusal(trunk, RefusalReason::NoChannel);
        }
    }

    fn begin_own_call(
        &mut self,
        now: Now,
        seat: SeatId,
        line: IncomingLeg,
        to: Destination,
        out: &mut Vec<Output>,
    ) {
        let call = CallId::new(now.wall, &mut self.context.random);
        let (leg, tx) = (line.leg, line.incoming.tx);
        let dialled = Dialled { call, operator: self.acd.operator(&seat), seat, line, to };
        let begun = Call::dial(dialled, &mut self.context.cx(now));
        self.calls.insert(call, Slot::of_seat(begun));
        self.remember_invite(Owner { call, leg }, tx);
        self.act(now, call, out);
        self.once_durable(now, Then::Tell(call));
    }

    /// A REFER inside a dialog: only a seat's leg may, and where it leads is looked up here.
    pub(super) fn refer_asked(
        &mut self,
        now: Now,
        Owner { call, leg }: Owner,
        tx: ServerTx,
        flow: Flow,
        request: Message,
    ) {
        let Some(seat) = self.seat_of_line(call, leg).cloned() else {
            // The table of methods says so, with what is heard instead.
            return self.push_call(call, call::Input::Request { leg, tx, flow, request });
        };
        let to = match self.refers_to(now, &seat, call, &request) {
            Ok(to) => to,
            Err(refused) => {
                self.count_refused(&refused);
                let (status, why) = refused.spoken();
                Referred::Nowhere { status, why }
            }
        };
        self.push_call(call, call::Input::Refer { leg, tx, request, to });
    }

    /// The seat whose own line a leg is: one that serves the caller, asks for another party, or placed the call.
    fn seat_of_line(&self, call: CallId, leg: LegId) -> Option<&SeatId> {
        self.calls.get(call)?.call.legs().get(leg)?.seat_of_line()
    }

    fn refers_to(
        &mut self,
        now: Now,
        seat: &SeatId,
        call: CallId,
        refer: &Message,
    ) -> Result<Referred, Refused> {
        let to = ReferTo::of(refer).map_err(|why| Refused::With(Status::BAD_REQUEST, why))?;
        let Some(replaces) = to.replaces else {
            return self.destination(now, seat, Some(call), &to.user).map(|to| Referred::To(Box::new(to)));
        };
        let named = self.dialog_named(&replaces);
        let (of, other) = named.ok_or(Refused::With(Status::NO_SUCH_CALL, "there is no such dialog"))?;
        if of != call {
            return Err(Refused::With(Status::FORBIDDEN, "that dialog is not this seat's"));
        }
        Ok(Referred::InPlaceOf(other))
    }

    /// The call and the leg of a dialog that a Replaces names, if all three of its names fit.
    fn dialog_named(&self, replaces: &Replaces) -> Option<(CallId, LegId)> {
        let leg: LegId = replaces.to_tag.parse().ok()?;
        let call = self.routes.call_of(leg)?;
        let fits =
            self.calls.get(call)?.call.legs().get(leg)?.has_dialog(&replaces.call_id, &replaces.from_tag);
        fits.then_some((call, leg))
    }

    /// An INVITE that wants to take the place of a dialog.
    fn replacing(&self, seat: &SeatId, replaces: Result<Replaces, &'static str>) -> (Status, &'static str) {
        let replaces = match replaces {
            Ok(replaces) => replaces,
            Err(why) => return (Status::BAD_REQUEST, why),
        };
        let Some((call, leg)) = self.dialog_named(&replaces) else {
            return (Status::NO_SUCH_CALL, "there is no such dialog");
        };
        match self.seat_of_line(call, leg) {
            Some(owner) if owner == seat => {
                (Status::NOT_ACCEPTABLE_HERE, "a dialog is replaced by REFER here")
            }
            _ => (Status::FORBIDDEN, "that dialog is not this seat's"),
        }
    }

    /// A number outside, with the targets of its trunk, those that live first.
    fn phone_at(&mut self, trunk: &TrunkId, number: &str) -> Option<Phone> {
        let target = |r: Route| {
            let (probing, inside) = (Probing::InDialog, Inside::ToContact);
            Target { uri: r.uri, flow: r.flow, routes: Vec::new(), probing, inside }
        };
        let mut targets = self.trunking.peers.routes(trunk, number, MOST_TARGETS).into_iter().map(target);
        Some(Phone { target: targets.next()?, others: targets.collect() })
    }

    /// The key of a number outside, as its calls have it; `None` for a department.
    pub(super) fn citizen_at(&self, trunk: &TrunkId, name: &str, numbers: &[String]) -> Option<HistoryKey> {
        let number = numbers.first().filter(|number| number.as_str() == name)?;
        let identity = &self.trunking.kept.get(trunk)?.identity;
        Some(HistoryKey::of_number(&identity.normal_form(number), &self.callers.history_key))
    }

    /// Whom `seat` calls, and how the callee is reached; `about` is the citizen's call in which `seat` calls.
    fn destination(
        &mut self,
        now: Now,
        seat: &SeatId,
        about: Option<CallId>,
        dialled: &str,
    ) -> Result<Destination, Refused> {
        let dial = self.dialplan.directory.dial();
        let (ring, recall) = (dial.ring, dial.recall);
        match self.dialplan.directory.callee(seat, dialled, now.wall) {
            Callee::Unassigned => {
                Err(Refused::With(Status::NOT_FOUND, "this number or name is not assigned"))
            }
            Callee::Barred => Err(Refused::With(Status::FORBIDDEN, "this seat may not call outside")),
            Callee::Seat(there) => {
                if there == *seat || self.acd.is_engaged(&there) {
                    return Err(Refused::With(Status::BUSY_HERE, "this seat has a call"));
                }
                let phones = self.phones_of(&there);
                if phones.is_empty() {
                    return Err(Refused::With(Status::TEMPORARILY_UNAVAILABLE, "this seat has no phone"));
                }
                Ok(Destination {
                    name: there.as_str().into(),
                    operator: self.acd.operator(&there),
                    seat: Some(there),
                    trunk: None,
                    citizen: None,
                    shown: None,
                    phones,
                    ring,
                    recall,
                })
            }
            Callee::Outside { name, trunk, numbers } => {
                if !self.trunking.has_channel(&trunk) {
                    return Err(Refused::NoChannel { trunk, name });
                }
                let phones: Vec<Phone> = numbers.iter().filter_map(|n| self.phone_at(&trunk, n)).collect();
                if phones.is_empty() {
                    return Err(Refused::With(Status::SERVICE_UNAVAILABLE, "the trunk cannot be reached"));
                }
                // The callee of a consultation knows the citizen's call by the service number.
                let of_call = about.and_then(|call| self.calls.get(call)?.call.service_dialled());
                let citizen = self.citizen_at(&trunk, &name, &numbers);
                let shown = Some(self.dialplan.directory.shown_number(of_call));
                Ok(Destination {
                    name,
                    operator: None,
                    seat: None,
                    trunk: Some(trunk),
                    citizen,
                    shown,
                    phones,
                    ring,
                    recall,
                })
            }
        }
    }
}
