//! What a start asks of the peers of a thousand dialogs, at a pace they bear: each is probed, or gets its BYE. A trunk hears
//! no more requests a second than it may bring calls; seats have a phone each, and together as many as the machine sends
//! with ease. BYEs past the recovery window are all out within [`ENDED_WITHIN`]: a party that hears nothing any more is not
//! to be kept for longer, whatever the rate.

use super::Gateway;
use super::routes::Owner;
use crate::call;
use crate::id::{CallId, TrunkId};
use crate::time::{Duration, Mono};
use std::collections::{BTreeMap, HashMap};

/// The first probe waits so long for the media ports: a re-INVITE says them.
const PORTS_OPEN: Duration = Duration::from_millis(100);

/// The pause between two requests to phones of seats: a thousand are asked within two seconds.
pub(super) const SEATS_EVERY: Duration = Duration::from_millis(2);

/// In this time every dialog that cannot go on has got its BYE.
const ENDED_WITHIN: Duration = Duration::from_secs(5);

/// What one leg's peer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// To let go.
    HangUp,
    /// Whether it is there.
    Probe,
}

/// Whose pace it is: a trunk's, or that of all seats.
type Pace = Option<TrunkId>;

/// What is still to be sent. Bounded by the legs that a start finds; nothing is added later.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    /// In the order it came up, by pace.
    owed: BTreeMap<Pace, Vec<(Owner, Asked)>>,
    /// In the order it is sent.
    due: BTreeMap<(Mono, u64), (Owner, Asked)>,
}

impl Pacing {
    /// When the next is sent.
    pub(super) fn next(&self) -> Option<Mono> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Gives each its moment. `rates` says how many requests a second a trunk is asked.
    fn plan(&mut self, now: Mono, rates: &HashMap<TrunkId, u32>) {
        let mut number = 0;
        for (pace, mut owed) in std::mem::take(&mut self.owed) {
            // A party that waits for its BYE waits for nothing else.
            owed.sort_by_key(|(_, asked)| *asked == Asked::Probe);
            let every = match pace.as_ref().map(|trunk| rates.get(trunk)) {
                Some(Some(rate)) => Duration::from_secs(1) / (*rate).max(1),
                // A trunk that is not configured any more has no rate.
                Some(None) | None => SEATS_EVERY,
            };
            let ends = owed.iter().filter(|(_, asked)| *asked == Asked::HangUp).count();
            let hurried = ENDED_WITHIN / u32::try_from(ends).unwrap_or(u32::MAX).max(1);
            let mut at = now;
            for (owner, asked) in owed {
                let pause = match asked {
                    Asked::HangUp => every.min(hurried),
                    Asked::Probe => {
                        at = at.max(now + PORTS_OPEN);
                        every
                    }
                };
                self.due.insert((at, number), (owner, asked));
                at = at + pause;
                number += 1;
            }
        }
    }

    /// The next that is due.
    fn pop_due(&mut self, now: Mono) -> Option<(Owner, Asked)> {
        let first = self.due.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }
}

impl Gateway {
    /// The peers of a call that goes on are asked whether they are there, those of one that does not are to let go.
    pub(super) fn pace_call(&mut self, call: CallId) {
        let Some(slot) = self.calls.get(call) else { return };
        let asked = if slot.call.is_over() { Asked::HangUp } else { Asked::Probe };
        let legs = slot.call.legs().iter().filter(|leg| leg.is_up());
        let legs: Vec<_> = legs.map(|leg| (leg.party.trunk().cloned(), leg.id)).collect();
        for (pace, leg) in legs {
            self.calls.pacing.owed.entry(pace).or_default().push((Owner { call, leg }, asked));
        }
    }

    /// Everything that a start asks is known.
    pub(super) fn plan_paced(&mut self, now: Mono) {
        let rates = self.trunking.kept.iter();
        let rates = rates.map(|(trunk, kept)| (trunk.clone(), kept.capacity.calls_per_second())).collect();
        self.calls.pacing.plan(now, &rates);
    }

    /// Sends what is due.
    pub(super) fn paced_due(&mut self, now: Mono) {
        while let Some((Owner { call, leg }, asked)) = self.calls.pacing.pop_due(now) {
            let input = match asked {
                Asked::Probe => call::Input::Probe { leg },
                Asked::HangUp => call::Input::HangUp { leg },
            };
            self.push_call(call, input);
        }
    }
}
