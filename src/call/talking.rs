//! Parties beside the caller: the search for one, the consultation, the transfer, the talk itself, and how a call ends.

use super::call::Call;
use super::inputs::{Output, SeatAsked};
use super::leg::{Answering, Arriving as ArrivingLeg, Leg, Loss, Party, Purpose, Reliably, Ring};
use super::legs::MAX_LEGS;
use super::origin::Origin;
use super::ringing::Failed;
use super::rules::RETRY_AFTER;
use super::search::{Destination, Search, Silent};
use super::stage::Stage;
use super::story::Cx;
use super::talk::{Consultation, Hold, Line, Talk};
use crate::acd;
use crate::event::{CallState, EndReason, EndedBy, PresentationResult, SeatChoice, SeatPresented, What};
use crate::id::{LegId, PresentationId, SeatId};
use crate::sdp::Direction;
use crate::sip::{Cause, Outgoing};
use crate::time::Duration;

impl Call {
    /// Begins to ring the party of the search. The queue offers a seat that is rung nothing meanwhile.
    pub(super) fn begin_search(&mut self, cx: &mut Cx<'_>) {
        let Some(search) = self.stage.search() else { return };
        if let Some(seat) = search.to.seat.clone() {
            let occupied = acd::Input::Occupy { seat, call: self.id, role: acd::OwnRole::Rung };
            cx.out.push(Output::Acd(occupied));
        }
        self.ring_next(None, cx);
    }

    /// Rings all the phones of a seat, or the next number of a department. `status` is what became of the one before; with
    /// none left it is what became of all.
    pub(super) fn ring_next(&mut self, status: Option<u16>, cx: &mut Cx<'_>) {
        let is_full = self.legs.is_full();
        let presentation = PresentationId::new(cx.now.wall, cx.random);
        let why = self.why_asked().into();
        let Some(search) = self.stage.search_mut() else { return };
        let Some(phones) = search.ring_next(presentation, cx.now.mono).filter(|_| !is_full) else {
            return self.search_failed(status, cx);
        };
        let leg = LegId::new(cx.now.wall, cx.random);
        let Destination { name, seat, operator, trunk, .. } = search.to.clone();
        let party = match (seat, trunk) {
            (Some(seat), _) => {
                let (attempt, waited) = (1, Duration::ZERO);
                let (seat, operator) = (seat, operator);
                let party = Party::Seat { seat: seat.clone(), operator: operator.clone() };
                let presented = SeatPresented { presentation, attempt, seat, operator, leg, waited, why };
                self.story.tell(cx, What::SeatPresented(presented));
                party
            }
            (None, Some(trunk)) => Party::Outside { trunk, name },
            (None, None) => return self.search_failed(status, cx),
        };
        self.ring_phones(leg, phones, (&party, Purpose::Sought(presentation)), cx);
    }

    /// Why a seat is rung that no queue chose.
    pub(super) fn why_asked(&self) -> SeatChoice {
        let by = self.asking_seat().cloned().unwrap_or_else(|| SeatId::from(""));
        match &self.stage {
            Stage::Talk(_) => SeatChoice::Consulted { by },
            Stage::Transferring(_) => SeatChoice::Transferred { by },
            _ => SeatChoice::Called { by },
        }
    }

    /// The seat that asks another party in.
    pub(super) fn asking_seat(&self) -> Option<&SeatId> {
        match &self.stage {
            Stage::Talk(talk) => talk.serving.as_ref(),
            Stage::Transferring(transfer) => Some(&transfer.by),
            _ => self.origin.seat(),
        }
    }

    /// The party rings, or is heard before it answers.
    pub(super) fn search_progressed(&mut self, leg: LegId, early_media: bool, cx: &mut Cx<'_>) {
        let Some(ringing) = self.stage.ringing_mut(leg) else { return };
        // Which of a seat's phones will answer is not known: what one says before that is not passed on.
        let early_media = early_media && ringing.seat.is_none();
        let first = ringing.begins_to_ring(cx.now.mono);
        if early_media {
            ringing.early_media = Some(leg);
        }
        if !first && !early_media {
            return;
        }
        let asker = match &self.stage {
            Stage::Outbound(_) => Some(self.caller),
            Stage::Talk(talk) => talk.consultation.as_ref().map(|consultation| consultation.asker),
            _ => None,
        };
        if let Some(asker) = asker {
            let ring = Ring { early_media, reliably: Reliably::Never };
            self.on(asker, cx, |leg, lcx| leg.ring(ring, lcx));
        }
    }

