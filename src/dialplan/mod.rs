//! The dial plan: what a seat can dial, and what it means: a feature code, another seat, a department, a number outside.
//!
//! Knows no SIP and no calls. What the configuration does not name cannot be reached: no number chosen by an unknown source
//! leads to a trunk.

mod directory;
mod feature_code;
#[cfg(test)]
mod tests;

pub use directory::{Callee, Directory};
pub use feature_code::{FeatureCode, FeatureCodes};

use crate::config::Config;

/// The dial plan of a configuration.
#[derive(Debug, Clone)]
pub struct Dialplan {
    /// What is dialled to the gateway itself.
    pub codes: FeatureCodes,
    /// What is dialled to reach a callee.
    pub directory: Directory,
}

impl Dialplan {
    /// The one of `config`.
    pub fn new(config: &Config) -> Dialplan {
        Dialplan { codes: FeatureCodes::new(config), directory: Directory::new(config) }
    }
}
