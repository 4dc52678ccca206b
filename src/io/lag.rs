//! Whether the control plane keeps up: told after each turn whether more was waiting already.

use crate::time::{Duration, Mono};

/// Behind without a pause for this long means overload: longer than the burst of a thousand calls, and shorter than
/// T1 (500 ms), after which peers retransmit what was not answered and make everything worse.
const BEHIND: Duration = Duration::from_millis(250);

/// Overload is over when there was a pause at least this often for a second: no flapping.
const CAUGHT_UP: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Lag {
    state: State,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Easy,
    /// More was waiting after every turn since then.
    Behind(Mono),
    /// Too long so.
    Overloaded,
    /// There was a pause at that moment, and at least one in each [`BEHIND`] since.
    Recovering { since: Mono, paused: Mono },
}

impl Lag {
    /// After a turn: whether more waits already. Says when overload begins (`true`) and when it is over.
    pub(super) fn turned(&mut self, now: Mono, more_waits: bool) -> Option<bool> {
        let (next, told) = match (self.state, more_waits) {
            (State::Easy, true) => (State::Behind(now), None),
            (State::Behind(since), true) if now.since(since) >= BEHIND => (State::Overloaded, Some(true)),
            (State::Easy | State::Behind(_), false) => (State::Easy, None),
            (State::Overloaded, false) => (State::Recovering { since: now, paused: now }, None),
            (State::Recovering { paused, .. }, true) if now.since(paused) >= BEHIND => {
                (State::Overloaded, None)
            }
            (State::Recovering { since, .. }, false) if now.since(since) >= CAUGHT_UP => {
                (State::Easy, Some(false))
            }
            (State::Recovering { since, .. }, false) => (State::Recovering { since, paused: now }, None),
            (same, true) => (same, None),
        };
        self.state = next;
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Mono {
        Mono(n * 1_000_000)
    }

    #[test]
    fn a_burst_is_no_overload_and_a_quarter_of_a_second_without_a_pause_is() {
        let mut lag = Lag::default();
        assert!((0..100).all(|n| lag.turned(ms(n * 10), n % 20 != 0).is_none()), "a pause every 200 ms");
        assert_eq!(lag.turned(ms(1500), false), None);
        let told: Vec<u64> = (0..100).filter(|n| lag.turned(ms(2000 + n * 10), true) == Some(true)).collect();
        assert_eq!(told, [25], "once");
    }

    #[test]
    fn overload_is_over_after_a_second_with_pauses() {
        let mut lag = Lag::default();
        assert!((0..25).all(|n| lag.turned(ms(n * 10), true).is_none()));
        assert_eq!(lag.turned(ms(250), true), Some(true));
        assert_eq!(lag.turned(ms(300), false), None);
        assert_eq!(lag.turned(ms(600), true), None, "behind again");
        assert_eq!(lag.turned(ms(700), false), None);
        let told: Vec<u64> = (8..30).filter(|n| lag.turned(ms(n * 100), n % 2 == 1) == Some(false)).collect();
        assert_eq!(told, [18]);
    }
}
