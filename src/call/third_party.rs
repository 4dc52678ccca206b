//! Asking somebody else into a call: another seat, or a department by its numbers, one after the other.
//!
//! Who asked and what for is the [`Purpose`]; what follows from an answer or from silence is in `consult` (the seat
//! asks while the citizen waits), `own_call` (a seat calls by itself) and `transfer` (the citizen is handed on).

use super::agreement::Agreement;
use super::conduct::Conduct;
use super::early::EarlyDialogs;
use super::inputs::{Output, Phone, Reason};
use super::machine::Call;
use super::presence::Presence;
use super::seat_leg::{ALLOW, MAX_SEAT_LEGS, Part, SeatLeg, SeatSignalling};
use super::story::Cx;
use super::transfer::Transfer;
use crate::acd;
use crate::caller;
use crate::event::{LegRole, What};
use crate::id::{LegId, OperatorId, PresentationId, SeatId, TrunkId};
use crate::redact::Pii;
use crate::sip::{Method, Outgoing};
use crate::time::Duration;
use std::sync::Arc;

/// How long somebody a seat calls may ring while the operator listens: the longest an INVITE may wait (RFC 3261 section
/// 16.6, timer C).
const LISTENING_LIMIT: Duration = Duration::from_secs(180);

/// Whom a call is extended to, and how to get there.
#[derive(Debug, Clone)]
pub struct Destination {
    /// As events name it: a department, a seat, a number.
    pub name: Arc<str>,
    /// The seat, if it is one.
    pub seat: Option<SeatId>,
    /// The person there.
    pub operator: Option<OperatorId>,
    /// The trunk it is reached through.
    pub trunk: Option<TrunkId>,
    /// The number it sees; without one it sees who asks for it.
    pub shown: Option<String>,
    /// Whom to ring, in order: a department's numbers, or a seat's phones. Each may have several ways to it.
    pub phones: Vec<Phone>,
    /// How long each but the last may ring.
    pub ring: Duration,
    /// How long all may ring together while a citizen waits.
    pub recall: Duration,
}

/// What somebody is asked in for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A seat wants to speak with him; this is its leg.
    Consult {
        /// The seat's second leg.
        asker: LegId,
    },
    /// A seat called him; its leg is the caller's.
    Own,
    /// The citizen is handed on to him.
    Transfer(Transfer),
}

/// Whether he has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Ringing,
    Up,
}

/// Somebody who is being asked in, or was. At most one at a time in a call.
#[derive(Debug)]
pub(super) struct Extension {
    pub to: Destination,
    /// Which of the phones is rung next.
    next: usize,
    /// His leg; of those before, CANCEL is out.
    pub leg: LegId,
    pub reach: Reach,
    pub purpose: Purpose,
}

impl Call {
    /// Begins to ring `to`.
    pub(super) fn extend(&mut self, to: Destination, purpose: Purpose, cx: &mut Cx<'_>) {
        let limit = match purpose {
            Purpose::Transfer(_) => to.recall,
            Purpose::Consult { .. } | Purpose::Own => LISTENING_LIMIT,
        };
        self.deadlines.set(Reason::Recall, cx.now.mono + limit);
        // The queue offers that seat nothing meanwhile.
        let call = self.id;
        cx.out.extend(to.seat.clone().map(|seat| Output::Acd(acd::Input::Occupy { seat, call })));
        let leg = LegId::new(cx.now.wall, cx.random);
        self.extension = Some(Extension { to, next: 0, leg, reach: Reach::Ringing, purpose });
        self.ring_next(None, cx);
    }

    /// Rings the next number. `status` is what became of the one before; with none left it is what became of all.
    fn ring_next(&mut self, status: Option<u16>, cx: &mut Cx<'_>) {
        self.deadlines.cancel(Reason::Hop);
        let Some(extension) = &mut self.extension else { return };
        let Some(phone) = extension.to.phones.get(extension.next).cloned() else {
            return self.extension_failed(status, cx);
        };
        extension.next += 1;
        if extension.next < extension.to.phones.len() {
            self.deadlines.set(Reason::Hop, cx.now.mono + extension.to.ring);
        }
        self.ring_by(phone, status, cx);
    }

