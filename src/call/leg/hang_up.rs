//! How a leg ends from our side: by a final response, CANCEL or BYE, whichever its state asks for.

use super::conduct::Awaited;
use super::media::MediaSide;
use super::output::{Cx, Send};
use super::state::{Confirmed, Leg, Signalling};
use super::uac::Uac;
use crate::sip::{Cause, Dialog, Method, Outgoing, Status};

impl Leg {
    /// Ends the leg by BYE, CANCEL, a refusal or by never beginning, and gives its port back. A leg that is ending goes on
    /// ending.
    pub fn hang_up(&mut self, cause: Cause, cx: &mut Cx<'_>) {
        match std::mem::replace(&mut self.signalling, Signalling::Terminated) {
            Signalling::Inviting(Uac { sent: None, .. }) | Signalling::Terminated => {}
            // No dialog yet, so no BYE: a refusal ends the INVITE.
            invited @ Signalling::Invited(_) => {
                self.signalling = invited;
                self.reject(Status::TEMPORARILY_UNAVAILABLE, cx);
            }
            // The 2xx may be on its way: the leg stays until its final response (RFC 3261 section 9.1).
            Signalling::Inviting(uac) => {
                cx.send(Send::Cancel { reason: cause.header() });
                self.signalling = Signalling::Cancelling(uac);
            }
            // No BYE before the ACK of our 2xx (RFC 3261 section 15).
            Signalling::Confirmed(Confirmed { dialog, .. }) if self.conduct.ack != Awaited::Nothing => {
                self.signalling = Signalling::AwaitingAck { dialog, cause };
            }
            Signalling::Confirmed(Confirmed { dialog, .. }) => self.send_bye(dialog, cause, cx),
            ending @ (Signalling::Cancelling(_)
            | Signalling::AwaitingAck { .. }
            | Signalling::Closing { .. }) => self.signalling = ending,
        }
        self.close_media(cx);
    }

    /// Sends the BYE that waited for an ACK, now that it came or never will. Gives whether one waited.
    pub(super) fn hang_up_now(&mut self, cx: &mut Cx<'_>) -> bool {
        match std::mem::replace(&mut self.signalling, Signalling::Terminated) {
            Signalling::AwaitingAck { dialog, cause } => {
                self.send_bye(dialog, cause, cx);
                true
            }
            other @ Signalling::Inviting(_)
            | other @ Signalling::Invited(_)
            | other @ Signalling::Confirmed(_)
            | other @ Signalling::Cancelling(_)
            | other @ Signalling::Closing { .. }
            | other @ Signalling::Terminated => {
                self.signalling = other;
                false
            }
        }
    }

    fn send_bye(&mut self, mut dialog: Box<Dialog>, cause: Cause, cx: &mut Cx<'_>) {
        let (flow, bye) = (dialog.flow(), bye(&mut dialog, cause));
        cx.request(flow, bye);
        self.signalling = Signalling::Closing { dialog };
    }

    /// A BYE of ours was answered, or never will be.
    pub(super) fn bye_over(&mut self) {
        if matches!(self.signalling, Signalling::Closing { .. }) {
            self.signalling = Signalling::Terminated;
        }
    }

    /// Waits for nothing any more: the gateway is about to be gone.
    pub fn abandon(&mut self) {
        self.signalling = Signalling::Terminated;
        self.media.side = MediaSide::Closed;
    }

    /// Gives the port back.
    pub fn close_media(&mut self, cx: &mut Cx<'_>) {
        if let Some(close) = self.media.close() {
            cx.media(close);
        }
    }
}

fn bye(dialog: &mut Dialog, cause: Cause) -> Outgoing {
    let bye = dialog.request(Method::Bye);
    match cause.header() {
        Some(reason) => bye.with("Reason", reason),
        None => bye,
    }
}
