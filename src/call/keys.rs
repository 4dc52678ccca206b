//! Keys pressed during the call, whichever way they come: as RFC 4733 events in the audio or as INFO, and how they
//! reach the other side in the way that side wants.

use super::inputs::Output;
use super::machine::{Call, Stage};
use super::reoffer::Parts;
use super::requests::respond;
use super::story::Cx;
use super::third_party::{Extension, Purpose, Reach};
use crate::config::Dtmf;
use crate::id::LegId;
use crate::media;
use crate::sip::{KeyPress, Message, Method, Outgoing, ServerTx};

/// At most this many INFOs of one leg wait for their answer; a key pressed past them is lost. Nobody presses more in
/// the half second after which a request that got lost is repeated.
const UNANSWERED: u8 = 8;

/// What an INFO may carry.
pub(super) const ACCEPT: &str = "application/dtmf-relay, application/dtmf";

/// Which way a key came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In the audio; the media plane passes it on by itself to a leg that takes it so.
    Audio,
    /// By INFO.
    Signalling,
}

impl Call {
    /// An INFO inside the dialog of `leg`: a key, a sign of life, or nothing we know.
    pub(super) fn informed(&mut self, leg: LegId, tx: ServerTx, request: &Message, cx: &mut Cx<'_>) {
        let answer = |status| Outgoing::response(request, status, None);
        if request.header("Info-Package").is_some() {
            // None is known, and so says an empty list (RFC 6086 section 4.2.2).
            return respond(tx, answer(469).with("Recv-Info", ""), cx);
        }
        match KeyPress::read(request) {
            Ok(press) => {
                respond(tx, answer(200).with("Allow", self.allow(leg)), cx);
                if let Some(press) = press {
                    self.key_pressed(leg, press, Way::Signalling, cx);
                }
            }
            Err(415) => respond(tx, answer(415).with("Accept", ACCEPT), cx),
            Err(status) => respond(tx, answer(status), cx),
        }
    }

    /// A key was pressed on `leg`: the other side of the conversation gets it, in its way.
    pub(super) fn key_pressed(&mut self, leg: LegId, press: KeyPress, way: Way, cx: &mut Cx<'_>) {
        let Some(other) = self.hears(leg) else { return };
        let Some(Parts { dialog, media, conduct }) = self.parts_of(other, None) else { return };
        let takes_events = media.agreed.is_some_and(|agreed| agreed.telephone_event.is_some());
        let by_info = conduct.peer.dtmf == Dtmf::Info || !takes_events && conduct.can.takes_info;
        if by_info {
            if conduct.keys_out < UNANSWERED {
                conduct.keys_out += 1;
                let flow = dialog.flow();
                let request = dialog.request(Method::Info).body("application/dtmf-relay", press.relay_body());
                cx.out.push(Output::Request { leg: other, flow, request });
            }
        } else if way == Way::Signalling && takes_events {
            let KeyPress { key, held } = press;
            cx.out.push(Output::Media(media::Command::Press { leg: other, key, held }));
        }
    }

    /// An INFO of ours was answered, or never will be.
    pub(super) fn key_passed(&mut self, leg: LegId) {
        if let Some(Parts { conduct, .. }) = self.parts_of(leg, None) {
            conduct.keys_out = conduct.keys_out.saturating_sub(1);
        }
    }

    /// Who hears `leg` now.
    fn hears(&self, leg: LegId) -> Option<LegId> {
        if let Some(Extension {
            purpose: Purpose::Consult { asker }, reach: Reach::Up { leg: third }, ..
        }) = &self.extension
        {
            match leg {
                leg if leg == *asker => return Some(*third),
                leg if leg == *third => return Some(*asker),
                _ => {}
            }
        }
        match self.stage {
            Stage::Connected { leg: seat, hold: None, .. } if leg == self.caller.id => Some(seat),
            Stage::Connected { leg: seat, hold: None, .. } if leg == seat => Some(self.caller.id),
            _ => None,
        }
    }
}
