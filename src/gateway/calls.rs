//! All calls: each with what the gateway keeps beside it, and the one place that steps it and does what it says.

use super::durable::{HeldAck, Then};
use super::pacing::Pacing;
use super::routes::{INVITES_KEPT, Owner};
use super::snapshots::Told;
use super::{Gateway, Output, Sought, Work};
use crate::call::{self, Call, Cx, ServiceRules};
use crate::caller::HistoryKey;
use crate::id::{CallId, LegId, ServiceNumber, TrunkId};
use crate::room::give_back;
use crate::sip::{ServerTx, Status};
use crate::snapshot::SnapshotKey;
use crate::time::{Mono, Now, Timers};
use std::collections::HashMap;
use std::sync::Arc;

/// The calls, and what a new one goes by. Bounded by `most`.
pub(super) struct Calls {
    slots: HashMap<CallId, Slot>,
    timers: Timers<CallId>,
    services: HashMap<ServiceNumber, Arc<ServiceRules>>,
    most: usize,
    pub(super) duty: Duty,
    /// What a start still asks of their peers.
    pub(super) pacing: Pacing,
    /// The legs of talks that send no sound, each until silence would have been told again; as many as there are legs.
    pub(super) one_way: Timers<LegId>,
}

/// A call and what the gateway keeps beside it.
pub(super) struct Slot {
    pub(super) call: Call,
    /// The trunk that brought it, and whose channel its caller takes.
    pub(super) trunk: Option<TrunkId>,
    pub(super) history: Option<HistoryKey>,
    /// The INVITEs that came for it, the newest last; at most [`INVITES_KEPT`].
    invites: Vec<ServerTx>,
    ack: Ack,
    kept: Kept,
}

/// Whether a snapshot of a call is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// None is.
    No,
    /// One is.
    Yes,
}

/// The ACK of the 200 OK that answered a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ack {
    /// We have not answered yet, or nothing depends on it.
    NotDue,
    /// The ACK is awaited: the call is half open.
    Awaited,
    /// The ACK came.
    Come,
}

/// Whether new calls are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// Yes.
    Serving,
    /// No; the calls in progress end when their parties end them.
    Draining,
    /// Said that nothing is left.
    Done,
}

/// What a caller's leg had of its trunk.
struct Released {
    trunk: TrunkId,
    was_half_open: bool,
}

/// What is done once all that a step said is done.
#[derive(Default)]
struct After {
    trunks: Vec<OfTrunk>,
    acks: Vec<HeldAck>,
}

/// What a call's step means for the trunks it goes out by.
enum OfTrunk {
    /// A leg takes a channel.
    Taken(TrunkId),
    /// The call gives its channel back.
    Freed(TrunkId),
    /// No response came to its INVITE.
    Unheard(LegId),
}

impl Slot {
    /// A call that came by a trunk.
    pub(super) fn of_trunk(call: Call, trunk: TrunkId, history: Option<HistoryKey>) -> Slot {
        Slot { call, trunk: Some(trunk), history, invites: Vec::new(), ack: Ack::NotDue, kept: Kept::No }
    }

    /// A call that goes on after a restart. Whether its 200 OK was acknowledged counts for no limit any more.
    pub(super) fn resumed(call: Call, trunk: Option<TrunkId>, history: Option<HistoryKey>) -> Slot {
        Slot { call, trunk, history, invites: Vec::new(), ack: Ack::Come, kept: Kept::Yes }
    }

    /// The INVITEs that came for it.
    pub(super) fn invites(&self) -> impl Iterator<Item = ServerTx> {
        self.invites.iter().copied()
    }

    /// A call that a seat began.
    pub(super) fn of_seat(call: Call) -> Slot {
        Slot { call, trunk: None, history: None, invites: Vec::new(), ack: Ack::Come, kept: Kept::No }
    }
}

impl Calls {
    pub(super) fn new(services: HashMap<ServiceNumber, Arc<ServiceRules>>, most: usize) -> Calls {
        let (timers, one_way) = (Timers::default(), Timers::default());
        Calls {
            slots: HashMap::new(),
            timers,
            services,
            most,
            duty: Duty::Serving,
            pacing: Pacing::default(),
            one_way,
        }
    }

    /// A new call.
    pub(super) fn insert(&mut self, id: CallId, slot: Slot) {
        if let Some((at, _)) = slot.call.poll_timeout() {
            self.timers.set(id, at);
        }
        self.slots.insert(id, slot);
    }

