//! Pressure: what the shell says of how much there is to do, and the alarms that follow.

use super::alarm::{Alarm, Cleared};
use super::refusals::RefusalCause;
use super::{Gateway, Output};
use crate::media::Shortage;
use crate::time::Now;

/// How much there is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pressure {
    /// More comes than can be read.
    pub(super) flooded: bool,
    /// The event loop is behind with what known peers bring.
    pub(super) overloaded: bool,
    /// The journal is behind.
    pub(super) journal_backed_up: bool,
}

impl Pressure {
    /// What speaks against one more call of a trunk that is, or is no more, within its rate.
    pub(super) fn objects(self, within_rate: bool) -> Option<RefusalCause> {
        match within_rate {
            false => Some(RefusalCause::CallRate),
            true if self.overloaded || self.journal_backed_up => Some(RefusalCause::Overload),
            true => None,
        }
    }
}

impl Gateway {
    /// The journal's queue is nearly full, or has room again.
    pub(super) fn journal_backed_up(&mut self, now: Now, backed_up: bool, out: &mut Vec<Output>) {
        self.access.pressure.journal_backed_up = backed_up;
        match backed_up {
            true => self.raise(now, &Alarm::JournalBackedUp, out),
            false => self.clear(now, &Cleared::JournalBackedUp, out),
        }
    }

    /// More comes than can be read, or no longer.
    pub(super) fn flooded(&mut self, now: Now, flooded: bool, out: &mut Vec<Output>) {
        self.access.pressure.flooded = flooded;
        match flooded {
            true => self.raise(now, &Alarm::Flooded, out),
            false => self.clear(now, &Cleared::Flooded, out),
        }
    }

    /// The event loop is behind, or has caught up.
    pub(super) fn overloaded(&mut self, now: Now, overloaded: bool, out: &mut Vec<Output>) {
        self.access.pressure.overloaded = overloaded;
        match overloaded {
            true => self.raise(now, &Alarm::Overloaded, out),
            false => self.clear(now, &Cleared::Overloaded, out),
        }
    }

    /// No media socket can be opened, for want of this, or one was.
    pub(super) fn media_short(&mut self, now: Now, of: Option<Shortage>, out: &mut Vec<Output>) {
        match of {
            Some(of) => self.raise(now, &Alarm::MediaSockets { of }, out),
            None => self.clear(now, &Cleared::MediaSockets, out),
        }
    }

    /// Tells of an alarm, unless it stands.
    pub(super) fn raise(&mut self, now: Now, alarm: &Alarm, out: &mut Vec<Output>) {
        if let Some(what) = self.journal.alarms.raise(alarm) {
            self.tell(now, what, out);
        }
    }

    /// Tells of the end of an alarm that stands.
    pub(super) fn clear(&mut self, now: Now, cleared: &Cleared, out: &mut Vec<Output>) {
        if let Some(what) = self.journal.alarms.clear(cleared) {
            self.tell(now, what, out);
        }
    }
}
