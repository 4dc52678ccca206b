//! How a command fails: one plain line, and an exit status that tells a supervisor whether to try again.

use std::fmt;
use std::process::ExitCode;

/// EX_CONFIG of sysexits.h. The same start fails again until a person has changed the configuration.
const CONFIGURATION: u8 = 78;

/// Why a command failed, and the cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Anything.
    Any(String),
    /// The configuration is wrong.
    Configuration(String),
}

impl Failure {
    /// The exit status: 78 for a wrong configuration, 1 for anything else.
    pub fn status(&self) -> ExitCode {
        match self {
            Failure::Any(_) => ExitCode::FAILURE,
            Failure::Configuration(_) => ExitCode::from(CONFIGURATION),
        }
    }
}

impl From<String> for Failure {
    fn from(line: String) -> Failure {
        Failure::Any(line)
    }
}

impl From<&str> for Failure {
    fn from(line: &str) -> Failure {
        Failure::Any(line.to_owned())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Any(line) | Failure::Configuration(line)) = self;
        f.write_str(line)
    }
}
