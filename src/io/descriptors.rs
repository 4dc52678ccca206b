//! How many files and sockets this process may have open.

use crate::config::Config;
use crate::config::descriptors::{Shortage, fit};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one, for a login shell's soft limit is far below what a centre uses. Gives how many
/// descriptors there are.
pub fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(e) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!("the limit of open files cannot be raised to {maximum:?}: {e}");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// What a gateway that is started here would lack for `config`.
pub fn shortage(config: &Config) -> Option<Shortage> {
    fit(&mut config.clone(), getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX))
}
