//! A new offer inside a dialog (re-INVITE, UPDATE), and what it may mean: hold and resume.
//!
//! Hold is a direction (RFC 3264 section 8.4): when a side stops listening, the other side hears music.

use super::answering::Said;
use super::arrival::description;
use super::caller_leg::CallerSignalling;
use super::conduct::Awaited;
use super::inputs::Output;
use super::machine::{Call, Stage};
use super::reoffer::Parts;
use super::requests::respond;
use super::story::Cx;
use crate::acd;
use crate::event::{CallState, What};
use crate::id::LegId;
use crate::media;
use crate::sdp::{self, Direction};
use crate::sip::{Message, Method, Outgoing, ServerTx, session_timer};

/// How long a peer is asked to wait that asks again before its first question is answered, at most: 0 to 10 s (RFC
/// 3261 section 14.2).
const OVERLAP_WAIT: u64 = 11;

impl Call {
    /// Answers a re-INVITE or UPDATE on `leg` and follows the direction of its offer.
    pub(super) fn offered_again(&mut self, leg: LegId, tx: ServerTx, request: &Message, cx: &mut Cx<'_>) {
        if let Some(refusal) = self.collision(leg, request, cx) {
            return respond(tx, refusal, cx);
        }
        let answer = |status| Outgoing::response(request, status, None);
        if session_timer::is_too_small(request) {
            let least = session_timer::LEAST.as_secs().to_string();
            return respond(tx, answer(422).with("Min-SE", least), cx);
        }
        let Some(flow) = self.parts_of(leg, request.from_tag()).map(|parts| parts.dialog.flow()) else {
            return respond(tx, answer(481), cx);
        };
        let offer = match description(request) {
            Ok(body) => body.map(|body| sdp::parse_from(body, flow.remote.ip())).transpose(),
            Err(refusal) => {
                let refused =
                    refusal.header.into_iter().fold(answer(refusal.status), |r, (n, v)| r.with(n, v));
                return respond(tx, refused, cx);
            }
        };
        let offer = match offer {
            Ok(offer) => offer,
            Err(e) => return respond(tx, answer(e.status()), cx),
        };
        let Some(Parts { media, conduct, .. }) = self.parts_of(leg, request.from_tag()) else { return };
        let invites = request.method() == Some(&Method::Invite);
        let cseq = request.cseq().0;
        let (body, agreed, awaited) = match offer {
            Some(offer) => match media.answer(cx.rules, flow, &offer) {
                Some(Ok((body, agreed))) => (Some(body), Some(agreed), Awaited::Ack { cseq }),
                Some(Err(why)) => return respond(tx, why.refusal(request), cx),
                None => return respond(tx, answer(500), cx),
            },
            // A re-INVITE without an offer asks for ours: all we can, in the direction we wish for.
            None if invites => {
                let codecs = media.codecs_like(&conduct.peer);
                match media.offer(cx.rules, flow, &codecs) {
                    Some((body, offered)) => (Some(body), None, Awaited::Answer { cseq, offered }),
                    None => return respond(tx, answer(500), cx),
                }
            }
            None => (None, None, Awaited::Nothing),
        };
        conduct.learn(request);
        let contact = cx.rules.contact(&flow, request);
        let ok = answer(200).with("Contact", contact).with("Allow", conduct.allow());
        let mut ok = conduct.accept(cx.now.mono, request, ok);
        if let Some(body) = body {
            ok = ok.body("application/sdp", body);
        }
        if invites {
            conduct.ack = awaited;
        }
        respond(tx, ok, cx);
        if let Some(agreed) = agreed {
            self.agree(leg, agreed, cx);
            if let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg)
                && let Some(tag) = request.from_tag()
            {
                seat.early.settle(tag, agreed);
            }
        }
    }

    /// What a re-INVITE or UPDATE gets that comes while another question is open (RFC 3261 section 14.2, RFC 3311
    /// section 5.2): 491 when that one is ours, 500 and a time to wait when it is the peer's.
    fn collision(&mut self, leg: LegId, request: &Message, cx: &mut Cx<'_>) -> Option<Outgoing> {
        let invites = request.method() == Some(&Method::Invite);
        let offers = !request.body().is_empty();
        let up = self.is_up(leg);
        let said = match &self.caller.signalling {
            CallerSignalling::Unanswered { early: Some(early), .. } if leg == self.caller.id => {
                Some(&early.said)
            }
            _ => None,
        };
        let unanswered = request.from_tag().is_some_and(|tag| {
            self.seats.iter().any(|s| s.id == leg && s.is_ringing() && s.early.owes_answer(tag))
        });
        let theirs_open =
            !up && (invites || offers && matches!(said, Some(Said::Nothing | Said::Unreliably(_))));
        let ours_open = offers && (unanswered || matches!(said, Some(Said::Offered(_))));
        let conduct = self.parts_of(leg, request.from_tag())?.conduct;
        let glare = ours_open
            || invites && conduct.reoffer.is_inviting()
            || (invites || offers) && conduct.has_offered();
        if glare {
            return Some(Outgoing::response(request, 491, None));
        }
        theirs_open.then(|| {
            let wait = cx.random.below(OVERLAP_WAIT).to_string();
            Outgoing::response(request, 500, None).with("Retry-After", wait)
        })
    }
}

/// Follows what was agreed on `leg`: a side that stops listening puts the other on hold.
pub(super) fn follow_direction(call: &mut Call, leg: LegId, ours: Direction, cx: &mut Cx<'_>) {
    call.follow_direction(leg, ours, cx);
}

impl Call {
    /// Follows what `leg` and the caller had said before they were connected: either may have put the other on hold, or
    /// answered so.
    pub(super) fn hold_again(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        for side in [leg, self.caller.id] {
            if let Some(agreed) = self.media_of(side).and_then(|media| media.agreed) {
                self.follow_direction(side, agreed.direction, cx);
            }
        }
    }

    fn follow_direction(&mut self, leg: LegId, ours: Direction, cx: &mut Cx<'_>) {
        // We may send to this side only if it listens.
        let listens = ours.sends();
        let (call, caller) = (self.id, self.caller.id);
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
                    cx.out.extend(seat.map(|seat| Output::Acd(acd::Input::Held { seat, call })));
                }
            }
            Some((holder, since)) if listens && holder == leg => {
                *hold = None;
                cx.out.push(Output::Media(media::Command::Stop { leg: other }));
                cx.out.push(Output::Media(media::Command::Bridge { a: caller, b: seat_leg }));
                let held = cx.now.mono.since(since);
                self.story.tell_as(cx, CallState::Connected, What::CallResumed { leg, held });
                if leg == seat_leg {
                    cx.out.extend(seat.map(|seat| Output::Acd(acd::Input::Resumed { seat, call })));
                }
                // Both had put the other on hold: now it is the other's turn.
                let still = self.media_of(other).and_then(|media| media.agreed);
                if let Some(still) = still.filter(|agreed| !agreed.direction.sends()) {
                    self.follow_direction(other, still.direction, cx);
                }
            }
            _ => {}
        }
    }
}
