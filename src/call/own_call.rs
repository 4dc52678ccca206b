//! A call a seat makes by itself, to another seat or outside: recorded like a citizen's, and never owed a callback.

use super::agreement::Agreement;
use super::answering::Wait;
use super::caller_leg::{CallerLeg, CallerSignalling, MediaSide};
use super::conduct::{Awaited, Conduct};
use super::early::EarlyDialogs;
use super::inputs::{Output, Reason, SeatAsked};
use super::machine::{Call, LookUp, Published, Stage};
use super::presence::{Broken, Owner, Presence};
use super::rules::ServiceRules;
use super::seat_leg::{Part, SeatLeg, SeatSignalling};
use super::story::{Cx, Story};
use super::third_party::{Destination, Purpose};
use crate::acd;
use crate::event::{
    CallReceived, CallState, Caller, Direction, EndReason, EndedBy, IdentitySource, PresentationResult,
    Summary, What,
};
use crate::id::{CallId, LegId, OperatorId, PresentationId, QueueId, SeatId, ServiceNumber, TrunkId};
use crate::media;
use crate::sip::{Dialog, Flow, Inside, Message, Outgoing, Way, option_tag};
use crate::time::{Duration, Timers};
use std::sync::Arc;

/// What a seat dialled.
#[derive(Debug)]
pub struct Dialled {
    /// The call it becomes.
    pub call: CallId,
    /// The seat.
    pub seat: SeatId,
    /// The person there.
    pub operator: Option<OperatorId>,
    /// Its INVITE.
    pub asked: SeatAsked,
    /// Whom it wants.
    pub to: Destination,
}

/// What the event says of a call a seat makes, whatever becomes of it. `name` is whom it wants.
pub fn placed(
    seat: &SeatId,
    trunk: TrunkId,
    name: &str,
    leg: LegId,
    (invite, flow): (&Message, Flow),
) -> CallReceived {
    CallReceived {
        direction: Direction::Outbound,
        trunk,
        caller: Caller { raw: seat.as_str().into(), source: IdentitySource::None, ..Caller::default() },
        service_number: ServiceNumber::from(name),
        leg,
        sip_call_id: super::arrival::told_call_id(invite),
        source: flow.remote,
        headers: Vec::new(),
    }
}

impl Owner {
    /// The seat that is on the caller's leg: the one that made the call, or whom that one called.
    pub(super) fn on_caller_leg(&self, caller: LegId) -> Option<&SeatId> {
        if self.line == caller { Some(&self.seat) } else { self.traded.as_ref() }
    }
}

