//! What we ask a peer inside its dialog: a refresh, a new offer, a changed identity — by UPDATE or re-INVITE, one at a
//! time, at most one more waiting, and with the back-off that a glare asks for (RFC 3261 section 14.1).

use super::conduct::Awaited;
use super::hold;
use super::inputs::Output;
use super::machine::Call;
use super::presenting::send_ack;
use super::seat_leg::{SeatLeg, SeatSignalling};
use super::story::Cx;
use super::{agreement::Agreement, arrival, conduct::Conduct};
use crate::event::SeatReason;
use crate::event::{EndReason, EndedBy};
use crate::id::{LegId, Random};
use crate::sdp::{self, Offered};
use crate::sip::session_timer::Failed;
use crate::sip::{Dialog, Message, Method};
use crate::time::{Duration, Mono};

/// An ask that met a glare or a busy peer so often is dropped: whoever wanted it has a state to fall back to.
const TRIES: u8 = 5;

/// The longest a Retry-After inside a dialog is obeyed.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What the peer is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What for.
    pub what: Wanted,
    /// Headers that go with it, for instance a changed P-Asserted-Identity. They replace those of the same name.
    pub headers: Vec<(&'static str, String)>,
    tries: u8,
}

/// What an ask is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// A sign of life, or new headers; the media stays as it is.
    Refresh,
    /// A new description of our side, with the direction the leg's [`Agreement`] wishes for.
    Offer,
}

impl Ask {
    /// A refresh.
    pub fn refresh() -> Ask {
        Ask { what: Wanted::Refresh, headers: Vec::new(), tries: 0 }
    }

    /// A new offer.
    pub fn offer() -> Ask {
        Ask { what: Wanted::Offer, headers: Vec::new(), tries: 0 }
    }

    /// The same with a header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Ask {
        self.headers.push((name, value));
        self
    }

    /// One ask for what two wanted; the newer one's headers count.
    fn and(self, newer: Ask) -> Ask {
        let mut headers = self.headers;
        headers.retain(|(name, _)| newer.headers.iter().all(|(n, _)| n != name));
        headers.extend(newer.headers);
        Ask { what: self.what.max(newer.what), headers, tries: self.tries.min(newer.tries) }
    }
}

/// What is being asked on one leg.
#[derive(Debug, Default)]
pub struct Reoffer {
    out: Out,
    waiting: Option<Ask>,
}

#[derive(Debug, Default)]
enum Out {
    /// Nothing.
    #[default]
    Idle,
    /// A request is out.
    Asked { ask: Ask, method: Method, cseq: u32, offered: Option<Offered> },
    /// After a glare.
    BackOff { until: Mono },
}

impl Reoffer {
    fn queue(&mut self, ask: Ask) {
        self.waiting = Some(match self.waiting.take() {
            Some(older) => older.and(ask),
            None => ask,
        });
    }

    fn take(&mut self) -> Option<Ask> {
        if matches!(self.out, Out::Idle) { self.waiting.take() } else { None }
    }

    /// Whether an INVITE of ours waits for its answer.
    pub fn is_inviting(&self) -> bool {
        matches!(self.out, Out::Asked { method: Method::Invite, .. })
    }

    /// Whether an offer of ours waits for its answer.
    pub fn has_offered(&self) -> bool {
        matches!(self.out, Out::Asked { offered: Some(_), .. })
    }

    /// Whether the request with this CSeq number is what was asked.
    pub fn is_asked(&self, cseq: u32) -> bool {
        matches!(self.out, Out::Asked { cseq: asked, .. } if asked == cseq)
    }

    /// What was asked by this CSeq number goes by another one.
    fn renumber(&mut self, from: u32, to: u32) {
        if let Out::Asked { cseq, .. } = &mut self.out
            && *cseq == from
        {
            *cseq = to;
        }
    }

    fn back_off(&mut self, until: Mono, ask: Ask) {
        self.out = Out::BackOff { until };
        let newer = self.waiting.take();
        self.waiting = Some(match newer {
            Some(newer) => ask.and(newer),
            None => ask,
        });
    }

    /// When the back-off is over.
    pub fn poll_timeout(&self) -> Option<Mono> {
        match self.out {
            Out::BackOff { until } => Some(until),
            Out::Idle | Out::Asked { .. } => None,
        }
    }

    /// Whether the back-off is over now; said once.
    pub fn handle_timeout(&mut self, now: Mono) -> bool {
        let over = matches!(self.out, Out::BackOff { until } if until <= now);
        if over {
            self.out = Out::Idle;
        }
        over
    }
}

