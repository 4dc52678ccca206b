//! A new offer inside a dialog (re-INVITE, UPDATE), and what it may mean: hold and resume.
//!
//! Hold is a direction (RFC 3264 section 8.4): when a side stops listening, the other side hears music.

use super::inputs::Output;
use super::machine::{Call, Stage};
use super::requests::respond;
use super::seat_leg::ALLOW;
use super::story::Cx;
use crate::acd;
use crate::event::{CallState, What};
use crate::id::LegId;
use crate::media;
use crate::sdp::{self, Direction};
use crate::sip::{Message, Method, Outgoing, ServerTx};

impl Call {
    /// Answers a new offer on `leg` and follows its direction.
    pub(super) fn offered_again(&mut self, leg: LegId, tx: ServerTx, request: &Message, cx: &mut Cx<'_>) {
        let (flow, contact) = match self.dialog_of(leg) {
            Some(dialog) => {
                let flow = dialog.flow();
                (flow, crate::sip::contact(cx.rules.advertised.as_ref(), &flow, "hotline"))
            }
            None => return respond(tx, Outgoing::response(request, 481, None), cx),
        };
        let ok = Outgoing::response(request, 200, None).with("Contact", contact).with("Allow", ALLOW);
        if request.body().is_empty() {
            return self.refreshed(leg, tx, request, ok, flow, cx);
        }
        let offer = match sdp::parse(request.body()) {
            Ok(offer) => offer,
            Err(e) => return respond(tx, Outgoing::response(request, e.status(), None), cx),
        };
        let Some(side) = self.media_of(leg) else { return };
        let Some(answer) = side.answer(cx.rules, flow, &offer) else {
            return respond(tx, Outgoing::response(request, 500, None), cx);
        };
        match answer {
            Ok((body, negotiated)) => {
                let direction = negotiated.direction;
                cx.out.push(Output::Media(side.agree(negotiated)));
                respond(tx, ok.body("application/sdp", body), cx);
                self.follow_direction(leg, direction, cx);
            }
            Err(_) => respond(tx, Outgoing::response(request, 488, None), cx),
        }
    }

    /// An UPDATE without an offer refreshes the dialog; a re-INVITE without one asks for ours. The answer to it
    /// comes in the ACK and changes nothing: we offered what is agreed already.
    fn refreshed(
        &mut self,
        leg: LegId,
        tx: ServerTx,
        request: &Message,
        ok: Outgoing,
        flow: crate::sip::Flow,
        cx: &mut Cx<'_>,
    ) {
        if request.method() != Some(&Method::Invite) {
            return respond(tx, ok, cx);
        }
        let Some(side) = self.media_of(leg) else { return };
        let codecs = match &side.agreed {
            Some(agreed) => vec![agreed.codec],
            None => side.peer.codecs.clone(),
        };
        match side.offer(cx.rules, flow, &codecs) {
            Some(body) => respond(tx, ok.body("application/sdp", body), cx),
            None => respond(tx, Outgoing::response(request, 500, None), cx),
        }
    }

    fn follow_direction(&mut self, leg: LegId, ours: Direction, cx: &mut Cx<'_>) {
        // We may send to this side only if it listens.
        let listens = matches!(ours, Direction::SendRecv | Direction::SendOnly);
        let caller = self.caller.id;
        let Stage::Connected { leg: seat_leg, seat, hold } = &mut self.stage else { return };
        let (seat_leg, seat) = (*seat_leg, seat.clone());
        if leg != caller && leg != seat_leg {
            return;
        }
        let other = if leg == caller { seat_leg } else { caller };
        match *hold {
            None if !listens => {
                *hold = Some((leg, cx.now.mono));
                cx.out.push(Output::Media(media::Command::Unbridge { a: caller }));
                self.story.tell_as(cx, CallState::Held, What::CallHeld { leg });
                self.play_music(other, cx);
                if leg == seat_leg {
                    cx.out.push(Output::Acd(acd::Input::Held { seat }));
                }
            }
            Some((holder, since)) if listens && holder == leg => {
                *hold = None;
                cx.out.push(Output::Media(media::Command::Stop { leg: other }));
                cx.out.push(Output::Media(media::Command::Bridge { a: caller, b: seat_leg }));
                let held = cx.now.mono.since(since);
                self.story.tell_as(cx, CallState::Connected, What::CallResumed { leg, held });
                if leg == seat_leg {
                    cx.out.push(Output::Acd(acd::Input::Resumed { seat }));
                }
            }
            _ => {}
        }
    }
}
