//! Places of which there are so many in all, and so many for one source whose clients have not shown the API token.

use crate::sip::RateLimitKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::io) enum Refused {
    Full,
    SourceFull,
}

/// The places of one kind.
#[derive(Debug)]
pub(in crate::io) struct Places {
    all: usize,
    per_source: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Without a token, by source. Bounded by the places there are.
    unproved: HashMap<RateLimitKey, usize>,
}

/// One place, given back when dropped.
#[derive(Debug)]
pub(in crate::io) struct Place {
    places: Arc<Places>,
    origin: RateLimitKey,
    holder: Mutex<Holder>,
}

/// The holder of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Unproved,
    Proved,
}

impl Places {
    pub(crate) fn of(all: usize, per_source: usize) -> Places {
        Places { all, per_source, taken: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        self.lock().all
    }

    /// A place for a client at `origin` that has not shown the token yet.
    pub(crate) fn take(self: &Arc<Self>, origin: RateLimitKey) -> Result<Place, Refused> {
        let mut taken = self.lock();
        if taken.all >= self.all {
            return Err(Refused::Full);
        }
        let of_source = taken.unproved.get(&origin).copied().unwrap_or(0);
        if of_source >= self.per_source {
            return Err(Refused::SourceFull);
        }
        taken.unproved.insert(origin, of_source + 1);
        taken.all += 1;
        Ok(Place { places: self.clone(), origin, holder: Mutex::new(Holder::Unproved) })
    }

    fn forget_source(taken: &mut Taken, origin: RateLimitKey) {
        if let Some(n) = taken.unproved.get_mut(&origin) {
            *n -= 1;
            if *n == 0 {
                taken.unproved.remove(&origin);
            }
        }
    }
}

impl Place {
    fn holder(&self) -> MutexGuard<'_, Holder> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where its client is.
    pub(crate) fn origin(&self) -> RateLimitKey {
        self.origin
    }

    /// The client has shown the token: it no longer counts for its source.
    pub(crate) fn prove(&self) {
        let before = std::mem::replace(&mut *self.holder(), Holder::Proved);
        if before == Holder::Unproved {
            Places::forget_source(&mut self.places.lock(), self.origin);
        }
    }

    pub(crate) fn is_proved(&self) -> bool {
        *self.holder() == Holder::Proved
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let holder = *self.holder();
        let mut taken = self.places.lock();
        taken.all -= 1;
        if holder == Holder::Unproved {
            Places::forget_source(&mut taken, self.origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn at(n: u8) -> RateLimitKey {
        RateLimitKey::from(IpAddr::from([192, 0, 2, n]))
    }

    #[test]
    fn a_source_has_its_places_and_all_sources_have_theirs() {
        let places = Arc::new(Places::of(3, 2));
        let first = places.take(at(1)).unwrap();
        let _second = places.take(at(1)).unwrap();
        assert_eq!(places.take(at(1)).unwrap_err(), Refused::SourceFull);
        let _third = places.take(at(2)).unwrap();
        assert_eq!(places.take(at(3)).unwrap_err(), Refused::Full);
        drop(first);
        assert!(places.take(at(1)).is_ok(), "what was given back may be taken again");
    }

    #[test]
    fn a_client_with_the_token_does_not_count_for_its_source() {
        let places = Arc::new(Places::of(3, 1));
        let backend = places.take(at(1)).unwrap();
        backend.prove();
        backend.prove();
        let other = places.take(at(1)).unwrap();
        assert_eq!(places.take(at(1)).unwrap_err(), Refused::SourceFull);
        drop((backend, other));
        assert_eq!((places.taken(), places.lock().unproved.len()), (0, 0), "nothing is kept of them");
    }
}