    /// Begins a leg to one phone by the first way to it. `status` is what became of the leg before.
    fn ring_by(&mut self, phone: Phone, status: Option<u16>, cx: &mut Cx<'_>) {
        if self.seats.len() >= MAX_SEAT_LEGS {
            return self.extension_failed(status, cx);
        }
        let Some(extension) = &mut self.extension else { return };
        let leg = LegId::new(cx.now.wall, cx.random);
        extension.leg = leg;
        let Phone { way: target, others } = phone;
        let peer = match &extension.to.trunk {
            Some(trunk) => cx.rules.trunk(trunk),
            None => cx.rules.seat.clone(),
        };
        cx.out.push(Output::LegUp(leg));
        if let Some(trunk) = extension.to.trunk.clone() {
            cx.out.push(Output::ChannelTaken { leg, trunk });
        }
        let family = cx.rules.media.family(None, &target.flow);
        let media = Agreement::new(leg, family, cx.random.bits(), peer.clone());
        cx.out.push(Output::Media(media.opening()));
        self.seats.push(SeatLeg {
            id: leg,
            part: Part::Third,
            presentation: PresentationId::new(cx.now.wall, cx.random),
            seat: extension.to.seat.clone().unwrap_or_else(|| SeatId::from("")),
            presence: Presence::new(target.way(), target.watch),
            others,
            signalling: SeatSignalling::Preparing { target },
            media,
            conduct: Conduct::new(peer, cx.random.bits()),
            early: EarlyDialogs::default(),
        });
    }

    /// Sends the INVITE to him once his leg has its port.
    pub(super) fn ring_third(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        let Some(extension) = self.extension.as_ref().filter(|e| e.leg == leg) else { return };
        let asks_for_citizen = matches!(extension.purpose, Purpose::Transfer(_));
        let speaks_with = match extension.purpose {
            Purpose::Consult { asker } => asker,
            Purpose::Own | Purpose::Transfer(_) => self.caller.id,
        };
        let (name, user) = match &extension.to.shown {
            Some(number) => (String::new(), number.clone()),
            None if asks_for_citizen && !self.identity.withheld => {
                (self.identity.shown().reveal().clone(), self.identity.raw.reveal().clone())
            }
            None if asks_for_citizen => (String::new(), "anonymous".to_owned()),
            None => {
                let seat = self.asking_seat().map_or_else(String::new, |s| s.to_string());
                (seat.clone(), seat)
            }
        };
        let to_seat = extension.to.trunk.is_none();
        let call = self.id;
        let liked = self.media_of(speaks_with).and_then(|m| m.agreed).map(|agreed| agreed.codec);
        let Some(third) = self.seats.iter_mut().find(|s| s.id == leg) else { return };
        let SeatSignalling::Preparing { target } = &third.signalling else { return };
        let target = target.clone();
        let mut codecs = third.conduct.peer.codecs.clone();
        codecs.sort_by_key(|c| Some(*c) != liked);
        let Some(body) = third.media.offer(cx.rules, target.flow, &codecs) else { return };
        let user = caller::uri_user(&user);
        let domain = third.conduct.peer.domain.as_deref().unwrap_or(&cx.rules.domain);
        let address = format!("<sip:{user}@{domain}>");
        let from = match name.as_str() {
            "" => format!("{address};tag={leg}"),
            name => format!("{} {address};tag={leg}", crate::sip::quoted(name)),
        };
        let mut invite = Outgoing::request(Method::Invite, &target.uri)
            .with("From", from)
            .with("To", format!("<{}>", target.uri))
            .with("Call-ID", leg.to_string())
            .with("CSeq", "1 INVITE")
            .with("Max-Forwards", "70")
            .with("Contact", crate::sip::contact(cx.rules.advertised.as_ref(), &target.flow, "hotline"))
            .with("Allow", ALLOW)
            .with("P-Asserted-Identity", address);
        if to_seat {
            invite = invite.with("X-Hotline-Call-Id", call.to_string());
        }
        let invite = third.conduct.ask(invite).body("application/sdp", body);
        cx.out.push(Output::Request { leg, flow: target.flow, request: invite.clone() });
        third.signalling =
            SeatSignalling::Inviting { invite: Box::new(invite), target, offered: codecs, rang: None };
        self.await_word(leg, cx);
    }

