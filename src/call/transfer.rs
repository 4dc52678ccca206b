//! Handing a citizen on: REFER from the seat's phone (RFC 3515), with Replaces after a consultation (RFC 3891).
//!
//! While the other rings the citizen hears music, and the seat's line stays up until the phone lets go or the other
//! has answered. When nobody answers, he comes back: to the seat's line if that is still there, else to the seat as a
//! new offer with `[Recall]` on its screen, else to the head of the queue.

use super::answering::Wait;
use super::inputs::{Output, Reason, Referred};
use super::machine::{Call, Stage};
use super::presence::Broken;
use super::requests::respond;
use super::seat_leg::{Part, SeatSignalling};
use super::story::Cx;
use super::third_party::{Destination, Extension, Purpose, Reach};
use crate::acd;
use crate::event::{
    CallState, CallTransferred, EndReason, EndedBy, PresentationResult, TransferKind, TransferResult, What,
};
use crate::id::{LegId, SeatId};
use crate::media;
use crate::redact::Pii;
use crate::sip::{Message, Method, Outgoing, ReferTo, ServerTx};
use crate::time::Duration;

/// A phone that hangs up so soon after it was told that handing on had failed was not told to by anybody: baresip does
/// so at once.
const BY_ITSELF: Duration = Duration::from_secs(1);

/// A citizen on his way to somebody else.
#[derive(Debug)]
pub(super) struct Transfer {
    /// The seat that hands him on.
    pub by: SeatId,
    /// How.
    pub kind: TransferKind,
    /// The seat's line, while it is up.
    pub line: Option<Line>,
}

/// The line of a seat that is handing a citizen on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub leg: LegId,
    /// What the phone wants to be told of it; `None` when it does not.
    pub watch: Option<Watch>,
}

/// The subscription a REFER begins (RFC 3515 section 2.4.4).
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    pub leg: LegId,
    /// The CSeq number of the REFER, which names it.
    pub id: u32,
}

impl Call {
    /// The seat whose own line `leg` is: one that serves the citizen, asks for somebody else, or made the call.
    pub fn seat_on(&self, leg: LegId) -> Option<&SeatId> {
        if let Some(owner) = self.owner.as_ref().filter(|o| o.line == leg) {
            return Some(&owner.seat);
        }
        let seat = self.seats.iter().find(|s| s.id == leg)?;
        matches!(seat.part, Part::Offered | Part::Asking).then_some(&seat.seat)
    }

    /// Whether `leg` is in a dialog of these names, answered or not.
    pub fn has_dialog(&self, leg: LegId, call_id: &str, remote_tag: &str) -> bool {
        let Some(seat) = self.seats.iter().find(|s| s.id == leg) else { return false };
        match &seat.signalling {
            SeatSignalling::Up { dialog, .. } => {
                dialog.call_id() == call_id && dialog.remote_tag() == remote_tag
            }
            SeatSignalling::Answering { asked } => {
                asked.invite.call_id() == call_id && asked.invite.from_tag() == Some(remote_tag)
            }
            _ => false,
        }
    }

    /// A REFER inside a dialog.
    pub(super) fn referred(
        &mut self,
        leg: LegId,
        tx: ServerTx,
        refer: &Message,
        to: Referred,
        cx: &mut Cx<'_>,
    ) {
        let accepted = match self.parts_of(leg, refer.from_tag()) {
            Some(parts) => parts.dialog.receive(refer),
            None => Err(481),
        };
        let answer = |status| Outgoing::response(refer, status, None);
        if let Err(status) = accepted {
            return respond(tx, answer(status), cx);
        }
        let destination = match to {
            Referred::Nowhere { status, why } => {
                let warning = format!("399 hotline {}", crate::sip::quoted(why));
                return respond(tx, answer(status).with("Warning", warning), cx);
            }
            Referred::InPlaceOf(other) => return self.refer_to_consult(leg, tx, refer, other, cx),
            Referred::To(destination) => destination,
        };
        if leg == self.caller.id {
            self.trade_places(cx);
        }
        let Stage::Connected { leg: talks, seat: Some(seat), .. } = &self.stage else {
            let status = if matches!(self.stage, Stage::HandingOn) { 491 } else { 403 };
            return respond(tx, answer(status), cx);
        };
        if *talks != leg || self.extension.is_some() {
            return respond(tx, answer(491), cx);
        }
        let by = seat.clone();
        let watch = self.accept_refer(leg, tx, refer, cx);
        self.notify(watch, 100, cx);
        let line = Some(Line { leg, watch });
        self.part_from_seat(cx);
        self.tell_transfer(TransferKind::Blind, &by, &destination, TransferResult::Started, cx);
        let transfer = Transfer { by, kind: TransferKind::Blind, line };
        self.extend(*destination, Purpose::Transfer(transfer), cx);
    }

