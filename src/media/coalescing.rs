//! When the media worker turns: for each packet at once while it is quiet, in slots under load, so that one wake-up
//! serves all packets that came within a slot. Wake-ups and timers cost more than the packets themselves.

use crate::time::{Duration, Mono};

/// Over what time packets are counted: short enough that the first calls of a burst are noticed, long enough that one
/// burst of a single call is no load.
const WINDOW: Duration = Duration::from_millis(50);
/// From this many packets a second on the worker turns in slots: ten calls, whose wake-ups together cost what the slots do.
const BUSY: u64 = 1_000;
/// Below this many it turns at once again. Lower, so that it does not change to and fro.
const CALM: u64 = 700;

/// The pace of one media worker.
#[derive(Debug, Clone, Copy)]
pub struct Coalescing {
    slot: Duration,
    turns: Turns,
    since: Mono,
    packets: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turns {
    AtOnce,
    InSlots,
}

impl Coalescing {
    /// Quiet at first. `slot` zero: at once whatever comes.
    pub fn new(slot: Duration) -> Coalescing {
        Coalescing { slot, turns: Turns::AtOnce, since: Mono(0), packets: 0 }
    }

    /// A turn took so many packets.
    pub fn took(&mut self, now: Mono, packets: u64) {
        self.packets += packets;
        let passed = now.since(self.since);
        if passed < WINDOW {
            return;
        }
        let limit = match self.turns {
            Turns::AtOnce => BUSY,
            Turns::InSlots => CALM,
        };
        let many = u128::from(self.packets) * 1_000_000_000 >= u128::from(limit) * passed.as_nanos();
        self.turns = if many && !self.slot.is_zero() { Turns::InSlots } else { Turns::AtOnce };
        (self.since, self.packets) = (now, 0);
    }

    /// How long packets gather before the next turn; `None`: the first packet begins it.
    pub fn gathers(&self) -> Option<Duration> {
        match self.turns {
            Turns::AtOnce => None,
            Turns::InSlots => Some(self.slot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: Duration = Duration::from_millis(1);

    /// How many turns a second takes at so many packets a second that come evenly.
    fn turns(coalescing: &mut Coalescing, now: &mut Mono, rate: u64) -> usize {
        let end = *now + Duration::from_secs(1);
        let (mut turns, mut waiting, mut next) = (0, 0, *now);
        let apart = Duration::from_nanos(1_000_000_000 / rate);
        while *now < end {
            *now = coalescing.gathers().map_or(next, |slot| *now + slot);
            while next <= *now {
                (waiting, next) = (waiting + 1, next + apart);
            }
            coalescing.took(*now, std::mem::take(&mut waiting));
            turns += 1;
        }
        turns
    }

    #[test]
    fn a_quiet_worker_turns_for_each_packet_and_a_busy_one_for_each_slot() {
        let (mut coalescing, mut now) = (Coalescing::new(SLOT), Mono(5_000_000_000));
        assert!((899..=903).contains(&turns(&mut coalescing, &mut now, 900)));
        for rate in [1_100, 2_000, 20_000] {
            assert!((1_000..=1_100).contains(&turns(&mut coalescing, &mut now, rate)), "{rate}");
        }
        assert!(coalescing.gathers().is_some());
        assert!(turns(&mut coalescing, &mut now, 600) < 700, "it is quiet again within a window");
        assert_eq!(coalescing.gathers(), None);
    }

    #[test]
    fn a_worker_without_slots_turns_at_once_whatever_comes() {
        let (mut coalescing, mut now) = (Coalescing::new(Duration::ZERO), Mono(0));
        assert!(turns(&mut coalescing, &mut now, 20_000) >= 20_000);
    }

    #[test]
    fn between_the_two_limits_the_pace_stays_as_it_is() {
        let (mut coalescing, mut now) = (Coalescing::new(SLOT), Mono(0));
        turns(&mut coalescing, &mut now, 850);
        assert_eq!(coalescing.gathers(), None);
        turns(&mut coalescing, &mut now, 5_000);
        turns(&mut coalescing, &mut now, 850);
        assert_eq!(coalescing.gathers(), Some(SLOT));
    }

    #[test]
    fn nothing_for_long_and_then_a_burst_is_no_load() {
        let (mut coalescing, now) = (Coalescing::new(SLOT), Mono(0));
        coalescing.took(now + Duration::from_secs(60), 100);
        assert_eq!(coalescing.gathers(), None);
    }
}
