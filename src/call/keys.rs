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

/// At most this many keys wait for the answer to the INFO of the one before; more are dropped. A number with its area code
/// has twelve.
const WAITING: usize = 32;

/// What an INFO may carry.
pub(super) const ACCEPT: &str = "application/dtmf-relay, application/dtmf";

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
                // The media plane hears what comes in the audio, and tells one press from two.
                if let (Some(KeyPress { key, held }), Some(_)) = (press, self.hears(leg)) {
                    cx.out.push(Output::Media(media::Command::Pressed { leg, key, held }));
                }
            }
            Err(415) => respond(tx, answer(415).with("Accept", ACCEPT), cx),
            Err(status) => respond(tx, answer(status), cx),
        }
    }

    /// A key was pressed on `leg`, as the media plane understood it: the other side of the conversation gets it by INFO if it
    /// takes keys so. As events it has it from the media plane.
    pub(super) fn key_pressed(&mut self, leg: LegId, press: KeyPress, cx: &mut Cx<'_>) {
        let Some(other) = self.hears(leg) else { return };
        let Some(Parts { media, conduct, .. }) = self.parts_of(other, None) else { return };
        let takes_events = media.agreed.is_some_and(|agreed| agreed.telephone_event.is_some());
        let by_info = conduct.peer.dtmf == Dtmf::Info || !takes_events && conduct.can.takes_info;
        if by_info && conduct.keys.len() <= WAITING {
            conduct.keys.push_back(press);
            if conduct.keys.len() == 1 {
                self.pass_key(other, cx);
            }
        }
    }

    /// Sends the INFO of the first key that waits. One at a time: two on their way at once may arrive the wrong way round, and
    /// the peer then refuses the first (RFC 3261 section 12.2.2).
    fn pass_key(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        let Some(Parts { dialog, conduct, .. }) = self.parts_of(leg, None) else { return };
        let Some(press) = conduct.keys.front() else { return };
        let flow = dialog.flow();
        let request = dialog.request(Method::Info).body("application/dtmf-relay", press.relay_body());
        cx.out.push(Output::Request { leg, flow, request });
    }

    /// An INFO of ours was answered: it is the next key's turn.
    pub(super) fn key_passed(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if let Some(Parts { conduct, .. }) = self.parts_of(leg, None) {
            conduct.keys.pop_front();
            self.pass_key(leg, cx);
        }
    }

    /// An INFO of ours was never answered: the keys that wait come too late.
    pub(super) fn keys_lost(&mut self, leg: LegId) {
        if let Some(Parts { conduct, .. }) = self.parts_of(leg, None) {
            conduct.keys.clear();
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
