//! A seat that dialled for a waiting call: its own INVITE is the seat's leg, and we are the one who answers.

use super::conduct::Awaited;
use super::inputs::{Output, SeatAsked};
use super::machine::{Call, Stage};
use super::seat_leg::{Part, SeatSignalling};
use super::story::Cx;
use crate::id::LegId;
use crate::sip::{Dialog, Outgoing};
use crate::time::Duration;

impl Call {
    /// Answers the INVITE of a seat once its leg has a port: caller and seat are connected at once.
    pub(super) fn answer_seat(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if self.seats.iter().any(|s| s.id == leg && s.part != Part::Offered) {
            return;
        }
        let waiting = matches!(self.stage, Stage::Waiting { .. });
        let intro = self.introduction(cx);
        let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg) else { return };
        let SeatSignalling::Answering { asked } = &seat.signalling else { return };
        let Some(answer) = seat.media.answer(cx.rules, asked.flow, &asked.offer) else { return };
        let contact = cx.rules.contact(&asked.flow, &asked.invite);
        let tag = leg.to_string();
        let dialog = Dialog::uas(&asked.invite, asked.flow, &tag, &contact).map(|d| d.going(asked.inside));
        match (answer, dialog) {
            (Ok((body, agreed)), Some(dialog)) if waiting => {
                let response = Outgoing::response(&asked.invite, 200, Some(&tag))
                    .with("Contact", contact)
                    .with("Allow", seat.conduct.allow());
                let response = intro.on_answer(response, cx.rules);
                seat.conduct.learn(&asked.invite);
                let response = seat.conduct.accept(cx.now.mono, &asked.invite, response);
                let response = response.body("application/sdp", body);
                seat.conduct.ack = Awaited::Ack { cseq: asked.invite.cseq().0 };
                cx.out.push(Output::Respond { tx: asked.tx, response });
                seat.signalling = SeatSignalling::Up { invite: None, dialog: Box::new(dialog) };
                cx.out.push(Output::Media(seat.media.agree(agreed)));
                self.connect(leg, Duration::ZERO, cx);
            }
            _ => {
                refuse(asked, leg, 488, cx);
                self.seat_lost(leg, Some(488), cx);
            }
        }
    }

    /// The seat took its INVITE back before our answer.
    pub(super) fn seat_gave_up(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        let Some(seat) = self.seats.iter().find(|s| s.id == leg) else { return };
        if let SeatSignalling::Answering { asked } = &seat.signalling {
            refuse(asked, leg, 487, cx);
            self.seat_lost(leg, Some(487), cx);
        }
    }
}

/// The final answer to a seat's INVITE that leads nowhere.
pub(super) fn refuse(asked: &SeatAsked, leg: LegId, status: u16, cx: &mut Cx<'_>) {
    let mut response = Outgoing::response(&asked.invite, status, Some(&leg.to_string()));
    if status == 503 {
        response = response.with("Retry-After", super::RETRY_AFTER);
    }
    cx.out.push(Output::Respond { tx: asked.tx, response });
}
