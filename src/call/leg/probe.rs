//! Whether the peer of a leg is still there.
//!
//! No single sign ends a talk: a phone may be muted, deaf to OPTIONS, or have lost its connection while the voices go
//! on. It takes silence of its media, or a hold, and with it one of: no answer to a probe inside the dialog, an answer
//! that it does not know the dialog (its BYE was lost, or it was restarted), or the loss of the path to it.

use super::liveness::{Loss, Path};
use super::output::{Cx, Output};
use super::state::{Confirmed, Leg, Signalling};
use super::uac::Watch;
use crate::media;
use crate::sip::{Method, Status, Way};
use crate::time::{Duration, Mono};

/// A peer that sent nothing for this long in a talk is probed. Shorter than that, a burst of loss would probe; with
/// [`ANSWER_WITHIN`] and the media plane's round of half a second a dead phone is known in 7.5 s.
const QUIET: Duration = Duration::from_secs(3);

/// How long the answer is waited for: four retransmissions of the probe go out by UDP in this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

impl Leg {
    /// Whether its peer may be probed and judged.
    pub fn is_watched(&self) -> bool {
        self.liveness.watch == Watch::Asked
    }

    /// A moment ago its media was told to be silent, and would have been told again.
    pub fn is_quiet(&self, now: Mono) -> bool {
        self.liveness.quiet.is_some_and(|at| now.since(at) < QUIET + Duration::from_secs(1))
    }

    /// The peer has answered: its media is watched from here on.
    pub fn watch(&self, cx: &mut Cx<'_>) {
        cx.media(media::Command::Watch { leg: self.id, quiet: QUIET });
    }

    /// The media of the peer fell silent.
    pub fn quieted(&mut self, cx: &mut Cx<'_>) {
        self.liveness.quiet = Some(cx.now.mono);
        match self.liveness.path {
            Path::Lost => cx.say(Output::Missing(Loss::Unresponsive)),
            Path::Open => self.probe(cx),
        }
    }

    /// Asks the peer inside the dialog whether it is there, one OPTIONS at a time.
    pub fn probe(&mut self, cx: &mut Cx<'_>) {
        let Signalling::Confirmed(Confirmed { dialog, .. }) = &mut self.signalling else { return };
        if self.liveness.probe.is_none() {
            let (flow, request) = (dialog.flow(), dialog.request(Method::Options));
            cx.request(flow, request);
            self.liveness.probe = Some(cx.now.mono + ANSWER_WITHIN);
        }
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
            _ => {}
        }
    }

    pub(super) fn probe_unanswered(&mut self, cx: &mut Cx<'_>) {
        if self.liveness.probe.take().is_some() {
            cx.say(Output::Missing(Loss::Unresponsive));
        }
    }

    /// The phone at the end of this way no longer answers, or the way itself is gone.
    pub fn way_lost(&mut self, way: &Way, cx: &mut Cx<'_>) {
        if self.liveness.way == *way {
            self.liveness.path = Path::Lost;
            cx.say(Output::Missing(Loss::Unresponsive));
        }
    }

    /// It answers again.
    pub fn way_back(&mut self, way: &Way) {
        if self.liveness.way == *way {
            self.liveness.path = Path::Open;
        }
    }
}
