//! REGISTER: handed to the registrar, answered, and where it fails, told to the people who look after the phones.
//!
//! Any source can send a REGISTER for a seat, so what is told is bounded by the seats and by time. A user that is no seat is
//! counted and told nowhere.

use super::refusals::RefusalCause;
use super::{Gateway, Output};
use crate::event::{RegistrationFailure, What};
use crate::id::SeatId;
use crate::sip::access::PeerClass;
use crate::sip::registrar::named_by;
use crate::sip::{Flow, Message, ServerTx, Status};
use crate::time::{Duration, Mono, Now};
use std::collections::HashMap;

/// How often a seat's failure for one reason is told: a phone that retries each minute is one line in ten minutes, and who
/// scans all seats writes eight events in that time for each seat at most.
const EVERY: Duration = Duration::from_secs(600);

/// Registrations that failed since the start, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RegistrationFailures([u64; RegistrationFailure::ALL.len()]);

impl RegistrationFailures {
    /// How many for one reason.
    pub fn of(&self, reason: RegistrationFailure) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or_default()
    }

    /// Every reason's name with its count.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        RegistrationFailure::ALL.into_iter().map(|reason| (reason.name(), self.of(reason)))
    }
}

/// What was told of a seat for one reason, and how often it failed since.
#[derive(Debug, Clone, Copy, Default)]
struct Reported {
    at: Option<Mono>,
    untold: u32,
}

/// Failures as they are counted and told. The table has at most one entry for each seat that registers and each reason.
#[derive(Debug, Default)]
pub(super) struct Failed {
    pub(super) counts: RegistrationFailures,
    told: HashMap<(SeatId, RegistrationFailure), Reported>,
}

impl Failed {
    /// One more; of a seat, when one is named. Gives how many there were since the last that was told, when this one is.
    fn note(&mut self, now: Mono, seat: Option<&SeatId>, reason: RegistrationFailure) -> Option<u32> {
        if let Some(n) = self.counts.0.get_mut(reason as usize) {
            *n += 1;
        }
        let told = self.told.entry((seat?.clone(), reason)).or_default();
        told.untold = told.untold.saturating_add(1);
        if told.at.is_some_and(|at| now.since(at) < EVERY) {
            return None;
        }
        told.at = Some(now);
        Some(std::mem::take(&mut told.untold))
    }
}

impl Gateway {
    pub(super) fn register(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        request: &Message,
        out: &mut Vec<Output>,
    ) {
        let registered = self.access.registrar.register(now, flow, request);
        if let Some(reason) = registered.failed {
            self.registration_failed(now, &flow, &named_by(request), reason, out);
        }
        match registered.response {
            Some(response) if registered.due <= now.mono => {
                let status = response.status();
                self.signalling.respond(now, tx, response);
                if status.is_some_and(Status::is_failure) {
                    // A sender that has proved nothing has no room here: a retransmission is answered anew.
                    let cause = if status == Some(Status::UNAUTHORIZED) {
                        RefusalCause::Challenge
                    } else {
                        RefusalCause::Registration
                    };
                    self.access.refusals.count(PeerClass::Unknown, cause);
                    self.signalling.forget(tx);
                }
            }
            Some(response) => {
                self.access.refusals.count(PeerClass::Unknown, RefusalCause::WrongPassword);
                self.signalling.respond_late(registered.due, tx, response);
            }
            None => {
                self.access.refusals.count(PeerClass::Unknown, RefusalCause::Silence);
                self.signalling.forget(tx);
            }
        }
        self.seats_changed(now, registered.changed, out);
    }

    /// A REGISTER for `user` that came on `flow` failed.
    pub(super) fn registration_failed(
        &mut self,
        now: Now,
        flow: &Flow,
        user: &str,
        reason: RegistrationFailure,
        out: &mut Vec<Output>,
    ) {
        let seat = SeatId::from(user);
        let known = self.access.registrar.has(&seat).then_some(&seat);
        if let Some(count) = self.access.registrations.note(now.mono, known, reason) {
            let what = What::SeatRegistrationFailed { seat, source: flow.remote, reason, count };
            self.tell(now, what, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RegistrationFailure::{Algorithm, WrongPassword};

    #[test]
    fn a_seat_s_failure_is_told_once_in_ten_minutes_with_its_count() {
        let (mut failed, seat, start) = (Failed::default(), SeatId::from("1001"), Mono(7));
        let told: Vec<u32> = (0..3_000)
            .filter_map(|s| failed.note(start + Duration::from_secs(s), Some(&seat), WrongPassword))
            .collect();
        assert_eq!(told, [1, 600, 600, 600, 600]);
        assert_eq!(failed.note(start, Some(&seat), Algorithm), Some(1), "each reason alone");
        assert_eq!(failed.counts.of(WrongPassword), 3_000);
    }

    #[test]
    fn users_that_are_no_seats_are_counted_and_nothing_is_kept_of_them() {
        let mut failed = Failed::default();
        assert!((0..100).all(|n| failed.note(Mono(n), None, WrongPassword).is_none()));
        assert!(failed.told.is_empty());
        assert_eq!(failed.counts.all().next(), Some(("wrong_password", 100)));
    }
}