    /// A REFER that names the other line of the same seat: the two at the far ends are joined.
    fn refer_to_consult(&mut self, leg: LegId, tx: ServerTx, refer: &Message, other: LegId, cx: &mut Cx<'_>) {
        let answer = |status| Outgoing::response(refer, status, None);
        let asker = match self.extension.as_ref().map(|e| &e.purpose) {
            Some(Purpose::Consult { asker }) => *asker,
            _ => return respond(tx, answer(481), cx),
        };
        let Stage::Connected { leg: talks, .. } = self.stage else { return respond(tx, answer(481), cx) };
        if (leg, other) != (talks, asker) && (leg, other) != (asker, talks) {
            return respond(tx, answer(481), cx);
        }
        let watch = self.accept_refer(leg, tx, refer, cx);
        self.hand_over_consult(watch, cx);
    }

    /// The consultation becomes a transfer: at once when the other has answered, else as soon as he does.
    pub(super) fn hand_over_consult(&mut self, watch: Option<Watch>, cx: &mut Cx<'_>) {
        let Stage::Connected { leg, seat: Some(by), .. } = &self.stage else { return };
        let (leg, by) = (*leg, by.clone());
        let Some(extension) = &mut self.extension else { return };
        let Purpose::Consult { asker } = extension.purpose else { return };
        let up = self.seats.iter().any(|s| s.id == leg && matches!(s.signalling, SeatSignalling::Up { .. }));
        let line = up.then_some(Line { leg, watch });
        extension.purpose =
            Purpose::Transfer(Transfer { by: by.clone(), kind: TransferKind::Attended, line });
        let reach = extension.reach;
        if reach == Reach::Ringing {
            self.deadlines.set(Reason::Recall, cx.now.mono + extension.hurry());
            if self.deadlines.contains(Reason::Hop) {
                self.deadlines.set(Reason::Hop, cx.now.mono + extension.to.ring);
            }
        }
        let to = extension.to.clone();
        if reach == Reach::Ringing {
            self.notify(watch, 100, cx);
        }
        self.part_from_seat(cx);
        self.tell_transfer(TransferKind::Attended, &by, &to, TransferResult::Started, cx);
        self.refuse_asker(asker, 487, cx);
        if watch.is_none_or(|w| w.leg != asker)
            && let Some(asker) = self.seats.iter_mut().find(|s| s.id == asker)
        {
            asker.hang_up(cx);
        }
        if !up {
            self.tell_left(leg, cx);
            self.finish_seat(by, cx);
        }
        if matches!(reach, Reach::Up { .. }) {
            self.join(cx);
        }
    }

    /// 202 to a REFER; what its sender wants to be told.
    fn accept_refer(&mut self, leg: LegId, tx: ServerTx, refer: &Message, cx: &mut Cx<'_>) -> Option<Watch> {
        let unwatched = ReferTo::is_unwatched(refer);
        let mut response = Outgoing::response(refer, 202, None);
        if let Some(parts) = self.parts_of(leg, None) {
            let contact = cx.rules.contact(&parts.dialog.flow(), refer);
            response = response.with("Contact", contact);
        }
        if unwatched {
            response = response.with("Refer-Sub", "false");
        }
        respond(tx, response, cx);
        (!unwatched).then_some(Watch { leg, id: refer.cseq().0 })
    }

    /// Tells the phone what became of its REFER. A final status ends the subscription.
    fn notify(&mut self, watch: Option<Watch>, status: u16, cx: &mut Cx<'_>) {
        let Some(Watch { leg, id }) = watch else { return };
        if !self.is_up(leg) {
            return;
        }
        let Some(parts) = self.parts_of(leg, None) else { return };
        let state = if status < 200 { "active;expires=60" } else { "terminated;reason=noresource" };
        let phrase = crate::sip::Status::from(status).phrase();
        let flow = parts.dialog.flow();
        let request = parts
            .dialog
            .request(Method::Notify)
            .with("Event", format!("refer;id={id}"))
            .with("Subscription-State", state)
            .body("message/sipfrag;version=2.0", format!("SIP/2.0 {status} {phrase}\r\n"));
        cx.out.push(Output::Request { leg, flow, request });
    }