    pub(super) fn get(&self, id: CallId) -> Option<&Slot> {
        self.slots.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: CallId) -> Option<&mut Slot> {
        self.slots.get_mut(&id)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Their deadlines.
    pub(super) fn timers(&self) -> usize {
        self.timers.len()
    }

    /// Whether there is room for one more.
    pub(super) fn has_room(&self) -> bool {
        self.slots.len() < self.most
    }

    /// The rules of a service number.
    pub(super) fn service(&self, number: &ServiceNumber) -> Option<&Arc<ServiceRules>> {
        self.services.get(number)
    }

    /// Every call, in the order of their ids.
    pub(super) fn ids(&self) -> Vec<CallId> {
        let mut ids: Vec<CallId> = self.slots.keys().copied().collect();
        ids.sort();
        ids
    }

    /// Every call with its id, in no order.
    pub(super) fn with_ids(&self) -> impl Iterator<Item = (CallId, &Slot)> {
        self.slots.iter().map(|(id, slot)| (*id, slot))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.values()
    }

    /// The next deadline and whose it is.
    pub(super) fn next_deadline(&self) -> Option<(Mono, CallId)> {
        self.timers.next()
    }

    /// One call whose deadline has come. Call until `None`.
    pub(super) fn pop_due(&mut self, now: Mono) -> Option<CallId> {
        self.timers.pop_due(now)
    }

    /// One step of one call: an input, or its deadlines. `None` when there is no such call; else whether it is finished.
    fn step(&mut self, id: CallId, input: Option<call::Input>, cx: &mut Cx<'_>) -> Option<bool> {
        let slot = self.slots.get_mut(&id)?;
        match input {
            Some(input) => slot.call.handle(input, cx),
            None => slot.call.handle_timeout(cx),
        }
        let finished = slot.call.is_finished();
        match slot.call.poll_timeout() {
            Some((at, _)) if !finished => self.timers.set(id, at),
            _ => self.timers.cancel(id),
        }
        Some(finished)
    }

    /// An INVITE came for a call. Gives the one that is remembered no longer.
    fn invited(&mut self, id: CallId, tx: ServerTx) -> Option<ServerTx> {
        let slot = self.slots.get_mut(&id)?;
        let oldest = (slot.invites.len() == INVITES_KEPT).then(|| slot.invites.remove(0));
        slot.invites.push(tx);
        oldest
    }

    /// A response leaves. When it is the 200 OK to a call's first INVITE, the call is half open until the ACK comes: gives
    /// the trunk then.
    fn answers(&mut self, id: CallId, tx: ServerTx, status: Option<Status>) -> Option<&TrunkId> {
        let slot = self.slots.get_mut(&id)?;
        let is_success = status.is_some_and(Status::is_success);
        if !is_success || slot.invites.first() != Some(&tx) || slot.ack != Ack::NotDue {
            return None;
        }
        slot.ack = Ack::Awaited;
        slot.trunk.as_ref()
    }

    /// The ACK came, or is awaited no longer. Gives the trunk of a call that was half open.
    fn acknowledged(&mut self, id: CallId) -> Option<&TrunkId> {
        let slot = self.slots.get_mut(&id).filter(|slot| slot.ack == Ack::Awaited)?;
        slot.ack = Ack::Come;
        slot.trunk.as_ref()
    }

    /// A leg is gone. When it is the caller's, gives what it had of its trunk.
    fn released(&mut self, id: CallId, leg: LegId) -> Option<Released> {
        let slot = self.slots.get_mut(&id).filter(|slot| slot.call.is_caller(leg))?;
        let was_half_open = std::mem::replace(&mut slot.ack, Ack::Come) == Ack::Awaited;
        Some(Released { trunk: slot.trunk.clone()?, was_half_open })
    }

    /// A snapshot of the call is written.
    pub(super) fn kept(&mut self, id: CallId) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.kept = Kept::Yes;
        }
    }

    /// The snapshot of the call is to be forgotten; whether there is one.
    pub(super) fn forgotten(&mut self, id: CallId) -> bool {
        let slot = self.slots.get_mut(&id);
        slot.is_some_and(|slot| std::mem::replace(&mut slot.kept, Kept::No) == Kept::Yes)
    }

    /// Forgets a call. Gives what was kept of it.
    fn remove(&mut self, id: CallId) -> Option<Slot> {
        let slot = self.slots.remove(&id);
        give_back(&mut self.slots);
        slot
    }
}

impl Gateway {
    /// A call begins.
    pub(super) fn begin_call(&mut self, now: Now, arrival: call::Arrival, out: &mut Vec<Output>) {
        let Some(service) = self.calls.service(&arrival.received.service_number).cloned() else { return };
        let (id, leg, tx, key) = (arrival.call, arrival.received.leg, arrival.tx, arrival.history);
        let service = self.service_for(now, key, service);
        let trunk = arrival.trunk.clone();
        let call = Call::begin(arrival, service, &mut self.context.cx(now));
        self.calls.insert(id, Slot::of_trunk(call, trunk.clone(), key));
        self.remember_invite(Owner { call: id, leg }, tx);
        self.act(now, id, out);
        // After the first event: what the channel changes is told later than the call that takes it.
        self.take_channel(now, &trunk, out);
        self.once_durable(now, Then::Tell(id));
        if let Some(key) = key {
            out.push(Output::LookUp { call: id, key });
        }
    }