impl Call {
    /// A seat's own call begins: its first event, its media port and that of the other end, whose seat or channel is
    /// taken from here on. It is rung once the beginning is on disk.
    pub fn dial(dialled: Dialled, cx: &mut Cx<'_>) -> Call {
        let Dialled { call, seat, operator, asked, to } = dialled;
        let SeatAsked { leg, tx, flow, invite, offer, watch, inside } = asked;
        let presence = Presence::new(Way { flow, behind: None }, watch, inside);
        let trunk = to.trunk.clone().unwrap_or_else(|| TrunkId::from(""));
        let received = placed(&seat, trunk, &to.name, leg, (&invite, flow));
        let (number, identity) = (received.service_number.clone(), received.caller.clone());
        let summary = Summary {
            state: CallState::Received,
            caller: identity.shown(),
            service_number: number.clone(),
            queue: None,
            seat: Some(seat.clone()),
            operator,
            received_at: cx.now.wall,
            ticket: None,
        };
        let mut story = Story::new(call, cx.now, summary);
        cx.out.push(Output::LegUp(leg));
        story.tell(cx, What::CallReceived(received));
        let peer = cx.rules.seat.clone();
        let family = cx.rules.media.family(Some(&offer), &flow);
        let media = Agreement::new(leg, family, cx.random.bits(), (peer.clone(), &flow));
        cx.out.push(Output::Media(media.opening()));
        let role = acd::OwnRole::Talks;
        cx.out.push(Output::Acd(acd::Input::Occupy { seat: seat.clone(), call, role }));
        let mut conduct = Conduct::new(peer, cx.random.bits());
        conduct.learn(&invite);
        let mut deadlines = Timers::default();
        deadlines.extend(Reason::expires(leg, &invite, cx.now.mono));
        let service =
            ServiceRules { number, queue: QueueId::from(""), welcome: None, answer_delay: Duration::ZERO };
        let signalling = CallerSignalling::Unanswered { tx, invite, flow, offer: Some(offer), early: None };
        let caller = CallerLeg { id: leg, signalling, media, conduct };
        let mut begun = Call {
            id: call,
            story,
            service: Arc::new(service),
            identity,
            look_up: LookUp::Settled(None),
            caller,
            seats: Vec::new(),
            stage: Stage::Dialling { durable: false },
            wait: Wait::Not,
            broken: Broken::Not,
            wrapping: Vec::new(),
            published: Published::No,
            deadlines,
            early_sound: None,
            fork: None,
            extension: None,
            guests: Vec::new(),
            owner: Some(Owner { seat, line: leg, presence, traded: None }),
            recalled: false,
            plays: 0,
        };
        begun.extend(to, Purpose::Own, cx);
        begun
    }

    /// The beginning is on disk: the other end is rung.
    pub(super) fn dial_now(&mut self, cx: &mut Cx<'_>) {
        if let Stage::Dialling { durable: durable @ false } = &mut self.stage {
            *durable = true;
            let legs: Vec<LegId> = self.seats.iter().map(|s| s.id).collect();
            legs.into_iter().for_each(|leg| self.ring_third(leg, cx));
        }
    }

    /// The seat hears that it rings, or what is to be heard there before the answer.
    pub(super) fn ring_own(&mut self, heard: Option<LegId>, cx: &mut Cx<'_>) {
        let caller = &mut self.caller;
        let CallerSignalling::Unanswered { tx, invite, flow, offer, .. } = &caller.signalling else { return };
        // What must be reliable is not said: the answer itself is what counts.
        if option_tag::requires(invite, "100rel") {
            return;
        }
        let contact = cx.rules.contact(flow, invite);
        let offer = offer.as_ref().filter(|_| heard.is_some());
        let described = offer.and_then(|offer| caller.media.answer(cx.rules, *flow, offer)?.ok());
        let status = if described.is_some() { 183 } else { 180 };
        let mut response = Outgoing::response(invite, status, Some(&caller.id.to_string()));
        response = response.with("Contact", contact);
        let tx = *tx;
        if let (Some((body, agreed)), Some(heard)) = (described, heard) {
            response = response.body("application/sdp", body);
            cx.out.push(Output::Media(caller.media.agree(agreed)));
            cx.out.push(Output::Media(media::Command::Bridge { a: caller.id, b: heard }));
        }
        cx.out.push(Output::Respond { tx, response });
    }

