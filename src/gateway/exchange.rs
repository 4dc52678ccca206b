//! Which machine hears what: the values that go between calls, the queue, the endpoint and the shell.

use super::durable::Then;
use super::{Ack, Duty, Gateway, INVITES_KEPT, Output, Outward, Slot, Work};
use crate::acd;
use crate::call::{self, Call, Cx};
use crate::event::{NodeReason, NodeState, What};
use crate::id::{CallId, LegId, SeatId, TrunkId};
use crate::media::{self, OpenFailure};
use crate::room::give_back;
use crate::sip::{Change, ClientTx, ServerTx};
use crate::time::Now;

/// What a call's step means for the trunks it goes out by.
enum OfTrunk {
    /// A leg takes a channel.
    Taken(TrunkId),
    /// It gives it back.
    Freed(TrunkId),
    /// Nobody said a word to its INVITE.
    Unheard(LegId),
}

impl Gateway {
    /// Does what is queued until nothing is, then hands the endpoint's bytes out.
    pub(super) fn run(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(work) = self.work.pop_front() {
            match work {
                Work::Call(call, input) => self.step(now, call, Some(input), out),
                Work::Acd(input) => {
                    self.acd.handle(now, input, &mut self.heard);
                    self.acd_said(now, out);
                }
            }
        }
        self.flush(now, out);
    }

    pub(super) fn push_call(&mut self, call: CallId, input: call::Input) {
        self.work.push_back(Work::Call(call, input));
    }

    pub(super) fn media_event(&mut self, now: Now, event: media::Event, out: &mut Vec<Output>) {
        match event {
            media::Event::Opened { .. } => self.media_short(now, None, out),
            media::Event::OpenFailed { why: OpenFailure::Short(of), .. } => {
                self.media_short(now, Some(of), out)
            }
            _ => {}
        }
        if let Some(call) = self.legs.get(&leg_of(&event)) {
            self.push_call(*call, call::Input::Media(event));
        }
    }

    pub(super) fn seats_changed(&mut self, now: Now, changed: Vec<(SeatId, Change)>, out: &mut Vec<Output>) {
        for (seat, change) in changed {
            self.phones.forget(&seat);
            self.work.push_back(Work::Acd(match change {
                Change::Bound => acd::Input::SeatUp { seat },
                Change::Unbound => acd::Input::SeatDown { seat },
            }));
        }
        self.watch_touched(now, out);
    }

    /// A call begins.
    pub(super) fn begin_call(&mut self, now: Now, arrival: call::Arrival, out: &mut Vec<Output>) {
        let Some(service) = self.services.get(&arrival.received.service_number).cloned() else { return };
        let (id, leg, tx, key) = (arrival.call, arrival.leg, arrival.tx, arrival.history);
        let service = self.service_for(now, key, service);
        let trunk = arrival.received.trunk.clone();
        let mut cx = Cx {
            now,
            sequence: &mut self.sequence,
            random: &mut self.random,
            rules: &self.rules,
            out: &mut self.said,
        };
        let call = Call::begin(arrival, service, &mut cx);
        if let Some((at, _)) = call.poll_timeout() {
            self.call_timers.set(id, at);
        }
        let slot = Slot { call, trunk: trunk.clone(), history: key, asked: Vec::new(), ack: Ack::NotDue };
        self.calls.insert(id, slot);
        self.asked_by(id, leg, tx);
        self.act(now, id, out);
        self.take_channel(now, &trunk, out);
        self.once_durable(now, Then::Tell(id));
        if let Some(key) = key {
            out.push(Output::LookUp { call: id, key });
        }
    }

    /// Remembers an INVITE of ours as long as its leg lives: its 2xx may come again.
    pub(super) fn invited_by(&mut self, leg: LegId, tx: ClientTx) {
        let sent = self.invites.entry(leg).or_default();
        if sent.len() == INVITES_KEPT {
            self.clients.remove(&sent.remove(0));
        }
        sent.push(tx);
    }

