//! Why a store cannot be opened or read: what, and the cure.

use std::fmt;
use std::path::PathBuf;

/// What went wrong with the store. Its text is one plain line with the cure.
#[derive(Debug)]
pub enum StoreError {
    /// Another gateway holds it.
    Locked(PathBuf),
    /// The file or its directory cannot be made, read or written.
    Unusable(PathBuf, String),
    /// A later version of the program wrote it.
    Newer {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// Calls were written by another version of the program, which this one cannot go on with.
    OtherSnapshots {
        /// The version they have.
        found: u32,
        /// The version this program reads.
        known: u32,
    },
    /// The file is a database, but not one of ours.
    Foreign(PathBuf),
    /// What it holds contradicts itself.
    Damaged(String),
    /// A read or a write failed.
    Database(String),
    /// A limit of the store is reached.
    Full(&'static str),
    /// The store is being closed.
    Closed,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Locked(path) => write!(
                f,
                "the store {} is in use by another gateway: stop it, or set store.path to another file",
                path.display()
            ),
            StoreError::Unusable(path, why) => write!(
                f,
                "the store {} cannot be used: {why}: check that store.path names a file in a directory this user \
                 may write, with room on its disk",
                path.display()
            ),
            StoreError::Newer { path, found, known } => write!(
                f,
                "the store {} has version {found}, this program knows {known}: start the newer program, or set \
                 store.path to another file",
                path.display()
            ),
            StoreError::OtherSnapshots { found, known } => write!(
                f,
                "the calls in progress have version {found}, this program goes on with {known}: `hotline stop` drains \
                 first, then start the new program"
            ),
            StoreError::Foreign(path) => write!(
                f,
                "{} is a database of another program: set store.path to another file",
                path.display()
            ),
            StoreError::Damaged(what) => {
                write!(f, "the store is damaged: {what}: restore it from a backup")
            }
            StoreError::Database(what) => {
                write!(f, "the store failed: {what}: look at the disk under store.path")
            }
            StoreError::Full(what) => write!(f, "{what}"),
            StoreError::Closed => write!(f, "the store is closed"),
        }
    }
}

impl std::error::Error for StoreError {}
