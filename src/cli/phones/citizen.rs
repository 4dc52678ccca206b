//! A citizen's call: dial, hear, hang up.

use super::{CitizenPlan, HangUp, Line, Output, PhoneEvent, Phones, Wake};
use crate::sdp::{self, Codec, Direction, Local, Security};
use crate::sip::{ClientTx, Dialog, Flow, Message, Method, Outgoing};
use crate::time::Now;

/// One citizen's call.
#[derive(Debug)]
pub(super) struct Citizen {
    plan: CitizenPlan,
    tag: String,
    /// Every transaction of this call, to forget at its end.
    sent: Vec<ClientTx>,
    state: State,
}

#[derive(Debug)]
enum State {
    Dialling { tx: ClientTx, invite: Box<Outgoing>, gives_up: bool },
    Talking { dialog: Box<Dialog> },
    HangingUp { dialog: Box<Dialog> },
}

impl Citizen {
    /// The dialog, once it is answered.
    pub(super) fn dialog(&mut self) -> Option<&mut Dialog> {
        match &mut self.state {
            State::Talking { dialog } => Some(dialog),
            State::Dialling { .. } | State::HangingUp { .. } => None,
        }
    }

    /// One more request of theirs.
    pub(super) fn sent(&mut self, tx: ClientTx) {
        self.sent.push(tx);
    }
}

impl Phones {
    /// A citizen dials.
    pub fn citizen_calls(&mut self, now: Now, plan: CitizenPlan, out: &mut Vec<Output>) -> Line {
        self.next += 1;
        let line = self.next;
        let tag = self.random.token();
        let flow = self.flow_to(self.gateway);
        let local = Local {
            address: plan.media.ip(),
            port: plan.media.port(),
            security: Security::Plain,
            session_id: line,
            version: 1,
        };
        let (number, host) = (&plan.number, self.local.ip());
        let invite = Outgoing::request(Method::Invite, format!("sip:{}@{}", plan.dials, self.gateway))
            .with("From", format!("\"{number}\" <sip:{number}@{host}>;tag={tag}"))
            .with("To", format!("<sip:{}@{}>", plan.dials, self.gateway))
            .with("Call-ID", format!("{}@{host}", self.random.token()))
            .with("CSeq", "1 INVITE")
            .with("Max-Forwards", "70")
            .with("Contact", self.contact(number))
            .body("application/sdp", sdp::offer(&local, &[Codec::Pcma, Codec::Pcmu], Direction::SendRecv));
        let tx = self.endpoint.request(now, flow, invite.clone(), &mut self.wire);
        if let HangUp::AfterDialling(patience) = plan.hangs_up {
            self.timers.set(Wake::HangUp(line), now.mono + patience);
        }
        self.by_client.insert(tx, line);
        self.by_tag.insert(tag.clone(), line);
        let state = State::Dialling { tx, invite: Box::new(invite), gives_up: false };
        self.citizens.insert(line, Citizen { plan, tag, sent: vec![tx], state });
        self.flush(out);
        line
    }

    pub(super) fn citizen_answered(
        &mut self,
        now: Now,
        line: Line,
        flow: Flow,
        response: &Message,
        out: &mut Vec<Output>,
    ) {
        let Some(status) = response.status() else { return };
        let Some(citizen) = self.citizens.get_mut(&line) else { return };
        match (&mut citizen.state, response.cseq().1) {
            (State::Dialling { invite, gives_up, .. }, Method::Invite) if status.is_success() => {
                let Some(dialog) = Dialog::uac(invite, flow, response) else { return };
                let gives_up = *gives_up;
                self.endpoint.send(dialog.flow(), dialog.ack(1), &mut self.wire);
                citizen.state = State::Talking { dialog: Box::new(dialog) };
                let media = sdp::parse(response.body()).ok().map(|d| d.rtp);
                out.push(Output::Event(PhoneEvent::Answered { line, media }));
                match citizen.plan.hangs_up {
                    HangUp::AfterAnswer(talk) => self.timers.set(Wake::HangUp(line), now.mono + talk),
                    // The CANCEL crossed the answer.
                    _ if gives_up => self.citizen_hangs_up(now, line, out),
                    HangUp::AfterDialling(_) | HangUp::Never => {}
                }
            }
            (State::Dialling { .. }, Method::Invite) if status.is_failure() => {
                self.citizen_over(line, PhoneEvent::Refused { line, status: status.code() }, out);
            }
            (State::Talking { dialog } | State::HangingUp { dialog }, Method::Invite)
                if !status.is_failure() =>
            {
                self.endpoint.send(dialog.flow(), dialog.ack(1), &mut self.wire);
            }
            (State::HangingUp { .. }, Method::Bye) if status.is_final() => {
                self.citizen_over(line, PhoneEvent::HungUp { line }, out);
            }
            _ => {}
        }
    }

    /// A citizen hangs up now, whatever they are doing.
    pub fn citizen_hangs_up(&mut self, now: Now, line: Line, out: &mut Vec<Output>) {
        let Some(citizen) = self.citizens.get_mut(&line) else { return };
        match &mut citizen.state {
            State::Dialling { tx, gives_up, .. } => {
                *gives_up = true;
                self.endpoint.cancel(now, *tx, None, &mut self.wire);
            }
            State::Talking { dialog } => {
                let mut dialog = dialog.clone();
                let (flow, bye) = (dialog.flow(), dialog.request(Method::Bye));
                let tx = self.endpoint.request(now, flow, bye, &mut self.wire);
                self.by_client.insert(tx, line);
                citizen.sent.push(tx);
                citizen.state = State::HangingUp { dialog };
            }
            State::HangingUp { .. } => {}
        }
        self.flush(out);
    }

    pub(super) fn citizen_over(&mut self, line: Line, told: PhoneEvent, out: &mut Vec<Output>) {
        let Some(citizen) = self.citizens.remove(&line) else { return };
        self.timers.cancel(Wake::HangUp(line));
        self.by_tag.remove(&citizen.tag);
        for tx in citizen.sent {
            self.by_client.remove(&tx);
        }
        out.push(Output::Event(told));
    }
}