    /// Remembers which call an INVITE transaction belongs to.
    pub(super) fn asked_by(&mut self, call: CallId, leg: LegId, tx: ServerTx) {
        let Some(slot) = self.calls.get_mut(&call) else { return };
        if slot.asked.len() == INVITES_KEPT {
            self.servers.remove(&slot.asked.remove(0));
        }
        slot.asked.push(tx);
        self.servers.insert(tx, (call, leg));
    }

    /// One step of one call: an input, or its deadlines.
    pub(super) fn step(&mut self, now: Now, id: CallId, input: Option<call::Input>, out: &mut Vec<Output>) {
        let Some(slot) = self.calls.get_mut(&id) else { return };
        let mut cx = Cx {
            now,
            sequence: &mut self.sequence,
            random: &mut self.random,
            rules: &self.rules,
            out: &mut self.said,
        };
        match input {
            Some(input) => slot.call.handle(input, &mut cx),
            None => slot.call.handle_timeout(&mut cx),
        }
        let finished = slot.call.is_finished();
        match slot.call.poll_timeout() {
            Some((at, _)) if !finished => self.call_timers.set(id, at),
            _ => self.call_timers.cancel(id),
        }
        self.act(now, id, out);
        if finished {
            self.forget(id);
        }
    }

    /// A call's first INVITE was answered 200: until the ACK comes the call is half open.
    fn answered(&mut self, id: CallId, tx: ServerTx, status: Option<u16>) {
        let Some(slot) = self.calls.get_mut(&id) else { return };
        let is_its_answer =
            status.is_some_and(|s| (200..300).contains(&s)) && slot.asked.first() == Some(&tx);
        if is_its_answer && slot.ack == Ack::NotDue {
            slot.ack = Ack::Awaited;
            if let Some(trunk) = self.trunks.get_mut(&slot.trunk) {
                trunk.capacity.answered();
            }
        }
    }

    /// The ACK for a 200 OK came, or never will.
    pub(super) fn acknowledged(&mut self, tx: ServerTx) {
        let id = self.servers.get(&tx).map(|(id, _)| *id);
        if let Some(slot) = id.and_then(|id| self.calls.get_mut(&id))
            && slot.ack == Ack::Awaited
        {
            slot.ack = Ack::Come;
            if let Some(trunk) = self.trunks.get_mut(&slot.trunk) {
                trunk.capacity.acknowledged();
            }
        }
    }

    /// When `leg` is the caller's: the trunk whose channel it gives back.
    fn caller_gone(&mut self, id: CallId, leg: LegId) -> Option<TrunkId> {
        let slot = self.calls.get_mut(&id).filter(|slot| slot.call.is_caller(leg))?;
        if std::mem::replace(&mut slot.ack, Ack::Come) == Ack::Awaited
            && let Some(trunk) = self.trunks.get_mut(&slot.trunk)
        {
            trunk.capacity.acknowledged();
        }
        Some(slot.trunk.clone())
    }

    fn forget(&mut self, id: CallId) {
        let Some(slot) = self.calls.remove(&id) else { return };
        for tx in slot.asked {
            self.servers.remove(&tx);
        }
        give_back(&mut self.calls);
        give_back(&mut self.legs);
        give_back(&mut self.clients);
        give_back(&mut self.invites);
        give_back(&mut self.servers);
    }

