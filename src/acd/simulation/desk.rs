//! A seat of the reference, and the edges between its states.

use super::*;
use crate::event::OperatorState;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Telephone {
    Gone,
    Silent,
    Here,
}

pub(super) struct Desk {
    pub(super) phone: Telephone,
    pub(super) state: SeatState,
    pub(super) idle_since: Mono,
    /// When the state must be over.
    pub(super) until: Option<Mono>,
    pub(super) offer: Option<PresentationId>,
    pub(super) releasing: bool,
    pub(super) queue: usize,
    pub(super) caller: Option<CallId>,
    pub(super) signed_in: bool,
    pub(super) operator: Option<OperatorId>,
    pub(super) away: bool,
    /// Presentations were left unanswered; the seat is ready again then.
    pub(super) absent: Option<Option<Mono>>,
    pub(super) misses: u32,
    /// The seat became absent in this step.
    pub(super) missed: bool,
    /// What was told of its operator.
    pub(super) told: OperatorState,
    pub(super) own: Option<CallId>,
    /// A colleague rings it.
    pub(super) rung: bool,
    /// The phone has not confirmed the end of the caller's call.
    pub(super) unheard: bool,
    /// The seat waits for that alone.
    pub(super) closing: bool,
    /// About to talk with a caller that was transferred.
    pub(super) taken: Option<CallId>,
}

impl Desk {
    /// A seat before its phone is there.
    pub(super) fn new() -> Desk {
        Desk {
            phone: Telephone::Gone,
            state: SeatState::Offline,
            idle_since: Mono(0),
            until: None,
            offer: None,
            releasing: false,
            queue: 0,
            caller: None,
            signed_in: true,
            operator: None,
            away: false,
            absent: None,
            misses: 0,
            missed: false,
            told: OperatorState::Ready,
            own: None,
            rung: false,
            unheard: false,
            closing: false,
            taken: None,
        }
    }

    pub(super) fn engaged(&self) -> bool {
        use SeatState::*;
        self.own.is_some() || matches!(self.state, Reserved | Ringing | Talking | Held) && !self.closing
    }

    pub(super) fn could_be_ready(&self) -> bool {
        self.phone == Telephone::Here && self.standing() == OperatorState::Ready && self.own.is_none()
    }

    pub(super) fn standing(&self) -> OperatorState {
        match (self.signed_in, self.away || self.absent.is_some()) {
            (false, _) => OperatorState::SignedOut,
            (true, true) => OperatorState::NotReady,
            (true, false) => OperatorState::Ready,
        }
    }

    pub(super) fn without_operator(mut self) -> Desk {
        (self.signed_in, self.told) = (false, OperatorState::SignedOut);
        self
    }

    pub(super) fn came_back(&mut self) {
        (self.absent, self.misses) = (None, 0);
    }

    pub(super) fn signs_out(&mut self) {
        self.signed_in = false;
        self.came_back();
        if self.state == SeatState::Offline {
            self.operator = None;
        }
    }

    /// The seat is free, but for its phone.
    pub(super) fn close(&mut self, now: Now) {
        (self.closing, self.unheard) = (true, false);
        self.idle_since = now.mono;
        self.until = Some(now.mono + CLOSE_LIMIT);
    }
}

/// The table of legal edges, written down a second time and otherwise.
pub(super) fn legal(from: SeatState, to: SeatState) -> bool {
    use SeatState::*;
    let into: &[SeatState] = match to {
        Offline => &[Ready, Reserved, Ringing, Talking, Held, WrapUp, NotReady, Unreachable],
        Ready => &[Offline, Reserved, Ringing, Talking, Held, WrapUp, NotReady, Unreachable],
        Reserved => &[Ready, WrapUp, NotReady, Unreachable],
        Ringing => &[Offline, Ready, Reserved, Talking, Held, WrapUp, NotReady, Unreachable],
        Talking => &[Offline, Ready, Reserved, Ringing, Held, WrapUp, NotReady, Unreachable],
        Held => &[Talking],
        WrapUp => &[Talking, Held],
        NotReady => &[Offline, Ready, Reserved, Ringing, Talking, Held, WrapUp, NotReady, Unreachable],
        Unreachable => &[Offline, Ready, Reserved, Ringing, Talking, Held, WrapUp, NotReady],
    };
    into.contains(&from)
}
