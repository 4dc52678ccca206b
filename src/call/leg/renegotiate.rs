//! What we ask a peer inside its dialog: a refresh, a new offer, a changed identity. It goes out by UPDATE or re-INVITE, one
//! at a time, at most one more waiting, and with the back-off that a glare asks for (RFC 3261 section 14.1).

use super::conduct::Awaited;
use super::description::described;
use super::liveness::Loss;
use super::output::{Cx, Output};
use super::renegotiation::{Change, Out, Pending};
use super::state::{Began, Confirmed, Leg, Parts, Signalling};
use crate::id::Random;
use crate::sdp::{self, Negotiated, Offered};
use crate::sip::session_timer::RefreshFailed;
use crate::sip::{Message, Method, Status};
use crate::time::Duration;

/// A request that met a glare or a busy peer so often is dropped: the leg goes on as it was.
const TRIES: u8 = 5;

/// The longest a Retry-After inside a dialog is obeyed.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How long to wait after a 491, in steps of 10 ms: the side that made the Call-ID 2.1 to 4 s, the other 0 to 2 s (RFC 3261
/// section 14.1).
fn glare_wait(began: Began, random: &mut Random) -> Duration {
    let steps = match began {
        Began::ByUs => 210 + random.below(191),
        Began::ByPeer => random.below(201),
    };
    Duration::from_millis(steps * 10)
}

impl Leg {
    /// Asks the peer as soon as its dialog allows. Two requests that wait become one.
    pub fn offer(&mut self, pending: Pending, cx: &mut Cx<'_>) {
        if let Some(parts) = self.parts(None) {
            parts.conduct.renegotiation.queue(pending);
            self.send_pending(cx);
        }
    }

    /// Sends what waits, if nothing stands in its way: the dialog is confirmed, and no INVITE of either side is open.
    pub fn send_pending(&mut self, cx: &mut Cx<'_>) {
        if !self.is_up() {
            return;
        }
        let Some(Parts { dialog, media, conduct }) = self.parts(None) else { return };
        // No INVITE while one is open in either direction (RFC 3261 section 14.1): that of the peer is until its ACK.
        if conduct.ack != Awaited::Nothing {
            return;
        }
        let Some(asked) = conduct.renegotiation.take() else { return };
        let method = match asked.change {
            // Without an offer UPDATE refreshes and touches no media (RFC 4028 section 7.4).
            Change::Probe | Change::Refresh if conduct.can.update => Method::Update,
            Change::Probe | Change::Refresh | Change::Offer => Method::Invite,
        };
        let flow = dialog.flow();
        let description = match (&method, asked.change) {
            (Method::Update, _) => None,
            (_, Change::Probe | Change::Refresh) => media.said_again(cx.rules, flow),
            (_, Change::Offer) => {
                let codecs = media.codecs();
                media.offer(cx.rules, flow, &codecs)
            }
        };
        // The port is not ours yet, and an INVITE without a description would ask the peer for an offer.
        if method == Method::Invite && description.is_none() {
            return;
        }
        let request = dialog.request(method.clone()).with("Allow", conduct.allow());
        let mut request = request.with("Supported", conduct.extensions());
        for (name, value) in conduct.timer.refresh() {
            request = request.with(name, value);
        }
        for (name, value) in &asked.headers {
            request = request.set(name, value);
        }
        let cseq = request.cseq();
        let mut offered = None;
        if let Some((body, offer)) = description {
            request = request.body("application/sdp", body);
            offered = Some(offer);
        }
        conduct.renegotiation.out = Out::Sent { asked, method, cseq, offered };
        cx.request(flow, request);
    }

    /// A response to the request that is out. Gives whether it was one.
    pub(super) fn renegotiated(&mut self, response: &Message, status: Status, cx: &mut Cx<'_>) -> bool {
        let (cseq, method) = response.cseq();
        let Some(Parts { dialog, conduct, .. }) = self.parts(None) else { return false };
        let is_its = matches!(&conduct.renegotiation.out,
            Out::Sent { method: sent, cseq: out, .. } if (*out, sent) == (cseq, method));
        if !is_its || status.is_provisional() {
            return is_its;
        }
        if !status.is_failure() && *method == Method::Invite {
            cx.ack(dialog, response);
        }
        let out = std::mem::take(&mut conduct.renegotiation.out);
        let Out::Sent { asked, offered, .. } = out else { return true };
        if !status.is_failure() {
            dialog.refreshed(response);
            conduct.learn(response);
            conduct.timer.answered(cx.now.mono, response);
            self.on_accepted(offered, response, cx);
            if asked.change == Change::Probe {
                self.probe_answered(status, cx);
            }
        } else if asked.change == Change::Probe {
            self.on_probe_rejected(response, status, cx);
        } else {
            self.on_rejected(asked, response, status, cx);
        }
        self.send_pending(cx);
        true
    }

