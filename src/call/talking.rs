//! Parties beside the caller: the search for one, the consultation, the transfer (REFER, RFC 3515; Replaces, RFC 3891), and
//! what the loss of a party means.

use super::call::Call;
use super::common::Wait;
use super::inputs::{IncomingLeg, Output, Referred};
use super::leg::{AnswerOutcome, Leg, Loss, Party};
use super::legs::MAX_LEGS;
use super::origin::Origin;
use super::outcome::Ending;
use super::ringing::Failed;
use super::rules::RETRY_AFTER;
use super::search::{Asks, Destination, Search};
use super::stage::Stage;
use super::story::Cx;
use super::talk::{Consultation, Talk};
use super::transfer::{Line, Refer, Transfer};
use super::waiting::Queued;
use crate::acd;
use crate::event::{
    CallState, ClosedBy, EndReason, EndedBy, PresentationResult, TransferKind, TransferResult, What,
};
use crate::id::{LegId, SeatId};
use crate::sip::{Cause, Message, Outgoing, ServerTx, Status, quoted};
use crate::time::Duration;

impl Call {
    /// The party is known again, or cannot be called any more.
    pub(super) fn party_found(&mut self, to: Result<Box<Destination>, Status>, cx: &mut Cx<'_>) {
        let Some(search) = self.stage.search_mut() else { return };
        let to = match to {
            Ok(to) => to,
            Err(status) => return self.search_failed(Some(status), cx),
        };
        *search = Search::new(*to, search.by.clone(), search.asks, cx.now.mono);
        if !self.common.begin_search(search, cx) {
            self.search_failed(None, cx);
        }
    }

    /// The party answered.
    pub(super) fn search_answered(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        let Some(search) = self.stage.search_mut() else { return };
        let (name, seat) = (search.to.name.clone(), search.to.seat.clone());
        let Some(ringing) = search.answered(leg) else { return };
        // Before anything that may end the call: phones that still ring are told that it was answered elsewhere (RFC
        // 3326).
        self.common.hush(ringing.presentation, Some(leg), Cause::ELSEWHERE, cx);
        let answered = Failed { result: PresentationResult::Answered, status: Some(Status::OK) };
        self.common.tell_rung(ringing, answered, cx);
        let call = self.common.id;
        cx.out.extend(seat.map(|seat| Output::Acd(acd::Input::Joined { seat, call })));
        self.common.story.tell_joined(leg, name, cx);
        let asker = match &self.stage {
            Stage::Outbound(_) => return self.outbound_answered(leg, cx),
            Stage::Transferring(_) => return self.join(cx),
            Stage::Talk(talk) => talk.consultation.as_ref().map(|consultation| consultation.asker),
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => None,
        };
        let Some(asker) = asker else { return };
        if self.common.answer_seat(asker, cx) != AnswerOutcome::Done {
            self.common.command(asker, cx, |leg, lcx| leg.reject(Status::NOT_ACCEPTABLE_HERE, lcx));
            if let Stage::Talk(talk) = &mut self.stage {
                talk.end_consultation(&mut self.common, cx);
            }
        }
    }

    /// The party that a seat called answered: so do we.
    pub(super) fn outbound_answered(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if self.common.answer_seat(self.common.caller, cx) != AnswerOutcome::Done {
            return self.outbound_failed(Status::NOT_ACCEPTABLE_HERE, cx);
        }
        let delay = cx.now.mono.since(self.common.story.began());
        self.common.story.tell_as(cx, CallState::Connected, What::CallAnswered { delay });
        self.common.reached(ClosedBy::CalledBack, cx);
        self.common.longest = Some(cx.now.mono + cx.rules.call_length);
        let mut talk = Talk::new(&[self.common.caller, leg], None);
        talk.begin(&[self.common.caller, leg], &mut self.common, cx);
        self.stage = Stage::Talk(talk);
    }

    /// The party that a seat called cannot be had.
    pub(super) fn outbound_failed(&mut self, status: Status, cx: &mut Cx<'_>) {
        self.common.command(self.common.caller, cx, |leg, lcx| leg.reject(status, lcx));
        self.end(Ending::new(EndedBy::ThirdParty, EndReason::Unanswered).with_sip(Some(status)), cx);
    }

