//! Whether the calls of the process before go on in this one.

use super::{Place, Sign, Stage, Streams};
use crate::id::CallId;
use crate::media::Interruption;
use crate::time::{Brief, Duration, Wall};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A call that so many starts died of is not resumed again.
const ATTEMPTS: u32 = 2;

/// After so many starts in a row that died while resuming, nothing is resumed.
const DEATHS: u32 = 3;

/// What follows from the last sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether calls go on.
    pub calls: Calls,
    /// The stage this process begins in. It stands on disk before the first call is resumed.
    pub stage: Stage,
}

/// Whether calls go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Calls {
    /// Calls go on.
    Resume {
        /// From the last sign until now.
        gap: Duration,
        /// How that process ended.
        after: Interruption,
        /// But these do not: starts died of them.
        given_up: BTreeSet<CallId>,
        /// What the media plane knew, not later than the last sign.
        streams: Streams,
    },
    /// No call goes on.
    Close {
        /// The last sign, if there was one: the end of every call.
        last_sign_of_life: Option<Wall>,
        /// Why.
        why: Why,
    },
}

/// Why no call goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The process before left no sign that can be read.
    NoSign,
    /// The process before ran on another machine, in another run of this one, or this one does not tell which it is.
    OtherPlace,
    /// Its last sign is older than the window.
    TooLong(Duration),
    /// `recovery.window` is zero.
    SwitchedOff,
    /// So many starts in a row died while they resumed.
    Died(u32),
    /// The start cannot be counted: no sign can be left.
    Uncounted,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::NoSign => f.write_str("the process before left no sign of life"),
            Why::OtherPlace => f.write_str("the process before ran on another machine or before a reboot"),
            Why::TooLong(gap) => write!(f, "{} have passed, more than recovery.window", Brief(*gap)),
            Why::SwitchedOff => f.write_str("recovery.window is 0s"),
            Why::Uncounted => f.write_str("no sign of life can be left beside the store"),
            Why::Died(starts) => write!(f, "{starts} starts in a row died within 10 s"),
        }
    }
}

/// What to do with `calls`, of which there are snapshots. `last` is the last sign of the process before.
pub fn judge(last: Option<&Sign>, here: &Sign, window: Duration, calls: &[CallId]) -> Verdict {
    let (died, attempts) = match last.map(|sign| &sign.stage) {
        Some(Stage::Resuming { died_before, attempts }) => (died_before.saturating_add(1), attempts.clone()),
        Some(Stage::Settled | Stage::Ended) | None => (0, BTreeMap::new()),
    };
    let close = |why| Verdict {
        calls: Calls::Close { last_sign_of_life: last.map(|sign| sign.wall.min(here.wall)), why },
        stage: Stage::Resuming { died_before: died, attempts: BTreeMap::new() },
    };
    let Some(sign) = last else { return close(Why::NoSign) };
    if window.is_zero() {
        return close(Why::SwitchedOff);
    }
    if !is_same(&sign.place, &here.place) {
        return close(Why::OtherPlace);
    }
    let gap = here.since_boot.saturating_sub(sign.since_boot);
    if gap > window {
        return close(Why::TooLong(gap));
    }
    if died >= DEATHS {
        return close(Why::Died(died));
    }
    let before = |call: &CallId| attempts.get(call).copied().unwrap_or_default();
    let (given_up, resumed): (Vec<CallId>, Vec<CallId>) =
        calls.iter().partition(|call| before(call) >= ATTEMPTS);
    Verdict {
        calls: Calls::Resume {
            gap,
            after: match sign.stage {
                Stage::Ended => Interruption::HandOver,
                Stage::Resuming { .. } | Stage::Settled => Interruption::Crash,
            },
            given_up: given_up.into_iter().collect(),
            streams: sign.streams.clone(),
        },
        stage: Stage::Resuming {
            died_before: died,
            attempts: resumed.into_iter().map(|call| (call, before(&call) + 1)).collect(),
        },
    }
}