    /// The peer took our offer, and says what it makes of it. One it makes nothing of leaves the media as it is.
    fn on_accepted(&mut self, offered: Option<Offered>, response: &Message, cx: &mut Cx<'_>) {
        let Some(offered) = offered else { return };
        let Some(Parts { dialog, .. }) = self.parts(None) else { return };
        let answer = described(response, dialog.flow()).and_then(|a| sdp::accepted(&offered, &a).ok());
        if let Some(agreed) = answer {
            self.agree(agreed, cx);
        }
    }

    /// A probe is not asked again: a peer that refuses it is there, unless it says that it knows no such dialog.
    fn on_probe_rejected(&mut self, response: &Message, status: Status, cx: &mut Cx<'_>) {
        match status {
            // For the peer the dialog is over, and so it is for us (RFC 3261 section 12.2.1.2).
            Status::NO_SUCH_CALL => {
                self.forget_probe();
                return cx.say(Output::Lost { loss: Loss::Forgotten, status: Some(status) });
            }
            Status::SESSION_INTERVAL_TOO_SMALL => {
                let _ = self.conduct.timer.too_small(response);
            }
            Status::METHOD_NOT_ALLOWED | Status::NOT_IMPLEMENTED if *response.cseq().1 == Method::Update => {
                self.conduct.can.update = false;
            }
            _ => {}
        }
        self.probe_answered(status, cx);
    }

    fn on_rejected(&mut self, mut asked: Pending, response: &Message, status: Status, cx: &mut Cx<'_>) {
        let Signalling::Confirmed(Confirmed { began, .. }) = self.signalling else { return };
        let conduct = &mut self.conduct;
        asked.tries += 1;
        let again = asked.tries < TRIES;
        let wait = match status {
            // 491: both sides offered at once, and wait for different times (RFC 3261 section 14.1).
            Status::REQUEST_PENDING if again => glare_wait(began, cx.random),
            // 422 names the shortest interval the peer takes (RFC 4028 section 6).
            Status::SESSION_INTERVAL_TOO_SMALL if again && conduct.timer.too_small(response) => {
                Duration::ZERO
            }
            // The peer named UPDATE in Allow and refuses it: a re-INVITE does the same.
            Status::METHOD_NOT_ALLOWED | Status::NOT_IMPLEMENTED
                if again && *response.cseq().1 == Method::Update =>
            {
                conduct.can.update = false;
                Duration::ZERO
            }
            Status::SERVER_INTERNAL_ERROR | Status::SERVICE_UNAVAILABLE
                if again && response.header("Retry-After").is_some() =>
            {
                let seconds = response.number("Retry-After").unwrap_or(1);
                Duration::from_secs(seconds.into()).min(LONGEST_WAIT)
            }
            _ => {
                let is_refresh = asked.change == Change::Refresh;
                // 408 and 481 end the dialog (RFC 3261 section 12.2.1.2); other failures leave it as it was.
                if matches!(status, Status::REQUEST_TIMEOUT | Status::NO_SUCH_CALL)
                    || is_refresh && conduct.timer.failed(cx.now.mono, Some(status)) == RefreshFailed::Gone
                {
                    cx.say(Output::Lost { loss: Loss::Unresponsive, status: Some(status) });
                }
                return;
            }
        };
        let until = (!wait.is_zero()).then(|| cx.now.mono + wait);
        conduct.renegotiation.back_off(until, asked);
    }

    /// The request that was out never got there. That counts as a 503 (RFC 3261 section 8.1.3.1) and leaves the call as it
    /// was; a session timer is tried again while it has time.
    pub(super) fn renegotiation_unsent(&mut self, cx: &mut Cx<'_>) {
        let Some(Parts { conduct, .. }) = self.parts(None) else { return };
        match std::mem::take(&mut conduct.renegotiation.out) {
            Out::Sent { asked: Pending { change: Change::Refresh, .. }, .. } => {
                let _ = conduct.timer.failed(cx.now.mono, Some(Status::SERVICE_UNAVAILABLE));
            }
            Out::Sent { asked: Pending { change: Change::Probe, .. }, .. } => self.probe_unanswered(cx),
            Out::Sent { asked: Pending { change: Change::Offer, .. }, .. }
            | Out::Idle
            | Out::BackOff { .. } => {}
        }
        self.send_pending(cx);
    }

    /// What was agreed anew, in the media plane and for the hold it may mean.
    pub(super) fn agree(&mut self, agreed: Negotiated, cx: &mut Cx<'_>) {
        cx.media(self.media.agree(agreed));
        cx.say(Output::DirectionChanged(agreed.direction));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Random;

    #[test]
    fn the_side_that_made_the_call_id_waits_longer_after_a_glare() {
        let mut random = Random::from_number(1);
        for _ in 0..1000 {
            let ours = glare_wait(Began::ByUs, &mut random).as_millis();
            assert!((2_100..=4_000).contains(&ours) && ours.is_multiple_of(10), "{ours}");
            let theirs = glare_wait(Began::ByPeer, &mut random).as_millis();
            assert!(theirs <= 2_000 && theirs.is_multiple_of(10), "{theirs}");
        }
    }
}