    /// The party answered.
    pub(super) fn search_answered(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        let Some(search) = self.stage.search_mut() else { return };
        let (name, seat) = (search.to.name.clone(), search.to.seat.clone());
        let Some(ringing) = search.answered(leg) else { return };
        self.hush(ringing.presentation, Some(leg), Cause::ELSEWHERE, cx);
        let answered = Failed { result: PresentationResult::Answered, status: Some(200) };
        self.tell_rung(ringing, answered, cx);
        let call = self.id;
        cx.out.extend(seat.map(|seat| Output::Acd(acd::Input::Joined { seat, call })));
        self.story.tell_joined(leg, name, cx);
        let asker = match &self.stage {
            Stage::Outbound(_) => return self.outbound_answered(leg, cx),
            Stage::Transferring(_) => return self.join(cx),
            Stage::Talk(talk) => talk.consultation.as_ref().map(|consultation| consultation.asker),
            _ => None,
        };
        let Some(asker) = asker else { return };
        if self.answer_seat(asker, cx) != Answering::Done {
            self.on(asker, cx, |leg, lcx| leg.reject(488, lcx));
            self.end_consultation(cx);
        }
    }

    /// 200 OK to the INVITE of a seat that asked for another party.
    pub(super) fn answer_seat(&mut self, leg: LegId, cx: &mut Cx<'_>) -> Answering {
        let headers = vec![("X-Hotline-Call-Id", self.id.to_string())];
        self.on(leg, cx, |leg, lcx| leg.answer(headers, lcx))
    }

    /// The party that a seat called answered: so do we.
    pub(super) fn outbound_answered(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if self.answer_seat(self.caller, cx) != Answering::Done {
            return self.outbound_failed(488, cx);
        }
        self.stage = Stage::Talk(Talk::new(&[self.caller, leg], None));
        let delay = cx.now.mono.since(self.story.began());
        self.story.tell_as(cx, CallState::Connected, What::CallAnswered { delay });
        self.longest = Some(cx.now.mono + cx.rules.call_length);
        self.hold_again(leg, cx);
        self.watch(&[self.caller, leg], cx);
    }

    /// The party that a seat called cannot be had.
    pub(super) fn outbound_failed(&mut self, status: u16, cx: &mut Cx<'_>) {
        self.on(self.caller, cx, |leg, lcx| leg.reject(status, lcx));
        self.end(EndedBy::ThirdParty, EndReason::Unanswered, Some(status), cx);
    }

    /// All the phones of a seat have failed, or one number and every way to it (RFC 3263 section 4.3): the next number.
    pub(super) fn number_failed(&mut self, failed: Failed, cx: &mut Cx<'_>) {
        self.search_ends(failed, cx);
        self.ring_next(failed.status, cx);
    }

    /// One number, or all of the search, has rung long enough.
    pub(super) fn searched_in_vain(&mut self, silent: Silent, cx: &mut Cx<'_>) {
        if let Some(presentation) =
            self.stage.search().and_then(|search| Some(search.ringing()?.presentation))
        {
            self.hush(presentation, None, Cause::NORMAL, cx);
        }
        match silent {
            Silent::Hop => self.ring_next(Some(408), cx),
            Silent::All => self.search_failed(Some(408), cx),
        }
    }

    /// Tells how a seat that rings by the search took it; told once.
    pub(super) fn search_ends(&mut self, failed: Failed, cx: &mut Cx<'_>) {
        if let Some(ringing) = self.stage.search_mut().and_then(Search::take_ringing) {
            self.tell_rung(ringing, failed, cx);
        }
    }

