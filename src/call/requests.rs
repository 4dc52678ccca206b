//! Requests inside a dialog, from either side: BYE, re-INVITE, UPDATE, OPTIONS, INFO, and the ACKs.

use super::arrival;
use super::caller_leg::{CallerLeg, CallerSignalling};
use super::conduct::{Awaited, Conduct, Due};
use super::inputs::Output;
use super::keys::ACCEPT;
use super::machine::{Call, Stage};
use super::presenting::send_ack;
use super::reoffer::{Ask, Parts};
use super::seat_leg::{Part, SeatLeg, SeatSignalling};
use super::story::Cx;
use crate::event::SeatReason;
use crate::event::{EndReason, EndedBy};
use crate::id::LegId;
use crate::sdp;
use crate::sip::access::{PeerClass, Rule, allowed, inside_a_dialog, option_tags};
use crate::sip::{Cause, Flow, Message, Method, Outgoing, ServerTx, option_tag, reliable, session_timer};

impl Call {
    /// Answers a request inside the dialog of `leg`.
    pub(super) fn request(
        &mut self,
        leg: LegId,
        (tx, flow): (ServerTx, Flow),
        request: &Message,
        cx: &mut Cx<'_>,
    ) {
        let Some(method) = request.method() else { return };
        let accepted = match self.parts_of(leg, request.from_tag()) {
            Some(parts) => parts.dialog.receive(request).map(|()| {
                parts.dialog.came_by(flow);
                parts.media.came_by(&flow);
            }),
            // Our BYE is out, or the dialog is still early: only a BYE still means something.
            None if *method == Method::Bye => self.may_hang_up(leg, request),
            None => Err(481),
        };
        if let Err(status) = accepted {
            return respond(tx, Outgoing::response(request, status, None), cx);
        }
        self.phone_moved(leg, flow);
        if let Rule::Refuse(status) = inside_a_dialog(self.standing(leg), method) {
            let refused = Outgoing::response(request, status, None).with("Allow", self.allow(leg));
            return respond(tx, refused, cx);
        }
        if !matches!(method, Method::Bye)
            && self.conduct_of(leg).is_some_and(|conduct| !conduct.pace.allows(cx.now.mono))
        {
            let wait = Outgoing::response(request, 500, None).with("Retry-After", "1");
            return respond(tx, wait, cx);
        }
        if !matches!(method, Method::Bye)
            && let Some(unsupported) = self.unsupported(leg, request)
        {
            let refused = Outgoing::response(request, 420, None).with("Unsupported", unsupported);
            return respond(tx, refused, cx);
        }
        match method {
            Method::Bye => {
                respond(tx, Outgoing::response(request, 200, None), cx);
                self.bye_from(leg, Cause::of(request), cx);
            }
            Method::Prack => self.pracked(leg, tx, request, cx),
            Method::Invite | Method::Update => self.offered_again(leg, tx, request, cx),
            Method::Info => self.informed(leg, tx, request, cx),
            Method::Options => self.told_what_we_can(leg, tx, request, cx),
            // No event package is kept (RFC 6665 section 4.2.1.1).
            Method::Subscribe | Method::Notify => respond(tx, Outgoing::response(request, 489, None), cx),
            _ => respond(tx, Outgoing::response(request, 405, None).with("Allow", self.allow(leg)), cx),
        }
    }

    fn unsupported(&mut self, leg: LegId, request: &Message) -> Option<String> {
        option_tag::unsupported(request, &option_tags(self.conduct_of(leg)?.peer.standing))
    }

    /// An OPTIONS inside the dialog of `leg`: what an INVITE there could use (RFC 3261 section 11.2).
    fn told_what_we_can(&mut self, leg: LegId, tx: ServerTx, request: &Message, cx: &mut Cx<'_>) {
        let supported = self.conduct_of(leg).map(|conduct| conduct.supported()).unwrap_or_default();
        let response = Outgoing::response(request, 200, None)
            .with("Allow", self.allow(leg))
            .with("Accept", format!("application/sdp, {ACCEPT}"))
            .with("Supported", supported);
        respond(tx, response, cx);
    }

    /// What the peer of `leg` is.
    fn standing(&mut self, leg: LegId) -> PeerClass {
        self.conduct_of(leg).map_or(PeerClass::Unknown, |conduct| conduct.peer.standing)
    }

