//! The commands of `hotline`, one file each: its `Args`, and a `run` that ends well or with one plain line.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod block;
pub mod callback;
pub mod calls;
pub mod check;
mod configuration;
mod contract;
mod definition;
pub mod demo;
pub mod events;
mod failure;
pub mod handsets;
mod health;
pub mod load;
mod log;
mod operator;
mod order;
pub mod phones;
pub mod serve;
pub mod sound;
pub mod trace;

pub use failure::Failure;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A telephony gateway for citizen hotlines: SIP in, a fair queue, and a record of every call.
#[derive(Debug, Parser)]
#[command(name = "hotline", version, disable_help_subcommand = true)]
struct Hotline {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether a configuration is sound, and if not, what is wrong in which line and the cure.
    Check(check::Args),
    /// Run the gateway until SIGTERM, then drain and stop.
    Serve(serve::Args),
    /// Let the gateway on this machine go on as the build and the configuration that stand there now, calls and all.
    Upgrade(order::Upgrade),
    /// Stop the gateway on this machine: drain, or keep the calls for the next start.
    Stop(order::Stop),
    /// Show a gateway at work: simulated seats and citizens call it for real.
    Demo(demo::Args),
    /// Load a gateway on this machine with calls and say what became of each.
    Load(load::Args),
    /// Print the events of a running gateway, a line of JSON each.
    Events(events::Args),
    /// List the calls of a running gateway.
    Calls(calls::Args),
    /// Close a callback that is owed: done by other means, or no longer owed. `hotline calls --callback-due` lists them.
    Callback(callback::Args),
    /// Mark, slow down or turn away nuisance callers.
    Block(block::Args),
    /// Make what the configuration needs of an operator.
    Operator(operator::Args),
    /// Show the SIP messages of a trunk, a seat, a call or an address of a running gateway as they come and go.
    Trace(trace::Args),
    /// Ask the gateway on this machine whether it takes calls.
    Health(health::Args),
    /// Print the completions for a shell, to be put where it looks for them.
    Completions(definition::Completions),
    /// Print the manual page, in the form `man` reads.
    Man(definition::Page),
}

/// Runs the command line of this process: exit status 0 when all went well, 1 when it failed, with one plain line
/// about what and the cure, 2 when the command line itself is wrong, and 78 when `serve` has a wrong configuration.
pub fn run() -> ExitCode {
    let program = <Hotline as clap::CommandFactory>::command;
    let done = match Hotline::parse().command {
        Command::Serve(args) => return ended(on_runtime(serve::run(args)).and_then(serve::After::run)),
        Command::Completions(args) => {
            definition::completions(&args, program(), &mut std::io::stdout().lock())
        }
        Command::Man(args) => definition::page(&args, program(), &mut std::io::stdout().lock()),
        Command::Check(args) => check::run(&args, &mut std::io::stdout().lock()),
        Command::Health(args) => health::run(&args),
        Command::Operator(args) => {
            operator::run(&args, std::io::stdin().lock(), &mut std::io::stdout().lock())
        }
        Command::Upgrade(args) => order::upgrade(&args),
        Command::Stop(args) => order::stop(&args),
        Command::Demo(args) => on_runtime(demo::run(args)),
        Command::Events(args) => on_runtime(events::run(args)),
        Command::Calls(args) => on_runtime(calls::run(args)),
        Command::Callback(args) => on_runtime(callback::run(args)),
        Command::Block(args) => on_runtime(block::run(args)),
        Command::Trace(args) => on_runtime(trace::run(args)),
        Command::Load(args) => on_runtime(load::run(args)),
    };
    ended(done.map_err(Failure::Any))
}

fn ended(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("hotline: {failure}");
            failure.status()
        }
    }
}

/// The build, for people.
fn build() -> String {
    format!(
        "hotline {} ({})",
        env!("CARGO_PKG_VERSION"),
        option_env!("HOTLINE_REVISION").unwrap_or("unknown")
    )
}

/// Threads for reads of the store beside the gateway's own: a disk serves no more at a time, and each may hold a connection to
/// the store with its files.
const READING: usize = 8;

/// Runs a command that waits. Two threads: gRPC and HTTP beside the gateway's own.
fn on_runtime<T, E: From<String>>(command: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(READING)
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start threads: {e}: raise the process limit"))?;
    let done = runtime.block_on(command);
    // What hangs at the end does not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_defined() {
        <Hotline as clap::CommandFactory>::command().debug_assert();
    }
}