    /// He answered: so do we.
    pub(super) fn own_answered(&mut self, third: LegId, cx: &mut Cx<'_>) {
        let caller = &mut self.caller;
        let CallerSignalling::Unanswered { tx, invite, flow, offer: Some(offer), .. } = &caller.signalling
        else {
            return;
        };
        let (tx, tag) = (*tx, caller.id.to_string());
        let contact = cx.rules.contact(flow, invite);
        let answer = caller.media.answer(cx.rules, *flow, offer).and_then(Result::ok);
        let inside = self.owner.as_ref().map_or(Inside::ToContact, |owner| owner.presence.inside);
        let dialog = Dialog::uas(invite, *flow, &tag, &contact).map(|dialog| dialog.going(inside));
        let (Some((body, agreed)), Some(dialog)) = (answer, dialog) else { return self.own_failed(488, cx) };
        let ok = Outgoing::response(invite, 200, Some(&tag))
            .with("Contact", contact)
            .with("Allow", caller.conduct.allow())
            .with("X-Hotline-Call-Id", self.id.to_string());
        let ok = caller.conduct.accept(cx.now.mono, invite, ok).body("application/sdp", body);
        caller.conduct.ack = Awaited::Ack { cseq: invite.cseq().0 };
        cx.out.push(Output::Respond { tx, response: ok });
        caller.signalling = CallerSignalling::Up { dialog: Box::new(dialog) };
        cx.out.push(Output::Media(caller.media.agree(agreed)));
        cx.out.push(Output::Media(media::Command::Bridge { a: caller.id, b: third }));
        self.take_extension(PresentationResult::Withdrawn, cx);
        self.stage = Stage::Connected { leg: third, seat: None, hold: None };
        let delay = cx.now.mono.since(self.story.began());
        self.story.tell_as(cx, CallState::Connected, What::CallAnswered { delay });
        self.deadlines.set(Reason::CallLength, cx.now.mono + cx.rules.call_length);
        self.hold_again(third, cx);
        self.watch_own(third, cx);
    }

    /// Nobody answered.
    pub(super) fn own_failed(&mut self, status: u16, cx: &mut Cx<'_>) {
        self.take_extension(PresentationResult::Withdrawn, cx);
        if let CallerSignalling::Unanswered { tx, invite, .. } = &self.caller.signalling {
            let response = Outgoing::response(invite, status, Some(&self.caller.id.to_string()));
            cx.out.push(Output::Respond { tx: *tx, response });
            self.caller.signalling = CallerSignalling::Down;
        }
        self.end(EndedBy::ThirdParty, EndReason::Unanswered, Some(status), cx);
    }

    /// The seat hands on whom it called: he is the caller from here on, and the seat's leg is a line beside him, as it
    /// is in a citizen's call. `false` when that cannot be.
    pub(super) fn trade_places(&mut self, cx: &mut Cx<'_>) -> bool {
        let Stage::Connected { leg, seat: None, hold } = self.stage else { return false };
        let Some(owner) = self.owner.as_mut().filter(|o| o.line == self.caller.id) else { return false };
        let called = |s: &SeatLeg| s.id == leg && matches!(s.signalling, SeatSignalling::Up { .. });
        let Some(at) = self.seats.iter().position(called) else { return false };
        if !matches!(self.caller.signalling, CallerSignalling::Up { .. }) {
            return false;
        }
        let SeatLeg { id, seat, signalling, media, conduct, presence, .. } = self.seats.swap_remove(at);
        let SeatSignalling::Up { dialog, .. } = signalling else { return false };
        let called = CallerLeg { id, signalling: CallerSignalling::Up { dialog }, media, conduct };
        let CallerLeg { id, signalling, media, conduct } = std::mem::replace(&mut self.caller, called);
        let CallerSignalling::Up { dialog } = signalling else { return false };
        owner.traded = Some(seat).filter(|seat| !seat.as_str().is_empty());
        let presence = std::mem::replace(&mut owner.presence, presence);
        self.seats.push(SeatLeg {
            id,
            part: Part::Offered,
            presentation: PresentationId::new(cx.now.wall, cx.random),
            seat: owner.seat.clone(),
            signalling: SeatSignalling::Up { invite: None, dialog },
            media,
            conduct,
            early: EarlyDialogs::default(),
            others: Vec::new(),
            presence,
        });
        self.stage = Stage::Connected { leg: id, seat: Some(owner.seat.clone()), hold };
        true
    }

    /// Whether the seat's own leg got no port: then nothing can come of it.
    pub(super) fn own_media_failed(&mut self, cx: &mut Cx<'_>) {
        if matches!(self.stage, Stage::Dialling { .. }) && self.caller.media.side == MediaSide::Closed {
            self.own_failed(503, cx);
        }
    }
}