    /// Does what the call said. What is told of its trunks in consequence comes after what the call itself told: events
    /// leave in the order of their positions.
    pub(super) fn act(&mut self, now: Now, id: CallId, out: &mut Vec<Output>) {
        let mut said = std::mem::take(&mut self.said);
        let mut of_trunks = Vec::new();
        for output in said.drain(..) {
            match output {
                call::Output::Respond { tx, response } => {
                    self.answered(id, tx, response.status());
                    self.endpoint.respond(now, tx, response, &mut self.wire);
                }
                call::Output::Request { leg, flow, request } => {
                    self.request_on(now, (id, leg), flow, request)
                }
                call::Output::Unheard { leg } => of_trunks.push(OfTrunk::Unheard(leg)),
                call::Output::Cancel { leg, reason } => {
                    if let Some(tx) = self.invites.get(&leg).and_then(|all| all.last()).copied() {
                        self.never_instead(tx);
                        self.endpoint.cancel(now, tx, reason.as_deref(), &mut self.wire);
                    }
                }
                call::Output::Ack { leg, flow, request } => {
                    let request = self.proved_ack(leg, request);
                    self.endpoint.send(flow, request, &mut self.wire);
                }
                call::Output::Media(command) => out.push(Output::Media(command)),
                call::Output::Acd(input) => self.work.push_back(Work::Acd(input)),
                call::Output::Event(event) => {
                    let history = self.calls.get(&id).and_then(|s| s.history);
                    self.append(event, history, out);
                }
                call::Output::LegUp(leg) => {
                    self.legs.insert(leg, id);
                }
                call::Output::ChannelTaken { leg, trunk } => {
                    of_trunks.push(OfTrunk::Taken(trunk.clone()));
                    self.outward.insert(leg, Outward { trunk, hop: None });
                }
                call::Output::LegDown(leg) => {
                    self.legs.remove(&leg);
                    of_trunks.extend(self.caller_gone(id, leg).map(OfTrunk::Freed));
                    of_trunks.extend(self.outward.remove(&leg).map(|o| OfTrunk::Freed(o.trunk)));
                    for tx in self.invites.remove(&leg).unwrap_or_default() {
                        self.clients.remove(&tx);
                    }
                }
            }
        }
        self.said = said;
        for of_trunk in of_trunks {
            match of_trunk {
                OfTrunk::Taken(trunk) => self.take_channel(now, &trunk, out),
                OfTrunk::Freed(trunk) => self.free_channel(now, &trunk, out),
                OfTrunk::Unheard(leg) => self.trunk_call_failed(now, leg, out),
            }
        }
    }

    /// Carries what the queue said to the calls and into the journal.
    pub(super) fn acd_said(&mut self, now: Now, out: &mut Vec<Output>) {
        let mut heard = std::mem::take(&mut self.heard);
        for output in heard.drain(..) {
            if let Some((call, input)) = self.for_call(now, output, out) {
                self.push_call(call, input);
            }
        }
        self.heard = heard;
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
                let reached = self.reached(call, &seat);
                let input = call::Input::Present {
                    presentation,
                    seat,
                    operator,
                    attempt,
                    waited,
                    why,
                    limit,
                    reached,
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
            acd::Output::SeatChanged { seat, operator, from, to, reason } => {
                let reason = reason.into();
                self.tell(now, What::SeatStateChanged { seat, operator, from, to, reason }, out);
                return None;
            }
        })
    }

    /// How a seat is reached for a call: by its phone's address, or by the INVITE it picks the call up with.
    fn reached(&mut self, call: CallId, seat: &SeatId) -> Option<call::Reached> {
        if let Some((_, asked)) = self.picking.take_if(|(picks, _)| picks == seat) {
            self.asked_by(call, asked.leg, asked.tx);
            return Some(call::Reached::Asked(Box::new(asked)));
        }
        Some(call::Reached::At(self.phones_of(seat)))
    }

    pub(super) fn drain(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.duty == Duty::Serving {
            self.duty = Duty::Draining;
            let reason = NodeReason::AskedToStop.into();
            self.tell(now, What::NodeStateChanged { state: NodeState::Draining, reason }, out);
            self.trunks_drain(now, out);
        }
    }

    pub(super) fn tell_all_calls(&mut self, input: impl Fn() -> call::Input) {
        let mut open: Vec<CallId> = self.calls.keys().copied().collect();
        open.sort();
        self.work.extend(open.into_iter().map(|id| Work::Call(id, input())));
    }

    /// Says so, once, when the gateway drains and the last call is over.
    pub(super) fn drained(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.duty == Duty::Draining && self.calls.is_empty() && self.awaiting.len() == 0 {
            self.duty = Duty::Done;
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
        | media::Event::Heard { leg }
        | media::Event::Played { leg, .. }
        | media::Event::Digit { leg, .. }
        | media::Event::Quiet { leg }
        | media::Event::Silent { a: leg, .. }
        | media::Event::Closed { leg, .. } => *leg,
    }
}
