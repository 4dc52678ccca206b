//! `hotline serve`: the gateway until SIGTERM or Ctrl-C, then a drain and a clean stop.

use super::configuration::Named;
use crate::io::serve;
use tokio::signal::unix::{SignalKind, signal};

/// What to serve.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    named: Named,
}

/// Runs until told to stop. Ctrl-C during the drain ends it at once.
pub async fn run(args: Args) -> Result<(), String> {
    let (config, warnings) = args.named.load_with_warnings()?;
    super::log::begin(&config.log);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let signals = |kind| signal(kind).map_err(|e| format!("cannot wait for signals: {e}"));
    let (mut term, mut interrupt) = (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
    let mut hang_up = signals(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            tracing::warn!("SIGHUP is ignored: a changed configuration is read at the next start");
        }
    });
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
