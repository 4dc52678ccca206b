//! The 20 ms beat of prompts, spread over eight steps so that a thousand waiting callers are not all served in one
//! burst that relayed audio would have to wait for.

use super::leg::Key;
use crate::time::{Duration, Mono};

const STEPS: usize = 8;
/// Between two packets of a prompt.
pub(super) const INTERVAL: Duration = Duration::from_millis(20);
const STEP: u64 = INTERVAL.as_nanos() as u64 / STEPS as u64;
/// How far the beat may fall behind and still catch up packet by packet; past it the missed packets are left out.
const BEHIND: Duration = Duration::from_millis(60);

/// The legs that hear a prompt, by step.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    steps: [Step; STEPS],
}

#[derive(Debug, Default)]
struct Step {
    legs: Vec<Key>,
    due: Mono,
}

impl Pacer {
    /// Adds a leg at the next step: its first packet is due within 2.5 ms.
    pub(super) fn add(&mut self, now: Mono, leg: Key) {
        let number = now.0.div_ceil(STEP);
        let step = &mut self.steps[(number % STEPS as u64) as usize];
        if step.legs.is_empty() {
            step.due = Mono(number.saturating_mul(STEP));
        }
        step.legs.push(leg);
    }

    /// Takes a leg out.
    pub(super) fn remove(&mut self, leg: Key) {
        for step in &mut self.steps {
            if let Some(at) = step.legs.iter().position(|l| *l == leg) {
                step.legs.swap_remove(at);
                return;
            }
        }
    }

    /// When the next step with a leg in it is due.
    pub(super) fn next(&self) -> Option<Mono> {
        self.steps.iter().filter(|s| !s.legs.is_empty()).map(|s| s.due).min()
    }

    /// The legs of a step that is due, each step once for every beat. Call until `None`; give the list back with
    /// [`Pacer::put_back`], so that nothing is allocated.
    pub(super) fn take_due(&mut self, now: Mono) -> Option<(usize, Vec<Key>)> {
        let at = self.steps.iter().position(|s| !s.legs.is_empty() && s.due <= now)?;
        let step = self.steps.get_mut(at)?;
        step.due = step.due + INTERVAL;
        if now.since(step.due) > BEHIND {
            step.due = now + INTERVAL;
        }
        Some((at, std::mem::take(&mut step.legs)))
    }

    /// Gives back what [`Pacer::take_due`] gave, without the legs that are done.
    pub(super) fn put_back(&mut self, at: usize, legs: Vec<Key>) {
        if let Some(step) = self.steps.get_mut(at) {
            step.legs = legs;
        }
    }

    /// How many legs hear a prompt.
    pub(super) fn len(&self) -> usize {
        self.steps.iter().map(|s| s.legs.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(pacer: &mut Pacer, now: Mono) -> Vec<Key> {
        let mut all = Vec::new();
        while let Some((at, legs)) = pacer.take_due(now) {
            all.extend(&legs);
            pacer.put_back(at, legs);
        }
        all
    }

    #[test]
    fn a_leg_is_due_at_once_and_then_every_twenty_milliseconds() {
        let mut pacer = Pacer::default();
        pacer.add(Mono(1_000_000), Key(1));
        let first = pacer.next().unwrap();
        assert!(first.since(Mono(1_000_000)) <= Duration::from_micros(2_500));
        assert_eq!(beat(&mut pacer, first), [Key(1)]);
        assert_eq!(pacer.next(), Some(first + INTERVAL));
        assert_eq!(beat(&mut pacer, first), []);
        assert_eq!(beat(&mut pacer, first + INTERVAL), [Key(1)]);
    }

    #[test]
    fn a_small_delay_is_caught_up_and_a_long_one_is_left_out() {
        let mut pacer = Pacer::default();
        pacer.add(Mono(0), Key(1));
        assert_eq!(beat(&mut pacer, Mono(0) + 2 * INTERVAL).len(), 3);
        assert_eq!(beat(&mut pacer, Mono(0) + 500 * INTERVAL).len(), 1);
    }

    #[test]
    fn legs_that_begin_at_other_times_are_served_at_other_times() {
        let mut pacer = Pacer::default();
        pacer.add(Mono(0), Key(1));
        pacer.add(Mono(STEP), Key(2));
        assert_eq!(pacer.len(), 2);
        assert_eq!(beat(&mut pacer, Mono(0)), [Key(1)]);
        assert_eq!(beat(&mut pacer, Mono(STEP)), [Key(2)]);
        pacer.remove(Key(2));
        assert_eq!(pacer.next(), Some(Mono(0) + INTERVAL));
    }
}