    /// He rings, or is heard already (`described`).
    pub(super) fn third_progress(&mut self, leg: LegId, described: bool, cx: &mut Cx<'_>) {
        let Some(extension) = self.extension.as_ref().filter(|e| e.leg == leg) else { return };
        match extension.purpose {
            Purpose::Consult { asker } => self.ring_asker(asker, described.then_some(leg), cx),
            Purpose::Own => self.ring_own(described.then_some(leg), cx),
            Purpose::Transfer(_) => {}
        }
    }

    /// He answered.
    pub(super) fn third_answered(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        self.deadlines.cancel(Reason::Hop);
        self.deadlines.cancel(Reason::Recall);
        let Some(extension) = self.extension.as_mut().filter(|e| e.leg == leg) else { return };
        extension.reach = Reach::Up;
        let asker = match extension.purpose {
            Purpose::Consult { asker } => Some(asker),
            Purpose::Own => None,
            Purpose::Transfer(_) => {
                self.tell_participant(leg, true, cx);
                return self.join(cx);
            }
        };
        self.tell_participant(leg, true, cx);
        match asker {
            Some(asker) => self.consult_answered(asker, leg, cx),
            None => self.own_answered(leg, cx),
        }
    }

    /// His leg ended before he answered: the next way to the same number when he was not reached (RFC 3263 section
    /// 4.3), else the next number, while anybody waits for it.
    pub(super) fn third_lost(&mut self, leg: LegId, status: Option<u16>, cx: &mut Cx<'_>) {
        self.deadlines.cancel(Reason::Unheard(leg));
        let ringing = |e: &&Extension| e.leg == leg && e.reach == Reach::Ringing;
        if self.extension.as_ref().filter(ringing).is_none() {
            return;
        }
        match self.another_way(leg, status) {
            Some(phone) => self.ring_by(phone, status, cx),
            None => self.ring_next(status, cx),
        }
    }

    /// One number has rung long enough.
    pub(super) fn hop_silent(&mut self, cx: &mut Cx<'_>) {
        self.cancel_third(cx);
        self.ring_next(Some(408), cx);
    }

    /// All of it has rung long enough.
    pub(super) fn extension_silent(&mut self, cx: &mut Cx<'_>) {
        self.cancel_third(cx);
        self.extension_failed(Some(408), cx);
    }

    fn cancel_third(&mut self, cx: &mut Cx<'_>) {
        let Some(leg) = self.extension.as_ref().map(|e| e.leg) else { return };
        if let Some(third) = self.seats.iter_mut().find(|s| s.id == leg) {
            third.hang_up(cx);
        }
    }

    /// Nobody answered anywhere.
    fn extension_failed(&mut self, status: Option<u16>, cx: &mut Cx<'_>) {
        let Some(extension) = self.take_extension() else { return };
        let status = match status {
            Some(status @ (480 | 486 | 600 | 603)) => status,
            Some(404 | 410 | 484 | 604) => 404,
            _ => 480,
        };
        match extension.purpose {
            Purpose::Consult { asker } => self.refuse_asker(asker, status, cx),
            Purpose::Own => self.own_failed(status, cx),
            Purpose::Transfer(transfer) => self.transfer_failed(transfer, &extension.to, status, cx),
        }
    }

    /// Forgets whom the call was extended to, with the deadlines of it.
    pub(super) fn take_extension(&mut self) -> Option<Extension> {
        self.deadlines.cancel(Reason::Hop);
        self.deadlines.cancel(Reason::Recall);
        self.extension.take()
    }

    /// Says who joined or left.
    pub(super) fn tell_participant(&mut self, leg: LegId, joined: bool, cx: &mut Cx<'_>) {
        let Some(extension) = &self.extension else { return };
        let party = Pii::new(extension.to.name.to_string());
        let role = LegRole::ThirdParty;
        self.story.tell(cx, What::ParticipantChanged { leg, role, party, joined });
    }

    /// The seat that asks somebody in.
    fn asking_seat(&self) -> Option<&SeatId> {
        match &self.extension.as_ref()?.purpose {
            Purpose::Consult { asker } => self.seats.iter().find(|s| s.id == *asker).map(|s| &s.seat),
            Purpose::Own => self.owner.as_ref(),
            Purpose::Transfer(transfer) => Some(&transfer.by),
        }
    }
}
