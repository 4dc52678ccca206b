//! Transfers: REFER from the seat's phone (RFC 3515), with Replaces after a consultation (RFC 3891), and the way back to the
//! seat when no phone of the target answers.

use super::call::{Call, Wait};
use super::inputs::{Output, Referred};
use super::leg::Purpose;
use super::origin::Origin;
use super::search::{Destination, Search};
use super::stage::{Queued, Stage};
use super::story::Cx;
use super::talk::{Consultation, Line, Refer, Talk, Transfer};
use crate::acd;
use crate::event::{CallState, EndReason, EndedBy, TransferKind, TransferResult, What};
use crate::id::{LegId, PresentationId, SeatId};
use crate::sip::{Cause, Message, Outgoing, ServerTx, quoted};
use crate::time::Duration;

impl Call {
    /// A REFER inside a dialog (RFC 3515).
    pub(super) fn referred(
        &mut self,
        leg: LegId,
        tx: ServerTx,
        refer: &Message,
        to: Referred,
        cx: &mut Cx<'_>,
    ) {
        let respond = |status| Outgoing::response(refer, status, None);
        let taken = self.legs.get_mut(leg).map_or(Err(481), |leg| leg.take_refer(refer));
        if leg == self.caller && matches!(to, Referred::To(_)) && taken.is_ok() {
            self.trade_places(cx);
        }
        let consultation = self.stage.talk().and_then(|talk| talk.consultation.as_ref());
        let talks = self.stage.talk().and_then(|talk| talk.other(self.caller));
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
                (!names_both).then(|| respond(481))
            }
            (Ok(()), Referred::To(_), Stage::Talk(Talk { serving: Some(_), .. })) => {
                (talks != Some(leg) || consultation.is_some()).then(|| respond(491))
            }
            (Ok(()), Referred::To(_), Stage::Transferring(_)) => Some(respond(491)),
            (Ok(()), Referred::To(_), _) => Some(respond(403)),
        };
        if let Some(response) = refusal {
            return cx.out.push(Output::Respond { tx, response });
        }
        let id = self.on(leg, cx, |leg, lcx| leg.accept_refer(tx, refer, lcx));
        let refer = id.map(|id| Refer { leg, id });
        match to {
            Referred::To(to) => self.transfer(leg, refer, *to, cx),
            Referred::InPlaceOf(_) | Referred::Nowhere { .. } => self.hand_over(refer, cx),
        }
    }

    /// Blind transfer: the caller hears music while the target rings.
    pub(super) fn transfer(&mut self, leg: LegId, refer: Option<Refer>, to: Destination, cx: &mut Cx<'_>) {
        let Stage::Talk(Talk { serving: Some(by), .. }) = &self.stage else { return };
        let by = by.clone();
        self.notify(refer, 100, cx);
        self.tell_resumed_by_transfer(cx);
        self.story.tell_transfer(TransferKind::Blind, &by, &to.name, TransferResult::Started, cx);
        let (kind, line) = (TransferKind::Blind, Some(Line { leg, refer }));
        let search = Search::waited_for(to, cx.now.mono);
        self.stage = Stage::Transferring(Box::new(Transfer { by, kind, line, search }));
        self.begin_search(cx);
    }

    /// The consultation becomes a transfer: at once when the party has answered, else as soon as it does.
    pub(super) fn hand_over(&mut self, refer: Option<Refer>, cx: &mut Cx<'_>) {
        let Stage::Talk(talk) = &mut self.stage else { return };
        let (Some(leg), Some(by)) = (talk.other(self.caller), talk.serving.clone()) else { return };
        let Some(Consultation { asker, mut search }) = talk.consultation.take() else { return };
        let is_up = self.legs.is_up(leg);
        let is_answered = search.up().is_some();
        if !is_answered {
            search.hurry(cx.now.mono);
            self.notify(refer, 100, cx);
        }
        self.tell_resumed_by_transfer(cx);
        let kind = TransferKind::Attended;
        self.story.tell_transfer(kind, &by, &search.to.name, TransferResult::Started, cx);
        let line = is_up.then_some(Line { leg, refer });
        self.stage = Stage::Transferring(Box::new(Transfer { by: by.clone(), kind, line, search }));
        let is_told = refer.is_some_and(|refer| refer.leg == asker);
        self.on(asker, cx, |leg, lcx| {
            leg.reject(487, lcx);
            if !is_told {
                leg.hang_up(Cause::NORMAL, lcx);
            }
        });
        if !is_up {
            self.story.tell_left(leg, cx);
            self.finish_seat(by, cx);
        }
        if is_answered {
            self.join(cx);
        }
    }

    /// A hold ends because the talk does.
    pub(super) fn tell_resumed(&mut self, cx: &mut Cx<'_>) {
        if let Some((leg, since)) = self.stage.talk().and_then(Talk::holder) {
            let held = cx.now.mono.since(since);
            self.story.tell(cx, What::CallResumed { leg, held });
        }
    }

    /// Caller and seat hear each other no more; the caller hears music.
    pub(super) fn tell_resumed_by_transfer(&mut self, cx: &mut Cx<'_>) {
        self.tell_resumed(cx);
        let Stage::Talk(talk) = &self.stage else { return };
        let other = talk.other(self.caller);
        let holds = talk.holder().is_some_and(|(leg, _)| Some(leg) == other);
        if let Some(seat) = talk.serving.clone().filter(|_| holds) {
            cx.out.push(Output::Acd(acd::Input::Resumed { seat, call: self.id }));
        }
        if let Some(leg) = other.and_then(|other| self.legs.get_mut(other)) {
            leg.forget_probe();
        }
        self.story.summary.state = CallState::Held;
    }

    /// Tells the phone what became of its REFER.
    pub(super) fn notify(&mut self, refer: Option<Refer>, status: u16, cx: &mut Cx<'_>) {
        if let Some(Refer { leg, id }) = refer {
            self.on(leg, cx, |leg, lcx| leg.notify(id, status, lcx));
        }
    }

    /// The target has answered and the caller is there: they hear each other, and the seat is let go.
    pub(super) fn join(&mut self, cx: &mut Cx<'_>) {
        let transfer = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Transferring(transfer) => *transfer,
            other => return self.stage = other,
        };
        let Some(leg) = transfer.search.up().filter(|leg| self.legs.is_up(*leg)) else {
            // The target is gone since it answered.
            return self.transfer_failed(transfer, 480, cx);
        };
        let Destination { name, seat, operator, .. } = transfer.search.to.clone();
        self.stage = Stage::Talk(Talk::new(&[self.caller, leg], seat.clone()));
        self.story.summary.state = CallState::Connected;
        self.story.tell_transfer(transfer.kind, &transfer.by, &name, TransferResult::Completed, cx);
        if let Some(line) = transfer.line {
            self.story.tell_left(line.leg, cx);
            self.notify(line.refer, 200, cx);
            // Our BYE must not overtake the NOTIFY: the line that is told goes when it has confirmed.
            if line.refer.is_none_or(|refer| refer.leg != line.leg) {
                self.on(line.leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
            }
            self.finish_seat(transfer.by, cx);
        }
        if let (Some(seat), Some(presentation)) = (seat, self.serves_from_here(leg)) {
            self.story.summary.seat = Some(seat.clone());
            self.story.summary.operator = operator.clone();
            let waited = Duration::ZERO;
            let connected = What::SeatConnected { presentation, seat: seat.clone(), operator, waited, leg };
            self.story.tell(cx, connected);
            if let Some(queue) = self.origin.queue() {
                cx.out.push(Output::Acd(acd::Input::TakeOver { seat, call: self.id, queue }));
            }
            self.watch(&[leg], cx);
        }
        self.hold_again(leg, cx);
    }

    /// The seat on `leg` is the one that serves the caller from here on.
    pub(super) fn serves_from_here(&mut self, leg: LegId) -> Option<PresentationId> {
        let leg = self.legs.get_mut(leg)?;
        let presentation = leg.purpose.presentation()?;
        leg.purpose = Purpose::Serves(presentation);
        Some(presentation)
    }

    /// No phone of the target answered: the caller comes back, to the seat's line if that is still there, else to the seat as
    /// a new presentation with `[Recall]` on its screen, else to the head of the queue.
    pub(super) fn transfer_failed(&mut self, transfer: Transfer, status: u16, cx: &mut Cx<'_>) {
        let Transfer { by, kind, line, search } = transfer;
        self.story.tell_transfer(kind, &by, &search.to.name, TransferResult::Failed, cx);
        let Some(Line { leg, refer }) = line.filter(|line| self.legs.is_up(line.leg)) else {
            return self.recall(by, line, cx);
        };
        self.notify(refer, status, cx);
        let mut talk = Talk::new(&[self.caller, leg], Some(by));
        if let Some(refer) = refer {
            talk.returned(cx.now.mono);
            if refer.leg != leg {
                self.on(refer.leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
            }
        }
        self.stage = Stage::Talk(talk);
        self.story.summary.state = CallState::Connected;
        self.watch(&[leg], cx);
        self.hold_again(leg, cx);
    }

    /// The seat is gone: the caller waits again, first of all, and is presented to that seat first.
    pub(super) fn recall(&mut self, by: SeatId, line: Option<Line>, cx: &mut Cx<'_>) {
        // The party that a seat called is in no queue to be brought back to.
        let Some(queue) = self.origin.queue() else {
            self.stage = Stage::Talk(Talk::new(&[self.caller], None));
            return self.end(EndedBy::Gateway, EndReason::Unanswered, None, cx);
        };
        if let Some(line) = line {
            self.story.tell_left(line.leg, cx);
            self.finish_seat(by.clone(), cx);
        }
        self.stage = Stage::Queued(Queued { notice: None, ringing: None, recalled: true });
        self.wait = Wait::Since(cx.now.mono);
        self.story.summary.seat = None;
        self.story.summary.operator = None;
        cx.out.push(Output::Acd(acd::Input::Recall { call: self.id, queue, seat: Some(by) }));
    }

    /// A seat transfers the party that it called: that party is the caller from here on, and the seat's leg is a line beside
    /// the caller's, as it is in a citizen's call.
    pub(super) fn trade_places(&mut self, cx: &mut Cx<'_>) {
        let Origin::Outbound { seat, line, .. } = &self.origin else { return };
        let (seat, line) = (seat.clone(), *line);
        let Stage::Talk(talk) = &mut self.stage else { return };
        let Some(called) = talk.other(line).filter(|leg| self.legs.is_up(*leg)) else { return };
        if line == self.caller && self.legs.is_up(line) {
            self.caller = called;
            talk.serving = Some(seat);
            if let Some(line) = self.legs.get_mut(line) {
                line.purpose = Purpose::Serves(PresentationId::new(cx.now.wall, cx.random));
            }
        }
    }

    /// A NOTIFY has its final response: a line that is of no more use is hung up. A phone that does not want it is told
    /// nothing more (RFC 6665 section 4.2.2).
    pub(super) fn notify_answered(&mut self, leg: LegId, status: u16, cx: &mut Cx<'_>) {
        let is_used = match &mut self.stage {
            Stage::Transferring(transfer) => {
                if let Some(line) = transfer.line.as_mut().filter(|_| status >= 300) {
                    line.refer.take_if(|refer| refer.leg == leg);
                }
                transfer.line.is_some_and(|l| l.leg == leg || l.refer.is_some_and(|refer| refer.leg == leg))
            }
            Stage::Talk(talk) => talk.has(leg) || super::talking::is_consulting(talk, leg),
            _ => false,
        };
        if !is_used && leg != self.caller {
            self.on(leg, cx, |leg, lcx| leg.hang_up(Cause::NORMAL, lcx));
        }
    }
}