/// How long to wait after a 491, in steps of 10 ms: who made the Call-ID 2.1 to 4 s, the other 0 to 2 s (RFC 3261
/// section 14.1).
pub fn glare_wait(made_call_id: bool, random: &mut Random) -> Duration {
    let steps = if made_call_id { 210 + random.below(191) } else { random.below(201) };
    Duration::from_millis(steps * 10)
}

/// What belongs to a leg while it has a dialog.
pub(super) struct Parts<'a> {
    pub dialog: &'a mut Dialog,
    pub media: &'a mut Agreement,
    pub conduct: &'a mut Conduct,
}

impl Call {
    /// Asks the peer of `leg` as soon as its dialog allows. Two asks that wait become one.
    pub(super) fn ask(&mut self, leg: LegId, ask: Ask, cx: &mut Cx<'_>) {
        if let Some(parts) = self.parts_of(leg, None) {
            parts.conduct.reoffer.queue(ask);
            self.ask_next(leg, cx);
        }
    }

    /// Sends what waits, if nothing stands in its way: the dialog is confirmed, and no INVITE of either side is open.
    pub(super) fn ask_next(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        if !self.is_up(leg) {
            return;
        }
        let Some(Parts { dialog, media, conduct }) = self.parts_of(leg, None) else { return };
        if conduct.ack != Awaited::Nothing {
            return;
        }
        let Some(ask) = conduct.reoffer.take() else { return };
        let method = match ask.what {
            Wanted::Refresh if conduct.can.update => Method::Update,
            _ => Method::Invite,
        };
        let flow = dialog.flow();
        let described = match (&method, ask.what) {
            (Method::Update, _) => None,
            (_, Wanted::Refresh) => media.said_again(cx.rules, flow),
            (_, Wanted::Offer) => {
                let codecs = media.codecs_like(&conduct.peer);
                media.offer(cx.rules, flow, &codecs)
            }
        };
        if method == Method::Invite && described.is_none() {
            return;
        }
        let request = dialog.request(method.clone()).with("Allow", conduct.allow());
        let mut request = request.with("Supported", conduct.extensions());
        for (name, value) in conduct.timer.refresh() {
            request = request.with(name, value);
        }
        for (name, value) in &ask.headers {
            request = request.set(name, value);
        }
        let cseq = request.cseq();
        let mut offered = None;
        if let Some((body, said)) = described {
            request = request.body("application/sdp", body);
            offered = Some(said);
        }
        conduct.reoffer.out = Out::Asked { ask, method, cseq, offered };
        cx.out.push(Output::Request { leg, flow, request });
    }

    /// A response to what we asked on `leg`. Gives whether it was one.
    pub(super) fn asked(&mut self, leg: LegId, response: &Message, cx: &mut Cx<'_>) -> bool {
        let Some(status) = response.status() else { return false };
        let (cseq, method) = response.cseq();
        let Some(Parts { dialog, conduct, .. }) = self.parts_of(leg, None) else { return false };
        let Out::Asked { method: asked, cseq: out, .. } = &conduct.reoffer.out else { return false };
        if (*out, asked) != (cseq, method) {
            return false;
        }
        if status < 200 {
            return true;
        }
        if status < 300 && *method == Method::Invite {
            send_ack(leg, dialog, response, cx);
        }
        let Out::Asked { ask, offered, .. } = std::mem::take(&mut conduct.reoffer.out) else { return true };
        if status < 300 {
            dialog.refreshed(response);
            conduct.learn(response);
            conduct.timer.answered(cx.now.mono, response);
            self.settled(leg, offered, response, cx);
        } else {
            self.declined(leg, ask, response, status, cx);
        }
        self.ask_next(leg, cx);
        true
    }

    /// A request of ours with this CSeq number is to be sent again, with the password its `response` asks for: the number
    /// it goes by from here on. `None` when nobody wants it any more.
    pub fn asks_again(&mut self, leg: LegId, response: &Message, cseq: u32) -> Option<u32> {
        let seat = self.seats.iter_mut().find(|s| s.id == leg);
        if *response.cseq().1 == Method::Invite
            && let Some(SeatLeg { signalling: SeatSignalling::Inviting { invite, .. }, early, .. }) = seat
        {
            let next = invite.cseq() + 1;
            **invite = invite.as_ref().clone().set("CSeq", format!("{next} INVITE"));
            early.clear();
            return Some(next);
        }
        if let Some(Parts { dialog, conduct, .. }) = self.parts_of(leg, response.to_tag()) {
            let next = dialog.next_number();
            conduct.reoffer.renumber(cseq, next);
            return Some(next);
        }
        // Of a leg that closes the BYE alone is still wanted.
        (*response.cseq().1 == Method::Bye).then_some(cseq + 1)
    }

