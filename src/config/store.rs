//! `[store]`: where the journal is kept, and for how long.

use super::problem::{Problems, fault};
use super::table::Table;
use std::path::{Path, PathBuf};

pub(super) const KEYS: &[&str] = &["path", "retention_days", "free_space_mib"];

/// Where the journal is kept, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The journal's file. Its directory is the state directory, which also keeps the secrets.
    pub path: PathBuf,
    /// After how many days events may be forgotten.
    pub retention_days: u32,
    /// Fewer free MiB than this on its disk raise an alarm; 0 for never.
    pub free_space_mib: u32,
}

impl Store {
    /// The directory of the journal and the secrets.
    pub fn state_directory(&self) -> &Path {
        match self.path.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        }
    }
}

pub(super) fn read(table: Option<&Table<'_>>, problems: &mut Problems<'_>) -> Store {
    let mut store =
        Store { path: PathBuf::from("var/hotline.db"), retention_days: 365, free_space_mib: 1_024 };
    let Some(t) = table else {
        return store;
    };
    let path = t.text("path", problems, |p| {
        if p.is_empty() || p.ends_with('/') {
            return Err(fault(
                format!("`{p}` does not name a file"),
                "name the journal's file, like \"var/hotline.db\"",
            ));
        }
        Ok(PathBuf::from(p))
    });
    if let Some(path) = path {
        store.path = path;
    }
    store.free_space_mib = t.number("free_space_mib", 0..=1_000_000_000, store.free_space_mib, problems);
    store.retention_days = t.number("retention_days", 1..=36_500, store.retention_days, problems);
    store
}