    /// Remembers which call an INVITE that came belongs to.
    pub(super) fn remember_invite(&mut self, owner: Owner, tx: ServerTx) {
        if self.calls.get(owner.call).is_none() {
            return;
        }
        // A call keeps its newest INVITEs: a CANCEL or an ACK of an older one can mean nothing any more.
        if let Some(oldest) = self.calls.invited(owner.call, tx) {
            self.routes.forget_received(oldest);
        }
        self.routes.received(tx, owner);
    }

    /// One step of one call: an input, or its deadlines.
    pub(super) fn step(&mut self, now: Now, id: CallId, input: Option<call::Input>, out: &mut Vec<Output>) {
        let Some(finished) = self.calls.step(id, input, &mut self.context.cx(now)) else { return };
        self.act(now, id, out);
        if finished && let Some(slot) = self.calls.remove(id) {
            for tx in slot.invites {
                self.routes.forget_received(tx);
            }
            if slot.kept == Kept::Yes {
                out.push(Output::Forget(SnapshotKey::Call(id)));
            }
            self.routes.give_back();
        }
    }

    /// The ACK for a 200 OK came, or never will.
    pub(super) fn acknowledged(&mut self, tx: ServerTx) {
        let call = self.routes.owner(tx).map(|owner| owner.call);
        if let Some(trunk) = call.and_then(|call| self.calls.acknowledged(call)) {
            self.trunking.acknowledged(trunk);
        }
    }

    /// Does what the call said. What is told of its trunks in consequence comes after what the call itself told: events
    /// leave in the order of their positions.
    pub(super) fn act(&mut self, now: Now, id: CallId, out: &mut Vec<Output>) {
        let mut said = self.context.take_said();
        let told = Told::by(&said);
        self.journal.touched.touch(now.mono, id, told);
        let mut after = After::default();
        for output in said.drain(..) {
            self.act_on_output(now, id, output, &mut after, out);
        }
        self.context.done(said);
        for held in after.acks {
            match told {
                Told::Events => self.acknowledge_once_durable(now, held),
                Told::Nothing => self.signalling.send(held.flow, held.request),
            }
        }
        for of_trunk in after.trunks {
            match of_trunk {
                OfTrunk::Taken(trunk) => self.take_channel(now, &trunk, out),
                OfTrunk::Freed(trunk) => self.free_channel(now, &trunk, out),
                OfTrunk::Unheard(leg) => self.trunk_call_failed(now, leg, out),
            }
        }
    }

    fn act_on_output(
        &mut self,
        now: Now,
        id: CallId,
        output: call::Output,
        after: &mut After,
        out: &mut Vec<Output>,
    ) {
        match output {
            call::Output::Respond { tx, response } => {
                if let Some(trunk) = self.calls.answers(id, tx, response.status()) {
                    self.trunking.answered(trunk);
                }
                self.signalling.respond(now, tx, response);
            }
            call::Output::Request { leg, flow, request } => {
                // No request overtakes the ACK in its dialog, also one that waits for the disk (RFC 3261 section
                // 13.2.2.4).
                self.acknowledge_now(leg);
                for held in after.acks.extract_if(.., |held| held.leg == leg) {
                    self.signalling.send(held.flow, held.request);
                }
                self.request_on(now, Owner { call: id, leg }, flow, request);
            }
            call::Output::Unheard { leg } => after.trunks.push(OfTrunk::Unheard(leg)),
            call::Output::Cancel { leg, reason } => {
                // After a challenge the INVITE that is out is another one: CANCEL follows the newest (RFC 3261
                // section 9.1).
                if let Some(tx) = self.routes.newest_invite(leg) {
                    self.routes.never_instead(tx);
                    self.signalling.cancel(now, tx, reason.as_deref());
                }
            }
            call::Output::Ack { leg, flow, request } => {
                let request = self.proved_ack(leg, request);
                after.acks.push(HeldAck { leg, flow, request });
            }
            call::Output::Seek { by, dialled } => {
                self.pending.work.push_back(Work::Seek(id, Sought { by, dialled }));
            }
            call::Output::Media(command) => out.push(Output::Media(command)),
            call::Output::Acd(input) => self.pending.work.push_back(Work::Acd(input)),
            call::Output::Event(event) => {
                let history = self.calls.get(id).and_then(|slot| slot.history);
                self.append(event, history, out);
            }
            call::Output::OneWayAudio { leg } => self.one_way_audio(now, leg, out),
            call::Output::LegUp(leg) => self.routes.leg_up(Owner { call: id, leg }),
            call::Output::ChannelTaken { leg, trunk } => {
                after.trunks.push(OfTrunk::Taken(trunk.clone()));
                self.routes.goes_out(leg, trunk);
            }
            call::Output::LegDown(leg) => {
                if let Some(Released { trunk, was_half_open }) = self.calls.released(id, leg) {
                    // A leg that goes before its ACK was half open until now.
                    if was_half_open {
                        self.trunking.acknowledged(&trunk);
                    }
                    after.trunks.push(OfTrunk::Freed(trunk));
                }
                after.trunks.extend(self.routes.leg_down(leg).map(OfTrunk::Freed));
            }
        }
    }
}
