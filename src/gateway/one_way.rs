//! Talks that are heard in one direction only, and the alarm that stands as long as there are any.

use super::alarm::{Alarm, Cleared};
use super::{Gateway, Output};
use crate::id::LegId;
use crate::time::{Duration, Now};

/// How long a leg counts as silent after that was told: the media plane tells it every 3 to 3.5 s.
const TOLD_WITHIN: Duration = Duration::from_secs(4);

impl Gateway {
    /// The peer of this leg is there and sends no sound, while the other party of the talk does.
    pub(super) fn one_way_audio(&mut self, now: Now, leg: LegId, out: &mut Vec<Output>) {
        self.calls.one_way.set(leg, now.mono + TOLD_WITHIN);
        self.raise(now, &Alarm::OneWayAudio, out);
    }

    /// Forgets the legs that are heard again, or gone.
    pub(super) fn heard_both_ways(&mut self, now: Now, out: &mut Vec<Output>) {
        let mut heard = false;
        while self.calls.one_way.pop_due(now.mono).is_some() {
            heard = true;
        }
        if heard && self.calls.one_way.is_empty() {
            self.clear(now, &Cleared::OneWayAudio, out);
        }
    }
}
