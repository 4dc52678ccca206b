//! `hotline upgrade` and `hotline stop`: what the gateway on this machine is told to do.

use super::configuration::Named;
use crate::io::hand_over::{Order, ask};
use std::time::Duration;

/// An upgrade takes a check of at most 20 s and a hand-over of a few.
const UPGRADED_WITHIN: Duration = Duration::from_secs(60);

/// A drain takes as long as `limits.drain`, an hour at most, and then some seconds.
const STOPPED_WITHIN: Duration = Duration::from_secs(3700);

/// Which gateway.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Upgrade {
    #[command(flatten)]
    named: Named,
}

/// Which gateway, and what becomes of its calls.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Stop {
    #[command(flatten)]
    named: Named,
    /// Stop at once and say nothing to anyone: the next start within recovery.window goes on with every call.
    #[arg(long)]
    keep_calls: bool,
}

/// Waits until the next build or configuration serves.
pub(super) fn upgrade(args: &Upgrade) -> Result<(), String> {
    order(&args.named, Order::Upgrade, UPGRADED_WITHIN)
}

/// Waits until the gateway is gone.
pub(super) fn stop(args: &Stop) -> Result<(), String> {
    let what = if args.keep_calls { Order::StopKeepingCalls } else { Order::Stop };
    order(&args.named, what, STOPPED_WITHIN)
}

fn order(named: &Named, order: Order, patience: Duration) -> Result<(), String> {
    let config = named.load()?;
    println!("{}", ask(config.store.state_directory(), order, patience)?);
    Ok(())
}
