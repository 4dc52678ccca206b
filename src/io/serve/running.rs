//! A gateway that runs, and its ways to end: a drain, a hand-over, a fault of its own.

use super::super::hand_over::{Descriptor, Held, Role};
use super::super::inbound::Inbound;
use super::super::store::Journal;
use super::super::web::Web;
use super::super::{grpc, life, rtp, secrets, stream};
use crate::event::{CallEvent, CallRecord, wire};
use crate::gateway::{Counts, Input};
use crate::redact::Secret;
use crate::sip::Transport;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, timeout};

/// After the last call ended, BYEs and their answers get this long on the wire.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How often is looked whether the threads live.
const LOOK: Duration = Duration::from_millis(250);

/// A gateway that is broken has so long for its last words: what the journal holds is written.
const ABANDONED_WITHIN: Duration = Duration::from_secs(5);

/// What one step of a hand-over may take.
const STEP: Duration = Duration::from_secs(1);

/// Clients of gRPC and HTTP get so long to take what is left, while the peers of calls already wait.
const FAREWELL: Duration = Duration::from_millis(250);

/// A gateway that runs. Dropping it without [`Running::stop`] is a crash, and meant to be recovered from.
pub struct Running {
    /// Where SIP is taken, in the order configured.
    pub sip: Vec<(Transport, SocketAddr)>,
    /// Where gRPC is served.
    pub grpc: SocketAddr,
    /// Where the health page is served.
    pub http: SocketAddr,
    /// Figures, once a second.
    pub counts: watch::Receiver<Counts>,
    pub(super) streams: Arc<stream::Setting>,
    pub(super) web: [Arc<Web>; 2],
    pub(super) inbox: mpsc::Sender<Inbound>,
    pub(super) drained: watch::Receiver<bool>,
    pub(super) drain_limit: Duration,
    pub(super) control: JoinHandle<()>,
    pub(super) media: rtp::Commander,
    pub(super) media_thread: JoinHandle<()>,
    pub(super) journal: Journal,
    /// Ends the listeners of SIP connections.
    pub(super) accepting: watch::Sender<bool>,
    pub(super) servers: watch::Sender<bool>,
    /// The servers of gRPC and HTTP.
    pub(super) serving: Vec<tokio::task::JoinHandle<()>>,
    pub(super) services: grpc::Services,
    pub(super) state: secrets::StateDirectory,
    pub(super) life: Option<life::Keeper>,
    /// What the next process gets of this one, should it be handed over to.
    pub(super) kept: Vec<Descriptor>,
    pub(super) held: Held,
}

impl Running {
    /// The password of a seat that registers.
    pub fn password(&self, seat: &str) -> Option<Secret<String>> {
        self.state.password(&seat.into()).cloned()
    }

    /// The bearer token of gRPC.
    pub fn api_token(&self) -> Secret<String> {
        self.state.api_token()
    }

    /// How many connections are open, and how many were turned away or cut, by reason.
    pub fn streams(&self) -> &stream::Counts {
        &self.streams.counts
    }

    /// The connections of HTTP, and what became of those that were turned away or cut.
    pub fn http_connections(&self) -> &Web {
        &self.web[0]
    }

    /// The connections of gRPC.
    pub fn grpc_connections(&self) -> &Web {
        &self.web[1]
    }

    /// Takes no new calls from here on.
    pub async fn drain(&self) {
        self.services.drain(self.drain_limit);
        let _ = self.inbox.send(Inbound::Gateway(Input::Drain)).await;
    }

    /// Every event from now on, as a receiver that may lag behind without slowing anything.
    pub fn events(&self) -> mpsc::Receiver<CallEvent> {
        let (tx, rx) = mpsc::channel(1024);
        let feed = self.journal.feed();
        tokio::spawn(async move {
            let mut head = feed.watch();
            let mut position = 0;
            loop {
                let Ok(page) = feed.after(position, 256, 1 << 20).await else { return };
                for stored in &page.events {
                    position = stored.position;
                    if let Ok(event) = wire::decode(&stored.body)
                        && tx.send(event).await.is_err()
                    {
                        return;
                    }
                }
                if page.events.is_empty() && head.changed().await.is_err() {
                    return;
                }
            }
        });
        rx
    }