    /// Caller and seat hear each other no more; the caller hears music.
    fn part_from_seat(&mut self, cx: &mut Cx<'_>) {
        let Stage::Connected { leg, seat, hold } = std::mem::replace(&mut self.stage, Stage::HandingOn)
        else {
            return;
        };
        let caller = self.caller.id;
        self.deadlines.cancel(Reason::SeatAsked(leg));
        self.deadlines.cancel(Reason::SeatOnHold);
        cx.out.push(Output::Media(media::Command::Unbridge { a: caller }));
        match hold {
            Some((holder, since)) => {
                let held = cx.now.mono.since(since);
                self.story.tell(cx, What::CallResumed { leg: holder, held });
                if holder == caller {
                    cx.out.push(Output::Media(media::Command::Stop { leg }));
                    self.play_music(caller, cx);
                } else if let Some(seat) = seat {
                    cx.out.push(Output::Acd(acd::Input::Resumed { seat, call: self.id }));
                }
            }
            None => self.play_music(caller, cx),
        }
        self.story.summary.state = CallState::Held;
    }

    /// He has answered and the citizen is there: they hear each other, and the seat is let go.
    pub(super) fn join(&mut self, cx: &mut Cx<'_>) {
        let Some(extension) = self.take_extension(PresentationResult::Withdrawn, cx) else { return };
        let Extension { to, reach, purpose: Purpose::Transfer(transfer), .. } = extension else { return };
        let leg = match reach {
            Reach::Up { leg } if self.is_up(leg) => leg,
            // He is gone since he answered.
            Reach::Up { .. } | Reach::Ringing => return self.transfer_failed(transfer, &to, 480, cx),
        };
        cx.out.push(Output::Media(media::Command::Stop { leg: self.caller.id }));
        cx.out.push(Output::Media(media::Command::Bridge { a: self.caller.id, b: leg }));
        self.stage = Stage::Connected { leg, seat: to.seat.clone(), hold: None };
        self.story.summary.state = CallState::Connected;
        self.tell_transfer(transfer.kind, &transfer.by, &to, TransferResult::Completed, cx);
        self.let_go(&transfer, 200, cx);
        if let Some(seat) = to.seat {
            self.taken_over(leg, seat, to.operator, cx);
        }
        self.hold_again(leg, cx);
    }

    /// The seat that answered is the one that serves the citizen from here on.
    fn taken_over(
        &mut self,
        leg: LegId,
        seat: SeatId,
        operator: Option<crate::id::OperatorId>,
        cx: &mut Cx<'_>,
    ) {
        let Some(there) = self.seats.iter_mut().find(|s| s.id == leg) else { return };
        there.part = Part::Offered;
        let presentation = there.presentation;
        self.story.summary.seat = Some(seat.clone());
        self.story.summary.operator = operator.clone();
        let waited = Duration::ZERO;
        let connected = What::SeatConnected { presentation, seat: seat.clone(), operator, waited, leg };
        self.story.tell(cx, connected);
        let queue = self.service.queue.clone();
        cx.out.push(Output::Acd(acd::Input::TakeOver { seat, call: self.id, queue }));
        self.watch_seat(leg, cx);
    }

    /// The seat that handed the citizen on has nothing more to do with him.
    fn let_go(&mut self, transfer: &Transfer, status: u16, cx: &mut Cx<'_>) {
        let Some(line) = transfer.line else { return };
        self.tell_left(line.leg, cx);
        self.notify(line.watch, status, cx);
        // Our BYE must not overtake the NOTIFY: the line that is told goes when it has confirmed.
        let told = line.watch.map(|w| w.leg);
        if let Some(seat) = self.seats.iter_mut().find(|s| s.id == line.leg && Some(s.id) != told) {
            seat.hang_up(cx);
        }
        self.finish_seat(transfer.by.clone(), cx);
    }

