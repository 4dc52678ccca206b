//! `hotline serve`: the gateway until it is told to end: by a signal, or by `hotline stop` and `hotline upgrade`.

use super::configuration::Named;
use super::failure::Failure;
use crate::config::Config;
use crate::io::hand_over::{Adopted, Asked, Asker, Control, Descriptor, Order, Successor, adopt};
use crate::io::notify::Supervisor;
use crate::io::serve::{self, Running};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// A supervisor may send SIGTERM to the group and to the process. A second one that comes later than this is a person's, or
/// that of a supervisor whose patience ends: the drain is over.
const SECOND_THOUGHT: Duration = Duration::from_secs(2);

/// What to serve.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    named: Named,
}

/// What is left to do when the gateway is down.
pub(super) enum After {
    /// Nothing. The command that asked for the stop hears of it when the process is gone.
    Nothing(#[expect(dead_code, reason = "held until the process is gone")] Option<Asker>),
    /// The next build, or the same with another configuration, goes on in this process.
    Exec { successor: Successor, descriptors: Vec<Descriptor> },
}

impl After {
    /// Does it, on the main thread. Returns when there is nothing to do.
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            After::Nothing(_) => Ok(()),
            After::Exec { successor, descriptors } => {
                let e = successor.exec(&descriptors);
                Err(format!("the next build cannot be run: {e}: the next start resumes the calls").into())
            }
        }
    }
}

/// Why the gateway ends.
enum End {
    Drain(Option<Asker>),
    /// Every call is left to the next process, whenever it starts.
    KeepCalls(Option<Asker>),
    HandOver(Option<Asker>),
    Broken(String),
}

/// Signals this process is told things by.
struct Signals {
    term: Signal,
    interrupt: Signal,
    hang_up: Signal,
    keep_calls: Signal,
}

impl Signals {
    fn catch() -> Result<Signals, String> {
        let catch = |kind| signal(kind).map_err(|e| format!("cannot wait for signals: {e}"));
        Ok(Signals {
            term: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hang_up: catch(SignalKind::hangup())?,
            keep_calls: catch(SignalKind::user_defined2())?,
        })
    }

    /// The order a signal stands for.
    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.term.recv() => Order::Stop,
            _ = self.interrupt.recv() => Order::Stop,
            _ = self.hang_up.recv() => Order::Upgrade,
            _ = self.keep_calls.recv() => Order::StopKeepingCalls,
        }
    }

    /// Done when a second SIGTERM comes.
    async fn second_term(&mut self, begun: Instant) {
        while self.term.recv().await.is_some() {
            if begun.elapsed() >= SECOND_THOUGHT {
                return;
            }
        }
    }
}

/// What serves, and how it is told to end.
struct Gateway {
    running: Running,
    signals: Signals,
    control: Option<Control>,
    successor: Successor,
    config: Option<PathBuf>,
}

/// Runs until told to end.
pub(super) async fn run(args: Args) -> Result<After, Failure> {
    let successor = Successor::of_this_process().map_err(|e| format!("the path of this program: {e}"))?;
    // First of all: nothing else may take their numbers, and a signal that comes now must not end the process.
    let mut adopted = adopt();
    let signals = Signals::catch()?;
    let asker = adopted.asker.take().map(Asker::adopted);
    match begin(&args, successor, adopted, signals).await {
        Ok((gateway, supervisor, ready)) => {
            // Where no one reads it any more the gateway serves all the same.
            let _ = writeln!(std::io::stdout(), "hotline: ready: {ready}");
            supervisor.ready(&ready);
            if let Some(asker) = asker {
                asker.done(&format!("{}: {ready}", super::build()));
            }
            gateway.serve(&supervisor).await
        }
        Err(failure) => {
            if let Some(asker) = asker {
                asker.failed(&format!("the successor does not start: {failure}"));
            }
            Err(failure)
        }
    }
}

