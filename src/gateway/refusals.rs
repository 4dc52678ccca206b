//! Requests turned away, by class of peer and cause: counters only, for metrics and the health page.

use crate::sip::access::PeerClass;

/// Why a request was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCause {
    /// More packets than the source may send: dropped unread.
    Rate,
    /// A method that is not heard from this class of peer.
    Method,
    /// The Request-URI names a host that is not ours.
    Host,
    /// A dialog that does not exist.
    Dialog,
    /// The password was asked for, or asked for again.
    Challenge,
    /// A wrong password: its answer was held back.
    WrongPassword,
    /// Guessing passwords: no answer at all.
    Silence,
    /// The answer would have been more than three times what came.
    Amplification,
    /// More new calls than the trunk's profile allows.
    CallRate,
    /// Too much to do: shed with 503.
    Overload,
    /// Too many calls of the trunk were answered and not acknowledged.
    HalfOpen,
    /// The caller's number is blocked.
    Blocked,
    /// A REGISTER that cannot be taken, from every class.
    Registration,
    /// The source holds its share of the transactions already.
    Share,
    /// Inside a dialog, and from where its peer is not known to be.
    Source,
}

impl RefusalCause {
    /// Every cause.
    pub const ALL: [RefusalCause; 15] = [
        RefusalCause::Rate,
        RefusalCause::Method,
        RefusalCause::Host,
        RefusalCause::Dialog,
        RefusalCause::Challenge,
        RefusalCause::WrongPassword,
        RefusalCause::Silence,
        RefusalCause::Amplification,
        RefusalCause::CallRate,
        RefusalCause::Overload,
        RefusalCause::HalfOpen,
        RefusalCause::Blocked,
        RefusalCause::Registration,
        RefusalCause::Share,
        RefusalCause::Source,
    ];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            RefusalCause::Rate => "rate",
            RefusalCause::Method => "method",
            RefusalCause::Host => "host",
            RefusalCause::Dialog => "dialog",
            RefusalCause::Challenge => "challenge",
            RefusalCause::WrongPassword => "wrong_password",
            RefusalCause::Silence => "silence",
            RefusalCause::Amplification => "amplification",
            RefusalCause::CallRate => "call_rate",
            RefusalCause::Overload => "overload",
            RefusalCause::HalfOpen => "half_open",
            RefusalCause::Blocked => "blocked",
            RefusalCause::Registration => "registration",
            RefusalCause::Share => "share",
            RefusalCause::Source => "source",
        }
    }
}

const CLASSES: [(PeerClass, &str); 3] =
    [(PeerClass::Trunk, "trunk"), (PeerClass::Seat, "seat"), (PeerClass::Unknown, "unknown")];

/// The counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refusals([[u64; RefusalCause::ALL.len()]; CLASSES.len()]);

impl Refusals {
    /// One more.
    pub fn count(&mut self, at: PeerClass, cause: RefusalCause) {
        if let Some(n) = self.0.get_mut(at as usize).and_then(|class| class.get_mut(cause as usize)) {
            *n += 1;
        }
    }

    /// How many of one kind.
    pub fn of(&self, at: PeerClass, cause: RefusalCause) -> u64 {
        self.0.get(at as usize).and_then(|class| class.get(cause as usize)).copied().unwrap_or_default()
    }

    /// Every counter with the names of its class and its cause.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        CLASSES.into_iter().flat_map(move |(at, class)| {
            RefusalCause::ALL.into_iter().map(move |cause| (class, cause.name(), self.of(at, cause)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_and_cause_has_a_counter_of_its_own() {
        let mut refusals = Refusals::default();
        for (i, (at, _)) in CLASSES.into_iter().enumerate() {
            for (j, cause) in RefusalCause::ALL.into_iter().enumerate() {
                (0..=i * 100 + j).for_each(|_| refusals.count(at, cause));
            }
        }
        let counted: Vec<u64> = refusals.all().map(|(_, _, n)| n).collect();
        let expected: Vec<u64> = (0..3).flat_map(|i| (0..15).map(move |j| i * 100 + j + 1)).collect();
        assert_eq!(counted, expected);
    }
}