    /// The phone has confirmed a NOTIFY, or never will: a line that is of no more use is hung up. A phone that does not
    /// want it is told nothing more (RFC 6665 section 4.2.2).
    pub(super) fn notify_over(&mut self, leg: LegId, status: u16, cx: &mut Cx<'_>) {
        if status >= 300
            && let Some(Extension { purpose: Purpose::Transfer(transfer), .. }) = &mut self.extension
            && let Some(line) = &mut transfer.line
        {
            line.watch.take_if(|watch| watch.leg == leg);
        }
        let is_used = match &self.extension {
            Some(Extension { purpose: Purpose::Transfer(transfer), .. }) => {
                transfer.line.is_some_and(|l| l.leg == leg || l.watch.is_some_and(|w| w.leg == leg))
            }
            Some(_) => self.is_consulting(leg),
            None => false,
        };
        if is_used || self.carries_call(leg) {
            return;
        }
        if let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg) {
            seat.hang_up(cx);
        }
    }

    /// The phone hung up its line while the citizen is on his way.
    pub(super) fn line_gone(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        let Some(Extension { purpose: Purpose::Transfer(transfer), .. }) = &mut self.extension else {
            return;
        };
        if transfer.line.take_if(|line| line.leg == leg).is_some() {
            let seat = transfer.by.clone();
            self.tell_left(leg, cx);
            self.finish_seat(seat, cx);
        }
    }

    /// Nobody answered: the citizen comes back.
    pub(super) fn transfer_failed(
        &mut self,
        transfer: Transfer,
        to: &Destination,
        status: u16,
        cx: &mut Cx<'_>,
    ) {
        self.tell_transfer(transfer.kind, &transfer.by, to, TransferResult::Failed, cx);
        match transfer.line.filter(|line| self.is_up(line.leg)) {
            Some(line) => {
                self.notify(line.watch, status, cx);
                if line.watch.is_some() {
                    self.deadlines.set(Reason::Returned(line.leg), cx.now.mono + BY_ITSELF);
                }
                if let Some(watch) = line.watch.filter(|w| w.leg != line.leg)
                    && let Some(other) = self.seats.iter_mut().find(|s| s.id == watch.leg)
                {
                    other.hang_up(cx);
                }
                self.back_on_line(line.leg, transfer.by, cx);
            }
            None => self.recall(transfer, cx),
        }
    }

    /// The seat's line is still up: the citizen is on it again, on hold if the phone holds it.
    fn back_on_line(&mut self, leg: LegId, seat: SeatId, cx: &mut Cx<'_>) {
        self.stage = Stage::Connected { leg, seat: Some(seat), hold: None };
        self.story.summary.state = CallState::Connected;
        self.watch_seat(leg, cx);
        cx.out.push(Output::Media(media::Command::Stop { leg: self.caller.id }));
        cx.out.push(Output::Media(media::Command::Bridge { a: self.caller.id, b: leg }));
        self.hold_again(leg, cx);
    }

    /// The phone hung up `leg`, on which a citizen had come back, because handing on had failed: he is not to lose his
    /// call by that. `false` when somebody may have wanted it.
    pub(super) fn hung_up_by_itself(&mut self, leg: LegId, cx: &mut Cx<'_>) -> bool {
        let Stage::Connected { seat: Some(by), .. } = &self.stage else { return false };
        if !self.deadlines.contains(Reason::Returned(leg)) {
            return false;
        }
        self.deadlines.cancel(Reason::Returned(leg));
        let line = Some(Line { leg, watch: None });
        let transfer = Transfer { by: by.clone(), kind: TransferKind::Blind, line };
        self.part_from_seat(cx);
        self.recall(transfer, cx);
        true
    }

    /// The seat is gone: the citizen waits again, first of all, and that seat is offered him first.
    fn recall(&mut self, transfer: Transfer, cx: &mut Cx<'_>) {
        // Whom a seat called is in no queue: there is nobody to bring him back to.
        if self.owner.is_some() {
            return self.end(EndedBy::Gateway, EndReason::Unanswered, None, cx);
        }
        if let Some(line) = transfer.line {
            self.tell_left(line.leg, cx);
            self.finish_seat(transfer.by.clone(), cx);
        }
        self.recalled = true;
        self.broken = Broken::Off;
        self.stage = Stage::Waiting { welcome: None };
        self.wait = Wait::Since(cx.now.mono);
        self.story.summary.seat = None;
        self.story.summary.operator = None;
        let queue = self.service.queue.clone();
        cx.out.push(Output::Acd(acd::Input::Recall { call: self.id, queue, seat: Some(transfer.by) }));
    }

    fn tell_transfer(
        &mut self,
        kind: TransferKind,
        by: &SeatId,
        to: &Destination,
        result: TransferResult,
        cx: &mut Cx<'_>,
    ) {
        let (from, to) = (Pii::new(by.to_string()), Pii::new(to.name.to_string()));
        self.story.tell(cx, What::CallTransferred(CallTransferred { kind, from, to, result }));
    }

    /// The call ends while the citizen is on his way: the seat whose line is still up is free after it.
    pub(super) fn abandon_extension(&mut self, by: EndedBy, cx: &mut Cx<'_>) -> Option<SeatId> {
        let gone = matches!(by, EndedBy::Caller | EndedBy::Seat);
        let result = if gone { PresentationResult::CallerGone } else { PresentationResult::Withdrawn };
        let extension = self.take_extension(result, cx)?;
        let Purpose::Transfer(transfer) = extension.purpose else {
            if let Reach::Up { leg } = extension.reach {
                self.tell_left(leg, cx);
            }
            return None;
        };
        self.tell_transfer(transfer.kind, &transfer.by, &extension.to, TransferResult::Cancelled, cx);
        transfer.line.map(|_| transfer.by)
    }
}
