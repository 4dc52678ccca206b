//! Keys by INFO (RFC 6086, application/dtmf-relay): read from the peer, and sent to a peer that takes them so.

use super::output::{Cx, Output};
use super::state::{Leg, Parts};
use crate::config::Dtmf;
use crate::sip::{KeyPress, Message, Method, Outgoing, ServerTx, Status};

/// At most this many keys wait for the answer to the INFO of the one before; more are dropped. A number with its area code
/// has twelve.
const WAITING: usize = 32;

/// What an INFO may carry.
pub(super) const ACCEPT: &str = "application/dtmf-relay, application/dtmf";

impl Leg {
    /// An INFO inside the dialog: a key, a sign of life, or nothing we know.
    pub(super) fn informed(&mut self, tx: ServerTx, request: &Message, cx: &mut Cx<'_>) {
        let answer = |status: Status| Outgoing::response(request, status, None);
        if request.header("Info-Package").is_some() {
            // None is known, and so says an empty list (RFC 6086 section 4.2.2).
            return cx.respond(tx, answer(Status::BAD_INFO_PACKAGE).with("Recv-Info", ""));
        }
        match KeyPress::read(request) {
            Ok(press) => {
                cx.respond(tx, answer(Status::OK).with("Allow", self.conduct.allow()));
                if let Some(KeyPress { key, held }) = press {
                    cx.say(Output::KeyByInfo { key, held });
                }
            }
            Err(Status::UNSUPPORTED_MEDIA_TYPE) => {
                cx.respond(tx, answer(Status::UNSUPPORTED_MEDIA_TYPE).with("Accept", ACCEPT))
            }
            Err(status) => cx.respond(tx, answer(status)),
        }
    }

    /// The party this one hears pressed a key. A peer that takes keys by INFO gets it so; the others have it as an event
    /// (RFC 4733) from the media plane.
    pub fn press(&mut self, press: KeyPress, cx: &mut Cx<'_>) {
        let Some(Parts { media, conduct, .. }) = self.parts(None) else { return };
        let takes_events = media.agreed.is_some_and(|agreed| agreed.telephone_event.is_some());
        let by_info = conduct.peer.dtmf == Dtmf::Info || !takes_events && conduct.can.takes_info;
        if by_info && conduct.keys.len() <= WAITING {
            conduct.keys.push_back(press);
            if conduct.keys.len() == 1 {
                self.pass_key(cx);
            }
        }
    }

    /// Sends the INFO of the first key that waits. One at a time: two on their way at once may arrive in the wrong order, and
    /// the peer then refuses the first (RFC 3261 section 12.2.2).
    fn pass_key(&mut self, cx: &mut Cx<'_>) {
        let Some(Parts { dialog, conduct, .. }) = self.parts(None) else { return };
        let Some(press) = conduct.keys.front() else { return };
        let flow = dialog.flow();
        let request = dialog.request(Method::Info).body("application/dtmf-relay", press.relay_body());
        cx.request(flow, request);
    }

    /// An INFO of ours was answered: it is the next key's turn.
    pub(super) fn key_passed(&mut self, cx: &mut Cx<'_>) {
        if let Some(Parts { conduct, .. }) = self.parts(None) {
            conduct.keys.pop_front();
            self.pass_key(cx);
        }
    }

    /// An INFO of ours was never answered: the keys that wait come too late.
    pub(super) fn keys_lost(&mut self) {
        self.conduct.keys.clear();
    }
}
