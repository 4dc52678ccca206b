//! Which machine hears what: the values that go between calls, the queue, the endpoint and the shell.

use super::calls::Duty;
use super::routes::Owner;
use super::{Gateway, Output, Work};
use crate::acd;
use crate::call;
use crate::event::{NodeReason, NodeState, What};
use crate::id::{CallId, LegId, SeatId};
use crate::media::{self, OpenFailure};
use crate::sip::BindingChange;
use crate::time::Now;

impl Gateway {
    /// Does what is queued until nothing is, then hands the endpoint's bytes out.
    pub(super) fn run(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(work) = self.pending.work.pop_front() {
            match work {
                Work::Call(call, input) => self.step(now, call, Some(input), out),
                Work::Seek(call, sought) => self.seek(now, call, sought),
                Work::Acd(input) => {
                    self.acd.handle(now, input, &mut self.pending.heard);
                    self.acd_said(now, out);
                }
            }
        }
        self.keep_seats(now, out);
        self.flush(now, out);
    }

    pub(super) fn push_call(&mut self, call: CallId, input: call::Input) {
        self.pending.work.push_back(Work::Call(call, input));
    }

    pub(super) fn media_event(&mut self, now: Now, event: media::Event, out: &mut Vec<Output>) {
        match event {
            media::Event::Opened { .. } => self.media_short(now, None, out),
            media::Event::OpenFailed { why: OpenFailure::Short(of), .. } => {
                self.media_short(now, Some(of), out)
            }
            media::Event::OpenFailed { .. }
            | media::Event::RtpStarted { .. }
            | media::Event::Played { .. }
            | media::Event::Digit { .. }
            | media::Event::Silent { .. }
            | media::Event::RtpTimeout { .. }
            | media::Event::Closed { .. } => {}
        }
        let leg = leg_of(&event);
        if let Some(call) = self.routes.call_of(leg) {
            self.push_call(call, call::Input::Media(event));
        } else if self.confirmations.has(leg) {
            self.confirmation_media(now, event, out);
        }
    }

    pub(super) fn seats_changed(
        &mut self,
        now: Now,
        changed: Vec<(SeatId, BindingChange)>,
        out: &mut Vec<Output>,
    ) {
        for (seat, change) in changed {
            self.phones.forget(&seat);
            self.pending.work.push_back(Work::Acd(match change {
                BindingChange::Bound => acd::Input::SeatUp { seat },
                BindingChange::Unbound => acd::Input::SeatDown { seat },
            }));
        }
        self.watch_touched(now, out);
    }

    /// Does what is due for queues and seats.
    pub(super) fn acd_due(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.acd.poll_timeout().is_some_and(|(at, _)| at <= now.mono) {
            self.acd.handle_timeout(now, &mut self.pending.heard);
            self.acd_said(now, out);
        }
    }

    /// Carries what the queue said to the calls and into the journal.
    pub(super) fn acd_said(&mut self, now: Now, out: &mut Vec<Output>) {
        let mut heard = std::mem::take(&mut self.pending.heard);
        for output in heard.drain(..) {
            if let Some((call, input)) = self.for_call(now, output, out) {
                self.push_call(call, input);
            }
        }
        self.pending.heard = heard;
    }

    fn for_call(
        &mut self,
        now: Now,
        output: acd::Output,
        out: &mut Vec<Output>,
    ) -> Option<(CallId, call::Input)> {
        Some(match output {
            acd::Output::Entered { call, entered } => (call, call::Input::Entered(entered)),
            acd::Output::Refused { call, .. } => (call, call::Input::QueueFull),
            acd::Output::Present {
                call,
                presentation,
                seat,
                operator,
                attempt,
                waited,
                why,
                ring_timeout: limit,
                ..
            } => {
                let delivery = self.delivery_to(call, &seat);
                let input = call::Input::Present {
                    presentation,
                    seat,
                    operator,
                    attempt,
                    waited,
                    why,
                    limit,
                    delivery,
                };
                (call, input)
            }
            acd::Output::Withdraw { call, presentation, result } => {
                (call, call::Input::Withdraw { presentation, result })
            }
            acd::Output::Left { call, queue, exit, position, waited } => {
                (call, call::Input::Left { queue, exit, position, waited })
            }
            acd::Output::Position { call, queue, position, depth, estimated_wait } => {
                (call, call::Input::Position { queue, position, depth, estimated_wait })
            }
            acd::Output::WrapUpStarted { seat, call, limit } => {
                (call, call::Input::WrapUpStarted { seat, limit })
            }
            acd::Output::WrapUpCompleted { seat, call, timed_out } => {
                (call, call::Input::WrapUpCompleted { seat, timed_out })
            }
            acd::Output::OperatorChanged(changed) => {
                self.seats.changed(&changed.seat);
                self.tell(now, What::OperatorStateChanged(changed), out);
                return None;
            }
            acd::Output::SeatChanged { seat, operator, from, to, reason } => {
                self.seats.changed(&seat);
                let reason = reason.into();
                self.tell(now, What::SeatStateChanged { seat, operator, from, to, reason }, out);
                return None;
            }
        })
    }

    /// How a call is delivered to a seat: to its phones, or by the INVITE it picks the call up with.
    fn delivery_to(&mut self, call: CallId, seat: &SeatId) -> call::Delivery {
        if let Some((_, line)) = self.pending.picking.take_if(|(picks, _)| picks == seat) {
            self.remember_invite(Owner { call, leg: line.leg }, line.incoming.tx);
            return call::Delivery::PickUp(Box::new(line));
        }
        call::Delivery::Ring(self.phones_of(seat))
    }

    pub(super) fn drain(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.calls.duty == Duty::Serving {
            self.calls.duty = Duty::Draining;
            let reason = NodeReason::AskedToStop.into();
            self.tell(now, What::NodeStateChanged { state: NodeState::Draining, reason }, out);
            self.trunks_drain(now, out);
        }
    }

    pub(super) fn tell_all_calls(&mut self, input: impl Fn() -> call::Input) {
        self.pending.work.extend(self.calls.ids().into_iter().map(|id| Work::Call(id, input())));
    }

    /// Says so, once, when the gateway drains and the last call is over.
    pub(super) fn drained(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.calls.duty == Duty::Draining && self.calls.len() == 0 && self.journal.awaiting() == 0 {
            self.calls.duty = Duty::Done;
            self.tell_shed(now, out);
            let reason = NodeReason::Drained.into();
            self.tell(now, What::NodeStateChanged { state: NodeState::Stopped, reason }, out);
            out.push(Output::Drained);
        }
    }
}

fn leg_of(event: &media::Event) -> LegId {
    match event {
        media::Event::Opened { leg, .. }
        | media::Event::OpenFailed { leg, .. }
        | media::Event::RtpStarted { leg }
        | media::Event::Played { leg, .. }
        | media::Event::Digit { leg, .. }
        | media::Event::RtpTimeout { leg }
        | media::Event::Silent { a: leg, .. }
        | media::Event::Closed { leg, .. } => *leg,
    }
}