    /// The methods the peer of `leg` may use.
    pub(super) fn allow(&mut self, leg: LegId) -> &'static str {
        allowed(self.standing(leg))
    }

    /// A response to a request of ours on `leg`.
    pub(super) fn response(&mut self, leg: LegId, flow: Flow, response: &Message, cx: &mut Cx<'_>) {
        let Some(status) = response.status() else { return };
        if self.asked(leg, response, cx) {
            return;
        }
        let again = *response.cseq().1 == Method::Invite && (200..300).contains(&status);
        match response.cseq().1 {
            Method::Info if status >= 200 => self.key_passed(leg, cx),
            // Our ACK for a re-INVITE was lost.
            Method::Invite if again && leg == self.caller.id => {
                if let Some(parts) = self.parts_of(leg, None) {
                    send_ack(leg, parts.dialog, response, cx);
                }
            }
            _ => self.seat_response(leg, flow, response, cx),
        }
    }

    /// An ACK for a 200 OK of ours; it carries the answer when the 200 OK carried the offer.
    pub(super) fn acked(&mut self, leg: LegId, ack: &Message, cx: &mut Cx<'_>) {
        if self.hang_up_now(leg, cx) {
            return;
        }
        let Some(parts) = self.parts_of(leg, ack.from_tag()) else { return };
        match std::mem::replace(&mut parts.conduct.ack, Awaited::Nothing) {
            Awaited::Answer { cseq, offered } if cseq == ack.cseq().0 => {
                let known = parts.media.agreed.is_some();
                match arrival::described(ack, parts.dialog.flow())
                    .and_then(|answer| sdp::accepted(&offered, &answer).ok())
                {
                    Some(agreed) => self.agree(leg, agreed, cx),
                    // Inside a call what was agreed before still stands.
                    None if known => {}
                    None => return self.end(EndedBy::Gateway, EndReason::SignallingLost, Some(488), cx),
                }
            }
            Awaited::Ack { cseq } if cseq == ack.cseq().0 => {}
            other => parts.conduct.ack = other,
        }
        self.ask_next(leg, cx);
    }

    /// The 2xx of ours on `leg` was never acknowledged: its dialog is over (RFC 3261 section 13.3.1.4), and with it
    /// whatever it carried.
    pub(super) fn unacknowledged(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if self.hang_up_now(leg, cx) {
            return;
        }
        if let Some(conduct) = self.conduct_of(leg) {
            conduct.ack = Awaited::Nothing;
        }
        if leg == self.caller.id {
            return self.end(EndedBy::Gateway, EndReason::SignallingLost, None, cx);
        }
        self.leg_lost(leg, SeatReason::NotAcknowledged, cx);
    }

    /// A deadline of one leg has come.
    pub(super) fn leg_due(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        while let Some(due) = self.conduct_of(leg).and_then(|conduct| conduct.handle_timeout(cx.now.mono)) {
            match due {
                Due::Provisional(reliable::Due::Again(response)) => {
                    if let CallerSignalling::Unanswered { tx, .. } = &self.caller.signalling {
                        respond(*tx, response, cx);
                    }
                }
                Due::Provisional(reliable::Due::GivenUp) => self.never_pracked(cx),
                Due::Timer(session_timer::Due::Refresh) => self.ask(leg, Ask::refresh(), cx),
                Due::Timer(session_timer::Due::Expired) => self.peer_gone(leg, None, cx),
                Due::AskAgain => self.ask_next(leg, cx),
            }
        }
    }

    /// How `leg` deals with its peer, whatever its state.
    fn conduct_of(&mut self, leg: LegId) -> Option<&mut Conduct> {
        if leg == self.caller.id {
            return Some(&mut self.caller.conduct);
        }
        self.seats.iter_mut().find(|s| s.id == leg).map(|seat| &mut seat.conduct)
    }

    /// Dialog, media and conduct of `leg` while it has a dialog. Before the answer to an INVITE of ours there may be
    /// several, told by the peer's tag.
    pub(super) fn parts_of(&mut self, leg: LegId, tag: Option<&str>) -> Option<Parts<'_>> {
        if leg == self.caller.id {
            let CallerLeg { signalling, media, conduct, .. } = &mut self.caller;
            let dialog = match signalling {
                CallerSignalling::Up { dialog, .. } => &mut **dialog,
                CallerSignalling::Unanswered { early: Some(early), .. } => &mut early.dialog,
                _ => return None,
            };
            return Some(Parts { dialog, media, conduct });
        }
        let SeatLeg { signalling, media, conduct, early, .. } =
            self.seats.iter_mut().find(|s| s.id == leg)?;
        let dialog = match signalling {
            SeatSignalling::Up { dialog, .. } => &mut **dialog,
            SeatSignalling::Inviting { .. } => early.with(tag?)?,
            _ => return None,
        };
        Some(Parts { dialog, media, conduct })
    }

    /// Whether the dialog of `leg` is confirmed.
    pub(super) fn is_up(&self, leg: LegId) -> bool {
        if leg == self.caller.id {
            return matches!(self.caller.signalling, CallerSignalling::Up { .. });
        }
        let seat = self.seats.iter().find(|s| s.id == leg);
        seat.is_some_and(|s| matches!(s.signalling, SeatSignalling::Up { .. }))
    }

    /// Whether the call cannot go on without `leg`.
    pub(super) fn carries_call(&self, leg: LegId) -> bool {
        leg == self.caller.id || matches!(self.stage, Stage::Connected { leg: seat, .. } if seat == leg)
    }

    /// Whether a BYE that is in no dialog we know of is of the peer of `leg`. Before our answer it comes from who called,
    /// before the peer answers, from the called party: the 200 that named the other side may have been lost.
    fn may_hang_up(&self, leg: LegId, bye: &Message) -> Result<(), u16> {
        let seat = self.seats.iter().find(|s| s.id == leg).map(|s| &s.signalling);
        let invite = match (&self.caller.signalling, seat) {
            (CallerSignalling::Unanswered { invite, .. }, None) => invite,
            (_, Some(SeatSignalling::Answering { asked })) => &asked.invite,
            (_, Some(SeatSignalling::Inviting { invite, .. } | SeatSignalling::Cancelling { invite })) => {
                let ours = invite.get("Call-ID") == Some(bye.call_id().as_bytes());
                return if ours { Ok(()) } else { Err(481) };
            }
            _ => return Ok(()),
        };
        let theirs = invite.call_id() == bye.call_id() && invite.from_tag() == bye.from_tag();
        if theirs { Ok(()) } else { Err(481) }
    }

    fn bye_from(&mut self, leg: LegId, cause: Cause, cx: &mut Cx<'_>) {
        if leg == self.caller.id {
            match &self.caller.signalling {
                // A BYE on the early dialog (RFC 3261 section 15): the INVITE still wants its final response.
                CallerSignalling::Unanswered { .. } => return self.cancelled(cause, cx),
                _ => self.caller.signalling = CallerSignalling::Down,
            }
            let reason = match &self.stage {
                Stage::Connected { .. } | Stage::HandingOn => EndReason::Completed,
                Stage::LastMessage { reason, .. } => *reason,
                _ => EndReason::Abandoned,
            };
            let by = match &self.owner {
                Some(owner) if owner.line == leg => EndedBy::Seat,
                Some(_) => EndedBy::ThirdParty,
                None => EndedBy::Caller,
            };
            return self.end_because(by, reason, cause, cx);
        }
        match self.seats.iter().find(|s| s.id == leg).map(|s| &s.signalling) {
            // As a CANCEL would (RFC 3261 section 15).
            Some(SeatSignalling::Answering { .. }) => return self.seat_gave_up(leg, cx),
            Some(SeatSignalling::Inviting { .. } | SeatSignalling::Cancelling { .. }) => {
                return self.hung_up_early(leg, cx);
            }
            _ => {}
        }
        let talking = matches!(&self.stage, Stage::Connected { leg: l, .. } if *l == leg);
        let part = self.seats.iter().find(|s| s.id == leg).map(|s| s.part);
        if let Some(seat) = self.seats.iter_mut().find(|s| s.id == leg)
            && matches!(
                seat.signalling,
                SeatSignalling::Up { .. } | SeatSignalling::HangingUp { .. } | SeatSignalling::Closing { .. }
            )
        {
            seat.signalling = SeatSignalling::Down;
            cx.out.extend(seat.media.close().map(Output::Media));
        }
        if talking && self.extension.is_some() {
            return self.hand_over_consult(None, cx);
        }
        if self.is_consulting(leg) {
            return self.end_consult(cx);
        }
        self.line_gone(leg, cx);
        if talking && !self.hung_up_by_itself(leg, cx) {
            let by = match part {
                Some(Part::Third) => EndedBy::ThirdParty,
                _ => EndedBy::Seat,
            };
            self.end_because(by, EndReason::Completed, cause, cx);
        }
    }

    /// The caller's BYE was answered, or nobody will answer it.
    pub(super) fn caller_closed(&mut self) {
        if matches!(self.caller.signalling, CallerSignalling::Closing) {
            self.caller.signalling = CallerSignalling::Down;
        }
    }
}

pub(super) fn respond(tx: ServerTx, response: Outgoing, cx: &mut Cx<'_>) {
    cx.out.push(Output::Respond { tx, response });
}
