//! A seat as it outlives the process: who is there, whether they take calls, and what the seat rests from.

use super::availability::Availability;
use super::seat::{Closed, Phone, State};
use super::{Acd, Output};
use crate::event::{Author, AwayReason, OperatorReason, SeatReason};
use crate::id::{CallId, OperatorId, SeatId};
use crate::time::{Mono, Now};
use serde::{Deserialize, Serialize};

/// What outlives the process of a seat beside its phones and its calls.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SeatWork {
    /// The operator there, where they have a name apart from the seat.
    pub operator: Option<OperatorId>,
    standing: Stands,
    misses: u32,
    idle_since: Mono,
    rests: Rests,
}

/// What the operator wants, with what takes effect after the work in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
enum Stands {
    SignedOut,
    #[default]
    Ready,
    /// The reason by its text in events.
    Away(Away),
    Absent {
        until: Option<Mono>,
    },
}

/// A reason by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Away {
    Unnamed,
    Break,
    Meal,
    Training,
    Outbound,
    Meeting,
    Tech,
}

/// What keeps a seat without a call from the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
enum Rests {
    #[default]
    No,
    CoolsDown {
        until: Mono,
    },
    Unreachable {
        until: Mono,
    },
    WrapUp {
        call: CallId,
        until: Mono,
    },
}

/// Whether a restored seat has a phone to ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeatPhone {
    /// The phone is reached as before.
    Here,
    /// A phone is registered, and there is no connection to it yet.
    NoConnection,
    /// No phone is registered.
    Gone,
}

macro_rules! same_words {
    ($($word:ident),+) => {
        impl From<AwayReason> for Away {
            fn from(reason: AwayReason) -> Away {
                match reason {
                    $(AwayReason::$word => Away::$word,)+
                }
            }
        }

        impl From<Away> for AwayReason {
            fn from(away: Away) -> AwayReason {
                match away {
                    $(Away::$word => AwayReason::$word,)+
                }
            }
        }
    };
}

same_words!(Unnamed, Break, Meal, Training, Outbound, Meeting, Tech);

impl From<Availability> for Stands {
    fn from(standing: Availability) -> Stands {
        match standing {
            Availability::SignedOut => Stands::SignedOut,
            Availability::Ready => Stands::Ready,
            Availability::Away(reason) => Stands::Away(reason.into()),
            Availability::Absent { until } => Stands::Absent { until },
        }
    }
}

impl SeatWork {
    /// The same with every moment moved by `shift`: after a reboot the clock begins anew.
    #[must_use]
    pub fn moved(mut self, shift: impl Fn(Mono) -> Mono) -> SeatWork {
        self.idle_since = shift(self.idle_since);
        match &mut self.standing {
            Stands::Absent { until } => *until = until.map(&shift),
            Stands::SignedOut | Stands::Ready | Stands::Away(_) => {}
        }
        match &mut self.rests {
            Rests::CoolsDown { until } | Rests::Unreachable { until } | Rests::WrapUp { until, .. } => {
                *until = shift(*until);
            }
            Rests::No => {}
        }
        self
    }
}

impl Acd {
    /// What is to outlive the process of a seat; `None` for a seat there is not.
    pub fn seat_snapshot(&self, id: &SeatId) -> Option<SeatWork> {
        let seat = self.seats.get(self.seat_index(id)? as usize)?;
        let rests = match seat.state {
            State::NotReady { until } => Rests::CoolsDown { until },
            State::Unreachable { until } => Rests::Unreachable { until },
            State::WrapUp { call, until, .. } => Rests::WrapUp { call, until },
            State::Offline
            | State::Ready
            | State::Reserved { .. }
            | State::Ringing { .. }
            | State::Releasing { .. }
            | State::Talking { .. }
            | State::Held { .. }
            | State::Closing { .. }
            | State::Away { .. }
            | State::Absent { .. }
            | State::Occupied { .. }
            | State::Lost => Rests::No,
        };
        Some(SeatWork {
            operator: seat.operator.clone(),
            standing: seat.availability.into(),
            misses: seat.misses,
            idle_since: seat.idle_since,
            rests,
        })
    }

    /// A seat is what it was before the restart. One that is in a call that goes on stays in it.
    pub fn restore_seat(
        &mut self,
        now: Now,
        id: &SeatId,
        saved: &SeatWork,
        phone: SeatPhone,
        out: &mut Vec<Output>,
    ) {
        let Some(index) = self.seat_index(id) else { return };
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        seat.operator = saved.operator.clone();
        seat.misses = saved.misses;
        seat.phone = match phone {
            SeatPhone::Here => Phone::Here,
            SeatPhone::NoConnection => Phone::Silent,
            SeatPhone::Gone => Phone::Gone,
        };
        seat.availability = match saved.standing {
            Stands::SignedOut => Availability::SignedOut,
            Stands::Ready => Availability::Ready,
            Stands::Away(reason) => Availability::Away(reason.into()),
            Stands::Absent { until } => Availability::Absent { until },
        };
        let idle_since = saved.idle_since.min(now.mono);
        let closing = match seat.state {
            State::Offline => None,
            State::Closing { call, .. } => Some(call),
            State::Ready
            | State::Reserved { .. }
            | State::Ringing { .. }
            | State::Releasing { .. }
            | State::Talking { .. }
            | State::Held { .. }
            | State::WrapUp { .. }
            | State::NotReady { .. }
            | State::Away { .. }
            | State::Absent { .. }
            | State::Occupied { .. }
            | State::Unreachable { .. }
            | State::Lost => {
                seat.idle_since = idle_since;
                return;
            }
        };
        let is_signed_in = seat.availability != Availability::SignedOut;
        let is_ready = seat.availability == Availability::Ready;
        let rests = match saved.rests {
            Rests::WrapUp { call, until } => {
                let phone = if closing == Some(call) { Closed::NotYet } else { Closed::Yes };
                Some(State::WrapUp { call, phone, until })
            }
            Rests::CoolsDown { until } => Some(State::NotReady { until }),
            Rests::Unreachable { until } => Some(State::Unreachable { until }),
            Rests::No => None,
        };
        match rests.filter(|state| state.deadline().is_some_and(|(until, _)| until > now.mono)) {
            Some(state) if is_signed_in && phone == SeatPhone::Here => {
                self.turn(index, state, SeatReason::Restored, out);
            }
            // The seat would wait for the next call, and its phone has not let go of the last one.
            Some(_) | None if closing.is_some() && phone == SeatPhone::Here && is_ready => {
                if let Some(seat) = self.seats.get_mut(index as usize) {
                    seat.idle_since = idle_since;
                }
            }
            Some(_) | None => self.free(now, index, idle_since, SeatReason::Restored, out),
        }
    }

    /// Ends the sign-in of an operator who is not configured any more.
    pub fn forget_operator(&mut self, now: Now, id: &SeatId, out: &mut Vec<Output>) {
        if let Some(index) = self.seat_index(id) {
            self.end_sign_in(now, index, OperatorReason::NotConfigured, Author::Gateway, out);
        }
    }
}
