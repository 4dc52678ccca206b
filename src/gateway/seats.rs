//! Seats outlive the process: a seat's snapshot is written in the step that changed what it is or where it is reached, and the
//! next start has it again. What only lasts longer, a refreshed registration, is written once a second at most.

use super::feature_codes::Operators;
use super::pacing::SEATS_EVERY;
use super::reconciliation::Reconciliation;
use super::{Gateway, Output, Reason, Recovery};
use crate::acd::{self, SeatPhone};
use crate::config::{Config, Listen};
use crate::id::{OperatorId, SeatId};
use crate::sip::{Flow, Reach, Touch, Touched, Transport};
use crate::snapshot::{SeatSnapshot, Snapshot, SnapshotKey};
use crate::time::{Duration, Mono, Now};
use std::collections::{BTreeSet, HashMap, HashSet};

/// How long a refreshed registration waits to be written with others. A crash in this time costs a seat nothing: what is on
/// disk still lasts.
const TOGETHER: Duration = Duration::from_secs(1);

/// What is to be written of seats, and what belongs to them. Bounded by the seats.
#[derive(Debug)]
pub(super) struct Seats {
    /// Who may sign in, and wrong PINs.
    pub(super) operators: Operators,
    /// Whether seats and calls fit.
    pub(super) reconciliation: Reconciliation,
    /// Whose state changed in this step, in the order of their names.
    changed: BTreeSet<SeatId>,
    refreshed: BTreeSet<SeatId>,
    /// When those are written.
    due: Option<Mono>,
    /// What the newest snapshot of each says of its work; a seat that is not here is written whatever its state is. A call
    /// changes a seat's state four times, and this once.
    kept: HashMap<SeatId, acd::SeatWork>,
}

impl Seats {
    /// Nothing is to be written yet.
    pub(super) fn new(config: &Config) -> Seats {
        Seats {
            operators: Operators::new(&config.operators),
            reconciliation: Reconciliation::default(),
            changed: BTreeSet::new(),
            refreshed: BTreeSet::new(),
            due: None,
            kept: HashMap::new(),
        }
    }

    /// A seat is not what it was.
    pub(super) fn changed(&mut self, seat: &SeatId) {
        if !self.changed.contains(seat) {
            self.changed.insert(seat.clone());
        }
    }

    /// The contacts of a seat were changed or refreshed.
    pub(super) fn touched(&mut self, now: Mono, touched: &Touched) {
        match touched.how {
            Touch::Moved => self.outdated(touched.seat.clone()),
            Touch::Refreshed => {
                self.refreshed.insert(touched.seat.clone());
                self.due.get_or_insert(now + TOGETHER);
            }
        }
    }

    /// What the newest snapshot of a seat says of its contacts is over.
    fn outdated(&mut self, seat: SeatId) {
        self.kept.remove(&seat);
        self.changed.insert(seat);
    }

    /// When refreshed registrations are written.
    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        self.due
    }

    /// Nothing waits to be written with others any more.
    pub(super) fn write_all(&mut self) {
        for seat in std::mem::take(&mut self.refreshed) {
            self.outdated(seat);
        }
        self.due = None;
    }
}

impl Gateway {
    /// When something is due for the seats, and why.
    pub(super) fn seats_timeout(&self) -> Option<(Mono, Reason)> {
        [
            (self.seats.poll_timeout(), Reason::SeatsKept),
            (self.seats.reconciliation.poll_timeout(), Reason::Reconciliation),
            (self.confirmations.poll_timeout(), Reason::FeatureCode),
        ]
        .into_iter()
        .filter_map(|(at, reason)| Some((at?, reason)))
        .min_by_key(|(at, _)| *at)
    }

    /// Writes what changed in this step.
    pub(super) fn keep_seats(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.seats.due.is_some_and(|at| at <= now.mono) {
            self.seats.write_all();
        }
        if !self.seats.changed.is_empty() {
            self.seats.reconciliation.begin(now.mono);
        }
        while let Some(seat) = self.seats.changed.pop_first() {
            let Some(work) = self.acd.seat_snapshot(&seat) else { continue };
            if self.seats.kept.get(&seat) == Some(&work) {
                continue;
            }
            self.seats.refreshed.remove(&seat);
            self.seats.kept.insert(seat.clone(), work.clone());
            let bindings = self.access.registrar.bindings(&seat).to_vec();
            let kept = SeatSnapshot { seat, at: now.mono, wall: now.wall, bindings, work };
            out.push(Output::Keep(Snapshot::Seat(Box::new(kept))));
        }
    }

