//! What one trunk may use, and what of it is used: new calls a second, calls that are half open, channels.
//!
//! Three limits stand one behind the other. Up to its rate a new call is served. Between the rate and four times that it is
//! read, refused and counted in a record. Beyond that it is dropped unread, as on an overloaded network.

use crate::time::Mono;
use crate::token_bucket::{Rate, TokenBucket};

/// From this share of its channels on, in percent, a trunk is crowded: the next wave of calls may find none left.
const CROWDED: u64 = 80;

/// Below this share it is not crowded any more. The gap keeps the alarm from coming and going with every call.
const ROOMY: u64 = 70;

/// The limits of a trunk, and what is used of them.
#[derive(Debug, Clone)]
pub struct Capacity {
    channels: u32,
    in_use: u32,
    /// Calls answered with 200 OK and not acknowledged yet.
    half_open: u32,
    most_half_open: u32,
    rate: Rate,
    served: TokenBucket,
    readable: Rate,
    read: TokenBucket,
    use_of_channels: Use,
}

/// How much of its channels a trunk uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Enough are free.
    Roomy,
    /// Nearly all are used.
    Crowded,
}

impl Capacity {
    /// A trunk of so many channels that may bring so many new calls a second. Nothing is used yet.
    pub fn new(channels: u32, calls_per_second: u32) -> Capacity {
        Capacity {
            channels,
            in_use: 0,
            half_open: 0,
            // What the trunk brings in two seconds. An ACK takes one round trip, so that only a peer that sends none gets
            // here; each such call holds its port for 64*T1.
            most_half_open: calls_per_second.saturating_mul(2).max(16),
            rate: Rate::per_second(calls_per_second),
            served: TokenBucket::default(),
            // Four times what it may bring, and never fewer than what costs little.
            readable: Rate::per_second(calls_per_second.saturating_mul(4).max(1_000)),
            read: TokenBucket::default(),
            use_of_channels: Use::Roomy,
        }
    }

    /// Whether one more new call is read at all.
    pub fn is_readable(&mut self, now: Mono) -> bool {
        self.read.take(now, self.readable)
    }

    /// Whether one more new call is within the trunk's rate.
    pub fn is_within_rate(&mut self, now: Mono) -> bool {
        self.served.take(now, self.rate)
    }

    /// New calls the trunk may bring in a second.
    pub fn calls_per_second(&self) -> u32 {
        self.rate.per_second
    }

    /// Whether a channel is free.
    pub fn has_channel(&self) -> bool {
        self.in_use < self.channels
    }

    /// A call takes a channel. Gives the use of the channels where that is another one now.
    pub fn take_channel(&mut self) -> Option<Use> {
        self.in_use = self.in_use.saturating_add(1);
        self.changed_use()
    }

    /// A call gives its channel back. Gives the use of the channels where that is another one now.
    pub fn free_channel(&mut self) -> Option<Use> {
        self.in_use = self.in_use.saturating_sub(1);
        self.changed_use()
    }

    /// Calls at one time at most.
    pub fn channels(&self) -> u32 {
        self.channels
    }

    /// Calls now.
    pub fn in_use(&self) -> u32 {
        self.in_use
    }

    /// Whether one more call may be answered before the others are acknowledged.
    pub fn may_answer(&self) -> bool {
        self.half_open < self.most_half_open
    }

    /// A call was answered with 200 OK.
    pub fn answered(&mut self) {
        self.half_open = self.half_open.saturating_add(1);
    }

    /// The ACK for that came, or is awaited no longer.
    pub fn acknowledged(&mut self) {
        self.half_open = self.half_open.saturating_sub(1);
    }

    fn changed_use(&mut self) -> Option<Use> {
        let (used, all) = (u64::from(self.in_use) * 100, u64::from(self.channels));
        let now = match self.use_of_channels {
            Use::Roomy if used >= all * CROWDED => Use::Crowded,
            Use::Crowded if used < all * ROOMY => Use::Roomy,
            Use::Roomy | Use::Crowded => return None,
        };
        self.use_of_channels = now;
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    const T0: Mono = Mono(7_000_000_000);

    #[test]
    fn a_trunk_is_served_at_its_rate_and_read_at_more() {
        let mut small = Capacity::new(30, 3);
        assert_eq!((0..10).filter(|_| small.is_within_rate(T0)).count(), 3);
        assert_eq!((0..2_000).filter(|_| small.is_readable(T0)).count(), 1_000);
        let mut large = Capacity::new(30, 300);
        assert_eq!((0..2_000).filter(|_| large.is_readable(T0)).count(), 1_200);
        assert!(!large.is_readable(T0) && large.is_readable(T0 + Duration::from_millis(1)));
    }

    #[test]
    fn the_last_channel_is_given_once() {
        let mut capacity = Capacity::new(2, 10);
        capacity.take_channel();
        assert!(capacity.has_channel());
        capacity.take_channel();
        assert!(!capacity.has_channel());
        capacity.free_channel();
        assert_eq!((capacity.has_channel(), capacity.in_use()), (true, 1));
    }

    #[test]
    fn calls_that_are_not_acknowledged_are_two_seconds_worth_at_most() {
        for (rate, most) in [(1, 16), (8, 16), (20, 40)] {
            let mut capacity = Capacity::new(1_000, rate);
            (0..most).for_each(|_| {
                assert!(capacity.may_answer());
                capacity.answered();
            });
            assert!(!capacity.may_answer());
            capacity.acknowledged();
            assert!(capacity.may_answer());
        }
    }

    #[test]
    fn crowding_begins_at_80_percent_and_ends_below_70() {
        let mut capacity = Capacity::new(10, 10);
        let up: Vec<_> = (1..=10).filter_map(|n| Some((n, capacity.take_channel()?))).collect();
        assert_eq!(up, [(8, Use::Crowded)]);
        let down: Vec<_> = (0..10).rev().filter_map(|n| Some((n, capacity.free_channel()?))).collect();
        assert_eq!(down, [(6, Use::Roomy)]);
    }

    #[test]
    fn what_is_given_back_twice_is_counted_once() {
        let mut capacity = Capacity::new(1, 1);
        capacity.free_channel();
        capacity.acknowledged();
        assert_eq!(capacity.in_use(), 0);
        capacity.take_channel();
        assert!(!capacity.has_channel());
    }
}
