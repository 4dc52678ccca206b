//! Every second the states of the seats are compared with the calls there are. They follow from the same events, so that a
//! difference is a fault of ours: an alarm, and mended, because a seat that is said to talk for ever takes no call, and one that
//! is said to be ready while it talks is offered a second one.
//!
//! What is about to change in the same second is no difference: only what two comparisons find is mended.

use super::alarm::{Alarm, Cleared};
use super::{Gateway, Output, Work};
use crate::acd::{self, Engaged, OwnRole};
use crate::event::SeatState;
use crate::id::{CallId, SeatId};
use crate::time::{Duration, Mono, Now};
use std::collections::{BTreeSet, HashSet};

/// How often the two are compared.
const EVERY: Duration = Duration::from_secs(1);

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Mismatch {
    /// The seat is said to have to do with a call that there is not, or that it is not in.
    NoSuchCall(SeatId, CallId),
    /// The seat is said to be ready, and is in a call.
    NotReady(SeatId, CallId),
}

/// When the next comparison is, and what the last one found. Bounded by the seats.
#[derive(Debug, Default)]
pub(super) struct Reconciliation {
    due: Option<Mono>,
    found: BTreeSet<Mismatch>,
}

impl Reconciliation {
    /// When the next comparison is due.
    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        self.due
    }

    /// There is something to compare.
    pub(super) fn begin(&mut self, now: Mono) {
        self.due.get_or_insert(now + EVERY);
    }
}

impl Gateway {
    /// Compares, where it is time to.
    pub(super) fn reconcile_due(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.seats.reconciliation.due.is_none_or(|at| at > now.mono) {
            return;
        }
        self.seats.reconciliation.due = None;
        let found = self.mismatches();
        let stays: Vec<Mismatch> = found.intersection(&self.seats.reconciliation.found).cloned().collect();
        if stays.is_empty() {
            self.clear(now, &Cleared::SeatState, out);
        }
        for mismatch in stays {
            self.mend(now, mismatch, out);
        }
        if self.calls.len() > 0 || !found.is_empty() || self.acd.engaged().next().is_some() {
            self.seats.reconciliation.begin(now.mono);
        }
        self.seats.reconciliation.found = found;
    }

    fn mismatches(&self) -> BTreeSet<Mismatch> {
        let mut found = BTreeSet::new();
        let mut engaged: HashSet<&SeatId> = HashSet::new();
        for (seat, with) in self.acd.engaged() {
            engaged.insert(seat);
            let call = self.calls.get(with.call());
            let fits = match with {
                // Its phones are told in the same step, and may be gone before the call is.
                Engaged::Rung(_) => call.is_some(),
                Engaged::InCall(_) => call.is_some_and(|slot| slot.call.legs().has(seat)),
            };
            if !fits {
                found.insert(Mismatch::NoSuchCall(seat.clone(), with.call()));
            }
        }
        for (id, slot) in self.calls.with_ids() {
            for seat in slot.call.legs().iter().filter(|leg| leg.is_up()).filter_map(|leg| leg.party.seat()) {
                let is_ready = self.acd.seat_state(seat) == Some(SeatState::Ready);
                if is_ready && !engaged.contains(seat) {
                    found.insert(Mismatch::NotReady(seat.clone(), id));
                }
            }
        }
        found
    }

    fn mend(&mut self, now: Now, mismatch: Mismatch, out: &mut Vec<Output>) {
        let (seat, call, input) = match mismatch {
            Mismatch::NoSuchCall(seat, call) => (seat.clone(), call, acd::Input::Mend { seat }),
            Mismatch::NotReady(seat, call) => {
                (seat.clone(), call, acd::Input::Occupy { seat, call, role: OwnRole::Talks })
            }
        };
        self.raise(now, &Alarm::SeatState { seat, call }, out);
        self.pending.work.push_back(Work::Acd(input));
    }
}

#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one kind of many")]
mod tests {
    use super::*;
    use crate::caller::HistorySecret;
    use crate::config::Config;
    use crate::event::What;
    use crate::gateway::{Recovery, Start};
    use crate::id::Random;
    use crate::time::Wall;

    const TEXT: &str = "[sip]\nlisten = [\"udp:192.0.2.1:5060\"]\n\
        [[trunk]]\nname = \"pbx\"\nsources = [\"192.0.2.9\"]\n\
        [[seat]]\nid = \"1001\"\ncontact = \"sip:1001@192.0.2.20\"\nping = false\n\
        [[queue]]\nname = \"main\"\n[[service]]\nnumber = \"12345\"\nqueue = \"main\"\n";

    #[test]
    fn a_seat_in_a_call_that_there_is_not_is_ready_within_two_seconds() {
        let config = Config::parse("a.toml", TEXT).unwrap_or_else(|e| panic!("{e}"));
        let mut now = Now { mono: Mono(1 << 40), wall: Wall(1_700_000_000_000_000_000) };
        let start = Start {
            random: Random::from_number(1),
            head: 0,
            open_calls: Vec::new(),
            callbacks: Vec::new(),
            snapshots: Vec::new(),
            recovery: Recovery::Close { last_sign_of_life: None },
            accounts: Vec::new(),
            trunk_passwords: Default::default(),
            history_secret: HistorySecret::new([7; 32]),
        };
        let mut out = Vec::new();
        let mut gateway = Gateway::new(&config, start, now, &mut out);
        let seat = SeatId::from("1001");
        assert_eq!(gateway.acd.seat_state(&seat), Some(SeatState::Ready));
        let call = CallId::from_bytes([7; 16]);
        let lost = acd::Input::Occupy { seat: seat.clone(), call, role: OwnRole::Talks };
        gateway.pending.work.push_back(Work::Acd(lost));
        gateway.run(now, &mut out);
        assert_eq!(gateway.acd.seat_state(&seat), Some(SeatState::Talking));
        let end = now.mono + Duration::from_secs(2);
        let mut alarms = Vec::new();
        for limit in [end, end + Duration::from_secs(2)] {
            while let Some((at, _)) = gateway.poll_timeout().filter(|(at, _)| *at <= limit) {
                now = now.after(at.since(now.mono));
                gateway.handle_timeout(now, &mut out);
            }
            assert_eq!(gateway.acd.seat_state(&seat), Some(SeatState::Ready));
            alarms.extend(out.drain(..).filter_map(|output| match output {
                Output::Append { event, .. } => match event.what {
                    What::AlarmRaised { alarm, raised, subject, .. } => Some((alarm, raised, subject)),
                    _ => None,
                },
                _ => None,
            }));
        }
        let told: Vec<_> = alarms.iter().map(|(a, raised, subject)| (&**a, *raised, &**subject)).collect();
        assert_eq!(told, [("seat_state", true, ""), ("seat_state", false, "")]);
        assert_eq!(gateway.poll_timeout(), None, "nothing is compared in an idle house");
    }
}
