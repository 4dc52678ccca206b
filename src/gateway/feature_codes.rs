//! What a feature code means here: sign in and out, ready and not ready, call pick-up. How it is answered is
//! [`super::confirmation`].

use super::confirmation::{InviteTransaction, Plan, Verdict};
use super::{Gateway, Output};
use crate::acd::{self, Denied};
use crate::call;
use crate::config::{Operator, PROMPT_REFUSED};
use crate::dialplan::FeatureCode;
use crate::event::{Author, OperatorReason, OperatorStateChanged, What};
use crate::id::{LegId, OperatorId, QueueId, SeatId};
use crate::sip::Status;
use crate::time::{Duration, Mono, Now};
use std::collections::HashMap;

/// Wrong PINs in a row after which a seat takes none.
const TRIES: u32 = 3;

/// For how long it takes none; twice as long each further time, up to [`DOUBLINGS`] times, until a right one comes. With ten
/// thousand PINs of four digits three tries in five minutes are a week at the least, and far more by doubling.
const BARRED: Duration = Duration::from_secs(300);
const DOUBLINGS: u32 = 6;

/// The operators of the configuration, and the wrong PINs of each seat. Bounded by both.
#[derive(Debug)]
pub(super) struct Operators {
    /// Empty: every number signs in.
    known: HashMap<OperatorId, Operator>,
    wrong: HashMap<SeatId, Wrong>,
}

/// Wrong PINs at a seat since the last right one.
#[derive(Debug, Clone, Copy, Default)]
struct Wrong {
    in_a_row: u32,
    bars: u32,
    until: Option<Mono>,
}

impl Operators {
    pub(super) fn new(operators: &[Operator]) -> Operators {
        let known = operators.iter().map(|o| (o.number.clone(), o.clone())).collect();
        Operators { known, wrong: HashMap::new() }
    }

    /// Whether PINs are taken at a seat.
    fn takes_pins(&self, now: Mono, seat: &SeatId) -> bool {
        self.wrong.get(seat).and_then(|wrong| wrong.until).is_none_or(|until| until <= now)
    }

    /// A wrong PIN was pressed. Whether it was one too many.
    fn wrong(&mut self, now: Mono, seat: &SeatId) -> bool {
        let wrong = self.wrong.entry(seat.clone()).or_default();
        wrong.in_a_row += 1;
        if wrong.in_a_row < TRIES {
            return false;
        }
        let barred = BARRED.saturating_mul(1 << wrong.bars.min(DOUBLINGS));
        *wrong = Wrong { in_a_row: 0, bars: wrong.bars.saturating_add(1), until: Some(now + barred) };
        true
    }
}

impl Gateway {
    /// A feature code was dialled at `seat`.
    pub(super) fn feature_code(
        &mut self,
        now: Now,
        seat: SeatId,
        code: FeatureCode,
        asked: InviteTransaction,
        out: &mut Vec<Output>,
    ) {
        let plan = match code {
            FeatureCode::SignIn(operator) => self.sign_in_plan(now, &seat, operator),
            FeatureCode::SignOut => granted(Ok(()), acd::Input::SignOut { seat: seat.clone() }),
            FeatureCode::Ready => {
                granted(self.acd.may_set_state(&seat), acd::Input::SetReady { seat: seat.clone() })
            }
            FeatureCode::NotReady(reason) => {
                let input = acd::Input::SetNotReady { seat: seat.clone(), reason };
                granted(self.acd.may_set_state(&seat), input)
            }
            FeatureCode::PickUp(queue) => return self.pick_up(now, seat, queue.as_ref(), asked, out),
            FeatureCode::Unassigned => denied(Status::NOT_FOUND, "there is no such code"),
        };
        self.confirm(now, seat, asked, plan, out);
    }

    fn sign_in_plan(&self, now: Now, seat: &SeatId, operator: Option<OperatorId>) -> Plan {
        let allowed = self.acd.may_sign_in(seat, operator.as_ref());
        if self.seats.operators.known.is_empty() || allowed.is_err() {
            return granted(allowed, acd::Input::SignIn { seat: seat.clone(), operator });
        }
        match operator.as_ref().and_then(|number| self.seats.operators.known.get(number)) {
            None => denied(Status::NOT_FOUND, "this operator is not known"),
            Some(Operator { pin: Some(_), .. }) if !self.seats.operators.takes_pins(now.mono, seat) => {
                denied(Status::FORBIDDEN, "too many wrong PINs at this seat")
            }
            Some(Operator { number, pin: Some(_), .. }) => Plan::AskPin { operator: number.clone() },
            Some(_) => granted(Ok(()), acd::Input::SignIn { seat: seat.clone(), operator }),
        }
    }

