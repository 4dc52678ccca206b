//! `hotline serve`: the gateway until SIGTERM or Ctrl-C, then a drain and a clean stop.

use super::configuration::Named;
use crate::io::serve;
use std::io::IsTerminal;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// What to serve.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    named: Named,
}

/// Runs until told to stop. Ctrl-C during the drain ends it at once.
pub async fn run(args: Args) -> Result<(), String> {
    let config = args.named.load()?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&config.log.level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let signals = |kind| signal(kind).map_err(|e| format!("cannot wait for signals: {e}"));
    let (mut term, mut interrupt) = (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
    let running = serve::start(&config).await?;
    let sip: Vec<String> = running.sip.iter().map(|(t, a)| format!("{t}:{a}")).collect();
    println!("hotline: ready: sip {}, grpc {}, http {}", sip.join(" "), running.grpc, running.http);
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
        thread = running.broken() => {
            tracing::error!("the thread {thread} has ended by itself: the gateway cannot go on and ends");
            running.abandon().await;
            return Err(format!(
                "the thread {thread} has ended by itself: look above for its last words, and start the gateway again"
            ));
        }
    }
    tracing::info!("draining: new calls are refused, live ones may end by themselves");
    // A supervisor may send SIGTERM to the group and to the process: only a second Ctrl-C is a person in a hurry.
    tokio::select! {
        () = running.stop() => Ok(()),
        _ = interrupt.recv() => Err("stopped by Ctrl-C during the drain: live calls are closed at the next start".into()),
    }
}