/// Starts the gateway. Gives what it serves, for people.
async fn begin(
    args: &Args,
    successor: Successor,
    adopted: Adopted,
    signals: Signals,
) -> Result<(Gateway, Supervisor, String), Failure> {
    let (config, warnings) = args.named.load_with_warnings().map_err(Failure::Configuration)?;
    super::log::begin(&config.log);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let supervisor = Supervisor::of_environment();
    let running = serve::start_with(&config, adopted, supervisor.clone()).await?;
    let control = listen(&config);
    let sip: Vec<String> = running.sip.iter().map(|(t, a)| format!("{t}:{a}")).collect();
    let ready = format!("sip {}, grpc {}, http {}", sip.join(" "), running.grpc, running.http);
    let config = args.named.config.clone();
    Ok((Gateway { running, signals, control, successor, config }, supervisor, ready))
}

/// Without the socket the gateway serves all the same, and signals reach it.
fn listen(config: &Config) -> Option<Control> {
    let directory = config.store.state_directory();
    Control::listen(directory)
        .inspect_err(|e| {
            tracing::warn!("{}: no socket for hotline upgrade and stop: {e}", directory.display());
        })
        .ok()
}

impl Gateway {
    async fn serve(mut self, supervisor: &Supervisor) -> Result<After, Failure> {
        match self.until_told(supervisor).await {
            End::Broken(thread) => {
                tracing::error!("the thread {thread} has ended unasked: the gateway cannot go on and ends");
                self.running.abandon().await;
                Err(format!(
                    "the thread {thread} has ended unasked: look above for its last words, and start the gateway again"
                )
                .into())
            }
            End::Drain(asker) => {
                supervisor.stopping();
                self.drain().await?;
                Ok(After::Nothing(asker))
            }
            End::KeepCalls(asker) => {
                tracing::info!("stops and leaves every call to the next start");
                self.running.suspend().await;
                Ok(After::Nothing(asker))
            }
            End::HandOver(asker) => {
                tracing::info!("hands over to the build and the configuration that stand there now");
                supervisor.reloading();
                let mut descriptors = self.running.suspend().await;
                descriptors.extend(asker.map(Descriptor::from));
                Ok(After::Exec { successor: self.successor, descriptors })
            }
        }
    }

    /// Serves until there is a reason to end. A successor that cannot take over is none.
    async fn until_told(&mut self, supervisor: &Supervisor) -> End {
        loop {
            let (order, asker) = tokio::select! {
                order = self.signals.next() => (order, None),
                asked = next_of(&mut self.control) => {
                    let Asked { order, asker } = asked;
                    (order, Some(asker))
                }
                thread = self.running.broken() => return End::Broken(thread),
            };
            match order {
                Order::Stop => return End::Drain(asker),
                Order::StopKeepingCalls => return End::KeepCalls(asker),
                Order::Upgrade => match self.check().await {
                    Ok(()) => return End::HandOver(asker),
                    Err(why) => {
                        tracing::error!("no hand-over, this gateway goes on: {why}");
                        // Where the supervisor has sent SIGHUP it waits for no word; said all the same, the state is as before.
                        supervisor.ready("serves; the last reload failed, see the log");
                        if let Some(asker) = asker {
                            asker.failed(&why);
                        }
                    }
                },
            }
        }
    }

    async fn check(&self) -> Result<(), String> {
        let said = self.successor.check(self.config.as_deref(), self.running.held()).await?;
        let first = said.lines().next().unwrap_or_default();
        tracing::info!("the successor can take over: {first}");
        Ok(())
    }

    /// A second Ctrl-C ends the process at once, a second SIGTERM the drain.
    async fn drain(self) -> Result<(), Failure> {
        tracing::info!("draining: new calls are refused, live ones may end");
        let Gateway { running, mut signals, control, .. } = self;
        drop(control);
        let begun = Instant::now();
        let Signals { interrupt, .. } = &mut Signals::catch()?;
        tokio::select! {
            () = running.stop_before(signals.second_term(begun)) => Ok(()),
            _ = interrupt.recv() => {
                Err("stopped by Ctrl-C during the drain: the next start resumes the calls or closes them".into())
            }
        }
    }
}

/// The next order that comes by the socket.
async fn next_of(control: &mut Option<Control>) -> Asked {
    if let Some(control) = control
        && let Some(asked) = control.next().await
    {
        return asked;
    }
    std::future::pending().await
}