    /// No phone answered anywhere.
    pub(super) fn search_failed(&mut self, status: Option<u16>, cx: &mut Cx<'_>) {
        self.search_ends(Failed { result: PresentationResult::NoAnswer, status: None }, cx);
        let status = match status {
            Some(status @ (480 | 486 | 600 | 603)) => status,
            Some(404 | 410 | 484 | 604) => 404,
            _ => 480,
        };
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Transferring(transfer) => self.transfer_failed(*transfer, status, cx),
            Stage::Talk(mut talk) => {
                let consultation = talk.consultation.take();
                self.stage = Stage::Talk(talk);
                if let Some(Consultation { asker, .. }) = consultation {
                    self.on(asker, cx, |leg, lcx| leg.reject(status, lcx));
                }
            }
            outbound => {
                self.stage = outbound;
                self.outbound_failed(status, cx);
            }
        }
    }

    /// A seat that is in the call dials another party: only the one that serves the caller may.
    pub(super) fn consult(&mut self, by: SeatId, asked: SeatAsked, to: Destination, cx: &mut Cx<'_>) {
        let SeatAsked { leg, tx, flow, invite, offer, watch, inside } = asked;
        let may =
            self.stage.talk().is_some_and(|t| t.serving.as_ref() == Some(&by) && t.consultation.is_none());
        let has_room = self.legs.iter().count() + 2 <= MAX_LEGS;
        if !may || !has_room {
            let status = if may { 503 } else { 486 };
            let mut response = Outgoing::response(&invite, status, Some(&leg.to_string()));
            if may {
                response = response.with("Retry-After", RETRY_AFTER);
            }
            return cx.out.push(Output::Respond { tx, response });
        }
        let party = Party::Seat { seat: by, operator: self.story.summary.operator.clone() };
        let arriving = ArrivingLeg { tx, flow, invite, offer: Some(offer), watch, inside };
        let peer = cx.rules.seat.clone();
        let line = cx.leg(leg, |lcx| Leg::arriving(leg, party, peer, arriving, lcx));
        self.legs.push(line);
        if let Stage::Talk(talk) = &mut self.stage {
            let search = Search::listened_to(to, cx.now.mono);
            talk.consultation = Some(Consultation { asker: leg, search });
        }
        self.begin_search(cx);
    }

    /// Ends the consultation on both its legs; the caller stays on hold or in the talk.
    pub(super) fn end_consultation(&mut self, cx: &mut Cx<'_>) {
        let Stage::Talk(talk) = &self.stage else { return };
        let Some(Consultation { asker, search }) = &talk.consultation else { return };
        let (asker, up, presentation) = (*asker, search.up(), search.ringing().map(|r| r.presentation));
        if let Some(leg) = up {
            self.story.tell_left(leg, cx);
        }
        self.search_ends(Failed { result: PresentationResult::Withdrawn, status: None }, cx);
        if let Stage::Talk(talk) = &mut self.stage {
            talk.consultation = None;
        }
        let sought = presentation.map(Purpose::Sought);
        for leg in self.legs.ids(|leg| leg.id == asker || Some(leg.id) == up || Some(leg.purpose) == sought) {
            self.on(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
        }
    }

    /// The peer of `leg` hung up.
    pub(super) fn hung_up(&mut self, leg: LegId, cause: Cause, cx: &mut Cx<'_>) {
        if leg == self.caller {
            let reason = match &self.stage {
                Stage::Talk(_) | Stage::Transferring(_) => EndReason::Completed,
                Stage::LastMessage(message) => message.reason,
                _ => EndReason::Abandoned,
            };
            let by = match &self.origin {
                Origin::Inbound { .. } => EndedBy::Caller,
                Origin::Outbound { line, .. } if *line == leg => EndedBy::Seat,
                Origin::Outbound { .. } => EndedBy::ThirdParty,
            };
            return self.end_because(by, reason, cause, cx);
        }
        let Some(talk) = self.stage.talk().filter(|talk| talk.has(leg)) else {
            return self.beside_gone(leg, cx);
        };
        // A desk phone without a transfer key joins the two by hanging up.
        if talk.consultation.is_some() {
            return self.hand_over(None, cx);
        }
        let serving = talk.serving.clone();
        if let Some(by) = serving.clone().filter(|_| talk.hangs_up_unasked(cx.now.mono)) {
            self.tell_resumed_by_transfer(cx);
            return self.recall(by, Some(Line { leg, refer: None }), cx);
        }
        let by = if serving.is_some() { EndedBy::Seat } else { EndedBy::ThirdParty };
        self.end_because(by, EndReason::Completed, cause, cx);
    }

    /// A leg beside the talk is gone: the consultation's, or the line of a seat that transfers the caller.
    pub(super) fn beside_gone(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        match &mut self.stage {
            Stage::Talk(talk) if is_consulting(talk, leg) => self.end_consultation(cx),
            Stage::Transferring(transfer) => {
                let seat = transfer.by.clone();
                if transfer.line.take_if(|line| line.leg == leg).is_some() {
                    self.story.tell_left(leg, cx);
                    self.finish_seat(seat, cx);
                }
            }
            _ => {}
        }
    }

    /// A leg beside the caller's has proved to be dead. Its loss is the call's only when the talk was with a party outside.
    pub(super) fn leg_lost(&mut self, leg: LegId, loss: Loss, cx: &mut Cx<'_>) {
        if self.stage.talk().is_some_and(|talk| talk.has(leg)) {
            return self.return_to_queue(leg, loss, cx);
        }
        self.beside_gone(leg, cx);
        self.on(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
    }

    /// One sign that a seat is gone. With the silence of its media it is enough.
    pub(super) fn missing(&mut self, leg: LegId, loss: Loss, cx: &mut Cx<'_>) {
        let Some(talk) = self.stage.talk() else { return };
        let is_quiet = self.legs.get(leg).is_some_and(|leg| leg.is_quiet(cx.now.mono));
        if self.watched().contains(&leg) && (is_quiet || talk.holder().is_some()) {
            self.return_to_queue(leg, loss, cx);
        }
    }

    /// The legs that talk and may be judged.
    pub(super) fn watched(&self) -> Vec<LegId> {
        let is_watched = |leg: &LegId| self.legs.get(*leg).is_some_and(Leg::is_watched);
        self.stage.talk().map(Talk::legs).unwrap_or_default().into_iter().filter(is_watched).collect()
    }

    /// These have answered: their media is watched from here on, where they may be judged.
    pub(super) fn watch(&mut self, legs: &[LegId], cx: &mut Cx<'_>) {
        let watched = self.watched();
        for leg in legs.iter().filter(|leg| watched.contains(leg)) {
            self.on(*leg, cx, |leg, lcx| leg.watch(lcx));
            if let Stage::Talk(talk) = &mut self.stage {
                talk.watch(cx.now.mono);
            }
        }
    }

    /// While a party is on hold the seats owe no sound, and are probed.
    pub(super) fn probe_on_hold(&mut self, cx: &mut Cx<'_>) {
        let watched = self.watched();
        let Stage::Talk(talk) = &mut self.stage else { return };
        talk.probe_at = None;
        if !watched.is_empty() {
            talk.watch(cx.now.mono);
        }
        if talk.holder().is_some() {
            for leg in watched {
                self.on(leg, cx, Leg::probe);
            }
        }
    }

    /// Follows what `leg` and the caller had agreed before they were connected: either may hold the other, or have answered
    /// so.
    pub(super) fn hold_again(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        for side in [leg, self.caller] {
            if let Some(direction) = self.legs.get(side).and_then(Leg::direction) {
                self.follow_direction(side, direction, cx);
            }
        }
    }

    /// A party that stops listening holds the others.
    pub(super) fn follow_direction(&mut self, leg: LegId, direction: Direction, cx: &mut Cx<'_>) {
        let (call, caller) = (self.id, self.caller);
        let Stage::Talk(talk) = &mut self.stage else { return };
        let Some(hold) = talk.follow(leg, direction, cx.now.mono) else { return };
        let (seat, other) = (talk.serving.clone().filter(|_| leg != caller), talk.other(leg));
        match hold {
            Hold::Held => {
                self.story.tell_as(cx, CallState::Held, What::CallHeld { leg });
                cx.out.extend(seat.map(|seat| Output::Acd(acd::Input::Held { seat, call })));
            }
            Hold::Resumed(held) => {
                self.story.tell_as(cx, CallState::Connected, What::CallResumed { leg, held });
                cx.out.extend(seat.map(|seat| Output::Acd(acd::Input::Resumed { seat, call })));
                // Both had put the other on hold: now it is the other's turn.
                let still = other.and_then(|other| Some((other, self.legs.get(other)?.direction()?)));
                if let Some((other, direction)) = still.filter(|(_, direction)| !direction.sends()) {
                    self.follow_direction(other, direction, cx);
                }
            }
        }
    }
}

/// Whether `leg` belongs to the consultation that is on: the seat's second line, or the other end.
pub(super) fn is_consulting(talk: &Talk, leg: LegId) -> bool {
    let is_its = |c: &Consultation| c.asker == leg || c.search.up() == Some(leg);
    talk.consultation.as_ref().is_some_and(is_its)
}
