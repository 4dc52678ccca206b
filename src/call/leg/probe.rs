//! Whether the peer of a leg is still there.
//!
//! No single sign ends a talk: a phone may be muted, deaf to OPTIONS, or have lost its connection while the voices go
//! on. It takes silence of its media, or a hold, and with it one of: no answer to a probe inside the dialog, an answer
//! that it does not know the dialog (its BYE was lost, or it was restarted), or the loss of the path to it.
//!
//! A probe is an UPDATE or a re-INVITE that changes nothing, because it finds the dialog or does not. OPTIONS come last: many
//! phones answer them whatever they know.

use super::conduct::Awaited;
use super::liveness::{Loss, Path, Silence};
use super::output::{Cx, Output};
use super::renegotiation::Pending;
use super::state::{Confirmed, Leg, Parts, Signalling};
use super::uac::Probing;
use crate::media;
use crate::sip::{ContactPath, Method, Status};
use crate::time::{Duration, Mono};

/// A peer that sends nothing is told of each time this long passes. A phone is probed each time: shorter than that, a burst
/// of loss would probe; with [`ANSWER_WITHIN`] and the media plane's round of half a second a dead phone is known in 7.5 s.
const RTP_TIMEOUT: Duration = Duration::from_secs(3);

/// How much later than after [`RTP_TIMEOUT`] silence may be told again: the media plane's round, and some more.
const TOLD_WITHIN: Duration = Duration::from_secs(4);

/// The silence after which a trunk's peer is probed, and the time between two probes by re-INVITE. A carrier has many calls
/// whose callers only listen; with [`ANSWER_WITHIN`] and the rounds of three [`RTP_TIMEOUT`] a dead one is known in 15 s.
const LONG_SILENCE: Duration = Duration::from_secs(9);

/// How long the answer is waited for: four retransmissions of the probe go out by UDP in this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

impl Leg {
    /// Whether its peer may be probed and judged.
    pub fn may_be_probed(&self) -> bool {
        self.liveness.probing != Probing::Off
    }

    /// Whether its peer is a phone of ours, which is probed at its first silence and on hold.
    pub fn is_probed_phone(&self) -> bool {
        self.liveness.probing == Probing::ByOptions
    }

    /// A moment ago its media was told to be silent, and would have been told again.
    pub fn has_no_rtp(&self, now: Mono) -> bool {
        self.liveness.silence.is_some_and(|silence| now.since(silence.told) < TOLD_WITHIN)
    }

    /// Whether the media of the peer is silent for long, although its signalling answered a probe in this silence.
    pub fn is_silent_and_there(&self, now: Mono) -> bool {
        self.liveness.silence.is_some_and(|silence| {
            let is_there = self.liveness.probed.answered.is_some_and(|at| at >= silence.since);
            self.has_no_rtp(now) && now.since(silence.since) >= LONG_SILENCE && is_there
        })
    }

    /// The peer has answered: its media is watched from here on.
    pub fn set_rtp_timeout(&self, cx: &mut Cx<'_>) {
        cx.media(media::Command::RtpTimeout { leg: self.id, after: RTP_TIMEOUT });
    }

    /// The dialog with a trunk's peer is confirmed: its media is watched in queue and talk alike.
    pub(super) fn set_trunk_rtp_timeout(&self, cx: &mut Cx<'_>) {
        if self.liveness.probing == Probing::InDialog {
            self.set_rtp_timeout(cx);
        }
    }

    /// The media of the peer is silent.
    pub fn rtp_timed_out(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now.mono;
        let before = self.liveness.silence.filter(|silence| now.since(silence.told) < TOLD_WITHIN);
        let since = before.map_or(now - RTP_TIMEOUT, |silence| silence.since);
        self.liveness.silence = Some(Silence { since, told: now });
        match self.liveness.path {
            Path::Lost => cx.say(Output::Missing(Loss::Unresponsive)),
            Path::Open if self.owes_probe(now, since) => self.probe(cx),
            Path::Open => {}
        }
    }

    fn owes_probe(&self, now: Mono, silent_since: Mono) -> bool {
        let is_long_ago = |at: Option<Mono>| at.is_none_or(|at| now.since(at) >= LONG_SILENCE);
        match self.liveness.probing {
            Probing::ByOptions => true,
            Probing::InDialog => is_long_ago(Some(silent_since)) && is_long_ago(self.liveness.probed.at),
            Probing::Off => false,
        }
    }

    /// Asks the peer inside the dialog whether it is there, one probe at a time. What comes of it is said as
    /// [`Output::Missing`], or as [`Output::Lost`] when the peer knows no such dialog; an answer in time says nothing.
    pub fn probe(&mut self, cx: &mut Cx<'_>) {
        if self.liveness.probe.is_some() || !self.is_up() {
            return;
        }
        let now = cx.now.mono;
        if !self.probe_by_refresh(cx) {
            if !self.may_be_probed() {
                return;
            }
            let Signalling::Confirmed(Confirmed { dialog, .. }) = &mut self.signalling else { return };
            let (flow, request) = (dialog.flow(), dialog.request(Method::Options));
            cx.request(flow, request);
        }
        self.liveness.probe = Some(now + ANSWER_WITHIN);
        self.liveness.probed.at = Some(now);
    }

    /// Whether a request that changes nothing went out. A re-INVITE is not sent often: some phones play a gap.
    fn probe_by_refresh(&mut self, cx: &mut Cx<'_>) -> bool {
        let now = cx.now.mono;
        let by_invite = self.liveness.probed.by_invite;
        let Some(Parts { conduct, .. }) = self.parts(None) else { return false };
        if conduct.ack != Awaited::Nothing || !conduct.renegotiation.is_idle() {
            return false;
        }
        let by_update = conduct.can.update;
        if !by_update && by_invite.is_some_and(|at| now.since(at) < LONG_SILENCE) {
            return false;
        }
        self.offer(Pending::probe(), cx);
        let is_out = !self.conduct.renegotiation.is_idle();
        if is_out && !by_update {
            self.liveness.probed.by_invite = Some(now);
        }
        is_out
    }

    /// A probe that is out counts no more.
    pub fn forget_probe(&mut self) {
        self.liveness.probe = None;
    }

    pub(super) fn probe_answered(&mut self, status: Status, cx: &mut Cx<'_>) {
        self.liveness.probe = None;
        match status {
            // It knows no such dialog (RFC 3261 section 12.2.2): for it the talk is over.
            Status::NO_SUCH_CALL => cx.say(Output::Missing(Loss::Forgotten)),
            // Said by a proxy on the way, or by ourselves for want of an answer.
            Status::REQUEST_TIMEOUT
            | Status::FLOW_FAILED
            | Status::SERVICE_UNAVAILABLE
            | Status::SERVER_TIME_OUT => cx.say(Output::Missing(Loss::Unresponsive)),
            _ => self.liveness.probed.answered = Some(cx.now.mono),
        }
    }

    pub(super) fn probe_unanswered(&mut self, cx: &mut Cx<'_>) {
        if self.liveness.probe.take().is_some() {
            cx.say(Output::Missing(Loss::Unresponsive));
        }
    }

    /// The phone at the end of this path no longer answers, or the path itself is gone.
    pub fn path_lost(&mut self, path: &ContactPath, cx: &mut Cx<'_>) {
        if self.liveness.contact == *path {
            self.liveness.path = Path::Lost;
            cx.say(Output::Missing(Loss::Unresponsive));
        }
    }

    /// The phone answers again.
    pub fn path_restored(&mut self, path: &ContactPath) {
        if self.liveness.contact == *path {
            self.liveness.path = Path::Open;
        }
    }
}
