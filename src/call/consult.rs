//! Consultation: the operator asks somebody else while the citizen waits on hold.
//!
//! The seat's phone makes a second call for it. Both of its lines belong to the citizen's call. Either side of the
//! consultation may end it, and the operator takes the citizen back as phones do, by ending the hold. An operator who
//! hangs up on the citizen meanwhile joins the two: that is how desk phones without a transfer key do it.

use super::agreement::Agreement;
use super::conduct::{Awaited, Conduct};
use super::early::EarlyDialogs;
use super::inputs::{Output, Reason, SeatAsked};
use super::machine::{Call, Stage};
use super::pick_up::refuse;
use super::presence::Presence;
use super::seat_leg::{MAX_SEAT_LEGS, Part, SeatLeg, SeatSignalling};
use super::story::Cx;
use super::third_party::{Destination, Purpose, Reach};
use crate::event::PresentationResult;
use crate::id::{LegId, PresentationId, SeatId};
use crate::media;
use crate::sip::{Dialog, Outgoing, Way, option_tag};

impl Call {
    /// A seat that is in the call dials somebody else: only the one that speaks with the citizen may.
    pub(super) fn consult(&mut self, by: SeatId, asked: Box<SeatAsked>, to: Destination, cx: &mut Cx<'_>) {
        let leg = asked.leg;
        let seat = match &self.stage {
            Stage::Connected { seat: Some(seat), .. } if *seat == by && self.extension.is_none() => by,
            _ => return refuse(&asked, leg, 486, cx),
        };
        if self.seats.len() + 1 >= MAX_SEAT_LEGS {
            return refuse(&asked, leg, 503, cx);
        }
        cx.out.push(Output::LegUp(leg));
        let family = cx.rules.media.family(Some(&asked.offer), &asked.flow);
        let media = Agreement::new(leg, family, cx.random.bits(), (cx.rules.seat.clone(), &asked.flow));
        cx.out.push(Output::Media(media.opening()));
        let mut conduct = Conduct::new(cx.rules.seat.clone(), cx.random.bits());
        conduct.learn(&asked.invite);
        let expires = Reason::expires(leg, &asked.invite, cx.now.mono);
        self.seats.push(SeatLeg {
            id: leg,
            part: Part::Asking,
            presentation: PresentationId::new(cx.now.wall, cx.random),
            seat,
            presence: Presence::new(Way { flow: asked.flow, behind: None }, asked.watch, asked.inside),
            others: Vec::new(),
            signalling: SeatSignalling::Answering { asked },
            media,
            conduct,
            early: EarlyDialogs::default(),
        });
        self.deadlines.extend(expires);
        self.extend(to, Purpose::Consult { asker: leg }, cx);
    }

    /// The seat hears that it rings, or what is to be heard there before the answer.
    pub(super) fn ring_asker(&mut self, asker: LegId, heard: Option<LegId>, cx: &mut Cx<'_>) {
        let Some(seat) = self.seats.iter_mut().find(|s| s.id == asker) else { return };
        let SeatSignalling::Answering { asked } = &seat.signalling else { return };
        // What must be reliable is not said: the answer itself is what counts.
        if option_tag::requires(&asked.invite, "100rel") {
            return;
        }
        let tag = asker.to_string();
        let contact = cx.rules.contact(&asked.flow, &asked.invite);
        let described = heard.and_then(|_| seat.media.answer(cx.rules, asked.flow, &asked.offer)?.ok());
        let status = if described.is_some() { 183 } else { 180 };
        let mut response = Outgoing::response(&asked.invite, status, Some(&tag)).with("Contact", contact);
        if let (Some((body, agreed)), Some(heard)) = (described, heard) {
            response = response.body("application/sdp", body);
            cx.out.push(Output::Media(seat.media.agree(agreed)));
            cx.out.push(Output::Media(media::Command::Bridge { a: asker, b: heard }));
        }
        cx.out.push(Output::Respond { tx: asked.tx, response });
    }

    /// He answered: so do we, and the two hear each other.
    pub(super) fn consult_answered(&mut self, asker: LegId, third: LegId, cx: &mut Cx<'_>) {
        if self.accept_asked(asker, cx) {
            cx.out.push(Output::Media(media::Command::Bridge { a: asker, b: third }));
            return;
        }
        self.refuse_asker(asker, 488, cx);
        self.end_consult(cx);
    }

    /// Sends 200 OK to the INVITE of a seat; `false` when it cannot be answered.
    pub(super) fn accept_asked(&mut self, leg: LegId, cx: &mut Cx<'_>) -> bool {
        let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg) else { return false };
        let SeatSignalling::Answering { asked } = &seat.signalling else { return false };
        let contact = cx.rules.contact(&asked.flow, &asked.invite);
        let tag = leg.to_string();
        let answer = seat.media.answer(cx.rules, asked.flow, &asked.offer).and_then(Result::ok);
        let dialog = Dialog::uas(&asked.invite, asked.flow, &tag, &contact).map(|d| d.going(asked.inside));
        let (Some((body, agreed)), Some(dialog)) = (answer, dialog) else { return false };
        let response = Outgoing::response(&asked.invite, 200, Some(&tag))
            .with("Contact", contact)
            .with("Allow", seat.conduct.allow())
            .with("X-Hotline-Call-Id", self.id.to_string());
        seat.conduct.learn(&asked.invite);
        let response = seat.conduct.accept(cx.now.mono, &asked.invite, response);
        seat.conduct.ack = Awaited::Ack { cseq: asked.invite.cseq().0 };
        cx.out.push(Output::Respond { tx: asked.tx, response: response.body("application/sdp", body) });
        seat.signalling = SeatSignalling::Up { invite: None, dialog: Box::new(dialog) };
        cx.out.push(Output::Media(seat.media.agree(agreed)));
        true
    }

    /// The seat's INVITE came to nothing.
    pub(super) fn refuse_asker(&mut self, asker: LegId, status: u16, cx: &mut Cx<'_>) {
        let Some(seat) = self.seats.iter_mut().find(|s| s.id == asker) else { return };
        if let SeatSignalling::Answering { asked } = &seat.signalling {
            refuse(asked, asker, status, cx);
            seat.signalling = SeatSignalling::Down;
            cx.out.extend(seat.media.close().map(Output::Media));
        }
    }

    /// Ends the consultation on both its legs; the citizen stays where he is.
    pub(super) fn end_consult(&mut self, cx: &mut Cx<'_>) {
        let Some(extension) = &self.extension else { return };
        let Purpose::Consult { asker } = extension.purpose else { return };
        let presentation = extension.presentation;
        if let Reach::Up { leg: third } = extension.reach {
            self.tell_left(third, cx);
        }
        self.take_extension(PresentationResult::Withdrawn, cx);
        for leg in &mut self.seats {
            if leg.id == asker || leg.part == Part::Third && leg.presentation == presentation {
                leg.hang_up(cx);
            }
        }
    }

    /// Whether `leg` belongs to the consultation that is on: the seat's second line, or the other end.
    pub(super) fn is_consulting(&self, leg: LegId) -> bool {
        self.extension.as_ref().is_some_and(|e| match e.purpose {
            Purpose::Consult { asker } => asker == leg || e.reach == Reach::Up { leg },
            Purpose::Own | Purpose::Transfer(_) => false,
        })
    }
}
