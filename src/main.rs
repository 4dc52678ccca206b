//! The `hotline` program. Everything is in the library, so that the tests can reach it.

use std::process::ExitCode;

/// The C library's allocator keeps what a flood made it take: its arenas shrink from their top alone, and one block that
/// lives on holds all below it. This one gives empty pages back wherever they are.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hotline_gateway::cli::run()
}