    /// The peer took our offer, and says what it makes of it. One it makes nothing of leaves the media as it is.
    fn settled(&mut self, leg: LegId, offered: Option<Offered>, response: &Message, cx: &mut Cx<'_>) {
        let Some(offered) = offered else { return };
        let Some(Parts { dialog, .. }) = self.parts_of(leg, None) else { return };
        let answer =
            arrival::described(response, dialog.flow()).and_then(|a| sdp::accepted(&offered, &a).ok());
        if let Some(agreed) = answer {
            self.agree(leg, agreed, cx);
        }
    }

    /// What was agreed anew on `leg`, in the media plane and for the hold it may mean.
    pub(super) fn agree(&mut self, leg: LegId, agreed: sdp::Negotiated, cx: &mut Cx<'_>) {
        let Some(media) = self.media_of(leg) else { return };
        cx.out.push(Output::Media(media.agree(agreed)));
        hold::follow_direction(self, leg, agreed.direction, cx);
    }

    fn declined(&mut self, leg: LegId, mut ask: Ask, response: &Message, status: u16, cx: &mut Cx<'_>) {
        let made_call_id = self.made_call_id(leg);
        let Some(Parts { conduct, .. }) = self.parts_of(leg, None) else { return };
        ask.tries += 1;
        let again = ask.tries < TRIES;
        let wait = match status {
            491 if again => glare_wait(made_call_id, cx.random),
            422 if again && conduct.timer.too_small(response) => Duration::ZERO,
            405 | 501 if again && *response.cseq().1 == Method::Update => {
                conduct.can.update = false;
                Duration::ZERO
            }
            500 | 503 if again && response.header("Retry-After").is_some() => {
                let seconds = response.number("Retry-After").unwrap_or(1);
                Duration::from_secs(seconds.into()).min(LONGEST_WAIT)
            }
            _ => {
                if matches!(status, 408 | 481)
                    || ask.what == Wanted::Refresh
                        && conduct.timer.failed(cx.now.mono, Some(status)) == Failed::Gone
                {
                    self.peer_gone(leg, Some(status), cx);
                }
                return;
            }
        };
        conduct.reoffer.back_off(cx.now.mono + wait, ask);
        if wait.is_zero() {
            conduct.reoffer.out = Out::Idle;
        }
    }

    /// What we asked on `leg` never got there. That counts as a 503 (RFC 3261 section 8.1.3.1) and leaves the call as it
    /// was; a session timer is tried again while it has time.
    pub(super) fn unasked(&mut self, leg: LegId, cx: &mut Cx<'_>) {
        let Some(Parts { conduct, .. }) = self.parts_of(leg, None) else { return };
        if let Out::Asked { ask, .. } = std::mem::take(&mut conduct.reoffer.out)
            && ask.what == Wanted::Refresh
        {
            let _ = conduct.timer.failed(cx.now.mono, Some(503));
        }
        self.ask_next(leg, cx);
    }

    /// Whether the INVITE that began the dialog of `leg` was ours.
    fn made_call_id(&self, leg: LegId) -> bool {
        let seat = self.seats.iter().find(|s| s.id == leg);
        seat.is_some_and(|s| matches!(s.signalling, SeatSignalling::Up { invite: Some(_), .. }))
    }

    /// The peer of `leg` answers no more. Without the caller the call is over.
    pub(super) fn peer_gone(&mut self, leg: LegId, status: Option<u16>, cx: &mut Cx<'_>) {
        if leg == self.caller.id {
            return self.end(EndedBy::Gateway, EndReason::SignallingLost, status, cx);
        }
        self.leg_lost(leg, SeatReason::PhoneSilent, cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_made_the_call_id_waits_longer_after_a_glare_in_steps_of_10_ms() {
        let mut random = Random::from_number(1);
        for _ in 0..1000 {
            let ours = glare_wait(true, &mut random).as_millis();
            assert!((2_100..=4_000).contains(&ours) && ours.is_multiple_of(10), "{ours}");
            let theirs = glare_wait(false, &mut random).as_millis();
            assert!(theirs <= 2_000 && theirs.is_multiple_of(10), "{theirs}");
        }
    }

    #[test]
    fn two_asks_that_wait_become_one_with_the_newer_headers() {
        let mut reoffer = Reoffer::default();
        reoffer.queue(Ask::offer().with("Subject", "old".into()).with("Priority", "kept".into()));
        reoffer.queue(Ask::refresh().with("Subject", "new".into()));
        let ask = reoffer.take().unwrap();
        assert_eq!(ask.what, Wanted::Offer);
        assert_eq!(ask.headers, [("Priority", "kept".to_owned()), ("Subject", "new".to_owned())]);
        assert!(reoffer.take().is_none());
    }
}
