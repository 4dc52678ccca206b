//! The `hotline` program. Everything is in the library, so that the tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    hotline_gateway::cli::run()
}
