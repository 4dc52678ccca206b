//! A seat's phone: ring, answer or not, hang up or not.

use super::{Line, Output, PhoneEvent, Phones, SeatPlan, Wake, WhenRung};
use crate::sdp::{self, Codec, Direction, Local, Security};
use crate::sip::{Dialog, Flow, Message, Method, Outgoing, ServerTx, Status, Uri};
use crate::time::{Duration, Now};

/// One call at a seat.
#[derive(Debug)]
pub(super) struct SeatCall {
    seat: String,
    plan: SeatPlan,
    tag: String,
    flow: Flow,
    tx: ServerTx,
    state: State,
}

#[derive(Debug)]
enum State {
    Ringing { invite: Message },
    Answered { dialog: Box<Dialog>, media: Option<std::net::SocketAddr> },
    Talking { dialog: Box<Dialog> },
}

impl SeatCall {
    /// Where it takes RTP.
    pub(super) fn media(&self) -> std::net::SocketAddr {
        self.plan.media
    }

    /// The dialog, once it is answered.
    pub(super) fn dialog(&mut self) -> Option<&mut Dialog> {
        match &mut self.state {
            State::Answered { dialog, .. } | State::Talking { dialog } => Some(dialog),
            State::Ringing { .. } => None,
        }
    }
}

impl Phones {
    /// A seat with a phone behind this address, and what it does with its calls from now on.
    pub fn seat(&mut self, seat: &str, plan: SeatPlan) {
        self.plans.insert(seat.to_owned(), plan);
    }

    pub(super) fn seat_rings(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        invite: &Message,
        out: &mut Vec<Output>,
    ) {
        let seat = Uri::parse(invite.uri()).ok().and_then(|u| u.user_text()).unwrap_or_default();
        let tag = self.random.token();
        let Some(plan) = self.plans.get(&seat).cloned() else {
            let response = Outgoing::response(invite, Status::NOT_FOUND, Some(&tag));
            return self.endpoint.respond(now, tx, response, &mut self.wire);
        };
        match plan.when_rung {
            WhenRung::IsDead => return self.endpoint.forget(tx),
            WhenRung::Refuses(status) => {
                let response = Outgoing::response(invite, status.into(), Some(&tag));
                return self.endpoint.respond(now, tx, response, &mut self.wire);
            }
            WhenRung::Answers(_) | WhenRung::Rings => {}
        }
        self.next += 1;
        let line = self.next;
        let ringing =
            Outgoing::response(invite, Status::RINGING, Some(&tag)).with("Contact", self.contact(&seat));
        self.endpoint.respond(now, tx, ringing, &mut self.wire);
        out.push(Output::Event(PhoneEvent::Rings {
            line,
            seat: seat.clone(),
            number: invite.from().parsed_uri().ok().and_then(|u| u.user_text()).unwrap_or_default(),
            display: invite.from().display_text(),
            call: invite
                .header("X-Hotline-Call-Id")
                .map(|v| String::from_utf8_lossy(v).into_owned())
                .unwrap_or_default(),
        }));
        if let WhenRung::Answers(after) = plan.when_rung {
            self.timers.set(Wake::Answer(line), now.mono + after);
        }
        if let Some(seconds) = invite.number("Expires") {
            self.timers.set(Wake::InviteExpires(line), now.mono + Duration::from_secs(seconds.into()));
        }
        self.by_tag.insert(tag.clone(), line);
        self.by_server.insert(tx, line);
        let state = State::Ringing { invite: invite.clone() };
        self.seats.insert(line, SeatCall { seat, plan, tag, flow, tx, state });
    }

    /// A seat answers the call that rings.
    pub fn seat_picks_up(&mut self, now: Now, line: Line, out: &mut Vec<Output>) {
        let Some(call) = self.seats.get(&line) else { return };
        let State::Ringing { invite } = &call.state else { return };
        let contact = self.contact(&call.seat);
        let local = Local {
            address: call.plan.media.ip(),
            port: call.plan.media.port(),
            security: Security::Plain,
            session_id: line,
            version: 1,
        };
        let answered = sdp::parse(invite.body()).ok().and_then(|offer| {
            sdp::answer(&offer, &local, &[Codec::Pcma, Codec::Pcmu], Direction::SendRecv).ok()
        });
        let dialog = Dialog::uas(invite, call.flow, &call.tag, &contact);
        let (Some((body, agreed)), Some(dialog)) = (answered, dialog) else {
            let response = Outgoing::response(invite, Status::NOT_ACCEPTABLE_HERE, Some(&call.tag));
            self.endpoint.respond(now, call.tx, response, &mut self.wire);
            return self.seat_over(line, out);
        };
        let response = Outgoing::response(invite, Status::OK, Some(&call.tag))
            .with("Contact", contact)
            .body("application/sdp", body);
        let (tx, talks) = (call.tx, call.plan.talks);
        if let Some(call) = self.seats.get_mut(&line) {
            call.state = State::Answered { dialog: Box::new(dialog), media: Some(agreed.rtp) };
        }
        self.endpoint.respond(now, tx, response, &mut self.wire);
        if let Some(talks) = talks {
            self.timers.set(Wake::SeatHangUp(line), now.mono + talks);
        }
        self.flush(out);
    }

    pub(super) fn seat_acked(&mut self, line: Line, out: &mut Vec<Output>) {
        let Some(call) = self.seats.get_mut(&line) else { return };
        if let State::Answered { dialog, media } = &call.state {
            out.push(Output::Event(PhoneEvent::Talks { line, seat: call.seat.clone(), media: *media }));
            call.state = State::Talking { dialog: dialog.clone() };
        }
    }

    pub(super) fn seat_cancelled(&mut self, now: Now, line: Line, out: &mut Vec<Output>) {
        let Some(call) = self.seats.get(&line) else { return };
        let State::Ringing { invite } = &call.state else { return };
        let response = Outgoing::response(invite, Status::REQUEST_TERMINATED, Some(&call.tag));
        self.endpoint.respond(now, call.tx, response, &mut self.wire);
        out.push(Output::Event(PhoneEvent::TakenBack { line, seat: call.seat.clone() }));
        self.seat_over(line, out);
    }

    /// A seat hangs up the call it talks on.
    pub fn seat_hangs_up(&mut self, now: Now, line: Line, out: &mut Vec<Output>) {
        let Some(call) = self.seats.get_mut(&line) else { return };
        if let State::Answered { dialog, .. } | State::Talking { dialog } = &mut call.state {
            let (flow, bye) = (dialog.flow(), dialog.request(Method::Bye));
            self.endpoint.request(now, flow, bye, &mut self.wire);
            self.seat_over(line, out);
        }
        self.flush(out);
    }

    pub(super) fn seat_over(&mut self, line: Line, out: &mut Vec<Output>) {
        let Some(call) = self.seats.remove(&line) else { return };
        self.timers.cancel(Wake::Answer(line));
        self.timers.cancel(Wake::SeatHangUp(line));
        self.timers.cancel(Wake::InviteExpires(line));
        self.by_tag.remove(&call.tag);
        self.by_server.remove(&call.tx);
        out.push(Output::Event(PhoneEvent::SeatFree { line, seat: call.seat }));
    }
}
