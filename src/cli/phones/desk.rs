//! What an operator does at a phone in the middle of a call: hold, hand on, hang up.

use super::{Line, Output, PhoneEvent, Phones};
use crate::sdp::{self, Codec, Direction, Local, Security};
use crate::sip::{Dialog, Message, Method};
use crate::time::Now;

impl Phones {
    /// A seat puts the other side on hold, or takes it back.
    pub fn seat_holds(&mut self, now: Now, line: Line, hold: bool, out: &mut Vec<Output>) {
        let Some(media) = self.seats.get(&line).map(|call| call.media()) else { return };
        self.next += 1;
        let version = self.next;
        let local = Local {
            address: media.ip(),
            port: media.port(),
            security: Security::Plain,
            session_id: line,
            version,
        };
        let direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
        let body = sdp::offer(&local, &[Codec::Pcma, Codec::Pcmu], direction);
        let Some(dialog) = self.dialog_on(line) else { return };
        let (flow, request) = (dialog.flow(), dialog.request(Method::Invite).body("application/sdp", body));
        let tx = self.endpoint.request(now, flow, request, &mut self.wire);
        self.by_client.insert(tx, line);
        self.flush(out);
    }

    /// An operator hands the other side of this line on to `to`, the value of a Refer-To.
    pub fn hands_on(&mut self, now: Now, line: Line, to: &str, out: &mut Vec<Output>) {
        let Some(dialog) = self.dialog_on(line) else { return };
        let (flow, request) = (dialog.flow(), dialog.request(Method::Refer).with("Refer-To", to));
        let tx = self.endpoint.request(now, flow, request, &mut self.wire);
        self.by_client.insert(tx, line);
        self.note_sent(line, tx);
        self.flush(out);
    }

    /// What a Refer-To on another line says to have this one replaced: `Replaces=…`, escaped as a URI wants it.
    pub fn replaces(&mut self, line: Line) -> Option<String> {
        let dialog = self.dialog_on(line)?;
        let id = dialog.call_id().replace('@', "%40");
        Some(format!("Replaces={id}%3Bto-tag%3D{}%3Bfrom-tag%3D{}", dialog.remote_tag(), dialog.local_tag()))
    }

    /// The dialog of a line that talks.
    fn dialog_on(&mut self, line: Line) -> Option<&mut Dialog> {
        match self.seats.get_mut(&line) {
            Some(call) => call.dialog(),
            None => self.citizens.get_mut(&line)?.dialog(),
        }
    }

    /// A response to what an operator asked for in a call.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the methods an operator uses")]
    pub(super) fn desk_answered(&mut self, line: Line, response: &Message, out: &mut Vec<Output>) {
        let (Some(status), (cseq, method)) = (response.status(), response.cseq()) else { return };
        if status.is_provisional() {
            return;
        }
        match method {
            Method::Invite if !status.is_failure() => {
                let Some(dialog) = self.dialog_on(line) else { return };
                let (flow, ack) = (dialog.flow(), dialog.ack(cseq));
                self.endpoint.send(flow, ack, &mut self.wire);
            }
            Method::Refer => out.push(Output::Event(PhoneEvent::HandedOn { line, status: status.code() })),
            _ => {}
        }
    }

    /// What a NOTIFY says became of a REFER.
    pub(super) fn notified(&mut self, line: Line, notify: &Message, out: &mut Vec<Output>) {
        let status =
            std::str::from_utf8(notify.body()).ok().and_then(|text| text.split(' ').nth(1)?.parse().ok());
        out.push(Output::Event(PhoneEvent::Notified { line, status: status.unwrap_or_default() }));
    }
}