    /// The operator has pressed a PIN.
    pub(super) fn judge_pin(
        &mut self,
        now: Now,
        leg: LegId,
        operator: OperatorId,
        pressed: &str,
        out: &mut Vec<Output>,
    ) {
        let Some(seat) = self.confirmations.seat(leg).cloned() else { return };
        let is_known = self.seats.operators.known.get(&operator).and_then(|o| o.pin.as_ref());
        let takes = self.seats.operators.takes_pins(now.mono, &seat);
        let verdict = if pressed.is_empty() {
            Verdict::Denied { status: Status::REQUEST_TIMEOUT, why: "no PIN was pressed" }
        } else if takes && is_known.is_some_and(|pin| pin.is_of(pressed)) {
            self.seats.operators.wrong.remove(&seat);
            let allowed = self.acd.may_sign_in(&seat, Some(&operator));
            verdict(allowed, acd::Input::SignIn { seat, operator: Some(operator) })
        } else if takes && !self.seats.operators.wrong(now.mono, &seat) {
            return self.ask_pin(now, leg, operator, Some(PROMPT_REFUSED), out);
        } else {
            self.sign_in_refused(now, &seat, &operator, out);
            Verdict::Denied { status: Status::FORBIDDEN, why: "too many wrong PINs at this seat" }
        };
        self.tell_verdict(now, leg, verdict, out);
    }

    fn sign_in_refused(&mut self, now: Now, seat: &SeatId, operator: &OperatorId, out: &mut Vec<Output>) {
        let Some(state) = self.acd.operator_state(seat) else { return };
        let author = Author::Seat { seat: seat.clone(), operator: self.acd.operator(seat) };
        let refused = OperatorStateChanged {
            seat: seat.clone(),
            operator: Some(operator.clone()),
            from: state,
            to: state,
            reason: OperatorReason::WrongPin.into(),
            author,
        };
        self.tell(now, What::OperatorStateChanged(refused), out);
    }

    /// The seat takes a waiting call: its own INVITE becomes the seat's leg.
    fn pick_up(
        &mut self,
        now: Now,
        seat: SeatId,
        queue: Option<&QueueId>,
        asked: InviteTransaction,
        out: &mut Vec<Output>,
    ) {
        let call = match self.acd.to_pick_up(&seat, queue) {
            Ok(call) => call,
            Err(why) => {
                let (status, why) = refusal_of(why);
                return self.confirm(now, seat, asked, denied(status, why), out);
            }
        };
        let Some(offer) = self.offer_of_seat(now, &asked) else { return };
        let InviteTransaction { tx, flow, invite } = asked;
        let leg = LegId::new(now.wall, &mut self.context.random);
        let (offer, probing, inside) = (Some(Box::new(offer)), self.probing_of(&seat), self.inside_of(&seat));
        let incoming = call::IncomingInvite { tx, flow, invite, offer, probing, inside };
        self.pending.picking = Some((seat.clone(), call::IncomingLeg { leg, incoming }));
        self.acd.handle(now, acd::Input::PickUp { seat, call }, &mut self.pending.heard);
        self.acd_said(now, out);
        if let Some((seat, missed)) = self.pending.picking.take() {
            let call::IncomingInvite { tx, flow, invite, .. } = missed.incoming;
            let asked = InviteTransaction { tx, flow, invite };
            self.confirm(now, seat, asked, denied(Status::TEMPORARILY_UNAVAILABLE, "no call waits"), out);
        }
    }
}

fn granted(allowed: Result<(), Denied>, input: acd::Input) -> Plan {
    Plan::Tell(verdict(allowed, input))
}

fn verdict(allowed: Result<(), Denied>, input: acd::Input) -> Verdict {
    match allowed {
        Ok(()) => Verdict::Granted(input),
        Err(why) => {
            let (status, why) = refusal_of(why);
            Verdict::Denied { status, why }
        }
    }
}

fn denied(status: Status, why: &'static str) -> Plan {
    Plan::Tell(Verdict::Denied { status, why })
}

/// What a phone is told that can hear no tone, and what stands in the Reason of the BYE.
fn refusal_of(denied: Denied) -> (Status, &'static str) {
    match denied {
        Denied::UnknownSeat => (Status::FORBIDDEN, "this seat is not known"),
        Denied::SignedOut => (Status::FORBIDDEN, "sign in first"),
        Denied::InUse => (Status::FORBIDDEN, "another operator has a call at this seat"),
        Denied::Busy => (Status::BUSY_HERE, "this seat has a call"),
        Denied::NobodyWaits => (Status::TEMPORARILY_UNAVAILABLE, "no call waits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_wrong_pins_bar_a_seat_for_longer_each_time() {
        let (mut operators, seat, mut now) = (Operators::new(&[]), SeatId::from("1001"), Mono(7));
        let mut barred = Vec::new();
        for _ in 0..9 {
            assert_eq!((0..3).map(|_| operators.wrong(now, &seat)).collect::<Vec<_>>(), [false, false, true]);
            assert!(!operators.takes_pins(now, &seat));
            let until = operators.wrong.get(&seat).and_then(|w| w.until).unwrap();
            barred.push(until.since(now).as_secs());
            now = until;
            assert!(operators.takes_pins(now, &seat));
        }
        assert_eq!(barred, [300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 19_200, 19_200]);
        assert!(operators.takes_pins(Mono(7), &"1002".into()), "each seat alone");
    }
}
