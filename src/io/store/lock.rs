//! One gateway per store: a lock file beside it, held by the operating system and so gone with the process.

use super::StoreError;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Held as long as the store is written.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

impl Lock {
    pub(super) fn take(store: &Path) -> Result<Lock, StoreError> {
        let unusable = |e: std::io::Error| StoreError::Unusable(store.to_owned(), e.to_string());
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(super::OWNER_ONLY)
            .open(beside(store))
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(store.to_owned())),
            Err(TryLockError::Error(e)) => Err(unusable(e)),
        }
    }
}

fn beside(store: &Path) -> PathBuf {
    let mut name = OsString::from(store);
    name.push(".lock");
    PathBuf::from(name)
}