    /// The record of every call in the journal, folded from its events. For small journals: the demo's.
    pub async fn records(&self) -> Result<Vec<CallRecord>, String> {
        let mut calls: std::collections::BTreeMap<_, Vec<CallEvent>> = Default::default();
        let (feed, mut position) = (self.journal.feed(), 0);
        loop {
            let page = feed.after(position, 256, 1 << 20).await.map_err(|e| e.to_string())?;
            let Some(last) = page.events.last() else { break };
            position = last.position;
            for event in page.events.iter().filter_map(|stored| wire::decode(&stored.body).ok()) {
                if let Some(call) = event.call.as_ref().map(|c| c.id) {
                    calls.entry(call).or_default().push(event);
                }
            }
        }
        Ok(calls.values().filter_map(CallRecord::from_events).collect())
    }

    /// Waits until a thread ends that the gateway cannot do without, and gives its name. That it still answers its health
    /// page then means nothing: who runs it must end it and start it again.
    pub async fn broken(&self) -> String {
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            let mut ours =
                [&self.control, &self.media_thread].into_iter().filter(|thread| thread.is_finished());
            let lost = ours.next().map(|thread| thread.thread().name().unwrap_or_default().to_owned());
            if let Some(name) = lost.or_else(|| self.journal.lost_thread()) {
                return name;
            }
        }
    }

    /// Ends a gateway that is broken: what its journal holds is written, as far as that goes. Its calls are closed at the
    /// next start, as after a crash.
    pub async fn abandon(self) {
        let _ = timeout(ABANDONED_WITHIN, self.ends()).await;
    }

    /// What this process holds: for the check of the one that takes over.
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// Drains, waits for the calls to end or for the limit, and stops everything in order.
    pub async fn stop(self) {
        self.stop_before(std::future::pending()).await;
    }

    /// As [`Running::stop`]; when `hurry` is done first, that is the limit.
    pub async fn stop_before(mut self, hurry: impl Future<Output = ()>) {
        self.drain().await;
        let is_over = tokio::select! {
            over = timeout(self.drain_limit, self.drained.wait_for(|d| *d)) => over.is_ok(),
            () = hurry => false,
        };
        if !is_over {
            let _ = self.inbox.send(Inbound::Gateway(Input::Shutdown)).await;
        }
        tokio::time::sleep(LAST_WORDS).await;
        self.ends().await;
    }

    /// Stops without a word to any peer: the calls are left to the next process. Gives what that one needs to go on where
    /// this one stands. No step may take longer than a second; what hangs is left as a killed process leaves it.
    pub async fn suspend(self) -> Vec<Descriptor> {
        let Running { inbox, control, media, journal, servers, accepting, services, .. } = self;
        let mut kept = self.kept;
        accepting.send_replace(true);
        services.drain(STEP);
        kept.extend(journal.lock().map(|fd| Descriptor { role: Role::Lock, fd }));
        let _ = timeout(STEP, inbox.send(Inbound::Suspend)).await;
        within_a_step(move || control.join().is_ok()).await;
        servers.send_replace(true);
        let served = async {
            for task in self.serving {
                let _ = task.await;
            }
        };
        let _ = timeout(FAREWELL, served).await;
        within_a_step(move || journal.close()).await;
        let handed = within_a_step(move || media.hand_over(STEP)).await.flatten();
        let numbers = handed.as_ref().map(|handed| handed.numbers.encode());
        if let Some(life) = self.life {
            within_a_step(move || life.end(numbers)).await;
        }
        let sockets = handed.into_iter().flat_map(|handed| handed.sockets);
        kept.extend(sockets.map(|socket| Descriptor { role: Role::Media, fd: socket.into() }));
        kept
    }

    async fn ends(self) {
        let _ = self.inbox.send(Inbound::Stop).await;
        let Running { control, media, media_thread, journal, servers, accepting, life, .. } = self;
        accepting.send_replace(true);
        let stopped = tokio::task::spawn_blocking(move || {
            let _ = control.join();
            media.stop();
            let _ = media_thread.join();
            journal.close();
            // With no call left there is no stream to tell of.
            if let Some(life) = life {
                life.end(None);
            }
        });
        let _ = stopped.await;
        servers.send_replace(true);
    }
}

/// Does this on a thread that may wait; `None` when it takes longer than a step, or dies.
async fn within_a_step<T: Send + 'static>(wait: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    timeout(STEP, tokio::task::spawn_blocking(wait)).await.ok()?.ok()
}