    /// The seats are what they were before the restart; those that were not kept are as at a first start. Calls that go on
    /// have their seats already.
    pub(super) fn restore_seats(
        &mut self,
        now: Now,
        config: &Config,
        kept: Vec<SeatSnapshot>,
        recovery: &Recovery,
        out: &mut Vec<Output>,
    ) {
        let configured: HashSet<&SeatId> = config.seats.iter().map(|seat| &seat.id).collect();
        let mut ask_at = now.mono;
        let mut restored = HashSet::new();
        for seat in kept {
            if !configured.contains(&seat.seat) {
                out.push(Output::Forget(SnapshotKey::Seat(seat.seat)));
                continue;
            }
            restored.insert(seat.seat.clone());
            self.restore_seat(now, config, seat, recovery, &mut ask_at, out);
        }
        for seat in self.phones.fixed() {
            self.watch(now, &seat);
            if !restored.contains(&seat) {
                let up = acd::Input::SeatUp { seat };
                self.pending.work.push_back(super::Work::Acd(up));
            }
        }
        // What was restored is on disk already, but for what it lacks now.
        self.access.registrar.take_touched();
    }

    fn restore_seat(
        &mut self,
        now: Now,
        config: &Config,
        kept: SeatSnapshot,
        recovery: &Recovery,
        ask_at: &mut Mono,
        out: &mut Vec<Output>,
    ) {
        let passed = passed(now, &kept, recovery);
        let (at, seat) = (kept.at, kept.seat);
        let shift = |moment: Mono| {
            let since = now.mono + moment.since(at);
            since - passed - at.since(moment)
        };
        let mut bindings = kept.bindings;
        bindings.retain(|b| hears(&config.sip.listen, &b.flow));
        bindings.iter_mut().for_each(|b| b.expires = shift(b.expires));
        let phone = if self.phones.is_fixed(&seat) {
            SeatPhone::Here
        } else {
            self.access.registrar.restore(now.mono, &seat, bindings);
            self.restore_phones(now, &seat, ask_at)
        };
        let work = kept.work.moved(shift);
        let is_gone = |operator: &OperatorId| {
            !config.operators.is_empty() && config.operators.iter().all(|o| o.number != *operator)
        };
        self.acd.restore_seat(now, &seat, &work, phone, &mut self.pending.heard);
        if work.operator.as_ref().is_some_and(is_gone) {
            self.acd.forget_operator(now, &seat, &mut self.pending.heard);
        }
        self.acd_said(now, out);
        self.seats.outdated(seat);
    }

    /// Restored phones are watched, and asked first of all whether they are there.
    fn restore_phones(&mut self, now: Now, seat: &SeatId, ask_at: &mut Mono) -> SeatPhone {
        let bindings = self.access.registrar.bindings(seat);
        if bindings.is_empty() {
            return SeatPhone::Gone;
        }
        if bindings.iter().all(|b| b.reach == Reach::NoConnection) {
            self.phones.await_connection(seat);
            return SeatPhone::NoConnection;
        }
        self.watch(now, seat);
        self.phones.ask_at(*ask_at, seat);
        *ask_at = *ask_at + SEATS_EVERY;
        SeatPhone::Here
    }
}

/// How much time has passed since a snapshot was written. Across a reboot the clock of its moments began anew, and the wall
/// clock says so; within one boot that may have been set meanwhile and is not asked.
fn passed(now: Now, kept: &SeatSnapshot, recovery: &Recovery) -> Duration {
    let by_wall = Duration::from_nanos(now.wall.0.saturating_sub(kept.wall.0));
    let by_mono = now.mono.since(kept.at);
    match recovery {
        Recovery::Resume { .. } if now.mono >= kept.at => by_mono,
        Recovery::Resume { .. } | Recovery::Close { .. } => by_mono.max(by_wall),
    }
}

/// Whether one of the listening points is the near end of a flow.
fn hears(listen: &[Listen], flow: &Flow) -> bool {
    listen.iter().any(|l| {
        let is_here = l.address.ip() == flow.local.ip() || l.address.ip().is_unspecified();
        Transport::from(l.transport) == flow.transport && is_here && l.address.port() == flow.local.port()
    })
}
