//! How fast a peer may ask inside its dialog. A phone sends a key every hundred milliseconds and a hold now and then;
//! who sends thousands a second would fill the journal with what they mean.

use crate::time::Mono;

/// So many requests a second, in the long run.
pub const PER_SECOND: u32 = 20;

/// So many at once: the keys of a long number, sent in one go.
pub const AT_ONCE: u32 = 40;

/// What one token takes to come back, in nanoseconds.
const EACH: u64 = 1_000_000_000 / PER_SECOND as u64;

/// The requests one leg's peer may still send. A bucket that is full at [`AT_ONCE`].
#[derive(Debug)]
pub struct Pace {
    /// When the bucket will be full again.
    full_at: Mono,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { full_at: Mono(0) }
    }
}

impl Pace {
    /// Whether one more may be heard now.
    pub fn allows(&mut self, now: Mono) -> bool {
        let missing = self.full_at.0.saturating_sub(now.0);
        if missing + EACH > EACH * u64::from(AT_ONCE) {
            return false;
        }
        self.full_at = Mono(now.0 + missing + EACH);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    #[test]
    fn a_burst_is_heard_then_so_many_a_second() {
        let mut pace = Pace::default();
        let now = Mono(7_000_000_000);
        assert_eq!((0..100).filter(|_| pace.allows(now)).count(), AT_ONCE as usize);
        let second = now + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| pace.allows(second)).count(), PER_SECOND as usize);
        assert_eq!(
            (0..100).filter(|_| pace.allows(second + Duration::from_secs(60))).count(),
            AT_ONCE as usize
        );
    }
}