    /// All the phones of a seat have failed, or one number and every target of it (RFC 3263 section 4.3), or it has rung long
    /// enough: the next number.
    pub(super) fn number_failed(&mut self, failed: Failed, cx: &mut Cx<'_>) {
        let Some(search) = self.stage.search_mut() else { return };
        if let Some(ringing) = search.take_ringing() {
            self.common.hush(ringing.presentation, None, Cause::NORMAL, cx);
            self.common.tell_rung(ringing, failed, cx);
        }
        if !self.common.ring_next(search, cx) {
            self.search_failed(failed.status, cx);
        }
    }

    /// No phone answered anywhere.
    pub(super) fn search_failed(&mut self, status: Option<Status>, cx: &mut Cx<'_>) {
        if let Some(search) = self.stage.search_mut() {
            if let Some(presentation) = search.ringing().map(|ringing| ringing.presentation) {
                self.common.hush(presentation, None, Cause::NORMAL, cx);
            }
            self.common.search_ends(search, PresentationResult::NoAnswer, cx);
        }
        // The seat hears statuses its phone has words for; a refusal of a trunk may name what is no matter of the
        // seat.
        let status = match status {
            Some(
                status @ (Status::TEMPORARILY_UNAVAILABLE
                | Status::BUSY_HERE
                | Status::BUSY_EVERYWHERE
                | Status::DECLINE),
            ) => status,
            Some(
                Status::NOT_FOUND
                | Status::GONE
                | Status::ADDRESS_INCOMPLETE
                | Status::DOES_NOT_EXIST_ANYWHERE,
            ) => Status::NOT_FOUND,
            _ => Status::TEMPORARILY_UNAVAILABLE,
        };
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Transferring(transfer) => self.transfer_failed(*transfer, status, cx),
            Stage::Talk(mut talk) => {
                let consultation = talk.consultation.take();
                self.stage = Stage::Talk(talk);
                if let Some(Consultation { asker, .. }) = consultation {
                    self.common.command(asker, cx, |leg, lcx| leg.reject(status, lcx));
                }
            }
            outbound @ Stage::Arriving(_)
            | outbound @ Stage::Queued(_)
            | outbound @ Stage::Outbound(_)
            | outbound @ Stage::LastMessage(_)
            | outbound @ Stage::Leaving(_)
            | outbound @ Stage::Over => {
                self.stage = outbound;
                self.outbound_failed(status, cx);
            }
        }
    }

    /// A seat that is in the call dials another party: only the one that serves the caller may.
    pub(super) fn consult(&mut self, by: SeatId, line: IncomingLeg, to: Destination, cx: &mut Cx<'_>) {
        let IncomingLeg { leg, incoming } = line;
        let may =
            self.stage.talk().is_some_and(|t| t.serving.as_ref() == Some(&by) && t.consultation.is_none());
        let has_room = self.common.legs.iter().count() + 2 <= MAX_LEGS;
        if !may || !has_room {
            // 486 for a seat that may not, as its phone shows it; 503 with a time where only room is missing.
            let status = if may { Status::SERVICE_UNAVAILABLE } else { Status::BUSY_HERE };
            let mut response = Outgoing::response(&incoming.invite, status, Some(&leg.to_string()));
            if may {
                response = response.with("Retry-After", RETRY_AFTER);
            }
            return cx.out.push(Output::Respond { tx: incoming.tx, response });
        }
        let party = Party::Seat { seat: by.clone(), operator: self.common.story.summary.operator.clone() };
        let peer = cx.rules.seat.clone();
        let line = cx.leg(leg, |lcx| Leg::arriving(leg, party, peer, incoming, lcx));
        self.common.legs.push(line);
        let mut search = Search::new(to, by, Asks::Consult, cx.now.mono);
        let rings = self.common.begin_search(&mut search, cx);
        if let Stage::Talk(talk) = &mut self.stage {
            talk.consultation = Some(Consultation { asker: leg, search });
        }
        if !rings {
            self.search_failed(None, cx);
        }
    }

    /// The peer of `leg` hung up.
    pub(super) fn hung_up(&mut self, leg: LegId, cause: Cause, cx: &mut Cx<'_>) {
        if leg == self.common.caller {
            let reason = match &self.stage {
                Stage::Talk(_) | Stage::Transferring(_) => EndReason::Completed,
                Stage::LastMessage(message) => message.reason,
                Stage::Arriving(_)
                | Stage::Queued(_)
                | Stage::Outbound(_)
                | Stage::Leaving(_)
                | Stage::Over => EndReason::Abandoned,
            };
            let by = match &self.common.origin {
                Origin::Inbound { .. } => EndedBy::Caller,
                Origin::Outbound { line, .. } if *line == leg => EndedBy::Seat,
                Origin::Outbound { .. } => EndedBy::ThirdParty,
            };
            return self.end(Ending { by, reason, cause }, cx);
        }
        let Some(talk) = self.stage.talk().filter(|talk| talk.has(leg)) else {
            return self.beside_gone(leg, cx);
        };
        // A desk phone without a transfer key joins the two by hanging up.
        if talk.consultation.is_some() {
            return self.hand_over(None, cx);
        }
        let serving = talk.serving.clone();
        // The phone hung up for itself when its transfer failed: the caller is not lost by that.
        if let Some(by) = serving.clone().filter(|_| talk.hangs_up_unasked(cx.now.mono)) {
            talk.part(&mut self.common, cx);
            return self.recall(by, Some(Line { leg, refer: None }), cx);
        }
        let by = if serving.is_some() { EndedBy::Seat } else { EndedBy::ThirdParty };
        self.end(Ending { by, reason: EndReason::Completed, cause }, cx);
    }

    /// A leg beside the talk is gone: the consultation's, or the line of a seat that transfers the caller.
    pub(super) fn beside_gone(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        match &mut self.stage {
            Stage::Talk(talk) if talk.is_consulting(leg) => talk.end_consultation(&mut self.common, cx),
            Stage::Transferring(transfer) => {
                let seat = transfer.by.clone();
                if transfer.line.take_if(|line| line.leg == leg).is_some() {
                    self.common.story.tell_left(leg, cx);
                    self.common.finish_seat(seat, cx);
                }
            }
            Stage::Arriving(_)
            | Stage::Queued(_)
            | Stage::Outbound(_)
            | Stage::Talk(_)
            | Stage::LastMessage(_)
            | Stage::Leaving(_)
            | Stage::Over => {}
        }
    }

    /// A leg beside the caller's has proved to be dead. Its loss is the call's only when the talk was with a party outside.
    pub(super) fn leg_lost(&mut self, leg: LegId, loss: Loss, cx: &mut Cx<'_>) {
        if self.stage.talk().is_some_and(|talk| talk.has(leg)) {
            return self.return_to_queue(leg, loss, cx);
        }
        self.beside_gone(leg, cx);
        self.common.command(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
    }

    /// A REFER inside a dialog (RFC 3515).
    pub(super) fn referred(
        &mut self,
        leg: LegId,
        tx: ServerTx,
        refer: &Message,
        to: Referred,
        cx: &mut Cx<'_>,
    ) {
        let respond = |status: Status| Outgoing::response(refer, status, None);
        let taken =
            self.common.legs.get_mut(leg).map_or(Err(Status::NO_SUCH_CALL), |leg| leg.take_refer(refer));
        if let Stage::Talk(talk) = &mut self.stage
            && leg == self.common.caller
            // In a call that the seat placed its line is the first party; a transfer leaves the called one behind.
            && matches!(to, Referred::To(_))
            && taken.is_ok()
        {
            talk.trade_places(&mut self.common, cx);
        }
        let consultation = self.stage.talk().and_then(|talk| talk.consultation.as_ref());
        let talks = self.stage.talk().and_then(|talk| talk.other(self.common.caller));
        let refusal = match (taken, &to, &self.stage) {
            (Err(status), _, _) => Some(respond(status)),
            (Ok(()), Referred::Nowhere { status, why }, _) => {
                Some(respond(*status).with("Warning", format!("399 hotline {}", quoted(why))))
            }
            // With Replaces the REFER names the other line of the same seat (RFC 3891).
            (Ok(()), Referred::InPlaceOf(other), _) => {
                let lines = consultation.map(|consultation| consultation.asker).zip(talks);
                let names_both = lines.is_some_and(|(asker, talks)| {
                    (leg, *other) == (talks, asker) || (leg, *other) == (asker, talks)
                });
                (!names_both).then(|| respond(Status::NO_SUCH_CALL))
            }
            (Ok(()), Referred::To(_), Stage::Talk(Talk { serving: Some(_), .. })) => {
                (talks != Some(leg) || consultation.is_some()).then(|| respond(Status::REQUEST_PENDING))
            }
            (Ok(()), Referred::To(_), Stage::Transferring(_)) => Some(respond(Status::REQUEST_PENDING)),
            (Ok(()), Referred::To(_), _) => Some(respond(Status::FORBIDDEN)),
        };
        if let Some(response) = refusal {
            return cx.out.push(Output::Respond { tx, response });
        }
        let id = self.common.command(leg, cx, |leg, lcx| leg.accept_refer(tx, refer, lcx));
        let refer = id.map(|id| Refer { leg, id });
        match to {
            Referred::To(to) => self.transfer(leg, refer, *to, cx),
            Referred::InPlaceOf(_) | Referred::Nowhere { .. } => self.hand_over(refer, cx),
        }
    }

    /// Blind transfer: the caller hears music while the target rings.
    pub(super) fn transfer(&mut self, leg: LegId, refer: Option<Refer>, to: Destination, cx: &mut Cx<'_>) {
        let Stage::Talk(talk) = &self.stage else { return };
        let Some(by) = talk.serving.clone() else { return };
        self.common.notify(refer, Status::TRYING, cx);
        talk.part(&mut self.common, cx);
        self.common.story.tell_transfer(TransferKind::Blind, &by, &to.name, TransferResult::Started, cx);
        let (kind, line) = (TransferKind::Blind, Some(Line { leg, refer }));
        let mut search = Search::new(to, by.clone(), Asks::Transfer, cx.now.mono);
        let rings = self.common.begin_search(&mut search, cx);
        self.stage = Stage::Transferring(Box::new(Transfer { by, kind, line, search }));
        if !rings {
            self.search_failed(None, cx);
        }
    }

    /// The consultation becomes a transfer: at once when the party has answered, else as soon as it does.
    pub(super) fn hand_over(&mut self, refer: Option<Refer>, cx: &mut Cx<'_>) {
        let Stage::Talk(talk) = &mut self.stage else { return };
        let (Some(leg), Some(by)) = (talk.other(self.common.caller), talk.serving.clone()) else { return };
        let Some(Consultation { asker, mut search }) = talk.consultation.take() else { return };
        let is_up = self.common.legs.is_up(leg);
        let is_answered = search.up().is_some();
        search.becomes_transfer(cx.now.mono);
        // 100 in the first NOTIFY while the party rings; an answered one is told of by the final status at once (RFC
        // 3515 section 2.4.5).
        if !is_answered {
            self.common.notify(refer, Status::TRYING, cx);
        }
        talk.part(&mut self.common, cx);
        let kind = TransferKind::Attended;
        self.common.story.tell_transfer(kind, &by, &search.to.name, TransferResult::Started, cx);
        // A line that is down already cannot be told, nor taken back to.
        let line = is_up.then_some(Line { leg, refer });
        self.stage = Stage::Transferring(Box::new(Transfer { by: by.clone(), kind, line, search }));
        let is_told = refer.is_some_and(|refer| refer.leg == asker);
        self.common.command(asker, cx, |leg, lcx| {
            leg.reject(Status::REQUEST_TERMINATED, lcx);
            if !is_told {
                leg.hang_up(Cause::NORMAL, lcx);
            }
        });
        if !is_up {
            self.common.story.tell_left(leg, cx);
            self.common.finish_seat(by, cx);
        }
        // The party hears the caller in this step: no music in between.
        if is_answered {
            self.join(cx);
        }
    }

    /// The target has answered and the caller is there: they hear each other, and the seat is let go.
    pub(super) fn join(&mut self, cx: &mut Cx<'_>) {
        let transfer = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Transferring(transfer) => *transfer,
            other @ Stage::Arriving(_)
            | other @ Stage::Queued(_)
            | other @ Stage::Outbound(_)
            | other @ Stage::Talk(_)
            | other @ Stage::LastMessage(_)
            | other @ Stage::Leaving(_)
            | other @ Stage::Over => return self.stage = other,
        };
        let Some(leg) = transfer.search.up().filter(|leg| self.common.legs.is_up(*leg)) else {
            // The target is gone since it answered.
            return self.transfer_failed(transfer, Status::TEMPORARILY_UNAVAILABLE, cx);
        };
        let Destination { name, seat, operator, .. } = transfer.search.to.clone();
        let mut talk = Talk::new(&[self.common.caller, leg], seat.clone());
        self.common.story.summary.state = CallState::Connected;
        self.common.story.tell_transfer(transfer.kind, &transfer.by, &name, TransferResult::Completed, cx);
        if let Some(line) = transfer.line {
            self.common.story.tell_left(line.leg, cx);
            // The phone waits for this final NOTIFY, and clears its line by it (RFC 3515 section 2.4.7).
            self.common.notify(line.refer, Status::OK, cx);
            // Our BYE must not overtake the NOTIFY: the line that is told goes when it has confirmed.
            if line.refer.is_none_or(|refer| refer.leg != line.leg) {
                self.common.command(line.leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
            }
            self.common.finish_seat(transfer.by, cx);
        }
        if let (Some(seat), Some(presentation)) = (seat, self.common.serves_from_here(leg)) {
            self.common.story.summary.seat = Some(seat.clone());
            self.common.story.summary.operator = operator.clone();
            let waited = Duration::ZERO;
            let connected = What::SeatConnected { presentation, seat: seat.clone(), operator, waited, leg };
            self.common.story.tell(cx, connected);
            if let Some(queue) = self.common.origin.queue() {
                cx.out.push(Output::Acd(acd::Input::TakeOver { seat, call: self.common.id, queue }));
            }
        }
        talk.begin(&[leg], &mut self.common, cx);
        self.stage = Stage::Talk(talk);
    }

    /// No phone of the target answered: the caller comes back, to the seat's line if that is still there, else to the seat as
    /// a new presentation with `[Recall]` on its screen, else to the head of the queue.
    pub(super) fn transfer_failed(&mut self, transfer: Transfer, status: Status, cx: &mut Cx<'_>) {
        let Transfer { by, kind, line, search } = transfer;
        let back = line.filter(|line| self.common.legs.is_up(line.leg));
        if back.is_some() {
            self.common.story.summary.state = CallState::Connected;
        }
        self.common.story.tell_transfer(kind, &by, &search.to.name, TransferResult::Failed, cx);
        let Some(Line { leg, refer }) = back else { return self.recall(by, line, cx) };
        self.common.notify(refer, status, cx);
        let mut talk = Talk::new(&[self.common.caller, leg], Some(by));
        if let Some(refer) = refer {
            // Some phones hang up for themselves at this NOTIFY (baresip does).
            talk.returned(cx.now.mono);
            if refer.leg != leg {
                self.common.command(refer.leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
            }
        }
        talk.begin(&[leg], &mut self.common, cx);
        self.stage = Stage::Talk(talk);
    }

    /// The seat is gone: the caller waits again, first of all, and is presented to that seat first.
    pub(super) fn recall(&mut self, by: SeatId, line: Option<Line>, cx: &mut Cx<'_>) {
        // The party that a seat called is in no queue to be brought back to.
        let Some(queue) = self.common.origin.queue() else {
            self.stage = Stage::Talk(Talk::new(&[self.common.caller], None));
            return self.end(Ending::new(EndedBy::Gateway, EndReason::Unanswered), cx);
        };
        if let Some(line) = line {
            self.common.story.tell_left(line.leg, cx);
            self.common.finish_seat(by.clone(), cx);
        }
        self.stage = Stage::Queued(Queued { notice: None, ringing: None, recalled: true });
        self.common.wait = Wait::Since(cx.now.mono);
        self.common.story.summary.seat = None;
        self.common.story.summary.operator = None;
        cx.out.push(Output::Acd(acd::Input::Recall { call: self.common.id, queue, seat: Some(by) }));
    }
}
