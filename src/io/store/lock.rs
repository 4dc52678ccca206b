//! One gateway per store: a lock file beside it, held by the operating system and so gone with the process.

use super::StoreError;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long a start waits for the process before to be gone: a supervisor may start the next one while the last words of a
/// killed process still wait for the disk.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is tried meanwhile. What it adds to a restart at most.
const TRY_AGAIN: Duration = Duration::from_millis(5);

/// Held as long as the store is written.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock, and waits for another holder at most this long. Without it nothing is read: what another process
    /// still changes must not be resumed.
    #[cfg(test)]
    pub(super) fn take(store: &Path, patience: Duration) -> Result<Lock, StoreError> {
        Lock::take_with(store, patience, None)
    }

    /// As [`Lock::take`], by the descriptor of the process before where there is one: the lock belongs to it.
    pub(super) fn take_with(
        store: &Path,
        patience: Duration,
        before: Option<File>,
    ) -> Result<Lock, StoreError> {
        let unusable = |e: std::io::Error| StoreError::Unusable(store.to_owned(), e.to_string());
        let open = || {
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true).mode(super::OWNER_ONLY).open(beside(store))
        };
        let file = before.map_or_else(open, Ok).map_err(unusable)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock(file)),
                Err(TryLockError::WouldBlock) if begun.elapsed() < patience => thread::sleep(TRY_AGAIN),
                Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(store.to_owned())),
                Err(TryLockError::Error(e)) => return Err(unusable(e)),
            }
        }
    }
}

impl Lock {
    /// A second descriptor of this lock.
    pub(super) fn share(&self) -> std::io::Result<OwnedFd> {
        self.0.try_clone().map(OwnedFd::from)
    }
}

fn beside(store: &Path) -> PathBuf {
    let mut name = OsString::from(store);
    name.push(".lock");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::super::tests::Place;
    use super::*;

    #[test]
    fn a_start_waits_for_the_process_before_and_not_for_ever() {
        let place = Place::new();
        let before = Lock::take(&place.store(), Duration::ZERO).unwrap();
        let refused = Lock::take(&place.store(), Duration::from_millis(20));
        assert!(matches!(refused, Err(StoreError::Locked(_))));
        let store = place.store();
        let next = thread::spawn(move || Lock::take(&store, Duration::from_secs(60)));
        drop(before);
        assert!(next.join().unwrap().is_ok());
    }

    #[test]
    fn a_lock_handed_over_is_held_without_a_moment_between() {
        let place = Place::new();
        let before = Lock::take(&place.store(), Duration::ZERO).unwrap();
        let shared = File::from(before.share().unwrap());
        drop(before);
        let refused = || Lock::take(&place.store(), Duration::ZERO).err();
        assert!(matches!(refused(), Some(StoreError::Locked(_))));
        let after = Lock::take_with(&place.store(), Duration::ZERO, Some(shared)).unwrap();
        assert!(matches!(refused(), Some(StoreError::Locked(_))));
        drop(after);
        assert!(refused().is_none());
    }
}