/// A place that does not tell which it is is like no other, and not like itself.
fn is_same(a: &Place, b: &Place) -> bool {
    a == b && !a.boot.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Random;

    const WINDOW: Duration = Duration::from_secs(60);
    const GAP: Duration = Duration::from_secs(1);

    fn streams() -> Streams {
        Streams { read_at: GAP, octets: vec![7] }
    }

    fn at(seconds: u64, stage: Stage) -> Sign {
        Sign {
            place: Place { boot: "b".into(), machine: "m".into() },
            since_boot: Duration::from_secs(seconds),
            wall: Wall(seconds * 1_000_000_000),
            pid: 1,
            stage,
            streams: streams(),
        }
    }

    fn calls(n: usize) -> Vec<CallId> {
        let mut random = Random::from_number(1);
        (0..n).map(|_| CallId::new(Wall(1), &mut random)).collect()
    }

    fn why(last: Option<&Sign>, here: &Sign, window: Duration) -> Option<Why> {
        match judge(last, here, window, &calls(1)).calls {
            Calls::Close { why, .. } => Some(why),
            Calls::Resume { .. } => None,
        }
    }

    #[test]
    fn calls_go_on_within_the_window_on_the_same_machine_in_the_same_boot() {
        let (last, here) = (at(100, Stage::Settled), at(101, Stage::Settled));
        let verdict = judge(Some(&last), &here, WINDOW, &calls(1));
        let given_up = BTreeSet::new();
        assert_eq!(
            verdict.calls,
            Calls::Resume { gap: GAP, after: Interruption::Crash, given_up, streams: streams() }
        );
        assert_eq!(why(Some(&last), &at(160, Stage::Settled), WINDOW), None);
        let late = at(161, Stage::Settled);
        assert_eq!(why(Some(&last), &late, WINDOW), Some(Why::TooLong(Duration::from_secs(61))));
        assert_eq!(why(Some(&last), &here, Duration::ZERO), Some(Why::SwitchedOff));
        assert_eq!(why(None, &here, WINDOW), Some(Why::NoSign));
        for place in [("c", "m"), ("b", "n")] {
            let place = Place { boot: place.0.into(), machine: place.1.into() };
            let elsewhere = Sign { place, ..last.clone() };
            assert_eq!(why(Some(&elsewhere), &here, WINDOW), Some(Why::OtherPlace));
        }
        let nameless =
            |sign: &Sign| Sign { place: Place { boot: "".into(), machine: "".into() }, ..sign.clone() };
        assert_eq!(why(Some(&nameless(&last)), &nameless(&here), WINDOW), Some(Why::OtherPlace));
    }

    #[test]
    fn what_is_not_resumed_ended_at_the_last_sign_and_never_in_the_future() {
        let ended = |last: u64, here: u64| {
            let (last, here) = (at(last, Stage::Settled), at(here, Stage::Settled));
            match judge(Some(&last), &here, Duration::ZERO, &[]).calls {
                Calls::Close { last_sign_of_life, .. } => last_sign_of_life,
                Calls::Resume { .. } => None,
            }
        };
        assert_eq!(ended(100, 900), Some(Wall(100_000_000_000)));
        assert_eq!(ended(900, 100), Some(Wall(100_000_000_000)), "a clock that was set back");
    }

    #[test]
    fn a_call_that_two_starts_died_of_is_given_up_and_others_are_not() {
        let all = calls(2);
        let (old, new) = (&all[..1], &all[..]);
        let first = judge(Some(&at(1, Stage::Settled)), &at(2, Stage::Settled), WINDOW, old);
        let second = judge(Some(&at(2, first.stage)), &at(3, Stage::Settled), WINDOW, new);
        assert!(matches!(&second.calls, Calls::Resume { given_up, .. } if given_up.is_empty()));
        let third = judge(Some(&at(3, second.stage)), &at(4, Stage::Settled), WINDOW, new);
        let Calls::Resume { given_up, .. } = third.calls else { panic!("{third:?}") };
        assert_eq!(given_up, BTreeSet::from([all[0]]));
        let attempts = BTreeMap::from([(all[1], 2)]);
        assert_eq!(third.stage, Stage::Resuming { died_before: 2, attempts });
    }

    #[test]
    fn after_three_starts_that_died_while_resuming_nothing_is_resumed() {
        let mut stage = Stage::Settled;
        let verdicts: Vec<_> = (1..=4)
            .map(|second| {
                let last = at(second, std::mem::replace(&mut stage, Stage::Ended));
                let verdict = judge(Some(&last), &at(second + 1, Stage::Settled), WINDOW, &[]);
                stage = verdict.stage;
                verdict.calls
            })
            .collect();
        assert!(verdicts[..3].iter().all(|calls| matches!(calls, Calls::Resume { .. })), "{verdicts:?}");
        assert!(matches!(verdicts[3], Calls::Close { why: Why::Died(3), .. }), "{verdicts:?}");
    }
}
